"""Requests that wait for one direction of a socket, oldest first.

A request is an *attempt*: it answers what came of it, or None when it would have to wait. Attempts are made under the
queue's lock, in their order, and only when nobody waits before. The lock is what makes it safe to try first and wait
then: news of the socket that come in between find the request in the queue.

    order      requests that end at news are completed by one thread at a time, oldest first. Until it is done nobody is
               tried in another way, so that the packets of one socket come in the order of its data
    once       what found nothing without a packet is not tried again on its way into the queue, unless there was news
               of the socket in between: the host tells of whatever comes after a try that found nothing
    holding    a request keeps its direction while it is not in the queue: between two pieces of a file, and between a
               send that moved a part without a packet and the packet that carries the rest
    closing    what is refused from now on (`refusal`), though what waits already still has its turn

Rows: R26, R33
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...driver_kit import PENDING, CancelSafeQueue, DeviceObject, Irp, set_cancel_routine, status
from .records import Transfer

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
#: Called with the status of a request that is over, however it ended, before its end is told; no lock is held.
Over = Callable[[int], None]


#: An attempt, whom to tell that it is over, what it closes the direction with.
Task = tuple[Attempt, Over | None, int]


class Waiting(CancelSafeQueue):
    """The requests of one direction of one socket.

    The first of a packet's driver words is its `Task`.
    """

    def __init__(self, device: DeviceObject) -> None:
        super().__init__(device)
        self._device = device
        #: A plain lock: what happens under it is short and never called at a raised level.
        self.lock = device.driver.io.hal.new_lock()
        #: Why nothing can be started any more; 0 while something can.
        self.refusal = 0
        self._closed = False
        #: The request that has the direction for itself though it is not in the queue: its packet, or its record.
        self._holder: Irp | Transfer | None = None
        #: What found nothing without a packet, as long as nothing has happened to the socket since.
        self._tried: Transfer | None = None
        self._ended: list[tuple[Irp, Outcome | GoOn, Over | None]] = []
        self._ending = False
        self._last: Callable[[], object] | None = None

    def try_now(
        self, move: Callable[..., Outcome | None], endpoint: Any, view: Any, record: Transfer
    ) -> Outcome | None:
        """Make an attempt that will not wait; None when it would have to, or has to: one that moved a part holds."""
        with self.lock:
            if self._irps or self.refusal or self._holder is not None or self._ending:
                return None
            outcome = move(endpoint, view, record)
            if outcome is None:
                if record.done:
                    self._holder, record.held = record, self
                else:
                    self._tried = record
            return outcome

    def try_anew(self) -> None:
        """Another socket of the host, or none, is here from now on: no try counts any more. Called with the lock."""
        self._tried = None

    def try_held(self, attempt: Attempt) -> Outcome | GoOn | None:
        """Make an attempt for the request that holds the direction."""
        with self.lock:
            return (status.STATUS_CANCELLED, 0) if self._closed else attempt()

    def csq_acquire_lock(self) -> int:
        """Take the lock."""
        self.lock.acquire()
        return 0

    def csq_release_lock(self, irql: int) -> None:
        """Give it back."""
        self.lock.release()

    def run(self, irp: Irp, attempt: Attempt, over: Over | None = None, closes: int = 0) -> int:
        """Make a packet's attempt, and complete it or keep it; returns the status.

        `closes` is what refuses others from now on, unless the attempt fails; it does not refuse this one.
        """
        outcome: list[Outcome | GoOn] = []
        held = self._holder is not None
        irp.driver_context[0] = attempt, over, closes
        try:
            if status.nt_success(self.insert_irp(irp, None, outcome)):
                return PENDING
        except status.NtError as error:
            self.release(irp)
            outcome.append((error.status, 0))
        answer = self._end(irp, outcome[0], over)
        if held:
            self.advance()
        return answer

    def release(self, holder: Irp | Transfer) -> None:
        """A request that holds the direction ends without coming back."""
        with self.lock:
            if self._holder is not holder:
                return
            self._holder = None
        self.advance()

    def csq_insert_irp(self, irp: Irp, insert_context: Any) -> int:
        """Try, if nobody waits; a packet that need not wait is refused, and goes its way."""
        holder, tried, self._tried = self._holder, self._tried, None
        task: Task = irp.driver_context[0]
        closes = task[2]
        mine = holder is not None and (holder is irp or holder is irp.location.argument)
        outcome: Outcome | GoOn | None = None
        if self._closed:
            outcome = status.STATUS_CANCELLED if mine else self.refusal, 0
        elif self.refusal and not mine and closes != self.refusal:
            outcome = self.refusal, 0
        elif mine or not (self._irps or holder is not None or self._ending):
            outcome = None if tried is not None and tried is irp.location.argument else task[0]()
        if closes and (outcome is None or isinstance(outcome, GoOn) or not outcome[0]):
            self.refusal = closes
        if outcome is None:
            self._irps[irp] = None
            if mine:
                self._irps.move_to_end(irp, last=False)
                self._holder = None
            return status.STATUS_SUCCESS
        self._hold(irp, outcome, mine=mine)
        insert_context.append(outcome)
        return status.STATUS_UNSUCCESSFUL

    def _hold(self, irp: Irp, outcome: Outcome | GoOn, *, mine: bool) -> None:
        if isinstance(outcome, GoOn) and outcome.holds:
            self._holder = irp
        elif mine:
            self._holder = None

    def advance(self) -> None:
        """There is news: try again, oldest first, until one has to wait."""
        with self.lock:
            self._tried = None
            if self._ending:
                return  # another thread is at it, or this one further up: it will look once more
            if not (self._irps or self._ended) and self._last is None:
                return
            self._ending = True
        try:
            while self._collect():
                while self._ended:
                    self._end(*self._ended.pop(0))
        except BaseException as error:
            with self.lock:
                self._ending = False
            if isinstance(error, KeyboardInterrupt):
                self.advance()  # the others have had no less news
            raise

    def _collect(self) -> bool:
        """Find what ends now; false when that is nothing, and the next news are somebody else's."""
        with self.lock:
            while self._irps and self._holder is None and not self._closed:
                irp = next(iter(self._irps))
                task: Task = irp.driver_context[0]
                outcome = self._try_again(irp, task[0])
                if outcome is None:
                    break
                self._take_out(irp)
                self._hold(irp, outcome, mine=False)
                self._ended.append((irp, outcome, task[1]))
            if self._last is not None and not self._irps and self._holder is None:
                last, self._last = self._last, None
                last()
            if not self._ended:
                self._ending = False
            return bool(self._ended)

    def _try_again(self, irp: Irp, attempt: Attempt) -> Outcome | GoOn | None:
        routine = set_cancel_routine(irp, None)
        if routine is None:
            return None  # being cancelled: whoever does it asks for the next to be tried
        outcome: Outcome | GoOn | None
        try:
            outcome = attempt()
        except status.NtError as error:
            return error.status, 0
        except Exception as error:  # whoever serves all sockets goes on
            self._device.last_error = error
            return status.STATUS_DRIVER_INTERNAL_ERROR, 0
        except BaseException:
            set_cancel_routine(irp, routine)
            raise
        if outcome is None:
            set_cancel_routine(irp, routine)
            if irp.cancel and set_cancel_routine(irp, None) is not None:
                return status.STATUS_CANCELLED, 0
        return outcome

    def _end(self, irp: Irp, outcome: Outcome | GoOn, over: Over | None) -> int:
        if isinstance(outcome, GoOn):
            return outcome.routine(irp)
        if over is not None:
            over(outcome[0])
        return irp.complete(*outcome)

    def csq_complete_canceled_irp(self, irp: Irp) -> None:
        """End a cancelled packet; the next one may have its turn."""
        self._end(irp, (status.STATUS_CANCELLED, 0), irp.driver_context[0][1])
        self.advance()

    def withdraw(self, attempt: Attempt) -> None:
        """End the packet with this attempt as cancelled, if it waits here."""
        with self.lock:
            for irp in self._irps:
                if irp.driver_context[0][0] == attempt and set_cancel_routine(irp, None) is not None:
                    self._take_out(irp)
                    break
            else:
                return
        self.csq_complete_canceled_irp(irp)

    def finish(self, last: Callable[[], int], why: int, *, behind: bool) -> int:
        """Refuse what comes from now on, and call `last`, `behind` those who wait; returns its NTSTATUS if it was."""
        with self.lock:
            if self._closed:
                return self.refusal
            if behind and (self._irps or self._holder is not None):
                self.refusal, self._last = why, last
                return status.STATUS_SUCCESS
            answer = last()
            if not answer:
                self.refusal = why
            return answer

    def reopen(self) -> None:
        """Take requests again, unless the socket is closed; called with the lock."""
        if not self._closed:
            self.refusal, self._last = 0, None

    def close(self, why: int) -> None:
        """Refuse what comes from now on; what waits ends as cancelled."""
        with self.lock:
            self._closed, self.refusal = True, why
        self.cancel_all()
