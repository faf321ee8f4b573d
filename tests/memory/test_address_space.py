"""Known memory: allocated, made known, pinned, forgotten; and nothing else is."""

from __future__ import annotations

import array
import ctypes
import gc
import mmap
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ntio.memory.address_space import PAGE_SIZE, AddressSpace
from ntio.status import BufferInUse, InvalidParameter


@pytest.fixture
def space() -> AddressSpace:
    return AddressSpace(threading.Lock())


@pytest.mark.row("R12")
@pytest.mark.parametrize("size", [1, 511, 4096, 4097, 1 << 20])
def test_allocations_are_zeroed_whole_pages(space: AddressSpace, size: int) -> None:
    address = space.allocate(size)
    whole = -(-size // PAGE_SIZE) * PAGE_SIZE
    assert address % PAGE_SIZE == 0
    assert space.view(address, whole) == bytes(whole)
    with pytest.raises(InvalidParameter):
        space.view(address, whole + 1)
    space.free(address)
    assert len(space) == 0


@pytest.mark.parametrize("size", [0, -1])
def test_no_bytes_cannot_be_allocated(space: AddressSpace, size: int) -> None:
    with pytest.raises(InvalidParameter):
        space.allocate(size)


def test_more_than_there_is_cannot_be_allocated(space: AddressSpace) -> None:
    with pytest.raises(MemoryError):
        space.allocate(1 << 62)


@pytest.mark.row("R5")
def test_only_what_lies_wholly_inside_is_found(space: AddressSpace) -> None:
    address = space.allocate(4096)
    assert space.find(address, 4096) is space.find(address + 4095, 1) is not None
    for start, length in (
        (address - 1, 1),
        (address - 1, 2),
        (address + 4095, 2),
        (address, 4097),
        (address, -1),
        (0, 0),
    ):
        assert space.find(start, length) is None
        assert space.pin(start, length) is None
    assert space.pinned() == 0


@pytest.mark.row("R33")
def test_pinned_memory_is_not_freed(space: AddressSpace) -> None:
    address = space.allocate(4096)
    region = space.pin(address + 8, 8)
    assert region is not None
    space.pin_region(region, 3)
    for pins in (1, 2):
        with pytest.raises(BufferInUse):
            space.free(address)
        space.unpin(region, pins)
    space.unpin(region)
    space.free(address)
    for again in (address, address + 8):
        with pytest.raises(InvalidParameter):
            space.free(again)


BUFFERS: dict[str, Callable[[], Any]] = {
    "bytearray": lambda: bytearray(100),
    "bytes": lambda: bytes(100),
    "array": lambda: array.array("d", range(10)),
    "numpy": lambda: np.zeros((4, 5), np.float32),
    "ctypes": lambda: (ctypes.c_char * 50)(),
    "mmap": lambda: mmap.mmap(-1, 4096),
}


@pytest.mark.row("R5")
@pytest.mark.parametrize("name", BUFFERS)
def test_a_buffer_is_known_until_it_is_forgotten(space: AddressSpace, name: str) -> None:
    buffer = BUFFERS[name]()
    region = space.know(buffer)
    assert region.array.nbytes == memoryview(buffer).nbytes
    assert region.array.flags.writeable == (not memoryview(buffer).readonly)
    assert space.find(region.start, region.array.nbytes) is region
    assert space.know(buffer) is region
    space.forget(region)
    assert space.find(region.start, 1) is region
    space.forget(region)
    assert space.find(region.start, 1) is None


@pytest.mark.row("R33")
def test_a_known_buffer_keeps_its_size(space: AddressSpace) -> None:
    buffer = bytearray(100)
    region = space.know(buffer)
    with pytest.raises(BufferError):
        buffer.append(1)
    space.forget(region)
    del region
    buffer.append(1)


def test_parts_of_one_buffer_are_one_region(space: AddressSpace) -> None:
    buffer = bytearray(100)
    region = space.know(memoryview(buffer)[10:20])
    assert region.array.nbytes == 100
    assert space.know(memoryview(buffer)[15:60]) is region
    matrix = np.zeros((8, 16))
    assert space.know(matrix[2:4]) is space.know(matrix[5]) is space.know(matrix)
    assert len(space) == 2


def test_a_read_only_view_of_writable_memory_stays_read_only(space: AddressSpace) -> None:
    view = memoryview(bytearray(100)).toreadonly()[10:20]
    region = space.know(view)
    assert region.array.nbytes == 10
    assert not region.array.flags.writeable
    with pytest.raises(InvalidParameter):
        space.know(view.obj)


@pytest.mark.parametrize("bad", [b"", bytearray(), np.zeros((4, 4))[:, 1], 5, None, "text"], ids=repr)
def test_what_is_no_contiguous_buffer_is_refused(space: AddressSpace, bad: Any) -> None:
    with pytest.raises((InvalidParameter, TypeError, ValueError, BufferError)):
        space.know(bad)
    assert len(space) == 0


def test_forgetting_waits_for_the_last_pin(space: AddressSpace) -> None:
    region = space.know(bytearray(100))
    assert space.pin(region.start, 100) is region
    space.forget(region)
    assert len(space) == 1
    space.unpin(region)
    assert len(space) == 0


def test_known_again_before_the_last_pin_it_stays(space: AddressSpace) -> None:
    buffer = bytearray(100)
    region = space.know(buffer)
    space.pin_region(region)
    space.forget(region)
    assert space.know(buffer) is region
    space.unpin(region)
    assert len(space) == 1
    space.forget(region)
    assert len(space) == 0


def test_freed_while_known_it_stays_for_those_who_know_it(space: AddressSpace) -> None:
    address = space.allocate(4096)
    region = space.know(space.view(address, 4096))
    space.free(address)
    assert space.find(address, 1) is region
    with pytest.raises(InvalidParameter):
        space.free(address)
    space.forget(region)
    assert len(space) == 0


def test_a_finaliser_never_waits_for_the_lock() -> None:
    lock = threading.Lock()
    space = AddressSpace(lock)
    region = space.know(bytearray(100))
    with lock:
        space.drop(region)  # as from a collection that starts inside a locked call
    assert len(space) == 0
    gc.collect()


class Regions(RuleBasedStateMachine):
    """Allocations, buffers and pins against plain lists; nothing drawn depends on where memory lies."""

    def __init__(self) -> None:
        super().__init__()
        self.space = AddressSpace(threading.Lock())
        self.allocated: list[int] = []
        self.pins: list[int] = []
        self.known: list[Any] = []

    @rule(size=st.integers(1, 9000))
    def allocate(self, size: int) -> None:
        self.allocated.append(self.space.allocate(size))
        self.pins.append(0)

    @rule(size=st.integers(1, 100))
    def know(self, size: int) -> None:
        self.known.append(self.space.know(bytearray(size)))

    @precondition(lambda self: self.allocated)
    @rule(pick=st.integers(0, 1 << 30), count=st.integers(1, 3))
    def pin(self, pick: int, count: int) -> None:
        number = pick % len(self.allocated)
        region = self.space.pin(self.allocated[number], 1)
        assert region is not None
        self.space.pin_region(region, count - 1)
        self.pins[number] += count

    @precondition(lambda self: any(self.pins))
    @rule(pick=st.integers(0, 1 << 30))
    def unpin(self, pick: int) -> None:
        pinned = [number for number, pins in enumerate(self.pins) if pins]
        number = pinned[pick % len(pinned)]
        region = self.space.find(self.allocated[number], 1)
        assert region is not None
        self.space.unpin(region, self.pins[number])
        self.pins[number] = 0

    @precondition(lambda self: self.allocated)
    @rule(pick=st.integers(0, 1 << 30))
    def free(self, pick: int) -> None:
        number = pick % len(self.allocated)
        if self.pins[number]:
            with pytest.raises(BufferInUse):
                self.space.free(self.allocated[number])
        else:
            self.space.free(self.allocated.pop(number))
            self.pins.pop(number)

    @precondition(lambda self: self.known)
    @rule(pick=st.integers(0, 1 << 30))
    def forget(self, pick: int) -> None:
        self.space.forget(self.known.pop(pick % len(self.known)))

    @invariant()
    def what_is_known_is_found(self) -> None:
        assert len(self.space) == len(self.allocated) + len(self.known)
        assert self.space.pinned() == sum(self.pins)
        assert all(self.space.find(address, 1) for address in self.allocated)


test_regions_are_what_was_allocated_and_made_known = Regions.TestCase
