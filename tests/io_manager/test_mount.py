r"""Volumes: who is asked, in which order, what is made of the answers, and who waits for whom."""

from __future__ import annotations

import threading

import pytest

import ntio
from made_up_drivers import load_stack
from ntio import DeviceObject, Driver, FilterDriver, Irp, NtError, System
from ntio.drivers.ram_disk import RamDisk
from ntio.io_manager.codes import major
from ntio.io_manager.opening.mount import verify_volume
from ntio.io_manager.opening.open import CreateParameters, close_file, open_device, open_path
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_DEVICE_DOES_NOT_EXIST,
    STATUS_FS_DRIVER_REQUIRED,
    STATUS_INVALID_PARAMETER,
    STATUS_IO_DEVICE_ERROR,
    STATUS_REPARSE,
    STATUS_UNRECOGNIZED_VOLUME,
    STATUS_VERIFY_REQUIRED,
    STATUS_WRONG_VOLUME,
    InvalidParameter,
)

pytestmark = pytest.mark.row("R20")

READ = CreateParameters(access=major.FILE_READ_DATA)
LOOK = CreateParameters(access=major.FILE_READ_ATTRIBUTES)
FILE = "\\Device\\Disk\\file"


class FileSystem(Driver):
    """Mounts what it is asked to unless `answer` says otherwise, and opens every name on it."""

    def __init__(self, diary: list[str], name: str = "fs", answer: int = 0, flags: int = 0) -> None:
        self.diary, self.name, self.answer, self.flags = diary, name, answer, flags
        self.verify_answer = self.create_answer = 0
        self.volumes: list[DeviceObject] = []
        self.packets: list[tuple[int, int]] = []

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        self.control = self.create_device(device_type=major.FILE_DEVICE_DISK_FILE_SYSTEM, flags=self.flags)
        return self.control

    def dispatch_file_system_control(self, device: DeviceObject, irp: Irp) -> int:
        location = irp.location
        self.packets.append((irp.stack_count, irp.flags))
        if location.minor == major.IRP_MN_MOUNT_VOLUME:
            return irp.complete(self._mount(location.length, location.key))  # type: ignore[arg-type]
        if location.minor == major.IRP_MN_VERIFY_VOLUME:
            self.diary.append(f"{self.name} verify")
            assert location.key is location.length.device  # type: ignore[attr-defined]
            return irp.complete(self.verify_answer)
        self.diary.append(f"{self.name} load")
        return irp.complete(self.load())

    def load(self) -> int:
        return 0

    def _mount(self, vpb: object, target: DeviceObject) -> int:
        self.diary.append(f"{self.name} mount")
        self.target = target
        if not self.answer:
            volume = self.create_device(device_type=major.FILE_DEVICE_DISK_FILE_SYSTEM)
            self.volumes.append(volume)
            vpb.device = volume  # type: ignore[attr-defined]
        return self.answer

    def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
        assert irp.location.file_object is not None
        self.diary.append(f"{self.name} create {irp.location.file_object.file_name}")
        answer, self.create_answer = self.create_answer, 0
        return irp.complete(answer, major.IO_REMOUNT if answer == STATUS_REPARSE else 0)


class Parts:
    """A disk `\\Device\\Disk` and whatever file systems a test registers."""

    def __init__(self, system: System) -> None:
        self.system, self.diary = system, list[str]()
        self.disk = system.load(RamDisk(4096, name="Disk"))

    def register(self, name: str, answer: int = 0, flags: int = 0) -> FileSystem:
        driver = FileSystem(self.diary, name, answer, flags)
        self.system.load(driver)
        self.system.io.file_systems.register(driver.control)
        return driver

    def open(self, path: str = FILE, parameters: CreateParameters = READ) -> ntio.driver_kit.FileObject:  # type: ignore[name-defined]
        return open_path(self.system.io, path, parameters)

    def refused(self, path: str = FILE, parameters: CreateParameters = READ) -> int:
        with pytest.raises(NtError) as caught:
            self.open(path, parameters)
        assert (self.disk.reference_count, self.system.io.open_files) == (0, 0)
        return caught.value.status


