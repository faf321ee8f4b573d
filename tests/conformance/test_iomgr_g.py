"""Group G: driver objects and device objects, case by case.

A driver of this file is plain functions in the WDK's form: DriverEntry, dispatch routines, Unload.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from made_up_drivers import Bottom, Layer
from ntio import DeviceObject, Irp, NtError, System
from ntio.driver_kit import DriverObject
from ntio.io_manager.codes import major
from ntio.io_manager.loading import SERVICES_KEY
from ntio.io_manager.opening.open import close_file
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_IMAGE_ALREADY_LOADED,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_NO_SUCH_DEVICE,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    status_name,
)
from ntio.wdm import IoAttachDeviceToDeviceStack

pytestmark = pytest.mark.row("R15", "R22", "R23", "R27", "R28")

Observed = Callable[[str], None]


def load(system: System, entry: Callable[[DriverObject], Any], name: str = "tested") -> DriverObject:
    """Load a driver whose entry succeeds; it can be unloaded, opened and closed."""

    def driver_entry(driver: DriverObject, registry_path: str) -> int:
        for number in (major.IRP_MJ_CREATE, major.IRP_MJ_CLEANUP, major.IRP_MJ_CLOSE):
            driver.major_function[number] = lambda device, irp: irp.complete()
        driver.unload = lambda driver: None
        entry(driver)
        return 0

    return system.load_driver(name, driver_entry)


def refused(call: Callable[[], Any]) -> int:
    """The status a call is refused with; 0 if it is not."""
    try:
        call()
    except NtError as error:
        return error.status
    return 0


def test_case_74_a_driver_object_in_its_entry(system: System, observed: Observed) -> None:
    """Looked at by DriverEntry: Type 4, no device, flags LEGACY, Count 0, no AddDevice, all routines equal."""
    seen: list[tuple[Any, ...]] = []

    def driver_entry(driver: DriverObject, registry_path: str) -> int:
        extension, routines = driver.extension, set(driver.major_function)
        seen.append((driver.type, driver.device, driver.flags, extension.count, extension.add_device, len(routines)))
        return 0

    driver = system.load_driver("tested", driver_entry)
    assert seen == [(4, None, major.DRVO_LEGACY_DRIVER, 0, None, 1)]
    assert driver.extension.driver is driver
    kind, device, flags, count, add_device, different = seen[0]
    observed(f"Type {kind}, DeviceObject {device}, Flags {flags:#x}, Count {count}, AddDevice {add_device}")
    observed(f"{different} routine in {len(driver.major_function)} slots")


def test_case_75_flags_at_dispatch_and_unload(system: System, observed: Observed) -> None:
    """A request arrives, then the driver is unloaded: INITIALIZED is there, then UNLOAD_INVOKED too."""
    seen: list[int] = []

    def read(device: DeviceObject, irp: Irp) -> int:
        seen.append(device.driver.flags)
        return irp.complete()

    def entry(driver: DriverObject) -> None:
        driver.create_device("\\Device\\Tested")
        driver.major_function[major.IRP_MJ_CREATE] = read
        driver.unload = lambda driver: seen.append(driver.flags)

    load(system, entry)
    close_file(system.open_file_object("\\Device\\Tested", "r"))
    assert system.unload_driver("tested")
    legacy = major.DRVO_LEGACY_DRIVER | major.DRVO_INITIALIZED
    assert seen == [legacy, legacy | major.DRVO_UNLOAD_INVOKED]
    observed("; ".join(f"{step} {flags:#x}" for step, flags in zip(("dispatch", "unload"), seen, strict=True)))


def test_case_75_emptied_slots_are_filled(system: System, observed: Observed) -> None:
    """DriverEntry sets every slot to NULL: afterwards each has the default routine, INVALID_DEVICE_REQUEST."""
    default: list[Any] = []

    def driver_entry(driver: DriverObject, registry_path: str) -> int:
        default.append(driver.major_function[0])
        driver.major_function[:] = [None] * 28
        driver.create_device("\\Device\\Tested")
        return 0

    driver = system.load_driver("tested", driver_entry)
    assert set(driver.major_function) == set(default)
    status = refused(lambda: system.open_file_object("\\Device\\Tested", "r"))
    assert status == STATUS_INVALID_DEVICE_REQUEST
    observed(f"{driver.major_function.count(default[0])} slots with the default routine; {status_name(status)}")


def test_case_76_a_device_in_a_missing_directory(system: System, observed: Observed) -> None:
    r"""IoCreateDevice(\Missing\Tested): OBJECT_PATH_NOT_FOUND, and the driver has no device."""
    statuses: list[int] = []
    driver = load(system, lambda driver: statuses.append(refused(lambda: driver.create_device("\\Missing\\Tested"))))
    assert statuses == [STATUS_OBJECT_PATH_NOT_FOUND] and driver.device is None
    observed(f"{status_name(statuses[0])}, DeviceObject {driver.device}")


def test_case_77_a_device_object_when_made(system: System, observed: Observed) -> None:
    """Made with a name in DriverEntry: Type 3, nothing refers to it, flags NAME|INITIALIZING, its extension empty."""
    seen: list[str] = []

    def entry(driver: DriverObject) -> None:
        device = driver.create_device("\\Device\\Tested")
        extension = device.extension
        assert (device.type, device.reference_count, device.driver) == (3, 0, driver)
        assert (device.next_device, device.attached_device) == (None, None)
        assert device.flags == major.DO_DEVICE_HAS_NAME | major.DO_DEVICE_INITIALIZING
        assert device.device_extension is None and driver.device is device
        assert (extension.type, extension.size, extension.device) == (13, 0, device)
        assert (extension.start_io_flags, extension.start_io_count, extension.attached_to) == (0, 0, None)
        seen.append(f"Type {device.type}, ReferenceCount {device.reference_count}, Flags {device.flags:#x}")
        seen.append(f"extension Type {extension.type}, Size {extension.size}, StartIoCount {extension.start_io_count}")

    driver = load(system, entry)
    assert driver.device is not None and driver.device.flags == major.DO_DEVICE_HAS_NAME
    for text in [*seen, f"Flags after DriverEntry {driver.device.flags:#x}"]:
        observed(text)


def test_case_77_an_exclusive_device_when_made(system: System, observed: Observed) -> None:
    """Made exclusive, with an extension: flags NAME|INITIALIZING|EXCLUSIVE, the extension zeroed."""
    driver = load(system, lambda driver: None)
    device = driver.create_device("\\Device\\Tested", exclusive=True, extension_size=16)
    expected = major.DO_DEVICE_HAS_NAME | major.DO_DEVICE_INITIALIZING | major.DO_EXCLUSIVE
    assert device.flags == expected and device.device_extension == bytes(16)
    extension = device.device_extension
    observed(f"Flags {device.flags:#x}, {len(extension)} bytes, all zero: {not any(extension)}")


def test_case_77_a_deleted_device_leaves_its_name(system: System, observed: Observed) -> None:
    """Deleted: the driver's list is empty, and the same name can be used again; before, it collides."""
    driver = load(system, lambda driver: None)
    device = driver.create_device("\\Device\\Tested")
    collision = refused(lambda: driver.create_device("\\Device\\Tested"))
    driver.delete_device(device)
    assert collision == STATUS_OBJECT_NAME_COLLISION and driver.device is None
    again = driver.create_device("\\Device\\Tested")
    assert driver.device is again and again.next_device is None
    observed(f"before: {status_name(collision)}; after: DeviceObject None, made again")


