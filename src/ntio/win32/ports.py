"""Completion ports and cancelling by their Win32 names, with pywin32's parameters and results.

    CreateIoCompletionPort(INVALID_HANDLE_VALUE, None, 0, threads)   a port
    CreateIoCompletionPort(file, port, key, 0)                       the file's packets go there; the result is `port`
    GetQueuedCompletionStatus(port, ms) -> (rc, bytes, key, overlapped)
    GetQueuedCompletionStatusEx(port, count, ms, alertable) -> (rc, [OVERLAPPED_ENTRY, ...])
    PostQueuedCompletionStatus(port, bytes, key, overlapped)

Taking packets never raises for what comes of it, as in pywin32: `rc` is 0, or the error of the failed operation whose
packet this is, or of the wait, and then there is no `overlapped`: WAIT_TIMEOUT, ERROR_ABANDONED_WAIT_0 (the port was
closed meanwhile), ERROR_INVALID_HANDLE. The `overlapped` of an operation is the very object it was started with.

Source: spec iocp.md 1-5, 7; learn.microsoft.com "I/O Completion Ports"; pywin32's win32file.
Rows: R34, R35, R36, R37
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..io_manager import services
from ..io_manager.file_object import FileObject
from ..io_manager.io_status import IoStatusBlock
from ..io_manager.ports.association import set_notification_modes
from ..io_manager.ports.completion_port import CompletionPort
from ..io_manager.ports.packets import Entry, Packet, packet_of, packets_of
from ..kernel.queue_object import Run
from ..status import (
    STATUS_ABANDONED_WAIT_0,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
    STATUS_USER_APC,
    InvalidParameter,
    NtError,
    error_for,
    nt_success,
    win32_from_status,
)
from ..system.system import System
from .handles import find_object, number_in, system_of
from .overlapped import OVERLAPPED
from .pyhandle import Handle, PyHANDLE, win32_errors
from .threads import find_thread
from .waits import seconds
from .win32con import INVALID_HANDLE_VALUE, THREAD_TERMINATE, WAIT_IO_COMPLETION
from .winerror import ERROR_ABANDONED_WAIT_0, ERROR_INVALID_PARAMETER, WAIT_TIMEOUT

__all__ = [
    "OVERLAPPED_ENTRY",
    "CancelIo", "CancelIoEx", "CancelSynchronousIo", "CreateIoCompletionPort", "GetQueuedCompletionStatus",
    "GetQueuedCompletionStatusEx", "PostQueuedCompletionStatus", "SetFileCompletionNotificationModes",
]  # fmt: skip

_POINTER = 0xFFFF_FFFF_FFFF_FFFF
#: The three results of a wait that the calls name themselves.
_WAITS = {
    STATUS_TIMEOUT: WAIT_TIMEOUT,
    STATUS_USER_APC: WAIT_IO_COMPLETION,
    STATUS_ABANDONED_WAIT_0: ERROR_ABANDONED_WAIT_0,
}


class OVERLAPPED_ENTRY(NamedTuple):
    """One packet of several.

    NT: OVERLAPPED_ENTRY
    """

    lpCompletionKey: int
    lpOverlapped: Any
    Internal: int
    dwNumberOfBytesTransferred: int


def CreateIoCompletionPort(
    handle: Handle,
    existing: Handle | None,
    completionKey: int,
    numThreads: int,
    *,
    system: System | None = None,
) -> Handle:
    """Make a port, or associate a file with an existing or a new one, or both; returns the port's handle.

    `numThreads` of a new port may run at a time, 0 is the number of processors. Raises `pywintypes.error`.
    NT: CreateIoCompletionPort
    """
    with win32_errors("CreateIoCompletionPort"):
        owner = system_of(existing if isinstance(existing, PyHANDLE) else handle, system)
        file_number = number_in(handle, owner)
        no_file = file_number == INVALID_HANDLE_VALUE
        if no_file and existing:
            raise InvalidParameter("an existing port, but no file to associate")
        file_object = None if no_file else owner.io.handles.reference(file_number, FileObject)
        port = find_object(existing, CompletionPort, owner) if existing else CompletionPort(owner.io, numThreads)
        if file_object is not None:
            port.associate(file_object, completionKey & _POINTER)
        return existing if existing else PyHANDLE(owner, owner.io.handles.insert(port))


def GetQueuedCompletionStatus(
    hPort: Handle, timeOut: int, *, system: System | None = None
) -> tuple[int, int, int, Any]:
    """Take one packet, waiting so many milliseconds: (rc, bytes, key, overlapped).

    An interrupt (Ctrl-C) loses nothing: it comes before the packet leaves the port, or after the call.
    NT: GetQueuedCompletionStatus
    """
    try:
        port = find_object(hPort, CompletionPort, system)
    except NtError as problem:
        return win32_from_status(problem.status), 0, 0, None
    status, row = port.remove(seconds(timeOut), shape=_row_of)
    return (_WAITS[status], 0, 0, None) if row is None else row


def GetQueuedCompletionStatusEx(
    hPort: Handle, count: int, timeOut: int, alertable: bool = False, *, system: System | None = None
) -> tuple[int, list[OVERLAPPED_ENTRY]]:
    """Take up to `count` packets, waiting for the first of them only: (rc, entries), whatever their statuses.

    When `alertable`, a user APC ends the wait with WAIT_IO_COMPLETION.
    NT: GetQueuedCompletionStatusEx
    """
    try:
        port = find_object(hPort, CompletionPort, system)
    except NtError as problem:
        return win32_from_status(problem.status), []
    if count < 1:
        return ERROR_INVALID_PARAMETER, []
    status, entries = port.remove_many(count, seconds(timeOut), alertable=alertable, shape=entries_of)
    return (_WAITS[status], []) if entries is None else (0, entries)


def _row_of(taken: Entry | Run) -> tuple[int, int, int, Any]:
    entry = entry_of(packet_of(taken))
    rc = 0 if nt_success(entry.Internal) else win32_from_status(entry.Internal)
    return rc, entry.dwNumberOfBytesTransferred, entry.lpCompletionKey, entry.lpOverlapped


def entries_of(taken: list[Entry | Run]) -> list[OVERLAPPED_ENTRY]:
    """Packets of a queue as a program gets them."""
    return [entry_of(packet) for packet in packets_of(taken)]


def entry_of(packet: Packet) -> OVERLAPPED_ENTRY:
    """A packet as a program gets it."""
    return OVERLAPPED_ENTRY(packet.key, packet.overlapped, packet.status, packet.bytes & 0xFFFF_FFFF)


def PostQueuedCompletionStatus(
    hPort: Handle,
    numberOfbytes: int = 0,
    completionKey: int = 0,
    overlapped: Any = None,
    *,
    system: System | None = None,
) -> None:
    """Queue a packet with these three values, whatever they are; raises `pywintypes.error`.

    NT: PostQueuedCompletionStatus
    """
    with win32_errors("PostQueuedCompletionStatus"):
        port = find_object(hPort, CompletionPort, system)
        port.insert_packet(completionKey & _POINTER, overlapped, STATUS_SUCCESS, numberOfbytes & 0xFFFF_FFFF)


def SetFileCompletionNotificationModes(FileHandle: Handle, Flags: int, *, system: System | None = None) -> None:
    """Leave out packets for what succeeded at once (1), the signal on the file (2), or both; raises `pywintypes.error`.

    NT: SetFileCompletionNotificationModes
    """
    with win32_errors("SetFileCompletionNotificationModes"):
        _raise(set_notification_modes(find_object(FileHandle, FileObject, system), Flags))


# --- cancelling -------------------------------------------------------------------------------------------------------


def CancelIo(handle: Handle, *, system: System | None = None) -> None:
    """Ask for the end of what this thread has in flight on a file; nothing at all is no failure.

    NT: CancelIo
    """
    with win32_errors("CancelIo"):
        _raise(services.cancel_io(find_object(handle, FileObject, system), IoStatusBlock()))


def CancelIoEx(handle: Handle, overlapped: OVERLAPPED | None = None, *, system: System | None = None) -> None:
    """Ask for the end of one request on a file, or of all, whichever thread made them; raises `pywintypes.error`.

    ERROR_NOT_FOUND when there is none. Each still ends once, in its own way.
    NT: CancelIoEx
    """
    with win32_errors("CancelIoEx"):
        file_object = find_object(handle, FileObject, system)
        request = None
        if overlapped is not None:
            # One that has ended, or never began, is nobody's: found nowhere.
            request = overlapped.request or IoStatusBlock()
        _raise(services.cancel_io_ex(file_object, request, IoStatusBlock()))


def CancelSynchronousIo(hThread: Handle, *, system: System | None = None) -> None:
    """Ask for the end of what another thread waits for in a call; raises `pywintypes.error` (ERROR_NOT_FOUND).

    NT: CancelSynchronousIo
    """
    with win32_errors("CancelSynchronousIo"):
        owner = system_of(hThread, system)
        thread = find_thread(hThread, owner, THREAD_TERMINATE)
        _raise(services.cancel_synchronous_io(owner.io, thread, None, IoStatusBlock()))


def _raise(status: int) -> None:
    if not nt_success(status):
        raise error_for(status)
