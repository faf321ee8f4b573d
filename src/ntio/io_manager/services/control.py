"""Control requests and byte-range locks on a file object, as the system services do them.

A control code says itself how its bytes travel and what the file must have been opened for (`transfer`). A device
control is first tried the fast way, on any file (`fast_io`); what the fast routine answers is the end of it, with the
status block written, the event set, and a completion packet where the file has a port, but no APC.

A lock goes to the fast routine as well wherever the top driver has one. It is an ordinary request and may pend;
unlocking is done when the call returns, also on an asynchronous file.

Source: spec iomgr.md 1.6, 6, 7 C; WDK NtDeviceIoControlFile, NtFsControlFile, NtLockFile. Rows: R21, R25
"""

from __future__ import annotations

from typing import Any, Final

from ...abi import METHOD_BUFFERED, METHOD_NEITHER, METHOD_OUT_DIRECT
from ...kernel.event import Event
from ...status import STATUS_ACCESS_DENIED, STATUS_INVALID_PARAMETER, error_for
from ..codes.major import (
    FILE_READ_DATA,
    FILE_WRITE_DATA,
    IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_FILE_SYSTEM_CONTROL,
    IRP_MJ_LOCK_CONTROL,
    IRP_MN_LOCK,
    IRP_MN_UNLOCK_SINGLE,
    KERNEL_MODE,
    SL_EXCLUSIVE_LOCK,
    SL_FAIL_IMMEDIATELY,
    USER_MODE,
)
from ..device import DeviceObject
from ..fast_io import ask
from ..file_object import FileObject
from ..io_status import IoStatusBlock
from ..packet.irp_fields import UserApcRoutine
from ..service_call import ServiceCall, system_service
from ..transfer import Captured, capture, code_allowed, method_of, set_up_control
from .transfer import MAXIMUM_OFFSET

#: The most bytes that a lock covers: NT allows it the whole unsigned range.
MAXIMUM_LENGTH: Final = (1 << 64) - 1


@system_service
def device_control(
    file_object: FileObject,
    event: Event | None,
    apc_routine: UserApcRoutine | None,
    apc_context: Any,
    iosb: IoStatusBlock | None,
    code: int,
    input_buffer: Any = None,
    input_length: int | None = None,
    output_buffer: Any = None,
    output_length: int | None = None,
    *,
    mode: int = USER_MODE,
) -> int:
    """Send a control code with input bytes, and room for output bytes; returns the NTSTATUS, never raises NtError.

    A length may be left out for a buffer that knows its own.
    NT: NtDeviceIoControlFile
    """
    call = ServiceCall(file_object, event, apc_routine, apc_context, iosb, mode)
    given, wanted = _captured(call, code, (input_buffer, input_length), (output_buffer, output_length))
    device = file_object.related_device()
    with call.taken():
        answer = IoStatusBlock()
        lengths = (given.view, given.length, wanted.view, wanted.length)
        if ask("device_control", device, file_object, True, *lengths, code, answer):
            return call.end_fast(answer, packet=True)
        return _send(call, IRP_MJ_DEVICE_CONTROL, device, code, given, wanted)


@system_service
def fs_control(
    file_object: FileObject,
    event: Event | None,
    apc_routine: UserApcRoutine | None,
    apc_context: Any,
    iosb: IoStatusBlock | None,
    code: int,
    input_buffer: Any = None,
    input_length: int | None = None,
    output_buffer: Any = None,
    output_length: int | None = None,
    *,
    mode: int = USER_MODE,
) -> int:
    """Send a file system's control code; as `device_control`, but never the fast way.

    NT: NtFsControlFile
    """
    call = ServiceCall(file_object, event, apc_routine, apc_context, iosb, mode)
    given, wanted = _captured(call, code, (input_buffer, input_length), (output_buffer, output_length))
    device = file_object.related_device()
    with call.taken():
        return _send(call, IRP_MJ_FILE_SYSTEM_CONTROL, device, code, given, wanted)


