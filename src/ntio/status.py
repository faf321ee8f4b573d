"""NTSTATUS, its twins in other systems, and the exceptions Python sees.

    OSError
    └── NtError                          any failed request; .status says which way it failed
        ├── ObjectNameNotFound           also FileNotFoundError     the caller's name
        ├── ObjectPathNotFound           also FileNotFoundError     the caller's path
        ├── ObjectNameCollision          also FileExistsError       the caller's name
        ├── AccessDenied                 also PermissionError       the caller's rights
        ├── FileIsADirectory             also IsADirectoryError     the caller's choice of file
        ├── NotADirectory                also NotADirectoryError    the caller's choice of file
        ├── InvalidParameter             also ValueError            the calling code
        ├── InvalidHandle                also ValueError            the calling code
        │   ├── FileClosed               used after close()         the calling code
        │   ├── RingClosed               used after close()         the calling code
        │   ├── PortClosed               used after close()         the calling code, or how threads are sent home
        │   └── RingLostInFork           used in a forked child     the calling code
        ├── InvalidDeviceRequest         not this device's work     the calling code, or an unfinished driver
        ├── BufferInUse                  also BufferError           the calling code
        ├── QueueFull                    submit first, then go on   the calling code
        ├── RequestCancelled             somebody asked for it      nobody's
        ├── EndOfFile                    also EOFError              nobody's: there is no more
        ├── DiskFull                                                the machine
        ├── IoTimeout                    also TimeoutError          the device or the peer
        ├── BrokenPipe                   also BrokenPipeError       the peer
        ├── ConnectionReset              also ConnectionResetError  the peer
        ├── ConnectionAborted            also ConnectionAbortedError  the network
        ├── ConnectionRefused            also ConnectionRefusedError  the peer
        └── PlatformNotSupported         also NotImplementedError   the machine

A driver's breach of the rules is no NtError: see `ntio.bugcheck`.

How it moves: inside device stacks only numbers travel (`STATUS_…`, or a uint32 column of them); a backend turns kernel
results into numbers with `statuses_from_results`; at the Python face `raise_for_status` turns a number into the class
above. The Windows faces translate the same number with `win32_from_status` and `hresult_from_status`, so that every
face tells one story.

Three files, one module to import: the numbers are in `status_codes`, their twins in `status_translation`, and this one
re-exports both.

Sources: [MS-ERREF] 2.3 for the numbers; which builtin each also is follows what CPython raises for the same failure.
"""

# Re-exporting the numbers one by one would be a second copy of 150 names to keep.
# ruff: noqa: F403, F405
from __future__ import annotations

from typing import Any, ClassVar

from .status_codes import *
from .status_translation import *


class NtError(OSError):
    """A request failed, in the way that `.status` tells; subclasses name whose fault it was.

    `message` is one sentence without the file name; `status` is an NTSTATUS (the class's own when left out), taken
    modulo 2**32; `filename` is shown after the message. `errno`, `strerror` and `filename` are set as on every OSError.
    """

    default_status: ClassVar[int] = STATUS_UNSUCCESSFUL
    status: int

    def __init__(self, message: str | None = None, status: int | None = None, filename: Any = None) -> None:
        number = int(self.default_status if status is None else status) & 0xFFFFFFFF
        text = message if message is not None else _words(number)
        if filename is None:
            super().__init__(errno_from_status(number), text)
        else:
            super().__init__(errno_from_status(number), text, filename)
        self.status = number

    def __str__(self) -> str:
        name = status_name(self.status)
        label = name if name.startswith("0x") else f"{name} 0x{self.status:08X}"
        where = "" if self.filename is None else f": {self.filename!r}"
        return f"[{label}] {self.strerror}{where}"

    def __reduce__(self) -> tuple[Any, ...]:
        # OSError would rebuild itself from (errno, strerror), which are not our parameters.
        return type(self), (self.strerror, self.status, self.filename), self.__dict__


class ObjectNameNotFound(NtError, FileNotFoundError):
    """The last part of the name does not exist: the caller's name is wrong, or comes too early."""

    default_status = STATUS_OBJECT_NAME_NOT_FOUND


class ObjectPathNotFound(NtError, FileNotFoundError):
    """A part of the name before the last does not exist or is no directory: the caller's path is wrong."""

    default_status = STATUS_OBJECT_PATH_NOT_FOUND


class ObjectNameCollision(NtError, FileExistsError):
    """The name is taken: the caller asked for a new object under an old name."""

    default_status = STATUS_OBJECT_NAME_COLLISION


class AccessDenied(NtError, PermissionError):
    """The caller lacks a right: its own, the handle's, or the file's owner must grant it."""

    default_status = STATUS_ACCESS_DENIED


class FileIsADirectory(NtError, IsADirectoryError):
    """A file's work was asked of a directory: the caller chose the wrong object."""

    default_status = STATUS_FILE_IS_A_DIRECTORY


class NotADirectory(NtError, NotADirectoryError):
    """A directory's work was asked of a file: the caller chose the wrong object."""

    default_status = STATUS_NOT_A_DIRECTORY


class InvalidParameter(NtError, ValueError):
    """An argument can never be right (negative offset, malformed name): the calling code must change."""

    default_status = STATUS_INVALID_PARAMETER


class InvalidHandle(NtError, ValueError):
    """The handle names nothing, or something of another kind: the calling code must change."""

    default_status = STATUS_INVALID_HANDLE


class FileClosed(InvalidHandle):
    """The file was used after it was closed: the calling code must change."""

    default_status = STATUS_FILE_CLOSED


class RingClosed(InvalidHandle):
    """The ring was used after it was closed: the calling code must change."""


