"""One long file, copied in pieces: eight are written while the next eight are read.

The room is allocated first, which leaves writes with nothing to extend, and a disk that is too full is known at once.
Measured, 1 GiB in the cache, MiB/s: 5,700 so, 3,900 without (dd 4,500 to 5,300); pieces of 128 KiB and of 1 MiB are no
faster. On ext4 the kernel's own workers do the writing, so this takes two processors for a while.

Rows: R10
"""

from __future__ import annotations

from contextlib import closing

import numpy as np
import numpy.typing as npt

from ...hal.host import open_flags
from ...hal.machine import Hal
from ...hal.operation_queue import OperationQueue
from ...hal.operations import OperationCode, Operations, cell
from ..many_files.file_pieces import PIECE, read_spans
from .copy_plan import CopyPlan
from .whole_writes import write_all

#: How a target is opened.
WRITING = open_flags(read=False, write=True, create=True, truncate=True, nonblocking=True)


def copy_long(hal: Hal, queue: OperationQueue, plan: CopyPlan, spans: npt.NDArray[np.uint8]) -> int:
    """Copy a file and return its length in bytes; raises NtError. What a failure leaves of the target stays."""
    source = hal.files.open(plan.source, open_flags(read=True, write=False, nonblocking=True))
    try:
        target = hal.files.open(plan.target, WRITING, plan.permissions)
        try:
            hal.files.allocate(target, plan.size)  # a file system that cannot will extend the file as it is written
            length = _copy_spans(hal, queue, source, target, plan, spans)
            if length < plan.size:  # it has shrunk meanwhile
                hal.files.truncate(target, length)
            return length
        finally:
            hal.files.close(target)
    finally:
        hal.files.close(source)


def _copy_spans(
    hal: Hal, queue: OperationQueue, source: int, target: int, plan: CopyPlan, spans: npt.NDArray[np.uint8]
) -> int:
    length = 0
    write: Operations | None = None
    with closing(read_spans(queue, source, plan.source, spans)) as source_spans:
        try:
            for span in source_spans:
                _finish(hal, queue, write, plan)
                write = _start(queue, target, span, length)
                length += len(span)
        finally:
            if write is not None:
                queue.wait(write)
    _finish(hal, queue, write, plan)
    return length


def _start(queue: OperationQueue, target: int, span: npt.NDArray[np.uint8], offset: int) -> Operations:
    position = np.arange(0, len(span), PIECE, dtype=np.uint64)
    length = np.minimum(PIECE, np.uint64(len(span)) - position).astype(np.uint32)
    write = Operations(
        OperationCode.WRITE, len(position), file=target, buffer=span, position=position,
        offset=position + np.uint64(offset), length=length,
    )  # fmt: skip
    queue.submit(write)
    return write


def _finish(hal: Hal, queue: OperationQueue, write: Operations | None, plan: CopyPlan) -> None:
    """Wait for a span to be written, and write again what a short piece left."""
    if write is None:
        return
    queue.wait(write)
    assert write.buffer is not None
    for row in np.flatnonzero(write.results != write.length).tolist():
        done = max(int(write.results[row]), 0)
        first, left = cell(write.position, row) + done, cell(write.length, row) - done
        rest = write.buffer[first : first + left].data
        write_all(hal.files, cell(write.file, 0), rest, cell(write.offset, row) + done, plan.target)
