"""Scattered reads and gathered writes: one entry, many pages.

The pages lie anywhere in memory, each page-sized and page-aligned, as ReadFileScatter wants, and the file must have
been opened without buffering. Each page is a host operation of its own, all started together; the entry has one
completion, when the last page is done. An end of file after some data is a short read.

Source: spec ioring.md 1.2, 3.1. Rows: R1, R7
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..hal.operation_queue import OperationQueue
from ..hal.operations import OperationCode, Operations
from ..memory.address_space import PAGE_SIZE, Region
from ..status import STATUS_ACCESS_VIOLATION, STATUS_END_OF_FILE, STATUS_INVALID_PARAMETER, nt_success
from .file_object import FileObject
from .io_ring_codes import IORING_OP_READ, IORING_OP_READ_SCATTER, IORING_OP_WRITE
from .io_ring_flight import Flight, Lookup, file_statuses, make_operations
from .major import FO_NO_INTERMEDIATE_BUFFERING
from .manager import IoManager

_CODES = {IORING_OP_READ: OperationCode.READ, IORING_OP_WRITE: OperationCode.WRITE}


def start_segments(
    io: IoManager,
    queue: OperationQueue,
    look_up: Callable[[Any], Lookup],
    finish: Callable[..., None],
    entry: npt.NDArray[Any],
    segments: list[int],
    sequence: int,
) -> None:
    """Start a scattered read or gathered write; `finish` hears of it once, as of any entry."""
    reading = int(entry["OpCode"][0]) == IORING_OP_READ_SCATTER
    kind = IORING_OP_READ if reading else IORING_OP_WRITE
    body = entry["ReadScatter" if reading else "WriteGather"]
    length, offset = int(body["Length"][0]), int(body["Offset"][0])
    lookup = look_up(body)
    file = lookup.objects[0]
    whole = _Whole(io, finish, entry, sequence)
    status = int(file_statuses(lookup, kind)[0]) or _check(file, segments, length)
    if status or file is None or not length:
        whole.end(status, 0)
        return
    regions = [io.memory.pin(address, PAGE_SIZE) for address in segments[: -(-length // PAGE_SIZE)]]
    known = [region for region in regions if region is not None]
    flights = [_page(kind, file, region, address, number, offset, length)
               for number, (region, address) in enumerate(zip(known, segments, strict=False))]  # fmt: skip
    operations = [make_operations(flight, _CODES[kind]) for flight in flights]
    started = [one for one in operations if one is not None]
    if len(started) < len(regions):
        for region in known:
            io.memory.unpin(region)
        # Memory nobody knows, or a stack that wants packets: unbuffered scattering is for files of the host.
        whole.end(STATUS_ACCESS_VIOLATION if len(known) < len(regions) else STATUS_INVALID_PARAMETER, 0)
        return
    io.reference(file)
    whole.begin(file, known)
    for one in started:
        one.on_complete = whole.page_done
        queue.enqueue(one)


def _check(file: FileObject | None, segments: list[int], length: int) -> int:
    enough = len(segments) * PAGE_SIZE >= length
    aligned = not any(address % PAGE_SIZE for address in segments)
    unbuffered = file is not None and file.flags & FO_NO_INTERMEDIATE_BUFFERING
    return 0 if enough and aligned and unbuffered else STATUS_INVALID_PARAMETER


def _page(
    kind: int, file: FileObject, region: Region, address: int, number: int, offset: int, length: int
) -> Flight:
    here = number * PAGE_SIZE
    return Flight(
        kind, np.zeros(1, np.uint64), np.zeros(1, np.uint64), [file], np.zeros(1, np.intp), region=region,
        position=np.array([address - region.start], np.uint64), offset=np.array([offset + here], np.uint64),
        length=np.array([min(PAGE_SIZE, length - here)], np.uint32),
    )  # fmt: skip


class _Whole:
    """One entry whose pages are on their way: how many are still out, and what came of the others."""

    def __init__(self, io: IoManager, finish: Callable[..., None], entry: npt.NDArray[Any], sequence: int) -> None:
        self._io = io
        self._finish = finish
        self._user_data = entry["UserData"].copy()
        self._sequence = sequence
        self._lock = io.hal.new_lock()
        self._left = 0
        self._status = 0
        self._information = 0
        self._file: FileObject | None = None
        self._regions: list[Region] = []

    def begin(self, file: FileObject, regions: list[Region]) -> None:
        """Expect a page for each region; both are let go at the end."""
        self._file, self._regions, self._left = file, regions, len(regions)

    def page_done(self, operations: Operations) -> None:
        """One page is done; the last one ends the entry."""
        status, information = int(operations.status()[0]), int(operations.information()[0])
        with self._lock:
            self._left -= 1
            self._information += information
            if not nt_success(status) and not self._status:
                self._status = status
            if self._left:
                return
        for region in self._regions:
            self._io.memory.unpin(region)
        if self._file is not None:
            self._io.dereference(self._file)
        if self._status == STATUS_END_OF_FILE and self._information:
            self._status = 0
        self.end(self._status, 0 if self._status else self._information)

    def end(self, status: int, information: int) -> None:
        """Report the entry."""
        self._finish(
            self._user_data, np.array([status], np.uint32), np.array([information], np.uint64),
            np.array([self._sequence], np.uint64),
        )  # fmt: skip
