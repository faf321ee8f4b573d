"""A read or write of an overlapped file that was started and goes on by itself.

Its bytes are pinned until its end: no other request may touch them meanwhile. The end sets the operation's own event;
the I/O manager does so before it queues the completion packet, so that a buffer is free when its packet arrives.

Rows: R31, R33, R34
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..hal.pinning import Pin
from ..io_manager import services
from ..io_manager.codes.major import FO_SYNCHRONOUS_IO, IRP_MJ_READ
from ..io_manager.io_status import IoStatusBlock
from ..kernel.event import Event
from ..status import (
    STATUS_END_OF_FILE,
    STATUS_PENDING,
    STATUS_SUCCESS,
    InvalidParameter,
    IoTimeout,
    error_for,
    nt_error,
    nt_success,
)
from .transfer_limits import checked_length, checked_offset, memory_for

if TYPE_CHECKING:
    from .file import File


class Operation:
    """One started read or write; `wait` for it, `cancel` it, or take its packet from the file's port.

    NT: OVERLAPPED
    """

    __slots__ = ("__weakref__", "_block", "_ended", "buffer", "file")

    def __init__(self, file: File, buffer: Any, pin: Pin) -> None:
        self.file = file
        #: What is read into, or written.
        self.buffer = buffer
        self._block = IoStatusBlock(STATUS_PENDING)
        self._ended = Ended(file, pin)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._ended.read_state()

    @property
    def status(self) -> int:
        """STATUS_PENDING, or the NTSTATUS it ended with."""
        return self._block.status

    @property
    def bytes(self) -> int:
        """How many bytes were moved, 0 before the end."""
        return self._block.information if self.done else 0

    @property
    def data(self) -> memoryview:
        """What was read so far, or written: the first `bytes` bytes of the buffer."""
        return memoryview(self.buffer).cast("B")[: self.bytes]

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, `timeout` seconds at most; how many bytes were moved, 0 at the end of the file.

        Raises IoTimeout (the operation goes on), or the NtError of an operation that failed.
        NT: GetOverlappedResult
        """
        io = self.file.system.io
        with io.wait_for(Stopped(self._ended)):
            ended = self._ended.wait(timeout)
        if self._block.status == STATUS_PENDING:
            io.check_running()
        if not ended:
            raise IoTimeout(f"the operation is not done after {timeout} seconds; it goes on", filename=self.file.name)
        status = self._block.status
        if nt_success(status) or status == STATUS_END_OF_FILE:
            return self.bytes
        raise error_for(status, "the operation failed", self.file.name)

    def cancel(self) -> bool:
        """Ask that it ends early; whether there was still something to ask. It ends once, in whichever way.

        NT: CancelIoEx
        """
        return services.cancel_io_ex(self.file.file_object, self._block, IoStatusBlock()) == STATUS_SUCCESS

    def __repr__(self) -> str:
        return f"<operation on {self.file.name!r}, {f'{self.bytes} bytes' if self.done else 'pending'}>"


class Ended(Event):
    """Set at the end of an operation, whose bytes are free from then on."""

    __slots__ = ("_pin",)

    def __init__(self, file: File, pin: Pin) -> None:
        super().__init__(file.system.hal)
        self._pin = pin

    def set(self) -> bool:
        self._pin.release()
        return super().set()


class Stopped:
    """What a bug check sets for whoever waits: the bytes of an operation are not free because the System stopped."""

    def __init__(self, ended: Ended) -> None:
        self.set = partial(Event.set, ended)


def start(file: File, major: int, target: Any, offset: int, overlapped: Any) -> Operation:
    """Start a read or write of a file; raises NtError when it fails at once."""
    reading = major == IRP_MJ_READ
    what = "read" if reading else "write"
    file.check(major, what)
    if file.file_object.flags & FO_SYNCHRONOUS_IO:
        raise InvalidParameter(f"a {what} is started on files opened with overlapped=True", filename=file.name)
    buffer = memory_for(target) if reading else target
    pin = file.system.pins.pin(buffer, writing=reading)
    operation = Operation(file, buffer, pin)
    try:
        length = checked_length(pin.array.size)
        place = checked_offset(offset, length)
    except BaseException:
        pin.release()
        raise
    service = services.read_file if reading else services.write_file
    status = service(
        file.file_object, operation._ended, None, operation if overlapped is None else overlapped, operation._block,
        pin.array.data, length, place,
    )  # fmt: skip
    if nt_error(status):
        pin.release()
        raise error_for(status, f"cannot {what} at offset {place}", file.name)
    return operation


def start_fs_control(file: File, code: int, target: Any = 0, overlapped: Any = None) -> Operation:
    """Start a control request of a file system, without input; `target` is its answer's buffer, or how many bytes.

    Raises NtError when it fails at once.
    NT: NtFsControlFile
    """
    file.check_open()
    if file.file_object.flags & FO_SYNCHRONOUS_IO:
        raise InvalidParameter("a request is started on files opened with overlapped=True", filename=file.name)
    buffer = memory_for(target)
    pin = file.system.pins.pin(buffer, writing=True)
    operation = Operation(file, buffer, pin)
    status = services.fs_control(
        file.file_object, operation._ended, None, operation if overlapped is None else overlapped, operation._block,
        code, None, None, pin.array.data if pin.array.size else None,
    )  # fmt: skip
    if nt_error(status):
        pin.release()
        raise error_for(status, f"cannot send control code {code:#x}", file.name)
    return operation
