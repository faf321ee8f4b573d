"""Group E: cancelling packets, in device queues and in cancel-safe queues."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from made_up_drivers import Bottom, Holder, load_stack, new_packet
from ntio import BugCheck, DeviceObject, Irp, System
from ntio.bugcheck import BugCheckCode
from ntio.driver_kit import CancelSafeQueue
from ntio.io_manager.cancel import cancel_irp, set_locked_cancel_routine
from ntio.io_manager.dispatch import call_driver
from ntio.io_manager.start_io import start_next_packet, start_packet
from ntio.kernel.irql import DISPATCH_LEVEL
from ntio.status import STATUS_CANCELLED, STATUS_PENDING, status_name

Observed = Callable[[str], None]


def boolean(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def test_case_58_without_a_routine(system: System, observed: Observed) -> None:
    """A packet without cancel routine is cancelled twice: FALSE, Cancel TRUE; again FALSE."""
    irp = system.io.irps.allocate(1)
    first, flag, second = cancel_irp(irp), irp.cancel, cancel_irp(irp)
    assert (first, flag, second) == (False, True, False)
    observed(f"{boolean(first)}, Cancel {boolean(flag)}; again {boolean(second)}")
    system.io.irps.free(irp)


def test_case_59_with_a_routine(system: System, observed: Observed) -> None:
    """A packet with a cancel routine is cancelled twice: TRUE, the routine once with CancelRoutine NULL, then FALSE."""
    io, seen = system.io, []

    def routine(device: DeviceObject, irp: Irp) -> None:
        seen.append((irp.cancel, irp.cancel_routine is None, io.cancel_lock.held, io.irql.current()))
        io.cancel_lock.release(irp.cancel_irql)

    def keep(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        set_locked_cancel_routine(irp, routine)
        return STATUS_PENDING

    device = load_stack(system, Bottom(keep))[0]
    irp = new_packet(device)
    assert call_driver(device, irp) == STATUS_PENDING
    first, second = cancel_irp(irp), cancel_irp(irp)
    assert (first, second) == (True, False)
    assert seen == [(True, True, True, DISPATCH_LEVEL)]
    assert io.irql.current() == 0 and not io.cancel_lock.held
    irp.complete(STATUS_CANCELLED)
    io.irps.free(irp)
    observed(
        f"{boolean(first)}; inside: Cancel {boolean(seen[0][0])}, CancelRoutine NULL, the lock held, "
        f"IRQL {seen[0][3]}; {len(seen)} call; again {boolean(second)}"
    )


@pytest.mark.stops_system
def test_case_63_of_a_completed_packet(system: System, observed: Observed) -> None:
    """A completed packet that still has a cancel routine is cancelled: bug check 0x48."""
    device = load_stack(system, Holder())[0]
    irp = new_packet(device)
    call_driver(device, irp)
    irp.complete(0)

    def routine(device: DeviceObject, irp: Irp) -> None:
        raise AssertionError("called")

    set_locked_cancel_routine(irp, routine)
    with pytest.raises(BugCheck) as caught:
        cancel_irp(irp)
    assert caught.value.code == BugCheckCode.CANCEL_STATE_IN_COMPLETED_IRP
    assert caught.value.parameters[:2] == (irp, routine)
    assert not system.io.cancel_lock.held
    observed(f"bug check {caught.value.code:#x} {caught.value.name}: the packet, the routine")


def test_case_64_in_a_device_queue(system: System, observed: Observed) -> None:
    """A packet in a device queue, without cancel routine, is cancelled: it stays queued until the driver removes it."""
    device = load_stack(system, Holder())[0]
    device.driver.start_io = lambda device, irp: None
    packets = [new_packet(device) for _ in range(2)]
    for irp in packets:
        call_driver(device, irp)
        start_packet(device, irp)
    answer = cancel_irp(packets[1])
    entry = packets[1].device_queue_entry
    assert not answer and entry.inserted and len(device.device_queue) == 1
    stayed = entry.inserted
    start_next_packet(device)
    assert device.current_irp is packets[1] and packets[1].cancel and not entry.inserted
    start_next_packet(device)
    for irp in packets:
        irp.complete()
        system.io.irps.free(irp)
    observed(f"{boolean(answer)}; Inserted {boolean(stayed)}; removed and started with Cancel TRUE")


def test_case_65_inserted_into_a_cancel_safe_queue(system: System, observed: Observed) -> None:
    """A cancelled packet is inserted into a cancel-safe queue: CompleteCanceled is called, CANCELLED; queue empty."""
    device = load_stack(system, Bottom(lambda device, irp: queue.append(irp)))[0]
    calls: list[str] = []

    class Noting(CancelSafeQueue):
        def csq_complete_canceled_irp(self, irp: Irp) -> None:
            calls.append("CsqCompleteCanceledIrp")
            super().csq_complete_canceled_irp(irp)

    queue = Noting(device)
    irp = new_packet(device)
    cancel_irp(irp)
    returned = call_driver(device, irp)
    assert returned == STATUS_PENDING and irp.completed and irp.status == STATUS_CANCELLED
    assert calls == ["CsqCompleteCanceledIrp"]
    next_one = queue.pop()
    assert next_one is None
    observed(f"returned {status_name(returned)}; {calls[0]}; {status_name(irp.status)}; RemoveNextIrp NULL")
    system.io.irps.free(irp)