@system_service
def lock_file(
    file_object: FileObject,
    event: Event | None,
    apc_routine: UserApcRoutine | None,
    apc_context: Any,
    iosb: IoStatusBlock | None,
    byte_offset: int,
    length: int,
    key: int = 0,
    *,
    fail_immediately: bool = True,
    exclusive: bool = True,
    mode: int = USER_MODE,
) -> int:
    """Lock `length` bytes from `byte_offset` on for this open of the file; returns the NTSTATUS.

    NT: NtLockFile
    """
    call = ServiceCall(file_object, event, apc_routine, apc_context, iosb, mode)
    call.check(FILE_READ_DATA | FILE_WRITE_DATA)
    _check_range(byte_offset, length)
    device = file_object.related_device()
    with call.taken():
        answer = IoStatusBlock()
        where = (byte_offset, length, None, key)  # the third is the process: there is one
        if ask("lock", device, file_object, *where, fail_immediately, exclusive, answer):
            file_object.lock_operation = True
            return call.end_fast(answer, packet=True)
        irp = call.make_irp(device, IRP_MJ_LOCK_CONTROL, IRP_MN_LOCK)
        first = irp.next_location
        first.byte_offset, first.length, first.key = byte_offset, length, key
        first.flags = (SL_FAIL_IMMEDIATELY if fail_immediately else 0) | (SL_EXCLUSIVE_LOCK if exclusive else 0)
        file_object.lock_operation = True
        return call.send(device, irp)


@system_service
def unlock_file(
    file_object: FileObject,
    iosb: IoStatusBlock | None,
    byte_offset: int,
    length: int,
    key: int = 0,
    *,
    mode: int = USER_MODE,
) -> int:
    """Unlock exactly the bytes of one `lock_file`; returns the NTSTATUS.

    NT: NtUnlockFile
    """
    call = ServiceCall(file_object, None, None, None, iosb, mode)
    call.check(FILE_READ_DATA | FILE_WRITE_DATA)
    _check_range(byte_offset, length)
    device = file_object.related_device()
    with call.taken():
        answer = IoStatusBlock()
        if ask("unlock_single", device, file_object, byte_offset, length, None, key, answer):
            return call.end_fast(answer)
        irp = call.make_irp(device, IRP_MJ_LOCK_CONTROL, IRP_MN_UNLOCK_SINGLE)
        first = irp.next_location
        first.byte_offset, first.length, first.key = byte_offset, length, key
        return call.send_and_wait(device, irp)


def _check_range(byte_offset: int, length: int) -> None:
    if not 0 <= byte_offset <= MAXIMUM_OFFSET or not 0 <= length <= MAXIMUM_LENGTH:
        raise error_for(STATUS_INVALID_PARAMETER, f"a lock of {length} bytes at {byte_offset}")


def _captured(
    call: ServiceCall, code: int, given: tuple[Any, int | None], wanted: tuple[Any, int | None]
) -> tuple[Captured, Captured]:
    """The call's two buffers, looked at as far as the code's method lets the I/O manager see them."""
    call.check()
    if call.from_user and not code_allowed(code, call.file_object.access):
        raise error_for(STATUS_ACCESS_DENIED, f"control code {code:#x}")
    memory, method = call.file_object.device.driver.io.memory, method_of(code)
    # Neither: the driver's own affair. Otherwise a buffer that is not there counts as one of no bytes.
    mode = KERNEL_MODE if method == METHOD_NEITHER else call.mode
    if method != METHOD_NEITHER:
        given, wanted = ((one if one[0] is not None else (None, 0)) for one in (given, wanted))
    written = method in (METHOD_BUFFERED, METHOD_OUT_DIRECT)
    return (
        capture(memory, *given, writing=False, mode=mode),
        capture(memory, *wanted, writing=written, mode=mode),
    )


def _send(call: ServiceCall, major: int, device: DeviceObject, code: int, given: Captured, wanted: Captured) -> int:
    irp = call.make_irp(device, major)
    first = irp.next_location
    first.length, first.key, first.byte_offset = wanted.length, given.length, code
    set_up_control(irp, method_of(code), given, wanted)
    return call.send(device, irp)
