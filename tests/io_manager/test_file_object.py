"""File objects: their fields, where their requests go, how they end, and whom they share with."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up_drivers import Bottom, Holder, load_stack
from ntio import DeviceObject, Driver, FilterDriver, Irp, System
from ntio.io_manager import requests
from ntio.io_manager.codes import major
from ntio.io_manager.file_object import CompletionContext, FileObject, SectionObjectPointers
from ntio.io_manager.opening.open import CreateParameters, close_file, open_device
from ntio.io_manager.opening.share_access import (
    ShareAccess,
    check_share_access,
    remove_share_access,
    set_share_access,
    update_share_access,
)
from ntio.io_manager.opening.vpb import Vpb
from ntio.io_manager.ports.completion_port import CompletionPort
from ntio.status import STATUS_CANCELLED, STATUS_SHARING_VIOLATION, STATUS_SUCCESS

READ = CreateParameters(access=major.FILE_READ_DATA)


@pytest.mark.row("R21", "R29")
def test_a_new_file_object(system: System) -> None:
    (device,) = load_stack(system, Bottom())
    file = open_device(device, "\\x", READ)
    assert (file.type, file.size, file.Type, file.Size) == (5, 0xD8, 5, 0xD8)
    assert file.device is file.DeviceObject is device and file.vpb is None and file.FileName == "\\x"
    assert (file.final_status, file.current_byte_offset, file.fs_context, file.fs_context2) == (0, 0, None, None)
    assert file.section_object_pointers is file.private_cache_map is file.completion_context is None
    assert file.related_file_object is None and not file.lock_operation and not file.delete_pending
    file.section_object_pointers = SectionObjectPointers(shared_cache_map="map")
    file.completion_context = CompletionContext(CompletionPort(system.io), key=7)
    assert file.CompletionContext.Key == 7
    close_file(file)


def test_the_event_and_the_lock_are_made_when_they_are_wanted(system: System) -> None:
    (device,) = load_stack(system, Bottom())
    file = open_device(device, "", READ)
    assert not file.has_event
    assert file.event.read_state(), "while nothing is outstanding a file counts as signalled"
    assert file.has_event and file.event is file.event
    with file.position_lock:
        assert file.position_lock.locked()
    close_file(file)


@pytest.mark.row("R29")
def test_where_requests_go(system: System) -> None:
    """The file's volume, else its device's volume, else the device; always the top of that stack."""
    bottom, top = load_stack(system, Bottom(), FilterDriver())
    (volume,) = load_stack(system, Bottom())
    (other,) = load_stack(system, Bottom())
    over = system.load(FilterDriver(), volume)
    file = FileObject(bottom, "", 0, 0)
    assert file.related_device() is top
    bottom.vpb = Vpb(bottom)
    assert file.related_device() is top, "nothing is mounted"
    bottom.vpb.device = volume
    assert file.related_device() is over
    file.flags |= major.FO_DIRECT_DEVICE_OPEN
    assert file.related_device() is top
    file.vpb = Vpb(other)
    file.vpb.device = other
    assert file.related_device() is other, "the file's own comes first"
    bottom.vpb = None


class Ends(Driver):
    """Writes down how files end."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def dispatch_cleanup(self, device: DeviceObject, irp: Irp) -> int:
        assert irp.flags & major.IRP_CLOSE_OPERATION and irp.flags & major.IRP_SYNCHRONOUS_API
        self.ends.append("cleanup")
        return irp.complete()

    def dispatch_close(self, device: DeviceObject, irp: Irp) -> int:
        assert irp.location.file_object is not None and irp.location.file_object.flags & major.FO_CLEANUP_COMPLETE
        self.ends.append("close")
        return irp.complete()


@pytest.mark.row("R21")
def test_cleanup_with_the_last_handle_close_with_the_last_reference(system: System) -> None:
    driver = Ends()
    device = system.load(driver)
    file = open_device(device, "", READ)
    system.io.reference(file)
    close_file(file)
    assert driver.ends == ["cleanup"] and device.reference_count == 1 and system.io.open_files == 0
    system.io.dereference(file)
    assert driver.ends == ["cleanup", "close"] and device.reference_count == 0


