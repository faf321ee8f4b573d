"""The law every HAL keeps: the same bytes, counts and errors, each row exactly once.

Subclass `HalTests`, give it a fixture `hal`, and inherit some thirty tests: those here about streams, cancelling,
closing, threads and time, and those about rows in `hal_row_tests`. They use nothing but what `Hal` promises, so they
hold for real files and for simulated ones.

Rows: R4, R9, R11, R30
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

from ..hal.machine import Hal
from ..hal.operation_queue import OperationQueue
from ..hal.operations import Operations
from ..status import STATUS_CANCELLED, QueueFull, RingClosed
from .hal_row_tests import CANCELLED, WRITE, HalRowTests, beside, eventually


class HalTests(HalRowTests):
    """Inherit from this and define a fixture `hal`."""

    # --- streams ----------------------------------------------------------------------------------------------------

    def test_a_read_of_an_idle_pipe_waits_for_a_writer(
        self, queue: OperationQueue, hal: Hal, pipe: tuple[int, int]
    ) -> None:
        """It is pending until somebody writes."""
        reads = self.read(pipe[0], 0, 100)
        queue.submit(reads)
        assert not queue.wait(reads, timeout=0.001)
        writer = beside(lambda: hal.files.write(pipe[1], memoryview(b"at last"), 0))
        assert queue.wait(reads)
        writer.join()
        assert self.bytes_of(reads) == b"at last"

    def test_waiting_no_time_at_all_sees_what_has_come(
        self, queue: OperationQueue, hal: Hal, pipe: tuple[int, int]
    ) -> None:
        """A wait of no time takes what is there."""
        reads = self.read(pipe[0], 0, 100)
        queue.submit(reads)
        assert not queue.wait(reads, timeout=0)
        hal.files.write(pipe[1], memoryview(b"x"), 0)
        eventually(lambda: queue.wait(reads, timeout=0))

    def test_rows_of_one_batch_write_a_pipe_in_their_order(
        self, queue: OperationQueue, hal: Hal, pipe: tuple[int, int]
    ) -> None:
        """A batch on one stream keeps its order where the host has one."""
        data = np.arange(10, dtype=np.uint8)
        writes = Operations(WRITE, 10, file=pipe[1], buffer=data, position=np.arange(10), length=1)
        queue.transfer(writes)
        target = bytearray(20)
        assert writes.results.tolist() == [1] * 10
        assert hal.files.read(pipe[0], memoryview(target), 0) == 10
        if hal.name != "simulated":  # there even this order is drawn
            assert target[:10] == bytes(range(10))

    def test_a_write_larger_than_the_pipe_is_short(self, queue: OperationQueue, pipe: tuple[int, int]) -> None:
        """What fits is written, and counted."""
        data = np.zeros(3 << 16, np.uint8)
        writes = Operations(WRITE, 1, file=pipe[1], buffer=data, length=len(data))
        queue.transfer(writes)
        assert writes.results.tolist() == [1 << 16]

    def test_idle_pipes_do_not_hold_up_files(
        self, queue: OperationQueue, hal: Hal, alphabet: int, pipe: tuple[int, int]
    ) -> None:
        """Pending streams cost files nothing but their place in the queue."""
        idle = [self.read(np.full(1, pipe[0]), 0, 1) for _ in range(queue.capacity - 2)]
        for batch in idle:
            queue.submit(batch)
        reads = self.read(alphabet, np.arange(20), 1, 20)
        queue.transfer(reads)
        assert reads.results.tolist() == [1] * 20
        hal.files.write(pipe[1], memoryview(bytes(len(idle))), 0)
        for batch in idle:
            assert queue.wait(batch) and batch.results.tolist() == [1]

    # --- cancelling and closing -------------------------------------------------------------------------------------

    def test_cancelled_rows_end_once_and_take_nothing(
        self, queue: OperationQueue, hal: Hal, pipe: tuple[int, int]
    ) -> None:
        """Each ends exactly once, and what is written later is left alone."""
        finished: list[Operations] = []
        reads = self.read(pipe[0], 0, 10, 6, on_complete=finished.append)
        queue.submit(reads)
        queue.cancel(reads, np.array([1, 3]))
        eventually(lambda: queue.wait(reads, timeout=0) or reads.remaining == 4)
        queue.cancel(reads)
        queue.cancel(reads)
        assert queue.wait(reads) and finished == [reads]
        assert reads.results.tolist() == [CANCELLED] * 6 and set(reads.status().tolist()) == {STATUS_CANCELLED}
        target = bytearray(10)
        hal.files.write(pipe[1], memoryview(b"untouched"), 0)
        assert hal.files.read(pipe[0], memoryview(target), 0) == 9

    def test_cancelling_what_is_finished_does_nothing(self, queue: OperationQueue, alphabet: int) -> None:
        """Results stay as they are."""
        reads = self.read(alphabet, 0, 3)
        queue.transfer(reads)
        queue.cancel(reads)
        assert reads.results.tolist() == [3]

    def test_a_transfer_that_found_no_room_can_be_cancelled(self, queue: OperationQueue, pipe: tuple[int, int]) -> None:
        """Even if none of its rows was started, and its thread waits."""
        full = self.read(pipe[0], 0, 1, queue.capacity)
        queue.submit(full)
        waiting = self.read(pipe[0], 0, 1, 4)
        thread = beside(lambda: queue.transfer(waiting))
        eventually(lambda: waiting.slot >= 0)
        queue.cancel(waiting)
        thread.join()
        assert waiting.results.tolist() == [CANCELLED] * 4 and full.remaining == full.count

    def test_closing_ends_everything_that_is_in_flight(self, hal: Hal, pipe: tuple[int, int]) -> None:
        """Waited for or not; afterwards the ring says it is closed."""
        queue = hal.new_queue(self.entries)
        waited, unwaited = self.read(pipe[0], 0, 1, 3), self.read(pipe[0], 0, 1, 3)
        thread = beside(lambda: queue.transfer(waited))
        eventually(lambda: waited.next_row == 3)
        queue.submit(unwaited)
        queue.close()
        thread.join()
        queue.close()
        assert waited.results.tolist() == unwaited.results.tolist() == [CANCELLED] * 3
        for start in (queue.submit, queue.transfer):
            with pytest.raises(RingClosed):
                start(self.read(pipe[0], 0, 1))

    def test_closing_ends_the_thread_that_serves(self, hal: Hal, pipe: tuple[int, int]) -> None:
        """A thread in `serve` reaps for all and returns at close."""
        queue = hal.new_queue(self.entries)
        finished = threading.Event()
        server = beside(queue.serve)
        reads = self.read(pipe[0], 0, 1, on_complete=lambda _: finished.set())
        queue.submit(reads)
        hal.files.write(pipe[1], memoryview(b"x"), 0)
        assert finished.wait(60)
        queue.submit(self.read(pipe[0], 0, 1))
        queue.close()
        server.join()

    # --- threads, room, time ----------------------------------------------------------------------------------------

    def test_a_full_queue_refuses_all_or_nothing(
        self, queue: OperationQueue, hal: Hal, alphabet: int, pipe: tuple[int, int]
    ) -> None:
        """QueueFull starts none of the rows."""
        idle = self.read(pipe[0], 0, 1, queue.capacity - 1)
        queue.submit(idle)
        refused = self.read(alphabet, 0, 1, 2)
        with pytest.raises(QueueFull):
            queue.submit(refused)
        assert refused.remaining == 2 and queue.in_flight == idle.count
        fits = self.read(alphabet, 0, 1)
        queue.submit(fits)
        assert queue.wait(fits)

    def test_a_wait_ends_when_its_time_is_over(self, queue: OperationQueue, hal: Hal, pipe: tuple[int, int]) -> None:
        """By the machine's own clock."""
        reads = self.read(pipe[0], 0, 1)
        queue.submit(reads)
        began = hal.clock.now()
        assert not queue.wait(reads, timeout=0.01)
        assert hal.clock.now() - began >= 0.01
        queue.cancel(reads)
        assert queue.wait(reads, timeout=60)

    def test_a_row_survives_the_thread_that_submitted_it(
        self, queue: OperationQueue, hal: Hal, pipe: tuple[int, int]
    ) -> None:
        """It completes with its result, not as cancelled."""
        reads = self.read(pipe[0], 0, 1, 8)
        submitter = beside(lambda: queue.submit(reads))
        submitter.join()
        assert not queue.wait(reads, timeout=0.01)
        hal.files.write(pipe[1], memoryview(bytes(8)), 0)
        assert queue.wait(reads) and reads.results.tolist() == [1] * 8

    def test_two_threads_wait_on_one_queue(self, queue: OperationQueue, alphabet: int) -> None:
        """Each gets its own results, whoever drives."""
        wrong: list[object] = []

        def work(first: int) -> None:
            for round_ in range(30):
                reads = self.read(alphabet, np.arange(first, first + 12), 1, 12)
                queue.transfer(reads) if round_ % 2 else self._submit_when_possible(queue, reads)
                queue.wait(reads)
                if self.bytes_of(reads) != bytes([97 + first]) or (reads.results != 1).any():
                    wrong.append(reads.results)

        threads = [beside(lambda first=first: work(first)) for first in (0, 5, 10)]  # type: ignore[misc]
        for thread in threads:
            thread.join()
        assert not wrong and queue.in_flight == 0

    @staticmethod
    def _submit_when_possible(queue: OperationQueue, operations: Operations) -> None:
        try:
            queue.submit(operations)
        except QueueFull:
            queue.transfer(operations)

    def test_a_long_transfer_goes_on_while_another_thread_drives(
        self, queue: OperationQueue, hal: Hal, alphabet: int, pipe: tuple[int, int]
    ) -> None:
        """Its later windows are started by the driver."""
        idle = self.read(pipe[0], 0, 1)
        queue.submit(idle)
        driver = beside(lambda: queue.wait(idle))
        eventually(lambda: queue.driven)
        reads = self.read(alphabet, 0, 1, 5 * queue.capacity)
        queue.transfer(reads)
        assert reads.results.tolist() == [1] * reads.count
        hal.files.write(pipe[1], memoryview(b"x"), 0)
        driver.join()
        assert idle.done

    def test_a_driver_that_leaves_hands_driving_on(
        self, queue: OperationQueue, hal: Hal, pipe: tuple[int, int]
    ) -> None:
        """The other waiter does not sleep on."""
        first, second = self.read(pipe[0], 0, 1), self.read(pipe[0], 0, 1)
        queue.submit(first)
        queue.submit(second)
        threads = [beside(lambda batch=batch: queue.wait(batch)) for batch in (first, second)]  # type: ignore[misc]
        eventually(lambda: queue.driven)
        hal.files.write(pipe[1], memoryview(b"1"), 0)
        eventually(lambda: first.done or second.done)
        hal.files.write(pipe[1], memoryview(b"2"), 0)
        for thread in threads:
            thread.join()
        assert first.done and second.done
