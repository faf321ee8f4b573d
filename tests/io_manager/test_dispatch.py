"""The walk down and up: who is called with what, when completion stops and goes on, how pending travels, what stops.

The numbers in the names of some tests are those of the conformance list (I/O manager specification, section 7, B).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

import ntio
from made_up_drivers import Bottom, Holder, Layer, load_stack, new_packet, sent
from ntio import BugCheck, DeviceObject, FilterDriver, Irp, Ring, Stack, System
from ntio.bugcheck import BugCheckCode
from ntio.io_manager.codes import major
from ntio.io_manager.dispatch import call_driver, complete_request
from ntio.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED,
    STATUS_DISK_FULL,
    STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_PENDING,
    NtError,
)

SUCCESS, ERROR, CANCEL = major.SL_INVOKE_ON_SUCCESS, major.SL_INVOKE_ON_ERROR, major.SL_INVOKE_ON_CANCEL
ALWAYS, PENDED = major.SL_INVOKE_ALWAYS, major.SL_PENDING_RETURNED
INFORMATIONAL = 0x40000000

Watch = Callable[[Any, Irp, Any], int | None]


def nobody(device: Any, irp: Irp, context: Any) -> None:
    """A completion routine."""


def raw(routine: Watch | None, invoke: int = ALWAYS, *, mark: bool = False, before: Any = None) -> Layer:
    """A filter that does the exact dance: copy, set the routine, call."""

    def down(device: DeviceObject, irp: Irp) -> int:
        if mark:
            irp.mark_pending()
        irp.copy_location_to_next()
        if routine is not None:
            irp.set_completion_routine(routine, device, invoke)
        if before is not None:
            before(device, irp)
        assert device.lower is not None
        status = call_driver(device.lower, irp)
        return STATUS_PENDING if mark else status

    return Layer(down)


def ending(status: int, information: int = 0, *, cancelled: bool = False) -> Bottom:
    def end(device: DeviceObject, irp: Irp) -> int:
        irp.cancel = cancelled
        return irp.complete(status, information)

    return Bottom(end)


# --- down ---------------------------------------------------------------------------------------------------------


@pytest.mark.row("R18")
def test_the_routine_for_the_major_function_is_called_and_its_status_returned(system: System) -> None:
    called: list[tuple[DeviceObject, int]] = []

    class Every(ntio.Driver):
        def dispatch_pnp(self, device: DeviceObject, irp: Irp) -> int:
            called.append((device, irp.location.major))
            irp.complete(STATUS_DISK_FULL)
            return INFORMATIONAL

    (device,) = load_stack(system, Every())
    assert sent(device, new_packet(device, code=major.IRP_MJ_PNP)) == (INFORMATIONAL, STATUS_DISK_FULL, 0)
    assert called == [(device, major.IRP_MJ_PNP)]


# --- the invoke bits ----------------------------------------------------------------------------------------------


@pytest.mark.row("R19")
@pytest.mark.parametrize("invoke", [a | b | c for a in (0, SUCCESS) for b in (0, ERROR) for c in (0, CANCEL)])
@pytest.mark.parametrize("status", [0, INFORMATIONAL, STATUS_BUFFER_OVERFLOW, STATUS_DISK_FULL, STATUS_CANCELLED])
@pytest.mark.parametrize("cancelled", [False, True])
def test_a_routine_runs_when_one_of_its_bits_applies(invoke: int, status: int, cancelled: bool) -> None:
    ran: list[int] = []
    with System("simulated") as system:
        devices = load_stack(
            system,
            ending(status, 5, cancelled=cancelled),
            raw(lambda device, irp, context: ran.append(irp.status), invoke),
        )
        assert sent(devices[-1], new_packet(devices[-1])) == (status, status, 5)
    succeeded = status < 0x80000000  # a warning counts as an error here
    applies = (succeeded and invoke & SUCCESS) or (not succeeded and invoke & ERROR) or (cancelled and invoke & CANCEL)
    assert ran == ([status] if applies else [])


def test_13_inline_completion_runs_both_routines_and_nothing_is_pending(system: System) -> None:
    ran: list[tuple[str, bool, Any]] = []

    def note(who: str) -> Watch:
        return lambda device, irp, context: ran.append((who, irp.pending_returned, device))

    devices = load_stack(system, ending(0, 3), raw(note("upper")))
    irp = new_packet(devices[-1])
    irp.set_completion_routine(note("sender"))
    assert sent(devices[-1], irp) == (0, 0, 3)
    # The upper driver's routine gets its own device, the creator's gets none.
    assert ran == [("upper", False, devices[-1]), ("sender", False, None)]


def test_15_where_the_control_bits_stand_on_the_way_down(system: System) -> None:
    seen: list[list[int]] = []

    def look(device: DeviceObject, irp: Irp) -> None:
        seen.append([location.control for location in irp.locations[: irp.stack_count]])

    def end(device: DeviceObject, irp: Irp) -> int:
        look(device, irp)
        return irp.complete()

    def upper(device: DeviceObject, irp: Irp) -> int:
        look(device, irp)
        irp.copy_location_to_next()
        irp.set_completion_routine(nobody)
        assert device.lower is not None
        return call_driver(device.lower, irp)

    devices = load_stack(system, Bottom(end), Layer(upper))
    irp = new_packet(devices[-1])
    irp.set_completion_routine(nobody)
    sent(devices[-1], irp)
    assert seen == [[0, ALWAYS], [ALWAYS, ALWAYS]]


def watch_left(system: System, bottom: Bottom, left: list[list[Any]]) -> None:
    def look(device: Any, irp: Irp, context: Any) -> None:
        for location in irp.locations[: irp.current_location - 1]:
            left.append(
                [location.control, location.minor, location.flags, location.length, location.byte_offset, location.key,
                 location.argument, location.file_object]
            )  # fmt: skip

    devices = load_stack(system, bottom, raw(look), raw(look))
    irp = new_packet(devices[-1], minor=1, flags=2, length=3, byte_offset=4, key=5, argument="six", file_object="seven")
    irp.set_completion_routine(look)
    sent(devices[-1], irp)


def test_16_locations_already_left_are_empty(system: System) -> None:
    left: list[list[Any]] = []
    watch_left(system, ending(0), left)
    assert left == [[0, 0, 0, 0, 0, 0, None, None]] * 6  # one, two, three locations


@pytest.mark.row("R19")
def test_an_error_is_remembered_where_it_came_from(system: System) -> None:
    """The location it came from is marked, and the lowest one keeps it in its fourth argument."""
    left: list[list[Any]] = []
    watch_left(system, ending(STATUS_DISK_FULL), left)
    marked = [major.SL_ERROR_RETURNED, 0, 0, 0, 0, 0, STATUS_DISK_FULL, None]
    empty = [0, 0, 0, 0, 0, 0, None, None]
    assert left == [marked, marked, empty, marked, empty, empty]


@pytest.mark.row("R19")
@pytest.mark.parametrize("then", [STATUS_DISK_FULL, STATUS_CANCELLED, 0])
def test_a_routine_that_changes_the_error_is_marked_as_well(system: System, then: int) -> None:
    controls: list[list[int]] = []

    def change(device: Any, irp: Irp, context: Any) -> None:
        irp.status = then

    devices = load_stack(system, ending(STATUS_DISK_FULL), raw(change), raw(nobody))
    irp = new_packet(devices[-1])
    irp.set_completion_routine(lambda device, irp, context: controls.append([one.control for one in irp.locations[:3]]))
    sent(devices[-1], irp)
    first, marked = major.SL_ERROR_RETURNED, major.SL_ERROR_RETURNED
    assert controls == [[first, marked if then == STATUS_CANCELLED else 0, 0]]


def test_a_remembered_error_is_gone_with_its_packet(system: System) -> None:
    devices = load_stack(system, ending(STATUS_DISK_FULL), raw(nobody))
    sent(devices[-1], new_packet(devices[-1]))
    again = new_packet(devices[-1])
    assert [(location.control, location.argument) for location in again.locations[:2]] == [(0, None)] * 2
    system.io.irps.free(again)


def test_routines_run_from_the_bottom_up_each_once(system: System) -> None:
    order: list[str] = []
    layers = [raw(lambda device, irp, context, name=name: order.append(name)) for name in "abc"]  # type: ignore[misc]
    devices = load_stack(system, ending(0), *layers)
    sent(devices[-1], new_packet(devices[-1]))
    assert order == ["a", "b", "c"]


def test_a_routine_may_change_the_result_and_those_above_see_that(system: System) -> None:
    seen: list[tuple[int, int]] = []

    def spoil(device: Any, irp: Irp, context: Any) -> None:
        irp.status, irp.information = STATUS_DISK_FULL, 1

    def look(device: Any, irp: Irp, context: Any) -> None:
        seen.append((irp.status, irp.information))

    devices = load_stack(system, ending(0, 9), raw(spoil), raw(look, SUCCESS), raw(look, ERROR))
    assert sent(devices[-1], new_packet(devices[-1]))[1:] == (STATUS_DISK_FULL, 1)
    assert seen == [(STATUS_DISK_FULL, 1)]


# --- pending ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upper_marks", [True, False])
def test_18_pending_below_is_seen_by_the_next_and_carried_by_who_marks(system: System, upper_marks: bool) -> None:
    seen: list[tuple[str, bool]] = []

    def upper(device: Any, irp: Irp, context: Any) -> None:
        seen.append(("upper", irp.pending_returned))
        if upper_marks and irp.pending_returned:
            irp.mark_pending()

    holder = Holder()
    devices = load_stack(system, holder, raw(upper))
    irp = new_packet(devices[-1])
    irp.set_completion_routine(lambda device, irp, context: seen.append(("sender", irp.pending_returned)))
    assert call_driver(devices[-1], irp) == STATUS_PENDING
    assert not irp.completed and seen == []
    holder.release(0, 1)
    assert seen == [("upper", True), ("sender", upper_marks)]
    assert irp.completed
    system.io.irps.free(irp)


@pytest.mark.parametrize("invoke", [None, ERROR, SUCCESS])
def test_20_pending_is_copied_up_where_no_routine_ran(system: System, invoke: int | None) -> None:
    seen: list[bool] = []
    holder = Holder()
    middle = raw(None) if invoke is None else raw(nobody, invoke)
    devices = load_stack(system, holder, middle)
    irp = new_packet(devices[-1])
    irp.set_completion_routine(lambda device, irp, context: seen.append(irp.pending_returned))
    assert call_driver(devices[-1], irp) == STATUS_PENDING
    holder.release()
    assert seen == [invoke != SUCCESS]  # where a routine ran, carrying the mark is its own task
    system.io.irps.free(irp)


@pytest.mark.parametrize("layers", range(4))
def test_pending_reaches_the_creator_through_any_mixture(layers: int) -> None:
    """Friendly routines, none at all, substitutes: the mark travels the whole way, whatever is in between."""
    kinds: list[Callable[[], FilterDriver]] = [
        lambda: Layer(lambda device, irp: irp.pass_down(lambda device, irp: None)),
        lambda: Layer(lambda device, irp: irp.pass_down()),
        lambda: Layer(lambda device, irp: irp.pass_down(buffer=b"1234")),
        lambda: Layer(lambda device, irp: irp.pass_down(lambda device, irp: None, buffer=b"1234")),
        lambda: Layer(lambda device, irp: irp.pass_down(lambda device, irp: 1 // 0)),  # type: ignore[arg-type,return-value]
        lambda: raw(None),
    ]
    with System("simulated") as system:
        for mixture in itertools.product(kinds, repeat=layers):
            seen: list[bool] = []
            holder = Holder()
            devices = load_stack(system, holder, *(kind() for kind in mixture))
            irp = new_packet(devices[-1], length=4)
            irp.buffer = mine = memoryview(bytearray(4))
            irp.set_completion_routine(lambda device, irp, context, seen=seen: seen.append(irp.pending_returned))
            # A location skipped is shared, so the creator's routine is set on a copy only where there is one.
            assert call_driver(devices[-1], irp) == STATUS_PENDING
            holder.release(0, 4)
            assert irp.completed and irp.buffer is mine and seen == [True]
            system.io.irps.free(irp)
            for device in reversed(devices):
                system.io.unload(device.driver)


def test_marking_and_returning_pending_is_legal_whatever_is_below(system: System) -> None:
    with Stack("ram_disk:size=4K", raw(None, mark=True), system=system) as disk:
        assert disk.write(b"abc", 0) == 3
        assert disk.read(3, 0) == b"abc"


# --- stopping and going on ----------------------------------------------------------------------------------------


@pytest.mark.row("R19")
def test_22_more_processing_stops_and_a_second_completion_goes_on_above(system: System) -> None:
    order: list[str] = []

    def keep(device: DeviceObject, irp: Irp, context: Any) -> int:
        order.append("kept")
        return STATUS_MORE_PROCESSING_REQUIRED

    def above(device: DeviceObject, irp: Irp, context: Any) -> None:
        order.append("above")

    devices = load_stack(system, ending(0, 7), raw(keep), raw(above))
    irp = new_packet(devices[-1])
    called_back: list[Irp] = []
    irp.on_complete = called_back.append
    assert call_driver(devices[-1], irp) == 0
    assert order == ["kept"] and called_back == [] and not irp.completed
    assert irp.current_location == 2 and irp.location.device is devices[1]
    irp.complete(STATUS_DISK_FULL, 2)
    assert order == ["kept", "above"] and called_back == [irp] and irp.completed
    assert (irp.status, irp.information) == (STATUS_DISK_FULL, 2)
    system.io.irps.free(irp)


def test_a_kept_packet_can_be_sent_down_again(system: System) -> None:
    answers = iter([STATUS_DISK_FULL, STATUS_DISK_FULL, 0])
    attempts: list[int] = []

    def again(device: DeviceObject, irp: Irp) -> int | None:
        attempts.append(irp.status)
        if irp.status:
            irp.pass_down(lambda device, irp: again(device, irp))
            return STATUS_MORE_PROCESSING_REQUIRED
        return None

    bottom = Bottom(lambda device, irp: irp.complete(next(answers)))
    devices = load_stack(system, bottom, Layer(lambda device, irp: irp.pass_down(again)))
    irp = new_packet(devices[-1])
    call_driver(devices[-1], irp)
    assert attempts == [STATUS_DISK_FULL, STATUS_DISK_FULL, 0]
    assert irp.completed and irp.status == 0
    system.io.irps.free(irp)


def test_a_creators_routine_may_keep_and_free_its_packet(system: System) -> None:
    def done(device: Any, irp: Irp, context: list[int]) -> int:
        context.append(irp.information)
        irp.pool.free(irp)
        return STATUS_MORE_PROCESSING_REQUIRED

    (device,) = load_stack(system, ending(0, 4))
    irp = new_packet(device)
    irp.set_completion_routine(done, got := [])  # type: ignore[var-annotated]
    assert call_driver(device, irp) == 0
    assert got == [4]
    again = system.io.irps.allocate(1)
    assert again is irp and again.current_location == 2
    system.io.irps.free(again)


# --- errors in routines -------------------------------------------------------------------------------------------


def stack_of_reads(system: System, *drivers: Any) -> tuple[Stack, list[DeviceObject]]:
    stack = Stack(*drivers, system=system)
    return stack, list(stack)[::-1]


@pytest.mark.row("R29")
def test_an_error_in_a_dispatch_routine_ends_that_request_only(system: System) -> None:
    raising = iter([True, False])

    def maybe(device: DeviceObject, irp: Irp) -> int:
        if next(raising):
            raise ZeroDivisionError("mine")
        return irp.complete(information=irp.location.length)

    upper_saw: list[int] = []
    upper = Layer(lambda device, irp: irp.pass_down(lambda device, irp: upper_saw.append(irp.status)))
    stack, devices = stack_of_reads(system, Bottom(maybe), upper)
    with stack:
        with pytest.raises(NtError) as caught:
            stack.read(4, 0)
        assert caught.value.status == STATUS_DRIVER_INTERNAL_ERROR
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert devices[0].last_error is caught.value.__cause__ and devices[1].last_error is None
        assert len(stack.read(4, 0)) == 4
    assert upper_saw == [STATUS_DRIVER_INTERNAL_ERROR, 0]


def test_an_error_in_a_filter_is_kept_on_the_filter(system: System) -> None:
    def broken(device: DeviceObject, irp: Irp) -> int:
        raise LookupError

    below: list[Irp] = []
    stack, devices = stack_of_reads(
        system, Bottom(lambda device, irp: below.append(irp) or irp.complete()), "null_filter", Layer(broken), "log"
    )
    with stack, pytest.raises(NtError):
        stack.read(1, 0)
    assert below == []
    assert [device.last_error is not None for device in devices] == [False, False, True, False]


def test_an_error_in_a_completion_routine_fails_the_request(system: System) -> None:
    def broken(device: Any, irp: Irp) -> int | None:
        raise LookupError

    seen: list[tuple[int, int]] = []
    stack, devices = stack_of_reads(
        system,
        ending(0, 9),
        Layer(lambda device, irp: irp.pass_down(broken)),
        Layer(lambda device, irp: irp.pass_down(lambda device, irp: seen.append((irp.status, irp.information)))),
    )
    with stack, pytest.raises(NtError) as caught:
        stack.read(9, 0)
    assert caught.value.status == STATUS_DRIVER_INTERNAL_ERROR
    assert seen == [(STATUS_DRIVER_INTERNAL_ERROR, 0)]
    assert [type(device.last_error) for device in devices] == [type(None), LookupError, type(None)]


@pytest.mark.parametrize("pended", [False, True])
def test_an_error_after_passing_down_leaves_the_packet_to_who_has_it(system: System, pended: bool) -> None:
    """The driver below has completed it, or will: completing it here as well would be once too often."""
    holder = Holder()

    def late(device: DeviceObject, irp: Irp) -> int:
        irp.pass_down()
        raise LookupError

    bottom = holder if pended else ending(0, 3)
    devices = load_stack(system, bottom, Layer(late))
    irp = new_packet(devices[-1])
    assert call_driver(devices[-1], irp) == STATUS_PENDING
    if pended:
        assert not irp.completed
        holder.release(0, 3)
    assert irp.completed and (irp.status, irp.information) == (0, 3)
    assert isinstance(devices[-1].last_error, LookupError)
    system.io.irps.free(irp)


def test_an_error_after_completing_changes_nothing(system: System) -> None:
    def twice_wrong(device: DeviceObject, irp: Irp) -> int:
        irp.complete(0, 2)
        raise LookupError

    stack, devices = stack_of_reads(system, Bottom(twice_wrong), "log")
    with stack, Ring(system=system) as ring:
        assert len(stack.read(2, 0)) == 2
        assert ring.read(stack.file, [0, 2, 4], 2).raise_for_status().information.tolist() == [2, 2, 2]
    assert isinstance(devices[0].last_error, LookupError)


def test_an_error_of_a_driver_that_keeps_the_packet_does_not_take_it_away(system: System) -> None:
    holder = Holder(cancellable=True)

    def keep_then_fail(device: DeviceObject, irp: Irp) -> int:
        holder.dispatch_read(device, irp)
        raise LookupError

    (device,) = load_stack(system, Bottom(keep_then_fail))
    irp = new_packet(device)
    assert call_driver(device, irp) == STATUS_PENDING
    assert not irp.completed
    holder.release(0, 1)
    assert irp.completed and irp.status == 0
    system.io.irps.free(irp)


# --- what stops the System ----------------------------------------------------------------------------------------


def expect_stopped(system: System, code: BugCheckCode) -> None:
    """Every later call on the System raises the one that came first."""
    first = system.io.bug_check
    assert first is not None and first.code == code
    calls: list[Callable[[], object]] = [
        lambda: ntio.open("\\??\\C:\\x", system=system),
        lambda: ntio.open("/x", system=system),
        lambda: Stack("ram_disk:size=1K", system=system),
        lambda: system.load(Bottom()),
        system.io.check_running,
    ]
    for call in calls:
        with pytest.raises(BugCheck) as caught:
            call()
        assert caught.value is first


@pytest.mark.stops_system
def test_23_completing_twice_stops_the_system(system: System) -> None:
    def twice(device: DeviceObject, irp: Irp) -> int:
        irp.complete()
        return irp.complete()

    with Stack("ram_disk:size=4K", system=system) as disk, Ring(system=system) as ring:
        wrong = load_stack(system, Bottom(twice))[0]
        irp = new_packet(wrong)
        with pytest.raises(BugCheck, match="MULTIPLE_IRP_COMPLETE_REQUESTS") as caught:
            call_driver(wrong, irp)
        assert caught.value.parameters[0] is irp
        expect_stopped(system, BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS)
        later: list[Callable[[], object]] = [
            lambda: disk.read(1, 0),
            lambda: disk.write(b"x", 0),
            disk.flush,
            lambda: disk.size,
            lambda: disk.bypass,
            disk.open,
            lambda: ring.read(disk.file, 0, 1),
            lambda: ring.write(disk.file, 0, b"x"),
            lambda: ring.flush(disk.file),
            lambda: ring.start_read(disk.file, 0, 1),
        ]
        for call in later:
            with pytest.raises(BugCheck) as again:
                call()
            assert again.value is system.io.bug_check


@pytest.mark.stops_system
@pytest.mark.parametrize("how", ["completes", "sends down again"])
def test_a_routine_that_disposes_of_the_packet_must_say_so(system: System, how: str) -> None:
    def done(device: DeviceObject, irp: Irp) -> None:
        if how == "completes":
            irp.complete()
        else:
            irp.pass_down(lambda device, irp: None)

    holder = Holder()
    devices = load_stack(system, holder, Layer(lambda device, irp: irp.pass_down(done)), FilterDriver())
    call_driver(devices[-1], new_packet(devices[-1]))
    with pytest.raises(BugCheck, match="MULTIPLE_IRP_COMPLETE_REQUESTS"):
        holder.release()


@pytest.mark.stops_system
@pytest.mark.parametrize("how", ["call_driver", "pass_down(then)", "pass_down", "pass_through"])
def test_23_calling_with_no_location_left_stops_the_system(system: System, how: str) -> None:
    bottom = {
        "call_driver": Bottom(lambda device, irp: call_driver(device, irp)),
        "pass_down(then)": Bottom(lambda device, irp: irp.pass_down(lambda device, irp: None)),
        "pass_down": Bottom(lambda device, irp: irp.pass_down()),
    }
    if how == "pass_through":
        device = load_stack(system, Bottom(), ntio.FilterDriver())[-1]
        device.detach()
    else:
        (device,) = load_stack(system, bottom[how])
    irp = new_packet(device)
    with pytest.raises(BugCheck, match="NO_MORE_IRP_STACK_LOCATIONS") as caught:
        call_driver(device, irp)
    assert caught.value.parameters[0] is irp
    expect_stopped(system, BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS)


@pytest.mark.stops_system
def test_a_drivers_broad_except_does_not_hide_a_stop(system: System) -> None:
    def hides(device: DeviceObject, irp: Irp) -> int:
        irp.complete()
        try:
            complete_request(irp)
        except Exception:
            return 0
        return 1

    with Stack(Bottom(hides), system=system) as stack:
        assert stack.read(4, 0) == b""
        with pytest.raises(BugCheck, match="MULTIPLE"):
            stack.read(4, 0)


@pytest.mark.stops_system
def test_the_first_stop_is_the_one_that_stays(system: System) -> None:
    irp = system.io.irps.allocate(1)
    for code in (BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS, BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS):
        with pytest.raises(BugCheck) as caught:
            irp.pool.stop(code, irp)
        assert caught.value is system.io.bug_check
    expect_stopped(system, BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS)


@pytest.mark.stops_system
def test_one_systems_stop_is_not_anothers(system: System) -> None:
    with System("simulated") as other, Stack("ram_disk:size=4K", system=other) as disk:
        (device,) = load_stack(system, Bottom(lambda device, irp: call_driver(device, irp)))
        with pytest.raises(BugCheck):
            call_driver(device, new_packet(device))
        assert disk.write(b"fine", 0) == 4


@pytest.mark.stops_system
@pytest.mark.parametrize("where", ["dispatch", "completion"])
def test_a_stop_in_a_routine_is_no_failed_request(system: System, where: str) -> None:
    def stop(device: Any, irp: Irp) -> int:
        irp.pool.stop(BugCheckCode.DRIVER_VERIFIER_DETECTED_VIOLATION, 1)

    layer = Layer(stop) if where == "dispatch" else Layer(lambda device, irp: irp.pass_down(stop))
    with Stack("ram_disk:size=4K", layer, "log", system=system) as disk:
        with pytest.raises(BugCheck, match="DETECTED_VIOLATION"):
            disk.read(4, 0)
        assert all(device.last_error is None for device in disk)


@pytest.mark.stops_system
@pytest.mark.parametrize("how", ["scalar", "batch", "part", "started"])
def test_returning_without_having_done_anything_stops_the_system(system: System, how: str) -> None:
    class Forgets(ntio.Driver):
        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            return 0

        if how in ("batch", "started"):

            def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
                return 0

    with Stack(Forgets(), "null_filter", system=system) as stack, Ring(system=system) as ring:
        calls: dict[str, Callable[[], object]] = {
            "scalar": lambda: stack.read(4, 0),
            "batch": lambda: ring.read(stack.file, [0, 4], 4),
            "part": lambda: ring.read(stack.file, [0, 4], 4),
            "started": lambda: ring.start_read(stack.file, [0, 4], 4),
        }
        with pytest.raises(BugCheck) as caught:
            calls[how]()
        assert caught.value.code == BugCheckCode.DRIVER_VERIFIER_IOMANAGER_VIOLATION
        assert caught.value.parameters[0] == 0x226
    expect_stopped(system, BugCheckCode.DRIVER_VERIFIER_IOMANAGER_VIOLATION)
