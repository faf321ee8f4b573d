"""Several rings, each on a thread of its own, that read windows of files for one consumer.

    consumer -> windows of paths -> threads -> batches -> consumer, who puts them in order if need be

The paths are taken from their iterator on the consumer's thread. A thread takes a window whenever its ring has room,
and stops when two of its batches wait for the consumer, so memory stays within its bounds however slow he is. No wait
is for ever: windows are taken in their order, so the one that is due is always with a thread that can go on.

Rows: R10
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from itertools import islice
from queue import Empty, SimpleQueue

from ..system import System
from .file_batch import FileBatch
from .file_windows import DEPTH_ON_THREAD, WindowReader

#: Windows given out per ring: those on their way, and one that waits so that the ring never does.
_GIVEN_OUT = DEPTH_ON_THREAD + 1
#: Finished batches per ring that nobody took yet.
_UNTAKEN = 2

_Path = str | os.PathLike[str]
_Paths = Iterator[_Path]
_Work = SimpleQueue[tuple[int, list[_Path]] | None]


class _Result:
    """A batch of a window, maybe its last one; without one, something went wrong."""

    __slots__ = ("batch", "error", "last", "ring", "window")

    def __init__(
        self,
        ring: _RingThread,
        window: int,
        batch: FileBatch | None = None,
        last: bool = False,
        error: BaseException | None = None,
    ) -> None:
        self.ring = ring
        self.window = window
        self.batch = batch
        self.last = last
        self.error = error


class _RingThread:
    """One ring and its thread."""

    def __init__(self, system: System, max_bytes: int, work: _Work, results: SimpleQueue[_Result]) -> None:
        self._reader = WindowReader(system, max_bytes, DEPTH_ON_THREAD)
        self.permits: SimpleQueue[bool] = SimpleQueue()  # one per batch that may still be made; False: stop
        for _ in range(_UNTAKEN):
            self.permits.put(True)
        self._work = work
        self._results = results
        self._taken: deque[int] = deque()
        self._no_more = False
        self._thread = system.hal.spawn(self._run, "ntio-read-files")

    @property
    def window(self) -> int:
        """How many paths to give it next."""
        return self._reader.window

    def join(self) -> None:
        """Wait until the thread has ended and its ring is gone."""
        self.permits.put(False)
        self._thread.join()

    def _run(self) -> None:
        try:
            for batches in self._reader.windows(self._feed):
                window = self._taken.popleft()
                batch = next(batches, None)
                while batch is not None:
                    if not self.permits.get():
                        return
                    following = next(batches, None)
                    self._results.put(_Result(self, window, batch, following is None))
                    batch = following
        except BaseException as error:  # whatever it was, the consumer raises it
            self._results.put(_Result(self, -1, error=error))
        finally:
            self._reader.close()

    def _feed(self, idle: bool) -> list[_Path] | None:
        if self._no_more:
            return None
        try:
            work = self._work.get(block=idle)
        except Empty:
            return None
        if work is None:
            self._no_more = True
            return None
        self._taken.append(work[0])
        return work[1]


def read_on_threads(
    system: System, paths: _Paths, rings: int, *, ordered: bool, max_bytes: int
) -> Generator[FileBatch, None, None]:
    """Batches read by `rings` rings, in the order of the paths or as they come."""
    reading = _Reading(system, paths, rings, max_bytes)
    try:
        for result in reading.in_order() if ordered else reading.as_they_come():
            assert result.batch is not None
            yield result.batch
            result.ring.permits.put(True)
            result.batch = None
    finally:
        reading.close()


class _Reading:
    """The consumer's side: gives out windows, takes results."""

    def __init__(self, system: System, paths: _Paths, rings: int, max_bytes: int) -> None:
        self._paths = paths
        self._work: _Work = SimpleQueue()
        self._results: SimpleQueue[_Result] = SimpleQueue()
        self._given = self._done = 0
        self._more = True
        self._threads: list[_RingThread] = []
        try:
            for _ in range(rings):
                self._threads.append(_RingThread(system, max_bytes // rings, self._work, self._results))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the threads and give their rings back."""
        self._end_of_work()
        for thread in self._threads:
            thread.join()

    def as_they_come(self) -> Iterator[_Result]:
        """Results until every window is done."""
        while True:
            self._give_out()
            if self._done == self._given:
                return
            result = self._results.get()
            if result.error is not None:
                raise result.error
            self._done += result.last
            yield result

    def in_order(self) -> Iterator[_Result]:
        """The same, in the order of the windows."""
        waiting: dict[int, deque[_Result]] = {}
        due = 0
        for result in self.as_they_come():
            waiting.setdefault(result.window, deque()).append(result)
            while waiting.get(due):
                first = waiting[due].popleft()
                if first.last:
                    del waiting[due]
                    due += 1
                yield first

    def _give_out(self) -> None:
        window = self._threads[0].window
        while self._more and self._given - self._done < _GIVEN_OUT * len(self._threads):
            if not (paths := list(islice(self._paths, window))):
                self._end_of_work()
                return
            self._work.put((self._given, paths))
            self._given += 1

    def _end_of_work(self) -> None:
        if self._more:
            self._more = False
            for _ in self._threads:
                self._work.put(None)
