"""The thread engine: the same batches and the same results by a few threads and plain system calls.

For hosts where io_uring is missing or forbidden. A batch is cut into chunks (`host_rows`), each handed to a worker
once: handing over costs about ten microseconds, a row about two. Rows of pipes and sockets go to one thread that waits
for all of them (`stream_poller`), so that idle streams never hold up files. Workers start when there is work for them
and end with the engine.

    stage -> enter: chunks to workers, streams to the poller -> results pile up -> collect

What differs from a ring, and cannot be otherwise: a row that a worker has begun cannot be cancelled (a ring cannot stop
a disk read either, but it can stop an OPEN of a FIFO that nobody writes to), and a descriptor must stay open until the
row is done, where a ring holds the file itself. A file that is a registered slot must not be closed under its readers.

Rows: R11, R30
"""

from __future__ import annotations

import errno
import operator
import os
import stat as stat_bits
import threading
from collections import deque
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from .engine import PATIENCE, RowByRow
from .file_table import FileTable
from .host_rows import Chunk, Parked, Tables, descriptor, perform, refusal
from .operations import COMPLETION, SOCKET_CODES, OperationCode, Operations, rounded_entries
from .stream_poller import StreamPoller, StreamRun

_WORKERS = 8
#: Few enough that a window of 256 keeps eight workers busy on a slow device, enough to hide the hand-over.
_CHUNK_ROWS = 32
Rows = npt.NDArray[np.uint32] | list[int]
_STREAM_CODES = (OperationCode.READ, OperationCode.WRITE)


