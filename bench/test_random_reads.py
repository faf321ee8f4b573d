"""4 KiB random reads of one file: a ring against everything a Python program would otherwise use, and against C.

All ways read the same offsets, and every way's bytes are hashed. The ring appears four times: as it is, with its file
registered, with its destination registered too (an `Arena`), and two of those in two threads.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import fio
import numpy as np
import peers
import pytest
import ways
from ways import BLOCK, WINDOW, Offsets, Way, in_chunks, one_thread

import ntio

Scale = Callable[[int, int], int]
Record = Callable[..., None]
Alternate = Callable[..., dict[str, float]]

#: What each ring keeps in flight: the best of 64 to 4096 on cached data, and for a device as much as fio.
ENTRIES, DIRECT_ENTRIES = 1024, (256, 128)
#: How many reads a call asks for. At the end of a call the device's queue runs empty: of 1024 reads that cost 10 %.
CALL, DIRECT_CALL = WINDOW, 16 * WINDOW
BEST_RING = "ring, file and destination registered"


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
def system() -> Iterator[ntio.System]:
    """A System on the HAL the environment chooses."""
    with ntio.System(os.environ.get("NTIO_HAL") or None) as system:
        yield system


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is closed at the end."""
    with ExitStack() as stack:
        yield stack


def offsets_in(path: Path, count: int) -> Offsets:
    """Random blocks of a file."""
    return ways.random_offsets(path.stat().st_size // BLOCK, count)


def opened_rings(
    stack: ExitStack, system: ntio.System, path: Path, *, direct: bool = False, entries: int = ENTRIES
) -> tuple[dict[str, Way], ntio.Ring]:
    """The ring's ways of reading a file, and the one that a single thread does best with."""
    file = stack.enter_context(ntio.open(path, direct=direct, system=system))
    call = DIRECT_CALL if direct else CALL
    arena = stack.enter_context(ntio.Arena(2 * call * BLOCK, system=system))
    plain, registered = (stack.enter_context(ntio.Ring(entries, system=system)) for _ in range(2))
    best, second = (stack.enter_context(ntio.Ring(entries, system=system, arena=arena)) for _ in range(2))
    for ring in (registered, best, second):
        ring.register([file])
    own, (mine, other) = ways.aligned(call), (stack.enter_context(arena.rows(call, BLOCK)) for _ in range(2))
    single = ways.ring_source(best, file, mine)
    return {
        "ring": one_thread(ways.ring_source(plain, file, own)),
        "ring, file registered": one_thread(ways.ring_source(registered, file, own)),
        BEST_RING: one_thread(single),
        "two rings, two threads": ways.a_thread_each(single, ways.ring_source(second, file, other)),
    }, best


def opened_descriptor(stack: ExitStack, path: Path, flags: int = 0) -> int:
    """A descriptor for the length of the test."""
    descriptor = os.open(path, os.O_RDONLY | flags)
    stack.callback(os.close, descriptor)
    return descriptor


def pools(stack: ExitStack, descriptor: int, source: ways.Source) -> dict[str, Way]:
    """Thread pools of 8 and 32: a future per read, and a future per thousand."""
    found = {}
    for threads in (8, 32):
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        found[f"pool of {threads}, a future per read"] = one_thread(ways.future_source(pool, descriptor))
        found[f"pool of {threads}, chunks"] = in_chunks(pool, source)
    return found


def fio_runs(path: Path, scale: Scale, record: Record, *, direct: bool = False) -> dict[str, Callable[[], float]]:
    """fio at several depths, and twice at once; nothing in a tiny run."""
    if fio.missing():
        record(f"fio skipped: {fio.missing()}")
    if fio.missing() or not scale(0, 1):
        return {}
    runs = {
        f"fio io_uring QD{depth}": lambda depth=depth: fio.random_reads(path, depth, 1.0, direct=direct)
        for depth in ((128, 256) if direct else (32, 128, 256))
    }
    return runs if direct else runs | {"2 x fio io_uring QD128": lambda: fio.random_reads(path, 128, 1.0, jobs=2)}


def keep(rates: dict[str, float], sha: str, record: Record, **more: dict[str, float]) -> None:
    """A line of the table per way, beside the best fio and the best ring of one thread."""
    best_fio = max((rate for name, rate in rates.items() if name.startswith("fio")), default=0.0)
    for name, rate in rates.items():
        compared = {"of the best fio": rate / best_fio} if best_fio else {}
        compared["ring is x"] = rates[BEST_RING] / rate
        for column, values in more.items():
            compared[column] = values.get(name, "")  # type: ignore[assignment]
        record(name, **{"reads/s": rate, **compared, "sha256": sha[:12] if "fio" not in name else "not read here"})


def test_hot_random_reads(
    path: Path, system: ntio.System, stack: ExitStack, scale: Scale, alternate: Alternate, record: Record
) -> None:
    """The page cache hot, destinations used again, against what Python has and against C."""
    offsets = offsets_in(path, scale(WINDOW, 200 * WINDOW))
    descriptor = opened_descriptor(stack, path)
    memory = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    pread = ways.pread_source(descriptor)
    rings, ring = opened_rings(stack, system, path)
    found = rings | {
        "os.pread loop": one_thread(pread),
        "os.preadv into one buffer": one_thread(ways.preadv_source(descriptor)),
        **pools(stack, descriptor, pread),
        "mmap slice": one_thread(ways.mmap_source(memory)),
        "mmap and np.take": one_thread(ways.take_source(memory)),
    }
    sha = ways.check(found, path, offsets[:500])
    slow = [name for name in found if "a future per read" in name]
    rates = alternate(ways.rates(found, offsets, slow) | fio_runs(path, scale, record), scale(1, 7))
    before = ring.crossings
    rings[BEST_RING](offsets, False)
    crossings = {BEST_RING: 1000 * (ring.crossings - before) / len(offsets), "os.pread loop": 1000.0}
    keep(rates, sha, record, **{"crossings per 1000": crossings})
    record("two rings are", **{"x one ring": rates["two rings, two threads"] / rates[BEST_RING]})


def test_hot_random_reads_beside_packages(
    path: Path, system: ntio.System, stack: ExitStack, scale: Scale, alternate: Alternate, record: Record
) -> None:
    """The same against packages from PyPI, one thread each."""
    offsets = offsets_in(path, scale(300, 200 * WINDOW))
    sources, missing = peers.enter_peers(stack, path)
    for line in missing:
        record(line)
    rings, _ = opened_rings(stack, system, path)
    found = {BEST_RING: rings[BEST_RING], **{name: one_thread(source) for name, source in sources.items()}}
    sha = ways.check(found, path, offsets[:300])
    keep(alternate(ways.rates(found, offsets, peers.SLOW), scale(1, 7)), sha, record)


def test_direct_random_reads(
    path: Path, system: ntio.System, stack: ExitStack, scale: Scale, alternate: Alternate, record: Record
) -> None:
    """O_DIRECT: the device decides, a ring only has to keep its queue full."""
    offsets = offsets_in(path, scale(100, 96 * WINDOW))  # for as long as fio runs: both have a start and an end
    try:
        descriptor = opened_descriptor(stack, path, os.O_DIRECT)
        os.preadv(descriptor, [ways.aligned(1).reshape(-1)], 0)
    except OSError as error:
        pytest.skip(f"this file system has no direct I/O: {error}")
    preadv = ways.preadv_source(descriptor)
    rings, shallow = (opened_rings(stack, system, path, direct=True, entries=depth)[0] for depth in DIRECT_ENTRIES)
    rings[f"the same, QD{DIRECT_ENTRIES[1]}"] = shallow[BEST_RING]
    found = rings | {"os.preadv into one buffer": one_thread(preadv), **pools(stack, descriptor, preadv)}
    sha = ways.check(found, path, offsets[:100])
    slow = [name for name in found if "a future per read" in name or name.startswith("os.")]
    runs = ways.rates(found, offsets, slow) | fio_runs(path, scale, record, direct=True)
    keep(alternate(runs, scale(1, 5)), sha, record)
