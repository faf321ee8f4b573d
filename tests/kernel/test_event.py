"""Events wake whom they should, lose no signal, and are not lost with an interrupted waiter."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ntio.hal.choose import make_hal
from ntio.hal.machine import Hal
from ntio.kernel.event import Event, EventType
from ntio.testing.hal_tests import beside, eventually

NOTIFICATION, SYNCHRONIZATION = EventType.NOTIFICATION, EventType.SYNCHRONIZATION
SOON = 1e-6


@pytest.fixture
def hal() -> Hal:
    return make_hal("simulated")


def waiting(event: Event, count: int) -> Callable[[], bool]:
    return lambda: len(event._waiters) == count


def test_set_and_reset_return_the_previous_state(hal: Hal) -> None:
    event = Event(hal)
    assert [event.read_state(), event.set(), event.set(), event.read_state()] == [False, False, True, True]
    assert [event.reset(), event.reset(), event.read_state()] == [True, False, False]


def test_a_notification_event_stays_set(hal: Hal) -> None:
    event = Event(hal, signaled=True)
    assert event.wait(0) and event.wait(0) and event.read_state()


def test_a_synchronization_event_lets_one_through(hal: Hal) -> None:
    event = Event(hal, SYNCHRONIZATION, signaled=True)
    assert event.wait(0)
    assert not event.wait(0) and not event.read_state()


@pytest.mark.parametrize("timeout", [0, SOON, -1])
def test_a_wait_that_times_out_leaves_no_waiter(hal: Hal, timeout: float) -> None:
    event = Event(hal)
    assert not event.wait(timeout)
    assert not event._waiters


@pytest.mark.row("R22")
def test_a_notification_wakes_all(hal: Hal) -> None:
    event, woken = Event(hal), []
    threads = [beside(lambda: woken.append(event.wait())) for _ in range(4)]
    eventually(waiting(event, 4))
    assert event.set() is False
    for thread in threads:
        thread.join()
    assert woken == [True] * 4 and event.read_state()


def test_a_synchronization_wakes_one_at_a_time_in_order(hal: Hal) -> None:
    event, woken = Event(hal, SYNCHRONIZATION), []
    threads = []
    for number in range(3):
        threads.append(beside(lambda number=number: (event.wait(), woken.append(number))))
        eventually(waiting(event, number + 1))
    for number in range(3):
        event.set()
        threads[number].join()
        assert woken == list(range(number + 1))
    assert not event.read_state()


def test_a_signal_given_to_a_waiter_is_not_there_for_another(hal: Hal) -> None:
    event, woken = Event(hal, SYNCHRONIZATION), []
    thread = beside(lambda: woken.append(event.wait()))
    eventually(waiting(event, 1))
    event.set()
    assert not event.wait(0)
    thread.join()
    assert woken == [True]


class _Raises:
    """A lock whose second acquisition is interrupted, after `first` has happened."""

    def __init__(self, first: Callable[[], object]) -> None:
        self._first = first
        self._acquired = 0

    def acquire(self, timeout: float = -1) -> bool:
        self._acquired += 1
        if self._acquired == 2:
            self._first()
            raise KeyboardInterrupt
        return True

    def release(self) -> None:
        pass


def interrupted(hal: Hal, event: Event, first: Callable[[], object]) -> None:
    """Wait on an event; the wait is interrupted after `first` has run."""
    real = hal.new_lock

    def once() -> _Raises:
        hal.new_lock = real  # type: ignore[method-assign]
        return _Raises(first)

    hal.new_lock = once  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        event.wait()


def test_an_interrupted_wait_leaves_no_waiter(hal: Hal) -> None:
    event = Event(hal, SYNCHRONIZATION)
    interrupted(hal, event, lambda: None)
    assert not event._waiters and not event.read_state()


def test_a_signal_given_to_an_interrupted_waiter_is_given_on(hal: Hal) -> None:
    event = Event(hal, SYNCHRONIZATION)
    interrupted(hal, event, event.set)
    assert event.read_state()


def test_a_signal_given_to_an_interrupted_waiter_wakes_the_next(hal: Hal) -> None:
    event, woken = Event(hal, SYNCHRONIZATION), []

    def another_waits_then_set() -> None:
        threads.append(beside(lambda: woken.append(event.wait())))
        eventually(waiting(event, 2))
        event.set()

    threads: list[threading.Thread] = []
    interrupted(hal, event, another_waits_then_set)
    threads[0].join()
    assert woken == [True] and not event.read_state()
