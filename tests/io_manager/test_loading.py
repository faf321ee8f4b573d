"""How drivers come and go: by the path of their service, while they are in use, while they have requests."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from made_up_drivers import Bottom, Holder, Layer, load_stack, new_packet, sent
from ntio import DeviceObject, Driver, Irp, NtError, Ring, Stack, System
from ntio.driver_kit import DriverObject, FilterDriver
from ntio.io_manager.codes import major
from ntio.io_manager.dispatch import call_driver
from ntio.io_manager.loading import SERVICES_KEY, Service
from ntio.io_manager.opening.open import CreateParameters, close_file, open_device
from ntio.status import (
    STATUS_IMAGE_ALREADY_LOADED,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_NO_SUCH_DEVICE,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_PENDING,
    STATUS_UNSUCCESSFUL,
)

LEGACY, INITIALIZED, INVOKED = major.DRVO_LEGACY_DRIVER, major.DRVO_INITIALIZED, major.DRVO_UNLOAD_INVOKED


class Plain:
    """A driver as the WDK's functions: it has one device, answers reads, and notes its flags at each step."""

    def __init__(self, status: int = 0, *, unloads: bool = True) -> None:
        self.status, self.unloads = status, unloads
        self.flags: list[tuple[str, int]] = []
        self.path = ""

    def entry(self, driver: DriverObject, registry_path: str) -> int:
        """DriverEntry."""
        self.driver, self.path = driver, registry_path
        self.flags.append(("entry", driver.flags))
        driver.major_function[major.IRP_MJ_CREATE] = driver.major_function[major.IRP_MJ_CLEANUP] = self.succeed
        driver.major_function[major.IRP_MJ_CLOSE] = driver.major_function[major.IRP_MJ_READ] = self.succeed
        driver.unload = self.unload if self.unloads else None
        self.device = driver.create_device("\\Device\\Plain", extension_size=8)
        return self.status

    def succeed(self, device: DeviceObject, irp: Irp) -> int:
        """A dispatch routine."""
        self.flags.append(("dispatch", device.driver.flags))
        return irp.complete(information=irp.location.length)

    def unload(self, driver: DriverObject) -> None:
        """DriverUnload."""
        self.flags.append(("unload", driver.flags))
        driver.delete_device(self.device)


def names_in(system: System, directory: str) -> list[str]:
    return [entry.name for entry in system.namespace.lookup(directory)[0]]  # type: ignore[attr-defined]


# --- drivers in the WDK's form ------------------------------------------------------------------------------------


@pytest.mark.row("R22", "R23")
def test_a_plain_driver_from_entry_to_unload(system: System) -> None:
    plain = Plain()
    driver = system.load_driver("plain", plain.entry)
    assert driver is plain.driver and driver.path == "\\Driver\\plain"
    assert plain.path == f"{SERVICES_KEY}\\plain" and driver.extension.service_key_name == "plain"
    assert driver.driver_init == plain.entry and driver.driver_section == __name__
    file_object = system.open_file_object("\\Device\\Plain", "r")
    assert plain.device.flags & major.DO_DEVICE_INITIALIZING == 0
    close_file(file_object)
    assert system.unload_driver("PLAIN")
    legacy = INITIALIZED | LEGACY
    assert plain.flags == [("entry", LEGACY), *[("dispatch", legacy)] * 3, ("unload", legacy | INVOKED)]
    assert "plain" not in names_in(system, "\\Driver") and "Plain" not in names_in(system, "\\Device")
    assert driver.device is None and driver not in system.io.drivers


def test_a_file_system_goes_elsewhere(system: System) -> None:
    assert system.load_driver("plainfs", Plain().entry, file_system=True).path == "\\FileSystem\\plainfs"
    assert system.unload_driver("plainfs") and names_in(system, "\\FileSystem") in ([], ["Filters"])


