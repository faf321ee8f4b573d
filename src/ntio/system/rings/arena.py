"""Memory for many requests: aligned, reused, and known to the host.

    with ntio.Arena(64 << 20) as arena, ntio.Ring(arena=arena) as ring:
        with arena.rows(1024, 4096) as out:                      # uint8[1024, 4096], on page boundaries
            ring.read(file, offsets, 4096, out=out)

An arena is one piece of memory from which blocks are taken and given back. Blocks start on page boundaries, as direct
I/O wants; they are used again instead of fresh pages being faulted in (1.03 against 0.91 M reads/s measured); and a
ring made with the arena registers it with the host, so that the kernel need not look its pages up for every request.
Where registering is refused, for an ordinary user above the limit on locked memory, everything works without.

A block that a request still uses cannot be given back: that raises BufferInUse. What is taken is zeroed, so that no
request's bytes are seen by the next.

Rows: R5, R33
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ...hal.operations import address_of
from ...status import BufferInUse, InvalidParameter
from ..default import default_system
from ..system import System

#: What blocks are aligned to, and what their sizes are rounded up to.
PAGE = 4096


class Arena:
    """`size` bytes of memory, in whole pages, to take blocks from.

    Any thread may call. Close it, or use it in a `with` statement, when no block is taken any more.
    """

    def __init__(self, size: int, system: System | None = None) -> None:
        if size <= 0:
            raise InvalidParameter(f"an arena of {size} bytes holds nothing")
        self.system = system or default_system()
        self.size = -(-size // PAGE) * PAGE
        raw = np.zeros(self.size + PAGE, np.uint8)
        first = -address_of(raw) % PAGE
        self.memory: npt.NDArray[np.uint8] = raw[first : first + self.size]
        self._start = address_of(self.memory)
        self._lock = self.system.hal.new_lock()
        self._free: list[tuple[int, int]] = [(0, self.size)]  # position and length, sorted
        self._taken: dict[int, int] = {}
        self._touched = 0  # how far the memory has ever been handed out; beyond, it is still zero
        self._closed = False

    def take(self, count: int, width: int) -> npt.NDArray[np.uint8]:
        """A zeroed block, uint8[count, width], starting on a page boundary.

        Raises InvalidParameter for a shape without bytes, MemoryError when no free piece is long enough.
        """
        if count <= 0 or width <= 0:
            raise InvalidParameter(f"a block of {count} rows of {width} bytes holds nothing")
        length = -(-count * width // PAGE) * PAGE
        with self._lock:
            if self._closed:
                raise InvalidParameter("the arena is closed")
            position = self._find(length)
            self._taken[position] = length
            used, self._touched = min(self._touched, position + length), max(self._touched, position + length)
        self.memory[position:used].fill(0)
        return self.memory[position : position + count * width].reshape(count, width)

    def give_back(self, block: npt.NDArray[np.uint8]) -> None:
        """Give a block back, named by its first byte; raises InvalidParameter, BufferInUse while requests use it."""
        position = address_of(block) - self._start
        with self._lock:
            length = self._taken.get(position)
            if length is None:
                raise InvalidParameter("this is no block taken from this arena, or it was given back before")
            if self.system.pins.in_use(self.memory[position : position + length]):
                raise BufferInUse("a request in flight uses this block: wait for it first")
            del self._taken[position]
            insort(self._free, (position, length))
            self._join()

    @contextmanager
    def rows(self, count: int, width: int) -> Iterator[npt.NDArray[np.uint8]]:
        """A block for the length of a `with` statement."""
        block = self.take(count, width)
        try:
            yield block
        finally:
            self.give_back(block)

    def holds(self, array: npt.NDArray[np.uint8]) -> bool:
        """Whether all bytes of an array are the arena's."""
        start = address_of(array)
        return self._start <= start and start + array.nbytes <= self._start + self.size

    def close(self) -> None:
        """Hand out nothing any more; raises BufferInUse while blocks are taken. Idempotent."""
        with self._lock:
            if self._taken:
                raise BufferInUse(f"{len(self._taken)} blocks of the arena have not been given back")
            self._closed = True

    def _find(self, length: int) -> int:
        for number, (position, free) in enumerate(self._free):
            if free >= length:
                self._free[number : number + 1] = [(position + length, free - length)] if free > length else []
                return position
        most = max((free for _, free in self._free), default=0)
        raise MemoryError(f"{length} bytes wanted, the longest free piece of the arena has {most}")

    def _join(self) -> None:
        joined: list[tuple[int, int]] = []
        for position, length in self._free:
            if joined and sum(joined[-1]) == position:
                joined[-1] = (joined[-1][0], joined[-1][1] + length)
            else:
                joined.append((position, length))
        self._free = joined

    def __enter__(self) -> Arena:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()

    def __repr__(self) -> str:
        taken = sum(self._taken.values())
        return f"<ntio.Arena {taken} of {self.size} bytes taken>"
