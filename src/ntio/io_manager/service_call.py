"""The issuer's side of a system service: what a caller wants at the end, and how its packet is sent and waited for.

    1. check           the file is open, was opened for this, and is not bound to a port if there is a routine to run
    2. begin           the caller's event is cleared; a synchronous file is taken for this one request
    3. send            the packet is put on the thread's list and handed to the top of the file's stack
    4. pending, synchronous file    wait for the file's event; the result is the file's final status
       pending, asynchronous file   STATUS_PENDING: the end of the packet writes the status block, sets the event ...
       not pending                  the driver's status, unchanged

So the result is what the *driver returned* unless it returned STATUS_PENDING, while the status block gets what stands
in the packet. (Where the two differ, the driver is wrong, and a caller sees both, as it does on Windows. `requests`,
behind the friendly face, lets a failed packet win.)

A synchronous wait is alertable when the file was opened so. An alert or a user APC asks the packet to end, and waiting
goes on until it has. A caller that is interrupted (Ctrl-C) goes its way: its packet is cancelled, and is no more the
file's affair when it ends.

Source: spec iomgr.md 1.8 (issuer side), 7 C. Rows: R21, R29, R31
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

from ..bugcheck import BugCheck
from ..kernel.apc import wait_alertable
from ..kernel.event import Event
from ..status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_FILE_CLOSED,
    STATUS_INVALID_PARAMETER,
    STATUS_PENDING,
    STATUS_USER_APC,
    NtError,
    error_for,
    nt_error,
)
from .cancel import cancel_irp
from .codes.major import (
    FO_ALERTABLE_IO,
    FO_SYNCHRONOUS_IO,
    IRP_DEFER_IO_COMPLETION,
    IRP_SYNCHRONOUS_API,
    KERNEL_MODE,
    SL_PENDING_RETURNED,
)
from .completion import discard, finish, packet_for, queue_to_thread, stage_two
from .device import DeviceObject
from .dispatch import call_driver
from .file_object import FileObject
from .io_status import IoStatusBlock
from .packet.batch import stop_lost
from .packet.irp import Irp
from .packet.irp_fields import UserApcRoutine

P = ParamSpec("P")


def system_service(routine: Callable[P, int]) -> Callable[P, int]:
    """A service as its callers know it: whatever it refuses by an NtError becomes the status it returns."""

    @wraps(routine)
    def service(*arguments: P.args, **keywords: P.kwargs) -> int:
        try:
            return routine(*arguments, **keywords)
        except NtError as refused:
            return refused.status

    return service


class ServiceCall:
    """One call of a service on a file object.

    NT: the parameters of NtReadFile and its kind that say how the request ends
    """

    __slots__ = ("apc_context", "apc_routine", "event", "file_object", "iosb", "mode", "transferred", "unsent")

    def __init__(
        self,
        file_object: FileObject,
        event: Event | None,
        apc_routine: UserApcRoutine | None,
        apc_context: Any,
        iosb: IoStatusBlock | None,
        mode: int,
    ) -> None:
        self.file_object = file_object
        self.event = event
        self.apc_routine = apc_routine
        self.apc_context = apc_context
        self.iosb = IoStatusBlock() if iosb is None and mode == KERNEL_MODE else iosb
        self.mode = mode
        #: What a synchronous request that did not fail has moved.
        self.transferred: int | None = None
        #: The packet that was made and is not on its way yet.
        self.unsent: Irp | None = None

    @property
    def from_user(self) -> bool:
        """Whether a program makes the call, whose rights and memory are looked at."""
        return self.mode != KERNEL_MODE

    @property
    def synchronous(self) -> bool:
        """Whether the file does one request at a time and calls wait for their end."""
        return bool(self.file_object.flags & FO_SYNCHRONOUS_IO)

    def check(self, access: int = 0) -> None:
        """Refuse a call that cannot be made; `access` is what the file must have been opened for, any bit of it."""
        if self.file_object.closed:
            raise error_for(STATUS_FILE_CLOSED)
        if self.from_user:
            if access and not self.file_object.access & access:
                raise error_for(STATUS_ACCESS_DENIED)
            if self.iosb is None:
                raise error_for(STATUS_ACCESS_VIOLATION, "no status block")
        if self.apc_routine is not None and self.file_object.completion_context is not None:
            raise error_for(STATUS_INVALID_PARAMETER, "a file of a completion port runs no routines")
        self.file_object.device.driver.io.check_running()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """The caller's event cleared and, for a synchronous file, the file taken until the end of the block.

        A packet that was made in the block, and could not be sent, is given back.
        """
        if self.event is not None:
            self.event.reset()
        try:
            if not self.synchronous:
                yield
                return
            lock = self.file_object.position_lock
            while lock.locked():  # another request of the file; a thread of a port does not count while it waits for it
                with self.file_object.device.driver.io.hal.waiting(), lock:
                    pass
            with lock:
                if self.file_object.closed:
                    raise error_for(STATUS_FILE_CLOSED)
                yield
        except BaseException:
            if self.unsent is not None:
                discard(self.unsent)
            raise

    def make_irp(self, device: DeviceObject, major: int, minor: int = 0) -> Irp:
        """A packet for this call, with its first location begun; its buffers and `send` come next."""
        self.unsent = irp = device.driver.io.irps.allocate(device.stack_size)
        first = irp.next_location
        first.major, first.minor, first.file_object = major, minor, self.file_object
        extension = irp.extend()
        extension.requestor_mode = self.mode
        extension.user_iosb = self.iosb
        extension.user_apc_routine, extension.user_apc_context = self.apc_routine, self.apc_context
        irp.user_event = self.event
        return irp

    def end_fast(self, answer: IoStatusBlock, *, packet: bool = False) -> int:
        """The request was dealt with without a packet; `packet`: a file's port hears of it. Returns the status."""
        if self.iosb is not None:
            self.iosb.finish(answer.status, answer.information)
        self.transferred = None if nt_error(answer.status) else answer.information
        if self.event is not None:
            self.event.set()
        # An error that is returned at once queues nothing, whichever way it was found: its issuer knows already.
        packet = packet and not nt_error(answer.status)
        port = packet_for(self.file_object, self.apc_context, pended=False) if packet else None
        if port is not None:
            port.port.insert_packet(port.key, self.apc_context, answer.status, answer.information)
        return answer.status

    def send(self, device: DeviceObject, irp: Irp) -> int:
        """Send the packet; on a synchronous file wait for its end. Returns the status of the call."""
        file_object = self.file_object
        sent: _Sent | None = None
        try:
            file_object.event.reset()
            sent, self.unsent = _Sent(irp, file_object), None
            status = self._start(device, irp, sent)
            if status != STATUS_PENDING or not self.synchronous:
                return status
            self._wait(sent)
        except BaseException as error:
            if sent is not None:
                sent.give_up(error, quietly=self.synchronous)
            raise
        status = file_object.final_status
        if self.iosb is not None and not nt_error(status):
            self.transferred = self.iosb.information
        return status

    def send_and_wait(self, device: DeviceObject, irp: Irp) -> int:
        """Send the packet and wait for its end, also on an asynchronous file. Returns the status of the call."""
        if self.synchronous:
            return self.send(device, irp)
        io = device.driver.io
        event, answer = Event(io.hal), IoStatusBlock()
        irp.user_event, irp.user_iosb = event, answer
        irp.flags |= IRP_SYNCHRONOUS_API
        sent: _Sent | None = None
        try:
            sent, self.unsent = _Sent(irp, self.file_object), None
            status = self._start(device, irp, sent)
            if status == STATUS_PENDING:
                with io.wait_for(event):
                    event.wait()
        except BaseException as error:
            if sent is not None:
                sent.give_up(error, quietly=True)
            raise
        if status == STATUS_PENDING:
            io.check_running()
            status = answer.status
        elif nt_error(status):
            answer.status = status  # nobody is told of an error that is returned at once
        self.end_fast(answer)
        return status

    def _start(self, device: DeviceObject, irp: Irp, sent: _Sent) -> int:
        """Hand the packet over, and finish one that is complete when its driver returns (deferred completion)."""
        irp.flags |= IRP_DEFER_IO_COMPLETION
        try:
            status = call_driver(device, irp)
        except BugCheck:
            raise
        except BaseException:
            if sent.take_back():
                stage_two(irp)
            raise
        if sent.take_back():
            ended = irp.status
            self.transferred = None if nt_error(ended) else irp.information
            stage_two(irp)
            return ended if status == STATUS_PENDING else status
        if status != STATUS_PENDING:
            sent.stop_if_lost(device, status)
        return status

    def _wait(self, sent: _Sent) -> None:
        file_object = self.file_object
        io, event = file_object.device.driver.io, file_object.event
        alertable = file_object.flags & FO_ALERTABLE_IO
        with io.wait_for(event):
            while True:
                if not alertable:
                    event.wait()
                elif wait_alertable(io.hal, sent.thread, event) == STATUS_USER_APC:
                    sent.cancel()
                    alertable = 0
                    continue
                io.check_running()
                if not sent.pending():
                    return
                # Set for a request whose issuer went away just as it ended; ours may do so while the event is cleared.
                event.reset()
                if not sent.pending():
                    event.set()


