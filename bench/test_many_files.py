"""Many small files, read whole; one long file, copied; and how much memory that takes.

The tree holds files of 4 to 16 KiB. The loop is the shortest there is: open, one read of 64 KiB, close, which trusts
that no file is longer; "to the end" reads until nothing comes, as a loop must that does not know. Cold runs drop the
kernel's caches before each, which needs root.
"""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

import ntio

Scale = Callable[[int, int], int]
Record = Callable[..., None]
Alternate = Callable[..., dict[str, float]]
Way = Callable[[list[str]], int]

_CACHES = Path("/proc/sys/vm/drop_caches")


@pytest.fixture
def tree(tmp_path: Path, scale: Scale) -> list[str]:
    """The paths of a tree, just written and therefore cached."""
    generator = np.random.default_rng(1)
    paths = []
    for number in range(scale(600, 50_000)):
        if number % 500 == 0:
            folder = tmp_path / f"{number // 500:03}"
            folder.mkdir()
        paths.append(f"{folder}/{number:05}")
        with open(paths[-1], "wb") as file:
            file.write(generator.bytes(int(generator.integers(4096, 16385))))
    return paths


@pytest.fixture
def system() -> Iterator[ntio.System]:
    """A System on the HAL the environment chooses."""
    with ntio.System(os.environ.get("NTIO_HAL") or None) as system:
        yield system


def loop(paths: list[str]) -> int:
    """Open, one read, close."""
    total = 0
    for path in paths:
        file = os.open(path, os.O_RDONLY)
        total += len(os.read(file, 1 << 16))
        os.close(file)
    return total


def loop_to_the_end(paths: list[str]) -> int:
    """Open, read until nothing comes, close."""
    total = 0
    for path in paths:
        file = os.open(path, os.O_RDONLY)
        while data := os.read(file, 1 << 16):
            total += len(data)
        os.close(file)
    return total


def python_open(paths: list[str]) -> int:
    """What most programs do."""
    total = 0
    for path in paths:
        with open(path, "rb") as file:
            total += len(file.read())
    return total


def chunked_pool(paths: list[str]) -> int:
    """The best a pool can do: a thread per eighth."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return sum(pool.map(loop, [paths[first::8] for first in range(8)]))


def ways(system: ntio.System) -> dict[str, Way]:
    """Every way to read the tree; each returns how many bytes it got."""

    def files(paths: list[str], rings: int) -> int:
        return sum(len(file.data or b"") for file in ntio.read_files(paths, rings=rings, system=system))

    def batches(paths: list[str], rings: int) -> int:
        return sum(int(batch.length.sum()) for batch in ntio.read_file_batches(paths, rings=rings, system=system))

    return {
        "loop, one read": loop,
        "loop, to the end": loop_to_the_end,
        "open().read()": python_open,
        "pool of 8, chunks": chunked_pool,
        "read_file_batches": lambda paths: batches(paths, 1),
        "read_files": lambda paths: files(paths, 1),
        "read_file_batches, 2 rings": lambda paths: batches(paths, 2),
        "read_files, 2 rings": lambda paths: files(paths, 2),
    }


def compare(
    chosen: dict[str, Way], tree: list[str], rounds: int, alternate: Alternate, record: Record,
    before: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Measure files per second of each way, in turns, and keep them beside the loop."""
    expected = sum(map(os.path.getsize, tree))

    def rate(way: Way) -> Callable[[], float]:
        def run() -> float:
            before()
            begun = perf_counter()
            total = way(tree)
            seconds = perf_counter() - begun
            assert total == expected
            return len(tree) / seconds

        return run

    rates = alternate({name: rate(way) for name, way in chosen.items()}, rounds)
    for name, files in rates.items():
        against = {
            "x loop": files / rates["loop, one read"],
            "x loop to the end": files / rates["loop, to the end"] if "loop, to the end" in rates else "",
            "x pool": files / rates["pool of 8, chunks"],
        }
        record(name, **{"files/s": files, "bytes": expected, **against})


