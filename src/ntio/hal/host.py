"""The host's own files, one call at a time: open, close, size, read, write, flush.

The synchronous half of the HAL. A single request gains nothing from a ring (`os.pread` 864 k/s, a ring at depth one
573 k/s even from C), so scalar requests on the direct path come here and batches go to an `OperationQueue`. Results are
the host's: a count, or minus an errno; nothing raises but `open`.

Rows: R29, R30
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat as stat_bits
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

from ..status import STATUS_NOT_SUPPORTED, error_for, status_from_errno

#: What the host knows about a file: `st_mode`, `st_size`, `st_nlink`, `st_mtime_ns` and so on.
FileStatus: TypeAlias = os.stat_result


class VolumeStatus(NamedTuple):
    """What the host knows about the file system a file is on; counts are of blocks of `block_size` bytes."""

    block_size: int
    blocks: int
    free: int
    available: int
    name_length: int
    identifier: int


class HostFiles(Protocol):
    """The files a HAL offers; `file` is a descriptor of that HAL."""

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """A descriptor; raises NtError."""

    def close(self, file: int) -> None:
        """Give a descriptor back."""

    def size(self, file: int) -> int:
        """Bytes in the file; of a block device, its capacity."""

    def truncate(self, file: int, size: int) -> int:
        """Set the size; 0 or minus an errno."""

    def allocate(self, file: int, size: int) -> int:
        """Make sure of room for `size` bytes, making the file that long; 0, or minus an errno (EOPNOTSUPP: cannot)."""

    def exists(self, path: str) -> bool:
        """Whether anything has that path."""

    def is_stream(self, file: int) -> bool:
        """Whether the file has no positions: a pipe, a socket, a terminal."""

    def is_directory(self, file: int) -> bool:
        """Whether the file is a directory."""

    def read(self, file: int, buffer: memoryview, offset: int) -> int:
        """Read into `buffer` at `offset` (ignored by streams): bytes, or minus an errno."""

    def write(self, file: int, buffer: memoryview, offset: int) -> int:
        """Write `buffer` at `offset` (ignored by streams): bytes, or minus an errno."""

    def flush(self, file: int) -> int:
        """Put everything on the device: 0, or minus an errno."""

    def status(self, file: int) -> FileStatus:
        """What is known about an open file; raises OSError for a bad descriptor."""

    def volume(self, file: int) -> VolumeStatus:
        """What is known about the file system an open file is on; raises OSError for a bad descriptor."""

    def set_times(self, file: int, accessed: int, modified: int) -> int:
        """Set both times, in nanoseconds since 1970: 0, or minus an errno."""

    def rename(self, old: str, new: str, *, replace: bool) -> int:
        """Give a file another path; 0, or minus an errno (EEXIST: taken, and not to be replaced)."""

    def remove(self, path: str) -> int:
        """Take a path away from its file: 0, or minus an errno."""


class RealFiles:
    """The running host's files, by plain system calls."""

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """A descriptor, closed on exec; raises NtError."""
        try:
            return os.open(path, flags | os.O_CLOEXEC, mode)
        except OSError as error:
            message = f"cannot open: {error.strerror}"
            raise error_for(status_from_errno(error.errno or 0), message, filename=path) from None

    def close(self, file: int) -> None:
        """Close a descriptor."""
        os.close(file)

    def size(self, file: int) -> int:
        """Bytes in the file; of a block device, its capacity."""
        status = os.fstat(file)
        if stat_bits.S_ISBLK(status.st_mode):
            return os.lseek(file, 0, os.SEEK_END)
        return status.st_size

    def truncate(self, file: int, size: int) -> int:
        """Set the size; 0 or minus an errno."""
        return _done(lambda: os.ftruncate(file, size))

    def allocate(self, file: int, size: int) -> int:
        """fallocate(2); unlike `os.posix_fallocate` it never writes zeros where the file system cannot do it."""
        if _fallocate is None:
            return -errno.EOPNOTSUPP
        return 0 if _fallocate(file, 0, 0, size) == 0 else -ctypes.get_errno()

    def exists(self, path: str) -> bool:
        """Whether anything has that path."""
        return os.path.exists(path)

    def is_stream(self, file: int) -> bool:
        """Whether the file has no positions."""
        mode = os.fstat(file).st_mode
        return not (stat_bits.S_ISREG(mode) or stat_bits.S_ISBLK(mode) or stat_bits.S_ISDIR(mode))

    def is_directory(self, file: int) -> bool:
        """Whether the file is a directory."""
        return stat_bits.S_ISDIR(os.fstat(file).st_mode)

    def read(self, file: int, buffer: memoryview, offset: int) -> int:
        """Read at an offset; a stream is read where it stands."""
        try:
            return os.preadv(file, [buffer], offset)
        except OSError as error:
            if error.errno == _ESPIPE:
                return _result(lambda: os.readv(file, [buffer]))
            return -(error.errno or 0)

    def write(self, file: int, buffer: memoryview, offset: int) -> int:
        """Write at an offset; a stream is written where it stands."""
        try:
            return os.pwrite(file, buffer, offset)
        except OSError as error:
            if error.errno == _ESPIPE:
                return _result(lambda: os.write(file, buffer))
            return -(error.errno or 0)

    def flush(self, file: int) -> int:
        """fsync; a stream has nothing to flush and says EINVAL."""
        return _done(lambda: os.fsync(file))

    def status(self, file: int) -> FileStatus:
        """fstat(2)."""
        return os.fstat(file)

    def volume(self, file: int) -> VolumeStatus:
        """fstatvfs(3)."""
        found = os.fstatvfs(file)
        size = found.f_frsize
        return VolumeStatus(size, found.f_blocks, found.f_bfree, found.f_bavail, found.f_namemax, found.f_fsid)

    def set_times(self, file: int, accessed: int, modified: int) -> int:
        """Set both times, in nanoseconds since 1970."""
        return _done(lambda: os.utime(file, ns=(accessed, modified)))

    def rename(self, old: str, new: str, *, replace: bool) -> int:
        """rename(2), or renameat2(2) with RENAME_NOREPLACE."""
        return _done(lambda: os.replace(old, new)) if replace else _rename_unless_taken(old, new)

    def remove(self, path: str) -> int:
        """unlink(2), or rmdir(2) for a directory."""
        directory = os.path.isdir(path) and not os.path.islink(path)
        return _done(lambda: os.rmdir(path) if directory else os.unlink(path))


