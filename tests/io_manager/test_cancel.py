"""Cancelling is a request: the routine is called once, at most, and the packet still completes exactly once."""

from __future__ import annotations

import pytest

from made_up_drivers import Holder, Layer, load_stack, new_packet
from ntio import BugCheck, DeviceObject, Irp, Ring, Stack, System
from ntio.bugcheck import BugCheckCode
from ntio.io_manager.cancel import cancel_irp, set_cancel_routine
from ntio.io_manager.dispatch import call_driver
from ntio.status import STATUS_CANCELLED, STATUS_PENDING


def nothing(device: DeviceObject, irp: Irp) -> None:
    """A cancel routine."""


def other(device: DeviceObject, irp: Irp) -> None:
    """Another."""


@pytest.mark.row("R13")
def test_setting_a_routine_is_an_exchange(system: System) -> None:
    irp = system.io.irps.allocate(1)
    assert set_cancel_routine(irp, nothing) is None
    assert set_cancel_routine(irp, other) is nothing
    assert set_cancel_routine(irp, None) is other
    assert set_cancel_routine(irp, None) is None
    system.io.irps.free(irp)


def test_58_cancelling_without_routine(system: System) -> None:
    irp = system.io.irps.allocate(1)
    assert not irp.cancel
    assert not cancel_irp(irp) and irp.cancel
    assert not cancel_irp(irp)
    system.io.irps.free(irp)


def test_59_cancelling_with_routine_calls_it_once(system: System) -> None:
    called: list[tuple[DeviceObject, bool, object]] = []

    def routine(device: DeviceObject, irp: Irp) -> None:
        called.append((device, irp.cancel, irp.cancel_routine))

    def keep(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        set_cancel_routine(irp, routine)
        return STATUS_PENDING

    device = load_stack(system, Holder(), Layer(keep))[-1]
    irp = new_packet(device)
    call_driver(device, irp)
    assert cancel_irp(irp)
    assert not cancel_irp(irp)
    assert called == [(device, True, None)]
    irp.complete(STATUS_CANCELLED)
    system.io.irps.free(irp)


@pytest.mark.stops_system
def test_63_a_completed_packet_with_a_routine_stops_the_system(system: System) -> None:
    device = load_stack(system, Holder())[0]
    irp = new_packet(device)
    call_driver(device, irp)
    irp.complete(0)
    set_cancel_routine(irp, nothing)
    with pytest.raises(BugCheck) as caught:
        cancel_irp(irp)
    assert caught.value.code == BugCheckCode.CANCEL_STATE_IN_COMPLETED_IRP
    assert caught.value.parameters[:2] == (irp, nothing)


def test_a_packet_may_succeed_although_it_was_cancelled(system: System) -> None:
    holder = Holder()
    with Stack(holder, system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, [0, 1], 1)
        batch.cancel()
        assert not batch.done and [irp.cancel for irp in holder.held] == [True, True]
        holder.release(0, 1)
        holder.release(0, 1)
        assert batch.wait().information.tolist() == [1, 1]


def test_a_started_call_is_cancelled_through_filters(system: System) -> None:
    holder = Holder(cancellable=True)
    upper_saw: list[int] = []
    layer = Layer(lambda device, irp: irp.pass_down(lambda device, irp: upper_saw.append(irp.status)))
    with Stack(holder, layer, "log", system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, [0, 1, 2], 1)
        holder.release(0, 1)
        batch.cancel()
        batch.cancel()
        assert batch.wait(0).status.tolist() == [0, STATUS_CANCELLED, STATUS_CANCELLED]
        assert upper_saw == [0, STATUS_CANCELLED, STATUS_CANCELLED]
        batch.cancel()
    assert system.io.irps.live() == 0


def test_cancelling_what_is_done_does_nothing(system: System) -> None:
    with Stack("ram_disk:size=4K", "log", system=system) as disk, Ring(system=system) as ring:
        batch = ring.start_read(disk.file, 0, 4)
        batch.cancel()
        assert batch.wait().status.tolist() == [0]


def test_a_cancel_routine_may_complete_a_started_call_at_once(system: System) -> None:
    """Its packet goes home inside `cancel_irp`: who cancels must not give it back a second time."""

    class Whole(Holder):
        dispatch_read_batch = Holder.dispatch_read

    whole = Whole(cancellable=True)
    with Stack(whole, system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, [0, 1], 1)
        batch.cancel()
        assert batch.wait(0).status.tolist() == [STATUS_CANCELLED] * 2
    assert system.io.irps.live() == 0
    packets = [system.io.irps.allocate(1) for _ in range(4)]
    assert len({id(irp) for irp in packets}) == 4
    for irp in packets:
        system.io.irps.free(irp)