@pytest.mark.row("R10")
def test_small_files_hot(
    tree: list[str], system: ntio.System, scale: Scale, alternate: Alternate, record: Record
) -> None:
    """Everything is in the page cache: what counts is the way there."""
    compare(ways(system), tree, scale(1, 9), alternate, record)


@pytest.mark.root
def test_small_files_cold(
    tree: list[str], system: ntio.System, scale: Scale, alternate: Alternate, record: Record
) -> None:
    """Nothing is cached: what counts is how many requests the disk sees at once."""
    if not os.access(_CACHES, os.W_OK):
        pytest.skip(f"{_CACHES} cannot be written here")
    full_size = scale(0, 1)

    def drop_caches() -> None:
        if full_size:
            os.sync()
            _CACHES.write_text("3")

    chosen = {name: way for name, way in ways(system).items() if name not in ("loop, to the end", "open().read()")}
    compare(chosen, tree, scale(1, 3), alternate, record, drop_caches)


def test_a_long_file_copied(
    tmp_path: Path, system: ntio.System, scale: Scale, alternate: Alternate, record: Record
) -> None:
    """Buffered, into a file that does not exist; each run begins with nothing left to write back."""
    size = scale(4, 1024) << 20
    source, target = tmp_path / "source", tmp_path / "target"
    generator = np.random.default_rng(1)
    with open(source, "wb") as file:
        for _ in range(size >> 20):
            file.write(generator.bytes(1 << 20))

    def through_ring() -> None:
        (copied,) = ntio.copy_files([(source, target)], system=system)
        assert copied.error is None

    runs: dict[str, Callable[[], object]] = {
        "copy_files": through_ring,
        "shutil.copyfile": lambda: shutil.copyfile(source, target),
    }
    if shutil.which("dd"):
        command = ["dd", f"if={source}", f"of={target}", "bs=1M", "status=none"]
        runs["dd bs=1M"] = lambda: subprocess.run(command, check=True)

    def rate(run: Callable[[], object]) -> Callable[[], float]:
        def timed() -> float:
            target.unlink(missing_ok=True)
            os.sync()
            begun = perf_counter()
            run()
            seconds = perf_counter() - begun
            assert target.stat().st_size == size
            return size / seconds / 1e6

        return timed

    rates = alternate({name: rate(run) for name, run in runs.items()}, scale(1, 7))
    through_ring()
    assert source.read_bytes() == target.read_bytes()
    for name, megabytes in rates.items():
        compared = {"x dd": megabytes / rates["dd bs=1M"]} if "dd bs=1M" in rates else {}
        record(name, **{"MB/s": megabytes, **compared})


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="tells memory by /proc")
def test_memory_of_a_tree_larger_than_allowed(
    tmp_path: Path, system: ntio.System, scale: Scale, record: Record
) -> None:
    """Hard links to a few files make a tree of any size; what is resident may not grow with it."""
    sizes, files = (1000, 60_000, 300_000, 3 << 20), scale(256, 12_000)
    generator = np.random.default_rng(1)
    for number, size in enumerate(sizes):
        (tmp_path / f"{number}").write_bytes(generator.bytes(size))
    paths = []
    for number in range(files):
        paths.append(f"{tmp_path}/link{number}")
        os.link(tmp_path / f"{number % len(sizes)}", paths[-1])
    allowed = scale(8, 256) << 20
    before = highest = resident()
    total = 0
    for batch in ntio.read_file_batches(paths, max_bytes=allowed, system=system):
        total += int(batch.length.sum())
        highest = max(highest, resident())
    assert total == sum(sizes) * files // len(sizes) and total > 8 * allowed
    assert highest - before < allowed + (24 << 20)
    record("read_file_batches", bytes=total, allowed=allowed, **{"resident more": highest - before})


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
