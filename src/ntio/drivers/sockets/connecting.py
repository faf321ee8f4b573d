"""How sockets come to be connected and disconnected: accept, connect, shut down, and their Ex forms.

An AcceptEx waits among the listener's receives; when the connection is there and data were wanted with it, it goes on
waiting among the receives of the socket that became the connection. A ConnectEx waits among the sends, and sends its
data where it stands. Shutting down takes its turn behind the sends that wait.

Source: learn.microsoft.com AcceptEx, ConnectEx, DisconnectEx. Rows: R34
"""

from __future__ import annotations

from typing import Any

from ...driver_kit import HostSocket, Irp, net, status
from .endpoint import SHUT, Endpoint, failure
from .records import TF_REUSE_SOCKET, Accept, Transfer
from .waiting import Attempt, GoOn, Outcome


def accept(listener: Endpoint, accepting: Endpoint, record: Accept, view: Any) -> Attempt:
    """Make the next connection `accepting`, with data and addresses into `view`."""

    def attempt() -> Outcome | GoOn | None:
        host = listener.host
        if host is None or not listener.listening:
            return status.STATUS_INVALID_PARAMETER, 0
        if accepting.receives.refusal:  # it was closed meanwhile: the connection is for somebody else
            return status.STATUS_CANCELLED, 0
        network = listener.device.driver.io.network()
        made = network.open(host.accept)
        if not isinstance(made, HostSocket):
            return None if made == net.AGAIN else (failure(made), 0)
        refused = accepting.adopt(made)
        if refused:
            return refused, 0
        _write_addresses(made, record, view)
        if not record.data:
            return status.STATUS_SUCCESS, 0
        with_data = accepting.receive(view[: record.data], Transfer())
        return GoOn(lambda irp: accepting.receives.run(irp, with_data))

    return attempt


def _write_addresses(host: HostSocket, record: Accept, view: Any) -> None:
    start = record.data
    for room, address in ((record.local, host.name()), (record.remote, host.peer())):
        view[start : start + min(room, len(address))] = address[:room]
        start += room


def connect(endpoint: Endpoint, address: bytes, view: Any) -> Attempt:
    """Connect, then send `view` if it has bytes."""
    connected: bool | None = None  # None: not begun; False: under way
    sending = endpoint.send(view, Transfer())

    def attempt() -> Outcome | GoOn | None:
        nonlocal connected
        host = endpoint.open_host()
        result = 0
        if connected is None:
            result = host.connect(address)
            if result == net.AGAIN:  # a full queue of a Unix listener: nothing will tell when there is room
                result = net.REFUSED
        elif not connected:
            result = host.connected()
        connected = result != net.IN_PROGRESS
        if not connected:
            return None
        if result:
            return failure(result), 0
        return sending() if len(view) else (status.STATUS_SUCCESS, 0)

    return attempt


def shut_down(endpoint: Endpoint, how: int) -> Attempt:
    """Send the last byte, or receive no more, or both."""

    def attempt() -> Outcome:
        host = endpoint.host
        if host is None:
            return status.STATUS_CONNECTION_INVALID, 0
        result = host.shutdown(how)
        if result:
            return failure(result), 0
        if how != net.SHUT_RECEIVE:
            endpoint.sends.refusal = SHUT
        if how != net.SHUT_SEND:
            endpoint.receives.refusal = SHUT
        return status.STATUS_SUCCESS, 0

    return attempt


def disconnect(endpoint: Endpoint, flags: int) -> Attempt:
    """End the connection; with TF_REUSE_SOCKET the socket is as new, and may accept or connect once more."""
    ending = shut_down(endpoint, net.SHUT_BOTH if flags & TF_REUSE_SOCKET else net.SHUT_SEND)

    def attempt() -> Outcome | GoOn | None:
        outcome = ending()
        if outcome != (status.STATUS_SUCCESS, 0) or not flags & TF_REUSE_SOCKET:
            return outcome
        return GoOn(reuse)

    def reuse(irp: Irp) -> int:
        endpoint.receives.cancel_all()
        endpoint.drop_host()
        endpoint.sends.refusal = endpoint.receives.refusal = 0
        return irp.complete()

    return attempt
