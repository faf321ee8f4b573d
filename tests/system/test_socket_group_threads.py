"""Connections of a group that come and go while other threads work at its port."""

from __future__ import annotations

import socket as host
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import ntio
from group_ends import Ends
from socket_peers import SECONDS, listening

pytestmark = [pytest.mark.real_files, pytest.mark.row("R34", "R36")]


@pytest.fixture
def ends(system: ntio.System) -> Iterator[Ends]:
    one = Ends(system)
    yield one
    one.close()


def test_removing_while_other_threads_sleep_at_the_port_and_remove(ends: Ends) -> None:
    pairs = [ends.pair() for _ in range(8)]
    keys: list[int] = []
    with ntio.SocketGroup(ends.port, [server for _, server in pairs], size=64) as group:
        with ends.port.workers(lambda packet: keys.append(packet.key), threads=2):
            group.receive()
            with ThreadPoolExecutor(4) as pool:
                removed = list(pool.map(group.remove, range(8)))
        assert removed == [server for _, server in pairs]
    assert sorted(keys) == list(range(8))


class Serving:
    """An echo server whose clients come and go, for as many threads as like to run it."""

    def __init__(self, ends: Ends, rows: int) -> None:
        self.group = ntio.SocketGroup(ends.port, rows=rows, size=64)
        self.room = threading.Semaphore(rows)
        self.served = 0

    def handle(self, packet: ntio.Packet) -> None:
        if packet.ok and packet.bytes:
            self.group.answer(packet.key, packet.bytes)
        elif packet.key in self.group:
            self.group.remove(packet.key).close()
            self.served += 1
            self.room.release()


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 4])
def test_hundreds_come_and_go_at_a_few_rows(ends: Ends, threads: int) -> None:
    serving = Serving(ends, 5)

    def talk(number: int) -> None:
        client, server = connect(number)
        assert serving.room.acquire(timeout=SECONDS)
        serving.group.receive([serving.group.add(server)])
        with client:
            client.settimeout(SECONDS)
            for turn in range(number % 4):
                client.sendall(b"%d.%d" % (number, turn))
                assert client.recv(64) == b"%d.%d" % (number, turn)
            if number % 3:
                client.setsockopt(host.SOL_SOCKET, host.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with listening(ends.system) as listener:
        accepting = threading.Lock()

        def connect(number: int) -> tuple[host.socket, ntio.Socket]:
            with accepting:
                client = host.create_connection(listener.address)
                return client, listener.accept(SECONDS)

        with ends.port.workers(serving.handle, threads=threads), ThreadPoolExecutor(6) as pool:
            list(pool.map(talk, range(200)))
            for _ in range(5):
                assert serving.room.acquire(timeout=SECONDS)
        assert len(serving.group) == 0
        serving.group.close()
        assert ends.port.get(0) is None
