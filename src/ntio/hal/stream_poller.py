"""One thread that waits for all idle streams of the thread engine.

A read of an idle pipe may take for ever. If each held a worker, eight of them would stop every file; so rows of pipes,
sockets and terminals come here, where one thread waits in `poll` for all of them and tries, without blocking, whatever
became ready. That is what io_uring does too, so a short write to a full pipe is short in the same way.

A *run* is the rows of one batch on one stream, in their order, with a duplicate of the descriptor: like a ring, it
keeps the stream alive, and a number that is closed and given out again meanwhile cannot mislead it. Cancelling and
closing happen on this thread only, woken by an eventfd, so each row ends once.

Sources: `poll(2)`, `preadv2(2)` (RWF_NOWAIT). Rows: R11, R30
"""

from __future__ import annotations

import errno
import os
import select
import stat as stat_bits
import threading
from collections import deque
from collections.abc import Callable, Iterable

from .host_rows import is_cancelled, mover, refusal
from .operations import SOCKET_CODES, OperationCode, Operations, cell
from .socket_rows import SocketRow, events_of

_CANCELLED = -errno.ECANCELED

#: Takes results: slot, rows, results.
Deliver = Callable[[int, list[int], list[int]], None]
_Delivery = tuple[int, list[int], list[int]]


class StreamRun:
    """Rows of one batch that wait for one stream, in order."""

    __slots__ = ("_owned", "_reopened", "_socket_row", "file", "operations", "rows", "slot")

    def __init__(self, operations: Operations, slot: int, rows: Iterable[int], file: int) -> None:
        self.operations = operations
        self.slot = slot
        self.rows = deque(rows)
        self._reopened = False
        self._socket_row: SocketRow | None = None
        # Made and kept in one call into C: Ctrl-C between the two would leave a descriptor nobody knows.
        self._owned: list[int] = []
        self._owned.extend(map(os.dup, (file,)))
        self.file = self._owned[0]

    def close(self) -> None:
        """Close the duplicate. Idempotent."""
        while self._owned:
            os.close(self._owned.pop())

    def __del__(self) -> None:
        self.close()  # made, and then never handed over: Ctrl-C came in between

    @property
    def event(self) -> int:
        """What `poll` is to watch for."""
        if self.operations.code in SOCKET_CODES:
            return events_of(self.operations)
        return select.POLLIN if self.operations.code == OperationCode.READ else select.POLLOUT

    def advance(self, ready: bool) -> _Delivery:
        """Do as many rows as go without waiting; `ready`: the stream was said to be."""
        rows: list[int] = []
        results: list[int] = []
        while self.rows:
            result = self._attempt(self.rows[0], ready)
            if result is None:
                break
            rows.append(self.rows.popleft())
            results.append(result)
            ready = False
        return self.slot, rows, results

    def _attempt(self, row: int, ready: bool) -> int | None:
        operations = self.operations
        # As in a ring, what the host takes at once is sent, even if it is cancelled at once.
        untried = operations.code == OperationCode.SEND and self._socket_row is None
        if is_cancelled(operations, row) and not untried:
            return _CANCELLED
        if operations.code in SOCKET_CODES:
            return self._attempt_socket(row)
        position, length = cell(operations.position, row), cell(operations.length, row)
        if operations.buffer is None or position + length > operations.buffer.nbytes:
            return -errno.EFAULT if length else 0
        piece = (operations.buffer[position : position + length],)
        move = mover(operations)
        without_waiting = 0 if self._reopened else os.RWF_NOWAIT
        try:
            return move(self.file, piece, -1, operations.flags | without_waiting)
        except OSError as error:
            if error.errno == errno.EAGAIN and not operations.flags & os.RWF_NOWAIT:
                return None
            if error.errno != errno.EOPNOTSUPP:
                return refusal(error)
        except (TypeError, ValueError, BufferError):
            return -errno.EFAULT
        if os.get_blocking(self.file):
            if self._reopen():
                return self._attempt(row, ready)
            if not ready:
                return None
        try:  # a terminal, a FIFO: no way to try without blocking, but `poll` or O_NONBLOCK says it will not block
            return move(self.file, piece, -1, operations.flags)
        except OSError as error:
            return refusal(error)

    def _attempt_socket(self, row: int) -> int | None:
        if self._socket_row is None:
            self._socket_row = SocketRow(self.operations, row)
        result = self._socket_row.attempt(self.file)
        if result is not None:
            self._socket_row = None
        return result

    def _reopen(self) -> bool:
        """Open a FIFO once more, with O_NONBLOCK; says whether it did.

        A FIFO, and on Linux 6.1 any pipe, refuses RWF_NOWAIT, and `poll` calls one writable that has not room for all
        of a row: the write would hold this thread, and with it every stream. The owner's own flags stay as they are.
        """
        if not stat_bits.S_ISFIFO(os.fstat(self.file).st_mode):
            return False
        way = os.O_RDONLY if self.operations.code == OperationCode.READ else os.O_WRONLY
        try:
            again = os.open(f"/proc/self/fd/{self.file}", way | os.O_NONBLOCK)
        except OSError:  # nobody at the other end, or not ours to open
            return False
        os.dup2(again, self.file, inheritable=False)
        os.close(again)
        self._reopened = True
        return True

    def give_up(self) -> _Delivery:
        """Cancel every row that is left."""
        rows = list(self.rows)
        self.rows.clear()
        return self.slot, rows, [_CANCELLED] * len(rows)

    def sweep(self) -> _Delivery:
        """Cancel the rows somebody asked to cancel."""
        cancelled = self.operations.cancelled
        rows = [] if cancelled is None else [row for row in self.rows if cancelled[row]]
        if rows:
            gone = set(rows)
            self.rows = deque(row for row in self.rows if row not in gone)
        return self.slot, rows, [_CANCELLED] * len(rows)


