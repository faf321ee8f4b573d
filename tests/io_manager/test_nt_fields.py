"""NT's names and ours are one field each, for every structure; a name costs its object nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ntio import FilterDriver, Irp, Stack, System
from ntio.driver_kit import DeviceObject, DriverObject, FileObject
from ntio.io_manager.file_object import CompletionContext
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.opening.create_parameters import CreateParameters
from ntio.io_manager.packet import location_fields, nt_fields
from ntio.io_manager.packet.irp import StackLocation
from ntio.kernel.nt_names import Alias, Group, Large, Part, View
from ntio.memory.mdl import Mdl

pytestmark = pytest.mark.row("R27")


class Keep(FilterDriver):
    """Keeps what it saw of one packet."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        here: Any = irp.location
        seen: Any = irp
        self.seen = [
            here.MajorFunction, here.Parameters.Read.Length, int(here.Parameters.Read.ByteOffset),
            here.DeviceObject is device, here.FileObject is here.file_object, seen.CurrentLocation, seen.StackCount,
        ]  # fmt: skip
        return irp.pass_down()


def names(kind: type) -> dict[str, Any]:
    """Every descriptor of a class of names."""
    return {name: value for name, value in vars(kind).items() if isinstance(value, (Alias, Group, Large))}


def live(system: System, top: DeviceObject) -> dict[type, Any]:
    """One object of each kind that carries names."""
    file = FileObject(top, "", 0, 0)
    return {
        nt_fields.IrpNames: system.io.irps.allocate(2),
        nt_fields.DeviceNames: top,
        nt_fields.DriverNames: top.driver,
        nt_fields.DriverExtensionNames: top.driver.extension,
        nt_fields.DeviceExtensionNames: top.extension,
        nt_fields.VpbNames: top.vpb,
        nt_fields.FileNames: file,
        nt_fields.IoStatusBlockNames: IoStatusBlock(),
        nt_fields.CompletionNames: CompletionContext(system, 3),
        location_fields.LocationNames: StackLocation(),
    }


@pytest.fixture
def objects(system: System) -> Any:
    """One object of each kind; the packet goes back at the end."""
    with Stack("ram_disk:size=4K,name=Disk0", system=system) as stack:
        found = live(system, stack.device)
        yield found
        system.io.irps.free(found[nt_fields.IrpNames])


def test_every_name_is_a_field_of_its_object(objects: dict[type, Any]) -> None:
    for kind, thing in objects.items():
        assert isinstance(thing, kind)
        for name, descriptor in names(kind).items():
            value = getattr(thing, name)
            if isinstance(descriptor, Alias):
                assert value == getattr(thing, descriptor.name), f"{kind.__name__}.{name}"


def test_every_member_of_a_view_is_a_field_of_its_object(objects: dict[type, Any]) -> None:
    def look(view: View) -> None:
        for name, descriptor in names(type(view)).items():
            value = getattr(view, name)
            if isinstance(descriptor, Group):
                look(value)

    packet, location = objects[nt_fields.IrpNames], objects[location_fields.LocationNames]
    location.argument = CreateParameters()
    for thing in (packet, location):
        for name, descriptor in names(nt_fields.IrpNames if thing is packet else location_fields.LocationNames).items():
            if isinstance(descriptor, Group) and name != "Tail":
                look(getattr(thing, name))


def test_names_take_no_place_in_an_object() -> None:
    for kind in (Irp, StackLocation, DeviceObject, DriverObject, FileObject):
        assert "__dict__" not in dir(kind)
        bases = [base for base in kind.__mro__ if base.__name__.endswith("Names")]
        assert bases and all(vars(base)["__slots__"] == () for base in bases)


def test_a_write_under_either_name_is_seen_under_the_other(objects: dict[type, Any]) -> None:
    irp, location = objects[nt_fields.IrpNames], objects[location_fields.LocationNames]
    irp.IoStatus.Status, irp.IoStatus.Information = 0xC0000001, 7
    assert (irp.status, irp.information) == (0xC0000001, 7)
    irp.Tail.Overlay.DriverContext[1] = "mine"
    assert irp.driver_context[1] == "mine"
    irp.Overlay.AsynchronousParameters.UserApcContext = 9
    assert irp.user_apc_context == 9
    irp.MdlAddress = mdl = Mdl(bytearray(10))
    assert irp.mdl is mdl
    irp.AssociatedIrp.IrpCount = 2
    assert irp.irp_count == 2
    location.Parameters.DeviceIoControl.IoControlCode = 0x222000
    assert location.control_code == 0x222000
    location.Parameters.Create.Options = 1 << 24 | 0x20
    location.Parameters.Create.ShareAccess, location.Parameters.Create.FileAttributes = 3, 0x80
    assert (location.key, location.byte_offset) == (1 << 24 | 0x20, 3 << 16 | 0x80)
    assert (location.Parameters.Create.ShareAccess, location.Parameters.Create.FileAttributes) == (3, 0x80)


def test_an_offset_has_its_two_halves(objects: dict[type, Any]) -> None:
    read = objects[location_fields.LocationNames].Parameters.Read
    read.ByteOffset = (5 << 32) + 6
    assert (read.ByteOffset.HighPart, read.ByteOffset.LowPart, read.ByteOffset.QuadPart) == (5, 6, (5 << 32) + 6)
    read.ByteOffset.LowPart = 9
    read.ByteOffset.HighPart = -1
    assert read.ByteOffset == (-1 << 32) + 9
    assert repr(read.ByteOffset) == hex((-1 << 32) + 9)
    assert hash(read.ByteOffset) == hash((-1 << 32) + 9)
    read.ByteOffset = 4
    assert bytes(range(8))[read.ByteOffset :] == bytes((4, 5, 6, 7))


def test_a_driver_sees_its_request_under_nt_names(system: System) -> None:
    keep = Keep()
    with Stack("ram_disk:size=4K", keep, system=system) as stack:
        stack.read(512, 1024)
    assert keep.seen == [3, 512, 1024, True, True, 2, 2]


def test_a_view_shows_its_members(objects: dict[type, Any]) -> None:
    assert repr(objects[nt_fields.IrpNames].IoStatus) == "<IrpStatus Status=0, Information=0>"
    assert isinstance(nt_fields.IrpStatus.Status, Part)
    assert isinstance(nt_fields.IrpNames.IoStatus, Group)
