"""What is to be copied where: the sources and targets of a window looked at, and what cannot be copied refused.

Nothing is opened yet. A source that is its own target would be emptied before it is read, and two sources with one
target would mix, so both are refused here.

Rows: R10
"""

from __future__ import annotations

import stat as stat_bits
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...hal.operation_queue import OperationQueue
from ...status import (
    STATUS_FILE_IS_A_DIRECTORY,
    STATUS_NOT_SUPPORTED,
    InvalidParameter,
    NtError,
    error_for,
    statuses_from_results,
)  # fmt: skip
from ..many_files.path_rows import PathRows

#: Files up to this size are read whole, by the window; longer ones are copied in pieces.
LONGEST_SMALL = 1 << 20


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """One file to copy: from where, to where, its size and permission bits; whether the target exists already."""

    source: str
    target: str
    size: int
    permissions: int
    exists: bool
    error: NtError | None = None

    @property
    def small(self) -> bool:
        """Whether it is read whole."""
        return self.error is None and self.size <= LONGEST_SMALL


def plan_copies(queue: OperationQueue, pairs: list[tuple[str, str]]) -> list[CopyPlan]:
    """Look at all sources and targets, two crossings for all of them."""
    sources, statuses = _look(queue, [source for source, _ in pairs])
    targets, missing = _look(queue, [target for _, target in pairs])
    same = (statuses == 0) & (missing == 0)
    for name in ("ino", "dev_major", "dev_minor"):
        same &= sources[name] == targets[name]
    plans: list[CopyPlan] = []
    taken: set[str] = set()
    for row, (source, target) in enumerate(pairs):
        mode = int(sources["mode"][row])
        error = _obstacle(source, int(statuses[row]), mode)
        if error is None and same[row]:
            error = InvalidParameter(f"it is the same file as {target!r}", filename=source)
        if error is None and "\0" in target:
            error = InvalidParameter("a path cannot contain a NUL character", filename=target)
        if error is None and target in taken:
            error = InvalidParameter(f"another file is copied to {target!r} as well", filename=source)
        taken.add(target)
        size = int(sources["size"][row])
        plans.append(CopyPlan(source, target, size, stat_bits.S_IMODE(mode) & 0o777, not missing[row], error))
    return plans


def _look(queue: OperationQueue, paths: list[str]) -> tuple[npt.NDArray[np.void], npt.NDArray[np.uint32]]:
    rows = PathRows(paths)
    operations, answers = rows.stats()
    queue.transfer(operations)
    return answers, statuses_from_results(rows.refuse(operations.results))


def _obstacle(source: str, status: int, mode: int) -> NtError | None:
    if status:
        return error_for(status, "cannot look at", source)
    if stat_bits.S_ISDIR(mode):
        return error_for(STATUS_FILE_IS_A_DIRECTORY, "cannot copy", source)
    if not stat_bits.S_ISREG(mode):
        return error_for(STATUS_NOT_SUPPORTED, "not a regular file", source)
    return None
