"""Ends of connections: halves closed, resets in every state, sockets closed or reused while requests wait on them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import ntio
from ntio.drivers.sockets.records import TF_REUSE_SOCKET
from ntio.status import (
    STATUS_CANCELLED,
    STATUS_CONNECTION_INVALID,
    STATUS_CONNECTION_RESET,
    STATUS_INVALID_PARAMETER,
    STATUS_PENDING,
    STATUS_PIPE_DISCONNECTED,
    IoTimeout,
)
from socket_peers import SECONDS, Pair, connected, listening, outcome_of, received, reset, status_of

pytestmark = [pytest.mark.real_files, pytest.mark.row("R26", "R34")]
#: More than the host's two buffers of a connection hold.
MUCH = bytes(range(256)) * 80_000


@pytest.fixture
def pair(system: ntio.System) -> Iterator[Pair]:
    with connected(system) as both:
        yield both


# --- halves -----------------------------------------------------------------------------------------------------------


def test_shutting_down_waits_for_nobody_and_the_sends_before_it_go_out(pair: Pair) -> None:
    client, server = pair
    sends = [client.start_send(MUCH), client.start_send(b"behind it")]
    client.shutdown()
    assert [one.status for one in sends] == [STATUS_PENDING] * 2
    assert status_of(lambda: client.send(b"too late")) == STATUS_PIPE_DISCONNECTED
    assert received(server) == MUCH + b"behind it"
    assert [one.wait(SECONDS) for one in sends] == [len(MUCH), 9]
    server.send(b"the other half is open")
    assert client.receive(100, SECONDS) == b"the other half is open"
    client.shutdown()  # once more: nothing to do


def test_shutting_down_behind_a_send_that_is_cancelled(pair: Pair) -> None:
    client, server = pair
    sending = client.start_send(MUCH)
    client.shutdown()
    assert sending.cancel() and status_of(sending) == STATUS_CANCELLED
    data = received(server)
    assert len(data) < len(MUCH) and MUCH.startswith(data)


def test_receiving_no_more_ends_the_receives_that_wait(pair: Pair) -> None:
    client, server = pair
    waiting = server.start_receive(10)
    server.shutdown(0)
    assert waiting.wait(SECONDS) == 0
    assert status_of(lambda: server.receive(1)) == STATUS_PIPE_DISCONNECTED
    server.send(b"still sent")
    assert client.receive(100, SECONDS) == b"still sent"


def test_shutting_down_what_is_not_there(system: ntio.System, pair: Pair) -> None:
    with ntio.Socket(system=system) as one:
        assert status_of(one.shutdown) == STATUS_CONNECTION_INVALID
        assert status_of(lambda: one.send(b"x")) in (STATUS_CONNECTION_INVALID, STATUS_CONNECTION_RESET)
        assert status_of(one.disconnect) == status_of(lambda: one.disconnect(2)) == STATUS_CONNECTION_INVALID
    assert status_of(lambda: pair[0].shutdown(3)) == STATUS_INVALID_PARAMETER


# --- resets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["receive", "receive none", "send", "transmit", "two receives"])
def test_what_waits_when_the_peer_resets_fails_and_so_does_what_comes(pair: Pair, how: str) -> None:
    client, server = pair
    sending = how in ("send", "transmit")
    with ntio.CompletionPort(system=client.system) as port:
        port.associate(server, 1)
        if how == "transmit":
            server.start_transmit_file(None, head=MUCH, overlapped="mine")
        elif how == "send":
            server.start_send(MUCH, overlapped="mine")
        else:
            server.start_receive(bytearray(0 if how == "receive none" else 4), overlapped="mine")
        if how == "two receives":
            server.start_receive(4, overlapped="second")
        assert port.get(0) is None
        reset(client)
        packets = port.get_many(4, SECONDS)
        assert packets is not None and (packets[0].overlapped, packets[0].bytes) == ("mine", 0)
        assert packets[0].status == STATUS_CONNECTION_RESET
        if how == "two receives":  # the host tells a reset once; then there is no more
            second = packets[1] if len(packets) == 2 else port.get(SECONDS)
            assert second is not None and second.overlapped == "second" and not second.bytes
        assert status_of(lambda: server.send(b"x")) == STATUS_CONNECTION_RESET
        assert outcome_of(lambda: server.receive(1, SECONDS)) in (b"", STATUS_CONNECTION_RESET)
        assert sending or port.get(0) is None


def test_a_reset_while_the_last_byte_is_out(pair: Pair) -> None:
    client, server = pair
    client.shutdown()
    waiting = client.start_receive(10)
    reset(server)
    assert status_of(waiting) == STATUS_CONNECTION_RESET


def test_a_connection_that_is_reset_before_it_is_accepted(system: ntio.System) -> None:
    with listening(system) as listener:
        for _ in range(3):
            gone = ntio.Socket(system=system)
            gone.connect(listener.address, b"x")
            reset(gone)
        with ntio.Socket(system=system) as client:
            client.connect(listener.address, b"here")
            seen = []
            while b"here" not in seen:
                with listener.accept(SECONDS) as server:
                    seen.append(outcome_of(lambda: server.receive(10, SECONDS)))
            assert set(seen) <= {b"here", b"x", STATUS_CONNECTION_RESET}


def test_a_reset_before_the_data_that_an_accept_waits_for(system: ntio.System) -> None:
    with listening(system) as listener, ntio.Socket(for_accept=True, system=system) as server:
        accepting = listener.start_accept(server, 10, data=10)
        gone = ntio.Socket(system=system)
        gone.connect(listener.address)
        reset(gone)
        assert status_of(accepting) == STATUS_CONNECTION_RESET
        again = listener.start_accept(server, 10, data=10)  # the socket is as new
        with ntio.Socket(system=system) as client:
            client.connect(listener.address, b"better")
            assert again.wait(SECONDS) == 6


# --- once more --------------------------------------------------------------------------------------------------------


def test_a_socket_is_reused_when_the_peer_has_ended_too(pair: Pair) -> None:
    client, server = pair
    sending = server.start_send(MUCH)
    ending = server.start_disconnect(TF_REUSE_SOCKET)
    assert status_of(lambda: server.send(b"x")) == STATUS_PIPE_DISCONNECTED
    assert received(client) == MUCH and sending.wait(SECONDS) == len(MUCH)
    assert not ending.done and status_of(lambda: server.receive(1)) == STATUS_PIPE_DISCONNECTED
    client.send(b"nobody wants this")
    client.close()
    assert ending.wait(SECONDS) == 0 and server.peer is None
    with listening(server.system) as listener, ntio.Socket(system=server.system) as other:
        accepting = listener.start_accept(server)
        assert status_of(lambda: listener.start_accept(server)) == STATUS_INVALID_PARAMETER
        other.connect(listener.address, b"new")
        accepting.wait(SECONDS)
        assert server.receive(10, SECONDS) == b"new"


def test_receives_that_wait_come_before_a_disconnect(pair: Pair) -> None:
    client, server = pair
    waiting = [server.start_receive(4) for _ in range(2)]
    ending = server.start_disconnect(TF_REUSE_SOCKET)
    client.send(b"data")
    client.shutdown()
    assert [one.wait(SECONDS) for one in waiting] == [4, 0] and ending.wait(SECONDS) == 0


def test_a_disconnect_that_nobody_answers_is_given_up_and_tried_again(pair: Pair) -> None:
    client, server = pair
    with pytest.raises(IoTimeout):
        server.disconnect(TF_REUSE_SOCKET, 0)
    client.send(b"late")
    assert server.receive(10, SECONDS) == b"late"
    again = server.start_disconnect(TF_REUSE_SOCKET)
    reset(client)
    assert again.wait(SECONDS) == 0


# --- closing ----------------------------------------------------------------------------------------------------------


def test_closing_ends_everything_that_waits_once(pair: Pair) -> None:
    client, server = pair
    with ntio.CompletionPort(system=client.system) as port:
        port.associate(server, 3)
        for number in range(3):
            server.start_receive(10, overlapped=number)
        server.start_send(MUCH, overlapped=3)
        server.start_transmit_file(None, head=b"x", overlapped=4)
        server.start_disconnect(TF_REUSE_SOCKET, overlapped=5)
        server.close()
        packets = port.get_many(10, SECONDS)
        assert packets is not None
        assert sorted(one.overlapped for one in packets) == [0, 1, 2, 3, 4, 5]
        assert {(one.status, one.bytes) for one in packets} == {(STATUS_CANCELLED, 0)}
        server.close()


@pytest.mark.parametrize("first", ["listener", "socket"])
@pytest.mark.parametrize("state", ["no connection", "no data"])
def test_closing_one_of_an_accepts_two_sockets(system: ntio.System, first: str, state: str) -> None:
    listener = listening(system)
    with listener, ntio.Socket(for_accept=True, system=system) as server, ntio.Socket(system=system) as client:
        accepting = listener.start_accept(server, 10, data=10)
        behind = ntio.Socket(for_accept=True, system=system)
        waiting = listener.start_accept(behind)
        if state == "no data":
            client.connect(listener.address)
            waiting.wait(0) if waiting.done else None
            assert not accepting.done
        (listener if first == "listener" else server).close()
        assert status_of(accepting) == STATUS_CANCELLED
        if state == "no data":
            assert client.receive(1, SECONDS) == b""
        if first == "socket":
            with ntio.Socket(system=system) as another:
                another.connect(listener.address, b"is the next one's")
                assert waiting.wait(SECONDS) == 0 and behind.receive(4, SECONDS) == b"is t"
        else:
            assert status_of(waiting) == STATUS_CANCELLED
        behind.close()


def test_a_packet_tells_of_an_accept_whose_socket_is_closed(system: ntio.System) -> None:
    with listening(system) as listener, ntio.CompletionPort(system=system) as port:
        port.associate(listener, 1)
        server = ntio.Socket(for_accept=True, system=system)
        listener.start_accept(server, overlapped="accept")
        server.close()
        assert port.get(SECONDS) == (1, "accept", 0, STATUS_CANCELLED)


def test_what_was_received_before_the_time_was_up_is_not_lost(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    from ntio.system.connections.socket_operation import SocketOperation

    client, server = pair
    cancel = SocketOperation.cancel

    def late(operation: SocketOperation) -> bool:
        client.send(b"just in time")
        SocketOperation.wait_out(operation)
        return cancel(operation)

    monkeypatch.setattr(SocketOperation, "cancel", late)
    assert server.receive(100, 0) == b"just in time"
