"""One socket: the host's, when there is one, and the requests that wait on its two directions.

    receives    wait for data, or for connections where the socket listens
    sends       wait for room, for the peer's answer while connecting, for their turn to disconnect

A socket that is opened to accept on has no socket of the host until a connection becomes it. Whoever uses the host's
socket holds the lock of a direction; whoever opens one holds that of the sends; whoever closes or replaces it holds
both, the receives' first. So nobody uses a descriptor that has been given to another file meanwhile.

Rows: R26, R34
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...driver_kit import READABLE, WRITABLE, DeviceObject, HostSocket, net, open_socket, status
from .records import Transfer
from .waiting import Outcome, Waiting

if TYPE_CHECKING:
    from .connecting import Accepting

#: A send after the last byte was sent, a receive after receiving was shut down.
SHUT = status.STATUS_PIPE_DISCONNECTED


class State(enum.Enum):
    """How far a stream is on its way to a peer."""

    NEW = 0
    ACCEPTING = 1
    CONNECTING = 2
    CONNECTED = 3
    LISTENING = 4


# Looking a member up in its class is a function call (3.11).
_CONNECTING = State.CONNECTING


class Endpoint:
    """What the driver keeps about one open socket."""

    def __init__(self, device: DeviceObject, family: int, kind: int, protocol: int) -> None:
        self.device = device
        self.family, self.kind, self.protocol = family, kind, protocol
        self.host: HostSocket | None = None
        self.state = State.NEW
        self.bound = self.closed = False
        #: Accepts that are to end when this socket closes: the one it is for, those whose connections it has made.
        self.accepts: dict[Accepting, None] = {}
        self.receives = Waiting(device)
        self.sends = Waiting(device)

    @property
    def datagrams(self) -> bool:
        """Whether what is sent keeps its limits."""
        return self.kind == net.DATAGRAM

    # --- the host's socket --------------------------------------------------------------------------------------------

    def open_host(self) -> HostSocket:
        """The host's socket, made now if there is none; raises NtError. With the lock of the sends."""
        if self.host is None:
            if self.closed:
                raise status.error_for(status.STATUS_FILE_CLOSED, "the socket is closed")
            self._take(self._network.open(lambda: open_socket(self.family, self.kind, self.protocol)))
        assert self.host is not None
        return self.host

    def with_host(self, use: Callable[[HostSocket], Any]) -> Any:
        """What `use` answers for the host's socket; raises NtError."""
        with self.sends.lock:
            return use(self.open_host())

    def _take(self, host: Any) -> None:
        try:
            self._network.watch(host, self._news)
        except OSError as error:
            self._network.close_socket(host)
            raise status.error_for(status.status_from_errno(error.errno or 0), "the host watches no more") from None
        self.host = host

    def claim(self, state: State) -> int:
        """Begin to accept or connect, which only a new socket can; returns an NTSTATUS."""
        with self.sends.lock:
            if self.closed:
                return status.STATUS_FILE_CLOSED
            if self.state is State.CONNECTED and state is State.CONNECTING:
                return status.STATUS_CONNECTION_ACTIVE
            if self.state is not State.NEW or (self.bound and state is State.ACCEPTING):
                return status.STATUS_INVALID_PARAMETER
            self.state = state
            return status.STATUS_SUCCESS

    def adopt(self, accept: Callable[[], HostSocket | int]) -> HostSocket | int:
        """Become the next connection, if there is one; minus an errno otherwise. Raises NtError.

        Without a free descriptor the one that was here before is given back for it.
        """
        with self.receives.lock, self.sends.lock:
            if self.closed:
                raise status.error_for(status.STATUS_CANCELLED, "the socket is closed")
            made = self._network.open(accept)
            if made in net.NO_DESCRIPTOR and self.host is not None:
                self._drop()
                made = self._network.open(accept)
            if isinstance(made, HostSocket):
                self._drop()
                self._take(made)
            return made  # type: ignore[no-any-return]

    def renew(self, *, reopen: bool = True) -> None:
        """Be as new: no socket of the host, no peer, and with `reopen` both directions open again."""
        with self.receives.lock, self.sends.lock:
            self._drop()
            self.state, self.bound = State.NEW, False
            if reopen:
                self.receives.reopen()
                self.sends.reopen()

    def _drop(self) -> None:
        host, self.host = self.host, None
        self.receives.try_anew()
        self.sends.try_anew()
        if host is not None:
            self._network.close_socket(host)

    @property
    def _network(self) -> Any:
        try:
            return self.device.driver.io.network()
        except OSError as error:
            raise status.error_for(status.status_from_errno(error.errno or 0), "no network can be watched") from None

    def _news(self, what: int) -> bool:
        wanted = (what & READABLE and len(self.receives)) or (what & WRITABLE and len(self.sends))
        if what & READABLE:
            self.receives.advance()
        if what & WRITABLE:
            self.sends.advance()
        return bool(wanted)

    def close(self) -> None:
        """The last handle is closed: nothing can be started, what waits ends as cancelled."""
        self.receives.close(status.STATUS_FILE_CLOSED)
        self.sends.close(status.STATUS_FILE_CLOSED)
        with self.receives.lock, self.sends.lock:
            self.closed = True
            self._drop()
        for one in list(self.accepts):
            one.withdraw()

    # --- attempts -----------------------------------------------------------------------------------------------------

    def receive(self, view: Any, transfer: Transfer) -> Outcome | None:
        """Receive what is there of a stream; no bytes with success: the peer has sent its last.

        With no room at all: wait until something is there, and leave it.
        """
        if len(view):
            return self.received(view, transfer.flags)
        outcome = self.received(bytearray(1), transfer.flags | net.PEEK)
        return None if outcome is None else (outcome[0], 0)

    def received(self, view: Any, flags: int) -> Outcome | None:
        """One try at receiving."""
        host = self.host
        # Receiving from one that connects would take the host's word on what came of that.
        if host is None or self.state is _CONNECTING:
            return status.STATUS_CONNECTION_INVALID, 0
        count = host.receive(view, flags)
        if count >= 0:
            return status.STATUS_SUCCESS, count
        return None if count == net.AGAIN else (failure(count), 0)

    def receive_datagram(self, view: Any, transfer: Transfer) -> Outcome | None:
        """Receive one datagram, and its sender into `transfer`; a warning if it was longer than the room."""
        host = self.host
        if host is None:
            return status.STATUS_INVALID_PARAMETER, 0
        count, address, cut = host.receive_datagram(view, transfer.flags)
        if count < 0:
            return None if count == net.AGAIN else (failure(count), 0)
        transfer.address = address
        return status.STATUS_BUFFER_OVERFLOW if cut else status.STATUS_SUCCESS, count

    def send(self, view: Any, transfer: Transfer) -> Outcome | None:
        """Send all of a buffer, over several attempts if need be."""
        host = self.host
        if host is None:
            return status.STATUS_CONNECTION_INVALID, 0
        while True:
            count = host.send(view[transfer.done :] if transfer.done else view, transfer.flags)
            if count < 0:
                return None if count == net.AGAIN else (self.send_failure(count), 0)
            transfer.done += count
            if transfer.done >= len(view):
                return status.STATUS_SUCCESS, transfer.done

    def send_failure(self, result: int) -> int:
        """The NTSTATUS for minus an errno of a send: a broken pipe may be this side's own doing."""
        own = result == net.BROKEN_PIPE and self.sends.refusal
        return self.sends.refusal if own else failure(result)

    def send_datagram(self, view: Any, transfer: Transfer) -> Outcome | None:
        """Send one datagram, to the address of `transfer` or to the peer."""
        count = self.open_host().send_datagram(view, transfer.address, transfer.flags)
        if count >= 0:
            return status.STATUS_SUCCESS, count
        return None if count == net.AGAIN else (failure(count), 0)


def failure(result: int) -> int:
    """The NTSTATUS for minus an errno of a socket: a broken pipe is a connection that the peer has reset."""
    if result == net.BROKEN_PIPE:
        return status.STATUS_CONNECTION_RESET
    return status.status_from_errno(-result)
