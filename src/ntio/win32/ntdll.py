"""What lies under the Win32 calls on completion ports: the native ones, which return an NTSTATUS and never raise it.

    NtCreateIoCompletion  NtSetIoCompletion  NtRemoveIoCompletion(Ex)  NtQueryIoCompletion
    NtSetInformationFile   classes 30 (port and key), 41 (notification modes), 61 (another port or none), and all others
    RtlNtStatusToDosError  the Win32 error of an NTSTATUS

What C returns through pointers follows the status in a tuple. Times are in steps of 100 ns, negative ones from now on,
None for ever.

Source: spec iocp.md 1; learn.microsoft.com and the WDK: FILE_INFORMATION_CLASS, NtRemoveIoCompletion.
Rows: R35, R36, R37
"""

from __future__ import annotations

import struct
from typing import Any

from ..io_manager import services
from ..io_manager.codes.file_codes import (
    FILE_COMPLETION_INFORMATION_CLASS,
    FILE_IO_COMPLETION_NOTIFICATION_INFORMATION_CLASS,
    FILE_REPLACE_COMPLETION_INFORMATION_CLASS,
)
from ..io_manager.file_object import FileObject
from ..io_manager.io_status import IoStatusBlock
from ..io_manager.ports.association import replace_association, set_notification_modes
from ..io_manager.ports.completion_port import CompletionPort
from ..io_manager.ports.packets import Entry, packet_of
from ..kernel.queue_object import Run
from ..status import (
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    NtError,
    error_for,
    win32_from_status,
)
from ..system.default import default_system
from ..system.system import System
from .handles import find_object, number_in, system_of
from .ports import OVERLAPPED_ENTRY, entries_of
from .pyhandle import Handle, PyHANDLE

__all__ = [
    "NtCreateIoCompletion", "NtQueryIoCompletion", "NtRemoveIoCompletion", "NtRemoveIoCompletionEx",
    "NtSetInformationFile", "NtSetIoCompletion", "RtlNtStatusToDosError",
]  # fmt: skip

_POINTER = 0xFFFF_FFFF_FFFF_FFFF
_TICKS = 10_000_000


def NtCreateIoCompletion(Count: int = 0, *, system: System | None = None) -> tuple[int, PyHANDLE | None]:
    """Make a port for so many running threads, 0 being the number of processors: (NTSTATUS, handle).

    NT: NtCreateIoCompletion
    """
    owner = system or default_system()
    try:
        return STATUS_SUCCESS, PyHANDLE(owner, owner.io.handles.insert(CompletionPort(owner.io, Count)))
    except NtError as problem:
        return problem.status, None


def NtSetIoCompletion(
    IoCompletionHandle: Handle,
    KeyContext: int,
    ApcContext: Any,
    IoStatus: int,
    IoStatusInformation: int,
    *,
    system: System | None = None,
) -> int:
    """Queue a packet with any status and any information; returns the NTSTATUS.

    NT: NtSetIoCompletion
    """
    try:
        port = find_object(IoCompletionHandle, CompletionPort, system)
    except NtError as problem:
        return problem.status
    port.insert_packet(KeyContext & _POINTER, ApcContext, IoStatus & 0xFFFF_FFFF, IoStatusInformation & _POINTER)
    return STATUS_SUCCESS


def NtRemoveIoCompletion(
    IoCompletionHandle: Handle, Timeout: int | None = None, *, system: System | None = None
) -> tuple[int, int, Any, IoStatusBlock]:
    """Take one packet: (NTSTATUS, key, context, status block); STATUS_TIMEOUT and STATUS_ABANDONED_WAIT_0 for none.

    NT: NtRemoveIoCompletion
    """
    try:
        port = find_object(IoCompletionHandle, CompletionPort, system)
    except NtError as problem:
        return problem.status, 0, None, IoStatusBlock()
    status, taken = port.remove(_seconds(Timeout), shape=_block_of)
    if taken is None:
        return status, 0, None, IoStatusBlock()
    return status, taken[0], taken[1], taken[2]


