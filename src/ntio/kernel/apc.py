"""User APCs: routines that wait to run in one particular thread, at a place where it says it is willing.

    queue_apc(thread, routine, ...)     from anywhere: the routine goes to the thread's queue
    wait_alertable(thread, event)       in that thread: ends when the event is set, or when a routine came and was run

A thread that waits for an event that is set already takes the event; its routines keep. NT's kernel APCs interrupt a
thread anywhere, and its I/O manager finishes requests in them. Python cannot interrupt a thread, so here requests are
finished by whoever completes them, and only these routines, a program's own, wait for the thread.

Source: spec iomgr.md 4.5; learn.microsoft.com "Asynchronous Procedure Calls", SleepEx. Rows: R22
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..hal.machine import Hal
from ..status import STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_USER_APC
from .event import Event
from .thread import Thread


class _Waiter:
    """A lock that an event and a thread's queue may both release, in any order."""

    __slots__ = ("_hal", "_lock")

    def __init__(self, hal: Hal) -> None:
        self._hal = hal
        self._lock = hal.new_lock()
        self._lock.acquire()

    def release(self) -> None:
        """Wake whoever sleeps on it; at once if nobody does yet."""
        try:
            self._lock.release()
        except RuntimeError:  # released already: one waking is enough
            pass

    def sleep(self, timeout: float | None) -> None:
        """Sleep until released, or `timeout` seconds have passed."""
        self._hal.sleep_on(self._lock, timeout)


def queue_apc(thread: Thread, routine: Callable[..., object], *arguments: Any) -> None:
    """Have a routine run in a thread as soon as that thread waits alertably.

    NT: KeInsertQueueApc, QueueUserAPC
    """
    with thread.lock:
        thread.apcs.append((routine, arguments))
        waiter = thread.waiter
    if waiter is not None:
        waiter.release()


def run_apcs(thread: Thread) -> bool:
    """Run every routine that waits for the calling thread, and those they queue; says whether there was any.

    NT: NtTestAlert
    """
    ran = False
    while thread.apcs:
        routine, arguments = thread.apcs.popleft()
        ran = True
        routine(*arguments)
    return ran


def wait_alertable(hal: Hal, thread: Thread, event: Event | None = None, timeout: float | None = None) -> int:
    """Wait in the calling thread for an event or a user APC, at most `timeout` seconds; without an event, for the APC.

    Returns STATUS_SUCCESS (the event was set), STATUS_USER_APC (routines were run; the event was not taken) or
    STATUS_TIMEOUT.
    NT: KeWaitForSingleObject, KeDelayExecutionThread (Alertable)
    """
    waiter = _Waiter(hal)
    if event is not None and event.enlist(waiter):
        return STATUS_SUCCESS
    try:
        with thread.lock:
            thread.waiter = waiter
            ready = bool(thread.apcs)
        if not ready:
            waiter.sleep(timeout)
    except BaseException:
        if event is not None:
            event.leave(waiter, put_back=True)
        raise
    finally:
        thread.waiter = None
    if event is not None and event.leave(waiter):
        return STATUS_SUCCESS
    return STATUS_USER_APC if run_apcs(thread) else STATUS_TIMEOUT
