"""Sockets as a device: streams, datagrams, both ways of every transfer, and what goes wrong with peers."""

from __future__ import annotations

import errno
import os
import socket as host
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ntio
from ntio.drivers.sockets.records import IOCTL_AFD_RECEIVE, IOCTL_AFD_SEND, TF_REUSE_SOCKET, Transfer
from ntio.hal.host_sockets import HostSocket
from ntio.hal.socket_addresses import pack_address, unpack_address
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.socket_service import send_to_socket, try_socket
from ntio.kernel.event import Event
from ntio.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED,
    STATUS_CONNECTION_INVALID,
    STATUS_CONNECTION_REFUSED,
    STATUS_CONNECTION_RESET,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
    STATUS_PENDING,
    STATUS_PIPE_DISCONNECTED,
    STATUS_SUCCESS,
    STATUS_TOO_MANY_OPENED_FILES,
    BufferInUse,
    InvalidParameter,
    NtError,
)
from socket_peers import SECONDS, Pair, connected, listening, status_of

pytestmark = [pytest.mark.real_files, pytest.mark.row("R26", "R34")]


@pytest.fixture
def pair(system: ntio.System) -> Iterator[Pair]:
    """Two ends of a connection."""
    with connected(system) as both:
        yield both


# --- connecting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [host.AF_INET, host.AF_INET6, host.AF_UNIX], ids=["ipv4", "ipv6", "unix"])
def test_a_connection_carries_bytes_both_ways(system: ntio.System, family: int, tmp_path: Path) -> None:
    loopback = "::1" if family == host.AF_INET6 else "127.0.0.1"
    where = str(tmp_path / "socket") if family == host.AF_UNIX else (loopback, 0)
    with listening(system, family, where) as listener, ntio.Socket(family, system=system) as client:
        client.connect(listener.address)
        with listener.accept(SECONDS) as server:
            assert server.peer == client.address and client.peer == listener.address == server.address
            assert client.send(b"there") == 5 and server.receive(100, SECONDS) == b"there"
            assert server.send(b"and back") == 8 and client.receive(100, SECONDS) == b"and back"


def test_an_accept_that_waits_may_take_the_first_bytes_too(system: ntio.System) -> None:
    server = ntio.Socket(for_accept=True, system=system)
    with listening(system) as listener, ntio.Socket(system=system) as client, server:
        buffer = bytearray(10)
        accepting = listener.start_accept(server, buffer, data=10)
        assert accepting.status == STATUS_PENDING
        client.connect(listener.address, b"first")
        assert accepting.wait(SECONDS) == 5 and bytes(accepting.data) == b"first"


def test_nobody_listens(system: ntio.System) -> None:
    with listening(system) as listener:
        address = listener.address
    with ntio.Socket(system=system) as client:
        assert status_of(lambda: client.connect(address)) == STATUS_CONNECTION_REFUSED


def test_a_socket_that_is_not_connected(system: ntio.System) -> None:
    with ntio.Socket(system=system) as one:
        assert status_of(lambda: one.receive(1)) == STATUS_CONNECTION_INVALID
        assert status_of(lambda: one.send(b"x")) in (STATUS_CONNECTION_INVALID, STATUS_CONNECTION_RESET)
        assert one.peer is None
        assert status_of(lambda: one.accept(0)) == STATUS_INVALID_PARAMETER
        with pytest.raises(ValueError, match="no address"):
            one.bind(("somewhere else", 1))


def test_a_disconnected_socket_may_connect_again(system: ntio.System) -> None:
    with listening(system) as listener, ntio.Socket(system=system) as client:
        for data in (b"once", b"twice"):
            client.connect(listener.address, data)
            with listener.accept(SECONDS) as server:
                assert server.receive(10, SECONDS) == data
                ending = client.start_disconnect(TF_REUSE_SOCKET)
                assert server.receive(10, SECONDS) == b""
                assert not ending.done  # the peer has not ended it yet
            assert ending.wait(SECONDS) == 0


