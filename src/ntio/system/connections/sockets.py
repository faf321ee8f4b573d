"""Sockets for Python programs: streams and datagrams over IPv4, IPv6 and Unix, whose requests may end at a port.

    server = ntio.Socket(); server.bind(("127.0.0.1", 0)); server.listen()
    connection = server.accept()                     calls that wait for their end
    connection.start_receive(buffer)                 starts, and goes on by itself
    port.associate(connection, key)                  and then its end is a packet

A socket is a file of `\\Device\\Afd`; each call is a request to that device. What can be done at once is done in the
call, with no packet made. With or without, the end is told in the same way: to the operation, and to the port.

Rows: R26, R34
"""

from __future__ import annotations

from typing import Any

from ...driver_kit import CreateParameters, net
from ...drivers.sockets.records import (
    IOCTL_AFD_BIND,
    IOCTL_AFD_GET_ADDRESS,
    IOCTL_AFD_GET_OPTION,
    IOCTL_AFD_GET_REMOTE_ADDRESS,
    IOCTL_AFD_PARTIAL_DISCONNECT,
    IOCTL_AFD_RECEIVE,
    IOCTL_AFD_RECEIVE_DATAGRAM,
    IOCTL_AFD_SEND,
    IOCTL_AFD_SEND_DATAGRAM,
    IOCTL_AFD_SET_OPTION,
    IOCTL_AFD_START_LISTEN,
    IOCTL_AFD_SUPER_ACCEPT,
    IOCTL_AFD_SUPER_CONNECT,
    IOCTL_AFD_SUPER_DISCONNECT,
    IOCTL_AFD_TRANSMIT_FILE,
    Accept,
    Option,
    Transfer,
    Transmit,
)
from ...hal.put_off import PutOff
from ...hal.socket_addresses import AF_INET, SOCKADDR_SIZE, pack_address, unpack_address
from ...io_manager.codes import major
from ...io_manager.file_object import FileObject
from ...io_manager.opening.open import close_file
from ...status import FileClosed
from ..closing import ClosedAfterUse
from ..default import default_system
from ..file import File
from ..system import System
from .socket_operation import WAITED_FOR, SocketOperation, start, wait_for

_BACKLOG = 4096


