"""An instance with packets: what waits may be cancelled at any moment, and what is over is completed.

The instance itself (`instance`) is steps on plain requests. Here each step is made with the instance's lock held, for
a packet that becomes pending in the same moment if the step says that it has to wait (`CancelSafeQueue`, whose list is
the instance). Requests that the step ended are completed after the lock is given back.

Source: spec iomgr.md 4.3; iocp.md 7. Rows: R31, R33
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ...driver_kit import PENDING, CancelSafeQueue, DeviceObject, Irp, status
from .data_queue import Request
from .instance import Instance

#: A step of an instance for one request; whether it is over, or has to wait.
Step = Callable[[Request], bool]


class Conversation(CancelSafeQueue):
    """One instance and the packets that wait on it."""

    def __init__(self, device: DeviceObject, *, messages: bool, inbound_quota: int, outbound_quota: int) -> None:
        super().__init__(device)
        self.machine = Instance(
            messages=messages, inbound_quota=inbound_quota, outbound_quota=outbound_quota, claim=self._claim
        )
        self._freed: dict[Irp, list[Request]] = {}

    def run(self, irp: Irp, request: Request, step: Step) -> int:
        """Make a step for a packet: complete it, or keep it until it is over; returns the status."""
        ended: list[Request] = []
        irp.driver_context[0] = request
        waits = status.nt_success(self.insert_irp(irp, None, (step, request, ended)))
        complete(ended)
        return PENDING if waits else irp.complete(request.status, request.information)

    @contextmanager
    def locked(self) -> Iterator[Instance]:
        """Make steps that belong to no packet; what they end is completed behind the lock."""
        former = self.csq_acquire_lock()
        try:
            yield self.machine
            ended = self.machine.take_ended()
        finally:
            self.csq_release_lock(former)
        complete(ended)

    # --- what a cancel-safe queue asks ------------------------------------------------------------------------------

    def csq_insert_irp(self, irp: Irp, insert_context: Any) -> int:
        """Make the step; a packet that need not wait is refused, and the caller completes it."""
        step, request, ended = insert_context
        over = step(request)
        ended += self.machine.take_ended()
        return status.STATUS_UNSUCCESSFUL if over else status.STATUS_SUCCESS

    def csq_remove_irp(self, irp: Irp) -> None:
        """A packet is cancelled: what it kept others from doing may be done now."""
        self.machine.discard(irp.driver_context[0])
        if ended := self.machine.take_ended():
            self._freed[irp] = ended

    def csq_complete_canceled_irp(self, irp: Irp) -> None:
        """End the cancelled packet, and those that waited for its place."""
        freed = self._freed.pop(irp, ())
        super().csq_complete_canceled_irp(irp)
        complete(freed)

    def _claim(self, request: Request) -> bool:
        return self.claim_irp(request.token)


def complete(ended: Iterable[Request]) -> None:
    """Complete the packets of requests that are over."""
    for request in ended:
        request.token.complete(request.status, request.information)
