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
    STATUS_INVALID_DEVICE_REQUEST,
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
    if device.flags & DO_DEVICE_INITIALIZING:
        raise error_for(STATUS_NO_SUCH_DEVICE, "the device is still initializing", shown)
    flags = FO_SYNCHRONOUS_IO
    if parameters.options & FILE_NO_INTERMEDIATE_BUFFERING:
        flags |= FO_NO_INTERMEDIATE_BUFFERING
    file_object = FileObject(device, rest, parameters.access, flags)
    status, _ = requests.create(file_object, parameters)
    if not nt_success(status):
        raise error_for(status, "cannot open", shown)
    device.reference_count += 1
    device.driver.io.open_files += 1
    return file_object


def close_file(file_object: FileObject) -> None:
    """Close the last handle of a file: cleanup, then close. Idempotent.

    NT: NtClose
    """
    if file_object.closed:
        return
    cleaned = requests.cleanup(file_object)[0]
    assert nt_success(cleaned) or cleaned == STATUS_INVALID_DEVICE_REQUEST, hex(cleaned)
    file_object.flags |= FO_CLEANUP_COMPLETE
    file_object.closed = True
    file_object.device.reference_count -= 1
    file_object.device.driver.io.open_files -= 1
    requests.close(file_object)
