r"""Named pipes by their Win32 names, with pywin32's parameters and results.

    server   CreateNamedPipe   ConnectNamedPipe   DisconnectNamedPipe
    client   CreateFile (win32file)   WaitNamedPipe   CallNamedPipe
    both     TransactNamedPipe   PeekNamedPipe   SetNamedPipeHandleState   GetNamedPipeInfo   GetNamedPipeHandleState
    CreatePipe gives both ends of a pipe without a name

A pipe is called `\\.\pipe\name`, in any case of letters, and is there for the threads of this process only: a program
of two processes uses sockets, or its two halves as threads. Reading and writing are win32file's. A call that takes an
`overlapped` returns at once, ERROR_IO_PENDING unless it was done at once; without one it waits, whatever the handle.
Where Windows takes security attributes, this takes None, `SECURITY_ATTRIBUTES` or a `SecurityDescriptor`.

Source: learn.microsoft.com/windows/win32/api/namedpipeapi, "Pipe Functions"; pywin32's win32pipe; spec iocp.md 6.
Rows: R31, R34
"""

from __future__ import annotations

import operator
from getpass import getuser
from typing import Any

from .. import abi
from ..driver_kit import FileObject
from ..hal.operations import MAXIMUM_TRANSFER
from ..io_manager import services
from ..io_manager.codes import major
from ..status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_PENDING,
    STATUS_PIPE_CONNECTED,
    ObjectNameNotFound,
    error_for,
    nt_error,
)
from ..system.connections import pipe_files
from ..system.connections.pipe_files import FOREVER, UNLIMITED, PipeShape, control
from ..system.default import default_system
from ..system.system import System
from .handles import find_file, find_object, system_of
from .overlapped import OVERLAPPED, hold, start, start_and_wait
from .pyhandle import Handle, PyHANDLE, error, refuse, win32_errors
from .security_attributes import Attributes, descriptor_of, inheritance_of
from .transfers import AllocateReadBuffer, GetOverlappedResult, is_number
from .win32con import (
    FILE_FLAG_FIRST_PIPE_INSTANCE,
    FILE_FLAG_OVERLAPPED,
    FILE_FLAG_WRITE_THROUGH,
    GENERIC_READ,
    GENERIC_WRITE,
    NMPWAIT_NOWAIT,
    NMPWAIT_USE_DEFAULT_WAIT,
    NMPWAIT_WAIT_FOREVER,
    OPEN_EXISTING,
    PIPE_ACCEPT_REMOTE_CLIENTS,
    PIPE_ACCESS_DUPLEX,
    PIPE_ACCESS_INBOUND,
    PIPE_ACCESS_OUTBOUND,
    PIPE_CLIENT_END,
    PIPE_NOWAIT,
    PIPE_READMODE_BYTE,
    PIPE_READMODE_MESSAGE,
    PIPE_REJECT_REMOTE_CLIENTS,
    PIPE_SERVER_END,
    PIPE_TYPE_BYTE,
    PIPE_TYPE_MESSAGE,
    PIPE_UNLIMITED_INSTANCES,
    PIPE_WAIT,
)
from .win32file import NO_PIPE, CreateFile
from .winerror import (
    ERROR_INVALID_NAME,
    ERROR_IO_PENDING,
    ERROR_MORE_DATA,
    ERROR_PIPE_BUSY,
    ERROR_PIPE_CONNECTED,
)

__all__ = [
    "FILE_FLAG_FIRST_PIPE_INSTANCE", "NMPWAIT_NOWAIT", "NMPWAIT_USE_DEFAULT_WAIT", "NMPWAIT_WAIT_FOREVER",
    "PIPE_ACCESS_DUPLEX", "PIPE_ACCESS_INBOUND", "PIPE_ACCESS_OUTBOUND", "PIPE_CLIENT_END", "PIPE_NOWAIT",
    "PIPE_READMODE_BYTE", "PIPE_READMODE_MESSAGE", "PIPE_REJECT_REMOTE_CLIENTS", "PIPE_SERVER_END", "PIPE_TYPE_BYTE",
    "PIPE_TYPE_MESSAGE", "PIPE_UNLIMITED_INSTANCES", "PIPE_WAIT",
    "CallNamedPipe", "ConnectNamedPipe", "CreateNamedPipe", "CreatePipe", "DisconnectNamedPipe",
    "GetNamedPipeHandleState", "GetNamedPipeInfo", "PeekNamedPipe", "SetNamedPipeHandleState", "TransactNamedPipe",
    "FILE_FLAG_OVERLAPPED", "FILE_FLAG_WRITE_THROUGH", "PIPE_ACCEPT_REMOTE_CLIENTS",
    "GetOverlappedResult", "WaitNamedPipe", "error",
]  # fmt: skip

