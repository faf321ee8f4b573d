"""Requests on a file object: read, write, flush, size, and the batch forms, as packets sent and waited for.

Each function makes a packet for the top of the file's stack, sends it, and returns the caller's answer as (status,
information). The answer is the packet's own status when it was pending, and what the driver returned otherwise. The
rules a driver may rely on are checked here, once: the file is open and was opened for this, offsets and lengths are
sane.

A routine that raises does not take the system down: the exception is kept on the device (`DeviceObject.last_error`),
and the request ends with STATUS_DRIVER_INTERNAL_ERROR. A routine that returns a status without having completed,
forwarded or kept the packet stops the system, because the packet would be lost.

Source: spec iomgr.md 1.8 (issuer side), 7 C27. Rows: R21, R29
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..abi import FILE_STANDARD_INFORMATION
from ..bugcheck import BugCheck
from ..hal.operation_queue import OperationQueue
from ..kernel.event import Event
from ..status import STATUS_ACCESS_DENIED, STATUS_FILE_CLOSED, STATUS_PENDING, nt_success
from .batch import Batch, stop_lost
from .device import DeviceObject
from .dispatch import call_driver, fail
from .file_object import FileObject
from .irp import Irp
from .major import (
    FILE_STANDARD_INFORMATION_CLASS,
    IRP_CLOSE_OPERATION,
    IRP_CREATE_OPERATION,
    IRP_DEFER_IO_COMPLETION,
    IRP_MJ_CLEANUP,
    IRP_MJ_CLOSE,
    IRP_MJ_CREATE,
    IRP_MJ_FLUSH_BUFFERS,
    IRP_MJ_QUERY_INFORMATION,
    IRP_MJ_READ,
    IRP_MJ_WRITE,
    IRP_READ_OPERATION,
    IRP_SYNCHRONOUS_API,
    IRP_WRITE_OPERATION,
)

_SYNCHRONOUS = IRP_SYNCHRONOUS_API | IRP_DEFER_IO_COMPLETION

Answer = tuple[int, int]


def read(file_object: FileObject, buffer: memoryview, offset: int) -> Answer:
    """Read into `buffer` at `offset`.

    NT: NtReadFile
    """
    if file_object.closed or not file_object.readable:
        return check_access(file_object, IRP_MJ_READ), 0
    return _transfer(file_object, IRP_MJ_READ, IRP_READ_OPERATION, buffer, offset)


def write(file_object: FileObject, buffer: memoryview, offset: int) -> Answer:
    """Write `buffer` at `offset`.

    NT: NtWriteFile
    """
    if file_object.closed or not file_object.writable:
        return check_access(file_object, IRP_MJ_WRITE), 0
    return _transfer(file_object, IRP_MJ_WRITE, IRP_WRITE_OPERATION, buffer, offset)


def flush(file_object: FileObject) -> Answer:
    """Put everything written on the device.

    NT: NtFlushBuffersFile
    """
    denied = check_access(file_object, IRP_MJ_FLUSH_BUFFERS)
    return (denied, 0) if denied else _transfer(file_object, IRP_MJ_FLUSH_BUFFERS, 0, None, 0)


def query_size(file_object: FileObject) -> Answer:
    """The end of the file in bytes, as the information of the answer.

    NT: NtQueryInformationFile
    """
    if file_object.closed:
        return STATUS_FILE_CLOSED, 0
    answer = np.zeros(1, FILE_STANDARD_INFORMATION)
    status, _ = _transfer(
        file_object, IRP_MJ_QUERY_INFORMATION, 0, answer.view(np.uint8).data, 0, FILE_STANDARD_INFORMATION_CLASS
    )
    return status, int(answer["EndOfFile"][0])


def create(file_object: FileObject, parameters: object) -> Answer:
    """Tell the stack that a file is being opened; `parameters` is `open.CreateParameters`."""
    return _transfer(file_object, IRP_MJ_CREATE, IRP_CREATE_OPERATION, None, 0, parameters)


def cleanup(file_object: FileObject) -> Answer:
    """Tell the stack that the last handle of a file is closed.

    NT: IRP_MJ_CLEANUP
    """
    return _transfer(file_object, IRP_MJ_CLEANUP, 0, None, 0)


def close(file_object: FileObject) -> Answer:
    """Tell the stack that nobody refers to the file any more.

    NT: IRP_MJ_CLOSE
    """
    return _transfer(file_object, IRP_MJ_CLOSE, IRP_CLOSE_OPERATION, None, 0)


def check_access(file_object: FileObject, major: int) -> int:
    """STATUS_SUCCESS, or why this request may not be made on this file."""
    if file_object.closed:
        return STATUS_FILE_CLOSED
    return 0 if allowed(file_object, major) else STATUS_ACCESS_DENIED


def allowed(file_object: FileObject, major: int) -> bool:
    """Whether the file was opened for requests of this kind."""
    return file_object.readable if major == IRP_MJ_READ else file_object.writable or major != IRP_MJ_WRITE


def make_batch_irp(file_object: FileObject, major: int, batch: Batch, queue: OperationQueue | None) -> Irp:
    """A packet for a batch of reads or writes, made but not sent; host work for it goes to `queue`."""
    device = file_object.related_device()
    irp = device.driver.io.irps.allocate(device.stack_size)
    irp.batch = batch
    irp.io_ring_context = queue
    irp.flags = IRP_READ_OPERATION if major == IRP_MJ_READ else IRP_WRITE_OPERATION
    first = irp.next_location
    first.major, first.file_object = major, file_object
    return irp


def transfer_batch(file_object: FileObject, major: int, batch: Batch, queue: OperationQueue | None) -> int:
    """Send a batch of reads or writes and wait for all its rows; returns the batch's status."""
    irp = make_batch_irp(file_object, major, batch, queue)
    irp.flags |= _SYNCHRONOUS
    return send(file_object.related_device(), irp)[0]


