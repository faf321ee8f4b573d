"""Driver objects: their tables, how they are loaded and unloaded, and that a failure leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from made_up_drivers import Bottom, Layer, load_stack, new_packet, sent
from ntio import DeviceObject, Driver, Irp, NtError, Stack, System
from ntio.driver_kit import FILE_DEVICE_DISK, DriverObject, FilterDriver, split_batch
from ntio.io_manager.codes import major
from ntio.io_manager.driver import invalid_device_request
from ntio.status import (
    STATUS_BUFFER_TOO_SMALL,
    STATUS_DEVICE_BUSY,
    STATUS_INVALID_DEVICE_REQUEST,
    InvalidParameter,
    ObjectNameCollision,
)
from ntio.system.file import File


class Code:
    """What the I/O manager asks of a driver's writer, and nothing more."""

    def bypass_veto(self, device: DeviceObject) -> str:
        return ""

    def bypass_target(self, device: DeviceObject, file_object: Any) -> None:
        return None


def names_in(system: System, directory: str) -> list[str]:
    return [entry.name for entry in system.namespace.lookup(directory)[0]]  # type: ignore[attr-defined]


@pytest.fixture
def bare() -> System:  # what is tested here never reaches a HAL
    return System("simulated")


@pytest.mark.row("R22")
def test_empty_slots_get_the_one_default_routine(bare: System) -> None:
    def read(device: DeviceObject, irp: Irp) -> int:
        return irp.complete(information=1)

    def entry(driver: DriverObject) -> None:
        assert driver.major_function == [invalid_device_request] * 28 and driver.device is None
        assert driver.flags == major.DRVO_LEGACY_DRIVER
        driver.major_function[major.IRP_MJ_WRITE] = None
        driver.major_function[major.IRP_MJ_READ] = read

    driver = bare.io.load("raw", Code(), entry)
    assert driver.flags == major.DRVO_INITIALIZED | major.DRVO_LEGACY_DRIVER
    assert driver.dispatch[major.IRP_MJ_READ] is read and None not in driver.major_function
    others = {routine for code, routine in enumerate(driver.dispatch) if code != major.IRP_MJ_READ}
    assert others == {invalid_device_request} and len(driver.dispatch) == 28
    assert set(driver.batch_dispatch) == {split_batch}
    device = driver.create_device()
    assert sent(device, new_packet(device, code=major.IRP_MJ_PNP))[0] == STATUS_INVALID_DEVICE_REQUEST
    assert sent(device, new_packet(device)) == (0, 0, 1)


def test_devices_made_by_the_entry_are_ready_others_are_not(bare: System) -> None:
    driver = bare.io.load("raw", Code(), lambda driver: driver.create_device("\\Device\\Early") and None)
    early = driver.device
    assert early is not None and not early.flags & major.DO_DEVICE_INITIALIZING
    assert early.dispatch is driver.dispatch
    late = driver.create_device()
    assert late.flags & major.DO_DEVICE_INITIALIZING
    assert bare.load(Bottom()).flags & major.DO_DEVICE_INITIALIZING == 0


@pytest.mark.row("R23")
def test_loading_makes_an_object_and_unloading_takes_everything_away(bare: System) -> None:
    order: list[str] = []

    class Named(Driver):
        def driver_entry(self, driver: DriverObject) -> None:
            order.append("entry")
            super().driver_entry(driver)

        def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
            order.append("add device")
            return self.create_device("\\Device\\Named")

        def unload(self) -> None:
            order.append(f"unload, flags {self.driver_object.flags:#x}")
            assert self.driver_object.device is not None

    device = bare.load(Named())
    driver = device.driver
    assert driver.path == "\\Driver\\named" and driver in bare.io.drivers
    bare.io.unload(driver)
    flags = major.DRVO_INITIALIZED | major.DRVO_UNLOAD_INVOKED
    assert order == ["entry", "add device", f"unload, flags {flags:#x}"]
    assert names_in(bare, "\\Driver") == ["host_files"] and "Named" not in names_in(bare, "\\Device")
    assert driver.device is None and device.deleted and driver not in bare.io.drivers


