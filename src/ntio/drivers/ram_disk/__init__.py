"""A disk held in memory: what is written can be read back, and is gone when the driver is unloaded.

Reads and writes end at the disk's end: one that crosses it is short, one that starts there or beyond finds the end of
the file (a read) or a full disk (a write), as on a block device. Batches are moved by whole columns.

Rows: R15, R28
"""

from __future__ import annotations

import numpy as np

from ...driver_kit import (
    DO_DIRECT_IO,
    FILE_DEVICE_DISK,
    Batch,
    DeviceObject,
    Driver,
    Irp,
    complete_batch,
    gather,
    scatter,
    status,
)


class RamDisk(Driver):
    """A disk of `size` bytes in memory; `name` is its name in \\Device, if it is to have one."""

    def __init__(self, size: int = 64 << 20, name: str = "") -> None:
        if size < 0:
            raise ValueError(f"size: a disk cannot have {size} bytes")
        self.media = np.zeros(size, np.uint8)
        self._name = name

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        """Make the disk's device."""
        return self.create_device(f"\\Device\\{self._name}" if self._name else "", FILE_DEVICE_DISK, DO_DIRECT_IO)

    def device_size(self, device: DeviceObject) -> int:
        """The disk's size in bytes."""
        return len(self.media)

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        """Copy from the medium to the caller."""
        location = irp.location
        start, length = location.byte_offset, location.length
        data = self.media.data[start : start + length]
        count = len(data)
        if count == length:
            irp.buffer[:] = data  # type: ignore[index]
            return irp.complete(0, count)
        if not count:
            return irp.complete(status.STATUS_END_OF_FILE)
        irp.buffer[:count] = data  # type: ignore[index]
        return irp.complete(0, count)

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        """Copy from the caller to the medium."""
        location = irp.location
        start, length = location.byte_offset, location.length
        target = self.media.data[start : start + length]
        count = len(target)
        if length and not count:
            return irp.complete(status.STATUS_DISK_FULL)
        target[:] = irp.buffer[:count]  # type: ignore[index]
        return irp.complete(0, count)

    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Copy all rows from the medium."""
        batch = irp.batch
        assert batch is not None
        self._clamp(batch, status.STATUS_END_OF_FILE)
        gather(self.media, batch.offset, batch.buffer, batch.position, batch.information)
        return complete_batch(irp)

    def dispatch_write_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Copy all rows to the medium, in their order."""
        batch = irp.batch
        assert batch is not None
        self._clamp(batch, status.STATUS_DISK_FULL)
        scatter(batch.buffer, batch.position, self.media, batch.offset, batch.information)
        return complete_batch(irp)

    def dispatch_flush_buffers(self, device: DeviceObject, irp: Irp) -> int:
        """Memory is always up to date."""
        return irp.complete()

    def _clamp(self, batch: Batch, beyond: int) -> None:
        size = len(self.media)
        batch.information[:] = batch.length
        if not len(batch) or int(batch.offset.max()) + int(batch.length.max()) <= size:
            return
        room = np.maximum(np.int64(size) - np.minimum(batch.offset, size).astype(np.int64), 0).astype(np.uint64)
        batch.information[:] = np.minimum(batch.information, room)
        batch.status[(room == 0) & (batch.length > 0)] = beyond