def test_options(pair: Pair) -> None:
    client, _ = pair
    client.set_option(host.IPPROTO_TCP, host.TCP_NODELAY, 1)
    assert client.option(host.IPPROTO_TCP, host.TCP_NODELAY)
    with pytest.raises(NtError):
        client.set_option(host.IPPROTO_TCP, 9999, 1)


# --- data -------------------------------------------------------------------------------------------------------------


def test_a_receive_waits_and_then_has_the_bytes(pair: Pair) -> None:
    client, server = pair
    receiving = server.start_receive(100)
    assert receiving.status == STATUS_PENDING and not receiving.done
    client.send(b"late")
    assert receiving.wait(SECONDS) == 4 and bytes(receiving.data) == b"late"


def test_receives_end_in_their_order(pair: Pair) -> None:
    client, server = pair
    waiting = [server.start_receive(1) for _ in range(5)]
    client.send(b"abcde")
    assert [bytes(one.data) for one in waiting if one.wait(SECONDS)] == [b"a", b"b", b"c", b"d", b"e"]


def test_a_long_send_waits_for_room_and_sends_all_in_order(pair: Pair) -> None:
    client, server = pair
    data = bytes(range(256)) * 40_000
    sends = [client.start_send(data), client.start_send(b"behind it")]
    assert [one.status for one in sends] == [STATUS_PENDING] * 2
    received = bytearray()
    while len(received) < len(data) + 9:
        received += server.receive(1 << 20, SECONDS)
    assert received == data + b"behind it" and [one.wait(SECONDS) for one in sends] == [len(data), 9]


def test_a_receive_of_no_bytes_waits_for_data_and_leaves_them(pair: Pair) -> None:
    client, server = pair
    waiting = server.start_receive(bytearray())
    assert waiting.status == STATUS_PENDING
    client.send(b"x")
    assert waiting.wait(SECONDS) == 0 and server.receive(5, SECONDS) == b"x"


def test_peeking_leaves_the_bytes(pair: Pair) -> None:
    client, server = pair
    client.send(b"seen")
    server.start_receive(bytearray()).wait(SECONDS)
    peeked = server.start_receive(10, flags=host.MSG_PEEK)
    assert peeked.wait(SECONDS) == 4 and server.receive(10) == b"seen"
    assert status_of(lambda: server.start_receive(10, flags=host.MSG_ERRQUEUE)) == STATUS_INVALID_PARAMETER


@pytest.mark.parametrize("family", [host.AF_INET, host.AF_INET6])
def test_datagrams_keep_their_limits_and_tell_their_sender(system: ntio.System, family: int) -> None:
    loopback = "127.0.0.1" if family == host.AF_INET else "::1"
    a, b = (ntio.Socket(family, host.SOCK_DGRAM, system=system) for _ in range(2))
    with a, b:
        a.bind((loopback, 0))
        b.bind((loopback, 0))
        receiving = b.start_receive_from(100)
        assert receiving.status == STATUS_PENDING
        a.send_to(b"one", b.address)
        assert receiving.wait(SECONDS) == 3 and receiving.address == a.address
        a.connect(b.address)
        assert a.send(b"two") == 3 and a.send(b"three") == 5
        assert b.receive_from(100, SECONDS) == (b"two", a.address)
        assert status_of(lambda: b.receive_from(3, SECONDS)) == STATUS_BUFFER_OVERFLOW


@pytest.mark.parametrize("stack", [False, True], ids=["host file", "device stack"])
def test_a_file_is_transmitted_between_head_and_tail(pair: Pair, tmp_path: Path, stack: bool) -> None:
    client, server = pair
    data = os.urandom(3_000_000)
    with ExitStack() as opened:
        if stack:
            disk = opened.enter_context(ntio.Stack("ram_disk:size=3000320", system=client.system))
            disk.write(data.ljust(3_000_320, b"\0"), offset=0)
            file = opened.enter_context(disk.open())
        else:
            (tmp_path / "file").write_bytes(data)
            file = opened.enter_context(ntio.open(tmp_path / "file", system=client.system))
        sending = client.start_transmit_file(file, 1024, 2_000_000, head=b"head", tail=b"tail")
        behind = client.start_send(b"behind")
        received = bytearray()
        while len(received) < 2_000_014:
            received += server.receive(1 << 18, SECONDS)
        assert sending.wait(SECONDS) == 2_000_008 and behind.wait(SECONDS) == 6
        assert received == b"head" + data[1024:2_001_024] + b"tail" + b"behind"


