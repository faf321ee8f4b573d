"""No two requests on the same bytes, unless both only read them."""

from __future__ import annotations

import array
import mmap
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio.hal.pinning import Pin, PinTable
from ntio.status import BufferInUse, InvalidParameter

pytestmark = pytest.mark.row("R33")


@pytest.fixture
def table() -> PinTable:
    return PinTable(threading.Lock())


@given(
    steps=st.lists(
        st.one_of(st.tuples(st.integers(0, 60), st.integers(0, 30), st.booleans()), st.integers(0, 20)), max_size=40
    )
)
def test_a_pin_is_refused_exactly_when_bytes_are_shared_and_written(steps: list[tuple[int, int, bool] | int]) -> None:
    table, memory = PinTable(threading.Lock()), bytearray(100)
    held: list[tuple[Pin, set[int], bool]] = []
    for step in steps:
        if isinstance(step, int):
            if step < len(held):
                held.pop(step)[0].release()
            continue
        start, length, writing = step
        touched = set(range(start, start + length))
        conflict = any(touched & other and (writing or other_writes) for _, other, other_writes in held)
        view = memoryview(memory)[start : start + length]
        if conflict:
            with pytest.raises(BufferInUse):
                table.pin(view, writing)
        else:
            held.append((table.pin(view, writing), touched, writing))
        assert len(table) == sum(bool(touched) for _, touched, _ in held)
    for pin, _, _ in held:
        pin.release()
    assert len(table) == 0


@pytest.mark.parametrize(
    "buffer",
    [
        bytearray(b"01234567"),
        array.array("i", [1, 2]),
        np.arange(8, dtype=np.uint8),
        np.arange(4, dtype=np.int16).reshape(2, 2),
        np.zeros(1, [("a", "<u4"), ("b", "<f4")]),
        np.array(1.5),
        memoryview(bytearray(8)).cast("I"),
    ],
    ids=lambda buffer: type(buffer).__name__,
)
def test_every_kind_of_buffer_is_the_same_bytes(table: PinTable, buffer: object) -> None:
    with table.pin(buffer, writing=True) as pin:
        assert pin.array.dtype == np.uint8 and pin.array.ndim == 1 and pin.array.nbytes == 8
        pin.array[:] = range(8)
        with pytest.raises(BufferInUse):
            table.pin(buffer, writing=False)
    assert memoryview(buffer).tobytes() == bytes(range(8))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "buffer",
    [
        bytearray(8),
        np.zeros((2, 4), np.uint8),
        memoryview(bytearray(8)),
        memoryview(bytearray(8)).cast("I"),
        memoryview(bytearray(8)).cast("B", (2, 4)),
        np.array(1.5),
    ],
    ids=["bytearray", "array", "view", "numbers", "table", "number"],
)
def test_lent_bytes_are_one_row_of_bytes_and_no_pin(table: PinTable, buffer: Any) -> None:
    view = table.lend(buffer, writing=True)
    assert (view.format, view.shape) == ("B", (8,)) and len(table) == 0
    with table.pin(buffer, writing=False):
        assert table.lend(buffer, writing=False) == view
        with pytest.raises(BufferInUse):
            table.lend(buffer, writing=True)
    view[:] = bytes(range(8))
    assert memoryview(buffer).tobytes() == bytes(range(8))


@pytest.mark.parametrize("buffer", [b"constant", memoryview(bytes(8)), memoryview(bytearray(8))[::2], "text"])
def test_what_cannot_be_pinned_cannot_be_lent(table: PinTable, buffer: Any) -> None:
    with pytest.raises(InvalidParameter):
        table.lend(buffer, writing=True)


def test_constant_bytes_may_be_read_from_twice_but_not_written(table: PinTable) -> None:
    constant = b"constant"
    first, second = table.pin(constant, writing=False), table.pin(constant, writing=False)
    assert bytes(first.array) == constant and len(table) == 2
    for readonly in (constant, np.frombuffer(constant, np.uint8)):
        with pytest.raises(InvalidParameter, match="read-only"):
            table.pin(readonly, writing=True)
    first.release()
    second.release()


@pytest.mark.parametrize("buffer", [np.zeros((4, 4), np.uint8)[:, 1], memoryview(bytes(8))[::2]], ids=["array", "view"])
def test_memory_in_pieces_is_refused(table: PinTable, buffer: object) -> None:
    with pytest.raises(InvalidParameter, match="contiguous"):
        table.pin(buffer, writing=False)


@pytest.mark.parametrize("buffer", ["text", 5, None, np.array([object()])], ids=["str", "int", "None", "objects"])
def test_what_holds_no_plain_bytes_is_refused(table: PinTable, buffer: object) -> None:
    with pytest.raises(InvalidParameter, match="no buffer"):
        table.pin(buffer, writing=False)


def test_pinned_memory_cannot_be_resized_until_released(table: PinTable) -> None:
    growing = bytearray(16)
    pin = table.pin(growing, writing=True)
    with pytest.raises(BufferError):
        growing.append(1)
    pin.release()
    pin.release()
    growing.append(1)
    assert len(pin.array) == 0 and len(table) == 0


def test_a_pinned_map_cannot_be_closed_until_released(table: PinTable) -> None:
    mapped = mmap.mmap(-1, 4096)
    pin = table.pin(mapped, writing=True)
    with pytest.raises(BufferError):
        mapped.close()
    pin.release()
    mapped.close()


def test_a_long_pin_is_found_behind_many_short_ones(table: PinTable) -> None:
    memory = np.zeros(1000, np.uint8)
    pins = [table.pin(memory, writing=False), *(table.pin(memory[i : i + 2], writing=False) for i in range(0, 500, 5))]
    with pytest.raises(BufferInUse):
        table.pin(memory[990:], writing=True)
    pins[0].release()
    table.pin(memory[990:], writing=True).release()
    for pin in pins:
        pin.release()
