"""What a backend has to be, and what can be waited for: the two shapes `operation_queue` works with.

Three files implement `Engine`: `uring.py`, `threads.py`, `simulated.py`. An engine knows rows and results; batches,
windows and waiting are the queue's.

Rows: R30
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .operations import Operations

#: Seconds a waiter sleeps at most before it looks around. CPython raises KeyboardInterrupt between two bytecodes; a
#: signal that arrives after the last look and before the thread has fallen asleep would otherwise wake nobody, ever.
PATIENCE = 1.0

#: The slot of a result that is no row's: the watched descriptor is readable.
WATCH = 0xFFFF_FFFE


class Engine(Protocol):
    """What a backend does; `OperationQueue` serialises every call but `enter`."""

    name: str
    entries: int
    crossings: int
    #: Whether `enter` can watch a descriptor of the host meanwhile.
    watches: bool

    def stage(self, operations: Operations, start: int, count: int, slot: int) -> None:
        """Take rows of a batch; they start at the next `enter`."""

    def stage_rows(self, operations: Operations, rows: npt.NDArray[np.uint32], slot: int) -> None:
        """Take these rows of a batch, in this order; they start at the next `enter`."""

    def prepare(self, operations: Operations) -> None:
        """Make ready what `stage_standing` needs of a batch; only its lengths and files may change now."""

    def stage_standing(self, rows: npt.NDArray[np.intp], batches: Sequence[Operations]) -> None:
        """Take these rows of each batch that was prepared, batch after batch."""

    def stage_watch(self, descriptor: int) -> None:
        """Report once, by a result of slot `WATCH`, that a descriptor is readable; only where `watches`."""

    def stage_cancel(self, slot: int, rows: npt.NDArray[np.uint32]) -> None:
        """Ask that rows of a batch end early."""

    def enter(self, minimum: int, timeout: float | None = None) -> None:
        """Start what is staged; return when `minimum` more results are there, or sooner."""

    def collect(self) -> npt.NDArray[Any]:
        """Take every result that is there, COMPLETION[k]."""

    def wake(self, count: int = 1) -> None:
        """Make a thread that waits in `enter` for up to `count` results come back."""

    def event_file(self) -> int:
        """A descriptor that becomes readable when results arrive, to be read as an eventfd; -1 where there is none."""

    def register_files(self, files: Sequence[int]) -> None:
        """Replace the table of registered files."""

    def register_buffers(self, buffers: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Replace the table of registered buffers."""

    def close(self) -> None:
        """Give everything back; nothing is in flight any more."""


class RowByRow:
    """An engine that looks at each row when it starts it, so that nothing can be made ready; it watches nothing."""

    watches = False

    def stage_rows(self, operations: Operations, rows: npt.NDArray[np.uint32], slot: int) -> None:
        """As `Engine` says; every engine's own."""
        raise NotImplementedError

    def prepare(self, operations: Operations) -> None:
        """Nothing can be made ready."""

    def stage_standing(self, rows: npt.NDArray[np.intp], batches: Sequence[Operations]) -> None:
        """Take these rows of each batch, batch after batch."""
        for batch in batches:
            self.stage_rows(batch, rows.astype(np.uint32), batch.slot)

    def stage_watch(self, descriptor: int) -> None:
        """Nothing is watched here."""
        raise NotImplementedError


class Awaited(Protocol):
    """Anything that can be waited for: over when nothing remains of it."""

    @property
    def remaining(self) -> int:
        """How much is still to come."""
