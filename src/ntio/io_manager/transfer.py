"""How a caller's bytes reach a driver: buffered, direct or neither.

    buffered    a buffer of the system's; what is written is copied in before, what is read copied out at the end
    direct      the caller's own memory, fixed in place and described by an MDL
    neither     the caller's own memory as it is

Reads and writes go the way the *top* device's flags say (DO_BUFFERED_IO, DO_DIRECT_IO, or none of the two); a control
request the way that the lowest two bits of its code say. There the two direct methods give a driver both: the input in
a system buffer, the output described by an MDL. Whichever way it is, a driver finds the bytes as `irp.buffer`, and the
input of a control request as `input_of(irp)`.

A control code also says in two bits what the file must have been opened for. Callers in user mode are held to it, and
their buffers are looked at before anything is made: one that is missing, too short, or read-only where it is written
into ends the call with STATUS_ACCESS_VIOLATION. A kernel-mode caller's are trusted; a missing one fails where its bytes
are first wanted.

A buffer is any contiguous Python buffer, None, or an address that the System's memory knows.

Source: spec iomgr.md 1.5, 1.6; WDK "Methods for Accessing Data Buffers". Rows: R13, R21
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..abi import FILE_READ_ACCESS, FILE_WRITE_ACCESS, METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_NEITHER
from ..memory.address_space import AddressSpace
from ..memory.mdl import LockOperation, locked_mdl
from ..status import STATUS_ACCESS_VIOLATION, InvalidParameter, NtError, error_for
from .codes.major import (
    DO_BUFFERED_IO,
    DO_DIRECT_IO,
    FILE_READ_DATA,
    FILE_WRITE_DATA,
    IRP_BUFFERED_IO,
    IRP_DEALLOCATE_BUFFER,
    IRP_INPUT_OPERATION,
    KERNEL_MODE,
)
from .packet.irp import Irp
from .packet.irp_fields import IrpExtension

#: What a friendly driver finds where there is no buffer at all.
_NOTHING = memoryview(bytearray())


@dataclass(frozen=True, slots=True)
class Captured:
    """A caller's buffer as it was found: `length` bytes named, `view` on them, or None for no memory at all."""

    view: memoryview | None
    length: int


def method_of(code: int) -> int:
    """How a control code's buffers travel: METHOD_BUFFERED, _IN_DIRECT, _OUT_DIRECT or _NEITHER.

    NT: METHOD_FROM_CTL_CODE
    """
    return code & 3


def device_type_of(code: int) -> int:
    """The kind of device a control code is meant for.

    NT: DEVICE_TYPE_FROM_CTL_CODE
    """
    return code >> 16 & 0xFFFF


def function_of(code: int) -> int:
    """A control code's function number, 12 bits wide."""
    return code >> 2 & 0xFFF


def access_of(code: int) -> int:
    """What a file must have been opened for: FILE_ANY_ACCESS, or bits of FILE_READ_ACCESS and FILE_WRITE_ACCESS."""
    return code >> 14 & 3


def code_allowed(code: int, granted: int) -> bool:
    """Whether a file opened with the access `granted` may be sent this control code."""
    wanted = FILE_READ_DATA if access_of(code) & FILE_READ_ACCESS else 0
    if access_of(code) & FILE_WRITE_ACCESS:
        wanted |= FILE_WRITE_DATA
    return granted & wanted == wanted


def capture(memory: AddressSpace, buffer: Any, length: int | None, *, writing: bool, mode: int) -> Captured:
    """Look at a caller's buffer: `writing` says that it is written into; one that knows its length needs no `length`.

    Raises NtError (STATUS_ACCESS_VIOLATION) for one that a caller in user mode could not use so.
    NT: ProbeForRead, ProbeForWrite
    """
    if length is not None and length < 0:
        raise violation(f"{length} bytes")
    if buffer is None:
        if length and mode != KERNEL_MODE:
            raise violation(f"{length} bytes, but no buffer")
        return Captured(None, length or 0)
    if isinstance(buffer, int):
        view = _at_address(memory, buffer, length or 0)
    else:
        view = memoryview(buffer)
        view = view if view.format == "B" and view.ndim == 1 else view.cast("B")
    count = len(view) if length is None else length
    if count > len(view):
        raise violation(f"{count} bytes, but the buffer has {len(view)}")
    if writing and view.readonly and count and mode != KERNEL_MODE:
        raise violation("the buffer is read-only")
    return Captured(view if count == len(view) else view[:count], count)


def violation(message: str) -> NtError:
    """The exception for memory that cannot be used as asked."""
    return error_for(STATUS_ACCESS_VIOLATION, message)


