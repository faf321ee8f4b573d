"""The law for single rows: bytes, counts, errors, opening and closing; the first half of `hal_tests`.

Also what both halves share: the fixtures, and helpers for tests with two threads. No test sleeps; where two threads
have to meet, one waits until the other is seen to be where it has to be.

Rows: R4, R11, R30
"""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..hal.machine import Hal
from ..hal.operation_queue import OperationQueue
from ..hal.operations import SPARSE, OperationCode, Operations
from ..hal.statx import AT_EMPTY_PATH, AT_FDCWD, BASIC_STATS, STATX
from ..status import STATUS_END_OF_FILE

READ, WRITE, OPEN, CLOSE, STAT = (
    OperationCode.READ, OperationCode.WRITE, OperationCode.OPEN, OperationCode.CLOSE, OperationCode.STAT,
)  # fmt: skip
CANCELLED = -errno.ECANCELED
BLOCK, BLOCKS = 512, 24

_shared_fixtures = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors], max_examples=25
)
_read_rows = st.lists(st.tuples(st.integers(0, BLOCK * BLOCKS + 99), st.integers(0, 2000)), min_size=1, max_size=40)
_written_blocks = st.lists(st.integers(0, BLOCKS - 1), min_size=1, max_size=BLOCKS, unique=True)


