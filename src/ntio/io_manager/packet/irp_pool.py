"""Where packets come from and go back to: three lookaside lists per processor, three they share, and the pool.

    1 location -> small        2 to 4 -> medium        5 to 20 -> large        more -> pool

A packet that the processor's list has not comes from the shared one, or else from memory; one it has no place for goes
there. The three sizes can be chosen. A packet from a list has the list's full size, whatever was asked. Every
allocation is counted, so that a test can tell at the end that none was lost.

A driver's packet may be charged to whoever it works for (`charge_quota`). Charging costs, so each processor has a float
of packets, 512 over all of them, that pass for charged; only beyond these is there a real charge, and a packet of
exactly the wanted size from memory. Memory does not run out here in a way that a program survives, so NT's one reserve
packet for paging reads has no counterpart.

Source: spec iomgr.md 1.4. Rows: R14
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn, Protocol

from ...bugcheck import BugCheckCode
from ...executive.lookaside import LookasideList, LookasideStatistics
from ...hal.machine import Hal
from ...kernel.irql import Irql
from ...kernel.processor import Processors
from ...kernel.spin_lock import SpinLock
from ..codes.major import IRP_ALLOCATED_FIXED_SIZE, IRP_LOOKASIDE_ALLOCATION, IRP_QUOTA_CHARGED
from .irp import Irp

#: Locations in a packet of each list.
SIZES = (1, 4, 20)
NAMES = ("small", "medium", "large")
#: How many packets each list keeps (small 32, large 64 in the published figures).
DEPTHS = (32, 64, 64)
#: How many packets that lookaside lists served may be charged to their users at a time, over all processors.
QUOTA_FLOAT = 512

#: DRIVER_VERIFIER_IOMANAGER_VIOLATION: what is freed is no packet, any more.
_FREED_BEFORE: Final = 0x1
_FREED_TWICE: Final = "a packet was given back twice: the next two requests would get the same one"


class Stop(Protocol):
    """Latches a bug check and raises it."""

    def __call__(self, code: BugCheckCode, *parameters: object, note: str = "") -> NoReturn: ...


@dataclass(frozen=True)
class IrpPoolStatistics:
    """The lookaside lists of one System, and how many packets are out."""

    lists: dict[str, LookasideStatistics]
    shared: dict[str, LookasideStatistics]
    pool_allocates: int
    live: int


class _Retired:
    """Stands in for the list of a packet that is not to be used again: counts it, and lets go of it."""

    def __init__(self, home: LookasideList[Irp]) -> None:
        self._home = home

    def free(self, irp: Irp) -> None:
        self._home.total_frees += 1
        self._home.free_misses += 1
        irp.pool.forget(irp)


class _Charged:
    """Stands in for the list of a packet that is charged to somebody: takes the charge off, then gives it back."""

    def __init__(self, home: LookasideList[Irp], charges: list[int], processor: int) -> None:
        self._home, self._charges, self._processor = home, charges, processor

    def free(self, irp: Irp) -> None:
        self._charges[self._processor] += 1
        irp.home, irp.allocation_flags = self._home, IRP_ALLOCATED_FIXED_SIZE
        self._home.free(irp)


class IrpPool:
    """Makes packets and takes them back.

    `stop` latches and raises a bug check of the System the packets belong to; `sizes` are the locations in a packet of
    the small, the medium and the large lists.
    """

    def __init__(
        self,
        hal: Hal,
        processors: Processors,
        stop: Stop,
        *,
        lookaside: bool = True,
        sizes: tuple[int, int, int] = SIZES,
    ) -> None:
        if not 0 < sizes[0] < sizes[1] < sizes[2]:
            raise ValueError(f"lookaside sizes {sizes}: small, medium and large, each more than the one before")
        self.sizes = sizes
        #: For each thread the lists of its processor, by number of devices.
        self._here = hal.new_thread_state()
        #: Packets that are in no list's hands any more but count as if they were.
        self._strays: dict[Irp, _Retired | _Charged] = {}
        self.stop = stop
        self.lock = hal.new_lock()
        #: The levels of the System's threads, and the lock held while a packet is marked cancelled.
        self.irql = Irql(hal, stop)
        self.cancel_lock = SpinLock(self.irql)
        #: Called after a packet was given back, while somebody waits for packets to go.
        self.freed: Callable[[], None] | None = None
        #: Every packet there is, out or kept.
        self._packets: set[Irp] = set()
        self._current = processors.current
        #: For each size a list that all processors share, between their own and the pool.
        self._shared = tuple(
            LookasideList(partial(self._new, size), depth if lookaside else 0, self._packets.discard)
            for size, depth in zip(sizes, DEPTHS, strict=True)
        )
        self._processors = [self._make_lists(lookaside) for _ in range(processors.count)]
        #: How many more packets each processor's lists may serve that are charged to somebody.
        self._float = [QUOTA_FLOAT // processors.count] * processors.count
        self._pool_allocates = self._pool_frees = 0

    def _make_lists(self, lookaside: bool) -> tuple[LookasideList[Irp], ...]:
        return tuple(
            LookasideList(shared.allocate, depth if lookaside else 0, shared.free)
            for shared, depth in zip(self._shared, DEPTHS, strict=True)
        )

    def make(self, size: int) -> Irp:
        """A packet with that many locations, fresh from memory."""
        return Irp(self, size)

    def forget(self, irp: Irp) -> None:
        """Know no more of a packet that is not used again."""
        self._packets.discard(irp)

    def _new(self, size: int) -> Irp:
        irp = self.make(size)
        self._packets.add(irp)
        return irp

    def packets(self) -> list[Irp]:
        """Every packet that was not let go of: those that are out, and those kept in the lists, which are complete."""
        return list(self._packets)

    def allocate(self, stack_count: int) -> Irp:
        """A packet for a stack of that many devices, as the I/O manager itself takes them.

        What each sender writes anyway (function, device, routine) may stand in its locations from before.
        """
        try:
            home = self._here.lists[stack_count]
        except (AttributeError, IndexError):
            home = self._list_for(stack_count)
            if home is None:
                return self._from_pool(stack_count)
        # What `home.allocate()` does: its call is a fifth of this.
        home.total_allocates += 1
        try:
            irp: Irp = home.kept.pop()
        except IndexError:
            irp = home.miss()
            irp.home = home
            irp.allocation_flags = IRP_ALLOCATED_FIXED_SIZE
        irp.stack_count = stack_count
        irp.current_location = stack_count + 1
        return irp

    def _list_for(self, stack_count: int) -> LookasideList[Irp] | None:
        """The calling thread's list for a stack of that many devices; None when it is too deep for any."""
        lists = self._processors[self._current()]
        self._here.lists = tuple(
            lists[sum(count > size for size in self.sizes)] for count in range(self.sizes[2] + 1)
        )
        return self._here.lists[stack_count] if stack_count <= self.sizes[2] else None

    def _from_pool(self, stack_count: int) -> Irp:
        with self.lock:
            self._pool_allocates += 1
        return self._new(stack_count)

    def allocate_for_driver(self, stack_count: int, charge_quota: bool = False) -> Irp:
        """A packet for a driver that makes requests of its own; every field of it is zero.

        A charged one comes from a lookaside list as long as its processor's float lasts, and is made anew after that.
        NT: IoAllocateIrp
        """
        number = self._current()
        if charge_quota and (stack_count > self.sizes[2] or self._float[number] <= 0):
            irp = self._from_pool(stack_count)
            irp.allocation_flags = IRP_QUOTA_CHARGED
            return irp
        irp = self.allocate(stack_count)
        for location in irp.locations:
            location.clear()
        if charge_quota:
            self._float[number] -= 1
            irp.allocation_flags |= IRP_LOOKASIDE_ALLOCATION
            self._strays[irp] = _Charged(irp.home, self._float, number)
            irp.home = None
        return irp

    def free(self, irp: Irp) -> None:
        """Take a packet back; nobody may have it any more. Giving it back twice stops the System.

        NT: IoFreeIrp
        """
        count = irp.stack_count
        complete = count + 2
        if irp.current_location != complete or irp.locations[0].control:  # never sent, or an error is remembered in it
            if irp.current_location > complete:
                self.stop(BugCheckCode.DRIVER_VERIFIER_IOMANAGER_VIOLATION, _FREED_BEFORE, irp, note=_FREED_TWICE)
            for location in irp.locations[:count]:
                location.clear()
        irp.reset(count)
        irp.current_location = complete + 1  # so that completing it, or freeing it, once more is noticed
        home = irp.home
        if home is None:
            self._free_unlisted(irp)
        else:  # what `home.free(irp)` does
            home.total_frees += 1
            if len(home.kept) < home.depth:
                home.kept.append(irp)
            else:
                home.overflow(irp)
        if self.freed is not None:
            self.freed()

    def _free_unlisted(self, irp: Irp) -> None:
        stray = self._strays.pop(irp, None)
        if stray is not None:
            stray.free(irp)
            return
        self._packets.discard(irp)
        with self.lock:
            self._pool_frees += 1

    def retire(self, irp: Irp) -> None:
        """Do not use this packet for another request: its driver failed, and may have it yet.

        If it does and completes it, that is once too often, and the packet is the one it was.
        """
        if irp.home is not None:
            self._strays[irp] = _Retired(irp.home)
            irp.home = None

    def trim(self) -> None:
        """Let go of every packet that is kept: what was left in their locations may belong to an unloaded driver."""
        for lists in (*self._processors, self._shared):  # what the former let go of comes to the latter
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
        shared = {name: one.statistics() for name, one in zip(NAMES, self._shared, strict=True)}
        return IrpPoolStatistics(lists, shared, self._pool_allocates, self.live())
