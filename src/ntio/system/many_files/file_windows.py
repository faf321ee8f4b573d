"""Windows of files on one ring: opened, read and closed by the hundred, three windows at a time.

    open   window n+2   one crossing opens all of its files, each into a registered slot of the ring
    read   window n+1   one crossing reads the beginning of each, 64 KiB or what has been enough so far
    hand   window n     to whoever asked; while he works on it, the other two are on their way

Opening into a slot closes the file that was there before, so closing costs no request. What is longer than its first
read is read to its end in `long_files`. A window whose files were all cached is there at once; then nothing else is set
on its way, and one piece of memory and one set of slots stay in the processor's cache.

The kernel walks a path from its beginning for each file. Where a window's files share a folder, that is opened once for
the window, and their names are short: 8 % of reading cached files. The folder is found again for every window, and a
window is under way for a millisecond; a walk in the kernel does not notice either that a folder behind it is renamed.

Measured, 50,000 files of 4 to 16 KiB, in turns with a loop of open, read and close: cached, 1.15 to 1.2 times the loop
by one ring and 1.9 to 2.0 by two on two threads; nothing in the cache, 49 to 59 k files/s (the loop: 13). The kernel's
own work on each file, which a ring does not change, is nine tenths of the time on cached files: a bare ring in a loop
of its own comes to 1.25 and 2.2. Tried without gain: linked open and read, registered buffers, more kernel workers,
windows of 64, 128, 512 and 1024, huge pages or none. O_NOATIME would give 4 %, and leave no access times.

Rows: R10
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from ...hal.host import open_flags
from ...hal.operations import SPARSE, WORKING_DIRECTORY, OperationCode, Operations
from ...status import NtError, statuses_from_results
from ..rings.batch_memory import BatchMemory
from ..system import System
from .file_batch import FileBatch
from .long_files import finish_long_files
from .path_rows import FOLDER, PathRows
from .stream_patience import expect_streams, wait_patiently

#: Files opened and read together.
WINDOW = 256
#: A HAL whose slots are descriptors of this process gets by with fewer: a process often has 1024 of them.
_WINDOW_WITHOUT_RING = 64
#: The first window is smaller: it shows how long the files are, and what is cached.
_FIRST_WINDOW = 32
#: How much of every file is read before its size is asked for, at most; always some pages.
FIRST_BYTES, _PAGE = 64 << 10, 4 << 10
#: Windows on their way at the same time where the consumer's thread drives the ring: while he works, two go on.
DEPTH = 3
#: And where the ring has a thread of its own, which is never kept waiting: fewer fit the processor's cache better.
DEPTH_ON_THREAD = 2

#: A window may take this part of the memory allowed: three on their way, some finished, one in use.
_SHARES = 8

#: Gives the next window's paths, or nothing when there is none now; may wait when told that nothing is going on.
Feed = Callable[[bool], Sequence[str | os.PathLike[str]] | None]


class _Window:
    """A window on its way."""

    def __init__(self, rows: PathRows, slots: npt.NDArray[np.int32], opens: Operations) -> None:
        self.rows = rows
        self.slots = slots
        self.opens = opens
        self.reads: Operations | None = None
        self.asked = 0
        self.position: npt.NDArray[np.int64] = np.empty(0, np.int64)

    @property
    def settled(self) -> bool:
        """Whether nothing of it is on its way any more."""
        return self.reads is not None and self.reads.done


class _FirstRead:
    """How much of each file to ask for: a quarter more than the longest so far, so that little memory does.

    Memory is what costs most after the kernel's work: fresh 16 MiB took 1 to 35 ms, a sixth of reading 50,000 files,
    where the machine is a virtual one and its host has to find them first. A file longer than expected costs its
    window a second round, and twice as much is asked for from then on.
    """

    def __init__(self) -> None:
        self.bytes = FIRST_BYTES
        self._longest = 0

    def learn(self, longest: int, asked: int) -> None:
        """Take note of a window's longest file, of which `asked` bytes were asked for."""
        self._longest = max(self._longest, longest if longest < asked else 2 * asked)
        self.bytes = min((self._longest * 5 // 4 // _PAGE + 1) * _PAGE, FIRST_BYTES)


class WindowReader:
    """Reads windows of files through a ring of its own, `depth` of them at a time; close it."""

    def __init__(self, system: System, max_bytes: int, depth: int = DEPTH) -> None:
        self._depth = depth
        widest = WINDOW if system.hal.name == "uring" else _WINDOW_WITHOUT_RING
        self.widest = max(min(widest, max_bytes // (_SHARES * FIRST_BYTES)), 1)
        self._budget = max_bytes // _SHARES
        self._memory = BatchMemory(max_bytes)
        self._queue = system.hal.new_queue(depth * self.widest)
        self._turn = 0
        self._first = _FirstRead()
        self._files = system.hal.files
        self._folders: set[int] = set()
        try:
            self._register_slots()
        except BaseException:
            self.close()
            raise
        #: How many paths to feed next.
        self.window = min(self.widest, _FIRST_WINDOW)

    def _register_slots(self) -> None:
        """Slots count against the host's limit on open files: where that is low, windows are smaller."""
        while True:
            try:
                return self._queue.register_files([SPARSE] * (self._depth * self.widest))
            except OSError as error:
                if error.errno != errno.EMFILE or self.widest == 1:
                    raise
                self.widest //= 2

    def close(self) -> None:
        """Wait for what is on its way and give the ring back, and with it every file."""
        self._queue.close()
        for folder in self._folders:
            self._files.close(folder)
        self._folders.clear()

    def windows(self, feed: Feed) -> Iterator[Iterator[FileBatch]]:
        """The batches of one window after the other, usually one each; take all of one before asking for the next."""
        on_their_way: deque[_Window] = deque()
        while True:
            self._set_out(on_their_way, feed)
            if not on_their_way:
                return
            for window in islice(on_their_way, self._depth - 1):
                if window.reads is None:
                    self._read(window)
            del window  # whatever holds its memory keeps that from being used again
            yield self._finish(on_their_way.popleft())

    def _set_out(self, on_their_way: deque[_Window], feed: Feed) -> None:
        """Open windows until there are enough; one is enough whose files were all cached, so that it is there already.

        More of those would only take turns in the processor's cache.
        """
        while len(on_their_way) < self._depth and not (on_their_way and on_their_way[-1].settled):
            paths = feed(not on_their_way)
            if not paths:
                return
            self._turn *= bool(on_their_way)  # all slots are free: those used last are still in the cache
            window = self._open(paths)
            on_their_way.append(window)
            if window.opens.done:
                self._read(window)

    def _open(self, paths: Sequence[str | os.PathLike[str]]) -> _Window:
        rows = PathRows(paths)
        folder, skipped = self._open_folder(rows)
        first, self._turn = self._turn * self.widest, (self._turn + 1) % self._depth
        slots = np.arange(first, first + len(rows), dtype=np.int32)
        flags = open_flags(read=True, write=False, nonblocking=True)
        opens = Operations(
            OperationCode.OPEN, len(rows), file=slots, fixed=True, directory=folder, buffer=rows.buffer,
            position=rows.position + np.uint64(skipped), flags=flags,
        )  # fmt: skip
        self._queue.submit(opens)
        return _Window(rows, slots, opens)

    def _open_folder(self, rows: PathRows) -> tuple[int, int]:
        """A descriptor that the window's paths can be opened from, and how many bytes of each lead there."""
        name, length = rows.common_folder()
        if length:
            with contextlib.suppress(NtError):  # then each path will tell its own error
                folder = self._files.open(name, FOLDER)
                self._folders.add(folder)
                return folder, length
        return WORKING_DIRECTORY, 0

    def _close_folder(self, folder: int) -> None:
        if folder in self._folders:
            self._folders.remove(folder)
            self._files.close(folder)

    def _read(self, window: _Window) -> None:
        self._queue.wait(window.opens)
        self._close_folder(window.opens.directory)
        count, window.asked = len(window.rows), self._first.bytes
        window.position = np.arange(count, dtype=np.int64) * window.asked
        window.reads = Operations(
            OperationCode.READ, count, file=window.slots, fixed=True, length=window.asked,
            buffer=self._memory.take(count * window.asked), position=window.position.view(np.uint64),
        )  # fmt: skip
        expect_streams(window.reads)
        self._queue.submit(window.reads)

    def _finish(self, window: _Window) -> Iterator[FileBatch]:
        rows, reads = window.rows, window.reads
        assert reads is not None and reads.buffer is not None
        wait_patiently(self._queue, reads, rows)
        results = rows.refuse(np.where(window.opens.results < 0, window.opens.results, reads.results))
        statuses = statuses_from_results(results)
        length = np.maximum(results, 0).astype(np.int64)
        batch = FileBatch(rows.paths, reads.buffer, window.position, length, statuses)
        unfinished = (length > 0) if rows.may_come_in_pieces() else (length == window.asked)
        self._first.learn(int(length.max()), window.asked)
        self.window = self.widest
        if not unfinished.any():
            yield batch
            return
        yield from finish_long_files(self._queue, self._memory, self._budget, batch, unfinished, window.slots, rows)
