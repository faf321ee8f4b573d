r"""The way from a name to a file object: found, checked, told to drivers, counted; nothing left of a failure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ntio
from made_up_drivers import Bottom, Layer, load_stack
from ntio import DeviceObject, Driver, FilterDriver, Irp, NtError, System
from ntio.bugcheck import BugCheck, BugCheckCode
from ntio.io_manager.codes import major
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.opening.create_parameters import check_parameters
from ntio.io_manager.opening.open import (
    CreateParameters,
    close_file,
    create_file,
    create_stream_file,
    device_pointer,
    open_device,
    open_path,
)
from ntio.io_manager.opening.reparse import mount_point_data, replaced_name
from ntio.security.access_mask import FILE_GENERIC_MAPPING
from ntio.security.sddl import parse_sddl
from ntio.security.token import Privilege, Token, administrator_token, user_token
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_INVALID_PARAMETER,
    STATUS_IO_REPARSE_DATA_INVALID,
    STATUS_IO_REPARSE_TAG_NOT_HANDLED,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PENDING,
    STATUS_REPARSE,
    STATUS_UNSUCCESSFUL,
    AccessDenied,
)
from ntio.status import (
    NtError as Error,
)

READ = CreateParameters(access=major.FILE_READ_DATA)


class Diary(Driver):
    """Writes down what comes of an open and refuses what `answers` says."""

    def __init__(self, create: int = 0) -> None:
        self.entries: list[tuple[int, str, FileObject]] = []
        self.create = create

    def _note(self, device: DeviceObject, irp: Irp, answer: int = 0) -> int:
        file_object = irp.location.file_object
        assert file_object is not None
        self.entries.append((irp.location.major, file_object.file_name, file_object))
        return irp.complete(answer)

    def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
        assert isinstance(irp.location.argument, CreateParameters)
        assert irp.flags & major.IRP_CREATE_OPERATION
        return self._note(device, irp, self.create)

    def dispatch_cleanup(self, device: DeviceObject, irp: Irp) -> int:
        return self._note(device, irp)

    def dispatch_close(self, device: DeviceObject, irp: Irp) -> int:
        assert irp.flags & major.IRP_CLOSE_OPERATION
        return self._note(device, irp)

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        return self.create_device("\\Device\\Diary")


@pytest.mark.row("R20")
@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("\\Device\\Diary", ""),
        ("\\device\\DIARY\\Dir\\File", "\\Dir\\File"),
        ("\\??\\X:\\a", "\\a"),
        ("\\DosDevices\\x:\\a", "\\a"),
        ("\\GLOBAL??\\X:", ""),
    ],
)
def test_an_open_is_one_create_one_cleanup_one_close(system: System, path: str, rest: str) -> None:
    diary = Diary()
    device = system.load(diary)
    system.namespace.link("\\??\\X:", "\\Device\\Diary")
    file_object = open_path(system.io, path, READ)
    assert file_object.device is device and file_object.file_name == rest
    assert (device.reference_count, system.io.open_files) == (1, 1)
    assert file_object.flags == major.FO_SYNCHRONOUS_IO
    close_file(file_object)
    close_file(file_object)
    assert (device.reference_count, system.io.open_files) == (0, 0)
    assert file_object.closed and file_object.flags & major.FO_CLEANUP_COMPLETE
    codes = (major.IRP_MJ_CREATE, major.IRP_MJ_CLEANUP, major.IRP_MJ_CLOSE)
    assert diary.entries == [(code, rest, file_object) for code in codes]


def test_the_file_names_its_device_but_requests_go_to_the_top(system: System) -> None:
    bottom, top = load_stack(system, Diary(), FilterDriver())
    file_object = open_path(system.io, "\\Device\\Diary", READ)
    assert file_object.device is bottom and file_object.related_device() is top
    close_file(file_object)


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        (0, 0),
        (major.FILE_SYNCHRONOUS_IO_NONALERT, major.FO_SYNCHRONOUS_IO),
        (major.FILE_SYNCHRONOUS_IO_ALERT, major.FO_SYNCHRONOUS_IO | major.FO_ALERTABLE_IO),
        (major.FILE_NO_INTERMEDIATE_BUFFERING, major.FO_NO_INTERMEDIATE_BUFFERING),
        (major.FILE_WRITE_THROUGH | major.FILE_SEQUENTIAL_ONLY, major.FO_WRITE_THROUGH | major.FO_SEQUENTIAL_ONLY),
        (major.FILE_RANDOM_ACCESS, major.FO_RANDOM_ACCESS),
    ],
)
def test_options_become_flags(system: System, options: int, flags: int) -> None:
    (device,) = load_stack(system, Bottom())
    file_object = open_device(device, "", CreateParameters(access=3, options=options))
    assert file_object.flags == flags
    close_file(file_object)


@pytest.mark.parametrize(
    ("access", "readable", "writable"),
    [(0, False, False), (1, True, False), (2, False, True), (4, False, True), (7, True, True)],
)
def test_access(system: System, access: int, readable: bool, writable: bool) -> None:
    (device,) = load_stack(system, Bottom())
    file_object = open_device(device, "", CreateParameters(access=access))
    assert (file_object.readable, file_object.writable) == (readable, writable)
    close_file(file_object)


def test_a_create_that_fails_leaves_nothing(system: System) -> None:
    diary = Diary(STATUS_ACCESS_DENIED)
    device = system.load(diary)
    with pytest.raises(AccessDenied) as caught:
        ntio.open("\\Device\\Diary\\x", system=system)
    assert caught.value.filename == "\\Device\\Diary\\x"
    assert (device.reference_count, system.io.open_files, system.io.irps.live()) == (0, 0, 0)
    assert [code for code, _, _ in diary.entries] == [major.IRP_MJ_CREATE]


def test_a_create_that_raises_is_a_failed_open(system: System) -> None:
    class Broken(Driver):
        def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
            raise LookupError

    device = system.load(Broken())
    with pytest.raises(Error) as caught:
        open_device(device, "", READ)
    assert caught.value.status == STATUS_DRIVER_INTERNAL_ERROR
    assert isinstance(device.last_error, LookupError)
    assert (device.reference_count, system.io.open_files) == (0, 0)


def test_a_filter_may_refuse_an_open(system: System) -> None:
    class Guard(FilterDriver):
        def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
            assert irp.location.file_object is not None
            if irp.location.file_object.file_name.endswith("secret"):
                return irp.complete(STATUS_ACCESS_DENIED)
            return irp.pass_down()

    diary = Diary()
    load_stack(system, diary, Guard())
    with pytest.raises(PermissionError):
        ntio.open("\\Device\\Diary\\secret", system=system)
    assert diary.entries == []
    ntio.open("\\Device\\Diary\\other", system=system).close()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("\\Device\\Nobody", STATUS_OBJECT_NAME_NOT_FOUND),
        ("\\Device\\Nobody\\x", STATUS_OBJECT_PATH_NOT_FOUND),
        ("\\??\\Q:\\x", STATUS_OBJECT_PATH_NOT_FOUND),
        ("\\Device", STATUS_OBJECT_TYPE_MISMATCH),
        ("\\Driver\\host_files", STATUS_OBJECT_TYPE_MISMATCH),
    ],
)
def test_a_name_that_is_no_file(system: System, path: str, status: int) -> None:
    with pytest.raises(NtError) as caught:
        ntio.open(path, system=system)
    assert caught.value.status == status and caught.value.filename in (path, None)


def test_a_driver_without_cleanup_and_close_can_be_closed(system: System) -> None:
    class Few(Driver):
        def driver_entry(self, driver: ntio.driver_kit.DriverObject) -> None:  # type: ignore[name-defined]
            super().driver_entry(driver)
            for code in (major.IRP_MJ_CLEANUP, major.IRP_MJ_CLOSE):
                driver.major_function[code] = None

    device = system.load(Few())
    close_file(open_device(device, "", READ))
    assert device.reference_count == 0


def test_a_cleanup_that_raises_does_not_keep_the_file_open(system: System) -> None:
    class Broken(Driver):
        def dispatch_cleanup(self, device: DeviceObject, irp: Irp) -> int:
            raise LookupError

    device = system.load(Broken())
    file_object = open_device(device, "", READ)
    close_file(file_object)
    assert file_object.closed and (device.reference_count, system.io.open_files) == (0, 0)
    assert isinstance(device.last_error, LookupError)


@pytest.mark.row("R20", "R21")
def test_the_hosts_files_by_their_drive_letter(real_system: System, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"by another name")
    nt = "\\??\\C:" + str(path).replace("/", "\\")
    for name in (
        nt,
        nt.replace("\\??\\C:", "\\Device\\HostFiles"),
        nt.replace("\\??\\C:", "\\DosDevices\\c:"),
        str(path),
    ):
        with ntio.open(name, system=real_system) as file:
            assert file.read(99, 0) == b"by another name"
            assert real_system.io.open_files == 1


def test_a_missing_host_file_leaves_nothing(real_system: System, tmp_path: Path) -> None:
    for path, error in ((tmp_path / "none", FileNotFoundError), (tmp_path, IsADirectoryError)):
        with pytest.raises(error):
            ntio.open(path, system=real_system)
        with pytest.raises(error):
            ntio.open("\\??\\C:" + str(path).replace("/", "\\"), system=real_system)
    assert (real_system.io.open_files, real_system.io.host_descriptors) == (0, set())


def test_a_file_object_draws_itself(system: System) -> None:
    system.load(Diary())
    file_object = open_path(system.io, "\\Device\\Diary\\x", READ)
    assert repr(file_object) == "<FileObject \\Device\\Diary\\x>"
    close_file(file_object)


def test_filters_see_the_open_too(system: System) -> None:
    seen: list[int] = []

    class Watch(FilterDriver):
        def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
            return irp.pass_down(lambda device, irp: seen.append(irp.status))

    load_stack(system, Diary(), Watch(), Layer(lambda device, irp: irp.pass_down()))
    ntio.open("\\Device\\Diary", system=system).close()
    assert seen == [0]


# --- who may open what ------------------------------------------------------------------------------------------------

ADMINISTRATORS_ONLY = parse_sddl("O:BAD:P(A;;GA;;;BA)").mapped(FILE_GENERIC_MAPPING)
TRAVERSE_ONLY = parse_sddl("O:BAD:P(A;;0x20;;;WD)(A;;GA;;;BA)").mapped(FILE_GENERIC_MAPPING)


class Plain(Driver):
    """A device of a given kind that anything can be opened on."""

    def __init__(self, device_type: int = major.FILE_DEVICE_UNKNOWN, flags: int = 0) -> None:
        self.kind, self.device_flags = device_type, flags

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        return self.create_device("\\Device\\Plain", self.kind, self.device_flags)


@pytest.fixture
def outsider(system: System) -> Iterator[Token]:
    """The calling thread is somebody without rights of its own, and without the privilege to traverse."""
    token = user_token()
    token = token.adjusted(disable=(Privilege.CHANGE_NOTIFY,))
    with system.io.subjects.impersonate(token):
        yield token


def opens(system: System, path: str, parameters: CreateParameters = READ, mode: int = major.USER_MODE) -> bool:
    before = system.io.open_files
    try:
        close_file(open_path(system.io, path, parameters, mode=mode))
    except AccessDenied:
        return False
    finally:
        assert system.io.open_files == before
    return True


@pytest.mark.row("R20")
def test_the_bare_device_is_checked_against_its_descriptor(system: System, outsider: Token) -> None:
    device = system.load(Plain())
    assert opens(system, "\\Device\\Plain")
    device.security_descriptor = ADMINISTRATORS_ONLY
    assert not opens(system, "\\Device\\Plain")
    assert not opens(system, "\\Device\\Plain"), "a refusal is not remembered as something else"
    assert opens(system, "\\Device\\Plain", mode=major.KERNEL_MODE), "the kernel is not checked"
    forced = CreateParameters(access=1, flags=major.SL_FORCE_ACCESS_CHECK)
    assert not opens(system, "\\Device\\Plain", forced, major.KERNEL_MODE), "unless it asks for it"
    with system.io.subjects.impersonate(administrator_token()):
        assert opens(system, "\\Device\\Plain") and opens(system, "\\Device\\Plain")
    device.security_descriptor = None
    assert opens(system, "\\Device\\Plain")
    assert device.reference_count == 0


@pytest.mark.row("R20")
def test_names_on_a_device_need_the_right_to_traverse_or_the_privilege(system: System, outsider: Token) -> None:
    device = system.load(Plain())
    device.security_descriptor = ADMINISTRATORS_ONLY
    assert not opens(system, "\\Device\\Plain\\x")
    with system.io.subjects.impersonate(outsider.adjusted(enable=(Privilege.CHANGE_NOTIFY,))):
        assert opens(system, "\\Device\\Plain\\x")
        device.device_type = major.FILE_DEVICE_CD_ROM
        assert not opens(system, "\\Device\\Plain\\x"), "the privilege does not count on disks and CD-ROMs"
    device.security_descriptor = TRAVERSE_ONLY
    assert opens(system, "\\Device\\Plain\\x") and not opens(system, "\\Device\\Plain")


@pytest.mark.row("R20")
def test_secure_open_puts_every_name_under_the_devices_descriptor(system: System, outsider: Token) -> None:
    device = system.load(Plain())
    device.security_descriptor = TRAVERSE_ONLY
    device.characteristics |= major.FILE_DEVICE_SECURE_OPEN
    assert not opens(system, "\\Device\\Plain\\x")
    assert opens(system, "\\Device\\Plain\\x", CreateParameters(access=major.FILE_TRAVERSE))


def test_generic_rights_and_all_that_can_be_had(system: System, outsider: Token) -> None:
    device = system.load(Plain())
    device.security_descriptor = parse_sddl("O:BAD:P(A;;GR;;;WD)").mapped(FILE_GENERIC_MAPPING)
    for access in (major.GENERIC_READ, major.MAXIMUM_ALLOWED):
        file_object = open_device(device, "", CreateParameters(access=access))
        assert file_object.access == major.FILE_GENERIC_READ and not file_object.writable
        close_file(file_object)
    file_object = open_device(device, "", CreateParameters(access=major.MAXIMUM_ALLOWED), mode=major.KERNEL_MODE)
    assert file_object.access == major.FILE_ALL_ACCESS
    close_file(file_object)


# --- exclusive devices, relative names, looking only ------------------------------------------------------------------


def test_83_an_exclusive_device_is_opened_once(system: System) -> None:
    device = system.load(Plain(flags=major.DO_EXCLUSIVE))
    file_object = open_device(device, "", READ)
    assert not opens(system, "\\Device\\Plain")
    close_file(open_device(device, "below", READ, related=file_object))
    close_file(file_object)
    assert opens(system, "\\Device\\Plain")


@pytest.mark.row("R20")
def test_a_relative_name_goes_to_the_files_own_device(system: System, outsider: Token) -> None:
    diary = Diary()
    device = system.load(diary)
    with system.io.subjects.impersonate(administrator_token()):
        folder = open_path(system.io, "\\Device\\Diary\\folder", READ)
    device.security_descriptor = ADMINISTRATORS_ONLY
    file_object = open_path(system.io, "file", READ, related=folder)
    assert file_object.device is device and file_object.file_name == "file"
    assert file_object.related_file_object is folder
    with pytest.raises(Error) as caught:
        open_path(system.io, "\\file", READ, related=folder)
    assert caught.value.status == STATUS_OBJECT_PATH_SYNTAX_BAD
    close_file(file_object)
    close_file(folder)


def test_who_only_looks_gets_a_direct_device_open(system: System) -> None:
    device = system.load(Plain())
    for access, direct in ((major.FILE_READ_ATTRIBUTES | major.SYNCHRONIZE, True), (0, True), (1, False)):
        file_object = open_device(device, "", CreateParameters(access=access))
        assert bool(file_object.flags & major.FO_DIRECT_DEVICE_OPEN) == direct
        close_file(file_object)
    file_object = open_device(device, "\\x", CreateParameters())
    assert not file_object.flags & major.FO_DIRECT_DEVICE_OPEN
    close_file(file_object)


# --- what a create finds in its packet, and what it may answer --------------------------------------------------------


class Answers(Driver):
    """Answers each create with what `answers` holds, names replaced as told."""

    def __init__(self, name: str = "Answers") -> None:
        self.answers: list[tuple[int, int, str | None, bytes | None]] = []
        self.seen: list[tuple[str, Irp]] = []
        self.name, self.names = name, list[str]()

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        return self.create_device(f"\\Device\\{self.name}")

    def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
        file_object = irp.location.file_object
        assert file_object is not None
        self.names.append(file_object.file_name)
        status, information, name, data = self.answers.pop(0) if self.answers else (0, major.FILE_OPENED, None, None)
        if name is not None:
            file_object.file_name = name
        if data is not None:
            irp.auxiliary_buffer = data
        return irp.complete(status, information)


@pytest.mark.row("R20")
def test_what_the_packet_says(system: System) -> None:
    seen: list[object] = []

    class Look(Plain):
        def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
            location = irp.location
            words = irp.Flags, location.flags, location.key, location.byte_offset, bytes(irp.system_buffer or b"")
            seen.extend(
                (*words, irp.allocation_size, irp.requestor_mode, location.Parameters.Create.Options, location.argument)
            )
            return irp.complete(information=major.FILE_CREATED)

    device = system.load(Look())
    parameters = CreateParameters(
        major.FILE_CREATE, 0x1F, 0x60, 3, 0x80, b"EA", flags=major.SL_CASE_SENSITIVE, allocation_size=4096
    )
    file_object = open_device(device, "\\x", parameters)
    flags = major.IRP_CREATE_OPERATION | major.IRP_SYNCHRONOUS_API | major.IRP_DEFER_IO_COMPLETION
    assert seen == [flags, 0x80, 0x0200_0060, 0x0003_0080, b"EA", 4096, major.USER_MODE, 0x0200_0060, parameters]
    assert file_object.opened_as == major.FILE_CREATED
    assert file_object.flags & major.FO_OPENED_CASE_SENSITIVE
    close_file(file_object)


@pytest.mark.row("R20")
def test_a_replaced_name_starts_again_at_the_root(system: System) -> None:
    first, second = Answers("First"), Answers("Second")
    device = system.load(first)
    target = system.load(second)
    first.answers = [(STATUS_REPARSE, major.IO_REPARSE, "\\Device\\Second\\there", None)]
    file_object = open_path(system.io, "\\Device\\First\\here", READ)
    assert file_object.device is target and file_object.file_name == "\\there"
    assert (first.names, second.names) == (["\\here"], ["\\there"])
    assert (device.reference_count, target.reference_count, system.io.open_files) == (0, 1, 1)
    close_file(file_object)


@pytest.mark.row("R20")
def test_a_mount_point_leads_on(system: System) -> None:
    first, second = Answers("First"), Answers("Second")
    system.load(first)
    system.load(second)
    data = mount_point_data("\\Device\\Second\\", "\\b\\c")
    first.answers = [(STATUS_REPARSE, major.IO_REPARSE_TAG_MOUNT_POINT, None, data)]
    close_file(open_path(system.io, "\\Device\\First\\a\\b\\c", READ))
    assert second.names == ["\\b\\c"]


@pytest.mark.parametrize(
    ("information", "data", "status"),
    [
        (0xA000_000C, None, STATUS_IO_REPARSE_TAG_NOT_HANDLED),
        (99, b"", STATUS_IO_REPARSE_TAG_NOT_HANDLED),
        (major.IO_REPARSE_TAG_MOUNT_POINT, None, STATUS_IO_REPARSE_DATA_INVALID),
        (major.IO_REPARSE_TAG_MOUNT_POINT, bytes(64), STATUS_IO_REPARSE_DATA_INVALID),
        (major.IO_REPARSE_TAG_MOUNT_POINT, mount_point_data("\\x")[:18], STATUS_IO_REPARSE_DATA_INVALID),
        (major.IO_REPARSE_TAG_MOUNT_POINT, mount_point_data("\\x", "y" * 99), STATUS_IO_REPARSE_DATA_INVALID),
    ],
)
def test_a_reparse_that_makes_no_sense_fails_the_open(
    system: System, information: int, data: bytes | None, status: int
) -> None:
    driver = Answers()
    device = system.load(driver)
    driver.answers = [(STATUS_REPARSE, information, None, data)]
    with pytest.raises(Error) as caught:
        open_path(system.io, "\\Device\\Answers\\x", READ)
    assert caught.value.status == status
    assert (device.reference_count, system.io.open_files, system.io.irps.live()) == (0, 0, 0)


@given(st.text(st.characters(codec="utf-16"), max_size=20), st.text(st.characters(codec="utf-16"), max_size=20))
def test_reparse_data_give_back_their_names(target: str, tail: str) -> None:
    tail = tail.encode("utf-16-le").decode("utf-16-le")
    name = replaced_name("old" + tail, major.IO_REPARSE_TAG_MOUNT_POINT, mount_point_data(target, tail), "shown")
    units = len(tail.encode("utf-16-le")) // 2
    if units == len(tail):  # a name is counted in UTF-16 units
        assert name in (target + tail, target.rstrip("\\") + tail)


@pytest.mark.parametrize("information", [major.IO_REPARSE, major.IO_REMOUNT])
def test_a_driver_that_never_stops_sending_opens_elsewhere(system: System, information: int) -> None:
    driver = Answers()
    system.load(driver)
    driver.answers = [(STATUS_REPARSE, information, "\\Device\\Answers\\x", None)] * 100
    with pytest.raises(Error) as caught:
        open_path(system.io, "\\Device\\Answers\\x", READ)
    assert caught.value.status == STATUS_UNSUCCESSFUL and len(driver.names) == 32
    assert system.io.open_files == 0


@pytest.mark.stops_system
def test_sending_the_open_of_a_bare_device_elsewhere_stops_the_system(system: System) -> None:
    driver = Answers()
    system.load(driver)
    driver.answers = [(STATUS_REPARSE, major.IO_REPARSE, "\\Device\\Other", None)]
    with pytest.raises(BugCheck) as caught:
        open_path(system.io, "\\Device\\Answers", READ)
    assert caught.value.code == BugCheckCode.DRIVER_RETURNED_STATUS_REPARSE_FOR_VOLUME_OPEN


def test_a_success_that_opens_nothing_is_a_failure(system: System) -> None:
    driver = Answers()
    system.load(driver)
    driver.answers = [(0x4000_0000, 0, None, None)]
    with pytest.raises(Error) as caught:
        open_path(system.io, "\\Device\\Answers", READ)
    assert caught.value.status == STATUS_UNSUCCESSFUL and system.io.open_files == 0


def test_a_failed_open_leaves_the_file_object_without_device(system: System) -> None:
    diary = Diary(STATUS_ACCESS_DENIED)
    system.load(diary)
    with pytest.raises(AccessDenied):
        open_path(system.io, "\\Device\\Diary\\x", READ)
    (_, _, file_object) = diary.entries[0]
    assert file_object.device is None and "x" in repr(file_object)


# --- the service, and files without handles ---------------------------------------------------------------------------

GOOD = CreateParameters(access=major.FILE_READ_DATA | major.SYNCHRONIZE)


def test_create_file_gives_a_handle(system: System) -> None:
    diary, iosb = Diary(), IoStatusBlock(0x123, 456)
    device = system.load(diary)
    status, handle = create_file(system.io, "\\Device\\Diary\\x", GOOD, iosb=iosb)
    assert (status, iosb.status, iosb.information) == (0, 0, 0)
    file_object = system.io.handles.reference(handle, FileObject)
    assert file_object.flags & major.FO_HANDLE_CREATED and device.reference_count == 1
    system.io.handles.close(handle)
    assert [code for code, _, _ in diary.entries] == [major.IRP_MJ_CREATE, major.IRP_MJ_CLEANUP, major.IRP_MJ_CLOSE]
    assert device.reference_count == 0
    iosb.information = 77
    assert create_file(system.io, "\\Device\\Nobody", GOOD, iosb=iosb) == (STATUS_OBJECT_NAME_NOT_FOUND, 0)
    assert iosb.information == 77


@pytest.mark.parametrize(
    "changes",
    [
        {"access": 1},
        {"options": major.FILE_SYNCHRONOUS_IO_ALERT | major.FILE_SYNCHRONOUS_IO_NONALERT},
        {"disposition": 6},
        {"share": 8},
        {"attributes": 0x8},
        {"options": 0x100_0020},
        {"options": major.FILE_DELETE_ON_CLOSE | 0x20},
        {"options": major.FILE_DIRECTORY_FILE | major.FILE_NON_DIRECTORY_FILE | 0x20},
        {"options": major.FILE_DIRECTORY_FILE | major.FILE_RANDOM_ACCESS | 0x20},
        {"options": major.FILE_DIRECTORY_FILE | 0x20, "disposition": major.FILE_OVERWRITE},
        {"options": major.FILE_NO_INTERMEDIATE_BUFFERING | 0x20, "access": 0x10_0004},
    ],
)
def test_what_cannot_be_combined_is_refused_before_anything_is_looked_up(
    system: System, changes: dict[str, int]
) -> None:
    bad = replace(GOOD, **changes)
    assert check_parameters(GOOD) == 0 and check_parameters(bad) == STATUS_INVALID_PARAMETER
    assert create_file(system.io, "\\Device\\Nobody", bad) == (STATUS_INVALID_PARAMETER, 0)
    assert create_file(system.io, "\\Device\\Nobody", bad, mode=major.KERNEL_MODE)[0] == STATUS_OBJECT_NAME_NOT_FOUND


def test_a_device_by_its_name_is_kept_by_a_file_without_handle(system: System) -> None:
    diary = Diary()
    bottom, top = load_stack(system, diary, FilterDriver())
    file_object, device = device_pointer(system.io, "\\Device\\Diary", major.FILE_READ_DATA)
    assert device is top and file_object.device is bottom and bottom.reference_count == 1
    assert [code for code, _, _ in diary.entries] == [major.IRP_MJ_CREATE, major.IRP_MJ_CLEANUP]
    system.io.dereference(file_object)
    assert diary.entries[-1][0] == major.IRP_MJ_CLOSE and bottom.reference_count == 0


@pytest.mark.parametrize("cleanup", [True, False])
def test_a_stream_file_is_closed_without_having_been_opened(system: System, cleanup: bool) -> None:
    diary = Diary()
    device = system.load(diary)
    stream = create_stream_file(device, cleanup=cleanup)
    assert stream.flags & major.FO_STREAM_FILE and device.reference_count == 1
    before = [code for code, _, _ in diary.entries]
    system.io.dereference(stream)
    after = [code for code, _, _ in diary.entries]
    assert (before, after) == (
        ([major.IRP_MJ_CLEANUP], [major.IRP_MJ_CLEANUP, major.IRP_MJ_CLOSE]) if cleanup else ([], [major.IRP_MJ_CLOSE])
    )
    assert (device.reference_count, system.io.open_files) == (0, 0)


def test_a_create_may_pend(system: System) -> None:
    class Slow(Plain):
        def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
            irp.mark_pending()
            irp.complete()
            return STATUS_PENDING

    device = system.load(Slow())
    close_file(open_device(device, "", READ))
