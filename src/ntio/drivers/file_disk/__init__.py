"""A disk whose sectors lie in a file of the host.

The disk is as large as the file was when the driver was loaded (or as `size` makes it) and does not grow: reads and
writes end at its end as on a block device. With no filter above that wants to see the data, files and rings read and
write the host file directly.

Rows: R21, R29, R30
"""

from __future__ import annotations

from ...driver_kit import (
    DO_DIRECT_IO,
    FILE_DEVICE_DISK,
    DeviceObject,
    Driver,
    FileObject,
    HostFile,
    HostTarget,
    Irp,
    OperationCode,
    host_operation,
    open_host_file,
    split_batch,
    status,
)


class FileDisk(Driver):
    """A disk kept in the host file `path`; `size` creates or resizes the file, `read_only` forbids writing.

    `direct` opens the file without the host's cache: offsets, lengths and addresses must then be aligned.
    """

    def __init__(self, path: str, size: int | None = None, read_only: bool = False, direct: bool = False) -> None:
        if size is not None and not 0 <= size < 1 << 63:
            raise ValueError(f"size: a disk cannot have {size} bytes")
        self._path = path
        self._wanted_size = size
        self._read_only = read_only
        self._direct = direct

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        """Open the file and make the disk's device; raises NtError when it cannot be opened or resized."""
        self._file: HostFile = open_host_file(
            self.driver_object.io,
            self._path,
            read=True,
            write=not self._read_only,
            create=self._wanted_size is not None,
            direct=self._direct,
        )
        if self._wanted_size is not None:
            self._file.resize(self._wanted_size)
        self._size = self._file.size
        return self.create_device(device_type=FILE_DEVICE_DISK, flags=DO_DIRECT_IO)

    def unload(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            self._file.close()

    def device_size(self, device: DeviceObject) -> int:
        """The disk's size in bytes."""
        return self._size

    def bypass_target(self, device: DeviceObject, file_object: FileObject) -> HostTarget:
        """The file itself, up to the disk's end; a read-only disk answers writes by itself."""
        return HostTarget(self._file.descriptor, limit=-1 if self._read_only else self._size)

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        """Read from the file."""
        return host_operation(irp, OperationCode.READ, self._file)

    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Read all rows from the file, on the ring they came by."""
        return host_operation(irp, OperationCode.READ, self._file)

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        """Write to the file, up to the disk's end."""
        if self._read_only:
            return irp.complete(status.STATUS_MEDIA_WRITE_PROTECTED)
        location = irp.location
        room = max(self._size - location.byte_offset, 0)
        if location.length > room:
            if not room:
                return irp.complete(status.STATUS_DISK_FULL)
            location.length = room
        return host_operation(irp, OperationCode.WRITE, self._file)

    def dispatch_write_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Write all rows; a batch that reaches beyond the end is written row by row."""
        batch = irp.batch
        assert batch is not None
        if self._read_only or (len(batch) and int((batch.offset + batch.length).max()) > self._size):
            return split_batch(device, irp)
        return host_operation(irp, OperationCode.WRITE, self._file)

    def dispatch_flush_buffers(self, device: DeviceObject, irp: Irp) -> int:
        """Put everything on the host's device."""
        return host_operation(irp, OperationCode.FLUSH, self._file)
