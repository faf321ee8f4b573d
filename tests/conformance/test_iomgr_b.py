"""Group B: completion routines, the pending mark, what stops the system, sending on and waiting."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from made_up_drivers import Bottom, Holder, Layer, load_stack, new_packet
from ntio import BugCheck, DeviceObject, Irp, System
from ntio.bugcheck import BugCheckCode
from ntio.io_manager.cancel import set_cancel_routine
from ntio.io_manager.codes import major
from ntio.io_manager.dispatch import call_driver, complete_request
from ntio.io_manager.forward import forward_irp_synchronously
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.packet.builders import build_synchronous_fsd_request
from ntio.kernel.event import Event
from ntio.status import STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING, STATUS_SUCCESS, status_name

pytestmark = pytest.mark.row("R18", "R19")

Observed = Callable[[str], None]
ALWAYS = major.SL_INVOKE_ALWAYS


def boolean(value: object) -> str:
    return "TRUE" if value else "FALSE"


def copying(routine: Any, *, mark: bool = False, seen: list[Any] | None = None) -> Layer:
    """The upper driver: copies its location, sets a routine (if given), calls; `mark`: marks and returns PENDING."""

    def down(device: DeviceObject, irp: Irp) -> int:
        if mark:
            irp.mark_pending()
        irp.copy_location_to_next()
        if seen is not None:
            seen.append(("upper", irp.location.control, irp.next_location.control))
        if routine is not None:
            irp.set_completion_routine(routine)
        assert device.lower is not None
        status = call_driver(device.lower, irp)
        return STATUS_PENDING if mark else status

    return Layer(down)


def test_case_13_completed_inline(system: System, observed: Observed) -> None:
    """Sender and upper driver set routines, the lower one completes inline: both run, PendingReturned FALSE in both."""
    ran: list[tuple[str, bool, DeviceObject | None]] = []
    upper = copying(lambda device, irp, context: ran.append(("upper", irp.pending_returned, device)))
    devices = load_stack(system, Bottom(), upper)
    irp = new_packet(devices[-1])
    irp.set_completion_routine(lambda device, irp, context: ran.append(("sender", irp.pending_returned, device)))
    returned = call_driver(devices[-1], irp)
    assert (returned, ran) == (STATUS_SUCCESS, [("upper", False, devices[-1]), ("sender", False, None)])
    observed(f"{status_name(returned)}; " + ", ".join(f"{who}: PendingReturned {boolean(p)}" for who, p, _ in ran))
    system.io.irps.free(irp)


def test_case_15_where_the_bits_stand(system: System, observed: Observed) -> None:
    """In the upper driver's dispatch its Control has all three bits and the next has 0; in the lower's, both have."""
    seen: list[Any] = []

    def lower(device: DeviceObject, irp: Irp) -> int:
        seen.append(("lower", irp.location.control, irp.locations[1].control))
        return irp.complete()

    devices = load_stack(system, Bottom(lower), copying(lambda *_: None, seen=seen))
    irp = new_packet(devices[-1])
    irp.set_completion_routine(lambda *_: None)
    call_driver(devices[-1], irp)
    assert seen == [("upper", ALWAYS, 0), ("lower", ALWAYS, ALWAYS)]
    observed(f"upper: own {seen[0][1]:#x}, next {seen[0][2]:#x}; lower: own {seen[1][1]:#x}, upper's {seen[1][2]:#x}")
    system.io.irps.free(irp)


def test_case_16_control_of_what_was_left(system: System, observed: Observed) -> None:
    """During each routine the locations already left have Control 0."""
    left: list[list[int]] = []

    def look(device: Any, irp: Irp, context: Any) -> None:
        left.append([one.control for one in irp.locations[: irp.current_location - 1]])

    devices = load_stack(system, Bottom(), copying(look))
    irp = new_packet(devices[-1])
    irp.set_completion_routine(look)
    call_driver(devices[-1], irp)
    assert left == [[0], [0, 0]]
    observed("upper's routine: 0; sender's routine: 0, 0")
    system.io.irps.free(irp)


def test_case_18_lower_pends_upper_marks(system: System, observed: Observed) -> None:
    """The lower driver keeps it, the upper one marks it: PendingReturned TRUE in both routines."""
    ran: list[tuple[str, bool]] = []
    holder = Holder()
    upper = copying(lambda device, irp, context: ran.append(("upper", irp.pending_returned)), mark=True)
    devices = load_stack(system, holder, upper)
    irp = new_packet(devices[-1])
    irp.set_completion_routine(lambda device, irp, context: ran.append(("sender", irp.pending_returned)))
    returned = call_driver(devices[-1], irp)
    assert (returned, ran) == (STATUS_PENDING, [])
    holder.release()
    assert ran == [("upper", True), ("sender", True)]
    observed(f"{status_name(returned)}; " + ", ".join(f"{who}: PendingReturned {boolean(p)}" for who, p in ran))
    system.io.irps.free(irp)


def test_case_20_the_bit_is_copied_up(system: System, observed: Observed) -> None:
    """The upper driver sets no routine and does not mark, the lower one keeps it: the bit is copied to the sender."""
    ran: list[tuple[int, bool]] = []
    holder = Holder()

    def down(device: DeviceObject, irp: Irp) -> int:
        irp.copy_location_to_next()
        assert device.lower is not None
        return call_driver(device.lower, irp)

    devices = load_stack(system, holder, Layer(down))
    irp = new_packet(devices[-1])
    irp.set_completion_routine(lambda device, irp, context: ran.append((irp.current_location, irp.pending_returned)))
    call_driver(devices[-1], irp)
    holder.release()
    assert ran == [(3, True)]
    observed(f"sender: PendingReturned {boolean(ran[0][1])}")
    system.io.irps.free(irp)


def test_case_22_more_processing(system: System, observed: Observed) -> None:
    """A routine answers MORE_PROCESSING: packet, block and event untouched; completing again goes on above it."""
    iosb, event, ran = IoStatusBlock(0x5555, 0x66), Event(system.hal), list[str]()

    def keep(device: Any, irp: Irp, context: Any) -> int:
        ran.append("keep")
        return STATUS_MORE_PROCESSING_REQUIRED

    def upper(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        irp.copy_location_to_next()
        irp.set_completion_routine(keep)
        assert device.lower is not None
        call_driver(device.lower, irp)
        return STATUS_PENDING

    bottom = Bottom(lambda device, irp: irp.complete(0, 5))
    devices = load_stack(system, bottom, Layer(upper), copying(lambda *_: ran.append("above"), mark=True))
    data = bytearray(5)
    irp = build_synchronous_fsd_request(major.IRP_MJ_READ, devices[-1], data, event=event, iosb=iosb)
    assert irp is not None
    assert call_driver(devices[-1], irp) == STATUS_PENDING
    assert (irp.current_location, irp.status, irp.information, ran) == (2, 0, 5, ["keep"])
    assert (iosb.status, iosb.information, event.read_state()) == (0x5555, 0x66, False)
    complete_request(irp)
    assert ran == ["keep", "above"]
    assert (iosb.status, iosb.information, event.read_state()) == (0, 5, True)
    observed("kept: block and event untouched, at location 2; again: routine above runs, SUCCESS, 5, event set")


def stopped(breach: Callable[[], object]) -> BugCheck:
    with pytest.raises(BugCheck) as caught:
        breach()
    return caught.value


@pytest.mark.stops_system
def test_case_23_past_either_end(system: System, observed: Observed) -> None:
    """A completed packet is completed: bug check 0x44; one is sent with no locations left: 0x35."""
    (device,) = load_stack(system, Bottom())
    irp = new_packet(device)
    call_driver(device, irp)
    twice = stopped(lambda: complete_request(irp))
    with System(system.hal.name) as other:
        (device,) = load_stack(other, Bottom())
        small = new_packet(device)
        small.set_next_location()
        nowhere = stopped(lambda: call_driver(device, small))
    assert twice.code == BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS and twice.parameters[0] is irp
    assert nowhere.code == BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS and nowhere.parameters[0] is small
    observed(f"{twice.name} ({int(twice.code):#x}); {nowhere.name} ({int(nowhere.code):#x})")


def test_case_24_the_verifier_looks_at_what_is_completed(hal_name: str, system: System, observed: Observed) -> None:
    """With the verifier on, completing with status PENDING stops with 0xC9/06, with a cancel routine set 0xC9/07."""

    def pending(device: DeviceObject, irp: Irp) -> int:
        return irp.complete(STATUS_PENDING)

    def cancelable(device: DeviceObject, irp: Irp) -> int:
        set_cancel_routine(irp, lambda device, irp: None)
        return irp.complete()

    said = []
    for routine, number in ((pending, 0x06), (cancelable, 0x07)):
        checked = System(hal_name, verify=True)
        (device,) = load_stack(checked, Bottom(routine))
        irp = new_packet(device)
        check = stopped(lambda: call_driver(device, irp))  # noqa: B023
        with suppress(BugCheck):  # closing a System that has stopped says so again
            checked.close()
        assert check.code == BugCheckCode.DRIVER_VERIFIER_IOMANAGER_VIOLATION and check.parameters[0] == number
        said.append(f"{int(check.code):#x}/{number:02x}")
    observed("; ".join(said))


def test_case_26_forward_without_a_location(system: System, observed: Observed) -> None:
    """IoForwardIrpSynchronously with CurrentLocation <= 1: FALSE, the packet untouched."""
    answers: list[Any] = []
    devices = load_stack(system, Bottom())

    def upper(device: DeviceObject, irp: Irp) -> int:
        before = irp.describe()
        answers.append((forward_irp_synchronously(devices[0], irp), irp.describe() == before, irp.current_location))
        return irp.complete()

    (top,) = load_stack(system, Bottom(upper))
    irp = new_packet(top)
    call_driver(top, irp)
    assert answers == [(False, True, 1)]
    observed(f"{boolean(answers[0][0])}, untouched at location {answers[0][2]}")
    system.io.irps.free(irp)
