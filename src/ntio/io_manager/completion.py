"""What happens to a request when its last driver is done with it: for packets that the I/O manager itself finishes.

`dispatch.complete_request` takes a packet up through its drivers. At the top it is handed to `on_complete`, which for
packets made by a system service or a builder is `finish`:

    stage 1, the rest   an associated packet is counted off in its master; paging and close packets end here; memory is
                        unlocked; the answer of a service that is still there is left to it (deferred completion)
    stage 2             buffered data is copied to the requester, the status block written, events set, and the packet
                        freed, or queued as user APC or completion packet. After an error that was returned at once
                        nothing of that happens: the requester has the status already

On NT the second stage is a kernel APC in the requester's thread. Python cannot interrupt a thread, so here it runs at
once, on whichever thread completes, on behalf of the requester; only the requester's own routine, a user APC, waits for
its thread. What a requester can see is the same, except that it may see it earlier.

`requests`, which waits for its packets, needs none of this: it reads status and information out of the packet.

Source: spec iomgr.md 1.5, 1.8; Windows Internals 7, chapter 6, "I/O completion". Rows: R19, R21, R36
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..kernel.apc import queue_apc
from ..status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_IO_REPARSE_TAG_NOT_HANDLED,
    STATUS_REPARSE,
    STATUS_VERIFY_REQUIRED,
)
from .codes.major import (
    FO_SKIP_COMPLETION_PORT,
    FO_SKIP_SET_EVENT,
    FO_SYNCHRONOUS_IO,
    IO_REPARSE_TAG_MOUNT_POINT,
    IRP_ASSOCIATED_IRP,
    IRP_BUFFERED_IO,
    IRP_CLOSE_OPERATION,
    IRP_CREATE_OPERATION,
    IRP_DEALLOCATE_BUFFER,
    IRP_DEFER_IO_COMPLETION,
    IRP_INPUT_OPERATION,
    IRP_OB_QUERY_NAME,
    IRP_PAGING_IO,
    IRP_READ_OPERATION,
    IRP_SYNCHRONOUS_API,
    IRP_SYNCHRONOUS_PAGING_IO,
    IRP_WRITE_OPERATION,
)
from .dispatch import complete_request
from .io_status import IoStatusBlock
from .packet.irp_fields import IrpExtension

if TYPE_CHECKING:
    from ..kernel.thread import Thread
    from .file_object import CompletionContext, FileObject
    from .packet.irp import Irp

#: Severity 3: an error, and no warning.
_NT_ERROR: Final = 0xC0000000


class TransferCounters:
    """How many reads, writes and other requests ended well, and how many bytes they moved.

    NT: IO_COUNTERS
    """

    __slots__ = (
        "other_operations", "other_transfer", "read_operations", "read_transfer", "write_operations", "write_transfer",
    )

    def __init__(self) -> None:
        self.read_operations = self.write_operations = self.other_operations = 0
        self.read_transfer = self.write_transfer = self.other_transfer = 0

    def count(self, flags: int, information: int) -> None:
        """Count one request with these `Irp.flags`."""
        if flags & IRP_READ_OPERATION:
            self.read_operations += 1
            self.read_transfer += information
        elif flags & IRP_WRITE_OPERATION:
            self.write_operations += 1
            self.write_transfer += information
        else:
            self.other_operations += 1
            self.other_transfer += information


def queue_to_thread(irp: Irp, thread: Thread, file_object: FileObject | None = None) -> None:
    """Make a packet the thread's: it is cancelled when the thread ends, and the I/O manager finishes and frees it.

    The file object is kept from being closed until then.
    NT: the packet's ThreadListEntry
    """
    extension = irp.extend()
    extension.thread = thread
    if file_object is not None:
        file_object.device.driver.io.reference(file_object)
        extension.original_file_object = file_object
    irp.on_complete = finish
    thread.irps[irp] = None


def finish(irp: Irp) -> None:
    """The end of completion's first stage, after the last completion routine; then the second, unless it is deferred.

    NT: IoCompleteRequest, after the stack is unwound
    """
    flags = irp.flags
    if flags & IRP_ASSOCIATED_IRP:
        _finish_associated(irp)
        return
    if irp.status == STATUS_REPARSE and irp.information > 1:
        check_reparse(irp)
    elif irp.extension is not None:
        irp.extension.auxiliary_buffer = None
    if flags & (IRP_PAGING_IO | IRP_CLOSE_OPERATION):
        _finish_paging_or_close(irp)
        return
    extension = irp.extension
    if extension is not None and extension.mdl is not None:
        for mdl in extension.mdl.chain():
            mdl.unlock()
    if flags & IRP_DEFER_IO_COMPLETION and not irp.pending_returned:
        return  # the service that sent it has its thread still, and does the rest itself
    if extension is None or extension.thread is None:
        if irp.cancel:
            discard(irp)
        return  # otherwise a driver's own packet, which it frees
    stage_two(irp)


def check_reparse(irp: Irp) -> None:
    """An open was told to go elsewhere: only a mount point's data is for the I/O manager, anything else an error."""
    if irp.information == IO_REPARSE_TAG_MOUNT_POINT:
        return
    irp.status = STATUS_IO_REPARSE_TAG_NOT_HANDLED
    if irp.extension is not None:
        irp.extension.auxiliary_buffer = None


