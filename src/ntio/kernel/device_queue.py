"""Device queues: what waits for a device that does one thing at a time.

    insert    idle: the device is busy from now on, false: the caller starts it himself, nothing is queued
              busy: queued, true
    remove    the next entry; none: the device is idle from now on

So a queue that is busy and empty means that one is being worked on. By key, entries stand in ascending order, a new one
after its equals; taking by key gives the first that is not below it, and from the beginning again when there is none:
an arm that sweeps over a disk. A queue is used with keys always or never; if both are mixed the order is unspecified.

An entry is a packet or a `DeviceQueueEntry`; what was put in comes out.

Source: spec iomgr.md 4.2; WDK "Driver-Managed IRP Queues". Rows: R22
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, ClassVar

from ..hal.machine import Hal
from .nt_names import DeviceQueueEntryNames, DeviceQueueNames


class DeviceQueueEntry(DeviceQueueEntryNames):
    """A place in a device queue; `owner` is what waits there, the packet for example.

    NT: KDEVICE_QUEUE_ENTRY
    """

    __slots__ = ("inserted", "owner", "sort_key")

    def __init__(self, owner: Any = None, sort_key: int = 0) -> None:
        self.owner = owner
        self.sort_key = sort_key
        #: Whether it is in a queue now.
        self.inserted = False

    def __repr__(self) -> str:
        return f"<DeviceQueueEntry key {self.sort_key}{', inserted' if self.inserted else ''}>"


class DeviceQueue(DeviceQueueNames):
    """The queue of one device.

    NT: KDEVICE_QUEUE
    """

    __slots__ = ("_entries", "_lock", "busy")

    #: NT's code for this kind of object, and its size in bytes on x64.
    type: ClassVar[int] = 0x14
    size: ClassVar[int] = 0x28

    def __init__(self, hal: Hal) -> None:
        self._lock = hal.new_lock()
        self._entries: list[DeviceQueueEntry] = []
        #: Whether something is being worked on.
        self.busy = False

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Any]:
        """What waits now, the next one first."""
        with self._lock:
            return iter([_owner(entry) for entry in self._entries])

    def insert(self, entry: Any) -> bool:
        """Queue an entry behind all others; false if the device was idle, and is busy now, and nothing was queued.

        Raises ValueError for an entry that is in a queue.
        NT: KeInsertDeviceQueue
        """
        place = _place(entry)
        with self._lock:
            if not self._occupy(place):
                return False
            self._entries.append(place)
            place.inserted = True
        return True

    def insert_by_key(self, entry: Any, key: int) -> bool:
        """Queue an entry behind those with the same key or a lower one; answers as `insert` does.

        NT: KeInsertByKeyDeviceQueue
        """
        place = _place(entry)
        with self._lock:
            place.sort_key = key
            if not self._occupy(place):
                return False
            self._entries.insert(bisect_right(self._entries, key, key=_sort_key), place)
            place.inserted = True
        return True

    def remove(self) -> Any:
        """The first entry; None if none waits, and then the device is idle.

        NT: KeRemoveDeviceQueue
        """
        with self._lock:
            return self._take(0)

    def remove_by_key(self, key: int) -> Any:
        """The first entry whose key is not below `key`, else the first of all; None if none waits: idle then.

        NT: KeRemoveByKeyDeviceQueue
        """
        with self._lock:
            return self._take_by_key(key)

    def remove_by_key_if_busy(self, key: int) -> Any:
        """The same for a queue that may be idle; it then stays so.

        NT: KeRemoveByKeyDeviceQueueIfBusy
        """
        with self._lock:
            return self._take_by_key(key) if self.busy else None

    def remove_entry(self, entry: Any) -> bool:
        """Take a certain entry out; says whether it was queued. The device stays busy.

        NT: KeRemoveEntryDeviceQueue
        """
        place = _place(entry)
        with self._lock:
            found = place.inserted
            if found:
                self._entries.remove(place)
                place.inserted = False
        return found

    def _occupy(self, place: DeviceQueueEntry) -> bool:
        if place.inserted:
            raise ValueError(f"{_owner(place)!r} is in a device queue already")
        was_busy, self.busy = self.busy, True
        return was_busy

    def _take_by_key(self, key: int) -> Any:
        number = bisect_left(self._entries, key, key=_sort_key)
        return self._take(number if number < len(self._entries) else 0)

    def _take(self, number: int) -> Any:
        if not self._entries:
            self.busy = False
            return None
        place = self._entries.pop(number)
        place.inserted = False
        return _owner(place)


def _place(entry: Any) -> DeviceQueueEntry:
    """The place of a packet, made when it has none, or the entry itself."""
    if isinstance(entry, DeviceQueueEntry):
        return entry
    place: DeviceQueueEntry | None = entry.device_queue_entry
    if place is None:
        place = entry.device_queue_entry = DeviceQueueEntry(entry)
    return place


def _owner(place: DeviceQueueEntry) -> Any:
    return place if place.owner is None else place.owner


def _sort_key(place: DeviceQueueEntry) -> int:
    return place.sort_key
