"""Scattered reads and gathered writes: one entry, many pages.

The pages lie anywhere in memory, each page-sized and page-aligned, as ReadFileScatter wants, and the file must have
been opened without buffering. Pages of one region fly together, all flights are started at once, and the entry has one
completion, when the last page is done. An end of file after some data is a short read.

Source: spec ioring.md 1.2, 3.1. Rows: R1, R7
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...memory.address_space import PAGE_SIZE, Region
from ...status import STATUS_ACCESS_VIOLATION, STATUS_END_OF_FILE, STATUS_INVALID_PARAMETER, nt_success
from ..codes.major import FO_NO_INTERMEDIATE_BUFFERING
from ..file_object import FileObject
from .codes import IORING_OP_READ, IORING_OP_READ_SCATTER, IORING_OP_WRITE
from .flight import Entries, Flight, Lookup, file_statuses, flag_statuses, offset_statuses, ways, write_flag_statuses
from .launch import Launcher


def start_segments(launcher: Launcher, entry: Entries, segments: Any, sequence: int) -> None:
    """Start a scattered read or a gathered write; the launcher's `finish` hears of it once, as of any entry."""
    reading = int(entry["OpCode"][0]) == IORING_OP_READ_SCATTER
    body = entry["ReadScatter" if reading else "WriteGather"]
    length = int(body["Length"][0])
    pages: Sequence[int] = (segments or ())[: -(-length // PAGE_SIZE)]
    with launcher.look_up(body) as lookup:
        status = _check(lookup, body, pages, reading=reading)
        if status or not length:
            launcher.complete_one(entry, sequence, status)
            return
        regions = [launcher.io.memory.pin(address, PAGE_SIZE) for address in pages]
        if not all(region is not None and (region.array.flags.writeable or not reading) for region in regions):
            launcher.unpin(regions)
            launcher.complete_one(entry, sequence, STATUS_ACCESS_VIOLATION)
            return
        whole = _Whole(launcher, entry, sequence, len(pages))
        direct = not ways(lookup, body, writing=not reading)[0]
        for flight in list(whole.flights(lookup, body, pages, regions)):
            launcher.launch(flight, direct=direct)


def _check(lookup: Lookup, body: Entries, pages: Sequence[int], *, reading: bool) -> int:
    file: FileObject | None = lookup.objects[0]
    unbuffered = file is not None and bool(file.flags & FO_NO_INTERMEDIATE_BUFFERING)
    aligned = not any(address % PAGE_SIZE for address in pages)
    enough = len(pages) * PAGE_SIZE >= int(body["Length"][0])
    statuses = (
        flag_statuses(body),
        file_statuses(lookup, IORING_OP_READ if reading else IORING_OP_WRITE),
        np.zeros(1, np.uint32) if reading else write_flag_statuses(body["Flags"], lookup),
        offset_statuses(lookup, body),
    )
    first = next((int(status[0]) for status in statuses if status[0]), 0)
    return first or (0 if unbuffered and aligned and enough else STATUS_INVALID_PARAMETER)


class _Whole:
    """One entry whose pages are on their way: how many are still out, and what came of the others."""

    def __init__(self, launcher: Launcher, entry: Entries, sequence: int, pages: int) -> None:
        self._finish = launcher.finish
        self._code = IORING_OP_READ if int(entry["OpCode"][0]) == IORING_OP_READ_SCATTER else IORING_OP_WRITE
        self._user_data = entry["UserData"].copy()
        self._sequence = np.array([sequence], np.uint64)
        self._lock = launcher.io.hal.new_lock()
        self._left = pages
        self._status = 0
        self._information = 0

    def flights(
        self, lookup: Lookup, body: Entries, pages: Sequence[int], regions: list[Region | None]
    ) -> Iterator[Flight]:
        """One flight for the pages of each region."""
        file, target = lookup.objects[0], lookup.targets[0]
        assert file is not None
        numbers: dict[Region, list[int]] = {}
        for number, region in enumerate(regions):
            if region is not None:
                numbers.setdefault(region, []).append(number)
        for region, mine in numbers.items():
            count, here = len(mine), np.array(mine, np.uint64) * np.uint64(PAGE_SIZE)
            flight = Flight(
                self._code, self._user_data.repeat(count), self._sequence.repeat(count), [file],
                np.zeros(count, np.intp), [] if target is None else [target], self._pages_done, region,
            )  # fmt: skip
            flight.position = np.array([pages[number] - region.start for number in mine], np.uint64)
            flight.offset = body["Offset"] + here
            flight.length = np.minimum(np.uint64(PAGE_SIZE), body["Length"] - here).astype(np.uint32)
            flight.flags = 0 if self._code == IORING_OP_READ else int(body["Flags"][0])
            yield flight

    def _pages_done(self, user_data: Any, status: Any, information: Any, sequence: Any) -> None:
        # The last page ends the entry.
        failed = status[~nt_success(status)]
        with self._lock:
            self._left -= len(status)
            self._information += int(information.sum())
            others = failed[failed != STATUS_END_OF_FILE]  # which outrank the end: that may only be short
            if len(failed) and self._status in (0, STATUS_END_OF_FILE):
                self._status = int(others[0] if len(others) else failed[0])
            if self._left:
                return
        if self._status == STATUS_END_OF_FILE and self._information:
            self._status = 0
        information = 0 if self._status else self._information
        self._finish(
            self._user_data, np.array([self._status], np.uint32), np.array([information], np.uint64), self._sequence
        )
