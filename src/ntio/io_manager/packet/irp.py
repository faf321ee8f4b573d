"""The I/O request packet: one request, with a place in it for every driver it visits.

    IRP      buffer, status, information, flags, cancel state               the same for all
    location N      major, minor, length, byte_offset, file object ...      what the top driver is asked
    location N-1    the same, as the driver below is asked                  a driver fills in the next one
    ...
    location 1                                                              the bottom

Locations are numbered 1 (lowest driver) to `stack_count` (top). `current_location` starts at `stack_count` + 1: a new
packet is at nobody yet. Calling a driver moves it down by one, completing moves it up. Note the offset by one: the
completion routine a driver sets stands in the location *below* its own, because that is the one left on the way up.

The friendly calls (`pass_down`, `pass_down_and_wait`, `complete`, `mark_pending`) are what most drivers need. The raw
steps they are made of (`copy_location_to_next`, `skip_location`, `set_completion_routine`, `send_to`) are here as well.

A packet with a `batch` carries n requests at once as columns; see `batch`. Packets come from lookaside lists and return
there (`irp_pool`), so none of their fields survive completion.

Source: spec iomgr.md 1.1 to 1.3, 1.9; WDK "Different ways of handling IRPs". Rows: R13, R18, R19
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ...bugcheck import BugCheckCode
from ...status import STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING, STATUS_SUCCESS
from ..cancel import CancelRoutine, set_cancel_routine
from ..codes.device_codes import IO_TYPE_IRP
from ..codes.major import SL_INVOKE_ALWAYS, SL_PENDING_RETURNED
from ..dispatch import call_driver, complete_request, contain, run_then
from ..forward import forward_irp_synchronously
from .describe import describe_irp
from .irp_buffers import IrpBuffers
from .location_fields import LocationNames
from .substitute import give_back, substitute

if TYPE_CHECKING:
    from ..device import DeviceObject
    from ..file_object import FileObject
    from .batch import Batch
    from .irp_pool import IrpPool

#: What a friendly completion routine is: (device, irp) -> None, or STATUS_MORE_PROCESSING_REQUIRED to stop completion.
Then = Callable[["DeviceObject", "Irp"], int | None]

#: A completion routine in WDK form: (device or None, irp, context) -> NTSTATUS.
CompletionRoutine = Callable[[Any, "Irp", Any], int | None]

#: DRIVER_VERIFIER_IOMANAGER_VIOLATION: a packet made new while it was in use.
_REUSED_IN_USE: Final = 0x310

#: Bytes of a packet's head and of each location, on 64-bit Windows.
HEAD_SIZE: Final = 208
LOCATION_SIZE: Final = 72


class StackLocation(LocationNames):
    """What one driver is asked to do with the packet.

    `length` in bytes, `byte_offset` from the start of the device; `argument` is whatever else the major function takes.
    NT: IO_STACK_LOCATION
    """

    __slots__ = (
        "argument", "byte_offset", "completion_routine", "context", "control", "device", "file_object", "flags", "key",
        "length", "major", "minor",
    )

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Set every field to its zero."""
        self.major = self.minor = self.flags = self.control = 0
        self.length = self.key = self.byte_offset = 0
        self.argument: Any = None
        self.device: DeviceObject | None = None
        self.file_object: FileObject | None = None
        self.completion_routine: CompletionRoutine | None = None
        self.context: Any = None

    @property
    def output_length(self) -> int:
        """Of a control request: how many bytes its answer may have.

        NT: Parameters.DeviceIoControl.OutputBufferLength
        """
        return self.length

    @property
    def input_length(self) -> int:
        """Of a control request: how many bytes come with it.

        NT: Parameters.DeviceIoControl.InputBufferLength
        """
        return self.key

    @property
    def control_code(self) -> int:
        """Of a control request: which one it is.

        NT: Parameters.DeviceIoControl.IoControlCode
        """
        return self.byte_offset


