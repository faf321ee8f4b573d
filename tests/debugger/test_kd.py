"""What a kernel debugger prints: every field of row R27 is there, in WinDbg's layout, and the same as data."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ntio import FilterDriver, NtError, Stack, System
from ntio.debugger.breakpoint import Breakpoint
from ntio.debugger.kd import Debugger
from ntio.debugger.structures import OFFSETS
from ntio.driver_kit import DeviceObject, Irp
from ntio.io_manager.packet.nt_fields import DeviceNames, DriverNames

pytestmark = pytest.mark.row("R27", "R28")


class Pass(FilterDriver):
    """Passes reads down with a completion routine."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down(self.look)

    def look(self, device: DeviceObject, irp: Irp) -> None:
        """Nothing to do."""


@pytest.fixture
def stack(system: System) -> Iterator[Stack]:
    with Stack("ram_disk:size=64K,name=Disk0", Pass(), "log", system=system) as one:
        yield one


def test_devstack_marks_the_one_asked_for(stack: Stack) -> None:
    report = Debugger(stack.system).run(r"!devstack \Device\Disk0")
    lines = report.text.splitlines()
    assert lines[0].split() == ["!DevObj", "!DrvObj", "!DevExt", "ObjectName"]
    drivers = ["\\Driver\\log", "\\Driver\\pass", "\\Driver\\ram_disk"]
    assert [line.removeprefix(">").split()[1] for line in lines[1:]] == drivers
    assert lines[3].startswith("> ") and lines[3].endswith("Disk0")
    assert [one["Driver"] for one in report.data["Devices"]] == drivers


def test_the_packet_at_a_breakpoint(stack: Stack) -> None:
    reports = []

    def hit(irp: Irp) -> None:
        debugger = Debugger(stack.system, irp)
        reports.extend(debugger.run(command) for command in ("!irp", "!fileobj", "dt nt!_IRP @irp"))
        reports.append(debugger.run(f"!irp {reports[0].data['Irp']}"))
        reports.append(debugger.run(f"!devobj {reports[0].data['Locations'][0]['DeviceObject']}"))

    with Breakpoint(list(stack)[-1], hit) as stop:
        assert stack.read(512, 1024) == bytes(512)
    assert stop.reached
    irp, file, structure, again, device = reports
    assert irp.data == again.data
    assert irp.text.startswith("Irp is active with 3 stacks 1 is current (= 0x")
    current = irp.text.splitlines().index(">[IRP_MJ_READ(3), N/A(0)]")
    assert "Pass.look Success Error Cancel" in irp.text.splitlines()[current + 1]
    assert irp.data["Locations"][0]["Args"] == ["00000200", "00000000", "00000400", "00000000"]
    assert irp.data["Flags"] & 0x100 and "READ_OPERATION" in irp.text
    assert "Access: Read Write" in file.text and "FO_SYNCHRONOUS_IO" in file.text
    assert "+0x042 StackCount      : 0n3" in structure.text
    assert "\\Driver\\ram_disk" in device.text


def test_a_kept_packet_shows_its_cancel_routine_and_pending_mark(system: System) -> None:
    class Keep(FilterDriver):
        """Keeps a read."""

        kept: Irp

        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            irp.mark_pending()
            irp.set_cancel_routine(self.end)
            self.kept = irp
            return 0x103

        def end(self, device: DeviceObject, irp: Irp) -> None:
            irp.complete(0xC0000120)

    keep = Keep()
    with Stack("ram_disk:size=4K", keep, system=system) as stack:
        irp = system.io.irps.allocate(2)
        irp.next_location.major = 3
        irp.on_complete = irp.pool.free
        irp.send_to(stack.device)
        text = Debugger(system, irp).run("!irp").text
        assert "Cancel: FALSE, routine test_a_kept" in text and "Keep.end" in text
        assert "pending" in text.splitlines()[[line[:1] for line in text.splitlines()].index(">") + 1]
        described = irp.describe()
        assert "cancel routine" in described and "at 2" in described and "control 0x01  pending" in described
        irp.set_cancel_routine(None)
        irp.complete(0xC0000120)


