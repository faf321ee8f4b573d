"""Drivers as classes: what a class that says little does, and what it is refused for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from made_up_drivers import Holder, Layer, load_stack, new_packet, sent
from ntio import MORE_PROCESSING_REQUIRED, PENDING, DeviceObject, Driver, FilterDriver, Irp, Ring, Stack, System
from ntio.driver_kit import major, split_batch, status
from ntio.io_manager.dispatch import call_driver
from ntio.io_manager.driver import invalid_device_request
from ntio.io_manager.packet.irp import StackLocation

ROUTINES = [f"dispatch_{name.lower()}" for name in major.MAJOR_NAMES]


# --- what a class is refused for ----------------------------------------------------------------------------------


@pytest.mark.row("R22")
@pytest.mark.parametrize("base", [Driver, FilterDriver])
@pytest.mark.parametrize(
    "name", ["dispatch_raed", "dispatch_", "dispatch_Read", "dispatch_flush", "dispatch_pnp_batch"]
)
def test_a_misspelt_routine_is_refused_when_the_class_is_made(base: type[Driver], name: str) -> None:
    with pytest.raises(TypeError, match=f"Wrong.{name}: no such major function"):
        type("Wrong", (base,), {name: lambda self, device, irp: 0})


@pytest.mark.parametrize("base", [Driver, FilterDriver])
@pytest.mark.parametrize(
    "name", [*ROUTINES, "dispatch_read_batch", "dispatch_write_batch", "dispatcher", "undispatched"]
)
def test_every_right_name_is_taken(base: type[Driver], name: str) -> None:
    type("Right", (base,), {one: lambda self, device, irp: 0 for one in (name, name.removesuffix("_batch"))})


@pytest.mark.parametrize("name", ["dispatch_read", "dispatch_write"])
def test_a_filter_that_sees_only_batches_is_refused(name: str) -> None:
    routine = {f"{name}_batch": lambda self, device, irp: 0}
    with pytest.raises(TypeError, match=f"Wrong.{name}_batch needs {name} beside it"):
        type("Wrong", (FilterDriver,), routine)
    type("Bottom", (Driver,), routine)  # which passes nothing by: a single request is an invalid one
    base = type("Base", (FilterDriver,), {name: lambda self, device, irp: 0})
    type("Derived", (base,), routine)


def test_there_are_28_major_functions() -> None:
    assert len(major.MAJOR_NAMES) == len(set(major.MAJOR_NAMES)) == major.MAJOR_FUNCTION_COUNT == 28
    assert major.MAJOR_NAMES[major.IRP_MJ_READ] == "READ" and major.MAJOR_NAMES[major.IRP_MJ_PNP] == "PNP"


def test_a_filter_needs_something_below(system: System) -> None:
    drivers = list(system.io.drivers)
    with pytest.raises(TypeError, match="FilterDriver is a filter: it needs a device below it"):
        system.load(FilterDriver())
    assert system.io.drivers == drivers


# --- what a class does that says nothing --------------------------------------------------------------------------


@pytest.mark.parametrize("code", range(28))
def test_a_driver_refuses_what_it_has_no_routine_for(code: int) -> None:
    with System("simulated") as system:
        (device,) = load_stack(system, Driver())
        opening = code in (major.IRP_MJ_CREATE, major.IRP_MJ_CLEANUP, major.IRP_MJ_CLOSE)
        expected = 0 if opening else status.STATUS_INVALID_DEVICE_REQUEST
        assert sent(device, new_packet(device, code=code)) == (expected, expected, 0)


def test_a_driver_without_batch_form_has_its_batches_split(system: System) -> None:
    (device,) = load_stack(system, Driver())
    assert set(device.batch_dispatch) == {split_batch}
    assert device.dispatch[major.IRP_MJ_READ] is invalid_device_request


class Records(Driver):
    """Notes which location it was given for which function, with everything in it, and answers."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def _note(self, device: DeviceObject, irp: Irp) -> int:
        self.seen.append({name: getattr(irp.location, name) for name in StackLocation.__slots__ if name != "control"})
        return irp.complete(status.STATUS_DISK_FULL, 6)

    def driver_entry(self, driver: Any) -> None:
        super().driver_entry(driver)
        driver.major_function[:] = [self._note] * 28


@pytest.mark.row("R18")
@pytest.mark.parametrize("code", range(28))
@pytest.mark.parametrize("layers", [1, 3])
def test_a_filter_passes_everything_down_once_and_unchanged(code: int, layers: int) -> None:
    with System("simulated") as system:
        records = Records()
        devices = load_stack(system, records, *(FilterDriver() for _ in range(layers)))
        fields = {
            "minor": 3,
            "flags": 4,
            "key": 5,
            "length": 6,
            "byte_offset": 7,
            "argument": "eight",
            "file_object": "9",
        }
        answer = sent(devices[-1], new_packet(devices[-1], code=code, **fields))
        assert answer == (status.STATUS_DISK_FULL, status.STATUS_DISK_FULL, 6)
        own = {"major": code, "device": devices[0], "completion_routine": None, "context": None}
        assert records.seen == [fields | own]


