r"""Opening a file: from a name to a file object.

    1. look the path up            the namespace follows symbolic links and stops at a device
    2. check the device            it must have left initialization
    3. make the file object        with what is left of the name, for the device's driver to understand
    4. send IRP_MJ_CREATE          to the top of the stack; the driver keeps what it needs in `fs_context`
    5. success: the device counts one open more          failure: the driver's status, nothing is left behind

Host files are opened the same way: `\Device\HostFiles` is a device like any other, and the path is the rest of the
name.

Source: spec iomgr.md 3.5. Rows: R20, R21
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..status import (
    STATUS_NO_SUCH_DEVICE,
    STATUS_OBJECT_TYPE_MISMATCH,
    error_for,
    nt_success,
)
from . import requests
from .device import DeviceObject
from .file_object import FileObject
from .major import (
    DO_DEVICE_INITIALIZING,
    FILE_NO_INTERMEDIATE_BUFFERING,
    FILE_OPEN,
    FO_CLEANUP_COMPLETE,
    FO_NO_INTERMEDIATE_BUFFERING,
    FO_SYNCHRONOUS_IO,
)

if TYPE_CHECKING:
    from .manager import IoManager


@dataclass(frozen=True, slots=True)
class CreateParameters:
    """How a file is to be opened: disposition (FILE_OPEN ...), wanted access, and options."""

    disposition: int = FILE_OPEN
    access: int = 0
    options: int = 0


def open_path(io: IoManager, path: str, parameters: CreateParameters) -> FileObject:
    """Open what a path of the namespace names; raises NtError.

    NT: NtCreateFile
    """
    found, rest = io.namespace.lookup(path)
    if not isinstance(found, DeviceObject):
        raise error_for(STATUS_OBJECT_TYPE_MISMATCH, f"a {found.type_name} cannot be opened as a file", path)
    return open_device(found, rest, parameters, shown=path)


def open_device(device: DeviceObject, rest: str, parameters: CreateParameters, *, shown: str = "") -> FileObject:
    """Open a device, or what `rest` names on it; raises NtError that shows the name `shown`."""
    shown = shown or device.path + rest
    if device.deleted or device.flags & DO_DEVICE_INITIALIZING:
        state = "deleted" if device.deleted else "still initializing"
        raise error_for(STATUS_NO_SUCH_DEVICE, f"the device is {state}", shown)
    flags = FO_SYNCHRONOUS_IO
    if parameters.options & FILE_NO_INTERMEDIATE_BUFFERING:
        flags |= FO_NO_INTERMEDIATE_BUFFERING
    file_object = FileObject(device, rest, parameters.access, flags)
    status, _ = requests.create(file_object, parameters)
    if not nt_success(status):
        raise error_for(status, "cannot open", shown)
    _count_open(device.driver.io, device, 1)
    return file_object


def close_file(file_object: FileObject) -> None:
    """Close the last handle of a file: cleanup, then close. It cannot fail, whatever the drivers say. Idempotent.

    NT: NtClose
    """
    io = file_object.device.driver.io
    with io.irps.lock:
        if file_object.closed:
            return
        file_object.closed = True
    try:
        requests.cleanup(file_object)
    finally:
        file_object.flags |= FO_CLEANUP_COMPLETE
        _count_open(io, file_object.device, -1)
        io.dereference(file_object)


def _count_open(io: IoManager, device: DeviceObject, change: int) -> None:
    with io.irps.lock:
        device.reference_count += change
        io.open_files += change