_PREFIX = "\\\\.\\pipe\\"
_EXTRA_ACCESS = major.WRITE_DAC | major.WRITE_OWNER | major.ACCESS_SYSTEM_SECURITY
_OPEN_FLAGS = 3 | FILE_FLAG_FIRST_PIPE_INSTANCE | FILE_FLAG_OVERLAPPED | FILE_FLAG_WRITE_THROUGH | _EXTRA_ACCESS


def CreateNamedPipe(
    pipeName: str,
    openMode: int,
    pipeMode: int,
    nMaxInstances: int,
    nOutBufferSize: int,
    nInBufferSize: int,
    nDefaultTimeOut: int,
    sa: Attributes,
    *,
    system: System | None = None,
) -> PyHANDLE:
    """Make the server end of a pipe, or one instance more; sizes in bytes, timeout in ms; raises `pywintypes.error`.

    NT: CreateNamedPipeW
    """
    name, given = _name_in("CreateNamedPipe", pipeName), descriptor_of(sa)
    if not 1 <= nMaxInstances <= PIPE_UNLIMITED_INSTANCES:
        raise refuse("CreateNamedPipe", f"{nMaxInstances} instances: 1 to 255 are possible")
    if openMode & ~_OPEN_FLAGS or not openMode & 3 or pipeMode & ~15:
        raise refuse("CreateNamedPipe", f"no pipe is opened as {openMode:#x} with mode {pipeMode:#x}")
    shape = PipeShape(
        bool(openMode & PIPE_ACCESS_INBOUND),
        bool(openMode & PIPE_ACCESS_OUTBOUND),
        bool(pipeMode & PIPE_TYPE_MESSAGE),
        bool(pipeMode & PIPE_READMODE_MESSAGE),
        bool(pipeMode & PIPE_NOWAIT),
        UNLIMITED if nMaxInstances == PIPE_UNLIMITED_INSTANCES else nMaxInstances,
        nInBufferSize,
        nOutBufferSize,
        nDefaultTimeOut or 50,
    )
    overlapped, first = bool(openMode & FILE_FLAG_OVERLAPPED), bool(openMode & FILE_FLAG_FIRST_PIPE_INSTANCE)
    further = openMode & _EXTRA_ACCESS
    system = system or default_system()
    with win32_errors("CreateNamedPipe"):
        parameters = shape.parameters(overlapped=overlapped, first=first, access=further, security=given)
        made = system.create_file_object(pipe_files.PIPE_ROOT + name, parameters)
        return _handle(system, made, inheritance_of(sa))


def CreatePipe(sa: Attributes, nSize: int, *, system: System | None = None) -> tuple[PyHANDLE, PyHANDLE]:
    """Make a pipe without a name: the handle to read from, the one to write to. A size of 0 is one of 4096 bytes.

    NT: CreatePipe
    """
    system = system or default_system()
    descriptor_of(sa)  # whatever else it is, is refused; a pipe without a name needs none
    with win32_errors("CreatePipe"):
        reader, writer = pipe_files.make_anonymous(system, nSize or 4096)
        inherits = inheritance_of(sa)
        return _handle(system, reader, inherits), _handle(system, writer, inherits)


def ConnectNamedPipe(hPipe: Handle, overlapped: OVERLAPPED | None = None, *, system: System | None = None) -> int:
    """Wait for a client: 0, ERROR_IO_PENDING, or ERROR_PIPE_CONNECTED when one is there; raises `pywintypes.error`.

    NT: ConnectNamedPipe
    """
    owner = system_of(hPipe, system)
    with win32_errors("ConnectNamedPipe"):
        file_object = find_object(hPipe, FileObject, owner)
        if overlapped is None:
            status, _ = _listen(file_object)
        else:

            def send(event: Any, context: Any, request: Any) -> int:
                return services.fs_control(file_object, event, None, context, request, abi.FSCTL_PIPE_LISTEN)

            status = start(owner, file_object, overlapped, send)
        if status == STATUS_PIPE_CONNECTED:
            return ERROR_PIPE_CONNECTED
        if nt_error(status):
            raise error_for(status)
        return ERROR_IO_PENDING if status == STATUS_PENDING else 0


