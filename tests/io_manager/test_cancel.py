"""Cancelling is a request: the routine is called once, at most, and the packet still completes exactly once."""

from __future__ import annotations

import threading

import pytest

from made_up_drivers import Holder, Layer, load_stack, new_packet
from ntio import BugCheck, DeviceObject, Irp, Ring, Stack, System
from ntio.bugcheck import BugCheckCode
from ntio.io_manager.cancel import CancelRoutine, cancel_irp, set_cancel_routine, set_locked_cancel_routine
from ntio.io_manager.dispatch import call_driver
from ntio.kernel.irql import APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL
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


# --- routines in the WDK's form: with the cancel lock -----------------------------------------------------------------


def keeping(system: System, routine: CancelRoutine) -> tuple[DeviceObject, Irp]:
    """A packet that a driver keeps, with a cancel routine in the WDK's form."""

    def keep(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        set_locked_cancel_routine(irp, routine)
        return STATUS_PENDING

    device = load_stack(system, Holder(), Layer(keep))[-1]
    irp = new_packet(device)
    assert call_driver(device, irp) == STATUS_PENDING
    return device, irp


def end(system: System, irp: Irp) -> None:
    set_cancel_routine(irp, None)
    irp.complete(STATUS_CANCELLED)
    system.io.irps.free(irp)


def test_setting_a_locked_routine_is_an_exchange_too(system: System) -> None:
    irp = system.io.irps.allocate(1)
    assert set_locked_cancel_routine(irp, nothing) is None
    assert irp.set_cancel_routine(other) is nothing
    assert set_locked_cancel_routine(irp, None) is other
    assert irp.cancel_routine is None
    system.io.irps.free(irp)


def test_a_locked_routine_is_called_at_dispatch_with_the_lock_which_it_releases(system: System) -> None:
    io, seen = system.io, []

    def routine(device: DeviceObject, irp: Irp) -> None:
        seen.append((device, io.irql.current(), io.cancel_lock.held, irp.cancel_irql, irp.cancel, irp.cancel_routine))
        io.cancel_lock.release(irp.cancel_irql)
        seen.append((io.irql.current(), io.cancel_lock.held))

    device, irp = keeping(system, routine)
    with io.irql.raised(APC_LEVEL):
        assert cancel_irp(irp)
        assert io.irql.current() == APC_LEVEL
    assert not cancel_irp(irp)
    assert seen == [(device, DISPATCH_LEVEL, True, APC_LEVEL, True, None), (APC_LEVEL, False)]
    end(system, irp)


def test_a_friendly_routine_is_called_without_the_lock_where_the_canceller_was(system: System) -> None:
    io, seen = system.io, []

    def routine(device: DeviceObject, irp: Irp) -> None:
        seen.append((io.irql.current(), io.cancel_lock.held))

    _, irp = keeping(system, routine)
    set_cancel_routine(irp, routine)
    assert cancel_irp(irp) and seen == [(PASSIVE_LEVEL, False)]
    end(system, irp)


@pytest.mark.stops_system
def test_a_routine_that_forgets_the_lock_stops_the_system_and_hangs_nobody(system: System) -> None:
    device, irp = keeping(system, nothing)
    with pytest.raises(BugCheck, match="without releasing the cancel lock") as caught:
        cancel_irp(irp)
    assert caught.value.code == BugCheckCode.IRQL_UNEXPECTED_VALUE
    assert caught.value.parameters[0] == DISPATCH_LEVEL << 16
    assert caught.value.parameters[2] is device
    assert not system.io.cancel_lock.held and system.io.irql.current() == PASSIVE_LEVEL
    with system.io.cancel_lock:  # nobody else is kept out
        pass


@pytest.mark.stops_system
def test_a_routine_that_stays_at_dispatch_stops_the_system(system: System) -> None:
    _, irp = keeping(system, lambda device, irp: system.io.cancel_lock.release_from_dispatch())
    with pytest.raises(BugCheck, match="another level than cancel_irql") as caught:
        cancel_irp(irp)
    assert caught.value.code == BugCheckCode.IRQL_UNEXPECTED_VALUE
    assert system.io.irql.current() == PASSIVE_LEVEL


@pytest.mark.stops_system
def test_cancelling_while_holding_the_lock_stops_the_system(system: System) -> None:
    """On Windows it would wait for itself."""
    _, irp = keeping(system, nothing)
    with system.io.cancel_lock, pytest.raises(BugCheck) as caught:
        cancel_irp(irp)
    assert caught.value.code == BugCheckCode.DRIVER_VERIFIER_DETECTED_VIOLATION


def test_who_holds_the_lock_sees_no_packet_become_cancelled(system: System) -> None:
    """The classic way: look at the flag and set the routine under the lock; cancelling is before that or after it."""
    io = system.io
    irp = io.irps.allocate(1)
    started, answers = threading.Event(), []

    def cancel() -> None:
        started.set()
        answers.append(cancel_irp(irp))

    called: list[Irp] = []

    def routine(device: DeviceObject, irp: Irp) -> None:
        io.cancel_lock.release(irp.cancel_irql)
        called.append(irp)

    with io.cancel_lock:
        thread = threading.Thread(target=cancel)
        thread.start()
        started.wait()
        assert not irp.cancel
        set_locked_cancel_routine(irp, routine)
    thread.join()
    assert answers == [True] and called == [irp]
    io.irps.free(irp)


@pytest.mark.parametrize("locked", [False, True])
def test_an_error_in_a_cancel_routine_stays_on_its_device(system: System, locked: bool) -> None:
    def broken(device: DeviceObject, irp: Irp) -> None:
        if locked:
            system.io.cancel_lock.release(irp.cancel_irql)
        raise LookupError

    device, irp = keeping(system, broken)
    if not locked:
        set_cancel_routine(irp, broken)
    assert cancel_irp(irp) and not irp.completed
    assert isinstance(device.last_error, LookupError)
    end(system, irp)


def test_a_packet_is_cancelled_for_others_only_while_it_is_the_one_they_mean(system: System) -> None:
    irp = system.io.irps.allocate(1)
    set_cancel_routine(irp, nothing)
    assert not cancel_irp(irp, lambda: False)
    assert not irp.cancel and irp.cancel_routine is nothing
    assert cancel_irp(irp, lambda: True) and irp.cancel
    system.io.irps.free(irp)


def test_cancelling_a_batch_reaches_routines_with_the_lock(system: System) -> None:
    io, held = system.io, []

    class Keeper(Holder):
        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            irp.mark_pending()
            set_locked_cancel_routine(irp, self.give_up)
            held.append(irp)
            return STATUS_PENDING

        def give_up(self, device: DeviceObject, irp: Irp) -> None:
            io.cancel_lock.release(irp.cancel_irql)
            irp.complete(STATUS_CANCELLED)

    with Stack(Keeper(), system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, [0, 1, 2], 1)
        batch.cancel()
        assert batch.wait(0).status.tolist() == [STATUS_CANCELLED] * 3
    assert len(held) == 3 and io.irps.live() == 0
