"""What submitting an I/O ring's entries does: starting, ordering, cancelling, waiting.

Entries are taken in their order. Runs of reads and writes are started together, as columns (`io_ring_flight`).
Registrations run where they stand, so that what follows sees the new table and what came before keeps the old one. A
cancellation acts at once. An entry with DRAIN_PRECEDING_OPS is *held* until everything submitted before it has
completed; what follows it does not wait (one-sided, as measured on Windows), nothing blocks, and a cancellation behind
it is never stuck.

Every operation has a sequence number, so that a held entry can count what it still waits for. Completions arrive by
rows on whichever thread reaps the ring's queue; each becomes one entry of the completion queue, exactly once.

Who reaps: a waiting submit, a pop that finds nothing, and, as soon as an event is set, an entry is held or the ring is
closed with operations in flight, a thread of the System.

Decided here, as no source tells: completions already there count towards a wait; a submit with a held entry does not
block; a registration of no entries fails with STATUS_INVALID_PARAMETER; a batch packet is cancelled as a whole.

Source: spec ioring.md 2.3 to 2.8. Rows: R3, R4, R5, R7, R8, R9
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..memory.address_space import Region
from ..status import (
    STATUS_CANCELLED,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_IORING_COMPLETION_QUEUE_TOO_FULL,
    STATUS_IORING_SUBMIT_IN_PROGRESS,
    STATUS_NOT_FOUND,
    STATUS_SUCCESS,
    error_for,
)
from .file_object import FileObject
from .io_ring_codes import (
    IORING_OP_CANCEL,
    IORING_OP_FLUSH,
    IORING_OP_NOP,
    IORING_OP_READ,
    IORING_OP_READ_SCATTER,
    IORING_OP_REGISTER_BUFFERS,
    IORING_OP_REGISTER_FILES,
    IORING_OP_WRITE,
    IORING_OP_WRITE_GATHER,
    IORING_SUBMIT_WAIT_ALL,
    IOSQE_FLAGS_DRAIN_PRECEDING_OPS,
)
from .io_ring_launch import Launcher

if TYPE_CHECKING:
    from .io_ring import IoRing

#: Operations that are started together with their neighbours; all others are taken one by one.
_TOGETHER = (IORING_OP_READ, IORING_OP_WRITE)
#: The most host operations in flight: Linux's largest ring; more wait in the queue.
_HOST_ENTRIES = 32768


class _Goal:
    """What a waiting submit waits for: so many more completions posted."""

    def __init__(self, submitter: Submitter, target: int) -> None:
        self._submitter = submitter
        self._target = target

    @property
    def remaining(self) -> int:
        """How many completions are still missing."""
        return max(self._target - self._submitter.posted, 0)


class _Held:
    """An entry that waits until what was submitted before it has completed."""

    __slots__ = ("arrays", "entries", "file", "pins", "sequence", "waits_for")

    def __init__(
        self, entries: npt.NDArray[Any], pins: list[Region | None], arrays: list[Any], sequence: int, waits_for: int
    ) -> None:
        self.entries = entries
        self.pins = pins
        self.arrays = arrays
        self.sequence = sequence
        self.waits_for = waits_for


class Submitter:
    """The half of an I/O ring that works behind its queues."""

    def __init__(self, ring: IoRing) -> None:
        self._ring = ring
        self._io = ring.io
        self._queue = ring.io.hal.new_queue(min(ring.submission_size, _HOST_ENTRIES))
        self._busy = ring.io.hal.new_lock()
        self._lock = ring.io.hal.new_lock()
        self._launcher = Launcher(ring.io, self._queue, self._finish)
        self._held: list[_Held] = []
        self._reaper: Any = None
        self._sequence = 0
        #: Operations without a completion yet, held ones included, and completions posted so far.
        self.outstanding = 0
        self.posted = 0

    # --- submit -----------------------------------------------------------------------------------------------------

    def submit(self, wait: int, timeout: float | None) -> tuple[int, bool]:
        """See `IoRing.submit`."""
        if not self._busy.acquire(blocking=False):
            raise error_for(STATUS_IORING_SUBMIT_IN_PROGRESS, "another thread is submitting on this ring")
        try:
            count = self._start_queued(wait)
            target = self._target(wait)
        finally:
            self._busy.release()
        goal = _Goal(self, target)
        if not wait or not goal.remaining:
            self.poll()
            return count, True
        return count, self._queue.wait(goal, timeout)

    def _start_queued(self, wait: int) -> int:
        ring = self._ring
        self._queue.check()
        count, head = ring.queued()
        if wait != IORING_SUBMIT_WAIT_ALL and not 0 <= wait <= ring.completion_size:
            raise error_for(STATUS_INVALID_PARAMETER, f"{wait} completions cannot be waited for: the queue is shorter")
        if self.outstanding + ring.ready() + count > ring.completion_size:
            message = f"{count} more completions would not fit the queue of {ring.completion_size}: pop some first"
            raise error_for(STATUS_IORING_COMPLETION_QUEUE_TOO_FULL, message)
        if count:
            entries, pins, arrays = ring.take(count, head)
            with self._lock:
                self.outstanding += count
                first, self._sequence = self._sequence, self._sequence + count
            self._start_all(entries, pins, arrays, first)
        return count

    def _target(self, wait: int) -> int:
        """How many completions must have been posted for the wait to be over."""
        with self._lock:
            ready = self._ring.ready()
            return self.posted + max(min(wait, ready + self.outstanding) - ready, 0)

    def _start_all(self, entries: npt.NDArray[Any], pins: list[Region | None], arrays: list[Any], first: int) -> None:
        code, flags = entries["OpCode"], entries["Flags"]
        together = np.isin(code, _TOGETHER) & (flags & IOSQE_FLAGS_DRAIN_PRECEDING_OPS == 0)
        edges = np.flatnonzero(np.diff(together) | ~together[1:]) + 1
        bounds = [0, *edges.tolist(), len(entries)]
        for start_row, end_row in pairwise(bounds):
            rows = slice(start_row, end_row)
            if together[start_row]:
                self._launcher.start_transfers(entries[rows], pins[rows], first + start_row)
            elif int(flags[start_row]) & IOSQE_FLAGS_DRAIN_PRECEDING_OPS and self._hold(
                entries[rows], pins[rows], arrays[rows], first + start_row
            ):
                continue
            else:
                self._start_one(entries[rows], pins[rows], arrays[rows], first + start_row)

    def _start_one(self, entry: npt.NDArray[Any], pins: list[Region | None], arrays: list[Any], sequence: int) -> None:
        code = int(entry["OpCode"][0])
        launcher = self._launcher
        if code in _TOGETHER:
            launcher.start_transfers(entry, pins, sequence)
        elif code in _LAUNCHED:
            _LAUNCHED[code](launcher, entry, arrays[0], sequence)
        elif code == IORING_OP_CANCEL:
            self._start_cancel(entry, sequence)
        else:
            status = STATUS_SUCCESS if code == IORING_OP_NOP else STATUS_INVALID_PARAMETER
            launcher.complete_one(entry, sequence, status)

    # --- cancelling -------------------------------------------------------------------------------------------------

    def _start_cancel(self, entry: npt.NDArray[Any], sequence: int) -> None:
        body = entry["Cancel"]
        lookup = self._launcher.look_up(body)
        file, target = lookup.objects[0], int(body["CancelId"][0])
        if file is None:
            self._launcher.complete_one(entry, sequence, STATUS_INVALID_HANDLE)
            return
        if target:
            found = self.cancel(file, target)
        else:
            found = sum(ring.cancel_on(file) for ring in list(self._io.io_rings))
        self._launcher.complete_one(entry, sequence, STATUS_SUCCESS if found else STATUS_NOT_FOUND)

    def cancel(self, file: FileObject, target: int | None) -> int:
        """Ask operations on a file to end early: those with user data `target`, or all; how many there were."""
        return self._cancel_held(file, target) + self._launcher.cancel(file, target)

    def _cancel_held(self, file: FileObject, target: int | None) -> int:
        with self._lock:
            chosen = [one for one in self._held if self._is_target(one, file, target)]
            self._held = [one for one in self._held if one not in chosen]
        for one in chosen:
            self._launcher.unpin(one.pins)
            self._launcher.complete_one(one.entries, one.sequence, STATUS_CANCELLED)
        return len(chosen)

    def _is_target(self, held: _Held, file: FileObject, target: int | None) -> bool:
        if target is not None and int(held.entries["UserData"][0]) != target:
            return False
        body = held.entries["Flush"]
        lookup = self._launcher.look_up(body)
        return lookup.objects[0] is file

    # --- holding and completing -------------------------------------------------------------------------------------

    def _hold(self, entry: npt.NDArray[Any], pins: list[Region | None], arrays: list[Any], sequence: int) -> bool:
        """Keep an entry until what was submitted before has completed; false when there is nothing to wait for."""
        with self._lock:
            # Outstanding counts this entry and those behind it in the same submit as well.
            waits_for = self.outstanding - (self._sequence - sequence)
            waits_for -= sum(1 for one in self._held if one.sequence > sequence)
            if waits_for <= 0:
                return False
            self._held.append(_Held(entry, pins, arrays, sequence, waits_for))
        self.ensure_reaper()
        return True

    def _finish(self, user_data: Any, status: Any, information: Any, sequence: npt.NDArray[np.uint64]) -> None:
        """Post completions, let held entries go that waited for them, wake whoever waits."""
        if not len(user_data):
            return
        with self._lock:
            self._ring.post(user_data, status, information)
            self.posted += len(user_data)
            self.outstanding -= len(user_data)
            ready = []
            for one in self._held:
                one.waits_for -= int((sequence < one.sequence).sum())
                if one.waits_for <= 0:
                    ready.append(one)
            if ready:
                self._held = [one for one in self._held if one not in ready]
        for one in ready:
            self._start_one(one.entries, one.pins, one.arrays, one.sequence)
        self._queue.notify()

    # --- reaping, closing -------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Start what is staged and take what is there."""
        self._queue.poll()

    def ensure_reaper(self) -> None:
        """Have a thread of the System reap this ring, from now on."""
        if self._reaper is None:
            self._reaper = self._io.hal.spawn(self._queue.serve, "ntio ring")

    def close(self) -> None:
        """Let what is in flight go on; give everything back when it has ended."""
        self._launcher.close()
        if not self.outstanding:
            self._close_now()
            return
        self._io.watch(self._io.hal.spawn(self._drain_and_close, "ntio ring close"))

    def _drain_and_close(self) -> None:
        self._queue.wait(_Goal(self, self.posted + self.outstanding))
        self._close_now()

    def _close_now(self) -> None:
        self._queue.close()
        if self._reaper is not None:
            self._reaper.join()


_LAUNCHED: dict[int, Callable[[Launcher, npt.NDArray[Any], Any, int], None]] = {
    IORING_OP_FLUSH: Launcher.start_flush,
    IORING_OP_REGISTER_FILES: Launcher.start_register_files,
    IORING_OP_REGISTER_BUFFERS: Launcher.start_register_buffers,
    IORING_OP_READ_SCATTER: Launcher.start_segments,
    IORING_OP_WRITE_GATHER: Launcher.start_segments,
}