def test_an_entry_that_raises_leaves_nothing_and_is_not_unloaded(bare: System) -> None:
    class Broken(Driver):
        def driver_entry(self, driver: DriverObject) -> None:
            super().driver_entry(driver)
            self.create_device("\\Device\\Half")
            raise LookupError

        def unload(self) -> None:
            raise AssertionError("it never was initialized")

    for _ in range(2):
        with pytest.raises(LookupError):
            bare.load(Broken())
    assert names_in(bare, "\\Driver") == ["host_files"] and names_in(bare, "\\Device") == ["HostFiles"]
    assert len(bare.io.drivers) == 1


def test_an_add_device_that_raises_leaves_nothing(bare: System) -> None:
    unloaded: list[int] = []

    class Broken(Driver):
        def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
            self.create_device("\\Device\\Half")
            raise LookupError

        def unload(self) -> None:
            unloaded.append(1)

    with pytest.raises(LookupError):
        bare.load(Broken())
    assert unloaded == [1] and names_in(bare, "\\Driver") == ["host_files"]
    assert names_in(bare, "\\Device") == ["HostFiles"]


@pytest.mark.row("R27")
def test_every_field_of_a_driver(bare: System) -> None:
    driver = bare.load(Bottom()).driver
    assert (driver.type, driver.size) == (4, 0x150)
    assert driver.device is not None and driver.device.driver is driver
    assert driver.driver_start == id(driver.code) and driver.driver_size > 0
    assert driver.driver_section == "made_up_drivers"
    assert (driver.name, driver.path) == ("bottom", "\\Driver\\bottom")
    assert driver.hardware_database.startswith("\\REGISTRY\\MACHINE\\HARDWARE")
    assert driver.fast_io is None and driver.start_io is None and driver.unload is not None
    assert driver.driver_init == driver.code.driver_entry  # type: ignore[attr-defined]
    assert len(driver.major_function) == len(driver.batch_function) == 28
    extension = driver.extension
    assert extension.driver is driver and extension.add_device is not None
    assert (extension.count, extension.service_key_name, extension.clients) == (0, "bottom", {})


def test_a_routine_that_is_exchanged_later_reaches_the_devices(bare: System) -> None:
    (device,) = load_stack(bare, Bottom())
    other = device.driver.create_device()

    def busy(device: DeviceObject, irp: Irp) -> int:
        return irp.complete(STATUS_DEVICE_BUSY)

    device.driver.major_function[major.IRP_MJ_READ] = busy
    assert sent(device, new_packet(device))[0] == sent(other, new_packet(other))[0] == STATUS_DEVICE_BUSY
    device.driver.major_function[major.IRP_MJ_READ] = None
    assert sent(device, new_packet(device))[0] == STATUS_INVALID_DEVICE_REQUEST
    with pytest.raises(ValueError, match="28 slots"):
        device.driver.major_function[:] = []


def test_a_table_that_somebody_watches_is_left_alone(bare: System) -> None:
    (device,) = load_stack(bare, Bottom())
    device.dispatch = watched = tuple(device.dispatch[:-1]) + (device.dispatch[-1],)
    device.driver.major_function[major.IRP_MJ_READ] = None
    assert device.dispatch is watched


def test_the_default_routine_leaves_the_information_alone(bare: System) -> None:
    (device,) = load_stack(bare, Driver())
    irp = new_packet(device)
    irp.information = 77
    assert sent(device, irp) == (STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_REQUEST, 77)


