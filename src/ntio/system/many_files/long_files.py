"""Files longer than the first read of a window: read to their ends, into one array with the short ones.

Their sizes are asked for all at once, and their pieces are read all at once. The files of a window go out in as many
batches as the budget asks for; a single file may be larger than it. One byte more than the size is asked for: where it
comes, the file has grown since, or it is one of those that tell no size (/proc, devices), and is read on until nothing
comes, but not beyond 64 MiB: some devices have no end.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ...hal.operation_queue import OperationQueue
from ...hal.operations import OperationCode, Operations
from ...status import STATUS_FILE_TOO_LARGE, STATUS_NO_MEMORY, statuses_from_results
from ..rings.batch_memory import BatchMemory
from .file_batch import FileBatch
from .path_rows import PathRows

#: The longest piece a long file is read in.
_PIECE = 1 << 20
#: How long a file may be that told no size.
_LONGEST_WITHOUT_SIZE = 64 << 20


def finish_long_files(
    queue: OperationQueue,
    memory: BatchMemory,
    budget: int,
    batch: FileBatch,
    unfinished: npt.NDArray[np.bool_],
    slots: npt.NDArray[np.int32],
    rows: PathRows,
) -> Iterator[FileBatch]:
    """The files of a window in one batch or more, those marked unfinished read to their end from their slots."""
    remaining = 0 if rows.may_come_in_pieces() else _remaining(queue, rows, batch.length)
    room = batch.length + np.where(unfinished, remaining + 1, 0)
    for first, last in _runs(room, budget):
        part = slice(first, last)
        yield _Run(queue, memory, batch, part, slots).read(room[part], np.flatnonzero(unfinished[part]))


def _remaining(queue: OperationQueue, rows: PathRows, read: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many bytes are left of each file, by its size; 0 where that cannot be had."""
    operations, answers = rows.stats()
    queue.transfer(operations)
    size = np.where(operations.results < 0, 0, answers["size"].astype(np.int64))
    return np.maximum(size - read, 0)


def _runs(room: npt.NDArray[np.int64], budget: int) -> Iterator[tuple[int, int]]:
    """Cut rows into runs that need at most `budget` bytes, or are a single row."""
    first = total = 0
    for row, size in enumerate(room.tolist()):
        if total + size > budget and row > first:
            yield first, row
            first, total = row, 0
        total += size
    yield first, len(room)


class _Run:
    """Rows of a window that become one batch."""

    def __init__(
        self, queue: OperationQueue, memory: BatchMemory, window: FileBatch, part: slice, slots: npt.NDArray[np.int32]
    ) -> None:
        self._queue = queue
        self._memory = memory
        self._window = window
        self._part = part
        self._slots = slots[part]
        self._length = window.length[part].copy()
        self._status = window.status[part].copy()
        self._position = np.zeros(len(self._length), np.int64)
        self._data: npt.NDArray[np.uint8] = np.empty(0, np.uint8)

    def read(self, room: npt.NDArray[np.int64], unfinished: npt.NDArray[np.intp]) -> FileBatch:
        """Read the unfinished rows to their end; `room` is what each row needs."""
        try:
            self._data = self._memory.take(int(room.sum()))
        except MemoryError:
            return self._refused(STATUS_NO_MEMORY, unfinished)
        self._position = np.cumsum(room) - room
        self._bring_what_is_read()
        if len(unfinished):
            for row in self._read_pieces(unfinished, room):
                self._read_on(row)
        return self._batch()

    def _batch(self) -> FileBatch:
        return FileBatch(self._window.paths[self._part], self._data, self._position, self._length, self._status)

    def _refused(self, status: int, unfinished: npt.NDArray[np.intp]) -> FileBatch:
        self._data, self._position = self._window.data, self._window.position[self._part]
        self._length[unfinished], self._status[unfinished] = 0, status
        return self._batch()

    def _bring_what_is_read(self) -> None:
        source, data = self._window.data, self._data
        rows = zip(
            self._window.position[self._part].tolist(), self._position.tolist(), self._length.tolist(), strict=True
        )
        for old, new, length in rows:
            data[new : new + length] = source[old : old + length]

    def _read_pieces(self, unfinished: npt.NDArray[np.intp], room: npt.NDArray[np.int64]) -> list[int]:
        """Read what the sizes promise, all files' pieces at once; returns the rows that had no end there."""
        start = self._length[unfinished]
        count = -(-(room[unfinished] - start) // _PIECE)
        owner = np.repeat(unfinished, count)
        ordinal = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
        offset = self._length[owner] + ordinal * _PIECE
        asked = np.minimum(room[owner] - offset, _PIECE)
        reads = Operations(
            OperationCode.READ, len(owner), file=self._slots[owner], fixed=True, buffer=self._data,
            position=(self._position[owner] + offset).astype(np.uint64), offset=offset.astype(np.uint64),
            length=asked.astype(np.uint32),
        )  # fmt: skip
        self._queue.transfer(reads)
        return self._take_results(owner, asked, reads.results)

    def _take_results(
        self, owner: npt.NDArray[np.intp], asked: npt.NDArray[np.int64], results: npt.NDArray[np.int32]
    ) -> list[int]:
        statuses = statuses_from_results(results).tolist()
        ended: set[int] = set()
        for row, wanted, result, status in zip(owner.tolist(), asked.tolist(), results.tolist(), statuses, strict=True):
            if row in ended:
                continue
            if result < 0:
                self._length[row], self._status[row] = 0, status
            else:
                self._length[row] += result
            if result < wanted:
                ended.add(row)
        return [row for row in dict.fromkeys(owner.tolist()) if row not in ended]

    def _read_on(self, row: int) -> None:
        """Read a file of unknown length from where its reads have come to until nothing comes."""
        length, start = int(self._length[row]), int(self._position[row])
        whole = [self._data[start : start + length]]
        result = length
        while result > 0 and length <= _LONGEST_WITHOUT_SIZE:
            piece = np.empty(_PIECE, np.uint8)
            read = Operations(
                OperationCode.READ, 1, file=self._slots[row : row + 1], fixed=True, buffer=piece, offset=length,
                length=_PIECE,
            )  # fmt: skip
            self._queue.transfer(read)
            result = int(read.results[0])
            whole.append(piece[: max(result, 0)])
            length += max(result, 0)
        status = int(read.status()[0]) if result < 0 else STATUS_FILE_TOO_LARGE if result > 0 else 0
        self._status[row], self._length[row] = status, 0 if status else length
        self._position[row] = len(self._data)
        self._data = np.concatenate((self._data, *whole)) if not status else self._data
