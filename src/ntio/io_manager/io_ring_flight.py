"""Entries of an I/O ring on their way: from a window of the submission queue to host operations and packets.

A window is translated by columns. Files are looked up once per distinct handle, buffers once per region of known
memory; whatever cannot be right becomes an immediate completion with its status, and the rest falls into *flights*:
rows with the same operation, the same region and the same way (straight to a host file, or as a packet through a
stack). A flight holds what must stay until its rows are done: the files' references and the regions' pins.

Source: spec ioring.md 2.2, 2.5, 2.9. Rows: R3, R5, R7
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..hal.operations import OperationCode, Operations
from ..memory.address_space import Region
from ..status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED,
)
from .bypass import query_bypass
from .file_object import FileObject
from .io_ring_codes import IORING_OP_READ, REGISTERED_BUFFER, REGISTERED_FILE
from .irp import Irp
from .major import FO_NO_INTERMEDIATE_BUFFERING

#: What a write-through write on a cached handle gets: Win32 error 509 in the form NTSTATUS gives Win32 errors.
STATUS_NOT_SUPPORTED_WITH_CACHED_HANDLE = 0xC007_01FD
#: RWF_DSYNC: the host's write flag for "on the device before it is done".
_RWF_DSYNC = 0x2

Entries = npt.NDArray[Any]


@dataclass(slots=True, eq=False)
class Flight:
    """Rows of a ring that go the same way; `files[file_index]` is each row's file."""

    code: int
    user_data: npt.NDArray[np.uint64]
    sequence: npt.NDArray[np.uint64]
    files: list[FileObject]
    file_index: npt.NDArray[np.intp]
    region: Region | None = None
    operations: Operations | None = None
    irp: Irp | None = None
    #: Columns of a flight that goes as a packet.
    position: Any = None
    offset: Any = None
    length: Any = None
    flags: int = 0
    done: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))

    def matching(self, file: FileObject, user_data: int | None) -> npt.NDArray[np.intp]:
        """The unfinished rows on that file, with that user data if it is given."""
        wanted = ~self.done & np.array([mine is file for mine in self.files], np.bool_)[self.file_index]
        if user_data is not None:
            wanted &= self.user_data == user_data
        return np.flatnonzero(wanted)


@dataclass(slots=True, eq=False)
class RegisteredBuffer:
    """One slot of a ring's table of buffers; `region` is None for an empty one."""

    address: int
    length: int
    region: Region | None


@dataclass(slots=True, eq=False)
class Tables:
    """What is registered with a ring: files (None: an empty slot) and buffers."""

    files: list[FileObject | None] = field(default_factory=list)
    buffers: list[RegisteredBuffer] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Lookup:
    """The files of a window: each distinct one with its status, and which row has which."""

    objects: list[FileObject | None]
    index: npt.NDArray[np.intp]


def look_up_files(body: Entries, registered: npt.NDArray[np.bool_], handles: Any, tables: Tables) -> Lookup:
    """Find the file of each row by handle or index, each distinct one once."""
    keys = np.where(registered, body["FileIndex"].astype(np.uint64) | np.uint64(1 << 63), body["File"])
    if len(keys) and (keys == keys[0]).all():
        distinct, index = keys[:1], np.zeros(len(keys), np.intp)
    else:
        distinct, index = np.unique(keys, return_inverse=True)
    objects: list[FileObject | None] = []
    for key in distinct.tolist():
        number = key & 0xFFFF_FFFF
        if key >> 63 and key != 0xFFFF_FFFF_FFFF_FFFF:
            objects.append(tables.files[number] if number < len(tables.files) else None)
        else:
            objects.append(handles.get(key))
    return Lookup(objects, index)


def file_statuses(lookup: Lookup, code: int) -> npt.NDArray[np.uint32]:
    """Why a row's file cannot be used for this, uint32 per row."""
    statuses = []
    for file in lookup.objects:
        if file is None:
            statuses.append(STATUS_INVALID_HANDLE)
        else:
            permitted = file.readable if code == IORING_OP_READ else file.writable
            statuses.append(0 if permitted else STATUS_ACCESS_DENIED)
    return np.array(statuses, np.uint32)[lookup.index]


def cached_files(lookup: Lookup) -> npt.NDArray[np.bool_]:
    """Which rows' files were opened for cached I/O."""
    cached = [file is not None and not file.flags & FO_NO_INTERMEDIATE_BUFFERING for file in lookup.objects]
    return np.array(cached, np.bool_)[lookup.index]


@dataclass(slots=True, eq=False)
class Places:
    """Where each row's bytes are: one of `regions` by index (-1: none), and the position in it."""

    regions: list[Region]
    index: npt.NDArray[np.intp]
    position: npt.NDArray[np.uint64]
    status: npt.NDArray[np.uint32]


