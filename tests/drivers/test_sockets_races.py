"""Several threads at one socket: whole messages, data and packets in one order, each request ended once."""

from __future__ import annotations

import os
import socket as host
import threading
from collections.abc import Callable

import pytest

import ntio
from ntio.drivers.sockets import Endpoint
from ntio.drivers.sockets.records import IOCTL_AFD_SEND, TF_REUSE_SOCKET, Transfer
from ntio.hal.host_sockets import HostSocket
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.socket_service import give_up, try_socket
from ntio.status import STATUS_CANCELLED, STATUS_CONNECTION_RESET, STATUS_FILE_CLOSED, STATUS_PENDING
from socket_peers import SECONDS, connected, listening, outcome_of, received, reset, status_of

pytestmark = [pytest.mark.real_files, pytest.mark.row("R26", "R34")]


def together(*calls: Callable[[], object]) -> None:
    """Make the calls at the same time, one thread each; raises what one of them raises."""
    gate, failed = threading.Barrier(len(calls)), []

    def run(call: Callable[[], object]) -> None:
        gate.wait(SECONDS)
        try:
            call()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if failed:
        raise failed[0]


def test_a_send_that_moved_a_part_without_a_packet_is_not_broken_into(system: ntio.System) -> None:
    """Another thread's send that comes before the rest has its packet waits for it."""
    with connected(system) as (client, server):
        data, answer, record = b"x" * 20_000_000, IoStatusBlock(STATUS_PENDING), Transfer()
        assert not try_socket(client.file_object, answer, IOCTL_AFD_SEND, record, memoryview(data))
        assert 0 < record.done < len(data)
        moved, got = record.done, 0
        while got < moved:
            got += len(server.receive(1 << 20, SECONDS))
        other = client.start_send(b"other")  # there is room again
        assert other.status == STATUS_PENDING
        give_up(record)  # the rest is not sent after all
        assert other.wait(SECONDS) == 5 and server.receive(10, SECONDS) == b"other"


@pytest.mark.slow
def test_messages_of_several_threads_stay_whole(system: ntio.System) -> None:
    size, count = 300_000, 12
    with connected(system) as (client, server):

        def send(letter: bytes) -> Callable[[], None]:
            return lambda: [client.send(letter * size, SECONDS) for _ in range(count)] and None

        data = bytearray()

        def receive() -> None:
            while len(data) < 3 * size * count:
                data.extend(server.receive(1 << 16, SECONDS))

        together(send(b"a"), send(b"b"), send(b"c"), receive)
        messages = {bytes(data[start : start + size]) for start in range(0, len(data), size)}
        assert messages == {b"a" * size, b"b" * size, b"c" * size}


@pytest.mark.slow
def test_packets_come_in_the_order_of_the_data(system: ntio.System) -> None:
    """One thread starts receives; what waited and what was there at once end in one order, whoever sees the news."""
    total = 3000
    with connected(system) as (client, server), ntio.CompletionPort(system=system) as port:
        port.associate(server, 1)
        order: list[int] = []
        starting = threading.Semaphore(20)

        def start() -> None:
            for number in range(total):
                assert starting.acquire(timeout=SECONDS)
                server.start_receive(4, overlapped=number)

        def send() -> None:
            for number in range(total):
                client.send(number.to_bytes(4, "little"), SECONDS)

        def take() -> None:
            while len(order) < total:
                packet = port.get(SECONDS)
                assert packet is not None and packet.bytes == 4
                order.append(packet.overlapped)
                starting.release()

        together(start, send, take)
        assert order == list(range(total))