_ESPIPE = 29
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1


def _find_call(name: str, *types: type) -> Callable[..., int] | None:
    call = getattr(ctypes.CDLL(None, use_errno=True), name, None) if os.name == "posix" else None
    if call is not None:
        call.argtypes = types
    return call


_fallocate = _find_call("fallocate", ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_renameat2 = _find_call("renameat2", ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)


def _rename_unless_taken(old: str, new: str) -> int:
    if _renameat2 is not None:
        if _renameat2(_AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), _RENAME_NOREPLACE) == 0:
            return 0
        error = ctypes.get_errno()
        if error not in (errno.ENOSYS, errno.EINVAL):
            return -error
    if os.path.lexists(new):  # this file system cannot do both in one step
        return -errno.EEXIST
    return _done(lambda: os.replace(old, new))


def _done(call: Callable[[], None]) -> int:
    try:
        call()
    except OSError as error:
        return -(error.errno or 0)
    return 0


def _result(call: Callable[[], int]) -> int:
    try:
        return call()
    except OSError as error:
        return -(error.errno or 0)


def open_flags(
    *,
    read: bool,
    write: bool,
    append: bool = False,
    create: bool = False,
    exclusive: bool = False,
    truncate: bool = False,
    direct: bool = False,
    nonblocking: bool = False,
) -> int:
    """The host's flags for opening a file this way; raises NtError where the host has no direct I/O."""
    flags = os.O_RDWR if read and (write or append) else os.O_WRONLY if write or append else os.O_RDONLY
    flags |= os.O_APPEND if append else 0
    flags |= os.O_CREAT if create else 0
    flags |= os.O_EXCL if exclusive else 0
    flags |= os.O_TRUNC if truncate else 0
    flags |= getattr(os, "O_NONBLOCK", 0) if nonblocking else 0
    if direct:
        if not hasattr(os, "O_DIRECT"):
            raise error_for(STATUS_NOT_SUPPORTED, "this host has no direct (unbuffered) file I/O")
        flags |= os.O_DIRECT
    return flags
