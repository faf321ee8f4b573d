"""The hardware abstraction layer's one object: files, queues, clock, chance, locks and threads of a machine.

A `Hal` is all a System ever sees of the host. There are three, of the same shape and with the same results:

    uring      io_uring; the fast one (`uring.py`)
    threads    a few threads and plain system calls; wherever io_uring is missing or forbidden (`threads.py`)
    simulated  files in memory, a virtual clock and a seed that replays a run (`simulated.py`)

`choose.py` picks one and says why.

Rows: R11, R30
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from .here import Here
from .host import HostFiles
from .operation_queue import OperationQueue

#: A lock that one thread holds at a time.
Lock: TypeAlias = threading.Lock


class Clock(Protocol):
    """Seconds that only grow; a virtual one moves when the simulation says so."""

    def now(self) -> float:
        """Seconds since some beginning."""

    def sleep(self, seconds: float) -> None:
        """Let that much of this clock's time pass."""


class RealClock:
    """The host's monotonic clock."""

    def now(self) -> float:
        """Seconds since the host started."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep, other threads run meanwhile."""
        time.sleep(seconds)


class HostThread:
    """The calling thread, remembered so that one can ask later whether it has ended."""

    __slots__ = ("_process", "_python", "identity", "native")

    def __init__(self) -> None:
        self.identity = threading.get_ident()
        self.native = threading.get_native_id()
        self._process = os.getpid()
        #: The interpreter's own thread object; None for a thread that other code than `threading` started.
        python = next((one for one in threading.enumerate() if one.ident == self.identity), None)
        self._python = None if type(python).__name__ == "_DummyThread" else python

    @property
    def name(self) -> str:
        """What the interpreter calls the thread, or its number."""
        return f"thread {self.native}" if self._python is None else self._python.name

    def ended(self) -> bool:
        """Whether neither interpreter nor host list the thread any more.

        In a forked child the answer is no: what was pending there belongs to the parent.
        """
        if os.getpid() != self._process:
            return False
        if self._python is not None:
            return self._python not in threading.enumerate()
        if os.path.isdir("/proc/self/task"):
            return not os.path.exists(f"/proc/self/task/{self.native}")
        return self.identity not in sys._current_frames()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until a thread of `threading` has ended, `timeout` seconds at most; says whether it has."""
        if self._python is not None:
            self._python.join(timeout)
        return self.ended()


class Hal:
    """One machine: `files`, `clock`, `random`, and makers of queues, locks and threads.

    NT: Hal
    """

    def __init__(
        self,
        name: str,
        files: HostFiles,
        open_queue: Callable[[int], OperationQueue],
        *,
        reason: str,
        clock: Clock | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.name = name
        self.reason = reason
        #: Why the host's own files cannot be had, where a machine in memory stands in for it; empty where they can.
        self.no_host_files = ""
        self.files = files
        self.clock: Clock = clock or RealClock()
        self.random = chance or random.Random()
        self._open_queue = open_queue
        #: Each thread's own place: `counted` is set while the thread works for a completion port.
        self.here = Here()

    def new_queue(self, entries: int) -> OperationQueue:
        """A queue for up to `entries` operations in flight."""
        queue = self._open_queue(entries)
        queue.here = self.here
        return queue

    def new_lock(self) -> Lock:
        """A lock that one thread holds at a time."""
        return threading.Lock()

    def new_thread_state(self) -> threading.local:
        """A place where each thread sees only what it put there."""
        return threading.local()

    def sleep_on(self, lock: Lock, timeout: float | None = None) -> bool:
        """Wait until `lock` can be taken, `timeout` seconds at most; says whether it was. The wait counts."""
        counted = self.here.counted
        if counted is None:
            return self.nap(lock, timeout)
        counted.wait_started()
        try:
            return self.nap(lock, timeout)
        finally:
            counted.wait_ended()

    def nap(self, lock: Lock, timeout: float | None = None) -> bool:
        """The same, for waits that do not count: a thread that is nobody's, or a port's own."""
        return lock.acquire(timeout=-1 if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX))

    def join(self, thread: HostThread, timeout: float | None = None) -> bool:
        """Wait until a thread has ended, `timeout` seconds at most; says whether it has. The wait counts."""
        with self.waiting():
            return thread.join(timeout)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around whatever makes the calling thread wait: the port it works for, if any, lets another one in."""
        counted = self.here.counted
        if counted is None:
            yield
            return
        counted.wait_started()
        try:
            yield
        finally:
            counted.wait_ended()

    def current_thread(self) -> HostThread:
        """The calling thread, as the host knows it."""
        return HostThread()

    def spawn(self, routine: Callable[[], None], name: str) -> threading.Thread:
        """Start a thread of the system's own; it never keeps the interpreter alive."""
        thread = threading.Thread(target=routine, name=name, daemon=True)
        thread.start()
        return thread

    def __repr__(self) -> str:
        return f"<Hal {self.name}: {self.reason}>"
