"""Passing a request down and having it back: for a driver that goes on with it in its own routine.

The next driver gets a copy of the location and a completion routine that stops completion. If the driver below keeps
the packet, the calling thread waits. Then the packet is the caller's again, with what the drivers below answered in it,
and the caller completes it.

Source: spec iomgr.md 1.5, 1.9 (rule 7); WDK IoForwardIrpSynchronously. Rows: R19
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bugcheck import BugCheck
from ..kernel.event import Event
from ..status import STATUS_CANCELLED, STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING
from .cancel import cancel_irp
from .codes.major import SL_PENDING_RETURNED

if TYPE_CHECKING:
    from .device import DeviceObject
    from .packet.irp import Irp


class _Wait:
    """One thread that waits for one packet; `returned` is set when it has it back, `left` when it went its way."""

    __slots__ = ("event", "left", "returned")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.returned = self.left = False


def forward_irp_synchronously(device: DeviceObject, irp: Irp) -> bool:
    """Send a packet to `device`, the one below, and wait until it is back; False if it has no location for that.

    Its status and information are then what came of it, and the caller has to complete it.
    NT: IoForwardIrpSynchronously
    """
    if not 1 < irp.current_location <= irp.stack_count:
        return False
    io = device.driver.io
    wait = _Wait(Event(io.hal))
    irp.copy_location_to_next()
    irp.set_completion_routine(_back, wait)
    try:
        if irp.send_to(device) == STATUS_PENDING:
            with io.wait_for(wait.event):
                wait.event.wait()
            if not wait.returned:
                io.check_running()
    except BugCheck:
        raise
    except BaseException:
        _leave(irp, wait)
        raise
    return True


def _back(device: Any, irp: Irp, wait: _Wait) -> int | None:
    with irp.pool.lock:
        wait.returned = not wait.left
    if wait.left:  # nobody waits any more: the packet goes on upward by itself
        if irp.pending_returned:
            irp.location.control |= SL_PENDING_RETURNED
        return None
    wait.event.set()
    return STATUS_MORE_PROCESSING_REQUIRED


def _leave(irp: Irp, wait: _Wait) -> None:
    """The thread is interrupted, below or as it waits: ask for an early end, and let the packet go on by itself."""
    cancel_irp(irp, lambda: not wait.returned)
    with irp.pool.lock:
        wait.left = not wait.returned
    if wait.returned:
        irp.complete(STATUS_CANCELLED)
