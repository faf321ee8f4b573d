"""Devices and the stacks they form: attaching, detaching, sizes, names."""

from __future__ import annotations

from functools import partial

import pytest

from made_up_drivers import Bottom, Layer, load_stack, new_packet, sent
from ntio import DeviceObject, Irp, Stack, System
from ntio.bugcheck import BugCheck, BugCheckCode
from ntio.driver_kit import FilterDriver, attach_device
from ntio.io_manager import requests
from ntio.io_manager.codes import major
from ntio.io_manager.opening.open import CreateParameters, close_file, open_device
from ntio.status import (
    STATUS_NO_SUCH_DEVICE,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    NtError,
)


def down(device: DeviceObject, irp: Irp) -> int:
    return irp.pass_down()


@pytest.fixture
def system() -> System:  # devices know nothing of a HAL
    return System("simulated")


@pytest.mark.row("R15")
def test_a_stack_is_a_list_from_the_first_at_the_bottom_to_the_last_at_the_top(system: System) -> None:
    devices = load_stack(system, Bottom(), Layer(down), Layer(down))
    bottom, middle, top = devices
    assert [device.stack_size for device in devices] == [1, 2, 3]
    assert [device.lower for device in devices] == [None, bottom, middle]
    assert [device.attached_device for device in devices] == [middle, top, None]
    for device in devices:
        assert device.top() is top and device.bottom() is bottom
    assert list(top.stack()) == [top, middle, bottom]


def test_attaching_goes_to_the_current_top(system: System) -> None:
    bottom, first = load_stack(system, Bottom(), Layer(down))
    second = system.load(Layer(down), bottom)
    assert second.lower is first and second.stack_size == 3
    assert bottom.attached_device is first


def test_attaching_copies_sector_size_and_alignment(system: System) -> None:
    (bottom,) = load_stack(system, Bottom())
    bottom.sector_size, bottom.alignment_requirement = 4096, 511
    top = system.load(Layer(down), bottom)
    assert (top.sector_size, top.alignment_requirement) == (4096, 511)


def test_81_attaching_to_an_initializing_device_is_refused(system: System) -> None:
    (bottom,) = load_stack(system, Bottom())
    bottom.flags |= major.DO_DEVICE_INITIALIZING
    drivers = list(system.io.drivers)
    with pytest.raises(NtError) as caught:
        system.load(Layer(down), bottom)
    assert caught.value.status == STATUS_NO_SUCH_DEVICE
    assert bottom.attached_device is None and system.io.drivers == drivers


def test_83_opening_an_initializing_device_is_refused(system: System) -> None:
    (bottom,) = load_stack(system, Bottom())
    bottom.flags |= major.DO_DEVICE_INITIALIZING
    with pytest.raises(NtError) as caught:
        open_device(bottom, "", CreateParameters())
    assert caught.value.status == STATUS_NO_SUCH_DEVICE
    assert bottom.reference_count == 0


def test_detaching_does_not_shrink_sizes_and_makes_room(system: System) -> None:
    bottom, top = load_stack(system, Bottom(), Layer(down))
    top.detach()
    assert (bottom.attached_device, top.lower, top.stack_size) == (None, None, 2)
    top.detach()
    other = system.load(Layer(down), bottom)
    assert other.lower is bottom and other.stack_size == 2


def test_each_change_of_a_stack_begins_an_epoch(system: System) -> None:
    (bottom,) = load_stack(system, Bottom())
    epochs = [system.io.stack_epoch]
    top = system.load(Layer(down), bottom)
    epochs.append(system.io.stack_epoch)
    top.detach()
    epochs.append(system.io.stack_epoch)
    system.io.unload(bottom.driver)
    epochs.append(system.io.stack_epoch)
    assert epochs == sorted(set(epochs))


def test_77_a_new_device(system: System) -> None:
    (owner,) = load_stack(system, Bottom())
    device = owner.driver.create_device("\\Device\\Test", major.FILE_DEVICE_DISK, major.DO_DIRECT_IO)
    assert device.flags == major.DO_DEVICE_HAS_NAME | major.DO_DEVICE_INITIALIZING | major.DO_DIRECT_IO
    assert (device.reference_count, device.attached_device, device.stack_size) == (0, None, 1)
    assert (device.device_type, device.path) == (major.FILE_DEVICE_DISK, "\\Device\\Test")
    assert list(owner.driver.devices()) == [device, owner]  # newest first


