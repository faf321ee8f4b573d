"""The two queues of an I/O ring, in memory, as NT lays them out.

    submission queue   head, tail, flags ─ 16 ─ entries of 64 bytes      builders move the tail, submitting the head
    completion queue   head, tail        ─  8 ─ entries of 24 bytes      completing moves the tail, popping the head

Head and tail run freely; a slot is a counter and the mask. What cannot stand in 64 bytes is kept beside the slot: the
region a builder pinned, and an array its caller gave. A program may write entries and counters itself; nothing here
trusts them more than it must, so that the worst it reaches is STATUS_IORING_CORRUPT or an entry that fails.

Source: spec ioring.md 1.4, 2.7. Rows: R1, R3, R6
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from ...abi import IORING_CQE, NT_IORING_SQE
from ...hal.machine import Hal
from ...memory.address_space import Region
from ...status import (
    STATUS_INVALID_HANDLE,
    STATUS_IORING_CORRUPT,
    STATUS_IORING_SUBMISSION_QUEUE_FULL,
    InvalidParameter,
    error_for,
)

_COUNTER = 0xFFFF_FFFF
_SQ_HEADER, _CQ_HEADER = 16, 8
_HEAD, _TAIL = 0, 1

# Where each builder's fields lie in an entry of 64 bytes; the same as abi.NT_IORING_SQE, packed in one call.
TRANSFER = struct.Struct("<IIQIIQQQII8x")
SEGMENTS = struct.Struct("<IIQIIQI4xQQII")
FLUSH = struct.Struct("<IIQIIQ32x")
CANCEL = struct.Struct("<IIQI4xQQ24x")
REGISTER = struct.Struct("<IIQIIIIQ24x")


class RingQueues:
    """The queues of one ring; both sizes are powers of two."""

    def __init__(self, hal: Hal, submission_size: int, completion_size: int) -> None:
        self.submission_size, self.completion_size = submission_size, completion_size
        sq_memory = np.zeros(_SQ_HEADER + 64 * submission_size, np.uint8)
        cq_memory = np.zeros(_CQ_HEADER + 24 * completion_size, np.uint8)
        self.submission_queue: npt.NDArray[Any] = sq_memory[_SQ_HEADER:].view(NT_IORING_SQE)
        self.completion_queue: npt.NDArray[Any] = cq_memory[_CQ_HEADER:].view(IORING_CQE)
        #: Head and tail of each queue, as programs that read the memory see them.
        self.submission_counters = sq_memory[:8].view(np.uint32).data
        self.completion_counters = cq_memory[:8].view(np.uint32).data
        self._entries = sq_memory[_SQ_HEADER:].data
        self._pins: list[Region | None] = [None] * submission_size
        self._arrays: dict[int, Any] = {}
        self._shut = False
        self._build_lock, self._completion_lock = hal.new_lock(), hal.new_lock()

    # --- submission queue -------------------------------------------------------------------------------------------

    def put(self, layout: struct.Struct, region: Region | None, array: Any, *fields: int) -> None:
        """Write an entry into the next free slot and make it the last one queued; raises NtError."""
        counters = self.submission_counters
        with self._build_lock:
            tail = counters[_TAIL]
            if self._shut:
                raise error_for(STATUS_INVALID_HANDLE, "the ring is closed")
            if (tail - counters[_HEAD]) & _COUNTER >= self.submission_size:
                raise error_for(STATUS_IORING_SUBMISSION_QUEUE_FULL, f"all {self.submission_size} entries are queued")
            slot = tail & (self.submission_size - 1)
            try:
                layout.pack_into(self._entries, slot * 64, *fields)
            except struct.error as error:
                raise InvalidParameter(f"a number does not fit its field: {error}") from None
            self._pins[slot] = region
            if array is not None:
                self._arrays[slot] = array
            counters[_TAIL] = (tail + 1) & _COUNTER

    def queued(self) -> tuple[int, int]:
        """How many entries are queued, and the counter of the first; raises NtError for broken counters."""
        head, tail = self.submission_counters[_HEAD], self.submission_counters[_TAIL]
        count = (tail - head) & _COUNTER
        if count > self.submission_size or self.ready() > self.completion_size:
            raise error_for(STATUS_IORING_CORRUPT, "a queue's head and tail were overwritten")
        return count, head

    def take(self, count: int, head: int) -> tuple[npt.NDArray[Any], list[Region | None], list[Any]]:
        """Take queued entries out: copies of them, their pins, and the arrays their builders were given."""
        mask = self.submission_size - 1
        first = head & mask
        ahead = min(count, self.submission_size - first)
        spans = (slice(first, first + ahead), slice(0, count - ahead))
        entries = np.concatenate([self.submission_queue[span] for span in spans])
        pins = [pin for span in spans for pin in self._pins[span]]
        for span in spans:
            self._pins[span] = [None] * (span.stop - span.start)
        arrays: list[Any] = [None] * count
        if self._arrays:
            arrays = [self._arrays.pop((first + row) & mask, None) for row in range(count)]
        self.submission_counters[_HEAD] = (head + count) & _COUNTER
        return entries, pins, arrays

    def shut(self) -> list[Region]:
        """Forget every entry, and take no more; returns the regions that were pinned for them."""
        with self._build_lock:
            self._shut = True
            self.submission_counters[_HEAD] = self.submission_counters[_TAIL]
            pins, self._pins = self._pins, [None] * self.submission_size
            self._arrays.clear()
        return [region for region in pins if region is not None]

    # --- completion queue -------------------------------------------------------------------------------------------

    def ready(self) -> int:
        """How many completions can be popped."""
        return (self.completion_counters[_TAIL] - self.completion_counters[_HEAD]) & _COUNTER

    def post(self, user_data: Any, status: Any, information: Any) -> bool:
        """Put completions into the queue, arrays of equal length; says whether the queue was empty."""
        counters, queue = self.completion_counters, self.completion_queue
        with self._completion_lock:
            tail = counters[_TAIL]
            was_empty = bool(tail == counters[_HEAD])
            slots = np.arange(tail, tail + len(user_data), dtype=np.int64) & (self.completion_size - 1)
            queue["UserData"][slots] = user_data
            queue["ResultCode"][slots] = status
            queue["Information"][slots] = information
            counters[_TAIL] = (tail + len(user_data)) & _COUNTER
        return was_empty

    def pop(self) -> tuple[int, int, int] | None:
        """The oldest completion: user data, NTSTATUS, information; None when there is none."""
        counters = self.completion_counters
        with self._completion_lock:
            head = counters[_HEAD]
            if head == counters[_TAIL]:
                return None
            entry = self.completion_queue[head & (self.completion_size - 1)]
            taken = int(entry["UserData"]), int(entry["ResultCode"]), int(entry["Information"])
            counters[_HEAD] = (head + 1) & _COUNTER
        return taken

    def pop_all(self) -> npt.NDArray[Any]:
        """Every completion, oldest first, IORING_CQE[k]; none where the counters were overwritten."""
        counters = self.completion_counters
        with self._completion_lock:
            head, tail = counters[_HEAD], counters[_TAIL]
            count = (tail - head) & _COUNTER
            if count > self.completion_size:
                return self.completion_queue[:0].copy()
            slots = np.arange(head, head + count, dtype=np.int64) & (self.completion_size - 1)
            taken: npt.NDArray[Any] = self.completion_queue[slots]
            counters[_HEAD] = tail
        return taken