class Irp(IrpBuffers):
    """One request on its way through a device stack; what few requests need is in `IrpFields`.

    NT: IRP
    """

    __slots__ = (
        "allocation_flags", "batch", "cancel", "cancel_routine", "flags", "home", "information", "io_ring_context",
        "master", "on_complete", "pending_returned", "pool", "row", "status", "user_event",
    )

    def __init__(self, pool: IrpPool, size: int) -> None:
        self.pool = pool
        self.locations = [StackLocation() for _ in range(size)]
        #: The lookaside list this packet goes back to; None for one from the pool.
        self.home: Any = None
        self.allocation_flags = 0
        self.reset(size)

    def initialize(self, stack_count: int) -> None:
        """Make the whole packet new, for a stack of `stack_count` devices.

        NT: IoInitializeIrp
        """
        self.reset(stack_count)
        self.allocation_flags = 0
        for location in self.locations:
            location.clear()

    def reuse(self, status: int = STATUS_SUCCESS) -> None:
        """Make a packet that came back to its maker new, for the same stack and with `status` in it.

        It has to have no cancel routine and to be no thread's; the system stops otherwise.
        NT: IoReuseIrp
        """
        if self.cancel_routine is not None or (self.thread is not None and self in self.thread.irps):
            note = "a packet with a cancel routine, or of a thread, cannot be made new"
            self.pool.stop(BugCheckCode.DRIVER_VERIFIER_IOMANAGER_VIOLATION, _REUSED_IN_USE, self, note=note)
        flags = self.allocation_flags
        self.initialize(self.stack_count)
        self.allocation_flags, self.status = flags, status

    def reset(self, stack_count: int) -> None:
        """Make the fixed part new; a completed packet's locations are so already, but for what all senders write."""
        self.stack_count = stack_count
        self.current_location = stack_count + 1
        self.flags = 0
        self.status = STATUS_SUCCESS
        self.information = 0
        self.pending_returned = False
        self.buffer = None
        self.cancel = False
        self.cancel_routine: Callable[[DeviceObject, Irp], None] | None = None
        #: n requests as columns, or None.
        self.batch: Batch | None = None
        #: The batch packet this one is a part of, and which row.
        self.master: Irp | None = None
        self.row = 0
        #: The HAL queue of the ring this request came by; host operations for it go there too.
        self.io_ring_context: Any = None
        self.user_event: Any = None
        self.on_complete: Callable[[Irp], None] | None = None
        self.extension = None

    # --- what a driver reads ----------------------------------------------------------------------------------------

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """The bytes of the request as uint8[length], sharing memory with `buffer`."""
        return np.frombuffer(self.buffer if self.buffer is not None else b"", np.uint8)

    @property
    def location(self) -> StackLocation:
        """The location of the driver that has the packet now.

        NT: IoGetCurrentIrpStackLocation
        """
        return self.locations[self.current_location - 1]

    @property
    def next_location(self) -> StackLocation:
        """The location of the next lower driver.

        Without one the system stops: what is written there would be another driver's.
        NT: IoGetNextIrpStackLocation
        """
        number = self.current_location - 2
        if number < 0:
            self.pool.stop(BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS, self)
        return self.locations[number]

    @property
    def type(self) -> int:
        """6: this object is a packet.

        NT: Irp.Type
        """
        return IO_TYPE_IRP

    @property
    def size(self) -> int:
        """Bytes of the packet as it was allocated, which may be for more locations than it has.

        NT: Irp.Size
        """
        return HEAD_SIZE + LOCATION_SIZE * len(self.locations)

    # --- the friendly calls -----------------------------------------------------------------------------------------

    def pass_down(self, then: Then | None = None, *, buffer: Any = None) -> int:
        """Send the packet to the device below and return what that driver returns.

        `then(device, irp)` runs on the way up; the pending mark is carried for you. `buffer` sends other bytes (any
        contiguous buffer of the same size) and gives the caller's back on the way up: a caller's bytes never change.
        NT: IoCallDriver
        """
        location = self.locations[self.current_location - 1]
        lower: DeviceObject = location.device.lower  # type: ignore[union-attr, assignment]
        if then is None and buffer is None:
            # Skip and call in one: the same location, handed to the next device.
            location.device = lower
            try:
                if self.batch is None:
                    return lower.dispatch[location.major](lower, self)
                return lower.batch_dispatch[location.major](lower, self)
            except BaseException as error:
                return contain(lower, self, location, error)
        current = self.current_location - 1
        if current <= 0:
            self.pool.stop(BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS, self)
        # Copy, set the routine and call in one; a function call less per layer each (0.67 to 0.43 us a layer).
        former = None if buffer is None else substitute(self, buffer)
        below = self.locations[current - 1]
        below.major, below.minor, below.flags = location.major, location.minor, location.flags
        below.length, below.key, below.byte_offset = location.length, location.key, location.byte_offset
        below.argument, below.file_object = location.argument, location.file_object
        below.device, below.control = lower, SL_INVOKE_ALWAYS
        if buffer is None:
            below.completion_routine, below.context = run_then, then
        else:
            below.completion_routine, below.context = give_back, (former, then)
        self.current_location = current
        try:
            if self.batch is None:
                return lower.dispatch[location.major](lower, self)
            return lower.batch_dispatch[location.major](lower, self)
        except BaseException as error:
            return contain(lower, self, below, error)

    def pass_down_and_wait(self) -> int:
        """Send the packet to the device below and wait until it is back; returns the status that is then in it.

        The packet is this driver's again, to be completed with what it finds in it or with something else.
        NT: IoForwardIrpSynchronously
        """
        lower = self.locations[self.current_location - 1].device.lower  # type: ignore[union-attr]
        if lower is None or not forward_irp_synchronously(lower, self):
            self.pool.stop(BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS, self)
        return self.status

    def complete(self, status: int = STATUS_SUCCESS, information: int = 0) -> int:
        """End the request: `status`, and how many bytes it moved. Returns the status. The packet is then gone.

        NT: IoCompleteRequest
        """
        self.status = status
        self.information = information
        complete_request(self)
        return status

    def mark_pending(self) -> None:
        """Say that this routine will return STATUS_PENDING; before anybody else can complete the packet.

        NT: IoMarkIrpPending
        """
        self.locations[self.current_location - 1].control |= SL_PENDING_RETURNED

    def set_cancel_routine(self, routine: CancelRoutine | None) -> CancelRoutine | None:
        """Have `routine(device, irp)` called, once, when the packet is cancelled; returns the former one.

        To complete the packet, take the routine off first: None back from a cancelled one means it is ending it.
        NT: IoSetCancelRoutine
        """
        return set_cancel_routine(self, routine)

    def send_to(self, device: DeviceObject) -> int:
        """Hand the packet to a device's driver and return what its routine returns.

        NT: IoCallDriver
        """
        return call_driver(device, self)

    def complete_request(self) -> None:
        """End the request with the status and information that are in it.

        NT: IoCompleteRequest
        """
        complete_request(self)

    # --- the raw steps ----------------------------------------------------------------------------------------------

    def set_next_location(self) -> None:
        """Take the next location as one's own: for a maker that allocated one more than the stack needs.

        NT: IoSetNextIrpStackLocation
        """
        self.current_location -= 1

    def skip_location(self) -> None:
        """Let the next driver have this driver's own location. Not together with a completion routine.

        NT: IoSkipCurrentIrpStackLocation
        """
        self.current_location += 1

    def copy_location_to_next(self) -> StackLocation:
        """Ask the next driver for the same, except for the completion routine; returns its location.

        NT: IoCopyCurrentIrpStackLocationToNext
        """
        number = self.current_location
        here, below = self.locations[number - 1], self.next_location
        below.major, below.minor, below.flags = here.major, here.minor, here.flags
        below.length, below.key, below.byte_offset = here.length, here.key, here.byte_offset
        below.argument, below.device, below.file_object = here.argument, here.device, here.file_object
        below.control = 0
        return below

    def set_completion_routine(
        self, routine: CompletionRoutine | None, context: Any = None, invoke: int = SL_INVOKE_ALWAYS
    ) -> None:
        """Have `routine(device, irp, context)` called on the way up, when one of the `invoke` bits applies.

        NT: IoSetCompletionRoutine
        """
        below = self.next_location
        below.control = control = invoke & SL_INVOKE_ALWAYS if routine is not None else 0
        # What can never run is not kept: packets are recycled, and it would stay alive in this one.
        below.completion_routine, below.context = (routine, context) if control else (None, None)

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def completed(self) -> bool:
        """Whether completion has gone all the way up."""
        return self.current_location == self.stack_count + 2

    def describe(self) -> str:
        """The packet drawn for a person, one line per location, top first.

        NT: !irp
        """
        return describe_irp(self, routine_name)


def routine_name(routine: CompletionRoutine, context: Any) -> str:
    """The name of a completion routine as its writer knows it; empty for `pass_down(buffer=...)` without `then`."""
    if routine is give_back:
        target = None if context is None else context[1]  # no context: it has run
    else:
        target = context if routine is run_then else routine
    return "" if target is None else getattr(target, "__qualname__", repr(target))


#: What a routine returns that has not finished: the packet was marked pending and will be completed later.
PENDING = STATUS_PENDING
#: What a completion routine returns to stop completion and keep the packet.
MORE_PROCESSING_REQUIRED = STATUS_MORE_PROCESSING_REQUIRED
