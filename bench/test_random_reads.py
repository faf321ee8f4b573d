"""4 KiB random reads of a cached file: a ring against everything a Python program would otherwise use, and against C.

All ways read the same offsets in the same order of windows; each reports reads per second, and the bytes are hashed.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import fio
import numpy as np
import pytest

import ntio

BLOCK = 4096
WINDOW = 1024

Scale = Callable[[int, int], int]
Record = Callable[..., None]
Alternate = Callable[..., dict[str, float]]


@pytest.fixture
def path(tmp_path: Path, scale: Scale) -> Path:
    """A file of random bytes, read once so that it is cached."""
    path = tmp_path / "random.bin"
    generator = np.random.default_rng(1)
    with open(path, "wb") as file:
        for _ in range(scale(1, 512)):
            file.write(generator.bytes(1 << 20))
    path.read_bytes()
    return path


@pytest.fixture
def offsets(path: Path, scale: Scale) -> np.ndarray:
    """Where to read: block-aligned, random, the same in every run."""
    blocks = path.stat().st_size // BLOCK
    return np.random.default_rng(2).integers(0, blocks, scale(2048, 400_000)).astype(np.uint64) * np.uint64(BLOCK)


@pytest.fixture
def system() -> Iterator[ntio.System]:
    """A System on the HAL the environment chooses."""
    with ntio.System(os.environ.get("NTIO_HAL") or None) as system:
        yield system


def rate_of(count: int, run: Callable[[], object]) -> Callable[[], float]:
    """A run that reports how many of `count` reads it did per second."""

    def timed() -> float:
        start = perf_counter()
        run()
        return count / (perf_counter() - start)

    return timed


def test_hot_random_reads(
    path: Path, offsets: np.ndarray, system: ntio.System, scale: Scale, alternate: Alternate, record: Record
) -> None:
    """One thread, a reused destination, the page cache hot."""
    out = np.zeros((WINDOW, BLOCK), np.uint8)
    some = offsets[: max(len(offsets) // 20, 1)]  # a future per read is slow: it gets fewer
    with ntio.open(path, system=system) as file, ntio.Ring(256, system=system) as ring:
        descriptor = os.open(path, os.O_RDONLY)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            runs: dict[str, Callable[[], float]] = {
                "ring": rate_of(len(offsets), lambda: through_ring(ring, file, offsets, out)),
                "os.pread loop": rate_of(len(offsets), lambda: through_pread(descriptor, offsets)),
                "os.preadv into one buffer": rate_of(len(offsets), lambda: through_preadv(descriptor, offsets)),
                "pool, a future per read": rate_of(len(some), lambda: through_pool(pool, descriptor, some)),
                "pool, chunks": rate_of(len(offsets), lambda: through_chunks(pool, descriptor, offsets)),
            }
            if not fio.missing() and scale(0, 1):
                for depth in (32, 128, 256):
                    runs[f"fio io_uring QD{depth}"] = lambda depth=depth: fio.random_reads(path, depth, 1.0)
            rates = alternate(runs, scale(1, 7))
        crossings = crossings_per_thousand(ring, file, offsets, out)
        expected = digest(os.pread(descriptor, BLOCK, int(offset)) for offset in offsets[:2048])
        assert digest(ring.read(file, offsets[:2048], BLOCK).data) == expected
        os.close(descriptor)
    best_fio = max((rate for name, rate in rates.items() if name.startswith("fio")), default=0.0)
    for name, rate in rates.items():
        per_thousand = crossings if name == "ring" else 1000.0 if name.startswith("os.") else ""
        compared = {"of the best fio": rate / best_fio} if best_fio else {}
        ratio = rate / rates["pool, a future per read"]
        record(name, **{"reads/s": rate, "crossings per 1000": per_thousand, "x future per read": ratio, **compared})
    if fio.missing():
        record(f"fio skipped: {fio.missing()}")


def test_direct_random_reads(
    path: Path, offsets: np.ndarray, system: ntio.System, scale: Scale, alternate: Alternate, record: Record
) -> None:
    """O_DIRECT: the device decides, a ring only has to keep its queue full."""
    offsets = offsets[: scale(256, 40_000)]
    out = aligned(WINDOW * BLOCK).reshape(WINDOW, BLOCK)
    try:
        file = ntio.open(path, direct=True, system=system)
        file.read_into(out[0], 0)
    except ntio.NtError as error:
        pytest.skip(f"this file system has no direct I/O: {error}")
    with file, ntio.Ring(256, system=system) as ring:
        runs = {"ring": rate_of(len(offsets), lambda: through_ring(ring, file, offsets, out))}
        if not fio.missing() and scale(0, 1):
            for depth in (128, 256):
                runs[f"fio io_uring QD{depth}"] = lambda depth=depth: fio.random_reads(path, depth, 1.0, direct=True)
        rates = alternate(runs, scale(1, 5))
        first = ring.read(file, offsets[:64], BLOCK, out=out[:64]).raise_for_status().data
    with open(path, "rb") as plain:
        assert digest(first) == digest(os.pread(plain.fileno(), BLOCK, int(offset)) for offset in offsets[:64])
    best_fio = max((rate for name, rate in rates.items() if name.startswith("fio")), default=0.0)
    for name, rate in rates.items():
        record(name, **{"reads/s": rate, **({"of the best fio": rate / best_fio} if best_fio else {})})


def through_ring(ring: ntio.Ring, file: ntio.File, offsets: np.ndarray, out: np.ndarray) -> None:
    """The public ring, a reused destination."""
    for first in range(0, len(offsets), WINDOW):
        part = offsets[first : first + WINDOW]
        ring.read(file, part, BLOCK, out=out[: len(part)]).raise_for_status()


def through_pread(descriptor: int, offsets: np.ndarray) -> None:
    """A system call and a new bytes object per read."""
    for offset in offsets.tolist():
        os.pread(descriptor, BLOCK, offset)


def through_preadv(descriptor: int, offsets: np.ndarray) -> None:
    """A system call per read, into one buffer."""
    buffers = [bytearray(BLOCK)]
    for offset in offsets.tolist():
        os.preadv(descriptor, buffers, offset)


def through_pool(pool: concurrent.futures.Executor, descriptor: int, offsets: np.ndarray) -> None:
    """The asynchronous file I/O most Python programs have: a future per read."""
    for future in [pool.submit(os.pread, descriptor, BLOCK, offset) for offset in offsets.tolist()]:
        future.result()


def through_chunks(pool: concurrent.futures.Executor, descriptor: int, offsets: np.ndarray) -> None:
    """The best a pool can do: a future per thousand reads."""
    pieces = [offsets[first : first + 1000] for first in range(0, len(offsets), 1000)]
    for future in [pool.submit(through_pread, descriptor, piece) for piece in pieces]:
        future.result()


def crossings_per_thousand(ring: ntio.Ring, file: ntio.File, offsets: np.ndarray, out: np.ndarray) -> float:
    """How often the ring enters the kernel for a thousand reads."""
    before = ring.crossings
    through_ring(ring, file, offsets, out)
    return 1000 * (ring.crossings - before) / len(offsets)


def digest(pieces: object) -> str:
    """A hash of what was read, in order."""
    sha = hashlib.sha256()
    for piece in pieces:  # type: ignore[attr-defined]
        sha.update(piece)
    return sha.hexdigest()


def aligned(size: int) -> np.ndarray:
    """Bytes whose address is a multiple of 4096, as direct I/O wants."""
    raw = np.zeros(size + 4096, np.uint8)
    start = -raw.ctypes.data % 4096
    return raw[start : start + size]
