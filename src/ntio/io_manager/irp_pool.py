"""Where packets come from and go back to: three lookaside lists per processor, and above them the pool.

    1 location -> small        2 to 4 -> medium        5 to 20 -> large        more -> pool

The three sizes are one tuple. A packet from a list has the list's full size, whatever was asked. Every allocation is
counted, so that a test can tell at the end that none was lost.

Source: spec iomgr.md 1.4. Rows: R14
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, Protocol

from ..bugcheck import BugCheckCode
from ..executive.lookaside import LookasideList, LookasideStatistics
from ..hal.machine import Hal
from ..kernel.processor import Processors
from .irp import Irp
from .major import IRP_ALLOCATED_FIXED_SIZE

#: Locations in a packet of each list.
SIZES = (1, 4, 20)
NAMES = ("small", "medium", "large")
#: How many packets each list keeps (small 32, large 64 in the published figures).
DEPTHS = (32, 64, 64)


#: Which list serves a stack of that many devices.
_LIST_OF = tuple(next(number for number, size in enumerate(SIZES) if count <= size) for count in range(SIZES[-1] + 1))


class Stop(Protocol):
    """Latches a bug check and raises it."""

    def __call__(self, code: BugCheckCode, *parameters: object, note: str = "") -> NoReturn: ...


@dataclass(frozen=True)
class IrpPoolStatistics:
    """The lookaside lists of one System, and how many packets are out."""

    lists: dict[str, LookasideStatistics]
    pool_allocates: int
    live: int


class IrpPool:
    """Makes packets and takes them back.

    `stop` latches and raises a bug check of the System the packets belong to.
    """

    def __init__(self, hal: Hal, processors: Processors, stop: Stop, *, lookaside: bool = True) -> None:
        self.stop = stop
        self.lock = hal.new_lock()
        self._current = processors.current
        self._processors = [self._make_lists(lookaside) for _ in range(processors.count)]
        self._pool_allocates = self._pool_frees = 0

    def _make_lists(self, lookaside: bool) -> tuple[LookasideList[Irp], ...]:
        lists = []
        for size, depth in zip(SIZES, DEPTHS, strict=True):
            lists.append(LookasideList(lambda size=size: Irp(self, size), depth if lookaside else 0))  # type: ignore[misc]
        return tuple(lists)

    def allocate(self, stack_count: int) -> Irp:
        """A packet for a stack of that many devices.

        NT: IoAllocateIrp
        """
        if stack_count > SIZES[2]:
            with self.lock:
                self._pool_allocates += 1
            return Irp(self, stack_count)
        home = self._processors[self._current()][_LIST_OF[stack_count]]
        irp = home.allocate()
        irp.home = home
        irp.allocation_flags = IRP_ALLOCATED_FIXED_SIZE
        irp.stack_count = stack_count
        irp.current_location = stack_count + 1
        return irp

    def free(self, irp: Irp) -> None:
        """Take a packet back; nobody may have it any more.

        NT: IoFreeIrp
        """
        count = irp.stack_count
        complete = count + 2
        if irp.current_location != complete:
            for location in irp.locations[:count]:
                location.clear()
        irp.initialize(count)
        irp.current_location = complete  # so that completing it once more is noticed
        if irp.home is None:
            with self.lock:
                self._pool_frees += 1
        else:
            irp.home.free(irp)

    def trim(self) -> None:
        """Let go of every packet that is kept: what was left in their locations may belong to an unloaded driver."""
        for lists in self._processors:
            for one in lists:
                one.trim()

    def live(self) -> int:
        """How many packets are allocated and not yet given back."""
        listed = sum(one.total_allocates - one.total_frees for lists in self._processors for one in lists)
        return listed + self._pool_allocates - self._pool_frees

    def statistics(self) -> IrpPoolStatistics:
        """Hits, misses and live packets, per processor and list."""
        lists = {
            f"{name}[{number}]": one.statistics()
            for number, processor in enumerate(self._processors)
            for name, one in zip(NAMES, processor, strict=True)
        }
        return IrpPoolStatistics(lists, self._pool_allocates, self.live())
