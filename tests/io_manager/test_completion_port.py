"""The port: who gets which packet, what a wait ends with, and that nothing is lost or given twice, whatever happens."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from interrupts import every_interrupt
from iocp_bench import until
from ntio import System
from ntio.bugcheck import BugCheck, BugCheckCode
from ntio.io_manager.ports import completion_port as port_module
from ntio.io_manager.ports.completion_port import CompletionPort
from ntio.io_manager.ports.packets import Packet
from ntio.kernel import queue_object as queue_module
from ntio.kernel import thread as thread_module
from ntio.kernel.apc import queue_apc
from ntio.kernel.event import Event
from ntio.status import (
    STATUS_ABANDONED_WAIT_0,
    STATUS_CANCELLED,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
    STATUS_USER_APC,
    InvalidParameter,
)

pytestmark = pytest.mark.row("R35", "R36", "R37", "R38", "R39")


@pytest.fixture
def port(system: System) -> CompletionPort:
    return CompletionPort(system.io, 1)


def post(port: CompletionPort, *keys: int) -> None:
    for key in keys:
        port.insert_packet(key, None, STATUS_SUCCESS, 0)


def post_run(port: CompletionPort, *keys: int) -> None:
    port.insert_many((np.array(keys, np.uint64), None, np.zeros(len(keys), np.uint64), None))


def keys(port: CompletionPort, count: int = 100) -> list[int]:
    """Take up to so many packets that are there."""
    packets = port.remove_many(count, 0)[1]
    return [] if packets is None else packets.key.tolist()


class Worker:
    """A thread that does one thing after the other, as it is told; `results` are what came of them."""

    def __init__(self) -> None:
        self.results: list[Any] = []
        self._orders: list[Callable[[], Any] | None] = []
        self._told = threading.Semaphore(0)
        self.thread = threading.Thread(target=self._live, daemon=True)
        self.thread.start()

    def _live(self) -> None:
        while True:
            self._told.acquire()
            order = self._orders.pop(0)
            if order is None:
                return
            try:
                self.results.append(order())
            except BaseException as error:
                self.results.append(error)

    def does(self, order: Callable[[], Any]) -> None:
        """Tell it to do something, and do not wait."""
        self._orders.append(order)
        self._told.release()

    def asks(self, port: CompletionPort, **options: Any) -> None:
        """Have it wait at the port; returns when it does."""
        before = len(port.snapshot().waiters)
        self.does(lambda: port.remove(**options))
        until(lambda: len(port.snapshot().waiters) == before + 1)

    def done(self, count: int) -> list[Any]:
        """Its results, when there are so many."""
        until(lambda: len(self.results) >= count)
        return self.results

    def keys(self, count: int) -> list[int]:
        return [packet.key for _, packet in self.done(count)]

    def end(self) -> None:
        self._orders.append(None)
        self._told.release()
        self.thread.join()


@pytest.fixture
def workers(system: System) -> Iterator[list[Worker]]:
    made = [Worker() for _ in range(4)]
    yield made
    for port in list(system.io.ports):
        port.close()
    for worker in made:
        worker.end()


# --- packets ----------------------------------------------------------------------------------------------------------


def test_a_packet_comes_out_as_it_went_in(port: CompletionPort) -> None:
    thing = object()
    port.insert_packet(2**64 - 1, thing, STATUS_CANCELLED, 2**40)
    assert port.remove() == (STATUS_SUCCESS, Packet(2**64 - 1, thing, 2**40, STATUS_CANCELLED))
    assert port.remove(0) == (STATUS_TIMEOUT, None)


def test_packets_posted_together_and_alone_share_one_line(port: CompletionPort) -> None:
    post(port, 1)
    post_run(port, 2, 3, 4)
    post(port, 5)
    assert port.depth == 5
    assert keys(port, 2) == [1, 2]
    assert port.remove()[1] == Packet(3, None, 0, 0)
    assert keys(port) == [4, 5]


def test_columns_come_back_as_they_were_when_they_are_taken_whole(port: CompletionPort) -> None:
    columns = np.arange(9, dtype=np.uint64), None, np.arange(9, dtype=np.uint64), None
    port.insert_many(columns)
    taken = port.remove_many(100)[1]
    assert taken is not None and taken.key is columns[0] and taken.bytes is columns[2]


def test_what_another_thread_took_out_of_the_middle_is_not_taken_twice(system: System) -> None:
    port = CompletionPort(system.io, 2)

    def happens() -> None:
        post_run(port, 1, 2, 3, 4)
        port._queue.remove("another")
        del port._queue.given["another"]

    system.io.threads.current().bell = Told(happens, None)  # type: ignore[assignment]
    taken = port.remove_many(10)[1]  # given 1; while it woke, another took 2
    assert taken is not None and taken.key.tolist() == [1, 3, 4]


@pytest.mark.parametrize("count", [0, -1])
def test_no_packets_cannot_be_asked_for(port: CompletionPort, count: int) -> None:
    post(port, 1)
    with pytest.raises(InvalidParameter):
        port.remove_many(count)
    assert port.depth == 1


def test_everything_is_drained_without_working_for_the_port(port: CompletionPort) -> None:
    assert port.drain() is None
    post(port, 1, 2)
    drained = port.drain()
    assert drained is not None and drained.key.tolist() == [1, 2]
    assert port.snapshot().released == ()


# --- threads ----------------------------------------------------------------------------------------------------------


def test_the_thread_that_came_last_is_woken_first(system: System, workers: list[Worker]) -> None:
    port = CompletionPort(system.io, 16)
    for worker in workers:
        worker.asks(port)
    for key in range(4):
        post(port, key)
        assert workers[3 - key].keys(1) == [key]


def test_a_running_thread_keeps_the_port_though_others_wait(port: CompletionPort, workers: list[Worker]) -> None:
    first, second = workers[:2]
    second.asks(port)
    first.asks(port)
    post(port, 1, 2, 3)
    for count in (1, 2, 3):
        assert first.keys(count) == [1, 2, 3][:count]
        if count < 3:
            first.does(port.remove)
    assert second.results == [] and port.snapshot().active == 1


def test_a_thread_that_waits_for_an_event_lets_another_in(
    system: System, port: CompletionPort, workers: list[Worker]
) -> None:
    first, second, third = workers[:3]
    event = Event(system.hal)
    second.asks(port)
    first.asks(port)
    post(port, 1, 2)
    first.keys(1)
    first.does(event.wait)
    assert second.keys(1) == [2]  # woken by nothing but the first one's wait
    assert len(port.snapshot().paused) == 1
    event.set()
    first.done(2)
    assert port.snapshot().active == 2  # one too many, for a while
    third.asks(port)
    post(port, 3)
    assert port.depth == 1
    first.does(lambda: port.remove(0))
    assert first.done(3)[2] == (STATUS_TIMEOUT, None)  # over the limit nobody gets anything
    second.asks(port)
    first.does(lambda: port.remove(0))
    assert first.done(4)[3][1].key == 3


def test_a_wait_within_a_wait_counts_once(system: System, port: CompletionPort) -> None:
    post(port, 1)
    port.remove()
    with system.hal.waiting():
        assert port.snapshot().active == 0
        Event(system.hal, signaled=False).wait(0)
        assert port.snapshot().active == 0
    assert port.snapshot().active == 1


def test_a_thread_that_ends_frees_its_place(port: CompletionPort, workers: list[Worker]) -> None:
    leaving, waiting = Worker(), workers[0]
    leaving.asks(port)
    post(port, 1, 2)
    leaving.keys(1)
    waiting.does(port.remove)
    until(lambda: port.snapshot().waiters)
    leaving.end()
    assert waiting.keys(1) == [2]
    assert len(port.snapshot().released) == 1


def test_a_thread_that_asks_another_port_leaves_this_one(system: System, port: CompletionPort) -> None:
    other = CompletionPort(system.io, 1)
    port.remove(0)
    assert port.snapshot().active == 1
    other.remove(0)
    assert (port.snapshot().active, other.snapshot().active) == (0, 1)


def test_a_thread_that_never_asked_counts_nowhere(system: System, port: CompletionPort, workers: list[Worker]) -> None:
    workers[0].does(lambda: post(port, 1))
    workers[0].does(lambda: Event(system.hal).wait(0))
    workers[0].done(2)
    assert (port.snapshot().active, port.depth) == (0, 1)


# --- how a wait ends --------------------------------------------------------------------------------------------------


def test_a_wait_ends_after_its_time(port: CompletionPort) -> None:
    assert port.remove(0.01) == (STATUS_TIMEOUT, None)
    assert port.remove_many(5, 0.01) == (STATUS_TIMEOUT, None)
    assert (port.snapshot().active, port.snapshot().waiters) == (1, ())


@pytest.mark.parametrize("alertable", [False, True])
def test_only_an_alertable_wait_runs_routines(
    system: System, port: CompletionPort, workers: list[Worker], alertable: bool
) -> None:
    worker, ran = workers[0], []
    worker.does(system.io.threads.current)
    thread = worker.done(1)[0]
    worker.asks(port, alertable=alertable)
    queue_apc(thread, lambda: ran.append(threading.get_ident()))
    if alertable:
        assert worker.done(2)[1] == (STATUS_USER_APC, None)
        assert ran == [worker.thread.ident]
    else:
        post(port, 1)
        assert worker.done(2)[1][1].key == 1
        assert ran == []


def test_closing_sends_every_waiter_away_and_discards_what_comes(port: CompletionPort, workers: list[Worker]) -> None:
    for worker in workers:
        worker.asks(port)
    port.close()
    port.close()
    for worker in workers:
        assert worker.done(1) == [(STATUS_ABANDONED_WAIT_0, None)]
    post(port, 1)
    post_run(port, 2, 3)
    assert port.depth == 0
    assert port.remove() == (STATUS_ABANDONED_WAIT_0, None)


def test_a_stopped_system_sends_every_waiter_away(system: System, workers: list[Worker]) -> None:
    own = System("simulated")
    port = CompletionPort(own.io, 1)
    workers[0].asks(port)
    with pytest.raises(BugCheck):
        own.io.stop(BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS)
    assert workers[0].done(1) == [(STATUS_ABANDONED_WAIT_0, None)]
    own.close()


# --- interrupts -------------------------------------------------------------------------------------------------------

TRACED = port_module, queue_module, thread_module


def ask(port: CompletionPort) -> list[int]:
    packet = port.remove(0)[1]
    return [] if packet is None else [packet.key]


def ask_many(port: CompletionPort) -> list[int]:
    return keys(port, 3)


@pytest.mark.parametrize("take", [ask, ask_many])
def test_a_thread_interrupted_anywhere_while_it_takes_loses_nothing(
    system: System, take: Callable[[CompletionPort], list[int]]
) -> None:
    runs = 0
    for interrupt in every_interrupt(*TRACED):
        port = CompletionPort(system.io, 1)
        post(port, 1)
        post_run(port, 2, 3, 4)
        taken: list[int] = []
        with interrupt:
            taken = take(port)
        assert taken + keys(port) == [1, 2, 3, 4]
        assert port.snapshot().active == 1
        runs += 1
    assert runs > 10


class Told:
    """In the place of a thread's bell: whoever sleeps on it has something happen first, and is interrupted or not."""

    def __init__(self, happens: Callable[[], object], error: type[BaseException] | None) -> None:
        self._happens, self._error = happens, error

    def acquire(self, timeout: float = -1) -> bool:
        self._happens()
        if self._error is not None:
            raise self._error
        return True

    def release(self) -> None:
        pass


