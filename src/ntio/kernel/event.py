"""Events: the flag a thread waits for until another sets it.

A notification event wakes every waiter and stays set; a synchronization event wakes one and is clear again. Each waiter
has a lock of its own, because a condition variable wakes in the order of arrival only and costs a lock more.

Source: spec iomgr.md 4.5. Rows: R22
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from contextlib import ExitStack

from ..hal.machine import Hal


class EventType(enum.IntEnum):
    """Whom setting an event wakes."""

    NOTIFICATION = 0
    SYNCHRONIZATION = 1


class Event:
    """A flag that threads wait for.

    NT: KEVENT
    """

    __slots__ = ("_hal", "_lock", "_signaled", "_waiters", "kind")

    def __init__(self, hal: Hal, kind: EventType = EventType.NOTIFICATION, *, signaled: bool = False) -> None:
        self.kind = kind
        self._hal = hal
        self._lock = hal.new_lock()
        self._signaled = signaled
        self._waiters: list[object] = []

    def read_state(self) -> bool:
        """Whether the event is set.

        NT: KeReadStateEvent
        """
        return self._signaled

    def set(self) -> bool:
        """Set the event, wake whom its kind wakes; returns the previous state.

        NT: KeSetEvent
        """
        with self._lock:
            previous = self._signaled
            if self.kind is EventType.NOTIFICATION:
                self._signaled = True
                while self._waiters:
                    self._waiters.pop().release()  # type: ignore[attr-defined]
            elif self._waiters:
                self._waiters.pop(0).release()  # type: ignore[attr-defined]
            else:
                self._signaled = True
        return previous

    def reset(self) -> bool:
        """Clear the event; returns the previous state.

        NT: KeResetEvent
        """
        with self._lock:
            previous, self._signaled = self._signaled, False
        return previous

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the event is set or `timeout` seconds have passed; says whether it was set.

        NT: KeWaitForSingleObject
        """
        if self._signaled and self.enlist(None):
            return True
        waiter = self._hal.new_lock()
        waiter.acquire()
        if self.enlist(waiter):
            return True
        try:
            woken = self._hal.sleep_on(waiter, timeout)
        except BaseException:
            self.leave(waiter, put_back=True)
            raise
        return woken or self.leave(waiter)

    def enlist(self, waiter: object) -> bool:
        """Take the event if it is set; otherwise `waiter.release()` will be called when it is (not for None)."""
        with self._lock:
            if self._take():
                return True
            if waiter is not None:
                self._waiters.append(waiter)
        return False

    def _take(self) -> bool:
        taken = self._signaled
        if taken and self.kind is EventType.SYNCHRONIZATION:
            self._signaled = False
        return taken

    def leave(self, waiter: object, *, put_back: bool = False) -> bool:
        """Stop waiting; true when the event had been given to this waiter meanwhile; `put_back` gives it on."""
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
                return False
        if put_back and self.kind is EventType.SYNCHRONIZATION:
            self.set()
        return True

    def pass_on(self) -> None:
        """What this event gave is not wanted after all: the next waiter gets it, or it stays set."""
        if self.kind is EventType.SYNCHRONIZATION:
            self.set()


def take_all(events: Sequence[Event]) -> Event | None:
    """Take all the events if every one is set; otherwise none, and the result is one that is not."""
    locks = sorted({id(event): event._lock for event in events}.items())
    with ExitStack() as held:
        for _, lock in locks:
            held.enter_context(lock)
        for event in events:
            if not event._signaled:
                return event
        for event in events:
            event._take()
    return None
