"""Clients that wait until a pipe has an instance to connect to, with a limit of time.

A wait is over when an instance of that name begins to listen; everybody who waits for the name is told, and the first
who opens it then gets it. A limit needs somebody who looks at the clock: a thread, made for the first wait that has one
and gone with the last.

Source: learn.microsoft.com WaitNamedPipe; [MS-FSCC] FSCTL_PIPE_WAIT. Rows: R31
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

from ...driver_kit import CancelSafeQueue, DeviceObject, Irp, status


class WaitQueue(CancelSafeQueue):
    """The waiting clients of one device.

    NT: NP_WAIT_QUEUE
    """

    def __init__(self, device: DeviceObject) -> None:
        super().__init__(device)
        self._hal = device.driver.io.hal
        self._names: dict[Irp, str] = {}
        #: When a wait ends by itself, its number, and its packet; a packet that has left the queue stays until then.
        self._limits: list[tuple[float, int, Irp]] = []
        self._numbers: dict[Irp, int] = {}
        self._count = itertools.count(1)
        self._alarm = self._hal.new_lock()
        self._alarm.acquire()
        self._thread: Any = None

    def wait(self, irp: Irp, name: str, seconds: float | None, listening: Callable[[], bool]) -> int:
        """Keep a packet until `wake` is called with that name, for `seconds` or (None) ever; returns the status.

        It is over at once when `listening` says so, which is asked with the lock held.
        """
        refused = self.insert_irp(irp, None, (name, seconds, listening))
        if not status.nt_success(refused):
            return irp.complete()
        return status.STATUS_PENDING

    def wake(self, name: str) -> None:
        """An instance of that name listens: end all waits for it."""
        while (irp := self.remove_next_irp(name)) is not None:
            irp.complete()

    def close(self) -> None:
        """End every wait, and the thread."""
        self.cancel_all()
        thread = self._thread
        self._ring()
        if thread is not None:
            thread.join()

    # --- what a cancel-safe queue asks ------------------------------------------------------------------------------

    def csq_insert_irp(self, irp: Irp, insert_context: Any) -> int:
        """Keep a packet, unless what it waits for is there."""
        name, seconds, listening = insert_context
        if listening():
            return status.STATUS_UNSUCCESSFUL
        super().csq_insert_irp(irp, None)
        self._names[irp] = name
        self._numbers[irp] = number = next(self._count)
        if seconds is not None:
            heapq.heappush(self._limits, (self._hal.clock.now() + seconds, number, irp))
            if self._thread is None:
                self._thread = self._hal.spawn(self._keep_limits, "ntio named pipe waits")
            else:
                self._ring()
        return status.STATUS_SUCCESS

    def csq_remove_irp(self, irp: Irp) -> None:
        """Forget a packet, its limit too."""
        super().csq_remove_irp(irp)
        del self._names[irp], self._numbers[irp]
        if not self._numbers:
            self._ring()

    def csq_peek_next_irp(self, irp: Irp | None, peek_context: Any) -> Irp | None:
        """The next packet that waits for a name, or of a file object."""
        if not isinstance(peek_context, str):
            return super().csq_peek_next_irp(irp, peek_context)
        waiting = list(self._names)
        rest = waiting if irp is None else waiting[waiting.index(irp) + 1 :]
        return next((one for one in rest if self._names[one] == peek_context), None)

    # --- the clock --------------------------------------------------------------------------------------------------

    def _ring(self) -> None:
        try:
            self._alarm.release()
        except RuntimeError:  # it rings already
            pass

    def _keep_limits(self) -> None:
        passed = False
        while True:
            late, left = self._look(passed)
            for irp in late:
                irp.complete(status.STATUS_IO_TIMEOUT)
            if left is None:
                return
            passed = not self._hal.nap(self._alarm, left)

    def _look(self, passed: bool) -> tuple[list[Irp], float | None]:
        """Take out what is too late, the first also when its time has `passed`; how long until the next, None if none.

        What has passed is not asked of the clock again: a simulated one may stand still.
        """
        late: list[Irp] = []
        former = self.csq_acquire_lock()
        try:
            while self._limits:
                due, number, irp = self._limits[0]
                gone = self._numbers.get(irp) != number
                left = due - self._hal.clock.now()
                if not gone and left > 0 and not passed:
                    return late, left
                heapq.heappop(self._limits)
                if not gone:
                    passed = False
                    if self.claim_irp(irp):
                        self.csq_remove_irp(irp)
                        late.append(irp)
            self._thread = None
            return late, None
        finally:
            self.csq_release_lock(former)
