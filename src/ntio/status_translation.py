"""NTSTATUS and its twins: Linux errno, Win32 error, HRESULT.

    Linux result  ->  errno  ->  NTSTATUS  ->  errno    what an OSError shows
                                           ->  Win32    GetLastError, ntio.win32
                                           ->  HRESULT  I/O ring calls

A backend translates a whole column of kernel results at once with `statuses_from_results`; faces translate one number
when they show it. Translation is lossy in both directions, as on Windows: `ENOTDIR` and `ENOENT` end as one Python
exception, and a number without a twin becomes `EIO` or 317 (ERROR_MR_MID_NOT_FOUND). Inside, only the NTSTATUS travels,
so nothing is lost before the last step.

Sources: [MS-ERREF] 2.1 to 2.3; Microsoft's page on RtlNtStatusToDosError and what running systems answer (completion
port specification, section 1); I/O ring specification 1.3 and 3.1. `ntio.status` re-exports all of it.
"""

# The numbers are written once, in status_codes; naming all of them again to import them would be a second copy to keep.
# ruff: noqa: F403, F405
from __future__ import annotations

import errno as _errno
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .status_codes import *

__all__ = [
    "ERRNO_STATUS",
    "WIN32_NO_TWIN",
    "errno_from_status",
    "hresult_from_nt",
    "hresult_from_status",
    "hresult_from_win32",
    "status_from_errno",
    "statuses_from_results",
    "win32_from_status",
]

# By name, because Windows and macOS number or lack some of them and the package must import there.
_STATUS_BY_ERRNO_NAME = {
    "EPERM": STATUS_ACCESS_DENIED,
    "ENOENT": STATUS_OBJECT_NAME_NOT_FOUND,
    "EINTR": STATUS_RETRY,
    "EIO": STATUS_IO_DEVICE_ERROR,
    "ENXIO": STATUS_NO_SUCH_DEVICE,
    "EBADF": STATUS_INVALID_HANDLE,
    "EAGAIN": STATUS_RETRY,
    "ENOMEM": STATUS_NO_MEMORY,
    "EACCES": STATUS_ACCESS_DENIED,
    "EFAULT": STATUS_ACCESS_VIOLATION,
    "EBUSY": STATUS_DEVICE_BUSY,
    "EEXIST": STATUS_OBJECT_NAME_COLLISION,
    "EXDEV": STATUS_NOT_SAME_DEVICE,
    "ENODEV": STATUS_NO_SUCH_DEVICE,
    "ENOTDIR": STATUS_OBJECT_PATH_NOT_FOUND,
    "EISDIR": STATUS_FILE_IS_A_DIRECTORY,
    "EINVAL": STATUS_INVALID_PARAMETER,
    "ENFILE": STATUS_TOO_MANY_OPENED_FILES,
    "EMFILE": STATUS_TOO_MANY_OPENED_FILES,
    "ENOTTY": STATUS_INVALID_DEVICE_REQUEST,
    "ETXTBSY": STATUS_SHARING_VIOLATION,
    "EFBIG": STATUS_FILE_TOO_LARGE,
    "ENOSPC": STATUS_DISK_FULL,
    "ESPIPE": STATUS_INVALID_DEVICE_REQUEST,
    "EROFS": STATUS_MEDIA_WRITE_PROTECTED,
    "EMLINK": STATUS_TOO_MANY_LINKS,
    "EPIPE": STATUS_PIPE_BROKEN,
    "EDEADLK": STATUS_FILE_LOCK_CONFLICT,
    "ENAMETOOLONG": STATUS_NAME_TOO_LONG,
    "ENOLCK": STATUS_INSUFFICIENT_RESOURCES,
    "ENOSYS": STATUS_NOT_IMPLEMENTED,
    "ENOTEMPTY": STATUS_DIRECTORY_NOT_EMPTY,
    "ELOOP": STATUS_REPARSE_POINT_NOT_RESOLVED,
    "ENODATA": STATUS_END_OF_FILE,
    "ETIME": STATUS_IO_TIMEOUT,
    "EPROTO": STATUS_DEVICE_PROTOCOL_ERROR,
    "EBADMSG": STATUS_CRC_ERROR,
    "EOVERFLOW": STATUS_FILE_TOO_LARGE,
    "ENOTSUP": STATUS_NOT_SUPPORTED,
    "EOPNOTSUPP": STATUS_NOT_SUPPORTED,
    "EADDRINUSE": STATUS_ADDRESS_ALREADY_EXISTS,
    "ENETDOWN": STATUS_UNEXPECTED_NETWORK_ERROR,
    "ENETUNREACH": STATUS_NETWORK_UNREACHABLE,
    "ECONNABORTED": STATUS_CONNECTION_ABORTED,
    "ECONNRESET": STATUS_CONNECTION_RESET,
    "ENOBUFS": STATUS_INSUFFICIENT_RESOURCES,
    "EISCONN": STATUS_CONNECTION_ACTIVE,
    "ENOTCONN": STATUS_CONNECTION_INVALID,
    "ESHUTDOWN": STATUS_GRACEFUL_DISCONNECT,
    "ETIMEDOUT": STATUS_IO_TIMEOUT,
    "ECONNREFUSED": STATUS_CONNECTION_REFUSED,
    "EHOSTDOWN": STATUS_HOST_DOWN,
    "EHOSTUNREACH": STATUS_HOST_UNREACHABLE,
    "EALREADY": STATUS_DEVICE_BUSY,
    "ESTALE": STATUS_FILE_INVALID,
    "EREMOTEIO": STATUS_IO_DEVICE_ERROR,
    "EDQUOT": STATUS_QUOTA_EXCEEDED,
    "ENOMEDIUM": STATUS_NO_MEDIA_IN_DEVICE,
    "EMEDIUMTYPE": STATUS_UNRECOGNIZED_MEDIA,
    "ECANCELED": STATUS_CANCELLED,
}

