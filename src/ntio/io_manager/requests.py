"""Requests on a file object: read, write, flush, size, and the batch forms, as packets sent and waited for.

Each function makes a packet for the top of the file's stack, sends it, and returns the caller's answer as (status,
information). The answer is the packet's own status when it was pending or failed, and what the driver returned
otherwise. (NT gives what was returned even for one that failed. But a completion routine that finds bad data can say so
in the packet only, and its caller must not be told that all is well.) The rules a driver may rely on are checked here,
once: the file is open and was opened for this, offsets and lengths are sane.

An issuer that is interrupted (Ctrl-C) goes its way; the packet is cancelled, and goes home when its driver lets it go.
A bug check wakes every waiting issuer. A routine that returns a status without having completed, forwarded or kept the
packet stops the system, because the packet would be lost.

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
from .cancel import cancel_irp
from .codes.major import (
    FILE_STANDARD_INFORMATION_CLASS,
    IRP_CLOSE_OPERATION,
    IRP_CREATE_OPERATION,
    IRP_DEFER_IO_COMPLETION,
    IRP_MJ_CLEANUP,
    IRP_MJ_CLOSE,
    IRP_MJ_CREATE,
    IRP_MJ_CREATE_NAMED_PIPE,
    IRP_MJ_FLUSH_BUFFERS,
    IRP_MJ_QUERY_INFORMATION,
    IRP_MJ_READ,
    IRP_MJ_WRITE,
    IRP_READ_OPERATION,
    IRP_SYNCHRONOUS_API,
    IRP_WRITE_OPERATION,
    KERNEL_MODE,
)
from .device import DeviceObject
from .dispatch import call_driver
from .file_object import FileObject
from .opening.create_parameters import CreateParameters
from .packet.batch import Batch, stop_lost
from .packet.irp import Irp

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


def create(file_object: FileObject, parameters: CreateParameters, mode: int = KERNEL_MODE) -> tuple[int, int, Any]:
    """Tell the stack that a file is being opened: (status, information, what the driver left in `auxiliary_buffer`)."""
    device = file_object.related_device()
    irp = device.driver.io.irps.allocate(device.stack_size)
    irp.flags = IRP_CREATE_OPERATION | _SYNCHRONOUS
    if mode != KERNEL_MODE:
        irp.requestor_mode = mode
    if parameters.ea:
        irp.system_buffer = memoryview(parameters.ea)
    if parameters.allocation_size:
        irp.allocation_size = parameters.allocation_size
    first = irp.next_location
    first.major = IRP_MJ_CREATE if parameters.pipe is None else IRP_MJ_CREATE_NAMED_PIPE
    first.file_object, first.flags = file_object, parameters.flags & 0xFF
    first.key = parameters.disposition << 24 | parameters.options
    first.byte_offset = parameters.share << 16 | parameters.attributes
    first.argument = parameters
    status, information = send(device, irp, keep=True)
    auxiliary = None if irp.extension is None else irp.extension.auxiliary_buffer
    irp.pool.free(irp)
    return status, information, auxiliary


def cleanup(file_object: FileObject) -> Answer:
    """Tell the stack that the last handle of a file is closed.

    NT: IRP_MJ_CLEANUP
    """
    return _transfer(file_object, IRP_MJ_CLEANUP, IRP_CLOSE_OPERATION, None, 0)


def close(file_object: FileObject) -> Answer:
    """Tell the stack that nobody refers to the file any more.

    NT: IRP_MJ_CLOSE
    """
    return _transfer(file_object, IRP_MJ_CLOSE, IRP_CLOSE_OPERATION, None, 0)


def query_information(file_object: FileObject, information_class: int, buffer: memoryview, flags: int = 0) -> Answer:
    """Have the stack write what a class tells about a file into `buffer`; nothing is checked before.

    NT: IRP_MJ_QUERY_INFORMATION
    """
    return _transfer(file_object, IRP_MJ_QUERY_INFORMATION, flags, buffer, 0, information_class)


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


def make_irp(file_object: FileObject, major: int, queue: OperationQueue | None) -> Irp:
    """A packet without data for a file's stack, made but not sent; host work for it goes to `queue`."""
    device = file_object.related_device()
    irp = device.driver.io.irps.allocate(device.stack_size)
    irp.io_ring_context = queue
    first = irp.next_location
    first.major, first.file_object = major, file_object
    return irp


def transfer_batch(file_object: FileObject, major: int, batch: Batch, queue: OperationQueue | None) -> int:
    """Send a batch of reads or writes and wait for all its rows; returns the batch's status."""
    irp = make_batch_irp(file_object, major, batch, queue)
    irp.flags |= _SYNCHRONOUS
    return send(file_object.related_device(), irp)[0]


def send(device: DeviceObject, irp: Irp, *, keep: bool = False) -> Answer:
    """Send a packet, wait until it is complete, give it back to its list unless told to `keep` it; its answer."""
    pool = irp.pool
    try:
        status = call_driver(device, irp)
        if status == STATUS_PENDING:
            _wait(device, irp)
            status = irp.status
        elif irp.current_location != irp.stack_count + 2:
            stop_lost(device, irp, status)
        elif irp.status >= 0x8000_0000:
            status = irp.status
    except BugCheck:
        raise
    except BaseException:
        _abandon(irp)
        raise
    information = irp.information
    if not keep:
        pool.free(irp)
    return status, information


def start(device: DeviceObject, irp: Irp) -> int:
    """Send a packet that completes by itself (`on_complete`) and return what the driver returned."""
    return call_driver(device, irp)


def _wait(device: DeviceObject, irp: Irp) -> None:
    io = device.driver.io
    event = Event(io.hal)
    with irp.pool.lock:
        if irp.completed:
            return
        irp.user_event = event
    with io.wait_for(event):
        event.wait()
    if not irp.completed:
        io.check_running()


def _abandon(irp: Irp) -> None:
    """The issuer is interrupted: ask for an early end, and let the packet go by itself when it comes."""
    cancel_irp(irp)
    with irp.pool.lock:
        irp.user_event = None
        if not irp.completed:
            irp.on_complete = irp.pool.free
            return
    irp.pool.free(irp)


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
