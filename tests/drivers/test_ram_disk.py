"""The disk in memory keeps the law of disks, and its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ntio
from ntio.driver_kit import Driver
from ntio.drivers.ram_disk import RamDisk
from ntio.status import InvalidParameter, ObjectNameCollision
from ntio.testing import DiskTests

pytestmark = pytest.mark.row("R15", "R28")


class TestRamDisk(DiskTests):
    def make_disk(self, size: int, folder: Path) -> Driver:
        return RamDisk(size)


def test_the_medium_is_an_array_anybody_may_look_at(system: ntio.System) -> None:
    with ntio.Stack("ram_disk:size=1K", system=system) as disk:
        disk.write(b"seen", 100)
        medium = disk.drivers[0].media  # type: ignore[attr-defined]
        assert medium.dtype == np.uint8 and medium[100:104].tobytes() == b"seen"
        medium[100] = ord("S")
        assert disk.read(4, 100) == b"Seen"


def test_a_named_disk_is_found_in_the_namespace(system: ntio.System) -> None:
    with ntio.Stack("ram_disk:size=1K,name=Ramdisk0", system=system) as disk:
        disk.write(b"by name", 0)
        with ntio.open("\\Device\\Ramdisk0", "r+", system=system) as file:
            assert file.read(7, 0) == b"by name" and file.size == 1024
        with pytest.raises(ObjectNameCollision):
            ntio.Stack("ram_disk:size=1K,name=Ramdisk0", system=system)
        assert disk.read(7, 0) == b"by name"
    with pytest.raises(FileNotFoundError):
        ntio.open("\\Device\\Ramdisk0", system=system)


def test_several_disks_are_several_drivers(system: ntio.System) -> None:
    with (
        ntio.Stack("ram_disk:size=1K", system=system) as first,
        ntio.Stack("ram_disk:size=2K", system=system) as second,
    ):
        first.write(b"1", 0)
        second.write(b"2", 0)
        assert (first.read(1, 0), second.read(1, 0)) == (b"1", b"2")
        assert (first.size, second.size) == (1024, 2048)
        names = sorted(one.name for one in system.namespace.lookup("\\Driver")[0])  # type: ignore[attr-defined]
        assert names == ["host_files", "ram_disk", "ram_disk#2"]


def test_the_same_bytes_written_twice_in_one_batch_are_the_last_ones(system: ntio.System) -> None:
    with ntio.Stack("ram_disk:size=1K", system=system) as disk, ntio.Ring(system=system) as ring:
        data = np.arange(4, dtype=np.uint8).repeat(64).reshape(4, 64)
        ring.write(disk.file, [0, 64, 0, 64], data).raise_for_status()
        assert disk.read(128, 0) == bytes([2]) * 64 + bytes([3]) * 64
        ring.write(disk.file, [0, 32, 0, 16], data).raise_for_status()
        assert disk.read(128, 0) == bytes([2]) * 16 + bytes([3]) * 64 + bytes([1]) * 16 + bytes([3]) * 32


@pytest.mark.parametrize("size", ["-1", "1000000T", "9999999999T"])
def test_a_size_that_cannot_be_had_is_refused(system: ntio.System, size: str) -> None:
    with pytest.raises(InvalidParameter, match="size"):
        ntio.Stack(f"ram_disk:size={size}", system=system)
