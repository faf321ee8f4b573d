"""What every backend shares: batches in flight, windows, waiting, cancelling, and requests that outlive their thread.

An *engine* (`uring`, `threads`, `simulated`) only stages rows, enters and collects. The table of batches (`in_flight`)
feeds rows into it as room allows and writes results back; `OperationQueue` adds locks and waiting, and tells a waiter
when its batch is whole. There is no driver thread: whoever waits first drives, that is, enters the
engine and reaps for everybody. A second waiter sleeps on a lock of its own; the driver releases it when its batch is
whole, and hands driving over when it leaves. So one thread never needs a hand-over, and a driver that waits for many
results at once is nudged when somebody else begins to wait.

    submit   all or nothing, does not wait                transfer  any number of rows, in windows, waits for all
    wait     for one batch, with a timeout (seconds)      cancel    asks; every row still gets exactly one result

io_uring cancels what a thread submitted when that thread exits (200 of 200 queued writes came back ECANCELED). A row
that comes back so without anybody having cancelled it is staged again here and nobody notices.

An exception while waiting (Ctrl-C) cancels the batch and waits it out before it goes on: the kernel must never write
into memory whose owner has moved on.

Rows: R4, R9, R30
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..status import QueueFull, RingClosed, RingLostInFork
from .engine import PATIENCE, Awaited, Engine
from .here import Here, begin_wait
from .in_flight import InFlight, News, announce
from .operations import Operations


class OperationQueue:
    """Batches of host operations in flight on one engine.

    At most `capacity` rows are in flight at once. Any thread may call; raises QueueFull, RingClosed, RingLostInFork.
    `now` is the clock that timeouts are measured by.
    """

    def __init__(self, engine: Engine, now: Callable[[], float] = time.monotonic) -> None:
        self.engine = engine
        self._now = now
        self._table = InFlight(engine)
        self._lock = threading.Lock()
        self._driver_goal = 0  # what the thread inside `enter` waits for; 0: none is inside
        self._waiters: list[_Waiter] = []
        self._until_closed = _UntilClosed()
        self._closed = False
        self._lost = False
        #: Where each thread says whether somebody counts its waits; the machine's.
        self.here = Here()
        _queues.add(self)

    @property
    def capacity(self) -> int:
        """How many rows can be in flight."""
        return self._table.capacity

    @property
    def in_flight(self) -> int:
        """How many rows are in flight."""
        return self._table.count

    @property
    def crossings(self) -> int:
        """How often the host was entered."""
        return self.engine.crossings

    @property
    def driven(self) -> bool:
        """Whether a thread waits inside the engine."""
        return self._driver_goal > 0

    # --- starting ---------------------------------------------------------------------------------------------------

    def submit(self, operations: Operations) -> None:
        """Start every row now and do not wait; raises QueueFull when they do not all fit, and then none starts."""
        with self._lock:
            self.check_room(operations.count)
            finished = self._table.admit(operations)
            self._table.stage(operations)
            self._wake_a_waiter()
        announce(finished)
        with self._lock:
            finished = [] if self._closed else self._reap()  # closed meanwhile: it is started, so closing ends it
        announce(finished)

    def enqueue(self, operations: Operations) -> None:
        """Take every row, however many; they start at the next poll or wait, those without room as others finish."""
        with self._lock:
            self._check()
            finished = self._table.admit(operations)
            self._table.stage(operations)
            if operations.next_row < operations.count:
                self._table.backlog.append(operations)
            self._wake_a_waiter()
        announce(finished)

    def stand(self, operations: Operations) -> None:
        """Make a batch one whose rows are started singly, as often as wanted (`restart`), until it is retired.

        What becomes of them its `on_rows` hears. Sockets have such batches: one row per connection and direction.
        """
        with self._lock:
            self._check()
            operations.standing = True
            self._table.admit(operations)
            operations.next_row = operations.count
            operations.remaining = 1

    def restart(self, operations: Operations, rows: npt.NDArray[np.uint32]) -> None:
        """Start rows of a standing batch, none of which is in flight; raises QueueFull when they do not all fit.

        They start at the next wait, or now if a thread waits already.
        """
        with self._lock:
            self.check_room(len(rows))
            self._table.restart(operations, rows)
            if self._driver_goal:
                self.engine.enter(0)
                self._nudge_driver()
            else:
                self._wake_a_waiter()

    def retire(self, operations: Operations) -> None:
        """End a standing batch: rows in flight are cancelled, and no row can be started any more."""
        with self._lock:
            if not operations.standing or operations.slot not in self._table.batches or self._lost:
                return
            operations.standing = False
            operations.remaining -= 1
            finished = [] if operations.remaining else self._table.retire(operations)
        announce(finished)
        self.cancel(operations)

    def check(self) -> None:
        """Raise RingClosed or RingLostInFork if nothing can be started here any more."""
        self._check()

    def check_room(self, count: int) -> None:
        """Raise QueueFull if `count` more requests do not fit now."""
        self._check()
        room = self._table.capacity - self._table.count
        if count > room:
            raise QueueFull(f"{count} requests asked for, room for {room} of {self._table.capacity}: wait first")

    def transfer(self, operations: Operations) -> None:
        """Do every row, in windows of the queue's capacity, and return when all have their result."""
        with self._lock:
            self._check()
            finished = self._table.admit(operations)
        announce(finished)
        self._finish(operations)

    def poll(self) -> None:
        """Start what is staged and, unless a waiter does so already, take what is there; does not wait."""
        with self._lock:
            self._check()
            finished = self._reap()
        announce(finished)

    def _reap(self) -> list[News]:
        news: list[News] = []
        while True:
            self.engine.enter(0)
            if self._driver_goal:
                self._nudge_driver()
                return news
            news += self._table.distribute(self.engine.collect())
            self._release_finished()
            if not self._table.feed():
                return news

    # --- waiting ----------------------------------------------------------------------------------------------------

    def wait(self, awaited: Awaited, timeout: float | None = None) -> bool:
        """Wait until nothing of `awaited` remains or `timeout` seconds have passed; says whether nothing remains.

        `awaited` is a batch of this queue, or anything that ends because of one (then see `notify`).
        """
        if not awaited.remaining:
            return True
        if self._lost:
            self._check()
        if timeout is None and isinstance(awaited, Operations):
            self._finish(awaited)
            return True
        deadline = None if timeout is None else self._now() + timeout
        left: float | None = None
        counted = begin_wait(self.here)
        try:
            while awaited.remaining:
                if deadline is not None and (left := deadline - self._now()) <= 0:
                    break
                if not self._advance(awaited, left):
                    break
            if awaited.remaining:
                self._look_once_more()
        finally:
            self._hand_over()
            if counted is not None:
                counted.wait_ended()
        return not awaited.remaining

    def _look_once_more(self) -> None:
        """Out of time: take what is there, which also makes a wait of no time at all worth its name."""
        with self._lock:
            finished = self._reap() if self._table.batches else []
        announce(finished)

    def serve(self) -> None:
        """Reap for everybody until the queue is closed: what the thread behind a queue does that nobody waits on."""
        self.wait(self._until_closed)

    def notify(self) -> None:
        """Something that is waited for ended elsewhere: let whoever waits for it see that."""
        with self._lock:
            self._release_finished()
            if self._driver_goal:
                self.engine.wake(self._driver_goal)

    def _finish(self, operations: Operations) -> None:
        counted = begin_wait(self.here)
        try:
            while operations.remaining:
                self._advance(operations, None)
        except BaseException:
            self.cancel(operations)
            while operations.remaining and not self._lost:
                self._advance(operations, None)
            raise
        finally:
            self._hand_over()
            if counted is not None:
                counted.wait_ended()

    def _advance(self, awaited: Awaited, timeout: float | None) -> bool:
        """One step of a wait: drive the engine, or sleep until whoever drives it has something for us.

        False when the sleep took the whole timeout.
        """
        goal, awake = 0, True
        waiter: _Waiter | None = None
        finished: list[News] = []
        try:
            with self._lock:
                if not awaited.remaining:
                    return True
                if isinstance(awaited, Operations):
                    self._table.stage(awaited)
                elif not self._table.batches:
                    self._check()
                if self._driver_goal or not self._table.count:
                    waiter = self._enlist(awaited)
                else:
                    self._driver_goal = goal = self._goal(awaited)
            if goal:
                self.engine.enter(goal, timeout)
            elif waiter is not None:
                patience = PATIENCE if timeout is None else min(timeout, threading.TIMEOUT_MAX)
                awake = waiter.lock.acquire(timeout=patience) or timeout is None
        finally:
            with self._lock:
                if goal:
                    self._driver_goal = 0
                    finished = self._table.distribute(self.engine.collect())
                    self._release_finished()
                    self._table.feed()
                elif waiter is not None and waiter in self._waiters:
                    self._waiters.remove(waiter)
            announce(finished)
        return awake

    def _goal(self, operations: Awaited) -> int:
        """How many results to wait for: one where others wait too, else all that is out or a good part of it."""
        if not isinstance(operations, Operations):
            return 1 if self._waiters else max(min(operations.remaining, self._table.count), 1)
        outstanding = operations.next_row - (operations.count - operations.remaining)
        if self._waiters or outstanding <= 1:
            return 1
        if operations.next_row < operations.count:
            # Refill when a quarter is back: keeps a device's queue full (O_DIRECT) and costs nothing on cached data.
            return min(outstanding, max(self._table.capacity // 4, 1))
        return outstanding

    def _enlist(self, awaited: Awaited) -> _Waiter:
        waiter = _Waiter(awaited)
        self._waiters.append(waiter)
        self.engine.enter(0)
        self._nudge_driver()
        return waiter

    def _nudge_driver(self) -> None:
        """Bring back a driver that waits for many results, now that somebody else wants one of them."""
        if self._driver_goal > 1:
            self.engine.wake(self._driver_goal)

    def _release_finished(self) -> None:
        """Let sleepers go that have what they wait for; for the others, stage rows that found no room before."""
        for waiter in list(self._waiters):
            if not waiter.awaited.remaining:
                self._waiters.remove(waiter)
                waiter.lock.release()
            elif isinstance(waiter.awaited, Operations):
                self._table.stage(waiter.awaited)

    def _hand_over(self) -> None:
        """Leaving: if nobody drives, the waiter that came last does."""
        if self._waiters:
            with self._lock:
                self._wake_a_waiter()

    def _wake_a_waiter(self) -> None:
        if self._waiters and self._table.count and not self._driver_goal:
            self._waiters.pop().lock.release()

    # --- cancelling, closing ----------------------------------------------------------------------------------------

    def cancel(self, operations: Operations, rows: npt.NDArray[Any] | None = None) -> None:
        """Ask that rows (default: all) end early. Each ends once: done, failed, or STATUS_CANCELLED."""
        finished: list[News] = []
        try:
            with self._lock:
                if self._lost:
                    self._check()
                if not operations.remaining or operations.slot < 0:
                    return
                if operations.cancelled is None:
                    operations.cancelled = np.zeros(operations.count, np.bool_)
                wanted = np.arange(operations.count, dtype=np.uint32) if rows is None else rows.astype(np.uint32)
                operations.cancelled[wanted] = True
                finished += self._table.drop_unstaged(operations) if rows is None else []
                self._release_finished()
                started = wanted[wanted < operations.next_row] if operations.remaining else wanted[:0]
                self.engine.enter(0)  # what was staged but not started must be known to the host, to be cancelled
                for first in range(0, len(started), self._table.capacity):
                    self.engine.stage_cancel(operations.slot, started[first : first + self._table.capacity])
                    self.engine.enter(0)
                if self._driver_goal and not operations.remaining:
                    self.engine.wake(self._driver_goal)  # the driver may wait for this very batch, none of which is out
                else:
                    self._nudge_driver()
        finally:  # what has ended is told even if the host could not be entered
            announce(finished)

    def event_file(self) -> int:
        """A descriptor that becomes readable when results arrive (then `poll`); -1 where there is none."""
        with self._lock:
            self._check()
            return self.engine.event_file()

    def register_files(self, files: Sequence[int]) -> None:
        """Replace the table of registered files; -1 is an empty slot."""
        with self._lock:
            self._check()
            self.engine.register_files(files)

    def register_buffers(self, buffers: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Replace the table of registered buffers; raises OSError above the host's limit on locked memory."""
        with self._lock:
            self._check()
            self.engine.register_buffers(buffers)

    def close(self) -> None:
        """Cancel what is in flight, wait until every row has its result, give the engine back. Idempotent."""
        if self._lost:
            self._closed = True
            self.engine.close()
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._until_closed.remaining = 0
        self.notify()
        for batch in list(self._table.batches.values()):
            self.retire(batch)
            self.cancel(batch)
            self._finish(batch)
        self._see_everybody_out()
        with self._lock:
            self.engine.close()

    def _see_everybody_out(self) -> None:
        """Wait until the driver has left the engine, and wake those who waited for something that cannot come."""
        with self._lock:
            sleepers, self._waiters = self._waiters, []
            for sleeper in sleepers:
                sleeper.lock.release()
            if not self._driver_goal:
                return
            waiter = _Waiter(_DriverLeft(self))
            self._waiters.append(waiter)
            self.engine.wake(self._driver_goal)
        waiter.lock.acquire()

    def _check(self) -> None:
        if self._lost:
            raise RingLostInFork("this ring belongs to the parent process: open a new one after fork")
        if self._closed:
            raise RingClosed("the ring is closed: open a new one")


class _UntilClosed:
    """What `serve` waits for."""

    remaining = 1


class _DriverLeft:
    """What closing waits for last: nobody is inside the engine."""

    def __init__(self, queue: OperationQueue) -> None:
        self._queue = queue

    @property
    def remaining(self) -> int:
        return self._queue._driver_goal


class _Waiter:
    """A thread that waits for a batch while another thread drives; it has a lock of its own."""

    __slots__ = ("awaited", "lock")

    def __init__(self, awaited: Awaited) -> None:
        self.awaited = awaited
        self.lock = threading.Lock()
        self.lock.acquire()


_queues: weakref.WeakSet[OperationQueue] = weakref.WeakSet()


def _mark_lost() -> None:
    for queue in list(_queues):
        queue._lost = True
        queue._lock = threading.Lock()  # another thread may have held the old one, and it does not exist here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_lost)
