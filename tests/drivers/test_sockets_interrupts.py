"""Ctrl-C while news are asked for, worked on, and handed to a port: nothing is lost, nobody else waits for ever."""

from __future__ import annotations

import signal
import threading

import pytest

import ntio
from interrupts import every_interrupt
from ntio.drivers.sockets import endpoint as endpoint_module
from ntio.drivers.sockets import waiting as waiting_module
from ntio.hal import readiness as readiness_module
from ntio.hal.readiness import ReadySet
from ntio.io_manager import completion as completion_module
from ntio.io_manager import dispatch as dispatch_module
from ntio.io_manager import network as network_module
from ntio.status import STATUS_CANCELLED, STATUS_CONNECTION_RESET
from socket_peers import SECONDS, connected, listening, outcome_of, reset

pytestmark = [pytest.mark.real_files, pytest.mark.row("R26", "R33", "R34")]


def packets_of(port: ntio.CompletionPort, count: int) -> list[ntio.Packet]:
    found = []
    while len(found) < count:
        packet = port.get(SECONDS)
        assert packet is not None
        found.append(packet)
    assert port.get(0) is None
    return found


@pytest.mark.slow
@pytest.mark.parametrize("many", [False, True], ids=["one", "several"])
def test_no_packet_is_lost_when_a_thread_that_asks_is_interrupted(system: ntio.System, many: bool) -> None:
    """Two receives of one socket and one of another end while the main thread waits, interrupted at every place."""
    runs = 0
    modules = (network_module, readiness_module, waiting_module, endpoint_module, completion_module, dispatch_module)
    with (
        connected(system) as (client, server),
        connected(system) as (other, peer),
        ntio.CompletionPort(system=system) as port,
    ):
        port.associate(server, 1)
        port.associate(peer, 2)
        for interrupt in every_interrupt(*modules, returns=False):
            started = [server.start_receive(2), server.start_receive(2), peer.start_receive(2)]
            assert port.get(0.001) is None  # so that the network's own thread leaves the asking to this one
            client.send(b"abcd")
            other.send(b"ef")
            taken: list[ntio.Packet] = []
            with interrupt:
                if many:
                    taken = [*(port.get_many(1, SECONDS) or [])]
                else:
                    taken = [packet for packet in [port.get(SECONDS)] if packet is not None]
            taken += packets_of(port, 3 - len(taken))
            assert {packet.overlapped for packet in taken} == set(started)
            assert [bytes(one.data) for one in started] == [b"ab", b"cd", b"ef"]
            order = [packet.overlapped for packet in taken if packet.key == 1]
            assert order == started[:2]
            runs += 1
    assert runs > 30


@pytest.mark.slow
@pytest.mark.parametrize("what", ["cancel", "close", "reset"])
def test_a_call_that_is_interrupted_leaves_nothing_behind(system: ntio.System, what: str) -> None:
    runs = 0
    for interrupt in every_interrupt(waiting_module, network_module, endpoint_module, returns=False):
        with connected(system) as (client, server):
            first, second = server.start_receive(4), server.start_receive(4)
            end = {"cancel": first.cancel, "close": client.close, "reset": lambda: reset(client)}[what]
            with interrupt:
                end()
            first.cancel()
            if what == "cancel":
                client.send(b"data")
                assert outcome_of(lambda: second.wait(SECONDS)) == 4  # noqa: B023
            client.close()
            ends = [outcome_of(lambda: one.wait(SECONDS)) for one in (first, second)]  # noqa: B023
            assert set(ends) <= {0, 4, STATUS_CANCELLED, STATUS_CONNECTION_RESET} and first.done and second.done
        runs += 1
    assert runs > 5


@pytest.mark.slow
def test_an_interrupted_accept_or_connect_leaves_a_socket_that_can_be_closed(system: ntio.System) -> None:
    runs = 0
    with listening(system) as listener:
        for interrupt in every_interrupt(waiting_module, endpoint_module, network_module, returns=False):
            client, server = ntio.Socket(system=system), ntio.Socket(for_accept=True, system=system)
            with interrupt:
                accepting = listener.start_accept(server)
                client.connect(listener.address, b"x", SECONDS)
                accepting.wait(SECONDS)
            client.close()
            server.close()
            with ntio.Socket(system=system) as client:
                client.connect(listener.address, b"next", SECONDS)
                seen = b""
                while seen != b"next":
                    with listener.accept(SECONDS) as server:
                        seen = server.receive(10, SECONDS)
            runs += 1
    assert runs > 20


def test_a_port_that_waits_for_sockets_is_interrupted_by_the_signal_itself(system: ntio.System) -> None:
    main = threading.get_ident()
    with connected(system) as (client, server), ntio.CompletionPort(system=system) as port:
        port.associate(server, 1)
        receiving = server.start_receive(4)
        noticed = threading.Event()

        def interrupt() -> None:
            while not noticed.wait(0.005):
                signal.pthread_kill(main, signal.SIGINT)

        def once(number: int, frame: object) -> None:
            if not noticed.is_set():
                noticed.set()
                raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, once)
        thread = threading.Thread(target=interrupt)
        try:
            thread.start()
            with pytest.raises(KeyboardInterrupt):
                port.get(SECONDS)
        finally:
            noticed.set()
            thread.join()
            signal.signal(signal.SIGINT, before)
        client.send(b"late")
        packet = port.get(SECONDS)
        assert packet is not None and packet.overlapped is receiving and bytes(receiving.data) == b"late"


def test_a_wait_that_is_woken_has_not_run_out_of_time() -> None:
    """Otherwise whoever waits with a limit would give up long before it is reached."""
    ready = ReadySet()
    try:
        ready.wake()
        assert ready.wait(SECONDS) == [] and ready.wait(0) is None
    finally:
        ready.close()
