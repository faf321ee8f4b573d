"""Files of a simulated machine: in memory, the same on every platform, with the host's answers.

A file is a NumPy array that grows, found in one flat table by its path; a directory exists because some path begins
with it. A pipe is 64 KiB between two descriptors. Answers follow Linux: minus an errno, EBADF for a read of something
opened for writing only, end of file by a count of 0, and a pipe write larger than the room is short.

An operation either has its result at once or *would block* (None): who waits for it, and how, is the caller's matter.
All state is guarded by `changed`, a condition that is notified whenever something may have become possible.

Sources: `open(2)`, `pread(2)`, `pipe(7)`. Rows: R11, R30
"""

from __future__ import annotations

import errno
import heapq
import os
import posixpath
import stat as stat_bits
import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..status import error_for, status_from_errno
from .host import FileStatus, VolumeStatus

_ACCESS = getattr(os, "O_ACCMODE", 3)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
_PIPE_SIZE, _PIPE_ATOMIC = 65536, 4096
#: Larger files are refused with EFBIG, as a host refuses what its file system cannot hold.
_MAXIMUM_SIZE = 1 << 44
_MAXIMUM_OFFSET = (1 << 63) - 1

Bytes = memoryview | npt.NDArray[np.uint8]


class SimulatedFile:
    """The content of one file."""

    def __init__(self, inode: int, mode: int) -> None:
        self.inode = inode
        self.mode = stat_bits.S_IFREG | mode
        self.size = 0
        #: Nanoseconds since 1970, as somebody has set them; reads and writes leave them alone.
        self.accessed = self.modified = 0
        self._content = np.zeros(0, np.uint8)

    def read(self, target: npt.NDArray[np.uint8], offset: int) -> int:
        """Copy bytes out; how many there were."""
        count = max(min(len(target), self.size - offset), 0)
        target[:count] = self._content[offset : offset + count]
        return count

    def write(self, source: npt.NDArray[np.uint8], offset: int) -> int:
        """Copy bytes in, growing the file; all of them, or minus an errno."""
        if not len(source):
            return 0
        result = self.resize(max(self.size, offset + len(source)))
        if result == 0:
            self._content[offset : offset + len(source)] = source
        return result or len(source)

    def resize(self, size: int) -> int:
        """Set the size; new bytes are zero. 0, or minus an errno."""
        if size > _MAXIMUM_SIZE:
            return -errno.EFBIG
        if size > len(self._content):
            try:
                grown = np.zeros(max(size, min(2 * size, _MAXIMUM_SIZE)), np.uint8)
            except MemoryError:
                return -errno.ENOSPC
            grown[: self.size] = self._content[: self.size]
            self._content = grown
        self._content[size : self.size] = 0
        self.size = size
        return 0


class SimulatedPipe:
    """Bytes on their way from one descriptor to another."""

    def __init__(self, inode: int) -> None:
        self.inode = inode
        self.mode = stat_bits.S_IFIFO | 0o600
        self.size = 0
        self.readers = self.writers = 1
        self._bytes = bytearray()

    def read(self, target: npt.NDArray[np.uint8]) -> int | None:
        """Take bytes out; None where a reader has to wait."""
        if not len(target):
            return 0
        if not self._bytes:
            return None if self.writers else 0
        count = min(len(target), len(self._bytes))
        target[:count] = np.frombuffer(self._bytes, np.uint8, count)
        del self._bytes[:count]
        return count

    def write(self, source: npt.NDArray[np.uint8]) -> int | None:
        """Put bytes in, as many as there is room for; None where a writer has to wait."""
        if not len(source):
            return 0
        if not self.readers:
            return -errno.EPIPE
        room = _PIPE_SIZE - len(self._bytes)
        if room == 0 or (len(source) <= _PIPE_ATOMIC and room < len(source)):
            return None
        count = min(room, len(source))
        self._bytes += source[:count].tobytes()
        return count


class OpenFile:
    """What a descriptor stands for; lives until the last descriptor and the last operation let go of it."""

    def __init__(self, node: SimulatedFile | SimulatedPipe | None, flags: int, inode: int = 0) -> None:
        self.node = node  # None: a directory
        self.place = ""  # of a directory
        self.readable = flags & _ACCESS in (os.O_RDONLY, os.O_RDWR)
        self.writable = flags & _ACCESS in (os.O_WRONLY, os.O_RDWR)
        self.appending = bool(flags & os.O_APPEND)
        self.position = 0
        self.holders = 1

    @property
    def is_stream(self) -> bool:
        """Whether it is a pipe's end."""
        return isinstance(self.node, SimulatedPipe)

    def move(self, writing: bool, data: npt.NDArray[np.uint8], offset: int) -> int | None:
        """Read or write once at an offset (-1: the file's own position); None where it would block."""
        if not (self.writable if writing else self.readable):
            return -errno.EBADF
        if isinstance(self.node, SimulatedPipe):
            return self.node.write(data) if writing else self.node.read(data)
        if offset < -1 or offset + len(data) > _MAXIMUM_OFFSET:
            return -errno.EINVAL
        if self.node is None:
            return -errno.EISDIR
        current = offset == -1
        if writing:
            start = self.node.size if self.appending else self.position if current else offset
            result = self.node.write(data, start)
        else:
            start = self.position if current else offset
            result = self.node.read(data, start)
        if current and result > 0:
            self.position = start + result
        return result


