"""What submitting an I/O ring's entries does: starting, ordering, cancelling, waiting.

Entries are taken in their order. Runs of reads and writes are started together, as columns (`flight`).
Registrations run where they stand, so that what follows sees the new table and what came before keeps the old one. A
cancellation acts at once. An entry with DRAIN_PRECEDING_OPS is *held* until everything submitted before it has
completed; what follows it does not wait (one-sided, as measured on Windows), nothing blocks, and a cancellation behind
it is never stuck.

Every operation has a sequence number, so that a held entry can count what it still waits for. Completions arrive by
rows on whichever thread reaps the ring's queue; each becomes one entry of the completion queue, exactly once.

Who reaps: a waiting submit, a pop that finds nothing, and, as soon as an event is set, an entry is held or the ring is
closed with operations in flight, a thread of the System.

Decided here, as no source tells: completions already there count towards a wait; a submit with a held entry does not
block; another thread may submit while one waits, because the wait comes after the submission; a registration of no
entries fails with STATUS_INVALID_PARAMETER; a batch packet is cancelled as a whole.

The ring's queue of host operations is as long as its completion queue, up to Linux's 32768: what was accepted must be
able to start, whatever idle pipes came before it.

Source: spec ioring.md 2.3 to 2.8. Rows: R3, R4, R5, R7, R8, R9
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ...memory.address_space import Region
from ...status import (
    STATUS_CANCELLED,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_IORING_COMPLETION_QUEUE_TOO_FULL,
    STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED,
    STATUS_IORING_SUBMIT_IN_PROGRESS,
    STATUS_NOT_FOUND,
    STATUS_SUCCESS,
    RingClosed,
    RingLostInFork,
    error_for,
)
from ..file_object import FileObject
from .codes import (
    FIRST_VERSION,
    IORING_OP_CANCEL,
    IORING_OP_FLUSH,
    IORING_OP_READ,
    IORING_OP_READ_SCATTER,
    IORING_OP_REGISTER_BUFFERS,
    IORING_OP_REGISTER_FILES,
    IORING_OP_WRITE,
    IORING_OP_WRITE_GATHER,
    IORING_SUBMIT_WAIT_ALL,
)
from .drain import DrainList, Held
from .flight import Entries
from .launch import Launcher
from .segments import start_segments

if TYPE_CHECKING:
    from .ring import IoRing

#: Operations that are started together with their neighbours; all others are taken one by one.
_TOGETHER = (IORING_OP_READ, IORING_OP_WRITE)
#: Operations that a cancellation can name.
_ON_A_FILE = (*_TOGETHER, IORING_OP_FLUSH, IORING_OP_READ_SCATTER, IORING_OP_WRITE_GATHER)
#: The most host operations in flight: Linux's largest ring; more wait in the queue.
_HOST_ENTRIES = 32768


class _Goal:
    """What a waiting submit waits for: so many more completions posted, or the end of the System."""

    def __init__(self, submitter: Submitter, target: int) -> None:
        self._submitter = submitter
        self._target = target
        self.set = submitter.notify

    @property
    def remaining(self) -> int:
        """How many completions are still missing."""
        return 0 if self._submitter.stopped else max(self._target - self._submitter.posted, 0)


class Submitter:
    """The half of an I/O ring that works behind its queues."""

    def __init__(self, ring: IoRing) -> None:
        self._ring = ring
        self._io = ring.io
        self._queue = ring.io.hal.new_queue(min(ring.completion_size, _HOST_ENTRIES))
        self.notify = self._queue.notify
        self._busy = ring.io.hal.new_lock()
        self._lock = ring.io.hal.new_lock()
        self._launcher = Launcher(ring.io, self._queue, self._finish)
        self._held = DrainList()
        self._starting: Held | None = None
        self._releasing = False
        self._reaper: Any = None
        self._sequence = 0
        #: Operations without a completion yet, held ones included, and completions posted so far.
        self.outstanding = 0
        self.posted = 0

    @property
    def stopped(self) -> bool:
        """Whether the System has stopped, so that nothing more may ever complete."""
        return self._io.bug_check is not None

    # --- submit -----------------------------------------------------------------------------------------------------

    def submit(self, wait: int, timeout: float | None) -> tuple[int, bool]:
        """See `IoRing.submit`."""
        self._io.check_running()
        if not self._busy.acquire(blocking=False):
            raise error_for(STATUS_IORING_SUBMIT_IN_PROGRESS, "another thread is submitting on this ring")
        try:
            self._ring.check_open()
            count = self._start_queued(wait)
            target = self._target(wait)
        finally:
            self._busy.release()
        goal = _Goal(self, target)
        if not wait or not goal.remaining:
            self._poll_open()
            return count, True
        with self._io.wait_for(goal):
            done = self._queue.wait(goal, timeout)
        if self.posted < target:
            self._io.check_running()
        return count, done

    def _start_queued(self, wait: int) -> int:
        ring = self._ring
        self._queue.check()
        count, head = ring.queues.queued()
        if wait != IORING_SUBMIT_WAIT_ALL and not 0 <= wait <= ring.completion_size:
            raise error_for(STATUS_INVALID_PARAMETER, f"{wait} completions cannot be waited for: the queue is shorter")
        with self._lock:
            if self.outstanding + ring.queues.ready() + count > ring.completion_size:
                message = f"{count} more completions would not fit the queue of {ring.completion_size}: pop some first"
                raise error_for(STATUS_IORING_COMPLETION_QUEUE_TOO_FULL, message)
            self.outstanding += count
            first, self._sequence = self._sequence, self._sequence + count
        if count:
            self._start_all(*ring.queues.take(count, head), first)
        return count

    def _target(self, wait: int) -> int:
        """How many completions must have been posted for the wait to be over."""
        with self._lock:
            ready = self._ring.queues.ready()
            return self.posted + max(min(wait, ready + self.outstanding) - ready, 0)

    def _start_all(self, entries: Entries, pins: list[Region | None], arrays: list[Any], first: int) -> None:
        code, flags = entries["OpCode"], entries["Flags"]
        refused = self._refused(code, flags)
        together = np.isin(code, _TOGETHER) & (flags == 0) & (refused == 0)
        edges = np.flatnonzero(~together[1:] | ~together[:-1]) + 1
        for start_row, end_row in pairwise([0, *edges.tolist(), len(entries)]):
            rows, sequence = slice(start_row, end_row), first + start_row
            if together[start_row]:
                self._launcher.start_transfers(entries[rows], pins[rows], sequence)
            elif status := int(refused[start_row]):
                self._launcher.unpin(pins[rows])
                self._launcher.complete_one(entries[rows], sequence, status)
            elif not flags[start_row] or not self._hold(entries[rows], pins[rows], arrays[rows], sequence):
                self._start_one(entries[rows], pins[rows], arrays[rows], sequence)

    def _refused(self, code: Any, flags: Any) -> Any:
        """Why the ring's version does not have an operation or a flag, uint32 per row; builders check it before."""
        first = np.array([*FIRST_VERSION, 1 << 31], np.uint32)[np.minimum(code, len(FIRST_VERSION))]
        status = np.where(first > self._ring.version, np.uint32(STATUS_INVALID_PARAMETER), np.uint32(0))
        unknown = flags & ~np.uint32(self._ring.known_flags) != 0
        return np.where(unknown, np.uint32(STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED), status)

    def _start_one(self, entry: Entries, pins: list[Region | None], arrays: list[Any], sequence: int) -> None:
        code, launcher = int(entry["OpCode"][0]), self._launcher
        if code in _TOGETHER:
            launcher.start_transfers(entry, pins, sequence)
            return
        launcher.unpin(pins)  # there are none, unless the entry was changed after it was built
        if code in _LAUNCHED:
            _LAUNCHED[code](launcher, entry, arrays[0], sequence)
        elif code == IORING_OP_CANCEL:
            self._start_cancel(entry, sequence)
        else:
            launcher.complete_one(entry, sequence, STATUS_SUCCESS)

    # --- cancelling -------------------------------------------------------------------------------------------------

    def _start_cancel(self, entry: Entries, sequence: int) -> None:
        body = entry["Cancel"]
        target = int(body["CancelId"][0])
        with self._launcher.look_up(body) as lookup:
            file = lookup.objects[0]
            if file is None:
                status = STATUS_INVALID_HANDLE
            elif target:
                status = STATUS_SUCCESS if self.cancel(file, target) else STATUS_NOT_FOUND
            else:
                found = sum(ring.cancel_on(file) for ring in list(self._io.io_rings))
                status = STATUS_SUCCESS if found else STATUS_NOT_FOUND
        self._launcher.complete_one(entry, sequence, status)

    def cancel(self, file: FileObject | None, target: int | None) -> int:
        """Ask operations to end early, on a file or on all: those with user data `target`, or all; how many."""
        return self._cancel_held(file, target) + self._launcher.cancel(file, target)

    def cancel_everything(self) -> None:
        """Ask everything in flight to end early."""
        self.cancel(None, None)

    def _cancel_held(self, file: FileObject | None, target: int | None) -> int:
        starting = 0
        with self._lock:
            chosen = self._held.take_all(lambda one: self._is_target(one, file, target)) if len(self._held) else []
            if self._starting is not None and self._is_target(self._starting, file, target):
                self._starting.unwanted = True
                starting = 1
        for one in chosen:
            self._launcher.unpin(one.pins)
            self._launcher.complete_one(one.entry, one.sequence, STATUS_CANCELLED)
        return len(chosen) + starting

    def _is_target(self, held: Held, file: FileObject | None, target: int | None) -> bool:
        if target is not None and int(held.entry["UserData"][0]) != target:
            return False
        if file is None:
            return True
        # Every operation on a file names it in the same place.
        return int(held.entry["OpCode"][0]) in _ON_A_FILE and self._launcher.names(held.entry["Flush"], file)

    # --- holding and completing -------------------------------------------------------------------------------------

    def _hold(self, entry: Entries, pins: list[Region | None], arrays: list[Any], sequence: int) -> bool:
        """Keep an entry until what was submitted before has completed; false when there is nothing to wait for."""
        with self._lock:
            # Outstanding counts this entry and those behind it in the same submit as well.
            before = self.outstanding - (self._sequence - sequence)
            if not self._held.hold(Held(entry, pins, arrays, sequence), before):
                return False
        self.ensure_reaper()
        return True

    def _finish(self, user_data: Any, status: Any, information: Any, sequence: Any) -> None:
        """Post completions, let held entries go that waited for them, wake whoever waits."""
        with self._lock:
            self._ring.post(user_data, status, information)
            self.posted += len(user_data)
            self.outstanding -= len(user_data)
            if len(self._held):
                self._held.finished(sequence.tolist())
        if len(self._held):
            self._release_held()
        self.notify()

    def _release_held(self) -> None:
        """Start held entries that are free. Each may complete at once and free the next: one thread does them all."""
        with self._lock:
            if self._releasing:
                return
            self._releasing = True
        try:
            while (one := self._next_free()) is not None:
                self._start_one(one.entry, one.pins, one.arrays, one.sequence)
                if one.unwanted:
                    self._launcher.cancel_started(one.sequence)
        except BaseException:
            self._releasing, self._starting = False, None
            raise

    def _next_free(self) -> Held | None:
        with self._lock:
            free = self._starting = self._held.take_free()
            self._releasing = free is not None
        return free

    # --- reaping, closing -------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Start what is staged and take what is there."""
        self._queue.poll()

    def _poll_open(self) -> None:
        try:
            self._queue.poll()
        except RingClosed:  # by another thread, after everything was started
            pass

    def ensure_reaper(self) -> None:
        """Have a thread of the System reap this ring, from now on."""
        with self._lock:
            if self._reaper is None:
                self._reaper = self._io.hal.spawn(self._queue.serve, "ntio ring")

    def close(self) -> None:
        """Drop what is queued, let what is in flight go on, and give everything back when it has ended."""
        with self._busy:
            self._ring.check_open()
            self._ring.shut()
            if not len(self._held):  # held entries still name what is registered
                self._launcher.close()
        try:
            self._queue.check()
        except RingLostInFork:  # the parent's operations are the parent's; what is mapped here goes
            self._close_now(threads_live=False)
            return
        if self.outstanding:
            self._io.watch(self._io.hal.spawn(self._drain_and_close, "ntio ring close"))
        else:
            self._close_now()

    def _drain_and_close(self) -> None:
        goal = _Goal(self, self.posted + self.outstanding)
        with self._io.wait_for(goal):
            self._queue.wait(goal)
        self._close_now()

    def _close_now(self, *, threads_live: bool = True) -> None:
        self._launcher.close()
        self._queue.close()
        if self._reaper is not None and threads_live:
            self._reaper.join()
        self._io.io_rings.discard(self._ring)


_LAUNCHED: dict[int, Callable[[Launcher, Entries, Any, int], None]] = {
    IORING_OP_FLUSH: Launcher.start_flush,
    IORING_OP_REGISTER_FILES: Launcher.start_register_files,
    IORING_OP_REGISTER_BUFFERS: Launcher.start_register_buffers,
    IORING_OP_READ_SCATTER: start_segments,
    IORING_OP_WRITE_GATHER: start_segments,
}
