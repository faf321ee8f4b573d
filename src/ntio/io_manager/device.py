"""Device objects and the stacks they form.

A device is one thing requests can be sent to; the driver that made it has the code. Devices are stacked: a filter's
device is *attached* on top of another, and whoever sends to the lower one by name reaches the top. `stack_size` is how
many stack locations a packet needs to pass through from here to the bottom: 1 for a device alone, one more for each
device below. Detaching does not shrink it.

`dispatch` and `batch_dispatch` are the driver's two tables, copied here as tuples so that a call costs one index.

Source: spec iomgr.md 3.2. Rows: R15, R27, R29
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..object_manager.namespace import NamedObject
from ..status import STATUS_NO_SUCH_DEVICE, error_for
from .major import DO_DEVICE_INITIALIZING, FILE_DEVICE_UNKNOWN

if TYPE_CHECKING:
    from .driver import DriverObject
    from .irp import Irp

#: A routine of a driver for one major function: (device, irp) -> NTSTATUS.
DispatchRoutine = Callable[["DeviceObject", "Irp"], int]


class DeviceObject(NamedObject):
    """One thing that requests can be sent to.

    NT: DEVICE_OBJECT
    """

    __slots__ = (
        "alignment_requirement", "attached_device", "batch_dispatch", "characteristics", "deleted", "device_extension",
        "device_type", "dispatch", "driver", "exclusive", "flags", "last_error", "lower", "next_device",
        "observer", "reference_count", "sector_size", "stack_size",
    )
    parses = True
    type_name = "Device"

    def __init__(self, driver: DriverObject, device_type: int = FILE_DEVICE_UNKNOWN, flags: int = 0) -> None:
        super().__init__()
        self.driver = driver
        self.device_type = device_type
        self.flags = DO_DEVICE_INITIALIZING | flags
        self.characteristics = 0
        self.reference_count = 0
        self.deleted = False
        self.stack_size = 1
        self.sector_size = 512
        self.alignment_requirement = 63
        self.next_device: DeviceObject | None = None
        #: The device attached on top of this one.
        self.attached_device: DeviceObject | None = None
        #: The device this one is attached to; NT keeps it in the private extension (AttachedTo).
        self.lower: DeviceObject | None = None
        self.device_extension: Any = None
        #: The last exception a routine of the driver let out, with its traceback.
        self.last_error: BaseException | None = None
        #: Why somebody beside the driver, a tracer for example, wants to see the requests: they do not pass it by.
        self.observer = ""
        self.dispatch: tuple[DispatchRoutine, ...] = driver.dispatch
        self.batch_dispatch: tuple[DispatchRoutine, ...] = driver.batch_dispatch

    def stack(self) -> Iterator[DeviceObject]:
        """This device and those below it, top first."""
        device: DeviceObject | None = self
        while device is not None:
            yield device
            device = device.lower

    def top(self) -> DeviceObject:
        """The topmost device of the stack this one is in.

        NT: IoGetAttachedDevice
        """
        device = self
        while device.attached_device is not None:
            device = device.attached_device
        return device

    def bottom(self) -> DeviceObject:
        """The lowest device of the stack.

        NT: IoGetDeviceAttachmentBaseRef
        """
        device = self
        while device.lower is not None:
            device = device.lower
        return device

    def attach_to(self, target: DeviceObject) -> DeviceObject:
        """Put this device on top of target's stack; returns the device it now sits on.

        Raises NtError (STATUS_NO_SUCH_DEVICE) when that device is still initializing.
        NT: IoAttachDeviceToDeviceStack
        """
        top = target.top()
        if top.deleted or top.flags & DO_DEVICE_INITIALIZING:
            state = "deleted" if top.deleted else "still initializing"
            raise error_for(STATUS_NO_SUCH_DEVICE, f"{top!r} is {state}: nothing can be attached to it")
        top.attached_device = self
        self.lower = top
        self.stack_size = top.stack_size + 1
        self.sector_size = top.sector_size
        self.alignment_requirement = top.alignment_requirement
        self.driver.io.stack_epoch += 1
        return top

    def detach(self) -> None:
        """Take this device off the one below; stack sizes stay as they are.

        NT: IoDetachDevice
        """
        if self.lower is not None:
            self.lower.attached_device = None
            self.lower = None
            self.driver.io.stack_epoch += 1

    def describe(self) -> str:
        """One line for a person."""
        return f"Device of {self.driver.name}, stack size {self.stack_size}, {self.reference_count} open"

    def __repr__(self) -> str:
        return f"<DeviceObject {self.path or 'unnamed'} of {self.driver.name}>"
