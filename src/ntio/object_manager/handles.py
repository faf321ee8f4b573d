"""Handles: numbers by which a program names objects.

A handle is a multiple of four, given out again after it was closed, the lowest free one first; its two lowest bits are
the caller's to use. What it names may be a file, an event, or any other object; whoever looks a handle up says which
kind it wants. It carries the rights that were granted when it was made, and a few attributes of its own.

A System has two tables. Handles of the *kernel* table are numbers from 0xFFFFFFFF_80000000 up; no call made for user
mode accepts them.

Closing one handle of an object closes nothing else. The type's procedures hear of each handle made and closed, and what
happens when the last one is gone is their affair and the object manager's.

Source: spec iomgr.md 3.6; learn.microsoft.com "Object Handles". Rows: R20
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from ..security.access_mask import KERNEL_MODE
from ..status import STATUS_HANDLE_NOT_CLOSABLE, STATUS_OBJECT_TYPE_MISMATCH, InvalidHandle, error_for, nt_success
from .objects import OBJ_EXCLUSIVE, OBJ_INHERIT, OBJ_PROTECT_CLOSE, NamedObject
from .types import OpenReason

if TYPE_CHECKING:
    from .manager import ObjectManager

T = TypeVar("T")

#: What CreateFile returns when it fails, as an unsigned 64-bit number; never a handle of anything.
INVALID_HANDLE_VALUE: Final = 0xFFFF_FFFF_FFFF_FFFF
#: Where the numbers of the kernel's own table begin.
KERNEL_HANDLES: Final = 0xFFFF_FFFF_8000_0000

DUPLICATE_CLOSE_SOURCE: Final = 1
DUPLICATE_SAME_ACCESS: Final = 2
DUPLICATE_SAME_ATTRIBUTES: Final = 4

_OF_A_HANDLE = OBJ_INHERIT | OBJ_PROTECT_CLOSE


class HandleEntry:
    """What a table keeps for one handle.

    NT: HANDLE_TABLE_ENTRY
    """

    __slots__ = ("access", "attributes", "header")

    def __init__(self, header: NamedObject, access: int, attributes: int) -> None:
        self.header = header
        self.access = access
        #: OBJ_INHERIT and OBJ_PROTECT_CLOSE.
        self.attributes = attributes


class HandleTable:
    """The handles of one System, or those of its kernel.

    NT: HANDLE_TABLE
    """

    def __init__(self, objects: ObjectManager, first: int = 0) -> None:
        self._manager = objects
        self._first = first
        self._lock = objects.lock
        self._objects: dict[int, object] = {}
        self._entries: dict[int, HandleEntry] = {}
        self._free: list[int] = []
        self._dropped: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[tuple[int, HandleEntry]]:
        """Each open handle with its entry, in order."""
        return iter(sorted(self._entries.copy().items()))

    def entries(self) -> list[tuple[int, object, int]]:
        """Each open handle with the object it names and its rights, in order.

        NT: !handle
        """
        return [(handle, entry.header.body, entry.access) for handle, entry in self]

    def insert(
        self, entry: object, access: int | None = None, attributes: int = 0, reason: OpenReason = OpenReason.OPEN
    ) -> int:
        """A new handle for an object, with the rights `access` (all of its type when left out).

        Raises what the type's open procedure refuses with.
        NT: ObpCreateHandle
        """
        self.close_dropped()
        kind = self._manager.type_of(entry)
        header = self._manager.keep(entry, handle=True)
        granted = kind.mapping.all if access is None else access
        with self._lock:
            handle = heapq.heappop(self._free) if self._free else self._first + 4 * (len(self._objects) + 1)
            self._objects[handle] = header.body
            self._entries[handle] = HandleEntry(header, granted, attributes & _OF_A_HANDLE)
            header.object_flags |= attributes & OBJ_EXCLUSIVE
        if kind.procedures.open is not None:
            status = kind.procedures.open(header.body, reason, granted, header.handle_count)
            if not nt_success(status):
                self._take_out(handle)
                self._manager.handle_gone(header)
                raise error_for(status, f"a handle for {header.path or kind.name} was refused")
        return handle

    def find(self, handle: int, kind: type[T]) -> T | None:
        """The object of that kind that a handle names, or None."""
        entry = self._objects.get(handle)
        return entry if isinstance(entry, kind) else None

    def entry(self, handle: int) -> HandleEntry:
        """What the table keeps for a handle; raises InvalidHandle."""
        try:
            return self._entries[handle if handle in self._entries else handle & ~3]
        except (KeyError, TypeError):
            raise InvalidHandle(f"{handle!r} is not an open handle") from None

    def reference(self, handle: int, kind: type[T]) -> T:
        """The object of that kind that a handle names; raises InvalidHandle.

        NT: ObReferenceObjectByHandle
        """
        found = self.entry(handle).header.body
        if not isinstance(found, kind):
            names = f"a {type(found).__name__}, not a {kind.__name__}"
            raise InvalidHandle(f"handle {handle:#x} names {names}", STATUS_OBJECT_TYPE_MISMATCH)
        return found

    def duplicate(
        self,
        handle: int,
        access: int = 0,
        attributes: int = 0,
        options: int = DUPLICATE_SAME_ACCESS | DUPLICATE_SAME_ATTRIBUTES,
        *,
        mode: int = KERNEL_MODE,
    ) -> int:
        """One more handle for the same object, with the same rights or others; raises InvalidHandle, AccessDenied.

        Rights that the first handle lacks are checked against the object's descriptor, in user mode.
        NT: NtDuplicateObject
        """
        entry = self.entry(handle)
        if options & DUPLICATE_SAME_ATTRIBUTES:
            attributes = entry.attributes
        if options & DUPLICATE_SAME_ACCESS:
            granted = entry.access
        else:
            granted = self._manager.type_of(entry.header).mapping.map(access)
            if granted & ~entry.access:
                granted = self._manager.check_access(entry.header, access, mode)
        new = self.insert(entry.header, granted, attributes, OpenReason.DUPLICATE)
        if options & DUPLICATE_CLOSE_SOURCE:
            self.close(handle, mode)
        return new

    def close(self, handle: int, mode: int = KERNEL_MODE) -> None:
        """Close a handle; raises InvalidHandle for one that is not open, NtError for one that must not be closed.

        NT: NtClose
        """
        entry = self.entry(handle)
        procedures = self._manager.type_of(entry.header).procedures
        refused = procedures.okay_to_close is not None and not procedures.okay_to_close(entry.header.body, handle, mode)
        if entry.attributes & OBJ_PROTECT_CLOSE or refused:
            raise error_for(STATUS_HANDLE_NOT_CLOSABLE, f"handle {handle:#x} is protected from being closed")
        before = self._take_out(handle)
        if procedures.close is not None:
            procedures.close(entry.header.body, entry.access, before)
        self._manager.handle_gone(entry.header)

    def _take_out(self, handle: int) -> int:
        """Free the number; returns how many handles the object had with it. Of two that close it, one wins."""
        with self._lock:
            number = handle if handle in self._entries else handle & ~3
            if number not in self._entries:
                raise InvalidHandle(f"{handle!r} is not an open handle")
            header = self._entries.pop(number).header
            del self._objects[number]
            heapq.heappush(self._free, number)
            header.handle_count -= 1
            return header.handle_count + 1

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
        """Close every handle, protected or not."""
        self._dropped.clear()
        for handle, entry in list(self):
            entry.attributes = 0
            self.close(handle)
