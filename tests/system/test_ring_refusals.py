"""What a ring refuses, by name, before anything is started; and that nothing is lost when it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ntio
from ntio.status import AccessDenied, BufferInUse, FileClosed, InvalidParameter, RingClosed

pytestmark = pytest.mark.row("R6", "R9", "R33")

HUGE = (1 << 63) - 1


@pytest.fixture
def file(real_system: ntio.System, tmp_path: Path) -> Iterator[ntio.File]:
    (tmp_path / "data").write_bytes(bytes(range(256)))
    with ntio.open(tmp_path / "data", "r+", system=real_system) as file:
        yield file


@pytest.fixture
def ring(real_system: ntio.System) -> Iterator[ntio.Ring]:
    with ntio.Ring(8, system=real_system) as ring:
        yield ring


@pytest.fixture
def idle(real_system: ntio.System, tmp_path: Path) -> Iterator[ntio.File]:
    """A pipe nobody writes to."""
    import os

    os.mkfifo(tmp_path / "pipe")
    with ntio.open(tmp_path / "pipe", "r+", system=real_system) as pipe:
        yield pipe


@pytest.mark.parametrize(
    ("offsets", "lengths", "complaint"),
    [
        (-1, 4, "offsets: -1 is negative"),
        ([0, 4, -7], 4, "offsets: -7 in row 2 is negative"),
        (0, -4, "lengths: -4 is negative"),
        (0, [4, -4], "lengths: -4 in row 1"),
        (HUGE, 4, "beyond 2\\*\\*63"),
        ([0, HUGE - 3], [1, 8], "beyond 2\\*\\*63"),
        (np.array([1 << 63], np.uint64), 4, "beyond 2\\*\\*63"),
        (1 << 64, 4, "beyond 2\\*\\*63"),
        (1 << 200, 4, "beyond 2\\*\\*63"),
        (0, 1 << 31, "at most 2147479552"),
        (0, [1, 1 << 33], "at most 2147479552"),
        (0, 1 << 70, "at most 2147479552"),
        ([1 << 70], 4, "offsets"),
        ([0, 1], [1, 2, 3], "these differ: 2 offsets, 3 lengths"),
        (0.5, 4, "offsets"),
        ([0.0, 1.0], 4, "whole numbers are wanted, not float64"),
        ("0", 4, "offsets"),
        (None, 4, "offsets"),
        ([[0, 1]], 4, "2 dimensions"),
        ([True], 4, "offsets"),
        ([0, "x"], 4, "offsets"),
    ],
)
def test_numbers_that_cannot_be(ring: ntio.Ring, file: ntio.File, offsets: Any, lengths: Any, complaint: str) -> None:
    for call in (ring.read, ring.start_read):
        with pytest.raises(InvalidParameter, match=complaint):
            call(file, offsets, lengths)
    assert ring.read(file, 0, 4).ok and not len(ring.system.pins)


@pytest.mark.parametrize(
    ("out", "complaint"),
    [
        (bytes(8), "read-only"),
        (np.zeros((2, 3), np.uint8), "2 rows of at least 4 bytes"),
        (np.zeros(9, np.uint8), "2 rows of at least 4 bytes"),
        (np.zeros((2, 8), np.uint8)[:, ::2], "not C-contiguous"),
        (np.zeros((8, 2), np.uint8, order="F"), "not C-contiguous"),
        (np.array([object(), object()]), "no buffer of plain bytes|InvalidParameter|buffer"),
        ("text", "no buffer of plain bytes"),
        (5, "no buffer of plain bytes"),
        ([bytearray(4), bytearray(4)], "no buffer of plain bytes"),
    ],
)
def test_destinations_that_cannot_be(ring: ntio.Ring, file: ntio.File, out: Any, complaint: str) -> None:
    for call in (ring.read, ring.start_read):
        with pytest.raises(InvalidParameter, match=complaint):
            call(file, [0, 4], 4, out=out)
    assert not len(ring.system.pins)


def test_a_read_only_array_is_no_destination(ring: ntio.Ring, file: ntio.File) -> None:
    out = np.zeros(8, np.uint8)
    out.flags.writeable = False
    with pytest.raises(InvalidParameter, match="read-only"):
        ring.read(file, 0, 8, out=out)
    assert not out.any()


@pytest.mark.parametrize(
    ("offsets", "data", "lengths", "complaint"),
    [
        ([0, 4], np.zeros((3, 4), np.uint8), None, "these differ: 2 offsets, 3 data"),
        ([0, 4], np.zeros(7, np.uint8), None, "7 bytes: not 2 rows"),
        ([0, 4], np.zeros((2, 4), np.uint8), [4, 5], "not 2 rows as long as the lengths say"),
        ([0, 4], [b"a", b"b"], [1, 1], "lengths are those of the buffers"),
        ([0, 4], [b"a"], None, "these differ"),
        ([0, 4], [b"a", "b"], None, "row 1|buffer"),
        ([0, 4], [b"a", 5], None, "row 1|buffer"),
        (0, "text", None, "no buffer of plain bytes"),
        (-1, b"x", None, "negative"),
        (HUGE, b"x", None, "beyond"),
    ],
)
def test_data_that_cannot_be(
    ring: ntio.Ring, file: ntio.File, offsets: Any, data: Any, lengths: Any, complaint: str
) -> None:
    before = file.read(256, 0)
    for call in (ring.write, ring.start_write):
        with pytest.raises(InvalidParameter, match=complaint):
            call(file, offsets, data, lengths)
    assert file.read(999, 0) == before and not len(ring.system.pins)


def test_files_that_cannot_be(ring: ntio.Ring, file: ntio.File) -> None:
    for files in ("data", None, 0.5, [0.5], [file, 0], [file, None], [[file]], object(), {file}):
        with pytest.raises(InvalidParameter, match="files"):
            ring.read(files, 0, 4)
    for index in (0, -1, [0], [1 << 40]):
        with pytest.raises(InvalidParameter, match="not among the 0 registered files"):
            ring.read(index, 0, 4)
    ring.register([file])
    for index in (1, -1, [0, 1]):
        with pytest.raises(InvalidParameter, match="not among the 1 registered files"):
            ring.read(index, 0, 4)
    with pytest.raises(InvalidParameter, match="these differ: 2 files, 3 offsets"):
        ring.read([file, file], [0, 1, 2], 4)
    with ntio.System("simulated") as other, ntio.Ring(system=other) as foreign:
        with pytest.raises(InvalidParameter, match="another System"):
            foreign.read(file, 0, 4)
        with pytest.raises(InvalidParameter, match="another System"):
            foreign.register([file])


def test_a_closed_file_is_refused(ring: ntio.Ring, file: ntio.File) -> None:
    file.close()
    for call in (
        lambda: ring.read(file, 0, 4),
        lambda: ring.read([file, file], 0, 4),
        lambda: ring.write(file, 0, b"x"),
        lambda: ring.start_read(file, 0, 4),
        lambda: ring.flush(file),
        lambda: ring.register([file]),
        lambda: file.read(4, 0),
        lambda: file.size,
        lambda: file.bypass,
        lambda: file.flush(),
    ):
        with pytest.raises(FileClosed):
            call()
    file.close()


def test_a_file_does_only_what_it_was_opened_for(
    real_system: ntio.System, ring: ntio.Ring, file: ntio.File, tmp_path: Path
) -> None:
    with (
        ntio.open(tmp_path / "data", "r", system=real_system) as reading,
        ntio.open(tmp_path / "data", "a", system=real_system) as writing,
    ):
        for bad, name in ((reading, "write"), (writing, "read")):
            for files in (bad, [file, bad]):
                with pytest.raises(AccessDenied, match=f"cannot {name}"):
                    ring.write(files, 0, [b"x"] * 2) if name == "write" else ring.read(files, 0, [4, 4])
        ring.register([reading, writing])
        with pytest.raises(AccessDenied):
            ring.write([0], 0, [b"x"])
        with pytest.raises(AccessDenied):
            ring.read([1], 0, 4)
        assert ring.read(0, 0, 4).ok and ring.write(1, 0, b"!").ok
    assert file.read(999, 0) == bytes(range(256)) + b"!"


def test_a_closed_ring_is_refused(ring: ntio.Ring, file: ntio.File) -> None:
    ring.register([file])
    ring.close()
    with ntio.Stack("ram_disk:size=1K", "log", system=ring.system) as disk:
        for call in (
            lambda: ring.read(file, 0, 4),
            lambda: ring.read(0, 0, 4),
            lambda: ring.read(disk.file, 0, 4),
            lambda: ring.write(file, 0, b"x"),
            lambda: ring.write(disk.file, 0, b"x"),
            lambda: ring.start_read(file, 0, 4),
            lambda: ring.start_write(disk.file, 0, b"x"),
            lambda: ring.register([file]),
            lambda: ring.flush(file),
            lambda: ring.flush(disk.file),
        ):
            with pytest.raises(RingClosed):
                call()
    ring.close()
    assert file.read(1, 0) == b"\0" and not len(ring.system.pins)


def test_bytes_in_flight_are_handed_out_once(ring: ntio.Ring, file: ntio.File, idle: ntio.File) -> None:
    memory = np.zeros(64, np.uint8)
    started = ring.start_read(idle, 0, 16, out=memory[16:32])
    for clash in (memory, memory[16:32], memory[31:33], memory[15:17], memory[16:17]):
        for call in (
            lambda clash=clash: ring.read(file, 0, len(clash), out=clash),
            lambda clash=clash: ring.start_read(file, 0, len(clash), out=clash),
            lambda clash=clash: ring.write(file, 0, clash),
            lambda clash=clash: file.read_into(clash, 0),
            lambda clash=clash: file.write(clash, 0),
        ):
            with pytest.raises(BufferInUse):
                call()
    ring.read(file, 1, 16, out=memory[:16]).raise_for_status()
    ring.read(file, 1, 32, out=memory[32:]).raise_for_status()
    idle.write(b"sixteen bytes of", 0)
    started.wait().raise_for_status()
    assert memory[16:32].tobytes() == b"sixteen bytes of"
    ring.read(file, 0, 64, out=memory).raise_for_status()
    assert memory.tobytes() == bytes(range(64))


def test_bytes_being_written_may_be_shared_but_not_read_into(ring: ntio.Ring, file: ntio.File, idle: ntio.File) -> None:
    block = np.zeros(65536, np.uint8)
    ring.write(idle, 0, block)  # the pipe is full now
    started = [ring.start_write(idle, 0, block[:10]) for _ in range(2)]
    with pytest.raises(BufferInUse):
        ring.read(file, 0, 10, out=block[:10])
    assert file.write(block[:10], 100) == 10
    for batch in started:
        batch.cancel()
        batch.wait()
    ring.read(file, 0, 10, out=block[:10]).raise_for_status()


def test_memory_in_flight_cannot_be_resized(ring: ntio.Ring, idle: ntio.File) -> None:
    memory = bytearray(16)
    started = ring.start_read(idle, 0, 16, out=memory)
    with pytest.raises(BufferError):
        memory.append(1)
    with pytest.raises(BufferError):
        memory.clear()
    idle.write(b"in its place", 0)
    done = started.wait().raise_for_status()
    assert memory[:12] == b"in its place"
    del done, started
    memory.append(1)
    assert len(memory) == 17


def test_memory_given_away_stays_alive(ring: ntio.Ring, idle: ntio.File) -> None:
    started = ring.start_read(idle, 0, 16)
    idle.write(b"kept", 0)
    done = started.wait()
    assert done.data is not None and done.data.tobytes()[:4] == b"kept"


@pytest.mark.parametrize("layers", [[], ["log"]])
def test_a_result_that_is_dropped_frees_its_memory_at_once(
    real_system: ntio.System, tmp_path: Path, layers: list[str]
) -> None:
    import gc

    gc.disable()  # what is freed here is freed without the collector
    try:
        words = [f"file_disk:path={tmp_path / 'data'},size=1K", *layers]
        with ntio.Stack(*words, system=real_system) as disk, ntio.Ring(system=real_system) as ring:
            memory = bytearray(16)
            for _ in range(20):
                memory.append(0)
                ring.read(disk.file, [0, 4], 4, out=memory[:8])
                ring.write(disk.file, 0, memory)
                disk.file.read_into(memory, 0)
                memory.append(0)
                ring.start_write(disk.file, 0, memory).wait()
                ring.start_read(disk.file, 0, len(memory), out=memory).wait()
    finally:
        gc.enable()