# Where several errno values share a status, or none leads to it, this is the one an OSError shows.
_ERRNO_NAME_BY_STATUS = {
    STATUS_ACCESS_DENIED: "EACCES",
    STATUS_PRIVILEGE_NOT_HELD: "EPERM",
    STATUS_CANNOT_DELETE: "EACCES",
    STATUS_DELETE_PENDING: "EACCES",
    STATUS_OBJECT_PATH_NOT_FOUND: "ENOENT",  # the Win32 pair 2 and 3 both are FileNotFoundError in Python
    STATUS_NO_SUCH_FILE: "ENOENT",
    STATUS_NO_SUCH_DEVICE: "ENODEV",
    STATUS_DEVICE_DOES_NOT_EXIST: "ENODEV",
    STATUS_DEVICE_REMOVED: "ENODEV",
    STATUS_UNRECOGNIZED_VOLUME: "ENODEV",
    STATUS_NOT_A_DIRECTORY: "ENOTDIR",
    STATUS_OBJECT_NAME_INVALID: "EINVAL",
    STATUS_OBJECT_PATH_INVALID: "EINVAL",
    STATUS_OBJECT_PATH_SYNTAX_BAD: "EINVAL",
    STATUS_OBJECT_TYPE_MISMATCH: "EBADF",
    STATUS_FILE_CLOSED: "EBADF",
    STATUS_INVALID_BUFFER_SIZE: "EINVAL",
    STATUS_BUFFER_TOO_SMALL: "EINVAL",
    STATUS_INFO_LENGTH_MISMATCH: "EINVAL",
    STATUS_INVALID_INFO_CLASS: "EINVAL",
    STATUS_NONEXISTENT_SECTOR: "EINVAL",
    STATUS_INVALID_USER_BUFFER: "EFAULT",
    STATUS_RETRY: "EAGAIN",
    STATUS_DEVICE_BUSY: "EBUSY",
    STATUS_RESOURCE_IN_USE: "EBUSY",
    STATUS_SHARING_VIOLATION: "EBUSY",
    STATUS_PIPE_BUSY: "EBUSY",
    STATUS_FILE_LOCK_CONFLICT: "EAGAIN",
    STATUS_LOCK_NOT_GRANTED: "EAGAIN",
    STATUS_INSUFFICIENT_RESOURCES: "ENOMEM",
    STATUS_TOO_MANY_OPENED_FILES: "EMFILE",
    STATUS_FILE_TOO_LARGE: "EFBIG",
    STATUS_INVALID_DEVICE_REQUEST: "ENOTTY",
    STATUS_NOT_SUPPORTED: "EOPNOTSUPP",
    STATUS_IO_TIMEOUT: "ETIMEDOUT",
    STATUS_TIMEOUT: "ETIMEDOUT",
    STATUS_PIPE_CLOSING: "EPIPE",
    STATUS_PIPE_DISCONNECTED: "EPIPE",
    STATUS_CONNECTION_DISCONNECTED: "ECONNRESET",
    STATUS_IO_DEVICE_ERROR: "EIO",
    STATUS_IORING_SUBMISSION_QUEUE_FULL: "EBUSY",
    STATUS_IORING_COMPLETION_QUEUE_TOO_FULL: "EBUSY",
    STATUS_IORING_SUBMIT_IN_PROGRESS: "EBUSY",
    STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED: "EINVAL",
    STATUS_IORING_VERSION_NOT_SUPPORTED: "EINVAL",
    STATUS_IORING_SUBMISSION_QUEUE_TOO_BIG: "EINVAL",
    STATUS_IORING_COMPLETION_QUEUE_TOO_BIG: "EINVAL",
}

