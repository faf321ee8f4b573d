"""Starting an I/O ring's entries: reads, writes, flushes, registrations, each on its way to its completion.

A `Launcher` holds the ring's tables and its flights. What it starts goes to the ring's queue of host operations, or as
a packet through a stack; each row that ends is reported once, through the callable `finish`, with its user data,
status, information and sequence number. Files in flight are referenced and regions pinned until then.

A cancellation that comes while a flight is being started is noted in the flight and done when it has started.

Source: spec ioring.md 2.5, 2.6, 2.9. Rows: R3, R5, R7
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ...hal.operation_queue import OperationQueue
from ...hal.operations import OperationCode, row_statuses
from ...memory.address_space import Region
from ...status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_PENDING,
    STATUS_SUCCESS,
    nt_success,
)
from ..cancel import cancel_irp
from ..codes.major import IRP_MJ_FLUSH_BUFFERS, IRP_MJ_READ, IRP_MJ_WRITE
from ..file_object import FileObject
from ..manager import IoManager
from ..packet.batch import Batch, stop_lost
from ..packet.irp import Irp
from ..requests import make_batch_irp, make_irp, start
from .buffers import Placer
from .codes import (
    FILE_FLUSH_DATA,
    FILE_FLUSH_NO_SYNC,
    IORING_OP_FLUSH,
    IORING_OP_READ,
    IORING_OP_WRITE,
    REGISTERED_BUFFER,
)
from .flight import (
    Entries,
    Finish,
    Flight,
    Lookup,
    RegisteredBuffer,
    Tables,
    empty_on_stream,
    file_keys,
    file_statuses,
    find_targets,
    flag_statuses,
    group_rows,
    make_operations,
    offset_statuses,
    ways,
    write_flag_statuses,
)

_CODES = {IORING_OP_READ: OperationCode.READ, IORING_OP_WRITE: OperationCode.WRITE}
_MAJORS = {IORING_OP_READ: IRP_MJ_READ, IORING_OP_WRITE: IRP_MJ_WRITE}
_NO_HANDLE = (1 << 64) - 1


class Launcher:
    """Starts the entries of one ring."""

    def __init__(self, io: IoManager, queue: OperationQueue, finish: Finish) -> None:
        self.io = io
        self.finish = finish
        self._queue = queue
        self._lock = io.hal.new_lock()
        self._tables = Tables()
        self._flights: set[Flight] = set()

    @contextmanager
    def look_up(self, body: Entries) -> Iterator[Lookup]:
        """The files that entries name, by handle or by index, held meanwhile."""
        keys, index = file_keys(body)
        files = self.io.hold(map(self._find_file, keys))
        try:
            yield Lookup(files, find_targets(files), index)
        finally:
            self._let_go(files)

    def names(self, body: Entries, file: FileObject) -> bool:
        """Whether an entry names that file."""
        return self._find_file(file_keys(body)[0][0]) is file

    def _find_file(self, key: int) -> FileObject | None:
        if key >> 63 and key != _NO_HANDLE:
            table, number = self._tables.files, key & 0xFFFF_FFFF
            return table[number] if number < len(table) else None
        return self.io.handles.find(key, FileObject)

    def _let_go(self, files: Iterable[FileObject | None]) -> None:
        for file in files:
            if file is not None:
                self.io.dereference(file)

    def complete_one(self, entry: Entries, sequence: int, status: int) -> None:
        """Report an entry that ended where it was started."""
        self.finish(
            entry["UserData"], np.array([status], np.uint32), np.zeros(1, np.uint64), np.array([sequence], np.uint64)
        )

    def unpin(self, pins: list[Region | None]) -> None:
        """Let regions go that were pinned for entries."""
        for region in pins:
            if region is not None:
                self.io.memory.unpin(region)

    # --- reads and writes -------------------------------------------------------------------------------------------

    def start_transfers(self, entries: Entries, pins: list[Region | None], first: int) -> None:
        """Start reads and writes; `pins` are the regions their builders pinned, `first` the first one's number."""
        sequence = np.arange(first, first + len(entries), dtype=np.uint64)
        reading = entries["OpCode"] == IORING_OP_READ
        if reading.all() or not reading.any():
            self._start_kind(IORING_OP_READ if reading[0] else IORING_OP_WRITE, entries, pins, sequence)
            return
        for code, rows in ((IORING_OP_READ, np.flatnonzero(reading)), (IORING_OP_WRITE, np.flatnonzero(~reading))):
            self._start_kind(code, entries[rows], [pins[row] for row in rows.tolist()], sequence[rows])

    def _start_kind(
        self, code: int, entries: Entries, pins: list[Region | None], sequence: npt.NDArray[np.uint64]
    ) -> None:
        body = entries["Read" if code == IORING_OP_READ else "Write"]
        by_index = body["CommonOpFlags"] & REGISTERED_BUFFER != 0
        write_flags = body["Flags"] if code == IORING_OP_WRITE else np.zeros(len(entries), np.uint32)
        with self.look_up(body) as lookup:
            placer = Placer(self.io.memory, self._tables, body, into_memory=code == IORING_OP_READ)
            places = placer.place(by_index, pins)
            status = flag_statuses(body)
            for more in (
                file_statuses(lookup, code),
                write_flag_statuses(write_flags, lookup),
                offset_statuses(lookup, body),
                places.status,
            ):
                status = np.where(status == 0, more, status)
            over = (status != 0) | empty_on_stream(lookup, body)
            ended = np.flatnonzero(over)
            if len(ended):
                places.release(self.io.memory, ended)
                nothing = np.zeros(len(ended), np.uint64)
                self.finish(entries["UserData"][ended], status[ended], nothing, sequence[ended])
            way = ways(lookup, body, writing=code == IORING_OP_WRITE)
            for rows in group_rows([places.index, write_flags, way], np.flatnonzero(~over)):
                number = int(places.index[rows[0]])
                flight = self._make_flight(code, entries["UserData"][rows], sequence[rows], lookup, rows)
                flight.region = places.regions[number] if number >= 0 else None
                flight.position, flight.flags = places.position[rows], int(write_flags[rows[0]])
                flight.offset, flight.length = body["Offset"][rows], body["Length"][rows]
                self.launch(flight, direct=not way[rows[0]])

    def _make_flight(self, code: int, user_data: Any, sequence: Any, lookup: Lookup, rows: Any) -> Flight:
        used, file_index = [0], np.zeros(len(rows), np.intp)
        if len(lookup.objects) > 1:
            distinct, file_index = np.unique(lookup.index[rows], return_inverse=True)
            used, file_index = distinct.tolist(), file_index.reshape(-1)
        files = [file for file in (lookup.objects[number] for number in used) if file is not None]
        targets = [target for target in (lookup.targets[number] for number in used) if target is not None]
        return Flight(code, user_data, sequence, files, file_index, targets, self.finish)

    # --- flights ----------------------------------------------------------------------------------------------------

    def launch(self, flight: Flight, *, direct: bool, code: OperationCode | None = None) -> None:
        """Send a flight on its way: straight to the host, or as a packet where a stack wants to see it."""
        flight.done = np.zeros(len(flight.user_data), np.bool_)
        for file in flight.files:
            self.io.reference(file)
        with self._lock:
            self._flights.add(flight)
        if direct:
            self._launch_operations(flight, _CODES[flight.code] if code is None else code)
        else:
            self._launch_packet(flight)
        if flight.unwanted is not None:
            self._cancel_rows(flight, np.flatnonzero(flight.unwanted))

    def _launch_operations(self, flight: Flight, code: OperationCode) -> None:
        operations = make_operations(flight, code)
        operations.on_rows = lambda done, rows, results: self._rows_done(
            flight, rows, row_statuses(done, rows, results), np.maximum(results, 0).astype(np.uint64)
        )
        self._queue.enqueue(operations)
        with self._lock:
            # Not once it has landed: the two would keep each other, and the caller's buffer, until the collector runs.
            flight.operations = operations if flight in self._flights else None

    def _launch_packet(self, flight: Flight) -> None:
        file, columns = flight.files[0], None
        if flight.code == IORING_OP_FLUSH:
            irp = make_irp(file, IRP_MJ_FLUSH_BUFFERS, self._queue)
        else:
            buffer = flight.region.array if flight.region is not None else np.empty(0, np.uint8)
            columns = Batch(buffer, flight.position, flight.offset, flight.length)
            irp = make_batch_irp(file, _MAJORS[flight.code], columns, self._queue)
        irp.on_complete = lambda packet: self._packet_done(flight, packet, columns)
        flight.irp = irp
        device = file.related_device()
        status = start(device, irp)
        if status != STATUS_PENDING and flight.irp is irp:
            stop_lost(device, irp, status)

    def _packet_done(self, flight: Flight, packet: Irp, columns: Batch | None) -> None:
        with packet.pool.lock:  # under which a cancellation makes sure that the packet is still this one
            flight.irp = None
        overall, count = packet.status, len(flight.user_data)
        packet.pool.free(packet)
        if columns is not None and nt_success(overall):
            moved = np.where(nt_success(columns.status), columns.information, np.uint64(0))
            self._rows_done(flight, np.arange(count), columns.status, moved)
            return
        self._rows_done(flight, np.arange(count), np.full(count, overall, np.uint32), np.zeros(count, np.uint64))

    def _rows_done(self, flight: Flight, rows: Any, status: Any, information: Any) -> None:
        if flight.region is not None:
            self.io.memory.unpin(flight.region, len(rows))
        with self._lock:
            flight.done[rows] = True
            whole = flight in self._flights and bool(flight.done.all())
            if whole:
                self._flights.discard(flight)
                flight.operations = None
        try:
            if whole:
                self._let_go(flight.files)
        finally:
            flight.finish(flight.user_data[rows], status, information, flight.sequence[rows])

    # --- cancelling -------------------------------------------------------------------------------------------------

    def cancel(self, file: FileObject | None, target: int | None) -> int:
        """Ask operations to end early, on a file or on all: those with user data `target`, or all; how many."""
        found = 0
        with self._lock:
            flights = list(self._flights)
        for flight in flights:
            with self._lock:
                rows = flight.matching(file, target)
                if len(rows):
                    if flight.unwanted is None:
                        flight.unwanted = np.zeros(len(flight.done), np.bool_)
                    flight.unwanted[rows] = True
            found += len(rows)
            if len(rows):
                self._cancel_rows(flight, rows)
        return found

    def cancel_started(self, sequence: int) -> None:
        """Ask the operation with that sequence number to end early."""
        with self._lock:
            found = [(flight, np.flatnonzero(flight.sequence == sequence)) for flight in self._flights]
        for flight, rows in found:
            if len(rows):
                self._cancel_rows(flight, rows)

    def _cancel_rows(self, flight: Flight, rows: npt.NDArray[np.intp]) -> None:
        operations, irp = flight.operations, flight.irp
        if operations is not None:
            self._queue.cancel(operations, rows)
        if irp is not None:
            cancel_irp(irp, lambda: flight.irp is irp)

    # --- flushes and tables -----------------------------------------------------------------------------------------

    def start_flush(self, entry: Entries, array: Any, sequence: int) -> None:
        """Start a flush."""
        body = entry["Flush"]
        mode = int(body["FlushMode"][0])
        with self.look_up(body) as lookup:
            status = int(flag_statuses(body)[0] or file_statuses(lookup, IORING_OP_WRITE)[0])
            if status or mode > FILE_FLUSH_NO_SYNC:
                self.complete_one(entry, sequence, status or STATUS_INVALID_PARAMETER)
                return
            flight = self._make_flight(
                IORING_OP_FLUSH, entry["UserData"], np.array([sequence], np.uint64), lookup, np.zeros(1, np.intp)
            )
            # NO_SYNC needs no more than the data handed to the device; the host's nearest is a flush of the data.
            data_only = mode in (FILE_FLUSH_DATA, FILE_FLUSH_NO_SYNC)
            code = OperationCode.FLUSH_DATA if data_only else OperationCode.FLUSH
            self.launch(flight, direct=bool(flight.targets), code=code)

    def start_register_files(self, entry: Entries, handles: Any, sequence: int) -> None:
        """Replace the table of files; -1 as a handle leaves a slot empty."""
        handles = handles or []
        files = self.io.hold(self.io.handles.find(handle, FileObject) for handle in handles)
        status = STATUS_SUCCESS if handles else STATUS_INVALID_PARAMETER
        for file, handle in zip(files, handles, strict=True):
            if file is None and handle & _NO_HANDLE != _NO_HANDLE:
                status = STATUS_INVALID_HANDLE
        if status:
            self._let_go(files)
        else:
            former, self._tables.files = self._tables.files, files
            self._let_go(former)
        self.complete_one(entry, sequence, status)

    def start_register_buffers(self, entry: Entries, buffers: Any, sequence: int) -> None:
        """Replace the table of buffers; address 0 with length 0 leaves a slot empty."""
        slots: list[RegisteredBuffer] = []
        status = STATUS_INVALID_PARAMETER
        try:
            for address, length in buffers or ():
                region = self.io.memory.pin(address, length) if length else None
                slots.append(RegisteredBuffer(address, length, region))
            if slots:
                known = all(slot.region is not None or not slot.length for slot in slots)
                status = STATUS_SUCCESS if known else STATUS_ACCESS_VIOLATION
        except Exception:  # the caller's array is no longer what it was when the entry was built
            status = STATUS_ACCESS_VIOLATION
        if status:
            self.unpin([slot.region for slot in slots])
        else:
            former, self._tables.buffers = self._tables.buffers, slots
            self.unpin([slot.region for slot in former])
        self.complete_one(entry, sequence, status)

    def close(self) -> None:
        """Empty both tables."""
        files, self._tables.files = self._tables.files, []
        buffers, self._tables.buffers = self._tables.buffers, []
        self._let_go(files)
        self.unpin([slot.region for slot in buffers])
