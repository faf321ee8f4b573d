"""Who reaps what arrives at a completion port: the thread that waits there, and nobody else while one does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ntio
from interrupts import every_interrupt
from ntio.hal import sleeping as sleeping_module
from ntio.io_manager import network as network_module
from ntio.io_manager.network import Network
from ntio.io_manager.ports.completion_port import CompletionPort as NtPort
from ntio.testing.hal_row_tests import beside, eventually

pytestmark = [pytest.mark.real_files, pytest.mark.row("R30", "R34")]

SECONDS = 20.0


@pytest.fixture
def inserted_by(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that put packets in."""
    names: list[str] = []
    insert = NtPort.insert_packet

    def noted(port: NtPort, *fields: Any) -> None:
        names.append(threading.current_thread().name)
        insert(port, *fields)

    monkeypatch.setattr(NtPort, "insert_packet", noted)
    return names


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have the network's own thread leave everything to others from then on."""
    return lambda: monkeypatch.setattr(network_module, "_PATIENCE", SECONDS)


@pytest.fixture
def pipe(system: ntio.System, tmp_path: Path) -> Iterator[tuple[ntio.File, int]]:
    """An overlapped file that is the end of a pipe, and the descriptor of the other end."""
    os.mkfifo(path := tmp_path / "pipe")
    write = os.open(path, os.O_RDWR)
    with ntio.open(str(path), overlapped=True, system=system) as file:
        yield file, write
    os.close(write)


def asks(system: ntio.System) -> Callable[[], bool]:
    """Whether a port's thread waits for the host."""
    network: Network = system.io.network()
    return lambda: network.asking is not None and network.asking.waker is not None


def test_a_program_of_one_thread_reaps_what_it_started(
    system: ntio.System, tmp_path: Path, inserted_by: list[str], alone: Callable[[], None]
) -> None:
    alone()
    (path := tmp_path / "bytes").write_bytes(bytes(range(256)))
    with (
        ntio.CompletionPort(system=system) as port,
        ntio.open(str(path), overlapped=True, system=system) as file,
    ):
        port.associate(file, 7)
        for offset in range(40):
            started = file.start_read(2, offset)
            packet = port.get(SECONDS)
            assert packet is not None and (packet.key, packet.overlapped, packet.bytes) == (7, started, 2)
    assert set(inserted_by) == {threading.current_thread().name}


def test_what_comes_while_a_thread_waits_is_reaped_by_it(
    system: ntio.System, pipe: tuple[ntio.File, int], inserted_by: list[str], alone: Callable[[], None]
) -> None:
    alone()
    file, write = pipe
    with ntio.CompletionPort(system=system) as port:
        port.associate(file, 1)
        started = file.start_read(8, 0)
        helper = beside(lambda: (eventually(asks(system)), os.write(write, b"hello")))
        packet = port.get(SECONDS)
        helper.join()
        assert packet is not None and packet.overlapped is started and packet.bytes == 5
    assert inserted_by == [threading.current_thread().name]


def test_a_post_and_a_limit_wake_a_thread_that_sleeps_in_the_ring(
    system: ntio.System, pipe: tuple[ntio.File, int], alone: Callable[[], None]
) -> None:
    alone()
    file, write = pipe
    with ntio.CompletionPort(system=system) as port:
        port.associate(file, 1)
        file.start_read(8, 0)
        assert port.get(0.01) is None
        helper = beside(lambda: (eventually(asks(system)), port.post(key=3)))
        packet = port.get(SECONDS)
        helper.join()
        assert packet is not None and packet.key == 3
        os.write(write, b"x")
        assert len(port.get_many(4, SECONDS)) == 1


