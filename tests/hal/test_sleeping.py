"""Sleeping in a queue, and rows that are started again and again and told together."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ntio.hal.machine import Hal
from ntio.hal.operation_queue import OperationQueue
from ntio.hal.operations import OperationCode, Operations
from ntio.hal.sleeping import SleepingPlace
from ntio.hal.standing import Standing
from ntio.status import RingClosed
from ntio.testing.hal_row_tests import beside, eventually

pytestmark = [pytest.mark.real_files, pytest.mark.row("R30", "R34")]

SECONDS = 20.0
ROWS, SIZE = 4, 8


@pytest.fixture
def queue(system: Any) -> Iterator[OperationQueue]:
    hal: Hal = system.hal
    queue = hal.new_queue(2 * ROWS)
    yield queue
    queue.close()


@pytest.fixture
def place(queue: OperationQueue) -> SleepingPlace:
    return SleepingPlace(queue)


@pytest.fixture
def ends() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    pairs = [socket.socketpair() for _ in range(ROWS)]
    yield pairs
    for pair in pairs:
        for one in pair:
            one.close()


class Group:
    """Standing sends and receives on one end of each pair, and what was told of them."""

    def __init__(self, queue: OperationQueue, ends: list[tuple[socket.socket, socket.socket]]) -> None:
        self.buffer = np.zeros((ROWS, SIZE), np.uint8)
        columns: dict[str, Any] = {
            "file": np.array([near.fileno() for near, _ in ends], np.int32),
            "buffer": self.buffer.reshape(-1),
            "position": np.arange(ROWS, dtype=np.uint64) * np.uint64(SIZE),
        }
        lengths, quietly = np.zeros(ROWS, np.uint32), socket.MSG_NOSIGNAL
        self.sends = Operations(OperationCode.SEND, ROWS, length=lengths, flags=quietly, **columns)
        self.receives = Operations(OperationCode.RECEIVE, ROWS, length=SIZE, **columns)
        self.received: dict[int, int] = {}
        self.apart: list[tuple[str, int, int]] = []
        self.sends.on_rows = lambda _, rows, results: self._one_by_one("sent", rows, results)
        self.receives.on_rows = lambda _, rows, results: self._one_by_one("received", rows, results)
        self.standing = Standing(queue, self.sends, self.receives, self._told)

    def _told(self, over: Any, directions: Any, rows: Any, results: Any) -> None:
        self.standing.busy[over, directions] = False
        self.received.update(zip(rows.tolist(), results.tolist(), strict=True))

    def _one_by_one(self, what: str, rows: Any, results: Any) -> None:
        self.apart += [(what, row, result) for row, result in zip(rows.tolist(), results.tolist(), strict=True)]

    def start(self, place: SleepingPlace, rows: list[int], *batches: Operations) -> None:
        for batch in batches:
            self.standing.busy[rows, int(batch is self.receives)] = True
        place.look(self.standing.stage, np.array(rows), batches)


def test_a_thread_sleeps_until_there_is_a_result(
    queue: OperationQueue, place: SleepingPlace, ends: list[tuple[socket.socket, socket.socket]]
) -> None:
    group = Group(queue, ends)
    group.start(place, [0, 1, 2, 3], group.receives)
    helper = beside(lambda: (eventually(lambda: queue.driven), ends[2][1].send(b"abc")))
    while not group.received:
        assert place.enter(SECONDS)
        place.tell()
    helper.join()
    assert group.received == {2: 3} and group.buffer[2].tobytes() == b"abc\0\0\0\0\0"
    assert group.standing.busy.tolist() == [[False, True], [False, True], [False, False], [False, True]]


def test_rows_are_sent_and_received_again_and_again(
    queue: OperationQueue, place: SleepingPlace, ends: list[tuple[socket.socket, socket.socket]]
) -> None:
    group = Group(queue, ends)
    group.start(place, [3, 1], group.receives)
    for turn in range(3 * ROWS):  # round the submission ring
        for row in (1, 3):
            ends[row][1].send(bytes([turn, row]))
        while len(group.received) < 2:
            assert place.enter(SECONDS)
            place.tell()
        group.received.clear()
        group.sends.length[[1, 3]] = 2  # type: ignore[index]
        group.standing.least[[1, 3], 0] = 2
        group.start(place, [3, 1], group.sends, group.receives)
        assert [ends[row][1].recv(SIZE) for row in (1, 3)] == [bytes([turn, 1]), bytes([turn, 3])]
    assert not group.apart


def test_what_failed_is_told_apart(
    queue: OperationQueue, place: SleepingPlace, ends: list[tuple[socket.socket, socket.socket]]
) -> None:
    group = Group(queue, ends)
    ends[0][1].close()
    group.standing.least[:, 0] = 1
    group.sends.length[:] = 1  # type: ignore[index]
    group.start(place, [0], group.sends)
    while not group.apart:
        assert place.enter(SECONDS)
        place.tell()
    assert group.apart == [("sent", 0, -32)]


def test_a_thread_that_sleeps_is_woken(queue: OperationQueue, place: SleepingPlace) -> None:
    helper = beside(lambda: (eventually(lambda: queue.driven), place.wake()))
    assert place.enter(SECONDS)
    place.tell()
    helper.join()
    place.wake()  # before: not lost
    assert place.enter(SECONDS)
    place.tell()
    assert not queue.driven


def test_one_thread_at_a_time_sleeps(queue: OperationQueue, place: SleepingPlace) -> None:
    seen: list[bool] = []
    done = threading.Event()

    def sleep() -> None:
        seen.append(place.enter(SECONDS))
        place.tell()
        done.set()

    helper = beside(sleep)
    eventually(lambda: queue.driven)
    assert not place.enter(SECONDS)
    place.wake()
    helper.join()
    assert seen == [True] and done.is_set()


def test_a_watched_descriptor_brings_the_sleeper_back(queue: OperationQueue, place: SleepingPlace) -> None:
    if not queue.engine.watches:
        pytest.skip("this engine watches nothing")
    news = os.eventfd(0, os.EFD_NONBLOCK)
    place.watch(news)
    for _ in range(2):  # one-shot: set up again
        helper = beside(lambda: (eventually(lambda: queue.driven), os.eventfd_write(news, 1)))
        assert place.enter(SECONDS)
        place.tell()
        helper.join()
        assert place.seen
        os.eventfd_read(news)
    os.close(news)


def test_news_another_thread_reaped_are_not_lost(queue: OperationQueue, place: SleepingPlace) -> None:
    """A request that is started takes what is there, also the word of the watched descriptor."""
    if not queue.engine.watches:
        pytest.skip("this engine watches nothing")
    news = os.eventfd(0, os.EFD_NONBLOCK)
    place.watch(news)
    place.wake()
    assert place.enter(SECONDS)  # arms the watch
    place.tell()
    os.eventfd_write(news, 1)
    queue.submit(Operations(OperationCode.NOP, 1))
    assert place.seen
    assert place.enter(SECONDS)
    place.tell()
    assert place.seen
    os.close(news)


def test_a_closed_queue_is_no_place_to_sleep(queue: OperationQueue, place: SleepingPlace) -> None:
    queue.close()
    with pytest.raises(RingClosed):
        place.enter(SECONDS)
    place.wake()
    assert not queue.driven