class SimulatedFiles:
    """Files in memory, with the host's calls; `make_pipe` gives two more descriptors."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._nodes: dict[str, SimulatedFile] = {}
        self._open: dict[int, OpenFile] = {}
        self._free = [3]
        self._inodes = 1

    # --- the host's calls -------------------------------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        """A descriptor; raises NtError."""
        file = self.try_open(path, flags, mode)
        if file < 0:
            message = f"cannot open: {os.strerror(-file)}"
            raise error_for(status_from_errno(-file), message, filename=path)
        return file

    def make_pipe(self) -> tuple[int, int]:
        """Two descriptors: what is written to the second is read from the first."""
        with self.changed:
            pipe = SimulatedPipe(self._next_inode())
            return self._give_out(OpenFile(pipe, os.O_RDONLY)), self._give_out(OpenFile(pipe, os.O_WRONLY))

    def close(self, file: int) -> None:
        """Give a descriptor back; raises OSError EBADF."""
        if self.try_close(file):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def size(self, file: int) -> int:
        """Bytes in the file."""
        node = self._existing(file).node
        return 0 if node is None else node.size

    def truncate(self, file: int, size: int) -> int:
        """Set the size; 0 or minus an errno."""
        with self.changed:
            opened = self._open.get(file)
            if opened is None:
                return -errno.EBADF
            if size < 0 or not opened.writable or not isinstance(opened.node, SimulatedFile):
                return -errno.EINVAL
            return opened.node.resize(size)

    def allocate(self, file: int, size: int) -> int:
        """Make sure of room for `size` bytes; 0, or minus an errno."""
        with self.changed:
            opened = self._open.get(file)
            if opened is None or not opened.writable:
                return -errno.EBADF
            if size <= 0:
                return -errno.EINVAL
            if not isinstance(opened.node, SimulatedFile):
                return -errno.ESPIPE
            return opened.node.resize(max(size, opened.node.size))

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of that path."""
        place = posixpath.normpath(path)
        return place in self._nodes or self._is_directory(place)

    def is_stream(self, file: int) -> bool:
        """Whether the file is a pipe."""
        return self._existing(file).is_stream

    def is_directory(self, file: int) -> bool:
        """Whether the file is a directory."""
        return self._existing(file).node is None

    def read(self, file: int, buffer: memoryview, offset: int) -> int:
        """Read at an offset; an empty pipe is waited for."""
        return self._move_and_wait(file, False, buffer, offset)

    def write(self, file: int, buffer: memoryview, offset: int) -> int:
        """Write at an offset; a full pipe is waited for."""
        return self._move_and_wait(file, True, buffer, offset)

    def flush(self, file: int) -> int:
        """0: memory needs no flushing; EINVAL of a pipe."""
        with self.changed:
            opened = self._open.get(file)
        return -errno.EBADF if opened is None else -errno.EINVAL if opened.is_stream else 0

    def status(self, file: int) -> FileStatus:
        """What is known about an open file; raises OSError EBADF."""
        return status_of(self._existing(file).node)

    def volume(self, file: int) -> VolumeStatus:
        """A volume of one size, half of it free; raises OSError EBADF."""
        self._existing(file)
        blocks = _MAXIMUM_SIZE // 4096
        return VolumeStatus(4096, blocks, blocks // 2, blocks // 2, 255, 1)

    def set_times(self, file: int, accessed: int, modified: int) -> int:
        """Set both times; 0, or minus an errno."""
        with self.changed:
            opened = self._open.get(file)
            if opened is None:
                return -errno.EBADF
            if isinstance(opened.node, SimulatedFile):
                opened.node.accessed, opened.node.modified = accessed, modified
        return 0

    def rename(self, old: str, new: str, *, replace: bool) -> int:
        """Give a file another path; 0, or minus an errno. Directories stay where they are."""
        source, target = posixpath.normpath(old), posixpath.normpath(new)
        with self.changed:
            node = self._nodes.get(source)
            if node is None:
                return -errno.EISDIR if self._is_directory(source) else -errno.ENOENT
            if self._is_directory(target):
                return -errno.EISDIR
            if target in self._nodes and not replace:
                return -errno.EEXIST
            del self._nodes[source]
            self._nodes[target] = node
        return 0

    def remove(self, path: str) -> int:
        """Take a path away from its file, which lives on while it is open; 0, or minus an errno."""
        place = posixpath.normpath(path)
        with self.changed:
            if self._nodes.pop(place, None) is not None:
                return 0
            return -errno.ENOTEMPTY if self._is_directory(place) else -errno.ENOENT

    # --- the same for an engine: results instead of exceptions, and nothing waits -----------------------------------

    def try_open(self, path: str, flags: int, mode: int) -> int:
        """A descriptor, or minus an errno."""
        if not path:
            return -errno.ENOENT
        place = posixpath.normpath(path)
        with self.changed:
            node = self._nodes.get(place)
            if node is None and self._is_directory(place):
                return self._open_directory(place, flags)
            if obstacle := self._obstacle(place, node, path, flags):
                return obstacle
            if node is None:
                node = self._nodes[place] = SimulatedFile(self._next_inode(), mode & 0o7777)
            elif flags & os.O_TRUNC:
                node.resize(0)
            return self._give_out(OpenFile(node, flags))

    def try_close(self, file: int) -> int:
        """0, or minus an errno."""
        with self.changed:
            opened = self._open.pop(file, None)
            if opened is None:
                return -errno.EBADF
            heapq.heappush(self._free, file)
            self.let_go(opened)
        return 0

    def hold(self, file: int) -> OpenFile | None:
        """What a descriptor stands for, kept until `let_go`; None for a bad one."""
        with self.changed:
            opened = self._open.get(file)
            if opened is not None:
                opened.holders += 1
            return opened

    def let_go(self, opened: OpenFile) -> None:
        """The other half of `hold`."""
        with self.changed:
            opened.holders -= 1
            if not opened.holders and isinstance(opened.node, SimulatedPipe):
                opened.node.readers -= opened.readable
                opened.node.writers -= opened.writable
            self.changed.notify_all()

    def duplicate(self, file: int) -> int:
        """Another descriptor for the same file; raises OSError EBADF."""
        with self.changed:
            opened = self._existing(file)
            opened.holders += 1
            return self._give_out(opened)

    def path_from(self, directory: int, path: str) -> str:
        """The whole path of one that starts from an open directory; raises OSError EBADF, ENOTDIR."""
        if not path or path.startswith("/"):
            return path
        opened = self._existing(directory)
        if opened.node is not None:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return posixpath.join(opened.place, path)

    def find(self, path: str) -> SimulatedFile | None:
        """The file at a path; None for a directory; raises OSError ENOENT."""
        place = posixpath.normpath(path) if path else ""
        with self.changed:
            node = self._nodes.get(place)
            if node is None and not self._is_directory(place):
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            return node

    # --- inside -----------------------------------------------------------------------------------------------------

    def _existing(self, file: int) -> OpenFile:
        opened = self._open.get(file)
        if opened is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return opened

    def _next_inode(self) -> int:
        self._inodes += 1
        return self._inodes

    def _give_out(self, opened: OpenFile) -> int:
        file = heapq.heappop(self._free)
        if not self._free:
            self._free.append(file + 1)
        self._open[file] = opened
        return file

    def _is_directory(self, place: str) -> bool:
        prefix = place.rstrip("/") + "/"
        return place == "/" or any(path.startswith(prefix) for path in self._nodes)

    def _open_directory(self, place: str, flags: int) -> int:
        if flags & os.O_CREAT and flags & os.O_EXCL:
            return -errno.EEXIST
        if flags & os.O_CREAT or flags & _ACCESS != os.O_RDONLY:
            return -errno.EISDIR
        directory = OpenFile(None, flags)
        directory.place = place
        return self._give_out(directory)

    def _obstacle(self, place: str, node: SimulatedFile | None, path: str, flags: int) -> int:
        parents = place.split("/")[:-1]
        if any("/".join(parents[: depth + 1]) in self._nodes for depth in range(len(parents))):
            return -errno.ENOTDIR
        if node is None:
            if not flags & os.O_CREAT:
                return -errno.ENOENT
            return -errno.EISDIR if path.endswith("/") else 0
        if flags & os.O_CREAT and flags & os.O_EXCL:
            return -errno.EEXIST
        return -errno.ENOTDIR if flags & _DIRECTORY or path.endswith("/") else 0

    def _move_and_wait(self, file: int, writing: bool, buffer: memoryview, offset: int) -> int:
        data = np.frombuffer(buffer, np.uint8) if buffer.nbytes else np.empty(0, np.uint8)
        with self.changed:
            opened = self.hold(file)
            if opened is None:
                return -errno.EBADF
            try:
                return wait_for(self.changed, lambda: opened.move(writing, data, offset))
            finally:
                self.let_go(opened)


def wait_for(changed: threading.Condition, attempt: Callable[[], int | None]) -> int:
    """Try until something happened, sleeping on the condition between attempts."""
    while (result := attempt()) is None:
        changed.wait()
    return result


def status_of(node: SimulatedFile | SimulatedPipe | None) -> FileStatus:
    """What `stat` says of a file, a pipe, or, for None, a directory."""
    accessed, modified = (node.accessed, node.modified) if isinstance(node, SimulatedFile) else (0, 0)
    mode, inode, size = (stat_bits.S_IFDIR | 0o755, 1, 0) if node is None else (node.mode, node.inode, node.size)
    times = {"st_atime_ns": accessed, "st_mtime_ns": modified, "st_ctime_ns": 0, "st_blocks": -(-size // 512)}
    return os.stat_result((mode, inode, 0, 1, 0, 0, size, 0, 0, 0), times)