_ERRNO_LIMIT = 256  # Linux numbers end at 133; anything above is looked up as "unsuccessful"


def _errno_number(name: str) -> int | None:
    number = getattr(_errno, name, None)
    return number if isinstance(number, int) and 0 < number < _ERRNO_LIMIT else None


def _errno_table() -> NDArray[np.uint32]:
    table = np.full(_ERRNO_LIMIT, STATUS_UNSUCCESSFUL, np.uint32)
    table[0] = STATUS_SUCCESS
    for name, status in _STATUS_BY_ERRNO_NAME.items():
        number = _errno_number(name)
        if number is not None:
            table[number] = status
    table.flags.writeable = False
    return table


def _errno_by_status() -> Mapping[int, int]:
    pairs = [(status, name) for name, status in _STATUS_BY_ERRNO_NAME.items()]
    pairs += _ERRNO_NAME_BY_STATUS.items()  # later pairs win
    numbered = ((status, _errno_number(name)) for status, name in pairs)
    return MappingProxyType({status: number for status, number in numbered if number is not None})


ERRNO_STATUS: NDArray[np.uint32] = _errno_table()
"""NTSTATUS by positive errno: uint32[256], read-only; 0 is success, unknown numbers are STATUS_UNSUCCESSFUL."""

_ERRNO_BY_STATUS = _errno_by_status()


def status_from_errno(errno: int) -> int:
    """Translate a positive errno into an NTSTATUS; an unknown one is STATUS_UNSUCCESSFUL."""
    return int(ERRNO_STATUS[errno]) if 0 <= errno < _ERRNO_LIMIT else STATUS_UNSUCCESSFUL


def errno_from_status(status: int) -> int:
    """Translate an NTSTATUS into the errno an OSError shows: 0 for success, EIO where no closer one exists."""
    number = _ERRNO_BY_STATUS.get(status & 0xFFFFFFFF)
    if number is not None:
        return number
    return 0 if nt_success(status & 0xFFFFFFFF) else _errno.EIO


def statuses_from_results(results: NDArray[np.signedinteger[Any]]) -> NDArray[np.uint32]:
    """Translate Linux results (a count, or a negated errno) into a fresh uint32 array of NTSTATUS, same shape.

    `results` is int32 or int64. Every result of zero or more is STATUS_SUCCESS: whether a read of zero bytes is the end
    of the file depends on what was asked for, which only the caller knows (I/O ring specification 3.1).
    """
    # Nearly every batch has no failure: one reduction is then all the work.
    if results.size == 0 or results.min() >= 0:
        return np.zeros(results.shape, np.uint32)
    # Clip before negating: the most negative integer has no positive twin.
    statuses: NDArray[np.uint32] = ERRNO_STATUS[-np.clip(results, 1 - _ERRNO_LIMIT, 0)]
    return statuses


WIN32_NO_TWIN = 317  # ERROR_MR_MID_NOT_FOUND: what RtlNtStatusToDosError answers for a number it does not know
_FACILITY_NTWIN32 = 0xC007  # a status made from a Win32 error carries it in the low half
_FACILITY_IORING = 0xC046
_HRESULT_NT_BIT = 0x10000000

