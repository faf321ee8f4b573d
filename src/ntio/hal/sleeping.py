"""Sleeping in a queue: one thread at a time waits in its engine for whatever comes, and tells what has come.

Submitting, waiting and reaping are then one call of the host, and the thread that waited is the one that goes on with
what it finds; nobody has to be woken for it.

    enter    sleep until there is a result, or `wake`, or the watched descriptor is readable
    tell     take what is there and announce it; belongs to every `enter` that said yes
    look     the same without sleeping: start what is staged, and tell what is there already

From `enter` to the end of `tell` the thread *drives* (see `operation_queue`): nobody else takes results meanwhile, so
that they are told in their order, also those of rows that are started again while earlier ones are told.

Measured with an echo of 1 KiB on fifty connections over loopback, the server on one processor (Linux 6.18; medians of
alternating runs beside uvloop, whose 178 k/s are 1): sleeping in epoll, with the ring's eventfd in the set, 0.77;
sleeping here 1.09 to 1.12. The loop alone, without ports, packets and checks, comes to 1.15-1.22, a server in C with
epoll to 1.26, where the client is at its limit. Tried in that loop and left out:

    RECVSEND_POLL_FIRST *               1.04   with DEFER_TASKRUN 1.11
    multishot receive, buffer ring *    1.14   with DEFER_TASKRUN 1.03 to 1.12
    each send beside its receive        1.04   instead of all sends, then all receives
    the two linked, DEFER_TASKRUN       1.04
    SINGLE_ISSUER, DEFER_TASKRUN *      1.17   at best 2 % more, and other threads may not submit
    * no results of good sends          1.13   nothing; and nobody knew when a row may send again
    waiting for eight results           1.15   nothing: forty come in a round as it is

The first three make waiting cheaper, or come sooner, and there is little waiting: in one run of 5917 rounds a thread
slept 37 times, so in the others a receive behind the sends had found its data at once.

Rows: R30, R34
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import get_ident
from typing import Any

from .engine import PATIENCE
from .in_flight import News, announce
from .operation_queue import OperationQueue
from .put_off import PutOff


class SleepingPlace:
    """A queue as a place to sleep in; any thread may call."""

    def __init__(self, queue: OperationQueue) -> None:
        self.queue = queue
        self._watched = -1
        self._driver = 0  # the thread that sleeps in the engine, or has slept and does not drive any more
        self._looking = threading.Lock()

    @property
    def seen(self) -> bool:
        """Whether the watched descriptor is readable, or was; the next sleeper watches it again."""
        return not self.queue._table.watching

    def watch(self, descriptor: int) -> None:
        """Have sleepers come back when a descriptor is readable, from the next one on; -1 for none."""
        self._watched = descriptor

    def enter(self, timeout: float) -> bool:
        """Sleep, for `timeout` seconds at most; false, at once, if another thread drives.

        It may return early. Raises RingClosed, RingLostInFork.
        """
        try:
            if not self._begin():
                with self._looking:  # whoever only looks is done in a moment
                    pass
                if not self._begin():
                    return False
            self.queue.engine.enter(1, min(timeout, PATIENCE))
        except BaseException:
            self.leave()
            raise
        return True

    def _begin(self) -> bool:
        queue, me = self.queue, get_ident()
        with queue._lock:
            queue.check()
            if queue._driver_goal and self._driver != me:  # this thread's own drive was left by an interrupt
                return False
            if self._watched >= 0 and not queue._table.watching:
                queue.engine.stage_watch(self._watched)
                queue._table.watching = True
            self._driver = me
            queue._driver_goal = 1
        return True

    def leave(self) -> None:
        """Undo what `enter` has done, if this thread still drives after an interrupt."""
        if self._driver == get_ident():
            self.tell()

    def look(self, stage: Callable[..., None] | None = None, *arguments: Any) -> None:
        """Start what is staged, also by `stage` now; if nobody drives, tell what is there."""
        queue = self.queue
        with PutOff(), self._looking:
            with queue._lock:
                queue.check()
                if stage is not None:
                    stage(*arguments)
                queue.engine.enter(0)
                if queue._driver_goal:
                    return
                queue._driver_goal = 1
            self._tell()

    def tell(self) -> None:
        """Announce what is there, and drive no more; Ctrl-C is put off meanwhile."""
        with PutOff():
            self._tell()

    def _tell(self) -> None:
        queue = self.queue
        try:
            while True:
                with queue._lock:
                    news = self._take()
                    if not news:
                        self._leave()
                        break
                announce(news)
        except BaseException:
            with queue._lock:
                self._leave()
            raise
        if queue._waiters:
            queue._hand_over()

    def _leave(self) -> None:
        self._driver = self.queue._driver_goal = 0
        if self.queue._waiters:
            self.queue._release_finished()  # also who waits for the driver to be gone

    def _take(self) -> list[News]:
        queue = self.queue
        news = queue._table.distribute(queue.engine.collect())
        if queue._waiters:
            queue._release_finished()
        if queue._table.backlog:
            queue._table.feed()
        return news

    def wake(self) -> None:
        """Bring the sleeping thread back, or the next one that is about to sleep."""
        queue = self.queue
        with queue._lock:
            if not queue._closed and not queue._lost:
                queue.engine.wake()
