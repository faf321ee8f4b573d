"""Group A: what a packet is made of, allocated, made new, built and sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from made_up_drivers import Bottom, load_stack
from ntio import DeviceObject, Irp, System
from ntio.io_manager.codes import major
from ntio.io_manager.dispatch import call_driver
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.packet.builders import (
    allocate_mdl_for,
    build_asynchronous_fsd_request,
    build_synchronous_fsd_request,
)
from ntio.io_manager.packet.irp import HEAD_SIZE, LOCATION_SIZE
from ntio.kernel.event import Event
from ntio.memory.mdl import HEADER_SIZE, PAGE_NUMBER_SIZE, PAGE_SIZE, allocate_mdl
from ntio.status import STATUS_PENDING, STATUS_UNSUCCESSFUL, status_name

pytestmark = pytest.mark.row("R13", "R14")

Observed = Callable[[str], None]
UNTOUCHED = (0x5555, 0x66)


def flag_names(flags: int) -> str:
    named = {
        major.IRP_QUOTA_CHARGED: "QUOTA_CHARGED",
        major.IRP_ALLOCATED_FIXED_SIZE: "FIXED_SIZE",
        major.IRP_LOOKASIDE_ALLOCATION: "LOOKASIDE",
    }
    return "+".join(name for bit, name in named.items() if flags & bit) or "none"


class Keeps(Bottom):
    """A driver whose flushes stay pending until the test completes them."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Irp] = []

    def dispatch_flush_buffers(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        self.held.append(irp)
        return STATUS_PENDING


def block(iosb: IoStatusBlock) -> str:
    if (iosb.status, iosb.information) == UNTOUCHED:
        return "untouched"
    return f"{status_name(iosb.status)}, {iosb.information}"


def test_case_01_initialize(system: System, observed: Observed) -> None:
    """IoInitializeIrp for 5 locations: Type 6, StackCount 5, CurrentLocation 6, no thread's."""
    irp = system.io.irps.allocate(5)
    for location in irp.locations:
        location.major, location.control, location.context = 3, 0xE0, "old"
    irp.status, irp.cancel, irp.user_iosb = STATUS_UNSUCCESSFUL, True, IoStatusBlock()
    irp.initialize(5)
    assert (irp.type, irp.stack_count, irp.current_location) == (6, 5, 6)
    assert irp.size == HEAD_SIZE + LOCATION_SIZE * len(irp.locations) >= HEAD_SIZE + 5 * LOCATION_SIZE
    assert irp.next_location is irp.locations[4]  # the pointer is one past the fifth
    assert (irp.status, irp.cancel, irp.user_iosb, irp.thread, irp.allocation_flags) == (0, False, None, None, 0)
    assert all((one.major, one.control, one.context) == (0, 0, None) for one in irp.locations)
    observed(f"Type {irp.type}, StackCount {irp.stack_count}, CurrentLocation {irp.current_location}, all else zero")
    system.io.irps.free(irp)


def test_case_02_allocate_two(system: System, observed: Observed) -> None:
    """IoAllocateIrp(2, no quota): StackCount 2, CurrentLocation 3, FIXED_SIZE, not LOOKASIDE, Size at least for 2."""
    irp = system.io.irps.allocate_for_driver(2)
    assert (irp.stack_count, irp.current_location) == (2, 3)
    assert irp.allocation_flags & major.IRP_ALLOCATED_FIXED_SIZE
    assert not irp.allocation_flags & major.IRP_LOOKASIDE_ALLOCATION
    assert irp.size >= HEAD_SIZE + 2 * LOCATION_SIZE
    observed(f"StackCount 2, CurrentLocation 3, {flag_names(irp.allocation_flags)}, Size {irp.size}")
    system.io.irps.free(irp)


def test_case_03_allocate_two_charged(system: System, observed: Observed) -> None:
    """IoAllocateIrp(2, quota) on a fresh system: FIXED_SIZE and LOOKASIDE."""
    irp = system.io.irps.allocate_for_driver(2, charge_quota=True)
    assert irp.allocation_flags == major.IRP_ALLOCATED_FIXED_SIZE | major.IRP_LOOKASIDE_ALLOCATION
    observed(flag_names(irp.allocation_flags))
    system.io.irps.free(irp)


def test_case_04_allocate_one(system: System, observed: Observed) -> None:
    """IoAllocateIrp(1, no quota): exactly FIXED_SIZE; CurrentLocation 2."""
    irp = system.io.irps.allocate_for_driver(1)
    assert (irp.allocation_flags, irp.current_location) == (major.IRP_ALLOCATED_FIXED_SIZE, 2)
    observed(f"{flag_names(irp.allocation_flags)}, CurrentLocation {irp.current_location}")
    system.io.irps.free(irp)


def test_case_06_reuse(system: System, observed: Observed) -> None:
    """IoReuseIrp(UNSUCCESSFUL) after a step down: CurrentLocation 2, the status, the flags kept."""
    irp = system.io.irps.allocate_for_driver(1, charge_quota=True)
    flags, size = irp.allocation_flags, irp.size
    irp.set_next_location()
    assert irp.current_location == 1
    irp.reuse(STATUS_UNSUCCESSFUL)
    assert (irp.current_location, irp.status, irp.allocation_flags, irp.size) == (2, STATUS_UNSUCCESSFUL, flags, size)
    observed(f"CurrentLocation {irp.current_location}, {status_name(irp.status)}, {flag_names(irp.allocation_flags)}")
    system.io.irps.free(irp)


def built_flush(system: System, *, synchronous: bool) -> tuple[Irp, Keeps, DeviceObject, IoStatusBlock, Event | None]:
    keeps, iosb = Keeps(), IoStatusBlock(*UNTOUCHED)
    (device,) = load_stack(system, keeps)
    event = Event(system.hal) if synchronous else None
    code = major.IRP_MJ_FLUSH_BUFFERS
    if synchronous:
        irp = build_synchronous_fsd_request(code, device, event=event, iosb=iosb)
    else:
        irp = build_asynchronous_fsd_request(code, device, iosb=iosb)
    assert irp is not None
    return irp, keeps, device, iosb, event


def test_case_07_asynchronous_flush(system: System, observed: Observed) -> None:
    """An asynchronous flush is built: block set, no event, not cancelled, the thread's, only the function written."""
    irp, _, device, iosb, _ = built_flush(system, synchronous=False)
    first = irp.next_location
    assert irp.user_iosb is iosb and irp.user_event is None and not irp.cancel and irp.cancel_routine is None
    assert irp.current_location == device.stack_size + 1 and (irp.status, irp.information) == (0, 0)
    assert irp.thread is system.io.threads.current() and irp not in irp.thread.irps
    assert first.major == major.IRP_MJ_FLUSH_BUFFERS
    assert (first.minor, first.control) == (0, 0)
    assert first.device is first.file_object is first.completion_routine is None
    observed(f"UserIosb set, UserEvent NULL, CurrentLocation StackSize+1, thread current; only major {first.major:#x}")
    system.io.irps.free(irp)


def test_case_08_sent_to_a_pending_driver(system: System, observed: Observed) -> None:
    """It is sent to a driver that keeps it: PENDING, block untouched; completed with (SUCCESS, 123): so the block."""
    irp, keeps, device, iosb, _ = built_flush(system, synchronous=False)
    returned, before = call_driver(device, irp), block(iosb)
    assert (returned, before) == (STATUS_PENDING, "untouched")
    keeps.held.pop().complete(0, 123)
    assert (iosb.status, iosb.information) == (0, 123)
    assert not system.io.irps.live()  # freed by itself
    observed(f"{status_name(returned)}, block {before}; completed: block {block(iosb)}")


def test_case_09_synchronous_flush(system: System, observed: Observed) -> None:
    """A synchronous flush is built and sent to a driver that keeps it: event unsignalled until it completes."""
    irp, keeps, device, iosb, event = built_flush(system, synchronous=True)
    assert event is not None and irp.user_event is event
    assert irp.thread is not None and irp in irp.thread.irps
    states = [event.read_state()]
    returned = call_driver(device, irp)
    states.append(event.read_state())
    keeps.held.pop().complete(0, 123)
    states.append(event.read_state())
    assert (returned, states) == (STATUS_PENDING, [False, False, True])
    assert (iosb.status, iosb.information) == (0, 123)
    assert not system.io.threads.current().irps and not system.io.irps.live()
    names = ["signalled" if one else "unsignalled" for one in states]
    states_said = f"built {names[0]}, {status_name(returned)} {names[1]}, completed {names[2]}"
    observed(f"UserEvent set; {states_said}; {block(iosb)}")


def test_case_11_a_list_for_a_packet(system: System, observed: Observed) -> None:
    """IoAllocateMdl with a packet, not secondary: its MdlAddress is the list; a secondary one goes behind it."""
    irp = system.io.irps.allocate_for_driver(1)
    mdl = allocate_mdl_for(irp, bytearray(100))
    assert mdl is not None and irp.mdl is mdl and mdl.byte_count == 100
    second = allocate_mdl_for(irp, bytearray(100), 10, secondary=True)
    assert irp.mdl is mdl and mdl.next is second
    observed("MdlAddress is the list; the secondary one is its Next")
    system.io.irps.free(irp)


def test_case_12_a_list_that_is_too_long(system: System, observed: Observed) -> None:
    """IoAllocateMdl for 2 GiB: NULL; (0x10000 - 48) / 8 pages: NULL; one page less works."""
    most = (0x10000 - HEADER_SIZE) // PAGE_NUMBER_SIZE
    region = system.io.memory.view(system.io.memory.allocate(most * PAGE_SIZE), most * PAGE_SIZE)
    lengths = (2 << 30, most * PAGE_SIZE, (most - 1) * PAGE_SIZE)
    lists = [allocate_mdl(region, length) for length in lengths]
    assert [one is None for one in lists] == [True, True, False]
    observed(f"2 GiB: NULL; {most} pages: NULL; {most - 1} pages: a list of {lists[2].size:#x} bytes")  # type: ignore[union-attr]