def test_case_78_a_driver_loads_itself(system: System, observed: Observed) -> None:
    """ZwLoadDriver of its own key: IMAGE_ALREADY_LOADED; of a key that is not there: OBJECT_NAME_NOT_FOUND."""
    load(system, lambda driver: None)
    again = refused(lambda: system.io.loader.load_service(f"{SERVICES_KEY}\\tested"))
    missing = refused(lambda: system.io.loader.load_service(f"{SERVICES_KEY}\\missing"))
    assert (again, missing) == (STATUS_IMAGE_ALREADY_LOADED, STATUS_OBJECT_NAME_NOT_FOUND)
    observed(f"{status_name(again)}; {status_name(missing)}")


def test_case_78_unloading_without_a_routine(system: System, observed: Observed) -> None:
    """ZwUnloadDriver of a driver without Unload routine: INVALID_DEVICE_REQUEST, and it stays."""
    driver = load(system, lambda driver: setattr(driver, "unload", None))
    status = system.io.loader.unload_service(f"{SERVICES_KEY}\\tested")
    assert status == STATUS_INVALID_DEVICE_REQUEST and driver in system.io.drivers
    observed(f"{status_name(status)}, loaded: {driver in system.io.drivers}")


def test_case_78_unloading_what_is_attached_to(system: System, observed: Observed) -> None:
    """ZwUnloadDriver while another device is attached: SUCCESS, but pending; opens fail; detaching completes it."""
    driver = load(system, lambda driver: driver.create_device("\\Device\\Tested"))
    assert driver.device is not None
    top = system.load(Layer(lambda device, irp: irp.pass_down()), driver.device)
    status = system.io.loader.unload_service(f"{SERVICES_KEY}\\tested")
    opened = refused(lambda: system.open_file_object("\\Device\\Tested", "r"))
    pending, flags = driver in system.io.drivers, driver.flags
    assert (status, opened, pending) == (0, STATUS_NO_SUCH_DEVICE, True) and not flags & major.DRVO_UNLOAD_INVOKED
    top.detach()
    assert driver not in system.io.drivers and driver.flags & major.DRVO_UNLOAD_INVOKED
    observed(f"{status_name(status)}, Flags {flags:#x}; open: {status_name(opened)}; detached: Flags {driver.flags:#x}")


