"""Sockets as rows of a batch: the same on a ring and on threads, and refused by name on the simulated machine."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from ntio.hal.choose import make_hal
from ntio.hal.operation_queue import OperationQueue
from ntio.hal.operations import MESSAGE, OperationCode, Operations
from ntio.hal.socket_addresses import pack_address, unpack_address

pytestmark = pytest.mark.row("R30", "R34")
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def queue(hal_name: str) -> Iterator[OperationQueue]:
    queue = make_hal(hal_name).new_queue(32)
    yield queue
    queue.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    a, b = socket.socketpair()
    with a, b:
        yield a, b


def filled(data: bytes, length: int = 0) -> np.ndarray:
    return np.frombuffer(bytearray(data.ljust(length, b"\0")), np.uint8)


@pytest.mark.real_files
def test_connections_are_accepted_and_made(queue: OperationQueue) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client, socket.socket() as refused:
        accepting = Operations(OperationCode.ACCEPT, 1, file=listener.fileno(), flags=socket.SOCK_CLOEXEC)
        queue.submit(accepting)
        address = filled(pack_address(socket.AF_INET, listener.getsockname()))
        connecting = Operations(OperationCode.CONNECT, 1, file=client.fileno(), buffer=address, length=len(address))
        queue.transfer(connecting)
        assert connecting.results.tolist() == [0] and queue.wait(accepting)
        with socket.socket(fileno=int(accepting.results[0])) as server:
            assert server.getpeername() == client.getsockname()
            server.sendall(b"x")
            assert client.recv(5) == b"x"
        with socket.create_server(("127.0.0.1", 0)) as gone:
            where = filled(pack_address(socket.AF_INET, gone.getsockname()))
        failing = Operations(OperationCode.CONNECT, 1, file=refused.fileno(), buffer=where, length=len(where))
        queue.transfer(failing)
        assert failing.results.tolist() == [-errno.ECONNREFUSED]


@pytest.mark.real_files
def test_a_receive_waits_and_a_send_sends_all(queue: OperationQueue, pair: Pair) -> None:
    a, b = pair
    received = Operations(OperationCode.RECEIVE, 1, file=b.fileno(), buffer=filled(b"", 8), length=8)
    queue.submit(received)
    assert not queue.wait(received, timeout=0)
    data = filled(b"data")
    queue.transfer(Operations(OperationCode.SEND, 1, file=a.fileno(), buffer=data, length=4, flags=socket.MSG_NOSIGNAL))
    assert queue.wait(received) and received.results.tolist() == [4] and received.buffer[:4].tobytes() == b"data"
    long = np.arange(2_000_000, dtype=np.uint32).view(np.uint8)
    sending = Operations(
        OperationCode.SEND, 1, file=a.fileno(), buffer=long, length=len(long), flags=socket.MSG_WAITALL
    )
    queue.submit(sending)
    taken = bytearray()
    while len(taken) < len(long):
        queue.poll()
        taken += b.recv(1 << 20)
    assert queue.wait(sending) and sending.results.tolist() == [len(long)] and taken == long.tobytes()


@pytest.mark.real_files
def test_the_end_of_a_stream_is_no_bytes_and_a_broken_one_an_error(queue: OperationQueue, pair: Pair) -> None:
    a, b = pair
    queue.transfer(Operations(OperationCode.SHUTDOWN, 1, file=a.fileno(), length=socket.SHUT_WR))
    received = Operations(OperationCode.RECEIVE, 1, file=b.fileno(), buffer=filled(b"", 8), length=8)
    queue.transfer(received)
    assert received.results.tolist() == [0] and received.status().tolist() == [0]
    sent = Operations(
        OperationCode.SEND, 1, file=a.fileno(), buffer=filled(b"x"), length=1, flags=socket.MSG_NOSIGNAL
    )
    queue.transfer(sent)
    assert sent.results.tolist() == [-errno.EPIPE]


@pytest.mark.real_files
def test_datagrams_with_addresses_in_columns(queue: OperationQueue) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as a, socket.socket(type=socket.SOCK_DGRAM) as b:
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        places = np.arange(3) * MESSAGE.itemsize
        told, heard = np.zeros(3, MESSAGE), np.zeros(3, MESSAGE)
        name = pack_address(socket.AF_INET, b.getsockname())
        told["name_length"], told["name"] = len(name), np.void(name.ljust(128, b"\0"))
        common = {"position": np.arange(3) * 8, "auxiliary_position": places}
        receiving = Operations(
            OperationCode.RECEIVE_MESSAGE, 3, file=b.fileno(), buffer=filled(b"", 24), length=8,
            auxiliary=heard.view(np.uint8), **common,
        )  # fmt: skip
        heard["name_length"] = 128
        queue.submit(receiving)
        sending = Operations(
            OperationCode.SEND_MESSAGE, 3, file=a.fileno(), buffer=filled(b"one     three   a long one."),
            length=np.array([3, 5, 11]), auxiliary=told.view(np.uint8), **common,
        )  # fmt: skip
        queue.transfer(sending)
        assert sending.results.tolist() == [3, 5, 11] and queue.wait(receiving)
        assert sorted(receiving.results.tolist()) == [3, 5, 8]
        assert bool(heard["flags"][receiving.results == 8][0] & socket.MSG_TRUNC)
        raw = heard["name"][0].tobytes()[: int(heard["name_length"][0])]
        assert unpack_address(raw) == a.getsockname()


@pytest.mark.real_files
def test_polls_end_when_there_is_something(queue: OperationQueue, pair: Pair) -> None:
    a, b = pair
    files = np.array([a.fileno(), b.fileno()], np.int32)
    polls = Operations(OperationCode.POLL, 2, file=files, flags=select.POLLIN)
    queue.submit(polls)
    assert not queue.wait(polls, timeout=0)
    a.send(b"x")
    b.send(b"y")
    assert queue.wait(polls) and (polls.results & select.POLLIN).all()


@pytest.mark.real_files
def test_rows_of_a_standing_batch_start_again_and_again(queue: OperationQueue, pair: Pair) -> None:
    a, b = pair
    heard: list[tuple[list[int], list[int]]] = []
    receives = Operations(
        OperationCode.RECEIVE, 2, file=np.array([a.fileno(), b.fileno()], np.int32), buffer=filled(b"", 16),
        position=np.array([0, 8]), length=8,
    )  # fmt: skip
    receives.on_rows = lambda _, rows, results: heard.append((rows.tolist(), results.tolist()))
    queue.stand(receives)

    class News:
        @property
        def remaining(self) -> int:
            return not heard

    for length in (1, 2, 3):
        queue.restart(receives, np.array([1], np.uint32))
        a.send(b"z" * length)
        assert queue.wait(News(), timeout=20) and heard.pop() == ([1], [length])
    queue.restart(receives, np.array([0, 1], np.uint32))
    assert queue.in_flight == 2
    queue.retire(receives)
    assert queue.wait(receives, timeout=20)
    assert sorted(row for rows, _ in heard for row in rows) == [0, 1]
    assert {result for _, results in heard for result in results} == {-errno.ECANCELED}


@pytest.mark.real_files
def test_no_such_descriptor(queue: OperationQueue) -> None:
    codes = (OperationCode.ACCEPT, OperationCode.RECEIVE, OperationCode.POLL, OperationCode.SHUTDOWN)
    for code in codes:
        failing = Operations(code, 1, file=987654)
        queue.transfer(failing)
        assert failing.results.tolist() == [-errno.EBADF]


def test_the_simulated_machine_has_no_sockets() -> None:
    queue = make_hal("simulated").new_queue(8)
    refused = Operations(OperationCode.RECEIVE, 2, file=3, buffer=filled(b"", 8), length=8)
    queue.transfer(refused)
    assert refused.results.tolist() == [-errno.EOPNOTSUPP] * 2
    queue.close()