class _Sent:
    """One request of this thread, by the packet that carries it: which may be done and another request by now.

    A packet that is completed unmarked before its driver returns is left to the issuer. One that is completed so later
    had a driver that returned STATUS_PENDING and forgot the mark; it is finished as if it had been marked, because its
    issuer would wait for ever.
    """

    __slots__ = ("_ended", "_extension", "_gone", "_irp", "_lock", "thread")

    def __init__(self, irp: Irp, file_object: FileObject) -> None:
        self._irp = irp
        self._lock = irp.pool.lock
        self._ended = self._gone = False
        self.thread = file_object.device.driver.io.threads.current()
        queue_to_thread(irp, self.thread, file_object)
        irp.on_complete = self._completed
        self._extension = irp.extension

    def _completed(self, irp: Irp) -> None:
        deferred = not irp.pending_returned
        finish(irp)
        if deferred:
            with self._lock:
                self._ended, forgotten = True, self._gone
            if forgotten:
                irp.pending_returned = True
                stage_two(irp)

    def take_back(self) -> bool:
        """The driver has returned: whether the packet is complete, and its end left to the issuer."""
        with self._lock:
            self._gone = True
            return self._ended

    def pending(self) -> bool:
        """Whether the packet has not been finished."""
        with self._lock:
            return self._is_so()

    def _is_so(self) -> bool:
        return self._irp in self.thread.irps and self._irp.extension is self._extension

    def stop_if_lost(self, device: DeviceObject, status: int) -> None:
        """Stop the System when the packet was neither completed nor marked pending, so that it would be lost."""
        irp = self._irp
        with self._lock:
            marked = irp.locations[irp.stack_count - 1].control & SL_PENDING_RETURNED
            lost = self._is_so() and not irp.completed and not marked
        if lost:
            stop_lost(device, irp, status)

    def cancel(self) -> None:
        """Ask for the packet's end, if it has not come."""
        cancel_irp(self._irp, self._is_so)

    def give_up(self, error: BaseException, *, quietly: bool) -> None:
        """The issuer goes away by an exception: its packet, if still under way, is cancelled, and may tell nobody."""
        if isinstance(error, BugCheck):
            return
        irp = self._irp
        with self._lock:
            under_way = self._is_so()
            unsent = under_way and irp.current_location > irp.stack_count
            if under_way and quietly:
                irp.on_complete = discard
        if unsent:
            discard(irp)
        else:
            self.cancel()
