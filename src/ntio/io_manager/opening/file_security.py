"""The security descriptor of an open file: the device's own, or what the file's driver keeps for the name below it.

    a bare device          the device's descriptor, which the I/O manager itself keeps: no driver is asked
    a name on a device     IRP_MJ_QUERY_SECURITY or IRP_MJ_SET_SECURITY to the top of the file's stack

A driver finds which parts are meant in its location's `length`; to answer, it writes a self-relative descriptor into
`irp.buffer`, or completes with STATUS_BUFFER_OVERFLOW and the bytes it needs as information. To set, it finds the
descriptor in `key`. One that has no routine keeps no descriptors (a file system like FAT): then everybody may do
everything with its files, and what somebody sets is forgotten.

Source: WDK IRP_MJ_QUERY_SECURITY, IRP_MJ_SET_SECURITY, ZwQuerySecurityObject. Rows: R20, R21
"""

from __future__ import annotations

from typing import Any, Final

from ...object_manager.object_security import SecurityInformation, merge
from ...security.descriptor import SecurityDescriptor
from ...security.sddl import parse_sddl
from ...status import STATUS_BUFFER_OVERFLOW, STATUS_INVALID_DEVICE_REQUEST, InvalidParameter, error_for, nt_success
from ..codes.major import IRP_MJ_QUERY_SECURITY, IRP_MJ_SET_SECURITY, KERNEL_MODE
from ..file_object import FileObject
from ..io_status import IoStatusBlock
from ..service_call import ServiceCall

#: Bytes that most descriptors fit into; who needs more is asked again.
_USUAL_SIZE: Final = 256
#: How often a descriptor may grow while it is asked for.
_ATTEMPTS: Final = 4
#: What a file has whose driver keeps no descriptors.
_EVERYBODYS: Final = parse_sddl("O:WDG:WD")


def file_security(
    file_object: FileObject, parts: SecurityInformation, new: SecurityDescriptor | None
) -> SecurityDescriptor | None:
    """The descriptor of an open file, at least those parts of it, after they were set from `new` if that is given.

    Raises NtError with the status of a driver that refuses.
    NT: IopGetSetSecurityObject
    """
    if file_object.file_name or file_object.related_file_object is not None:
        if new is None:
            return _query(file_object, parts)
        _set(file_object, parts, new)
        return None
    device = file_object.device
    if new is not None:
        device.security_descriptor = merge(device.security_descriptor or SecurityDescriptor(), new, parts)
    return device.security_descriptor


def _query(file_object: FileObject, parts: SecurityInformation) -> SecurityDescriptor:
    size = _USUAL_SIZE
    for _ in range(_ATTEMPTS):
        buffer = bytearray(size)
        status, information = _send(file_object, IRP_MJ_QUERY_SECURITY, parts, size, memoryview(buffer))
        if status == STATUS_INVALID_DEVICE_REQUEST:
            return _EVERYBODYS
        if nt_success(status):
            return SecurityDescriptor.from_bytes(bytes(buffer[:information]))
        if status != STATUS_BUFFER_OVERFLOW or information <= size:
            raise error_for(status, f"the descriptor of {file_object!r} cannot be read")
        size = information
    raise InvalidParameter(f"the descriptor of {file_object!r} grows each time it is asked for")


def _set(file_object: FileObject, parts: SecurityInformation, new: SecurityDescriptor) -> None:
    status, _ = _send(file_object, IRP_MJ_SET_SECURITY, parts, new, None)
    if not nt_success(status) and status != STATUS_INVALID_DEVICE_REQUEST:
        raise error_for(status, f"the descriptor of {file_object!r} cannot be changed")


def _send(
    file_object: FileObject, major: int, parts: SecurityInformation, second: Any, buffer: memoryview | None
) -> tuple[int, int]:
    """One request about the descriptor, waited for: its status and information."""
    answer = IoStatusBlock()
    call = ServiceCall(file_object, None, None, None, answer, KERNEL_MODE)
    call.check()
    device = file_object.related_device()
    with call.taken():
        irp = call.make_irp(device, major)
        irp.next_location.length, irp.next_location.key = int(parts), second
        irp.user_buffer = buffer
        status = call.send_and_wait(device, irp)
    return status, answer.information