# --- fast = with a packet ---------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors], max_examples=40)
@given(sent=st.lists(st.binary(min_size=1, max_size=40), max_size=4), room=st.integers(0, 60), ended=st.booleans())
@pytest.mark.row("R26")
def test_with_and_without_a_packet_a_transfer_ends_alike(
    system: ntio.System, sent: list[bytes], room: int, ended: bool
) -> None:
    answers = []
    for fast in (True, False):
        with listening(system) as listener, ntio.Socket(system=system) as client:
            client.connect(listener.address)
            with listener.accept(SECONDS) as server:
                statuses = [transfer(client, IOCTL_AFD_SEND, memoryview(data), fast=fast) for data in sent]
                if ended:
                    client.shutdown()
                if sent or ended:
                    server.start_receive(bytearray()).wait(SECONDS)  # until something is there
                    buffer = bytearray(room)
                    if len(sent) < 2 and (room or sent):
                        received = transfer(server, IOCTL_AFD_RECEIVE, memoryview(buffer), fast=fast)
                        statuses.append((*received, bytes(buffer)))
                answers.append(statuses)
    assert answers[0] == answers[1]


def transfer(socket: ntio.Socket, code: int, view: memoryview, *, fast: bool) -> tuple[Any, ...]:
    """One transfer that does not wait, by the one way or the other: status and count."""
    answer, record = IoStatusBlock(STATUS_PENDING), Transfer()
    if fast:
        assert try_socket(socket.file_object, answer, code, record, view)
        return answer.status, answer.information
    event = Event(socket.system.hal)
    status = send_to_socket(socket.file_object, event, None, None, answer, code, record, view)
    return status, answer.information


def test_what_is_there_takes_no_packet_and_what_is_not_takes_one(pair: Pair) -> None:
    client, server = pair
    live = client.system.io.irps.live
    client.send(b"x")
    server.start_receive(bytearray()).wait(SECONDS)
    assert server.start_receive(5).done and not live()
    waiting = server.start_receive(5)
    assert live() == 1 and not waiting.done
    client.send(b"y")
    assert waiting.wait(SECONDS) == 1


def test_a_request_that_waits_is_not_overtaken_the_fast_way(pair: Pair) -> None:
    client, server = pair
    first = server.start_receive(1)
    answer = IoStatusBlock(STATUS_PENDING)
    client.send(b"ab")
    first.wait(SECONDS)
    assert try_socket(server.file_object, answer, IOCTL_AFD_RECEIVE, Transfer(), memoryview(bytearray(5)))
    assert (answer.status, answer.information, bytes(first.data)) == (STATUS_SUCCESS, 1, b"a")


def test_what_had_to_wait_is_tried_again_only_after_news(pair: Pair) -> None:
    client, server = pair
    queue, tried = server.file_object.fs_context.receives, []
    room, record, receive = memoryview(bytearray(5)), Transfer(), HostSocket.receive
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HostSocket, "receive", lambda *what: (tried.append(what), receive(*what))[1])
        first = server.start_receive(5)
        assert len(tried) == 1 and first.status == STATUS_PENDING
        client.send(b"a")
        assert first.wait(SECONDS) == 1 and len(tried) == 2
        assert not try_socket(server.file_object, IoStatusBlock(), IOCTL_AFD_RECEIVE, record, room)
        queue.advance()  # news between the two: the packet's own try finds what they brought
        event, block = Event(server.system.hal), IoStatusBlock(STATUS_PENDING)
        send_to_socket(server.file_object, event, None, None, block, IOCTL_AFD_RECEIVE, record, room)
        assert len(tried) == 4 and block.status == STATUS_PENDING
        client.send(b"bc")
        assert event.wait(SECONDS) and block.information == 2


