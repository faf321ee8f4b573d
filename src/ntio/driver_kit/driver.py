"""Drivers as classes: say only what you change.

    class Driver         the bottom of a stack. A major function without a routine ends with
                         STATUS_INVALID_DEVICE_REQUEST; opening and closing succeed.
    class FilterDriver   a layer in between. A major function without a routine is passed down.

A routine is a method named after its major function: `dispatch_read(self, device, irp)` handles IRP_MJ_READ. It
returns the status of `irp.complete(...)` or `irp.pass_down(...)`, or PENDING after `irp.mark_pending()`. A method
`dispatch_read_batch` gets n reads at once (`packet.batch`); without it a batch is split for `dispatch_read`. A
misspelt `dispatch_...` is refused when the class is made. A method `fast_io_read` and the like is a fast routine, which
may answer without a packet (`io_manager.fast_io`); a filter with one asks the driver below for the others.

A device that does one thing at a time has a method `start_io(self, device, irp)`, which starts what a packet asks for:
routines then end with `return device.start_packet(irp)`, and whatever ends the work says `irp.complete(...)` and
`device.start_next_packet()` (`io_manager.start_io`).

One instance is one loaded driver. It may serve many devices, one for each partition of a disk for example: what belongs
to one of them goes into its `device.device_extension`, and every routine is told which device it is called for.

Source: WDK "Writing DriverEntry"; spec iomgr.md 3.1. Rows: R22
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..abi import FILE_STANDARD_INFORMATION
from ..io_manager.bypass import HostTarget
from ..io_manager.codes.major import (
    DO_BUFFERED_IO,
    DO_DIRECT_IO,
    DO_POWER_PAGABLE,
    FILE_DEVICE_UNKNOWN,
    FILE_STANDARD_INFORMATION_CLASS,
    MAJOR_NAMES,
)
from ..io_manager.device import DeviceObject, DispatchRoutine
from ..io_manager.dispatch import contain
from ..io_manager.driver import DriverObject, invalid_device_request
from ..io_manager.fast_io import SLOTS, FastIoDispatch, FastRoutine, pass_through
from ..io_manager.file_object import FileObject
from ..io_manager.information import VolumeFacts
from ..io_manager.packet.irp import Irp
from ..io_manager.start_io import cancel_queued_packets
from ..object_manager.object_security import SecurityInformation, selected
from ..security.descriptor import SecurityDescriptor
from ..status import STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, InvalidParameter

_ROUTINES = {f"dispatch_{name.lower()}": number for number, name in enumerate(MAJOR_NAMES)}
_BATCH_ROUTINES = {f"{name}_batch": _ROUTINES[name] for name in ("dispatch_read", "dispatch_write")}
#: What a filter's device has in common with the one below.
_INHERITED = DO_BUFFERED_IO | DO_DIRECT_IO | DO_POWER_PAGABLE
_FAST_ROUTINES = {f"fast_io_{slot}": slot for slot in SLOTS}
#: Routines that see data: a filter with one of them keeps reads and writes from passing it by.
_DATA_ROUTINES = ("dispatch_read", "dispatch_write", "dispatch_flush_buffers", *_BATCH_ROUTINES)


class Driver:
    """A driver at the bottom of a stack; derive from it and write the routines you need.

    NT: DRIVER_OBJECT, with the routines DriverEntry sets
    """

    driver_object: DriverObject

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name in vars(cls):
            if name.startswith("dispatch_") and name not in _ROUTINES and name not in _BATCH_ROUTINES:
                raise TypeError(f"{cls.__name__}.{name}: no such major function")
            if name.startswith("fast_io_") and name not in _FAST_ROUTINES:
                raise TypeError(f"{cls.__name__}.{name}: no such fast routine")

    def driver_entry(self, driver: DriverObject) -> None:
        """Fill the driver object's tables from this class's routines; raises InvalidParameter while it is loaded.

        NT: DriverEntry
        """
        former = getattr(self, "driver_object", None)
        if former is not None and former in former.io.drivers:
            raise InvalidParameter(f"this {type(self).__name__} is loaded as {former.path}: make another one")
        self.driver_object = driver
        for name, number in _ROUTINES.items():
            driver.major_function[number] = getattr(self, name, None) or self._default()
        for name, number in _BATCH_ROUTINES.items():
            driver.batch_function[number] = getattr(self, name, None) or self._batch_default(name)
        fast = {slot: getattr(self, name) for name, slot in _FAST_ROUTINES.items() if hasattr(self, name)}
        driver.fast_io = self._fast_table(fast) if fast else None
        driver.unload = lambda _: self.unload()
        driver.extension.add_device = lambda _, lower: self.add_device(lower)
        driver.start_io, driver.defers_start_io = getattr(self, "start_io", None), True

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        """Make this driver's device; `lower` is the stack it goes on, None for a bottom driver.

        Of several devices, return the one that stands for the driver in a stack.
        NT: AddDevice
        """
        return self.create_device()

    def create_device(
        self,
        path: str = "",
        device_type: int = FILE_DEVICE_UNKNOWN,
        flags: int = 0,
        *,
        characteristics: int = 0,
        exclusive: bool = False,
        extension: Any = None,
    ) -> DeviceObject:
        """Make a device of this driver, named if `path` is given; `extension` is what the driver keeps about it.

        May be called as often as the driver has devices. One that is made after the driver was loaded can be opened
        once the driver has cleared its DO_DEVICE_INITIALIZING.
        NT: IoCreateDevice
        """
        device = self.driver_object.create_device(
            path, device_type, flags, characteristics=characteristics, exclusive=exclusive
        )
        device.device_extension = extension
        return device

    def unload(self) -> None:
        """Give back what the driver holds; called once, when it is unloaded.

        NT: DriverUnload
        """

    def device_size(self, device: DeviceObject) -> int | None:
        """How many bytes the device has; None when it has no size."""
        return None

    def bypass_veto(self, device: DeviceObject) -> str:
        """Why reads and writes may not pass this device by; empty when they may."""
        return ""

    def bypass_target(self, device: DeviceObject, file_object: FileObject) -> HostTarget | None:
        """The host file that reads and writes of this open are reads and writes of, if there is one."""
        return None

    # --- routines every bottom driver has ---------------------------------------------------------------------------

    def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
        """Let anybody open the device."""
        return irp.complete()

    def dispatch_cleanup(self, device: DeviceObject, irp: Irp) -> int:
        """The last handle is closed: what waits for StartIo on its behalf ends with STATUS_CANCELLED.

        NT: DispatchCleanup
        """
        if device.device_queue.busy:
            cancel_queued_packets(device, irp.location.file_object)
        return irp.complete()

    def dispatch_close(self, device: DeviceObject, irp: Irp) -> int:
        """Nobody refers to the open any more: nothing to do."""
        return irp.complete()

    def dispatch_query_information(self, device: DeviceObject, irp: Irp) -> int:
        """Answer FileStandardInformation from `device_size`."""
        size = self.device_size(device)
        return invalid_device_request(device, irp) if size is None else self.answer_standard_information(irp, size)

    def dispatch_query_volume_information(self, device: DeviceObject, irp: Irp) -> int:
        """Answer the classes about sizes from `device_size` and the device's sectors."""
        size = self.device_size(device)
        if size is None:
            return invalid_device_request(device, irp)
        sector = device.sector_size or 1
        return VolumeFacts(
            total=size // sector,
            bytes_per_sector=sector,
            physical_sector=sector,
            device_type=device.device_type,
            characteristics=device.characteristics,
        ).answer(irp)

    @staticmethod
    def answer_standard_information(irp: Irp, size: int) -> int:
        """Complete a query for FileStandardInformation of something `size` bytes long.

        NT: FILE_STANDARD_INFORMATION
        """
        if irp.location.argument != FILE_STANDARD_INFORMATION_CLASS:
            return irp.complete(STATUS_INVALID_PARAMETER)
        if irp.location.length < FILE_STANDARD_INFORMATION.itemsize:
            return irp.complete(STATUS_BUFFER_TOO_SMALL)
        answer = np.zeros(1, FILE_STANDARD_INFORMATION)
        answer["AllocationSize"] = answer["EndOfFile"] = size
        answer["NumberOfLinks"] = 1
        data = answer.tobytes()
        irp.array[: len(data)] = np.frombuffer(data, np.uint8)
        return irp.complete(information=len(data))

    @staticmethod
    def answer_security(irp: Irp, descriptor: SecurityDescriptor) -> int:
        """Complete a query for a security descriptor with the parts of this one that were asked for.

        NT: SeQuerySecurityDescriptorInfo
        """
        location = irp.location
        data = selected(descriptor, SecurityInformation(location.length)).to_bytes()
        if len(data) > location.key:
            return irp.complete(STATUS_BUFFER_OVERFLOW, len(data))
        irp.array[: len(data)] = np.frombuffer(data, np.uint8)
        return irp.complete(information=len(data))

    def _fast_table(self, routines: dict[str, FastRoutine]) -> FastIoDispatch:
        return FastIoDispatch(**routines)

    def _default(self) -> DispatchRoutine | None:
        return None

    def _batch_default(self, name: str) -> DispatchRoutine | None:
        return None


