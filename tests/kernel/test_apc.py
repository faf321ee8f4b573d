"""User APCs: run in their thread, when it says so, in the order they came."""

from __future__ import annotations

import threading

import pytest

from ntio.hal.choose import make_hal
from ntio.hal.machine import Hal
from ntio.kernel.apc import queue_apc, run_apcs, wait_alertable
from ntio.kernel.event import Event, EventType
from ntio.kernel.thread import Thread
from ntio.status import STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_USER_APC

pytestmark = pytest.mark.row("R22")


@pytest.fixture
def hal() -> Hal:
    return make_hal("simulated")


@pytest.fixture
def thread(hal: Hal) -> Thread:
    return Thread(hal)


def test_routines_run_in_the_order_they_came_with_their_arguments(hal: Hal, thread: Thread) -> None:
    ran: list[tuple[int, ...]] = []
    queue_apc(thread, lambda *numbers: ran.append(numbers), 1, 2)
    queue_apc(thread, lambda *numbers: ran.append(numbers))
    assert not ran
    assert wait_alertable(hal, thread) == STATUS_USER_APC
    assert ran == [(1, 2), ()] and not thread.apcs
    assert wait_alertable(hal, thread, timeout=0) == STATUS_TIMEOUT


def test_a_routine_that_queues_another_runs_that_too(hal: Hal, thread: Thread) -> None:
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        queue_apc(thread, ran.append, "second")

    queue_apc(thread, first)
    assert run_apcs(thread) and ran == ["first", "second"]
    assert not run_apcs(thread)


@pytest.mark.parametrize("kind", EventType)
def test_an_event_that_is_set_is_taken_before_any_routine(hal: Hal, thread: Thread, kind: EventType) -> None:
    event = Event(hal, kind, signaled=True)
    queue_apc(thread, lambda: None)
    assert wait_alertable(hal, thread, event) == STATUS_SUCCESS
    assert len(thread.apcs) == 1
    assert event.read_state() == (kind is EventType.NOTIFICATION)


def test_a_routine_that_is_there_already_ends_the_wait_and_leaves_the_event(hal: Hal, thread: Thread) -> None:
    event = Event(hal, EventType.SYNCHRONIZATION)
    queue_apc(thread, event.set)
    assert wait_alertable(hal, thread, event) == STATUS_USER_APC
    assert event.read_state()


def test_nothing_comes(hal: Hal, thread: Thread) -> None:
    event = Event(hal)
    assert wait_alertable(hal, thread, event, timeout=0) == STATUS_TIMEOUT
    event.set()  # nobody is enlisted any more
    assert event.read_state()


@pytest.mark.parametrize("how", ["event", "apc"])
def test_a_sleeping_thread_is_woken_by_either(hal: Hal, how: str) -> None:
    event = Event(hal, EventType.SYNCHRONIZATION)
    known: list[Thread] = []
    ready, answers = threading.Event(), list[int]()

    def sleeper() -> None:
        known.append(Thread(hal))
        ready.set()
        answers.append(wait_alertable(hal, known[0], event))

    one = hal.spawn(sleeper, "sleeper")
    ready.wait()
    if how == "event":
        event.set()
    else:
        queue_apc(known[0], lambda: None)
    one.join()
    assert answers == [STATUS_SUCCESS if how == "event" else STATUS_USER_APC]
    assert known[0].waiter is None


def test_both_give_the_event_and_keep_the_routine(hal: Hal) -> None:
    """The waiter is released twice; the event came first and was given to it."""
    event, own, answers = Event(hal, EventType.SYNCHRONIZATION), Thread(hal), list[int]()
    one = hal.spawn(lambda: answers.append(wait_alertable(hal, own, event)), "sleeper")
    while own.waiter is None:
        pass
    event.set()
    queue_apc(own, lambda: None)
    one.join()
    assert answers == [STATUS_SUCCESS] and len(own.apcs) == 1


def test_an_interrupted_wait_gives_the_event_on(hal: Hal, thread: Thread, monkeypatch: pytest.MonkeyPatch) -> None:
    event = Event(hal, EventType.SYNCHRONIZATION)

    def interrupted(self: object, timeout: float | None) -> None:
        event.set()  # given to this waiter
        raise KeyboardInterrupt

    monkeypatch.setattr("ntio.kernel.apc._Waiter.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        wait_alertable(hal, thread, event)
    assert event.read_state() and thread.waiter is None
