"""The clock of a simulated machine, and waiting by it.

Nothing of a simulation takes time by itself: its clock moves when an engine waits for its next row, when somebody
sleeps, and here, when a thread waits with a limit. Such a wait is over when what it waits for comes, or when the clock
reaches its limit. The clock is moved on to the nearest limit of all waits as soon as nothing else can happen: when no
other thread of the process runs. So a limit of an hour costs some milliseconds, and a program that has one thread pays
nothing at all.

    look      what is waited for is tried for a millisecond; a thread that could bring it runs meanwhile
    quiet?    the other threads slept the whole time, at two looks running (Linux: /proc/self/task says so)
    pass      the clock moves to the nearest limit; whose limit that is looks once more, and gives up

A thread that sleeps by a clock of its own (`time.sleep`) is asleep as far as anybody can see, and time passes without
it. A thread that works keeps the clock from jumping, and then a limit lasts as long as it says, as on a real machine.

Rejected: to move the clock at once (another thread, a microsecond from setting the event, would find a waiter that had
given up), and to ask only threads that are known to the simulation (a new one is not known before its first call).

Rows: R11, R30
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable

_TASKS = "/proc/self/task"
#: Seconds a look lasts, first and later; and how many looks it takes where the host does not tell what threads do.
_LOOK = 0.001
_LONGEST_LOOK = 0.016
_LOOKS = 6
#: A limit this far away, in seconds, is none: who waits for ever looks round now and then.
_FOREVER = 1e6


class VirtualClock:
    """Seconds that pass only when somebody says so, or when everybody waits."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()
        #: The waits under way, by numbers of their own: the limit, and the host's number of the thread.
        self._limits: dict[int, tuple[float, int]] = {}
        self._numbers = itertools.count()

    def now(self) -> float:
        """Seconds since the simulation began."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass; takes none."""
        self.advance(max(seconds, 0.0))

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += seconds

    def advance_to(self, moment: float) -> None:
        """Let time pass until a moment, if that is still to come."""
        with self._lock:
            self._now = max(self._now, moment)

    def wait(self, came: Callable[[float], bool], seconds: float) -> bool:
        """Wait until `came(real seconds to try it for)` says so, this clock's `seconds` at most; says whether it did.

        10**6 seconds and more are for ever.
        """
        if came(0.0):
            return True
        if seconds >= _FOREVER:
            while not came(_FOREVER):
                pass
            return True
        if seconds <= 0:
            return False
        limit, number = self._now + seconds, next(self._numbers)
        try:
            self._limits[number] = limit, threading.get_native_id()
            return self._wait(came, limit, time.monotonic() + seconds)
        finally:
            self._limits.pop(number, None)  # one call: a limit that an interrupt left behind would stop the clock

    def _wait(self, came: Callable[[float], bool], limit: float, until: float) -> bool:
        before: object = None
        look, looks = _LOOK, 0
        while self._now < limit:
            alone = threading.active_count() == 1
            if not alone and came(look):
                return True
            seen, looks = self._others(), looks + 1
            if alone or (looks >= _LOOKS if seen is None else seen == before):
                self._pass()
                before, look, looks = None, _LOOK, 0
            elif time.monotonic() >= until:
                self.advance_to(limit)
            else:
                before, look = seen, min(2 * look, _LONGEST_LOOK)
        return came(0.0)

    def _pass(self) -> None:
        """Move on to the nearest limit; not if it is reached, as somebody is about to go on then."""
        with self._lock:
            self._now = max(self._now, min(limit for limit, _ in list(self._limits.values())))

    def _others(self) -> object:
        """What the process's other threads are at: equal at two looks if they slept; None where nobody knows."""
        looking = {thread for _, thread in list(self._limits.values())}
        me, seen = threading.get_native_id(), []
        try:
            for name in os.listdir(_TASKS):
                if int(name) == me:
                    continue
                with open(f"{_TASKS}/{name}/status", "rb") as file:
                    state = file.read()
                if b"\nState:\tS" not in state:
                    return object()
                # Who waits here as we do looks round by itself; the others' switches say whether they ran.
                if int(name) not in looking:
                    seen.append((name, state[state.index(b"voluntary_ctxt_switches") :]))
        except (OSError, ValueError):  # a thread ended just now, or there is no such list
            return object() if os.path.isdir(_TASKS) else None
        return seen
