"""The packet itself: whose location is whose, what a step writes where, and that a recycled packet is new."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up_drivers import Bottom, Layer, load_stack, new_packet, sent
from ntio import BugCheck, FilterDriver, Irp, Stack, System
from ntio.bugcheck import BugCheckCode
from ntio.driver_kit import DeviceObject
from ntio.io_manager.codes import major
from ntio.io_manager.completion import queue_to_thread
from ntio.io_manager.dispatch import call_driver
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.packet.batch import Batch
from ntio.io_manager.packet.irp import StackLocation
from ntio.memory.mdl import MDL_WRITE_OPERATION, Mdl
from ntio.status import STATUS_DISK_FULL, STATUS_DRIVER_INTERNAL_ERROR

FRESH = StackLocation()
FIELDS = list(StackLocation.__slots__)


def location_state(location: StackLocation) -> dict[str, Any]:
    return {name: getattr(location, name) for name in FIELDS}


def packet_state(irp: Irp) -> dict[str, Any]:
    skipped = {"home", "locations", "pool", "allocation_flags"}
    names = [name for kind in Irp.__mro__ for name in getattr(kind, "__slots__", ())]
    return {name: getattr(irp, name) for name in names if name not in skipped}


def nothing(device: Any, irp: Irp, context: Any) -> None:
    """A completion routine."""


# --- whose location is whose --------------------------------------------------------------------------------------


@pytest.mark.row("R13")
@pytest.mark.parametrize("count", [1, 2, 4, 5, 20, 21])
def test_a_new_packet_is_at_nobody(system: System, count: int) -> None:
    irp = system.io.irps.allocate(count)
    assert (irp.stack_count, irp.current_location) == (count, count + 1)
    assert irp.next_location is irp.locations[count - 1]
    assert not irp.completed
    system.io.irps.free(irp)


@pytest.mark.row("R18")
@pytest.mark.stops_system
@pytest.mark.parametrize("step", [Irp.copy_location_to_next, lambda irp: irp.set_completion_routine(nothing)])
def test_below_the_lowest_location_there_is_none_to_be_filled(system: System, step: Callable[[Irp], object]) -> None:
    irp = system.io.irps.allocate_for_driver(2)
    irp.set_next_location()
    irp.set_next_location()
    with pytest.raises(BugCheck) as caught:
        step(irp)
    assert caught.value.code is BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS
    assert irp.locations[1].completion_routine is None


@pytest.mark.row("R18")
def test_each_driver_has_its_own_location(system: System) -> None:
    seen: list[tuple[int, bool]] = []

    def note(device: DeviceObject, irp: Irp) -> int:
        seen.append((irp.current_location, irp.location is irp.locations[irp.current_location - 1]))
        assert irp.location.device is device
        if device.lower is None:
            return irp.complete()
        irp.copy_location_to_next()
        return call_driver(device.lower, irp)

    top = load_stack(system, Bottom(note), Layer(note), Layer(note))[-1]
    irp = new_packet(top)
    assert call_driver(top, irp) == 0
    assert seen == [(3, True), (2, True), (1, True)]
    assert irp.completed and irp.current_location == 5
    system.io.irps.free(irp)


def test_the_creator_may_give_itself_a_location(system: System) -> None:
    (bottom,) = load_stack(system, Bottom())
    irp = system.io.irps.allocate(bottom.stack_size + 1)
    irp.current_location -= 1  # IoSetNextIrpStackLocation
    irp.location.major = major.IRP_MJ_READ
    irp.copy_location_to_next()
    irp.set_completion_routine(lambda device, irp, context: context.append(irp.current_location), context=(at := []))
    assert call_driver(bottom, irp) == 0
    assert at == [2]
    system.io.irps.free(irp)


def test_skipping_hands_on_the_same_location(system: System) -> None:
    seen: list[StackLocation] = []

    def skip(device: DeviceObject, irp: Irp) -> int:
        seen.append(irp.location)
        irp.skip_location()
        assert device.lower is not None
        return call_driver(device.lower, irp)

    def end(device: DeviceObject, irp: Irp) -> int:
        seen.append(irp.location)
        return irp.complete(information=irp.location.length)

    top = load_stack(system, Bottom(end), Layer(skip), Layer(skip))[-1]
    assert sent(top, new_packet(top, length=9)) == (0, 0, 9)
    assert len({id(location) for location in seen}) == 1


def test_copying_leaves_out_the_routine_and_zeroes_control(system: System) -> None:
    irp = system.io.irps.allocate(2)
    irp.current_location = 2
    here, below = irp.location, irp.next_location
    values = {name: f"own {name}" for name in FIELDS}
    for name, value in values.items():
        setattr(here, name, value)
        setattr(below, name, f"old {name}")
    assert irp.copy_location_to_next() is below
    kept = {"completion_routine": "old completion_routine", "context": "old context", "control": 0}
    assert location_state(below) == values | kept
    assert location_state(here) == values
    system.io.irps.free(irp)


@pytest.mark.row("R19")
@given(invoke=st.integers(0, 255))
def test_a_completion_routine_stands_below_and_assigns_the_bits(invoke: int) -> None:
    irp = Irp(None, 2)  # type: ignore[arg-type]
    irp.current_location = 2
    irp.location.control, irp.next_location.control = 0x01, 0xFF
    irp.set_completion_routine(nothing, "context", invoke)
    below, bits = irp.next_location, invoke & major.SL_INVOKE_ALWAYS
    assert below.control == bits
    assert irp.location.control == 0x01 and irp.location.completion_routine is None
    expected = (nothing, "context") if bits else (None, None)
    assert (below.completion_routine, below.context) == expected


def test_no_completion_routine_clears_the_bits() -> None:
    irp = Irp(None, 2)  # type: ignore[arg-type]
    irp.current_location = 2
    irp.set_completion_routine(nothing, "context")
    irp.set_completion_routine(None, "context")
    below = irp.next_location
    assert (below.control, below.completion_routine, below.context) == (0, None, None)


def test_marking_pending_keeps_the_other_bits() -> None:
    irp = Irp(None, 1)  # type: ignore[arg-type]
    irp.current_location = 1
    irp.location.control = major.SL_INVOKE_ALWAYS
    irp.mark_pending()
    assert irp.location.control == major.SL_INVOKE_ALWAYS | major.SL_PENDING_RETURNED


# --- recycled packets ---------------------------------------------------------------------------------------------


def use(system: System, how: str, count: int = 3) -> None:
    """Send a packet with everything set through a stack, and give it back."""

    def down(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        irp.copy_location_to_next()
        irp.set_completion_routine(nothing, "context", major.SL_INVOKE_ON_ERROR)
        assert device.lower is not None
        return call_driver(device.lower, irp)

    def end(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        return irp.complete(STATUS_DISK_FULL if how == "failed" else 0, 77)

    devices = load_stack(system, Bottom(end), *[Layer(down) for _ in range(count - 1)])
    irp = new_packet(devices[-1], length=1, byte_offset=2, key=3, flags=4, minor=5, argument="6")
    irp.flags, irp.buffer, irp.cancel, irp.row = 0xFFFF, memoryview(b"x"), True, 9
    irp.batch = None
    irp.on_complete = lambda irp: None
    if how != "never sent":
        call_driver(devices[-1], irp)
    else:
        irp.cancel_routine, irp.master, irp.io_ring_context, irp.user_event = nothing, irp, "queue", "event"  # type: ignore[assignment]
    irp.on_complete = None
    system.io.irps.free(irp)


@pytest.mark.row("R14")
@pytest.mark.parametrize("how", ["succeeded", "failed", "never sent"])
def test_a_recycled_packet_is_like_a_new_one(system: System, how: str) -> None:
    new = system.io.irps.allocate(3)
    fresh = packet_state(new)
    system.io.irps.free(new)
    use(system, how)
    again = system.io.irps.allocate(3)
    assert again is new
    assert packet_state(again) == fresh
    stays = {"major", "device", "completion_routine"}  # every sender writes these, or a control bit guards them
    for location in again.locations:
        state = location_state(location)
        assert {name: state[name] for name in FIELDS if name not in stays} == {
            name: getattr(FRESH, name) for name in FIELDS if name not in stays
        }
    system.io.irps.free(again)


def test_a_shorter_packet_leaves_nothing_in_a_longer_one(system: System) -> None:
    use(system, "succeeded", count=4)
    irp = system.io.irps.allocate(2)
    assert (irp.stack_count, len(irp.locations)) == (2, 4)
    assert [location.control for location in irp.locations] == [0] * 4
    system.io.irps.free(irp)


class KeepsContext(FilterDriver):
    """Writes through a substitute, reads with a routine that refers to the request's memory."""

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down(buffer=bytes(irp.buffer or b""))

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        data = irp.array

        def done(device: DeviceObject, irp: Irp) -> None:
            data.any()

        return irp.pass_down(done)


