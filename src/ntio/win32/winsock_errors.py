"""Winsock's own error numbers: what its functions fail with, where others would have a Win32 number.

A completion packet of a socket has the Win32 number all the same: a reset is WSAECONNRESET (10054) from WSARecv, and
ERROR_NETNAME_DELETED (64) from GetQueuedCompletionStatus.

Source: learn.microsoft.com/windows/win32/winsock/windows-sockets-error-codes-2. Rows: R34, R36
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from .. import status as nt
from .pyhandle import BufferInUseError, error, win32_errors
from .winerror import (
    WSAEACCES,
    WSAEADDRINUSE,
    WSAEALREADY,
    WSAECONNABORTED,
    WSAECONNREFUSED,
    WSAECONNRESET,
    WSAEHOSTUNREACH,
    WSAEINVAL,
    WSAEISCONN,
    WSAEMFILE,
    WSAEMSGSIZE,
    WSAENETUNREACH,
    WSAENOBUFS,
    WSAENOTCONN,
    WSAENOTSOCK,
    WSAEOPNOTSUPP,
    WSAESHUTDOWN,
    WSAETIMEDOUT,
)

_NUMBERS: Final = {
    nt.STATUS_ACCESS_DENIED: WSAEACCES,
    nt.STATUS_INVALID_PARAMETER: WSAEINVAL,
    nt.STATUS_TOO_MANY_OPENED_FILES: WSAEMFILE,
    nt.STATUS_DEVICE_BUSY: WSAEALREADY,
    nt.STATUS_INVALID_HANDLE: WSAENOTSOCK,
    nt.STATUS_OBJECT_TYPE_MISMATCH: WSAENOTSOCK,
    nt.STATUS_FILE_CLOSED: WSAENOTSOCK,
    nt.STATUS_BUFFER_OVERFLOW: WSAEMSGSIZE,
    nt.STATUS_INVALID_BUFFER_SIZE: WSAEMSGSIZE,
    nt.STATUS_NOT_SUPPORTED: WSAEOPNOTSUPP,
    nt.STATUS_ADDRESS_ALREADY_EXISTS: WSAEADDRINUSE,
    nt.STATUS_NETWORK_UNREACHABLE: WSAENETUNREACH,
    nt.STATUS_CONNECTION_ABORTED: WSAECONNABORTED,
    nt.STATUS_CONNECTION_RESET: WSAECONNRESET,
    nt.STATUS_INSUFFICIENT_RESOURCES: WSAENOBUFS,
    nt.STATUS_CONNECTION_ACTIVE: WSAEISCONN,
    nt.STATUS_CONNECTION_INVALID: WSAENOTCONN,
    nt.STATUS_PIPE_DISCONNECTED: WSAESHUTDOWN,
    nt.STATUS_IO_TIMEOUT: WSAETIMEDOUT,
    nt.STATUS_CONNECTION_REFUSED: WSAECONNREFUSED,
    nt.STATUS_HOST_UNREACHABLE: WSAEHOSTUNREACH,
}


def winsock_from_status(status: int) -> int:
    """The number a Winsock function fails with for an NTSTATUS.

    NT: WSAGetLastError
    """
    return _NUMBERS.get(status & 0xFFFF_FFFF) or nt.win32_from_status(status)


@contextmanager
def winsock_errors(function: str) -> Iterator[None]:
    """Raise what fails inside as `error` of that function, by its Winsock number where it has one."""
    try:
        with win32_errors(function):
            yield
    except BufferInUseError:
        raise
    except error as problem:
        cause = problem.__cause__
        number = _NUMBERS.get(cause.status & 0xFFFF_FFFF) if isinstance(cause, nt.NtError) else None
        if number is None:
            raise
        raise error(number, function, problem.strerror or "", problem.errno) from cause
