"""Every order in which the steps of a few actors can happen, one run of the real code for each.

    for run in every_order():
        ... set up ...
        run.actors(first, second)
        ... look at what came of it ...

Actors are functions, each on a thread of its own, but only one of them runs at a time: at a *point* it stops and the
next is chosen. Points are made by the locks of this module, before one is taken and after it was given back. A thread
that waits for a lock cannot be chosen. The choices of one run are the next run's with the last one changed, so that all
orders are tried, always in the same sequence. Where that is too many, `interruptions` says how often an actor may be
stopped that could have gone on; few are enough for nearly every race.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from ntio.kernel.spin_lock import SpinLock


class Run:
    """One order of steps; `taken` lists at which point which of how many actors went on."""

    def __init__(self, prefix: list[int], interruptions: int | None = None) -> None:
        self._prefix = prefix
        self._interruptions = interruptions
        self.taken: list[tuple[int, int]] = []
        self._here = threading.local()
        self._stopped = threading.Semaphore(0)

    def actors(self, *routines: Callable[[], object]) -> None:
        """Run actors to their ends in this run's order; the first exception of one is raised here."""
        actors = [_Actor(self, routine) for routine in routines]
        for actor in actors:
            actor.thread.start()
            self._stopped.acquire()
        last: _Actor | None = None
        while any(not actor.ended for actor in actors):
            ready = [actor for actor in actors if not actor.ended and actor.ready()]
            assert ready, "every actor waits for a lock: a deadlock"
            last = self._choose(ready, last)
            last.turn.release()
            self._stopped.acquire()
        for actor in actors:
            actor.thread.join()
        for actor in actors:
            if actor.error is not None:
                raise actor.error

    def _choose(self, ready: list[_Actor], last: _Actor | None) -> _Actor:
        may_go_on = last is not None and last in ready
        if may_go_on:
            ready.sort(key=lambda actor: actor is not last)
            if self._interruptions == 0:
                del ready[1:]
        depth = len(self.taken)
        number = self._prefix[depth] if depth < len(self._prefix) else 0
        self.taken.append((number, len(ready)))
        if may_go_on and number and self._interruptions is not None:
            self._interruptions -= 1
        return ready[number]

    def point(self, ready: Callable[[], bool] = lambda: True) -> None:
        """Stop here until it is this actor's turn; nothing for a thread that is no actor."""
        actor: _Actor | None = getattr(self._here, "actor", None)
        if actor is not None:
            actor.ready = ready
            self._stopped.release()
            actor.turn.acquire()

    def lock(self) -> PointLock:
        """A lock with points."""
        return PointLock(self)

    def watch(self, system: Any) -> None:
        """Give a System's packet lock and cancel lock points."""
        pool = system.io.irps
        pool.lock = self.lock()
        pool.cancel_lock = system.io.cancel_lock = self.spin_lock(pool.irql)

    def spin_lock(self, irql: Any) -> SpinLock:
        """A spin lock with points."""
        lock = SpinLock(irql)
        lock._lock = self.lock()  # type: ignore[assignment]
        return lock


class _Actor:
    def __init__(self, run: Run, routine: Callable[[], object]) -> None:
        self.turn = threading.Semaphore(0)
        self.ready: Callable[[], bool] = lambda: True
        self.ended = False
        self.error: BaseException | None = None
        self._run, self._routine = run, routine
        self.thread = threading.Thread(target=self._live)

    def _live(self) -> None:
        self._run._here.actor = self
        self._run.point()
        try:
            self._routine()
        except BaseException as error:
            self.error = error
        self.ended = True
        self._run._stopped.release()


class PointLock:
    """A lock whose taking and giving back are points."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._held = False

    def acquire(self, blocking: bool = True) -> bool:
        """Take it; with `blocking`, when it is free."""
        self._run.point((lambda: not self._held) if blocking else (lambda: True))
        if self._held:
            assert not blocking, "taken by a thread that is no actor"
            return False
        self._held = True
        return True

    def release(self) -> None:
        """Give it back."""
        self._held = False
        self._run.point()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *arguments: object) -> None:
        self.release()


def every_order(interruptions: int | None = None) -> Iterator[Run]:
    """Run after run until every order has been tried, or every one with at most so many interruptions."""
    prefix: list[int] = []
    while True:
        run = Run(prefix, interruptions)
        yield run
        taken = run.taken
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        prefix = [number for number, _ in taken[:-1]] + [taken[-1][0] + 1]