def test_case_81_attaching_to_a_device_that_is_initializing(system: System, observed: Observed) -> None:
    """IoAttachDeviceToDeviceStack to a device with DO_DEVICE_INITIALIZING: NULL, nothing is attached."""
    driver = load(system, lambda driver: None)
    target, source = driver.create_device("\\Device\\Tested"), driver.create_device()
    status = refused(lambda: source.attach_to(target))
    assert IoAttachDeviceToDeviceStack(source, target) is None
    assert status == STATUS_NO_SUCH_DEVICE and (target.attached_device, source.lower) == (None, None)
    assert source.stack_size == 1
    target.flags &= ~major.DO_DEVICE_INITIALIZING
    assert IoAttachDeviceToDeviceStack(source, target) is target and source.stack_size == 2
    observed(f"NULL ({status_name(status)}), AttachedDevice None; ready: attached, StackSize {source.stack_size}")


def test_case_83_opening_a_device_that_is_initializing(system: System, observed: Observed) -> None:
    """A device made outside DriverEntry is opened before DO_DEVICE_INITIALIZING is cleared: NO_SUCH_DEVICE."""
    driver = load(system, lambda driver: None)
    device = driver.create_device("\\Device\\Tested")
    status = refused(lambda: system.open_file_object("\\Device\\Tested", "r"))
    assert status == STATUS_NO_SUCH_DEVICE and device.reference_count == 0
    device.flags &= ~major.DO_DEVICE_INITIALIZING
    file_object = system.open_file_object("\\Device\\Tested", "r")
    assert device.reference_count == 1
    close_file(file_object)
    observed(f"{status_name(status)}; ready: opened")


def test_case_83_opening_an_exclusive_device_twice(system: System, observed: Observed) -> None:
    """The second open of an exclusive device: ACCESS_DENIED; closed, it can be opened again."""
    driver = load(system, lambda driver: driver.create_device("\\Device\\Tested", exclusive=True))
    assert driver.device is not None
    first = system.open_file_object("\\Device\\Tested", "r")
    status = refused(lambda: system.open_file_object("\\Device\\Tested", "r"))
    assert status == STATUS_ACCESS_DENIED and driver.device.reference_count == 1
    close_file(first)
    close_file(system.open_file_object("\\Device\\Tested", "r"))
    observed(f"{status_name(status)}; closed: opened")


def test_case_84_extensions_of_a_driver(system: System, observed: Observed) -> None:
    """IoAllocateDriverObjectExtension twice with one identification: NAME_COLLISION; an unknown one has none."""
    driver = load(system, lambda driver: None)
    first = driver.allocate_extension(0x1234, 32)
    status = refused(lambda: driver.allocate_extension(0x1234, 32))
    unknown = driver.find_extension(0x4321)
    assert status == STATUS_OBJECT_NAME_COLLISION and unknown is None
    assert driver.find_extension(0x1234) is first and first == bytes(32)
    observed(f"{len(first)} bytes; {status_name(status)}; unknown: {unknown}")


def test_the_drivers_of_this_file_are_like_any_other(system: System) -> None:
    driver = load(system, lambda driver: driver.create_device("\\Device\\Tested"))
    system.load(Bottom())
    assert [one.name for one in system.io.drivers][-2:] == ["tested", "bottom"]
    assert driver.code.bypass_veto(next(driver.devices())) == ""
