r"""Driver objects: the code behind devices, as a table of routines.

A driver object has one routine per major function. Slots its initialization leaves empty get the one default routine,
which completes a request with STATUS_INVALID_DEVICE_REQUEST. Beside that table stands a second for batch requests; its
empty slots *split* a batch at this driver's door and send the parts through the first table (`batch`), so that a driver
that knows nothing of batches is correct, and one that does is fast.

Life: created in \Driver by `IoManager.load`, initialized by its entry routine, which fills the tables; unloaded when
its last device is gone.

Source: spec iomgr.md 3.1. Rows: R15, R22, R23, R27
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from ..object_manager.namespace import NamedObject
from ..status import STATUS_INVALID_DEVICE_REQUEST, STATUS_NO_SUCH_DEVICE
from .batch import split_batch
from .device import DeviceObject, DispatchRoutine
from .irp import Irp
from .major import (
    DO_DEVICE_HAS_NAME,
    DO_DEVICE_INITIALIZING,
    DRVO_INITIALIZED,
    FILE_DEVICE_UNKNOWN,
    IRP_MJ_CLEANUP,
    IRP_MJ_CLOSE,
    MAJOR_FUNCTION_COUNT,
)

if TYPE_CHECKING:
    from .bypass import HostTarget
    from .file_object import FileObject
    from .manager import IoManager


class DriverCode(Protocol):
    """What the I/O manager asks of whoever wrote the driver, beside its routines."""

    def bypass_veto(self, device: DeviceObject) -> str:
        """Why reads and writes may not pass this device by; empty when they may."""

    def bypass_target(self, device: DeviceObject, file_object: FileObject) -> HostTarget | None:
        """The host file behind a bottom device, if there is one."""


def invalid_device_request(device: DeviceObject, irp: Irp) -> int:
    """Complete a request that no routine of the driver handles."""
    return irp.complete(STATUS_INVALID_DEVICE_REQUEST)


def _no_such_device(device: DeviceObject, irp: Irp) -> int:
    return irp.complete(STATUS_NO_SUCH_DEVICE)


def _nothing_to_do(device: DeviceObject, irp: Irp) -> int:
    return irp.complete()


#: The table of a deleted device.
_DELETED: tuple[DispatchRoutine, ...] = tuple(
    _nothing_to_do if major in (IRP_MJ_CLEANUP, IRP_MJ_CLOSE) else _no_such_device
    for major in range(MAJOR_FUNCTION_COUNT)
)


class DriverObject(NamedObject):
    """A loaded driver: its table of routines and its devices.

    NT: DRIVER_OBJECT
    """

    __slots__ = (
        "batch_dispatch", "batch_function", "code", "device", "dispatch", "flags", "io", "major_function", "unload",
    )
    type_name = "Driver"

    def __init__(self, io: IoManager, code: DriverCode) -> None:
        super().__init__()
        self.io = io
        self.code = code
        self.flags = 0
        #: The newest device; the others follow through `next_device`.
        self.device: DeviceObject | None = None
        self.unload: Callable[[DriverObject], None] | None = None
        self.major_function: list[DispatchRoutine | None] = [None] * MAJOR_FUNCTION_COUNT
        self.batch_function: list[DispatchRoutine | None] = [None] * MAJOR_FUNCTION_COUNT
        self.dispatch: tuple[DispatchRoutine, ...] = ()
        self.batch_dispatch: tuple[DispatchRoutine, ...] = ()

    def finish_initialization(self) -> None:
        """Fill the empty slots and make the tables the devices use."""
        self.dispatch = tuple(routine or invalid_device_request for routine in self.major_function)
        self.batch_dispatch = tuple(routine or split_batch for routine in self.batch_function)
        self.flags |= DRVO_INITIALIZED
        for device in self.devices():
            device.dispatch, device.batch_dispatch = self.dispatch, self.batch_dispatch
            device.flags &= ~DO_DEVICE_INITIALIZING

    def devices(self) -> Iterator[DeviceObject]:
        """The driver's devices, newest first."""
        device = self.device
        while device is not None:
            yield device
            device = device.next_device

    def create_device(self, path: str = "", device_type: int = FILE_DEVICE_UNKNOWN, flags: int = 0) -> DeviceObject:
        """Make a device, named if `path` is given; raises ObjectNameCollision, ObjectPathNotFound.

        NT: IoCreateDevice
        """
        device = DeviceObject(self, device_type, flags)
        if path:
            self.io.namespace.insert(path, device)
            device.flags |= DO_DEVICE_HAS_NAME
        device.next_device, self.device = self.device, device
        return device

    def delete_device(self, device: DeviceObject) -> None:
        """Take a device out of the driver's list and the namespace; files still open on it can only be closed.

        NT: IoDeleteDevice
        """
        if device.directory is not None:
            device.directory.discard(device)
        device.deleted = True
        device.dispatch = device.batch_dispatch = _DELETED
        self.io.stack_epoch += 1
        if self.device is device:
            self.device = device.next_device
            return
        for previous in self.devices():
            if previous.next_device is device:
                previous.next_device = device.next_device
                return

    def describe(self) -> str:
        """One line for a person."""
        return f"Driver, {sum(1 for _ in self.devices())} devices"

    def __repr__(self) -> str:
        return f"<DriverObject {self.name}>"
