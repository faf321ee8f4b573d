"""The hardware abstraction layer's one object: files, queues, clock, chance, locks and threads of a machine.

A `Hal` is all a System ever sees of the host. There are three, of the same shape and with the same results:

    uring      io_uring; the fast one (`uring.py`)
    threads    a few threads and plain system calls; wherever io_uring is missing or forbidden (`threads.py`)
    simulated  files in memory, a virtual clock and a seed that replays a run (`simulated.py`)

`choose.py` picks one and says why.

Rows: R11, R30
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

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

    def new_queue(self, entries: int) -> OperationQueue:
        """A queue for up to `entries` operations in flight."""
        return self._open_queue(entries)

    def new_lock(self) -> Lock:
        """A lock that one thread holds at a time."""
        return threading.Lock()

    def new_thread_state(self) -> threading.local:
        """A place where each thread sees only what it put there."""
        return threading.local()

    def spawn(self, routine: Callable[[], None], name: str) -> threading.Thread:
        """Start a thread of the system's own; it never keeps the interpreter alive."""
        thread = threading.Thread(target=routine, name=name, daemon=True)
        thread.start()
        return thread

    def __repr__(self) -> str:
        return f"<Hal {self.name}: {self.reason}>"
