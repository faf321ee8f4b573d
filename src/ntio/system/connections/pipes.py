r"""Named pipes for Python: one end each, read and written without offsets.

    with NamedPipe.create("echo") as server:          with NamedPipe.open("echo") as client:
        server.connect()                                  client.write(b"hello")
        server.write(server.read(100))                    client.read(100)

`pipe_pair` gives both ends of one without a name. With `messages=True` a read gives one message, all of it. The other
end closed is the end of what can be read: `b""`. An end made or opened with `overlapped=True` goes to a completion
port by its `file`; `start_connect`, `file.start_read` and `file.start_write` do not wait.

`named_pipes` lists what there is. A name is short, or a path: `echo`, `\\.\pipe\echo`, `\Device\NamedPipe\echo`.

Rows: R31, R34
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ... import abi
from ...driver_kit import FileObject, SecurityDescriptor
from ...io_manager import requests
from ...io_manager.codes import major
from ...status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_PIPE_BROKEN,
    STATUS_PIPE_CONNECTED,
    STATUS_PIPE_NOT_AVAILABLE,
    InvalidParameter,
    NtError,
    error_for,
    nt_error,
)
from ..closing import ClosedAfterUse
from ..default import default_system
from ..file import File
from ..operation import Operation, start_fs_control
from ..system import System
from ..transfer_limits import checked_length
from . import pipe_files
from .pipe_files import PipeShape

#: Which way data goes from the end that is made or opened in this mode: in, out.
_MODES = {"r": (True, False), "w": (False, True), "r+": (True, True)}
_PREFIXES = ("\\\\.\\pipe\\", "\\??\\pipe\\", "\\device\\namedpipe\\")
#: How much of a message is read at a time where its length is not known.
_PIECE = 65536


class NamedPipe(ClosedAfterUse):
    """One end of a pipe. Close it, or use it in a `with` statement.

    NT: CreateNamedPipe, CreateFile
    """

    __slots__ = ("file",)

    def __init__(self, file: File) -> None:
        #: The end as a file, for completion ports and overlapped requests; its offsets mean nothing.
        self.file = file

    @classmethod
    def create(
        cls,
        name: str,
        mode: str = "r+",
        *,
        messages: bool = False,
        instances: int | None = None,
        quota: int = 65536,
        first: bool = False,
        overlapped: bool = False,
        security: SecurityDescriptor | None = None,
        system: System | None = None,
    ) -> NamedPipe:
        """Make the server's end of a pipe, or one instance more; it reads ("r"), writes ("w") or does both ("r+").

        `instances` is how many there may be, `quota` how many bytes may lie unread in each direction. Raises NtError:
        PipeBusy's status when there are all of them, AccessDenied for another kind of pipe, or one with `first`.
        NT: CreateNamedPipe
        """
        system = system or default_system()
        inbound, outbound = _directions(mode)
        most = pipe_files.UNLIMITED if instances is None else instances
        shape = PipeShape(inbound, outbound, messages, messages, False, most, quota, quota)
        parameters = shape.parameters(overlapped=overlapped, first=first, security=security)
        return cls(_file(system, system.create_file_object(pipe_files.PIPE_ROOT + _short(name), parameters), name))

    @classmethod
    def open(
        cls,
        name: str,
        mode: str = "r+",
        *,
        messages: bool = False,
        timeout: float | None = 0,
        overlapped: bool = False,
        system: System | None = None,
    ) -> NamedPipe:
        """Open the client's end of an instance that listens; waits for one for `timeout` seconds, or (None) ever.

        Raises FileNotFoundError where no pipe has the name, NtError when all instances are taken, IoTimeout.
        NT: CreateFile, WaitNamedPipe
        """
        system = system or default_system()
        readable, writable = _directions(mode)
        access = (major.FILE_GENERIC_READ if readable else 0) | (major.FILE_GENERIC_WRITE if writable else 0)
        parameters = pipe_files.client_parameters(access | major.FILE_WRITE_ATTRIBUTES, overlapped=overlapped)
        path, limit = _short(name), pipe_files.FOREVER if timeout is None else -int(timeout * 10_000_000)
        while True:
            try:
                found = system.create_file_object(pipe_files.PIPE_ROOT + path, parameters)
                break
            except NtError as error:
                if error.status != STATUS_PIPE_NOT_AVAILABLE or not limit:
                    raise
            pipe_files.wait_for_instance(system, path, limit)
        pipe = cls(_file(system, found, name))
        if messages:
            try:
                pipe_files.set_modes(found, messages=True, nowait=False)
            except BaseException:
                pipe.close()
                raise
        return pipe

    def connect(self) -> None:
        """Wait until a client has opened this instance; one that has already is as good. Raises NtError.

        NT: ConnectNamedPipe
        """
        self.file.check_open()
        try:
            pipe_files.control(self.file.file_object, abi.FSCTL_PIPE_LISTEN)
        except NtError as error:
            if error.status != STATUS_PIPE_CONNECTED:
                raise

    def start_connect(self, overlapped: Any = None) -> Operation:
        """Start waiting for a client, on an end made with `overlapped=True`. Raises NtError: a client is there already.

        NT: ConnectNamedPipe
        """
        return start_fs_control(self.file, abi.FSCTL_PIPE_LISTEN, overlapped=overlapped)

    def disconnect(self) -> None:
        """Send the client away, and lose what is not read; the instance can be connected again. Raises NtError.

        NT: DisconnectNamedPipe
        """
        self.file.check_open()
        pipe_files.control(self.file.file_object, abi.FSCTL_PIPE_DISCONNECT)

    def read(self, n: int = _PIECE) -> bytes:
        """What is there, `n` bytes at most, after waiting for it; in message mode one message, whatever its length.

        `b""` when the other end is closed and everything read. Raises NtError.
        NT: ReadFile
        """
        self.file.check(major.IRP_MJ_READ, "read")
        pieces, code, size = [], STATUS_BUFFER_OVERFLOW, checked_length(n)
        while code == STATUS_BUFFER_OVERFLOW:
            buffer = bytearray(size)
            code, count = self._read_into(buffer)
            pieces.append(memoryview(buffer)[:count])
            size = max(size, _PIECE)
        if nt_error(code) and code != STATUS_PIPE_BROKEN:
            raise error_for(code, "cannot read", self.file.name)
        return b"".join(pieces)

    def _read_into(self, buffer: bytearray) -> tuple[int, int]:
        file_object, io = self.file.file_object, self.file.system.io
        io.reference(file_object)  # another thread may close this end meanwhile
        try:
            return requests.read(file_object, memoryview(buffer), 0)
        finally:
            io.dereference(file_object)

    def write(self, data: Any) -> int:
        """Write all of a buffer, one message of a message pipe, after waiting for room; how many bytes. Raises NtError.

        NT: WriteFile
        """
        return self.file.write(data, 0)

    def transact(self, data: Any) -> bytes:
        """Write one message and read the answer, of a pipe read by messages. Raises NtError.

        NT: TransactNamedPipe
        """
        self.file.check(major.IRP_MJ_WRITE, "write")
        buffer = bytearray(_PIECE)
        with self.file.system.pins.pin(data, writing=False) as pin:
            message = pin.array.data if pin.array.size else None
            code, count = pipe_files.control(self.file.file_object, abi.FSCTL_PIPE_TRANSCEIVE, message, buffer)
        answer = bytes(memoryview(buffer)[:count])
        return answer + self.read() if code == STATUS_BUFFER_OVERFLOW else answer

    def peek(self, n: int = 0) -> tuple[bytes, int]:
        """What a read of `n` bytes would give, and how many bytes are there; nothing is taken away. Raises NtError.

        NT: PeekNamedPipe
        """
        self.file.check_open()
        return pipe_files.peek(self.file.file_object, checked_length(n))[:2]

    @contextmanager
    def impersonating_client(self) -> Iterator[None]:
        """Have the calling thread run as the client did when it opened its end, within the block. Raises NtError.

        NT: ImpersonateNamedPipeClient, RevertToSelf
        """
        self.file.check_open()
        subjects = self.file.system.io.subjects
        with subjects.impersonate(subjects.current()):  # which puts back what was before
            pipe_files.control(self.file.file_object, abi.FSCTL_PIPE_IMPERSONATE)
            yield

    def flush(self) -> None:
        """Wait until the other end has read everything. Raises NtError.

        NT: FlushFileBuffers
        """
        self.file.flush()

    def close(self) -> None:
        """Close this end. Idempotent."""
        self.file.close()

    def __repr__(self) -> str:
        return f"<ntio.NamedPipe {self.file.name!r}{' closed' if self.file.closed else ''}>"


def pipe_pair(
    quota: int = 65536, *, overlapped: bool = False, system: System | None = None
) -> tuple[NamedPipe, NamedPipe]:
    """Both ends of a pipe without a name: the one to read from, the one to write to. Raises NtError.

    NT: CreatePipe
    """
    system = system or default_system()
    reader, writer = pipe_files.make_anonymous(system, quota, overlapped=overlapped)
    return NamedPipe(_file(system, reader, "pipe")), NamedPipe(_file(system, writer, "pipe"))


class PipeEntry(NamedTuple):
    """A pipe in the list of pipes: how many instances there are, and how many there may be (None: any number)."""

    name: str
    instances: int
    most: int | None


def named_pipes(pattern: str = "*", *, system: System | None = None) -> list[PipeEntry]:
    """The pipes of a System whose names match, by name; `*` is any characters, `?` one. Raises NtError.

    NT: NtQueryDirectoryFile
    """
    found = pipe_files.list_pipes(system or default_system(), pattern)
    return [PipeEntry(name, now, None if most == pipe_files.UNLIMITED else most) for name, now, most in found]


def _file(system: System, file_object: FileObject, name: str) -> File:
    return File(system, file_object, name)


def _directions(mode: str) -> tuple[bool, bool]:
    if mode not in _MODES:
        raise InvalidParameter(f"mode {mode!r}: use one of {', '.join(_MODES)}")
    return _MODES[mode]


def _short(name: str) -> str:
    prefix = next((one for one in _PREFIXES if name.lower().startswith(one)), "")
    return name[len(prefix) :]
