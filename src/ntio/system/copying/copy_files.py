"""Copying many files, small and large, through rings.

    for copied in ntio.copy_files([("a", "b"), ("c", "d")]):
        if copied.error: ...

Small files are read through a ring by windows (`file_windows`) and written by plain calls, one after the other: the
kernel hands every creation and every write of a ring to a worker, which costs more than it brings (10,000 files of
10 KB into memory: 65 k files/s and twice the processor time, 97 k by plain calls; on ext4 the journal decides either
way). Longer files are copied in pieces (`copy_long`). A file that cannot be copied gives its error and stops nothing.

A target gets the permission bits of its source; an existing one is overwritten. Holes are filled with zeros; owner,
times and extended attributes are not copied.

Rows: R10
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...status import NtError
from ..default import default_system
from ..many_files.file_batch import FileBatch
from ..many_files.file_pieces import new_spans
from ..many_files.file_windows import FIRST_BYTES, WindowReader
from ..system import System
from .copy_long import WRITING, copy_long
from .copy_plan import CopyPlan, plan_copies
from .permissions import Permissions
from .whole_writes import write_all

_Path = str | os.PathLike[str]


class FileCopy(NamedTuple):
    """One file that was copied, and how many bytes, or the error that came instead."""

    source: str
    target: str
    bytes: int
    error: NtError | None = None


def copy_files(
    pairs: Iterable[tuple[_Path, _Path]], *, max_bytes: int = 256 << 20, system: System | None = None
) -> Generator[FileCopy, None, None]:
    """Copy each source to its target; yields FileCopy as they are done, in no particular order.

    At most `max_bytes` of memory are used. No target may be a source, or the target of another pair. A target's folder
    has to exist. Nothing is flushed to the disk. Stopping early leaves what was copied so far.
    """
    system = system or default_system()
    system.io.check_running()
    return _copy(system, ((os.fspath(source), os.fspath(target)) for source, target in pairs), max_bytes)


def _copy(system: System, pairs: Iterator[tuple[str, str]], max_bytes: int) -> Generator[FileCopy, None, None]:
    copier = _Copier(system, pairs, max(max_bytes, FIRST_BYTES))
    try:
        yield from copier.run()
    finally:
        copier.close()


class _Copier:
    """One run of `copy_files`: a ring that reads windows, and one that looks at files and copies long ones."""

    def __init__(self, system: System, pairs: Iterator[tuple[str, str]], max_bytes: int) -> None:
        self._system = system
        self._pairs = pairs
        self._permissions = Permissions(system)
        self._reader = WindowReader(system, max_bytes)
        self._queue = system.hal.new_queue(max(self._reader.widest, 32))
        self._planned: deque[list[CopyPlan]] = deque()  # small files, by window
        self._others: deque[CopyPlan] = deque()  # long files, and what cannot be copied
        self._spans: npt.NDArray[np.uint8] | None = None

    def close(self) -> None:
        """Wait for what is on its way; close every file."""
        self._reader.close()
        self._queue.close()

    def run(self) -> Iterator[FileCopy]:
        """Copy everything."""
        for batches in self._reader.windows(self._feed):
            yield from self._copy_others()
            plans = iter(self._planned.popleft())
            for batch in batches:
                yield from self._write(list(islice(plans, len(batch))), batch)
        yield from self._copy_others()

    def _feed(self, idle: bool) -> list[str] | None:
        while pairs := list(islice(self._pairs, self._reader.window)):
            plans = plan_copies(self._queue, pairs)
            small = [plan for plan in plans if plan.small]
            self._others.extend(plan for plan in plans if not plan.small)
            if small:
                self._planned.append(small)
                return [plan.source for plan in small]
        return None

    def _copy_others(self) -> Iterator[FileCopy]:
        while self._others:
            plan = self._others.popleft()
            if plan.error is not None:
                yield FileCopy(plan.source, plan.target, 0, plan.error)
                continue
            if self._spans is None:
                self._spans = new_spans()
            try:
                copied = copy_long(self._system.hal, self._queue, plan, self._spans)
                self._permissions.apply(plan.target, plan.permissions, existed=plan.exists)
            except NtError as error:
                yield FileCopy(plan.source, plan.target, 0, error)
            else:
                yield FileCopy(plan.source, plan.target, copied)

    def _write(self, plans: list[CopyPlan], batch: FileBatch) -> Iterator[FileCopy]:
        for row, plan in enumerate(plans):
            error = batch.error(row)
            if error is None:
                try:
                    self._write_one(plan, batch[row].data)
                except NtError as failure:
                    error = failure
            yield FileCopy(plan.source, plan.target, 0 if error else int(batch.length[row]), error)

    def _write_one(self, plan: CopyPlan, data: memoryview) -> None:
        files = self._system.hal.files
        file = files.open(plan.target, WRITING, plan.permissions)
        try:
            write_all(files, file, data, 0, plan.target)
        finally:
            files.close(file)
        self._permissions.apply(plan.target, plan.permissions, existed=plan.exists)
