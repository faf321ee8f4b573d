"""Handles: numbers by which a program names objects.

A handle is a multiple of four, given out again after it was closed, the lowest free one first. What it names may be a
file, an event, or any other object; whoever looks a handle up says which kind it wants. Closing one handle of an object
closes nothing else; `last_handle_closed` hears when an object has none left.

Source: spec iomgr.md 3.6. Rows: R20
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from ..hal.machine import Lock
from ..status import STATUS_OBJECT_TYPE_MISMATCH, InvalidHandle

T = TypeVar("T")

#: What CreateFile returns when it fails, as an unsigned 64-bit number; never a handle of anything.
INVALID_HANDLE_VALUE = 0xFFFF_FFFF_FFFF_FFFF


class HandleTable:
    """The handles of one System; `last_handle_closed` is called with an object that no handle names any more.

    NT: HANDLE_TABLE
    """

    def __init__(self, lock: Lock, last_handle_closed: Callable[[object], None]) -> None:
        self._lock = lock
        self._objects: dict[int, object] = {}
        self._counts: dict[int, int] = {}
        self._free: list[int] = []
        self._dropped: deque[int] = deque()
        self._last_handle_closed = last_handle_closed

    def __len__(self) -> int:
        return len(self._objects)

    def insert(self, entry: object) -> int:
        """A new handle for an object.

        NT: ObOpenObjectByPointer
        """
        self.close_dropped()
        with self._lock:
            handle = heapq.heappop(self._free) if self._free else 4 * (len(self._objects) + 1)
            self._objects[handle] = entry
            self._counts[id(entry)] = self._counts.get(id(entry), 0) + 1
        return handle

    def find(self, handle: int, kind: type[T]) -> T | None:
        """The object of that kind that a handle names, or None."""
        entry = self._objects.get(handle)
        return entry if isinstance(entry, kind) else None

    def reference(self, handle: int, kind: type[T]) -> T:
        """The object of that kind that a handle names; raises InvalidHandle.

        NT: ObReferenceObjectByHandle
        """
        try:
            entry = self._objects[handle]
        except (KeyError, TypeError):
            raise InvalidHandle(f"{handle!r} is not an open handle") from None
        if not isinstance(entry, kind):
            names = f"a {type(entry).__name__}, not a {kind.__name__}"
            raise InvalidHandle(f"handle {handle:#x} names {names}", STATUS_OBJECT_TYPE_MISMATCH)
        return entry

    def duplicate(self, handle: int) -> int:
        """One more handle for the same object; raises InvalidHandle.

        NT: NtDuplicateObject
        """
        return self.insert(self.reference(handle, object))

    def close(self, handle: int) -> None:
        """Close a handle; raises InvalidHandle for one that is not open.

        NT: NtClose
        """
        with self._lock:
            if handle not in self._objects:
                raise InvalidHandle(f"{handle!r} is not an open handle")
            entry = self._objects.pop(handle)
            heapq.heappush(self._free, handle)
            self._counts[id(entry)] -= 1
            last = not self._counts[id(entry)]
            if last:
                del self._counts[id(entry)]
        if last:
            self._last_handle_closed(entry)

    def drop(self, handle: int) -> None:
        """Close a handle later: for finalisers, which run wherever the collector does and may wait for nothing."""
        self._dropped.append(handle)

    def close_dropped(self) -> None:
        """Close what was dropped and is still open."""
        while self._dropped:
            try:
                self.close(self._dropped.popleft())
            except InvalidHandle:
                pass

    def close_all(self) -> None:
        """Close every handle."""
        self._dropped.clear()
        for handle in list(self._objects):
            self.close(handle)
