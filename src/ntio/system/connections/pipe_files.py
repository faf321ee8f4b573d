r"""Making, opening and driving the ends of named pipes, for the faces: as file objects, with NTSTATUS and NtError.

A pipe's path is one of the namespace, `\??\pipe\name` or `\Device\NamedPipe\name`.

Source: learn.microsoft.com CreateNamedPipe, CreatePipe, WaitNamedPipe; [MS-FSCC] 2.3 (FSCTL_PIPE_...). Rows: R34
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ... import abi
from ...driver_kit import CreateParameters, FileObject, IoStatusBlock, NamedPipeParameters, SecurityDescriptor, pack
from ...io_manager import services
from ...io_manager.codes import major
from ...io_manager.opening.open import close_file, open_device
from ...kernel.event import Event
from ...status import STATUS_NO_MORE_FILES, STATUS_NO_SUCH_FILE, STATUS_PENDING, error_for, nt_error
from ..system import System

#: As many instances as anybody wants.
UNLIMITED: Final = 0xFFFF_FFFF
#: Where the pipes are, and the name of a pipe that is waited for is relative to.
PIPE_ROOT: Final = "\\Device\\NamedPipe\\"
FOREVER: Final = -(1 << 63)
#: FileDirectoryInformation, and how much of the list is asked for at a time.
_DIRECTORY_INFORMATION: Final = 1
_LIST_BYTES: Final = 16384

_READ, _WRITE = major.FILE_SHARE_READ, major.FILE_SHARE_WRITE
_ATTRIBUTES = major.FILE_READ_ATTRIBUTES | major.FILE_WRITE_ATTRIBUTES


@dataclass(frozen=True)
class PipeShape:
    """What the server end of a pipe is to be like; quotas in bytes, the default timeout in milliseconds."""

    inbound: bool = True
    outbound: bool = True
    messages: bool = False
    read_messages: bool = False
    nowait: bool = False
    instances: int = UNLIMITED
    inbound_quota: int = 4096
    outbound_quota: int = 4096
    timeout: int = 50

    def parameters(
        self, *, overlapped: bool, first: bool = False, access: int = 0, security: SecurityDescriptor | None = None
    ) -> CreateParameters:
        """How to make it: `first` only as a new pipe, `access` are further rights of the handle."""
        access |= major.SYNCHRONIZE | _ATTRIBUTES
        access |= (major.FILE_GENERIC_READ if self.inbound else 0) | (major.FILE_GENERIC_WRITE if self.outbound else 0)
        wanted = NamedPipeParameters(
            self.messages, self.read_messages, self.nowait, self.instances, self.inbound_quota, self.outbound_quota,
            -10_000 * self.timeout,
        )  # fmt: skip
        share = (_WRITE if self.inbound else 0) | (_READ if self.outbound else 0)
        disposition = major.FILE_CREATE if first else major.FILE_OPEN_IF
        return CreateParameters(
            disposition, access, options_of(overlapped=overlapped), share, pipe=wanted, security=security
        )


def options_of(*, overlapped: bool) -> int:
    """The create options of an end."""
    return 0 if overlapped else major.FILE_SYNCHRONOUS_IO_NONALERT


def client_parameters(access: int, *, overlapped: bool) -> CreateParameters:
    """How to open a client's end for this access."""
    access |= major.SYNCHRONIZE | major.FILE_READ_ATTRIBUTES
    return CreateParameters(major.FILE_OPEN, access, options_of(overlapped=overlapped), _READ | _WRITE)


def make_anonymous(system: System, quota: int, *, overlapped: bool = False) -> tuple[FileObject, FileObject]:
    """The two ends of a pipe without a name: the one to read from, the one to write to; raises NtError.

    NT: CreatePipe
    """
    shape = PipeShape(outbound=False, instances=1, inbound_quota=quota, outbound_quota=quota, timeout=120_000)
    root = system.create_file_object(PIPE_ROOT, CreateParameters(access=major.SYNCHRONIZE))
    try:
        reader = open_device(root.device, "", shape.parameters(overlapped=overlapped), related=root)
    finally:
        close_file(root)
    try:
        client = client_parameters(major.FILE_GENERIC_WRITE, overlapped=overlapped)
        return reader, open_device(reader.device, "", client, related=reader)
    except BaseException:
        close_file(reader)
        raise


