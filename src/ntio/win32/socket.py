"""Python's module `socket` for programs that give their sockets to win32file: `from ntio.win32 import socket`.

On Windows `sock.fileno()` is a handle, so that pywin32's programs associate it with a port, and WSARecv takes the
socket itself. The host's sockets have no handles; the class `socket` of this module is one of ntio's, with Python's
methods:

    listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen()
    CreateIoCompletionPort(listener.fileno(), port, key, 0)
    AcceptEx(listener, accepting, buffer, overlapped)

Everything else of the module (numbers, names of hosts, `error`, `timeout`) is the host's own. A method waits as its
timeout says, fails with the exceptions that Python's fails with, and no packet tells of it. `select`, `ssl`, `asyncio`
and whatever else wants a descriptor of the host cannot use these sockets; nor can win32file use the host's.

Source: docs.python.org/library/socket; pywin32's win32file. Rows: R26, R34
"""

from __future__ import annotations

import errno
import os
import socket as _host
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..status import IoTimeout, NtError
from ..system.connections.socket_operation import WAITED_FOR, SocketOperation, wait_for
from ..system.connections.sockets import Socket
from ..system.system import System
from . import mswsock
from .pyhandle import PyHANDLE
from .socket_names import resolved

#: What makes sockets of the host, and is not here, or is here in a form that makes ours.
_MAKERS = {"SocketType", "create_server", "fromfd", "fromshare", "has_dualstack_ipv6", "send_fds", "recv_fds"}
__all__ = [name for name in _host.__all__ if name not in _MAKERS]  # which names ours: they are called the same


def __getattr__(name: str) -> Any:
    if name in _MAKERS or name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}: it would be a socket of the host")
    return getattr(_host, name)


