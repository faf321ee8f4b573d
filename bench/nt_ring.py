"""A ring of the Windows names with a file and a destination of 256 blocks, to be measured and to be worn out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import ways
from ways import BLOCK, Offsets, Source

import ntio
from ntio import win32 as w

ENTRIES = 256


class NtRing:
    """A ring with a handle to a file and a destination of 256 blocks; used through its Windows names."""

    def __init__(self, stack: ExitStack, system: ntio.System, path: Path, *, registered: bool) -> None:
        size = ENTRIES * BLOCK
        self.address = w.VirtualAlloc(None, size, w.MEM_COMMIT | w.MEM_RESERVE, w.PAGE_READWRITE, system=system)
        stack.callback(w.VirtualFree, self.address, 0, w.MEM_RELEASE, system=system)
        self.memory = w.memory_at(self.address, size, system=system)
        stack.callback(self.memory.release)
        self.handle = w.CreateFile(path, w.GENERIC_READ, 0, None, w.OPEN_EXISTING, 0, None, system=system)
        stack.callback(self.handle.Close)
        self.ring = w.CreateIoRing(w.IORING_VERSION_3, w.IORING_CREATE_FLAGS(), ENTRIES, 2 * ENTRIES, system=system)
        stack.callback(w.CloseIoRing, self.ring)
        places = range(0, size, BLOCK)
        self.file = w.IoRingHandleRefFromHandle(self.handle)
        self.places = [w.IoRingBufferRefFromPointer(self.address + place) for place in places]
        if registered:
            w.BuildIoRingRegisterFileHandles(self.ring, 1, [self.handle], 0)
            w.BuildIoRingRegisterBuffers(self.ring, 1, [w.IORING_BUFFER_INFO(self.address, size)], 0)
            w.SubmitIoRing(self.ring, w.IORING_SUBMIT_WAIT_ALL, w.INFINITE)
            assert [one.ResultCode for one in self._pops()] == [0, 0]
            self.file = w.IoRingHandleRefFromIndex(0)
            self.places = [w.IoRingBufferRefFromIndexAndOffset(0, place) for place in places]

    def build(self, part: Offsets) -> None:
        """A call per read."""
        ring, file, build = self.ring, self.file, w.BuildIoRingReadFile
        for row, (place, offset) in enumerate(zip(self.places, part.tolist())):  # noqa: B905
            build(ring, file, place, BLOCK, offset, row, 0)

    def write_entries(self, part: Offsets) -> None:
        """No call: the entries written as columns, then the tail."""
        queues = self.ring.ring.queues
        tail, mask = queues.submission_counters[1], queues.submission_size - 1
        rows = np.arange(len(part), dtype=np.uint64)
        slots = (rows.astype(np.intp) + tail) & mask
        entries = np.zeros(len(part), queues.submission_queue.dtype)
        entries["OpCode"], entries["UserData"] = w.IORING_OP_READ, rows
        read = entries["Read"]
        read["File"], read["Length"], read["Offset"] = int(self.handle), BLOCK, part
        read["Buffer"] = rows * np.uint64(BLOCK) + np.uint64(self.address)
        queues.submission_queue[slots] = entries
        queues.submission_counters[1] = (tail + len(part)) & 0xFFFF_FFFF

    def pop_each(self) -> int:
        """A call per completion; how many bytes were read."""
        return sum(one.Information for one in self._pops())

    def pop_all(self) -> int:
        """One array of completions."""
        return int(self.ring.ring.pop_all()["Information"].sum())

    def source(self, build: Callable[[Offsets], None], pop: Callable[[], int]) -> Source:
        """Windows of 256 reads."""

        def source(offsets: Offsets) -> Iterator[Any]:
            for part in ways.windows(offsets, ENTRIES):
                build(part)
                w.SubmitIoRing(self.ring, len(part), w.INFINITE)
                assert pop() == len(part) * BLOCK
                yield self.memory[: len(part) * BLOCK]

        return source

    def _pops(self) -> Iterator[Any]:
        pop, ring = w.PopIoRingCompletion, self.ring
        while (one := pop(ring)) is not None:
            yield one