def _finish_associated(irp: Irp) -> None:
    master, pool = irp.master, irp.pool
    discard(irp)
    if master is None:
        return
    with pool.lock:
        master.irp_count -= 1
        last = master.irp_count == 0
    if last:
        complete_request(master)


def _finish_paging_or_close(irp: Irp) -> None:
    """Nobody's file or port: the status block and the event of whoever waits inside the system, nothing more."""
    flags = irp.flags
    if flags & (IRP_SYNCHRONOUS_PAGING_IO | IRP_CLOSE_OPERATION):
        if irp.user_iosb is not None:
            irp.user_iosb.status, irp.user_iosb.information = irp.status, irp.information
        event = irp.user_event
        if not flags & IRP_CLOSE_OPERATION:  # a close is freed by whoever sent it
            irp.pool.free(irp)
        if event is not None:
            event.set()
        return
    iosb, routine, context = irp.user_iosb, irp.user_apc_routine, irp.user_apc_context
    if iosb is not None:
        iosb.status, iosb.information = irp.status, irp.information
    discard(irp)
    if routine is not None:  # the writer of modified pages gets its answer at once: it is part of the system
        routine(context, IoStatusBlock() if iosb is None else iosb)


def stage_two(irp: Irp) -> None:
    """Give the requester what came of its request, and free the packet.

    NT: the special kernel APC that IoCompleteRequest queues
    """
    extension = irp.extend()
    if irp.flags & IRP_BUFFERED_IO:
        _copy_out(irp, extension)
    _free_memory(extension)
    failed = irp.status >= _NT_ERROR
    if not failed or (irp.pending_returned and not is_synchronous(irp)):
        _tell_requester(irp, extension)
    else:
        _tell_waiter(irp, extension)


def _copy_out(irp: Irp, extension: IrpExtension) -> None:
    status, count = irp.status, irp.information
    source, target = extension.system_buffer, extension.user_buffer
    if irp.flags & IRP_INPUT_OPERATION and status < _NT_ERROR and status != STATUS_VERIFY_REQUIRED and count:
        try:
            target[:count] = source[:count]  # type: ignore[index]
        except (TypeError, ValueError):  # no buffer, one that is too short or read-only: a fault in NT
            irp.status = STATUS_ACCESS_VIOLATION
    if irp.flags & IRP_DEALLOCATE_BUFFER:
        extension.system_buffer = irp.buffer = None


def _free_memory(extension: IrpExtension) -> None:
    mdl = extension.mdl
    while mdl is not None:
        following = mdl.next
        mdl.free()
        mdl = following
    extension.mdl = None


