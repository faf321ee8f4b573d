"""A request to a socket that was started and goes on by itself.

Its bytes are pinned until its end, as those of a file's operation are; what else can be asked of it is the same.

Rows: R31, R33, R34
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ...hal.put_off import PutOff
from ...hal.socket_addresses import unpack_address
from ...io_manager.io_status import IoStatusBlock
from ...io_manager.socket_service import give_up, send_to_socket, tell_port, try_socket
from ...status import STATUS_PENDING, IoTimeout, error_for, nt_error, nt_success
from ..operation import Ended, Operation, Stopped
from ..transfer_limits import checked_length

if TYPE_CHECKING:
    from .sockets import Socket

_NOTHING = memoryview(b"")
#: For `overlapped`: the caller waits, and the socket's port hears of nothing.
WAITED_FOR: Any = object()


class SocketOperation(Operation):
    """One started request of a socket; `wait` for it, `cancel` it, or take its packet from the socket's port.

    NT: OVERLAPPED
    """

    __slots__ = ("_record",)

    def __init__(self, socket: Socket, buffer: Any, record: Any) -> None:
        self.file = cast("Any", socket)
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
    file_object = socket.file_object
    if file_object.closed:
        socket.check_open()
    if hasattr(buffer, "__index__"):
        buffer = bytearray(checked_length(buffer))
    operation = SocketOperation(socket, buffer, record)
    context = None if overlapped is WAITED_FOR else operation if overlapped is None else overlapped
    pin = socket.system.pins.pin(_NOTHING if buffer is None else buffer, writing=writing and buffer is not None)
    view, block = pin.array.data, operation._block
    try:
        if try_socket(file_object, block, code, record, view):
            status = block.status
        else:
            operation._ended = ended = Ended(operation.file, pin)
            with PutOff():  # it may be somebody else's turn in the same queue
                status = send_to_socket(file_object, ended, None, context, block, code, record, view)
    except BaseException:
        pin.release()
        give_up(record)
        raise
    if nt_error(status):
        pin.release()
        raise error_for(status, "the request failed", socket.name)
    if operation._ended is _OVER:
        pin.release()  # before anybody can hear of the end
        tell_port(file_object, context, block)
    return operation


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