@pytest.mark.parametrize("many", [False, True])
def test_a_thread_interrupted_anywhere_while_it_waits_loses_nothing(system: System, many: bool) -> None:
    thread = system.io.threads.current()
    runs = 0
    for interrupt in every_interrupt(*TRACED):
        port = CompletionPort(system.io, 1)
        thread.bell = Told(lambda port=port: post_run(port, 1, 2, 3), None)  # type: ignore[misc, assignment]
        taken: list[int] = []
        with interrupt:
            if many:
                packets = port.remove_many(2)[1]
                taken = [] if packets is None else packets.key.tolist()
            else:
                packet = port.remove()[1]
                taken = [] if packet is None else [packet.key]
        rest = keys(port)
        assert taken + rest in ([1, 2, 3], [])  # none: interrupted before it slept, so that nothing was posted
        assert not (rest == [] and taken)
        runs += 1
    assert runs > 10


def test_a_packet_given_to_a_sleeper_that_is_interrupted_goes_to_the_next(
    system: System, port: CompletionPort, workers: list[Worker]
) -> None:
    thread = system.io.threads.current()
    workers[0].asks(port)
    thread.bell = Told(lambda: post(port, 1, 2), KeyboardInterrupt)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        port.remove()
    assert workers[0].keys(1) == [1]
    assert (port.depth, len(port.snapshot().paused)) == (1, 1)


def test_a_poster_interrupted_anywhere_leaves_no_waiter_asleep_over_its_packet(system: System) -> None:
    runs = 0
    for interrupt in every_interrupt(*TRACED):
        port, worker = CompletionPort(system.io, 1), Worker()
        worker.asks(port)
        with interrupt:
            post_run(port, 1, 2)
        if worker.results or port.snapshot().waiters == () or port.depth:
            assert worker.keys(1) == [1]
            assert port.depth == 1
        else:
            port.close()  # it was interrupted before anything was posted
            assert worker.done(1) == [(STATUS_ABANDONED_WAIT_0, None)]
        worker.end()
        runs += 1
    assert runs > 5


def test_a_real_interrupt_of_a_wait(port: CompletionPort) -> None:
    main = threading.get_ident()

    def interrupt() -> None:
        until(lambda: port.snapshot().waiters)
        while port.snapshot().waiters:
            signal.pthread_kill(main, signal.SIGINT)
            noticed.wait(0.01)

    noticed = threading.Event()
    thread = threading.Thread(target=interrupt)

    def handle(number: int, frame: object) -> None:
        if not noticed.is_set():
            noticed.set()
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handle)
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            port.remove()
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    post(port, 1)
    assert ask(port) == [1]