def test_extensions_of_clients(bare: System) -> None:
    driver = bare.load(Bottom()).driver
    client = object()
    assert driver.find_extension(client) is None
    kept = driver.allocate_extension(client, 16)
    assert kept == bytearray(16) and driver.find_extension(client) is kept
    with pytest.raises(ObjectNameCollision):
        driver.allocate_extension(client, 8)
    assert driver.allocate_extension("another", value=driver) is driver


@pytest.mark.row("R28")
def test_one_driver_serves_many_devices(bare: System) -> None:
    class Partitions(Driver):
        """One disk, cut into pieces: a device for each, the same routines for all."""

        def __init__(self) -> None:
            self.media = bytearray(range(64))

        def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
            whole = self.create_device("\\Device\\Harddisk0\\Partition0", FILE_DEVICE_DISK, extension=range(64))
            for number, start in enumerate(range(0, 64, 16), 1):
                path = f"\\Device\\Harddisk0\\Partition{number}"
                self.create_device(path, FILE_DEVICE_DISK, extension=range(start, start + 16))
            return whole

        def device_size(self, device: DeviceObject) -> int:
            return len(device.device_extension)

        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            here = device.device_extension[irp.location.byte_offset :][: irp.location.length]
            irp.array[: len(here)] = self.media[here.start : here.stop]
            return irp.complete(information=len(here))

    bare.namespace.make_directory("\\Device\\Harddisk0")
    whole = bare.load(Partitions())
    assert len(list(whole.driver.devices())) == 5
    for number, (start, size) in enumerate([(0, 64), (0, 16), (16, 16), (32, 16), (48, 16)]):
        with File(bare, bare.open_file_object(f"\\Device\\Harddisk0\\Partition{number}", "r"), "") as file:
            assert file.read(2, 3) == bytes([start + 3, start + 4]) and file.size == size
    status, devices, count = whole.driver.list_devices(2)
    assert (status, count) == (STATUS_BUFFER_TOO_SMALL, 5)
    assert [device.name for device in devices] == ["Partition4", "Partition3"]
    assert whole.driver.list_devices(5) == (0, list(whole.driver.devices()), 5)
    bare.io.unload(whole.driver)
    assert list(bare.namespace.lookup("\\Device\\Harddisk0")[0]) == []  # type: ignore[call-overload]


def test_one_filter_serves_many_stacks(bare: System) -> None:
    seen: list[DeviceObject] = []

    def note(device: DeviceObject, irp: Irp) -> int:
        seen.append(device)
        return irp.pass_down()

    layer, bottoms = Layer(note), [bare.load(Bottom()), bare.load(Bottom())]
    tops = [bare.load(layer, bottoms[0]), bare.add_device(layer, bottoms[1])]
    for bottom, top in zip(bottoms, tops, strict=True):
        assert bottom.top() is top and sent(top, new_packet(top))[0] == 0
    assert seen == tops and {top.driver for top in tops} == {layer.driver_object}
    bare.io.unload(layer.driver_object)
    assert [bottom.top() for bottom in bottoms] == bottoms


def test_an_instance_is_loaded_once_at_a_time(bare: System) -> None:
    driver = Bottom()
    device = bare.load(driver)
    with pytest.raises(InvalidParameter, match=r"this Bottom is loaded as \\Driver\\bottom: make another one"):
        bare.load(driver)
    assert driver.driver_object is device.driver and names_in(bare, "\\Driver") == ["bottom", "host_files"]
    bare.io.unload(device.driver)
    assert bare.load(driver).driver.name == "bottom"


def test_a_bottom_is_not_put_on_top_of_something(bare: System) -> None:
    with pytest.raises(InvalidParameter, match="ram_disk is the bottom of a stack: it cannot be put on top of"):
        Stack("ram_disk:size=4K", "ram_disk:size=4K", system=bare)
    assert names_in(bare, "\\Driver") == ["host_files"]


