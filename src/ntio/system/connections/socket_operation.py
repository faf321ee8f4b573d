"""A request to a socket that was started and goes on by itself.

Its bytes are pinned until its end, as those of a file's operation are; what else can be asked of it is the same.

Rows: R31, R33, R34
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...hal.put_off import PutOff
from ...hal.socket_addresses import unpack_address
from ...io_manager.io_status import IoStatusBlock
from ...io_manager.socket_service import give_up, send_to_socket, tell_port, try_socket
from ...status import STATUS_PENDING, IoTimeout, error_for, nt_error, nt_success
from ..operation import Ended, Operation, Stopped
from ..transfer_limits import memory_for

if TYPE_CHECKING:
    from .sockets import Socket

#: Severity 3: an error, and no warning.
_NT_ERROR: Final = 0xC0000000
#: For `overlapped`: the caller waits, and the socket's port hears of nothing.
WAITED_FOR: Any = object()


class SocketOperation(Operation):
    """One started request of a socket; `wait` for it, `cancel` it, or take its packet from the socket's port.

    NT: OVERLAPPED
    """

    __slots__ = ("_record",)

    def __init__(self, socket: Socket, buffer: Any, record: Any) -> None:
        self.file = socket  # type: ignore[assignment]
        self.buffer = buffer
        self._block = IoStatusBlock(STATUS_PENDING)
        self._ended = _OVER
        self._record = record

    @property
    def address(self) -> Any:
        """Of a datagram that was received: its sender's address."""
        return unpack_address(getattr(self._record, "address", b""))

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, `timeout` seconds at most; how many bytes were moved. Raises as a file's operation does.

        NT: WSAGetOverlappedResult
        """
        if self._ended is _OVER and nt_success(self._block.status):
            return self._block.information
        return super().wait(timeout)


    def cancel(self) -> bool:
        """Ask that it ends early; whether there was still something to ask. It ends once, in whichever way.

        NT: CancelIoEx
        """
        with PutOff():  # those who wait behind it are to have their turn
            return super().cancel()

    def wait_out(self) -> None:
        """Wait until it is over, in whichever way."""
        io = self.file.system.io
        with io.wait_for(Stopped(self._ended)):
            self._ended.wait()
        if self._block.status == STATUS_PENDING:
            io.check_running()


class _Over:
    """The event of a request that ended in the call that started it."""

    def read_state(self) -> bool:
        """It has ended."""
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """There is nothing to wait for."""
        return True

    def set(self) -> bool:
        """It is set."""
        return True


_OVER: Any = _Over()


def start(
    socket: Socket, code: int, record: Any, buffer: Any = None, overlapped: Any = None, *, writing: bool = True
) -> SocketOperation:
    """Start a request, and end it at once if that is possible; raises NtError when it fails at once."""
    if buffer is None:
        buffer, writing = b"", False
    file_object = socket.file_object
    if file_object.closed:
        socket.check_open()
    operation = SocketOperation(socket, memory_for(buffer) if writing else buffer, record)
    context = None if overlapped is WAITED_FOR else operation if overlapped is None else overlapped
    block = operation._block
    try:
        view = socket.system.pins.lend(operation.buffer, writing)
        if try_socket(file_object, block, code, record, view):
            del view  # before anybody can hear of the end
            status = block.status
            if status < _NT_ERROR:
                tell_port(file_object, context, block)
        else:
            status = _send(operation, context, code, view, writing)
            del view
    except BaseException:
        give_up(record)  # a part of it may have been sent
        raise
    if status >= _NT_ERROR:
        raise error_for(status, "the request failed", socket.name)
    return operation


def _send(operation: SocketOperation, context: Any, code: int, view: memoryview, writing: bool) -> int:
    """It cannot be done at once: its bytes are pinned until the end of the packet that goes."""
    socket: Any = operation.file
    pin = socket.system.pins.keep(view, writing)
    try:
        operation._ended = ended = Ended(socket, pin)
        block = operation._block
        with PutOff():  # it may be somebody else's turn in the same queue
            status = send_to_socket(socket.file_object, ended, None, context, block, code, operation._record, view)
    except BaseException:
        pin.release()
        raise
    if status >= _NT_ERROR:
        pin.release()
    return status


def wait_for(operation: SocketOperation, timeout: float | None = None) -> int:
    """Wait for the end of a request that nobody else knows; cancelled, and waited out, where waiting ends sooner.

    What it did before the cancelling came counts: nothing that was received is lost.
    """
    try:
        return operation.wait(timeout)
    except IoTimeout:
        if not operation.done:
            operation.cancel()
            operation.wait_out()
        if nt_error(operation.status):
            raise
        return operation.wait()
    except BaseException:
        if operation.status == STATUS_PENDING:
            operation.cancel()
            operation.wait_out()
        raise
