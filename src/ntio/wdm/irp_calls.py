"""Calls on packets whose C form takes more than one line to say in Python.

They do nothing that a driver could not do with the managers' own calls; each is named by its `NT:` line.
"""

from __future__ import annotations

import functools
from typing import Any, Final

from ..bugcheck import BugCheckCode
from ..io_manager.cancel import CancelRoutine, LockedCancelRoutine
from ..io_manager.codes.major import SL_INVOKE_ON_CANCEL, SL_INVOKE_ON_ERROR, SL_INVOKE_ON_SUCCESS
from ..io_manager.device import DeviceObject
from ..io_manager.packet.irp import HEAD_SIZE, LOCATION_SIZE, CompletionRoutine, Irp
from ..status import STATUS_SUCCESS
from .forms import manager_of

#: First parameter of DRIVER_VERIFIER_IOMANAGER_VIOLATION.
_FREE_OF_THREAD: Final = 0x2


def set_completion_routine(
    irp: Irp,
    routine: CompletionRoutine | None,
    context: Any = None,
    on_success: bool = True,
    on_error: bool = True,
    on_cancel: bool = True,
) -> None:
    """Have `routine(device, irp, context)` called on the way up, when one of the three applies.

    NT: IoSetCompletionRoutine
    """
    irp.set_completion_routine(routine, context, invoke_bits(on_success, on_error, on_cancel))


def set_completion_routine_ex(
    device: DeviceObject,
    irp: Irp,
    routine: CompletionRoutine,
    context: Any = None,
    on_success: bool = True,
    on_error: bool = True,
    on_cancel: bool = True,
) -> int:
    """The same, and the device's driver is not unloaded before the routine has run; returns STATUS_SUCCESS.

    NT: IoSetCompletionRoutineEx
    """
    lock, loader = irp.pool.lock, device.driver.io.loader

    @functools.wraps(routine)
    def release(above: DeviceObject | None, irp: Irp, context: Any) -> int | None:
        try:
            return routine(above, irp, context)
        finally:
            with lock:
                device.reference_count -= 1
            loader.settle(device)

    with lock:
        device.reference_count += 1
    irp.set_completion_routine(release, context, invoke_bits(on_success, on_error, on_cancel))
    return STATUS_SUCCESS


def invoke_bits(on_success: bool, on_error: bool, on_cancel: bool) -> int:
    """The control bits that say when a completion routine runs."""
    return (
        (SL_INVOKE_ON_SUCCESS if on_success else 0)
        | (SL_INVOKE_ON_ERROR if on_error else 0)
        | (SL_INVOKE_ON_CANCEL if on_cancel else 0)
    )


def allocate_irp_ex(device: DeviceObject, stack_size: int, charge_quota: bool) -> Irp:
    """A packet of one's own, for a stack of that many devices.

    NT: IoAllocateIrpEx
    """
    return device.driver.io.irps.allocate_for_driver(stack_size, charge_quota)


def free_irp(irp: Irp) -> None:
    """Give a packet of one's own back; one that a thread waits for is the I/O manager's to free, and stops the System.

    NT: IoFreeIrp
    """
    pool, thread = irp.pool, irp.thread
    if thread is not None and irp in thread.irps:
        pool.stop(
            BugCheckCode.DRIVER_VERIFIER_IOMANAGER_VIOLATION, _FREE_OF_THREAD, irp,
            note="a packet that its thread waits for was freed",
        )  # fmt: skip
    pool.free(irp)


def initialize_irp(irp: Irp, packet_size: int, stack_size: int) -> None:
    """Make a packet new, for a stack of that many devices; its size is what it was allocated with.

    NT: IoInitializeIrp
    """
    irp.initialize(stack_size)


def size_of_irp(stack_size: int) -> int:
    """Bytes of a packet with that many locations, on 64-bit Windows.

    NT: IoSizeOfIrp
    """
    return HEAD_SIZE + LOCATION_SIZE * stack_size


def set_cancel_routine(irp: Irp, routine: CancelRoutine | None) -> CancelRoutine | None:
    """Exchange the cancel routine for one that is called with the cancel lock held; returns the former one.

    NT: IoSetCancelRoutine
    """
    return irp.set_cancel_routine(None if routine is None else LockedCancelRoutine(routine))


def acquire_cancel_spin_lock(*, system: Any) -> int:
    """Take the lock that is held while packets are marked cancelled; returns the former level.

    NT: IoAcquireCancelSpinLock
    """
    return int(manager_of(system).cancel_lock.acquire())


def release_cancel_spin_lock(irql: int, *, system: Any) -> None:
    """Give it back; in a cancel routine with `irp.CancelIrql`.

    NT: IoReleaseCancelSpinLock
    """
    manager_of(system).cancel_lock.release(irql)
