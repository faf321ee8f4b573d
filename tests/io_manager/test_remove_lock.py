"""Remove locks: who is in may finish, nobody else gets in, and removal waits for the last."""

from __future__ import annotations

import threading

import pytest

from ntio import BugCheck, NtError, System
from ntio.bugcheck import BugCheckCode
from ntio.driver_kit import RemoveLock
from ntio.status import STATUS_DELETE_PENDING, STATUS_SUCCESS


@pytest.mark.row("R23")
def test_it_is_held_as_often_as_it_was_acquired(system: System) -> None:
    lock = RemoveLock(system.io)
    assert lock.acquire("read") == lock.acquire("read") == lock.acquire("write") == STATUS_SUCCESS
    assert sorted(lock.holders) == ["read", "read", "write"]
    lock.release("read")
    lock.release("write")
    assert lock.holders == ["read"] and not lock.removed
    lock.release("read")
    assert lock.holders == []


def test_removal_alone_goes_on_at_once_and_keeps_everybody_out(system: System) -> None:
    lock = RemoveLock(system.io)
    lock.acquire("remove")
    assert lock.release_and_wait("remove") and lock.removed
    assert lock.acquire() == STATUS_DELETE_PENDING and lock.holders == []
    assert lock.release_and_wait("remove")


def test_removal_waits_for_those_who_are_in(system: System) -> None:
    lock = RemoveLock(system.io)
    lock.acquire("remove")
    lock.acquire("one")
    lock.acquire("two")
    assert not lock.release_and_wait("remove", timeout=0)
    assert lock.acquire("late") == STATUS_DELETE_PENDING and sorted(lock.holders) == ["one", "two"]
    waiting, done = threading.Event(), []

    def remove() -> None:
        waiting.set()
        done.append(lock.release_and_wait("remove"))

    thread = threading.Thread(target=remove)
    thread.start()
    waiting.wait()
    lock.release("one")
    assert not done
    lock.release("two")
    thread.join()
    assert done == [True]


def test_a_block_holds_it(system: System) -> None:
    lock = RemoveLock(system.io)

    def fail_inside() -> None:
        with lock.held("read"):
            assert lock.holders == ["read"]
            raise LookupError

    with pytest.raises(LookupError):
        fail_inside()
    assert lock.holders == []
    lock.acquire()
    lock.release_and_wait()
    with pytest.raises(NtError) as caught, lock.held("late"):
        pass
    assert caught.value.status == STATUS_DELETE_PENDING


@pytest.mark.stops_system
def test_releasing_with_another_tag_stops_the_system(system: System) -> None:
    lock = RemoveLock(system.io)
    lock.acquire("read")
    with pytest.raises(BugCheck) as caught:
        lock.release("write")
    assert caught.value.code == BugCheckCode.DRIVER_VERIFIER_DETECTED_VIOLATION
    assert caught.value.parameters[:3] == (0xD5, lock, "write")
    assert lock.holders == ["read"]


@pytest.mark.stops_system
def test_waiting_with_another_tag_stops_the_system(system: System) -> None:
    lock = RemoveLock(system.io)
    lock.acquire("read")
    with pytest.raises(BugCheck) as caught:
        lock.release_and_wait("remove")
    assert caught.value.parameters[:3] == (0xD6, lock, "remove")


@pytest.mark.stops_system
def test_a_bug_check_wakes_who_waits(system: System) -> None:
    lock = RemoveLock(system.io)
    lock.acquire("remove")
    lock.acquire("never released")
    caught: list[BugCheck] = []

    def remove() -> None:
        try:
            lock.release_and_wait("remove")
        except BugCheck as error:
            caught.append(error)

    thread = threading.Thread(target=remove)
    thread.start()
    with pytest.raises(BugCheck):
        system.io.stop(BugCheckCode.PNP_DETECTED_FATAL_ERROR)
    thread.join()
    assert caught == [system.io.bug_check]
