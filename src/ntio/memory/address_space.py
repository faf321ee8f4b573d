"""Memory that has an address: what a Windows program may name by a number.

A number is dangerous: the kernel would write wherever it points. So a System knows which memory exists, and everything
that takes an address looks here first. Memory is known because it was allocated here (`VirtualAlloc`) or because a
buffer of the caller's was made known; known memory is kept alive. While requests use a region it is *pinned*: it cannot
be freed, and asking so raises `BufferInUse`; forgetting it takes effect when the last pin goes.

Regions never overlap. A part of a larger buffer (a slice of an array, a memoryview) makes the whole buffer known, so
that many parts of one buffer are one region; a read-only view of writable memory stays by itself.

Source: spec ioring.md 2.2; WDK VirtualAlloc. Rows: R5, R12, R33
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from ..hal.machine import Lock
from ..hal.operations import address_of
from ..status import BufferInUse, InvalidParameter

#: Allocations start and end at multiples of this, as unbuffered I/O needs.
PAGE_SIZE = 4096


class Region:
    """Some known memory: `array` is uint8, `known` how often it was made known, `pins` how many requests use it."""

    __slots__ = ("allocated", "array", "end", "known", "pins", "start")

    def __init__(self, array: npt.NDArray[np.uint8], *, allocated: bool) -> None:
        self.array = array
        self.start = address_of(array)
        self.end = self.start + array.nbytes
        self.allocated = allocated
        self.known = 1
        self.pins = 0

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
        self._dropped: deque[Region] = deque()

    def __len__(self) -> int:
        with self._lock:
            self._forget_dropped()
            return len(self._regions)

    def pinned(self) -> int:
        """How many pins there are in all."""
        with self._lock:
            return sum(region.pins for region in self._regions)

    def allocate(self, size: int) -> int:
        """Zeroed memory of at least `size` bytes in whole pages; returns its address, a multiple of 4096.

        Raises InvalidParameter for no bytes, MemoryError for too many.
        NT: VirtualAlloc
        """
        if size <= 0:
            raise InvalidParameter(f"{size} bytes cannot be allocated")
        whole = -(-size // PAGE_SIZE) * PAGE_SIZE
        try:
            raw = np.zeros(whole + PAGE_SIZE, np.uint8)
        except ValueError:
            raise MemoryError(f"{size} bytes are more than there can be") from None
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
            if region.pins:
                raise BufferInUse(f"{region.pins} requests use the memory at {address:#x}: wait for them first")
            region.allocated = False
            self._release(region)

    def know(self, buffer: Any) -> Region:
        """Make a contiguous buffer known, and keep it; each `know` wants a `forget`.

        Raises InvalidParameter for a buffer without bytes, or one that overlaps other known memory in part, TypeError
        and BufferError for what is no contiguous buffer.
        """
        part = _bytes_of(buffer)
        if not part.nbytes:
            raise InvalidParameter("a buffer without bytes has no address")
        region = Region(_whole_of(buffer, part), allocated=False)
        with self._lock:
            self._forget_dropped()
            number = bisect_right(self._starts, region.start)
            for near in self._regions[max(number - 1, 0) : number + 1]:
                if near.start < region.end and region.start < near.end:
                    permitted = near.array.flags.writeable or not part.flags.writeable
                    if permitted and near.contains(address_of(part), part.nbytes):
                        near.known += 1
                        return near
                    raise InvalidParameter("the buffer overlaps other memory that is known by its address")
            self._insert(region)
        return region

    def forget(self, region: Region) -> None:
        """Undo one `know`; memory that requests still use stays until they are done."""
        with self._lock:
            self._release(region)

    def drop(self, region: Region) -> None:
        """`forget` for finalisers: it may be called wherever the collector runs, and never waits for the lock."""
        self._dropped.append(region)
        if self._lock.acquire(blocking=False):
            try:
                self._forget_dropped()
            finally:
                self._lock.release()

    def find(self, address: int, length: int) -> Region | None:
        """The region that holds these bytes wholly, or None."""
        with self._lock:
            region = self._at(address)
        return region if region is not None and length >= 0 and region.contains(address, length) else None

    def pin(self, address: int, length: int) -> Region | None:
        """Find a region and pin it once; None for memory that is not known."""
        with self._lock:
            region = self._at(address)
            if region is None or length < 0 or not region.contains(address, length):
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
            if not region.known and not region.pins:
                self._remove(region)

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
        number = bisect_right(self._starts, region.start)
        self._regions.insert(number, region)
        self._starts.insert(number, region.start)

    def _release(self, region: Region) -> None:
        region.known -= 1
        if not region.known and not region.pins:
            self._remove(region)

    def _forget_dropped(self) -> None:
        while self._dropped:
            self._release(self._dropped.popleft())

    def _remove(self, region: Region) -> None:
        number = bisect_right(self._starts, region.start) - 1
        del self._regions[number], self._starts[number]


def _bytes_of(buffer: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(buffer, np.uint8)


def _whole_of(buffer: Any, part: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The largest buffer that `buffer` is a part of, as far as it can be seen, with the same right to write."""
    whole = part
    while True:
        try:
            buffer = buffer.base if isinstance(buffer, np.ndarray) else memoryview(buffer).obj
            larger = _bytes_of(buffer)
        except (TypeError, ValueError, BufferError):  # the end of the chain, or something with gaps
            return whole
        inside = Region(larger, allocated=False).contains(address_of(whole), whole.nbytes)
        if not inside or larger.flags.writeable != part.flags.writeable:
            return whole
        if larger.nbytes == whole.nbytes and not isinstance(buffer, (np.ndarray, memoryview)):
            return larger  # an object that exports its own memory: the end of the chain
        whole = larger
