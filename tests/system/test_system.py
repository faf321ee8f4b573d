"""A System: what a new one has, and that nothing is left of it when it is closed."""

from __future__ import annotations

import os

import pytest

import ntio
from ntio.drivers.ram_disk import RamDisk
from ntio.status import PlatformNotSupported

pytestmark = pytest.mark.row("R20", "R23", "R28")


def test_a_new_system_has_the_hosts_files(system: ntio.System) -> None:
    device, rest = system.namespace.lookup("\\Device\\HostFiles")
    assert (device.type_name, rest) == ("Device", "")
    assert system.namespace.lookup("\\??\\C:\\some\\path") == (device, "\\some\\path")
    assert repr(system) == f"<System on {system.hal.name}>"


def test_a_closed_system_holds_nothing(real_system: ntio.System) -> None:
    before = set(os.listdir("/proc/self/fd"))
    system = ntio.System(real_system.hal.name)
    system.load(RamDisk(512))
    with ntio.Ring(system=system) as ring, ntio.Stack("ram_disk:size=1K", "log", system=system) as disk:
        ring.write(disk.file, range(0, 100, 10), [b"x"] * 10).raise_for_status()
    system.close()
    system.close()
    assert set(os.listdir("/proc/self/fd")) == before
    assert list(system.namespace.lookup("\\Driver")[0]) == []  # type: ignore[call-overload]
    assert system.io.irps.live() == 0


def test_a_loaded_driver_is_a_device_that_can_be_opened(system: ntio.System) -> None:
    device = system.load(RamDisk(512, name="Disk0"))
    with ntio.open("\\Device\\Disk0", "r+", system=system) as file:
        file.write(b"x", 511)
        assert device.reference_count == 1
    assert device.reference_count == 0
    assert [one.name for one in system.namespace.lookup("\\Driver")[0]][-1] == "ram_disk"  # type: ignore[attr-defined]


def test_a_hal_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no HAL is called 'magic'"):
        ntio.System("magic")


def test_the_simulated_machine_has_files_of_its_own() -> None:
    with ntio.System("simulated") as system:
        with pytest.raises(FileNotFoundError):
            ntio.open("/etc/hostname", system=system)
        with ntio.open("/made/here", "w+", system=system) as file, ntio.Ring(8, system=system) as ring:
            file.write(b"in memory", 0)
            assert ring.read(file, [0, 3], 6).information.tolist() == [6, 6]
        assert not os.path.exists("/made")
    assert issubclass(PlatformNotSupported, NotImplementedError)