@pytest.fixture
def parts(system: System) -> Parts:
    return Parts(system)


def test_the_first_open_mounts_and_the_others_find_it_mounted(parts: Parts) -> None:
    fs = parts.register("fs")
    first, second = parts.open(), parts.open(FILE + "2")
    assert parts.diary == ["fs mount", "fs create \\file", "fs create \\file2"]
    (volume,), vpb = fs.volumes, parts.disk.vpb
    assert vpb is not None and vpb.mounted and vpb.device is volume and vpb.reference_count == 2
    assert first.device is parts.disk and first.vpb is vpb and first.related_device() is volume
    assert volume.stack_size == 2 and fs.target is parts.disk
    assert fs.packets == [(2, major.IRP_MOUNT_COMPLETION | major.IRP_SYNCHRONOUS_PAGING_IO)]
    close_file(first)
    close_file(second)
    assert vpb.reference_count == 0 and vpb.mounted and parts.disk.reference_count == 0


def test_requests_go_to_the_filters_on_the_volume_and_mounts_to_those_on_the_file_system(parts: Parts) -> None:
    seen: list[str] = []

    class Filter(FilterDriver):
        def __init__(self, name: str) -> None:
            self.name = name

        def dispatch_file_system_control(self, device: DeviceObject, irp: Irp) -> int:
            seen.append(f"{self.name} {irp.location.minor}")
            return irp.pass_down(lambda device, irp: None)

        def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
            seen.append(f"{self.name} create")
            return irp.pass_down()

    fs = parts.register("fs")
    storage = parts.system.load(FilterDriver(), parts.disk)
    parts.system.load(Filter("on fs"), fs.control)
    close_file(parts.open())
    assert fs.target is storage and fs.packets[0][0] == storage.stack_size + 2
    top = parts.system.load(Filter("on volume"), fs.volumes[0])
    file = parts.open()
    assert file.related_device() is top
    assert seen == ["on fs 1", "on volume create"]
    close_file(file)


def test_the_newest_is_asked_first_and_low_priority_last(parts: Parts) -> None:
    for name, flags in (("a", 0), ("low", major.DO_LOW_PRIORITY_FILESYSTEM), ("b", 0)):
        parts.register(name, STATUS_UNRECOGNIZED_VOLUME, flags)
    assert parts.refused() == STATUS_UNRECOGNIZED_VOLUME
    assert parts.diary == ["b mount", "a mount", "low mount"]


def test_another_failure_is_the_answer_when_nobody_knows_the_volume(parts: Parts) -> None:
    parts.register("broken", STATUS_IO_DEVICE_ERROR)
    parts.register("other", STATUS_UNRECOGNIZED_VOLUME)
    assert parts.refused() == STATUS_IO_DEVICE_ERROR
    assert parts.diary == ["other mount", "broken mount"]


def test_one_that_mounts_without_a_volume_has_not_mounted(parts: Parts) -> None:
    class Liar(FileSystem):
        def _mount(self, vpb: object, target: DeviceObject) -> int:
            return 0

    driver = Liar(parts.diary)
    parts.system.load(driver)
    parts.system.io.file_systems.register(driver.control)
    assert parts.refused() == STATUS_UNRECOGNIZED_VOLUME


def test_a_recogniser_loads_its_file_system(parts: Parts) -> None:
    class Recogniser(FileSystem):
        def load(self) -> int:
            parts.system.io.file_systems.unregister(self.control)
            parts.register("real")
            return 0

    driver = Recogniser(parts.diary, "recogniser", STATUS_FS_DRIVER_REQUIRED)
    parts.system.load(driver)
    parts.system.io.file_systems.register(driver.control)
    close_file(parts.open())
    assert parts.diary == ["recogniser mount", "recogniser load", "real mount", "real create \\file"]


