"""Threads, as the system sees them: which requests are pending for one, and what waits to run in it.

A thread becomes known at its first use. When it ends, the requests that are still pending for it must be cancelled, so
its end has to be noticed, and Python tells nobody. What is kept for a thread is therefore an object whose finaliser
says "look at this one": it runs when the thread's own storage goes. A finaliser may run for other reasons, so the host
is asked before anything is done; a thread that is still there stays a *suspect*, and is looked at again when another
thread becomes known and when the System is closed. What a thread's end means is the I/O manager's affair (`exited`).

A thread that works for a completion port is not counted there while it waits for something else. Every wait of ours
says so to the thread (`wait_started`, `wait_ended`), which tells its port.

Source: spec iomgr.md 1.8 (thread exit), iocp.md 2; WDK KeGetCurrentThread, PsGetCurrentThread. Rows: R13, R39
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakSet, ref

from ..hal.machine import Hal, HostThread


class WorkQueue(Protocol):
    """What a thread works for."""

    def wait_started(self, thread: Thread) -> None:
        """The thread begins to wait for something else."""

    def wait_ended(self, thread: Thread) -> None:
        """The thread goes on."""

    def look_again(self) -> None:
        """One of the threads may be about to end: somebody who waits here should ask the host now and then."""

    def leave(self, thread: Thread) -> None:
        """The thread has ended, or works for another queue."""


class Thread:
    """One thread and what is pending for it.

    `irps` are the packets made in its name, oldest first; `apcs` the routines that wait to run in it, with their
    arguments; `waiter` is what an alertable wait sleeps on. `queue` is the port it works for, `bell` the lock it sleeps
    on there: taken, until somebody rings.
    NT: ETHREAD
    """

    __slots__ = ("__weakref__", "apcs", "bell", "host", "irps", "lock", "queue", "waiter", "waits", "waker")

    def __init__(self, hal: Hal) -> None:
        self.host: HostThread = hal.current_thread()
        self.lock = hal.new_lock()
        self.irps: dict[Any, None] = {}
        self.apcs: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self.waiter: Any = None
        self.queue: WorkQueue | None = None
        self.bell = hal.new_lock()
        self.bell.acquire()
        #: Brings the thread back from where it waits for more than its bell.
        self.waker: Callable[[], None] | None = None
        #: Waits within waits that are under way; a thread that asks its port is in none.
        self.waits = 0

    def ring(self) -> None:
        """Wake the thread from its sleep on `bell`; at once if it does not sleep yet."""
        try:
            self.bell.release()
        except RuntimeError:  # rung already: one waking is enough
            pass
        waker = self.waker
        if waker is not None:
            waker()

    #: An alertable wait on the bell is woken in the same way.
    release = ring

    def work_for(self, queue: WorkQueue | None) -> None:
        """Belong to a port from now on, or to none; no wait is under way."""
        self.queue = queue
        self.waits = 0

    def wait_started(self) -> None:
        """The thread begins a wait, perhaps within another."""
        self.waits += 1
        if self.waits == 1 and self.queue is not None:
            self.queue.wait_started(self)

    def wait_ended(self) -> None:
        """The innermost wait is over."""
        self.waits = max(self.waits - 1, 0)
        if not self.waits and self.queue is not None:
            self.queue.wait_ended(self)

    def __repr__(self) -> str:
        return f"<Thread {self.host.identity:#x}, {len(self.irps)} requests pending>"


class Threads:
    """The threads that have used a System; `exited` is called with each that has ended while it had requests pending.

    NT: PsGetCurrentThread
    """

    def __init__(self, hal: Hal, exited: Callable[[Thread], None]) -> None:
        self._hal = hal
        self._exited = exited
        self._here = hal.new_thread_state()
        #: Threads that may have ended unnoticed.
        self.suspects: deque[Thread] = deque()
        self._lock = hal.new_lock()
        self._known: WeakSet[Thread] = WeakSet()

    def current(self) -> Thread:
        """The calling thread.

        NT: KeGetCurrentThread, PsGetCurrentThread
        """
        try:
            return self._here.known.thread  # type: ignore[no-any-return]
        except AttributeError:
            self.check()
            thread = Thread(self._hal)
            self._here.known = _Known(thread, self)
            with self._lock:
                self._known.add(thread)
            return thread

    def known(self) -> list[Thread]:
        """Every thread that has used the System and is there still, or has requests pending."""
        with self._lock:
            return list(self._known)

    def check(self) -> None:
        """Look again at the threads whose storage is gone: whether the host still has them."""
        for _ in range(len(self.suspects)):
            self.storage_gone(self.suspects.popleft())

    def storage_gone(self, thread: Thread) -> None:
        """A thread's storage was given up, which happens when it ends and seldom otherwise."""
        if not thread.irps and thread.queue is None:
            return
        if thread.host.ended():
            self._exited(thread)
            return
        self.suspects.append(thread)
        if thread.queue is not None:
            thread.queue.look_again()


class _Known:
    """What lies in a thread's own storage; it goes when the thread does."""

    __slots__ = ("_threads", "thread")

    def __init__(self, thread: Thread, threads: Threads) -> None:
        self.thread = thread
        self._threads = ref(threads)  # so that a System that is dropped whole finalises nothing

    def __del__(self) -> None:
        threads = self._threads()
        if threads is not None:
            threads.storage_gone(self.thread)