def test_what_loading_is_refused_for(system: System) -> None:
    plain = Plain()
    system.load_driver("plain", plain.entry)
    for name in ("plain", "Plain"):
        with pytest.raises(NtError) as caught:
            system.load_driver(name, Plain().entry)
        assert caught.value.status == STATUS_IMAGE_ALREADY_LOADED
    with pytest.raises(NtError) as caught:
        system.io.loader.load_service(f"{SERVICES_KEY}\\nothing")
    assert caught.value.status == STATUS_OBJECT_NAME_NOT_FOUND
    with pytest.raises(NtError) as caught:
        system.unload_driver("nothing")
    assert caught.value.status == STATUS_OBJECT_NAME_NOT_FOUND
    assert system.unload_driver("plain")
    with pytest.raises(NtError) as caught:
        system.unload_driver("plain")
    assert caught.value.status == STATUS_OBJECT_NAME_NOT_FOUND
    assert system.io.loader.load_service(f"{SERVICES_KEY.upper()}\\PLAIN").name == "plain"


@pytest.mark.parametrize("answer", [STATUS_UNSUCCESSFUL, None, "raise"])
def test_an_entry_that_fails_leaves_nothing(system: System, answer: Any) -> None:
    plain, before = Plain(answer), names_in(system, "\\Device")

    def entry(driver: DriverObject, path: str) -> int:
        status = plain.entry(driver, path)
        if status == "raise":  # type: ignore[comparison-overlap]
            raise LookupError
        return status

    expected = {STATUS_UNSUCCESSFUL: NtError, None: TypeError}.get(answer, LookupError)
    for _ in range(2):
        with pytest.raises(expected) as caught:
            system.load_driver("plain", entry)
        if expected is NtError:
            assert caught.value.status == STATUS_UNSUCCESSFUL  # type: ignore[attr-defined]
    assert names_in(system, "\\Device") == before and "plain" not in names_in(system, "\\Driver")
    assert [step for step, _ in plain.flags] == ["entry", "entry"]  # and no unload routine ran
    assert plain.driver.device is None


def test_a_driver_without_unload_routine_stays(system: System) -> None:
    plain = Plain(unloads=False)
    system.load_driver("plain", plain.entry)
    with pytest.raises(NtError) as caught:
        system.unload_driver("plain")
    assert caught.value.status == STATUS_INVALID_DEVICE_REQUEST
    assert not plain.device.refusal and plain.driver in system.io.drivers


def test_a_plain_filter_sees_everything(system: System) -> None:
    with Stack("ram_disk:size=4K", system=system) as disk:
        plain = Plain()
        system.load_driver("plain", plain.entry)
        plain.device.attach_to(disk.device)
        assert disk.bypass.vetoes[0].reason == "has routines of its own"
        assert system.io.loader.unload_driver(plain.driver) == 0  # a filter is neither open nor attached to
        assert disk.device.attached_device is None and disk.read(1, 0) == b"\0"


def test_routines_called_once_more_after_loading(system: System) -> None:
    counts: list[tuple[int, Any, int]] = []

    def again(driver: DriverObject, context: Any, count: int) -> None:
        counts.append((driver.flags, context, count))
        if count < 3:
            driver.register_reinitialization(again, context)

    class Late(Bottom):
        def driver_entry(self, driver: DriverObject) -> None:
            super().driver_entry(driver)
            driver.register_reinitialization(again, "here")
            assert driver.flags & major.DRVO_REINIT_REGISTERED

    driver = system.load(Late()).driver
    assert counts == [(INITIALIZED, "here", number) for number in (1, 2, 3)]
    assert driver.extension.count == 3


# --- unloading what is in use, as NT does it ----------------------------------------------------------------------


@pytest.mark.row("R23")
def test_unloading_waits_for_the_last_file(system: System) -> None:
    plain = Plain()
    driver = system.load_driver("plain", plain.entry)
    file_object = system.open_file_object("\\Device\\Plain", "r")
    assert not system.unload_driver("plain") and not system.unload_driver("plain")
    assert plain.device.extension.flags == major.DOE_UNLOAD_PENDING and driver.flags == INITIALIZED | LEGACY
    with pytest.raises(NtError) as caught:
        system.open_file_object("\\Device\\Plain", "r")
    assert caught.value.status == STATUS_NO_SUCH_DEVICE
    with pytest.raises(NtError) as caught:
        system.load_driver("plain", plain.entry)
    assert caught.value.status == STATUS_IMAGE_ALREADY_LOADED
    close_file(file_object)
    assert plain.flags[-1] == ("unload", INITIALIZED | LEGACY | INVOKED) and driver not in system.io.drivers
    assert system.load_driver("plain", plain.entry) is not driver


