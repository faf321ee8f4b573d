"""What the queue adds to an engine: windows, waiting, handing over, Ctrl-C, forks, and rows that are tried again."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from interrupts import interrupted
from ntio.hal.choose import make_hal
from ntio.hal.machine import Hal
from ntio.hal.operation_queue import OperationQueue
from ntio.hal.operations import COMPLETION, OperationCode, Operations
from ntio.status import QueueFull, RingClosed, RingLostInFork
from ntio.testing.hal_row_tests import CANCELLED, beside, eventually


class ScriptedEngine:
    """An engine whose rows end as a script says: results for each row, one per time it is staged."""

    name = "scripted"
    entries = 8
    crossings = 0

    def __init__(self, script: dict[int, list[int]]) -> None:
        self.script = script
        self.staged: list[int] = []
        self._ready: list[tuple[int, int, int, int]] = []

    def stage(self, operations: Operations, start: int, count: int, slot: int) -> None:
        for row in range(start, start + count):
            self.staged.append(row)
            self._ready.append((row, slot, self.script[row].pop(0), 0))

    def stage_cancel(self, slot: int, rows: Any) -> None: ...

    def enter(self, minimum: int, timeout: float | None = None) -> None: ...

    def collect(self) -> Any:
        ready, self._ready = self._ready, []
        return np.array(ready, COMPLETION)

    def wake(self, count: int = 1) -> None: ...

    def register_files(self, files: Any) -> None: ...

    def register_buffers(self, buffers: Any) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def hal(hal_name: str) -> Hal:
    return make_hal(hal_name, seed=3)


@pytest.fixture
def queue(hal: Hal) -> Iterator[OperationQueue]:
    queue = hal.new_queue(16)
    yield queue
    queue.close()


@pytest.fixture
def pipe(hal: Hal) -> Iterator[tuple[int, int]]:
    ends = getattr(hal.files, "make_pipe", os.pipe)()
    yield ends
    for end in ends:
        hal.files.close(end)


def pipe_read(pipe: tuple[int, int], count: int = 1, **more: Any) -> Operations:
    buffer = np.zeros(count, np.uint8)
    return Operations(
        OperationCode.READ, count, file=pipe[0], buffer=buffer, position=np.arange(count), length=1, **more
    )


def nothing(count: int = 1, **more: Any) -> Operations:
    return Operations(OperationCode.NOP, count, **more)


def in_child(routine: Callable[[], object]) -> int:
    """Run in a forked child; 0 when it came through."""
    child = os.fork()
    if child == 0:
        try:
            routine()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# --- rows that are tried again ----------------------------------------------------------------------------------------


@pytest.mark.row("R30")
@pytest.mark.parametrize("passing", [errno.ECANCELED, errno.EINTR])
def test_a_row_nobody_cancelled_is_tried_until_it_has_a_result(passing: int) -> None:
    engine = ScriptedEngine({0: [5], 1: [-passing, -passing, 6], 2: [-errno.EIO]})
    batch = nothing(3)
    OperationQueue(engine).transfer(batch)
    assert batch.results.tolist() == [5, 6, -errno.EIO]
    assert engine.staged == [0, 1, 2, 1, 1]


def test_a_row_somebody_cancelled_is_not_tried_again() -> None:
    queue = OperationQueue(ScriptedEngine({0: [CANCELLED, CANCELLED, 7], 1: [CANCELLED]}))
    batch = nothing(2)
    queue._table.admit(batch)
    queue._table.stage(batch)
    queue.cancel(batch, np.array([1]))
    queue._finish(batch)
    assert batch.results.tolist() == [7, CANCELLED]


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_a_second_waiter_is_served_while_the_first_waits_for_many(
    queue: OperationQueue, hal: Hal, pipe: tuple[int, int]
) -> None:
    many = pipe_read(pipe, 8)
    queue.submit(many)
    driver = beside(lambda: queue.wait(many))
    eventually(lambda: queue.driven)
    other = nothing(3)
    queue.transfer(other)
    assert other.results.tolist() == [0, 0, 0] and not many.done
    hal.files.write(pipe[1], memoryview(bytes(8)), 0)
    driver.join()
    assert many.results.tolist() == [1] * 8


def test_a_second_waiter_gives_up_in_time(queue: OperationQueue, hal: Hal, pipe: tuple[int, int]) -> None:
    first, second = pipe_read(pipe), pipe_read(pipe)
    queue.submit(first)
    queue.submit(second)
    driver = beside(lambda: queue.wait(first))
    eventually(lambda: queue.driven)
    assert not queue.wait(second, timeout=0.001)
    queue.cancel(first)
    driver.join()


def test_a_sleeper_whose_batch_is_dropped_goes_on(queue: OperationQueue, pipe: tuple[int, int]) -> None:
    full, waiting = pipe_read(pipe, queue.capacity), pipe_read(pipe, 4)
    queue.submit(full)
    driver = beside(lambda: queue.wait(full))
    eventually(lambda: queue.driven)
    sleeper = beside(lambda: queue.transfer(waiting))
    eventually(lambda: len(queue._waiters) == 1)
    queue.cancel(waiting)
    sleeper.join()
    assert waiting.results.tolist() == [CANCELLED] * 4 and not full.done
    queue.cancel(full)
    driver.join()


def test_a_finished_batch_may_start_the_next_from_its_callback(queue: OperationQueue) -> None:
    chain: list[Operations] = []

    def proceed(_: Operations) -> None:
        if len(chain) < 5:
            chain.append(nothing(on_complete=proceed))
            queue.submit(chain[-1])

    queue.transfer(nothing(on_complete=proceed))
    for batch in chain:
        assert queue.wait(batch)
    assert len(chain) == 5 and all(batch.done for batch in chain)


def test_something_else_can_be_waited_for(queue: OperationQueue, hal: Hal, pipe: tuple[int, int]) -> None:
    class Countdown:
        remaining = 1

    countdown = Countdown()

    def finish(_: Operations) -> None:
        countdown.remaining = 0
        queue.notify()

    queue.submit(pipe_read(pipe, on_complete=finish))
    waiter = beside(lambda: queue.wait(countdown))
    eventually(lambda: queue.driven)
    hal.files.write(pipe[1], memoryview(b"x"), 0)
    waiter.join()
    assert countdown.remaining == 0


def test_waiting_for_what_cannot_come_ends_when_the_queue_closes(hal: Hal) -> None:
    class Never:
        remaining = 1

    queue, seen = hal.new_queue(8), []

    def wait() -> None:
        try:
            queue.wait(Never())
        except RingClosed as error:
            seen.append(error)

    waiter = beside(wait)
    eventually(lambda: queue._waiters)
    queue.close()
    waiter.join()
    assert len(seen) == 1


def test_room_is_told_before_it_is_needed(queue: OperationQueue) -> None:
    queue.check_room(queue.capacity)
    with pytest.raises(QueueFull, match=f"room for {queue.capacity} of {queue.capacity}"):
        queue.check_room(queue.capacity + 1)


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asleep", [False, True], ids=["driving", "sleeping"])
def test_an_interrupt_gets_through_and_takes_the_batch_with_it(
    queue: OperationQueue, pipe: tuple[int, int], asleep: bool
) -> None:
    other, batch = pipe_read(pipe), pipe_read(pipe, 3)
    driver = None
    earlier = pipe_read(pipe)  # an engine's threads are there: starting one cannot be interrupted safely in CPython
    queue.submit(earlier)
    queue.cancel(earlier)
    queue.wait(earlier)
    if asleep:
        queue.submit(other)
        driver = beside(lambda: queue.wait(other))
        eventually(lambda: queue.driven)

    interrupted(lambda: queue.transfer(batch), lambda: bool(queue._waiters) if asleep else queue.driven)
    assert batch.done and batch.results.tolist() == [CANCELLED] * 3
    if driver:
        queue.cancel(other)
        driver.join()


# --- forks ------------------------------------------------------------------------------------------------------------


@pytest.mark.real_files
def test_a_forked_child_has_lost_the_ring_and_the_parent_goes_on(
    queue: OperationQueue, hal: Hal, pipe: tuple[int, int]
) -> None:
    reads = pipe_read(pipe)
    queue.submit(reads)

    def child() -> None:
        for call in (
            lambda: queue.submit(nothing()),
            queue.poll,
            lambda: queue.wait(reads),
            lambda: queue.cancel(reads),
        ):
            with pytest.raises(RingLostInFork):
                call()
        queue.close()
        own = hal.new_queue(8)
        own.transfer(nothing(20))
        own.close()

    with queue._lock:  # as if another thread were in the middle of a call: it does not exist in the child
        assert in_child(child) == 0
    hal.files.write(pipe[1], memoryview(b"x"), 0)
    assert queue.wait(reads) and reads.results.tolist() == [1]
