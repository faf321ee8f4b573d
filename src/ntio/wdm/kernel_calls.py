"""Calls on events, locks and lists of memory whose C form takes more than one line to say in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..executive.lookaside import FIRST_DEPTH, LookasideList
from ..io_manager.packet.builders import allocate_mdl_for
from ..io_manager.packet.irp import Irp
from ..io_manager.ports.completion_port import CompletionPort
from ..kernel.apc import wait_alertable
from ..kernel.device_queue import DeviceQueue
from ..kernel.event import Event, EventType
from ..kernel.spin_lock import SpinLock
from ..memory.mdl import Mdl
from ..status import STATUS_SUCCESS, STATUS_TIMEOUT
from .forms import manager_of


def initialize_event(kind: int, state: bool, *, system: Any) -> Event:
    """A new event: NotificationEvent or SynchronizationEvent, set or not.

    NT: KeInitializeEvent
    """
    return Event(manager_of(system).hal, EventType(kind), signaled=bool(state))


def clear_event(event: Event) -> None:
    """Clear an event.

    NT: KeClearEvent
    """
    event.reset()


def wait_for_single_object(
    thing: Event,
    wait_reason: int = 0,
    wait_mode: int = 0,
    alertable: bool = False,
    timeout: int | None = None,
    *,
    system: Any = None,
) -> int:
    """Wait until an event is set; `timeout` in units of 100 ns, negative from now on, None for ever.

    Returns STATUS_SUCCESS, STATUS_TIMEOUT or, if `alertable`, which takes `system`, STATUS_USER_APC.
    NT: KeWaitForSingleObject
    """
    if alertable:
        io = manager_of(system)
        return wait_alertable(io.hal, io.threads.current(), thing, seconds(timeout))
    return STATUS_SUCCESS if thing.wait(seconds(timeout)) else STATUS_TIMEOUT


def delay_execution_thread(wait_mode: int, alertable: bool, interval: int, *, system: Any) -> int:
    """Wait for `interval`, in units of 100 ns, negative from now on; returns as a wait for an event does.

    NT: KeDelayExecutionThread
    """
    io = manager_of(system)
    if alertable:
        return wait_alertable(io.hal, io.threads.current(), None, seconds(interval))
    Event(io.hal).wait(seconds(interval))
    return STATUS_SUCCESS


def seconds(timeout: int | None) -> float | None:
    """A time of the kernel's in seconds from now on."""
    return None if timeout is None else max(-timeout, 0) / 10_000_000


def initialize_spin_lock(*, system: Any) -> SpinLock:
    """A new spin lock.

    NT: KeInitializeSpinLock
    """
    return SpinLock(manager_of(system).irql)


def initialize_device_queue(*, system: Any) -> DeviceQueue:
    """A new device queue, not busy.

    NT: KeInitializeDeviceQueue
    """
    return DeviceQueue(manager_of(system).hal)


def initialize_queue(count: int = 0, *, system: Any) -> CompletionPort:
    """A new queue for worker threads, of which `count` are to run at a time; 0: as many as there are processors.

    NT: KeInitializeQueue
    """
    return CompletionPort(manager_of(system), count)


def insert_queue(queue: CompletionPort, entry: Any) -> int:
    """Put anything into a queue; returns how many entries waited there before.

    NT: KeInsertQueue
    """
    before = queue.depth
    queue.insert_packet(0, entry, STATUS_SUCCESS, 0)
    return before


def remove_queue(queue: CompletionPort, wait_mode: int = 0, timeout: int | None = None) -> Any:
    """The oldest entry of a queue, for which the calling thread works from now on; or the status of the wait.

    STATUS_TIMEOUT when there was none until `timeout` (in units of 100 ns, negative from now on, None for ever).
    NT: KeRemoveQueue
    """
    status, packet = queue.remove(seconds(timeout))
    return status if packet is None else packet.overlapped


def rundown_queue(queue: CompletionPort) -> list[Any]:
    """Close a queue: whoever waits is sent away; returns the entries that nobody took.

    NT: KeRundownQueue
    """
    left = queue.drain()
    queue.close()
    return [] if left is None else list(left.overlapped)


def initialize_lookaside_list(
    allocate: Callable[[int], Any] | None, free: Callable[[Any], object] | None, flags: int, size: int, tag: Any = 0,
    depth: int = 0,
) -> LookasideList[Any]:  # fmt: skip
    """A list of entries of `size` bytes kept for reuse; `allocate(size)` and `free(entry)` when it has none, or enough.

    Without them an entry is a bytearray. `depth` is not used, as in NT: the list decides itself how many it keeps.
    NT: ExInitializeNPagedLookasideList, ExInitializePagedLookasideList
    """
    make = bytearray if allocate is None else allocate
    return LookasideList(lambda: make(size), FIRST_DEPTH, free)


def initialize_lookaside_list_ex(
    allocate: Callable[[int], Any] | None, free: Callable[[Any], object] | None, pool_type: int, flags: int, size: int,
    tag: Any = 0, depth: int = 0,
) -> tuple[int, LookasideList[Any]]:  # fmt: skip
    """The same for either kind of pool: (STATUS_SUCCESS, list).

    NT: ExInitializeLookasideListEx
    """
    return STATUS_SUCCESS, initialize_lookaside_list(allocate, free, flags, size, tag, depth)


def allocate_mdl_of_memory(
    buffer: Any, length: int | None = None, secondary: bool = False, charge_quota: bool = False, irp: Irp | None = None
) -> Mdl | None:
    """A list for some bytes; of a packet it becomes the list, or, if `secondary`, the last one of its chain.

    NT: IoAllocateMdl
    """
    return allocate_mdl_for(irp, buffer, length, secondary=secondary)


def build_partial_mdl(source: Mdl, target: Mdl, virtual_address: int, length: int) -> None:
    """Make `target` a list for a part of the bytes of `source`.

    NT: IoBuildPartialMdl
    """
    target.build_partial(source, virtual_address, length)


def byte_count_of(mdl: Mdl) -> int:
    """How many bytes a list has.

    NT: MmGetMdlByteCount
    """
    return mdl.byte_count