class Socket(ClosedAfterUse):
    """One socket; `family`, `kind` and `protocol` are the host's numbers, IPv4 and a stream when left out.

    `for_accept` makes one for `start_accept` only: it has no socket of the host before. Close it, or use it in a `with`
    statement. Raises NtError, with `.status`, wherever something fails.
    NT: WSASocket
    """

    __slots__ = ("__weakref__", "family", "file_object", "kind", "name", "protocol", "system")

    def __init__(
        self,
        family: int = AF_INET,
        kind: int = net.STREAM,
        protocol: int = 0,
        *,
        for_accept: bool = False,
        system: System | None = None,
    ) -> None:
        self.system = system or default_system()
        self.family, self.kind, self.protocol = int(family), int(kind), int(protocol)
        later = "\\later" if for_accept else ""
        self.name = f"\\Device\\Afd\\Endpoint\\{self.family}\\{self.kind}\\{self.protocol}{later}"
        self.file_object: FileObject = self.system.create_file_object(self.name, _PARAMETERS)

    # --- addresses and options --------------------------------------------------------------------------------------

    def bind(self, address: Any) -> None:
        """Give the socket its local address: (host, port), (host, port, flow, scope), or a path.

        NT: bind
        """
        self._ask(IOCTL_AFD_BIND, pack_address(self.family, address))

    def listen(self, backlog: int = _BACKLOG) -> None:
        """Take connections, up to `backlog` that nobody has accepted yet.

        NT: listen
        """
        self._ask(IOCTL_AFD_START_LISTEN, int(backlog))

    @property
    def address(self) -> Any:
        """The local address; None where there is none.

        NT: getsockname
        """
        return self._address(IOCTL_AFD_GET_ADDRESS)

    @property
    def peer(self) -> Any:
        """The peer's address; None where there is none.

        NT: getpeername
        """
        return self._address(IOCTL_AFD_GET_REMOTE_ADDRESS)

    def set_option(self, level: int, name: int, value: int | bytes) -> None:
        """Set an option, by the host's numbers (`socket.SOL_SOCKET`, `socket.SO_REUSEADDR` ...).

        NT: setsockopt
        """
        raw = value if isinstance(value, bytes) else int(value).to_bytes(4, "little", signed=True)
        self._ask(IOCTL_AFD_SET_OPTION, Option(level, name, raw))

    def option(self, level: int, name: int, size: int = 4) -> int:
        """The value of an option that is a number.

        NT: getsockopt
        """
        room = bytearray(size)
        count = self._ask(IOCTL_AFD_GET_OPTION, Option(level, name, size=size), room)
        return int.from_bytes(room[:count], "little", signed=True)

    def _address(self, code: int) -> Any:
        room = bytearray(SOCKADDR_SIZE)
        count = self._ask(code, Transfer(), room)
        return unpack_address(bytes(room[:count]))

    # --- calls that wait --------------------------------------------------------------------------------------------

    def accept(self, timeout: float | None = None) -> Socket:
        """The next connection, waiting `timeout` seconds at most; raises IoTimeout.

        NT: accept
        """
        connection = Socket(self.family, self.kind, self.protocol, for_accept=True, system=self.system)
        try:
            wait_for(self.start_accept(connection, overlapped=WAITED_FOR), timeout)
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(self, address: Any, data: Any = b"", timeout: float | None = None) -> None:
        """Connect to a peer (a datagram socket: choose it), and send `data`.

        NT: connect, ConnectEx
        """
        wait_for(self.start_connect(address, data, overlapped=WAITED_FOR), timeout)

    def send(self, data: Any, timeout: float | None = None) -> int:
        """Send all of `data`; returns how many bytes that was.

        NT: send
        """
        return wait_for(self.start_send(data, overlapped=WAITED_FOR), timeout)

    def receive(self, n: int, timeout: float | None = None) -> bytes:
        """Up to n bytes, as soon as there are any; none when the peer has sent its last.

        NT: recv
        """
        buffer = bytearray(n)
        return bytes(memoryview(buffer)[: self.receive_into(buffer, timeout)])

    def receive_into(self, buffer: Any, timeout: float | None = None) -> int:
        """Receive into a buffer; returns how many bytes, 0 when the peer has sent its last.

        NT: recv
        """
        return wait_for(self.start_receive(buffer, overlapped=WAITED_FOR), timeout)

    def send_to(self, data: Any, address: Any, timeout: float | None = None) -> int:
        """Send one datagram to an address.

        NT: sendto
        """
        return wait_for(self.start_send_to(data, address, overlapped=WAITED_FOR), timeout)

    def receive_from(self, n: int, timeout: float | None = None) -> tuple[bytes, Any]:
        """One datagram of up to n bytes, and its sender's address; raises BufferOverflow's NtError if it was longer.

        NT: recvfrom
        """
        buffer = bytearray(n)
        operation = self.start_receive_from(buffer, overlapped=WAITED_FOR)
        count = wait_for(operation, timeout)
        return bytes(memoryview(buffer)[:count]), operation.address

    def transmit_file(
        self,
        file: File | None,
        offset: int = 0,
        count: int | None = None,
        *,
        head: Any = b"",
        tail: Any = b"",
        flags: int = 0,
        timeout: float | None = None,
    ) -> int:
        """Send a part of a file (`count` bytes, None: all) between a head and a tail; returns how many bytes that was.

        NT: TransmitFile
        """
        started = self.start_transmit_file(
            file, offset, count, head=head, tail=tail, flags=flags, overlapped=WAITED_FOR
        )
        return wait_for(started, timeout)

    def shutdown(self, how: int = net.SHUT_SEND) -> None:
        """Say that nothing more will be sent (1), received (0), or both (2); the sends that wait still go out first.

        NT: shutdown
        """
        self._ask(IOCTL_AFD_PARTIAL_DISCONNECT, int(how))

    def disconnect(self, flags: int = 0, timeout: float | None = None) -> None:
        """End the connection; with TF_REUSE_SOCKET (2) wait for the peer's end too: then the socket is as new.

        NT: DisconnectEx
        """
        wait_for(self.start_disconnect(flags, overlapped=WAITED_FOR), timeout)

    # --- calls that start -------------------------------------------------------------------------------------------

    def start_accept(
        self, connection: Socket, buffer: Any = None, *, data: int = 0, overlapped: Any = None
    ) -> SocketOperation:
        """Start to accept the next connection as `connection`; with `data`, its first bytes go to `buffer`.

        NT: AcceptEx
        """
        return start(self, IOCTL_AFD_SUPER_ACCEPT, Accept(connection.file_object, data), buffer, overlapped)

    def start_connect(self, address: Any, data: Any = b"", *, overlapped: Any = None) -> SocketOperation:
        """Start to connect, and to send `data` then.

        NT: ConnectEx
        """
        record = pack_address(self.family, address)
        return start(self, IOCTL_AFD_SUPER_CONNECT, record, data, overlapped, writing=False)

    def start_receive(self, buffer: Any, *, flags: int = 0, overlapped: Any = None) -> SocketOperation:
        """Start to receive into a buffer (or so many bytes); of datagrams one, whole or cut.

        NT: WSARecv
        """
        code = IOCTL_AFD_RECEIVE if self.kind == net.STREAM else IOCTL_AFD_RECEIVE_DATAGRAM
        return start(self, code, Transfer(flags), buffer, overlapped)

    def start_send(self, data: Any, *, flags: int = 0, overlapped: Any = None) -> SocketOperation:
        """Start to send all of a buffer.

        NT: WSASend
        """
        code = IOCTL_AFD_SEND if self.kind == net.STREAM else IOCTL_AFD_SEND_DATAGRAM
        return start(self, code, Transfer(flags), data, overlapped, writing=False)

    def start_receive_from(self, buffer: Any, *, flags: int = 0, overlapped: Any = None) -> SocketOperation:
        """Start to receive one datagram; the operation's `address` is its sender's.

        NT: WSARecvFrom
        """
        return start(self, IOCTL_AFD_RECEIVE_DATAGRAM, Transfer(flags), buffer, overlapped)

    def start_send_to(
        self, data: Any, address: Any, *, flags: int = 0, overlapped: Any = None
    ) -> SocketOperation:
        """Start to send one datagram to an address.

        NT: WSASendTo
        """
        record = Transfer(flags, pack_address(self.family, address))
        return start(self, IOCTL_AFD_SEND_DATAGRAM, record, data, overlapped, writing=False)

    def start_transmit_file(
        self,
        file: File | None,
        offset: int = 0,
        count: int | None = None,
        *,
        head: Any = b"",
        tail: Any = b"",
        per_send: int = 0,
        flags: int = 0,
        overlapped: Any = None,
    ) -> SocketOperation:
        """Start to send a part of a file between a head and a tail, with no other send in between.

        NT: TransmitFile
        """
        record = Transmit(None if file is None else file.file_object, offset, count, per_send, flags, head, tail)
        return start(self, IOCTL_AFD_TRANSMIT_FILE, record, None, overlapped)

    def start_disconnect(self, flags: int = 0, *, overlapped: Any = None) -> SocketOperation:
        """Start to end the connection, behind the sends that wait; to reuse the socket (2), when the peer ends it too.

        NT: DisconnectEx
        """
        return start(self, IOCTL_AFD_SUPER_DISCONNECT, int(flags), None, overlapped)

    # --- the end ----------------------------------------------------------------------------------------------------

    def check_open(self) -> None:
        """Raise FileClosed after `close`."""
        if self.file_object.closed:
            raise FileClosed("the socket is closed", filename=self.name)

    def close(self) -> None:
        """Close the socket; what it waits for ends as cancelled. Idempotent.

        NT: closesocket
        """
        with PutOff():  # all that waits is to end, once begun
            close_file(self.file_object)

    def _ask(self, code: int, record: Any, buffer: Any = None) -> int:
        return wait_for(start(self, code, record, buffer, WAITED_FOR))

    def __repr__(self) -> str:
        return f"<Socket {self.name}{', closed' if self.file_object.closed else ''}>"


#: Sockets are overlapped: a call that waits waits for its own operation.
_PARAMETERS = CreateParameters(
    access=major.FILE_GENERIC_READ | major.FILE_GENERIC_WRITE, options=0, share=7
)