def test_a_recogniser_whose_file_system_does_not_come_is_asked_to_load_it_once(parts: Parts) -> None:
    parts.register("recogniser", STATUS_FS_DRIVER_REQUIRED)
    assert parts.refused() == STATUS_UNRECOGNIZED_VOLUME
    assert parts.diary == ["recogniser mount", "recogniser load", "recogniser mount"]


def test_who_registers_during_a_mount_is_asked_too(parts: Parts) -> None:
    class Late(FileSystem):
        def _mount(self, vpb: object, target: DeviceObject) -> int:
            if len(self.diary) < 1:
                parts.register("newcomer")
            return super()._mount(vpb, target)

    driver = Late(parts.diary, "late", STATUS_UNRECOGNIZED_VOLUME)
    parts.system.load(driver)
    parts.system.io.file_systems.register(driver.control)
    close_file(parts.open())
    assert parts.diary[:2] == ["late mount", "newcomer mount"]


@pytest.mark.parametrize("registered", [False, True])
def test_a_bare_disk_is_opened_raw_and_let_go_with_the_last_open(parts: Parts, registered: bool) -> None:
    if registered:
        parts.register("fs", STATUS_UNRECOGNIZED_VOLUME)
    first, second = parts.open("\\Device\\Disk"), parts.open("\\Device\\Disk")
    vpb = parts.disk.vpb
    assert vpb is not None and vpb.flags == major.VPB_MOUNTED | major.VPB_RAW_MOUNT
    assert first.related_device() is parts.disk and first.flags & major.FO_VOLUME_OPEN
    with pytest.raises(NtError) as caught:
        parts.open()
    assert caught.value.status == STATUS_INVALID_PARAMETER
    close_file(first)
    assert vpb.mounted
    close_file(second)
    assert vpb.flags == 0 and vpb.device is None and vpb.reference_count == 0
    assert parts.diary == (["fs mount"] if registered else [])


def test_names_on_a_disk_without_a_file_system_are_refused(parts: Parts) -> None:
    assert parts.refused() == STATUS_UNRECOGNIZED_VOLUME


def test_who_only_looks_at_the_disk_mounts_nothing(parts: Parts) -> None:
    parts.register("fs")
    file = parts.open("\\Device\\Disk", LOOK)
    assert parts.diary == [] and file.flags & major.FO_DIRECT_DEVICE_OPEN and file.vpb is None
    close_file(parts.open())
    assert file.related_device() is parts.disk, "a direct open stays one when a volume is mounted later"
    close_file(file)


def test_a_volume_opened_as_a_whole_says_so(parts: Parts) -> None:
    parts.register("fs")
    whole, one = parts.open("\\Device\\Disk"), parts.open()
    assert whole.flags & major.FO_VOLUME_OPEN and not one.flags & major.FO_VOLUME_OPEN
    assert parts.diary == ["fs mount", "fs create ", "fs create \\file"]
    close_file(whole)
    close_file(one)


def test_a_locked_volume_takes_no_more_opens(parts: Parts) -> None:
    parts.register("fs")
    close_file(parts.open())
    assert parts.disk.vpb is not None
    parts.disk.vpb.flags |= major.VPB_LOCKED
    assert parts.refused() == STATUS_ACCESS_DENIED
    parts.disk.vpb.flags = major.VPB_REMOVE_PENDING
    assert parts.refused() == STATUS_DEVICE_DOES_NOT_EXIST


@pytest.mark.row("R20")
def test_opens_at_the_same_time_wait_for_the_one_mount(parts: Parts) -> None:
    """Four threads open; the first holds the mount until the others have come as far as they can."""
    entered, go_on = threading.Event(), threading.Event()

    class Slow(FileSystem):
        def _mount(self, vpb: object, target: DeviceObject) -> int:
            entered.set()
            go_on.wait()
            return super()._mount(vpb, target)

    driver = Slow(parts.diary)
    parts.system.load(driver)
    parts.system.io.file_systems.register(driver.control)
    files: list[object] = []
    threads = [threading.Thread(target=lambda: files.append(parts.open())) for _ in range(4)]
    threads[0].start()
    entered.wait()
    for thread in threads[1:]:
        thread.start()
    assert files == []
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(files) == 4 and parts.diary.count("fs mount") == 1
    for file in files:
        close_file(file)  # type: ignore[arg-type]


