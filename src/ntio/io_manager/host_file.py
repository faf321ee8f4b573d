"""Files of the host as drivers hold them open: what is done to the file itself, at once.

Reads, writes and flushes are requests, and go by `host`.

Rows: R21, R30
"""

from __future__ import annotations

import stat as stat_bits
from typing import TYPE_CHECKING

from ..hal.host import FileStatus, VolumeStatus, open_flags
from ..status import PlatformNotSupported, error_for, status_from_errno

if TYPE_CHECKING:
    from .manager import IoManager

_WITH_POSITIONS = (stat_bits.S_IFREG, stat_bits.S_IFBLK, stat_bits.S_IFDIR)


class HostFile:
    """A host file a driver holds open.

    NT: the handle ZwCreateFile gives a driver
    """

    __slots__ = ("descriptor", "directory", "io", "path", "stream")

    def __init__(self, io: IoManager, descriptor: int, path: str) -> None:
        self.io = io
        self.descriptor = descriptor
        self.path = path
        kind = stat_bits.S_IFMT(self.status().st_mode)
        self.directory = kind == stat_bits.S_IFDIR
        self.stream = kind not in _WITH_POSITIONS

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.io.hal.files.size(self.descriptor)

    def resize(self, size: int) -> None:
        """Make the file `size` bytes long; raises NtError."""
        self._check(self.io.hal.files.truncate(self.descriptor, size), f"cannot make it {size} bytes long")

    def status(self) -> FileStatus:
        """What the host knows about it: size, times, links ..."""
        return self.io.hal.files.status(self.descriptor)

    def volume(self) -> VolumeStatus:
        """What the host knows about the file system it is on."""
        return self.io.hal.files.volume(self.descriptor)

    def set_times(self, accessed: int, modified: int) -> None:
        """Set both times, in nanoseconds since 1970; raises NtError."""
        self._check(self.io.hal.files.set_times(self.descriptor, accessed, modified), "cannot set its times")

    def rename(self, path: str, *, replace: bool = False) -> None:
        """Give it another path of the host; raises NtError (ObjectNameCollision for one that is taken)."""
        self._check(self.io.hal.files.rename(self.path, path, replace=replace), f"cannot be renamed to {path}")
        self.path = path

    def remove(self) -> None:
        """Take its path away from it; raises NtError."""
        self._check(self.io.hal.files.remove(self.path), "cannot be removed")

    def _check(self, result: int, what: str) -> None:
        if result < 0:
            raise error_for(status_from_errno(-result), what, self.path)

    def close(self) -> None:
        """Close it; once."""
        if self.descriptor >= 0:
            self.io.hal.files.close(self.descriptor)
            self.io.host_descriptors.discard(self.descriptor)
            self.descriptor = -1


def open_host_file(
    io: IoManager,
    path: str,
    *,
    read: bool = True,
    write: bool = False,
    append: bool = False,
    create: bool = False,
    exclusive: bool = False,
    truncate: bool = False,
    direct: bool = False,
) -> HostFile:
    """Open a file of the host for a driver; `direct` leaves the host's cache out. Raises NtError.

    NT: ZwCreateFile
    """
    if io.hal.no_host_files:
        raise PlatformNotSupported(io.hal.no_host_files, filename=path)
    flags = open_flags(
        read=read, write=write, append=append, create=create, exclusive=exclusive, truncate=truncate, direct=direct
    )
    file = HostFile(io, io.hal.files.open(path, flags), path)
    io.host_descriptors.add(file.descriptor)
    return file
