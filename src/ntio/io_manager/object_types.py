r"""The object types of the I/O manager: files, devices, drivers.

    File       the last handle closed sends IRP_MJ_CLEANUP, the last pointer given back IRP_MJ_CLOSE; the name is the
               device's and what the driver answers; a bare device's descriptor is the device's
    Device     parses the rest of a path: opening "by name" with how it is to be opened gives a file
    Driver     nothing of its own

A file that is opened without a handle (`open_path`) has one pointer, its opener's, which `close_file` gives back. A
handle is one pointer more.

Source: spec iomgr.md 3.4, 3.5; learn.microsoft.com "Object Types". Rows: R20, R28
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..object_manager.objects import NamedObject
from ..object_manager.types import OpenReason, OpenRequest, TypeInitializer, TypeProcedures
from ..security.access_mask import FILE_GENERIC_MAPPING
from ..security.descriptor import SecurityDescriptor
from ..status import STATUS_INVALID_DEVICE_REQUEST, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, error_for
from .closing import close_file, delete_file
from .create_parameters import CreateParameters
from .device import DeviceObject
from .file_codes import FO_HANDLE_CREATED
from .file_object import FileObject
from .information import query_name
from .open import open_device

if TYPE_CHECKING:
    from .manager import IoManager


def create_io_types(io: IoManager) -> None:
    """Make the types File, Device and Driver in a new System.

    NT: IoInitSystem
    """
    files = TypeProcedures(
        open=_handle_made,
        close=_handle_closed,
        delete=delete_file,
        parse=_open_relative,
        query_name=query_name,
        security=_security_of_file,
    )
    for name, procedures, count in (
        ("File", files, lambda: io.open_files),
        ("Device", TypeProcedures(parse=parse_device), lambda: sum(len(list(one.devices())) for one in io.drivers)),
        ("Driver", TypeProcedures(), lambda: len(io.drivers)),
    ):
        initializer = TypeInitializer(FILE_GENERIC_MAPPING, procedures, case_insensitive=True, count=count)
        io.objects.create_type(name, initializer)


def parse_device(device: DeviceObject, rest: str, request: OpenRequest) -> NamedObject:
    """A file, opened on a device as the context of the request says; raises NtError, also if it says nothing.

    NT: IopParseDevice
    """
    if not isinstance(request.context, CreateParameters):
        raise error_for(STATUS_OBJECT_TYPE_MISMATCH, f"{request.path} leads to a device, which opens only as a file")
    return open_device(device, rest, request.context, shown=request.path, mode=request.mode)


def _open_relative(file_object: FileObject, rest: str, request: OpenRequest) -> NamedObject:
    """A file, named from another one that is open: on the same device."""
    if not isinstance(request.context, CreateParameters):
        raise error_for(STATUS_OBJECT_TYPE_MISMATCH, f"{request.path} is relative to a file, and opens only as a file")
    device, rest = file_object.device, rest.removeprefix("\\")
    return open_device(device, rest, request.context, shown=request.path, mode=request.mode, related=file_object)


def _handle_made(file_object: FileObject, reason: OpenReason, access: int, handles: int) -> int:
    file_object.flags |= FO_HANDLE_CREATED
    return STATUS_SUCCESS


def _handle_closed(file_object: FileObject, access: int, handles: int) -> None:
    if handles == 1:
        close_file(file_object)


def _security_of_file(file_object: FileObject, new: SecurityDescriptor | None) -> SecurityDescriptor | None:
    """A bare device's file stands for the device; what is on it, its driver would have to answer for."""
    if file_object.file_name:
        raise error_for(STATUS_INVALID_DEVICE_REQUEST, "the files of this device have no descriptors")
    if new is not None:
        file_object.device.security_descriptor = new
    return file_object.device.security_descriptor
