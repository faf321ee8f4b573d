"""How sockets come to be connected and disconnected: accept, connect, shut down, and their Ex forms.

    AcceptEx        waits among the listener's receives; when the connection is there and data were wanted with it, it
                    goes on waiting among the receives of the socket that became the connection. If it fails or is
                    cancelled there, the connection is ended and the socket is as new
    ConnectEx       waits among the sends, and sends its data where it stands. What is cancelled leaves a socket that is
                    as new; a peer that refused leaves it as it was, still bound
    shut down       is done at once where nobody waits, otherwise behind the sends that do; later ones are refused
    DisconnectEx    sends the last byte behind the sends that wait. To reuse the socket it waits for the peer's last
                    one then, behind the receives that wait; what nobody receives is thrown away

Source: learn.microsoft.com AcceptEx, ConnectEx, DisconnectEx, shutdown. Rows: R34
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ...driver_kit import HostSocket, Irp, net, status
from .endpoint import SHUT, Endpoint, State, failure
from .records import TF_REUSE_SOCKET, Accept, Transfer
from .waiting import GoOn, Outcome

_SUCCESS: Outcome = (status.STATUS_SUCCESS, 0)
_CANCELLED: Outcome = (status.STATUS_CANCELLED, 0)


class Accepting:
    """One AcceptEx: the next connection of `listener` becomes `target`, with data and addresses into `view`."""

    def __init__(self, listener: Endpoint, target: Endpoint, record: Accept, view: Any) -> None:
        self._listener, self._target = listener, target
        self._record, self._view = record, view
        self._withdrawn = self._made = False
        self._receiving = partial(target.receive, view[: record.data], Transfer())

    def start(self, irp: Irp) -> int:
        """Take the socket for it, and a connection if there is one."""
        refused = self._target.claim(State.ACCEPTING)
        if refused:
            return irp.complete(refused)
        self._target.accepts[self] = self._listener.accepts[self] = None
        return self._listener.receives.run(irp, self, self._over)

    def __call__(self) -> Outcome | GoOn | None:
        """One try."""
        if self._listener.state is not State.LISTENING:
            return status.STATUS_INVALID_PARAMETER, 0
        if self._withdrawn:  # the connection is for somebody else
            return _CANCELLED
        host = self._listener.host
        if host is None:
            return _CANCELLED
        made = self._target.adopt(host.accept)
        if not isinstance(made, HostSocket):
            return None if made == net.AGAIN else (failure(made), 0)
        self._made = True
        self._write_addresses(made)
        return GoOn(self._go_on) if self._record.data else _SUCCESS

    def _go_on(self, irp: Irp) -> int:
        return self._target.receives.run(irp, self._receive, self._over)

    def _receive(self) -> Outcome | None:
        return _CANCELLED if self._withdrawn else self._receiving()

    def _write_addresses(self, host: HostSocket) -> None:
        start = self._record.data
        for room, address in ((self._record.local, host.name()), (self._record.remote, host.peer())):
            if room:  # a view without room may be one of constant bytes
                self._view[start : start + room] = address[:room].ljust(room, b"\0")
            start += room

    def _over(self, answer: int) -> None:
        self._target.accepts.pop(self, None)
        self._listener.accepts.pop(self, None)
        if not status.nt_error(answer):
            self._target.state = State.CONNECTED
        elif self._made:
            self._target.renew(reopen=False)
        else:
            self._target.state = State.NEW

    def withdraw(self) -> None:
        """One of the two sockets was closed: end as cancelled."""
        self._withdrawn = True
        self._listener.receives.withdraw(self)
        self._target.receives.withdraw(self._receive)


class Connecting:
    """One ConnectEx: connect, then send `view` if it has bytes."""

    def __init__(self, endpoint: Endpoint, address: bytes, view: Any) -> None:
        self._endpoint, self._address, self._view = endpoint, address, view
        self._sending = partial(endpoint.send, view, Transfer())
        #: None: not begun; False: under way; True: the peer has answered.
        self._answered: bool | None = None
        self._connected = False

    def start(self, irp: Irp) -> int:
        """Begin to connect."""
        if self._endpoint.datagrams:
            return self._endpoint.sends.run(irp, self)
        refused = self._endpoint.claim(State.CONNECTING)
        return irp.complete(refused) if refused else self._endpoint.sends.run(irp, self, self._over)

    def __call__(self) -> Outcome | GoOn | None:
        """One try."""
        host = self._endpoint.open_host()
        result = 0
        if self._answered is None:
            result = host.connect(self._address)
            if result == net.AGAIN:  # a full queue of a Unix listener: nothing will tell when there is room
                result = net.REFUSED
        elif not self._answered:
            result = host.connected()
        self._answered = result != net.IN_PROGRESS
        if not self._answered:
            return None
        if result:
            return failure(result), 0
        self._connected = True
        return self._sending() if len(self._view) else _SUCCESS

    def _over(self, answer: int) -> None:
        endpoint = self._endpoint
        if not status.nt_error(answer):
            endpoint.state = State.CONNECTED
        elif self._answered is False or self._connected:
            endpoint.renew(reopen=False)
        else:
            endpoint.state = State.NEW


def shut_down(endpoint: Endpoint, how: int) -> int:
    """Send the last byte, receive no more, or both; returns an NTSTATUS."""
    if how not in (net.SHUT_RECEIVE, net.SHUT_SEND, net.SHUT_BOTH):
        return status.STATUS_INVALID_PARAMETER

    def half(which: int) -> int:
        host = endpoint.host
        result = net.NOT_CONNECTED if host is None else host.shutdown(which)
        return failure(result) if result else status.STATUS_SUCCESS

    answer = status.STATUS_SUCCESS
    if how != net.SHUT_RECEIVE:
        answer = endpoint.sends.finish(lambda: half(net.SHUT_SEND), SHUT, behind=True)
    if how != net.SHUT_SEND and not answer:
        answer = endpoint.receives.finish(lambda: half(net.SHUT_RECEIVE), SHUT, behind=False)
    return answer


class Disconnecting:
    """One DisconnectEx, or the end of a TransmitFile that has sent `count` bytes."""

    def __init__(self, endpoint: Endpoint, flags: int, count: int = 0) -> None:
        self._endpoint, self._flags, self._count = endpoint, flags, count
        self._trash = bytearray(0)

    def start(self, irp: Irp) -> int:
        """End the connection behind the sends that wait."""
        return self._endpoint.sends.run(irp, self, closes=SHUT)

    def __call__(self) -> Outcome | GoOn | None:
        """One try."""
        host = self._endpoint.host
        if host is None or self._endpoint.state is not State.CONNECTED:
            return status.STATUS_CONNECTION_INVALID, 0
        result = host.shutdown(net.SHUT_SEND)
        if self._flags & TF_REUSE_SOCKET and result in (0, net.NOT_CONNECTED):  # the peer may have reset it
            return GoOn(self._wait_for_peer)
        return (failure(result) if result else status.STATUS_SUCCESS), self._count

    def _wait_for_peer(self, irp: Irp) -> int:
        self._trash = bytearray(1 << 14)
        return self._endpoint.receives.run(irp, self._drain, self._over, closes=SHUT)

    def _drain(self) -> Outcome | GoOn | None:
        while True:
            outcome = self._endpoint.received(self._trash, 0)
            if outcome is None:
                return None
            if outcome[0] or not outcome[1]:  # its last byte, or a reset: there is nobody to wait for any more
                return GoOn(self._renew)

    def _renew(self, irp: Irp) -> int:
        self._endpoint.renew()
        self._endpoint.sends.advance()  # whoever still waits there hears that there is no connection
        return irp.complete(status.STATUS_SUCCESS, self._count)

    def _over(self, answer: int) -> None:
        """Cancelled before the peer's end came: it may be received, or waited for once more."""
        with self._endpoint.receives.lock:
            self._endpoint.receives.reopen()
