"""StartIo: packets for a device that does one thing at a time.

    start_packet         the device is idle: StartIo is called with the packet; if not, it waits in the device queue
    start_next_packet    the current packet is done: StartIo is called with the next one, or the device is idle

StartIo runs at DISPATCH_LEVEL, with the packet in `device.current_irp`, and starts the work; what ends the work
completes the packet and starts the next. A driver written as a class has a method `start_io(self, device, irp)`, says
`return device.start_packet(irp)` in its dispatch routine, and `device.start_next_packet()` when it is done.

Two attributes change how it is called. *Deferred*: a StartIo that ends its work at once and starts the next packet
itself is not called inside itself; the start is remembered until it returns (a long queue would otherwise be a deep
recursion; drivers written as classes have this on). *Non-cancelable*: a packet's cancel routine is taken off as it goes
to StartIo.

A queued packet can be cancelled when it has a cancel routine. Like the queue's own ends, that happens under the cancel
lock, so a packet is either taken out of the queue by its routine, or started.

A StartIo that lets an exception out has the packet it was called with completed with STATUS_DRIVER_INTERNAL_ERROR, and
the next one is started, because the whole device would wait otherwise: start the work as the last thing it does.

Source: spec iomgr.md 4.2; WDK "Writing a StartIo Routine", IoSetStartIoAttributes. Rows: R22, R24
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..bugcheck import BugCheck
from ..hal.machine import Hal
from ..kernel.irql import DISPATCH_LEVEL
from ..status import STATUS_CANCELLED, STATUS_DRIVER_INTERNAL_ERROR
from .cancel import (
    CancelRoutine,
    LockedCancelRoutine,
    call_with_lock,
    set_cancel_routine,
    set_locked_cancel_routine,
)

if TYPE_CHECKING:
    from .device import DeviceObject
    from .file_object import FileObject
    from .packet.irp import Irp

#: What a driver's StartIo is: (device, irp) -> None.
StartIoRoutine = Callable[["DeviceObject", "Irp"], None]


class StartIoState:
    """How a device's StartIo is called, and whether it runs now.

    NT: DeviceObjectExtension.StartIoFlags, StartIoCount
    """

    __slots__ = ("deferred", "lock", "non_cancelable", "running", "waiting")

    def __init__(self, hal: Hal, *, deferred: bool = False) -> None:
        self.deferred = deferred
        self.non_cancelable = False
        self.lock = hal.new_lock()
        self.running = False
        #: Starts that were asked for while it ran.
        self.waiting: list[Callable[[], None]] = []

    def run(self, start: Callable[[], None]) -> None:
        """Do a start, or leave it to whoever is inside StartIo now."""
        if not self.deferred:
            start()
            return
        with self.lock:
            self.waiting.append(start)
            if self.running:
                return
            self.running = True
        try:
            while (one := self._next()) is not None:
                one()
        except BaseException:
            self.running = False
            raise

    def _next(self) -> Callable[[], None] | None:
        with self.lock:
            self.running = bool(self.waiting)
            return self.waiting.pop(0) if self.running else None


def set_start_io_attributes(device: DeviceObject, *, deferred: bool, non_cancelable: bool) -> None:
    """Say whether StartIo may be called inside itself, and whether packets keep their cancel routine when they start.

    NT: IoSetStartIoAttributes
    """
    device.start_io_state.deferred = deferred
    device.start_io_state.non_cancelable = non_cancelable


def start_packet(
    device: DeviceObject, irp: Irp, key: int | None = None, cancel_routine: CancelRoutine | None = None
) -> None:
    """Start a packet if the device is idle, or queue it, by `key` if one is given; it is marked pending already.

    `cancel_routine` is set for the time in the queue; it has the WDK's form. Raises TypeError without a StartIo.
    NT: IoStartPacket
    """
    if device.driver.start_io is None:
        raise TypeError(f"{device.driver.name} has no start_io routine: nothing would ever start the packet")
    with device.driver.io.irql.raised(DISPATCH_LEVEL) as former:
        if cancel_routine is None:
            idle = not _insert(device, irp, key)
            if idle:
                device.current_irp = irp
        else:
            idle = _insert_cancelable(device, irp, key, cancel_routine, former)
        if idle:
            device.start_io_state.run(lambda: _start(device, irp))


def _insert(device: DeviceObject, irp: Irp, key: int | None) -> bool:
    queue = device.device_queue
    return queue.insert(irp) if key is None else queue.insert_by_key(irp, key)


def _insert_cancelable(
    device: DeviceObject, irp: Irp, key: int | None, routine: CancelRoutine, former_level: int
) -> bool:
    """Queue a packet with its cancel routine, or make it the current one: true. Done under the cancel lock.

    If it was cancelled before it had a routine, the routine is called here and now; it gives the lock back.
    """
    lock, cancelled = device.driver.io.cancel_lock, False
    lock.acquire_at_dispatch()
    try:
        set_locked_cancel_routine(irp, routine)
        idle = not _insert(device, irp, key)
        if idle:
            _make_current(device, irp)
        else:
            cancelled = irp.cancel and set_cancel_routine(irp, None) is not None
    finally:
        if not cancelled:
            lock.release_from_dispatch()
    if cancelled:
        irp.cancel_irql = former_level
        call_with_lock(routine, device, irp, former_level)
    return idle


def start_next_packet(device: DeviceObject, *, cancelable: bool = True, key: int | None = None) -> None:
    """Start the next queued packet, the first at or above `key` if one is given; the device is idle if there is none.

    `cancelable` says that queued packets may have cancel routines.
    NT: IoStartNextPacket, IoStartNextPacketByKey
    """
    with device.driver.io.irql.raised(DISPATCH_LEVEL):
        device.start_io_state.run(lambda: _start_next(device, cancelable, key))


def _start_next(device: DeviceObject, cancelable: bool, key: int | None) -> None:
    irp = _take_next(device, cancelable, key)
    while irp is not None and not _call_start_io(device, irp):
        irp = _take_next(device, cancelable, key)


def _take_next(device: DeviceObject, cancelable: bool, key: int | None) -> Irp | None:
    lock, queue = device.driver.io.cancel_lock, device.device_queue
    if cancelable:
        lock.acquire_at_dispatch()
    try:
        device.current_irp = None
        irp: Irp | None = queue.remove() if key is None else queue.remove_by_key(key)
        if irp is not None:
            _make_current(device, irp)
    finally:
        if cancelable:
            lock.release_from_dispatch()
    return irp


def _make_current(device: DeviceObject, irp: Irp) -> None:
    device.current_irp = irp
    routine = irp.cancel_routine
    ours = isinstance(routine, LockedCancelRoutine) and routine.routine is cancel_queued_packet
    if ours or device.start_io_state.non_cancelable:
        set_cancel_routine(irp, None)


def _start(device: DeviceObject, irp: Irp) -> None:
    if not _call_start_io(device, irp):
        _start_next(device, True, None)


def _call_start_io(device: DeviceObject, irp: Irp) -> bool:
    """Call StartIo; false if it failed and the device is free for the next packet."""
    try:
        device.driver.start_io(device, irp)  # type: ignore[misc]
    except BugCheck:
        raise
    except BaseException as error:
        expected = isinstance(error, Exception)
        if expected:
            device.last_error = error
        here = irp.current_location
        if device.current_irp is irp and here <= irp.stack_count and irp.locations[here - 1].device is device:
            set_cancel_routine(irp, None)
            irp.pool.retire(irp)
            irp.complete(STATUS_DRIVER_INTERNAL_ERROR if expected else STATUS_CANCELLED)
            if expected:
                return False
            _start_next(device, True, None)
        if not expected:
            raise
    return True


# --- cancelling what is queued ----------------------------------------------------------------------------------------


def cancel_queued_packet(device: DeviceObject, irp: Irp) -> None:
    """The cancel routine of a packet that waits in a device queue: take it out and complete it; leave the current one.

    `DeviceObject.start_packet` gives it to packets; it is taken off as the packet starts.
    NT: DRIVER_CANCEL
    """
    queued = device.current_irp is not irp and device.device_queue.remove_entry(irp)
    device.driver.io.cancel_lock.release(irp.cancel_irql)
    if queued:
        irp.complete(STATUS_CANCELLED)


def cancel_queued_packets(device: DeviceObject, file_object: FileObject | None = None) -> int:
    """Complete what waits in a device queue, of one file or all, with STATUS_CANCELLED; how many packets.

    What a driver does in its cleanup routine. The current packet is left alone.
    """
    taken: list[Irp] = []
    with device.driver.io.cancel_lock:
        for irp in device.device_queue:
            wanted = file_object is None or irp.location.file_object is file_object
            if wanted and device.device_queue.remove_entry(irp):
                set_cancel_routine(irp, None)
                taken.append(irp)
    for irp in taken:
        irp.complete(STATUS_CANCELLED)
    return len(taken)
