"""One long file, read in spans of 2 MiB with the next ones on their way; its size need not be known.

A span is eight reads of 256 KiB in one crossing. While one is worked on the next is being read, so that a disk never
waits for the hashing or the writing of what it has brought.

Rows: R10
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from ...hal.operation_queue import OperationQueue
from ...hal.operations import OperationCode, Operations
from ...status import raise_for_status

#: One read, and how many of them make a span.
PIECE = 256 << 10
PIECES = 8
_SPAN = PIECE * PIECES
#: A span is being read, one is in use, and one may still be written by whoever used it before.
SPANS = 3

_position = np.arange(PIECES, dtype=np.uint64) * np.uint64(PIECE)


def new_spans() -> npt.NDArray[np.uint8]:
    """Memory for `read_spans`, for any number of files one after the other."""
    return np.empty((SPANS, _SPAN), np.uint8)


def read_spans(
    queue: OperationQueue, file: int, path: str, memory: npt.NDArray[np.uint8]
) -> Generator[npt.NDArray[np.uint8], None, None]:
    """A file's bytes in order, uint8[up to 2 MiB]; each span is valid until the one after the next is asked for.

    Close the iterator when done with it: reads are on their way into `memory`. Raises NtError.
    """
    reads = deque([_start(queue, file, memory[0], 0)])
    number = 0
    try:
        while True:
            number += 1
            reads.append(_start(queue, file, memory[number % SPANS], number * _SPAN))
            queue.wait(reads[0])
            length = _length(reads.popleft(), path)
            if length:
                yield memory[(number - 1) % SPANS][:length]
            if length < _SPAN:
                return
    finally:
        for read in reads:
            queue.cancel(read)
            queue.wait(read)


def _start(queue: OperationQueue, file: int, span: npt.NDArray[np.uint8], offset: int) -> Operations:
    read = Operations(
        OperationCode.READ, PIECES, file=file, buffer=span, position=_position, length=PIECE,
        offset=_position + np.uint64(offset),
    )  # fmt: skip
    queue.submit(read)
    return read


def _length(read: Operations, path: str) -> int:
    """How many bytes came before the first short piece."""
    total = 0
    for result in read.results.tolist():
        if result < 0:
            raise_for_status(int(read.status().max()), "cannot read", path)
        total += result
        if result < PIECE:
            break
    return total
