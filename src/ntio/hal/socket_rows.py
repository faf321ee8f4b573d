"""Rows of sockets done by plain system calls, none of which waits: for the thread engine.

A row that would have to wait answers None; whoever asks (`stream_poller`) tries again when the socket is ready. As in a
ring, a SEND with MSG_WAITALL goes on until all of its bytes are taken, a CONNECT until it is known what came of it.

Sources: `recv(2)`, `send(2)`, `sendmsg(2)`, `accept(2)`, `connect(2)`, `poll(2)`. Rows: R11, R30
"""

from __future__ import annotations

import errno
import os
import select
import socket
from typing import Any

import numpy as np

from .operations import MESSAGE, OperationCode, Operations, cell
from .socket_addresses import pack_address, unpack_address

_NOW = int(getattr(socket, "MSG_DONTWAIT", 0))
_ALL = int(getattr(socket, "MSG_WAITALL", 0))
_READERS = (OperationCode.ACCEPT, OperationCode.RECEIVE, OperationCode.RECEIVE_MESSAGE)
_AGAIN = (errno.EAGAIN, errno.EINPROGRESS)


def events_of(operations: Operations) -> int:
    """What `poll` is to watch a row of these for."""
    if operations.code == OperationCode.POLL:
        return operations.flags
    return select.POLLIN if operations.code in _READERS else select.POLLOUT


class SocketRow:
    """One row's attempts on one descriptor, and what they have done so far."""

    __slots__ = ("_begun", "_moved", "_row", "_operations")

    def __init__(self, operations: Operations, row: int) -> None:
        self._operations = operations
        self._row = row
        self._moved = 0
        self._begun = False

    def attempt(self, file: int) -> int | None:
        """A count, a descriptor or a set of events; minus an errno; or None, when the row has to wait."""
        operations = self._operations
        if operations.code == OperationCode.POLL:
            return self._poll(file)
        try:
            native = socket.socket(fileno=file)
        except OSError as error:
            return -(error.errno or errno.EIO)
        try:
            return _ATTEMPTS[operations.code](self, native)
        except OSError as error:
            if error.errno in _AGAIN:
                return None
            return self._moved or -(error.errno or errno.EIO)
        finally:
            native.detach()

    def _piece(self) -> memoryview:
        operations, row = self._operations, self._row
        if operations.buffer is None:
            return memoryview(b"")
        position, length = cell(operations.position, row), cell(operations.length, row)
        if position + length > operations.buffer.nbytes:
            raise OSError(errno.EFAULT, "outside the buffer")
        return operations.buffer[position : position + length].data

    def _poll(self, file: int) -> int | None:
        poll = select.poll()
        poll.register(file, self._operations.flags)
        ready = poll.poll(0)
        return ready[0][1] if ready else None

    def _accept(self, native: socket.socket) -> int | None:
        if os.get_blocking(native.fileno()) and not self._poll_in(native.fileno()):
            return None
        return native.accept()[0].detach()

    @staticmethod
    def _poll_in(file: int) -> bool:
        poll = select.poll()
        poll.register(file, select.POLLIN)
        return bool(poll.poll(0))

    def _connect(self, native: socket.socket) -> int | None:
        if self._begun:
            failed = native.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                return -failed
            try:
                native.getpeername()
            except OSError:
                return None
            os.set_blocking(native.fileno(), True)
            return 0
        address = unpack_address(bytes(self._piece()))
        blocking = os.get_blocking(native.fileno())
        os.set_blocking(native.fileno(), False)
        try:
            native.connect(address)
        except BlockingIOError:
            self._begun = True
            return None
        finally:
            if blocking and not self._begun:
                os.set_blocking(native.fileno(), True)
        return 0

    def _send(self, native: socket.socket) -> int | None:
        flags, piece = self._operations.flags, self._piece()
        while True:
            self._moved += native.send(piece[self._moved :], flags & ~_ALL | _NOW)
            if self._moved == len(piece) or not flags & _ALL:
                return self._moved

    def _receive(self, native: socket.socket) -> int | None:
        return native.recv_into(self._piece(), 0, self._operations.flags | _NOW)

    def _message(self) -> Any:
        operations = self._operations
        assert operations.auxiliary is not None
        start = cell(operations.auxiliary_position, self._row)
        return operations.auxiliary[start : start + MESSAGE.itemsize].view(MESSAGE)

    def _send_message(self, native: socket.socket) -> int | None:
        message = self._message()
        name = message["name"].tobytes()[: int(message["name_length"][0])]
        target = unpack_address(name) if name else None
        return native.sendmsg([self._piece()], [], self._operations.flags | _NOW, target)

    def _receive_message(self, native: socket.socket) -> int | None:
        count, _, flags, address = native.recvmsg_into([self._piece()], 0, self._operations.flags | _NOW)
        message, raw = self._message(), b""
        if address:
            raw = pack_address(int(native.family), address)
        message["name_length"], message["flags"] = len(raw), flags
        message["name"] = np.void(raw.ljust(128, b"\0"))
        return count


_ATTEMPTS = {
    OperationCode.ACCEPT: SocketRow._accept,
    OperationCode.CONNECT: SocketRow._connect,
    OperationCode.SEND: SocketRow._send,
    OperationCode.RECEIVE: SocketRow._receive,
    OperationCode.SEND_MESSAGE: SocketRow._send_message,
    OperationCode.RECEIVE_MESSAGE: SocketRow._receive_message,
}
