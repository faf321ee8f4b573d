"""Reading, writing and flushing a file object, as the system services do it.

A synchronous file has a position: a read or write that gives no offset, or FILE_USE_FILE_POINTER_POSITION (-2), is made
there. A file system moves the position itself; for a driver that does not, a bare disk for example, it is moved here by
what was transferred. An asynchronous file has none, so every call must say where, except on pipes and mailslots. A
write to FILE_WRITE_TO_END_OF_FILE (-1) appends, and so does every write of a file that was opened for appending only;
the driver then finds -1 in its location. Any other negative offset is STATUS_INVALID_PARAMETER.

A file without intermediate buffering is held to whole sectors and aligned memory before anything is sent. A cached
synchronous file is tried the fast way first (`fast_io`).

Source: spec iomgr.md 1.8, 6, 7 C and D; WDK NtReadFile, NtWriteFile. Rows: R21, R25, R29, R31
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...hal.operations import address_of
from ...kernel.event import Event
from ...status import STATUS_INVALID_PARAMETER, error_for
from ..codes.major import (
    FILE_APPEND_DATA,
    FILE_READ_DATA,
    FILE_WRITE_DATA,
    FO_MAILSLOT,
    FO_NAMED_PIPE,
    FO_NO_INTERMEDIATE_BUFFERING,
    FO_WRITE_THROUGH,
    IRP_MJ_FLUSH_BUFFERS,
    IRP_MJ_READ,
    IRP_MJ_WRITE,
    IRP_NOCACHE,
    IRP_READ_OPERATION,
    IRP_WRITE_OPERATION,
    SL_KEY_SPECIFIED,
    SL_WRITE_THROUGH,
    USER_MODE,
)
from ..device import DeviceObject
from ..fast_io import try_transfer
from ..file_object import FileObject
from ..io_status import IoStatusBlock
from ..packet.irp import Irp
from ..packet.irp_fields import UserApcRoutine
from ..service_call import ServiceCall, system_service
from ..transfer import Captured, capture, set_up_read, set_up_write

#: A `byte_offset` that means the end of the file, wherever that is when the write is done.
FILE_WRITE_TO_END_OF_FILE: Final = -1
#: A `byte_offset` that means the file's own position.
FILE_USE_FILE_POINTER_POSITION: Final = -2
#: The highest `byte_offset`: it is a signed 64-bit number.
MAXIMUM_OFFSET: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between reading and writing."""

    major: int
    flag: int
    access: int
    fast: str
    set_up: Callable[[Irp, int, Captured], None]

    @property
    def reads(self) -> bool:
        return self.major == IRP_MJ_READ


_READ = _Kind(IRP_MJ_READ, IRP_READ_OPERATION, FILE_READ_DATA, "read", set_up_read)
_WRITE = _Kind(IRP_MJ_WRITE, IRP_WRITE_OPERATION, FILE_WRITE_DATA | FILE_APPEND_DATA, "write", set_up_write)


def read_file(
    file_object: FileObject,
    event: Event | None,
    apc_routine: UserApcRoutine | None,
    apc_context: Any,
    iosb: IoStatusBlock | None,
    buffer: Any,
    length: int | None = None,
    byte_offset: int | None = None,
    key: int | None = None,
    *,
    mode: int = USER_MODE,
) -> int:
    """Read `length` bytes into `buffer` at `byte_offset`; returns the NTSTATUS, and never raises NtError.

    `length` may be left out for a buffer that knows its own, `byte_offset` where the file has a position.
    NT: NtReadFile
    """
    call = ServiceCall(file_object, event, apc_routine, apc_context, iosb, mode)
    return _serve(call, _READ, buffer, length, byte_offset, key)


def write_file(
    file_object: FileObject,
    event: Event | None,
    apc_routine: UserApcRoutine | None,
    apc_context: Any,
    iosb: IoStatusBlock | None,
    buffer: Any,
    length: int | None = None,
    byte_offset: int | None = None,
    key: int | None = None,
    *,
    mode: int = USER_MODE,
) -> int:
    """Write `length` bytes of `buffer` at `byte_offset`; returns the NTSTATUS, and never raises NtError.

    `length` may be left out for a buffer that knows its own, `byte_offset` where the file has a position.
    NT: NtWriteFile
    """
    call = ServiceCall(file_object, event, apc_routine, apc_context, iosb, mode)
    return _serve(call, _WRITE, buffer, length, byte_offset, key)


