"""Many connections as rows: columns in, columns out."""

from __future__ import annotations

import socket as host
from collections.abc import Iterator

import numpy as np
import pytest

import ntio
from ntio.status import STATUS_CANCELLED, STATUS_CONNECTION_RESET, STATUS_DEVICE_BUSY, NtError

pytestmark = [pytest.mark.real_files, pytest.mark.row("R34", "R36")]
SECONDS = 20.0
Ends = tuple[list[ntio.Socket], list[ntio.Socket], ntio.CompletionPort]


@pytest.fixture
def ends(system: ntio.System) -> Iterator[Ends]:
    """Four connections: the clients, the servers, and a port."""
    with ntio.Socket(system=system) as listener, ntio.CompletionPort(system=system) as port:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        clients, servers = [ntio.Socket(system=system) for _ in range(4)], []
        for client in clients:
            client.connect(listener.address)
            servers.append(listener.accept(SECONDS))
        yield clients, servers, port
        for one in clients + servers:
            one.close()


def taken(port: ntio.CompletionPort, count: int) -> dict[int, tuple[int, int]]:
    """So many packets: key -> bytes, status."""
    found: dict[int, tuple[int, int]] = {}
    while len(found) < count:
        packets = port.get_many(64, SECONDS)
        assert packets is not None
        found.update({packet.key: (packet.bytes, packet.status) for packet in packets})
    return found


def test_what_rows_receive_comes_as_columns_and_is_sent_back(ends: Ends) -> None:
    clients, servers, port = ends
    with ntio.SocketGroup(port, servers, size=64) as group:
        group.receive()
        for turn in range(3):
            for number, client in enumerate(clients):
                client.send(b"x" * (number + turn + 1))
            found = taken(port, 4)
            assert found == {number: (number + turn + 1, 0) for number in range(4)}
            rows = np.arange(4)
            group.buffer[:, 0] = np.frombuffer(b"abcd", np.uint8)
            group.reply(rows, rows + turn + 1)
            for number, client in enumerate(clients):
                assert client.receive(64, SECONDS) == (b"abcd"[number : number + 1]).ljust(number + turn + 1, b"x")


def test_ends_and_resets_are_packets(ends: Ends) -> None:
    clients, servers, port = ends
    with ntio.SocketGroup(port, servers, size=64, keys=[10, 11, 12, 13]) as group:
        group.receive([0, 1])
        clients[0].shutdown()
        clients[1].set_option(host.SOL_SOCKET, host.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        clients[1].close()
        assert taken(port, 2) == {10: (0, 0), 11: (0, STATUS_CONNECTION_RESET)}
        group.send([1], 5)
        key, (count, status) = taken(port, 1).popitem()
        assert (key, count) == (11, 0) and status >= 0xC0000000


def test_closing_cancels_and_gives_the_sockets_back(ends: Ends) -> None:
    clients, servers, port = ends
    group = ntio.SocketGroup(port, servers, size=64)
    group.receive([2, 3])
    group.close()
    group.close()
    assert taken(port, 2) == {2: (0, STATUS_CANCELLED), 3: (0, STATUS_CANCELLED)}
    waiting = servers[2].start_receive(10)
    clients[2].send(b"as before")
    assert waiting.wait(SECONDS) == 9


def test_a_row_has_one_receive_at_most(ends: Ends) -> None:
    _, servers, port = ends
    with ntio.SocketGroup(port, servers, size=64) as group:
        group.receive([1])
        with pytest.raises(NtError) as caught:
            group.receive([1])
        assert caught.value.status == STATUS_DEVICE_BUSY
        with pytest.raises(ValueError, match="64 bytes"):
            group.send([0], 65)
        with pytest.raises(ValueError, match="4 rows"):
            group.receive([4])
        assert len(group) == 4 and "4" in repr(group)


def test_only_streams_of_the_ports_system(ends: Ends) -> None:
    _, servers, port = ends
    with pytest.raises(ValueError, match="one at least"):
        ntio.SocketGroup(port, [])
    with pytest.raises(ValueError, match="3 rows for 4"):
        ntio.SocketGroup(port, servers, rows=3)
    datagrams = ntio.Socket(kind=host.SOCK_DGRAM, system=servers[0].system)
    with datagrams, pytest.raises(ValueError, match="stream sockets"):
        ntio.SocketGroup(port, [datagrams])
