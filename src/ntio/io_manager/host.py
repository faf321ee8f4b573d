"""Work of the host on behalf of a packet: what drivers at the bottom of a stack call.

    host_operation(irp, code, file)              do the packet's read, write or flush on a host file, and complete it
    start_host_operation(irp, code, file, then)  the same, never at once; `then` is called when it is over

A scalar packet whose issuer waits is done at once, in the issuer's thread, as a file-system driver does: a ring gains
nothing for one request. A batch whose issuer waits is one `transfer` on the ring it came by. Everything else is started
on that ring, or on one of the System's own, and the packet stays pending: when the host's completion is reaped, it is
completed. A request on a file that belongs to a completion port goes to the ring in which the threads of ports sleep
(`network`): who waits for the packet reaps it, and no thread has to be woken. Every other one goes to a ring with a
thread that reaps it, the counterpart of an interrupt; it exists from the first such packet on.

A part of a batch (see `batch`) is done at once as well, unless the file is a stream, where it could wait for ever.

Rows: R21, R30
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..bugcheck import BugCheck
from ..hal.host import HostFiles
from ..hal.operation_queue import OperationQueue
from ..hal.operations import OperationCode, Operations
from ..status import (
    STATUS_CANCELLED,
    STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_END_OF_FILE,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_PENDING,
    STATUS_SUCCESS,
    NtError,
    QueueFull,
    status_from_errno,
)
from .cancel import set_cancel_routine
from .codes.major import FO_SYNCHRONOUS_IO, IRP_DEFER_IO_COMPLETION, IRP_SYNCHRONOUS_API
from .host_file import HostFile
from .packet.batch import complete_batch

if TYPE_CHECKING:
    from .device import DeviceObject
    from .manager import IoManager
    from .packet.irp import Irp



def host_operation(irp: Irp, code: OperationCode, file: HostFile) -> int:
    """Do the packet's operation on a host file and complete it; returns what the driver's routine returns."""
    if irp.batch is not None:
        return _start_batch(irp, code, file)
    if irp.flags & IRP_SYNCHRONOUS_API or (not file.stream and (irp.master is not None or _is_waited_for(irp))):
        return _do_now(irp, code, file)
    return start_host_operation(irp, code, file)


def start_host_operation(
    irp: Irp, code: OperationCode, file: HostFile, then: Callable[[], None] | None = None
) -> int:
    """Start the packet's operation on a host file, to be completed when the host has done it; `then` is called next."""
    location, buffer, then = irp.location, irp.buffer, then or _nothing
    operations = Operations(code, 1, file=file.descriptor)
    if buffer is not None and code in (OperationCode.READ, OperationCode.WRITE):
        # Nothing of this for a flush: the host takes an offset and a length for a part of the file.
        operations.buffer = np.frombuffer(buffer, np.uint8)
        operations.length = min(location.length, len(buffer))
        operations.offset = location.byte_offset if location.byte_offset >= 0 else file.size
    ended = partial(_write_on, file, then, 0) if file.stream and code == OperationCode.WRITE else _complete_scalar
    operations.on_complete = partial(_finish, ended, irp, then)
    return _start(irp, operations, file.io, then)


def _is_waited_for(irp: Irp) -> bool:
    """Whether a system service waits for the packet on a synchronous file."""
    file_object = irp.location.file_object
    waits = irp.flags & IRP_DEFER_IO_COMPLETION and file_object is not None
    return bool(waits and file_object.flags & FO_SYNCHRONOUS_IO)  # type: ignore[union-attr]


def _do_now(irp: Irp, code: OperationCode, file: HostFile) -> int:
    files, location = file.io.hal.files, irp.location
    offset = location.byte_offset
    appending = offset < 0  # FILE_WRITE_TO_END_OF_FILE
    if appending:
        offset = file.size
    buffer = irp.buffer if irp.buffer is not None else memoryview(b"")
    if len(buffer) != location.length:
        buffer = buffer[: location.length]
    if file.io.hal.here.counted is None:
        result = _call_host(files, code, file.descriptor, buffer, offset)
    else:  # the thread works for a port, and may have to wait for the host now
        with file.io.hal.waiting():
            result = _call_host(files, code, file.descriptor, buffer, offset)
    if result == 0 and len(buffer) and code == OperationCode.READ:
        return irp.complete(STATUS_END_OF_FILE)
    if result < 0:
        return irp.complete(status_from_errno(-result))
    if appending and location.file_object is not None:
        location.file_object.current_byte_offset = offset + result
    return irp.complete(STATUS_SUCCESS, result)


def _call_host(files: HostFiles, code: OperationCode, descriptor: int, buffer: memoryview, offset: int) -> int:
    if code == OperationCode.READ:
        return files.read(descriptor, buffer, offset)
    if code == OperationCode.WRITE:
        return files.write(descriptor, buffer, offset)
    return files.flush(descriptor)