def send(device: DeviceObject, irp: Irp) -> Answer:
    """Send a packet, wait until it is complete, give it back to its list; returns its answer."""
    pool = irp.pool
    try:
        status = call_driver(device, irp)
    except BugCheck:
        raise
    except Exception as error:
        status = _contain(device, irp, error)
    if status == STATUS_PENDING:
        _wait(device, irp)
        status = irp.status
    elif irp.current_location != irp.stack_count + 2:
        stop_lost(device, irp, status)
    information = irp.information
    pool.free(irp)
    return status, information


def start(device: DeviceObject, irp: Irp) -> int:
    """Send a packet that completes by itself (`on_complete`) and return what the driver returned.

    A routine that raises becomes a failed request.
    """
    try:
        return call_driver(device, irp)
    except BugCheck:
        raise
    except Exception as error:
        return _contain(device, irp, error)


def _contain(device: DeviceObject, irp: Irp, error: Exception) -> int:
    if irp.completed:
        device.last_error = error
        return irp.status
    culprit = irp.location.device or device if irp.current_location <= irp.stack_count else device
    status = fail(irp, culprit, error)
    irp.complete(status)
    return status


def _wait(device: DeviceObject, irp: Irp) -> None:
    irp.user_event = event = Event(device.driver.io.hal)
    if irp.completed:
        return
    try:
        event.wait()
    except BaseException:
        irp.on_complete, irp.user_event = irp.pool.free, None  # it still completes; nobody waits for it any more
        raise


def _transfer(
    file_object: FileObject, major: int, flags: int, buffer: memoryview | None, offset: int, argument: Any = None
) -> Answer:
    device = file_object.related_device()
    irp = device.driver.io.irps.allocate(device.stack_size)
    irp.flags = flags | _SYNCHRONOUS
    irp.buffer = buffer
    first = irp.locations[irp.stack_count - 1]
    first.major, first.file_object, first.byte_offset, first.argument = major, file_object, offset, argument
    first.length = 0 if buffer is None else len(buffer)
    return send(device, irp)


def succeeded(answer: Answer) -> bool:
    """Whether an answer is a success or a warning-free information."""
    return bool(nt_success(answer[0]))