@system_service
def flush_file(file_object: FileObject, iosb: IoStatusBlock | None, *, minor: int = 0, mode: int = USER_MODE) -> int:
    """Put everything written on the device, or what `minor` (IRP_MN_FLUSH_...) says of it; returns the NTSTATUS.

    It waits on every file, also on an asynchronous one.
    NT: NtFlushBuffersFile, NtFlushBuffersFileEx
    """
    call = ServiceCall(file_object, None, None, None, iosb, mode)
    call.check(FILE_WRITE_DATA | FILE_APPEND_DATA)
    device = file_object.related_device()
    with call.taken():
        return call.send_and_wait(device, call.make_irp(device, IRP_MJ_FLUSH_BUFFERS, minor))


@system_service
def _serve(
    call: ServiceCall, kind: _Kind, buffer: Any, length: int | None, byte_offset: int | None, key: int | None
) -> int:
    file_object = call.file_object
    call.check(kind.access)
    memory = file_object.device.driver.io.memory
    content = capture(memory, buffer, length, writing=kind.reads, mode=call.mode)
    device = file_object.related_device()
    asked = _asked_offset(call, kind, byte_offset)
    if call.from_user and file_object.flags & FO_NO_INTERMEDIATE_BUFFERING:
        _check_alignment(device, content, asked)
    with call.taken():
        return _transfer(call, kind, device, content, asked, key)


def _asked_offset(call: ServiceCall, kind: _Kind, byte_offset: int | None) -> int | None:
    """Where the caller wants it: an offset, -1 for the end, None for the file's position; refuses the impossible."""
    file_object, here = call.file_object, byte_offset == FILE_USE_FILE_POINTER_POSITION
    if not kind.reads and file_object.access & (FILE_WRITE_DATA | FILE_APPEND_DATA) == FILE_APPEND_DATA:
        return FILE_WRITE_TO_END_OF_FILE
    if byte_offset is None or here:
        if call.synchronous:
            return None
        if file_object.flags & (FO_NAMED_PIPE | FO_MAILSLOT):
            return 0
        raise error_for(STATUS_INVALID_PARAMETER, "an asynchronous file has no position: say where")
    appends = byte_offset == FILE_WRITE_TO_END_OF_FILE and not kind.reads
    if not (0 <= byte_offset <= MAXIMUM_OFFSET or appends):
        raise error_for(STATUS_INVALID_PARAMETER, f"offset {byte_offset}")
    return byte_offset


def _check_alignment(device: DeviceObject, content: Captured, offset: int | None) -> None:
    """Whole sectors, and memory where the device can reach it."""
    sector = device.sector_size or 1
    address = address_of(np.frombuffer(content.view, np.uint8)) if content.view else 0
    if content.length % sector or (offset is not None and offset >= 0 and offset % sector):
        words = f"without buffering, offset and length are multiples of {sector} bytes (the device's sector)"
        raise error_for(STATUS_INVALID_PARAMETER, words)
    if address & device.alignment_requirement:
        words = f"without buffering, the memory begins at a multiple of {device.alignment_requirement + 1} bytes"
        raise error_for(STATUS_INVALID_PARAMETER, words)


def _transfer(
    call: ServiceCall, kind: _Kind, device: DeviceObject, content: Captured, asked: int | None, key: int | None
) -> int:
    file_object = call.file_object
    before = file_object.current_byte_offset
    offset = before if asked is None else asked
    answer = None
    if call.synchronous:
        answer = try_transfer(kind.fast, file_object, device, offset, content.length, key or 0, content.view)
    if answer is None:
        status = call.send(device, _packet(call, kind, device, content, offset, key))
    else:
        status = call.end_fast(answer)
    # A driver that keeps the position itself has moved it by now.
    moved = call.transferred
    if call.synchronous and moved is not None and offset >= 0 and file_object.current_byte_offset == before:
        file_object.current_byte_offset = offset + moved
    return status


def _packet(
    call: ServiceCall, kind: _Kind, device: DeviceObject, content: Captured, offset: int, key: int | None
) -> Irp:
    flags = call.file_object.flags
    irp = call.make_irp(device, kind.major)
    first = irp.next_location
    first.length, first.byte_offset, first.key = content.length, offset, key or 0
    first.flags = 0 if key is None else SL_KEY_SPECIFIED
    if not kind.reads and flags & FO_WRITE_THROUGH:
        first.flags |= SL_WRITE_THROUGH
    irp.flags |= kind.flag | (IRP_NOCACHE if flags & FO_NO_INTERMEDIATE_BUFFERING else 0)
    kind.set_up(irp, device.flags, content)
    return irp
