"""A driver in the WDK's form as a layer of a stack.

    def DriverEntry(DriverObject, RegistryPath): ...       sets MajorFunction, DriverExtension.AddDevice, DriverUnload
    Stack("ram_disk:size=1M", wdk_driver(DriverEntry))

Its DriverEntry is called when the stack is built, then its AddDevice with the device below it (for NT: the physical
device object) or None at the bottom. `System.load_driver` loads such a driver by its name, for one that finds its own
place.

Source: WDK "Writing a DriverEntry Routine", "Writing an AddDevice Routine". Rows: R22
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..io_manager.device import DeviceObject
from ..io_manager.driver import DriverObject
from ..io_manager.loading import SERVICES_KEY
from ..status import STATUS_NO_SUCH_DEVICE, error_for, nt_success
from .driver import Driver


class WdkDriver(Driver):
    """A driver that is its DriverEntry; to be made by `wdk_driver`.

    NT: DRIVER_INITIALIZE
    """

    def __init__(self, entry: Callable[[DriverObject, str], int]) -> None:
        self._entry = entry

    def driver_entry(self, driver: DriverObject) -> None:
        """Call DriverEntry; raises NtError with the status it fails with.

        NT: DriverEntry
        """
        self.driver_object = driver
        driver.driver_section = self._entry.__module__
        status = self._entry(driver, f"{SERVICES_KEY}\\{driver.name}")
        if not nt_success(status):
            raise error_for(status, "the entry routine failed", driver.path)

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        """Call AddDevice, and take the device it made; raises NtError when there is none.

        NT: AddDevice
        """
        driver = self.driver_object
        former = driver.device
        if driver.extension.add_device is not None:
            status = driver.extension.add_device(driver, lower)
            if not nt_success(status):
                raise error_for(status, "the AddDevice routine failed", driver.path)
        elif lower is None:
            former = None  # a driver of the old kind has made its device in DriverEntry
        if driver.device is None or driver.device is former:
            raise error_for(STATUS_NO_SUCH_DEVICE, "the driver made no device", driver.path)
        return driver.device

    def bypass_veto(self, device: DeviceObject) -> str:
        """A filter of this kind may do anything with the data."""
        return "has routines of its own" if device.lower is not None else ""


def wdk_driver(entry: Callable[[DriverObject, str], int], name: str = "") -> Any:
    """A layer for a stack from a DriverEntry; `name` is the driver's, that of the entry's module when left out."""
    word = name or entry.__module__.rpartition(".")[2].strip("_") or "driver"
    kind = type("".join(part.capitalize() for part in word.split("_")), (WdkDriver,), {"__doc__": entry.__doc__})
    return kind(entry)
