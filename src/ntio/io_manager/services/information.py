"""Information about files and volumes, and the entries of directories, as the system services ask for them.

A class number says what is meant. One that does not exist is STATUS_INVALID_INFO_CLASS, a buffer too small for its
structure STATUS_INFO_LENGTH_MISMATCH, both before anything is sent. What the I/O manager knows better than any driver
it answers itself: the access a file was opened with, its mode, its position, the alignment its device wants, and the
kind of device. Basic, standard and network-open information is tried the fast way where the top driver has the routine.

Such a request is over when the call returns, also on an asynchronous file: there the packet gets a status block and an
event of the system's own, and the caller's block is filled from it even when it says that the request failed. On a
synchronous file a failure leaves the caller's block alone.

Source: spec iomgr.md 1.8 (issuer side), 6, 7 C40 and C41; WDK NtQueryInformationFile. Rows: R21, R25
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...abi import FILE_FS_DEVICE_INFORMATION, FILE_POSITION_INFORMATION
from ...kernel.event import Event
from ...status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    error_for,
)
from ..codes import major as m
from ..device import DeviceObject
from ..fast_io import ask
from ..file_object import FileObject
from ..information import pack
from ..io_status import IoStatusBlock
from ..packet.irp import Irp
from ..packet.irp_fields import UserApcRoutine
from ..service_call import ServiceCall, system_service
from ..transfer import Captured, capture, set_up_read, set_up_system_buffer
from .information_classes import (
    FAST_QUERIES,
    QUERIES,
    REMOTE,
    SETTINGS,
    VOLUME_QUERIES,
    InformationClass,
    fill_in,
    known_information,
)
from .settings import change_mode, local_rename


@system_service
def query_information(
    file_object: FileObject,
    iosb: IoStatusBlock | None,
    buffer: Any,
    length: int | None,
    information_class: int,
    *,
    mode: int = m.USER_MODE,
) -> int:
    """Write what a class tells about a file into `buffer`; returns the NTSTATUS, never raises NtError.

    NT: NtQueryInformationFile
    """
    call = ServiceCall(file_object, None, None, None, iosb, mode)
    target = _prepared(call, QUERIES, information_class, buffer, length, writing=True)
    device = file_object.related_device()
    with call.taken():
        known = known_information(file_object, device, information_class)
        if known is not None:
            return _answer(call, target, known)
        if information_class in FAST_QUERIES and target.view is not None:
            answer = IoStatusBlock()
            if ask(FAST_QUERIES[information_class], device, file_object, True, target.view, answer):
                return call.end_fast(answer)
        irp = _packet(call, m.IRP_MJ_QUERY_INFORMATION, device, target, information_class, writing=True)
        if information_class == m.FILE_ALL_INFORMATION_CLASS:
            fill_in(irp, file_object, device)
        return call.send_and_wait(device, irp)


@system_service
def set_information(
    file_object: FileObject,
    iosb: IoStatusBlock | None,
    buffer: Any,
    length: int | None,
    information_class: int,
    *,
    mode: int = m.USER_MODE,
) -> int:
    """Change what a class tells about a file to what is in `buffer`; returns the NTSTATUS, never raises NtError.

    NT: NtSetInformationFile
    """
    call = ServiceCall(file_object, None, None, None, iosb, mode)
    source = _prepared(call, SETTINGS, information_class, buffer, length, writing=False)
    device = file_object.related_device()
    with call.taken():
        if information_class == m.FILE_POSITION_INFORMATION_CLASS:
            return _set_position(call, device, source)
        if information_class == m.FILE_MODE_INFORMATION_CLASS:
            change_mode(file_object, int.from_bytes(_bytes_of(source)[:4], "little"))
            return call.end_fast(IoStatusBlock())
        if information_class == m.FILE_RENAME_INFORMATION_CLASS:
            data = memoryview(local_rename(file_object, _bytes_of(source)))
            source = Captured(data, len(data))
        irp = _packet(call, m.IRP_MJ_SET_INFORMATION, device, source, information_class, writing=False)
        return call.send_and_wait(device, irp)


@system_service
def query_volume_information(
    file_object: FileObject,
    iosb: IoStatusBlock | None,
    buffer: Any,
    length: int | None,
    information_class: int,
    *,
    mode: int = m.USER_MODE,
) -> int:
    """Write what a class tells about a file's volume into `buffer`; returns the NTSTATUS, never raises NtError.

    NT: NtQueryVolumeInformationFile
    """
    call = ServiceCall(file_object, None, None, None, iosb, mode)
    target = _prepared(call, VOLUME_QUERIES, information_class, buffer, length, writing=True)
    device = file_object.related_device()
    with call.taken():
        if information_class == m.FILE_FS_DEVICE_INFORMATION_CLASS and device.device_type not in REMOTE:
            base, vpb = file_object.device, file_object.vpb
            mounted = m.FILE_DEVICE_IS_MOUNTED if vpb is not None and vpb.mounted else 0
            known = pack(FILE_FS_DEVICE_INFORMATION, base.device_type, base.characteristics | mounted)
            return _answer(call, target, known)
        irp = _packet(call, m.IRP_MJ_QUERY_VOLUME_INFORMATION, device, target, information_class, writing=True)
        return call.send_and_wait(device, irp)


@system_service
def query_directory(
    file_object: FileObject,
    event: Event | None,
    apc_routine: UserApcRoutine | None,
    apc_context: Any,
    iosb: IoStatusBlock | None,
    buffer: Any,
    length: int | None,
    information_class: int,
    pattern: str | None = None,
    *,
    single: bool = False,
    restart: bool = False,
    mode: int = m.USER_MODE,
) -> int:
    """Write entries of a directory into `buffer`, those after the last call's; returns the NTSTATUS.

    `pattern` chooses among them and is remembered from the first call on. The driver finds it in its location's `key`,
    the class in `byte_offset`.
    NT: NtQueryDirectoryFile
    """
    call = ServiceCall(file_object, event, apc_routine, apc_context, iosb, mode)
    call.check(m.FILE_READ_DATA)
    target = capture(file_object.device.driver.io.memory, buffer, length, writing=True, mode=mode)
    device = file_object.related_device()
    with call.taken():
        irp = call.make_irp(device, m.IRP_MJ_DIRECTORY_CONTROL, m.IRP_MN_QUERY_DIRECTORY)
        first: Any = irp.next_location
        first.length, first.key, first.byte_offset = target.length, pattern, information_class
        first.flags = (m.SL_RETURN_SINGLE_ENTRY if single else 0) | (m.SL_RESTART_SCAN if restart else 0)
        set_up_read(irp, device.flags, target)
        return call.send(device, irp)


@system_service
def notify_change_directory(
    file_object: FileObject,
    event: Event | None,
    apc_routine: UserApcRoutine | None,
    apc_context: Any,
    iosb: IoStatusBlock | None,
    buffer: Any,
    length: int | None,
    completion_filter: int,
    watch_tree: bool = False,
    *,
    mode: int = m.USER_MODE,
) -> int:
    """Be told of the next change in a directory, or also below it; returns the NTSTATUS.

    `completion_filter` says which changes (FILE_NOTIFY_CHANGE_...). The driver finds it in its location's `key`, and
    keeps the request until there is one.
    NT: NtNotifyChangeDirectoryFile
    """
    call = ServiceCall(file_object, event, apc_routine, apc_context, iosb, mode)
    call.check(m.FILE_READ_DATA)
    if not completion_filter or completion_filter & ~m.FILE_NOTIFY_VALID_MASK:
        raise error_for(STATUS_INVALID_PARAMETER, f"completion filter {completion_filter:#x}")
    target = capture(file_object.device.driver.io.memory, buffer, length, writing=True, mode=mode)
    device = file_object.related_device()
    with call.taken():
        irp = call.make_irp(device, m.IRP_MJ_DIRECTORY_CONTROL, m.IRP_MN_NOTIFY_CHANGE_DIRECTORY)
        first = irp.next_location
        first.length, first.key, first.flags = target.length, completion_filter, m.SL_WATCH_TREE * watch_tree
        set_up_read(irp, device.flags, target)
        return call.send(device, irp)


def _prepared(
    call: ServiceCall,
    classes: dict[int, InformationClass],
    number: int,
    buffer: Any,
    length: int | None,
    *,
    writing: bool,
) -> Captured:
    """The caller's buffer, when the class exists, fits into it, and the file was opened for it."""
    call.check()
    known = classes.get(number)
    if known is None:
        raise error_for(STATUS_INVALID_INFO_CLASS, f"information class {number}")
    content = capture(call.file_object.device.driver.io.memory, buffer, length, writing=writing, mode=call.mode)
    if content.length < known.structure.itemsize:
        raise error_for(STATUS_INFO_LENGTH_MISMATCH, f"{content.length} bytes for class {number}")
    if call.from_user and call.file_object.access & known.access != known.access:
        raise error_for(STATUS_ACCESS_DENIED, f"information class {number}")
    return content


