"""Drivers for tests: each does what a function says, or keeps what it gets; and packets built by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ntio.driver_kit import PENDING, DeviceObject, Driver, FilterDriver, Irp, major
from ntio.io_manager.cancel import set_cancel_routine
from ntio.io_manager.dispatch import call_driver
from ntio.system.system import System

Routine = Callable[[DeviceObject, Irp], int]


def succeed(device: DeviceObject, irp: Irp) -> int:
    """Complete with success, all bytes moved."""
    return irp.complete(information=irp.location.length)


class Bottom(Driver):
    """A bottom driver whose reads, writes and device controls are one function."""

    def __init__(self, routine: Routine = succeed) -> None:
        self.routine = routine

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return self.routine(device, irp)

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        return self.routine(device, irp)

    def dispatch_device_control(self, device: DeviceObject, irp: Irp) -> int:
        return self.routine(device, irp)


class Layer(FilterDriver):
    """A filter whose reads and writes are one function; it has no batch form."""

    def __init__(self, routine: Routine) -> None:
        self.routine = routine

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return self.routine(device, irp)

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        return self.routine(device, irp)


class Holder(Driver):
    """Keeps every read and write until the test lets it go; `arrived` is set when one came.

    With `cancellable` a packet that is cancelled ends at once.
    """

    def __init__(self, *, cancellable: bool = False) -> None:
        self.held: list[Irp] = []
        self.cancelled: list[Irp] = []
        self.arrived = threading.Event()
        self._cancellable = cancellable

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        if self._cancellable:
            set_cancel_routine(irp, self._cancel)
        self.held.append(irp)
        self.arrived.set()
        return PENDING

    dispatch_write = dispatch_read

    def _cancel(self, device: DeviceObject, irp: Irp) -> None:
        self.held.remove(irp)
        self.cancelled.append(irp)
        irp.complete(0xC0000120)

    def release(self, status: int = 0, information: int = 0, index: int = 0) -> None:
        """Complete one held packet."""
        irp = self.held.pop(index)
        set_cancel_routine(irp, None)
        irp.complete(status, information)


def load_stack(system: System, *drivers: Driver) -> list[DeviceObject]:
    """Load drivers on top of each other, bottom first; their devices."""
    devices: list[DeviceObject] = []
    for driver in drivers:
        devices.append(system.load(driver, devices[-1] if devices else None))
    return devices


def new_packet(device: DeviceObject, *, extra: int = 0, code: int = major.IRP_MJ_READ, **fields: Any) -> Irp:
    """A packet for a device's stack, its next location filled; `extra` locations more than the stack needs."""
    irp = device.driver.io.irps.allocate(device.stack_size + extra)
    first = irp.next_location
    first.major = code
    for name, value in fields.items():
        setattr(first, name, value)
    return irp


def sent(device: DeviceObject, irp: Irp) -> tuple[int, int, int]:
    """Send a packet that completes inline and give it back: what the driver returned, status, information."""
    returned = call_driver(device, irp)
    assert irp.completed
    answer = returned, irp.status, irp.information
    irp.pool.free(irp)
    return answer
