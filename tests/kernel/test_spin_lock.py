"""Spin locks: raised to DISPATCH while held; what would hang for ever stops the System."""

from __future__ import annotations

import threading

import pytest

from ntio import BugCheck, System
from ntio.bugcheck import BugCheckCode
from ntio.kernel.irql import APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL
from ntio.kernel.spin_lock import SpinLock


@pytest.mark.row("R24")
def test_taking_it_raises_and_giving_it_back_lowers(system: System) -> None:
    irql, lock = system.io.irql, SpinLock(system.io.irql)
    with irql.raised(APC_LEVEL):
        former = lock.acquire()
        assert (former, irql.current(), lock.held) == (APC_LEVEL, DISPATCH_LEVEL, True)
        lock.release(former)
        assert (irql.current(), lock.held) == (APC_LEVEL, False)


def test_a_block_holds_it_and_gives_it_back_after_an_error(system: System) -> None:
    irql, lock = system.io.irql, SpinLock(system.io.irql)

    def fail_inside() -> None:
        with lock:
            assert lock.held and irql.current() == DISPATCH_LEVEL
            raise LookupError

    with pytest.raises(LookupError):
        fail_inside()
    assert not lock.held and irql.current() == PASSIVE_LEVEL


def test_locks_taken_inside_each_other_return_level_by_level(system: System) -> None:
    irql = system.io.irql
    outer, inner = SpinLock(irql), SpinLock(irql)
    with outer, inner:
        assert outer.held and inner.held
    assert irql.current() == PASSIVE_LEVEL


def test_at_dispatch_it_does_not_touch_the_level(system: System) -> None:
    irql, lock = system.io.irql, SpinLock(system.io.irql)
    with irql.raised(DISPATCH_LEVEL):
        lock.acquire_at_dispatch()
        assert not lock.try_acquire_at_dispatch()
        lock.release_from_dispatch()
        assert irql.current() == DISPATCH_LEVEL
        assert lock.try_acquire_at_dispatch() and lock.held
        lock.release_from_dispatch()


def test_one_thread_at_a_time_holds_it(system: System) -> None:
    lock, inside, order = SpinLock(system.io.irql), threading.Event(), []

    def other() -> None:
        inside.set()
        with lock:
            order.append("other")

    with lock:
        thread = threading.Thread(target=other)
        thread.start()
        inside.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


@pytest.mark.stops_system
def test_taking_it_twice_stops_the_system(system: System) -> None:
    lock = SpinLock(system.io.irql)
    with lock:
        with pytest.raises(BugCheck) as caught:
            lock.acquire()
        assert lock.held
    assert caught.value.code == BugCheckCode.DRIVER_VERIFIER_DETECTED_VIOLATION
    assert caught.value.parameters[:2] == (0x1000, lock)
    assert system.io.bug_check is caught.value


@pytest.mark.stops_system
def test_releasing_what_another_thread_holds_stops_the_system(system: System) -> None:
    lock, caught = SpinLock(system.io.irql), []

    def other() -> None:
        try:
            lock.release(PASSIVE_LEVEL)
        except BugCheck as error:
            caught.append(error)

    with lock:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert lock.held
    assert [error.parameters[:2] for error in caught] == [(0x1007, lock)]


def test_without_a_system_the_bug_check_is_raised_alone() -> None:
    from ntio.hal.choose import make_hal
    from ntio.kernel.irql import Irql

    lock = SpinLock(Irql(make_hal("simulated")))
    with pytest.raises(BugCheck):
        lock.release_from_dispatch()
