"""Rows that are started again and again, one send and one receive per connection, and whose results are told together.

A server's round is: results come, each row's answer is sent, the next receive is started. What that costs per round is
what a server in Python costs, so nothing here is done row by row, and little is done at all:

    start    the rows' entries, made once (`Engine.prepare`), are copied into the submission ring
    record   one table says how much each row and direction has to bring at least; where all did, nothing
             else is looked at, and what was received is told as it came: rows, results

Anything less (an error, a cut-off send, a cancelled row, results of others) goes the general way of `in_flight`,
and is told by the batches' own `on_rows`, sends before receives.

A row can change its descriptor between two requests: the column `file` is part of the prepared entries. They are plain
descriptors and not registered files, which would have to be replaced in the ring's table: on some kernels a file that
is taken out of there is let go only when everything that was started before it has ended, an idle receive of another
connection perhaps, and so long its peer hears of no end (liburing #214, #1192).

Rows: R30, R34
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..status import RingClosed
from .operations import SPARSE, Operations

if TYPE_CHECKING:
    from .in_flight import News
    from .operation_queue import OperationQueue

#: Called with rows and directions that are no longer busy, the rows that received, and how much each did.
Told = Callable[[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[Any]], None]


class Standing:
    """The two standing batches of a queue that is theirs alone: `sends`, and `receives` of as many rows.

    `busy` is bool[n, 2]: whether a row's send and its receive are under way; who starts one sets it and who is told
    clears it. `rows_busy` is the same, both as one number. `least`, int32[n, 2], says how much a row has to bring: less
    is a failure.
    """

    def __init__(self, queue: OperationQueue, sends: Operations, receives: Operations, told: Told) -> None:
        self._queue = queue
        self.sends, self.receives = sends, receives
        self._told = told
        self.busy: npt.NDArray[np.bool_] = np.zeros((sends.count, 2), np.bool_)
        self.rows_busy: npt.NDArray[np.uint16] = self.busy.reshape(-1).view(np.uint16)
        self.least: npt.NDArray[np.int32] = np.zeros((sends.count, 2), np.int32)
        queue.stand(sends)
        queue.stand(receives)
        queue.engine.prepare(sends)
        queue.engine.prepare(receives)
        queue._table.standing = self

    @property
    def lock(self) -> threading.Lock:
        """The queue's: while it is held nothing is staged, and what was has been handed to the host."""
        return self._queue._lock

    def put(self, row: int, descriptor: int) -> None:
        """Let a row's requests be of this descriptor from now on; of none (-1), they fail. The lock is held."""
        self.sends.file[row] = self.receives.file[row] = descriptor  # type: ignore[index]

    def cancel(self, row: int) -> None:
        """Ask that what a row does ends early."""
        if self.rows_busy[row]:
            for batch in (self.sends, self.receives):
                self._queue.cancel(batch, np.array([row]))

    def end(self, row: int) -> None:
        """End what a row does, and let go of its descriptor; returns when all of it was told. Nothing starts there."""
        self.cancel(row)
        with suppress(RingClosed):  # whoever closed it has waited for everything
            self._queue.wait(_RowOver(self, row))
        with self.lock:
            self.put(row, SPARSE)

    def notify(self) -> None:
        """Let who waits for the end of a row see what was told."""
        self._queue.notify()

    def stage(self, rows: npt.NDArray[np.intp], batches: tuple[Operations, ...]) -> None:
        """Stage rows of one batch or of both; raises QueueFull when they do not all fit, and then none is.

        The queue's lock is held.
        """
        queue, count = self._queue, len(rows)
        table = queue._table
        queue.check_room(count * len(batches))
        for batch in batches:
            if batch.cancelled is not None:
                batch.cancelled[rows] = False
            batch.remaining += count
            table.count += count
        queue.engine.stage_standing(rows, batches)

    def record(self, completions: npt.NDArray[Any]) -> News | None:
        """What is to be announced, if every result is ours and good."""
        row, slot = completions["row"].astype(np.intp), completions["slot"].astype(np.intp)
        results = completions["result"]
        try:
            if np.count_nonzero(results < self.least[row, slot]):  # slots 0 and 1; others are out of bounds
                return None
        except IndexError:
            return None
        received = slot.astype(np.bool_)
        rows = row[received]
        count = len(rows)
        self.receives.remaining -= count
        self.sends.remaining -= len(row) - count
        return self._told, (row, slot, rows, results[received])


class _RowOver:
    """What `end` waits for."""

    def __init__(self, standing: Standing, row: int) -> None:
        self._standing = standing
        self._row = row

    @property
    def remaining(self) -> int:
        return int(self._standing.rows_busy[self._row] != 0)