def test_a_request_whose_socket_went_before_its_packet_does_not_wait(pair: Pair) -> None:
    _, server = pair
    room, record, block = memoryview(bytearray(5)), Transfer(), IoStatusBlock(STATUS_PENDING)
    assert not try_socket(server.file_object, IoStatusBlock(), IOCTL_AFD_RECEIVE, record, room)
    server.file_object.fs_context.renew()  # what the end of a disconnect does on another thread
    status = send_to_socket(server.file_object, None, None, None, block, IOCTL_AFD_RECEIVE, record, room)
    assert status == STATUS_CONNECTION_INVALID


def test_bytes_of_a_request_in_flight_are_refused_without_a_packet_too(pair: Pair) -> None:
    client, server = pair
    memory = bytearray(20)
    server.start_receive(memoryview(memory)[:10])
    other = client.start_receive(bytearray(10))
    with pytest.raises(BufferInUse):
        client.start_send(memory)
    assert client.start_send(memoryview(memory)[10:]).done
    with pytest.raises(BufferInUse):
        server.start_send(other.buffer)


def test_arrays_are_received_into_and_sent(pair: Pair) -> None:
    client, server = pair
    numbers, room = np.arange(6, dtype=np.float64).reshape(2, 3), np.zeros((2, 3))
    assert client.start_send(numbers).wait(SECONDS) == 48
    assert server.start_receive(room).wait(SECONDS) == 48 and (room == numbers).all()
    waiting = server.start_receive(room[0])
    client.send(numbers[1])
    assert waiting.wait(SECONDS) == 24 and (room[0] == numbers[1]).all()
    with pytest.raises(InvalidParameter):
        client.start_send(numbers[:, 1])
    with pytest.raises(InvalidParameter, match="read-only"):
        server.start_receive(b"constant")


# --- ports ------------------------------------------------------------------------------------------------------------


def test_sockets_are_devices_of_a_port(pair: Pair) -> None:
    client, server = pair
    with ntio.CompletionPort(system=client.system) as port:
        port.associate(server, 7)
        receiving = server.start_receive(10)
        assert port.get(0) is None
        client.send(b"hello")
        packet = port.get(SECONDS)
        assert packet is not None and packet == (7, receiving, 5, STATUS_SUCCESS) and bytes(receiving.data) == b"hello"
        assert server.start_send(b"back", overlapped="mine").done  # done at once, and a packet all the same
        assert port.get(SECONDS) == (7, "mine", 4, STATUS_SUCCESS)


def test_calls_that_wait_queue_no_packet(pair: Pair) -> None:
    client, server = pair
    with ntio.CompletionPort(system=client.system) as port:
        port.associate(client, 1)
        assert client.send(b"x") == 1 and client.address and server.receive(1, SECONDS) == b"x"
        assert port.get(0) is None


def test_the_last_byte_of_the_peer_is_a_success_of_no_bytes(pair: Pair) -> None:
    client, server = pair
    with ntio.CompletionPort(system=client.system) as port:
        port.associate(server, 1)
        server.start_receive(10, overlapped="first")
        client.shutdown()
        assert port.get(SECONDS) == (1, "first", 0, STATUS_SUCCESS)
        server.start_receive(10, overlapped="again")
        assert port.get(SECONDS) == (1, "again", 0, STATUS_SUCCESS)
        server.send(b"the other half is open")
        assert client.receive(100, SECONDS) == b"the other half is open"
        assert status_of(lambda: client.send(b"x")) == STATUS_PIPE_DISCONNECTED


def test_a_cancelled_receive_takes_nothing(pair: Pair) -> None:
    client, server = pair
    first, second = server.start_receive(10), server.start_receive(10)
    assert first.cancel() and status_of(first) == STATUS_CANCELLED and not first.cancel()
    client.send(b"for the second")
    assert second.wait(SECONDS) == 10 and bytes(second.data) == b"for the se"


def test_closing_ends_what_waits(pair: Pair) -> None:
    client, server = pair
    with ntio.CompletionPort(system=client.system) as port:
        port.associate(server, 3)
        server.start_receive(10, overlapped="receive")
        server.close()
        assert port.get(SECONDS) == (3, "receive", 0, STATUS_CANCELLED)
        assert client.receive(10, SECONDS) == b""
        with pytest.raises(ntio.NtError):
            server.send(b"x")


