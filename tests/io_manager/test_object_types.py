"""The I/O manager's object types: files by name and handle, counts, and who may open what."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ntio import DeviceObject, System
from ntio.drivers.ram_disk import RamDisk
from ntio.io_manager.codes import major
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.opening.create_parameters import CreateParameters
from ntio.object_manager.object_security import SecurityInformation, query_security, set_security
from ntio.object_manager.opening import ObjectAttributes, open_by_name, reference_by_name
from ntio.security.access_mask import FILE_GENERIC_MAPPING, USER_MODE
from ntio.security.device_descriptors import SDDL_DEVOBJ_SYS_ALL, default_device_descriptor
from ntio.security.sddl import format_sddl, parse_sddl
from ntio.security.token import system_token, user_token
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_OBJECT_TYPE_MISMATCH,
    NtError,
)

pytestmark = pytest.mark.row("R20", "R28")

DISK = "\\Device\\Disk0"
LOOK = CreateParameters(access=major.FILE_READ_ATTRIBUTES)
READ = CreateParameters(access=major.FILE_READ_DATA | major.SYNCHRONIZE)


@pytest.fixture
def disk(system: System) -> DeviceObject:
    return system.load(RamDisk(4096, "Disk0"))


def status_of(call: Callable[..., object], *arguments: object, **named: object) -> int:
    with pytest.raises(NtError) as caught:
        call(*arguments, **named)
    return caught.value.status


def open_disk(system: System, parameters: CreateParameters = READ, mode: int = USER_MODE) -> int:
    access, path = parameters.access, ObjectAttributes(DISK)
    return open_by_name(system.io.objects, path, "File", access, mode, context=parameters)


def test_a_file_opened_by_the_object_manager_ends_with_its_handle(system: System, disk: DeviceObject) -> None:
    handle = open_disk(system)
    file = system.io.handles.reference(handle, FileObject)
    assert (file.device, file.pointer_count, file.handle_count, file.closed) == (disk, 2, 1, False)
    second = system.io.handles.duplicate(handle)
    system.io.reference(file)
    system.io.objects.close(handle)
    assert (file.closed, disk.reference_count) == (False, 1)
    system.io.objects.close(second)
    assert (file.closed, file.pointer_count, disk.reference_count) == (True, 1, 1)
    system.io.dereference(file)
    assert (file.pointer_count, disk.reference_count, system.io.open_files) == (0, 0, 0)


def test_a_device_is_an_object_and_opens_only_as_a_file(system: System, disk: DeviceObject) -> None:
    assert reference_by_name(system.io.objects, DISK, "Device") is disk
    system.io.objects.dereference(disk)
    without = ObjectAttributes(DISK)
    assert status_of(open_by_name, system.io.objects, without, "File", 0) == STATUS_OBJECT_TYPE_MISMATCH


def test_types_count_what_there_is(system: System, disk: DeviceObject) -> None:
    handle = open_disk(system)
    counts = {name: system.io.objects.types[name].counts() for name in ("File", "Device", "Driver")}
    assert counts == {"File": (1, 1), "Device": (2, 0), "Driver": (2, 0)}
    system.io.objects.close(handle)


def test_a_user_may_look_at_a_disk_and_not_read_it(system: System, disk: DeviceObject) -> None:
    assert disk.security_descriptor == default_device_descriptor(disk.device_type)
    with system.impersonate(user_token()):
        assert status_of(open_disk, system) == STATUS_ACCESS_DENIED
        system.io.objects.close(open_disk(system, LOOK))
        with pytest.raises(PermissionError):
            system.open_file_object(DISK, "r")
    system.io.objects.close(open_disk(system))


def test_a_device_with_a_descriptor_of_its_own(system: System, disk: DeviceObject) -> None:
    disk.security_descriptor = parse_sddl(SDDL_DEVOBJ_SYS_ALL).mapped(FILE_GENERIC_MAPPING)
    assert status_of(open_disk, system) == STATUS_ACCESS_DENIED
    system.io.objects.close(open_disk(system, mode=major.KERNEL_MODE))
    with system.impersonate(system_token()):
        system.io.objects.close(open_disk(system))


def test_a_file_of_the_bare_device_has_the_devices_descriptor(system: System, disk: DeviceObject) -> None:
    handle = open_disk(system, CreateParameters(access=major.READ_CONTROL | major.WRITE_DAC))
    objects = system.io.objects
    assert format_sddl(query_security(objects, handle, SecurityInformation.OWNER)) == "O:BA"
    set_security(objects, handle, SecurityInformation.DACL, parse_sddl("D:P(A;;GA;;;WD)"), USER_MODE)
    assert disk.security_descriptor is not None
    assert format_sddl(disk.security_descriptor) == "O:BAG:SYD:P(A;;FA;;;WD)"
    objects.close(handle)
    with system.impersonate(user_token()):
        objects.close(open_disk(system))


@pytest.mark.real_files
def test_files_behind_a_device_that_keeps_no_descriptors_are_everybodys(system: System) -> None:
    file = system.open_file_object("/dev/null", "r")
    handle = system.io.handles.insert(file)
    objects = system.io.objects
    assert format_sddl(query_security(objects, handle, SecurityInformation.OWNER)) == "O:WD"
    objects.close(handle)


def test_a_system_may_be_called_by_somebody_else(hal_name: str) -> None:
    with System(hal_name, token=user_token()) as system:
        system.load(RamDisk(4096, "Disk0"))
        assert system.io.subject() == user_token()
        assert status_of(open_disk, system) == STATUS_ACCESS_DENIED


def test_drive_letters_of_a_session(system: System, disk: DeviceObject) -> None:
    token = user_token(logon=0x77)
    system.io.objects.sessions.open(token.logon)
    with system.impersonate(token):
        system.namespace.link("\\??\\D:", DISK)
        assert system.namespace.lookup("\\??\\D:\\x") == (disk, "\\x")
    assert system.namespace.find("\\GLOBAL??\\D:") is None
    with pytest.raises(FileNotFoundError):
        system.open_file_object("\\??\\D:", "r")