def test_every_field_of_drivers_and_devices_is_shown(stack: Stack) -> None:
    debugger = Debugger(stack.system)
    for structure, what, kind in (("_DEVICE_OBJECT", "Disk0", DeviceNames), ("_DRIVER_OBJECT", "pass", DriverNames)):
        report = debugger.run(f"dt nt!{structure} {what}")
        shown = [field["Name"] for field in report.data["Fields"]]
        named = [name for name, value in vars(kind).items() if name[0].isupper() and hasattr(value, "__set__")]
        assert shown == named
        assert all(f" {name} " in report.text for name in named)
        assert list(OFFSETS[structure].values()) == sorted(OFFSETS[structure].values())


def test_drvobj_lists_the_routines(stack: Stack) -> None:
    report = Debugger(stack.system).run("!drvobj pass 7")
    assert report.data["MajorFunction"]["IRP_MJ_READ"] == "Pass.dispatch_read"
    assert len(report.data["MajorFunction"]) == 28
    assert "[03] IRP_MJ_READ" in report.text and "DRVO_INITIALIZED" in report.text


def test_devobj_shows_the_neighbours(stack: Stack) -> None:
    report = Debugger(stack.system).run("!devobj pass")
    assert report.data["AttachedDevice"]["Driver"] == "\\Driver\\log"
    assert report.data["AttachedTo"]["Name"] == "Disk0"
    assert "Device queue is not busy." in report.text


def test_object_walks_the_namespace(stack: Stack) -> None:
    debugger = Debugger(stack.system)
    report = debugger.run(r"!object \Device")
    assert {"Disk0", "HostFiles"} <= {entry["Name"] for entry in report.data["Entries"]}
    disk = next(entry for entry in report.data["Entries"] if entry["Name"] == "Disk0")
    assert debugger.run(f"!object {disk['Object']}").data["Type"] == "Device"
    assert "Target String is '\\Device\\HostFiles'" in debugger.run(r"!object \GLOBAL??\C:").text
    assert debugger.run("!object").data["Name"] == "\\"


def test_handle_lists_what_is_open(stack: Stack) -> None:
    system = stack.system
    debugger = Debugger(system)
    assert debugger.run("!handle").text == "no open handles"
    handle = system.io.handles.insert(system.open_file_object(r"\Device\Disk0", "r"))
    report = debugger.run("!handle")
    assert [one["Handle"] for one in report.data["Handles"]] == [handle]
    assert debugger.run(f"!handle {handle:x}").text.startswith(f"{handle:04x}: Object: ")
    assert "\\Driver\\ram_disk" in debugger.run(f"!fileobj {handle:x}").text
    system.io.handles.close(handle)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("!nothing", "no command '!nothing'; there are !irp"),
        ("", "no command ''"),
        ("!irp", "no packet is at a breakpoint"),
        ("!irp 12", "no packet has the address 12"),
        ("!devobj None", "no device is called None"),
        ("!devobj", "give one device"),
        ("!drvobj None", "no driver is called None"),
        (r"!object \None", "nothing is called"),
        ("!handle zz", "is no hexadecimal number"),
        ("!handle 999", "999 is no open handle"),
        ("!fileobj 999", "no file is called 999"),
        ("dt _IRP", "give a structure and what to show"),
        ("dt _EPROCESS x", "no structure _EPROCESS"),
    ],
)
def test_a_mistake_is_answered_with_what_is_wrong(command: str, complaint: str) -> None:
    with System("simulated") as system, pytest.raises(NtError) as caught:
        Debugger(system).run(command)
    assert complaint in str(caught.value)


def test_a_report_is_plain_data(stack: Stack) -> None:
    debugger = Debugger(stack.system)
    for command in ("!devobj Disk0", "!devstack Disk0", "!drvobj log", r"!object \Device", "!handle"):
        report = debugger.run(command)
        assert json.loads(json.dumps(report.data)) == report.data
