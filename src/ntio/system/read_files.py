"""Reading many small files: opened, read and closed by the hundred.

    for file in ntio.read_files(paths):
        use(file.path, file.data)

Each window of paths takes two crossings: one opens all of them into registered slots of a ring, one reads the first
64 KiB of each. Opening into a slot closes the file that was there before, so closing costs nothing. A file that is
longer is asked for its size and the rest is read on its own. A path that cannot be read gives its error in its place
and stops nothing.

Rows: R10
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from ..hal.host import open_flags
from ..hal.operation_queue import OperationQueue
from ..hal.operations import SPARSE, OperationCode, Operations
from ..hal.statx import AT_FDCWD, BASIC_STATS, STATX
from ..status import InvalidParameter, NtError, error_for, statuses_from_results
from .default import default_system
from .system import System

#: Files opened and read together; the rings of 256 entries that measured best.
_WINDOW = 256
#: How much of every file is read before its size is asked for.
_FIRST_BYTES = 64 << 10
#: The longest piece a long file is read in.
_PIECE = 8 << 20


@dataclass(frozen=True, slots=True)
class FileData:
    """One file: its path, and its bytes or the error that came instead."""

    path: str
    data: bytes | None
    error: NtError | None = None


def read_files(
    paths: Iterable[str | os.PathLike[str]],
    *,
    ordered: bool = True,
    max_bytes: int = 256 << 20,
    system: System | None = None,
) -> Iterator[FileData]:
    """Read many files whole, in windows; yields FileData in the order of `paths`.

    `ordered=False` allows any order. At most `max_bytes` of memory hold files that are not handed out yet, though a
    single file may be larger. An unreadable path gives a FileData with `error` set and does not stop the rest.
    """
    if max_bytes < _FIRST_BYTES:
        raise InvalidParameter(f"max_bytes: {max_bytes} is less than the {_FIRST_BYTES} bytes one file needs")
    system = system or default_system()
    system.io.check_running()
    return _read_windows(system, iter(paths), min(_WINDOW, max_bytes // _FIRST_BYTES))


def _read_windows(system: System, paths: Iterator[str | os.PathLike[str]], window: int) -> Iterator[FileData]:
    queue = system.hal.new_queue(window)
    try:
        queue.register_files([SPARSE] * window)
        buffer = np.empty(window * _FIRST_BYTES, np.uint8)
        while names := [os.fspath(path) for path in islice(paths, window)]:
            yield from _read_window(queue, names, buffer)
    finally:
        queue.close()


def _read_window(queue: OperationQueue, names: list[str], buffer: npt.NDArray[np.uint8]) -> Iterator[FileData]:
    count = len(names)
    slots = np.arange(count, dtype=np.int32)
    encoded = [os.fsencode(name) for name in names]
    opened = _open_all(queue, encoded, slots)
    reads = Operations(
        OperationCode.READ, count, file=slots, fixed=True, buffer=buffer,
        position=np.arange(count, dtype=np.uint64) * np.uint64(_FIRST_BYTES), length=_FIRST_BYTES,
    )  # fmt: skip
    queue.transfer(reads)
    results = np.where(opened < 0, opened, reads.results)
    statuses = statuses_from_results(results).tolist()
    view = buffer.data
    for slot, (name, length, status) in enumerate(zip(names, results.tolist(), statuses, strict=True)):
        if length < 0:
            yield FileData(name, None, error_for(status, "cannot read", name))
            continue
        data = bytes(view[slot * _FIRST_BYTES : slot * _FIRST_BYTES + length])
        yield FileData(name, data) if length < _FIRST_BYTES else _read_long(queue, name, slot, data)


def _open_all(queue: OperationQueue, names: list[bytes], slots: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    lengths = np.fromiter((len(name) + 1 for name in names), np.uint64, len(names))
    opens = Operations(
        OperationCode.OPEN,
        len(names),
        file=slots,
        fixed=True,
        buffer=np.frombuffer(b"\0".join(names) + b"\0", np.uint8),
        position=np.cumsum(lengths) - lengths,
        flags=open_flags(read=True, write=False, nonblocking=True),
    )
    queue.transfer(opens)
    nul = np.fromiter((b"\0" in name for name in names), np.bool_, len(names))
    return np.where(nul, np.int32(-22), opens.results)


def _read_long(queue: OperationQueue, name: str, slot: int, start: bytes) -> FileData:
    """The rest of a file that is longer than the first read, in pieces sized by what the host says it holds."""
    path = np.frombuffer(os.fsencode(name) + b"\0", np.uint8)
    answer = np.zeros(1, STATX)
    stat = Operations(
        OperationCode.STAT, 1, file=AT_FDCWD, buffer=path, length=BASIC_STATS, auxiliary=answer.view(np.uint8)
    )
    queue.transfer(stat)
    wanted = max(int(answer["size"][0]) if stat.results[0] == 0 else 0, 2 * len(start))
    data = bytearray(start)
    while True:
        # One byte more than is left, so that a file that has not grown ends in a short read.
        piece = np.empty(min(max(wanted - len(data), 0) + 1, _PIECE), np.uint8)
        read = Operations(
            OperationCode.READ, 1, file=slot, fixed=True, buffer=piece, offset=len(data), length=len(piece)
        )
        queue.transfer(read)
        result = int(read.results[0])
        if result < 0:
            return FileData(name, None, error_for(int(read.status()[0]), "cannot read", name))
        data += piece.data[:result]
        if result < len(piece):
            return FileData(name, bytes(data))
        wanted = max(wanted, 2 * len(data))
