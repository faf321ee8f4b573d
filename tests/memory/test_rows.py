"""Rows moved by whole columns end up where a plain loop puts them, whatever their shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio.memory.rows import gather, scatter

Bytes = npt.NDArray[np.uint8]
Rows = list[tuple[int, int, int]]
SIZE = 96


def by_a_loop(source: Bytes, target: Bytes, rows: Rows) -> Bytes:
    """The model: each row (from, to, length) in turn."""
    result = target.copy()
    for start, end, length in rows:
        result[end : end + length] = source[start : start + length]
    return result


def columns(rows: Rows) -> tuple[Any, Any, Any]:
    table = np.array(rows, np.uint64).reshape(-1, 3)
    return table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()


def pattern(size: int, salt: int) -> Bytes:
    return (np.arange(size, dtype=np.uint64) * 7 + salt).astype(np.uint8)


def check(move: Callable[..., None], source: Bytes, target: Bytes, rows: Rows) -> None:
    expected = by_a_loop(source, target, rows)
    starts, ends, lengths = columns(rows)
    untouched = source.copy()
    if move is gather:
        gather(source, starts, target, ends, lengths)
    else:
        scatter(source, starts, target, ends, lengths)
    assert target.tobytes() == expected.tobytes()
    assert source.tobytes() == untouched.tobytes()


@st.composite
def any_rows(draw: st.DrawFn) -> Rows:
    """Rows of any length anywhere; those of a scatter may overlap, and then the later one wins."""
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        length = draw(st.integers(0, 24))
        rows.append((draw(st.integers(0, SIZE - length)), draw(st.integers(0, SIZE - length)), length))
    return rows


@st.composite
def equal_rows(draw: st.DrawFn) -> tuple[Rows, int]:
    """Rows of one length: device offsets on its multiples or not, buffer positions side by side or not; and a size."""
    length = draw(st.sampled_from([1, 2, 3, 4, 5, 8, 12, 16]))
    count = draw(st.integers(1, 10))
    size = length * draw(st.integers(count, 16)) + draw(st.sampled_from([0, 0, 1]))
    places = range(size // length)
    offsets = [draw(st.sampled_from(places)) * length for _ in range(count)]
    if draw(st.booleans()):
        index = draw(st.integers(0, count - 1))
        offsets[index] = draw(st.integers(0, size - length))
    start = draw(st.integers(0, 5))
    positions = [start + number * length for number in range(count)]
    if draw(st.booleans()):
        positions = draw(st.permutations(positions))
    return [(offset, position, length) for offset, position in zip(offsets, positions, strict=True)], size


@pytest.mark.row("R28")
@given(any_rows())
def test_gather_of_any_rows(rows: Rows) -> None:
    check(gather, pattern(SIZE, 1), pattern(SIZE, 200), rows)


@given(any_rows())
def test_scatter_of_any_rows(rows: Rows) -> None:
    check(scatter, pattern(SIZE, 1), pattern(SIZE, 200), rows)


@given(equal_rows())
def test_gather_of_equal_rows(case: tuple[Rows, int]) -> None:
    rows, size = case
    check(gather, pattern(size, 3), pattern(size + 200, 99), rows)


@given(equal_rows())
def test_scatter_of_equal_rows(case: tuple[Rows, int]) -> None:
    rows, size = case
    turned = [(position, offset, length) for offset, position, length in rows]
    check(scatter, pattern(size + 200, 3), pattern(size, 99), turned)


@pytest.mark.parametrize("length", [4, 3])
def test_of_two_rows_at_one_place_the_later_stays(length: int) -> None:
    source, target = pattern(4 * length, 1), np.zeros(8 * length, np.uint8)
    check(scatter, source, target, [(number * length, 2 * length, length) for number in range(4)])
    assert target[2 * length :][:length].tobytes() == source[-length:].tobytes()


@pytest.mark.parametrize("move", [gather, scatter])
def test_rows_that_would_be_a_table_but_for_one_thing(move: Callable[..., None]) -> None:
    uniform = [(8 * number, 8 * number, 8) for number in range(4)]
    shapes: list[Rows] = [
        uniform,
        [(1, 0, 8), (9, 8, 8)],  # offsets between the multiples
        [(0, 3, 8), (8, 11, 8)],  # positions side by side from an odd place
        [(0, 0, 8), (8, 16, 8)],  # a gap between positions
        [(8, 8, 8), (0, 0, 8)],  # positions going down
        [(0, 0, 8), (8, 8, 7)],  # one shorter
        [(0, 0, 0), (96, 96, 0)],  # nothing at the very end
        [(88, 88, 8)],  # a single one, the last
        [],
    ]
    for rows in shapes:
        check(move, pattern(SIZE, 5), pattern(SIZE, 77), rows)


@pytest.mark.parametrize("move", [gather, scatter])
def test_sizes_that_are_no_multiple_of_the_length(move: Callable[..., None]) -> None:
    rows = [(0, 0, 8), (8, 8, 8), (16, 16, 8)]
    check(move, pattern(SIZE + 3, 5), pattern(SIZE + 5, 77), rows)
