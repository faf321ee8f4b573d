"""Windows of files on one ring: opened, read and closed by the hundred, three windows at a time.

    open   window n+2   one crossing opens all of its files, each into a registered slot of the ring
    read   window n+1   one crossing reads the first 64 KiB of each
    hand   window n     to whoever asked; while he works on it, the other two are on their way

Opening into a slot closes the file that was there before, so closing costs no request. What is longer than 64 KiB is
read to its end in `long_files`.

Measured, 50,000 files of 4 to 16 KiB, k files/s: nothing in the cache, 57 with one window at a time and 62 with its
neighbours on their way (a loop of open, read and close: 13); cached, 244 (the loop: 219), and 395 by two rings on two
threads. Four fifths of the time on cached files are the kernel's own work on each file, which a ring does not change.
Tried without gain: linked open and read, registered buffers, more kernel workers, windows of 64, 512 and 1024; opening
relative to the folder's descriptor gave 4 % and would follow a folder that is renamed meanwhile.

Rows: R10
"""

from __future__ import annotations

import contextlib
import errno
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from ..hal.host import open_flags
from ..hal.operations import SPARSE, WORKING_DIRECTORY, OperationCode, Operations
from ..status import NtError, statuses_from_results
from .batch_memory import BatchMemory
from .file_batch import FileBatch
from .long_files import finish_long_files
from .path_rows import FOLDER, PathRows
from .stream_patience import expect_streams, wait_patiently
from .system import System

#: Files opened and read together.
WINDOW = 256
#: A HAL whose slots are descriptors of this process gets by with fewer: a process often has 1024 of them.
_WINDOW_WITHOUT_RING = 64
#: How much of every file is read before its size is asked for.
FIRST_BYTES = 64 << 10
#: Windows on their way at the same time where the consumer's thread drives the ring: while he works, two go on.
DEPTH = 3
#: And where the ring has a thread of its own, which is never kept waiting: fewer fit the processor's cache better.
DEPTH_ON_THREAD = 2

#: A window may take this part of the memory allowed: three on their way, some finished, one in use.
_SHARES = 8

#: Gives the next window's paths, or nothing when there is none now; may wait when told that nothing is going on.
Feed = Callable[[bool], list[str] | None]


class _Window:
    """A window on its way."""

    def __init__(self, rows: PathRows, slots: npt.NDArray[np.int32], opens: Operations) -> None:
        self.rows = rows
        self.slots = slots
        self.opens = opens
        self.reads: Operations | None = None
        self.position = np.arange(len(rows), dtype=np.int64) * FIRST_BYTES

    @property
    def settled(self) -> bool:
        """Whether nothing of it is on its way any more."""
        return self.reads is not None and self.reads.done


class WindowReader:
    """Reads windows of files through a ring of its own, `depth` of them at a time; close it."""

    def __init__(self, system: System, max_bytes: int, depth: int = DEPTH) -> None:
        self._depth = depth
        widest = WINDOW if system.hal.name == "uring" else _WINDOW_WITHOUT_RING
        self.window = max(min(widest, max_bytes // (_SHARES * FIRST_BYTES)), 1)
        self._budget = max_bytes // _SHARES
        self._memory = BatchMemory(max_bytes)
        self._queue = system.hal.new_queue(depth * self.window)
        self._turn = 0
        self._files = system.hal.files
        self._folders: set[int] = set()
        try:
            self._register_slots()
        except BaseException:
            self.close()
            raise

    def _register_slots(self) -> None:
        """Slots count against the host's limit on open files: where that is low, windows are smaller."""
        while True:
            try:
                return self._queue.register_files([SPARSE] * (self._depth * self.window))
            except OSError as error:
                if error.errno != errno.EMFILE or self.window == 1:
                    raise
                self.window //= 2

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

    def _open(self, paths: list[str]) -> _Window:
        rows = PathRows(paths)
        folder, skipped = self._open_folder(rows)
        first, self._turn = self._turn * self.window, (self._turn + 1) % self._depth
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
        window.reads = Operations(
            OperationCode.READ, len(window.rows), file=window.slots, fixed=True, length=FIRST_BYTES,
            buffer=self._memory.take(self.window * FIRST_BYTES),
            position=window.position.view(np.uint64),
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
        unfinished = (length > 0) if rows.may_come_in_pieces() else (length == FIRST_BYTES)
        if not unfinished.any():
            yield batch
            return
        yield from finish_long_files(self._queue, self._memory, self._budget, batch, unfinished, window.slots, rows)