def test_a_create_that_asks_for_a_remount_gets_one_more(parts: Parts) -> None:
    fs = parts.register("fs")
    fs.create_answer = STATUS_REPARSE
    close_file(parts.open())
    assert parts.diary == ["fs mount", "fs create \\file", "fs create \\file"]


@pytest.mark.parametrize("answer", [0, STATUS_WRONG_VOLUME])
def test_verifying_a_volume(parts: Parts, answer: int) -> None:
    fs = parts.register("fs")
    file = parts.open()
    former = parts.disk.vpb
    fs.verify_answer = answer
    parts.disk.flags |= major.DO_VERIFY_VOLUME
    assert verify_volume(parts.disk) == answer
    assert not parts.disk.flags & major.DO_VERIFY_VOLUME
    assert parts.diary[2:] == (["fs verify", "fs mount"] if answer else ["fs verify"])
    assert (parts.disk.vpb is not former) == bool(answer)
    assert file.related_device() is fs.volumes[0], "a file stays with the volume it was opened on"
    other = parts.open()
    assert other.related_device() is fs.volumes[-1]
    close_file(file)
    close_file(other)
    assert former is not None and former.reference_count == 0


def test_a_file_system_that_is_taken_away_leaves_the_disk_to_others(parts: Parts) -> None:
    first = parts.register("first")
    file = parts.open()
    parts.system.io.unload(first.control.driver)
    with pytest.raises(NtError):
        parts.open()
    second = parts.register("second")
    other = parts.open()
    assert other.related_device() is second.volumes[0]
    for one in (file, other):
        close_file(one)
    assert parts.disk.reference_count == 0


def test_verifying_what_is_not_mounted_mounts_it(parts: Parts) -> None:
    parts.register("fs")
    assert verify_volume(parts.disk) == STATUS_WRONG_VOLUME
    assert parts.disk.vpb is not None and parts.disk.vpb.mounted and parts.diary == ["fs mount"]


def test_an_open_that_finds_the_volume_in_doubt_verifies_it(parts: Parts) -> None:
    fs = parts.register("fs")
    fs.create_answer = STATUS_VERIFY_REQUIRED
    close_file(parts.open())
    assert parts.diary == ["fs mount", "fs create \\file", "fs verify", "fs create \\file"]


def test_comings_and_goings_are_told(parts: Parts) -> None:
    told: list[tuple[DeviceObject, bool]] = []

    def listen(device: DeviceObject, active: bool) -> None:
        told.append((device, active))

    first, systems = parts.register("first"), parts.system.io.file_systems
    systems.watch(listen)
    second = parts.register("second")
    systems.unregister(second.control)
    systems.unregister(second.control)
    assert told == [(first.control, True), (second.control, True), (second.control, False)]
    systems.unwatch(listen)
    systems.unregister(first.control)
    assert len(told) == 3 and first.control.reference_count == 0


def test_only_a_file_systems_device_can_be_registered(parts: Parts) -> None:
    with pytest.raises(InvalidParameter):
        parts.system.io.file_systems.register(parts.disk)


def test_network_file_systems_are_not_asked(parts: Parts) -> None:
    (device,) = load_stack(parts.system, Driver())
    device.device_type = major.FILE_DEVICE_NETWORK_FILE_SYSTEM
    parts.system.io.file_systems.register(device)
    assert parts.refused() == STATUS_UNRECOGNIZED_VOLUME
    parts.system.io.file_systems.unregister(device)


def test_a_disk_without_a_name_is_read_as_before(parts: Parts) -> None:
    with ntio.Stack("ram_disk:size=4K", "null_filter", system=parts.system) as stack:
        stack.write(b"abc", 5)
        assert stack.read(3, 5) == b"abc"
        bottom = stack.file.file_object.device
        assert bottom.vpb is not None and bottom.vpb.flags & major.VPB_RAW_MOUNT
        close_file(open_device(bottom, "", LOOK))
