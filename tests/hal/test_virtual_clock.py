"""The simulated machine's clock: a limit takes no time of ours, and is reached only when nothing else can happen."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from interrupts import every_interrupt
from iocp_bench import until
from ntio.hal import virtual_clock
from ntio.hal.choose import make_hal
from ntio.hal.machine import Hal
from ntio.hal.virtual_clock import VirtualClock

pytestmark = pytest.mark.row("R11", "R30")

HOUR = 3600.0


@contextmanager
def another_thread() -> Iterator[None]:
    """A thread that only waits: with it nobody is alone, and time may pass all the same."""
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait)
    thread.start()
    try:
        yield
    finally:
        leave.set()
        thread.join()


@pytest.fixture
def hal() -> Hal:
    return make_hal("simulated")


def taken_lock(hal: Hal) -> threading.Lock:
    lock = hal.new_lock()
    lock.acquire()
    return lock


@pytest.mark.parametrize("alone", [True, False])
def test_a_limit_passes_exactly_when_nobody_can_do_anything(hal: Hal, alone: bool) -> None:
    lock, clock = taken_lock(hal), hal.clock
    if alone:
        assert not hal.nap(lock, HOUR)
    else:
        with another_thread():
            assert not hal.sleep_on(lock, HOUR)
    assert clock.now() == HOUR
    assert not hal.nap(lock, 0) and not hal.nap(lock, -1)
    assert clock.now() == HOUR


def test_what_comes_takes_no_time(hal: Hal) -> None:
    lock = hal.new_lock()
    assert hal.nap(lock, HOUR) and hal.clock.now() == 0
    thread = threading.Thread(target=lock.release)
    thread.start()
    assert hal.sleep_on(lock, HOUR)
    thread.join()
    assert hal.clock.now() == 0


def test_who_works_is_waited_for(hal: Hal) -> None:
    """A thread that is busy for many looks, and only then lets the waiter go on."""
    lock, looks = taken_lock(hal), []

    def works() -> None:
        while len(looks) < 5:
            pass
        lock.release()

    def came(seconds: float) -> bool:
        looks.append(seconds)
        return lock.acquire(timeout=seconds)

    thread = threading.Thread(target=works)
    thread.start()
    assert isinstance(hal.clock, VirtualClock)
    assert hal.clock.wait(came, HOUR) and hal.clock.now() == 0
    thread.join()
    assert len(looks) >= 5


def test_time_passes_as_on_a_real_machine_while_somebody_works(hal: Hal) -> None:
    lock, done = taken_lock(hal), threading.Event()
    thread = threading.Thread(target=lambda: until(done.is_set))
    thread.start()
    assert not hal.nap(lock, 0.005) and hal.clock.now() == 0.005
    done.set()
    thread.join()


def test_waits_end_in_the_order_of_their_limits(hal: Hal) -> None:
    ended: list[tuple[float, float]] = []
    begin = threading.Barrier(4)

    def waits(seconds: float) -> Callable[[], None]:
        def wait() -> None:
            begin.wait()
            hal.nap(taken_lock(hal), seconds)
            ended.append((seconds, hal.clock.now()))

        return wait

    threads = [threading.Thread(target=waits(seconds)) for seconds in (30.0, 10.0, 20.0)]
    for thread in threads:
        thread.start()
    begin.wait()
    for thread in threads:
        thread.join()
    assert ended == [(10.0, 10.0), (20.0, 20.0), (30.0, 30.0)]


def test_one_wait_brings_what_another_waits_for(hal: Hal) -> None:
    lock = taken_lock(hal)

    def rings() -> None:
        hal.nap(taken_lock(hal), 10)
        lock.release()

    thread = threading.Thread(target=rings)
    thread.start()
    assert hal.nap(lock, HOUR)
    thread.join()
    assert hal.clock.now() == 10


def test_the_end_of_a_thread_is_waited_for_by_the_same_clock(hal: Hal) -> None:
    leave, known = threading.Event(), []

    def stays() -> None:
        known.append(hal.current_thread())
        leave.wait()

    thread = threading.Thread(target=stays)
    thread.start()
    until(lambda: bool(known))
    assert not hal.join(known[0], HOUR) and hal.clock.now() == HOUR
    leave.set()
    assert hal.join(known[0], HOUR) and hal.join(known[0])
    assert hal.clock.now() == HOUR


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_wait_that_is_interrupted_is_forgotten(hal: Hal) -> None:
    """Its limit would be the nearest for ever, and no time would pass any more."""
    for interrupt in every_interrupt(virtual_clock, returns=False):
        with interrupt:
            hal.nap(taken_lock(hal), 1)
        began = hal.clock.now()
        assert not hal.nap(taken_lock(hal), HOUR) and hal.clock.now() == began + HOUR
    gc.collect()  # a file that was just opened is closed late


def test_for_ever_is_for_ever(hal: Hal) -> None:
    lock = taken_lock(hal)
    thread = threading.Thread(target=lambda: (hal.nap(taken_lock(hal), 10), lock.release()))
    thread.start()
    assert hal.nap(lock, 1e6) and hal.clock.now() == 10
    thread.join()


def test_where_the_host_does_not_tell_what_threads_do(hal: Hal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_clock, "_TASKS", "/nowhere")
    lock = taken_lock(hal)
    with another_thread():
        assert not hal.nap(lock, HOUR)
        thread = threading.Thread(target=lock.release)
        thread.start()
        assert hal.nap(lock, HOUR)
        thread.join()
    assert hal.clock.now() == HOUR