_WIN32_BY_STATUS = {
    STATUS_SUCCESS: 0,
    STATUS_ABANDONED_WAIT_0: 735,
    STATUS_USER_APC: 737,
    STATUS_ALERTED: 739,
    STATUS_TIMEOUT: 1460,
    STATUS_PENDING: 997,
    STATUS_REPARSE: 741,
    STATUS_MORE_ENTRIES: 234,
    STATUS_NOTIFY_CLEANUP: 745,
    STATUS_NOTIFY_ENUM_DIR: 1022,
    STATUS_OBJECT_NAME_EXISTS: 698,
    STATUS_BUFFER_OVERFLOW: 234,
    STATUS_NO_MORE_FILES: 18,
    STATUS_DEVICE_OFF_LINE: 21,
    STATUS_DEVICE_BUSY: 170,
    STATUS_NO_MORE_ENTRIES: 259,
    STATUS_VERIFY_REQUIRED: 1110,
    STATUS_MEDIA_CHANGED: 1110,
    STATUS_END_OF_MEDIA: 1100,
    STATUS_STOPPED_ON_SYMLINK: 681,
    STATUS_UNSUCCESSFUL: 31,
    STATUS_NOT_IMPLEMENTED: 1,
    STATUS_INVALID_INFO_CLASS: 87,
    STATUS_INFO_LENGTH_MISMATCH: 24,
    STATUS_ACCESS_VIOLATION: 998,
    STATUS_INVALID_HANDLE: 6,
    STATUS_INVALID_PARAMETER: 87,
    STATUS_NO_SUCH_DEVICE: 2,
    STATUS_NO_SUCH_FILE: 2,
    STATUS_INVALID_DEVICE_REQUEST: 1,
    STATUS_END_OF_FILE: 38,
    STATUS_WRONG_VOLUME: 34,
    STATUS_NO_MEDIA_IN_DEVICE: 21,
    STATUS_UNRECOGNIZED_MEDIA: 1785,
    STATUS_NONEXISTENT_SECTOR: 27,
    STATUS_MORE_PROCESSING_REQUIRED: 234,
    STATUS_NO_MEMORY: 8,
    STATUS_ACCESS_DENIED: 5,
    STATUS_BUFFER_TOO_SMALL: 122,
    STATUS_OBJECT_TYPE_MISMATCH: 6,
    STATUS_DISK_CORRUPT_ERROR: 1393,
    STATUS_OBJECT_NAME_INVALID: 123,
    STATUS_OBJECT_NAME_NOT_FOUND: 2,
    STATUS_OBJECT_NAME_COLLISION: 183,
    STATUS_OBJECT_PATH_INVALID: 161,
    STATUS_OBJECT_PATH_NOT_FOUND: 3,
    STATUS_OBJECT_PATH_SYNTAX_BAD: 161,
    STATUS_DATA_OVERRUN: 1117,
    STATUS_DATA_ERROR: 23,
    STATUS_CRC_ERROR: 23,
    STATUS_SHARING_VIOLATION: 32,
    STATUS_QUOTA_EXCEEDED: 1816,
    STATUS_FILE_LOCK_CONFLICT: 33,
    STATUS_LOCK_NOT_GRANTED: 33,
    STATUS_DELETE_PENDING: 5,
    STATUS_PRIVILEGE_NOT_HELD: 1314,
    STATUS_DISK_FULL: 112,
    STATUS_FILE_INVALID: 1006,
    STATUS_INSUFFICIENT_RESOURCES: 1450,
    STATUS_DEVICE_DATA_ERROR: 23,
    STATUS_DEVICE_NOT_CONNECTED: 1167,
    STATUS_MEDIA_WRITE_PROTECTED: 19,
    STATUS_DEVICE_NOT_READY: 21,
    STATUS_INSTANCE_NOT_AVAILABLE: 231,
    STATUS_PIPE_NOT_AVAILABLE: 231,
    STATUS_INVALID_PIPE_STATE: 230,
    STATUS_PIPE_BUSY: 231,
    STATUS_ILLEGAL_FUNCTION: 1,
    STATUS_PIPE_DISCONNECTED: 233,
    STATUS_PIPE_CLOSING: 232,
    STATUS_PIPE_CONNECTED: 535,
    STATUS_PIPE_LISTENING: 536,
    STATUS_IO_TIMEOUT: 121,
    STATUS_FILE_FORCED_CLOSED: 38,
    STATUS_FILE_IS_A_DIRECTORY: 5,
    STATUS_NOT_SUPPORTED: 50,
    STATUS_BAD_NETWORK_PATH: 53,
    STATUS_NETWORK_BUSY: 54,
    STATUS_DEVICE_DOES_NOT_EXIST: 55,
    STATUS_UNEXPECTED_NETWORK_ERROR: 59,
    STATUS_NETWORK_NAME_DELETED: 64,
    STATUS_BAD_NETWORK_NAME: 67,
    STATUS_NOT_SAME_DEVICE: 17,
    STATUS_PIPE_EMPTY: 232,
    STATUS_INTERNAL_ERROR: 1359,
    STATUS_INVALID_USER_BUFFER: 1784,
    STATUS_DIRECTORY_NOT_EMPTY: 145,
    STATUS_NOT_A_DIRECTORY: 267,
    STATUS_NAME_TOO_LONG: 206,
    STATUS_IMAGE_ALREADY_LOADED: 1056,
    STATUS_TOO_MANY_OPENED_FILES: 4,
    STATUS_CANCELLED: 995,
    STATUS_CANNOT_DELETE: 5,
    STATUS_FILE_DELETED: 5,
    STATUS_FILE_CLOSED: 6,
    STATUS_PIPE_BROKEN: 109,
    STATUS_UNRECOGNIZED_VOLUME: 1005,
    STATUS_DRIVER_INTERNAL_ERROR: 1117,
    STATUS_INVALID_DEVICE_STATE: 22,
    STATUS_IO_DEVICE_ERROR: 1117,
    STATUS_DEVICE_PROTOCOL_ERROR: 1117,
    STATUS_FS_DRIVER_REQUIRED: 588,
    STATUS_INVALID_BUFFER_SIZE: 1784,
    STATUS_ADDRESS_ALREADY_EXISTS: 52,
    STATUS_CONNECTION_DISCONNECTED: 64,
    STATUS_CONNECTION_RESET: 64,
    STATUS_NOT_FOUND: 1168,
    STATUS_RETRY: 1237,
    STATUS_CONNECTION_REFUSED: 1225,
    STATUS_GRACEFUL_DISCONNECT: 1226,
    STATUS_CONNECTION_INVALID: 1229,
    STATUS_CONNECTION_ACTIVE: 1230,
    STATUS_NETWORK_UNREACHABLE: 1231,
    STATUS_HOST_UNREACHABLE: 1232,
    STATUS_CONNECTION_ABORTED: 1236,
    STATUS_TOO_MANY_LINKS: 1142,
    STATUS_VOLUME_DISMOUNTED: 21,
    STATUS_IO_REPARSE_TAG_INVALID: 4393,
    STATUS_IO_REPARSE_DATA_INVALID: 4392,
    STATUS_IO_REPARSE_TAG_NOT_HANDLED: 1920,
    STATUS_REPARSE_POINT_NOT_RESOLVED: 1921,
    STATUS_DEVICE_REMOVED: 1617,
    STATUS_HOST_DOWN: 1256,
    STATUS_RESOURCE_IN_USE: 170,
    STATUS_FILE_TOO_LARGE: 223,
}


