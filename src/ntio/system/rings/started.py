"""A call that was started and is not waited for yet.

A `Batch` holds what must stay while the host may touch it: the pinned buffer and the columns. Its parts are host
operations or batch packets; when the last one is done the pin goes and the results are put together. A batch that is
dropped unfinished keeps itself alive through the ring's queue until it is done.

Rows: R8, R9, R33
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...hal.operation_queue import OperationQueue
from ...hal.operations import Operations
from ...io_manager.cancel import cancel_irp
from ...io_manager.manager import IoManager
from ...io_manager.packet.batch import Batch as PacketBatch
from ...io_manager.packet.irp import Irp
from ...status import IoTimeout, nt_success
from .columns import Transfer
from .completions import Completions
from .routes import Holding, Rows

if TYPE_CHECKING:
    from .ring import Ring


_NOTHING = np.empty(0, np.uint8)


@dataclass(slots=True)
class StartedPart:
    """Rows of a started call that went one way."""

    rows: Rows
    operations: Operations | None = None
    irp: Irp | None = None
    columns: PacketBatch | None = None
    overall: int = 0
    owner: Batch | None = None
    cancelling: int = 0

    def packet_done(self, irp: Irp) -> None:
        """The part's packet is complete: keep its status, give it back."""
        with irp.pool.lock:
            self.overall, self.irp = irp.status, None
            kept = self.cancelling
        if not kept:
            irp.pool.free(irp)
        assert self.columns is not None
        self.columns.buffer = _NOTHING  # the results are kept, the caller's memory is not
        self.done()

    def operations_done(self, operations: Operations) -> None:
        """The part's host operations are done."""
        operations.on_complete = operations.buffer = operations.keep = None
        self.done()

    def never_started(self) -> None:
        """The host's queue refused the operations: another thread took the room, or closed the ring."""
        assert self.operations is not None
        if self.operations.slot < 0 and self.owner is not None:
            self.done()

    def done(self) -> None:
        """One part less. The call is let go of, so that dropping it frees its memory at once, without the collector."""
        owner, self.owner = self.owner, None
        assert owner is not None
        owner.part_done()

    def cancel(self) -> None:
        """Cancel the part's packet, if it has one; it is not given back meanwhile."""
        irp = self.irp
        if irp is None or not self._hold(irp):
            return
        cancel_irp(irp)
        with irp.pool.lock:
            self.cancelling -= 1
            ours = self.irp is not irp and not self.cancelling
        if ours:
            irp.pool.free(irp)

    def _hold(self, irp: Irp) -> bool:
        with irp.pool.lock:
            held = self.irp is irp
            self.cancelling += held
        return held


class _DoneOrStopped:
    """What a started call is waited for with: its end, or that of the System."""

    def __init__(self, batch: Batch, io: IoManager, queue: OperationQueue) -> None:
        self._batch, self._io = batch, io
        self.set = queue.notify

    @property
    def remaining(self) -> int:
        return 0 if self._io.bug_check is not None else self._batch.remaining


class Batch:
    """Requests in flight; `wait` for them, `cancel` them, or `await` them.

    NT: IORING_SQE entries between SubmitIoRing and PopIoRingCompletion
    """

    def __init__(self, ring: Ring, plan: Transfer) -> None:
        self._ring = ring
        self._queue = ring._queue
        self._plan = plan
        self._parts: list[StartedPart] = []
        # One more than there are parts, until all have been started; the queue waits for this number.
        self.remaining = 1
        self._lock = ring.system.hal.new_lock()
        self._holding: Holding | None = None
        self._calls: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return self._plan.count

    @property
    def done(self) -> bool:
        """Whether every request has its result; looks for new results without waiting."""
        if self.remaining:
            self._queue.poll()
        return not self.remaining

    def wait(self, timeout: float | None = None) -> Completions:
        """The results, when all are there; raises IoTimeout when `timeout` seconds have passed before."""
        self._wait(timeout)
        if self.remaining:
            raise IoTimeout(f"{self._plan.count} requests are not all done after {timeout} seconds; they go on")
        return self._results()

    def cancel(self) -> None:
        """Ask that the requests end early. Each still ends once: done, failed, or STATUS_CANCELLED."""
        for part in self._parts:
            if part.operations is not None:
                self._queue.cancel(part.operations)
            part.cancel()

    def __await__(self) -> Generator[Any, None, Completions]:
        return self._ring.bridge.wait_for(self)

    def when_done(self, call: Callable[[], None]) -> None:
        """Have `call` called once when every request has its result, on whichever thread that is; at once if so."""
        with self._lock:
            if self.remaining:
                self._calls.append(call)
                return
        call()

    def add(self, part: StartedPart) -> StartedPart:
        """Count one more part, before it is started."""
        part.owner = self
        self._parts.append(part)
        with self._lock:
            self.remaining += 1
        return part

    def hold(self, holding: Holding) -> None:
        """Keep files from being closed below until all is done."""
        self._holding = holding

    def part_done(self) -> None:
        """One part less; the last lets the buffer go and wakes whoever waits."""
        with self._lock:
            self.remaining -= 1
            last = not self.remaining
        if last:
            self._plan.pin.release()
            if self._holding is not None:
                self._holding.release()
            for call in self._calls:
                call()
            self._queue.notify()

    def started(self) -> None:
        """Every part has been started."""
        self.part_done()

    def abandon(self) -> None:
        """Starting failed half-way: cancel what was started, and wait it out."""
        self.cancel()
        self.part_done()
        self._wait(None)

    def _wait(self, timeout: float | None) -> None:
        """Wait until all are done, or time is up; raises the System's bug check when some will never be."""
        io = self._ring.system.io
        until = _DoneOrStopped(self, io, self._queue)
        with io.wait_for(until):
            self._queue.wait(until, timeout)
        if self.remaining:
            io.check_running()

    def _results(self) -> Completions:
        plan = self._plan
        status, information = np.zeros(plan.count, np.uint32), np.zeros(plan.count, np.uint64)
        for part in self._parts:
            if part.operations is not None:
                status[part.rows], information[part.rows] = part.operations.status(), part.operations.information()
            elif part.columns is not None:
                status[part.rows] = part.columns.status if nt_success(part.overall) else part.overall
                information[part.rows] = part.columns.information
        return Completions(status, information, plan.data)
