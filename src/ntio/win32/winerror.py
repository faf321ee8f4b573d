"""Win32 error numbers and HRESULTs, by their names in winerror.h.

HRESULTs are unsigned 32-bit numbers here: 0x80070026, never -2147024858. The eight of facility 0x046 belong to I/O
rings; three more names of theirs stand in the documentation only, and mean the numbers given here.

Source: spec ioring.md 1.3; learn.microsoft.com/windows/win32/debug/system-error-codes. Rows: R2, R36
"""

from __future__ import annotations

from typing import Final

from ..status import hresult_from_win32

ERROR_SUCCESS: Final = 0
ERROR_INVALID_FUNCTION: Final = 1
ERROR_FILE_NOT_FOUND: Final = 2
ERROR_PATH_NOT_FOUND: Final = 3
ERROR_TOO_MANY_OPEN_FILES: Final = 4
ERROR_ACCESS_DENIED: Final = 5
ERROR_INVALID_HANDLE: Final = 6
ERROR_NOT_ENOUGH_MEMORY: Final = 8
ERROR_OUTOFMEMORY: Final = 14
ERROR_BAD_LENGTH: Final = 24
ERROR_GEN_FAILURE: Final = 31
ERROR_SHARING_VIOLATION: Final = 32
ERROR_LOCK_VIOLATION: Final = 33
ERROR_HANDLE_EOF: Final = 38
ERROR_NOT_SUPPORTED: Final = 50
ERROR_NETNAME_DELETED: Final = 64
ERROR_FILE_EXISTS: Final = 80
ERROR_INVALID_PARAMETER: Final = 87
ERROR_BROKEN_PIPE: Final = 109
ERROR_DISK_FULL: Final = 112
ERROR_SEM_TIMEOUT: Final = 121
ERROR_INSUFFICIENT_BUFFER: Final = 122
ERROR_INVALID_NAME: Final = 123
ERROR_BUSY: Final = 170
ERROR_ALREADY_EXISTS: Final = 183
ERROR_BAD_PIPE: Final = 230
ERROR_PIPE_BUSY: Final = 231
ERROR_NO_DATA: Final = 232
ERROR_PIPE_NOT_CONNECTED: Final = 233
ERROR_MORE_DATA: Final = 234
WAIT_TIMEOUT: Final = 258
ERROR_INVALID_ADDRESS: Final = 487
ERROR_NOT_SUPPORTED_WITH_CACHED_HANDLE: Final = 509
ERROR_PIPE_CONNECTED: Final = 535
ERROR_PIPE_LISTENING: Final = 536
ERROR_ABANDONED_WAIT_0: Final = 735
ERROR_OPERATION_ABORTED: Final = 995
ERROR_IO_INCOMPLETE: Final = 996
ERROR_IO_PENDING: Final = 997
ERROR_NOACCESS: Final = 998
ERROR_IO_DEVICE: Final = 1117
ERROR_NOT_FOUND: Final = 1168
ERROR_CONNECTION_REFUSED: Final = 1225
ERROR_GRACEFUL_DISCONNECT: Final = 1226
ERROR_ADDRESS_ALREADY_ASSOCIATED: Final = 1227
ERROR_CONNECTION_INVALID: Final = 1229
ERROR_CONNECTION_ACTIVE: Final = 1230
ERROR_NETWORK_UNREACHABLE: Final = 1231
ERROR_HOST_UNREACHABLE: Final = 1232
ERROR_PORT_UNREACHABLE: Final = 1234
ERROR_REQUEST_ABORTED: Final = 1235
ERROR_CONNECTION_ABORTED: Final = 1236
ERROR_NO_SYSTEM_RESOURCES: Final = 1450
ERROR_TIMEOUT: Final = 1460

