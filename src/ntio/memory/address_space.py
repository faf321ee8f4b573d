"""Memory that has an address: what a Windows program may name by a number.

A number is dangerous: the kernel would write wherever it points. So a System knows which memory exists, and everything
that takes an address looks here first. Memory is known because it was allocated here (`VirtualAlloc`) or because a
buffer of the caller's was made known; known memory is kept alive. While requests use a region it is *pinned*: it cannot
be freed or forgotten, and asking so raises `BufferInUse`.

Source: spec ioring.md 2.2; WDK VirtualAlloc. Rows: R5, R12, R33
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import Any

import numpy as np
import numpy.typing as npt

from ..hal.machine import Lock
from ..hal.operations import address_of
from ..status import BufferInUse, InvalidParameter

#: Allocations start and end at multiples of this, as unbuffered I/O needs.
PAGE_SIZE = 4096


class Region:
    """Some known memory: `array` is uint8, `pins` how many requests use it now."""

    __slots__ = ("allocated", "array", "end", "known", "pins", "start")

    def __init__(self, array: npt.NDArray[np.uint8], *, allocated: bool) -> None:
        self.array = array
        self.start = address_of(array)
        self.end = self.start + array.nbytes
        self.allocated = allocated
        self.known = 1
        self.pins = 0

    def __lt__(self, other: Region) -> bool:
        return self.start < other.start

    def contains(self, address: int, length: int) -> bool:
        """Whether the bytes lie wholly inside."""
        return self.start <= address and address + length <= self.end


class AddressSpace:
    """The known memory of one System; `lock` is the HAL's.

    NT: the process's virtual address space
    """

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._regions: list[Region] = []
        self._starts: list[int] = []

    def __len__(self) -> int:
        return len(self._regions)

    def allocate(self, size: int) -> int:
        """Zeroed memory of at least `size` bytes in whole pages; returns its address, a multiple of 4096.

        Raises InvalidParameter for no bytes, MemoryError for too many.
        NT: VirtualAlloc
        """
        if size <= 0:
            raise InvalidParameter(f"{size} bytes cannot be allocated")
        whole = -(-size // PAGE_SIZE) * PAGE_SIZE
        raw = np.zeros(whole + PAGE_SIZE, np.uint8)
        first = -address_of(raw) % PAGE_SIZE
        region = Region(raw[first : first + whole], allocated=True)
        with self._lock:
            self._insert(region)
        return region.start

    def free(self, address: int) -> None:
        """Give allocated memory back, named by where it starts; raises InvalidParameter, BufferInUse.

        NT: VirtualFree
        """
        with self._lock:
            region = self._at(address)
            if region is None or region.start != address or not region.allocated:
                raise InvalidParameter(f"no allocation starts at {address:#x}")
            self._check_free(region)
            self._remove(region)

    def know(self, buffer: Any) -> Region:
        """Make a contiguous buffer known, and keep it; each `know` wants a `forget`.

        Raises InvalidParameter for a buffer that overlaps known memory of another extent.
        """
        array = np.frombuffer(memoryview(buffer).cast("B"), np.uint8)
        if not array.nbytes:
            raise InvalidParameter("a buffer without bytes has no address")
        region = Region(array, allocated=False)
        with self._lock:
            for near in self._regions:
                if near.start == region.start and near.end == region.end:
                    near.known += 1
                    return near
                if near.start < region.end and region.start < near.end:
                    if near.contains(region.start, array.nbytes):
                        near.known += 1
                        return near
                    raise InvalidParameter("the buffer overlaps other memory that is known by its address")
            self._insert(region)
        return region

    def forget(self, region: Region) -> None:
        """Undo one `know`; raises BufferInUse for the last one while requests use the memory."""
        with self._lock:
            if region.known == 1 and not region.allocated:
                self._check_free(region)
                self._remove(region)
            region.known -= 1

    def find(self, address: int, length: int) -> Region | None:
        """The region that holds these bytes wholly, or None."""
        with self._lock:
            region = self._at(address)
        return region if region is not None and region.contains(address, length) else None

    def pin(self, address: int, length: int) -> Region | None:
        """Find a region and pin it once; None for memory that is not known."""
        with self._lock:
            region = self._at(address)
            if region is None or not region.contains(address, length):
                return None
            region.pins += 1
            return region

    def pin_region(self, region: Region, count: int = 1) -> None:
        """Pin a known region `count` times."""
        with self._lock:
            region.pins += count

    def unpin(self, region: Region, count: int = 1) -> None:
        """Undo `count` pins."""
        with self._lock:
            region.pins -= count

    def view(self, address: int, length: int) -> memoryview:
        """The bytes at an address, to read and write; raises InvalidParameter for memory that is not known."""
        region = self.find(address, length)
        if region is None:
            raise InvalidParameter(f"{length} bytes at {address:#x} are not memory this system knows")
        return region.array.data[address - region.start :][:length]

    def _at(self, address: int) -> Region | None:
        number = bisect_right(self._starts, address) - 1
        return self._regions[number] if number >= 0 else None

    def _insert(self, region: Region) -> None:
        insort(self._regions, region)
        insort(self._starts, region.start)

    def _remove(self, region: Region) -> None:
        number = self._regions.index(region)
        del self._regions[number], self._starts[number]

    @staticmethod
    def _check_free(region: Region) -> None:
        if region.pins:
            raise BufferInUse(f"{region.pins} requests use the memory at {region.start:#x}: wait for them first")
