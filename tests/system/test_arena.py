"""Arenas: blocks on page boundaries, given back and used again, registered where the host lets us."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ntio
from ntio.hal.operation_queue import OperationQueue
from ntio.status import BufferInUse, InvalidParameter

PAGE = 4096

pytestmark = pytest.mark.row("R5", "R33")


@pytest.fixture
def arena(system: ntio.System) -> Iterator[ntio.Arena]:
    with ntio.Arena(16 * PAGE, system) as arena:
        yield arena


def test_blocks_start_on_pages_and_are_zero(arena: ntio.Arena) -> None:
    with arena.rows(3, 1000) as one, arena.rows(1, 1) as two:
        assert one.shape == (3, 1000) and one.ctypes.data % PAGE == 0 and two.ctypes.data % PAGE == 0
        assert not np.shares_memory(one, two)
        one.fill(9)
    with arena.rows(16, PAGE) as everything:
        assert not everything.any()


def test_a_full_arena_says_what_is_left(arena: ntio.Arena) -> None:
    with arena.rows(15, PAGE), pytest.raises(MemoryError, match="longest free piece of the arena has 4096"):
        arena.take(2, PAGE)
    with arena.rows(16, PAGE):
        pass


@pytest.mark.parametrize(("count", "width"), [(0, 1), (1, 0), (-1, 5)])
def test_a_block_has_bytes(arena: ntio.Arena, count: int, width: int) -> None:
    with pytest.raises(InvalidParameter, match="holds nothing"):
        arena.take(count, width)


def test_a_block_is_given_back_once(arena: ntio.Arena) -> None:
    block = arena.take(1, PAGE)
    with pytest.raises(InvalidParameter, match="no block taken"):
        arena.give_back(block[:, 1:])
    arena.give_back(block)
    with pytest.raises(InvalidParameter, match="no block taken"):
        arena.give_back(block)


def test_an_arena_is_closed_when_nothing_is_taken(system: ntio.System) -> None:
    arena = ntio.Arena(1, system)
    block = arena.take(1, PAGE)
    with pytest.raises(BufferInUse, match="1 blocks"):
        arena.close()
    arena.give_back(block)
    arena.close()
    with pytest.raises(InvalidParameter, match="closed"):
        arena.take(1, 1)


def test_an_arena_has_a_size(system: ntio.System) -> None:
    with pytest.raises(InvalidParameter, match="holds nothing"):
        ntio.Arena(0, system)


def test_a_block_in_flight_stays_taken(arena: ntio.Arena) -> None:
    with ntio.Stack("ram_disk:size=64K", system=arena.system), arena.rows(1, PAGE) as block:
        pin = arena.system.pins.pin(block, writing=True)
        with pytest.raises(BufferInUse, match="a request in flight"):
            arena.give_back(block)
        other = arena.system.pins.pin(bytearray(8), writing=True)
        with pytest.raises(BufferInUse, match="a request in flight"):
            arena.give_back(block)
        pin.release()
        other.release()


@settings(max_examples=60)
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(1, 5 * PAGE)), max_size=40))
def test_blocks_never_overlap_and_memory_comes_back(steps: list[tuple[bool, int]]) -> None:
    with ntio.System("simulated") as system, ntio.Arena(16 * PAGE, system) as arena:
        taken: list[np.ndarray] = []
        for take, size in steps:
            if not take and taken:
                arena.give_back(taken.pop(size % len(taken)))
                continue
            try:
                block = arena.take(1, size)
            except MemoryError:
                continue
            assert not block.any()
            block.fill(len(taken) + 1)
            taken.append(block)
        for block in taken:
            assert len(set(block.ravel().tolist())) <= 1
            arena.give_back(block)
        with arena.rows(16, PAGE):
            pass


def test_a_ring_reads_into_an_arena(real_system: ntio.System, tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(0, 256, (64, 512), np.uint8)
    (tmp_path / "data").write_bytes(data.tobytes())
    with (
        ntio.Arena(64 * PAGE, real_system) as arena,
        ntio.Ring(16, arena=arena) as ring,
        ntio.open(tmp_path / "data", "r+", system=real_system) as file,
    ):
        assert ring.memory_registered
        with arena.rows(64, 512) as out, arena.rows(2, 512) as more:
            ring.read(file, np.arange(64) * 512, 512, out=out).raise_for_status()
            assert (out == data).all()
            more[:] = [[1] * 512, [2] * 512]
            ring.write(file, [0, 512], more).raise_for_status()
            assert ring.read(file, 0, 1024).data.tobytes() == more.tobytes()
            outside = np.zeros((1, 512), np.uint8)
            ring.read(file, 1024, 512, out=outside).raise_for_status()
            assert (outside[0] == data[2]).all()


def test_a_ring_works_where_memory_cannot_be_registered(
    real_system: ntio.System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(OperationQueue, "register_buffers", refuse)
    (tmp_path / "data").write_bytes(b"plain")
    with (
        ntio.Arena(PAGE, real_system) as arena,
        ntio.Ring(8, arena=arena) as ring,
        ntio.open(tmp_path / "data", system=real_system) as file,
        arena.rows(1, 5) as out,
    ):
        assert not ring.memory_registered
        assert ring.read(file, 0, 5, out=out).raise_for_status().data.tobytes() == b"plain"


def test_an_arena_and_its_ring_are_of_one_system(arena: ntio.Arena) -> None:
    with ntio.System("simulated") as other, pytest.raises(InvalidParameter, match="another System"):
        ntio.Ring(8, other, arena=arena)


def test_direct_io_takes_blocks_as_they_are(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(range(256)) * 64)
    try:
        file = ntio.open(tmp_path / "data", direct=True, system=real_system)
    except ntio.NtError as error:
        pytest.skip(f"this file system has no direct I/O: {error}")
    arena = ntio.Arena(4 * PAGE, real_system)
    with file, arena, ntio.Ring(8, arena=arena) as ring, arena.rows(4, PAGE) as out:
        ring.read(file, np.arange(4) * PAGE, PAGE, out=out).raise_for_status()
        assert out.tobytes() == bytes(range(256)) * 64
