r"""The object types of the I/O manager: files, devices, drivers, completion ports.

    File       the last handle closed sends IRP_MJ_CLEANUP, the last pointer given back IRP_MJ_CLOSE; the name is the
               device's and what the driver answers; the descriptor too (`services_security`)
    Device     parses the rest of a path: opening "by name" with how it is to be opened gives a file
    Driver     nothing of its own
    IoCompletion   the last handle closed sends every waiting thread away; files that have it still refer to it
    Thread     nothing of its own

A file that is opened without a handle (`open_path`) has one pointer, its opener's, which `close_file` gives back. A
handle is one pointer more.

Source: spec iomgr.md 3.4, 3.5; learn.microsoft.com "Object Types". Rows: R20, R28, R35
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernel.thread import Thread
from ..object_manager.objects import NamedObject
from ..object_manager.types import OpenReason, OpenRequest, TypeInitializer, TypeProcedures
from ..security.access_mask import FILE_GENERIC_MAPPING, GenericMapping
from ..status import STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, error_for
from .codes.file_codes import FO_HANDLE_CREATED
from .device import DeviceObject
from .file_object import FileObject
from .information import query_name
from .opening.closing import close_file, delete_file
from .opening.create_parameters import CreateParameters
from .opening.file_security import file_security
from .opening.open import open_device
from .ports.completion_port import CompletionPort

if TYPE_CHECKING:
    from .manager import IoManager


#: Each ends with all rights: IO_COMPLETION_ALL_ACCESS, THREAD_ALL_ACCESS.
_COMPLETION = GenericMapping(0x2_0001, 0x2_0002, 0x12_0000, 0x1F_0003)
_THREAD = GenericMapping(0x2_0048, 0x2_0037, 0x12_0800, 0x1F_FFFF)


def create_io_types(io: IoManager) -> None:
    """Make the types File, Device, Driver, IoCompletion and Thread in a new System.

    NT: IoInitSystem
    """
    files = TypeProcedures(
        open=_handle_made,
        close=_handle_closed,
        delete=delete_file,
        parse=_open_relative,
        query_name=query_name,
        security=file_security,
    )
    for name, procedures, count in (
        ("File", files, lambda: io.open_files),
        ("Device", TypeProcedures(parse=parse_device), lambda: sum(len(list(one.devices())) for one in io.drivers)),
        ("Driver", TypeProcedures(), lambda: len(io.drivers)),
    ):
        initializer = TypeInitializer(FILE_GENERIC_MAPPING, procedures, case_insensitive=True, count=count)
        io.objects.create_type(name, initializer)
    ports = TypeProcedures(close=_port_handle_closed)
    io.objects.create_type("IoCompletion", TypeInitializer(_COMPLETION, ports, security_required=True))
    io.objects.register_body(CompletionPort, "IoCompletion")
    io.objects.create_type("Thread", TypeInitializer(_THREAD, security_required=True))
    io.objects.register_body(Thread, "Thread")


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


def _port_handle_closed(port: CompletionPort, access: int, handles: int) -> None:
    if handles == 1:
        port.close()
