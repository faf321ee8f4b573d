"""Where the bytes of an I/O ring's entries are: addresses and registered buffers become places in known memory.

Each row ends as a region and a position in it, or with a status; no address goes further. A row whose builder pinned
its region stays with that one. A row without a pin, because its builder found no known memory or because a program
wrote the entry itself, is looked up and pinned now. Registered buffers are pinned for each operation that uses them, so
that a table can be replaced under operations in flight.

Source: spec ioring.md 2.2, 2.5. Rows: R5
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...memory.address_space import AddressSpace, Region
from ...status import STATUS_ACCESS_VIOLATION, STATUS_INVALID_PARAMETER
from .flight import Entries, RegisteredBuffer, Tables

Rows = npt.NDArray[np.intp]


@dataclass(slots=True, eq=False)
class Places:
    """Where each row's bytes are: one of `regions` by index (-1: it has none), and the position in it.

    Each row with a region has one pin of it.
    """

    regions: list[Region]
    index: npt.NDArray[np.intp]
    position: npt.NDArray[np.uint64]
    status: npt.NDArray[np.uint32]

    def release(self, memory: AddressSpace, rows: Rows) -> None:
        """Undo the pins of some rows."""
        mine = self.index[rows]
        for number in np.unique(mine[mine >= 0]).tolist():
            memory.unpin(self.regions[number], int((mine == number).sum()))


class Placer:
    """Finds the places of one window; `into_memory`: bytes will be written there."""

    def __init__(self, memory: AddressSpace, tables: Tables, body: Entries, *, into_memory: bool) -> None:
        count = len(body)
        self._memory = memory
        self._tables = tables
        self._body = body
        self._into_memory = into_memory
        self._length = body["Length"].astype(np.uint64)
        self._numbers: dict[int, int] = {}
        self._places = Places([], np.full(count, -1, np.intp), np.zeros(count, np.uint64), np.zeros(count, np.uint32))

    def place(self, by_index: npt.NDArray[np.bool_], pins: list[Region | None]) -> Places:
        """The place of each row, `pins` being what the builders pinned."""
        raw = None
        if by_index.any():
            for row in np.flatnonzero(by_index).tolist():
                if (stray := pins[row]) is not None:  # built with an address, and changed in the queue
                    self._memory.unpin(stray)
            self._place_registered(np.flatnonzero(by_index))
            raw = np.flatnonzero(~by_index)
            pins = [pins[row] for row in raw.tolist()]
        for rows, region in _distinct(pins):
            chosen = rows if raw is None else raw[rows]
            if region is None:
                self._place_unpinned(chosen)
            else:
                self._put(chosen, region, self._body["Buffer"][chosen] - np.uint64(region.start))
        return self._places

    def _place_unpinned(self, rows: Rows) -> None:
        for row in rows.tolist():
            address, length = int(self._body["Buffer"][row]), int(self._length[row])
            region = self._memory.pin(address, length) if length else None
            if region is not None:
                self._put(np.array([row], np.intp), region, np.array([address - region.start], np.uint64))
            elif length:
                self._places.status[row] = STATUS_ACCESS_VIOLATION

    def _place_registered(self, rows: Rows) -> None:
        """A slot that is empty, missing or too short is the row's error."""
        numbers = self._body["BufferIndex"][rows]
        for number in np.unique(numbers).tolist():
            mine = rows[numbers == number]
            slots = self._tables.buffers
            slot = slots[number] if number < len(slots) else None
            if slot is None or (slot.region is None and not slot.address):
                self._places.status[mine] = STATUS_INVALID_PARAMETER
                continue
            offset = self._body["BufferOffset"][mine].astype(np.uint64)
            long = offset + self._length[mine] > slot.length
            self._places.status[mine[long]] = STATUS_ACCESS_VIOLATION
            if slot.region is not None:
                self._place_in_slot(mine[~long], slot, slot.region, offset[~long])

    def _place_in_slot(self, rows: Rows, slot: RegisteredBuffer, region: Region, offset: Any) -> None:
        if len(rows):
            self._memory.pin_region(region, len(rows))
            self._put(rows, region, offset + np.uint64(slot.address - region.start))

    def _put(self, rows: Rows, region: Region, position: npt.NDArray[np.uint64]) -> None:
        places, number = self._places, self._numbers.setdefault(id(region), len(self._places.regions))
        if number == len(places.regions):
            places.regions.append(region)
        places.index[rows] = number
        places.position[rows] = position
        length, size = self._length[rows], np.uint64(region.array.nbytes)
        # An address below the region wraps to a position far above it.
        outside = (position > size) | (length > size - np.minimum(position, size))
        if self._into_memory and not region.array.flags.writeable:
            outside |= length > 0
        if outside.any():
            places.status[rows[outside]] = STATUS_ACCESS_VIOLATION


def _distinct(pins: list[Region | None]) -> list[tuple[Rows, Region | None]]:
    """Rows by the region that is pinned for them."""
    first = pins[0] if pins else None
    if pins.count(first) == len(pins):
        return [(np.arange(len(pins)), first)] if pins else []
    found: dict[int, list[int]] = {}
    for row, region in enumerate(pins):
        found.setdefault(id(region), []).append(row)
    return [(np.array(rows, np.intp), pins[rows[0]]) for rows in found.values()]