class FilterDriver(Driver):
    """A driver between others: what it does not handle goes down unchanged.

    NT: a filter driver
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name in _BATCH_ROUTINES:
            scalar = name.removesuffix("_batch")
            if getattr(cls, name, None) is not None and getattr(cls, scalar, None) is None:
                unseen = "single requests would pass it by unseen"
                raise TypeError(f"{cls.__name__}.{name} needs {scalar} beside it: {unseen}")
        cls._seen = tuple(name for name in _DATA_ROUTINES if getattr(cls, name, None) is not None)

    _seen: tuple[str, ...] = ()

    # A filter takes none of the bottom's routines: each is passed down.
    dispatch_create: Callable[[Any, DeviceObject, Irp], int] | None = None  # type: ignore[assignment]
    dispatch_cleanup: Callable[[Any, DeviceObject, Irp], int] | None = None  # type: ignore[assignment]
    dispatch_close: Callable[[Any, DeviceObject, Irp], int] | None = None  # type: ignore[assignment]
    dispatch_query_information: Callable[[Any, DeviceObject, Irp], int] | None = None  # type: ignore[assignment]
    dispatch_query_volume_information: Callable[[Any, DeviceObject, Irp], int] | None = None  # type: ignore[assignment]

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        """Make this filter's device and attach it on top of `lower`, whose way of passing bytes it takes over.

        Raises TypeError without one.

        NT: AddDevice
        """
        if lower is None:
            raise TypeError(f"{type(self).__name__} is a filter: it needs a device below it")
        device = self.create_device(device_type=lower.device_type)
        device.flags |= device.attach_to(lower).flags & _INHERITED
        return device

    def bypass_veto(self, device: DeviceObject) -> str:
        """A filter with a read, write or flush routine wants to see them."""
        return f"handles {', '.join(self._seen)}" if self._seen else ""

    def _fast_table(self, routines: dict[str, FastRoutine]) -> FastIoDispatch:
        return pass_through(**routines)

    def _default(self) -> DispatchRoutine | None:
        return _pass_through

    def _batch_default(self, name: str) -> DispatchRoutine | None:
        return None if name.removesuffix("_batch") in self._seen else _pass_through


def _pass_through(device: DeviceObject, irp: Irp) -> int:
    # What `irp.pass_down()` does, with the device at hand: this line is most of a filter's cost.
    location = irp.locations[irp.current_location - 1]
    lower: DeviceObject = device.lower  # type: ignore[assignment]
    location.device = lower
    try:
        if irp.batch is None:
            return lower.dispatch[location.major](lower, irp)
        return lower.batch_dispatch[location.major](lower, irp)
    except BaseException as error:
        return contain(lower, irp, location, error)
