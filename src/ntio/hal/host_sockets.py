"""The host's sockets, one call at a time, none of which waits.

The synchronous half of the HAL for the network, as `host` is for files. A call that would have to wait answers -EAGAIN;
`readiness` says when it is worth another try. Results are the host's: a count, or minus an errno; nothing raises but
`open_socket`. Sockets stay in the host's blocking mode, because a ring does not wait on one that is not; each call here
says by itself that it will not wait. Only listening and connecting know no such flag: for them the mode is changed.

Sources: `socket(7)`, `recv(2)`, `send(2)`, `accept(2)`, `connect(2)`. Rows: R26, R30, R34
"""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable
from typing import Any

from ..status import error_for, status_from_errno
from .socket_addresses import pack_address, unpack_address

AGAIN = -errno.EAGAIN
IN_PROGRESS = -errno.EINPROGRESS
BROKEN_PIPE = -errno.EPIPE
NOT_CONNECTED = -errno.ENOTCONN
REFUSED = -errno.ECONNREFUSED
NO_DESCRIPTOR = (-errno.EMFILE, -errno.ENFILE)
#: What accept(2) says of a connection that is gone again before it was taken: the next one counts.
_GONE = frozenset(
    getattr(errno, name, 0)
    for name in (
        "ECONNABORTED", "EPROTO", "ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "ENETUNREACH",
    )
)  # fmt: skip

SHUT_RECEIVE, SHUT_SEND, SHUT_BOTH = 0, 1, 2
STREAM, DATAGRAM = 1, 2
PEEK, WAIT_ALL, TRUNCATED, OUT_OF_BAND, DONT_ROUTE = 2, 0x100, 0x20, 1, 4
ALLOWED_FLAGS = OUT_OF_BAND | PEEK | DONT_ROUTE

#: Never a signal for a broken connection: it is an error like others.
WITHOUT_SIGNAL = int(getattr(socket, "MSG_NOSIGNAL", 0))
# Plain numbers: the library has members of an enum, whose "or" takes a microsecond.
_NOW = int(getattr(socket, "MSG_DONTWAIT", 0))
_QUIET = _NOW | WITHOUT_SIGNAL


