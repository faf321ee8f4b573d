r"""What a kernel debugger prints of a System: `!irp`, `!devobj`, `!devstack`, `!drvobj`, `!object`, `!handle` ...

    print(Debugger(system).run(r"!devstack \Device\Disk0").text)

    !irp ADDRESS            a packet, location by location; without address the packet at the breakpoint
    !devobj DEVICE          a device                          !devstack DEVICE   its stack, top first
    !drvobj DRIVER          a driver, its devices, its routines
    !object PATH            an object of the namespace        !handle [NUMBER]   open handles
    !fileobj ADDRESS        an open file                      dt STRUCTURE WHAT  every field of one, with its offset

A device is given by its path, by its name in \Device, or by the driver that made it; anything that was printed before
by its address. Addresses are made up, in the order in which a debugger meets objects, so that the same commands print
the same text; they mean something to that debugger alone.

The layouts are WinDbg's, as its public pages show them; the fields are `nt_fields`. What a routine is called stands in
the place of its address.

Source: learn.microsoft.com windows-hardware/drivers/debuggercmds; spec iomgr.md 8. Rows: R27, R28
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ..driver_kit import DeviceObject, DriverObject, FileObject, Irp
from ..object_manager.namespace import Directory
from ..status import InvalidParameter
from ..system.system import System
from .addresses import Addresses
from .kd_objects import device_data, driver_data, file_data, handles_data, object_data, stack_data
from .kd_packet import packet_data
from .kd_text import draw_device, draw_driver, draw_file, draw_handles, draw_object, draw_packet, draw_stack
from .structures import draw_structure, structure_data

Data = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What one command found: as data under NT's names, and as text."""

    command: str
    data: Data
    text: str


class Debugger:
    """Looks at one System; `packet` is what `!irp` shows when it is given no address.

    NT: WinDbg's kernel extensions
    """

    def __init__(self, system: System, packet: Irp | None = None) -> None:
        self.system = system
        self.packet = packet
        self.addresses = Addresses()

    def run(self, command: str) -> Report:
        r"""What a command such as `!devstack \Device\Disk0` prints; raises InvalidParameter that says what is wrong."""
        words = shlex.split(command.replace("\\", "\\\\"))
        if not words or words[0] not in COMMANDS:
            raise InvalidParameter(f"no command {command!r}; there are {', '.join(COMMANDS)}")
        data, text = COMMANDS[words[0]](self, words[1:])
        return Report(command, data, text)

    def device(self, name: str) -> DeviceObject:
        r"""The device of an address, a path, a name in \Device, or a driver's newest one."""
        found: DeviceObject | None = self._find(name, DeviceObject, "\\Device\\")
        if found is None:
            driver: DriverObject | None = self._find(name, DriverObject, "\\Driver\\")
            found = None if driver is None else driver.device
        if found is None:
            raise InvalidParameter(f"no device is called {name}")
        return found

    def driver(self, name: str) -> DriverObject:
        r"""The driver of an address, a path, or a name in \Driver."""
        found: DriverObject | None = self._find(name, DriverObject, "\\Driver\\")
        if found is None:
            raise InvalidParameter(f"no driver is called {name}")
        return found

    def find_packet(self, name: str) -> Irp:
        """The packet of an address, or the one at the breakpoint."""
        found = self.addresses.find(name) if name else self.packet
        if not isinstance(found, Irp):
            raise InvalidParameter(f"no packet has the address {name}" if name else "no packet is at a breakpoint")
        return found

    def file(self, name: str) -> FileObject:
        """The file of an address or a handle, or the one of the packet at the breakpoint."""
        found: Any = self.addresses.find(name) if name else None
        if found is None and name:
            found = self.system.io.handles.find(number(name), FileObject)
        if not name and self.packet is not None:
            found = next((at.file_object for at in self.packet.locations if at.file_object is not None), None)
        if not isinstance(found, FileObject):
            raise InvalidParameter(f"no file is called {name or 'nothing'}")
        return found

    def _find(self, name: str, kind: type[Any], folder: str) -> Any:
        found = self.addresses.find(name)
        if found is None:
            found = self.system.namespace.find(name if name.startswith("\\") else folder + name)
        return found if isinstance(found, kind) else None


def number(text: str) -> int:
    """A number as a debugger reads it: hexadecimal; raises InvalidParameter."""
    try:
        return int(text.replace("`", ""), 16)
    except ValueError:
        raise InvalidParameter(f"{text!r} is no hexadecimal number") from None


def _only(words: list[str], what: str, *, optional: bool = False) -> str:
    if len(words) > 1 or not (words or optional):
        raise InvalidParameter(f"give {what}")
    return words[0] if words else ""


def _irp(debugger: Debugger, words: list[str]) -> tuple[Data, str]:
    data = packet_data(debugger.find_packet(_only(words, "one address", optional=True)), debugger.addresses)
    return data, draw_packet(data)


def _devobj(debugger: Debugger, words: list[str]) -> tuple[Data, str]:
    data = device_data(debugger.device(_only(words, "one device")), debugger.addresses)
    return data, draw_device(data)


def _devstack(debugger: Debugger, words: list[str]) -> tuple[Data, str]:
    data = stack_data(debugger.device(_only(words, "one device")), debugger.addresses)
    return data, draw_stack(data)


def _drvobj(debugger: Debugger, words: list[str]) -> tuple[Data, str]:
    data = driver_data(debugger.driver(_only(words[:1], "one driver")), debugger.addresses)
    return data, draw_driver(data)


def _object(debugger: Debugger, words: list[str]) -> tuple[Data, str]:
    path = _only(words, "one path", optional=True) or "\\"
    found = debugger.addresses.find(path) or debugger.system.namespace.find(path)
    if found is None:
        raise InvalidParameter(f"nothing is called {path}")
    data = object_data(found, debugger.addresses, list(found) if isinstance(found, Directory) else [])
    return data, draw_object(data)


def _handle(debugger: Debugger, words: list[str]) -> tuple[Data, str]:
    wanted = _only(words, "one handle", optional=True)
    data = handles_data(debugger.system.io.handles, debugger.addresses, number(wanted) if wanted else None)
    if wanted and not data["Handles"]:
        raise InvalidParameter(f"{wanted} is no open handle")
    return data, draw_handles(data)


def _fileobj(debugger: Debugger, words: list[str]) -> tuple[Data, str]:
    data = file_data(debugger.file(_only(words, "one file", optional=True)), debugger.addresses)
    return data, draw_file(data)


def _dt(debugger: Debugger, words: list[str]) -> tuple[Data, str]:
    if len(words) != 2:
        raise InvalidParameter("give a structure and what to show, as in: dt _DEVICE_OBJECT Disk0")
    find: Mapping[str, Callable[[str], Any]] = {
        "_DEVICE_OBJECT": debugger.device, "_DRIVER_OBJECT": debugger.driver, "_FILE_OBJECT": debugger.file,
        "_IRP": debugger.find_packet,
    }  # fmt: skip
    name = words[0].removeprefix("nt!").upper()
    if name not in find:
        raise InvalidParameter(f"no structure {words[0]}; there are {', '.join(find)}")
    data = structure_data(name, find[name](words[1].removeprefix("@irp")), debugger.addresses)
    return data, draw_structure(data)


Command = Callable[[Debugger, list[str]], tuple[Data, str]]
#: Every command and what runs it.
COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "!irp": _irp, "!devobj": _devobj, "!devstack": _devstack, "!drvobj": _drvobj, "!object": _object,
        "!handle": _handle, "!fileobj": _fileobj, "dt": _dt,
    }
)  # fmt: skip
