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
from ..system.default import default_system
from ..system.system import System
from .handles import number_in, system_of
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
from .pyhandle import Handle, PyHANDLE, error, refuse, win32_errors
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
    FILE_APPEND_DATA,
    FILE_ATTRIBUTE_NORMAL,
    FILE_BEGIN,
    FILE_CURRENT,
    FILE_END,
    FILE_FLAG_NO_BUFFERING,
    FILE_FLAG_OVERLAPPED,
    FILE_FLAG_RANDOM_ACCESS,
    FILE_FLAG_SEQUENTIAL_SCAN,
    FILE_READ_DATA,
    FILE_SHARE_READ,
    FILE_SHARE_WRITE,
    FILE_SKIP_COMPLETION_PORT_ON_SUCCESS,
    FILE_SKIP_SET_EVENT_ON_HANDLE,
    FILE_WRITE_DATA,
    GENERIC_ALL,
    GENERIC_READ,
    GENERIC_WRITE,
    INVALID_HANDLE_VALUE,
    OPEN_ALWAYS,
    OPEN_EXISTING,
    TRUNCATE_EXISTING,
)
from .winerror import ERROR_NOT_SUPPORTED

__all__ = [
    "CREATE_ALWAYS", "CREATE_NEW", "OPEN_ALWAYS", "OPEN_EXISTING", "TRUNCATE_EXISTING",
    "FILE_ATTRIBUTE_NORMAL", "FILE_FLAG_NO_BUFFERING", "FILE_FLAG_OVERLAPPED", "FILE_FLAG_RANDOM_ACCESS",
    "FILE_FLAG_SEQUENTIAL_SCAN", "FILE_SHARE_READ", "FILE_SHARE_WRITE",
    "GENERIC_ALL", "GENERIC_READ", "GENERIC_WRITE", "INVALID_HANDLE_VALUE",
    "FILE_BEGIN", "FILE_CURRENT", "FILE_END", "FILE_SKIP_COMPLETION_PORT_ON_SUCCESS", "FILE_SKIP_SET_EVENT_ON_HANDLE",
    "OVERLAPPED", "OVERLAPPED_ENTRY",
    "AllocateReadBuffer", "CancelIo", "CancelIoEx", "CancelSynchronousIo", "CloseHandle", "CreateFile",
    "CreateIoCompletionPort", "FlushFileBuffers", "GetFileSize", "GetOverlappedResult", "GetOverlappedResultEx",
    "GetQueuedCompletionStatus", "GetQueuedCompletionStatusEx", "HasOverlappedIoCompleted",
    "PostQueuedCompletionStatus", "ReadFile", "ReadFileEx", "SetEndOfFile", "SetFileCompletionNotificationModes",
    "SetFilePointer", "WriteFile", "WriteFileEx", "error",
]  # fmt: skip

_DISPOSITIONS = {
    CREATE_NEW: major.FILE_CREATE,
    CREATE_ALWAYS: major.FILE_OVERWRITE_IF,
    OPEN_EXISTING: major.FILE_OPEN,
    OPEN_ALWAYS: major.FILE_OPEN_IF,
    TRUNCATE_EXISTING: major.FILE_OVERWRITE,
}
_ACCESS = {
    GENERIC_READ: major.FILE_GENERIC_READ,
    GENERIC_WRITE: major.FILE_GENERIC_WRITE,
    GENERIC_ALL: major.FILE_ALL_ACCESS,
    FILE_READ_DATA: major.FILE_READ_DATA,
    FILE_WRITE_DATA: major.FILE_WRITE_DATA,
    FILE_APPEND_DATA: major.FILE_APPEND_DATA,
}
_OPTIONS = {
    FILE_FLAG_NO_BUFFERING: major.FILE_NO_INTERMEDIATE_BUFFERING,
    FILE_FLAG_RANDOM_ACCESS: major.FILE_RANDOM_ACCESS,
    FILE_FLAG_SEQUENTIAL_SCAN: major.FILE_SEQUENTIAL_ONLY,
}
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
    access = major.SYNCHRONIZE | major.FILE_READ_ATTRIBUTES
    for asked, rights in _ACCESS.items():
        access |= rights if desiredAccess & asked else 0
    if CreationDisposition not in _DISPOSITIONS:
        raise refuse("CreateFile", f"{CreationDisposition} is no creation disposition")
    if CreationDisposition == TRUNCATE_EXISTING and not desiredAccess & (GENERIC_WRITE | GENERIC_ALL):
        raise refuse("CreateFile", "TRUNCATE_EXISTING needs GENERIC_WRITE")
    if flagsAndAttributes & ~(_HINTS | FILE_FLAG_NO_BUFFERING):
        raise refuse("CreateFile", f"flags {flagsAndAttributes:#x} are not all supported", ERROR_NOT_SUPPORTED)
    options = major.FILE_NON_DIRECTORY_FILE
    for flag, option in _OPTIONS.items():
        options |= option if flagsAndAttributes & flag else 0
    if not flagsAndAttributes & FILE_FLAG_OVERLAPPED:
        options |= major.FILE_SYNCHRONOUS_IO_NONALERT
    system = system or default_system()
    with win32_errors("CreateFile"):
        parameters = CreateParameters(_DISPOSITIONS[CreationDisposition], access, options)
        file_object = system.create_file_object(native_name(os.fsdecode(fileName)), parameters)
        return PyHANDLE(system, system.io.handles.insert(file_object))


def CloseHandle(handle: Handle, *, system: System | None = None) -> None:
    """Close a handle of any kind; raises `pywintypes.error` for one that is not open.

    NT: CloseHandle
    """
    owner = system_of(handle, system)
    with win32_errors("CloseHandle"):
        owner.io.handles.close(number_in(handle, owner))
    if isinstance(handle, PyHANDLE):
        handle.Detach()


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
