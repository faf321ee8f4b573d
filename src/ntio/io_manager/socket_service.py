"""Requests to sockets, made by the faces of the system: control requests whose input is an object.

What `services.device_control` is for everybody, with two differences: the caller is part of the system, so the input
is handed to the driver as it stands, and the output buffer is bytes already.

Source: spec iomgr.md 1.8, 6. Rows: R26, R31
"""

from __future__ import annotations

from typing import Any

from ..bugcheck import BugCheck
from ..kernel.event import Event
from ..status import NtError, nt_error
from .codes.major import IRP_MJ_DEVICE_CONTROL, USER_MODE
from .completion import packet_for
from .file_object import FileObject
from .io_status import IoStatusBlock
from .packet.irp_fields import UserApcRoutine
from .service_call import ServiceCall


def try_socket(
    file_object: FileObject, answer: IoStatusBlock, code: int, record: object, buffer: memoryview
) -> bool:
    """Try a request the fast way, with no packet; `answer` has its end if that went. Nobody else has heard of it yet.

    NT: NtDeviceIoControlFile, as far as FastIoDeviceControl
    """
    device = file_object.related_device()
    io = device.driver.io
    if io.bug_check is not None:
        io.check_running()
    table = device.driver.fast_io
    if table is None or table.device_control is None:
        return False
    try:  # as `fast_io.ask` does, with no list of arguments between: every request to a socket comes through here
        done = table.device_control(file_object, True, record, 0, buffer, len(buffer), code, answer, device)
    except BugCheck:
        raise
    except Exception as error:
        device.last_error = error
        return False
    return bool(done)


def give_up(record: object) -> None:
    """A request that was tried the fast way goes no further: what it may hold at its device is free again."""
    let_go = getattr(record, "give_up", None)
    if let_go is not None:
        let_go()


def tell_port(file_object: FileObject, apc_context: Any, answer: IoStatusBlock) -> None:
    """Queue the packet of a request that has succeeded without pending; its memory is the caller's again by now."""
    port = packet_for(file_object, apc_context, pended=False)
    if port is not None:
        port.port.insert_packet(port.key, apc_context, answer.status, answer.information)


def socket_control(
    file_object: FileObject,
    event: Event | None,
    apc_context: Any,
    iosb: IoStatusBlock,
    code: int,
    record: object,
    buffer: memoryview,
) -> int:
    """Make a request, with no packet where that goes: `record` says what, `buffer` is what is moved; the NTSTATUS.

    NT: NtDeviceIoControlFile
    """
    answer = IoStatusBlock()
    if not try_socket(file_object, answer, code, record, buffer):
        return send_to_socket(file_object, event, None, apc_context, iosb, code, record, buffer)
    status = answer.status
    if not nt_error(status):
        iosb.finish(status, answer.information)
        if event is not None:
            event.set()
        tell_port(file_object, apc_context, answer)
    return status


def send_to_socket(
    file_object: FileObject,
    event: Event | None,
    apc_routine: UserApcRoutine | None,
    apc_context: Any,
    iosb: IoStatusBlock,
    code: int,
    record: object,
    buffer: memoryview | None = None,
) -> int:
    """Send a socket a control request as a packet: `record` says what, `buffer` is what is moved; the NTSTATUS.

    NT: NtDeviceIoControlFile, from IoCallDriver on
    """
    call = ServiceCall(file_object, event, apc_routine, apc_context, iosb, USER_MODE)
    length = 0 if buffer is None else len(buffer)
    try:
        call.check()
        device = file_object.related_device()
        if event is not None:
            event.reset()
        irp = call.make_irp(device, IRP_MJ_DEVICE_CONTROL)
        first = irp.next_location
        first.length, first.byte_offset, first.argument = length, code, record
        extension = irp.extend()
        extension.overlaid, extension.user_buffer, irp.buffer = True, buffer, buffer
        status = call.send(device, irp)
    except NtError as refused:
        status = refused.status
    except BaseException:
        give_up(record)
        raise
    if nt_error(status):
        give_up(record)
    return status
