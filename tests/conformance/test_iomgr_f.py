"""Group F: device queues and StartIo."""

from __future__ import annotations

from collections.abc import Callable

from made_up_drivers import Holder, load_stack, new_packet
from ntio import DeviceObject, Irp, System
from ntio.io_manager.dispatch import call_driver
from ntio.io_manager.start_io import start_next_packet, start_packet
from ntio.kernel.device_queue import DeviceQueue, DeviceQueueEntry
from ntio.kernel.irql import DISPATCH_LEVEL, PASSIVE_LEVEL

Observed = Callable[[str], None]


def boolean(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def test_case_67_a_new_queue(system: System, observed: Observed) -> None:
    """A device queue is initialized: not busy, Type 0x14, the right Size; nothing past the structure is written."""
    device = load_stack(system, Holder())[0]
    queue = device.device_queue
    assert (queue.type, queue.size, queue.busy, len(queue)) == (0x14, 0x28, False, 0)
    assert not hasattr(queue, "__dict__")
    observed(f"Type {queue.type:#x}, Size {queue.size:#x}, Busy {boolean(queue.busy)}, empty; no room past it")


def test_case_68_insert_into_an_idle_queue(system: System, observed: Observed) -> None:
    """An entry is inserted into an idle queue: FALSE, busy, the entry is not linked."""
    queue, entry = DeviceQueue(system.hal), DeviceQueueEntry()
    answer = queue.insert(entry)
    assert (answer, queue.busy, entry.inserted, list(queue)) == (False, True, False, [])
    observed(f"{boolean(answer)}; Busy {boolean(queue.busy)}; Inserted {boolean(entry.inserted)}, {len(queue)} linked")


def test_case_69_remove_from_a_busy_empty_queue(system: System, observed: Observed) -> None:
    """The next entry of a busy and empty queue is removed: NULL, not busy."""
    queue = DeviceQueue(system.hal)
    queue.insert(DeviceQueueEntry())
    removed = queue.remove()
    assert removed is None and not queue.busy
    observed(f"NULL; Busy {boolean(queue.busy)}")


def test_case_70_insert_into_a_busy_queue(system: System, observed: Observed) -> None:
    """A second entry is inserted and removed: TRUE, linked, Inserted; then that entry, Inserted cleared, still busy."""
    queue, second = DeviceQueue(system.hal), DeviceQueueEntry()
    queue.insert(DeviceQueueEntry())
    answer, linked, inserted = queue.insert(second), list(queue) == [second], second.inserted
    removed = queue.remove()
    assert (answer, linked, inserted) == (True, True, True)
    assert removed is second and not second.inserted and queue.busy
    observed(
        f"{boolean(answer)}, linked, Inserted {boolean(inserted)}; removed: the same, "
        f"Inserted {boolean(second.inserted)}, Busy {boolean(queue.busy)}"
    )


def test_case_71_five_entries(system: System, observed: Observed) -> None:
    """Five entries are inserted and removed: first in, first out; their keys are untouched."""
    queue = DeviceQueue(system.hal)
    entries = [DeviceQueueEntry(sort_key=key) for key in (7, 3, 9, 1, 5)]
    answers = [queue.insert(entry) for entry in entries]
    order = [entries.index(entry) for entry in iter(queue.remove, None)]
    assert answers == [False, True, True, True, True]
    assert order == [1, 2, 3, 4] and not queue.busy
    assert [entry.sort_key for entry in entries] == [7, 3, 9, 1, 5]
    observed(f"first not linked, then out in the order {order}; keys {[entry.sort_key for entry in entries]}")


def test_case_73_start_packet(system: System, observed: Observed) -> None:
    """IoStartPacket on an idle device: StartIo at DISPATCH with CurrentIrp set; on a busy one the packet is queued."""
    device, seen = load_stack(system, Holder())[0], []

    def start_io(device: DeviceObject, irp: Irp) -> None:
        seen.append((device.current_irp is irp, system.io.irql.current()))

    device.driver.start_io = start_io
    packets = [new_packet(device) for _ in range(2)]
    for irp in packets:
        call_driver(device, irp)
        start_packet(device, irp)
    assert seen == [(True, DISPATCH_LEVEL)] and device.current_irp is packets[0]
    assert list(device.device_queue) == [packets[1]] and packets[1].device_queue_entry.inserted
    assert system.io.irql.current() == PASSIVE_LEVEL
    start_next_packet(device)
    assert seen == [(True, DISPATCH_LEVEL)] * 2 and device.current_irp is packets[1]
    start_next_packet(device)
    assert device.current_irp is None
    for irp in packets:
        irp.complete()
        system.io.irps.free(irp)
    observed(f"StartIo at IRQL {seen[0][1]}, CurrentIrp set; the second queued, started by IoStartNextPacket")