def eventually(condition: Callable[[], object]) -> None:
    """Return once something another thread does is visible; a minute without it is a failure."""
    pause = threading.Event()
    for _ in range(60_000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("what the other thread was to do did not happen")


def beside(routine: Callable[[], object]) -> threading.Thread:
    """Run a routine on a thread of its own."""
    thread = threading.Thread(target=routine, daemon=True)
    thread.start()
    return thread


def paths_in_one_buffer(paths: list[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """NUL-terminated paths behind each other, and where each begins."""
    encoded = [os.fsencode(path) + b"\0" for path in paths]
    starts = np.cumsum([0] + [len(path) for path in encoded[:-1]])
    return np.frombuffer(b"".join(encoded), np.uint8), starts


class HalRowTests:
    """Rows of one batch: what they move and how they fail. Inherit from `HalTests`, which has these too."""

    entries = 16

    @pytest.fixture
    def hal(self) -> Hal:
        """The machine under test."""
        raise NotImplementedError("a subclass of HalTests defines the fixture `hal`")

    @pytest.fixture
    def queue(self, hal: Hal) -> Iterator[OperationQueue]:
        """A queue of sixteen."""
        queue = hal.new_queue(self.entries)
        yield queue
        queue.close()

    @pytest.fixture
    def file(self, hal: Hal, tmp_path: Path) -> Iterator[int]:
        """An empty file, open for reading and writing."""
        file = hal.files.open(str(tmp_path / "file"), os.O_RDWR | os.O_CREAT)
        yield file
        hal.files.close(file)

    @pytest.fixture
    def alphabet(self, hal: Hal, file: int) -> int:
        """A file that holds 26 letters."""
        hal.files.write(file, memoryview(b"abcdefghijklmnopqrstuvwxyz"), 0)
        return file

    @pytest.fixture
    def pipe(self, hal: Hal) -> Iterator[tuple[int, int]]:
        """A pipe: where to read, where to write."""
        ends: tuple[int, int] = getattr(hal.files, "make_pipe", os.pipe)()
        yield ends
        for end in ends:
            hal.files.close(end)

    @staticmethod
    def read(file: Any, offset: Any, length: Any, count: int = 1, **more: Any) -> Operations:
        """Reads into a buffer of their own, 4096 bytes apart."""
        position = np.arange(count, dtype=np.uint64) * 4096
        buffer = np.zeros(max(count, 1) * 4096, np.uint8)
        place = {"buffer": buffer, "position": position}
        return Operations(READ, count, file=file, offset=offset, length=length, **place, **more)  # type: ignore[arg-type]

    @staticmethod
    def bytes_of(operations: Operations, row: int = 0) -> bytes:
        """What one such read brought."""
        assert operations.buffer is not None
        return operations.buffer[row * 4096 :][: operations.results[row]].tobytes()

    # --- bytes, counts, errors --------------------------------------------------------------------------------------

    @_shared_fixtures
    @given(steps=st.lists(st.one_of(_read_rows, _written_blocks), max_size=6), fill=st.integers(1, 255))
    def test_batches_do_what_a_bytearray_does(
        self, queue: OperationQueue, hal: Hal, file: int, steps: list[list[Any]], fill: int
    ) -> None:
        """Random batches of reads and writes leave what the same calls leave in a bytearray."""
        hal.files.truncate(file, 0)
        model = bytearray()
        for number, step in enumerate(steps):
            if isinstance(step[0], tuple):
                offsets, lengths = (np.array(column, np.int64) for column in zip(*step, strict=True))
                reads = self.read(file, offsets, lengths, len(step))
                queue.transfer(reads)
                wanted = [bytes(model[offset : offset + length]) for offset, length in step]
                assert [self.bytes_of(reads, row) for row in range(len(step))] == wanted
                continue
            blocks = np.array(step, np.int64)
            data = ((np.arange(BLOCK * BLOCKS) // BLOCK + fill + number) % 256).astype(np.uint8)
            place = blocks * BLOCK
            queue.transfer(
                Operations(WRITE, len(step), file=file, buffer=data, position=place, offset=place, length=BLOCK)
            )
            for start in place.tolist():
                model.extend(bytes(max(start + BLOCK - len(model), 0)))
                model[start : start + BLOCK] = data[start : start + BLOCK].tobytes()
        assert hal.files.size(file) == len(model)

    @pytest.mark.parametrize("arrays", list(itertools.product((False, True), repeat=4)))
    def test_a_scalar_is_a_column_of_equal_values(
        self, queue: OperationQueue, alphabet: int, arrays: tuple[bool, ...]
    ) -> None:
        """Every mixture of scalar and array columns means the same."""
        scalars = {"file": alphabet, "position": 3, "offset": 2, "length": 5}
        columns: dict[str, Any] = {
            name: np.full(4, value) if array else value
            for (name, value), array in zip(scalars.items(), arrays, strict=True)
        }
        batch = Operations(READ, 4, buffer=np.zeros(10, np.uint8), **columns)
        queue.transfer(batch)
        assert batch.results.tolist() == [5] * 4
        assert batch.buffer is not None and batch.buffer.tobytes() == b"\0\0\0cdefg\0\0"

    def test_batches_of_different_kinds_do_not_mix_up_their_columns(self, queue: OperationQueue, alphabet: int) -> None:
        """Batches staged behind each other keep their own columns."""
        first = self.read(alphabet, np.arange(3), 2, 3)
        second = self.read(np.full(3, alphabet), 10, np.array([1, 2, 3]), 3)
        flush = Operations(OperationCode.FLUSH, 2, file=alphabet)
        for batch in (first, second, flush):
            queue.submit(batch)
        for batch in (first, second, flush):
            assert queue.wait(batch)
        assert [self.bytes_of(first, row) for row in range(3)] == [b"ab", b"bc", b"cd"]
        assert [self.bytes_of(second, row) for row in range(3)] == [b"k", b"kl", b"klm"]
        assert flush.results.tolist() == [0, 0]

    def test_more_rows_than_fit_go_in_windows(self, queue: OperationQueue, alphabet: int) -> None:
        """A transfer may have more rows than the queue has room."""
        offsets = np.arange(10 * queue.capacity) % 26
        reads = self.read(alphabet, offsets, 1, len(offsets))
        queue.transfer(reads)
        assert b"".join(self.bytes_of(reads, row) for row in range(reads.count)) == bytes(offsets.astype(np.uint8) + 97)
        assert queue.in_flight == 0

    def test_the_end_of_the_file_is_a_short_count_then_none(self, queue: OperationQueue, alphabet: int) -> None:
        """At the end a read is short, beyond it there is nothing, and a read of nothing succeeds."""
        reads = self.read(alphabet, np.array([20, 26, 1 << 40, 5]), np.array([10, 10, 10, 0]), 4)
        queue.transfer(reads)
        assert reads.results.tolist() == [6, 0, 0, 0]
        assert reads.status().tolist() == [0, STATUS_END_OF_FILE, STATUS_END_OF_FILE, 0]
        assert reads.information().tolist() == [6, 0, 0, 0]

    def test_writing_past_the_end_leaves_zeros_between(self, queue: OperationQueue, hal: Hal, alphabet: int) -> None:
        """A gap reads as zeros."""
        data = np.frombuffer(b"!", np.uint8)
        queue.transfer(Operations(WRITE, 1, file=alphabet, buffer=data, offset=29, length=1))
        reads = self.read(alphabet, 24, 100)
        queue.transfer(reads)
        assert self.bytes_of(reads) == b"yz\0\0\0!" and hal.files.size(alphabet) == 30

    def test_offsets_no_file_has_are_refused(self, queue: OperationQueue, alphabet: int) -> None:
        """EINVAL for negative offsets and for an end beyond 2**63."""
        reads = self.read(alphabet, np.array([-2, (1 << 63) - 1, -(1 << 63)]), 10, 3)
        queue.transfer(reads)
        assert reads.results.tolist() == [-errno.EINVAL] * 3

    def test_bad_descriptors_fail_row_by_row(self, queue: OperationQueue, alphabet: int) -> None:
        """EBADF for the row that has it, and for no other."""
        reads = self.read(np.array([-1, alphabet, 1_000_000]), 0, 3, 3)
        queue.transfer(reads)
        assert reads.results.tolist() == [-errno.EBADF, 3, -errno.EBADF]
        for code in (OperationCode.FLUSH, CLOSE):
            batch = Operations(code, 1, file=1_000_000)
            queue.transfer(batch)
            assert batch.results.tolist() == [-errno.EBADF]

    def test_a_file_does_only_what_it_was_opened_for(self, queue: OperationQueue, hal: Hal, tmp_path: Path) -> None:
        """EBADF against the open mode, even for no bytes."""
        path, data = str(tmp_path / "one-way"), np.zeros(8, np.uint8)
        for flags, good, bad in ((os.O_WRONLY | os.O_CREAT, WRITE, READ), (os.O_RDONLY, READ, WRITE)):
            file = hal.files.open(path, flags)
            for code, length, result in ((good, 8, 8), (bad, 8, -errno.EBADF), (bad, 0, -errno.EBADF)):
                batch = Operations(code, 1, file=file, buffer=data, length=length)
                queue.transfer(batch)
                assert batch.results.tolist() == [result]
            hal.files.close(file)

    def test_a_batch_without_rows_is_finished_at_once(self, queue: OperationQueue, alphabet: int) -> None:
        """Its callback is called as for any other."""
        finished: list[Operations] = []
        for start in (queue.submit, queue.transfer):
            batch = Operations(READ, 0, file=alphabet, on_complete=finished.append)
            start(batch)
            assert finished == [batch] and batch.done
            finished.clear()

    # --- open, stat, close ------------------------------------------------------------------------------------------

    def test_files_are_opened_measured_and_closed_in_batches(
        self, queue: OperationQueue, hal: Hal, tmp_path: Path
    ) -> None:
        """OPEN, STAT by path and by descriptor, and CLOSE work on columns."""
        names = [str(tmp_path / f"file{number}") for number in range(5)]
        paths, starts = paths_in_one_buffer(names)
        opened = Operations(OPEN, 5, buffer=paths, position=starts, flags=os.O_RDWR | os.O_CREAT, length=0o600)
        queue.transfer(opened)
        assert (opened.results >= 0).all()
        data = np.arange(5, dtype=np.uint8)
        queue.transfer(Operations(WRITE, 5, file=opened.results, buffer=data, length=np.arange(5)))
        for more in (
            {"file": AT_FDCWD, "buffer": paths, "position": starts},
            {"file": opened.results, "buffer": np.zeros(1, np.uint8), "flags": AT_EMPTY_PATH},
        ):
            answers, places = np.zeros(5 * 256, np.uint8), np.arange(5) * 256
            stat = Operations(STAT, 5, length=BASIC_STATS, auxiliary=answers, auxiliary_position=places, **more)  # type: ignore[arg-type]
            queue.transfer(stat)
            assert stat.results.tolist() == [0] * 5
            assert answers.view(STATX)["size"].tolist() == [0, 1, 2, 3, 4]
            assert set((answers.view(STATX)["mode"] & 0o170777).tolist()) == {0o100600}
        closed = Operations(CLOSE, 5, file=opened.results)
        queue.transfer(closed)
        assert closed.results.tolist() == [0] * 5

    def test_opening_says_why_it_failed(self, queue: OperationQueue, alphabet: int, tmp_path: Path) -> None:
        """Each wrong path has the host's errno."""
        file, missing = str(tmp_path / "file"), str(tmp_path / "missing")
        cases = [
            (missing, os.O_RDONLY, -errno.ENOENT),
            ("", os.O_RDONLY, -errno.ENOENT),
            (file, os.O_CREAT | os.O_EXCL | os.O_RDWR, -errno.EEXIST),
            (str(tmp_path), os.O_RDWR, -errno.EISDIR),
            (file + "/below", os.O_RDONLY, -errno.ENOTDIR),
        ]
        for path, flags, result in cases:
            batch = Operations(OPEN, 1, buffer=paths_in_one_buffer([path])[0], flags=flags, length=0o600)
            queue.transfer(batch)
            assert batch.results.tolist() == [result], path

    def test_relative_paths_start_from_a_directory(
        self, queue: OperationQueue, hal: Hal, alphabet: int, tmp_path: Path
    ) -> None:
        """An OPEN with `directory` finds what is below it; an absolute path does not care."""
        folder = hal.files.open(str(tmp_path), os.O_RDONLY)
        queue.register_files([SPARSE] * 4)
        names = ["file", "./file", str(tmp_path / "file"), "missing"]
        paths, starts = paths_in_one_buffer(names)
        for fixed, file in ((True, np.arange(4)), (False, 0)):
            opens = Operations(OPEN, 4, file=file, fixed=fixed, directory=folder, buffer=paths, position=starts)
            queue.transfer(opens)
            assert (opens.results[:3] >= 0).all() and opens.results[3] == -errno.ENOENT
            reads = self.read(file if fixed else opens.results, 3, 2, 3, fixed=fixed)
            queue.transfer(reads)
            assert [self.bytes_of(reads, row) for row in range(3)] == [b"de"] * 3
        queue.transfer(Operations(CLOSE, 3, file=opens.results[:3].copy()))
        for directory, result in ((alphabet, -errno.ENOTDIR), (1_000_000, -errno.EBADF)):
            opens = Operations(OPEN, 1, directory=directory, buffer=paths)
            queue.transfer(opens)
            assert opens.results.tolist() == [result]
        queue.register_files([])
        hal.files.close(folder)

    def test_registered_slots_are_opened_read_and_closed(
        self, queue: OperationQueue, alphabet: int, tmp_path: Path
    ) -> None:
        """A slot is filled, used, emptied, and says EBADF when empty."""
        path = paths_in_one_buffer([str(tmp_path / "file")])[0]
        slots = np.array([2, 0])

        def run(code: OperationCode, **more: Any) -> list[int]:
            batch = Operations(code, 2, file=slots, fixed=True, **more)
            queue.transfer(batch)
            return batch.results.tolist()  # type: ignore[no-any-return]

        buffer = np.zeros(4, np.uint8)
        assert run(OPEN, buffer=path) == [-errno.ENXIO] * 2
        queue.register_files([SPARSE, alphabet, SPARSE])
        assert run(READ, buffer=buffer, length=4) == [-errno.EBADF] * 2
        assert run(OPEN, buffer=path) == [0, 0]
        assert run(READ, buffer=buffer, length=4) == [4, 4] and buffer.tobytes() == b"abcd"
        assert run(CLOSE) == [0, 0]
        assert run(READ, buffer=buffer, length=4) == [-errno.EBADF] * 2
        assert run(CLOSE) == [-errno.EBADF] * 2
        again = Operations(READ, 1, file=1, fixed=True, buffer=buffer, offset=4, length=4)
        queue.transfer(again)
        assert again.results.tolist() == [4] and buffer.tobytes() == b"efgh"
        outside = Operations(CLOSE, 1, file=9, fixed=True)
        queue.transfer(outside)
        assert outside.results.tolist() == [-errno.EINVAL]

    def test_a_registered_file_outlives_its_descriptor(self, queue: OperationQueue, hal: Hal, tmp_path: Path) -> None:
        """The table holds the file itself."""
        file = hal.files.open(str(tmp_path / "kept"), os.O_RDWR | os.O_CREAT)
        hal.files.write(file, memoryview(b"kept"), 0)
        queue.register_files([file])
        hal.files.close(file)
        reads = self.read(0, 0, 9, fixed=True)
        queue.transfer(reads)
        assert self.bytes_of(reads) == b"kept"
        queue.register_files([])

    def test_registered_buffers_are_used_and_their_limits_kept(self, queue: OperationQueue, alphabet: int) -> None:
        """EFAULT beyond a registered buffer."""
        buffer = np.zeros(8, np.uint8)
        queue.register_buffers([buffer])
        for index, position, result in ((0, 4, 4), (0, 6, -errno.EFAULT), (1, 0, -errno.EFAULT)):
            batch = Operations(
                READ, 1, file=alphabet, buffer=buffer, position=position, length=4, buffer_index=index
            )  # fmt: skip
            queue.transfer(batch)
            assert batch.results.tolist() == [result]
        queue.register_buffers([])