class RingLostInFork(InvalidHandle):
    """The ring belongs to the parent process: the calling code must open its own after a fork."""


class PortClosed(InvalidHandle):
    """The completion port was closed, before the call or while it waited: how the threads of a port are sent home."""


class InvalidDeviceRequest(NtError):
    """The device does not do this: the calling code asked the wrong device, or its driver is unfinished."""

    default_status = STATUS_INVALID_DEVICE_REQUEST


class BufferInUse(NtError, BufferError):
    """The same bytes are already part of a request in flight: the calling code must wait for it first."""

    default_status = STATUS_RESOURCE_IN_USE


class QueueFull(NtError):
    """The submission queue has no free entry: the calling code must submit or wait, then go on; nothing was lost."""

    default_status = STATUS_IORING_SUBMISSION_QUEUE_FULL


class RequestCancelled(NtError):
    """The request was cancelled before it was done: nobody's fault, somebody asked for it."""

    default_status = STATUS_CANCELLED


class EndOfFile(NtError, EOFError):
    """The read began at or past the end: nobody's fault, there is no more."""

    default_status = STATUS_END_OF_FILE


class DiskFull(NtError):
    """The medium has no room left: the machine's state, not the calling code."""

    default_status = STATUS_DISK_FULL


class IoTimeout(NtError, TimeoutError):
    """The answer did not come in time: the device or the peer is slow, or the caller's limit is short."""

    default_status = STATUS_IO_TIMEOUT


class BrokenPipe(NtError, BrokenPipeError):
    """The other end of the pipe is gone: the peer closed it."""

    default_status = STATUS_PIPE_BROKEN


class ConnectionReset(NtError, ConnectionResetError):
    """The connection was cut by the peer."""

    default_status = STATUS_CONNECTION_RESET


class ConnectionAborted(NtError, ConnectionAbortedError):
    """The connection was given up by the network or by this host."""

    default_status = STATUS_CONNECTION_ABORTED


class ConnectionRefused(NtError, ConnectionRefusedError):
    """Nobody listens at that address: the peer is down, or the caller's address is wrong."""

    default_status = STATUS_CONNECTION_REFUSED


class PlatformNotSupported(NtError, NotImplementedError):
    """This machine cannot do it (no Linux, no io_uring, no such extra): neither caller nor device is at fault."""

    default_status = STATUS_NOT_SUPPORTED


# Only statuses that mean the same fault share a class. NOT_SUPPORTED stays plain: a device says it too, and that is no
# lack of the platform.
_CLASS_BY_STATUS: dict[int, type[NtError]] = {
    STATUS_OBJECT_NAME_NOT_FOUND: ObjectNameNotFound,
    STATUS_NO_SUCH_FILE: ObjectNameNotFound,
    STATUS_OBJECT_PATH_NOT_FOUND: ObjectPathNotFound,
    STATUS_OBJECT_NAME_COLLISION: ObjectNameCollision,
    STATUS_ACCESS_DENIED: AccessDenied,
    STATUS_PRIVILEGE_NOT_HELD: AccessDenied,
    STATUS_FILE_IS_A_DIRECTORY: FileIsADirectory,
    STATUS_NOT_A_DIRECTORY: NotADirectory,
    STATUS_INVALID_PARAMETER: InvalidParameter,
    STATUS_OBJECT_NAME_INVALID: InvalidParameter,
    STATUS_OBJECT_PATH_INVALID: InvalidParameter,
    STATUS_OBJECT_PATH_SYNTAX_BAD: InvalidParameter,
    STATUS_INVALID_HANDLE: InvalidHandle,
    STATUS_OBJECT_TYPE_MISMATCH: InvalidHandle,
    STATUS_FILE_CLOSED: FileClosed,
    STATUS_INVALID_DEVICE_REQUEST: InvalidDeviceRequest,
    STATUS_RESOURCE_IN_USE: BufferInUse,
    STATUS_IORING_SUBMISSION_QUEUE_FULL: QueueFull,
    STATUS_CANCELLED: RequestCancelled,
    STATUS_END_OF_FILE: EndOfFile,
    STATUS_DISK_FULL: DiskFull,
    STATUS_IO_TIMEOUT: IoTimeout,
    STATUS_TIMEOUT: IoTimeout,
    STATUS_PIPE_BROKEN: BrokenPipe,
    STATUS_PIPE_CLOSING: BrokenPipe,
    STATUS_PIPE_DISCONNECTED: BrokenPipe,
    STATUS_CONNECTION_RESET: ConnectionReset,
    STATUS_CONNECTION_DISCONNECTED: ConnectionReset,
    STATUS_CONNECTION_ABORTED: ConnectionAborted,
    STATUS_CONNECTION_REFUSED: ConnectionRefused,
}


def _words(status: int) -> str:
    """Read a status name as words, for errors raised without a message."""
    name = status_name(status)
    return name.removeprefix("STATUS_").replace("_", " ").lower() if name.startswith("STATUS_") else "request failed"


def error_for(status: int, message: str | None = None, filename: Any = None) -> NtError:
    """Make, without raising it, the exception whose class fits `status`; `NtError` itself where no class is closer."""
    number = int(status) & 0xFFFFFFFF
    return _CLASS_BY_STATUS.get(number, NtError)(message, number, filename)


def raise_for_status(status: int, message: str | None = None, filename: Any = None) -> None:
    """Raise the fitting `NtError` unless `status` means success (below 0x80000000); warnings raise too."""
    if not nt_success(int(status) & 0xFFFFFFFF):
        raise error_for(status, message, filename)
