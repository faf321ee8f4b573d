"""Volume parameter blocks: who has one, what is in it."""

from __future__ import annotations

import pytest

from made_up_drivers import Bottom, load_stack
from ntio import System
from ntio.driver_kit import DriverObject
from ntio.io_manager.codes import major
from ntio.io_manager.opening.vpb import MAXIMUM_LABEL_LENGTH, Vpb


@pytest.fixture
def driver() -> DriverObject:  # nothing here reaches a HAL
    (device,) = load_stack(System("simulated"), Bottom())
    return device.driver


@pytest.mark.row("R27")
def test_what_a_volume_can_be_on_has_one_and_a_lock_that_is_free(driver: DriverObject) -> None:
    types = (major.FILE_DEVICE_DISK, major.FILE_DEVICE_VIRTUAL_DISK, major.FILE_DEVICE_CD_ROM, major.FILE_DEVICE_TAPE)
    for device_type in types:
        device = driver.create_device(device_type=device_type)
        vpb = device.vpb
        assert vpb is not None and vpb.real_device is device and vpb.device is None
        assert (vpb.type, vpb.size, vpb.flags, vpb.reference_count, vpb.serial_number) == (10, 0x60, 0, 0, 0)
        assert (vpb.volume_label, vpb.volume_label_length, vpb.mounted, vpb.locked) == ("", 0, False, False)
        assert device.device_lock is not None and device.device_lock.read_state()


@pytest.mark.parametrize("device_type", [major.FILE_DEVICE_UNKNOWN, major.FILE_DEVICE_DISK_FILE_SYSTEM])
def test_nothing_else_has_one(driver: DriverObject, device_type: int) -> None:
    device = driver.create_device(device_type=device_type)
    assert device.vpb is None and device.device_lock is None


def test_its_states(driver: DriverObject) -> None:
    vpb = Vpb(driver.create_device(device_type=major.FILE_DEVICE_DISK))
    vpb.flags |= major.VPB_MOUNTED
    assert vpb.mounted and not vpb.locked and repr(vpb).endswith(", mounted>")
    vpb.flags = major.VPB_LOCKED
    assert vpb.locked and not vpb.mounted


def test_a_label_has_room_for_32_characters(driver: DriverObject) -> None:
    vpb = Vpb(driver.create_device(device_type=major.FILE_DEVICE_DISK))
    vpb.volume_label = "x" * MAXIMUM_LABEL_LENGTH
    assert vpb.volume_label_length == 64
    with pytest.raises(ValueError, match="33 characters"):
        vpb.volume_label = "x" * 33
