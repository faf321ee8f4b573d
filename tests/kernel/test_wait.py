"""Waiting for several events: which one is taken, what goes on to others, and all or nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from ntio import System
from ntio.hal.machine import Hal
from ntio.kernel.apc import queue_apc
from ntio.kernel.event import Event, EventType, take_all
from ntio.kernel.wait import wait_for_all, wait_for_any
from ntio.status import STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_USER_APC

pytestmark = pytest.mark.row("R31")

ONE, EVERY = EventType.SYNCHRONIZATION, EventType.NOTIFICATION


def events(hal: Hal, *kinds: EventType, signaled: str = "") -> list[Event]:
    places = signaled.ljust(len(kinds), "0")
    return [Event(hal, kind, signaled=place == "1") for kind, place in zip(kinds, places, strict=True)]


def on_a_thread(routine: Callable[[], int]) -> tuple[threading.Thread, list[int]]:
    result: list[int] = []
    thread = threading.Thread(target=lambda: result.append(routine()))
    thread.start()
    return thread, result


def enlisted(*waited: Event) -> None:
    deadline = time.monotonic() + 20
    while not all(event._waiters for event in waited):
        assert time.monotonic() < deadline
        time.sleep(0)


def test_the_first_of_the_list_that_is_set_is_taken_and_no_other(system: System) -> None:
    hal, here = system.hal, system.io.threads.current()
    several = events(hal, ONE, ONE, ONE, signaled="011")
    assert wait_for_any(hal, here, several) == 1
    assert [event.read_state() for event in several] == [False, False, True]
    assert wait_for_any(hal, here, several) == 2
    assert wait_for_any(hal, here, several, 0) == STATUS_TIMEOUT
    assert [event._waiters for event in several] == [[], [], []]


def test_a_waiter_is_woken_by_any(system: System) -> None:
    hal = system.hal
    several = events(hal, ONE, EVERY)
    thread, result = on_a_thread(lambda: wait_for_any(hal, system.io.threads.current(), several))
    enlisted(*several)
    several[1].set()
    thread.join()
    assert (result, several[1].read_state()) == ([1], True)


def test_what_two_events_gave_goes_on_from_the_second(system: System) -> None:
    hal = system.hal
    several = events(hal, ONE, ONE)
    thread, result = on_a_thread(lambda: wait_for_any(hal, system.io.threads.current(), several))
    enlisted(*several)
    with several[0]._lock, several[1]._lock:  # both are given before the waiter can look
        for event in several:
            event._waiters.pop().release()
    thread.join()
    assert result == [0]
    assert [event.read_state() for event in several] == [False, True]


def test_all_are_taken_at_once_or_none(system: System) -> None:
    hal, here = system.hal, system.io.threads.current()
    several = events(hal, ONE, EVERY, ONE, signaled="110")
    assert take_all(several) is several[2]
    assert wait_for_all(hal, here, several, 0) == STATUS_TIMEOUT
    assert [event.read_state() for event in several] == [True, True, False]
    several[2].set()
    assert wait_for_all(hal, here, several, 0) == STATUS_SUCCESS
    assert [event.read_state() for event in several] == [False, True, False]


def test_who_waits_for_all_keeps_nothing_from_others(system: System) -> None:
    hal = system.hal
    one, two = events(hal, ONE, ONE)
    thread, result = on_a_thread(lambda: wait_for_all(hal, system.io.threads.current(), [one, two]))
    enlisted(one)
    one.set()
    enlisted(two)
    assert one.wait(0)  # taken by this thread, from under the other's nose
    two.set()
    enlisted(one)
    one.set()
    thread.join()
    assert result == [STATUS_SUCCESS]
    assert not one.read_state() and not two.read_state()


@pytest.mark.parametrize("wait", [wait_for_any, wait_for_all])
def test_a_routine_ends_an_alertable_wait(system: System, wait: Callable[..., int]) -> None:
    hal, here = system.hal, system.io.threads.current()
    ran: list[int] = []
    queue_apc(here, ran.append, 1)
    several = events(hal, ONE, ONE)
    assert wait(hal, here, several, 0) == STATUS_TIMEOUT and not ran
    assert wait(hal, here, several, alertable=True) == STATUS_USER_APC and ran == [1]
    assert [event._waiters for event in several] == [[], []]
    thread = threading.Timer(0, lambda: (enlisted(several[0]), queue_apc(here, ran.append, 2)))
    thread.start()
    assert wait(hal, here, several, alertable=True) == STATUS_USER_APC and ran == [1, 2]
    thread.join()