@pytest.mark.row("R13")
def test_a_callers_memory_is_free_when_the_call_returns(system: System) -> None:
    with Stack("ram_disk:size=4K", KeepsContext(), system=system) as disk:
        data = bytearray(b"0123456789")
        assert disk.write(data, 0) == 10
        data += b"can grow again"
        into = bytearray(10)
        assert disk.read_into(into, 0) == 10
        into.clear()


def test_a_routine_whose_bits_did_not_apply_keeps_nothing_alive(system: System) -> None:
    class Big:
        pass

    def down(device: DeviceObject, irp: Irp) -> int:
        irp.copy_location_to_next()
        irp.set_completion_routine(nothing, big.pop(), major.SL_INVOKE_ON_ERROR)
        assert device.lower is not None
        return call_driver(device.lower, irp)

    big = [Big()]
    alive = weakref.ref(big[0])
    top = load_stack(system, Bottom(), Layer(down))[-1]
    sent(top, new_packet(top))
    gc.collect()
    assert alive() is None


def test_an_unloaded_driver_is_not_kept_alive_by_old_packets(system: System) -> None:
    with Stack("ram_disk:size=4K", KeepsContext(), system=system) as disk:
        alive = weakref.ref(disk.drivers[0])
        disk.write(b"x", 0)
        disk.read(1, 0)
    del disk
    gc.collect()
    assert alive() is None


