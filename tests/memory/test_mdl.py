"""Lists of memory: what they describe, what fixes it, how large one may be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio.memory.mdl import (
    HEADER_SIZE,
    MDL_ALLOCATED_FIXED_SIZE,
    MDL_MAPPED_TO_SYSTEM_VA,
    MDL_PAGES_LOCKED,
    MDL_PARTIAL,
    MDL_PARTIAL_HAS_BEEN_MAPPED,
    MDL_SOURCE_IS_NONPAGED_POOL,
    MDL_WRITE_OPERATION,
    PAGE_NUMBER_SIZE,
    PAGE_SIZE,
    LockOperation,
    Mdl,
    allocate_mdl,
    locked_mdl,
    pages_spanned,
    size_of_mdl,
)
from ntio.status import NtError

pytestmark = pytest.mark.row("R13")


def paged(pages: int, offset: int = 0) -> memoryview:
    """Memory that starts `offset` bytes into a page."""
    array = np.zeros((pages + 2) * PAGE_SIZE, np.uint8)
    start = -array.ctypes.data % PAGE_SIZE + offset
    return array[start : start + pages * PAGE_SIZE].data


def test_a_list_describes_its_memory() -> None:
    memory = paged(2, offset=100)
    mdl = Mdl(memory, 5000)
    assert (mdl.byte_offset, mdl.byte_count, mdl.next) == (100, 5000, None)
    assert mdl.virtual_address == np.frombuffer(memory, np.uint8).ctypes.data
    assert mdl.size == HEADER_SIZE + 2 * PAGE_NUMBER_SIZE
    assert "5000 bytes" in mdl.describe()


def test_an_empty_list_has_no_address() -> None:
    mdl = Mdl(b"")
    assert (mdl.virtual_address, mdl.byte_offset, mdl.byte_count, mdl.size) == (0, 0, 0, HEADER_SIZE)


@pytest.mark.parametrize("length", [-1, 4])
def test_a_list_is_not_longer_than_its_buffer(length: int) -> None:
    with pytest.raises(ValueError, match="3"):
        Mdl(bytearray(3), length)


def test_memory_is_fixed_as_long_as_a_list_holds_it() -> None:
    data = bytearray(10)
    mdl = locked_mdl(data, LockOperation.WRITE)
    with pytest.raises(BufferError):
        data.append(1)
    mdl.system_view()[:3] = b"abc"
    mdl.free()
    data.append(1)
    assert data[:3] == b"abc"
    mdl.free()


def test_memory_has_to_be_locked_before_it_is_mapped() -> None:
    mdl = Mdl(bytearray(4))
    assert not mdl.locked
    with pytest.raises(ValueError, match="probe_and_lock"):
        mdl.system_view()
    mdl.probe_and_lock(LockOperation.MODIFY)
    assert mdl.flags & (MDL_PAGES_LOCKED | MDL_WRITE_OPERATION) == MDL_PAGES_LOCKED | MDL_WRITE_OPERATION
    assert len(mdl.system_view()) == 4 and mdl.flags & MDL_MAPPED_TO_SYSTEM_VA
    mdl.unlock()
    assert mdl.flags == MDL_ALLOCATED_FIXED_SIZE


@pytest.mark.parametrize("operation", [LockOperation.WRITE, LockOperation.MODIFY])
def test_read_only_memory_is_not_locked_for_writing(operation: LockOperation) -> None:
    mdl = Mdl(b"read only")
    mdl.probe_and_lock(LockOperation.READ)
    assert bytes(mdl.system_view()) == b"read only"
    with pytest.raises(NtError) as caught:
        locked_mdl(b"read only", operation)
    assert caught.value.status == 0xC0000005


def test_memory_of_a_driver_is_mapped_at_once() -> None:
    mdl = Mdl(bytearray(4))
    mdl.build_for_nonpaged_pool()
    assert mdl.flags & MDL_SOURCE_IS_NONPAGED_POOL and len(mdl.system_view()) == 4


def test_a_partial_list_has_some_of_the_bytes() -> None:
    data = bytearray(b"0123456789")
    source = locked_mdl(data, LockOperation.WRITE)
    part = Mdl(bytearray(10))
    part.build_partial(source, source.virtual_address + 4, 3)
    assert bytes(part.system_view()) == b"456"
    assert part.virtual_address == source.virtual_address + 4
    assert part.flags & (MDL_PARTIAL | MDL_PARTIAL_HAS_BEEN_MAPPED) == MDL_PARTIAL | MDL_PARTIAL_HAS_BEEN_MAPPED
    part.build_partial(source, source.virtual_address + 4)  # all that follow
    assert bytes(part.system_view()) == b"456789"
    for address, length in ((source.virtual_address - 1, 1), (source.virtual_address + 8, 3)):
        with pytest.raises(ValueError):
            part.build_partial(source, address, length)


def test_a_chain_goes_by_next() -> None:
    first, second = Mdl(bytearray(1)), Mdl(bytearray(2))
    first.next = second
    assert [mdl.byte_count for mdl in first.chain()] == [1, 2]


@given(address=st.integers(0, 1 << 40), length=st.integers(0, 1 << 20))
def test_pages_are_those_that_are_touched(address: int, length: int) -> None:
    touched = len({byte // PAGE_SIZE for byte in (*range(address, address + length, PAGE_SIZE), address + length - 1)})
    assert pages_spanned(address, length) == (touched if length else int(address % PAGE_SIZE > 0))
    assert size_of_mdl(address, length) == 48 + 8 * pages_spanned(address, length)


def test_a_list_that_would_be_too_large_is_not_made() -> None:
    """Conformance 12."""
    most = (0x10000 - HEADER_SIZE) // PAGE_NUMBER_SIZE * PAGE_SIZE
    assert allocate_mdl(b"", 2 << 30) is None
    assert allocate_mdl(b"", most) is None
    memory = paged(most // PAGE_SIZE - 1)
    mdl = allocate_mdl(memory)
    assert mdl is not None and mdl.byte_count == most - PAGE_SIZE
    assert allocate_mdl(paged(most // PAGE_SIZE - 1, offset=1)) is None  # touches one page more
