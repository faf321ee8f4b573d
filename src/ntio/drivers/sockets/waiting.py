"""Requests that wait for one direction of a socket, oldest first.

A request is an *attempt*: it answers what came of it, or None when it would have to wait. Attempts are made under the
queue's lock, in their order, and only when nobody waits before. The lock is what makes it safe to try first and wait
then: news of the socket that come in between find the request in the queue.

Rows: R26, R33
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...driver_kit import PENDING, CancelSafeQueue, DeviceObject, Irp, set_cancel_routine, status

#: How a request ended: NTSTATUS and information.
Outcome = tuple[int, int]


class GoOn:
    """An attempt's answer when its request is not over but goes on elsewhere: `routine(irp)`, without the lock.

    With `holds` nobody else has a turn in this direction before the request is back, or over.
    """

    __slots__ = ("holds", "routine")

    def __init__(self, routine: Callable[[Irp], int], *, holds: bool = False) -> None:
        self.routine = routine
        self.holds = holds


#: One try of a request: what came of it, how it goes on, or None when it has to wait and be tried again.
Attempt = Callable[[], "Outcome | GoOn | None"]


class Waiting(CancelSafeQueue):
    """The requests of one direction of one socket."""

    def __init__(self, device: DeviceObject) -> None:
        super().__init__(device)
        # A plain lock: what happens under it is short and never called at a raised level.
        self._plain = device.driver.io.hal.new_lock()
        #: Why nothing can be started any more; 0 while something can.
        self.refusal = 0
        #: The request that has the direction for itself, though it is not in the queue.
        self._holder: Irp | None = None

    def try_now(self, attempt: Callable[[], Outcome | None]) -> Outcome | None:
        """Make an attempt that will not wait; None when it would have to."""
        with self._plain:
            return None if self._irps or self.refusal or self._holder is not None else attempt()

    def csq_acquire_lock(self) -> int:
        """Take the lock."""
        self._plain.acquire()
        return 0

    def csq_release_lock(self, irql: int) -> None:
        """Give it back."""
        self._plain.release()

    def run(self, irp: Irp, attempt: Attempt) -> int:
        """Make a packet's attempt, and complete it or keep it; returns the status."""
        outcome: list[Outcome | GoOn] = []
        held = self._holder is irp
        irp.driver_context[0] = attempt
        if status.nt_success(self.insert_irp(irp, None, outcome)):
            return PENDING
        answer = self._end(irp, outcome[0])
        if held:
            self.advance()
        return answer

    def release(self, irp: Irp) -> None:
        """A packet that holds the direction ends without coming back."""
        if self._holder is irp:
            self._holder = None
            self.advance()

    def csq_insert_irp(self, irp: Irp, insert_context: Any) -> int:
        """Try, if nobody waits; a packet that need not wait is refused, and goes its way."""
        held = self._holder is not None and self._holder is not irp
        outcome: Outcome | GoOn | None = (self.refusal, 0) if self.refusal else None
        if outcome is None and not held and (not self._irps or self._holder is irp):
            outcome = irp.driver_context[0]()
        if outcome is None:
            self._irps[irp] = None
            if self._holder is irp:
                self._irps.move_to_end(irp, last=False)
                self._holder = None
            return status.STATUS_SUCCESS
        self._hold(irp, outcome)
        insert_context.append(outcome)
        return status.STATUS_UNSUCCESSFUL

    def _hold(self, irp: Irp, outcome: Outcome | GoOn) -> None:
        if isinstance(outcome, GoOn) and outcome.holds:
            self._holder = irp
        elif self._holder is irp:
            self._holder = None

    def advance(self) -> None:
        """There is news: try again, oldest first, until one has to wait."""
        ended: list[tuple[Irp, Outcome | GoOn]] = []
        irql = self.csq_acquire_lock()
        try:
            for irp in list(self._irps):
                if self._holder is not None:
                    break
                outcome = self._try_again(irp)
                if outcome is None:
                    break
                if irp in self._irps:  # and not in the hands of whoever cancels it
                    self._take_out(irp)
                    self._hold(irp, outcome)
                    ended.append((irp, outcome))
        finally:
            self.csq_release_lock(irql)
        for irp, outcome in ended:
            self._end(irp, outcome)

    def _try_again(self, irp: Irp) -> Outcome | GoOn | None:
        routine = set_cancel_routine(irp, None)
        if routine is None:
            return None  # being cancelled: whoever does it asks for the next to be tried
        outcome: Outcome | GoOn | None = irp.driver_context[0]()
        if outcome is None:
            set_cancel_routine(irp, routine)
            if irp.cancel and set_cancel_routine(irp, None) is not None:
                return status.STATUS_CANCELLED, 0
        return outcome

    def _end(self, irp: Irp, outcome: Outcome | GoOn) -> int:
        return outcome.routine(irp) if isinstance(outcome, GoOn) else irp.complete(*outcome)

    def csq_complete_canceled_irp(self, irp: Irp) -> None:
        """End a cancelled packet; the next one may have its turn."""
        irp.complete(status.STATUS_CANCELLED)
        self.advance()

    def close(self, why: int) -> None:
        """Refuse what comes from now on; what waits ends as cancelled."""
        irql = self.csq_acquire_lock()
        self.refusal = why
        self.csq_release_lock(irql)
        self.cancel_all()