@pytest.mark.row("R21")
def test_a_file_that_never_had_a_handle_is_cleaned_up_all_the_same(system: System) -> None:
    driver = Ends()
    device = system.load(driver)
    system.io.dereference(open_device(device, "", READ))
    assert driver.ends == ["cleanup", "close"]
    assert (device.reference_count, system.io.open_files) == (0, 0)


@pytest.mark.row("R21")
def test_at_cleanup_the_driver_finds_what_the_file_has_outstanding(system: System) -> None:
    class Tidy(Holder):
        found = 0

        def dispatch_cleanup(self, device: DeviceObject, irp: Irp) -> int:
            mine = [one for one in self.held if one.location.file_object is irp.location.file_object]
            self.found = len(mine)
            while self.held:
                self.release(STATUS_CANCELLED)
            return irp.complete()

        def dispatch_close(self, device: DeviceObject, irp: Irp) -> int:
            assert not self.held
            return irp.complete()

    driver = Tidy()
    device = system.load(driver)
    file, answers = open_device(device, "", READ), list[tuple[int, int]]()
    reader = threading.Thread(target=lambda: answers.append(requests.read(file, memoryview(bytearray(4)), 0)))
    system.io.reference(file)
    reader.start()
    driver.arrived.wait()
    close_file(file)
    reader.join()
    assert driver.found == 1 and answers == [(STATUS_CANCELLED, 0)]
    system.io.dereference(file)


# --- sharing ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def device(system: System) -> DeviceObject:
    (device,) = load_stack(system, Bottom())
    return device


READING, WRITING, DELETING = major.FILE_READ_DATA, major.FILE_WRITE_DATA, major.DELETE


@pytest.mark.parametrize(
    ("access", "share", "status"),
    [
        (READING, 1, STATUS_SUCCESS),
        (READING, 7, STATUS_SUCCESS),
        (READING, 0, STATUS_SHARING_VIOLATION),
        (WRITING, 7, STATUS_SHARING_VIOLATION),
        (DELETING, 7, STATUS_SHARING_VIOLATION),
        (major.FILE_READ_ATTRIBUTES, 0, STATUS_SUCCESS),
        (major.FILE_EXECUTE, 1, STATUS_SUCCESS),
        (major.FILE_APPEND_DATA, 7, STATUS_SHARING_VIOLATION),
    ],
)
def test_a_second_open_beside_a_reader_that_shares_reading(
    device: DeviceObject, access: int, share: int, status: int
) -> None:
    first, second, shared = FileObject(device, "", 0, 0), FileObject(device, "", 0, 0), ShareAccess()
    set_share_access(READING, major.FILE_SHARE_READ, first, shared)
    assert check_share_access(access, share, second, shared) == status
    assert (shared.open_count, shared.readers, shared.shared_read) == (1, 1, 1)
    assert (first.ReadAccess, first.WriteAccess, first.SharedRead, first.SharedDelete) == (True, False, True, False)


ACCESS = st.sampled_from([0, READING, WRITING, DELETING, READING | WRITING, READING | WRITING | DELETING])


@given(st.lists(st.tuples(ACCESS, st.integers(0, 7), st.booleans()), max_size=12))
def test_opens_get_along_exactly_when_each_shares_what_every_other_has(opens: list[tuple[int, int, bool]]) -> None:
    """Against the definition, with files closed again in between."""
    shared, there = ShareAccess(), list[tuple[int, int, FileObject]]()
    for access, share, leave in opens:
        file = FileObject.__new__(FileObject)
        file.shared_read = file.shared_write = file.shared_delete = False
        allowed = _bits(share)
        fits = not access or all(
            not (_kinds(access) - _bits(their_share)) and not (_kinds(their_access) - allowed)
            for their_access, their_share, _ in there
        )
        assert (check_share_access(access, share, file, shared) == STATUS_SUCCESS) == fits
        if fits:
            update_share_access(file, shared)
            if access:
                there.append((access, share, file))
        if leave and there:
            remove_share_access(there.pop(0)[2], shared)
        assert shared.open_count == len(there)
    for _, _, file in there:
        remove_share_access(file, shared)
    assert all(getattr(shared, name) == 0 for name in ShareAccess.__slots__)


def _kinds(access: int) -> set[str]:
    return {name for name, bit in (("r", READING), ("w", WRITING), ("d", DELETING)) if access & bit}


def _bits(share: int) -> set[str]:
    return {name for name, bit in (("r", 1), ("w", 2), ("d", 4)) if share & bit}