def _packet(
    call: ServiceCall, major: int, device: DeviceObject, content: Captured, number: int, *, writing: bool
) -> Irp:
    irp = call.make_irp(device, major)
    irp.next_location.length, irp.next_location.argument = content.length, number
    set_up_system_buffer(irp, content, writing=writing)
    return irp


def _answer(call: ServiceCall, target: Captured, data: bytes) -> int:
    if target.view is not None:
        target.view[: len(data)] = data
    return call.end_fast(IoStatusBlock(STATUS_SUCCESS, len(data)))


def _bytes_of(source: Captured) -> bytes:
    if source.view is None:
        raise error_for(STATUS_ACCESS_VIOLATION, "no buffer")
    return bytes(source.view)


def _set_position(call: ServiceCall, device: DeviceObject, source: Captured) -> int:
    """Move the file's position: the I/O manager's own affair on a synchronous file, and meaningless on another."""
    view = memoryview(b"") if source.view is None else source.view
    position = int(np.frombuffer(view, FILE_POSITION_INFORMATION, 1)["CurrentByteOffset"][0])
    file_object = call.file_object
    unbuffered = file_object.flags & m.FO_NO_INTERMEDIATE_BUFFERING
    if position < 0 or not call.synchronous or (unbuffered and position % (device.sector_size or 1)):
        raise error_for(STATUS_INVALID_PARAMETER, f"position {position}")
    file_object.current_byte_offset = position
    return call.end_fast(IoStatusBlock())