def is_synchronous(irp: Irp) -> bool:
    """Whether whoever made the request waits for its end.

    NT: IoIsOperationSynchronous
    """
    flags = irp.flags
    if flags & IRP_PAGING_IO:
        return bool(flags & IRP_SYNCHRONOUS_PAGING_IO)
    file_object = irp.original_file_object
    return bool(flags & IRP_SYNCHRONOUS_API or (file_object is not None and file_object.flags & FO_SYNCHRONOUS_IO))


def _tell_requester(irp: Irp, extension: IrpExtension) -> None:
    """The request succeeded, or ended in its own time: status block, events, counters, then routine or packet."""
    file_object, flags, status, information = extension.original_file_object, irp.flags, irp.status, irp.information
    iosb, event, creating = extension.user_iosb, irp.user_event, flags & IRP_CREATE_OPERATION
    routine, context, thread = extension.user_apc_routine, extension.user_apc_context, extension.thread
    port = None
    if routine is None and not creating:
        port = packet_for(file_object, context, pended=irp.pending_returned)
    if iosb is not None:
        # The block of a request that pended is written when its packet is taken, unless an event tells of it before.
        iosb.finish(status, information, in_packet=port is not None and irp.pending_returned and event is None)
    if not creating and file_object is not None:
        file_object.device.driver.io.transfers.count(flags, information)
    _release(irp, extension)
    if file_object is not None and (
        event is None or (file_object.flags & FO_SYNCHRONOUS_IO and not flags & IRP_OB_QUERY_NAME)
    ):
        _signal_file(file_object, status)
    if event is not None:
        event.set()
    if routine is not None and thread is not None and not creating:
        queue_apc(thread, routine, context, IoStatusBlock(status, information) if iosb is None else iosb)
    elif port is not None:
        port.port.insert_packet(port.key, context, status, information)
    _dereference(file_object, creating)


def packet_for(file_object: FileObject | None, context: Any, *, pended: bool) -> CompletionContext | None:
    """Where the end of a request that has not failed at once is queued; None for a file or request that wants none."""
    if file_object is None or context is None:
        return None
    if file_object.flags & FO_SKIP_COMPLETION_PORT and not pended:
        return None
    return file_object.completion_context


def _tell_waiter(irp: Irp, extension: IrpExtension) -> None:
    """The request failed. If that was returned at once nobody is told again; otherwise the waiting call is."""
    file_object, flags, status, information = extension.original_file_object, irp.flags, irp.status, irp.information
    iosb, event, waits = extension.user_iosb, irp.user_event, irp.pending_returned and file_object is not None
    _release(irp, extension)
    if waits and flags & IRP_SYNCHRONOUS_API:
        if iosb is not None:
            iosb.finish(status, information)
        if event is not None:
            event.set()
        else:
            _signal_file(file_object, status)
    elif waits:
        _signal_file(file_object, status)
    _dereference(file_object, flags & IRP_CREATE_OPERATION)


def _signal_file(file_object: FileObject | None, status: int) -> None:
    if file_object is not None:
        file_object.final_status = status
        waited_for = file_object.flags & FO_SYNCHRONOUS_IO or not file_object.flags & FO_SKIP_SET_EVENT
        if file_object.has_event and waited_for:
            file_object.event.set()


def discard(irp: Irp) -> None:
    """Free a packet and the memory it describes, and tell nobody."""
    extension = irp.extension
    if extension is not None:
        file_object = extension.original_file_object
        _free_memory(extension)
        _release(irp, extension)
        _dereference(file_object, irp.flags & IRP_CREATE_OPERATION)
    else:
        irp.pool.free(irp)


def _release(irp: Irp, extension: IrpExtension) -> None:
    """Take the packet off its thread's list and give it back; before anybody who waits for it can go on."""
    thread = extension.thread
    if thread is not None:
        with irp.pool.lock:  # under which a canceller looks whether it is still pending
            thread.irps.pop(irp, None)
    irp.pool.free(irp)


def _dereference(file_object: FileObject | None, creating: int) -> None:
    if file_object is not None and not creating:
        file_object.device.driver.io.dereference(file_object)