class StreamPoller:
    """Waits for streams on a thread of its own until it is closed."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        #: Runs put here are taken up at the next `wake`.
        self.arrived: deque[StreamRun] = deque()
        self._runs: dict[int, StreamRun] = {}
        self._closing = False
        self._threads: list[threading.Thread] = []  # one, or another that Ctrl-C interrupted while it was started
        self._serving = threading.Lock()
        self._poll = select.poll()
        self._wake_file = -1
        self._wake_file = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._wake_file, select.POLLIN)

    def start(self) -> None:
        """Start the thread, unless it runs.

        One that Ctrl-C interrupts in `start` may come to run later all the same, and must not be started twice: so
        another is made, and of the two the second to arrive goes home.
        """
        if not any(thread.ident is not None for thread in self._threads):
            self._threads.append(threading.Thread(target=self._serve, name="ntio-streams", daemon=True))
            self._threads[-1].start()

    def __del__(self) -> None:
        if self._wake_file >= 0 and not self._threads:
            os.close(self._wake_file)  # made, and then never used: Ctrl-C came in between

    def add(self, run: StreamRun) -> None:
        """Take a run; its first attempt is made at once."""
        self.arrived.append(run)
        self.wake()

    def wake(self) -> None:
        """Look again at what arrived and what was cancelled."""
        os.eventfd_write(self._wake_file, 1)

    def close(self, *, thread_lives: bool = True) -> None:
        """Cancel what is left, end the thread and close everything."""
        self._closing = True
        if thread_lives:
            self.wake()
            for thread in self._threads:
                if thread.ident is not None:
                    thread.join()
        for run in [*self.arrived, *self._runs.values()]:
            run.close()
        wake_file, self._wake_file = self._wake_file, -1
        os.close(wake_file)

    def _serve(self) -> None:
        if not self._serving.acquire(blocking=False):
            return
        while not self._closing:
            # All that refers to a batch lives in the call: its owner may resize the buffer once it hears of the result.
            for delivery in self._step(dict(self._poll.poll())):
                self._deliver(*delivery)

    def _step(self, ready: dict[int, int]) -> list[_Delivery]:
        deliveries: list[_Delivery] = []
        if ready.pop(self._wake_file, 0):
            os.eventfd_read(self._wake_file)
            while self.arrived:
                run = self.arrived.popleft()
                self._runs[run.file] = run
                self._poll.register(run.file, run.event)
                deliveries.append(self._advance(run, False))
            deliveries += self._sweep()  # last: what was cancelled may only just have arrived
        deliveries += [self._advance(self._runs[file], True) for file in ready if file in self._runs]
        return [delivery for delivery in deliveries if delivery[1]]

    def _sweep(self) -> list[_Delivery]:
        runs = list(self._runs.values())
        deliveries = [run.give_up() if self._closing else run.sweep() for run in runs]
        for run in runs:
            self._drop_if_done(run)
        return deliveries

    def _advance(self, run: StreamRun, ready: bool) -> _Delivery:
        delivery = run.advance(ready)
        self._drop_if_done(run)
        return delivery

    def _drop_if_done(self, run: StreamRun) -> None:
        if not run.rows:
            self._poll.unregister(run.file)
            del self._runs[run.file]
            run.close()
            del run.operations  # others may still name the run; its batch is no business of theirs
