"""The law of device stacks: any filters over a disk in memory are a plain array of bytes to whoever reads and writes.

Up to eight filters in every style, in random order; random reads, writes and flushes, one at a time, in batches, and
started with a filter that keeps them, which are then cancelled or let go. The model is a bytearray, and of a cancelled
request the model knows that nothing happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ntio
from model_filters import Base, Keeper, Later, Looker, Raw, Skip, Xor, XorRows
from ntio.drivers.ram_disk import RamDisk
from ntio.status import STATUS_CANCELLED, STATUS_DISK_FULL, STATUS_END_OF_FILE

SIZE = 512

FILTERS = st.lists(
    st.one_of(
        st.builds(Xor, st.integers(0, 255)),
        st.builds(XorRows, st.integers(0, 255)),
        st.builds(Base, st.integers(0, 40)),
        st.builds(Raw),
        st.builds(Looker),
        st.builds(Skip),
        st.builds(Later),
        st.builds(Keeper),
    ),
    max_size=8,
)

#: One row: where, how many bytes, and the byte value writing starts from.
ROWS = st.tuples(st.integers(0, SIZE + 40), st.integers(0, 96), st.integers(0, 255))
KINDS = ("read", "write", "read rows", "write rows", "cancelled read", "cancelled write", "kept read", "kept write")
STEP = st.tuples(st.sampled_from(KINDS), st.lists(ROWS, min_size=1, max_size=6))
STEPS = st.lists(st.one_of(st.just(("flush", [])), STEP), max_size=12)

Row = tuple[int, int, int]


@dataclass
class Model:
    """The disk as whoever is above all filters sees it."""

    size: int
    data: bytearray = field(init=False)

    def __post_init__(self) -> None:
        self.data = bytearray(self.size)

    def read(self, offset: int, length: int) -> tuple[int, bytes]:
        """Status and bytes of a read."""
        found = bytes(self.data[offset : offset + length])
        return (STATUS_END_OF_FILE, b"") if length and not found else (0, found)

    def write(self, offset: int, data: bytes) -> tuple[int, int]:
        """Status and how many bytes were written."""
        count = max(min(len(data), self.size - offset), 0)
        if data and not count:
            return STATUS_DISK_FULL, 0
        self.data[offset : offset + count] = data[:count]
        return 0, count


def bytes_of(row: Row) -> bytes:
    """What a row writes."""
    return (np.arange(row[1], dtype=np.uint16) + row[2]).astype(np.uint8).tobytes()


def check_one(kind: str, row: Row, stack: ntio.Stack, model: Model) -> None:
    """One request at a time, through the file."""
    offset, length, _ = row
    try:
        if kind == "read":
            given_back: tuple[int, object] = (0, stack.read(length, offset))
        else:
            given_back = (0, stack.write(bytes_of(row), offset))
    except ntio.NtError as error:
        given_back = (error.status, b"" if kind == "read" else 0)
    expected = model.read(offset, length) if kind == "read" else model.write(offset, bytes_of(row))
    if expected[0] == STATUS_END_OF_FILE:
        expected = (0, b"")  # the file's face: reading at the end is nothing read
    assert given_back == expected


def check_rows(kind: str, rows: list[Row], stack: ntio.Stack, ring: ntio.Ring, model: Model, keeper: Keeper) -> None:
    """Many at once: finished in the call, or started, kept, and cancelled or let go."""
    offsets, lengths = [row[0] for row in rows], [row[1] for row in rows]
    writing = kind.endswith("write") or kind.startswith("write")
    keeper.keeping = kind.split()[0] in ("cancelled", "kept")
    if writing:
        batch = ring.start_write(stack.file, offsets, [bytes_of(row) for row in rows])
    else:
        batch = ring.start_read(stack.file, offsets, lengths)
    if kind.startswith("cancelled"):
        batch.cancel()
    keeper.release()
    done = batch.wait(60)
    if kind.startswith("cancelled"):
        assert (done.status == STATUS_CANCELLED).all() and not done.information.any()
        return
    for number, row in enumerate(rows):
        got = int(done.status[number]), int(done.information[number])
        if writing:
            assert got == model.write(row[0], bytes_of(row))
        else:
            status, data = model.read(row[0], row[1])
            assert got == (status, len(data))
            assert done.data is not None and done.data[number, : len(data)].tobytes() == data


@pytest.mark.slow
@pytest.mark.row("R15", "R18", "R19", "R29")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(filters=FILTERS, steps=STEPS)
def test_any_stack_is_an_array_of_bytes(
    hal_name: str, filters: list[ntio.FilterDriver], steps: list[tuple[str, list[Row]]]
) -> None:
    keeper = next((layer for layer in filters if isinstance(layer, Keeper)), Keeper())
    layers = filters if keeper in filters else [*filters, keeper]
    model = Model(SIZE - sum(layer.base for layer in filters if isinstance(layer, Base)))
    with (
        ntio.System(hal_name, processors=2) as system,
        ntio.Stack(RamDisk(SIZE), *layers, system=system) as stack,
        ntio.Ring(8, system=system) as ring,
    ):
        clear(stack, model)
        for kind, rows in steps:
            if kind == "flush":
                stack.flush()
            elif kind in ("read", "write"):
                for row in rows:
                    check_one(kind, row, stack, model)
            else:
                check_rows(kind, rows, stack, ring, model, keeper)
        assert stack.read(SIZE, 0) == bytes(model.data)
        assert not keeper.kept and not system.io.irps.live()


def clear(stack: ntio.Stack, model: Model) -> None:
    """Zeroes as seen from above, whatever the filters make of them below."""
    assert stack.write(bytes(model.size), 0) == model.size
