"""No descriptor is left: each call says so, nothing is lost, and everything goes on when there are some again."""

from __future__ import annotations

import pytest

import ntio
from descriptors import none_left
from ntio.drivers.sockets.records import TF_REUSE_SOCKET
from ntio.status import STATUS_TOO_MANY_OPENED_FILES
from socket_peers import SECONDS, connected, listening, status_of

pytestmark = [pytest.mark.real_files, pytest.mark.row("R30", "R34")]
FULL = STATUS_TOO_MANY_OPENED_FILES


@pytest.mark.parametrize("spare", [0, 1, 2])
def test_a_systems_first_socket(system: ntio.System, spare: int) -> None:
    """Its network needs descriptors too; what was made of it before they ran out is given back."""
    with none_left(spare):
        for _ in range(3):
            assert status_of(lambda: ntio.Socket(system=system)) == FULL
    with connected(system) as (client, server):
        assert client.send(b"x") == 1 and server.receive(1, SECONDS) == b"x"


def test_sockets_can_be_made_again_when_others_are_closed(system: ntio.System) -> None:
    with ntio.Socket(system=system) as first, none_left():
        assert status_of(lambda: ntio.Socket(system=system)) == FULL
        first.close()
        ntio.Socket(system=system).close()


def test_a_connection_that_cannot_be_accepted_stays_in_the_queue(system: ntio.System) -> None:
    with listening(system) as listener, ntio.Socket(system=system) as client:
        with none_left():
            client.connect(listener.address, b"patience")
            for _ in range(3):
                assert status_of(lambda: listener.accept(SECONDS)) == FULL
        with listener.accept(SECONDS) as server:
            assert server.peer == client.address and server.receive(10, SECONDS) == b"patience"


def test_accepts_that_wait_hear_of_it_each_and_the_listener_goes_on(system: ntio.System) -> None:
    with listening(system) as listener, ntio.CompletionPort(system=system) as port:
        port.associate(listener, 1)
        clients = [ntio.Socket(system=system) for _ in range(2)]
        servers = [ntio.Socket(for_accept=True, system=system) for _ in range(3)]
        for number, one in enumerate(servers):
            listener.start_accept(one, overlapped=number)
        with none_left():
            clients[0].connect(listener.address)
            packets = [port.get(SECONDS) for _ in servers]
            assert [one and (one.overlapped, one.status) for one in packets] == [(n, FULL) for n in range(3)]
        clients[1].connect(listener.address)
        for one in servers[:2]:  # the same sockets
            listener.start_accept(one)
        listener.start_accept(servers[2], overlapped="waits")
        ended = [port.get(SECONDS) for _ in range(2)]
        assert [one and one.status for one in ended] == [0, 0] and port.get(0) is None
        assert [one.peer for one in servers[:2]] == [one.address for one in clients]
        for one in servers + clients:
            one.close()


def test_a_socket_that_has_a_descriptor_accepts_without_another(system: ntio.System) -> None:
    """As on Windows, where the socket that AcceptEx is given was paid for when it was made."""
    with listening(system) as listener, ntio.CompletionPort(system=system) as port:
        port.associate(listener, 1)
        clients = [ntio.Socket(system=system) for _ in range(3)]
        servers = [ntio.Socket(system=system) for _ in range(3)]
        listener.start_accept(servers[0])
        with none_left():
            for client in clients:
                client.connect(listener.address)
            for one in servers[1:]:
                listener.start_accept(one)
            packets = [port.get(SECONDS) for _ in servers]
            assert [one and one.status for one in packets] == [0, 0, 0]
        assert [one.peer for one in servers] == [one.address for one in clients]
        for one in servers + clients:
            one.close()


def test_connecting_with_a_socket_that_was_used_before(system: ntio.System) -> None:
    with connected(system) as (client, server), listening(system) as listener:
        ending = client.start_disconnect(TF_REUSE_SOCKET)
        server.close()
        ending.wait(SECONDS)
        with none_left():
            assert status_of(lambda: client.connect(listener.address)) == FULL
            assert status_of(lambda: client.bind(("127.0.0.1", 0))) == FULL
        client.connect(listener.address)
        assert client.peer == listener.address


def test_a_group_of_sockets(system: ntio.System) -> None:
    """Where a group needs descriptors it fails as a whole; its sockets are as they were."""
    with connected(system) as (client, server), ntio.CompletionPort(system=system) as port:
        make = ntio.SocketGroup  # whose module is read from its file now
        with none_left():
            assert status_of(lambda: make(port, [server])) == FULL
        with make(port, [server], size=8) as group:
            group.receive()
            client.send(b"x")
            packets = port.get_many(1, SECONDS)
            assert packets is not None and packets.bytes.tolist() == [1]
        waiting = server.start_receive(5)
        client.send(b"later")
        assert waiting.wait(SECONDS) == 5
