"""The thread engine gives io_uring's results, keeps its few threads, and lets go of everything."""

from __future__ import annotations

import errno
import os
import pty
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ntio.hal.choose import make_hal
from ntio.hal.operation_queue import OperationQueue
from ntio.hal.operations import OperationCode, Operations
from ntio.hal.threads import ThreadEngine
from uring_probe import why_not

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="real files need Linux")
needs_uring = pytest.mark.skipif(bool(why_not("uring", os.environ.get("NTIO_HAL"))), reason="no io_uring to be had")

READ, WRITE = OperationCode.READ, OperationCode.WRITE


@pytest.fixture
def engine() -> ThreadEngine:
    return ThreadEngine(64)


@pytest.fixture
def queue(engine: ThreadEngine) -> Iterator[OperationQueue]:
    queue = OperationQueue(engine)
    yield queue
    queue.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    file = os.open(tmp_path / "bytes", os.O_RDWR | os.O_CREAT)
    os.write(file, bytes(range(256)) * 8)
    yield file
    os.close(file)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def one(code: OperationCode, **columns: Any) -> Operations:
    columns.setdefault("buffer", np.zeros(64, np.uint8))
    return Operations(code, 1, **columns)


# --- the same results as io_uring -------------------------------------------------------------------------------------

_row = st.tuples(
    st.sampled_from(["file", "closed", "negative", "directory", "write-only", "null"]),
    st.one_of(st.integers(0, 3000), st.sampled_from([-1, -2, -(2**63), 2**63 - 1, 2**62])),
    st.sampled_from([0, 1, 100, 511]),
)


def _descriptors(folder: Path) -> dict[str, int]:
    (folder / "bytes").write_bytes(bytes(range(256)) * 8)
    (folder / "target").write_bytes(b"")
    return {
        "file": os.open(folder / "bytes", os.O_RDWR),
        "closed": 1_000_000,
        "negative": -1,
        "directory": os.open(folder, os.O_RDONLY),
        "write-only": os.open(folder / "target", os.O_WRONLY),
        "null": os.open(os.devnull, os.O_RDWR),
    }


@needs_uring
@pytest.mark.row("R11")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    rows=st.lists(_row, min_size=1, max_size=30),
    writing=st.booleans(),
    flags=st.sampled_from([0, os.RWF_DSYNC]),
)
def test_random_rows_end_as_on_a_ring(
    tmp_path: Path, rows: list[tuple[str, int, int]], writing: bool, flags: int
) -> None:
    outcomes = []
    for name in ("uring", "threads"):
        queue, files = make_hal(name).new_queue(32), _descriptors(tmp_path)
        buffer = np.full(len(rows) * 512, 7, np.uint8)
        position = np.arange(len(rows)) * 512
        results = []
        for row, (kind, offset, length) in enumerate(rows):  # one by one: rows of a batch have no order
            batch = Operations(
                WRITE if writing else READ, 1, file=np.array([files[kind]]), buffer=buffer, length=length,
                position=position[row : row + 1], offset=np.array([offset]), flags=flags if writing else 0,
            )  # fmt: skip
            queue.transfer(batch)
            results += batch.results.tolist()
        outcomes.append((results, buffer.tobytes(), (tmp_path / "bytes").read_bytes()))
        queue.close()
        for kind in ("file", "directory", "write-only", "null"):
            os.close(files[kind])
    assert outcomes[0] == outcomes[1]


@needs_uring
def test_everything_else_ends_as_on_a_ring(tmp_path: Path, pipe: tuple[int, int]) -> None:
    path = np.frombuffer(os.fsencode(tmp_path / "bytes") + b"\0", np.uint8)
    empty, buffer, answer = np.zeros(1, np.uint8), np.zeros(8, np.uint8), np.zeros(256, np.uint8)
    outcomes = []
    for name in ("uring", "threads"):
        queue, files = make_hal(name).new_queue(32), _descriptors(tmp_path)
        broken = os.pipe()
        os.close(broken[0])
        batches = [
            *(one(code, file=file, buffer=None) for code in (OperationCode.FLUSH, OperationCode.FLUSH_DATA)
              for file in (files["file"], files["null"], pipe[0], -1)),
            one(OperationCode.NOP),
            one(OperationCode.OPEN, buffer=path, flags=os.O_CREAT | os.O_EXCL | os.O_RDWR, length=0o600),
            one(OperationCode.OPEN, buffer=path, flags=os.O_DIRECTORY),
            one(OperationCode.STAT, file=-100, buffer=empty, auxiliary=answer, length=0x7FF),
            one(OperationCode.STAT, file=-1, buffer=empty, flags=0x1000, auxiliary=answer, length=0x7FF),
            one(OperationCode.STAT, file=files["file"], buffer=empty, flags=0x1000, auxiliary=answer, length=0x7FF),
            one(READ, file=files["file"], buffer=None, length=4),
            one(READ, file=files["file"], buffer=buffer, length=4, flags=1 << 23),
            one(READ, file=pipe[0], buffer=buffer, length=0),
            one(READ, file=pipe[1], buffer=buffer, length=8),
            one(WRITE, file=broken[1], buffer=buffer, length=8),
            one(WRITE, file=broken[1], buffer=buffer, length=0),
        ]  # fmt: skip
        for batch in batches:
            queue.transfer(batch)
        fields = (answer[28:30].tobytes(), answer[32:48].tobytes(), answer[112:124].tobytes())
        outcomes.append([[batch.results.tolist() for batch in batches], fields])
        queue.close()
        for kind in ("file", "directory", "write-only", "null"):
            os.close(files[kind])
        os.close(broken[1])
    assert outcomes[0][0] == outcomes[1][0]
    # The second round rewrote the file: mode, inode and size are as they were, the times of course not.
    assert outcomes[0][1][:2] == outcomes[1][1][:2]