def _at_address(memory: AddressSpace, address: int, length: int) -> memoryview:
    if not length:
        return memoryview(b"")
    try:
        return memory.view(address, length)
    except InvalidParameter as error:
        raise violation(str(error.strerror)) from None


def set_up_read(irp: Irp, device_flags: int, target: Captured) -> None:
    """Make the packet's buffers for a read into `target`, the way a device with these flags wants it.

    A buffered read of nothing has no system buffer, but is copied out like any other: a driver that claims to have
    read something then fails the request. Raises NtError (STATUS_ACCESS_VIOLATION).
    """
    extension = _own(irp)
    if device_flags & DO_BUFFERED_IO:
        irp.flags |= IRP_BUFFERED_IO | IRP_INPUT_OPERATION
        extension.user_buffer = target.view
        if target.length:
            irp.flags |= IRP_DEALLOCATE_BUFFER
            _system_buffer(irp, extension, target.length)
    elif device_flags & DO_DIRECT_IO:
        _describe(irp, extension, target, LockOperation.WRITE)
    else:
        extension.user_buffer = target.view
        irp.buffer = target.view or _NOTHING


def set_up_write(irp: Irp, device_flags: int, source: Captured) -> None:
    """Make the packet's buffers for a write from `source`; raises NtError (STATUS_ACCESS_VIOLATION)."""
    extension = _own(irp)
    if device_flags & DO_BUFFERED_IO:
        irp.flags |= IRP_BUFFERED_IO
        if source.length:
            irp.flags |= IRP_DEALLOCATE_BUFFER
            _copy_in(_system_buffer(irp, extension, source.length), source)
    elif device_flags & DO_DIRECT_IO:
        _describe(irp, extension, source, LockOperation.READ)
    else:
        extension.user_buffer = source.view
        irp.buffer = source.view or _NOTHING


def set_up_control(irp: Irp, method: int, given: Captured, wanted: Captured) -> None:
    """Make the packet's buffers for a control request with input `given` and output `wanted`.

    With METHOD_NEITHER the input goes into the next location's `argument`. Raises NtError (STATUS_ACCESS_VIOLATION).
    """
    extension = _own(irp)
    if method == METHOD_NEITHER:
        extension.user_buffer = wanted.view
        irp.buffer = wanted.view or _NOTHING
        irp.next_location.argument = given.view
        return
    buffered = method == METHOD_BUFFERED
    size = max(given.length, wanted.length) if buffered else given.length
    if size:
        irp.flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER
        _copy_in(_system_buffer(irp, extension, size), given)
    if buffered and size and wanted.view is not None:
        irp.flags |= IRP_INPUT_OPERATION
        extension.user_buffer = wanted.view
    elif not buffered and wanted.length:
        operation = LockOperation.READ if method == METHOD_IN_DIRECT else LockOperation.WRITE
        _describe(irp, extension, wanted, operation)


def set_up_system_buffer(irp: Irp, content: Captured, *, writing: bool) -> None:
    """Make the packet's system buffer for information of a file or volume: always buffered, whatever the device.

    `writing` says that the caller gets it, and gives nothing.
    """
    extension = _own(irp)
    if not content.length:
        return
    irp.flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER
    buffer = _system_buffer(irp, extension, content.length)
    if writing:
        irp.flags |= IRP_INPUT_OPERATION
        extension.user_buffer = content.view
    else:
        _copy_in(buffer, content)


def input_of(irp: Irp) -> memoryview:
    """The input bytes of the control request that a driver has, whichever way they came.

    NT: SystemBuffer, or Type3InputBuffer
    """
    location = irp.location
    neither = method_of(location.byte_offset) == METHOD_NEITHER
    source = location.argument if neither else irp.system_buffer
    return memoryview(b"") if source is None else source[: location.key]


def _own(irp: Irp) -> IrpExtension:
    extension = irp.extend()
    extension.overlaid = True
    irp.buffer = _NOTHING
    return extension


def _system_buffer(irp: Irp, extension: IrpExtension, size: int) -> memoryview:
    irp.buffer = extension.system_buffer = buffer = memoryview(bytearray(size))
    return buffer


def _copy_in(buffer: memoryview, source: Captured) -> None:
    if source.length:
        if source.view is None:
            raise violation("the buffer to copy from is missing")
        buffer[: source.length] = source.view


def _describe(irp: Irp, extension: IrpExtension, content: Captured, operation: LockOperation) -> None:
    if content.length:
        if content.view is None:
            raise violation("the buffer to lock is missing")
        extension.mdl = locked_mdl(content.view, operation)
        irp.buffer = content.view