def test_a_socket_is_heard_of_by_a_thread_that_sleeps_in_the_ring(
    system: ntio.System, pipe: tuple[ntio.File, int], inserted_by: list[str], alone: Callable[[], None]
) -> None:
    file, _ = pipe
    with (
        ntio.CompletionPort(system=system) as port,
        ntio.Socket(system=system) as listener,
        ntio.Socket(system=system) as client,
    ):
        port.associate(file, 1)
        read = file.start_read(8, 0)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.address)
        with listener.accept() as server:
            port.associate(server, 2)
            alone()
            assert port.get(0.001) is None  # from now on this thread asks
            for turn in range(3):  # the watch is one-shot: it is set up again
                received = server.start_receive(4)
                helper = beside(lambda: (eventually(asks(system)), client.send(b"data")))
                packet = port.get(SECONDS)
                helper.join()
                assert packet is not None and packet.key == 2 and packet.overlapped is received, turn
        read.cancel()
        packet = port.get(SECONDS)
        assert packet is not None and packet.key == 1 and not packet.ok
    assert set(inserted_by) <= {threading.current_thread().name}


def test_what_nobody_waits_for_at_a_port_is_reaped_all_the_same(
    system: ntio.System, pipe: tuple[ntio.File, int], inserted_by: list[str]
) -> None:
    file, write = pipe
    with ntio.CompletionPort(system=system) as port:
        port.associate(file, 1)
        started = file.start_read(8, 0)
        os.write(write, b"hello")
        started.wait(SECONDS)
        assert len(port) == 1
    assert inserted_by == ["ntio network"]


class Pause:
    """In the place of a network's own pause: naps are noted, and over at once."""

    def __init__(self, network: Any) -> None:
        self._former = network._pause
        self.naps: list[float] = []
        self.release = self._former.release
        network._pause = self

    def acquire(self, timeout: float) -> bool:
        """Leave the asking to others, or note a nap."""
        if timeout == network_module._PATIENCE:
            return self._former.acquire(timeout=timeout)  # type: ignore[no-any-return]
        self.naps.append(timeout)
        return False


@pytest.mark.parametrize("ring", [False, True], ids=["set", "ring"])
def test_the_networks_own_thread_naps_after_news_that_nobody_waited_for(system: ntio.System, ring: bool) -> None:
    with ntio.Socket(system=system) as listener, ntio.Socket(system=system) as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.address)
        with listener.accept() as server:
            if ring:
                system.io.network().ring()
            server.start_receive(2)
            client.send(b"a")
            eventually(lambda: not len(server.file_object.fs_context.receives))
            pause = Pause(system.io.network())
            for times in range(1, 7):
                client.send(b"b")
                eventually(lambda: len(pause.naps) >= times)  # noqa: B023
            assert pause.naps[:6] == [0.0001, 0.0002, 0.0004, 0.0008, 0.001, 0.001]
            assert server.receive(20) == b"bbbbbb"
            received = server.start_receive(2)
            client.send(b"c")
            assert received.wait(SECONDS) == 1
            client.send(b"d")
            eventually(lambda: len(pause.naps) >= 7)
            assert pause.naps[6:] == [0.0001]


def test_two_threads_at_a_port_share_what_comes(system: ntio.System, pipe: tuple[ntio.File, int]) -> None:
    file, write = pipe
    taken: list[ntio.Packet] = []
    with ntio.CompletionPort(system=system) as port:
        port.associate(file, 1)

        def work() -> None:
            while (packet := port.get(SECONDS)) is not None and packet.key:
                taken.append(packet)
                if len(taken) < 50:
                    file.start_read(1, 0)
                    os.write(write, b"y")
                else:
                    port.post_many([0, 0], [0, 0])

        file.start_read(1, 0)
        helper = beside(work)
        os.write(write, b"x")
        work()
        helper.join()
    assert len(taken) == 50


@pytest.mark.slow
def test_no_packet_is_lost_when_a_thread_that_sleeps_in_the_ring_is_interrupted(
    system: ntio.System, pipe: tuple[ntio.File, int]
) -> None:
    file, write = pipe
    runs = 0
    with ntio.CompletionPort(system=system) as port:
        port.associate(file, 1)
        for interrupt in every_interrupt(network_module, sleeping_module, returns=False):
            started = file.start_read(8, 0)
            assert port.get(0.001) is None  # so that the network's own thread leaves the asking to this one
            os.write(write, b"ab")
            packet = None
            with interrupt:
                packet = port.get(SECONDS)
            if packet is None:
                packet = port.get(SECONDS)
            assert packet is not None and packet.overlapped is started and packet.bytes == 2
            runs += 1
    assert runs > 15
