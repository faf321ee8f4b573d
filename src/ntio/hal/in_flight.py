"""The rows in flight on one engine: which batch has which slot, and what becomes of results.

A table without locks or waiting; `operation_queue` serialises every call. A batch gets a slot when it is admitted. Its
rows are staged as room allows; results come back as (slot, row) and are written into the batch by one indexed
assignment. What somebody wants to hear of is returned as *news*, to be announced when no lock is held.

Rows: R4, R30
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .engine import WATCH, Engine
from .operations import COMPLETION, Operations
from .standing import Standing

_CANCELLED = -errno.ECANCELED
#: Results after which an operation that nobody cancelled is simply submitted again.
_AGAIN = (-errno.ECANCELED, -errno.EINTR)

#: What is to be called, and with what.
News = tuple[Callable[..., None], tuple[Any, ...]]


class InFlight:
    """The batches on one engine and how many rows of them are out: at most `capacity`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.capacity = engine.entries
        self.count = 0
        self.batches: dict[int, Operations] = {}
        self.backlog: list[Operations] = []  # batches with rows nobody waits for that found no room yet
        #: Batches that have the queue for themselves.
        self.standing: Standing | None = None
        #: The engine watches a descriptor, and it has not been readable so far.
        self.watching = False
        self._free_slots: list[int] = []
        self._slots_made = 0

    def admit(self, operations: Operations) -> list[News]:
        """Give a batch its slot; one without rows is finished at once and is returned."""
        if not operations.count:
            return self._whole(operations)
        if not self._free_slots:
            self._free_slots.append(self._slots_made)
            self._slots_made += 1
        operations.slot = self._free_slots.pop()
        self.batches[operations.slot] = operations
        return []

    def stage(self, operations: Operations) -> None:
        """Hand the engine as many of a batch's next rows as there is room for."""
        rows = min(operations.count - operations.next_row, self.capacity - self.count)
        if rows > 0:
            first = operations.next_row
            self.engine.stage(operations, first, rows, operations.slot)
            operations.next_row += rows
            self.count += rows
            if operations.cancelled is not None and operations.cancelled[first : first + rows].any():
                self.engine.enter(0)  # rows that were cancelled while they had no room: start them, end them
                late = np.flatnonzero(operations.cancelled[first : first + rows]) + first
                self.engine.stage_cancel(operations.slot, late.astype(np.uint32))

    def restart(self, operations: Operations, rows: npt.NDArray[np.uint32]) -> None:
        """Hand the engine rows of a standing batch once more; there is room for them."""
        if operations.cancelled is not None:
            operations.cancelled[rows] = False
        operations.remaining += len(rows)
        self.count += len(rows)
        self.engine.stage_rows(operations, rows, operations.slot)

    def feed(self) -> bool:
        """Stage rows of the backlog that have room now; says whether there were any."""
        fed = False
        while self.backlog and self.count < self.capacity:
            first = self.backlog[0]
            if first.next_row < first.count:
                self.stage(first)
                fed = True
            if first.next_row == first.count:
                self.backlog.pop(0)
        return fed

    def distribute(self, completions: npt.NDArray[Any]) -> list[News]:
        """Write results into the batches they belong to; returns what is to be announced."""
        if not len(completions):
            return []
        if self.standing is not None:
            told = self.standing.record(completions)
            if told is not None:
                self.count -= len(completions)
                return [told]
        slots = completions["slot"]
        first = int(slots[0])
        if first in self.batches and (slots == first).all():
            return self._record(self.batches[first], completions)
        finished: list[News] = []
        for slot in np.unique(slots).tolist():
            batch = self.batches.get(slot)
            if slot == WATCH:
                self.watching = False
            elif batch is not None:
                finished += self._record(batch, completions[slots == slot])
        return finished

    def _record(self, batch: Operations, completions: npt.NDArray[Any]) -> list[News]:
        results = completions["result"]
        if results.min() < 0:
            completions = self._restage(batch, completions)
            results = completions["result"]
        count = len(completions)
        if not count:
            return []
        batch.results[completions["row"]] = results
        batch.remaining -= count
        self.count -= count
        news = self._rows(batch, completions)
        return news if batch.remaining else news + self.retire(batch)

    def _restage(self, batch: Operations, completions: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Stage again what ended only because its thread did or a signal came; returns the true completions."""
        again = np.isin(completions["result"], _AGAIN)
        if batch.cancelled is not None:
            given_up = again & batch.cancelled[completions["row"]]
            completions["result"][given_up] = _CANCELLED  # Linux 6.1 says EINTR where a kernel thread had begun a row
            again &= ~given_up
        for row in completions["row"][again].tolist():
            self.engine.stage(batch, row, 1, batch.slot)
        return completions[~again]

    def drop_unstaged(self, operations: Operations) -> list[News]:
        """End the rows of a batch that were not started as cancelled."""
        first, operations.next_row = operations.next_row, operations.count
        dropped = np.zeros(operations.count - first, COMPLETION)
        dropped["row"] = np.arange(first, operations.count)
        dropped["result"] = operations.results[first:] = _CANCELLED
        operations.remaining -= len(dropped)
        news = self._rows(operations, dropped) if len(dropped) else []
        return news if operations.remaining else news + self.retire(operations)

    def retire(self, operations: Operations) -> list[News]:
        """Forget a batch that is whole; says who wants to hear of it."""
        del self.batches[operations.slot]
        self._free_slots.append(operations.slot)
        return self._whole(operations)

    def _whole(self, operations: Operations) -> list[News]:
        # Listed only if need be: its owner may resize the buffer while a driver on another thread still has the list.
        return [(operations.on_complete, (operations,))] if operations.on_complete is not None else []

    def _rows(self, operations: Operations, completions: npt.NDArray[Any]) -> list[News]:
        if operations.on_rows is None:
            return []
        return [(operations.on_rows, (operations, completions["row"], completions["result"]))]


def announce(news: list[News]) -> None:
    """Call whoever wants to hear of rows that finished, and then of batches that are whole; no lock is held."""
    waiting = iter(news)
    for routine, arguments in waiting:
        try:
            routine(*arguments)
        except BaseException:  # an interrupt perhaps: the others are told all the same
            announce(list(waiting))
            raise