def test_closing_a_listener_ends_an_accept(system: ntio.System) -> None:
    listener = listening(system)
    with ntio.Socket(for_accept=True, system=system) as server:
        accepting = listener.start_accept(server)
        listener.close()
        assert status_of(accepting) == STATUS_CANCELLED


def test_a_peer_that_resets(pair: Pair) -> None:
    client, server = pair
    waiting = server.start_receive(10)
    client.set_option(host.SOL_SOCKET, host.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    assert status_of(waiting) == STATUS_CONNECTION_RESET
    assert status_of(lambda: server.send(b"x")) == STATUS_CONNECTION_RESET


def test_a_send_that_waits_for_a_peer_that_resets(pair: Pair) -> None:
    client, server = pair
    sending = server.start_send(bytes(20_000_000))
    assert sending.status == STATUS_PENDING
    client.set_option(host.SOL_SOCKET, host.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    assert status_of(sending) == STATUS_CONNECTION_RESET


@pytest.mark.slow
def test_many_connections(system: ntio.System) -> None:
    count = 300
    with listening(system) as listener, ntio.CompletionPort(system=system) as port:
        clients = [ntio.Socket(system=system) for _ in range(count)]
        servers = []
        for number, client in enumerate(clients):
            client.connect(listener.address)
            servers.append(listener.accept(SECONDS))
            port.associate(servers[-1], number)
            servers[-1].start_receive(10)
        for number, client in enumerate(clients):
            client.send(str(number).encode())
        packets = [port.get(SECONDS) for _ in range(count)]
        assert {p.key: bytes(p.overlapped.data) for p in packets if p is not None} == {
            number: str(number).encode() for number in range(count)
        }
        for one in clients + servers:
            one.close()


_EXHAUSTED = """
import resource, sys, ntio
with ntio.System(sys.argv[1]) as system:
    listener = ntio.Socket(system=system)
    listener.bind(("127.0.0.1", 0)); listener.listen()
    held = [ntio.Socket(system=system)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0].file_object.fs_context.host.descriptor + 6, 4096))
    try:
        while True:
            held.append(ntio.Socket(system=system))
    except ntio.NtError as error:
        print(hex(error.status))
    held[0].connect(listener.address)
    try:
        listener.accept(20)
    except ntio.NtError as error:
        print(hex(error.status))
    held.pop().close()
    with listener.accept(20) as server:
        print(server.peer == held[0].address)
    for one in held: one.close()
"""


@pytest.mark.slow
def test_no_descriptor_is_left(hal_name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _EXHAUSTED, hal_name], capture_output=True, text=True, check=False, timeout=60
    )
    full = hex(STATUS_TOO_MANY_OPENED_FILES)
    assert done.stdout.split() == [full, full, "True"], done.stderr


# --- names and the rest -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Endpoint", "Endpoint\\2\\1", "Other\\2\\1\\0", "Endpoint\\2\\x\\0"])
def test_only_sockets_have_names_there(system: ntio.System, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        ntio.open(f"\\Device\\Afd\\{name}", "r+", system=system)


def test_no_such_family(system: ntio.System) -> None:
    with pytest.raises(NtError):
        ntio.Socket(9999, system=system)


def test_the_simulated_machine_has_no_network() -> None:
    with ntio.System("simulated") as system, pytest.raises(NtError) as caught:
        ntio.Socket(system=system)
    assert caught.value.status == STATUS_NOT_SUPPORTED


@pytest.mark.parametrize(
    ("family", "address"),
    [(2, ("127.0.0.1", 80)), (10, ("::1", 80, 5, 7)), (1, "/tmp/x"), (1, b"\0abstract")],
)
def test_addresses_survive_their_host_form(family: int, address: Any) -> None:
    assert unpack_address(pack_address(family, address)) == address


def test_errors_have_names() -> None:
    assert unpack_address(b"") is None
    with pytest.raises(OSError) as caught:
        unpack_address(b"\x63\0" + bytes(20))
    assert caught.value.errno == errno.EAFNOSUPPORT
