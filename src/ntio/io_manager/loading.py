r"""How drivers come and go.

    load            a driver object appears in \Driver, its entry routine fills it, the empty slots are filled
                    a failure: the object and everything it has made are gone
    unload          everything it has is taken away: the Unload routine runs, its devices go, the object goes

There are two ways to unload. `unload` is the friendly one, and the stronger: nothing new reaches the driver from then
on, whatever is open or attached; files that outlive it can only be closed. `unload_driver` is NT's: while one of its
devices is open or attached to, the unloading only *pends*: nothing more can be opened, and the last close or detach
completes it.

Requests that the driver has hold back both, and so do files that are closed while something is in flight on them: its
Unload routine runs when the last of them is gone, perhaps later, on the thread that completed it. So a driver may give
back in that routine what its requests use; what it keeps waiting it ends when its cleanup routine is called, not in
Unload. Closing a System waits for nobody: then Unload runs in any case.

A driver in the WDK's form is a function `DriverEntry(driver, registry_path) -> NTSTATUS`. It is loaded by the path of
its service in the registry, of which `Services` keeps what loading needs: the entry routine, and where the object goes.

Source: spec iomgr.md 3.1, 3.2; WDK ZwLoadDriver, ZwUnloadDriver, "Writing an Unload Routine". Rows: R22, R23
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..object_manager.namespace import Directory
from ..status import (
    STATUS_IMAGE_ALREADY_LOADED,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
    error_for,
    nt_success,
)
from .codes.device_codes import (
    DOE_DELETE_PENDING,
    DOE_REMOVE_PENDING,
    DOE_UNLOAD_PENDING,
    DRVO_REINIT_REGISTERED,
    DRVO_UNLOAD_INVOKED,
)
from .device import DeviceObject
from .driver import DriverCode, DriverObject, going

if TYPE_CHECKING:
    from .bypass import HostTarget
    from .file_object import FileObject
    from .manager import IoManager
    from .packet.irp import Irp

#: Where the registry keeps services; a driver's path is this, a backslash and its name.
SERVICES_KEY = "\\Registry\\Machine\\System\\CurrentControlSet\\Services"

#: The entry routine of a driver in the WDK's form.
DriverEntry = Callable[[DriverObject, str], int]


class PlainCode:
    """What the I/O manager asks of a driver that is plain functions: its devices want to see the data."""

    def bypass_veto(self, device: DeviceObject) -> str:
        """A filter of this kind may do anything with the data."""
        return "has routines of its own" if device.lower is not None else ""

    def bypass_target(self, device: DeviceObject, file_object: FileObject) -> HostTarget | None:
        """There is no host file behind it."""
        return None


@dataclass(frozen=True)
class Service:
    """A driver that can be loaded: its name, its entry routine, and whether it is a file system."""

    name: str
    entry: DriverEntry
    file_system: bool = False

    @property
    def registry_path(self) -> str:
        """The path of its key in the registry."""
        return f"{SERVICES_KEY}\\{self.name}"

    @property
    def object_path(self) -> str:
        """The name its driver object has while it is loaded."""
        return f"\\{'FileSystem' if self.file_system else 'Driver'}\\{self.name}"


class Services:
    """The services of one System by the path of their key, in any case."""

    def __init__(self) -> None:
        self._services: dict[str, Service] = {}

    def register(self, service: Service) -> Service:
        """Make a driver known under its path, instead of one that was known there."""
        self._services[service.registry_path.casefold()] = service
        return service

    def find(self, registry_path: str) -> Service | None:
        """The service of that path, or None."""
        return self._services.get(registry_path.casefold())


class Loader:
    """Loads and unloads the drivers of one System, and finishes what had to wait: deletions and unloading."""

    def __init__(self, io: IoManager) -> None:
        self.io = io
        #: The loaded drivers, oldest first.
        self.drivers: list[DriverObject] = []
        self.services = Services()
        self._lock = io.hal.new_lock()
        #: Drivers whose unloading waits for files, attached devices or requests.
        self._pending: list[DriverObject] = []
        self._device_names = 0

    # --- loading ----------------------------------------------------------------------------------------------------

    def load(self, path: str, code: DriverCode, entry: Callable[[DriverObject], Any]) -> DriverObject:
        """Make a driver object of that path, have `entry` fill it, and finish its tables.

        Raises ObjectNameCollision when a driver of that name is loaded. An entry that raises leaves nothing behind.
        NT: IoCreateDriver
        """
        driver = DriverObject(self.io, code, entry)
        self.io.namespace.insert(path, driver)
        driver.extension.service_key_name = driver.name
        self.drivers.append(driver)
        try:
            entry(driver)
            driver.finish_initialization()
            self._reinitialize(driver)
        except BaseException:
            self._take_off(driver)
            self._forget(driver)
            raise
        return driver

    def load_service(self, registry_path: str) -> DriverObject:
        """Load the driver whose service has that path.

        Raises NtError: STATUS_OBJECT_NAME_NOT_FOUND for a path of nothing, STATUS_IMAGE_ALREADY_LOADED, or the status
        that the entry routine returned, in which case the driver and everything it has made are gone.
        NT: ZwLoadDriver
        """
        service = self.services.find(registry_path)
        if service is None:
            raise error_for(STATUS_OBJECT_NAME_NOT_FOUND, "no service has that path", registry_path)
        if self.find_driver(registry_path) is not None:
            raise error_for(STATUS_IMAGE_ALREADY_LOADED, "the driver is loaded", service.object_path)

        def enter(driver: DriverObject) -> None:
            driver.driver_init = service.entry
            driver.driver_section = service.entry.__module__
            status = service.entry(driver, service.registry_path)
            if not isinstance(status, int):
                raise TypeError(f"DriverEntry of {service.name} returned {status!r}, which is no NTSTATUS")
            if not nt_success(status):
                raise error_for(status, "the entry routine failed", service.object_path)

        return self.load(service.object_path, PlainCode(), enter)

    def _reinitialize(self, driver: DriverObject) -> None:
        waiting = driver.extension.reinitializations
        while waiting:
            routine, context = waiting.pop(0)
            driver.flags &= ~DRVO_REINIT_REGISTERED
            driver.extension.count += 1
            routine(driver, context, driver.extension.count)

    def next_device_name(self) -> str:
        """The next name for a device that wants any."""
        with self._lock:
            self._device_names += 1
            return f"\\Device\\{self._device_names:08x}"

    # --- unloading --------------------------------------------------------------------------------------------------

    def unload(self, driver: DriverObject) -> bool:
        """Unload a driver whatever is open on it or attached to it; says whether it is gone.

        It is not while it has requests: nothing new reaches it, and the last of them completes the unloading.
        """
        if driver not in self.drivers:
            return True
        self._take_off(driver)
        return self._pend_or_finish(driver)

    def unload_driver(self, driver: DriverObject) -> int:
        """Unload a driver as soon as nothing needs it; STATUS_SUCCESS, be it only pending then.

        STATUS_INVALID_DEVICE_REQUEST for a driver that has no Unload routine, or is unloaded.
        NT: IopUnloadDriver
        """
        if driver.unload is None or driver.flags & DRVO_UNLOAD_INVOKED:
            return STATUS_INVALID_DEVICE_REQUEST
        for device in driver.devices():
            device.extension.flags |= DOE_UNLOAD_PENDING
        self._pend_or_finish(driver)
        return STATUS_SUCCESS

    def unload_service(self, registry_path: str) -> int:
        """Unload the driver whose service has that path; STATUS_OBJECT_NAME_NOT_FOUND when none is loaded.

        NT: ZwUnloadDriver
        """
        driver = self.find_driver(registry_path)
        return STATUS_OBJECT_NAME_NOT_FOUND if driver is None else self.unload_driver(driver)

    def finish_all(self) -> None:
        """Complete every unloading that still waits, whatever it waits for: the System is being closed."""
        with self._lock:
            waiting = self._pending[:]
            self._pending.clear()
            self._watch_packets()
        with ExitStack() as undone:  # one routine that raises does not keep the others from running
            for driver in waiting:
                undone.callback(self._finish, driver)

    def settle(self, device: DeviceObject) -> None:
        """A device has lost a file, an attached device, or a request: complete what waited for that."""
        flags = device.extension.flags
        if flags & DOE_DELETE_PENDING and not self._is_used(device):
            device.driver.drop_device(device)
        if self._pending:
            self._settle_pending()

    def _settle_pending(self) -> None:
        with self._lock:
            ready = [driver for driver in self._pending if not self._is_held_back(driver)]
            for driver in ready:
                self._pending.remove(driver)
            self._watch_packets()
        for driver in ready:
            self._finish(driver)

    def _pend_or_finish(self, driver: DriverObject) -> bool:
        with self._lock:
            waits = self._is_held_back(driver)
            if driver in self._pending:
                self._pending.remove(driver)
            if waits:
                self._pending.append(driver)
            self._watch_packets()
        if not waits:
            self._finish(driver)
        elif not self._is_held_back(driver):
            self._settle_pending()  # the last one went between the look and the watching
        return driver not in self.drivers

    def _watch_packets(self) -> None:
        self.io.irps.freed = self._settle_pending if self._pending else None

    def _is_held_back(self, driver: DriverObject) -> bool:
        for device in driver.devices():
            if device.extension.flags & DOE_REMOVE_PENDING:  # taken off: open files do not matter, those in flight do
                if device.reference_count > device.open_files:
                    return True
            elif self._is_used(device):
                return True
        return self._has_requests(driver)

    def _has_requests(self, driver: DriverObject) -> bool:
        return bool(self.io.irps.live()) and any(_is_with(driver, irp) for irp in self.io.irps.packets())

    @staticmethod
    def _is_used(device: DeviceObject) -> bool:
        return bool(device.reference_count) or device.attached_device is not None

    def _take_off(self, driver: DriverObject) -> None:
        """Let nothing new reach a driver; what is under way goes on."""
        for device in driver.devices():
            device.extension.flags |= DOE_UNLOAD_PENDING | DOE_REMOVE_PENDING
            device.dispatch = device.batch_dispatch = going(device.dispatch)
            if device.lower is not None and device.lower.attached_device is device:
                device.lower.attached_device = None  # and its own way down stays open to it
        self.io.stack_epoch += 1

    def _finish(self, driver: DriverObject) -> None:
        with self._lock:
            if driver.flags & DRVO_UNLOAD_INVOKED:
                return
            driver.flags |= DRVO_UNLOAD_INVOKED
        try:
            if driver.unload is not None:
                driver.unload(driver)
            if self.io.checks is not None:
                self.io.checks.unloading(driver)
        finally:
            self._forget(driver)

    def _forget(self, driver: DriverObject) -> None:
        for device in list(driver.devices()):
            if not device.deleted:
                driver.retire_device(device)
            driver.drop_device(device)
        if isinstance(driver.directory, Directory):
            driver.directory.discard(driver)
        if driver in self.drivers:
            self.drivers.remove(driver)
        self.io.irps.trim()

    def find_driver(self, registry_path: str) -> DriverObject | None:
        """The driver that is loaded for the service of that path, or None."""
        service = self.services.find(registry_path)
        found = None if service is None else self.io.namespace.find(service.object_path)
        return found if isinstance(found, DriverObject) else None


def _is_with(driver: DriverObject, irp: Irp) -> bool:
    """Whether a packet is with a driver, or will come back to it: one of the locations it has still to leave is its."""
    left = irp.locations[irp.current_location - 1 : irp.stack_count]
    return any(location.device is not None and location.device.driver is driver for location in left)