def test_unloading_waits_for_what_is_attached(system: System) -> None:
    plain = Plain()
    driver = system.load_driver("plain", plain.entry)
    top = system.load(Layer(lambda device, irp: irp.pass_down()), plain.device)
    assert not system.unload_driver("plain")
    assert sent(top, new_packet(top, length=5))[2] == 5  # what is attached goes on
    top.detach()
    assert driver not in system.io.drivers and plain.flags[-1][0] == "unload"


def test_unloading_a_driver_that_is_unloaded_is_refused(system: System) -> None:
    driver = system.load_driver("plain", Plain().entry)
    assert system.unload_driver("plain")
    assert system.io.loader.unload_driver(driver) == STATUS_INVALID_DEVICE_REQUEST


# --- unloading what has requests ----------------------------------------------------------------------------------


class Medium(Holder):
    """Keeps its requests, and something they use until it is unloaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open = True

    def unload(self) -> None:
        assert not self.held
        self.open = False


@pytest.mark.row("R23")
@pytest.mark.parametrize("friendly", [True, False])
def test_an_unload_routine_runs_when_the_last_request_is_gone(system: System, friendly: bool) -> None:
    medium = Medium()
    device = system.load(medium)
    driver, irps = device.driver, [new_packet(device) for _ in range(2)]
    for irp in irps:
        assert call_driver(device, irp) == STATUS_PENDING
    if friendly:
        assert system.io.unload(driver) is False and system.io.unload(driver) is False
        refused = new_packet(device)
        assert sent(device, refused)[0] == STATUS_NO_SUCH_DEVICE
    else:
        assert system.io.loader.unload_driver(driver) == 0
    for irp in irps:
        assert medium.open and driver in system.io.drivers
        medium.release()
        assert irp.completed
        irp.pool.free(irp)
    assert not medium.open and driver not in system.io.drivers and system.io.unload(driver)
    assert system.io.irps.freed is None


@pytest.mark.row("R23")
def test_a_file_that_its_last_request_held_is_closed_by_the_driver_that_goes(system: System) -> None:
    closed: list[int] = []

    class Files(Medium):
        def dispatch_cleanup(self, device: DeviceObject, irp: Irp) -> int:
            closed.append(major.IRP_MJ_CLEANUP)
            return irp.complete()

        def dispatch_close(self, device: DeviceObject, irp: Irp) -> int:
            closed.append(major.IRP_MJ_CLOSE)
            return irp.complete()

    medium = Files()
    device = system.load(medium)
    file_object = open_device(device, "", CreateParameters(access=major.FILE_READ_DATA))
    irp = new_packet(device)
    call_driver(device, irp)
    system.io.reference(file_object)  # as a request on it does
    close_file(file_object)
    assert system.io.unload(device.driver) is False
    system.io.dereference(file_object)
    assert closed == [major.IRP_MJ_CLEANUP, major.IRP_MJ_CLOSE]
    medium.release()
    irp.pool.free(irp)


def test_a_request_of_somebody_else_holds_nothing_back(system: System) -> None:
    holder = Holder()
    other = system.load(holder)
    irp = new_packet(other)
    call_driver(other, irp)
    assert system.io.unload(system.load(Bottom()).driver)
    holder.release()
    irp.pool.free(irp)


def test_a_filter_is_unloaded_when_its_requests_came_back(system: System) -> None:
    """On the thread that completes them; requests that come meanwhile go to the device below."""
    order: list[str] = []

    class Watches(FilterDriver):
        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            return irp.pass_down(self.look)

        def look(self, device: DeviceObject, irp: Irp) -> None:
            order.append("routine")
            assert device.lower is not None  # it may still send requests down

        def unload(self) -> None:
            order.append(f"unload on {threading.current_thread().name}")

    holder = Holder()
    bottom, top = load_stack(system, holder, Watches())
    irp = new_packet(top)
    assert call_driver(top, irp) == STATUS_PENDING
    assert not system.io.unload(top.driver) and bottom.attached_device is None

    def complete() -> None:
        holder.release(0, 0)
        irp.pool.free(irp)

    thread = threading.Thread(target=complete, name="completer")
    thread.start()
    thread.join()
    assert order == ["routine", "unload on completer"] and top.lower is None
    assert top.driver not in system.io.drivers


def test_a_disk_keeps_its_file_while_a_ring_reads_it(system: System, tmp_path: Path) -> None:
    """Also on the direct path, where there are no packets."""
    before = set(system.io.host_descriptors)
    with Ring(8, system=system) as ring:
        disk = Stack(f"file_disk:path={tmp_path / 'disk'},size=256", system=system)
        disk.write(bytes(range(256)), 0)
        assert disk.bypass.allowed
        device, started = disk.device, ring.start_read(disk.file, [0, 1, 2], 2)
        in_flight = not started.done
        disk.close()
        if system.hal.name == "simulated":  # elsewhere the read may be over by now
            assert in_flight and device.refusal == "being unloaded with its driver"
            assert device.driver in system.io.drivers
        data = started.wait().raise_for_status().data
        assert data is not None and data.tobytes() == b"\0\1\1\2\2\3"
    assert device.driver not in system.io.drivers and system.io.host_descriptors == before


def test_closing_a_system_waits_for_nobody() -> None:
    medium = Holder()
    with System("simulated") as system:
        device = system.load(medium)
        call_driver(device, new_packet(device))
    assert system.io.drivers == []


def test_a_broken_unload_routine_does_not_keep_others_from_being_finished() -> None:
    order: list[str] = []

    class Broken(Holder):
        def unload(self) -> None:
            order.append("unload")
            raise LookupError

    system = System("simulated")
    for _ in range(2):
        device = system.load(Broken())
        call_driver(device, new_packet(device))
    with pytest.raises(LookupError):
        system.close()
    assert order == ["unload", "unload"] and system.io.drivers == []


def test_files_that_outlive_their_driver_can_be_closed(system: System) -> None:
    device = system.load(Bottom())
    file_object = open_device(device, "", CreateParameters(access=major.FILE_READ_DATA))
    assert system.io.unload(device.driver)
    assert device.deleted and device.reference_count == 1
    close_file(file_object)
    assert device.reference_count == 0


# --- the rest -----------------------------------------------------------------------------------------------------


def test_services_are_found_in_any_case(system: System) -> None:
    service = system.io.services.register(Service("Some", Plain().entry))
    assert system.io.services.find(service.registry_path.upper()) is service
    assert system.io.services.find("\\Registry\\Machine") is None


def test_a_shutdown_is_told_before_anybody_is_unloaded() -> None:
    order: list[str] = []

    class Registered(Driver):
        def __init__(self, name: str) -> None:
            self.name = name

        def dispatch_shutdown(self, device: DeviceObject, irp: Irp) -> int:
            order.append(f"{self.name} hears")
            return irp.complete()

        def unload(self) -> None:
            order.append(f"{self.name} goes")

    with System("simulated") as system:
        first, second, last, never = (system.load(Registered(name)) for name in ("first", "second", "last", "never"))
        system.io.shutdown.register(last, last_chance=True)
        for device in (first, second, never):
            system.io.shutdown.register(device)
            assert device.flags & major.DO_SHUTDOWN_REGISTERED
        system.io.shutdown.unregister(never)
        assert not never.flags & major.DO_SHUTDOWN_REGISTERED
        system.load(Layer(lambda device, irp: irp.pass_down()), second)
        gone = first.driver.create_device()
        system.io.shutdown.register(gone)
        first.driver.delete_device(gone)
    told = ["second hears", "first hears", "last hears"]
    assert order == [*told, "never goes", "last goes", "second goes", "first goes"]
