"""Reading and writing files by their Win32 names, with pywin32's parameters and results.

    ReadFile(file, size or buffer, overlapped) -> (hr, data)        hr is 0, ERROR_MORE_DATA or ERROR_IO_PENDING
    WriteFile(file, data, overlapped) -> (hr, bytes written)        hr is 0 or ERROR_IO_PENDING

Other failures raise `pywintypes.error`. Without `overlapped` the data read is `bytes`, as many as there were; with it,
the buffer itself: the caller's, or a new one of that size, whose bytes count when the request has ended. The end is
told by the event, by the file's own signal, by a routine (ReadFileEx) or by a packet of the file's completion port; a
request that succeeded at once makes a packet too, unless the file was told to leave that out.

A file opened without FILE_FLAG_OVERLAPPED has a position and calls that wait; an `overlapped` then only says where.
Pipes and sockets have no position: without `overlapped` a call waits for its end, whatever the handle.

Source: spec iocp.md 1, 4, 6, 7; learn.microsoft.com/windows/win32/api/fileapi, ioapiset; pywin32's win32file.
Rows: R31, R32, R33
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ..hal.operations import MAXIMUM_TRANSFER
from ..io_manager import requests, services
from ..io_manager.codes import major
from ..io_manager.file_object import FileObject
from ..io_manager.io_status import IoStatusBlock
from ..status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_END_OF_FILE,
    STATUS_INVALID_PARAMETER,
    STATUS_PENDING,
    STATUS_TIMEOUT,
    STATUS_USER_APC,
    InvalidParameter,
    error_for,
    nt_success,
    win32_from_status,
)
from ..system.system import System
from .handles import find_file, find_object, system_of
from .overlapped import OVERLAPPED, Send, check_overlapped, hold, start, start_and_wait
from .pyhandle import Handle, refuse, win32_errors
from .waits import seconds
from .winerror import ERROR_IO_INCOMPLETE, ERROR_IO_PENDING, ERROR_MORE_DATA, WAIT_TIMEOUT

__all__ = [
    "AllocateReadBuffer", "FlushFileBuffers", "GetFileSize", "GetOverlappedResult", "GetOverlappedResultEx",
    "HasOverlappedIoCompleted", "ReadFile", "ReadFileEx", "SetEndOfFile", "SetFilePointer", "WriteFile", "WriteFileEx",
]  # fmt: skip

#: Called with error, bytes and OVERLAPPED in the thread that issued the request, when that one waits alertably.
CompletionRoutine = Callable[[int, int, OVERLAPPED], object]

_HR = {STATUS_PENDING: ERROR_IO_PENDING, STATUS_BUFFER_OVERFLOW: ERROR_MORE_DATA}
_STARTS = (0, 1, 2)
_TO_WRITE = major.FILE_WRITE_DATA | major.FILE_APPEND_DATA
_WAIT_IO_COMPLETION = 0xC0


def AllocateReadBuffer(bufSize: int) -> memoryview:
    """Make a buffer for an overlapped read: a view, so that a slice of it is what has been read and no copy.

    NT: none; pywin32's own
    """
    return memoryview(bytearray(_count(bufSize)))


def ReadFile(
    hFile: Handle, buffer: Any, overlapped: OVERLAPPED | None = None, *, system: System | None = None
) -> tuple[int, Any]:
    """Read into a buffer, or as many bytes as a number says: (hr, data); raises `pywintypes.error`.

    NT: ReadFile
    """
    owner = system_of(hFile, system)
    with win32_errors("ReadFile"):
        file_object = find_file(hFile, owner, major.FILE_READ_DATA)
        target = AllocateReadBuffer(buffer) if is_number(buffer) else buffer
        if overlapped is None:
            return _read_now(owner, file_object, target)
        status = _transfer(owner, file_object, services.read_file, overlapped, target, writing=True)
        return _hr(status), target


def WriteFile(
    hFile: Handle, data: Any, ol: OVERLAPPED | None = None, *, system: System | None = None
) -> tuple[int, int]:
    """Write a buffer: (hr, how many bytes were written by now); raises `pywintypes.error`.

    An offset of 0xFFFFFFFF in both halves appends.
    NT: WriteFile
    """
    owner = system_of(hFile, system)
    with win32_errors("WriteFile"):
        file_object = find_file(hFile, owner, _TO_WRITE)
        if ol is None:
            status, count = _waited(owner, file_object, services.write_file, data, writing=False)
        else:
            status = _transfer(owner, file_object, services.write_file, ol, data, writing=False)
            count = 0 if status == STATUS_PENDING else ol.InternalHigh
        return _hr(status), count


def ReadFileEx(
    hFile: Handle, buffer: Any, overlapped: OVERLAPPED, routine: CompletionRoutine, *, system: System | None = None
) -> Any:
    """Start a read whose end `routine(error, bytes, overlapped)` is told, in an alertable wait of this thread.

    Returns the buffer. Raises `pywintypes.error`: ERROR_INVALID_PARAMETER on a file that has a completion port.
    NT: ReadFileEx
    """
    owner = system_of(hFile, system)
    with win32_errors("ReadFileEx"):
        file_object = find_file(hFile, owner, major.FILE_READ_DATA)
        target = AllocateReadBuffer(buffer) if is_number(buffer) else buffer
        _hr(_transfer(owner, file_object, services.read_file, overlapped, target, routine, writing=True))
        return target


def WriteFileEx(
    hFile: Handle, data: Any, overlapped: OVERLAPPED, routine: CompletionRoutine, *, system: System | None = None
) -> None:
    """Start a write whose end `routine(error, bytes, overlapped)` is told, in an alertable wait of this thread.

    Raises `pywintypes.error`: ERROR_INVALID_PARAMETER on a file that has a completion port.
    NT: WriteFileEx
    """
    owner = system_of(hFile, system)
    with win32_errors("WriteFileEx"):
        file_object = find_file(hFile, owner, _TO_WRITE)
        _hr(_transfer(owner, file_object, services.write_file, overlapped, data, routine, writing=False))


def _transfer(
    owner: System,
    file_object: FileObject,
    service: Callable[..., int],
    overlapped: OVERLAPPED,
    buffer: Any,
    routine: CompletionRoutine | None = None,
    *,
    writing: bool,
) -> int:
    """Start a read or write that `overlapped` stands for; `writing` says that the buffer is written into."""
    check_overlapped(overlapped)
    view, release = hold(owner, buffer, writing=writing)
    # Pipes have no offsets, and ignore what stands there.
    offset = None if file_object.flags & major.FO_NAMED_PIPE else overlapped.position

    send: Send
    if routine is None:

        def send(event: Any, context: Any, request: Any) -> int:
            return service(file_object, event, None, context, request, view, None, offset)
    else:

        def send(event: Any, context: Any, request: Any) -> int:
            return service(file_object, None, _tell_routine, routine, request, view, None, offset)

    status = start(owner, file_object, overlapped, send, release, event=routine is None)
    _refuse_unaligned(file_object, status)
    return status


def _refuse_unaligned(file_object: FileObject, status: int) -> None:
    """Say what is wrong with a transfer that the host's disk did not take."""
    if status == STATUS_INVALID_PARAMETER and file_object.flags & major.FO_NO_INTERMEDIATE_BUFFERING:
        words = "without buffering, offset, length and memory are multiples of the disk's sector; 4096 bytes always do"
        raise error_for(status, words)


