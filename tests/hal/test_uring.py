"""The io_uring engine over the kernel's own rings."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leak_check import mapped_rings
from ntio.hal.operation_queue import OperationQueue
from ntio.hal.operations import OperationCode, Operations
from ntio.hal.uring import INTERNAL, UringEngine
from ntio.testing.hal_row_tests import beside, eventually
from uring_probe import why_not

pytestmark = pytest.mark.skipif(bool(why_not("uring", os.environ.get("NTIO_HAL"))), reason="no io_uring to be had")


@pytest.fixture
def engine() -> Iterator[UringEngine]:
    engine = UringEngine(8)
    yield engine
    engine.close()


@pytest.fixture
def queue(engine: UringEngine) -> OperationQueue:
    return OperationQueue(engine)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    file = os.open(tmp_path / "bytes", os.O_RDWR | os.O_CREAT)
    os.write(file, bytes(range(256)))
    yield file
    os.close(file)


def reads(file: int | np.ndarray, offsets: list[int], length: int = 1) -> Operations:
    count = len(offsets)
    place = np.arange(count) * length
    buffer = np.zeros(count * length, np.uint8)
    return Operations(
        OperationCode.READ, count, file=file, buffer=buffer, position=place, offset=np.array(offsets), length=length
    )


@pytest.mark.row("R4")
@pytest.mark.parametrize("count", [1, 8])
def test_a_batch_is_one_kernel_crossing(queue: OperationQueue, file: int, count: int) -> None:
    before = queue.crossings
    queue.transfer(reads(file, list(range(count))))
    assert queue.crossings - before == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    batches=st.lists(
        st.tuples(st.integers(1, 3), st.booleans(), st.sampled_from([1, 2]), st.sampled_from(["read", "nop", "flush"])),
        max_size=12,
    )
)
def test_templates_follow_whatever_is_staged_next(queue: OperationQueue, file: int, batches: list) -> None:
    """Batches of changing shape, staged behind each other at every place of a ring of eight."""
    for group in (batches[first : first + 2] for first in range(0, len(batches), 2)):
        started = []
        for count, as_array, length, kind in group:
            offsets = [(7 * count + row) % 200 for row in range(count)]
            if kind == "read":
                batch = reads(np.full(count, file) if as_array else file, offsets, length)
                started.append((batch, [length] * count, b"".join(bytes([o, o + 1])[:length] for o in offsets)))
            else:
                code = OperationCode.NOP if kind == "nop" else OperationCode.FLUSH
                batch = Operations(code, count, file=np.full(count, file) if as_array else file)
                started.append((batch, [0] * count, None))
            with queue._lock:  # staged only: the next one is laid down behind it
                queue._table.admit(batch)
                queue._table.stage(batch)
        for batch, results, content in started:
            assert queue.wait(batch) and batch.results.tolist() == results
            assert content is None or (batch.buffer is not None and batch.buffer.tobytes() == content)


def test_the_ring_wraps_around(queue: OperationQueue, file: int) -> None:
    for turn in range(60):
        batch = reads(file, [turn + row for row in range(5)])
        queue.transfer(batch)
        assert batch.buffer is not None and batch.buffer.tolist() == [turn + row for row in range(5)]


def test_results_that_overflow_the_ring_are_kept(engine: UringEngine, file: int) -> None:
    batch = reads(file, list(range(8)))
    engine.stage(batch, 0, 8, 5)
    engine.enter(0)
    for _ in range(6):  # 48 results of the engine's own into a completion ring of 16
        engine.wake(8)
    seen: list[int] = []
    internal = 0
    while len(seen) < 8 or internal < 48:
        completions = engine.collect()
        seen += completions["row"][completions["slot"] == 5].tolist()
        internal += int((completions["slot"] == INTERNAL).sum())
        engine.enter(0)
    assert sorted(seen) == list(range(8)) and internal == 48


def test_a_timeout_ends_the_wait(engine: UringEngine) -> None:
    engine.enter(1, 0.001)
    assert len(engine.collect()) == 0


def test_a_wake_up_before_the_wait_is_not_lost(engine: UringEngine) -> None:
    engine.wake(3)
    engine.enter(3)
    assert (engine.collect()["slot"] == INTERNAL).all()


def test_closing_twice_leaves_no_mapping() -> None:
    before = len(mapped_rings())
    engine = UringEngine(64)
    assert len(mapped_rings()) > before
    engine.close()
    engine.close()
    assert len(mapped_rings()) == before


def test_closing_a_slot_of_an_array_leaves_descriptor_zero_alone(queue: OperationQueue, file: int) -> None:
    before = os.fstat(0)
    queue.register_files([file, file])
    batch = Operations(OperationCode.CLOSE, 2, file=np.array([0, 1]), fixed=True)
    queue.transfer(batch)
    assert batch.results.tolist() == [0, 0] and os.path.samestat(os.fstat(0), before)


class AsynchronousWrites(UringEngine):
    """An engine that has the kernel do each first write on a thread of its own (IOSQE_ASYNC), and counts the rest."""

    tried_again = 0
    _tried: frozenset[int] = frozenset()

    def stage(self, operations: Operations, start: int, count: int, slot: int) -> None:
        first = self._tail
        super().stage(operations, start, count, slot)
        self._template = None
        if slot in self._tried:
            self.tried_again += count
        elif operations.code == OperationCode.WRITE:
            self._sqes["flags"][(first + np.arange(count)) & self._sq_mask] |= 1 << 4
        self._tried |= {slot}


@pytest.mark.row("R30")
def test_everything_a_thread_submitted_completes_after_its_exit(tmp_path: Path) -> None:
    """A pipe read, a socket receive and 200 writes that the kernel does on threads of its own."""
    engine = AsynchronousWrites(256)
    queue = OperationQueue(engine)
    reader, writer = os.pipe()
    here, there = socket.socketpair()
    target = os.open(tmp_path / "written", os.O_RDWR | os.O_CREAT)
    data = np.repeat(np.arange(200, dtype=np.uint8), 4096)
    place = np.arange(200) * 4096
    from_pipe, from_socket = reads(reader, [0], 16), reads(here.fileno(), [0], 16)
    writes = Operations(
        OperationCode.WRITE,
        200,
        file=target,
        buffer=data,
        position=place,
        offset=place,
        length=4096,
        flags=os.RWF_DSYNC,
    )
    numbers: list[int] = []

    def submit() -> None:
        numbers.append(threading.get_native_id())
        for batch in (from_pipe, from_socket, writes):
            queue.submit(batch)

    beside(submit).join()
    eventually(lambda: not os.path.exists(f"/proc/self/task/{numbers[0]}"))  # Python forgets a thread before Linux does
    assert queue.wait(writes)
    os.write(writer, b"pipe")
    there.send(b"socket")
    assert queue.wait(from_pipe) and queue.wait(from_socket)
    assert (from_pipe.results[0], from_socket.results[0]) == (4, 6)
    assert writes.results.tolist() == [4096] * 200
    assert (tmp_path / "written").read_bytes() == data.tobytes()
    assert engine.tried_again >= 2  # the pipe, the socket, and those writes that had not been begun
    queue.close()
    here.close()
    there.close()
    for file in (reader, writer, target):
        os.close(file)
