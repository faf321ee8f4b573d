"""File objects: one open of a device, and what every request is made on.

A file object remembers which device it was opened through, what is left of the name, what may be done with it, and
whatever the driver keeps about this open (`fs_context`). The device it names need not be the one requests go to: they
go to the top of that device's stack at the time of the request.

Source: spec iomgr.md 3.5, 3.6. Rows: R21, R29
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..object_manager.namespace import NamedObject
from .device import DeviceObject
from .major import FILE_APPEND_DATA, FILE_READ_DATA, FILE_WRITE_DATA

if TYPE_CHECKING:
    from .bypass import Bypass


class FileObject(NamedObject):
    """One open of a device.

    NT: FILE_OBJECT
    """

    __slots__ = (
        "access", "bypass", "bypass_epoch", "closed", "device", "file_name", "flags", "fs_context", "readable",
        "references", "writable",
    )
    type_name = "File"

    def __init__(self, device: DeviceObject, file_name: str, access: int, flags: int) -> None:
        super().__init__()
        self.device = device
        self.file_name = file_name
        self.access = access
        self.flags = flags
        self.fs_context: Any = None
        #: Whether it was opened for reading, and for writing or appending.
        self.readable = bool(access & FILE_READ_DATA)
        self.writable = bool(access & (FILE_WRITE_DATA | FILE_APPEND_DATA))
        #: Its open handle, and requests in flight and tables that keep it; IRP_MJ_CLOSE is sent when none is left.
        self.references = 1
        #: Whether its last handle was closed.
        self.closed = False
        self.bypass: Bypass | None = None
        self.bypass_epoch = -1

    def related_device(self) -> DeviceObject:
        """Where requests on this file go: the top of its device's stack.

        NT: IoGetRelatedDeviceObject
        """
        return self.device.top()

    def __repr__(self) -> str:
        return f"<FileObject {self.device.path}{self.file_name}>"
