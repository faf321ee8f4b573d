"""Cancelling a packet: a request to whoever holds it, never a certainty.

A driver that keeps a packet sets a cancel routine. Cancelling marks the packet and calls that routine, once; what it
does is the driver's affair, and the packet still completes exactly once, with success if the work was already done.
Setting a routine is an exchange: whoever gets the old routine back owns the right to it.

Source: spec iomgr.md 4.3. Rows: R13
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..bugcheck import BugCheckCode

if TYPE_CHECKING:
    from .device import DeviceObject
    from .irp import Irp

CancelRoutine = Callable[["DeviceObject", "Irp"], None]


def set_cancel_routine(irp: Irp, routine: CancelRoutine | None) -> CancelRoutine | None:
    """Exchange the packet's cancel routine; returns the former one.

    NT: IoSetCancelRoutine
    """
    with irp.pool.lock:
        former, irp.cancel_routine = irp.cancel_routine, routine
    return former


def cancel_irp(irp: Irp) -> bool:
    """Mark a packet cancelled and call its cancel routine; says whether there was one.

    Raises BugCheck CANCEL_STATE_IN_COMPLETED_IRP for a completed packet that still has one.
    NT: IoCancelIrp
    """
    with irp.pool.lock:
        routine = take_cancel_routine(irp)
    if routine is None:
        return False
    routine()
    return True


def take_cancel_routine(irp: Irp) -> Callable[[], None] | None:
    """Mark a packet cancelled and take its cancel routine, to be called without the lock that the caller holds now.

    Everything about the packet is looked at here, because without the lock its driver may complete it.
    """
    irp.cancel = True
    routine, irp.cancel_routine = irp.cancel_routine, None
    if routine is None:
        return None
    if irp.current_location > irp.stack_count + 1:
        return partial(irp.pool.stop, BugCheckCode.CANCEL_STATE_IN_COMPLETED_IRP, irp, routine)
    device = irp.location.device
    assert device is not None  # a packet with a cancel routine is with the driver that set it
    return partial(routine, device, irp)
