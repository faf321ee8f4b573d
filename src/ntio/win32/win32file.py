r"""Files by their Win32 names, with pywin32's parameters: opened and closed here, the other calls in two modules.

    transfers    ReadFile, WriteFile, ReadFileEx, WriteFileEx, GetOverlappedResult ...; positions and sizes
    ports        CreateIoCompletionPort, GetQueuedCompletionStatus ...; CancelIo, CancelIoEx, CancelSynchronousIo

A name is what Windows takes (`C:\data\x`, `\\.\Name`, `\\?\C:\x`, `\\?\GLOBALROOT\Device\...`) or a path of the host
(`/data/x`, `data/x`). `C:` is the host's root. Share modes and security attributes are taken and mean nothing: the host
has neither.

Source: learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew; spec iomgr.md 3.4. Rows: R12, R20
"""

from __future__ import annotations

import os

from ..driver_kit import CreateParameters
from ..io_manager.codes import major
from ..io_manager.file_object import FileObject
from ..io_manager.opening.open import close_file
from ..status import ObjectNameNotFound
from ..system.default import default_system
from ..system.system import System
from .controls import DeviceIoControl, GetFileType
from .handles import CloseHandle
from .mswsock import (
    SO_CONNECT_TIME,
    SO_UPDATE_ACCEPT_CONTEXT,
    SO_UPDATE_CONNECT_CONTEXT,
    TF_DISCONNECT,
    TF_REUSE_SOCKET,
    AcceptEx,
    CalculateSocketEndPointSize,
    ConnectEx,
    GetAcceptExSockaddrs,
    TransmitFile,
    WSARecv,
    WSASend,
)
from .overlapped import OVERLAPPED
from .ports import (
    OVERLAPPED_ENTRY,
    CancelIo,
    CancelIoEx,
    CancelSynchronousIo,
    CreateIoCompletionPort,
    GetQueuedCompletionStatus,
    GetQueuedCompletionStatusEx,
    PostQueuedCompletionStatus,
    SetFileCompletionNotificationModes,
)
from .pyhandle import PyHANDLE, error, refuse, win32_errors
from .transfers import (
    AllocateReadBuffer,
    FlushFileBuffers,
    GetFileSize,
    GetOverlappedResult,
    GetOverlappedResultEx,
    HasOverlappedIoCompleted,
    ReadFile,
    ReadFileEx,
    SetEndOfFile,
    SetFilePointer,
    WriteFile,
    WriteFileEx,
)
from .win32con import (
    CREATE_ALWAYS,
    CREATE_NEW,
    DELETE,
    FILE_ALL_ACCESS,
    FILE_ATTRIBUTE_ARCHIVE,
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_HIDDEN,
    FILE_ATTRIBUTE_NORMAL,
    FILE_ATTRIBUTE_READONLY,
    FILE_ATTRIBUTE_SYSTEM,
    FILE_ATTRIBUTE_TEMPORARY,
    FILE_BEGIN,
    FILE_CURRENT,
    FILE_END,
    FILE_FLAG_BACKUP_SEMANTICS,
    FILE_FLAG_DELETE_ON_CLOSE,
    FILE_FLAG_NO_BUFFERING,
    FILE_FLAG_OVERLAPPED,
    FILE_FLAG_RANDOM_ACCESS,
    FILE_FLAG_SEQUENTIAL_SCAN,
    FILE_FLAG_WRITE_THROUGH,
    FILE_GENERIC_READ,
    FILE_GENERIC_WRITE,
    FILE_SHARE_DELETE,
    FILE_SHARE_READ,
    FILE_SHARE_WRITE,
    FILE_SKIP_COMPLETION_PORT_ON_SUCCESS,
    FILE_SKIP_SET_EVENT_ON_HANDLE,
    FILE_TYPE_CHAR,
    FILE_TYPE_DISK,
    FILE_TYPE_PIPE,
    FILE_TYPE_UNKNOWN,
    GENERIC_ALL,
    GENERIC_EXECUTE,
    GENERIC_READ,
    GENERIC_WRITE,
    INVALID_HANDLE_VALUE,
    OPEN_ALWAYS,
    OPEN_EXISTING,
    TRUNCATE_EXISTING,
)
from .winerror import (
    ERROR_NOT_SUPPORTED,
    WSA_IO_PENDING,
    WSA_OPERATION_ABORTED,
    WSAECONNABORTED,
    WSAECONNRESET,
    WSAEDISCON,
    WSAEFAULT,
    WSAEINPROGRESS,
    WSAEINTR,
    WSAEINVAL,
    WSAEMSGSIZE,
    WSAENETDOWN,
    WSAENETRESET,
    WSAENOBUFS,
    WSAENOTCONN,
    WSAENOTSOCK,
    WSAEOPNOTSUPP,
    WSAESHUTDOWN,
    WSAEWOULDBLOCK,
)

