"""Waiting for several events at once: for one of them, or until all are set together.

For one: the waiter stands in line at every event, and takes the first, in the order of the list, that it is given; what
it was given beside that goes on to the next. For all: nothing is taken before all are set at the same time, so that a
thread which gets only some of them does not keep them from others.

Source: spec iomgr.md 4.5; WDK KeWaitForMultipleObjects. Rows: R31
"""

from __future__ import annotations

from collections.abc import Sequence

from ..hal.machine import Hal, Lock
from ..status import STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_USER_APC
from .apc import run_apcs, wait_alertable
from .event import Event, take_all
from .thread import Thread


class _Place:
    """A waiter's place in the line of one event."""

    __slots__ = ("_bell",)

    def __init__(self, bell: Lock) -> None:
        self._bell = bell

    def release(self) -> None:
        """The event was given to this waiter."""
        try:
            self._bell.release()
        except RuntimeError:  # another event, or a routine, rang before
            pass


def wait_for_any(
    hal: Hal, thread: Thread, events: Sequence[Event], timeout: float | None = None, *, alertable: bool = False
) -> int:
    """Wait for one of several events: its index, or STATUS_TIMEOUT, or STATUS_USER_APC after routines were run.

    NT: KeWaitForMultipleObjects (WaitAny)
    """
    bell = hal.new_lock()
    bell.acquire()
    ringer = _Place(bell)
    places = [_Place(bell) for _ in events]
    lines: list[int] = []
    given: list[int] = []
    try:
        for number, event in enumerate(events):
            if event.enlist(places[number]):
                given.append(number)
                break
            lines.append(number)
        if not given:
            _sleep(hal, thread, bell, ringer, timeout, alertable)
    except BaseException:
        for number in lines:
            events[number].leave(places[number], put_back=True)
        raise
    given += [number for number in lines if events[number].leave(places[number])]
    if not given:
        return STATUS_USER_APC if alertable and run_apcs(thread) else STATUS_TIMEOUT
    first = min(given)
    for number in given:
        if number != first:
            events[number].pass_on()
    return first


def _sleep(hal: Hal, thread: Thread, bell: Lock, ringer: _Place, timeout: float | None, alertable: bool) -> None:
    if not alertable:
        hal.sleep_on(bell, timeout)
        return
    with thread.lock:
        thread.waiter = ringer
        ready = bool(thread.apcs)
    try:
        if not ready:
            hal.sleep_on(bell, timeout)
    finally:
        thread.waiter = None


def wait_for_all(
    hal: Hal, thread: Thread, events: Sequence[Event], timeout: float | None = None, *, alertable: bool = False
) -> int:
    """Wait until all events are set at once, and take them: STATUS_SUCCESS, STATUS_TIMEOUT or STATUS_USER_APC.

    NT: KeWaitForMultipleObjects (WaitAll)
    """
    deadline = None if timeout is None else hal.clock.now() + timeout
    while (missing := take_all(events)) is not None:
        left = None if deadline is None else max(deadline - hal.clock.now(), 0)
        if alertable:
            status = wait_alertable(hal, thread, missing, left)
        else:
            status = STATUS_SUCCESS if missing.wait(left) else STATUS_TIMEOUT
        if status != STATUS_SUCCESS:
            return status
        missing.pass_on()
    return STATUS_SUCCESS
