"""Connections of a group that come and go: what is a row's, and what is no longer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import ntio
from group_ends import Ends
from ntio.status import STATUS_CANCELLED, STATUS_INVALID_PARAMETER, QueueFull, RingClosed
from socket_peers import SECONDS, reset, status_of

pytestmark = [pytest.mark.real_files, pytest.mark.row("R33", "R34", "R36")]


@pytest.fixture
def ends(system: ntio.System) -> Iterator[Ends]:
    one = Ends(system)
    yield one
    one.close()


def test_a_place_is_taken_given_back_and_taken_again(ends: Ends) -> None:
    (first, first_end), (second, second_end), (third, third_end) = ends.pair(), ends.pair(), ends.pair()
    with ntio.SocketGroup(ends.port, rows=2, size=64) as group:
        assert len(group) == 0 and 0 not in group and list(group) == []
        rows = [group.add(first_end), group.add(second_end)]
        assert rows == [0, 1] == list(group) and group.places(rows).tolist() == [0, 1]
        with pytest.raises(QueueFull, match="2 rows, all taken: remove one"):
            group.add(third_end)
        group.receive()
        first.close()
        packet = ends.packet()
        assert (packet.key, packet.bytes, packet.status) == (0, 0, 0)
        assert group.remove(packet.key) is first_end
        row = group.add(third_end)
        assert row not in rows and group.places(row) == 0 and list(group) == [row, 1] and len(group) == 2
        group.receive([row])
        third.send(b"third")
        packet = ends.packet()
        assert (packet.key, packet.bytes) == (row, 5)
        group.reply([packet.key], 5)
        assert third.receive(64, SECONDS) == b"third"
        second.send(b"second")
        packet = ends.packet()
        group.answer(packet.key, packet.bytes)
        group.flush()
        assert second.receive(64, SECONDS) == b"second"


def test_what_is_asked_for_one_who_has_gone_is_not_done_to_the_next(ends: Ends) -> None:
    (_, gone), (client, server) = ends.pair(), ends.pair()
    with ntio.SocketGroup(ends.port, rows=1, size=64) as group:
        old = group.add(gone)
        group.receive([old])
        group.remove(old)
        group.receive([old])  # empty now
        new = group.add(server)
        group.buffer[0, :3] = np.frombuffer(b"old", np.uint8)
        group.send([old], 3)
        group.reply(np.array([old], np.uint64), [3])
        group.answer(old, 3)
        group.flush()
        assert old not in group and new in group
        packet = ends.packet()  # that of the receive
        assert (packet.key, packet.bytes, packet.status) == (old, 0, STATUS_CANCELLED)
        assert status_of(lambda: group.remove(old)) == STATUS_INVALID_PARAMETER
        group.buffer[0, :3] = np.frombuffer(b"new", np.uint8)
        group.reply([old, new], [2, 3])
        assert client.receive(64, SECONDS) == b"new"
        client.send(b"more")
        packet = ends.packet()
        assert (packet.key, packet.bytes) == (new, 4)


def test_late_packets_of_failed_sends_name_the_one_who_failed(ends: Ends) -> None:
    (client, server), (_, other) = ends.pair(), ends.pair()
    with ntio.SocketGroup(ends.port, rows=1, size=64) as group:
        row = group.add(server)
        group.receive([row])
        reset(client)
        assert ends.packet().key == row
        group.send([row], 5)
        group.remove(row)
        group.receive([group.add(other)])
        packet = ends.packet()
        assert packet.key == row and not packet.ok and packet.key not in group


def test_keys_may_be_given(ends: Ends) -> None:
    (client, server), (another, end) = ends.pair(), ends.pair()
    with ntio.SocketGroup(ends.port, [server], rows=2, size=64, keys=[100]) as group:
        group.receive([group.add(end, key=200)])
        group.receive([0])
        another.send(b"a")
        assert ends.packet().key == 200
        client.send(b"b")
        assert ends.packet().key == 100


def test_what_was_answered_is_sent_before_one_goes(ends: Ends) -> None:
    client, server = ends.pair()
    with ntio.SocketGroup(ends.port, rows=1, size=64) as group:
        row = group.add(server)
        group.answer(row, 7)
        group.remove(row).close()
        assert client.receive(64, SECONDS) == bytes(7)
        assert client.receive(64, SECONDS) == b""


def test_a_peer_hears_of_the_end_though_others_are_idle(ends: Ends) -> None:
    pairs = [ends.pair() for _ in range(3)]
    with ntio.SocketGroup(ends.port, [server for _, server in pairs], size=64) as group:
        group.receive()
        for row in (1, 0, 2):
            group.remove(row).close()
            assert pairs[row][0].receive(64, SECONDS) == b""
    assert [ends.packet().key for _ in range(3)] == [1, 0, 2]


def test_a_socket_comes_back_open(ends: Ends) -> None:
    client, server = ends.pair()
    with ntio.SocketGroup(ends.port, [server], size=64) as group:
        group.receive()
        assert group.remove(0) is server
        waiting = server.start_receive(10)
        client.send(b"as before")
        assert waiting.wait(SECONDS) == 9
        row = group.add(server)
        group.receive([row])
        client.send(b"again")
        assert ends.packet().status == STATUS_CANCELLED
        packet = ends.packet()
        assert (packet.key, packet.bytes) == (row, 5)


def test_a_send_that_is_cut_off_ends_in_a_packet(ends: Ends) -> None:
    _, server = ends.pair()
    with ntio.SocketGroup(ends.port, [server], size=1 << 25) as group:
        group.reply([0], 1 << 25)  # more than anybody takes who does not read
        group.remove(0)
        found = [ends.packet(), ends.packet()]
        assert all((one.key, one.status) == (0, STATUS_CANCELLED) for one in found)
        assert ends.port.get(0) is None


def test_a_socket_that_is_closed_within_the_group(ends: Ends) -> None:
    client, server = ends.pair()
    with ntio.SocketGroup(ends.port, rows=2, size=64) as group:
        row = group.add(server)
        group.receive([row])
        with pytest.raises(ValueError, match="in a group already"):
            group.add(server)
        server.close()
        assert client.receive(64, SECONDS) == b""
        assert ends.packet() == (row, None, 0, STATUS_CANCELLED)
        peer, _ = ends.pair()  # one of the two has the number of its descriptor
        group.reply([row], 5)
        found = [ends.packet(), ends.packet()]
        assert all(one.key == row and not one.ok for one in found)
        assert group.remove(row) is server
        assert status_of(lambda: group.add(server)) >= 0xC0000000
        assert len(group) == 0 and peer.start_receive(64).cancel()


def test_a_closed_group_still_answers_its_sockets(ends: Ends) -> None:
    pairs = [ends.pair() for _ in range(2)]
    group = ntio.SocketGroup(ends.port, rows=3)
    rows = [group.add(server) for _, server in pairs]
    group.receive()
    group.close()
    with pytest.raises(RingClosed, match="closed"):
        group.add(pairs[0][1])
    assert [group.remove(row) for row in list(group)] == [server for _, server in pairs]
    assert {ends.packet().key, ends.packet().key} == set(rows) and len(group) == 0