@pytest.mark.row("R28")
def test_names_are_taken_and_given_back(system: System) -> None:
    (owner,) = load_stack(system, Bottom())
    driver = owner.driver
    device = driver.create_device("\\Device\\Test")
    with pytest.raises(NtError) as caught:
        driver.create_device("\\device\\TEST")
    assert caught.value.status == STATUS_OBJECT_NAME_COLLISION
    with pytest.raises(NtError) as caught:
        driver.create_device("\\Nowhere\\Test")
    assert caught.value.status == STATUS_OBJECT_PATH_NOT_FOUND
    assert list(driver.devices()) == [device, owner]
    driver.delete_device(device)
    with pytest.raises(NtError) as caught:
        system.namespace.lookup("\\Device\\Test")
    assert caught.value.status == STATUS_OBJECT_NAME_NOT_FOUND
    assert driver.create_device("\\Device\\Test").path == "\\Device\\Test"


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_deleting_takes_one_device_from_the_list(system: System, victim: int) -> None:
    (owner,) = load_stack(system, Bottom())
    devices = [owner.driver.create_device(), owner.driver.create_device(), owner]
    devices[0], devices[1] = devices[1], devices[0]
    owner.driver.delete_device(devices[victim])
    assert list(owner.driver.devices()) == [device for device in devices if device is not devices[victim]]


@pytest.mark.row("R27")
def test_every_field_of_a_device(system: System) -> None:
    (owner,) = load_stack(system, Bottom())
    device = owner.driver.create_device(characteristics=major.FILE_REMOVABLE_MEDIA, exclusive=True, extension_size=24)
    assert (device.type, device.size, device.reference_count) == (3, 0x150 + 24, 0)
    assert device.driver is owner.driver and device.next_device is owner and device.attached_device is None
    assert (device.current_irp, device.timer, device.dpc, device.vpb) == (None, None, None, None)
    assert device.flags == major.DO_DEVICE_INITIALIZING | major.DO_EXCLUSIVE
    assert device.characteristics == major.FILE_REMOVABLE_MEDIA
    assert device.device_extension == bytearray(24) and owner.device_extension is None
    assert (device.device_type, device.stack_size, device.queue) == (major.FILE_DEVICE_UNKNOWN, 1, None)
    assert (device.alignment_requirement, device.sector_size, device.active_thread_count) == (63, 512, 0)
    assert not device.device_queue.busy and device.device_lock is None
    extension = device.extension
    assert (extension.type, extension.size, extension.flags, extension.device) == (13, 0, 0, device)
    assert (extension.attached_to, extension.device_node) == (None, None)
    assert (extension.start_io_flags, extension.start_io_count) == (0x100, 0)


def test_sectors_of_a_cd_are_larger(system: System) -> None:
    (owner,) = load_stack(system, Bottom())
    assert owner.driver.create_device(device_type=major.FILE_DEVICE_CD_ROM_FILE_SYSTEM).sector_size == 2048


def test_names_made_up_by_the_manager(system: System) -> None:
    (owner,) = load_stack(system, Bottom())
    create = partial(owner.driver.create_device, characteristics=major.FILE_AUTOGENERATED_DEVICE_NAME)
    devices = [create(), create("\\Device\\Not this one")]
    assert [device.path for device in devices] == ["\\Device\\00000001", "\\Device\\00000002"]
    assert all(device.flags & major.DO_DEVICE_HAS_NAME for device in devices)


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        (major.DOE_UNLOAD_PENDING, "being unloaded with its driver"),
        (major.DOE_DELETE_PENDING, "deleted"),
        (major.DOE_REMOVE_PENDING, "being removed"),
        (major.DOE_REMOVE_PROCESSED, "removed"),
    ],
)
def test_a_device_on_its_way_out_takes_nothing_new(system: System, flag: int, words: str) -> None:
    bottom, top = load_stack(system, Bottom(), Layer(down))
    assert top.lower_device() is bottom and bottom.lower_device() is None
    top.extension.flags |= flag
    assert top.refusal == top.going == words and top.lower_device() is None
    with pytest.raises(NtError, match=words) as caught:
        system.load(Layer(down), bottom)
    assert caught.value.status == STATUS_NO_SUCH_DEVICE
    with pytest.raises(NtError, match=words) as caught:
        open_device(top, "", CreateParameters())
    assert caught.value.status == STATUS_NO_SUCH_DEVICE
    top.extension.flags = 0


def test_a_start_that_is_pending_is_passed_up(system: System) -> None:
    (bottom,) = load_stack(system, Bottom())
    bottom.extension.flags |= major.DOE_START_PENDING
    assert system.load(Layer(down), bottom).extension.flags == major.DOE_START_PENDING


