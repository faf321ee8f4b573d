"""What becomes of a packet whose driver let an exception out: ended for it, or left to whoever has it, never both."""

from __future__ import annotations

import pytest

from made_up_drivers import Bottom, Holder, Layer, load_stack, new_packet
from ntio import BugCheck, DeviceObject, Irp, NtError, Ring, Stack, System
from ntio.bugcheck import BugCheckCode
from ntio.io_manager.dispatch import call_driver
from ntio.status import STATUS_DRIVER_INTERNAL_ERROR, STATUS_PENDING


def keep_then_fail(holder: Holder) -> Bottom:
    """A driver that marks a packet pending, keeps it, and raises."""

    def routine(device: DeviceObject, irp: Irp) -> int:
        holder.dispatch_read(device, irp)
        raise LookupError

    return Bottom(routine)


@pytest.mark.row("R18")
def test_a_packet_marked_pending_stays_with_who_keeps_it(system: System) -> None:
    """Another thread may be completing it at this moment."""
    holder = Holder()
    with Stack(keep_then_fail(holder), "null_filter", system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, [0, 1], 1)
        assert not batch.done and len(holder.held) == 2
        holder.release(0, 1)
        holder.release(0, 1)
        assert batch.wait(0).information.tolist() == [1, 1]
        assert isinstance(next(iter(stack.system.io.drivers[1].devices())).last_error, LookupError)


def test_an_interrupt_leaves_it_there_too(system: System) -> None:
    holder = Holder()

    def routine(device: DeviceObject, irp: Irp) -> int:
        holder.dispatch_read(device, irp)
        raise KeyboardInterrupt

    with Stack(Bottom(routine), system=system) as stack:
        with pytest.raises(KeyboardInterrupt):
            stack.read(1, 0)
        assert holder.held[0].cancel and not holder.held[0].completed
        holder.release()
    assert system.io.irps.live() == 0


def test_the_mark_of_a_driver_above_does_not_count(system: System) -> None:
    def mark_and_send(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        irp.pass_down(lambda device, irp: None)
        return STATUS_PENDING

    def broken(device: DeviceObject, irp: Irp) -> int:
        raise LookupError

    devices = load_stack(system, Bottom(broken), Layer(mark_and_send))
    irp = new_packet(devices[-1])
    assert call_driver(devices[-1], irp) == STATUS_PENDING
    assert irp.completed and irp.status == STATUS_DRIVER_INTERNAL_ERROR
    system.io.irps.free(irp)


@pytest.mark.stops_system
def test_a_packet_ended_for_its_driver_is_nobody_elses_afterwards(system: System) -> None:
    """A driver that keeps a packet without marking it, raises, and completes it later hits no other request."""
    kept: list[Irp] = []

    def wrong(device: DeviceObject, irp: Irp) -> int:
        kept.append(irp)
        raise LookupError

    with Stack(Bottom(wrong), system=system) as stack:
        for _ in range(3):
            with pytest.raises(NtError):
                stack.read(1, 0)
        packets = [system.io.irps.allocate(1) for _ in range(3)]
        assert not {id(irp) for irp in kept} & {id(irp) for irp in packets}
        for irp in packets:
            system.io.irps.free(irp)
        assert system.io.irps.live() == 0
        with pytest.raises(BugCheck) as caught:
            kept[0].complete()
    assert caught.value.code == BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS
