"""Entries of an I/O ring on their way: from a window of the submission queue to host operations and packets.

A window is translated by columns. Files are looked up once per distinct handle and held while the window is started,
buffers are placed once per region of known memory; whatever cannot be right becomes an immediate completion with its
status, and the rest falls into *flights*: rows with the same operation, the same region and the same way (straight to
host files, or as a packet through one file's stack). A flight holds what must stay until its rows are done: the files'
references and the regions' pins.

Source: spec ioring.md 2.2, 2.5, 2.9. Rows: R3, R5, R7
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ...hal.operations import OperationCode, Operations
from ...memory.address_space import Region
from ...status import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED,
)
from ..bypass import HostTarget, query_bypass
from ..codes.major import FO_NO_INTERMEDIATE_BUFFERING
from ..file_object import FileObject
from ..packet.irp import Irp
from .codes import FILE_WRITE_FLAGS_WRITE_THROUGH, IORING_OP_READ, REGISTERED_BUFFER, REGISTERED_FILE

#: What a write-through write on a cached handle gets: Win32 error 509 in the form NTSTATUS gives Win32 errors.
STATUS_NOT_SUPPORTED_WITH_CACHED_HANDLE = 0xC007_01FD
#: RWF_DSYNC: the host's write flag for "on the device before it is done".
_RWF_DSYNC = 0x2
#: Positions in a file are signed 64-bit numbers; the host takes -1 for "where the file stands", which NT's rings lack.
_MAXIMUM_OFFSET = np.uint64((1 << 63) - 1)

Entries = npt.NDArray[Any]
#: Reports rows that ended: user data, status, information, sequence numbers.
Finish = Callable[[Any, Any, Any, "npt.NDArray[np.uint64]"], None]


@dataclass(slots=True, eq=False)
class Flight:
    """Rows of a ring that go the same way; `files[file_index]` is each row's file."""

    code: int
    user_data: npt.NDArray[np.uint64]
    sequence: npt.NDArray[np.uint64]
    files: list[FileObject]
    file_index: npt.NDArray[np.intp]
    #: The host file of each file; empty for rows that go as a packet.
    targets: list[HostTarget]
    #: Who hears of rows that ended.
    finish: Finish
    region: Region | None = None
    operations: Operations | None = None
    irp: Irp | None = None
    position: Any = None
    offset: Any = None
    length: Any = None
    flags: int = 0
    done: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    #: Rows that somebody wants to end early, noted for what is not started yet.
    unwanted: npt.NDArray[np.bool_] | None = None

    def matching(self, file: FileObject | None, user_data: int | None) -> npt.NDArray[np.intp]:
        """The unfinished rows on that file, or on all, with that user data if it is given."""
        wanted = ~self.done
        if file is not None:
            wanted &= np.array([mine is file for mine in self.files], np.bool_)[self.file_index]
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
    """The files of a window: each distinct one (None: there is none) with its host file, and which row has which."""

    objects: list[FileObject | None]
    targets: list[HostTarget | None]
    index: npt.NDArray[np.intp]


def file_keys(body: Entries) -> tuple[list[int], npt.NDArray[np.intp]]:
    """The distinct files that entries name, and which row names which; an index has bit 63 set, a handle never."""
    registered = body["CommonOpFlags"] & REGISTERED_FILE != 0
    if registered.any():
        keys = np.where(registered, body["FileIndex"].astype(np.uint64) | np.uint64(1 << 63), body["File"])
    else:
        keys = body["File"]
    if (keys == keys[0]).all():
        return [int(keys[0])], np.zeros(len(keys), np.intp)
    distinct, index = np.unique(keys, return_inverse=True)
    return distinct.tolist(), index.reshape(-1)


def find_targets(files: list[FileObject | None]) -> list[HostTarget | None]:
    """The host file of each file, None for one whose stack wants to see packets."""
    return [None if file is None else query_bypass(file).target for file in files]


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


def offset_statuses(lookup: Lookup, body: Entries) -> npt.NDArray[np.uint32]:
    """The status of rows that reach beyond the largest position a file can have; streams have no positions."""
    beyond = body["Offset"] > _MAXIMUM_OFFSET - body["Length"]
    if not beyond.any():
        return np.zeros(len(body), np.uint32)
    streams = np.array([target is not None and target.stream for target in lookup.targets], np.bool_)
    return np.where(beyond & ~streams[lookup.index], np.uint32(STATUS_INVALID_PARAMETER), np.uint32(0))


def empty_on_stream(lookup: Lookup, body: Entries) -> npt.NDArray[np.bool_]:
    """Which rows move no bytes of a stream: they are done at once, where io_uring would wait for data."""
    empty: npt.NDArray[np.bool_] = body["Length"] == 0
    if not empty.any():
        return empty
    streams = np.array([target is not None and target.stream for target in lookup.targets], np.bool_)
    return empty & streams[lookup.index]


def flag_statuses(body: Entries) -> npt.NDArray[np.uint32]:
    """The status of rows with an operation flag that is none."""
    unknown = body["CommonOpFlags"] & ~np.uint32(REGISTERED_FILE | REGISTERED_BUFFER) != 0
    return np.where(unknown, np.uint32(STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED), np.uint32(0))


def write_flag_statuses(flags: npt.NDArray[np.uint32], lookup: Lookup) -> npt.NDArray[np.uint32]:
    """The status of writes with a flag that is none, or write-through on a file opened for cached I/O."""
    status = np.where(flags & ~np.uint32(FILE_WRITE_FLAGS_WRITE_THROUGH) != 0, np.uint32(STATUS_INVALID_PARAMETER), 0)
    wanted = flags & FILE_WRITE_FLAGS_WRITE_THROUGH != 0
    if wanted.any():
        cached = [file is not None and not file.flags & FO_NO_INTERMEDIATE_BUFFERING for file in lookup.objects]
        status[wanted & np.array(cached, np.bool_)[lookup.index]] = STATUS_NOT_SUPPORTED_WITH_CACHED_HANDLE
    return status.astype(np.uint32)


def ways(lookup: Lookup, body: Entries, *, writing: bool) -> npt.NDArray[np.intp]:
    """Each row's way: 0 straight to the host, else a number for its file, because packets are of one file.

    A write beyond the end of a disk on a host file goes as a packet: only its stack can say what happens there.
    """
    numbers = np.array([0 if target is not None else row + 1 for row, target in enumerate(lookup.targets)], np.intp)
    chosen: npt.NDArray[np.intp] = numbers[lookup.index]
    for number, target in enumerate(lookup.targets if writing else ()):
        if target is not None and target.limit is not None:
            ends = body["Offset"] + body["Length"]
            outside = ends > np.uint64(target.limit) if target.limit >= 0 else np.ones(len(body), np.bool_)
            chosen[outside & (lookup.index == number)] = number + 1
    return chosen


def group_rows(keys: list[npt.NDArray[Any]], rows: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
    """Split rows into groups whose keys are all equal."""
    if not len(rows):
        return
    table = np.stack([key[rows].astype(np.int64) for key in keys])
    if (table == table[:, :1]).all():
        yield rows
        return
    order = np.lexsort(table)
    table = table[:, order]
    starts = np.flatnonzero((table[:, 1:] != table[:, :-1]).any(axis=0)) + 1
    yield from np.split(rows[order], starts)


def make_operations(flight: Flight, code: OperationCode) -> Operations:
    """The host operations of a flight that goes straight to the host."""
    descriptors = np.array([target.descriptor for target in flight.targets], np.int32)
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
