"""Rings: many requests at once, arrays in, data out.

    with ntio.open("data.bin") as file, ntio.Ring() as ring:
        blocks = ring.read(file, offsets, 4096).raise_for_status().data        # uint8[n, 4096]

A call does any number of requests, at most `entries` at a time; each window is one crossing into the host's kernel.
Files are one `File`, a sequence, or indices of files registered before. Requests on host files whose stack has no
driver that wants to see them go straight to the HAL; requests on any other stack become batch packets, so that every
filter sees them. The bytes, statuses and counts are the same both ways.

`start_read` and `start_write` do not wait: they return a `Batch`. An exception while a call waits, Ctrl-C included,
cancels what is in flight and waits it out, so that no memory is written after the call has ended.

Rows: R4, R9, R10, R33
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...hal.operations import SPARSE, OperationCode, Operations
from ...io_manager import requests
from ...io_manager.codes.major import IRP_MJ_FLUSH_BUFFERS, IRP_MJ_READ, IRP_MJ_WRITE
from ...io_manager.packet.batch import Batch as PacketBatch
from ...io_manager.packet.batch import stop_lost
from ...status import STATUS_PENDING, InvalidParameter, nt_success, statuses_from_results
from ..closing import ClosedAfterUse
from ..default import default_system
from ..file import File
from ..system import System
from .arena import Arena
from .columns import Transfer, plan_read, plan_write
from .completions import Completions
from .loop_bridge import LoopBridge
from .routes import FileSet, Holding, Route, check_file, resolve
from .started import Batch, StartedPart

#: The most requests a ring keeps in flight: Linux's largest submission ring.
MAXIMUM_ENTRIES = 32768

Files = File | Sequence[File] | Any


class Ring(ClosedAfterUse):
    """A ring with up to `entries` requests in flight (rounded up to a power of two, at least 8, at most 32768).

    With an `arena`, its memory is registered with the host: requests on blocks of it spare the kernel some work.
    Any thread may call; close it, or use it in a `with` statement.
    NT: HIORING
    """

    def __init__(self, entries: int = 256, system: System | None = None, *, arena: Arena | None = None) -> None:
        if not 1 <= entries <= MAXIMUM_ENTRIES:
            raise InvalidParameter(f"entries: {entries} is not between 1 and {MAXIMUM_ENTRIES}")
        self.system = system or (default_system() if arena is None else arena.system)
        self._queue = self.system.hal.new_queue(entries)
        # Not __del__: what is still open when the interpreter ends is closed while its modules are whole.
        weakref.finalize(self, self._queue.close)
        self._registered = FileSet(self.system.io, [])
        self._arena = arena if arena is not None and self._register_memory(arena) else None
        self.bridge = LoopBridge(self._queue)

    def _register_memory(self, arena: Arena) -> bool:
        if arena.system is not self.system:
            raise InvalidParameter(f"{arena!r} belongs to another System than this ring")
        try:
            self._queue.register_buffers([arena.memory])
        except OSError:  # above the limit on locked memory: it works without
            return False
        return True

    @property
    def memory_registered(self) -> bool:
        """Whether the host took the arena's memory; false where its limit on locked memory is lower."""
        return self._arena is not None

    @property
    def entries(self) -> int:
        """How many requests can be in flight."""
        return self._queue.capacity

    @property
    def crossings(self) -> int:
        """How often this ring has entered the host's kernel."""
        return self._queue.crossings

    def register(self, files: Sequence[File]) -> None:
        """Replace the table of registered files; from then on their indices may stand for them.

        NT: BuildIoRingRegisterFileHandles
        """
        wanted = list(files)
        for file in wanted:
            check_file(self, file, IRP_MJ_FLUSH_BUFFERS, "register")
        registered = FileSet(self.system.io, wanted)
        self._queue.register_files([SPARSE if target is None else target.descriptor for target in registered.targets()])
        self._registered = registered

    # --- waiting calls ----------------------------------------------------------------------------------------------

    def read(self, files: Files, offsets: Any, lengths: Any, out: Any = None) -> Completions:
        """Read n pieces and wait for all: `offsets` and `lengths` in bytes, one for all or one per request.

        `out` is a writable contiguous buffer of n equal rows, uint8[n, m] or anything of that size; made when left out.
        Raises InvalidParameter, FileClosed, AccessDenied, BufferInUse, RingClosed; a request's failure is its status.
        NT: BuildIoRingReadFile
        """
        count, routes = resolve(self, files, IRP_MJ_READ, "read")
        plan = plan_read(self.system.pins, count, offsets, lengths, out)
        return self._transfer(IRP_MJ_READ, OperationCode.READ, routes, plan)

    def write(self, files: Files, offsets: Any, data: Any, lengths: Any = None) -> Completions:
        """Write n pieces and wait for all: `data` is uint8[n, m] (with `lengths`, only so much of each row), one buffer
        for one request, or a sequence of n buffers.

        Raises as `read` does.
        NT: BuildIoRingWriteFile
        """
        count, routes = resolve(self, files, IRP_MJ_WRITE, "write")
        plan = plan_write(self.system.pins, count, offsets, data, lengths)
        return self._transfer(IRP_MJ_WRITE, OperationCode.WRITE, routes, plan)

    def flush(self, files: Files) -> Completions:
        """Put everything written to each file on its device.

        NT: BuildIoRingFlushFile
        """
        count, routes = resolve(self, files, IRP_MJ_FLUSH_BUFFERS, "flush")
        count = 1 if count is None else count
        status = np.zeros(count, np.uint32)
        self._queue.check()
        for route in routes(count, None):
            if route.direct:
                operations = Operations(OperationCode.FLUSH, route.count, file=route.file, fixed=route.fixed)
                self._queue.transfer(operations)
                status[route.rows] = statuses_from_results(operations.results)
            else:
                status[route.rows] = requests.flush(route.file_object)[0]
        return Completions(status, np.zeros(len(status), np.uint64))

    def _transfer(self, major: int, code: OperationCode, routes: Any, plan: Transfer) -> Completions:
        with plan.pin:
            parts = routes(plan.count, plan if major == IRP_MJ_WRITE else None)
            with Holding(self.system.io, parts):
                if len(parts) == 1 and parts[0].direct:
                    operations = self._operations(code, parts[0], plan)
                    self._queue.transfer(operations)
                    return Completions(operations.status(), operations.information(), plan.data)
                status, information = np.zeros(plan.count, np.uint32), np.zeros(plan.count, np.uint64)
                for route in parts:
                    status[route.rows], information[route.rows] = self._do(major, code, route, plan)
        return Completions(status, information, plan.data)

    def _do(self, major: int, code: OperationCode, route: Route, plan: Transfer) -> tuple[Any, Any]:
        if route.direct:
            operations = self._operations(code, route, plan)
            self._queue.transfer(operations)
            return operations.status(), operations.information()
        self._queue.check()
        offset, length, position = plan.rows(route.rows)
        status, information = np.zeros(route.count, np.uint32), np.zeros(route.count, np.uint64)
        for first in range(0, route.count, self.entries):
            window = slice(first, first + self.entries)
            batch = PacketBatch(plan.pin.array, position[window], offset[window], length[window])
            overall = requests.transfer_batch(route.file_object, major, batch, self._queue)
            status[window] = batch.status if nt_success(overall) else overall
            information[window] = batch.information
        return status, information

    def _operations(self, code: OperationCode, route: Route, plan: Transfer) -> Operations:
        if isinstance(route.rows, slice):
            offset, length, position = plan.offset, plan.length, plan.position
        else:
            offset, length, position = plan.rows(route.rows)
        return Operations(
            code,
            route.count,
            file=route.file,
            fixed=route.fixed,
            buffer=plan.pin.array,
            position=position,
            offset=offset,
            length=length,
            buffer_index=0 if self._arena is not None and self._arena.holds(plan.pin.array) else -1,
            keep=plan.pin,
        )

    # --- starting calls ---------------------------------------------------------------------------------------------

    def start_read(self, files: Files, offsets: Any, lengths: Any, out: Any = None) -> Batch:
        """Start n reads and do not wait; raises QueueFull when they do not all fit, and then none is started."""
        count, routes = resolve(self, files, IRP_MJ_READ, "read")
        plan = plan_read(self.system.pins, count, offsets, lengths, out)
        return self._start(IRP_MJ_READ, OperationCode.READ, routes, plan)

    def start_write(self, files: Files, offsets: Any, data: Any, lengths: Any = None) -> Batch:
        """Start n writes and do not wait; raises QueueFull when they do not all fit, and then none is started."""
        count, routes = resolve(self, files, IRP_MJ_WRITE, "write")
        plan = plan_write(self.system.pins, count, offsets, data, lengths)
        return self._start(IRP_MJ_WRITE, OperationCode.WRITE, routes, plan)

    def _start(self, major: int, code: OperationCode, routes: Any, plan: Transfer) -> Batch:
        batch = Batch(self, plan)
        try:
            self._queue.check_room(plan.count)
            parts = routes(plan.count, plan if major == IRP_MJ_WRITE else None)
            batch.hold(Holding(self.system.io, parts))
            for route in parts:
                if route.direct:
                    operations = self._operations(code, route, plan)
                    part = batch.add(StartedPart(route.rows, operations=operations))
                    operations.on_complete = part.operations_done
                    try:
                        self._queue.submit(operations)
                    except BaseException:
                        part.never_started()
                        raise
                else:
                    offset, length, position = plan.rows(route.rows)
                    columns = PacketBatch(plan.pin.array, position, offset, length)
                    irp = requests.make_batch_irp(route.file_object, major, columns, self._queue)
                    part = batch.add(StartedPart(route.rows, irp=irp, columns=columns))
                    irp.on_complete = part.packet_done
                    device = route.file_object.related_device()
                    returned = requests.start(device, irp)
                    if returned != STATUS_PENDING and part.irp is irp:
                        stop_lost(device, irp, returned)
        except BaseException:
            batch.abandon()
            raise
        batch.started()
        return batch

    # --- life -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Cancel what is in flight, wait until every request has its result, give the ring back. Idempotent.

        NT: CloseIoRing
        """
        self._queue.close()
