"""The I/O ring by its Windows names: 4 KiB reads of a cached file, each built, submitted and popped.

What costs is one Python call to build an entry and one to take its completion, as it would on Windows. Beside it: the
completions taken as one array, entries written as columns straight into the submission queue (which is what its
documented layout is for), the ring that takes arrays (`ntio.Ring`), and one `os.pread` per read.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import ways
from nt_ring import ENTRIES, NtRing
from ways import BLOCK, one_thread

import ntio

Scale = Callable[[int, int], int]
Record = Callable[..., None]
Alternate = Callable[..., dict[str, float]]


@pytest.fixture
def path(tmp_path: Path, scale: Scale) -> Path:
    """A file of random bytes, just written and therefore cached."""
    path = tmp_path / "random.bin"
    path.write_bytes(np.random.default_rng(1).bytes(scale(1, 128) << 20))
    return path


def test_nt_ring_hot_reads(path: Path, scale: Scale, alternate: Alternate, record: Record) -> None:
    """Reads per second, everything included: build, submit, pop."""
    offsets = ways.random_offsets(path.stat().st_size // BLOCK, scale(600, 100 * 1024))
    with ExitStack() as stack:
        system = stack.enter_context(ntio.System(os.environ.get("NTIO_HAL") or None))
        raw, table = (NtRing(stack, system, path, registered=registered) for registered in (False, True))
        file = stack.enter_context(ntio.open(path, system=system))
        ring = stack.enter_context(ntio.Ring(ENTRIES, system=system))
        descriptor = os.open(path, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        sources = {
            "build and pop each": raw.source(raw.build, raw.pop_each),
            "same, file and buffer registered": table.source(table.build, table.pop_each),
            "build each, pop all": raw.source(raw.build, raw.pop_all),
            "entries as columns, pop all": raw.source(raw.write_entries, raw.pop_all),
            "ntio.Ring": ways.ring_source(ring, file, ways.aligned(ENTRIES)),
            "os.pread loop": ways.pread_source(descriptor),
        }
        found = {name: one_thread(source) for name, source in sources.items()}
        sha = ways.check(found, path, offsets[:600])
        rates = alternate(ways.rates(found, offsets), scale(1, 7))
    for name, rate in rates.items():
        compared = {"of os.pread": rate / rates["os.pread loop"]}
        record(name, **{"reads/s": rate, "us each": 1e6 / rate, **compared, "sha256": sha[:12]})