class socket(PyHANDLE):
    """A socket with Python's methods that is a handle too, as on Windows; `fileno()` is its number.

    NT: SOCKET
    """

    __slots__ = ("_connecting", "_socket", "_timeout")

    def __init__(
        self,
        family: int = _host.AF_INET,
        type: int = _host.SOCK_STREAM,
        proto: int = 0,
        *,
        system: System | None = None,
    ) -> None:
        family, type = (_host.AF_INET if family == -1 else family), (_host.SOCK_STREAM if type == -1 else type)
        with _as_python():
            self._keep(Socket(family, type, max(proto, 0), system=system))

    def _keep(self, made: Socket) -> None:
        self._socket, self._timeout = made, _host.getdefaulttimeout()
        self._connecting: SocketOperation | None = None  # what `connect` began and did not wait for
        super().__init__(made.system, made.system.io.handles.insert(made.file_object))

    @property
    def family(self) -> _host.AddressFamily:
        """The family of addresses."""
        return _host.AddressFamily(self._socket.family)

    @property
    def type(self) -> _host.SocketKind:
        """A stream, or datagrams."""
        return _host.SocketKind(self._socket.kind)

    @property
    def proto(self) -> int:
        """The protocol's number."""
        return self._socket.protocol

    def fileno(self) -> int:
        """The handle's number; -1 once it is closed."""
        return self._number or -1

    def detach(self) -> int:
        """Give the handle away: this object does not close it any more."""
        return self.Detach() or -1

    # --- names, options, time ---------------------------------------------------------------------------------------

    def bind(self, address: Any) -> None:
        """Give it its local address."""
        with _as_python():
            self._open.bind(resolved(self.family, address))

    def listen(self, backlog: int = 128) -> None:
        """Take connections."""
        with _as_python():
            self._open.listen(backlog)

    def getsockname(self) -> Any:
        """The local address."""
        with _as_python():
            return self._open.address

    def getpeername(self) -> Any:
        """The peer's address; raises OSError where there is none."""
        with _as_python():
            peer = self._open.peer
        if peer is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return peer

    def setsockopt(self, level: int, optname: int, value: Any) -> None:
        """Set an option, by the host's numbers; SO_UPDATE_ACCEPT_CONTEXT and ..._CONNECT_CONTEXT mean nothing."""
        if optname == mswsock.SO_UPDATE_ACCEPT_CONTEXT and isinstance(value, bytes):
            value = int.from_bytes(value, "little")  # the listener's handle, as of struct.pack("P", ...)
        with _as_python():
            mswsock.setsockopt(self, level, optname, value, system=self.system)

    def getsockopt(self, level: int, optname: int) -> int:
        """An option that is a number."""
        with _as_python():
            return self._open.option(level, optname)

    def settimeout(self, value: float | None) -> None:
        """How many seconds a method waits: None for ever, 0 not at all."""
        if value is not None and value < 0:
            raise ValueError("Timeout value out of range")
        self._timeout = value

    def gettimeout(self) -> float | None:
        """How many seconds a method waits."""
        return self._timeout

    def setblocking(self, flag: bool | int) -> None:
        """Wait for ever, or not at all."""
        self._timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        """Whether a method waits."""
        return self._timeout != 0

    # --- calls that wait --------------------------------------------------------------------------------------------

    def accept(self) -> tuple[socket, Any]:
        """The next connection and its peer's address."""
        with _as_python(self._timeout):
            made = self._open.accept(self._timeout)
            connection = socket.__new__(socket)
            connection._keep(made)
            return connection, made.peer

    def connect(self, address: Any) -> None:
        """Connect to a peer; one that does not wait goes on by itself, and raises BlockingIOError."""
        with _as_python(self._timeout):
            started = self._open.start_connect(resolved(self.family, address), overlapped=WAITED_FOR)
            if self._timeout == 0 and not started.done:
                self._connecting = started
                raise BlockingIOError(errno.EINPROGRESS, os.strerror(errno.EINPROGRESS))
            wait_for(started, self._timeout)

    def connect_ex(self, address: Any) -> int:
        """Connect to a peer: 0, or an errno."""
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.EAGAIN
        return 0

    def send(self, data: Any, flags: int = 0) -> int:
        """Send all of `data`; how many bytes that was."""
        return self._wait(lambda known: known.start_send(data, flags=flags, overlapped=WAITED_FOR))

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of `data`."""
        self.send(data, flags)

    def sendto(self, data: Any, *rest: Any) -> int:
        """Send one datagram; the address is the last argument, flags may stand before it."""
        flags, name = rest if len(rest) == 2 else (0, *rest)
        address = resolved(self.family, name)
        return self._wait(lambda known: known.start_send_to(data, address, flags=flags, overlapped=WAITED_FOR))

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Up to so many bytes, as soon as there are any; none when the peer has sent its last."""
        buffer = bytearray(bufsize)
        return bytes(memoryview(buffer)[: self.recv_into(buffer, 0, flags)])

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive into a buffer; how many bytes."""
        view = memoryview(buffer).cast("B")[: nbytes or None]
        return self._wait(lambda known: known.start_receive(view, flags=flags, overlapped=WAITED_FOR))

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        """One datagram and its sender's address."""
        buffer, started = bytearray(bufsize), []

        def begin(known: Socket) -> SocketOperation:
            started.append(known.start_receive_from(buffer, flags=flags, overlapped=WAITED_FOR))
            return started[0]

        count = self._wait(begin)
        return bytes(memoryview(buffer)[:count]), started[0].address

    def shutdown(self, how: int) -> None:
        """Send the last byte, receive no more, or both."""
        with _as_python():
            self._open.shutdown(how)

    def __enter__(self) -> socket:
        return self

    def __repr__(self) -> str:
        return f"<ntio.win32.socket fd={self.fileno()}, family={self.family!s}, type={self.type!s}>"

    @property
    def _open(self) -> Socket:
        if not self._number:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._socket

    def _wait(self, begin: Any) -> int:
        with _as_python(self._timeout):
            if self._connecting is not None:
                self._connecting.wait(self._timeout)
                self._connecting = None
            return wait_for(begin(self._open), self._timeout)


def create_connection(
    address: tuple[str, int], timeout: float | None = None, source_address: Any = None, *, system: System | None = None
) -> socket:
    """A socket that is connected to (host, port), by the first of the host's addresses that answers."""
    problem: OSError = OSError("the host has no address")
    for family, kind, protocol, _, found in _host.getaddrinfo(*address, 0, _host.SOCK_STREAM):
        made = socket(family, kind, protocol, system=system)
        try:
            made.settimeout(timeout)
            if source_address:
                made.bind(source_address)
            made.connect(found)
            return made
        except OSError as error:
            made.close()
            problem = error
    raise problem


def socketpair(*, system: System | None = None) -> tuple[socket, socket]:
    """Two stream sockets that are connected to each other, over the loopback as on Windows."""
    with socket(system=system) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        first = socket(system=system)
        first.connect(listener.getsockname())
        return first, listener.accept()[0]


@contextmanager
def _as_python(timeout: float | None = None) -> Iterator[None]:
    """Raise what fails inside as Python's sockets do: by the host's errno, a TimeoutError, a BlockingIOError."""
    try:
        yield
    except IoTimeout as problem:
        if timeout == 0:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from problem
        raise TimeoutError("timed out") from problem
    except NtError as problem:
        number = problem.errno or errno.EIO
        raise OSError(number, os.strerror(number)) from problem
