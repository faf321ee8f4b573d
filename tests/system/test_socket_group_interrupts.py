"""Ctrl-C anywhere in the calls of a group: what was asked for has happened whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import ntio
from interrupts import every_interrupt
from ntio.hal import sleeping as sleeping_module
from ntio.hal import standing as standing_module
from ntio.status import STATUS_CANCELLED, NtError
from ntio.system.connections import connection_rows as rows_module
from ntio.system.connections import socket_group as group_module
from socket_peers import SECONDS, listening

pytestmark = [pytest.mark.real_files, pytest.mark.row("R33", "R34", "R36"), pytest.mark.slow]

TRACED = group_module, rows_module, standing_module, sleeping_module
COUNT = 2


class Ends:
    """A port, and connections whose servers receive in a group."""

    def __init__(self, system: ntio.System) -> None:
        self.port = ntio.CompletionPort(1, system=system)
        with listening(system) as listener:
            self.clients = [ntio.Socket(system=system) for _ in range(COUNT)]
            self.servers = []
            for client in self.clients:
                client.connect(listener.address)
                self.servers.append(listener.accept(SECONDS))

    def requests(self, group: ntio.SocketGroup) -> list[ntio.Packet]:
        """Each client asks; what arrives of it."""
        for client in self.clients:
            client.send(b"ask")
        found = [self.port.get(SECONDS) for _ in self.clients]
        assert sorted(one.key for one in found) == list(range(COUNT))
        return found  # type: ignore[return-value]

    def close(self) -> None:
        for one in self.clients + self.servers:
            one.close()
        self.port.close()


@pytest.fixture
def ends(system: ntio.System) -> Iterator[Ends]:
    one = Ends(system)
    yield one
    one.close()


def reply(group: ntio.SocketGroup, packets: list[ntio.Packet]) -> None:
    group.reply([one.key for one in packets], [one.bytes for one in packets])


def answer(group: ntio.SocketGroup, packets: list[ntio.Packet]) -> None:
    for one in packets:
        group.answer(one.key, one.bytes)
    group.flush()


@pytest.mark.parametrize("way", [reply, answer])
def test_each_is_answered_once(ends: Ends, way: Callable[..., None]) -> None:
    """One who has been answered receives again; who has not can be answered now."""
    runs = 0
    with ntio.SocketGroup(ends.port, ends.servers, size=64) as group:
        group.receive()
        for interrupt in every_interrupt(*TRACED, returns=False):
            packets = ends.requests(group)
            with interrupt:
                way(group, packets)
            group.flush()
            for row in range(COUNT):
                with suppress(NtError):  # it receives
                    group.reply([row], 3)
            for client in ends.clients:
                assert client.receive(64, SECONDS) == b"ask"
            runs += 1
        assert ends.port.get(0) is None
    assert runs > 5 and [ends.port.get(0).status for _ in range(COUNT)] == [STATUS_CANCELLED] * COUNT


def test_each_receives_once(ends: Ends) -> None:
    runs = 0
    for interrupt in every_interrupt(*TRACED, returns=False):
        with ntio.SocketGroup(ends.port, ends.servers, size=64) as group:
            with interrupt:
                group.receive()
            for row in range(COUNT):
                with suppress(NtError):
                    group.receive([row])
        found = [ends.port.get(SECONDS) for _ in range(COUNT)]
        assert all(one is not None and one.status == STATUS_CANCELLED for one in found)
        assert ends.port.get(0) is None
        runs += 1
    assert runs > 3


def test_coming_and_going(ends: Ends) -> None:
    runs = 0
    with ntio.SocketGroup(ends.port, rows=1, size=64) as group:
        for interrupt in every_interrupt(*TRACED, returns=False):
            server, row = ends.servers[0], None
            with interrupt:
                row = group.add(server)
                group.receive([row])
                assert group.remove(row) is server
            while (packet := ends.port.get(0)) is not None:
                assert packet.status == STATUS_CANCELLED
            for left in list(group):
                assert group.remove(left) is server
            assert group.remove(group.add(server)) is server
            while ends.port.get(0) is not None:
                pass
            runs += 1
    assert runs > 10


def test_making_and_closing(ends: Ends) -> None:
    runs = 0
    for interrupt in every_interrupt(*TRACED, returns=False):
        made: list[Any] = []
        with interrupt:
            made.append(ntio.SocketGroup(ends.port, ends.servers, size=64))
            made[0].receive()
            made[0].close()
        for group in made:
            group.close()
        while ends.port.get(0) is not None:
            pass
        # The sockets are their own again.
        waiting = ends.servers[0].start_receive(8)
        ends.clients[0].send(b"as ever")
        assert waiting.wait(SECONDS) == 7
        runs += 1
    assert runs > 10