def test_a_completion_that_receives_again_does_not_overtake(
    system: ntio.System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While news are worked on, the fast way is closed: its packet would come before those of older receives."""
    with connected(system) as (client, server), ntio.CompletionPort(system=system) as port:
        port.associate(server, 1)
        endpoint: Endpoint = server.file_object.fs_context
        end = endpoint.receives._end
        late: list[ntio.SocketOperation] = []

        def ending(irp: ntio.Irp, outcome: tuple[int, int], over: None) -> int:
            if not late:
                late.append(server.start_receive(1, overlapped="late"))
            return end(irp, outcome, over)

        monkeypatch.setattr(endpoint.receives, "_end", ending)
        server.start_receive(1, overlapped="waited")
        client.send(b"ab")
        packets = [port.get(SECONDS), port.get(SECONDS)]
        assert [one and one.overlapped for one in packets] == ["waited", "late"]
        assert bytes(late[0].data) == b"b"


def test_a_socket_that_closes_as_a_connection_becomes_it(system: ntio.System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of the connection, wherever the close comes; the packet says which was first."""
    with listening(system) as listener:
        accept = HostSocket.accept
        server = ntio.Socket(for_accept=True, system=system)
        closer = threading.Thread(target=server.close)

        def slow(one: HostSocket) -> HostSocket | int:
            made = accept(one)
            if isinstance(made, HostSocket):
                closer.start()
                os.sched_yield()
            return made

        accepting = listener.start_accept(server)
        monkeypatch.setattr(HostSocket, "accept", slow)
        with ntio.Socket(system=system) as client:
            client.connect(listener.address)
            assert outcome_of(lambda: accepting.wait(SECONDS)) in (0, STATUS_CANCELLED)
            closer.join()
            assert client.receive(1, SECONDS) == b""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["close", "reset", "cancel", "shutdown"])
def test_ends_that_meet_traffic(system: ntio.System, how: str) -> None:
    """Every request ends once, and every byte that was received is one that was sent, in order."""
    for turn in range(25):
        with connected(system) as (client, server), ntio.CompletionPort(system=system) as port:
            port.associate(server, 1)
            taken: dict[int, tuple[int, int]] = {}
            started: list[ntio.SocketOperation] = []

            def start(started: list[ntio.SocketOperation] = started, server: ntio.Socket = server) -> None:
                for number in range(40):
                    try:
                        started.append(server.start_receive(3, overlapped=number))
                    except ntio.NtError:
                        return

            def send(client: ntio.Socket = client) -> None:
                for number in range(10):
                    outcome_of(lambda: client.send(bytes([3 * number] * 6)))  # noqa: B023

            def end(server: ntio.Socket = server, client: ntio.Socket = client, turn: int = turn) -> None:
                for _ in range(turn):
                    os.sched_yield()
                {"close": server.close, "reset": lambda: reset(client), "shutdown": lambda: outcome_of(client.shutdown),
                 "cancel": lambda: [one.cancel() for one in list(started)]}[how]()  # fmt: skip # noqa: B023

            together(start, send, end)
            outcome_of(client.close)
            while len(taken) < len(started):
                packet = port.get(SECONDS)
                assert packet is not None and packet.overlapped not in taken
                taken[packet.overlapped] = packet.bytes, packet.status
            assert port.get(0) is None
            assert {one for _, one in taken.values()} <= {0, STATUS_CANCELLED, STATUS_CONNECTION_RESET}
            data = b"".join(bytes(started[number].data) for number in sorted(taken))
            assert list(data) == sorted(data)


@pytest.mark.slow
def test_sockets_that_are_reused_while_others_use_them(system: ntio.System) -> None:
    """Descriptors go round: nobody receives on one that is another socket's by now."""
    with listening(system) as listener, ntio.Socket(system=system) as client:
        for _ in range(60):
            client.connect(listener.address, b"hello")
            with listener.accept(SECONDS) as server:

                def receive() -> None:
                    while True:
                        got = outcome_of(lambda: client.receive(10, SECONDS))
                        if not isinstance(got, bytes) or not got:
                            return
                        assert got == b"for you"

                def end(server: ntio.Socket = server) -> None:
                    server.send(b"for you")
                    server.shutdown()
                    assert received(server) == b"hello"

                together(receive, lambda: client.disconnect(TF_REUSE_SOCKET, SECONDS), end)


def test_a_host_wide_timeout_of_python_does_not_make_attempts_wait(system: ntio.System) -> None:
    host.setdefaulttimeout(SECONDS)
    try:
        with connected(system) as (client, server):
            waiting = server.start_receive(10)
            assert waiting.status == STATUS_PENDING  # at once, and not after that time
            client.send(b"x")
            assert waiting.wait(SECONDS) == 1
            assert server.file_object.fs_context.host._socket.gettimeout() is None
    finally:
        host.setdefaulttimeout(None)


def test_nothing_starts_on_a_closed_socket(system: ntio.System) -> None:
    with connected(system) as (client, _):
        endpoint: Endpoint = client.file_object.fs_context
        client.close()
        assert status_of(client.start_disconnect) == STATUS_FILE_CLOSED and endpoint.host is None
