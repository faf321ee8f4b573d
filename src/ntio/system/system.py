r"""A System: one machine of its own, with its namespace, its drivers, its packets and its HAL.

Nothing in ntio is global but the one default System (`default`); two Systems can live in one test. A new System has
`\Device\HostFiles` and, as `\??\C:`, a link to it; drivers that few programs need are loaded when their device is first
looked for, as `\Device\NamedPipe` is. Closing it unloads every driver and gives everything back.

Rows: R20, R23, R28
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from functools import cache, partial

from ..driver_kit import CreateParameters, DeviceObject, Driver, DriverObject
from ..drivers.host_files import HostFiles
from ..hal.choose import make_hal
from ..hal.machine import Hal
from ..hal.pinning import PinTable
from ..io_manager.codes import major
from ..io_manager.file_object import FileObject
from ..io_manager.loading import SERVICES_KEY, DriverEntry, Service
from ..io_manager.manager import IoManager
from ..io_manager.opening.open import open_device, open_path
from ..io_manager.packet.irp_pool import SIZES
from ..kernel.processor import Processors
from ..security.token import Token
from ..status import InvalidParameter, ObjectNameCollision, PlatformNotSupported, error_for, nt_success
from ..verifier.verifier import Verifier
from .closing import ClosedAfterUse
from .words import driver_name, make_driver

_READ, _WRITE = major.FILE_GENERIC_READ, major.FILE_GENERIC_WRITE | major.FILE_READ_ATTRIBUTES
_APPEND = _WRITE & ~major.FILE_WRITE_DATA

#: Drivers that are loaded when their device is first looked for.
_ON_DEMAND = {"\\Device\\NamedPipe": "named_pipes", "\\Device\\Afd": "sockets"}

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


class System(ClosedAfterUse):
    """One machine: a namespace, drivers, packets, and a HAL.

    `hal` is a `Hal`, one of the names "uring", "threads", "simulated", or None for the best this host allows;
    `processors` is how many the System believes to have; `lookaside_sizes` are the stack locations in a packet of its
    small, medium and large lookaside lists. `verify` has every driver checked at every step; a `Verifier`
    says how. `token` is who calls it, a local administrator when left out. Close it, or use it in a `with` statement.
    """

    def __init__(
        self,
        hal: Hal | str | None = None,
        *,
        processors: int | None = None,
        lookaside: bool = True,
        lookaside_sizes: tuple[int, int, int] = SIZES,
        verify: bool | Verifier = False,
        token: Token | None = None,
    ) -> None:
        self.hal = hal if isinstance(hal, Hal) else make_hal(hal)
        #: What checks the drivers, or None.
        self.verifier = verify if isinstance(verify, Verifier) else Verifier() if verify else None
        count = Processors(self.hal, processors or os.cpu_count() or 1)
        self.io = IoManager(
            self.hal, count, lookaside=lookaside, lookaside_sizes=lookaside_sizes, checks=self.verifier, token=token
        )
        self.pins = PinTable(self.hal.new_lock())
        self.namespace = self.io.namespace
        self._host_files = self.load(HostFiles())
        self.namespace.link("\\??\\C:", self._host_files.path)
        for path, word in _ON_DEMAND.items():
            self.namespace.provide(path, partial(self._load_word, word))
        self.namespace.link("\\??\\PIPE", "\\Device\\NamedPipe")
        self._closed = False

    def _load_word(self, word: str) -> None:
        self.load(make_driver(word))

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
            return self.add_device(driver, lower)
        except BaseException:
            self.io.unload(driver_object)
            raise

    def add_device(self, driver: Driver, lower: DeviceObject | None = None) -> DeviceObject:
        """Have a loaded driver make one more device, on top of `lower` for a filter; returns the device.

        Raises InvalidParameter when the driver is not one that can sit on something.
        NT: AddDevice
        """
        self.io.check_running()
        driver_object = driver.driver_object
        former = set(driver_object.devices())
        try:
            device = driver.add_device(lower)
            if lower is not None and device.lower is None:
                name = driver_name(type(driver))
                raise InvalidParameter(f"{name} is the bottom of a stack: it cannot be put on top of {lower!r}")
        except BaseException:
            for one in set(driver_object.devices()) - former:
                driver_object.retire_device(one)
                driver_object.drop_device(one)
            raise
        for one in set(driver_object.devices()) - former:
            one.flags &= ~major.DO_DEVICE_INITIALIZING
        if self.io.checks is not None:
            self.io.checks.added(device)
        return device

    def load_driver(self, name: str, entry: DriverEntry, *, file_system: bool = False) -> DriverObject:
        r"""Load a driver in the WDK's form: `entry` is its DriverEntry(driver_object, registry_path) -> NTSTATUS.

        The driver object is `\Driver\name`, or `\FileSystem\name`. Raises NtError: STATUS_IMAGE_ALREADY_LOADED, or what
        the entry returned; then nothing of it is left.
        NT: ZwLoadDriver
        """
        self.io.check_running()
        service = Service(name, entry, file_system)
        if self.io.loader.find_driver(service.registry_path) is None:
            self.io.services.register(service)
        return self.io.loader.load_service(service.registry_path)

    def unload_driver(self, name: str) -> bool:
        """Unload a driver that `load_driver` loaded; says whether it is gone, or that its unloading is pending.

        Raises NtError: STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INVALID_DEVICE_REQUEST when it has no Unload routine.
        NT: ZwUnloadDriver
        """
        self.io.check_running()
        path = f"{SERVICES_KEY}\\{name}"
        status = self.io.loader.unload_service(path)
        if not nt_success(status):
            raise error_for(status, f"cannot unload {name}")
        return self.io.loader.find_driver(path) is None

    def open_file_object(
        self, path: str | os.PathLike[str], mode: str, *, direct: bool = False, overlapped: bool = False
    ) -> FileObject:
        r"""Open a host path, or a path of the namespace when it starts with a backslash; raises NtError."""
        return self.create_file_object(path, create_parameters(mode, direct=direct, overlapped=overlapped))

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

    def impersonate(self, token: Token) -> AbstractContextManager[None]:
        """Have the calling thread open files and objects as another user, within a `with` statement.

        NT: ImpersonateLoggedOnUser
        """
        return self.io.subjects.impersonate(token)

    def close(self) -> None:
        """Unload every driver and give everything back. Idempotent."""
        if not self._closed:
            self._closed = True
            self.io.close()

    def __repr__(self) -> str:
        return f"<System on {self.hal.name}>"


@cache
def create_parameters(mode: str, *, direct: bool = False, overlapped: bool = False) -> CreateParameters:
    """What a mode such as "r+" asks for; raises InvalidParameter for one that is none."""
    plain = mode.replace("b", "", 1)
    if plain not in _MODES:
        raise InvalidParameter(f"mode {mode!r}: use one of {', '.join(_MODES)} (files are always bytes)")
    disposition, access = _MODES[plain]
    options = major.FILE_NON_DIRECTORY_FILE | (0 if overlapped else major.FILE_SYNCHRONOUS_IO_NONALERT)
    return CreateParameters(disposition, access, options | (major.FILE_NO_INTERMEDIATE_BUFFERING if direct else 0))