def test_a_device_that_could_not_be_added_is_gone(bare: System) -> None:
    (bottom, top) = load_stack(bare, Bottom(), Layer(lambda device, irp: irp.pass_down()))
    bottom.driver.code.add_device = lambda lower: bottom.driver.create_device("\\Device\\X")  # type: ignore[attr-defined]
    with pytest.raises(InvalidParameter):
        bare.add_device(bottom.driver.code, top)  # type: ignore[arg-type]
    assert list(bottom.driver.devices()) == [bottom] and bare.namespace.find("\\Device\\X") is None


def test_a_second_driver_of_a_class_gets_a_number(bare: System) -> None:
    devices = [bare.load(Bottom()) for _ in range(3)]
    assert [device.driver.name for device in devices] == ["bottom", "bottom#2", "bottom#3"]
    bare.io.unload(devices[1].driver)
    assert bare.load(Bottom()).driver.name == "bottom#2"


def test_a_name_that_is_taken_is_refused_by_the_manager(bare: System) -> None:
    bare.io.load("raw", Code(), lambda driver: None)
    with pytest.raises(ObjectNameCollision):
        bare.io.load("RAW", Code(), lambda driver: None)
    assert names_in(bare, "\\Driver") == ["host_files", "raw"]


def test_a_collision_inside_an_entry_is_not_a_collision_of_drivers(bare: System) -> None:
    attempts: list[int] = []

    class Collides(Driver):
        def driver_entry(self, driver: DriverObject) -> None:
            attempts.append(1)
            super().driver_entry(driver)
            self.create_device("\\Device\\HostFiles")

    with pytest.raises(ObjectNameCollision):
        bare.load(Collides())
    assert attempts == [1] and names_in(bare, "\\Driver") == ["host_files"]


def test_an_unload_routine_that_raises_takes_everything_away_all_the_same(bare: System) -> None:
    class Broken(Driver):
        def unload(self) -> None:
            raise LookupError

    device = bare.load(Broken())
    with pytest.raises(LookupError):
        bare.io.unload(device.driver)
    assert device.deleted and names_in(bare, "\\Driver") == ["host_files"]


@pytest.mark.row("R23")
def test_a_system_unloads_the_newest_first(bare: System) -> None:
    order: list[str] = []

    class Last(FilterDriver):
        def unload(self) -> None:
            order.append(type(self).__name__)

    class A(Last):
        pass

    class Z(Last):
        pass

    class M(Bottom):
        def unload(self) -> None:
            order.append("M")

    load_stack(bare, M(), Z(), A())
    bare.close()
    assert order == ["A", "Z", "M"]


def test_one_broken_driver_does_not_keep_the_others_loaded(bare: System) -> None:
    order: list[str] = []

    class Good(Bottom):
        def unload(self) -> None:
            order.append("good")

    class Broken(Driver):
        def unload(self) -> None:
            raise LookupError

    for driver in (Good(), Broken(), Good()):
        bare.load(driver)
    with pytest.raises(LookupError):
        bare.close()
    assert order == ["good", "good"] and bare.io.drivers == []


def test_unloading_a_filter_leaves_the_stack_below(system: System) -> None:
    with Stack("ram_disk:size=4K", system=system) as disk:
        layer = system.load(Layer(lambda device, irp: irp.pass_down()), disk.device)
        assert disk.write(b"abc", 0) == 3
        system.io.unload(layer.driver)
        assert disk.read(3, 0) == b"abc"


def test_descriptions(bare: System) -> None:
    device = bare.load(Bottom())
    assert device.driver.describe() == "Driver, 1 devices"
    assert repr(device.driver) == "<DriverObject bottom>"


def test_a_stack_whose_upper_driver_fails_takes_the_lower_away(bare: System) -> None:
    class Broken(FilterDriver):
        def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
            super().add_device(lower)
            raise NtError(STATUS_INVALID_DEVICE_REQUEST)

    with pytest.raises(NtError):
        Stack("ram_disk:size=4K", Broken(), system=bare)
    assert [driver.name for driver in bare.io.drivers] == ["host_files"]
