"""Rows of a batch done by plain system calls, with the results io_uring gives.

A `Chunk` is some rows of one batch, done one after another by one thread, so that handing work over costs once per
chunk and not once per row. What a row yields is what the kernel says: a count, or minus an errno.

Reads and writes are tried at their offset first. A file without positions refuses that with ESPIPE before anything
moves; such a row is *parked*: it must not hold a thread while its pipe is idle (`stream_poller`). Offset -1 means the
file's own position, as in io_uring.

Sources: `preadv2(2)`, `io_uring_enter(2)`; every odd case was asked of a real ring (`tests/hal/test_threads.py`).
Rows: R11, R30
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from .file_table import FileTable
from .operations import SOCKET_CODES, WORKING_DIRECTORY, Column, OperationCode, Operations, address_of, cell
from .statx import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, STATX, write_statx

_CANCELLED = -errno.ECANCELED
_PATH_MAX = 4096
_NOTHING = bytearray()
_EMPTY = np.empty(0, np.uint8)

#: A row found to be of a stream, and its descriptor.
Parked = list[tuple[int, int]]


class Chunk:
    """Rows `start` to `stop` of a batch."""

    __slots__ = ("operations", "slot", "start", "stop")

    def __init__(self, operations: Operations, slot: int, start: int, stop: int) -> None:
        self.operations = operations
        self.slot = slot
        self.start = start
        self.stop = stop


class Tables:
    """The registered files and buffers of an engine."""

    def __init__(self, files: FileTable) -> None:
        self.files = files
        self.buffers: list[tuple[int, int]] = []

    def register_buffers(self, buffers: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Remember where the registered buffers lie."""
        self.buffers = [(address_of(buffer), address_of(buffer) + buffer.nbytes) for buffer in buffers]

    def outside_buffer(self, operations: Operations, row: int) -> bool:
        """Whether a row that names a registered buffer reaches beyond it."""
        if operations.buffer_index >= len(self.buffers):
            return True
        low, high = self.buffers[operations.buffer_index]
        first = address_of(operations.buffer) + cell(operations.position, row)
        return not (low <= first and first + cell(operations.length, row) <= high)


def is_cancelled(operations: Operations, row: int) -> bool:
    """Whether somebody asked that a row end early."""
    return operations.cancelled is not None and bool(operations.cancelled[row])


def perform(chunk: Chunk, tables: Tables, parked: Parked) -> list[int | None]:
    """Do the rows of a chunk: their results in order, None for a row of a stream, which is noted in `parked`."""
    operations = chunk.operations
    if operations.code in (OperationCode.READ, OperationCode.WRITE):
        return _move_rows(chunk, tables, parked)
    if operations.code in SOCKET_CODES:
        parked += [(row, descriptor(operations, row, tables)) for row in range(chunk.start, chunk.stop)]
        return [None] * (chunk.stop - chunk.start)
    action = _ACTIONS[operations.code]
    results: list[int | None] = []
    for row in range(chunk.start, chunk.stop):
        if is_cancelled(operations, row):
            results.append(_CANCELLED)
            continue
        try:
            results.append(action(operations, row, tables))
        except (OSError, OverflowError, ValueError) as error:
            results.append(refusal(error))
    return results


def refusal(error: Exception) -> int:
    """Minus an errno: the host's own, EINVAL for a number the call cannot even be made with."""
    return -(error.errno or errno.EIO) if isinstance(error, OSError) else -errno.EINVAL


def mover(operations: Operations) -> Callable[..., int]:
    """The system call for a batch of reads or of writes."""
    return os.preadv if operations.code == OperationCode.READ else os.pwritev


def _move_rows(chunk: Chunk, tables: Tables, parked: Parked) -> list[int | None]:
    operations, flags = chunk.operations, chunk.operations.flags
    buffer: Any = _EMPTY if operations.buffer is None else operations.buffer  # a Buffer; NumPy's stubs hide it
    move = mover(operations)
    results: list[int | None] = []
    with memoryview(buffer) as view:  # released before anybody hears of the results: the owner may then resize
        for row, file, position, length, offset in _columns(chunk, tables):
            if operations.cancelled is not None and operations.cancelled[row]:
                results.append(_CANCELLED)
                continue
            piece = view[position : position + length]
            if len(piece) != length or (operations.buffer_index >= 0 and tables.outside_buffer(operations, row)):
                results.append(-errno.EFAULT)
                continue
            try:
                if offset < 0:
                    # A stream must not be waited for here, and like a ring we look at the file before the offset.
                    move(file, (_NOTHING,), 0)
                results.append(move(file, (piece,), offset, flags))
            except OSError as error:
                if error.errno == errno.ESPIPE:
                    parked.append((row, file))
                    results.append(None)
                else:
                    results.append(refusal(error))
            except (TypeError, ValueError, BufferError):  # a read into memory that cannot be written
                results.append(-errno.EFAULT)
    return results


