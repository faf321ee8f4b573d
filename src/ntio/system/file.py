"""Files: bytes at offsets, on the host or on any device stack.

A file has no position: every read and write says where. Reads and writes go straight to the host file when no driver
of the stack wants to see them (`bypass`), and as packets otherwise; the answers are the same.

Rows: R20, R21, R29
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from typing import Any

from ..io_manager import requests, services
from ..io_manager.bypass import Bypass, HostTarget, query_bypass
from ..io_manager.codes.major import IRP_MJ_READ, IRP_MJ_WRITE
from ..io_manager.file_object import FileObject
from ..io_manager.io_status import IoStatusBlock
from ..io_manager.opening.open import close_file
from ..status import (
    STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_END_OF_FILE,
    STATUS_PENDING,
    STATUS_UNSUCCESSFUL,
    FileClosed,
    error_for,
    nt_success,
    status_from_errno,
)
from .closing import ClosedAfterUse
from .default import default_system
from .operation import Operation, start
from .system import System
from .transfer_limits import checked_length, checked_offset


def open_file(
    path: str | os.PathLike[str],
    mode: str = "r",
    *,
    direct: bool = False,
    overlapped: bool = False,
    system: System | None = None,
) -> File:
    r"""Open a host file, or with a leading backslash a path of the namespace such as `\Device\...` or `\??\C:\...`.

    Modes are those of `open`, always bytes: r r+ w w+ x x+ a a+. `direct` leaves the host's cache out; a file opened
    `overlapped` can start reads and writes (`start_read`, `start_write`) and belong to a completion port.
    Raises NtError; the common ones are FileNotFoundError, PermissionError, IsADirectoryError, FileExistsError as well.
    NT: NtCreateFile
    """
    system = system or default_system()
    opened = system.open_file_object(path, mode, direct=direct, overlapped=overlapped)
    return File(system, opened, os.fsdecode(path))


class File(ClosedAfterUse):
    """An open file; every call says at which offset. Close it, or use it in a `with` statement.

    NT: FILE_OBJECT
    """

    __slots__ = ("__weakref__", "_files", "_here", "_io", "file_object", "name", "system")

    def __init__(self, system: System, file_object: FileObject, name: str) -> None:
        self.system = system
        self.file_object = file_object
        self.name = name
        self._files = system.hal.files
        self._io = system.io
        self._here = system.hal.here

    def read(self, n: int, offset: int) -> bytes:
        """Up to n bytes at `offset`; fewer at the end of the file, none beyond it. Raises NtError.

        NT: NtReadFile
        """
        buffer = bytearray(checked_length(n))
        count = self.read_into(buffer, offset)
        return bytes(memoryview(buffer)[:count])

    def read_into(self, buffer: Any, offset: int) -> int:
        """Read into a writable contiguous buffer at `offset`; returns how many bytes. Raises NtError.

        NT: NtReadFile
        """
        with self.system.pins.pin(buffer, writing=True) as pin:
            view = pin.array.data
            status, count = self._transfer(IRP_MJ_READ, view, checked_offset(offset, len(view)))
        if status == STATUS_END_OF_FILE:
            return 0
        return self._checked(status, count, "read", offset)

    def write(self, data: Any, offset: int) -> int:
        """Write a contiguous buffer at `offset`; returns how many bytes were written. Raises NtError.

        NT: NtWriteFile
        """
        with self.system.pins.pin(data, writing=False) as pin:
            view = pin.array.data
            status, count = self._transfer(IRP_MJ_WRITE, view, checked_offset(offset, len(view)))
        return self._checked(status, count, "write", offset)

    def start_read(self, target: Any, offset: int = 0, overlapped: Any = None) -> Operation:
        """Start reading `target` bytes, or into the buffer `target`, at `offset`; does not wait for the end.

        The packet at the file's port, if it has one, carries `overlapped`, or the operation where that is None. Needs a
        file opened with `overlapped=True`. Raises NtError for a read that fails at once: then there is no packet.
        NT: NtReadFile
        """
        return start(self, IRP_MJ_READ, target, offset, overlapped)

    def start_write(self, data: Any, offset: int = 0, overlapped: Any = None) -> Operation:
        """Start writing a buffer at `offset`, as `start_read` reads; its bytes must not change before the end.

        NT: NtWriteFile
        """
        return start(self, IRP_MJ_WRITE, data, offset, overlapped)

    def flush(self) -> None:
        """Put everything written on the device. Raises NtError.

        NT: NtFlushBuffersFile
        """
        self.check_open()
        self._checked(*requests.flush(self.file_object), "flush", 0)

    def control(self, code: int, input: Any = b"", output_length: int = 0) -> bytes:
        """Send the device a control code with input bytes; its answer, at most `output_length` bytes. Raises NtError.

        The file must have been opened for what the code's access bits say. One such call is made at a time.
        NT: NtDeviceIoControlFile
        """
        return self._control(services.device_control, code, input, output_length)

    def fs_control(self, code: int, input: Any = b"", output_length: int = 0) -> bytes:
        """Send the file system a control code of its own, as `control` does to a device. Raises NtError.

        NT: NtFsControlFile
        """
        return self._control(services.fs_control, code, input, output_length)

    def _control(self, service: Callable[..., int], code: int, given: Any, output_length: int) -> bytes:
        self.check_open()
        wanted, answer = bytearray(checked_length(output_length)), IoStatusBlock(STATUS_PENDING)
        with self.system.pins.pin(given, writing=False) as pin:
            status = service(
                self.file_object, None, None, None, answer, operator.index(code),
                pin.array.data if pin.array.size else None, None, wanted or None,
            )  # fmt: skip
        if nt_success(status) and answer.status == STATUS_PENDING:
            status = STATUS_UNSUCCESSFUL  # returned as a success, though the packet failed
        count = self._checked(status, answer.information, f"send control code {code:#x}")
        return bytes(memoryview(wanted)[:count])

    @property
    def size(self) -> int:
        """How many bytes the file has now.

        NT: NtQueryInformationFile
        """
        self.check_open()
        return self._checked(*requests.query_size(self.file_object), "ask for the size", 0)

    @property
    def bypass(self) -> Bypass:
        """Whether reads and writes go straight to a host file, and which driver wants to see them if not.

        NT: FSCTL_MANAGE_BYPASS_IO
        """
        self.check_open()
        return query_bypass(self.file_object)

    @property
    def closed(self) -> bool:
        """Whether the file was closed."""
        return self.file_object.closed

    def close(self) -> None:
        """Close the file. Idempotent.

        NT: NtClose
        """
        close_file(self.file_object)

    def direct_target(self) -> HostTarget | None:
        """The host file to use without a packet, or None when a driver wants to see requests."""
        return query_bypass(self.file_object).target

    def check(self, major: int, what: str) -> None:
        """Raise if a request of that kind may not be made: FileClosed, AccessDenied, or the System's bug check."""
        self.check_open()
        denied = requests.check_access(self.file_object, major)
        if denied:
            raise error_for(denied, f"cannot {what}: the file was not opened for that", self.name)

    def _transfer(self, major: int, view: memoryview, offset: int) -> tuple[int, int]:
        self.check(major, "read" if major == IRP_MJ_READ else "write")
        checked_length(len(view))
        self._io.reference(self.file_object)  # another thread may close the file meanwhile
        try:
            return self._transfer_held(major, view, offset)
        finally:
            self._io.dereference(self.file_object)

    def _transfer_held(self, major: int, view: memoryview, offset: int) -> tuple[int, int]:
        target = query_bypass(self.file_object).target
        if target is None:
            call = requests.read if major == IRP_MJ_READ else requests.write
            return call(self.file_object, view, offset)
        if self._here.counted is not None:  # the thread works for a port, and may have to wait for the host now
            with self.system.hal.waiting():
                return self._transfer_directly(target, major, view, offset)
        return self._transfer_directly(target, major, view, offset)

    def _transfer_directly(self, target: HostTarget, major: int, view: memoryview, offset: int) -> tuple[int, int]:
        if major == IRP_MJ_WRITE:
            if target.limit is not None and offset + len(view) > target.limit:
                return requests.write(self.file_object, view, offset)  # only the stack can say what happens there
            result = self._files.write(target.descriptor, view, offset)
        else:
            result = self._files.read(target.descriptor, view, offset)
            if not result and len(view):
                return STATUS_END_OF_FILE, 0
        return (0, result) if result >= 0 else (status_from_errno(-result), 0)

    def _checked(self, status: int, count: int, what: str, offset: int | None = None) -> int:
        if nt_success(status):
            return count
        error = error_for(
            status, f"cannot {what}" if offset is None else f"cannot {what} at offset {offset}", self.name
        )
        if status != STATUS_DRIVER_INTERNAL_ERROR:
            raise error
        culprit = next((device for device in self.file_object.related_device().stack() if device.last_error), None)
        raise error from (culprit.last_error if culprit is not None else None)

    def check_open(self) -> None:
        """Raise FileClosed, or the System's bug check."""
        if self._io.bug_check is not None:
            self._io.check_running()
        if self.file_object.closed:
            raise FileClosed("the file is closed", filename=self.name)

    def __repr__(self) -> str:
        return f"<ntio.File {self.name!r}{' closed' if self.closed else ''}>"