def _tell_routine(routine: CompletionRoutine, request: Any) -> None:
    """The user APC of ReadFileEx and WriteFileEx."""
    routine(win32_from_status(request.status), request.information, request.owner)


def _waited(
    owner: System, file_object: FileObject, service: Callable[..., int], buffer: Any, *, writing: bool
) -> tuple[int, int]:
    """A transfer that is waited for, at the position that a synchronous file has: (NTSTATUS, bytes).

    Pipes and sockets have no positions, and are waited for however they were opened; no packet tells of that.
    """
    if not file_object.flags & (major.FO_SYNCHRONOUS_IO | major.FO_NAMED_PIPE):
        raise error_for(STATUS_INVALID_PARAMETER, "a file opened with FILE_FLAG_OVERLAPPED needs an OVERLAPPED")
    view, release = hold(owner, buffer, writing=writing)
    if not file_object.flags & major.FO_SYNCHRONOUS_IO:

        def send(event: Any, context: Any, request: Any) -> int:
            return service(file_object, event, None, context, request, view)

        return start_and_wait(owner, file_object, send, release)
    answer = IoStatusBlock()
    try:
        status = service(file_object, None, None, None, answer, view)
    finally:
        release()
    _refuse_unaligned(file_object, status)
    return status, answer.information


def _read_now(owner: System, file_object: FileObject, target: Any) -> tuple[int, bytes]:
    status, count = _waited(owner, file_object, services.read_file, target, writing=True)
    if status == STATUS_END_OF_FILE:
        return 0, b""
    return _hr(status), bytes(memoryview(target).cast("B")[:count])


def _hr(status: int) -> int:
    """What a call returns for a status; raises NtError for what it raises for."""
    if nt_success(status) and status != STATUS_PENDING:
        return 0
    if status not in _HR:
        raise error_for(status)
    return _HR[status]


# --- results ----------------------------------------------------------------------------------------------------------


def HasOverlappedIoCompleted(overlapped: OVERLAPPED) -> bool:
    """Whether the request has ended, as far as `Internal` shows; to ask has it show what no packet can tell any more.

    NT: HasOverlappedIoCompleted
    """
    return overlapped.request is None and overlapped.Internal != STATUS_PENDING