def _columns(chunk: Chunk, tables: Tables) -> Iterable[tuple[int, int, int, int, int]]:
    operations, start, stop = chunk.operations, chunk.start, chunk.stop
    files = _cells(operations.file, start, stop, np.int32)
    if operations.fixed:
        files = map(tables.files.descriptor, files)
    return zip(
        range(start, stop),
        files,
        _cells(operations.position, start, stop, np.int64),
        _cells(operations.length, start, stop, np.int64),
        _cells(operations.offset, start, stop, np.int64),
        strict=False,  # scalars repeat without end
    )


def _cells(column: Column, start: int, stop: int, dtype: Any) -> Iterable[int]:
    """Some rows of a column, wrapped into the width the host's call has for it."""
    if isinstance(column, int):
        bits = 8 * np.dtype(dtype).itemsize
        return repeat((column + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1)))
    rows: list[int] = column[start:stop].astype(dtype).tolist()
    return rows


def descriptor(operations: Operations, row: int, tables: Tables) -> int:
    """The descriptor a row works on."""
    file = cell(operations.file, row)
    return tables.files.descriptor(file) if operations.fixed else file


def path_of(operations: Operations, row: int) -> bytes:
    """The NUL-terminated path of an OPEN or STAT row; raises OSError ENAMETOOLONG where there is no NUL."""
    start = cell(operations.position, row)
    buffer = _EMPTY if operations.buffer is None else operations.buffer
    path, terminator, _ = buffer[start : start + _PATH_MAX].tobytes().partition(b"\0")
    if not terminator:
        raise OSError(errno.ENAMETOOLONG if len(path) == _PATH_MAX else errno.EFAULT, "path without an end")
    return path


# --- everything that is neither read nor write ----------------------------------------------------------------------


def _nothing(operations: Operations, row: int, tables: Tables) -> int:
    return 0


def _flush(operations: Operations, row: int, tables: Tables) -> int:
    return _synchronise(os.fsync, descriptor(operations, row, tables))


def _flush_data(operations: Operations, row: int, tables: Tables) -> int:
    return _synchronise(os.fdatasync, descriptor(operations, row, tables))


def _synchronise(call: Callable[[int], None], file: int) -> int:
    if file < 0:  # which Python would refuse by itself, and not as the host does
        return -errno.EBADF
    call(file)
    return 0


def _open(operations: Operations, row: int, tables: Tables) -> int:
    index = cell(operations.file, row)
    if operations.fixed and (obstacle := tables.files.obstacle(index)):
        return obstacle
    path, mode = path_of(operations, row), cell(operations.length, row)
    directory = None if operations.directory == WORKING_DIRECTORY else operations.directory
    file = os.open(path, operations.flags, mode, dir_fd=directory)
    if not operations.fixed:
        return file
    tables.files.put(index, file)
    return 0


def _close(operations: Operations, row: int, tables: Tables) -> int:
    file = cell(operations.file, row)
    if operations.fixed:
        return tables.files.take_out(file)
    os.close(file)
    return 0


def _shut_down(operations: Operations, row: int, tables: Tables) -> int:
    native = socket.socket(fileno=descriptor(operations, row, tables))
    try:
        native.shutdown(cell(operations.length, row))
    finally:
        native.detach()
    return 0


def _stat(operations: Operations, row: int, tables: Tables) -> int:
    path, directory = path_of(operations, row), cell(operations.file, row)
    destination = _EMPTY if operations.auxiliary is None else operations.auxiliary
    destination = destination[cell(operations.auxiliary_position, row) :][: STATX.itemsize]
    if len(destination) < STATX.itemsize:
        return -errno.EFAULT
    if not path and operations.flags & AT_EMPTY_PATH:
        status = os.stat(".") if directory == AT_FDCWD else os.fstat(directory)
    else:
        follow = not operations.flags & AT_SYMLINK_NOFOLLOW
        status = os.stat(path, dir_fd=None if directory == AT_FDCWD else directory, follow_symlinks=follow)
    write_statx(destination, status)
    return 0


_ACTIONS: dict[OperationCode, Callable[[Operations, int, Tables], int]] = {
    OperationCode.NOP: _nothing,
    OperationCode.FLUSH: _flush,
    OperationCode.FLUSH_DATA: _flush_data,
    OperationCode.OPEN: _open,
    OperationCode.CLOSE: _close,
    OperationCode.STAT: _stat,
    OperationCode.SHUTDOWN: _shut_down,
}
