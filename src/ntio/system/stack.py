"""Device stacks put together from drivers, bottom first.

    with Stack("ram_disk:size=1M", "log", MyFilter()) as disk:
        disk.write(b"...", offset=0)

A layer is a word (`words`) or a driver instance. The stack has a System of its own unless one is given; closing the
stack unloads its drivers.

Rows: R15
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from ..driver_kit import CreateParameters, DeviceObject, Driver, FileObject
from ..hal.machine import Hal
from ..io_manager.bypass import Bypass
from ..io_manager.opening.open import open_device
from ..status import InvalidParameter
from ..verifier.verifier import Verifier
from .closing import ClosedAfterUse
from .file import File
from .system import System, create_parameters
from .words import make_driver


class Stack(ClosedAfterUse):
    """A stack of drivers, bottom first, opened for reading and writing.

    `system` is a System to build it in; `hal` and `verify` are those of a System of its own.
    """

    def __init__(
        self,
        *layers: str | Driver,
        system: System | None = None,
        hal: Hal | str | None = None,
        verify: bool | Verifier = False,
    ) -> None:
        if not layers:
            raise InvalidParameter("a stack needs at least a bottom driver, such as 'ram_disk:size=1M'")
        self.system = system or System(hal, verify=verify)
        self._devices: list[DeviceObject] = []
        try:
            drivers = [layer if isinstance(layer, Driver) else make_driver(layer) for layer in layers]
            for driver in drivers:
                self._devices.append(self.system.load(driver, self._devices[-1] if self._devices else None))
            self._file = self.open()
        except BaseException:
            self._dismantle(self.system, self._devices, system is None)
            raise
        self._finalizer = weakref.finalize(self, self._dismantle, self.system, self._devices, system is None)

    @property
    def device(self) -> DeviceObject:
        """The device at the top."""
        return self._devices[-1]

    @property
    def drivers(self) -> list[Driver]:
        """The drivers, bottom first."""
        return [device.driver.code for device in self._devices]  # type: ignore[misc]

    def open(self, mode: str = "r+", *, overlapped: bool = False) -> File:
        """Open the stack once more; each open is a file object of its own, `overlapped` as `ntio.open` says."""
        self.system.io.check_running()
        name = self.device.path or self.device.driver.name
        return File(self.system, self._open(create_parameters(mode, overlapped=overlapped), name), name)

    def _open(self, parameters: CreateParameters, name: str) -> FileObject:
        return open_device(self._devices[0], "", parameters, shown=name)

    def read(self, n: int, offset: int) -> bytes:
        """Up to n bytes at `offset`. Raises NtError."""
        return self._file.read(n, offset)

    def read_into(self, buffer: Any, offset: int) -> int:
        """Read into a buffer at `offset`; how many bytes. Raises NtError."""
        return self._file.read_into(buffer, offset)

    def write(self, data: Any, offset: int) -> int:
        """Write at `offset`; how many bytes. Raises NtError."""
        return self._file.write(data, offset)

    def flush(self) -> None:
        """Put everything written on the device. Raises NtError."""
        self._file.flush()

    def control(self, code: int, input: Any = b"", output_length: int = 0) -> bytes:
        """Send a control code with input bytes; the answer, at most `output_length` bytes. Raises NtError."""
        return self._file.control(code, input, output_length)

    @property
    def size(self) -> int:
        """How many bytes the bottom device has."""
        return self._file.size

    @property
    def bypass(self) -> Bypass:
        """Whether reads and writes pass the drivers by, and who wants to see them if not."""
        return self._file.bypass

    @property
    def file(self) -> File:
        """The file this stack's own reads and writes are made on; rings take it."""
        return self._file

    def close(self) -> None:
        """Close the stack's file and unload its drivers, top first. Idempotent."""
        if self._finalizer.alive:
            self._file.close()
            self._finalizer()

    @staticmethod
    def _dismantle(system: System, devices: list[DeviceObject], own: bool) -> None:
        for device in reversed(devices):
            system.io.unload(device.driver)
        devices.clear()
        if own:
            system.close()

    def __iter__(self) -> Iterator[DeviceObject]:
        """The devices, top first."""
        return reversed(self._devices)