__all__ = [
    "CREATE_ALWAYS", "CREATE_NEW", "FILE_ALL_ACCESS", "FILE_ATTRIBUTE_ARCHIVE", "FILE_ATTRIBUTE_DIRECTORY",
    "FILE_ATTRIBUTE_HIDDEN", "FILE_ATTRIBUTE_NORMAL", "FILE_ATTRIBUTE_READONLY", "FILE_ATTRIBUTE_SYSTEM",
    "FILE_ATTRIBUTE_TEMPORARY", "FILE_BEGIN", "FILE_CURRENT", "FILE_END", "FILE_FLAG_BACKUP_SEMANTICS",
    "FILE_FLAG_DELETE_ON_CLOSE", "FILE_FLAG_NO_BUFFERING", "FILE_FLAG_OVERLAPPED", "FILE_FLAG_RANDOM_ACCESS",
    "FILE_FLAG_SEQUENTIAL_SCAN", "FILE_FLAG_WRITE_THROUGH", "FILE_GENERIC_READ", "FILE_GENERIC_WRITE",
    "FILE_SHARE_DELETE", "FILE_SHARE_READ", "FILE_SHARE_WRITE", "FILE_SKIP_COMPLETION_PORT_ON_SUCCESS",
    "FILE_SKIP_SET_EVENT_ON_HANDLE", "FILE_TYPE_CHAR", "FILE_TYPE_DISK", "FILE_TYPE_PIPE", "FILE_TYPE_UNKNOWN",
    "GENERIC_ALL", "GENERIC_EXECUTE", "GENERIC_READ", "GENERIC_WRITE", "INVALID_HANDLE_VALUE", "OPEN_ALWAYS",
    "OPEN_EXISTING", "SO_CONNECT_TIME", "SO_UPDATE_ACCEPT_CONTEXT", "SO_UPDATE_CONNECT_CONTEXT", "TF_DISCONNECT",
    "TF_REUSE_SOCKET", "TRUNCATE_EXISTING", "WSAECONNABORTED", "WSAECONNRESET", "WSAEDISCON", "WSAEFAULT",
    "WSAEINPROGRESS", "WSAEINTR", "WSAEINVAL", "WSAEMSGSIZE", "WSAENETDOWN", "WSAENETRESET", "WSAENOBUFS",
    "WSAENOTCONN", "WSAENOTSOCK", "WSAEOPNOTSUPP", "WSAESHUTDOWN", "WSAEWOULDBLOCK", "WSA_IO_PENDING",
    "WSA_OPERATION_ABORTED",
    "AcceptEx", "AllocateReadBuffer", "CalculateSocketEndPointSize", "CancelIo", "CancelIoEx", "CancelSynchronousIo",
    "CloseHandle", "ConnectEx", "CreateFile", "CreateFileW", "CreateIoCompletionPort", "DeleteFile",
    "DeviceIoControl", "error", "FlushFileBuffers", "GetAcceptExSockaddrs", "GetFileSize", "GetFileType",
    "GetOverlappedResult", "GetOverlappedResultEx", "GetQueuedCompletionStatus", "GetQueuedCompletionStatusEx",
    "HasOverlappedIoCompleted", "OVERLAPPED", "OVERLAPPED_ENTRY", "PostQueuedCompletionStatus", "ReadFile",
    "ReadFileEx", "SetEndOfFile", "SetFileCompletionNotificationModes", "SetFilePointer", "TransmitFile", "WriteFile",
    "WriteFileEx", "WSARecv", "WSASend",
]  # fmt: skip

