"""Group H, files: what their drivers hear of opens, duplicates and closes, and what their names are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ntio import DeviceObject, Driver, Irp, System
from ntio.driver_kit import FileFacts, major
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.opening.create_parameters import CreateParameters
from ntio.io_manager.opening.open import create_file
from ntio.object_manager.naming import NAME_HEADER, NameAnswer
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_DEVICE_NOT_READY,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_IMPLEMENTED,
    STATUS_SUCCESS,
    status_name,
)

Observed = Callable[[str], None]

PATH = "\\Device\\Winetest\\subfile"


class Names(Driver):
    """Keeps a diary of majors; answers FileNameInformation with the file's own name, or with the status `answer`."""

    def __init__(self, answer: int = STATUS_SUCCESS) -> None:
        self.diary: list[str] = []
        self.answer = answer

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        return self.create_device("\\Device\\Winetest")

    def _note(self, device: DeviceObject, irp: Irp) -> int:
        self.diary.append(major.MAJOR_NAMES[irp.location.major])
        return irp.complete()

    dispatch_create = dispatch_cleanup = dispatch_close = _note

    def dispatch_query_information(self, device: DeviceObject, irp: Irp) -> int:
        assert irp.location.argument == major.FILE_NAME_INFORMATION_CLASS and irp.flags & major.IRP_OB_QUERY_NAME
        if self.answer:
            return irp.complete(self.answer)
        assert irp.location.file_object is not None
        return FileFacts(irp.location.file_object.file_name).answer(irp)


def opened(system: System, driver: Names, path: str = PATH) -> int:
    """A handle of a file on the driver's device."""
    if not hasattr(driver, "driver_object"):
        system.load(driver)
    status, handle = create_file(system.io, path, CreateParameters(access=major.FILE_GENERIC_READ))
    assert status == STATUS_SUCCESS
    return handle


def name_of(system: System, handle: int, length: int = 1000) -> NameAnswer:
    """What a query for the object name of a handle gives."""
    found: Any = system.io.handles.reference(handle, FileObject)
    return system.io.objects.query_name(found, length)


@pytest.mark.row("R20", "R21")
def test_case_86_create_duplicate_close(system: System, observed: Observed) -> None:
    """A file is opened twice, one handle is duplicated, all are closed: one CREATE each, none for the duplicate, CLEANUP and CLOSE after the last handle of each."""  # noqa: E501
    driver, handles = Names(), system.io.handles
    first, second = opened(system, driver), opened(system, driver)
    assert driver.diary == ["CREATE", "CREATE"]
    copy = handles.duplicate(first)
    assert driver.diary == ["CREATE", "CREATE"] and handles.reference(copy, FileObject) is not None
    handles.close(first)
    assert driver.diary == ["CREATE", "CREATE"]
    handles.close(copy)
    assert driver.diary[2:] == ["CLEANUP", "CLOSE"]
    handles.close(second)
    assert driver.diary[4:] == ["CLEANUP", "CLOSE"]
    observed(", ".join(driver.diary))


@pytest.mark.row("R20")
@pytest.mark.parametrize("path", [PATH, "\\Device\\Winetest"])
def test_case_88_name_is_the_devices_and_the_files(system: System, observed: Observed, path: str) -> None:
    """The object name of a file whose driver answers FileNameInformation: the device's name, then the driver's answer."""  # noqa: E501
    handle = opened(system, Names(), path)
    answer = name_of(system, handle)
    assert answer == NameAnswer(STATUS_SUCCESS, path, NAME_HEADER + 2 * len(path) + 2)
    system.io.handles.close(handle)
    observed(f"{status_name(answer.status)}, {answer.name}")


@pytest.mark.row("R20")
@pytest.mark.parametrize(
    "refusal", [STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_IMPLEMENTED, STATUS_INVALID_PARAMETER], ids=status_name
)
def test_case_88_driver_that_knows_no_names(system: System, observed: Observed, refusal: int) -> None:
    """The driver answers INVALID_DEVICE_REQUEST, NOT_IMPLEMENTED or INVALID_PARAMETER: the device's name only."""
    handle = opened(system, Names(refusal))
    answer = name_of(system, handle)
    assert (answer.status, answer.name) == (STATUS_SUCCESS, "\\Device\\Winetest")
    system.io.handles.close(handle)
    observed(f"{status_name(answer.status)}, {answer.name}")


@pytest.mark.row("R20")
@pytest.mark.parametrize("failure", [STATUS_DEVICE_NOT_READY, STATUS_ACCESS_DENIED], ids=status_name)
def test_case_88_other_failures(system: System, observed: Observed, failure: int) -> None:
    """The driver answers with any other failure: that is the answer."""
    handle = opened(system, Names(failure))
    answer = name_of(system, handle)
    assert (answer.status, answer.name) == (failure, "")
    system.io.handles.close(handle)
    observed(status_name(answer.status))


@pytest.mark.row("R20")
def test_case_89_one_character_short(system: System, observed: Observed) -> None:
    """A query for the name with room for one character less: BUFFER_OVERFLOW, and the full size."""
    handle = opened(system, Names())
    full = name_of(system, handle).required
    answer = name_of(system, handle, full - 2)
    assert (answer.status, answer.required) == (STATUS_BUFFER_OVERFLOW, full)
    assert name_of(system, handle, full).status == STATUS_SUCCESS
    assert name_of(system, handle, 0).status == STATUS_INFO_LENGTH_MISMATCH
    system.io.handles.close(handle)
    observed(f"{status_name(answer.status)}, size {answer.required}")
