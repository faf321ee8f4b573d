"""The simulated machine: one seed replays a run, on any platform.

Rows finish in an order drawn from the seed, after delays drawn from the seed, on a clock that only the simulation
moves: entering costs a microsecond, waiting costs as long as the next row takes, and nothing ever really sleeps. So a
test that takes an hour of virtual time takes milliseconds, and what went wrong once goes wrong again with the same
number.

    stage -> enter: each row gets a time -> wait: the clock moves to the next time, that row is done -> collect

What may go wrong is a list of `Fault`s, or any callable: an errno instead of a result. Two things happen by themselves
if asked for: reads and writes of streams that move only a part, and rows that end ECANCELED though nobody cancelled
them, as io_uring does when a thread exits (`OperationQueue` must hide those).

A thread that waits for what can never come by itself (an idle pipe) sleeps on a lock until another thread writes or
cancels; with a timeout, the clock moves on by the timeout and it returns. Waits for events, threads and the like let
the others go first (`virtual_clock`).

Rows: R11, R30
"""

from __future__ import annotations

import errno
import heapq
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .engine import RowByRow
from .file_table import FileTable
from .host_rows import Tables, descriptor, is_cancelled, path_of, refusal
from .machine import Hal, HostThread, Lock
from .operation_queue import OperationQueue
from .operations import COMPLETION, WORKING_DIRECTORY, OperationCode, Operations, cell, rounded_entries
from .simulated_files import OpenFile, SimulatedFile, SimulatedFiles, SimulatedPipe, status_of
from .statx import AT_EMPTY_PATH, STATX, write_statx
from .virtual_clock import VirtualClock

_CANCELLED = -errno.ECANCELED
_CROSSING = 1e-6
_LONGEST_ROW = 100e-6


@dataclass(frozen=True)
class Fault:
    """Rows of one kind that fail now and then: with `probability`, by minus `errno`."""

    code: OperationCode
    probability: float
    errno: int


#: Decides about one row: batch, row, chance. 0 lets it be, else an errno.
FaultRule = Callable[[Operations, int, random.Random], int]


class World:
    """What the engines of one simulated machine share, and how it misbehaves.

    `faults` is a list of `Fault` or a `FaultRule`; `short` and `spontaneous_cancel` are probabilities per row.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.clock = VirtualClock()
        self.files = SimulatedFiles()
        self.faults: Sequence[Fault] | FaultRule = ()
        self.short = 0.0
        self.spontaneous_cancel = 0.0
        self._engines = 0

    def new_chance(self) -> random.Random:
        """Chance for one more engine: each has its own, so that one does not disturb another's run."""
        self._engines += 1
        return random.Random(f"{self.seed}/{self._engines}")

    def fault(self, operations: Operations, row: int, chance: random.Random) -> int:
        """The errno a row shall fail with; 0 for none."""
        if callable(self.faults):
            return self.faults(operations, row, chance)
        for fault in self.faults:
            if fault.code == operations.code and chance.random() < fault.probability:
                return fault.errno
        return 0


class SimulatedHal(Hal):
    """A simulated machine; `world` is where its misbehaviour is set."""

    def __init__(self, world: World, reason: str) -> None:
        super().__init__(
            "simulated",
            world.files,
            lambda entries: OperationQueue(SimulatedEngine(entries, world), now=world.clock.now),
            reason=reason,
            clock=world.clock,
            chance=random.Random(world.seed),
        )
        self.world = world

    def nap(self, lock: Lock, timeout: float | None = None) -> bool:
        """Wait until `lock` can be taken, `timeout` virtual seconds at most; says whether it was."""
        if timeout is None:
            return lock.acquire()
        return self.world.clock.wait(lambda real: lock.acquire(timeout=real), timeout)

    def join(self, thread: HostThread, timeout: float | None = None) -> bool:
        """Wait until a thread has ended, `timeout` virtual seconds at most; says whether it has. The wait counts."""
        if timeout is None:
            return super().join(thread)
        with self.waiting():
            return self.world.clock.wait(thread.join, timeout)


def simulated_hal(reason: str, seed: int) -> SimulatedHal:
    """A machine in memory whose every run the seed replays."""
    return SimulatedHal(World(seed), reason)


class _Row:
    """One row in flight."""

    __slots__ = ("fails_with", "file", "operations", "order", "row", "share", "slot", "when")

    def __init__(self, operations: Operations, slot: int, row: int) -> None:
        self.operations = operations
        self.slot = slot
        self.row = row
        self.file: OpenFile | None = None
        self.when = 0.0
        self.order = 0
        self.fails_with = 0
        self.share = 1.0

    def __lt__(self, other: _Row) -> bool:
        return (self.when, self.order) < (other.when, other.order)