def place_buffers(
    body: Entries, by_index: npt.NDArray[np.bool_], pins: list[Region | None], tables: Tables, *, writing: bool
) -> Places:
    """Find the region each row's bytes lie in: pinned when it was built, or registered. `writing`: into memory."""
    count, length = len(body), body["Length"].astype(np.uint64)
    places = Places([], np.full(count, -1, np.intp), np.zeros(count, np.uint64), np.zeros(count, np.uint32))
    address = body["Buffer"].copy()
    found: list[tuple[Any, Region | None]]
    if by_index.any():
        found = _registered_regions(body, np.flatnonzero(by_index), tables, address, places.status)
        raw = np.flatnonzero(~by_index)
        for rows, region in _distinct([pins[row] for row in raw.tolist()]):
            found.append((raw if rows is None else raw[rows], region))
    else:
        found = [(slice(None) if rows is None else rows, region) for rows, region in _distinct(pins)]
    for rows, region in found:
        _place(places, rows, region, address[rows], length[rows], writing=writing)
    return places


def _place(places: Places, rows: Any, region: Region | None, address: Any, length: Any, *, writing: bool) -> None:
    if region is None:
        _set(places.status, rows, length > 0, STATUS_ACCESS_VIOLATION)
        return
    if region not in places.regions:
        places.regions.append(region)
    places.index[rows] = places.regions.index(region)
    places.position[rows] = address - np.uint64(region.start)
    inside = (address >= region.start) & (address + length <= region.end)
    permitted = not writing or region.array.flags.writeable
    if not (permitted and inside.all()):
        _set(places.status, rows, ~inside if permitted else length > 0, STATUS_ACCESS_VIOLATION)


def _distinct(pins: list[Region | None]) -> list[tuple[Any, Region | None]]:
    first = pins[0] if pins else None
    if pins.count(first) == len(pins):
        return [(None, first)] if pins else []
    found: dict[int, list[int]] = {}
    for row, region in enumerate(pins):
        found.setdefault(id(region), []).append(row)
    return [(np.array(rows, np.intp), pins[rows[0]]) for rows in found.values()]


def _set(status: npt.NDArray[np.uint32], rows: Any, bad: npt.NDArray[np.bool_], value: int) -> None:
    part = status[rows]
    part[bad & (part == 0)] = value
    status[rows] = part


def _registered_regions(
    body: Entries, rows: npt.NDArray[np.intp], tables: Tables, address: Any, status: npt.NDArray[np.uint32]
) -> list[tuple[Any, Region | None]]:
    """Turn index and offset into addresses; a slot that is empty, missing or too short is the row's error."""
    found: list[tuple[Any, Region | None]] = []
    numbers = body["BufferIndex"][rows]
    for number in np.unique(numbers).tolist():
        mine = rows[numbers == number]
        slot = tables.buffers[number] if number < len(tables.buffers) else None
        if slot is None or (slot.region is None and not slot.address):
            status[mine] = STATUS_INVALID_PARAMETER
            continue
        offset = body["BufferOffset"][mine].astype(np.uint64)
        address[mine] = offset + np.uint64(slot.address)
        _set(status, mine, offset + body["Length"][mine] > slot.length, STATUS_ACCESS_VIOLATION)
        found.append((mine, slot.region))
    return found


def bad_flags(body: Entries) -> npt.NDArray[np.uint32]:
    """The status of rows with an operation flag that is none."""
    unknown = body["CommonOpFlags"] & ~np.uint32(REGISTERED_FILE | REGISTERED_BUFFER) != 0
    return np.where(unknown, np.uint32(STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED), np.uint32(0))


def group_rows(keys: list[npt.NDArray[Any]], rows: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    """Split rows into groups whose keys are all equal."""
    if not len(rows):
        return []
    table = np.stack([key[rows].astype(np.int64) for key in keys], axis=1)
    if (table == table[0]).all():
        return [rows]
    _, group = np.unique(table, axis=0, return_inverse=True)
    group = group.reshape(-1)
    return [rows[group == number] for number in range(int(group.max()) + 1)]


def make_operations(flight: Flight, code: OperationCode) -> Operations | None:
    """The host operations of a flight, or None when one of its files' stacks wants to see a packet."""
    targets = [query_bypass(file).target for file in flight.files]
    if any(target is None for target in targets):
        return None
    if code == OperationCode.WRITE:
        for number, target in enumerate(targets):
            rows = flight.file_index == number
            if target is not None and target.limit is not None and len(flight.offset[rows]):
                ends = flight.offset[rows] + flight.length[rows].astype(np.uint64)
                if int(ends.max()) > target.limit:
                    return None
    descriptors = np.array([target.descriptor for target in targets if target is not None], np.int32)
    file: Any = int(descriptors[0]) if len(descriptors) == 1 else descriptors[flight.file_index]
    return Operations(
        code,
        len(flight.user_data),
        file=file,
        buffer=flight.region.array if flight.region is not None else None,
        position=flight.position if flight.position is not None else 0,
        offset=flight.offset if flight.offset is not None else 0,
        length=flight.length if flight.length is not None else 0,
        flags=_RWF_DSYNC if flight.flags else 0,
        keep=flight,
    )
