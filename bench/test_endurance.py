"""Ten million requests, and nothing that grows: resident memory, packets, pins, descriptors.

Memory is looked at after the first tenth, when everything that is kept for reuse is there, and again at the end.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import ways
from nt_ring import NtRing

import ntio

Scale = Callable[[int, int], int]
Record = Callable[..., None]

STATM = Path("/proc/self/statm")
#: A million requests that each kept one object of 16 bytes would be above this.
ALLOWED = 16 << 20


def resident() -> int:
    """Bytes of this process that are in memory, after a collection."""
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is closed at the end."""
    with ExitStack() as stack:
        yield stack


def host_ring(stack: ExitStack, system: ntio.System, path: Path) -> Callable[[int], int]:
    """Reads of 512 bytes of a host file through a ring, 1024 a call."""
    file = stack.enter_context(ntio.open(path, system=system))
    return reads_through_ring(stack, system, file)


def stacked_ring(stack: ExitStack, system: ntio.System, path: Path) -> Callable[[int], int]:
    """The same on a disk in memory below a filter: batch packets."""
    disk = stack.enter_context(ntio.Stack("ram_disk:size=1M", "invert", system=system))
    return reads_through_ring(stack, system, disk.file)


def reads_through_ring(stack: ExitStack, system: ntio.System, file: Any) -> Callable[[int], int]:
    """A way to do so many reads of 512 bytes; returns the bytes read."""
    ring = stack.enter_context(ntio.Ring(256, system=system))
    offsets, out = np.arange(1024, dtype=np.uint64) * np.uint64(512), np.zeros((1024, 512), np.uint8)

    def run(count: int) -> int:
        total = 0
        for first in range(0, count, len(offsets)):
            rows = min(count - first, len(offsets))
            done = ring.read(file, offsets[:rows], 512, out=out[:rows]).raise_for_status()
            total += int(done.information.sum())
        return total // 512

    return run


def packets(stack: ExitStack, system: ntio.System, path: Path) -> Callable[[int], int]:
    """Reads of 512 bytes of the same disk one at a time: a packet each."""
    disk = stack.enter_context(ntio.Stack("ram_disk:size=1M", "invert", system=system))
    buffer = bytearray(512)

    def run(count: int) -> int:
        return sum(disk.read_into(buffer, 0) for _ in range(count)) // 512

    return run


def nt_ring(stack: ExitStack, system: ntio.System, path: Path) -> Callable[[int], int]:
    """Reads of 4 KiB of a host file through the ring of the Windows names, 256 at a time."""
    ring = NtRing(stack, system, path, registered=False)
    source = ring.source(ring.build, ring.pop_each)

    def run(count: int) -> int:
        return sum(len(piece) for piece in source(ways.random_offsets(256, count))) // ways.BLOCK

    return run


#: What is done, and how many times in full size.
KINDS = {
    "ring": (host_ring, 10_000_000),
    "ring on a stack": (stacked_ring, 10_000_000),
    "packets": (packets, 1_000_000),
    "NT ring": (nt_ring, 1_000_000),
}


@pytest.mark.skipif(not STATM.exists(), reason="tells memory by /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_grows(kind: str, tmp_path: Path, stack: ExitStack, scale: Scale, record: Record) -> None:
    """As many requests as in a day's work, then a look at everything that could have been kept."""
    make, full = KINDS[kind]
    count = scale(10_000 if full > 1_000_000 else 2_000, full)
    path = tmp_path / "file"
    path.write_bytes(np.random.default_rng(1).bytes(1 << 20))
    system = stack.enter_context(ntio.System(os.environ.get("NTIO_HAL") or None))
    run = make(stack, system, path)
    done, before = run(count // 10), resident()
    live, descriptors, threads = system.io.irps.live(), len(os.listdir("/proc/self/fd")), threads_of()
    begun = perf_counter()
    for _ in range(9):
        done += run(count // 10)
    seconds = perf_counter() - begun
    grown = resident() - before
    assert done == count
    assert system.io.irps.live() == live, "packets were lost"
    assert not len(system.pins), "buffers are still pinned"
    assert (len(os.listdir("/proc/self/fd")), threads_of()) == (descriptors, threads)
    assert grown < ALLOWED
    kept = sum(one.kept for one in system.io.irps.statistics().lists.values())
    record(kind, requests=count, live=live, kept=kept, **{"resident more": grown, "requests/s": 0.9 * count / seconds})


def threads_of() -> int:
    """How many threads this process has."""
    return len(os.listdir("/proc/self/task"))