# --- threads ----------------------------------------------------------------------------------------------------------


def test_no_thread_is_started_before_there_is_work_and_none_is_left(file: int) -> None:
    before = threading.active_count()
    queue = OperationQueue(ThreadEngine(256))
    assert threading.active_count() == before
    offsets = np.arange(256)
    queue.transfer(
        Operations(READ, 256, file=file, buffer=np.zeros(256, np.uint8), position=offsets, offset=offsets, length=1)
    )
    assert before < threading.active_count() <= before + 8
    queue.close()
    assert threading.active_count() == before


def test_crossings_are_rows_and_hand_overs(queue: OperationQueue, file: int) -> None:
    queue.transfer(Operations(OperationCode.NOP, 64))
    assert queue.crossings == 64 + 2


def test_a_wake_up_before_the_wait_is_not_lost(engine: ThreadEngine) -> None:
    engine.wake(3)
    engine.enter(3)
    assert len(engine.collect()) == 0
    engine.enter(1, 0.001)
    engine.close()


def test_a_forked_child_closes_without_the_threads(queue: OperationQueue, pipe: tuple[int, int]) -> None:
    batch = one(READ, file=pipe[0], length=1)
    queue.submit(batch)
    child = os.fork()
    if child == 0:
        queue.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    queue.cancel(batch)
    assert queue.wait(batch)


# --- memory and descriptors -------------------------------------------------------------------------------------------


@pytest.mark.row("R33")
@pytest.mark.parametrize("stream", [False, True])
def test_a_buffer_may_be_resized_as_soon_as_its_batch_is_done(
    queue: OperationQueue, file: int, pipe: tuple[int, int], stream: bool
) -> None:
    for turn in range(200):
        memory = bytearray(16)
        batch = one(READ, file=pipe[0] if stream else file, buffer=np.frombuffer(memory, np.uint8), length=1)
        queue.submit(batch)
        if stream:
            os.write(pipe[1], bytes([turn]))
        assert queue.wait(batch)
        del batch
        memory.extend(b"more")


def test_a_parked_read_keeps_its_pipe_when_the_descriptor_is_closed(queue: OperationQueue) -> None:
    reader, writer = os.pipe()
    batch = one(READ, file=reader, length=8)
    queue.submit(batch)
    os.close(reader)
    os.write(writer, b"still")
    assert queue.wait(batch) and batch.results.tolist() == [5]
    os.close(writer)


def test_memory_that_cannot_be_written_is_a_fault(queue: OperationQueue, file: int, pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"x")
    for source in (file, pipe[0]):
        batch = one(READ, file=source, buffer=np.frombuffer(b"constant", np.uint8), length=4)
        queue.transfer(batch)
        assert batch.results.tolist() == [-errno.EFAULT]


def test_a_bad_descriptor_is_not_registered(queue: OperationQueue, file: int) -> None:
    with pytest.raises(OSError) as caught:
        queue.register_files([file, 1_000_000])
    assert caught.value.errno == errno.EBADF


# --- streams ----------------------------------------------------------------------------------------------------------


def test_rows_on_different_pipes_each_get_their_own_bytes(queue: OperationQueue) -> None:
    pipes = [os.pipe() for _ in range(20)]
    batch = Operations(
        READ, 20, file=np.array([reader for reader, _ in pipes]), buffer=np.zeros(20, np.uint8),
        position=np.arange(20), length=1,
    )  # fmt: skip
    queue.submit(batch)
    for number, (_, writer) in reversed(list(enumerate(pipes))):
        os.write(writer, bytes([number]))
    assert queue.wait(batch)
    assert batch.buffer is not None and batch.buffer.tolist() == list(range(20))
    for end in (end for ends in pipes for end in ends):
        os.close(end)


def test_a_file_that_cannot_be_tried_without_blocking_is_waited_for(queue: OperationQueue) -> None:
    """A terminal: `preadv2` with RWF_NOWAIT may not be had, `poll` may."""
    master, terminal = pty.openpty()
    batch = one(READ, file=terminal, length=16)
    queue.submit(batch)
    assert not queue.wait(batch, timeout=0.001)
    os.write(master, b"line\n")
    assert queue.wait(batch) and batch.results.tolist() == [5]
    os.close(master)
    os.close(terminal)


def test_a_pipe_ends_when_its_writer_goes(queue: OperationQueue) -> None:
    reader, writer = os.pipe()
    batch = Operations(READ, 3, file=reader, buffer=np.zeros(3, np.uint8), position=np.arange(3), length=1)
    queue.submit(batch)
    os.write(writer, b"x")
    os.close(writer)
    assert queue.wait(batch) and batch.results.tolist() == [1, 0, 0]
    os.close(reader)
