"""Cancelling a packet: a request to whoever holds it, never a certainty.

A driver that keeps a packet sets a cancel routine. Cancelling marks the packet and calls that routine, once; what it
does is the driver's affair, and the packet still completes exactly once, with success if the work was already done.
Setting a routine is an exchange: whoever gets the old routine back owns the right to it, so a driver that completes a
packet first takes its routine off, and leaves the packet alone when it gets none back and the packet is cancelled.

There are two forms of routine. One of a driver of this library is called with no lock held. One of the WDK's form
(`LockedCancelRoutine`) is called at DISPATCH_LEVEL with the System's cancel lock held, which it has to release, with
`irp.cancel_irql`; one that forgets to stops the System (bug check 0xC8) instead of hanging it. Either way the lock is
held while the packet is marked: a driver that holds it sees a packet that is not cancelled stay so.

A routine that lets an exception out is contained: the exception stays on its device (`last_error`).

Source: spec iomgr.md 4.3. Rows: R13
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..bugcheck import BugCheck, BugCheckCode

if TYPE_CHECKING:
    from .device import DeviceObject
    from .packet.irp import Irp

CancelRoutine = Callable[["DeviceObject", "Irp"], None]


class LockedCancelRoutine:
    """A cancel routine in the WDK's form: called with the cancel lock held, which it releases.

    NT: DRIVER_CANCEL
    """

    __slots__ = ("routine",)

    def __init__(self, routine: CancelRoutine) -> None:
        self.routine = routine

    def __call__(self, device: DeviceObject, irp: Irp) -> None:
        self.routine(device, irp)

    def __repr__(self) -> str:
        return f"<LockedCancelRoutine {self.routine!r}>"


def set_cancel_routine(irp: Irp, routine: CancelRoutine | None) -> CancelRoutine | None:
    """Exchange the packet's cancel routine; returns the former one.

    NT: IoSetCancelRoutine
    """
    with irp.pool.lock:
        former, irp.cancel_routine = irp.cancel_routine, routine
    return former.routine if isinstance(former, LockedCancelRoutine) else former


def set_locked_cancel_routine(irp: Irp, routine: CancelRoutine | None) -> CancelRoutine | None:
    """The same for a routine in the WDK's form, which is called with the cancel lock held.

    NT: IoSetCancelRoutine
    """
    return set_cancel_routine(irp, None if routine is None else LockedCancelRoutine(routine))


def cancel_irp(irp: Irp, wanted: Callable[[], bool] | None = None) -> bool:
    """Mark a packet cancelled and call its cancel routine; says whether there was one.

    Whoever does not own the packet says with `wanted`, asked under the pool's lock, whether it is still the one meant.
    Raises BugCheck CANCEL_STATE_IN_COMPLETED_IRP for a completed packet that still has a routine.
    NT: IoCancelIrp
    """
    lock = irp.pool.cancel_lock
    former = lock.acquire()
    locked = False
    try:
        routine, device = _claim(irp, wanted)
        locked = isinstance(routine, LockedCancelRoutine)
        if locked:
            irp.cancel_irql = former
    finally:
        if not locked:
            lock.release(former)
    if routine is None:
        return False
    if locked:
        call_with_lock(routine, device, irp, former)
    else:
        _call(routine, device, irp)
    return True


def _claim(irp: Irp, wanted: Callable[[], bool] | None) -> tuple[CancelRoutine | None, DeviceObject | None]:
    """Mark the packet and take its routine, with the device it is at: without the lock its driver may complete it."""
    with irp.pool.lock:
        if wanted is not None and not wanted():
            return None, None
        irp.cancel = True
        routine, irp.cancel_routine = irp.cancel_routine, None
        here = irp.current_location
        if routine is None or here <= irp.stack_count:
            return routine, None if routine is None else irp.locations[here - 1].device
    if here > irp.stack_count + 1:
        former = routine.routine if isinstance(routine, LockedCancelRoutine) else routine
        irp.pool.stop(BugCheckCode.CANCEL_STATE_IN_COMPLETED_IRP, irp, former)
    return routine, None  # nobody has been called with it yet


def _call(routine: CancelRoutine, device: DeviceObject | None, irp: Irp) -> None:
    try:
        routine(device, irp)  # type: ignore[arg-type]
    except BugCheck:
        raise
    except Exception as error:
        if device is None:
            raise
        device.last_error = error


def call_with_lock(routine: CancelRoutine, device: DeviceObject | None, irp: Irp, former: int) -> None:
    """Call a routine in the WDK's form with the cancel lock held; it has to release it, down to level `former`.

    Raises BugCheck IRQL_UNEXPECTED_VALUE when it did not.
    """
    pool = irp.pool  # the packet may be gone when its routine returns
    lock, irql = pool.cancel_lock, pool.irql
    try:
        _call(routine, device, irp)
    finally:
        level, kept = irql.current(), lock.held
        if kept:
            lock.release_from_dispatch()
        irql.lower(former)
    if kept or level != former:
        how = "without releasing the cancel lock" if kept else "at another level than cancel_irql"
        pool.stop(
            BugCheckCode.IRQL_UNEXPECTED_VALUE, level << 16 | former << 8, routine, device,
            note=f"a cancel routine returned {how}",
        )  # fmt: skip