class ThreadEngine(RowByRow):
    """Host operations on at most eight threads of its own, and one more once a stream is used.

    `entries` is rounded as io_uring rounds it. `crossings` counts host calls: one for each row that was done and one
    for each hand-over of a chunk to a worker.
    """

    name = "threads"

    def __init__(self, entries: int) -> None:
        self.entries = rounded_entries(entries)
        self.crossings = 0
        self._lock = threading.Lock()
        self._staged: list[Chunk] = []
        self._live: dict[int, tuple[Operations, int]] = {}  # slot -> batch, rows without a result
        self._results: list[npt.NDArray[Any]] = []
        self._available = 0  # results nobody collected yet, and wake-ups
        self._goal = 0
        self._bell: threading.Lock | None = None
        self._work: SimpleQueue[Chunk | None] = SimpleQueue()
        self._chunks_out = 0
        self._workers: list[threading.Thread] = []
        self._poller = StreamPoller(self._deliver)  # here, as a wait that Ctrl-C interrupts could leave half of one
        self._tables = Tables(FileTable(os.dup, os.close))
        self._event_file = -1
        self._process = os.getpid()
        self._closed = False

    # --- starting ---------------------------------------------------------------------------------------------------

    def stage(self, operations: Operations, start: int, count: int, slot: int) -> None:
        """Take rows of a batch; they start at the next `enter`."""
        with self._lock:
            known = self._live[slot][1] if slot in self._live else 0
            self._live[slot] = (operations, known + count)
            self._staged.append(Chunk(operations, slot, start, start + count))

    def stage_rows(self, operations: Operations, rows: npt.NDArray[np.uint32], slot: int) -> None:
        """Take these rows of a batch; they start at the next `enter`."""
        for row in rows.tolist():
            self.stage(operations, row, 1, slot)

    def stage_cancel(self, slot: int, rows: npt.NDArray[np.uint32]) -> None:
        """Ask that rows of a batch end early: those that wait for a stream or a worker do."""
        with self._lock:
            if slot not in self._live:
                return
            operations = self._live[slot][0]
            if operations.cancelled is None:
                operations.cancelled = np.zeros(operations.count, np.bool_)
            operations.cancelled[rows] = True
        self._poller.wake()

    def _start(self) -> None:
        """Hand everything staged to workers and poller, or, if interrupted before, nothing.

        CPython looks for Ctrl-C after calls and at jumps: from the moment the list is empty to the end of the one call
        that hands everything over, it does not. Otherwise rows could be lost, or done twice.
        """
        if not self._staged:
            return
        runs: list[StreamRun] = []
        pieces: list[Chunk] = []
        for chunk in self._staged:
            run = self._stream_run(chunk)
            if run is not None:
                runs.append(run)
                continue
            for first in range(chunk.start, chunk.stop, _CHUNK_ROWS):
                pieces.append(Chunk(chunk.operations, chunk.slot, first, min(first + _CHUNK_ROWS, chunk.stop)))
        streams = self._streams() if runs else None
        self._hire(self._chunks_out + len(pieces))
        targets: list[Any] = [self._work.put] * len(pieces) + ([streams.arrived.append] * len(runs) if streams else [])
        handing_over = map(operator.call, targets, [*pieces, *runs])
        self._chunks_out += len(pieces)
        self.crossings += len(pieces)
        self._staged = []
        deque(handing_over, maxlen=0)
        if streams is not None:
            streams.wake()

    def _stream_run(self, chunk: Chunk) -> StreamRun | None:
        """A batch on a single stream as one run, which keeps its rows in order; None for any other batch."""
        operations = chunk.operations
        if operations.code in SOCKET_CODES and chunk.stop == chunk.start + 1:
            try:
                file = descriptor(operations, chunk.start, self._tables)
                return StreamRun(operations, chunk.slot, (chunk.start,), file)
            except OSError:
                return None
        if operations.code not in _STREAM_CODES or not isinstance(operations.file, int):
            return None
        file = self._tables.files.descriptor(operations.file) if operations.fixed else operations.file
        try:
            mode = os.fstat(file).st_mode
            if not (stat_bits.S_ISFIFO(mode) or stat_bits.S_ISSOCK(mode)):
                return None
            return StreamRun(operations, chunk.slot, range(chunk.start, chunk.stop), file)
        except OSError:  # the worker meets the same error and reports it row by row
            return None

    def _hire(self, chunks: int) -> None:
        """Have as many workers as there are chunks out, up to the most there may be.

        One that Ctrl-C interrupted while it was started is not counted: it may come to run later, or never.
        """
        while sum(worker.ident is not None for worker in self._workers) < min(chunks, _WORKERS, self.entries):
            name = f"ntio-host-{len(self._workers)}"
            worker = threading.Thread(target=self._serve, name=name, daemon=True)
            self._workers.append(worker)
            worker.start()

    # --- on the workers ---------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while (chunk := self._work.get()) is not None:
            slot, rows = chunk.slot, np.arange(chunk.start, chunk.stop, dtype=np.uint32)
            parked: Parked = []
            results: list[int | None]
            try:
                results = perform(chunk, self._tables, parked)
            except Exception:  # whatever it was, memory run out perhaps: the rows end, and the worker goes on
                parked, results = [], [-errno.EIO] * len(rows)
            if parked:
                rows, results = self._park(chunk, parked, rows, results)
            del chunk  # nothing here refers to the batch any more when its owner hears of the results
            self._deliver(slot, rows, results, chunks=1)

    def _park(
        self, chunk: Chunk, parked: Parked, rows: npt.NDArray[np.uint32], results: list[int | None]
    ) -> tuple[npt.NDArray[np.uint32], list[int | None]]:
        """Hand rows of streams to the poller; returns the others."""
        runs: list[StreamRun] = []
        for row, file in parked:
            try:
                runs.append(StreamRun(chunk.operations, chunk.slot, (row,), file))
            except OSError as error:
                results[row - chunk.start] = refusal(error)
        with self._lock:
            streams = self._streams()
        for run in runs:
            streams.add(run)
        done = np.array([result is not None for result in results])
        return rows[done], [result for result in results if result is not None]

    def _streams(self) -> StreamPoller:
        self._poller.start()
        return self._poller

    def _deliver(self, slot: int, rows: Rows, results: Sequence[int | None], chunks: int = 0) -> None:
        """Pile up results and ring for whoever waits for so many."""
        done = np.zeros(len(rows), COMPLETION)
        done["row"], done["slot"], done["result"] = rows, slot, results
        with self._lock:
            self._chunks_out -= chunks
            if len(done):
                self._results.append(done)
                self._forget(slot, len(done))
                self.crossings += len(done)
                self._add(len(done))

    def _forget(self, slot: int, count: int) -> None:
        operations, left = self._live.pop(slot)
        if left > count:
            self._live[slot] = (operations, left - count)
        elif not self._live:
            self._tables.files.close_retired()

    def _add(self, count: int) -> None:
        self._available += count
        if self._event_file >= 0:
            os.eventfd_write(self._event_file, 1)
        bell = self._bell
        if bell is not None and self._available >= self._goal:
            self._bell = None
            bell.release()

    # --- waiting ----------------------------------------------------------------------------------------------------

    def enter(self, minimum: int, timeout: float | None = None) -> None:
        """Start what is staged and wait until `minimum` results are there, or `timeout` seconds have passed."""
        with self._lock:
            self._start()
            if self._available >= minimum:
                return
            self._goal = minimum
            self._bell = bell = threading.Lock()
            bell.acquire()
        try:
            bell.acquire(timeout=PATIENCE if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX))
        finally:
            self._bell = None

    def collect(self) -> npt.NDArray[Any]:
        """Take every result that is there, COMPLETION[k]."""
        with self._lock:
            results, self._results = self._results, []
            self._available = 0
        if len(results) == 1:
            return results[0]
        return np.concatenate(results) if results else np.empty(0, COMPLETION)

    def wake(self, count: int = 1) -> None:
        """Make a thread that waits, or is about to wait, for up to `count` results come back."""
        with self._lock:
            self._add(count)

    def event_file(self) -> int:
        """An eventfd counted up whenever results arrive; made when first asked for."""
        if self._event_file < 0:
            self._event_file = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        return self._event_file

    # --- tables, closing --------------------------------------------------------------------------------------------

    def register_files(self, files: Sequence[int]) -> None:
        """Replace the table of registered files; -1 leaves a slot empty. Operations in flight keep the old ones."""
        with self._lock:
            self._tables.files.replace(files)
            if not self._live:
                self._tables.files.close_retired()

    def register_buffers(self, buffers: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Replace the table of registered buffers."""
        self._tables.register_buffers(buffers)

    def close(self) -> None:
        """End the threads and close every descriptor that is ours; in a forked child there are no threads to end."""
        if self._closed:
            return
        self._closed = True
        threads_live = os.getpid() == self._process
        if threads_live:
            for _ in self._workers:
                self._work.put(None)
            for worker in self._workers:
                if worker.ident is not None:
                    worker.join()
        self._poller.close(thread_lives=threads_live)
        if self._event_file >= 0:
            os.close(self._event_file)
        self._tables.files.close()