def _listen(file_object: FileObject) -> tuple[int, int]:
    try:
        return control(file_object, abi.FSCTL_PIPE_LISTEN)
    except OSError as error:
        if getattr(error, "status", 0) != STATUS_PIPE_CONNECTED:
            raise
        return STATUS_PIPE_CONNECTED, 0


def DisconnectNamedPipe(hFile: Handle, *, system: System | None = None) -> None:
    """Send the client away; what it has not read is lost.

    NT: DisconnectNamedPipe
    """
    with win32_errors("DisconnectNamedPipe"):
        control(find_object(hFile, FileObject, system), abi.FSCTL_PIPE_DISCONNECT)


def WaitNamedPipe(pipeName: str, timeout: int, *, system: System | None = None) -> None:
    """Wait until an instance of a pipe can be opened, so many ms or as NMPWAIT_... says; raises `pywintypes.error`.

    NT: WaitNamedPipeW
    """
    name = _name_in("WaitNamedPipe", pipeName)
    limit = {NMPWAIT_USE_DEFAULT_WAIT: None, NMPWAIT_WAIT_FOREVER: FOREVER}.get(timeout, -10_000 * timeout)
    with win32_errors("WaitNamedPipe"):
        try:
            pipe_files.wait_for_instance(system or default_system(), name, limit)
        except ObjectNameNotFound as problem:
            raise ObjectNameNotFound(NO_PIPE, problem.status, pipeName) from None


def CallNamedPipe(pipeName: str, data: Any, bufSize: int, timeOut: int, *, system: System | None = None) -> bytes:
    """Open a message pipe, waiting if need be, write one message, read the answer, and close it.

    Raises `pywintypes.error`, ERROR_MORE_DATA for an answer of more than `bufSize` bytes.
    NT: CallNamedPipeW
    """
    while True:
        try:
            access = GENERIC_READ | GENERIC_WRITE
            with CreateFile(pipeName, access, 0, None, OPEN_EXISTING, 0, None, system=system) as handle:
                SetNamedPipeHandleState(handle, PIPE_READMODE_MESSAGE, None, None)
                hr, answer = TransactNamedPipe(handle, data, bufSize)
            break
        except OSError as error:
            if getattr(error, "winerror", 0) != ERROR_PIPE_BUSY or timeOut == NMPWAIT_NOWAIT:
                raise
        WaitNamedPipe(pipeName, timeOut, system=system)
    if hr:
        raise refuse("CallNamedPipe", f"the answer is longer than {bufSize} bytes", hr)
    return bytes(answer)


def TransactNamedPipe(
    hPipe: Handle,
    writeData: Any,
    buffer: Any,
    overlapped: OVERLAPPED | None = None,
    *,
    system: System | None = None,
) -> tuple[int, Any]:
    """Write one message and read one into a buffer, or as many bytes as a number says: (hr, data).

    hr is 0, ERROR_MORE_DATA or ERROR_IO_PENDING. With `overlapped` the data is the buffer itself.
    NT: TransactNamedPipe
    """
    owner, code = system_of(hPipe, system), abi.FSCTL_PIPE_TRANSCEIVE
    with win32_errors("TransactNamedPipe"):
        file_object = find_file(hPipe, owner, code >> 14 & 3)
        target = AllocateReadBuffer(buffer) if is_number(buffer) else buffer
        message = memoryview(bytes(memoryview(writeData)))
        view, release = hold(owner, target, writing=True)

        def send(event: Any, context: Any, request: Any) -> int:
            return services.fs_control(file_object, event, None, context, request, code, message, None, view)

        if overlapped is None:
            status, count = start_and_wait(owner, file_object, send, release)
            return _hr(status), bytes(memoryview(target).cast("B")[:count])
        status = start(owner, file_object, overlapped, send, release)
        return _hr(status), target


def PeekNamedPipe(hPipe: Handle, size: int, *, system: System | None = None) -> tuple[bytes, int, int]:
    """Look at what is to be read: (at most `size` bytes of it, bytes there are, bytes left of this message).

    NT: PeekNamedPipe
    """
    with win32_errors("PeekNamedPipe"):
        data, available, length = pipe_files.peek(find_object(hPipe, FileObject, system), _size(size))
        return data, available, max(length - len(data), 0)