def wait_for_instance(system: System, name: str, limit: int | None) -> None:
    """Wait until an instance of a pipe listens; raises NtError: no such pipe, STATUS_IO_TIMEOUT.

    `limit` is in steps of 100 ns, negative, FOREVER, or None for what the pipe's server said.
    NT: WaitNamedPipe
    """
    text = name.encode("utf-16-le", "surrogatepass")
    head = pack(abi.FILE_PIPE_WAIT_FOR_BUFFER, limit or 0, len(text), limit is not None, 0)
    root = system.create_file_object(PIPE_ROOT, CreateParameters(access=major.SYNCHRONIZE))
    try:
        control(root, abi.FSCTL_PIPE_WAIT, head[:14] + text)
    finally:
        close_file(root)


def list_pipes(system: System, pattern: str) -> list[tuple[str, int, int]]:
    """The pipes whose names match, by name: name, instances there are, instances there may be; raises NtError.

    NT: NtQueryDirectoryFile
    """
    access = major.SYNCHRONIZE | major.FILE_READ_DATA
    root = system.create_file_object(PIPE_ROOT, CreateParameters(access=access))
    found: list[tuple[str, int, int]] = []
    try:
        while True:
            answer, buffer = IoStatusBlock(), bytearray(_LIST_BYTES)
            status = services.query_directory(
                root, None, None, None, answer, buffer, None, _DIRECTORY_INFORMATION, pattern
            )
            if status in (STATUS_NO_MORE_FILES, STATUS_NO_SUCH_FILE):
                return found
            if nt_error(status):
                raise error_for(status)
            found += _entries(buffer)
    finally:
        close_file(root)


def _entries(buffer: bytearray) -> Iterator[tuple[str, int, int]]:
    start, further = 0, 1
    while further:
        further, instances, most, length = struct.unpack_from("<I36xqq4xI", buffer, start)
        name = buffer[start + 64 : start + 64 + length].decode("utf-16-le", "surrogatepass")
        yield name, instances, most
        start += further


def control(file_object: FileObject, code: int, given: Any = None, wanted: Any = None) -> tuple[int, int]:
    """Send an end a control code and wait for the answer: (NTSTATUS, bytes); raises NtError for an error."""
    io, answer = file_object.device.driver.io, IoStatusBlock()
    event = Event(io.hal)
    status = services.fs_control(file_object, event, None, None, answer, code, given, None, wanted)
    if status == STATUS_PENDING:
        try:
            with io.wait_for(event):
                event.wait()
        except BaseException:
            services.cancel_io_ex(file_object, answer, IoStatusBlock())
            raise
        io.check_running()
        status = answer.status
    if nt_error(status):
        raise error_for(status)
    return status, answer.information


def query(file_object: FileObject, structure: abi.Record, number: int) -> list[int]:
    """The fields of an information class about an end; raises NtError."""
    buffer = bytearray(structure.itemsize)
    status = services.query_information(file_object, IoStatusBlock(), buffer, None, number)
    if nt_error(status):
        raise error_for(status)
    names = structure.names or ()
    return [int.from_bytes(buffer[at : at + 4], "little") for at in (structure.fields[name][1] for name in names)]  # type: ignore[index]


def set_modes(file_object: FileObject, *, messages: bool, nowait: bool) -> None:
    """Change how an end reads and whether it waits; raises NtError.

    NT: SetNamedPipeHandleState
    """
    data = pack(abi.FILE_PIPE_INFORMATION, messages, nowait)
    status = services.set_information(file_object, IoStatusBlock(), data, None, major.FILE_PIPE_INFORMATION_CLASS)
    if nt_error(status):
        raise error_for(status)


def peek(file_object: FileObject, size: int) -> tuple[bytes, int, int]:
    """What a read of `size` bytes would give, how many bytes there are, and how long the first message is.

    NT: FSCTL_PIPE_PEEK
    """
    head = abi.FILE_PIPE_PEEK_BUFFER.itemsize
    buffer = bytearray(head + size)
    _, count = control(file_object, abi.FSCTL_PIPE_PEEK, None, buffer)
    available, length = (int.from_bytes(buffer[at : at + 4], "little") for at in (4, 12))
    return bytes(buffer[head:count]), available, length
