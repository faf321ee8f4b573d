"""As many connections as this process may have descriptors: each request ends once, and nothing is left."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import many_clients
import ntio
from descriptors import limit_of
from ntio.status import STATUS_CANCELLED, STATUS_CONNECTION_RESET, STATUS_SUCCESS
from socket_peers import LOOPBACK

pytestmark = [pytest.mark.real_files, pytest.mark.row("R30", "R34", "R36")]
#: Seconds; the machine may be busy.
SECONDS = 60.0
#: Descriptors that are for something else, and accepts that wait at a time.
SPARE, WAITING = 300, 100
#: How many a connection takes: without a ring a group has one more for each socket, and for each request that waits.
DESCRIPTORS = {"uring": 1, "threads": 4}


class Clients:
    """The process at the other end."""

    def __init__(self, port: int, count: int) -> None:
        command = [sys.executable, str(Path(many_clients.__file__)), str(port), str(count)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(self, word: str) -> None:
        assert self._process.stdin is not None
        print(word, file=self._process.stdin, flush=True)

    def expect(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == word

    def close(self) -> None:
        with self._process:
            self._process.kill()


@contextmanager
def many_connections(
    system: ntio.System, port: ntio.CompletionPort, count: int
) -> Iterator[tuple[Clients, list[ntio.Socket]]]:
    """Connections of another process, accepted through the port; each is associated, under its number."""
    listener = ntio.Socket(system=system)
    listener.bind(LOOPBACK)
    listener.listen()
    port.associate(listener, count)
    clients = Clients(listener.address[1], count)
    servers: list[ntio.Socket] = []

    def start() -> None:
        one = ntio.Socket(for_accept=True, system=system)
        listener.start_accept(one, overlapped=one)

    try:
        for _ in range(WAITING):
            start()
        while len(servers) < count:
            packet = port.get(SECONDS)
            assert packet is not None and (packet.key, packet.status) == (count, STATUS_SUCCESS)
            port.associate(packet.overlapped, len(servers))
            servers.append(packet.overlapped)
            if len(servers) + WAITING <= count:
                start()
        clients.expect("connected")
        listener.close()
        assert port.get(0) is None
        yield clients, servers
    finally:
        listener.close()
        for one in servers:
            one.close()
        clients.close()


def echo_through_a_group(port: ntio.CompletionPort, clients: Clients, servers: list[ntio.Socket]) -> None:
    """Columns in, columns out; then the group is closed, and each of its receives ends as cancelled."""
    with ntio.SocketGroup(port, servers, size=4) as group:
        group.receive()
        clients.say("send")
        done = 0
        while done < len(servers):
            packets = port.get_many(512, SECONDS)
            assert packets is not None and (packets.bytes == 4).all()
            group.reply(packets.key, packets.bytes)
            done += len(packets)
        clients.expect("sent")
    cancelled: Counter[int] = Counter()
    while cancelled.total() < len(servers):
        packets = port.get_many(512, SECONDS)
        assert packets is not None and (packets.status == STATUS_CANCELLED).all()
        cancelled.update(np.asarray(packets.key).tolist())
    assert set(cancelled) == set(range(len(servers)))


def echo_one_by_one(port: ntio.CompletionPort, clients: Clients, servers: list[ntio.Socket]) -> dict[int, int]:
    """Echo what each sends; each receives again. Returns which client each server has."""
    for one in servers:
        one.start_receive(4)
    clients.say("send")
    peers: dict[int, int] = {}
    while len(peers) < len(servers):
        packet = port.get(SECONDS)
        assert packet is not None and packet.bytes == 4
        data = packet.overlapped.data
        peers[packet.key] = int.from_bytes(data, "little")
        servers[packet.key].send(data)
        servers[packet.key].start_receive(4)
    clients.expect("sent")
    assert sorted(peers.values()) == list(range(len(servers)))
    return peers


def end_them(port: ntio.CompletionPort, clients: Clients, servers: list[ntio.Socket], peers: dict[int, int]) -> None:
    """A third is reset, a third half closed, a third closed on this side: one packet each."""
    clients.say("end")
    clients.expect("ended")
    ends: dict[int, int] = {}
    expected = [key for key, peer in peers.items() if peer % 3 != 2]
    while len(ends) < len(expected):
        packet = port.get(SECONDS)
        assert packet is not None and packet.key not in ends and packet.bytes == 0
        ends[packet.key] = packet.status
    assert ends == {key: STATUS_SUCCESS if peers[key] % 3 else STATUS_CONNECTION_RESET for key in expected}
    for one in servers:
        one.close()
    for _ in range(len(servers) - len(expected)):
        packet = port.get(SECONDS)
        assert packet is not None and packet.key not in ends and packet.status == STATUS_CANCELLED
        ends[packet.key] = packet.status
    assert port.get(0) is None and len(ends) == len(servers)
    clients.say("wait")
    clients.expect("over")


@pytest.mark.slow
def test_as_many_connections_as_there_are_descriptors(system: ntio.System, hal_name: str) -> None:
    with limit_of(None) as limit, ntio.CompletionPort(system=system) as port:
        count = min(10_000, (limit - SPARE) // DESCRIPTORS[hal_name])
        with many_connections(system, port, count) as (clients, servers):
            echo_through_a_group(port, clients, servers)
            peers = echo_one_by_one(port, clients, servers)
            end_them(port, clients, servers, peers)
