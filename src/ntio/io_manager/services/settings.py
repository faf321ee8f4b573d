"""Changing what the I/O manager itself knows about a file, and names for a rename.

The mode of a file is its flags: whether writes go through, whether it is read in sequence, whether waits on it are
alertable. Whether it is synchronous cannot be changed.

A file is renamed by its driver, but only within its device. So a full name is followed through the namespace here,
and the driver gets what is left of it below the device; a name relative to an open folder gets that folder's in front.
(NT opens the target's folder first and hands the driver a file object of it; ours gets a name only.)

Source: learn.microsoft.com ntifs.h, FILE_MODE_INFORMATION, FILE_RENAME_INFORMATION. Rows: R21
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ...abi import FILE_RENAME_INFORMATION
from ...status import STATUS_INVALID_PARAMETER, STATUS_NOT_SAME_DEVICE, error_for
from ..codes import file_codes as f
from ..file_object import FileObject

_SYNCHRONOUS: Final = f.FILE_SYNCHRONOUS_IO_ALERT | f.FILE_SYNCHRONOUS_IO_NONALERT
_SETTABLE: Final = _SYNCHRONOUS | f.FILE_WRITE_THROUGH | f.FILE_SEQUENTIAL_ONLY
_NAME_AT: Final = 20


def change_mode(file_object: FileObject, mode: int) -> None:
    """Set a file's flags from a FILE_MODE_INFORMATION; raises InvalidParameter for what cannot be set.

    NT: IopSetModeInformation
    """
    flags, synchronous = file_object.flags, mode & _SYNCHRONOUS
    kept = bool(synchronous) == bool(flags & f.FO_SYNCHRONOUS_IO)
    if mode & ~_SETTABLE or not kept or synchronous == _SYNCHRONOUS:
        raise error_for(STATUS_INVALID_PARAMETER, f"mode {mode:#x}")
    flags &= ~(f.FO_WRITE_THROUGH | f.FO_SEQUENTIAL_ONLY | f.FO_ALERTABLE_IO)
    for option, flag in (
        (f.FILE_WRITE_THROUGH, f.FO_WRITE_THROUGH),
        (f.FILE_SEQUENTIAL_ONLY, f.FO_SEQUENTIAL_ONLY),
        (f.FILE_SYNCHRONOUS_IO_ALERT, f.FO_ALERTABLE_IO),
    ):
        flags |= flag if mode & option else 0
    file_object.flags = flags


def local_rename(file_object: FileObject, data: bytes) -> bytes:
    r"""A FILE_RENAME_INFORMATION with a name that the file's own driver understands: plain, or below its device.

    Raises NtError: InvalidParameter for a name that is cut off, STATUS_NOT_SAME_DEVICE for one of another device.
    NT: IopOpenLinkOrRenameTarget
    """
    head = np.frombuffer(data, FILE_RENAME_INFORMATION, 1)[0]
    length, folder = int(head["FileNameLength"]), int(head["RootDirectory"])
    if not length or length % 2 or _NAME_AT + length > len(data):
        raise error_for(STATUS_INVALID_PARAMETER, "a name that is not there")
    name = data[_NAME_AT : _NAME_AT + length].decode("utf-16-le", "surrogatepass")
    io = file_object.device.driver.io
    if folder:
        root = io.handles.reference(folder, FileObject)
        device, name = root.device, f"{root.file_name.rstrip(chr(92))}\\{name}"
    elif name.startswith("\\"):
        found, name = io.namespace.lookup(name)
        device = found  # type: ignore[assignment]
    else:
        return data
    if device is not file_object.device:
        raise error_for(STATUS_NOT_SAME_DEVICE, f"{name} is on {device!r}")
    text = name.encode("utf-16-le", "surrogatepass")
    return data[:8] + bytes(8) + len(text).to_bytes(4, "little") + text