def test_a_filter_passes_whole_batches(system: System) -> None:
    batches: list[int] = []

    class Whole(Driver):
        def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
            assert irp.batch is not None
            batches.append(len(irp.batch))
            return irp.complete()

    with Stack(Whole(), FilterDriver(), "null_filter", system=system) as stack, Ring(system=system) as ring:
        ring.read(stack.file, [0, 1, 2], 1)
    assert batches == [3]


class ScalarOnly(FilterDriver):
    """Without batch form."""

    def __init__(self) -> None:
        self.parts: list[bool] = []

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        self.parts.append(irp.master is not None)
        return irp.pass_down()


class BatchToo(ScalarOnly):
    """With one, added by a class derived from it."""

    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        assert irp.batch is not None
        self.parts += [False] * len(irp.batch)
        return irp.pass_down()


class Renamed(BatchToo):
    """Says nothing new."""


@pytest.mark.parametrize(("kind", "split"), [(ScalarOnly, True), (BatchToo, False), (Renamed, False)])
def test_which_filters_have_their_batches_split(system: System, kind: type[ScalarOnly], split: bool) -> None:
    one = kind()
    with Stack("ram_disk:size=4K", one, system=system) as disk, Ring(system=system) as ring:
        assert ring.read(disk.file, [0, 1], 1).status.tolist() == [0, 0]
        assert one.parts == [split, split]
        assert ring.write(disk.file, [0, 1], np.ones((2, 1), np.uint8)).status.tolist() == [0, 0]
    assert len(one.parts) == 2


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Driver, ""),
        (FilterDriver, ""),
        (ScalarOnly, "handles dispatch_read"),
        (Renamed, "handles dispatch_read, dispatch_read_batch"),
    ],
)
def test_a_filter_that_handles_data_wants_to_see_it(kind: type[Driver], reason: str) -> None:
    assert kind().bypass_veto(None) == reason  # type: ignore[arg-type]


def test_a_routine_of_a_base_class_counts(system: System) -> None:
    with Stack("ram_disk:size=4K", Renamed(), system=system) as disk:
        assert disk.read(2, 0) == b"\0\0"


@pytest.mark.parametrize("length", [0, 23, 24, 40])
@pytest.mark.parametrize("information_class", [major.FILE_STANDARD_INFORMATION_CLASS, 99])
def test_asking_for_the_size(system: System, length: int, information_class: int) -> None:
    class Sized(Driver):
        def device_size(self, device: DeviceObject) -> int:
            return 1 << 40

    (device,) = load_stack(system, Sized())
    irp = new_packet(device, code=major.IRP_MJ_QUERY_INFORMATION, length=length, argument=information_class)
    irp.buffer = memoryview(into := bytearray(length))
    right = information_class == major.FILE_STANDARD_INFORMATION_CLASS
    small = status.STATUS_BUFFER_TOO_SMALL if right else status.STATUS_INVALID_PARAMETER
    expected = (0, 24) if right and length >= 24 else (small, 0)
    assert sent(device, irp)[1:] == expected
    assert bytes(into[8:16]) == (b"\0\0\0\0\0\1\0\0" if expected[1] else bytes(len(into[8:16])))


# --- passing down -------------------------------------------------------------------------------------------------


@pytest.mark.row("R19")
def test_then_runs_on_the_way_up_with_the_own_device(system: System) -> None:
    seen: list[tuple[Any, ...]] = []

    class Watch(FilterDriver):
        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            seen.append(("down", device, irp.location.length))
            return irp.pass_down(self.done)

        def done(self, device: DeviceObject, irp: Irp) -> None:
            seen.append(("up", device, irp.location.length, irp.status, irp.information))

    with Stack("ram_disk:size=4K", Watch(), "null_filter", Watch(), system=system) as disk:
        top, _, lower, _ = disk
        disk.read(5, 0)
    # A driver's own location is still filled when its routine runs; those below are empty.
    assert seen == [("down", top, 5), ("down", lower, 5), ("up", lower, 5, 0, 5), ("up", top, 5, 0, 5)]


@pytest.mark.parametrize("way", ["scalar", "ring", "started"])
@pytest.mark.parametrize("then", [False, True])
def test_a_substitute_goes_down_and_the_callers_bytes_come_back(system: System, way: str, then: bool) -> None:
    buffers: list[bytes] = []

    class Shift(FilterDriver):
        def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
            return irp.pass_down(self.look if then else None, buffer=irp.array + np.uint8(1))

        def dispatch_write_batch(self, device: DeviceObject, irp: Irp) -> int:
            assert irp.batch is not None
            return irp.pass_down(self.look if then else None, buffer=irp.batch.buffer + np.uint8(1))

        def look(self, device: DeviceObject, irp: Irp) -> None:
            buffers.append(bytes(irp.buffer or b"") if irp.batch is None else irp.batch.buffer.tobytes())

    with Stack("ram_disk:size=4K", Shift(), Shift(), system=system) as disk, Ring(system=system) as ring:
        data = bytearray(b"abcdef")
        if way == "scalar":
            disk.write(data, 0)
        elif way == "ring":
            ring.write(disk.file, 0, data).raise_for_status()
        else:
            ring.start_write(disk.file, 0, data).wait().raise_for_status()
        assert data == b"abcdef" and disk.read(6, 0) == b"cdefgh"
        data += b"not in use any more"
    assert buffers == ([b"bcdefg", b"abcdef"] if then else [])  # each sees what it was given, when it looks


