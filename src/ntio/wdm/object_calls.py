"""Calls on names, handles and files whose C form takes more than one line to say in Python."""

from __future__ import annotations

from typing import Any

from ..io_manager.codes.major import FILE_OPEN, KERNEL_MODE
from ..io_manager.device import DeviceObject
from ..io_manager.file_object import FileObject
from ..io_manager.io_status import IoStatusBlock
from ..io_manager.opening.create_parameters import CreateParameters
from ..io_manager.opening.open import create_file, device_pointer
from ..object_manager.manager import ObjectManager
from ..object_manager.opening import ObjectAttributes, open_by_pointer, reference_by_name
from ..security.descriptor import SecurityDescriptor
from ..status import STATUS_SUCCESS, NtError
from .forms import manager_of


def open_object_by_pointer(
    objects: ObjectManager, thing: object, attributes: int, access_state: Any, access: int, kind: Any, mode: int
) -> int:
    """A handle for an object that is at hand; raises NtError.

    NT: ObOpenObjectByPointer
    """
    return open_by_pointer(objects, thing, kind, access, attributes, mode)


def reference_object_by_pointer(objects: ObjectManager, thing: object, access: int, kind: Any, mode: int) -> None:
    """Keep an object that is at hand, if it is of that type; raises NtError.

    NT: ObReferenceObjectByPointer
    """
    objects.reference_by_pointer(thing, kind, mode)


def reference_object_by_name(
    objects: ObjectManager, name: str, attributes: int, access_state: Any, access: int, kind: Any, mode: int,
    context: Any = None,
) -> Any:  # fmt: skip
    """The object of a name, with a reference more; raises NtError.

    NT: ObReferenceObjectByName
    """
    return reference_by_name(objects, name, kind, access, attributes, mode, context)


def query_name_string(objects: ObjectManager, thing: object, length: int = 0x1000) -> tuple[int, str, int]:
    """The name of an object: (NTSTATUS, what of it has room in `length` bytes, how many bytes all of it takes).

    NT: ObQueryNameString
    """
    answer = objects.query_name(thing, length)
    return answer.status, answer.name, answer.required


def device_object_pointer(name: str, access: int, *, system: Any) -> tuple[int, FileObject | None, DeviceObject | None]:
    """A device by its name: (NTSTATUS, the file object that keeps it, the top of its stack).

    NT: IoGetDeviceObjectPointer
    """
    try:
        return STATUS_SUCCESS, *device_pointer(manager_of(system), name, access)
    except NtError as error:
        return error.status, None, None


def open_file(
    access: int, wanted: ObjectAttributes, iosb: IoStatusBlock | None, share: int, options: int, *, system: Any
) -> tuple[int, int]:
    """Open a file that is there: (NTSTATUS, handle).

    NT: NtOpenFile, ZwOpenFile
    """
    return create_new_file(access, wanted, iosb, 0, 0, share, FILE_OPEN, options, system=system)


def create_new_file(
    access: int,
    wanted: ObjectAttributes,
    iosb: IoStatusBlock | None,
    allocation_size: int | None,
    attributes: int,
    share: int,
    disposition: int,
    options: int,
    ea: bytes = b"",
    *,
    system: Any,
) -> tuple[int, int]:
    """Open or make a file, as the caller's system would: (NTSTATUS, handle).

    NT: NtCreateFile, ZwCreateFile
    """
    io = manager_of(system)
    parameters = CreateParameters(disposition, access, options, share, attributes, ea, 0, allocation_size or 0)
    related = io.handles.find(wanted.root, FileObject) if wanted.root else None
    return create_file(io, wanted.name, parameters, iosb=iosb, mode=KERNEL_MODE, related=related)


def initialize_object_attributes(
    name: str = "", attributes: int = 0, root: int = 0, descriptor: SecurityDescriptor | None = None
) -> ObjectAttributes:
    """Which object is meant, and how.

    NT: InitializeObjectAttributes
    """
    return ObjectAttributes(name, attributes, root, descriptor)