def _block_of(taken: Entry | Run) -> tuple[int, Any, IoStatusBlock]:
    packet = packet_of(taken)
    return packet.key, packet.overlapped, IoStatusBlock(packet.status, packet.bytes)


def NtRemoveIoCompletionEx(
    IoCompletionHandle: Handle,
    Count: int,
    Timeout: int | None = None,
    Alertable: bool = False,
    *,
    system: System | None = None,
) -> tuple[int, list[OVERLAPPED_ENTRY]]:
    """Take up to `Count` packets, waiting for the first only: (NTSTATUS, entries); STATUS_USER_APC after routines ran.

    NT: NtRemoveIoCompletionEx
    """
    try:
        port = find_object(IoCompletionHandle, CompletionPort, system)
        status, entries = port.remove_many(Count, _seconds(Timeout), alertable=Alertable, shape=entries_of)
    except NtError as problem:
        return problem.status, []
    return status, [] if entries is None else entries


def NtQueryIoCompletion(IoCompletionHandle: Handle, *, system: System | None = None) -> tuple[int, int]:
    """How many packets are queued: (NTSTATUS, depth).

    NT: NtQueryIoCompletion
    """
    try:
        return STATUS_SUCCESS, find_object(IoCompletionHandle, CompletionPort, system).depth
    except NtError as problem:
        return problem.status, 0


def NtSetInformationFile(
    FileHandle: Handle,
    IoStatusBlock: IoStatusBlock,
    FileInformation: Any,
    FileInformationClass: int,
    *,
    system: System | None = None,
) -> int:
    """Change what a class tells about a file to the bytes given; returns the NTSTATUS.

    Classes 30 and 61 are the handle of a port and a key (8 bytes each), class 41 the modes (4 bytes).
    NT: NtSetInformationFile
    """
    try:
        owner = system_of(FileHandle, system)
        file_object = owner.io.handles.reference(number_in(FileHandle, owner), FileObject)
        change = _CHANGES.get(FileInformationClass)
        if change is None:
            return services.set_information(file_object, IoStatusBlock, FileInformation, None, FileInformationClass)
        status = change(owner, file_object, bytes(FileInformation))
    except struct.error:
        return STATUS_INFO_LENGTH_MISMATCH
    except NtError as problem:
        return problem.status
    IoStatusBlock.finish(status, 0)
    return status


def _associate(owner: System, file_object: FileObject, data: bytes) -> int:
    port, key = _port_and_key(owner, data)
    if port is None:
        raise error_for(STATUS_INVALID_PARAMETER, "no port")
    port.associate(file_object, key)
    return STATUS_SUCCESS


def _replace(owner: System, file_object: FileObject, data: bytes) -> int:
    return replace_association(file_object, *_port_and_key(owner, data))


def _set_modes(owner: System, file_object: FileObject, data: bytes) -> int:
    return set_notification_modes(file_object, struct.unpack_from("<I", data)[0])


_CHANGES = {
    FILE_COMPLETION_INFORMATION_CLASS: _associate,
    FILE_IO_COMPLETION_NOTIFICATION_INFORMATION_CLASS: _set_modes,
    FILE_REPLACE_COMPLETION_INFORMATION_CLASS: _replace,
}


def _port_and_key(owner: System, data: bytes) -> tuple[CompletionPort | None, int]:
    handle, key = struct.unpack_from("<QQ", data)
    return (owner.io.handles.reference(handle, CompletionPort) if handle else None), key


def _seconds(timeout: int | None) -> float | None:
    return None if timeout is None else max(-timeout, 0) / _TICKS


def RtlNtStatusToDosError(Status: int) -> int:
    """The Win32 error of an NTSTATUS, 317 when there is none.

    NT: RtlNtStatusToDosError
    """
    return win32_from_status(Status)
