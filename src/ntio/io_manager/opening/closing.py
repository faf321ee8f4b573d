"""The two ends of a file object: its last handle closed, its last reference given back.

    close_file       IRP_MJ_CLEANUP: the driver ends what it still holds for this file; requests may be in flight
    delete_file      IRP_MJ_CLOSE: nobody refers to the file any more; the driver forgets it

A request in flight, a table of registered files, a kernel-mode owner each hold a reference, so the second may come long
after the first, and on any thread. A file that never had a handle is cleaned up before it is closed all the same. A
stack cannot refuse either: whatever its drivers answer, the file is gone.

Source: spec iomgr.md 3.6; WDK IRP_MJ_CLEANUP, IRP_MJ_CLOSE. Rows: R21
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import requests
from ..codes.file_codes import FO_CLEANUP_COMPLETE
from .mount import release_volume

if TYPE_CHECKING:
    from ..device import DeviceObject
    from ..file_object import FileObject
    from .vpb import Vpb


def close_file(file_object: FileObject) -> None:
    """Close the last handle of a file: cleanup, then close. It cannot fail, whatever the drivers say. Idempotent.

    NT: NtClose
    """
    io = file_object.device.driver.io
    with io.irps.lock:
        if file_object.closed:
            return
        file_object.closed = True
        file_object.device.open_files -= 1
        io.open_files -= 1
    if file_object.completion_context is not None:
        file_object.completion_context.port.forget(file_object)
    try:
        _clean_up(file_object)
    finally:
        io.dereference(file_object)


def delete_file(file_object: FileObject) -> None:
    """Close a file that nobody refers to any more.

    NT: IopDeleteFile
    """
    io, device = file_object.device.driver.io, file_object.device
    try:
        if not file_object.flags & FO_CLEANUP_COMPLETE:
            _clean_up(file_object)
        requests.close(file_object)
    finally:
        with io.irps.lock:
            if not file_object.closed:
                file_object.closed = True
                device.open_files -= 1
                io.open_files -= 1
        release_device(device, file_object.vpb)


def release_device(device: DeviceObject, vpb: Vpb | None) -> None:
    """Undo what an open counted: one open of the device, and of the volume if it went through one.

    NT: IopDereferenceDeviceObject
    """
    if vpb is not None:
        release_volume(device, vpb)
    io = device.driver.io
    with io.irps.lock:
        device.reference_count -= 1
    io.loader.settle(device)


def _clean_up(file_object: FileObject) -> None:
    try:
        requests.cleanup(file_object)
    finally:
        file_object.flags |= FO_CLEANUP_COMPLETE
