"""Sitting on top of a device that is known by its name only.

The open goes through the target's stack like any other, to read attributes and nothing else, so that no volume is
mounted for it; a device that is exclusive and open already does not refuse it. It is given back once the device is
attached, and from then on the attachment keeps the target.

Source: spec iomgr.md 3.2; WDK IoAttachDevice. Rows: R15
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes.file_codes import FILE_READ_ATTRIBUTES
from .opening.open import device_pointer

if TYPE_CHECKING:
    from .device import DeviceObject


def attach_device(source: DeviceObject, path: str) -> DeviceObject:
    """Put a device on top of the stack behind a path; returns the device it now sits on. Raises NtError.

    NT: IoAttachDevice
    """
    io = source.driver.io
    file_object, target = device_pointer(io, path, FILE_READ_ATTRIBUTES, attaching=True)
    try:
        return source.attach_to(target)
    finally:
        io.dereference(file_object)
