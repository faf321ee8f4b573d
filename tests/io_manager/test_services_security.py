"""Descriptors of open files: the device's own, what a driver keeps for names below it, and drivers that keep none."""

from __future__ import annotations

import threading

import pytest

from made_up_drivers import load_stack
from ntio import DeviceObject, FilterDriver, Irp, System
from ntio.driver_kit import PENDING, CreateParameters, Driver, SecurityDescriptor, major, parse_sddl
from ntio.io_manager.opening.open import open_device
from ntio.object_manager.object_security import SecurityInformation, query_security, set_security
from ntio.security.access_mask import USER_MODE
from ntio.security.sddl import format_sddl
from ntio.status import STATUS_ACCESS_DENIED, STATUS_BUFFER_OVERFLOW, InvalidParameter
from ntio.testing.hal_tests import beside

pytestmark = pytest.mark.row("R20", "R21")

OWNER, DACL, ALL = SecurityInformation.OWNER, SecurityInformation.DACL, SecurityInformation(7)
ACCESS = major.READ_CONTROL | major.WRITE_DAC
LONG = "D:" + "(A;;FA;;;WD)" * 40


class Keeps(Driver):
    """Keeps one descriptor, for all names on it; `held` are the packets it has not answered."""

    def __init__(self, text: str = "O:BAG:SYD:(A;;FA;;;BA)", *, later: bool = False) -> None:
        self.descriptor = parse_sddl(text)
        self.asked: list[SecurityInformation] = []
        self.held: list[Irp] = []
        self.arrived = threading.Event()
        self._later = later

    def dispatch_query_security(self, device: DeviceObject, irp: Irp) -> int:
        self.asked.append(SecurityInformation(irp.location.length))
        if not self._later:
            return self.answer_security(irp, self.descriptor)
        irp.mark_pending()
        self.held.append(irp)
        self.arrived.set()
        return PENDING

    def dispatch_set_security(self, device: DeviceObject, irp: Irp) -> int:
        new = irp.location.key
        assert isinstance(new, SecurityDescriptor) and irp.location.length == DACL
        self.descriptor = new
        return irp.complete()


class Refuses(FilterDriver):
    """Lets nobody set anything."""

    def dispatch_set_security(self, device: DeviceObject, irp: Irp) -> int:
        return irp.complete(STATUS_ACCESS_DENIED)


class Grows(Driver):
    """Always wants more room."""

    def dispatch_query_security(self, device: DeviceObject, irp: Irp) -> int:
        return irp.complete(STATUS_BUFFER_OVERFLOW, irp.location.key + 1)


@pytest.fixture(params=[0, major.FILE_SYNCHRONOUS_IO_NONALERT], ids=["asynchronous", "synchronous"])
def options(request: pytest.FixtureRequest) -> int:
    """How the file is opened."""
    return int(request.param)


def opened(system: System, *drivers: Driver, options: int = 0) -> int:
    """A handle for a name on a stack of these drivers."""
    device = load_stack(system, *drivers)[0]
    file = open_device(device, "\\name", CreateParameters(access=ACCESS, options=options))
    return system.io.handles.insert(file, ACCESS)


def test_a_driver_answers_for_the_names_on_its_device(system: System, options: int) -> None:
    keeps, objects = Keeps(), system.io.objects
    handle = opened(system, keeps, FilterDriver(), options=options)
    assert format_sddl(query_security(objects, handle, OWNER)) == "O:BA"
    set_security(objects, handle, DACL, parse_sddl("O:SYD:(A;;GA;;;WD)"), USER_MODE)
    assert keeps.asked == [OWNER] and keeps.descriptor.dacl == parse_sddl("D:(A;;FA;;;WD)").dacl
    objects.close(handle)


def test_a_long_descriptor_is_asked_for_again_with_room(system: System, options: int) -> None:
    keeps, objects = Keeps(LONG), system.io.objects
    handle = opened(system, keeps, options=options)
    assert query_security(objects, handle, DACL).dacl == parse_sddl(LONG).dacl
    assert keeps.asked == [DACL, DACL]
    objects.close(handle)


def test_an_answer_may_come_later(system: System, options: int) -> None:
    keeps, objects, seen = Keeps(later=True), system.io.objects, list[str]()
    handle = opened(system, keeps, options=options)
    thread = beside(lambda: seen.append(format_sddl(query_security(objects, handle, ALL))))
    keeps.arrived.wait()
    keeps.answer_security(keeps.held.pop(), keeps.descriptor)
    thread.join()
    assert seen == ["O:BAG:SYD:(A;;FA;;;BA)"]
    objects.close(handle)


def test_files_of_a_driver_without_descriptors_are_everybodys(system: System, options: int) -> None:
    objects = system.io.objects
    handle = opened(system, Driver(), FilterDriver(), options=options)
    set_security(objects, handle, DACL, parse_sddl("D:P"))
    assert format_sddl(query_security(objects, handle, ALL)) == "O:WDG:WD"
    objects.close(handle)


def test_a_refusal_is_the_answer(system: System) -> None:
    objects = system.io.objects
    handle = opened(system, Keeps(), Refuses())
    with pytest.raises(PermissionError):
        set_security(objects, handle, DACL, parse_sddl("D:P"))
    objects.close(handle)


def test_a_descriptor_that_grows_for_ever_is_given_up(system: System) -> None:
    objects = system.io.objects
    handle = opened(system, Grows())
    with pytest.raises(InvalidParameter):
        query_security(objects, handle, OWNER)
    objects.close(handle)