def win32_from_status(status: int) -> int:
    """Translate an NTSTATUS into a Win32 error number, 317 (ERROR_MR_MID_NOT_FOUND) when there is none.

    A status of facility 7, made from a Win32 error, gives that error back; the HRESULT form of an error (0xD0000011)
    counts as the plain one. Three wait results are renamed by the Win32 calls themselves, not here (completion port
    specification, section 1).
    NT: RtlNtStatusToDosError
    """
    number = status & 0xFFFFFFFF
    if number >> 28 == 0xD:
        number &= ~_HRESULT_NT_BIT
    if number >> 16 == _FACILITY_NTWIN32:
        return number & 0xFFFF
    return _WIN32_BY_STATUS.get(number, WIN32_NO_TWIN)


def hresult_from_win32(error: int) -> int:
    """Wrap a Win32 error number as an unsigned 32-bit HRESULT: 38 is 0x80070026, 0 is S_OK.

    NT: HRESULT_FROM_WIN32
    """
    return 0x80070000 | (error & 0xFFFF) if error else 0


def hresult_from_status(status: int) -> int:
    """Translate an NTSTATUS into the unsigned HRESULT that a Win32 program sees for it.

    The I/O ring errors keep their own numbers, with the top bits of an HRESULT (0xC0460002 is 0x80460002); every other
    goes through its Win32 error. A success without a Win32 number is S_OK (I/O ring specification 1.3).
    NT: HRESULT_FROM_WIN32
    """
    number = status & 0xFFFFFFFF
    if number >> 16 == _FACILITY_IORING:
        return number & ~0x40000000
    if nt_success(number) and number not in _WIN32_BY_STATUS:
        return 0
    return hresult_from_win32(win32_from_status(number))


def hresult_from_nt(status: int) -> int:
    """Mark an NTSTATUS as an HRESULT without translating it: 0xC0000011 is 0xD0000011.

    NT: HRESULT_FROM_NT
    """
    return (status & 0xFFFFFFFF) | _HRESULT_NT_BIT
