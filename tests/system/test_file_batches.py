"""Many files as arrays: columns, memory that is used again only when nobody looks at it, several rings."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ntio
from ntio.status import InvalidParameter
from ntio.system.many_files import file_windows
from ntio.system.rings.batch_memory import BatchMemory

pytestmark = pytest.mark.row("R10")

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
LENGTHS = st.sampled_from([0, 1, 100, 4096, 65535, 65536, 65537, 200_000, (1 << 20) + 65536, 2_500_000])


def write(folder: Path, lengths: list[int]) -> list[str]:
    """Files of these lengths, whose bytes tell them apart."""
    paths = []
    for number, length in enumerate(lengths):
        paths.append(f"{folder}/{number:04}")
        Path(paths[-1]).write_bytes((number.to_bytes(3, "little") * (length // 3 + 1))[:length])
    return paths


def content(paths: list[str]) -> list[bytes]:
    return [Path(path).read_bytes() for path in paths]


@given(st.lists(LENGTHS, max_size=30), st.sampled_from([1, 2, 3]), st.sampled_from([1 << 20, 8 << 20, 256 << 20]))
@SHARED
def test_batches_files_and_plain_reads_are_equal(
    real_system: ntio.System, tmp_path: Path, lengths: list[int], rings: int, max_bytes: int
) -> None:
    paths = write(tmp_path, lengths)
    expected = content(paths)
    shape = {"rings": rings, "max_bytes": max_bytes, "system": real_system}
    assert [file.data for file in ntio.read_files(paths, **shape)] == expected
    found, names = [], []
    for batch in ntio.read_file_batches(paths, **shape):
        assert batch.data.dtype == np.uint8 and len(batch) == len(batch.paths) == len(batch.length)
        assert not batch.status.any() and batch.error(0) is None
        names += batch.paths
        found += [batch[row].tobytes() for row in range(len(batch))]
    assert (names, found) == (paths, expected)


@pytest.mark.parametrize("rings", [1, 2])
def test_files_longer_than_those_before_are_whole(real_system: ntio.System, tmp_path: Path, rings: int) -> None:
    """What is asked for at first follows the files seen so far; around each of its steps nothing is lost."""
    lengths = [10] * 40 + [4094, 4095, 4096, 4097] * 60 + [20_000] * 30 + [70_000] + [8192] * 230 + [65_536, 0] * 10
    paths = write(tmp_path, lengths)
    batches = ntio.read_file_batches(paths, rings=rings, system=real_system)
    assert [batch[row].tobytes() for batch in batches for row in range(len(batch))] == content(paths)


def test_little_memory_is_asked_for_where_files_are_short() -> None:
    first = file_windows._FirstRead()
    asked = [first.bytes]
    for longest in (100, 4000, 9000, 1, 20_000, 65_536, 10):
        first.learn(min(longest, first.bytes), first.bytes)
        asked.append(first.bytes)
    assert asked == [65_536, 4096, 8192, 24_576, 24_576, 28_672, 65_536, 65_536]


@pytest.mark.parametrize("rings", [1, 2])
def test_views_stay_what_they_are_while_they_are_held(real_system: ntio.System, tmp_path: Path, rings: int) -> None:
    paths = write(tmp_path, [200 + number for number in range(900)] + [70_000] * 5)
    views: list[np.ndarray] = []
    views_of_memory: list[memoryview] = []
    for batch in ntio.read_file_batches(paths, rings=rings, system=real_system):
        views += [batch[row] for row in range(0, len(batch), 2)]
        views_of_memory += [batch[row].data for row in range(1, len(batch), 2)]
        del batch
    assert sorted(map(bytes, [*views, *views_of_memory])) == sorted(content(paths))


def test_memory_is_used_again_when_nobody_holds_it() -> None:
    memory = BatchMemory(8 << 20)
    first = memory.take(1000)
    place, view = first.ctypes.data, first[10:20]
    del first
    assert memory.take(1000).ctypes.data != place
    other = memoryview(view)
    del view
    assert memory.take(1000).ctypes.data != place
    del other
    held = [memory.take(1000) for _ in range(3)]
    assert place in {buffer.ctypes.data for buffer in held} and len({buffer.ctypes.data for buffer in held}) == 3


def test_memory_that_is_kept_has_a_limit() -> None:
    memory = BatchMemory(8 << 20)
    for size in (1, 3 << 20, 5 << 20, 100 << 20, 7 << 20):
        assert len(memory.take(size)) >= size
        assert sum(map(len, memory._buffers)) <= 8 << 20


@pytest.mark.parametrize("rings", [1, 2])
def test_errors_stand_in_their_rows(real_system: ntio.System, tmp_path: Path, rings: int) -> None:
    good = write(tmp_path, [10, 100_000])
    paths = [good[0], f"{tmp_path}/none", "a\0b", str(tmp_path), good[1], "/dev/zero"]
    (batch,) = ntio.read_file_batches(paths, rings=rings, system=real_system)
    assert [batch.error(row) is None for row in range(6)] == [True, False, False, False, True, False]
    assert batch.length.tolist() == [10, 0, 0, 0, 100_000, 0]
    assert isinstance(batch.error(1), FileNotFoundError) and isinstance(batch.error(3), IsADirectoryError)
    assert repr(batch) == "<FileBatch: 6 files, 100,010 bytes, 4 unreadable>"


def test_several_rings_hand_out_everything_once(real_system: ntio.System, tmp_path: Path) -> None:
    paths = write(tmp_path, [number % 700 for number in range(1200)])
    expected = dict(zip(paths, content(paths), strict=True))
    for ordered in (True, False):
        read = list(ntio.read_files(iter(paths), rings=3, ordered=ordered, system=real_system))
        assert len(read) == 1200 and {file.path: file.data for file in read} == expected
        assert not ordered or [file.path for file in read] == paths


def test_leaving_early_ends_the_threads(real_system: ntio.System, tmp_path: Path) -> None:
    paths = write(tmp_path, [100] * 2000 + [5_000_000] * 3)
    threads = threading.active_count()
    for take in (0, 1, 300):
        reading = ntio.read_files(paths, rings=2, max_bytes=4 << 20, system=real_system)
        for _ in range(take):
            next(reading)
        reading.close()
        assert threading.active_count() <= threads + 9  # the thread HAL's own workers end with their queue
    assert threading.active_count() == threads


def test_a_fault_on_a_thread_reaches_the_consumer(
    real_system: ntio.System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write(tmp_path, [100] * 600)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(file_windows.WindowReader, "_finish", fail)
    with pytest.raises(ZeroDivisionError):
        list(ntio.read_files(paths, rings=2, system=real_system))


def test_an_error_of_the_paths_ends_the_threads(real_system: ntio.System, tmp_path: Path) -> None:
    def paths() -> Iterator[str]:
        yield from write(tmp_path, [100] * 300)
        raise KeyError("no more")

    with pytest.raises(KeyError):
        list(ntio.read_files(paths(), rings=2, system=real_system))


def test_a_low_limit_on_open_files_makes_windows_smaller(real_system: ntio.System, tmp_path: Path) -> None:
    paths = write(tmp_path, [10] * 600)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        read = list(ntio.read_files(paths, system=real_system))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert [file.error for file in read] == [None] * 600


def test_what_is_no_number_of_rings_is_refused(real_system: ntio.System) -> None:
    with pytest.raises(InvalidParameter, match="rings"):
        ntio.read_files([], rings=0, system=real_system)
    with pytest.raises(InvalidParameter, match="max_bytes"):
        ntio.read_file_batches([], rings=4, max_bytes=200_000, system=real_system)


@pytest.mark.skipif(not os.path.exists("/proc/kallsyms"), reason="reads Linux's made-up files")
def test_files_the_kernel_makes_up_are_whole(
    real_system: ntio.System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kallsyms = Path("/proc/kallsyms").read_bytes()
    for rings in (1, 2):
        read = ntio.read_files(["/proc/kallsyms"], rings=rings, max_bytes=1 << 20, system=real_system)
        assert next(read).data == kallsyms
        read.close()
    monkeypatch.chdir("/proc")
    assert next(ntio.read_files(["kallsyms"], system=real_system)).data == kallsyms


def test_files_of_the_simulated_machine() -> None:
    with ntio.System("simulated") as system:
        for number, size in enumerate((5, 70_000)):
            file = system.hal.files.open(f"/{number}", os.O_CREAT | os.O_WRONLY)
            system.hal.files.write(file, memoryview(bytes([number]) * size), 0)
            system.hal.files.close(file)
        for rings in (1, 2):
            read = list(ntio.read_files(["/0", "/none", "/1"], rings=rings, system=system))
            assert [file.data for file in read] == [bytes(5), None, b"\1" * 70_000]