def _start_batch(irp: Irp, code: OperationCode, file: HostFile) -> int:
    batch = irp.batch
    assert batch is not None
    operations = Operations(
        code,
        len(batch),
        file=file.descriptor,
        buffer=batch.buffer,
        position=batch.position,
        offset=batch.offset,
        length=batch.length,
    )
    if irp.flags & IRP_SYNCHRONOUS_API and irp.io_ring_context is not None:
        irp.io_ring_context.transfer(operations)
        return _complete_batch(irp, operations)
    operations.on_complete = partial(_finish, _complete_batch, irp, _nothing)
    return _start(irp, operations, file.io, _nothing)


def _nothing() -> None:
    """What is to be done after most operations."""


def _start(irp: Irp, operations: Operations, io: IoManager, then: Callable[[], None]) -> int:
    queue: OperationQueue = irp.io_ring_context or _ring_for(irp, io)
    early: list[bool] = []  # asked to cancel when there was nothing in the queue yet

    def cancel(device: DeviceObject, irp: Irp) -> None:
        early.append(True)
        queue.cancel(operations)

    try:
        irp.mark_pending()
        set_cancel_routine(irp, cancel)
        if irp.cancel:
            early.append(True)
        queue.submit(operations)
        if early:  # the packet itself may be complete, and somebody else's by now
            queue.cancel(operations)
    except BaseException as error:
        _start_failed(irp, operations, queue, error, then)
        if isinstance(error, BugCheck) or not isinstance(error, Exception):
            raise
    return STATUS_PENDING


def _ring_for(irp: Irp, io: IoManager) -> OperationQueue:
    """The ring the threads of ports sleep in, if the packet's end arrives at one; else the one with the interrupt."""
    file_object = irp.location.file_object
    if file_object is not None and file_object.completion_context is not None:
        ring = io.network().ring()
        if ring is not None:
            return ring
    return io.host_ring()


def _start_failed(
    irp: Irp, operations: Operations, queue: OperationQueue, error: BaseException, then: Callable[[], None]
) -> None:
    """Starting was left by an exception: what the queue does not know ends here, what it has staged ends by itself.

    What it knows and has not staged is taken back, and ends as the exception says.
    """

    def end(irp: Irp, operations: Operations) -> int:
        set_cancel_routine(irp, None)
        return irp.complete(_status_of(error))

    if operations.slot < 0:
        end(irp, operations)
        then()
    elif not operations.next_row:
        operations.on_complete = partial(_finish, end, irp, then)
        queue.cancel(operations)


def _status_of(error: BaseException) -> int:
    if isinstance(error, NtError) and not isinstance(error, QueueFull):
        return error.status
    if isinstance(error, (QueueFull, MemoryError)):
        return STATUS_INSUFFICIENT_RESOURCES
    if isinstance(error, OSError) and error.errno:
        return status_from_errno(error.errno)
    return STATUS_DRIVER_INTERNAL_ERROR if isinstance(error, Exception) else STATUS_CANCELLED


def _finish(
    complete: Callable[[Irp, Operations], int], irp: Irp, then: Callable[[], None], operations: Operations
) -> None:
    """The interrupt: complete the packet. A bug check stays latched; whoever reaps has others to serve."""
    try:
        if complete(irp, operations) != STATUS_PENDING:
            then()
    except BugCheck:
        pass


def _complete_scalar(irp: Irp, operations: Operations) -> int:
    set_cancel_routine(irp, None)
    return irp.complete(int(operations.status()[0]), int(operations.information()[0]))


def _write_on(file: HostFile, then: Callable[[], None], before: int, irp: Irp, operations: Operations) -> int:
    """A stream may take a part of what is written: go on with the rest, as its writer is told of the whole.

    One that fails or is cancelled after a part has written that part.
    """
    status, written = int(operations.status()[0]), before + int(operations.information()[0])
    data = memoryview(b"") if irp.buffer is None else irp.buffer[: irp.location.length]
    set_cancel_routine(irp, None)
    if status != STATUS_SUCCESS or irp.cancel or not before < written < len(data):
        return irp.complete(STATUS_SUCCESS if written else status, written)
    rest = Operations(OperationCode.WRITE, 1, file=file.descriptor, offset=operations.offset)
    rest.buffer, rest.length = np.frombuffer(data[written:], np.uint8), len(data) - written
    rest.on_complete = partial(_finish, partial(_write_on, file, then, written), irp, then)
    return _start(irp, rest, file.io, then)


def _complete_batch(irp: Irp, operations: Operations) -> int:
    set_cancel_routine(irp, None)
    batch = irp.batch
    assert batch is not None
    batch.status[:] = operations.status()
    batch.information[:] = operations.information()
    if irp.cancel and (batch.status == STATUS_CANCELLED).all():
        return irp.complete(STATUS_CANCELLED)
    return complete_batch(irp)