@pytest.mark.row("R14")
def test_a_packet_made_new_keeps_what_it_was_allocated_as(system: System) -> None:
    irp = system.io.irps.allocate_for_driver(2)
    irp.user_iosb, irp.buffer, irp.cancel, irp.locations[1].control = IoStatusBlock(), memoryview(b"x"), True, 0xE0
    irp.set_next_location()
    irp.reuse(STATUS_DISK_FULL)
    assert (irp.status, irp.current_location, irp.stack_count) == (STATUS_DISK_FULL, 3, 2)
    assert irp.user_iosb is irp.buffer is None and not irp.cancel and not irp.locations[1].control
    assert irp.allocation_flags == major.IRP_ALLOCATED_FIXED_SIZE
    system.io.irps.free(irp)


@pytest.mark.stops_system
@pytest.mark.parametrize("why", ["cancel routine", "thread"])
def test_a_packet_in_use_is_not_made_new(system: System, why: str) -> None:
    irp = system.io.irps.allocate_for_driver(2)
    if why == "thread":
        queue_to_thread(irp, system.io.threads.current())
    else:
        irp.cancel_routine = nothing  # type: ignore[assignment]
    with pytest.raises(BugCheck) as caught:
        irp.reuse()
    assert caught.value.parameters[0] == 0x310
    system.io.threads.current().irps.clear()


# --- the rarely used fields ---------------------------------------------------------------------------------------

RARE = {
    "requestor_mode": 1, "irp_count": 3, "user_iosb": IoStatusBlock(), "user_apc_routine": print,
    "user_apc_context": "context", "allocation_size": 4096, "auxiliary_buffer": "data", "original_file_object": "file",
    "device_queue_entry": "entry", "cancel_irql": 2, "thread": "thread",
}  # fmt: skip


@pytest.mark.row("R13")
@pytest.mark.parametrize("name", RARE)
def test_a_rare_field_is_zero_until_it_is_set_and_after(system: System, name: str) -> None:
    irp = system.io.irps.allocate(1)
    zero = 0 if isinstance(RARE[name], int) else None
    assert getattr(irp, name) == zero and irp.extension is None  # reading makes nothing
    setattr(irp, name, RARE[name])
    assert getattr(irp, name) == RARE[name]
    system.io.irps.free(irp)
    assert getattr(irp, name) == zero and irp.extension is None


def test_a_driver_has_four_places_of_its_own(system: System) -> None:
    irp = system.io.irps.allocate(1)
    assert irp.driver_context == [None] * 4 and irp.apc_environment == 0
    irp.driver_context[2] = "mine"
    assert irp.driver_context[2] == "mine"
    system.io.irps.free(irp)


def test_a_packet_says_what_it_is_and_how_large(system: System) -> None:
    irp = system.io.irps.allocate(2)
    assert (irp.type, irp.size) == (6, 208 + 4 * 72)  # of the medium list
    system.io.irps.free(irp)


# --- one buffer by three names ------------------------------------------------------------------------------------


@pytest.mark.row("R13")
@pytest.mark.parametrize(("code", "flags", "name"), [
    (major.IRP_MJ_READ, major.DO_BUFFERED_IO, "system_buffer"), (major.IRP_MJ_READ, major.DO_DIRECT_IO, "mdl"),
    (major.IRP_MJ_WRITE, major.DO_DIRECT_IO, "mdl"), (major.IRP_MJ_READ, 0, "user_buffer"),
    (major.IRP_MJ_QUERY_INFORMATION, 0, "system_buffer"), (major.IRP_MJ_SET_VOLUME_INFORMATION, 0x10, "system_buffer"),
])  # fmt: skip
def test_a_driver_of_nts_form_finds_the_bytes_where_nt_has_them(
    system: System, code: int, flags: int, name: str
) -> None:
    (device,) = load_stack(system, Bottom())
    device.flags |= flags
    irp = new_packet(device, code=code)
    irp.buffer = memoryview(bytearray(5))
    irp.set_next_location()
    irp.location.device = device
    views = {one: getattr(irp, one) for one in ("system_buffer", "mdl", "user_buffer")}
    found = views.pop(name)
    assert set(views.values()) == {None}
    if name == "mdl":
        assert found is irp.mdl and found.locked and found.system_view().obj is irp.buffer.obj
        assert bool(found.flags & MDL_WRITE_OPERATION) == (code == major.IRP_MJ_READ)
    else:
        assert found is irp.buffer
    system.io.irps.free(irp)