def test_a_device_is_not_attached_to_itself(system: System) -> None:
    (bottom,) = load_stack(system, Bottom())
    with pytest.raises(NtError, match="the device itself"):
        bottom.attach_to(bottom)
    assert bottom.top() is bottom


@pytest.mark.parametrize("exclusive", [False, True])
def test_attaching_by_name(system: System, exclusive: bool) -> None:
    asked: list[int] = []

    class Asks(Bottom):
        def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
            asked.append(irp.location.flags)
            return irp.complete()

    (owner,) = load_stack(system, Asks())
    target = owner.driver.create_device("\\Device\\Target", exclusive=exclusive)
    target.flags &= ~major.DO_DEVICE_INITIALIZING
    file_object = open_device(target, "", CreateParameters(access=major.FILE_READ_DATA))
    source = owner.driver.create_device()
    assert attach_device(source, "\\Device\\Target") is target and source.lower is target
    assert asked == [0, 0] and target.reference_count == 1
    with pytest.raises(NtError) as caught:
        attach_device(source, "\\Device\\Nothing")
    assert caught.value.status == STATUS_OBJECT_NAME_NOT_FOUND
    close_file(file_object)
    assert system.io.open_files == target.reference_count == 0


def test_a_device_is_deleted_when_its_last_file_is_closed(system: System) -> None:
    (owner,) = load_stack(system, Bottom())
    device = owner.driver.create_device("\\Device\\Test")
    device.flags &= ~major.DO_DEVICE_INITIALIZING
    file_object = open_device(device, "", CreateParameters(access=major.FILE_READ_DATA))
    system.io.reference(file_object)
    owner.driver.delete_device(device)
    assert device.deleted and system.namespace.find("\\Device\\Test") is None
    assert list(owner.driver.devices()) == [device, owner]
    assert requests.read(file_object, memoryview(bytearray(4)), 0) == (0, 4)  # the driver serves it to the end
    with pytest.raises(NtError):
        open_device(device, "", CreateParameters())
    close_file(file_object)
    assert list(owner.driver.devices()) == [device, owner] and device.reference_count == 1
    system.io.dereference(file_object)
    assert list(owner.driver.devices()) == [owner] and device.reference_count == 0
    for code in range(major.MAJOR_FUNCTION_COUNT):
        expected = 0 if code in (major.IRP_MJ_CLEANUP, major.IRP_MJ_CLOSE) else STATUS_NO_SUCH_DEVICE
        assert sent(device, new_packet(device, code=code))[0] == expected


def test_a_device_is_deleted_when_nothing_is_attached_any_more(system: System) -> None:
    bottom, top = load_stack(system, Bottom(), Layer(down))
    bottom.driver.delete_device(bottom)
    assert list(bottom.driver.devices()) == [bottom]
    assert sent(top, new_packet(top))[0] == 0
    top.detach()
    assert list(bottom.driver.devices()) == []


def test_deleting_twice_stops_the_system(system: System) -> None:
    (device,) = load_stack(system, Bottom())
    device.driver.delete_device(device)
    with pytest.raises(BugCheck) as caught:
        device.driver.delete_device(device)
    assert caught.value.code == BugCheckCode.DRIVER_VERIFIER_IOMANAGER_VIOLATION
    assert caught.value.parameters[:2] == (0x240, device)


def test_a_file_that_outlives_its_stack_says_so(system: System) -> None:
    with Stack("ram_disk:size=4K", "null_filter", system=system) as disk:
        other = disk.open()
        assert other.read(1, 0) == b"\0"
    for call in (lambda: other.read(1, 0), lambda: other.write(b"x", 0), other.flush, lambda: other.size):
        with pytest.raises(NtError) as caught:
            call()
        assert caught.value.status == STATUS_NO_SUCH_DEVICE
    assert not other.bypass.allowed
    other.close()
    assert system.io.open_files == 0


class Below(FilterDriver):
    """A filter that can be put into a stack and taken out again while files are open."""


def test_requests_go_to_the_top_of_the_moment(system: System) -> None:
    seen: list[str] = []

    def note(device: DeviceObject, irp: Irp) -> int:
        seen.append("layer")
        return irp.pass_down()

    with Stack("ram_disk:size=4K", system=system) as disk:
        disk.read(1, 0)
        layer = system.load(Layer(note), disk.device)
        disk.read(1, 0)
        system.io.unload(layer.driver)
        disk.read(1, 0)
    assert seen == ["layer"]


def test_descriptions(system: System) -> None:
    (device,) = load_stack(system, Bottom())
    assert device.describe() == "Device of bottom, stack size 1, 0 open"
    assert repr(device) == "<DeviceObject unnamed of bottom>"