def GetOverlappedResult(hFile: Handle, overlapped: OVERLAPPED, bWait: bool, *, system: System | None = None) -> int:
    """How many bytes a request moved; raises `pywintypes.error`, ERROR_IO_INCOMPLETE for one that is pending.

    With `bWait` it waits for the end, on the object's event if it has one. May be called repeatedly.
    NT: GetOverlappedResult
    """
    return _result("GetOverlappedResult", hFile, overlapped, None if bWait else 0, False, system)


def GetOverlappedResultEx(
    hFile: Handle, overlapped: OVERLAPPED, milliseconds: int, bAlertable: bool, *, system: System | None = None
) -> int:
    """How many bytes a request moved, after waiting so long for its end; raises `pywintypes.error`.

    WAIT_TIMEOUT when the time is up (ERROR_IO_INCOMPLETE if it was none), WAIT_IO_COMPLETION after user APCs were run.
    NT: GetOverlappedResultEx
    """
    return _result("GetOverlappedResultEx", hFile, overlapped, seconds(milliseconds), bAlertable, system)


def _result(
    name: str, hFile: Handle, overlapped: OVERLAPPED, timeout: float | None, alertable: bool, system: System | None
) -> int:
    owner = system_of(hFile, system)
    with win32_errors(name):
        file_object = find_object(hFile, FileObject, owner)
        request = overlapped.request
        if request is not None and timeout == 0 and not alertable:
            raise refuse(name, "the request is pending", ERROR_IO_INCOMPLETE)
        waited = 0 if request is None else request.wait(timeout, alertable=alertable)
        if waited == STATUS_USER_APC:
            raise refuse(name, "user APCs were run", _WAIT_IO_COMPLETION)
        if waited == STATUS_TIMEOUT:
            number = WAIT_TIMEOUT if timeout else ERROR_IO_INCOMPLETE
            raise refuse(name, "the request is pending", number)
        event = overlapped.event_in(owner)
        if request is not None and event is not None:
            event.wait(timeout)  # an event that wakes one waiter has woken this one
        status = overlapped.Internal & 0xFFFF_FFFF
        if not nt_success(status):
            _refuse_unaligned(file_object, status)
            raise error_for(status)
        return overlapped.InternalHigh


# --- positions and sizes ----------------------------------------------------------------------------------------------


def SetFilePointer(hFile: Handle, offset: int, moveMethod: int, *, system: System | None = None) -> int:
    """Move a synchronous file's position, from its start (0), from where it is (1) or from its end (2); returns it.

    NT: SetFilePointerEx
    """
    with win32_errors("SetFilePointer"):
        file_object = find_object(hFile, FileObject, system)
        if moveMethod not in _STARTS:
            raise InvalidParameter(f"{moveMethod} is no way to move")
        starts = (lambda: 0, lambda: file_object.current_byte_offset, lambda: _size(file_object))
        place = starts[moveMethod]() + operator.index(offset)
        answer = IoStatusBlock()
        data = (place & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "little")
        status = services.set_information(file_object, answer, data, None, major.FILE_POSITION_INFORMATION_CLASS)
        _hr(status)
        return place


def GetFileSize(hFile: Handle, *, system: System | None = None) -> int:
    """How many bytes a file has.

    NT: GetFileSizeEx
    """
    with win32_errors("GetFileSize"):
        return _size(find_object(hFile, FileObject, system))


def SetEndOfFile(hFile: Handle, *, system: System | None = None) -> None:
    """Make a file end at its position.

    NT: SetEndOfFile
    """
    with win32_errors("SetEndOfFile"):
        file_object = find_file(hFile, system_of(hFile, system), major.FILE_WRITE_DATA)
        data = file_object.current_byte_offset.to_bytes(8, "little")
        number = major.FILE_END_OF_FILE_INFORMATION_CLASS
        _hr(services.set_information(file_object, IoStatusBlock(), data, None, number))


def FlushFileBuffers(hFile: Handle, *, system: System | None = None) -> None:
    """Put everything written on the device.

    NT: FlushFileBuffers
    """
    with win32_errors("FlushFileBuffers"):
        _hr(services.flush_file(find_file(hFile, system_of(hFile, system), _TO_WRITE), IoStatusBlock()))


def _size(file_object: FileObject) -> int:
    status, size = requests.query_size(file_object)
    _hr(status)
    return size


def is_number(buffer: Any) -> bool:
    """Whether it says how many bytes there may be, and is no buffer itself."""
    return hasattr(buffer, "__index__") and not hasattr(buffer, "__array_interface__")


def _count(length: Any) -> int:
    number = operator.index(length)
    if not 0 <= number <= MAXIMUM_TRANSFER:
        raise refuse("ReadFile", f"{number} bytes in one request: 0 to {MAXIMUM_TRANSFER} are possible")
    return number