@pytest.mark.parametrize("method", range(4))
def test_a_control_code_says_how_its_bytes_travel(system: System, method: int) -> None:
    (device,) = load_stack(system, Bottom())
    irp = new_packet(device, code=major.IRP_MJ_DEVICE_CONTROL, byte_offset=0x222000 | method, key=3, length=7)
    irp.set_next_location()
    at = irp.location
    assert (irp.transfer_method, at.control_code) == (method, 0x222000 | method)
    assert (at.input_length, at.output_length) == (3, 7)
    system.io.irps.free(irp)


def test_what_is_set_is_what_a_friendly_driver_gets(system: System) -> None:
    irp = system.io.irps.allocate(1)
    mine, theirs, own = (memoryview(bytearray(size)) for size in (1, 2, 3))
    irp.user_buffer = theirs
    assert irp.buffer is theirs
    irp.system_buffer = mine
    assert irp.buffer is mine and irp.user_buffer is theirs
    irp.user_buffer = None
    assert irp.buffer is mine
    irp.mdl = mdl = Mdl(own)
    assert irp.buffer is mdl.view and irp.mdl is mdl
    irp.system_buffer = None
    assert irp.buffer is mdl.view
    irp.mdl = None
    assert irp.mdl is None
    system.io.irps.free(irp)


# --- substitutes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 3, 5])
def test_a_substitute_of_another_size_is_refused(system: System, size: int) -> None:
    layer = Layer(lambda device, irp: irp.pass_down(buffer=bytes(size)))
    devices = load_stack(system, Bottom(), layer)
    irp = new_packet(devices[-1], code=major.IRP_MJ_WRITE, length=4)
    irp.buffer = mine = memoryview(b"mine")
    assert call_driver(devices[-1], irp) == irp.status == STATUS_DRIVER_INTERNAL_ERROR
    assert "4" in str(devices[-1].last_error) and irp.buffer is mine
    system.io.irps.free(irp)


def test_a_substitute_may_have_any_shape_and_type(system: System) -> None:
    seen: list[bytes] = []

    def end(device: DeviceObject, irp: Irp) -> int:
        seen.append(bytes(irp.buffer or b""))
        return irp.complete(information=8)

    table = np.arange(4, dtype="<u2").reshape(2, 2)
    top = load_stack(system, Bottom(end), Layer(lambda device, irp: irp.pass_down(buffer=table)))[-1]
    irp = new_packet(top, length=8)
    irp.buffer = mine = memoryview(bytearray(8))
    assert call_driver(top, irp) == 0
    assert seen == [table.tobytes()] and irp.buffer is mine and bytes(mine) == bytes(8)
    system.io.irps.free(irp)


def test_an_empty_request_has_an_empty_array(system: System) -> None:
    irp = system.io.irps.allocate(1)
    assert irp.array.tobytes() == b""
    irp.buffer = memoryview(b"")
    assert irp.array.tobytes() == b""
    irp.buffer = memoryview(bytearray(3))
    irp.array[:] = 7
    assert bytes(irp.buffer) == b"\7\7\7"
    system.io.irps.free(irp)


# --- looking ------------------------------------------------------------------------------------------------------


def test_a_drawing_names_every_location(system: System) -> None:
    drawn: list[str] = []

    def end(device: DeviceObject, irp: Irp) -> int:
        drawn.append(irp.describe())
        return irp.complete()

    class Watching(FilterDriver):
        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            return irp.pass_down(self.look)

        def look(self, device: DeviceObject, irp: Irp) -> None:
            drawn.append(irp.describe())

    top = load_stack(system, Bottom(end), Watching())[-1]
    sent(top, new_packet(top))
    down, up = (text.splitlines() for text in drawn)
    assert len(down) == 3 and down[0].startswith("IRP, 2 locations, STATUS_SUCCESS")
    assert down[2].startswith("> 1 READ") and "Watching.look" in down[2]
    assert up[1].startswith("> 2 READ")


def test_a_batch_packet_draws_as_well(system: System) -> None:
    irp = system.io.irps.allocate(1)
    zeros = np.zeros(2, np.uint64)
    irp.batch = Batch(np.zeros(4, np.uint8), zeros, zeros, zeros.astype(np.uint32))
    assert irp.describe().startswith("IRP, 1 locations")
    system.io.irps.free(irp)