def test_a_substitute_comes_back_also_from_a_failure(system: System) -> None:
    class Refuses(Driver):
        def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
            return irp.complete(status.STATUS_DISK_FULL)

    substitute = Layer(lambda device, irp: irp.pass_down(buffer=b"0000"))
    top = load_stack(system, Refuses(), substitute)[-1]
    irp = new_packet(top, code=major.IRP_MJ_WRITE, length=4)
    irp.buffer = mine = memoryview(b"mine")
    assert call_driver(top, irp) == status.STATUS_DISK_FULL and irp.buffer is mine
    system.io.irps.free(irp)


@pytest.mark.parametrize("buffer", [None, b"1234"])
def test_the_pending_mark_is_carried_upward(system: System, buffer: bytes | None) -> None:
    holder, seen = Holder(), []

    def done(device: DeviceObject, irp: Irp) -> None:
        seen.append(irp.pending_returned)

    layers = [Layer(lambda device, irp: irp.pass_down(done, buffer=buffer)) for _ in range(3)]
    top = load_stack(system, holder, *layers)[-1]
    irp = new_packet(top, length=4)
    irp.buffer = memoryview(bytearray(4))
    irp.set_completion_routine(lambda device, irp, context: seen.append(irp.pending_returned))
    assert call_driver(top, irp) == PENDING
    holder.release()
    assert seen == [True] * 4
    system.io.irps.free(irp)


@pytest.mark.parametrize("buffer", [None, b"1234"])
def test_then_may_keep_the_packet_and_finish_it_later(system: System, buffer: bytes | None) -> None:
    kept: list[Irp] = []
    upper: list[int] = []

    def keep(device: DeviceObject, irp: Irp) -> int:
        kept.append(irp)
        return MORE_PROCESSING_REQUIRED

    def down(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        irp.pass_down(keep, buffer=buffer)
        return PENDING

    def above(device: DeviceObject, irp: Irp) -> None:
        upper.append(irp.information)

    with (
        Stack("ram_disk:size=4K", Layer(down), Layer(lambda device, irp: irp.pass_down(above)), system=system) as disk,
        Ring(system=system) as ring,
    ):
        batch = ring.start_read(disk.file, [0, 4], 4)
        assert not batch.done and len(kept) == 2 and upper == []
        assert [bytes(irp.buffer or b"") for irp in kept] == [b"\0" * 4] * 2  # the caller's, not the substitute
        for number, irp in enumerate(kept):
            irp.complete(0, number)
        assert batch.wait(0).information.tolist() == [0, 1] and upper == [0, 1]


def test_then_may_send_the_packet_down_again(system: System) -> None:
    reads: list[int] = []

    class Twice(FilterDriver):
        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            return irp.pass_down(self.again)

        def again(self, device: DeviceObject, irp: Irp) -> int:
            reads.append(irp.information)
            irp.pass_down(self.done)
            return MORE_PROCESSING_REQUIRED

        def done(self, device: DeviceObject, irp: Irp) -> None:
            reads.append(irp.information)

    with Stack("ram_disk:size=4K", Twice(), system=system) as disk:
        assert disk.read(3, 0) == b"\0\0\0"
    assert reads == [3, 3]


def test_an_instance_serves_many_requests_at_once(system: System) -> None:
    holder = Holder()
    done: list[int] = []
    layer = Layer(lambda device, irp: irp.pass_down(lambda device, irp: done.append(irp.location.byte_offset)))
    with Stack(holder, layer, system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, list(range(6)), 1)
        while holder.held:
            holder.release(0, 1, index=len(holder.held) // 2)
        assert batch.wait(0).information.tolist() == [1] * 6
    assert sorted(done) == list(range(6)) and done != sorted(done)


@pytest.mark.parametrize(
    "name", ["dispatch_create", "dispatch_cleanup", "dispatch_close", "dispatch_query_information"]
)
def test_a_filter_may_take_one_of_the_openings_routines(system: System, name: str) -> None:
    seen: list[int] = []

    def note(self: Any, device: DeviceObject, irp: Irp) -> int:
        seen.append(irp.location.major)
        down: Callable[[], int] = irp.pass_down
        return down()

    kind: type[FilterDriver] = type("Sees", (FilterDriver,), {name: note})
    with Stack("ram_disk:size=4K", kind(), system=system) as disk:
        assert disk.size == 4096
        assert disk.bypass.vetoes[0].driver == "ram_disk"
    assert seen == [ROUTINES.index(name)]
