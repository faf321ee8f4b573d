"""Rates of 4 KiB random reads of a hot file, three ways: a ring, a loop of `os.preadv`, one future per read.

All ways read the same offsets of the same file for one thread. The ring and the loop read into the rows of one array,
used again and again; a future brings its own bytes. Short runs take turns, so that a noisy moment of the machine
meets all of them, and the median of each counts. What a way costs in host calls is counted where it can be (the ring
counts its own) and known otherwise (one per read).
"""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..system.file import open_file
from ..system.rings.ring import Ring
from ..system.system import System

BLOCK = 4096
FILE_BYTES = 64 << 20
#: Requests in one call of the ring. Measured: 256 give 1.01 M reads/s, 512 give 1.12, 1024 give 1.18.
_WINDOW = 1024
_ROUNDS = 5
_READS = 32 * _WINDOW
#: The pool is so much slower that a sixteenth of the reads takes as long.
_POOL_READS = _READS // 16

Rows = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Rate:
    """One way to read: reads per second (the median run), host calls per 1,000 reads, and what to know about it."""

    way: str
    reads_per_second: float
    crossings_per_1000: float
    note: str


@contextmanager
def hot_file(folder: str) -> Iterator[str]:
    """A temporary file of FILE_BYTES bytes of no pattern, just written and therefore in the host's cache."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix="ntio-rates-") as file:
        block = np.random.default_rng(1).integers(0, 256, 1 << 20, dtype=np.uint8).tobytes()
        for _ in range(FILE_BYTES // len(block)):
            file.write(block)
        file.flush()
        yield file.name


def measure(system: System, path: str) -> list[Rate]:
    """The three rates on this file."""
    offsets = np.random.default_rng(2).integers(0, FILE_BYTES // BLOCK, _READS).astype(np.uint64) * np.uint64(BLOCK)
    workers = min(32, (os.cpu_count() or 1) + 4)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with (
            open_file(path, system=system) as file,
            Ring(_WINDOW, system) as ring,
            concurrent.futures.ThreadPoolExecutor(workers) as pool,
        ):
            ring.register([file])
            out = np.zeros((_WINDOW, BLOCK), np.uint8)
            rows = [[row.data] for row in out]
            loop, pooled = offsets.tolist(), offsets[:_POOL_READS].tolist()
            runs: list[Callable[[], object]] = [
                lambda: _by_ring(ring, offsets, out),
                lambda: _by_preadv(descriptor, loop, rows),
                lambda: _by_pool(pool, descriptor, pooled),
            ]
            for run in runs:
                run()
            before = ring.crossings
            seconds = _alternate(runs)
            crossings = (ring.crossings - before) * 1000 / (_ROUNDS * _READS)
    finally:
        os.close(descriptor)
    kind = "io_uring" if system.hal.name == "uring" else f"no io_uring: {system.hal.name}"
    return [
        Rate("ntio.Ring, out= used again", _READS / seconds[0], crossings, f"{kind}, {_WINDOW} requests per call"),
        Rate("loop of os.preadv", _READS / seconds[1], 1000.0, "one host call per read"),
        Rate("one future per read", _POOL_READS / seconds[2], 1000.0, f"{workers} threads; futex calls come on top"),
    ]


def _alternate(runs: list[Callable[[], object]]) -> list[float]:
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(_ROUNDS):
        for run, taken in zip(runs, times, strict=True):
            begun = time.perf_counter()
            run()
            taken.append(time.perf_counter() - begun)
    return [statistics.median(taken) for taken in times]


def _by_ring(ring: Ring, offsets: npt.NDArray[np.uint64], out: Rows) -> None:
    for first in range(0, len(offsets), _WINDOW):
        ring.read(0, offsets[first : first + _WINDOW], BLOCK, out=out).raise_for_status()


def _by_preadv(descriptor: int, offsets: list[int], rows: list[list[memoryview]]) -> None:
    preadv = os.preadv
    for offset, row in zip(offsets, itertools.cycle(rows), strict=False):
        if preadv(descriptor, row, offset) != BLOCK:
            raise OSError(f"short read at {offset}")


def _by_pool(pool: concurrent.futures.ThreadPoolExecutor, descriptor: int, offsets: list[int]) -> None:
    futures = [pool.submit(os.pread, descriptor, BLOCK, offset) for offset in offsets]
    for future in futures:
        if len(future.result()) != BLOCK:
            raise OSError("short read")