class HostSocket:
    """One socket of the host; `descriptor` is its number there."""

    __slots__ = ("_receive", "_send", "_socket", "descriptor", "family", "kind")

    def __init__(self, native: socket.socket) -> None:
        if native.gettimeout() is not None:  # socket.setdefaulttimeout is for those who wait
            native.settimeout(None)
        self._socket = native
        self._receive, self._send = native.recv_into, native.send
        self.descriptor = native.fileno()
        self.family, self.kind = int(native.family), int(native.type)

    def receive(self, buffer: Any, flags: int = 0) -> int:
        """Bytes of a stream into `buffer`: how many, 0 when the peer has sent its last."""
        try:
            return self._receive(buffer, 0, flags | _NOW)
        except OSError as error:
            return -(error.errno or errno.EIO)

    def send(self, buffer: Any, flags: int = 0) -> int:
        """Bytes of a stream: how many were taken, perhaps not all."""
        try:
            return self._send(buffer, flags | _QUIET)
        except OSError as error:
            return -(error.errno or errno.EIO)

    def receive_datagram(self, buffer: Any, flags: int = 0) -> tuple[int, bytes, bool]:
        """One datagram: its bytes that fit, the sender's address, whether some did not fit."""
        try:
            count, _, told, address = self._socket.recvmsg_into([buffer], 0, flags | _NOW)
        except OSError as error:
            return -(error.errno or errno.EIO), b"", False
        return count, self._packed(address), bool(told & TRUNCATED)

    def send_datagram(self, buffer: Any, address: bytes, flags: int = 0) -> int:
        """One datagram, whole or not at all, to `address` (empty: to the peer it is connected to)."""
        try:
            target = unpack_address(address) if address else None
            return self._socket.sendmsg([buffer], [], flags | _QUIET, target)
        except OSError as error:
            return -(error.errno or errno.EIO)

    def send_file(self, file: int, offset: int, count: int) -> int:
        """Bytes of an open file, without their passing through the program: how many were taken."""
        self._socket.setblocking(False)  # sendfile(2) has no flag for it
        try:
            return os.sendfile(self.descriptor, file, offset, count)
        except OSError as error:
            return -(error.errno or errno.EIO)
        finally:
            self._socket.setblocking(True)

    def accept(self) -> HostSocket | int:
        """The next connection of a listening socket, or minus an errno."""
        while True:
            try:
                native, _ = self._socket.accept()
            except OSError as error:
                if error.errno not in _GONE:
                    return -(error.errno or errno.EIO)
            else:
                return HostSocket(native)

    def connect(self, address: bytes) -> int:
        """Begin to connect: 0, or -EINPROGRESS, after which `connected` tells the rest when the socket is writable."""
        self._socket.setblocking(False)
        result = _errno_of(lambda: self._socket.connect(unpack_address(address)))
        if result == -errno.ECONNABORTED:  # the end of the attempt before, whose error `connected` has taken
            result = _errno_of(lambda: self._socket.connect(unpack_address(address)))
        if result != IN_PROGRESS:
            self._socket.setblocking(True)
        return result

    def connected(self) -> int:
        """What came of connecting: 0, minus an errno, or -EINPROGRESS."""
        failed = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not failed and _errno_of(self._socket.getpeername) == NOT_CONNECTED:
            if not self._hung_up():
                return IN_PROGRESS
            failed = -REFUSED  # somebody else has been told what came of it
        self._socket.setblocking(True)
        return -failed

    def _hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, 0)
        return bool(poll.poll(0))

    def bind(self, address: bytes) -> int:
        """Give it a local address: 0, or minus an errno."""
        return _errno_of(lambda: self._socket.bind(unpack_address(address)))

    def listen(self, backlog: int) -> int:
        """Take connections: 0, or minus an errno."""
        result = _errno_of(lambda: self._socket.listen(backlog))
        if not result:
            self._socket.setblocking(False)
        return result

    def shutdown(self, how: int) -> int:
        """Send the last byte, receive no more, or both: 0, or minus an errno."""
        return _errno_of(lambda: self._socket.shutdown(how))

    def name(self) -> bytes:
        """The local address; no bytes where there is none."""
        return self._address(self._socket.getsockname)

    def peer(self) -> bytes:
        """The peer's address; no bytes where there is none."""
        return self._address(self._socket.getpeername)

    def set_option(self, level: int, name: int, value: bytes) -> int:
        """setsockopt(2): 0, or minus an errno."""
        return _errno_of(lambda: self._socket.setsockopt(level, name, value))

    def option(self, level: int, name: int, size: int) -> bytes | int:
        """getsockopt(2): the value, or minus an errno."""
        try:
            return self._socket.getsockopt(level, name, size)
        except OSError as error:
            return -(error.errno or errno.EIO)

    def close(self) -> None:
        """Give the descriptor back. Idempotent."""
        self._socket.close()

    def _address(self, ask: Callable[[], Any]) -> bytes:
        try:
            return self._packed(ask())
        except OSError:
            return b""

    def _packed(self, address: Any) -> bytes:
        if address is None or (self.family == socket.AF_UNIX and not address):
            return b""
        return pack_address(self.family, address)


def open_socket(family: int, kind: int, protocol: int = 0) -> HostSocket:
    """A new socket, closed on exec; raises NtError."""
    try:
        return HostSocket(socket.socket(family, kind, protocol))
    except OSError as error:
        message = f"no socket of family {family}, type {kind}, protocol {protocol}: {error.strerror}"
        raise error_for(status_from_errno(error.errno or 0), message) from None


def _errno_of(call: Callable[[], object]) -> int:
    try:
        call()
    except OSError as error:
        return -(error.errno or errno.EIO)
    return 0
