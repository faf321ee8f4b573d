"""What there is to know about files and volumes: the bytes of each class, who answers, what can be changed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ntio
from made_up_drivers import Bottom, load_stack
from ntio import DeviceObject, Driver, Irp, System, abi
from ntio.drivers.ram_disk import RamDisk
from ntio.io_manager import services
from ntio.io_manager.codes import major
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.information import FileFacts, VolumeFacts, nt_time, unix_time
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.opening.open import CreateParameters, close_file, open_device, open_path
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SAME_DEVICE,
    STATUS_OBJECT_NAME_COLLISION,
)

pytestmark = pytest.mark.row("R21")

EVERYTHING = CreateParameters(access=major.FILE_ALL_ACCESS)
FACTS = FileFacts("\\folder\\ä", 5, 4096, 0x20, 1, 2, 3, 4, links=2, index=77, delete_pending=True, ea_size=6)
VOLUME = VolumeFacts(100, 60, 50, 8, 512, 4096, "FILES", 0x47, 255, "label", 0x1234, 9, major.FILE_DEVICE_DISK, 0x20)


class Knows(Driver):
    """Answers queries from FACTS and VOLUME, and keeps what is set."""

    def __init__(self) -> None:
        self.settings: list[tuple[int, bytes]] = []

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        return self.create_device("\\Device\\Knows", major.FILE_DEVICE_DISK_FILE_SYSTEM)

    def dispatch_query_information(self, device: DeviceObject, irp: Irp) -> int:
        return FACTS.answer(irp)

    def dispatch_query_volume_information(self, device: DeviceObject, irp: Irp) -> int:
        return VOLUME.answer(irp)

    def dispatch_set_information(self, device: DeviceObject, irp: Irp) -> int:
        assert irp.buffer is irp.system_buffer is not None
        self.settings.append((irp.location.argument, bytes(irp.buffer)))
        return irp.complete()


def asked(
    file: FileObject, number: int, length: int = 200, ask: Any = services.query_information
) -> tuple[int, int, bytes]:
    buffer, iosb = bytearray(b"\xee" * length), IoStatusBlock()
    status = ask(file, iosb, buffer, length, number)
    return status, iosb.information, bytes(buffer[: iosb.information])


def told(file: FileObject, number: int, data: bytes) -> int:
    return services.set_information(file, IoStatusBlock(), data, len(data), number)


@pytest.fixture
def known(system: System) -> Iterator[FileObject]:
    file = open_device(system.load(Knows()), "\\x", EVERYTHING)
    yield file
    close_file(file)


NAME = "\\folder\\ä".encode("utf-16-le")

ANSWERS = {
    major.FILE_BASIC_INFORMATION_CLASS: struct.pack("<4qI4x", 1, 2, 3, 4, 0x20),
    major.FILE_STANDARD_INFORMATION_CLASS: struct.pack("<2qIBB2x", 4096, 5, 2, 1, 0),
    major.FILE_INTERNAL_INFORMATION_CLASS: struct.pack("<q", 77),
    major.FILE_EA_INFORMATION_CLASS: struct.pack("<I", 6),
    major.FILE_ACCESS_INFORMATION_CLASS: struct.pack("<I", 0x1F01FF),
    major.FILE_NAME_INFORMATION_CLASS: struct.pack("<I", len(NAME)) + NAME,
    major.FILE_POSITION_INFORMATION_CLASS: struct.pack("<q", 1234),
    major.FILE_MODE_INFORMATION_CLASS: struct.pack("<I", major.FILE_SYNCHRONOUS_IO_NONALERT),
    major.FILE_ALIGNMENT_INFORMATION_CLASS: struct.pack("<I", 63),
    major.FILE_NETWORK_OPEN_INFORMATION_CLASS: struct.pack("<6qI4x", 1, 2, 3, 4, 4096, 5, 0x20),
    major.FILE_ATTRIBUTE_TAG_INFORMATION_CLASS: struct.pack("<II", 0x20, 0),
}
ALL = (4, 5, 6, 7, 8, 14, 16, 17, 9)  # the parts of FileAllInformation in their order

VOLUME_ANSWERS = {
    major.FILE_FS_VOLUME_INFORMATION_CLASS: struct.pack("<qIIBx", 9, 0x1234, 10, 0) + "label".encode("utf-16-le"),
    major.FILE_FS_SIZE_INFORMATION_CLASS: struct.pack("<qqII", 100, 50, 8, 512),
    major.FILE_FS_DEVICE_INFORMATION_CLASS: struct.pack("<II", major.FILE_DEVICE_DISK_FILE_SYSTEM, 0),
    major.FILE_FS_ATTRIBUTE_INFORMATION_CLASS: struct.pack("<IiI", 0x47, 255, 10) + "FILES".encode("utf-16-le"),
    major.FILE_FS_FULL_SIZE_INFORMATION_CLASS: struct.pack("<qqqII", 100, 50, 60, 8, 512),
    major.FILE_FS_SECTOR_SIZE_INFORMATION_CLASS: struct.pack("<7I", 512, 4096, 4096, 4096, 3, 0, 0),
}


@pytest.mark.parametrize("number", ANSWERS)
def test_each_class_byte_by_byte(known: FileObject, number: int) -> None:
    known.current_byte_offset = 1234
    answer = ANSWERS[number]
    assert asked(known, number) == (0, len(answer), answer)


def test_all_information_has_all_the_parts(known: FileObject) -> None:
    known.current_byte_offset = 1234
    answer = b"".join(ANSWERS[number] for number in ALL)
    assert asked(known, major.FILE_ALL_INFORMATION_CLASS) == (0, 96 + 4 + len(NAME), answer)
    status, count, data = asked(known, major.FILE_ALL_INFORMATION_CLASS, 104)
    assert (status, count, data) == (STATUS_BUFFER_OVERFLOW, 104, answer[:104])


@pytest.mark.parametrize("number", VOLUME_ANSWERS)
def test_each_class_of_volumes_byte_by_byte(known: FileObject, number: int) -> None:
    answer = VOLUME_ANSWERS[number]
    assert asked(known, number, ask=services.query_volume_information) == (0, len(answer), answer)


@pytest.mark.parametrize("number", [*ANSWERS, major.FILE_ALL_INFORMATION_CLASS])
def test_too_little_room(known: FileObject, number: int) -> None:
    structures = {9: abi.FILE_NAME_INFORMATION.itemsize, 18: abi.FILE_ALL_INFORMATION.itemsize}
    least = structures.get(number, len(ANSWERS.get(number, b"")))
    assert asked(known, number, least - 1)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert asked(known, number, least)[0] == (STATUS_BUFFER_OVERFLOW if number in structures else 0)


def test_a_name_that_does_not_fit_is_cut_and_its_length_told(known: FileObject) -> None:
    status, count, data = asked(known, major.FILE_NAME_INFORMATION_CLASS, 10)
    assert (status, count, data) == (STATUS_BUFFER_OVERFLOW, 10, struct.pack("<I", len(NAME)) + NAME[:6])
    status, count, data = asked(known, 1, 24, services.query_volume_information)
    assert (status, count, data[12:16]) == (STATUS_BUFFER_OVERFLOW, 24, b"\x0a\0\0\0")


def test_classes_nobody_knows(known: FileObject) -> None:
    assert asked(known, 99)[0] == STATUS_INVALID_INFO_CLASS
    assert told(known, major.FILE_STANDARD_INFORMATION_CLASS, bytes(24)) == STATUS_INVALID_INFO_CLASS
    assert asked(known, 99, ask=services.query_volume_information)[0] == STATUS_INVALID_INFO_CLASS


def test_what_a_file_was_not_opened_for(system: System) -> None:
    (device,) = load_stack(system, Knows())
    file = open_device(device, "\\x", CreateParameters(access=major.FILE_READ_DATA))
    assert asked(file, major.FILE_BASIC_INFORMATION_CLASS)[0] == STATUS_ACCESS_DENIED
    assert asked(file, major.FILE_STANDARD_INFORMATION_CLASS)[0] == 0
    assert told(file, major.FILE_END_OF_FILE_INFORMATION_CLASS, bytes(8)) == STATUS_ACCESS_DENIED
    close_file(file)


@pytest.mark.parametrize(
    ("mode", "flags"),
    [
        (0x20, major.FO_SYNCHRONOUS_IO),
        (0x10, major.FO_SYNCHRONOUS_IO | major.FO_ALERTABLE_IO),
        (0x26, major.FO_SYNCHRONOUS_IO | major.FO_WRITE_THROUGH | major.FO_SEQUENTIAL_ONLY),
        (0, None),
        (0x30, None),
        (0x28, None),
    ],
)
def test_changing_the_mode(known: FileObject, mode: int, flags: int | None) -> None:
    before = known.flags
    status = told(known, major.FILE_MODE_INFORMATION_CLASS, struct.pack("<I", mode))
    assert (status, known.flags) == ((STATUS_INVALID_PARAMETER, before) if flags is None else (0, flags))
    if flags is not None:
        assert asked(known, major.FILE_MODE_INFORMATION_CLASS)[2] == struct.pack("<I", mode)


def test_the_position_is_the_synchronous_files_own(known: FileObject) -> None:
    assert told(known, major.FILE_POSITION_INFORMATION_CLASS, struct.pack("<q", 99)) == 0
    assert known.current_byte_offset == 99
    assert told(known, major.FILE_POSITION_INFORMATION_CLASS, struct.pack("<q", -1)) == STATUS_INVALID_PARAMETER


def rename_data(name: str, *, replace: bool = False, root: int = 0, length: int | None = None) -> bytes:
    text = name.encode("utf-16-le")
    count = len(text) if length is None else length
    return struct.pack("<B7xQI", replace, root, count) + text.ljust(4, b"\0")


def test_a_full_name_is_brought_below_the_device(system: System, known: FileObject) -> None:
    driver: Knows = known.device.driver.code  # type: ignore[assignment]
    system.namespace.link("\\??\\K:", "\\Device\\Knows")
    folder = open_device(known.device, "\\folder", EVERYTHING)
    handle = system.io.handles.insert(folder)
    number = major.FILE_RENAME_INFORMATION_CLASS
    for data, name in (
        (rename_data("plain"), "plain"),
        (rename_data("\\??\\K:\\a\\b", replace=True), "\\a\\b"),
        (rename_data("c", root=handle), "\\folder\\c"),
    ):
        assert told(known, number, data) == 0
        kept = driver.settings.pop()
        length = int.from_bytes(kept[1][16:20], "little")
        assert kept[0] == number and kept[1][0] == data[0] and kept[1][20 : 20 + length].decode("utf-16-le") == name
    assert told(known, number, rename_data("\\??\\C:\\x")) == STATUS_NOT_SAME_DEVICE
    for bad in (rename_data("x", length=100), rename_data("xx", length=3), rename_data("")):
        assert told(known, number, bad) == STATUS_INVALID_PARAMETER
    assert not driver.settings
    system.io.handles.close(handle)


# --- disks ---


def test_a_disk_knows_its_size_and_that_it_is_mounted(system: System) -> None:
    disk = system.load(RamDisk(10 * 512, name="Disk"))
    file = open_device(disk, "", EVERYTHING)
    ask = services.query_volume_information
    assert asked(file, 3, ask=ask)[2] == struct.pack("<qqII", 10, 0, 1, 512)
    assert asked(file, 4, ask=ask)[2] == struct.pack("<II", 7, major.FILE_DEVICE_IS_MOUNTED)
    assert asked(file, 1, ask=ask)[0] == STATUS_INVALID_PARAMETER, "there are no files on it"
    assert asked(file, 5)[2] == struct.pack("<2qIBB2x", 5120, 5120, 1, 0, 0)
    close_file(file)


def test_a_device_without_a_size_knows_nothing(system: System) -> None:
    (device,) = load_stack(system, Bottom())
    file = open_device(device, "", EVERYTHING)
    assert asked(file, 3, ask=services.query_volume_information)[0] == STATUS_INVALID_DEVICE_REQUEST
    close_file(file)


# --- the host's files ---


@pytest.fixture
def hosted(system: System, tmp_path: Path) -> Iterator[FileObject]:
    """A file of five bytes on each HAL, opened for everything."""
    file = open_host(system, tmp_path / "file", disposition=major.FILE_CREATE)
    services.write_file(file, None, None, None, IoStatusBlock(), b"12345", byte_offset=0)
    yield file
    close_file(file)


def open_host(system: System, path: Path, **changes: int) -> FileObject:
    name = "\\??\\C:" + str(path).replace("/", "\\")
    return open_path(system.io, name, replace(EVERYTHING, **changes))


def test_what_the_host_knows_about_a_file(system: System, hosted: FileObject, tmp_path: Path) -> None:
    status = system.hal.files.status(hosted.fs_context.descriptor)
    times = [nt_time(at) for at in (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)]
    basic = np.frombuffer(asked(hosted, 4)[2], abi.FILE_BASIC_INFORMATION)[0]
    assert [basic[name] for name in ("LastAccessTime", "LastWriteTime", "ChangeTime")] == times
    assert basic["FileAttributes"] == major.FILE_ATTRIBUTE_NORMAL
    standard = np.frombuffer(asked(hosted, 5)[2], abi.FILE_STANDARD_INFORMATION)[0]
    assert standard["AllocationSize"] >= standard["EndOfFile"] == 5
    assert (standard["NumberOfLinks"], standard["DeletePending"], standard["Directory"]) == (1, 0, 0)
    assert asked(hosted, 6)[2] == struct.pack("<q", status.st_ino)
    name = asked(hosted, 9, 2000)[2][4:].decode("utf-16-le")
    assert name == str(tmp_path / "file").replace("/", "\\")


def test_what_the_host_knows_about_the_volume(system: System, hosted: FileObject) -> None:
    ask = services.query_volume_information
    volume = system.hal.files.volume(hosted.fs_context.descriptor)
    full = np.frombuffer(asked(hosted, 7, ask=ask)[2], abi.FILE_FS_FULL_SIZE_INFORMATION)[0]
    assert full["TotalAllocationUnits"] == volume.blocks
    assert full["SectorsPerAllocationUnit"] * full["BytesPerSector"] == volume.block_size
    device = np.frombuffer(asked(hosted, 4, ask=ask)[2], abi.FILE_FS_DEVICE_INFORMATION)[0]
    assert (device["DeviceType"], device["Characteristics"]) == (7, 0x30)
    assert asked(hosted, 5, ask=ask)[2][12:].decode("utf-16-le") == "HostFiles"
    assert asked(hosted, 1, ask=ask)[0] == asked(hosted, 11, ask=ask)[0] == 0


def test_changing_a_host_files_size(hosted: FileObject) -> None:
    for number, size in ((20, 100), (20, 3), (19, 1000), (19, 2)):
        assert told(hosted, number, struct.pack("<q", size)) == 0
        expected = {100: 100, 3: 3, 1000: 3, 2: 2}[size]
        assert struct.unpack("<q", asked(hosted, 5)[2][8:16]) == (expected,)
    assert told(hosted, 19, struct.pack("<q", -1)) == STATUS_INVALID_PARAMETER
    assert told(hosted, 20, struct.pack("<q", -1)) != 0


def test_changing_a_host_files_times(hosted: FileObject) -> None:
    access, write = nt_time(10**18), nt_time(2 * 10**18)
    assert told(hosted, 4, struct.pack("<4qI4x", 5, access, write, 5, 0)) == 0
    assert asked(hosted, 4)[2][8:24] == struct.pack("<qq", access, write)
    assert told(hosted, 4, struct.pack("<4qI4x", 0, 0, -1, 0, 0)) == 0
    assert asked(hosted, 4)[2][8:24] == struct.pack("<qq", access, write)


def test_renaming_a_host_file(system: System, hosted: FileObject, tmp_path: Path) -> None:
    other = open_host(system, tmp_path / "other", disposition=major.FILE_CREATE)
    close_file(other)
    number = major.FILE_RENAME_INFORMATION_CLASS
    assert told(hosted, number, rename_data("third")) == 0
    assert told(hosted, number, rename_data("other")) == STATUS_OBJECT_NAME_COLLISION
    full = "\\??\\C:" + str(tmp_path / "other").replace("/", "\\")
    assert told(hosted, number, rename_data(full, replace=True)) == 0
    assert hosted.fs_context.path == str(tmp_path / "other")
    again = open_host(system, tmp_path / "other")
    assert struct.unpack("<q", asked(again, 5)[2][8:16]) == (5,)
    close_file(again)


@pytest.mark.parametrize("by_option", [False, True])
def test_deleting_a_host_file(system: System, tmp_path: Path, by_option: bool) -> None:
    path = str(tmp_path / "file")
    options = EVERYTHING.options | (major.FILE_DELETE_ON_CLOSE if by_option else 0)
    file = open_host(system, tmp_path / "file", disposition=major.FILE_CREATE, options=options)
    if not by_option:
        assert told(file, major.FILE_DISPOSITION_INFORMATION_CLASS, b"\1") == 0
    assert asked(file, 5)[2][20] == 1 and system.hal.files.exists(path)
    close_file(file)
    assert not system.hal.files.exists(path)


def test_a_deletion_may_be_taken_back(system: System, hosted: FileObject, tmp_path: Path) -> None:
    for data in (b"\1", b"\0"):
        assert told(hosted, major.FILE_DISPOSITION_INFORMATION_CLASS, data) == 0
    close_file(hosted)
    assert system.hal.files.exists(str(tmp_path / "file"))


@pytest.mark.parametrize(
    ("disposition", "there", "answer"),
    [
        (major.FILE_SUPERSEDE, True, major.FILE_SUPERSEDED),
        (major.FILE_SUPERSEDE, False, major.FILE_CREATED),
        (major.FILE_OPEN, True, major.FILE_OPENED),
        (major.FILE_CREATE, False, major.FILE_CREATED),
        (major.FILE_OPEN_IF, True, major.FILE_OPENED),
        (major.FILE_OPEN_IF, False, major.FILE_CREATED),
        (major.FILE_OVERWRITE, True, major.FILE_OVERWRITTEN),
        (major.FILE_OVERWRITE_IF, True, major.FILE_OVERWRITTEN),
        (major.FILE_OVERWRITE_IF, False, major.FILE_CREATED),
    ],
)
def test_what_an_open_did(system: System, tmp_path: Path, disposition: int, there: bool, answer: int) -> None:
    path = tmp_path / "file"
    if there:
        file = open_host(system, path, disposition=major.FILE_CREATE)
        services.write_file(file, None, None, None, IoStatusBlock(), b"12345", byte_offset=0)
        close_file(file)
    file = open_host(system, path, disposition=disposition)
    emptied = disposition not in (major.FILE_OPEN, major.FILE_OPEN_IF)
    assert file.opened_as == answer and file.fs_context.size == (5 if there and not emptied else 0)
    close_file(file)


def test_files_and_folders_of_the_host(system: System, hosted: FileObject, tmp_path: Path) -> None:
    plain = CreateParameters(access=major.FILE_READ_DATA)
    name = "\\??\\C:" + str(tmp_path).replace("/", "\\")
    folder = open_path(system.io, name, replace(plain, options=major.FILE_DIRECTORY_FILE))
    assert asked(folder, 5)[2][20:22] == b"\0\1"
    relative = open_path(system.io, "file", plain, related=folder)
    assert relative.fs_context.path == str(tmp_path / "file")
    for path, options, error in (
        (name, major.FILE_NON_DIRECTORY_FILE, ntio.status.FileIsADirectory),
        (name + "\\file", major.FILE_DIRECTORY_FILE, ntio.status.NotADirectory),
    ):
        with pytest.raises(error):
            open_path(system.io, path, replace(plain, options=options))
    close_file(relative)
    close_file(folder)


# --- laws ---


@given(st.integers(0, 2**63 - 1))
def test_times_go_there_and_back(nanoseconds: int) -> None:
    assert unix_time(nt_time(nanoseconds)) == nanoseconds // 100 * 100


def test_the_two_epochs() -> None:
    assert nt_time(0) == 116444736000000000 and unix_time(0) == -11644473600 * 10**9
