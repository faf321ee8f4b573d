"""Stacks of drivers: built from words and instances, opened, looked at, and taken apart without a trace."""

from __future__ import annotations

import gc

import pytest

import ntio
from ntio.driver_kit import DeviceObject, Driver, FilterDriver, Irp
from ntio.drivers.invert import Invert
from ntio.drivers.ram_disk import RamDisk
from ntio.status import InvalidParameter

pytestmark = pytest.mark.row("R15", "R18", "R23")


def loaded(system: ntio.System) -> list[str]:
    return sorted(driver.name for driver in system.namespace.lookup("\\Driver")[0])  # type: ignore[attr-defined]


def test_layers_are_given_bottom_first(system: ntio.System) -> None:
    bottom = RamDisk(1024)
    with ntio.Stack(bottom, "null_filter", Invert(), system=system) as stack:
        assert [type(driver).__name__ for driver in stack.drivers] == ["RamDisk", "NullFilter", "Invert"]
        assert [device.driver.name for device in stack] == ["invert", "null_filter", "ram_disk"]
        assert stack.device.stack_size == 3 and list(stack.device.stack()) == list(stack)
        assert stack.size == 1024
        stack.write(b"\0", 5)
        assert bottom.media[5] == 0xFF


def test_a_closed_stack_leaves_nothing(system: ntio.System) -> None:
    before = loaded(system)
    stack = ntio.Stack("ram_disk:size=1K", "log", "log", system=system)
    assert loaded(system) == sorted([*before, "ram_disk", "log", "log#2"])
    stack.close()
    stack.close()
    assert loaded(system) == before and system.io.open_files == 0
    with pytest.raises(ntio.NtError):
        stack.read(1, 0)


def test_a_stack_of_its_own_closes_its_system() -> None:
    with ntio.Stack("ram_disk:size=1K", hal="simulated") as stack:
        assert stack.system.hal.name == "simulated"
        stack.write(b"x", 0)
    assert stack.system.io.irps.live() == 0


def test_a_forgotten_stack_is_taken_apart(system: ntio.System) -> None:
    before = loaded(system)
    stack = ntio.Stack("ram_disk:size=1K", "invert", system=system)
    stack.file.close()
    del stack
    gc.collect()
    assert loaded(system) == before


@pytest.mark.parametrize("layers", [(), ("log",), ("ram_disk:size=1K", "nothing"), ("ram_disk:size=1K", "log:x=1")])
def test_a_stack_that_cannot_be_built_leaves_nothing(system: ntio.System, layers: tuple[str, ...]) -> None:
    before = loaded(system)
    with pytest.raises((InvalidParameter, TypeError)):
        ntio.Stack(*layers, system=system)
    assert loaded(system) == before


class Refuses(FilterDriver):
    def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:  # type: ignore[override]
        return irp.complete(0xC0000022)


class FailsToLoad(Driver):
    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        raise LookupError("no hardware")


def test_a_stack_that_cannot_be_opened_leaves_nothing(system: ntio.System) -> None:
    before = loaded(system)
    with pytest.raises(PermissionError):
        ntio.Stack("ram_disk:size=1K", Refuses(), system=system)
    with pytest.raises(LookupError):
        ntio.Stack(FailsToLoad(), system=system)
    assert loaded(system) == before and system.io.open_files == 0


def test_each_open_is_a_file_of_its_own(system: ntio.System) -> None:
    with ntio.Stack("ram_disk:size=1K", system=system) as stack:
        with stack.open("r") as reading, stack.open("r+") as both:
            both.write(b"seen", 0)
            assert reading.read(4, 0) == b"seen"
            with pytest.raises(PermissionError):
                reading.write(b"x", 0)
            assert stack.device.bottom().reference_count == 3
        with pytest.raises(InvalidParameter):
            stack.open("q")


def test_two_systems_do_not_know_each_other() -> None:
    with (
        ntio.System("simulated") as one,
        ntio.System("simulated") as other,
        ntio.Stack("ram_disk:size=1K,name=Same", system=one),
        ntio.Stack("ram_disk:size=2K,name=Same", system=other),
        ntio.open("\\Device\\Same", system=one) as first,
        ntio.open("\\Device\\Same", system=other) as second,
    ):
        assert (first.size, second.size) == (1024, 2048)


class TenLines(FilterDriver):
    """Counts reads; nothing else."""

    reads = 0

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        self.reads += 1
        return irp.pass_down()


def test_a_filter_of_a_few_lines_sees_every_request(system: ntio.System) -> None:
    counter = TenLines()
    with ntio.Stack("ram_disk:size=1K", counter, system=system) as stack, ntio.Ring(8, system=system) as ring:
        stack.read(1, 0)
        ring.read(stack.file, range(20), 1).raise_for_status()
        ring.start_read(stack.file, [1, 2, 3], 1).wait()
    assert counter.reads == 24


def test_a_misspelt_routine_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"Bad\.dispatch_raed: no such major function"):

        class Bad(FilterDriver):
            def dispatch_raed(self, device: DeviceObject, irp: Irp) -> int:
                return 0
