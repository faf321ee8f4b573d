r"""The way from a name to a file object: found, checked, told to drivers, counted; nothing left of a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

import ntio
from made_up_drivers import Bottom, Layer, load_stack
from ntio import DeviceObject, Driver, FilterDriver, Irp, NtError, System
from ntio.io_manager import major
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.open import CreateParameters, close_file, open_device, open_path
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_TYPE_MISMATCH,
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


def test_options_become_flags(system: System) -> None:
    (device,) = load_stack(system, Bottom())
    parameters = CreateParameters(access=3, options=major.FILE_NO_INTERMEDIATE_BUFFERING)
    file_object = open_device(device, "", parameters)
    assert file_object.flags == major.FO_SYNCHRONOUS_IO | major.FO_NO_INTERMEDIATE_BUFFERING
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
