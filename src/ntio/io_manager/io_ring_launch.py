"""Starting an I/O ring's entries: reads, writes, flushes, registrations, each on its way to its completion.

A `Launcher` holds the ring's tables and its flights. What it starts goes to the ring's queue of host operations, or as
a packet through a stack; each row that ends is reported once, through the callable `finish`, with its user data,
status, information and sequence number. Files in flight are referenced and regions pinned until then.

Source: spec ioring.md 2.5, 2.6, 2.9. Rows: R3, R5, R7
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..hal.operation_queue import OperationQueue
from ..hal.operations import OperationCode, row_statuses
from ..memory.address_space import Region
from ..status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    nt_success,
)
from .batch import Batch
from .bypass import query_bypass
from .cancel import cancel_irp
from .file_object import FileObject
from .io_ring_codes import (
    FILE_FLUSH_DATA,
    FILE_FLUSH_NO_SYNC,
    FILE_WRITE_FLAGS_WRITE_THROUGH,
    IORING_OP_FLUSH,
    IORING_OP_READ,
    IORING_OP_WRITE,
    REGISTERED_BUFFER,
    REGISTERED_FILE,
)
from .io_ring_flight import (
    STATUS_NOT_SUPPORTED_WITH_CACHED_HANDLE,
    Flight,
    Lookup,
    RegisteredBuffer,
    Tables,
    bad_flags,
    cached_files,
    file_statuses,
    group_rows,
    look_up_files,
    make_operations,
    place_buffers,
)
from .io_ring_segments import start_segments
from .irp import Irp
from .major import IRP_MJ_FLUSH_BUFFERS, IRP_MJ_READ, IRP_MJ_WRITE
from .manager import IoManager
from .requests import make_batch_irp, make_irp, start

_CODES = {IORING_OP_READ: OperationCode.READ, IORING_OP_WRITE: OperationCode.WRITE}
_MAJORS = {IORING_OP_READ: IRP_MJ_READ, IORING_OP_WRITE: IRP_MJ_WRITE}
_NO_HANDLE = (1 << 64) - 1

#: Reports rows that ended: user data, status, information, sequence numbers.
Finish = Callable[[Any, Any, Any, "npt.NDArray[np.uint64]"], None]


class Launcher:
    """Starts the entries of one ring."""

    def __init__(self, io: IoManager, queue: OperationQueue, finish: Finish) -> None:
        self._io = io
        self._queue = queue
        self._finish = finish
        self._lock = io.hal.new_lock()
        self._tables = Tables()
        self._flights: set[Flight] = set()

    def look_up(self, body: npt.NDArray[Any]) -> Lookup:
        """The files that entries name, by handle or by index."""
        registered = body["CommonOpFlags"] & REGISTERED_FILE != 0
        return look_up_files(body, registered, self._io.handles, self._tables)

    def complete_one(self, entry: npt.NDArray[Any], sequence: int, status: int) -> None:
        """Report an entry that ended where it was started."""
        self._finish(
            entry["UserData"], np.array([status], np.uint32), np.zeros(1, np.uint64), np.array([sequence], np.uint64)
        )

    def unpin(self, pins: list[Region | None]) -> None:
        """Let regions go that were pinned for entries."""
        for region in pins:
            if region is not None:
                self._io.memory.unpin(region)

    def start_segments(self, entry: npt.NDArray[Any], segments: list[int], sequence: int) -> None:
        """Start a scattered read or a gathered write of pages."""
        start_segments(self._io, self._queue, self.look_up, self._finish, entry, segments, sequence)

    def close(self) -> None:
        """Empty both tables."""
        self.replace_files([])
        buffers, self._tables.buffers = self._tables.buffers, []
        self._release(buffers)

    def cancel(self, file: FileObject, target: int | None) -> int:
        """Ask operations on a file to end early: those with user data `target`, or all; how many there were."""
        found = 0
        with self._lock:
            flights = list(self._flights)
        for flight in flights:
            rows = flight.matching(file, target)
            found += len(rows)
            if len(rows) and flight.operations is not None:
                self._queue.cancel(flight.operations, rows)
            elif len(rows) and flight.irp is not None:
                cancel_irp(flight.irp)
        return found

    # --- reads and writes -------------------------------------------------------------------------------------------

    def start_transfers(self, entries: npt.NDArray[Any], pins: list[Region | None], first: int) -> None:
        """Start reads and writes; `pins` are the regions their builders pinned, `first` the first one's number."""
        for code in np.unique(entries["OpCode"]).tolist():
            rows = np.flatnonzero(entries["OpCode"] == code)
            chosen = entries if len(rows) == len(entries) else entries[rows]
            held = pins if len(rows) == len(entries) else [pins[row] for row in rows.tolist()]
            self._start_kind(code, chosen, held, rows.astype(np.uint64) + np.uint64(first))

    def _start_kind(
        self, code: int, entries: npt.NDArray[Any], pins: list[Region | None], sequence: npt.NDArray[np.uint64]
    ) -> None:
        body = entries["Read" if code == IORING_OP_READ else "Write"]
        common = body["CommonOpFlags"]
        by_index = common & REGISTERED_BUFFER != 0
        lookup = look_up_files(body, common & REGISTERED_FILE != 0, self._io.handles, self._tables)
        places = place_buffers(body, by_index, pins, self._tables, writing=code == IORING_OP_READ)
        write_flags = body["Flags"] if code == IORING_OP_WRITE else np.zeros(len(entries), np.uint32)
        status = bad_flags(body)
        for more in (file_statuses(lookup, code), self._write_through(write_flags, lookup), places.status):
            status = np.where(status == 0, more, status)
        self._pin_registered(places.regions, places.index, by_index & (status == 0))
        self.unpin([pins[row] for row in np.flatnonzero(status).tolist()])
        failed = np.flatnonzero(status)
        self._finish(entries["UserData"][failed], status[failed], np.zeros(len(failed), np.uint64), sequence[failed])
        groups = group_rows([places.index, write_flags, self._ways(lookup)], np.flatnonzero(status == 0))
        for rows in groups:
            number = int(places.index[rows[0]])
            used, file_index = np.unique(lookup.index[rows], return_inverse=True)
            files = [file for file in (lookup.objects[index] for index in used.tolist()) if file is not None]
            flight = Flight(
                code, entries["UserData"][rows], sequence[rows], files, file_index.reshape(-1),
                region=places.regions[number] if number >= 0 else None, position=places.position[rows],
                offset=body["Offset"][rows], length=body["Length"][rows], flags=int(write_flags[rows[0]]),
            )  # fmt: skip
            self._launch(flight, _CODES[code])

    @staticmethod
    def _ways(lookup: Lookup) -> npt.NDArray[np.intp]:
        """0 for files that go straight to the host, else a number for each stack file: packets are of one file."""
        ways = [
            0 if file is None or query_bypass(file).target is not None else number + 1
            for number, file in enumerate(lookup.objects)
        ]
        numbers: npt.NDArray[np.intp] = np.array(ways, np.intp)
        return numbers[lookup.index]

    @staticmethod
    def _write_through(flags: npt.NDArray[Any], lookup: Lookup) -> npt.NDArray[np.uint32]:
        wanted = flags & FILE_WRITE_FLAGS_WRITE_THROUGH != 0
        status = np.where(flags & ~np.uint32(1) != 0, np.uint32(STATUS_INVALID_PARAMETER), np.uint32(0))
        if wanted.any():
            status[wanted & cached_files(lookup)] = STATUS_NOT_SUPPORTED_WITH_CACHED_HANDLE
        return status

    def _pin_registered(self, regions: list[Region], index: npt.NDArray[np.intp], rows: npt.NDArray[np.bool_]) -> None:
        if rows.any():
            for number, count in zip(*np.unique(index[rows], return_counts=True), strict=True):
                if number >= 0:
                    self._io.memory.pin_region(regions[number], int(count))

    def _launch(self, flight: Flight, code: OperationCode) -> None:
        """Send a flight on its way: straight to the host, or as a packet where a stack wants to see it."""
        flight.done = np.zeros(len(flight.user_data), np.bool_)
        for file in flight.files:
            self._io.reference(file)
        with self._lock:
            self._flights.add(flight)
        operations = make_operations(flight, code)
        if operations is None:
            self._launch_packet(flight)
            return
        flight.operations = operations
        operations.on_rows = lambda done, rows, results: self._rows_done(
            flight, rows, row_statuses(done, rows, results), np.maximum(results, 0).astype(np.uint64)
        )
        self._queue.enqueue(operations)

    def _launch_packet(self, flight: Flight) -> None:
        file, columns = flight.files[0], None
        if flight.code == IORING_OP_FLUSH:
            irp = make_irp(file, IRP_MJ_FLUSH_BUFFERS, self._queue)
        else:
            buffer = flight.region.array if flight.region is not None else np.empty(0, np.uint8)
            columns = Batch(buffer, flight.position, flight.offset, flight.length)
            irp = make_batch_irp(file, _MAJORS[flight.code], columns, self._queue)
        flight.irp = irp

        def finish(packet: Irp) -> None:
            overall, count = packet.status, len(flight.user_data)
            flight.irp = None
            packet.pool.free(packet)
            if columns is not None and nt_success(overall):
                self._rows_done(flight, np.arange(count), columns.status, columns.information)
            else:
                self._rows_done(
                    flight, np.arange(count), np.full(count, overall, np.uint32), np.zeros(count, np.uint64)
                )

        irp.on_complete = finish
        start(file.related_device(), irp)

    def _rows_done(self, flight: Flight, rows: Any, status: Any, information: Any) -> None:
        if flight.region is not None:
            self._io.memory.unpin(flight.region, len(rows))
        with self._lock:
            flight.done[rows] = True
            whole = flight in self._flights and bool(flight.done.all())
            if whole:
                self._flights.discard(flight)
        if whole:
            for file in flight.files:
                self._io.dereference(file)
        self._finish(flight.user_data[rows], status, information, flight.sequence[rows])

    # --- flushes and tables -----------------------------------------------------------------------------------------

    def start_flush(self, entry: npt.NDArray[Any], array: Any, sequence: int) -> None:
        """Start a flush."""
        body = entry["Flush"]
        lookup = self.look_up(body)
        file, mode = lookup.objects[0], int(body["FlushMode"][0])
        if file is None or not file.writable or mode > FILE_FLUSH_NO_SYNC:
            status = int(file_statuses(lookup, IORING_OP_WRITE)[0])
            self.complete_one(entry, sequence, status or STATUS_INVALID_PARAMETER)
            return
        flight = Flight(
            IORING_OP_FLUSH, entry["UserData"], np.array([sequence], np.uint64), [file], np.zeros(1, np.intp)
        )
        # NO_SYNC needs no more than the data handed to the device; the host's nearest is a flush of the data.
        data_only = mode in (FILE_FLUSH_DATA, FILE_FLUSH_NO_SYNC)
        self._launch(flight, OperationCode.FLUSH_DATA if data_only else OperationCode.FLUSH)

    def start_register_files(self, entry: npt.NDArray[Any], handles: Any, sequence: int) -> None:
        """Replace the table of files; -1 as a handle leaves a slot empty."""
        if not handles:
            self.complete_one(entry, sequence, STATUS_INVALID_PARAMETER)
            return
        files = [self._io.handles.get(handle) for handle in handles]
        unknown = (handle for file, handle in zip(files, handles, strict=True) if file is None)
        if any(handle & _NO_HANDLE != _NO_HANDLE for handle in unknown):
            self.complete_one(entry, sequence, STATUS_INVALID_HANDLE)
            return
        self.replace_files(files)
        self.complete_one(entry, sequence, STATUS_SUCCESS)

    def replace_files(self, files: list[FileObject | None]) -> None:
        """Make these the table of files, referenced; those there before are let go."""
        for file in files:
            if file is not None:
                self._io.reference(file)
        former, self._tables.files = self._tables.files, files
        for file in former:
            if file is not None:
                self._io.dereference(file)

    def start_register_buffers(self, entry: npt.NDArray[Any], buffers: Any, sequence: int) -> None:
        """Replace the table of buffers; address 0 with length 0 leaves a slot empty."""
        slots: list[RegisteredBuffer] = []
        status = STATUS_SUCCESS if buffers else STATUS_INVALID_PARAMETER
        for address, length in buffers or ():
            region = self._io.memory.pin(address, length) if length else None
            if length and region is None:
                status = STATUS_ACCESS_VIOLATION
            slots.append(RegisteredBuffer(address, length, region))
        if status:
            self._release(slots)
        else:
            former, self._tables.buffers = self._tables.buffers, slots
            self._release(former)
        self.complete_one(entry, sequence, status)

    def _release(self, slots: list[RegisteredBuffer]) -> None:
        for slot in slots:
            if slot.region is not None:
                self._io.memory.unpin(slot.region)

