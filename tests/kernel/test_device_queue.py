"""Device queues: what KDEVICE_QUEUE does, against a sorted list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up_drivers import Holder, load_stack, new_packet
from ntio import System
from ntio.hal.choose import make_hal
from ntio.kernel.device_queue import DeviceQueue, DeviceQueueEntry

HAL = make_hal("simulated")


def busy_queue() -> DeviceQueue:
    queue = DeviceQueue(HAL)
    queue.insert(DeviceQueueEntry())
    return queue


@pytest.mark.row("R22")
def test_the_first_entry_makes_the_device_busy_and_is_not_queued() -> None:
    queue, entry = DeviceQueue(HAL), DeviceQueueEntry()
    assert not queue.busy and not queue.insert(entry)
    assert queue.busy and not entry.inserted and len(queue) == 0
    assert queue.remove() is None and not queue.busy


def test_later_entries_come_out_in_their_order() -> None:
    queue = busy_queue()
    entries = [DeviceQueueEntry(sort_key=key) for key in (5, 3, 9)]
    assert all(queue.insert(entry) for entry in entries)
    assert list(queue) == entries and all(entry.inserted for entry in entries)
    assert [queue.remove() for _ in range(3)] == entries
    assert not any(entry.inserted for entry in entries) and queue.busy
    assert [entry.sort_key for entry in entries] == [5, 3, 9]


def test_a_certain_entry_is_removed_once() -> None:
    queue = busy_queue()
    kept, gone = DeviceQueueEntry(), DeviceQueueEntry()
    queue.insert(gone)
    queue.insert(kept)
    assert queue.remove_entry(gone) and not queue.remove_entry(gone)
    assert queue.remove_entry(DeviceQueueEntry()) is False
    assert queue.remove() is kept and queue.busy


def test_removing_the_last_entry_leaves_the_device_busy() -> None:
    queue, entry = busy_queue(), DeviceQueueEntry()
    queue.insert(entry)
    assert queue.remove_entry(entry) and queue.busy
    assert queue.remove() is None and not queue.busy


def test_if_busy_leaves_an_idle_queue_alone() -> None:
    queue = DeviceQueue(HAL)
    assert queue.remove_by_key_if_busy(0) is None
    queue.insert_by_key(DeviceQueueEntry(), 1)
    waiting = DeviceQueueEntry()
    queue.insert_by_key(waiting, 2)
    assert queue.remove_by_key_if_busy(9) is waiting
    assert queue.remove_by_key_if_busy(0) is None and not queue.busy


def test_an_entry_cannot_be_in_two_places() -> None:
    queue, entry = busy_queue(), DeviceQueueEntry()
    queue.insert(entry)
    with pytest.raises(ValueError, match="already"):
        queue.insert(entry)
    with pytest.raises(ValueError, match="already"):
        busy_queue().insert_by_key(entry, 1)
    assert len(queue) == 1


def test_a_packet_is_an_entry(system: System) -> None:
    device = load_stack(system, Holder())[0]
    queue = DeviceQueue(system.hal)
    packets = [new_packet(device) for _ in range(3)]
    assert [queue.insert_by_key(irp, key) for irp, key in zip(packets, (0, 7, 3), strict=True)] == [False, True, True]
    assert list(queue) == [packets[2], packets[1]]
    assert [irp.device_queue_entry.inserted for irp in packets] == [False, True, True]
    assert queue.remove_entry(packets[2]) and not queue.remove_entry(packets[2])
    assert queue.remove_by_key(8) is packets[1]
    for irp in packets:
        system.io.irps.free(irp)
    assert repr(DeviceQueueEntry(sort_key=4)) == "<DeviceQueueEntry key 4>"


class Model:
    """A device queue as a sorted list of (key, arrival) pairs."""

    def __init__(self) -> None:
        self.busy = False
        self.waiting: list[tuple[int, int]] = []

    def insert(self, key: int, arrival: int) -> bool:
        queued, self.busy = self.busy, True
        if queued:
            self.waiting = sorted([*self.waiting, (key, arrival)])
        return queued

    def take(self, key: int | None) -> int | None:
        if not self.waiting:
            self.busy = False
            return None
        at_or_above = [pair for pair in self.waiting if key is None or pair[0] >= key]
        chosen = (at_or_above or self.waiting)[0]
        self.waiting.remove(chosen)
        return chosen[1]

    def drop(self, arrival: int) -> bool:
        before = len(self.waiting)
        self.waiting = [pair for pair in self.waiting if pair[1] != arrival]
        return len(self.waiting) < before


KEYS = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("insert"), KEYS),
    st.tuples(st.just("remove"), KEYS),
    st.tuples(st.just("by key"), KEYS),
    st.tuples(st.just("if busy"), KEYS),
    st.tuples(st.just("entry"), st.integers(0, 30)),
)


@given(steps=st.lists(STEPS, max_size=40), keyed=st.booleans())
def test_it_does_what_a_sorted_list_does(steps: list[tuple[str, int]], keyed: bool) -> None:
    """By key, or all at the same key in the order of arrival."""
    queue, model, entries = DeviceQueue(HAL), Model(), []
    for step, number in steps:
        if step == "insert":
            entry = DeviceQueueEntry()
            got = queue.insert_by_key(entry, number) if keyed else queue.insert(entry)
            assert got == model.insert(number if keyed else 0, len(entries))
            entries.append(entry)
        elif step == "entry":
            if number < len(entries):
                assert queue.remove_entry(entries[number]) == model.drop(number)
        elif step != "if busy" or model.busy:
            key = None if step == "remove" else number if keyed else 0
            taken = queue.remove() if key is None else queue.remove_by_key(key)
            arrival = model.take(key)
            assert taken is (None if arrival is None else entries[arrival])
        else:
            assert queue.remove_by_key_if_busy(number) is None
        assert (queue.busy, len(queue)) == (model.busy, len(model.waiting))
    assert [entry.inserted for entry in entries] == [
        number in {arrival for _, arrival in model.waiting} for number in range(len(entries))
    ]
