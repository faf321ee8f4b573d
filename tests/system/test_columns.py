"""From a ring's arguments to columns: every shape a caller may use means the same requests, or is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio.hal.choose import make_hal
from ntio.hal.machine import Hal
from ntio.hal.pinning import PinTable
from ntio.status import InvalidParameter
from ntio.system.rings.columns import Transfer, plan_read, plan_write, whole_numbers

pytestmark = pytest.mark.row("R6", "R33")

numbers = st.lists(st.integers(0, 1 << 40), min_size=1, max_size=20)


@pytest.fixture
def pins() -> Iterator[PinTable]:
    hal: Hal = make_hal("simulated")
    table = PinTable(hal.new_lock())
    yield table
    assert not len(table)


def columns(plan: Transfer) -> list[list[int]]:
    return [column.tolist() for column in plan.rows(slice(None))]


@given(values=numbers)
def test_whole_numbers_of_every_kind_are_the_same_column(values: list[int]) -> None:
    for given_as in (values, tuple(values), np.array(values), np.array(values, np.uint64), iter_range(values)):
        column = whole_numbers("x", given_as)
        assert isinstance(column, np.ndarray) and column.dtype == np.uint64 and column.tolist() == values
    assert whole_numbers("x", values[0]) == whole_numbers("x", np.int64(values[0])) == values[0]


def iter_range(values: list[int]) -> Any:
    return range(values[0], values[0] + 1) if len(values) == 1 else values


@pytest.mark.parametrize(
    "values",
    [-1, [-1], [0, -1], 1.0, [1.0], "1", None, [[1]], [1, [2]], [None], {1}, {1: 1}, b"1", object(), [True], 1j],
)
def test_what_is_no_whole_number_is_refused(values: Any) -> None:
    with pytest.raises(InvalidParameter, match="x"):
        whole_numbers("x", values)


@given(offsets=numbers, length=st.integers(0, 100))
def test_a_scalar_stands_for_as_many_as_there_are_of_the_other(offsets: list[int], length: int) -> None:
    pins = PinTable(make_hal("simulated").new_lock())
    count = len(offsets)
    one = plan_read(pins, None, offsets, length, None)
    each = plan_read(pins, count, np.array(offsets), [length] * count, None)
    assert columns(one) == columns(each) == [offsets, [length] * count, [row * length for row in range(count)]]
    assert one.data is not None and one.data.shape == (count, length)
    one.pin.release()
    each.pin.release()


def test_rows_of_out_may_be_longer_than_asked(pins: PinTable) -> None:
    out = np.zeros((3, 10), np.uint8)
    plan = plan_read(pins, None, [5, 6, 7], [1, 2, 3], out)
    assert columns(plan) == [[5, 6, 7], [1, 2, 3], [0, 10, 20]]
    assert plan.data is not None and plan.data.shape == (3, 10) and np.shares_memory(plan.data, out)
    plan.pin.release()


def test_buffers_of_a_sequence_lie_behind_each_other(pins: PinTable) -> None:
    plan = plan_write(pins, None, 0, [b"one", bytearray(b""), memoryview(b"three"), np.array([1], np.uint16)])
    assert columns(plan) == [[0] * 4, [3, 0, 5, 2], [0, 3, 3, 8]]
    assert plan.pin.array.tobytes() == b"onethree\1\0"
    plan.pin.release()


def test_counts_that_differ_are_listed(pins: PinTable) -> None:
    with pytest.raises(InvalidParameter, match="these differ: 4 files, 2 offsets, 3 lengths"):
        plan_read(pins, 4, [1, 2], [1, 2, 3], None)


def test_more_than_memory_can_hold_is_refused_or_says_so(pins: PinTable) -> None:
    with pytest.raises((InvalidParameter, MemoryError)):
        plan_read(pins, None, np.zeros(1 << 20, np.uint64), 0x7FFF_F000, None)
