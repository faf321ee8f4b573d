"""4 KiB random writes over a file that has its blocks already: a ring against the loop, the pools and fio.

Every way writes the same distinct blocks; afterwards the file is read back and compared. Through the page cache with an
fsync at the end the ring is not expected to win: the kernel copies, and hands ext4's buffered writes to a thread of its
own one by one, so that a ring needs a second processor for what a loop does on one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count, cycle, islice, repeat
from pathlib import Path
from time import perf_counter
from typing import Any

import fio
import numpy as np
import pytest
import ways
from ways import BLOCK, WINDOW, Offsets

import ntio

Scale = Callable[[int, int], int]
Record = Callable[..., None]
Alternate = Callable[..., dict[str, float]]
#: How many writes a call of the ring asks for: at the end of each the device's queue runs empty.
ROWS = 8 * WINDOW
#: Writes row i modulo 8192 of the data at offset i.
Writer = Callable[[Offsets], object]


@pytest.fixture
def path(tmp_path: Path, scale: Scale) -> Path:
    """A file with all its blocks; fio writes it too, as its pages may be cached in larger or smaller pieces.

    In one file of two that were made alike, a write took 12 us and in the other 21, for fio as for the loop.
    """
    path, generator = tmp_path / "random.bin", np.random.default_rng(1)
    with open(path, "wb") as file:
        for _ in range(scale(4, 512)):
            file.write(generator.bytes(1 << 20))
        os.fsync(file.fileno())
    return path


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is closed at the end."""
    with ExitStack() as stack:
        yield stack


class Writers:
    """Every way to write rows of `data`, on one file, through the page cache or past it."""

    def __init__(self, stack: ExitStack, path: Path, *, direct: bool) -> None:
        system = stack.enter_context(ntio.System(os.environ.get("NTIO_HAL") or None))
        arena = stack.enter_context(ntio.Arena(ROWS * BLOCK, system=system))
        self.file = stack.enter_context(ntio.open(path, "r+", direct=direct, system=system))
        self.ring = stack.enter_context(ntio.Ring(256, system=system, arena=arena))
        self.ring.register([self.file])
        self.data = stack.enter_context(arena.rows(ROWS, BLOCK))
        self.rows = [(memoryview(row),) for row in self.data]
        self.descriptor = os.open(path, os.O_RDWR | (os.O_DIRECT if direct else 0))
        stack.callback(os.close, self.descriptor)
        self.pool = stack.enter_context(ThreadPoolExecutor(32))

    def through_ring(self, offsets: Offsets) -> None:
        """A call per window; the data's memory is registered, as the file is."""
        for part in ways.windows(offsets, ROWS):
            self.ring.write(self.file, part, self.data[: len(part)]).raise_for_status()

    def in_a_loop(self, offsets: Offsets, first: int = 0) -> None:
        """A system call per write, from row `first` on; the loop itself runs in C."""
        rows = islice(cycle(self.rows), first % ROWS, None)
        deque(map(os.pwritev, repeat(self.descriptor), rows, offsets.tolist()), maxlen=0)

    def a_future_each(self, offsets: Offsets) -> None:
        """A future per write."""
        self._all(self.pool.submit, os.pwritev, repeat(self.descriptor), cycle(self.rows), offsets.tolist())

    def in_chunks(self, offsets: Offsets) -> None:
        """A future per thousand: the best a pool can do."""
        self._all(self.pool.submit, self.in_a_loop, ways.windows(offsets, 1000), count(0, 1000))

    def _all(self, submit: Callable[..., Any], *arguments: Any) -> None:
        call, *columns = arguments
        for future in [submit(call, *row) for row in zip(*columns)]:  # noqa: B905 (some columns never end)
            future.result()

    def ways(self) -> dict[str, Writer]:
        """All of them by name."""
        return {
            "ring": self.through_ring,
            "os.pwritev loop": self.in_a_loop,
            "pool of 32, a future per write": self.a_future_each,
            "pool of 32, chunks": self.in_chunks,
        }


def check(writers: Writers, found: dict[str, Writer], path: Path, offsets: Offsets) -> str:
    """Have every way write other bytes and read them back; returns the hash of the last."""
    sha = ""
    for number, (name, write) in enumerate(found.items()):
        writers.data[:] = np.random.default_rng(number).integers(0, 256, writers.data.shape, np.uint8)
        write(offsets)
        os.fsync(writers.descriptor)
        sha = ways.digest(writers.data[row % ROWS] for row in range(len(offsets)))
        assert ways.expected(path, offsets) == sha, f"{name} wrote wrong bytes"
    return sha


def timed(write: Writer, offsets: Offsets, finish: Callable[[], object]) -> Callable[[], float]:
    """A run that reports writes per second, `finish` included."""

    def run() -> float:
        os.sync()
        begun = perf_counter()
        write(offsets)
        finish()
        return len(offsets) / (perf_counter() - begun)

    return run


def keep(rates: dict[str, float], sha: str, record: Record) -> None:
    """A line of the table per way."""
    if fio.missing():
        record(f"fio skipped: {fio.missing()}")
    best_fio = max((rate for name, rate in rates.items() if name.startswith("fio")), default=0.0)
    for name, rate in rates.items():
        compared = {"of the best fio": rate / best_fio} if best_fio else {}
        compared["ring is x"] = rates["ring"] / rate
        record(name, **{"writes/s": rate, **compared, "sha256": "" if "fio" in name else sha[:12]})


def blocks_of(path: Path, number: int) -> Offsets:
    """Distinct random blocks."""
    order = np.random.default_rng(2).permutation(path.stat().st_size // BLOCK)[:number]
    return order.astype(np.uint64) * np.uint64(BLOCK)


def test_direct_random_writes(path: Path, stack: ExitStack, scale: Scale, alternate: Alternate, record: Record) -> None:
    """O_DIRECT: the device decides, a ring only has to keep its queue full."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_DIRECT))
        writers = Writers(stack, path, direct=True)
        writers.through_ring(blocks_of(path, 1))
    except OSError as error:
        pytest.skip(f"this file system has no direct I/O: {error}")
    offsets, found = blocks_of(path, scale(64, 40_000)), writers.ways()
    sha = check(writers, found, path, offsets[:1500])
    few = offsets[: max(len(offsets) // 8, 1)]
    slow = ("os.pwritev loop", "pool of 32, a future per write")
    runs = {n: timed(write, few if n in slow else offsets, lambda: None) for n, write in found.items()}
    if not fio.missing() and scale(0, 1):
        for depth in (128, 256):
            runs[f"fio io_uring QD{depth}"] = lambda depth=depth: fio.random_writes(path, depth, 1.0)
    keep(alternate(runs, scale(1, 5)), sha, record)


def test_buffered_random_writes(
    path: Path, stack: ExitStack, scale: Scale, alternate: Alternate, record: Record
) -> None:
    """Through the page cache, and an fsync at the end; the ring's is a flush of its own."""
    writers = Writers(stack, path, direct=False)
    offsets, found = blocks_of(path, scale(64, 60_000)), writers.ways()
    sha = check(writers, found, path, offsets[:1500])
    runs = {
        name: timed(
            write,
            offsets,
            (lambda: writers.ring.flush(writers.file)) if name == "ring" else (lambda: os.fsync(writers.descriptor)),
        )
        for name, write in found.items()
    }
    if not fio.missing() and scale(0, 1):
        for depth in (32, 128):
            runs[f"fio io_uring QD{depth}"] = lambda depth=depth: fio.synced_writes(path, depth, len(offsets))
    keep(alternate(runs, scale(1, 5)), sha, record)