def SetNamedPipeHandleState(
    hPipe: Handle,
    Mode: int | None,
    MaxCollectionCount: int | None = None,
    CollectDataTimeout: int | None = None,
    *,
    system: System | None = None,
) -> None:
    """Have this end read bytes or messages, wait or not. The other two are of remote pipes, and mean nothing here.

    NT: SetNamedPipeHandleState
    """
    with win32_errors("SetNamedPipeHandleState"):
        file_object = find_object(hPipe, FileObject, system)
        if Mode is None:
            return
        if Mode & ~(PIPE_READMODE_MESSAGE | PIPE_NOWAIT):
            raise refuse("SetNamedPipeHandleState", f"{Mode:#x} is no mode")
        messages, nowait = bool(Mode & PIPE_READMODE_MESSAGE), bool(Mode & PIPE_NOWAIT)
        pipe_files.set_modes(file_object, messages=messages, nowait=nowait)


def GetNamedPipeHandleState(
    hPipe: Handle, bGetCollectionData: bool = False, bGetUserName: bool = False, *, system: System | None = None
) -> tuple[int, int, int | None, int | None, str | None]:
    """How this end reads and waits, and how many instances there are: (state, instances, None, None, None).

    The last is who the client is, if that is asked for: the user of this process.

    NT: GetNamedPipeHandleStateW
    """
    with win32_errors("GetNamedPipeHandleState"):
        file_object = find_object(hPipe, FileObject, system)
        modes = pipe_files.query(file_object, abi.FILE_PIPE_INFORMATION, major.FILE_PIPE_INFORMATION_CLASS)
        known = _local(file_object)
        state = (PIPE_READMODE_MESSAGE if modes[0] else 0) | (PIPE_NOWAIT if modes[1] else 0)
        collected = 0 if bGetCollectionData else None
        user = getuser() if bGetUserName else None
        return state, min(known["CurrentInstances"], PIPE_UNLIMITED_INSTANCES), collected, collected, user


def GetNamedPipeInfo(hNamedPipe: Handle, *, system: System | None = None) -> tuple[int, int, int, int]:
    """Which end it is of what pipe: (PIPE_SERVER_END | PIPE_TYPE_MESSAGE, bytes out, bytes in, most instances).

    NT: GetNamedPipeInfo
    """
    with win32_errors("GetNamedPipeInfo"):
        known = _local(find_object(hNamedPipe, FileObject, system))
        server = known["NamedPipeEnd"]
        sizes = known["OutboundQuota"], known["InboundQuota"]
        flags = (PIPE_SERVER_END if server else 0) | (PIPE_TYPE_MESSAGE if known["NamedPipeType"] else 0)
        instances = min(known["MaximumInstances"], PIPE_UNLIMITED_INSTANCES)
        return flags, *(sizes if server else sizes[::-1]), instances


def _local(file_object: FileObject) -> dict[str, int]:
    structure = abi.FILE_PIPE_LOCAL_INFORMATION
    values = pipe_files.query(file_object, structure, major.FILE_PIPE_LOCAL_INFORMATION_CLASS)
    return dict(zip(structure.names or (), values, strict=True))


def _handle(system: System, file_object: FileObject, attributes: int = 0) -> PyHANDLE:
    return PyHANDLE(system, system.io.handles.insert(file_object, file_object.access, attributes))


def _name_in(function: str, path: str) -> str:
    """What a pipe's path calls it; raises `pywintypes.error` for a path of something else."""
    turned = path.replace("/", "\\")
    if turned[: len(_PREFIX)].lower() != _PREFIX or len(turned) == len(_PREFIX):
        raise refuse(function, rf"{path!r} is no \\.\pipe\name", ERROR_INVALID_NAME)
    return turned[len(_PREFIX) :]


def _size(size: Any) -> int:
    number = operator.index(size)
    if not 0 <= number <= MAXIMUM_TRANSFER:
        raise refuse("PeekNamedPipe", f"{number} bytes: 0 to {MAXIMUM_TRANSFER} are possible")
    return number


def _hr(status: int) -> int:
    if nt_error(status):
        raise error_for(status)
    return {STATUS_PENDING: ERROR_IO_PENDING, STATUS_BUFFER_OVERFLOW: ERROR_MORE_DATA}.get(status, 0)
