"""Volume parameter blocks: what ties a disk to the volume that is mounted on it.

    real_device       the disk, or a partition of it: what a path names
    device            the file system's volume device, once one is mounted: where requests on files go

Disks, virtual disks, CD-ROMs and tapes have one from the beginning; mounting fills it in, under the device lock.

Source: spec iomgr.md 3.3; learn.microsoft.com wdm.h, VPB. Rows: R27
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ..codes.device_codes import IO_TYPE_VPB, VPB_LOCKED, VPB_MOUNTED
from ..packet.nt_fields import VpbNames

if TYPE_CHECKING:
    from ..device import DeviceObject

#: How many characters of a volume's label a block has room for.
MAXIMUM_LABEL_LENGTH = 32


class Vpb(VpbNames):
    """What the I/O manager knows about the volume on a device.

    NT: VPB
    """

    __slots__ = ("_volume_label", "device", "flags", "real_device", "reference_count", "serial_number")
    type: ClassVar[int] = IO_TYPE_VPB
    size: ClassVar[int] = 0x60

    def __init__(self, real_device: DeviceObject) -> None:
        self.real_device = real_device
        #: The mounted volume's device, made by its file system.
        self.device: DeviceObject | None = None
        self.flags = 0
        self.serial_number = 0
        #: Opens that went through this volume.
        self.reference_count = 0
        self._volume_label = ""

    @property
    def volume_label(self) -> str:
        """The volume's label, at most 32 characters; setting a longer one raises ValueError."""
        return self._volume_label

    @volume_label.setter
    def volume_label(self, label: str) -> None:
        if len(label) > MAXIMUM_LABEL_LENGTH:
            raise ValueError(f"a label of {len(label)} characters; there is room for {MAXIMUM_LABEL_LENGTH}")
        self._volume_label = label

    @property
    def volume_label_length(self) -> int:
        """The label's length in bytes, two for each UTF-16 unit."""
        return len(self._volume_label.encode("utf-16-le"))

    @property
    def mounted(self) -> bool:
        """Whether a file system has mounted its volume."""
        return bool(self.flags & VPB_MOUNTED)

    @property
    def locked(self) -> bool:
        """Whether the volume is locked: nothing more can be opened on it."""
        return bool(self.flags & VPB_LOCKED)

    def __repr__(self) -> str:
        return f"<Vpb of {self.real_device!r}{', mounted' if self.mounted else ''}>"
