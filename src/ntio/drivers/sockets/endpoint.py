"""One socket: the host's, when there is one, and the requests that wait on its two directions.

    receives    wait for data, or for connections where the socket listens
    sends       wait for room, for the peer's answer while connecting, for their turn to shut down

A socket that is opened to accept on has no socket of the host until a connection becomes it.

Rows: R26, R34
"""

from __future__ import annotations

from typing import Any

from ...driver_kit import READABLE, WRITABLE, DeviceObject, HostSocket, net, open_socket, status
from .records import Transfer
from .waiting import Attempt, Outcome, Waiting

#: A send after the last byte was sent, a receive after receiving was shut down.
SHUT = status.STATUS_PIPE_DISCONNECTED


class Endpoint:
    """What the driver keeps about one open socket."""

    def __init__(self, device: DeviceObject, family: int, kind: int, protocol: int) -> None:
        self.device = device
        self.family, self.kind, self.protocol = family, kind, protocol
        self.host: HostSocket | None = None
        self.listening = False
        self.receives = Waiting(device)
        self.sends = Waiting(device)

    @property
    def datagrams(self) -> bool:
        """Whether what is sent keeps its limits."""
        return self.kind == net.DATAGRAM

    def open_host(self) -> HostSocket:
        """The host's socket, made now if there is none; raises NtError."""
        if self.host is None:
            self._take(self._network.open(lambda: open_socket(self.family, self.kind, self.protocol)))
        assert self.host is not None
        return self.host

    def adopt(self, host: HostSocket) -> int:
        """Become a connection that was accepted; what was here before goes. Returns an NTSTATUS."""
        self.drop_host()
        try:
            self._take(host)
        except status.NtError as error:
            return error.status
        return status.STATUS_SUCCESS

    def _take(self, host: Any) -> None:
        self.host = host
        try:
            self._network.watch(host, self._news)
        except OSError as error:
            self.drop_host()
            raise status.error_for(status.status_from_errno(error.errno or 0), "the host watches no more") from None

    def drop_host(self) -> None:
        """Close the host's socket, if there is one."""
        host, self.host = self.host, None
        if host is not None:
            self._network.close_socket(host)

    @property
    def _network(self) -> Any:
        return self.device.driver.io.network()

    def _news(self, what: int) -> None:
        if what & READABLE:
            self.receives.advance()
        if what & WRITABLE:
            self.sends.advance()

    def close(self) -> None:
        """The last handle is closed: nothing can be started, what waits ends as cancelled."""
        self.receives.close(status.STATUS_FILE_CLOSED)
        self.sends.close(status.STATUS_FILE_CLOSED)
        self.drop_host()

    # --- attempts -----------------------------------------------------------------------------------------------------

    def receive(self, view: Any, transfer: Transfer) -> Attempt:
        """Receive what is there of a stream; no bytes with success: the peer has sent its last.

        With no room at all: wait until something is there, and leave it.
        """
        flags = transfer.flags
        if not len(view):
            view, flags = bytearray(1), flags | net.PEEK
            return lambda: None if (got := self._received(view, flags)) is None else (got[0], 0)
        return lambda: self._received(view, flags)

    def _received(self, view: Any, flags: int) -> Outcome | None:
        host = self.host
        if host is None:
            return status.STATUS_CONNECTION_INVALID, 0
        count = host.receive(view, flags)
        if count >= 0:
            return status.STATUS_SUCCESS, count
        return None if count == net.AGAIN else (failure(count), 0)

    def receive_datagram(self, view: Any, transfer: Transfer) -> Attempt:
        """Receive one datagram, and its sender into `transfer`; a warning if it was longer than the room."""

        def attempt() -> Outcome | None:
            host = self.host
            if host is None:
                return status.STATUS_INVALID_PARAMETER, 0
            count, address, cut = host.receive_datagram(view, transfer.flags)
            if count < 0:
                return None if count == net.AGAIN else (failure(count), 0)
            transfer.address = address
            return status.STATUS_BUFFER_OVERFLOW if cut else status.STATUS_SUCCESS, count

        return attempt

    def send(self, view: Any, transfer: Transfer) -> Attempt:
        """Send all of a buffer, over several attempts if need be."""

        def attempt() -> Outcome | None:
            host = self.host
            if host is None:
                return status.STATUS_CONNECTION_INVALID, 0
            while True:
                count = host.send(view[transfer.done :] if transfer.done else view, transfer.flags)
                if count < 0:
                    return None if count == net.AGAIN else (failure(count), 0)
                transfer.done += count
                if transfer.done >= len(view):
                    return status.STATUS_SUCCESS, transfer.done

        return attempt

    def send_datagram(self, view: Any, transfer: Transfer) -> Attempt:
        """Send one datagram, to the address of `transfer` or to the peer."""

        def attempt() -> Outcome | None:
            host = self.open_host()
            count = host.send_datagram(view, transfer.address, transfer.flags)
            if count >= 0:
                return status.STATUS_SUCCESS, count
            return None if count == net.AGAIN else (failure(count), 0)

        return attempt


def failure(result: int) -> int:
    """The NTSTATUS for minus an errno of a socket: a broken pipe is a connection that the peer has reset."""
    if result == net.BROKEN_PIPE:
        return status.STATUS_CONNECTION_RESET
    return status.status_from_errno(-result)