WSA_INVALID_HANDLE: Final = 6
WSA_OPERATION_ABORTED: Final = 995
WSA_IO_INCOMPLETE: Final = 996
WSA_IO_PENDING: Final = 997
WSAEINTR: Final = 10004
WSAEACCES: Final = 10013
WSAEFAULT: Final = 10014
WSAEINVAL: Final = 10022
WSAEMFILE: Final = 10024
WSAEWOULDBLOCK: Final = 10035
WSAEINPROGRESS: Final = 10036
WSAEALREADY: Final = 10037
WSAENOTSOCK: Final = 10038
WSAEMSGSIZE: Final = 10040
WSAEOPNOTSUPP: Final = 10045
WSAEADDRINUSE: Final = 10048
WSAENETDOWN: Final = 10050
WSAENETUNREACH: Final = 10051
WSAENETRESET: Final = 10052
WSAECONNABORTED: Final = 10053
WSAECONNRESET: Final = 10054
WSAENOBUFS: Final = 10055
WSAEISCONN: Final = 10056
WSAENOTCONN: Final = 10057
WSAESHUTDOWN: Final = 10058
WSAETIMEDOUT: Final = 10060
WSAECONNREFUSED: Final = 10061
WSAEHOSTUNREACH: Final = 10065
WSAEDISCON: Final = 10101

S_OK: Final = 0x00000000
S_FALSE: Final = 0x00000001
E_NOTIMPL: Final = 0x80004001
E_ABORT: Final = 0x80004004
E_ACCESSDENIED: Final = 0x80070005
E_HANDLE: Final = 0x80070006
E_OUTOFMEMORY: Final = 0x8007000E
E_INVALIDARG: Final = 0x80070057

IORING_E_REQUIRED_FLAG_NOT_SUPPORTED: Final = 0x80460001
IORING_E_SUBMISSION_QUEUE_FULL: Final = 0x80460002
IORING_E_VERSION_NOT_SUPPORTED: Final = 0x80460003
IORING_E_SUBMISSION_QUEUE_TOO_BIG: Final = 0x80460004
IORING_E_COMPLETION_QUEUE_TOO_BIG: Final = 0x80460005
IORING_E_SUBMIT_IN_PROGRESS: Final = 0x80460006
IORING_E_CORRUPT: Final = 0x80460007
IORING_E_COMPLETION_QUEUE_TOO_FULL: Final = 0x80460008
IORING_E_WAIT_TIMEOUT: Final = 0x800705B4
IORING_E_UNKNOWN_VERSION: Final = IORING_E_VERSION_NOT_SUPPORTED
IORING_E_UNKNOWN_REQUIRED_FLAG: Final = IORING_E_REQUIRED_FLAG_NOT_SUPPORTED

# In reverse, so that the first name of a number is the one that is shown.
_NUMBERS: list[tuple[str, int]] = [(name, value) for name, value in globals().items() if isinstance(value, int)][::-1]
_NAMES = {value: name for name, value in _NUMBERS if name.startswith(("S_", "E_", "IORING_E_"))}
_ERRORS = {value: name for name, value in _NUMBERS if name.startswith("ERROR_")}


def HRESULT_FROM_WIN32(error: int) -> int:
    """Wrap a Win32 error number as an unsigned 32-bit HRESULT: 38 is 0x80070026.

    NT: HRESULT_FROM_WIN32
    """
    return hresult_from_win32(error)


def HRESULT_CODE(hresult: int) -> int:
    """The low 16 bits of an HRESULT: the Win32 error number of one that was made from it.

    NT: HRESULT_CODE
    """
    return hresult & 0xFFFF


def SUCCEEDED(hresult: int) -> bool:
    """Whether an HRESULT means success, in its unsigned or its signed form.

    NT: SUCCEEDED
    """
    return 0 <= hresult < 0x8000_0000


def FAILED(hresult: int) -> bool:
    """Whether an HRESULT means failure, in its unsigned or its signed form.

    NT: FAILED
    """
    return not SUCCEEDED(hresult)


def hresult_name(hresult: int) -> str:
    """The name of an HRESULT; of one made from a Win32 error, that error's name; else its hexadecimal digits."""
    if hresult in _NAMES:
        return _NAMES[hresult]
    name = _ERRORS.get(hresult & 0xFFFF) if hresult >> 16 == 0x8007 else None
    return name or f"0x{hresult:08X}"


def error_name(error: int) -> str:
    """The name of a Win32 error number, or its digits."""
    return _ERRORS.get(error, str(error))
