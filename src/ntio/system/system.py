r"""A System: one machine of its own, with its namespace, its drivers, its packets and its HAL.

Nothing in ntio is global but the one default System (`default`); two Systems can live in one test. A new System has
`\Device\HostFiles` and, as `\??\C:`, a link to it. Closing it unloads every driver and gives everything back.

Rows: R20, R23, R28
"""

from __future__ import annotations

import os
from types import TracebackType

from ..driver_kit import CreateParameters, DeviceObject, Driver
from ..drivers.host_files import HostFiles
from ..hal.choose import make_hal
from ..hal.machine import Hal
from ..hal.pinning import PinTable
from ..io_manager import major
from ..io_manager.file_object import FileObject
from ..io_manager.manager import IoManager
from ..io_manager.open import open_device, open_path
from ..kernel.processor import Processors
from ..status import InvalidParameter, ObjectNameCollision, PlatformNotSupported
from .words import driver_name

_READ, _WRITE, _APPEND = major.FILE_READ_DATA, major.FILE_WRITE_DATA, major.FILE_APPEND_DATA

#: What each mode of `open` asks for: disposition and access.
_MODES = {
    "r": (major.FILE_OPEN, _READ),
    "r+": (major.FILE_OPEN, _READ | _WRITE),
    "w": (major.FILE_OVERWRITE_IF, _WRITE),
    "w+": (major.FILE_OVERWRITE_IF, _READ | _WRITE),
    "x": (major.FILE_CREATE, _WRITE),
    "x+": (major.FILE_CREATE, _READ | _WRITE),
    "a": (major.FILE_OPEN_IF, _APPEND),
    "a+": (major.FILE_OPEN_IF, _READ | _APPEND),
}


class System:
    """One machine: a namespace, drivers, packets, and a HAL.

    `hal` is a `Hal`, one of the names "uring", "threads", "simulated", or None for the best this host allows;
    `processors` is how many the System believes to have. Close it, or use it in a `with` statement.
    """

    def __init__(self, hal: Hal | str | None = None, *, processors: int | None = None, lookaside: bool = True) -> None:
        self.hal = hal if isinstance(hal, Hal) else make_hal(hal)
        self.io = IoManager(self.hal, Processors(self.hal, processors or os.cpu_count() or 1), lookaside=lookaside)
        self.pins = PinTable(self.hal.new_lock())
        self.namespace = self.io.namespace
        self._host_files = self.load(HostFiles())
        self.namespace.link("\\??\\C:", self._host_files.path)
        self._closed = False

    def load(self, driver: Driver, lower: DeviceObject | None = None) -> DeviceObject:
        r"""Load a driver and make its device, on top of `lower` for a filter; returns the device.

        The driver object is `\Driver\name`, with `#2` and so on for further ones of the same class.
        """
        self.io.check_running()
        driver_object = None
        name, number = driver_name(type(driver)), 1
        while driver_object is None:
            try:
                driver_object = self.io.load(name, driver, driver.driver_entry)
            except ObjectNameCollision:
                if self.namespace.find(f"\\Driver\\{name}") is None:
                    raise  # it was not this name: the driver's entry met a collision of its own
                number += 1
                name = f"{driver_name(type(driver))}#{number}"
        try:
            device = driver.add_device(lower)
        except BaseException:
            self.io.unload(driver_object)
            raise
        device.flags &= ~major.DO_DEVICE_INITIALIZING
        return device

    def open_file_object(self, path: str | os.PathLike[str], mode: str, *, direct: bool = False) -> FileObject:
        r"""Open a host path, or a path of the namespace when it starts with a backslash; raises NtError."""
        return self.create_file_object(path, create_parameters(mode, direct=direct))

    def create_file_object(self, path: str | os.PathLike[str], parameters: CreateParameters) -> FileObject:
        """Open a path in the way that disposition, access and options say; raises NtError.

        NT: NtCreateFile
        """
        self.io.check_running()
        text = os.fsdecode(path)
        if text.startswith("\\"):
            return open_path(self.io, text, parameters)
        if self.hal.no_host_files:
            raise PlatformNotSupported(self.hal.no_host_files, filename=text)
        if "\0" in text:
            raise InvalidParameter("a path cannot contain a NUL character", filename=text)
        return open_device(self._host_files, os.path.abspath(text), parameters, shown=text)

    def close(self) -> None:
        """Unload every driver and give everything back. Idempotent."""
        if not self._closed:
            self._closed = True
            self.io.close()

    def __enter__(self) -> System:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<System on {self.hal.name}>"


def create_parameters(mode: str, *, direct: bool = False) -> CreateParameters:
    """What a mode such as "r+" asks for; raises InvalidParameter for one that is none."""
    plain = mode.replace("b", "", 1)
    if plain not in _MODES:
        raise InvalidParameter(f"mode {mode!r}: use one of {', '.join(_MODES)} (files are always bytes)")
    disposition, access = _MODES[plain]
    return CreateParameters(disposition, access, major.FILE_NO_INTERMEDIATE_BUFFERING if direct else 0)
