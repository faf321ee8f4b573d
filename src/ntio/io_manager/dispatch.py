"""A packet's walk down a device stack and up again: the two calls everything goes through.

    call_driver       current location down by one, then the driver's routine for that location's major function
    complete_request  current location up by one at a time; in each location left, the completion routine of the driver
                      above, if one was set and its invoke bits apply

Down. The location's device becomes the one called; with no location left the system stops (bug check 0x35). The
routine's status comes back unchanged.

Up. `pending_returned` is taken from the location just left. If a routine runs, that location is cleared first, so that
only status and information tell it what happened below, and it gets the device of the location *above*, whose driver
set it, or None for the creator's. An answer of STATUS_MORE_PROCESSING_REQUIRED ends the walk at once: nothing of the
packet may be touched, because it belongs to the routine's driver now, and a later completion goes on from there. If no
routine runs, the pending mark is copied one location up. "Success" is NT_SUCCESS, so a warning counts as an error here.
The first location an error passes is marked SL_ERROR_RETURNED, and so is one where a routine made it another error.

At the top the packet returns to whoever made it: a part goes back into its batch, one that the I/O manager finishes
goes on to `completion`, a waiting issuer is woken, an asynchronous one called. An issuer that has not been told to wait
sees the packet completed when `call_driver` returns, and nothing needs to be signalled: NT's deferred completion, the
normal case.

Completing a packet that is complete already stops the system (bug check 0x44), and so does a completion routine that
completes it or sends it on without answering that it kept it.

A routine that lets an exception out does not take the system down. It is caught at that driver's door, where the driver
and the location it was given are known: the exception stays on the device (`DeviceObject.last_error`), and a packet
that is still with the driver ends with STATUS_DRIVER_INTERNAL_ERROR. One that it had passed on, that has a cancel
routine or is marked pending is somebody else's to complete: a packet is marked before another thread can get at it,
so that one may be about to complete it. Only a BugCheck and an interrupt (Ctrl-C) go further up, and the latter does
not lose the packet either. A `try` costs nothing until something is raised.

Source: spec iomgr.md 1.7, 1.8; WDK IoCallDriver, IoCompleteRequest; Windows Internals 7, chapter 6. Rows: R18, R19, R29
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..bugcheck import BugCheck, BugCheckCode
from ..status import STATUS_CANCELLED, STATUS_DRIVER_INTERNAL_ERROR, STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING
from .codes.major import (
    SL_ERROR_RETURNED,
    SL_INVOKE_ON_CANCEL,
    SL_INVOKE_ON_ERROR,
    SL_INVOKE_ON_SUCCESS,
    SL_PENDING_RETURNED,
)

if TYPE_CHECKING:
    from .device import DeviceObject
    from .packet.irp import Irp, StackLocation


def call_driver(device: DeviceObject, irp: Irp) -> int:
    """Hand the packet to a device's driver and return the status its routine returns.

    Raises BugCheck NO_MORE_IRP_STACK_LOCATIONS when the packet was made for a shallower stack.
    NT: IoCallDriver
    """
    current = irp.current_location - 1
    if current <= 0:
        irp.pool.stop(BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS, irp)
    irp.current_location = current
    location = irp.locations[current - 1]
    location.device = device
    try:
        if irp.batch is None:
            return device.dispatch[location.major](device, irp)
        return device.batch_dispatch[location.major](device, irp)
    except BaseException as error:
        return contain(device, irp, location, error)


def contain(device: DeviceObject | None, irp: Irp, location: StackLocation, error: BaseException) -> int:
    """A dispatch routine let an exception out: end its request if that is still its to end; returns a status for it.

    To be called where the exception is caught: a BugCheck, and what is no Exception, is raised again. Without a device
    nothing was called: the packet was passed down from the bottom of the stack, and the system stops.
    """
    if isinstance(error, BugCheck):
        raise error
    if device is None:
        note = "passed down where there is no device below"
        irp.pool.stop(BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS, irp, note=note)
    if isinstance(error, Exception):
        device.last_error = error
    here, status = irp.current_location, STATUS_PENDING
    with_driver = here <= irp.stack_count and irp.locations[here - 1] is location and location.device is device
    if with_driver and irp.cancel_routine is None and not location.control & SL_PENDING_RETURNED:
        irp.pool.retire(irp)
        status = irp.complete(_status_for(error))
    if not isinstance(error, Exception):
        raise error
    return status


def complete_request(irp: Irp) -> None:
    """Take a packet whose status is set back up to its creator.

    Raises BugCheck MULTIPLE_IRP_COMPLETE_REQUESTS for one that is complete already.
    NT: IoCompleteRequest
    """
    count, current, locations = irp.stack_count, irp.current_location, irp.locations
    if current > count + 1:
        irp.pool.stop(BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS, irp)
    while current <= count:
        left = locations[current - 1]
        current += 1
        irp.current_location = current
        control, context = left.control, left.context
        irp.pending_returned = pending = control & SL_PENDING_RETURNED != 0
        # Cleared before the routine runs; the context too: a recycled packet must not keep alive what it refers to.
        left.minor = left.flags = left.length = left.key = left.byte_offset = left.control = 0
        left.argument = left.file_object = left.context = None
        if irp.status < 0x8000_0000:
            applies = control & SL_INVOKE_ON_SUCCESS
        else:
            _remember_error(irp, left)
            applies = control & SL_INVOKE_ON_ERROR
        above = locations[current - 1] if current <= count else None
        if applies or (control & SL_INVOKE_ON_CANCEL and irp.cancel):
            try:
                if left.completion_routine is run_then:
                    answer = context(above.device, irp)  # type: ignore[union-attr]
                    if pending and answer != STATUS_MORE_PROCESSING_REQUIRED:
                        above.control |= SL_PENDING_RETURNED  # type: ignore[union-attr]
                else:
                    device = None if above is None else above.device
                    answer = left.completion_routine(device, irp, context)  # type: ignore[misc]
            except BaseException as error:
                _contain_routine(irp, above, error)
                answer = None
            if answer is not None and answer == STATUS_MORE_PROCESSING_REQUIRED:
                return
            if irp.current_location != current:  # completed or sent on by the routine, which did not say it kept it
                irp.pool.stop(BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS, irp)
        elif pending and above is not None:
            above.control |= SL_PENDING_RETURNED
    if irp.pending_returned:
        _wake_issuer(irp)
        return
    irp.current_location = count + 2
    if irp.on_complete is not None:
        irp.on_complete(irp)
    elif irp.user_event is not None:  # of an issuer that was told to wait, though nobody had marked it pending
        irp.user_event.set()


def _remember_error(irp: Irp, left: StackLocation) -> None:
    """Mark the location that an error came from; one that was seen further down already is nobody's above.

    The lowest location keeps the error in its fourth argument, so that a completion which goes on later still knows it.
    """
    lowest, status = irp.locations[0], irp.status
    if lowest.control & SL_ERROR_RETURNED and lowest.argument == status:
        return
    lowest.argument = status
    lowest.control |= SL_ERROR_RETURNED
    left.control |= SL_ERROR_RETURNED


def _wake_issuer(irp: Irp) -> None:
    # Either the issuer, perhaps on another thread, finds the packet completed, and then it is not touched here any more
    # because it is given back at once; or it has left its event.
    with irp.pool.lock:
        irp.current_location = irp.stack_count + 2
        event, on_complete = irp.user_event, irp.on_complete
    if on_complete is not None:
        on_complete(irp)
    elif event is not None:
        event.set()


def run_then(device: DeviceObject, irp: Irp, then: Callable[[DeviceObject, Irp], int | None]) -> int | None:
    """The completion routine behind `Irp.pass_down(then)`: runs it and carries the pending mark upward.

    `complete_request` does the same in place, as it spares a call; this is for whoever calls routines otherwise.
    """
    answer = then(device, irp)
    if irp.pending_returned and answer != STATUS_MORE_PROCESSING_REQUIRED:
        irp.locations[irp.current_location - 1].control |= SL_PENDING_RETURNED
    return answer


def _contain_routine(irp: Irp, above: StackLocation | None, error: BaseException) -> None:
    """A completion routine let an exception out: the request fails and goes on upward."""
    if isinstance(error, BugCheck):
        raise error
    if above is not None and irp.pending_returned:
        above.control |= SL_PENDING_RETURNED
    irp.status, irp.information = _status_for(error), 0
    device = None if above is None else above.device
    if isinstance(error, Exception) and device is not None:
        device.last_error = error
        return
    complete_request(irp)  # an interrupt, or a routine of a creator that has no device: both go up, the packet too
    raise error


def _status_for(error: BaseException) -> int:
    return STATUS_DRIVER_INTERNAL_ERROR if isinstance(error, Exception) else STATUS_CANCELLED