_DISPOSITIONS = {
    CREATE_NEW: major.FILE_CREATE,
    CREATE_ALWAYS: major.FILE_OVERWRITE_IF,
    OPEN_EXISTING: major.FILE_OPEN,
    OPEN_ALWAYS: major.FILE_OPEN_IF,
    TRUNCATE_EXISTING: major.FILE_OVERWRITE,
}
_OPTIONS = {
    FILE_FLAG_NO_BUFFERING: major.FILE_NO_INTERMEDIATE_BUFFERING,
    FILE_FLAG_RANDOM_ACCESS: major.FILE_RANDOM_ACCESS,
    FILE_FLAG_SEQUENTIAL_SCAN: major.FILE_SEQUENTIAL_ONLY,
    FILE_FLAG_DELETE_ON_CLOSE: major.FILE_DELETE_ON_CLOSE,
}
_PIPES = ("\\??\\pipe\\", "\\device\\namedpipe\\")
#: What to say of a pipe that is not there.
NO_PIPE = "no such pipe in this process, and pipes of another one cannot be opened"
#: Attributes and hints: taken, without a meaning here.
_HINTS = 0xFFFF | FILE_FLAG_OVERLAPPED | FILE_FLAG_RANDOM_ACCESS | FILE_FLAG_SEQUENTIAL_SCAN


def CreateFile(
    fileName: str | os.PathLike[str],
    desiredAccess: int,
    shareMode: int,
    attributes: object,
    CreationDisposition: int,
    flagsAndAttributes: int,
    hTemplateFile: object,
    *,
    system: System | None = None,
) -> PyHANDLE:
    """Open or make a file or device; raises `pywintypes.error`.

    NT: CreateFileW
    """
    access = desiredAccess & 0xFFFF_FFFF | major.SYNCHRONIZE | major.FILE_READ_ATTRIBUTES
    if CreationDisposition not in _DISPOSITIONS:
        raise refuse("CreateFile", f"{CreationDisposition} is no creation disposition")
    if CreationDisposition == TRUNCATE_EXISTING and not desiredAccess & (GENERIC_WRITE | GENERIC_ALL):
        raise refuse("CreateFile", "TRUNCATE_EXISTING needs GENERIC_WRITE")
    if unknown := flagsAndAttributes & ~(_HINTS | FILE_FLAG_NO_BUFFERING | FILE_FLAG_DELETE_ON_CLOSE):
        raise refuse("CreateFile", f"flags {unknown:#x} are not supported", ERROR_NOT_SUPPORTED)
    if flagsAndAttributes & FILE_FLAG_DELETE_ON_CLOSE:
        access |= DELETE
    options = major.FILE_NON_DIRECTORY_FILE
    for flag, option in _OPTIONS.items():
        options |= option if flagsAndAttributes & flag else 0
    if not flagsAndAttributes & FILE_FLAG_OVERLAPPED:
        options |= major.FILE_SYNCHRONOUS_IO_NONALERT
    system = system or default_system()
    with win32_errors("CreateFile"):
        parameters = CreateParameters(_DISPOSITIONS[CreationDisposition], access, options)
        file_object = _opened(system, native_name(os.fsdecode(fileName)), parameters)
        return PyHANDLE(system, system.io.handles.insert(file_object, file_object.access))


CreateFileW = CreateFile


def _opened(system: System, name: str, parameters: CreateParameters) -> FileObject:
    try:
        return system.create_file_object(name, parameters)
    except ObjectNameNotFound as problem:
        if not name.lower().startswith(_PIPES):
            raise
        raise ObjectNameNotFound(NO_PIPE, problem.status, name) from None


def DeleteFile(fileName: str | os.PathLike[str], *, system: System | None = None) -> None:
    """Delete a file: it is opened for that, and closed; raises `pywintypes.error`.

    NT: DeleteFileW
    """
    owner = system or default_system()
    with win32_errors("DeleteFile"):
        options = major.FILE_NON_DIRECTORY_FILE | major.FILE_DELETE_ON_CLOSE
        parameters = CreateParameters(access=DELETE, options=options)
        close_file(owner.create_file_object(native_name(os.fsdecode(fileName)), parameters))


def native_name(name: str) -> str:
    r"""A Win32 name as `ntio.open` takes it: a path of the namespace, or one of the host as it stands.

    NT: RtlDosPathNameToNtPathName_U
    """
    if name.startswith(("\\\\.\\", "\\\\?\\")):
        rest = name[4:]
        root, _, below = rest.partition("\\")
        return f"\\{below}" if root.upper() == "GLOBALROOT" else f"\\??\\{rest}"
    if len(name) > 2 and name[0].isalpha() and name[1] == ":" and name[2] in "\\/":
        return f"\\??\\{name[:2]}\\{name[3:]}"
    return name.replace("\\", "/") if name.startswith("\\") else name
