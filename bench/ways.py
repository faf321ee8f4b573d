"""How a program reads blocks at random offsets with what Python has: each way in the same shape.

A *source* takes offsets and gives what it read, in order: one buffer per read, or one for a window of reads. A buffer
is good until the next one is asked for, so a source can use one destination again and again. A *way* runs sources to
their end, in one thread or several; it keeps the bytes only when asked to, which is how they are checked.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

import ntio

BLOCK = 4096
WINDOW = 1024

Offsets = npt.NDArray[np.uint64]
Source = Callable[[Offsets], Iterable[Any]]
#: Offsets, and whether to keep what was read; a list of bytes, empty when not kept.
Way = Callable[[Offsets, bool], list[bytes]]


def random_offsets(blocks: int, count: int) -> Offsets:
    """Where to read: block-aligned, random, the same in every run."""
    return np.random.default_rng(2).integers(0, blocks, count).astype(np.uint64) * np.uint64(BLOCK)


def aligned(rows: int) -> npt.NDArray[np.uint8]:
    """uint8[rows, 4096] on page boundaries, as direct I/O wants it."""
    return np.frombuffer(mmap.mmap(-1, rows * BLOCK), np.uint8).reshape(rows, BLOCK)


def windows(offsets: Offsets, size: int = WINDOW) -> Iterator[Offsets]:
    """The offsets, so many at a time."""
    for first in range(0, len(offsets), size):
        yield offsets[first : first + size]


# --- sources ----------------------------------------------------------------------------------------------------------


def ring_source(ring: ntio.Ring, file: ntio.File, out: npt.NDArray[np.uint8]) -> Source:
    """The ring's own call, a window of `out` at a time."""

    def source(offsets: Offsets) -> Iterator[Any]:
        for part in windows(offsets, len(out)):
            yield ring.read(file, part, BLOCK, out=out[: len(part)]).raise_for_status().data

    return source


def pread_source(descriptor: int) -> Source:
    """A system call and a bytes object per read; the loop itself runs in C."""
    return lambda offsets: map(partial(os.pread, descriptor, BLOCK), offsets.tolist())


def preadv_source(descriptor: int) -> Source:
    """A system call per read into one buffer, which each run makes for itself on a page boundary."""

    def source(offsets: Offsets) -> Iterator[Any]:
        buffers = [memoryview(mmap.mmap(-1, BLOCK))]
        for offset in offsets.tolist():
            os.preadv(descriptor, buffers, offset)
            yield buffers[0]

    return source


def mmap_source(memory: mmap.mmap) -> Source:
    """A slice of the mapped file per read: no system call at all."""
    return lambda offsets: (memory[offset : offset + BLOCK] for offset in offsets.tolist())


def take_source(memory: mmap.mmap) -> Source:
    """NumPy's gather out of the mapped file, 256 blocks at a time into one destination."""
    blocks = np.frombuffer(memory, np.uint8).reshape(-1, BLOCK)

    def source(offsets: Offsets) -> Iterator[Any]:
        out = np.empty((256, BLOCK), np.uint8)
        for part in windows((offsets // np.uint64(BLOCK)).astype(np.intp), 256):  # type: ignore[arg-type]
            yield np.take(blocks, part, axis=0, out=out[: len(part)], mode="clip")

    return source


def future_source(pool: Executor, descriptor: int) -> Source:
    """The asynchronous file I/O most Python programs have: a future per read, into rows used again and again."""
    rows = [(memoryview(row),) for row in aligned(WINDOW)]

    def source(offsets: Offsets) -> Iterator[Any]:
        for part in windows(offsets):
            started = [pool.submit(os.preadv, descriptor, row, at) for row, at in zip(rows, part.tolist())]  # noqa: B905
            for row, future in zip(rows, started):  # noqa: B905
                future.result()
                yield row[0]

    return source


# --- ways -------------------------------------------------------------------------------------------------------------


def drain(pieces: Iterable[Any], keep: bool) -> list[bytes]:
    """Run a source to its end."""
    if keep:
        return [bytes(piece) for piece in pieces]
    deque(pieces, maxlen=0)
    return []


def one_thread(source: Source) -> Way:
    """A source on its own."""
    return lambda offsets, keep: drain(source(offsets), keep)


def a_thread_each(*sources: Source) -> Way:
    """Several sources at once, each with its part of the offsets and a thread."""

    def way(offsets: Offsets, keep: bool) -> list[bytes]:
        parts = np.array_split(offsets, len(sources))
        with ThreadPoolExecutor(len(sources)) as pool:
            results = pool.map(lambda source, part: drain(source(part), keep), sources, parts)
            return [piece for pieces in results for piece in pieces]

    return way


def in_chunks(pool: Executor, source: Source) -> Way:
    """The best a pool can do: a future per thousand reads."""

    def way(offsets: Offsets, keep: bool) -> list[bytes]:
        results = pool.map(lambda part: drain(source(part), keep), windows(offsets, 1000))
        return [piece for pieces in results for piece in pieces]

    return way


# --- checking and measuring -------------------------------------------------------------------------------------------


def digest(pieces: Iterable[Any]) -> str:
    """A hash of what was read, in order."""
    sha = hashlib.sha256()
    for piece in pieces:
        sha.update(piece)
    return sha.hexdigest()


def expected(path: Any, offsets: Offsets) -> str:
    """The hash of what is to be read there."""
    with open(path, "rb") as file:
        return digest(os.pread(file.fileno(), BLOCK, offset) for offset in offsets.tolist())


def check(ways: dict[str, Way], path: Any, offsets: Offsets) -> str:
    """Fail if a way reads anything but what is there; returns the hash."""
    right = expected(path, offsets)
    for name, way in ways.items():
        assert digest(way(offsets, True)) == right, f"{name} read wrong bytes"
    return right


def rates(ways: dict[str, Way], offsets: Offsets, slow: Iterable[str] = ()) -> dict[str, Callable[[], float]]:
    """Runs that report reads per second; slow ways get a twelfth of the offsets."""

    def timed(way: Way, part: Offsets) -> Callable[[], float]:
        def run() -> float:
            begun = perf_counter()
            way(part, False)
            return len(part) / (perf_counter() - begun)

        return run

    few = offsets[: max(len(offsets) // 12, 1)]
    return {name: timed(way, few if name in slow else offsets) for name, way in ways.items()}
