"""Ctrl-C anywhere in the calls of a port, its workers and its executor: each packet is in one place afterwards.

A call that is interrupted may have happened or not. What was posted is queued or was never posted; what was taken is
with the caller, or in the queue in its old order; threads that were started can be ended; futures come to an end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

import ntio
from interrupts import every_interrupt
from ntio.hal import machine as hal_module
from ntio.io_manager.ports import completion_port as nt_port_module
from ntio.io_manager.ports import packets as packets_module
from ntio.kernel import queue_object as queue_module
from ntio.kernel import thread as thread_module
from ntio.system.ports import completion_port as port_module
from ntio.system.ports import port_executor as executor_module
from ntio.system.ports import port_workers as workers_module

pytestmark = [pytest.mark.row("R33", "R36", "R37", "R38", "R39"), pytest.mark.slow]

TRACED = port_module, nt_port_module, packets_module, queue_module, thread_module, hal_module


def posted(port: ntio.CompletionPort) -> None:
    """Packets 0 to 5: alone, together, alone."""
    port.post(key=0)
    port.post_many(0, range(1, 5))
    port.post(key=5)


def rest(port: ntio.CompletionPort) -> list[int]:
    return port.get_many(100, 0).key.tolist()  # type: ignore[no-any-return]


def get(port: ntio.CompletionPort) -> list[int]:
    packet = port.get()
    return [] if packet is None else [packet.key]


def get_in_time(port: ntio.CompletionPort) -> list[int]:
    packet = port.get(5)
    return [] if packet is None else [packet.key]


def get_many(count: int) -> Callable[[ntio.CompletionPort], list[int]]:
    return lambda port: port.get_many(count).key.tolist()


def get_next(port: ntio.CompletionPort) -> list[int]:
    return [next(iter(port)).key]


WAYS = {
    "get": get, "get with a time": get_in_time, "next": get_next,
    "get_many(1)": get_many(1), "get_many(3)": get_many(3), "get_many(9)": get_many(9),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bound", [False, True])
def test_a_thread_that_takes_loses_nothing(system: ntio.System, way: str, bound: bool) -> None:
    runs = 0
    for interrupt in every_interrupt(*TRACED, returns=False):
        port = ntio.CompletionPort(1, system=system)
        if bound:
            port.get(0)
        posted(port)
        taken: list[int] = []
        with interrupt:
            taken = WAYS[way](port)
        assert taken + rest(port) == [0, 1, 2, 3, 4, 5]
        assert port.statistics().active == 1 and not port.statistics().waiting
        runs += 1
    assert runs > 5


class Handing:
    """In the place of a thread's bell: while the thread sleeps, something is posted."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens = happens

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        self._happens()
        return True

    def release(self) -> None:
        """Nobody sleeps."""


@pytest.mark.parametrize("way", WAYS)
def test_a_thread_that_is_handed_packets_while_it_waits_loses_nothing(system: ntio.System, way: str) -> None:
    thread = system.io.threads.current()
    runs = 0
    for interrupt in every_interrupt(*TRACED, returns=False):
        port = ntio.CompletionPort(1, system=system)
        came: list[bool] = []

        def hand_over(port: ntio.CompletionPort = port, came: list[bool] = came) -> None:
            if not came:
                # On a thread of its own, which Ctrl-C does not reach.
                poster = threading.Thread(target=lambda: (posted(port), came.append(True)))
                poster.start()
                poster.join()

        thread.bell = Handing(hand_over)  # type: ignore[assignment]
        taken: list[int] = []
        with interrupt:
            taken = WAYS[way](port)
        assert taken + rest(port) == ([0, 1, 2, 3, 4, 5] if came else [])
        assert not port.statistics().waiting
        runs += 1
    assert runs > 5


def post(port: ntio.CompletionPort) -> None:
    port.post(key=7)


def post_columns(port: ntio.CompletionPort) -> None:
    port.post_many(np.zeros(2, np.uint64), np.array([7, 8], np.uint64))


def post_sequences(port: ntio.CompletionPort) -> None:
    port.post_many(0, [7, 8], overlapped=["a", "b"])


@pytest.mark.parametrize("send", [post, post_columns, post_sequences])
def test_what_is_posted_is_there_whole_or_not_at_all(
    system: ntio.System, send: Callable[[ntio.CompletionPort], None]
) -> None:
    found = set()
    for interrupt in every_interrupt(*TRACED, returns=False):
        port = ntio.CompletionPort(1, system=system)
        port.post(key=1)
        with interrupt:
            send(port)
        found.add(tuple(rest(port)))
        if not interrupt.happened:
            assert len(found) == 2 and (1,) in found
    assert found == ({(1,), (1, 7)} if send is post else {(1,), (1, 7, 8)})


def test_blocking_leaves_a_thread_as_it_was(system: ntio.System) -> None:
    for interrupt in every_interrupt(*TRACED, returns=False):
        with ntio.CompletionPort(1, system=system) as port:
            port.get(0)
            with interrupt, port.blocking(), port.blocking():
                assert port.statistics().active == 0
            assert port.statistics().active <= 1
            port.get(0)
            assert port.statistics().active == 1
            with port.blocking():  # its place is free in its next wait, and taken after
                assert port.statistics().active == 0
            assert port.statistics().active == 1


def test_a_port_that_is_closed_wakes_everybody(system: ntio.System) -> None:
    for interrupt in every_interrupt(*TRACED, returns=False):
        port = ntio.CompletionPort(1, system=system)
        ends: list[object] = []
        waiting = threading.Thread(target=lambda port=port, ends=ends: ends.append(list(port)))  # type: ignore[misc]
        waiting.start()
        while not port.statistics().waiting:
            pass
        with interrupt:
            port.close()
        if not port.closed:
            port.close()
        waiting.join()
        assert ends == [[]]


def test_workers_are_ended_and_leave_nothing(system: ntio.System) -> None:
    for interrupt in every_interrupt(workers_module, *TRACED[:2], returns=False):
        port = ntio.CompletionPort(2, system=system)
        port.post_many(0, range(5))
        seen: list[int] = []
        workers = None
        with interrupt:
            workers = port.workers(lambda packet, seen=seen: seen.append(packet.key), 2)
            workers.stop()
        if workers is not None:
            workers.stop()
        else:  # the threads that were started end without being told
            port.post(key=5)
            while port.statistics().released or port.statistics().waiting:
                pass
        assert sorted(seen + rest(port)) in ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 3, 4])
        port.close()


def test_what_an_executor_was_given_is_done(system: ntio.System) -> None:
    for interrupt in every_interrupt(executor_module, nt_port_module, returns=False):
        executor = ntio.PortExecutor(1, 1, system=system)
        made: list[int] = []
        future: Future[Any] | None = None
        with interrupt:
            future = executor.submit(made.append, 1)
            executor.shutdown()
        executor.shutdown()
        assert made == [1] or (future is None and made == [])
        assert future is None or future.done()
        assert not any(thread.is_alive() for thread in executor._threads)
