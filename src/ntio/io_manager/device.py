"""Device objects and the stacks they form.

A device is one thing requests can be sent to; the driver that made it has the code. Devices are stacked: a filter's
device is *attached* on top of another, and whoever sends to the lower one by name reaches the top. `stack_size` is how
many stack locations a packet needs to pass through from here to the bottom: 1 for a device alone, one more for each
device below. Detaching does not shrink it.

`dispatch` and `batch_dispatch` are the driver's two tables, copied here as tuples so that a call costs one index.

What the I/O manager itself has to remember about a device stands in its `extension`: whether it is being deleted,
removed, or unloaded together with its driver. In each of these states, and while it is initializing, nothing can be
opened on it or attached to it.

Source: spec iomgr.md 3.2; learn.microsoft.com wdm.h, DEVICE_OBJECT. Rows: R15, R27, R29
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from ..kernel.device_queue import DeviceQueue
from ..kernel.event import Event, EventType
from ..status import STATUS_NO_SUCH_DEVICE, STATUS_PENDING, error_for
from .codes.device_codes import (
    DO_DEVICE_INITIALIZING,
    DOE_DELETE_PENDING,
    DOE_REMOVE_PENDING,
    DOE_REMOVE_PROCESSED,
    DOE_START_PENDING,
    DOE_UNLOAD_PENDING,
    FILE_DEVICE_CD_ROM,
    FILE_DEVICE_CD_ROM_FILE_SYSTEM,
    FILE_DEVICE_DISK,
    FILE_DEVICE_TAPE,
    FILE_DEVICE_UNKNOWN,
    FILE_DEVICE_VIRTUAL_DISK,
    IO_TYPE_DEVICE,
    IO_TYPE_DEVICE_OBJECT_EXTENSION,
)
from .opening.vpb import Vpb
from .packet.nt_fields import DeviceExtensionNames, DeviceNames
from .start_io import StartIoState, cancel_queued_packet, start_next_packet, start_packet

if TYPE_CHECKING:
    from .driver import DriverObject
    from .packet.irp import Irp

#: A routine of a driver for one major function: (device, irp) -> NTSTATUS.
DispatchRoutine = Callable[["DeviceObject", "Irp"], int]

#: sizeof(DEVICE_OBJECT) on 64-bit Windows; the driver's own extension follows it.
DEVICE_OBJECT_SIZE = 0x150
#: NT asks for buffers aligned to a cache line unless a driver says otherwise; the requirement is a mask.
CACHE_LINE = 64

#: Devices a volume can be mounted on.
_WITH_VOLUMES = (FILE_DEVICE_DISK, FILE_DEVICE_VIRTUAL_DISK, FILE_DEVICE_CD_ROM, FILE_DEVICE_TAPE)
_SECTOR_SIZES = {FILE_DEVICE_CD_ROM_FILE_SYSTEM: 2048}

_GOING = {
    DOE_UNLOAD_PENDING: "being unloaded with its driver",
    DOE_DELETE_PENDING: "deleted",
    DOE_REMOVE_PENDING: "being removed",
    DOE_REMOVE_PROCESSED: "removed",
}


class DeviceObjectExtension(DeviceExtensionNames):
    """What the I/O manager remembers about a device, out of its driver's sight.

    NT: DEVOBJ_EXTENSION
    """

    __slots__ = ("device", "device_node", "flags")
    type: ClassVar[int] = IO_TYPE_DEVICE_OBJECT_EXTENSION
    size: ClassVar[int] = 0

    def __init__(self, device: DeviceObject) -> None:
        self.device = device
        #: DOE_ flags.
        self.flags = 0
        self.device_node: Any = None

    @property
    def attached_to(self) -> DeviceObject | None:
        """The device this one is attached to.

        NT: DEVOBJ_EXTENSION.AttachedTo
        """
        return self.device.lower

    @property
    def start_io_flags(self) -> int:
        """How StartIo is called: 0x100 not inside itself, 0x200 with the cancel routine taken off.

        NT: DEVOBJ_EXTENSION.StartIoFlags
        """
        state = self.device.start_io_state
        return 0x100 * state.deferred | 0x200 * state.non_cancelable

    @property
    def start_io_count(self) -> int:
        """How many starts are under way or remembered.

        NT: DEVOBJ_EXTENSION.StartIoCount
        """
        state = self.device.start_io_state
        return state.running + len(state.waiting)


class DeviceObject(DeviceNames):
    """One thing that requests can be sent to.

    NT: DEVICE_OBJECT
    """

    __slots__ = (
        "active_thread_count", "alignment_requirement", "attached_device", "batch_dispatch", "characteristics",
        "current_irp", "device_extension", "device_lock", "device_queue", "device_type", "dispatch", "dpc", "driver",
        "extension", "flags", "last_error", "lower", "next_device", "observer", "open_files", "queue",
        "reference_count", "sector_size", "size", "stack_size", "start_io_state", "timer", "vpb",
    )  # fmt: skip
    parses = True
    type_name = "Device"
    type: ClassVar[int] = IO_TYPE_DEVICE

    def __init__(
        self, driver: DriverObject, device_type: int = FILE_DEVICE_UNKNOWN, flags: int = 0, extension_size: int = 0
    ) -> None:
        super().__init__()
        self.driver = driver
        #: Bytes of the structure and of the driver's extension.
        self.size = DEVICE_OBJECT_SIZE + extension_size
        self.device_type = device_type
        self.flags = DO_DEVICE_INITIALIZING | flags
        self.characteristics = 0
        #: Files of this device that exist, and how many of them are open; the others are kept by what is in flight.
        self.reference_count = self.open_files = 0
        self.stack_size = 1
        self.sector_size = _SECTOR_SIZES.get(device_type, 512)
        self.alignment_requirement = CACHE_LINE - 1
        self.next_device: DeviceObject | None = None
        #: The device attached on top of this one.
        self.attached_device: DeviceObject | None = None
        #: The device this one is attached to.
        self.lower: DeviceObject | None = None
        #: The driver's own: zeroed bytes, None if it asked for none, or any object it puts here.
        self.device_extension: Any = bytearray(extension_size) if extension_size else None
        self.extension = DeviceObjectExtension(self)
        self._make_parts(driver)
        #: The once-a-second timer, and the call an interrupt asks for.
        self.timer: Any = None
        self.dpc: Any = None
        self.active_thread_count = 0
        #: The last exception a routine of the driver let out, with its traceback.
        self.last_error: BaseException | None = None
        #: Why somebody beside the driver, a tracer for example, wants to see the requests: they do not pass it by.
        self.observer = ""
        self.dispatch: tuple[DispatchRoutine, ...] = driver.dispatch
        self.batch_dispatch: tuple[DispatchRoutine, ...] = driver.batch_dispatch

    def _make_parts(self, driver: DriverObject) -> None:
        hal, volumes = driver.io.hal, self.device_type in _WITH_VOLUMES
        #: The volume on this device, and the lock under which one is mounted; None where there can be none.
        self.vpb = Vpb(self) if volumes else None
        self.device_lock = Event(hal, EventType.SYNCHRONIZATION, signaled=True) if volumes else None
        #: What waits for the device, what it works on, and how it is started (`start_io`).
        self.device_queue = DeviceQueue(hal)
        self.current_irp: Irp | None = None
        self.start_io_state = StartIoState(hal, deferred=driver.defers_start_io)
        #: The list of file systems a file system's device stands in.
        self.queue: Any = None

    # --- the stack --------------------------------------------------------------------------------------------------

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
        """The lowest device of the stack."""
        device = self
        while device.lower is not None:
            device = device.lower
        return device

    def lower_device(self) -> DeviceObject | None:
        """The device below; None at the bottom, and when this device is being unloaded, deleted or removed."""
        return None if self.going else self.lower

    # --- states -----------------------------------------------------------------------------------------------------

    @property
    def going(self) -> str:
        """In which of the states it is that end a device, in words; empty while it is in none."""
        flags = self.extension.flags
        return next((words for flag, words in _GOING.items() if flags & flag), "")

    @property
    def refusal(self) -> str:
        """Why nothing can be opened on the device or attached to it, in words; empty when it can."""
        return "still initializing" if self.flags & DO_DEVICE_INITIALIZING else self.going

    @property
    def deleted(self) -> bool:
        """Whether its driver has deleted the device, be it that files are still open on it."""
        return bool(self.extension.flags & DOE_DELETE_PENDING)

    @property
    def gone(self) -> bool:
        """Whether the device is deleted or removed: what is open on it should not be used any more."""
        return bool(self.extension.flags & (DOE_DELETE_PENDING | DOE_REMOVE_PENDING | DOE_REMOVE_PROCESSED))

    # --- attaching --------------------------------------------------------------------------------------------------

    def attach_to(self, target: DeviceObject) -> DeviceObject:
        """Put this device on top of target's stack; returns the device it now sits on, to which it sends its packets.

        Raises NtError (STATUS_NO_SUCH_DEVICE) when that device is initializing, or being unloaded, deleted or removed.
        NT: IoAttachDeviceToDeviceStack
        """
        io = self.driver.io
        with io.irps.lock:
            top = target.top()
            refusal = "the device itself" if top is self else top.refusal
            if not refusal:
                self.lower, self.stack_size = top, top.stack_size + 1
                self.sector_size = top.sector_size
                self.alignment_requirement = top.alignment_requirement
                self.extension.flags |= top.extension.flags & DOE_START_PENDING
                top.attached_device = self
                io.stack_epoch += 1
        if refusal:
            raise error_for(STATUS_NO_SUCH_DEVICE, f"{top!r} is {refusal}: nothing can be attached to it")
        return top

    def detach(self) -> None:
        """Take this device off the one below; stack sizes stay as they are.

        What waited for the one below to be free of it, its deletion or its driver's unloading, is done now.
        NT: IoDetachDevice, called with the device below
        """
        checks = self.driver.io.checks
        if checks is not None:
            checks.detaching(self)
        self.unlink()

    def unlink(self) -> None:
        """Detach without asking the verifier: what the I/O manager itself does when it cleans up."""
        lower, io = self.lower, self.driver.io
        if lower is None:
            return
        with io.irps.lock:
            if lower.attached_device is self:
                lower.attached_device = None
            self.lower = None
            io.stack_epoch += 1
        io.loader.settle(lower)

    # --- StartIo ----------------------------------------------------------------------------------------------------

    def start_packet(self, irp: Irp, key: int | None = None, *, cancelable: bool = True) -> int:
        """Hand a packet to the driver's StartIo, now or when the device is free for it; returns STATUS_PENDING.

        By `key`, packets wait in ascending order. A `cancelable` one is completed when it is cancelled while it waits.
        NT: IoStartPacket
        """
        irp.mark_pending()
        start_packet(self, irp, key, cancel_queued_packet if cancelable else None)
        return STATUS_PENDING

    def start_next_packet(self, key: int | None = None) -> None:
        """The current packet is done: start the next one, by `key` the first that is not below it.

        NT: IoStartNextPacket, IoStartNextPacketByKey
        """
        start_next_packet(self, key=key)

    def describe(self) -> str:
        """One line for a person."""
        return f"Device of {self.driver.name}, stack size {self.stack_size}, {self.reference_count} open"

    def __repr__(self) -> str:
        return f"<DeviceObject {self.path or 'unnamed'} of {self.driver.name}>"