class SimulatedEngine(RowByRow):
    """Batches on a simulated machine; `crossings` counts what would enter the host: `enter` with something to do."""

    name = "simulated"

    def __init__(self, entries: int, world: World) -> None:
        self.entries = rounded_entries(entries)
        self.crossings = 0
        self._world = world
        self._chance = world.new_chance()
        self._changed = world.files.changed
        self._tables = Tables(FileTable(world.files.duplicate, world.files.close))
        self._staged: list[_Row] = []
        self._running: list[_Row] = []  # a heap by time
        self._blocked: list[_Row] = []  # on streams, in the order in which they came to a stop
        self._done: list[tuple[int, int, int, int]] = []
        self._wakes = 0
        self._started = 0

    # --- starting ---------------------------------------------------------------------------------------------------

    def stage(self, operations: Operations, start: int, count: int, slot: int) -> None:
        """Take rows of a batch; they start at the next `enter`."""
        with self._changed:
            self._staged += [_Row(operations, slot, row) for row in range(start, start + count)]

    def stage_rows(self, operations: Operations, rows: npt.NDArray[np.uint32], slot: int) -> None:
        """Take these rows of a batch; they start at the next `enter`."""
        with self._changed:
            self._staged += [_Row(operations, slot, row) for row in rows.tolist()]

    def stage_cancel(self, slot: int, rows: npt.NDArray[np.uint32]) -> None:
        """End those of a batch's rows that did not finish yet."""
        wanted = set(rows.tolist())
        with self._changed:
            for rows_of_a_kind in (self._running, self._blocked):
                for row in [row for row in rows_of_a_kind if row.slot == slot and row.row in wanted]:
                    rows_of_a_kind.remove(row)
                    self._finish(row, _CANCELLED)
            heapq.heapify(self._running)
            self._changed.notify_all()

    def _start(self) -> None:
        staged, self._staged = self._staged, []
        now, chance = self._world.clock.now(), self._chance
        for row in staged:
            self._started += 1
            row.order = self._started
            row.when = now + chance.uniform(_CROSSING, _LONGEST_ROW)
            if row.operations.code in (OperationCode.READ, OperationCode.WRITE):
                row.file = self._world.files.hold(descriptor(row.operations, row.row, self._tables))
            heapq.heappush(self._running, row)
        if staged:
            self._changed.notify_all()  # another thread may wait in here for something to happen

    # --- finishing --------------------------------------------------------------------------------------------------

    def _finish_what_is_due(self) -> None:
        now = self._world.clock.now()
        while self._running and self._running[0].when <= now:
            row = heapq.heappop(self._running)
            self._try(row, first=True)
        blocked, self._blocked = self._blocked, []
        for row in blocked:
            self._try(row)

    def _try(self, row: _Row, first: bool = False) -> None:
        result: int | None = -errno.EIO  # also where a fault rule raises: no row is ever lost
        try:
            if first:
                self._decide_fate(row)
            result = self._result(row)
        finally:
            if result is None:
                self._blocked.append(row)
            else:
                self._finish(row, result)

    def _decide_fate(self, row: _Row) -> None:
        chance = self._chance
        row.fails_with = self._world.fault(row.operations, row.row, chance)
        if chance.random() < self._world.spontaneous_cancel:
            row.fails_with = errno.ECANCELED
        row.share = chance.random() if chance.random() < self._world.short else 1.0

    def _finish(self, row: _Row, result: int) -> None:
        self._done.append((row.row, row.slot, result, 0))
        if row.file is not None:
            self._world.files.let_go(row.file)
        if not (self._running or self._blocked or self._staged):
            self._tables.files.close_retired()

    def _result(self, row: _Row) -> int | None:
        operations = row.operations
        if is_cancelled(operations, row.row):
            return _CANCELLED
        if row.fails_with:
            return -row.fails_with
        if operations.code in (OperationCode.READ, OperationCode.WRITE):
            return self._move(row)
        if operations.code not in _ACTIONS:  # the simulated machine has no network
            return -errno.EOPNOTSUPP
        try:
            return _ACTIONS[operations.code](self, operations, row.row)
        except (OSError, ValueError) as error:
            return refusal(error)

    def _move(self, row: _Row) -> int | None:
        operations, file = row.operations, row.file
        if file is None:
            return -errno.EBADF
        start, length = cell(operations.position, row.row), cell(operations.length, row.row)
        buffer = np.empty(0, np.uint8) if operations.buffer is None else operations.buffer
        data = buffer[start : start + length]
        if len(data) != length or (operations.buffer_index >= 0 and self._tables.outside_buffer(operations, row.row)):
            return -errno.EFAULT
        if row.share < 1.0 and file.is_stream and length > 1:
            data = data[: 1 + int(row.share * (length - 1))]
        offset = (cell(operations.offset, row.row) + (1 << 63)) % (1 << 64) - (1 << 63)
        result = file.move(operations.code == OperationCode.WRITE, data, offset)
        if result is not None and file.is_stream:
            self._changed.notify_all()
        return result

    def _nothing(self, operations: Operations, row: int) -> int:
        return 0

    def _flush(self, operations: Operations, row: int) -> int:
        return self._world.files.flush(descriptor(operations, row, self._tables))

    def _open(self, operations: Operations, row: int) -> int:
        index = cell(operations.file, row)
        if operations.fixed and (obstacle := self._tables.files.obstacle(index)):
            return obstacle
        path = os.fsdecode(path_of(operations, row))
        if operations.directory != WORKING_DIRECTORY:
            path = self._world.files.path_from(operations.directory, path)
        file = self._world.files.try_open(path, operations.flags, cell(operations.length, row))
        if file < 0 or not operations.fixed:
            return file
        self._tables.files.put(index, file)
        return 0

    def _close(self, operations: Operations, row: int) -> int:
        file = cell(operations.file, row)
        return self._tables.files.take_out(file) if operations.fixed else self._world.files.try_close(file)

    def _stat(self, operations: Operations, row: int) -> int:
        path, files = os.fsdecode(path_of(operations, row)), self._world.files
        node: SimulatedFile | SimulatedPipe | None
        if not path and operations.flags & AT_EMPTY_PATH:
            opened = files.hold(cell(operations.file, row))
            if opened is None:
                return -errno.EBADF
            node = opened.node
            files.let_go(opened)
        else:
            node = files.find(path)
        destination = np.empty(0, np.uint8) if operations.auxiliary is None else operations.auxiliary
        destination = destination[cell(operations.auxiliary_position, row) :][: STATX.itemsize]
        if len(destination) < STATX.itemsize:
            return -errno.EFAULT
        write_statx(destination, status_of(node))
        return 0

    # --- waiting ----------------------------------------------------------------------------------------------------

    def enter(self, minimum: int, timeout: float | None = None) -> None:
        """Start what is staged; let virtual time pass until `minimum` results are there or the timeout is over."""
        clock = self._world.clock
        deadline = None if timeout is None else clock.now() + timeout
        with self._changed:
            self.crossings += bool(self._staged or minimum)
            self._start()
            clock.advance(_CROSSING)
            self._finish_what_is_due()
            while len(self._done) + self._wakes < minimum:
                following = self._running[0].when if self._running else None
                if deadline is not None and (following is None or following > deadline):
                    clock.advance_to(deadline)
                    break
                if following is None:
                    self._changed.wait()
                else:
                    clock.advance_to(following)
                self._finish_what_is_due()

    def collect(self) -> npt.NDArray[np.void]:
        """Take every result that is there, COMPLETION[k]."""
        with self._changed:
            done, self._done, self._wakes = self._done, [], 0
        return np.array(done, COMPLETION)

    def wake(self, count: int = 1) -> None:
        """Make a thread that waits, or is about to wait, for up to `count` results come back."""
        with self._changed:
            self._wakes += count
            self._changed.notify_all()

    def event_file(self) -> int:
        """There is nothing of the host's to wait for here."""
        return -1

    # --- tables, closing --------------------------------------------------------------------------------------------

    def register_files(self, files: Sequence[int]) -> None:
        """Replace the table of registered files; -1 leaves a slot empty."""
        with self._changed:
            self._tables.files.replace(files)
            if not (self._running or self._blocked or self._staged):
                self._tables.files.close_retired()

    def register_buffers(self, buffers: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Replace the table of registered buffers."""
        self._tables.register_buffers(buffers)

    def close(self) -> None:
        """Close the registered files."""
        self._tables.files.close()


_ACTIONS: dict[OperationCode, Callable[[SimulatedEngine, Operations, int], int]] = {
    OperationCode.NOP: SimulatedEngine._nothing,
    OperationCode.FLUSH: SimulatedEngine._flush,
    OperationCode.FLUSH_DATA: SimulatedEngine._flush,
    OperationCode.OPEN: SimulatedEngine._open,
    OperationCode.CLOSE: SimulatedEngine._close,
    OperationCode.STAT: SimulatedEngine._stat,
}
