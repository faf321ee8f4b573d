"""Requests that drivers make themselves: packets built ready to be sent to a device.

    who made it                        a thread's?   how it ends
    IrpPool.allocate_for_driver        no            its maker's completion routine stops it, and its maker frees it
    build_asynchronous_fsd_request     no, but it    the same; without such a routine the I/O manager writes the status
                                       has a thread  block and frees it
    build_synchronous_fsd_request      yes           the I/O manager writes the status block, sets the event, frees it
    build_device_io_control_request    yes           the same
    make_associated_irp                no            the I/O manager frees it; the last one completes its master

A thread's packet is cancelled when the thread ends, so its maker has to wait for it, and may not free it. Its buffers
are made the way the device's flags say, or the control code; whoever frees the packet lets them go.

A master's `irp_count` is set before its first associated packet is sent. When the last of them completes, the master
is completed with the status that is in it.

Source: spec iomgr.md 1.5; WDK "Creating IRPs for Lower-Level Drivers". Rows: R13, R21
"""

from __future__ import annotations

from typing import Any, Final

from ...kernel.event import Event
from ...memory.mdl import Mdl, allocate_mdl
from ...status import NtError
from ..codes.major import (
    IRP_ASSOCIATED_IRP,
    IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_FLUSH_BUFFERS,
    IRP_MJ_INTERNAL_DEVICE_CONTROL,
    IRP_MJ_PNP,
    IRP_MJ_POWER,
    IRP_MJ_SHUTDOWN,
    IRP_MJ_WRITE,
    KERNEL_MODE,
)
from ..completion import finish, queue_to_thread
from ..device import DeviceObject
from ..io_status import IoStatusBlock
from ..transfer import Captured, capture, method_of, set_up_control, set_up_read, set_up_write
from .irp import Irp

#: Requests without data.
_WITHOUT_BUFFER: Final = (IRP_MJ_FLUSH_BUFFERS, IRP_MJ_SHUTDOWN, IRP_MJ_PNP, IRP_MJ_POWER)


def build_asynchronous_fsd_request(
    major: int,
    device: DeviceObject,
    buffer: Any = None,
    length: int | None = None,
    starting_offset: int = 0,
    iosb: IoStatusBlock | None = None,
) -> Irp | None:
    """A read, write, flush, shutdown or plug-and-play request for a device; None if its buffer cannot be used so.

    `length` bytes of `buffer`, all of them when left out; `starting_offset` in bytes from the start of the device.
    NT: IoBuildAsynchronousFsdRequest
    """
    io = device.driver.io
    irp = io.irps.allocate_for_driver(device.stack_size)
    extension = irp.extend()
    extension.user_iosb, extension.thread = iosb, io.threads.current()
    irp.on_complete = finish
    first = irp.next_location
    first.major = major
    if major in _WITHOUT_BUFFER:
        return irp
    writes = major == IRP_MJ_WRITE
    try:
        content = capture(io.memory, buffer, length, writing=not writes, mode=KERNEL_MODE)
        (set_up_write if writes else set_up_read)(irp, device.flags, content)
    except NtError:
        io.irps.free(irp)
        return None
    first.length, first.byte_offset = content.length, starting_offset
    return irp


def build_synchronous_fsd_request(
    major: int,
    device: DeviceObject,
    buffer: Any = None,
    length: int | None = None,
    starting_offset: int = 0,
    event: Event | None = None,
    iosb: IoStatusBlock | None = None,
) -> Irp | None:
    """The same for a caller that waits: `event` is set when the request is over, and the packet freed by itself.

    An error that the driver returns at once is told by that return alone: neither event nor status block are touched.
    NT: IoBuildSynchronousFsdRequest
    """
    irp = build_asynchronous_fsd_request(major, device, buffer, length, starting_offset, iosb)
    if irp is not None:
        irp.user_event = event
        queue_to_thread(irp, device.driver.io.threads.current())
    return irp


def build_device_io_control_request(
    control_code: int,
    device: DeviceObject,
    input_buffer: Any = None,
    input_length: int | None = None,
    output_buffer: Any = None,
    output_length: int | None = None,
    internal: bool = False,
    event: Event | None = None,
    iosb: IoStatusBlock | None = None,
) -> Irp | None:
    """A control request, or an internal one, for a caller that waits; None if its buffers cannot be used so.

    NT: IoBuildDeviceIoControlRequest
    """
    io = device.driver.io
    irp = io.irps.allocate_for_driver(device.stack_size)
    first = irp.next_location
    first.major = IRP_MJ_INTERNAL_DEVICE_CONTROL if internal else IRP_MJ_DEVICE_CONTROL
    first.byte_offset = control_code
    try:
        given, wanted = _control_buffers(device, input_buffer, input_length, output_buffer, output_length)
        set_up_control(irp, method_of(control_code), given, wanted)
    except NtError:
        io.irps.free(irp)
        return None
    first.length, first.key = wanted.length, given.length
    irp.extend().user_iosb = iosb
    irp.user_event = event
    queue_to_thread(irp, io.threads.current())
    return irp


def _control_buffers(
    device: DeviceObject, given: Any, given_length: int | None, wanted: Any, wanted_length: int | None
) -> tuple[Captured, Captured]:
    memory = device.driver.io.memory
    return (
        capture(memory, given, given_length, writing=False, mode=KERNEL_MODE),
        capture(memory, wanted, wanted_length, writing=True, mode=KERNEL_MODE),
    )


def make_associated_irp(master: Irp, stack_count: int) -> Irp:
    """A packet for a piece of a master's work; the master's `irp_count` has to count it.

    NT: IoMakeAssociatedIrp
    """
    irp = master.pool.allocate_for_driver(stack_count)
    irp.flags = IRP_ASSOCIATED_IRP
    irp.master = master
    irp.thread = master.thread
    irp.on_complete = finish
    return irp


def allocate_mdl_for(irp: Irp | None, buffer: Any, length: int | None = None, *, secondary: bool = False) -> Mdl | None:
    """A list for a buffer: the packet's first or, `secondary`, behind those it has; None if one cannot be so long.

    NT: IoAllocateMdl
    """
    mdl = allocate_mdl(buffer, length)
    if mdl is None or irp is None:
        return mdl
    head = irp.mdl if secondary else None
    if head is None:
        irp.mdl = mdl
    else:
        *_, last = head.chain()
        last.next = mdl
    return mdl
