"""Processors: ours, not the host's.

A System has a number of them so that what Windows keeps per processor (IRP lookaside lists, DPC queues) is there to be
seen. A thread gets one at its first use, in turn, and keeps it. Python cannot tell on which core a thread runs.

Rows: R14
"""

from __future__ import annotations

from ..hal.machine import Hal


class Processors:
    """A System's processors, and which one a thread uses.

    NT: KPRCB
    """

    def __init__(self, hal: Hal, count: int) -> None:
        self.count = max(count, 1)
        self._lock = hal.new_lock()
        self._next = 0
        self._thread = hal.new_thread_state()

    def current(self) -> int:
        """The number of the calling thread's processor, 0 to `count` - 1.

        NT: KeGetCurrentProcessorNumber
        """
        try:
            return self._thread.number  # type: ignore[no-any-return]
        except AttributeError:
            with self._lock:
                number = self._next % self.count
                self._next += 1
            self._thread.number = number
            return number
