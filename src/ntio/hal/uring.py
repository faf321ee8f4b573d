"""The io_uring engine: NumPy structured arrays laid over the kernel's own rings.

Both rings are shared memory. The submission ring is an array of 64-byte entries (`SQE`), the completion ring one of
16-byte entries (`COMPLETION`), each with a free-running head and tail. To submit a thousand requests this engine
assigns a few columns of a thousand entries, moves the tail, and enters the kernel once; to reap them it copies one
slice. Nothing here loops over requests.

Columns that are the same in every row (operation, descriptor, length, flags) are a *template*: written into all entries
once and left there, so that a window costs three column writes: offset, address, row (809 k to 996 k reads/s).
A template is only laid down while no staged entry waits, because it overwrites every entry.

One thread may wait inside `enter` while others stage and enter without waiting: the kernel takes staged entries under
its own lock. Everything but a waiting `enter` is serialised by the caller (`OperationQueue`). Heads and tails are plain
loads and stores, which x86-64 keeps in order.

Flags: SUBMIT_ALL (a bad entry must not stop the ones behind it), CQSIZE, NO_SQARRAY where the kernel has it (6.6),
COOP_TASKRUN and TASKRUN_FLAG. SINGLE_ISSUER and DEFER_TASKRUN measured nothing (1.06 to 1.10 M reads/s either way), and
hide completions from other threads.

Linux 6.1 cannot try a blocking pipe without waiting: once ready, each row goes to a kernel thread. Seen there: rows of
a batch reached the pipe in reverse, a write waited until all of it was taken instead of being short, a read of no
bytes waited for data. With O_NONBLOCK on the pipe all of it is as on newer kernels, and an idle read still waits.

Sources: `io_uring(7)`, `io_uring_setup(2)`, `io_uring_enter(2)`, spec ioring.md section 3. Rows: R4, R30
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import uring_abi as abi
from .engine import PATIENCE, WATCH
from .operations import COMPLETION, MESSAGE, MESSAGE_CODES, OperationCode, Operations, address_of, rounded_entries

_BASE_FLAGS = abi.SETUP_CQSIZE | abi.SETUP_SUBMIT_ALL | abi.SETUP_COOP_TASKRUN | abi.SETUP_TASKRUN_FLAG

#: The slot of entries that are the engine's own (wake-ups, cancellations): nobody's result.
INTERNAL = 0xFFFF_FFFF

_OPCODES = {
    OperationCode.NOP: abi.OP_NOP,
    OperationCode.READ: abi.OP_READ,
    OperationCode.WRITE: abi.OP_WRITE,
    OperationCode.FLUSH: abi.OP_FSYNC,
    OperationCode.FLUSH_DATA: abi.OP_FSYNC,
    OperationCode.OPEN: abi.OP_OPENAT,
    OperationCode.CLOSE: abi.OP_CLOSE,
    OperationCode.STAT: abi.OP_STATX,
    OperationCode.ACCEPT: abi.OP_ACCEPT,
    OperationCode.CONNECT: abi.OP_CONNECT,
    OperationCode.SEND: abi.OP_SEND,
    OperationCode.RECEIVE: abi.OP_RECV,
    OperationCode.SEND_MESSAGE: abi.OP_SENDMSG,
    OperationCode.RECEIVE_MESSAGE: abi.OP_RECVMSG,
    OperationCode.SHUTDOWN: abi.OP_SHUTDOWN,
    OperationCode.POLL: abi.OP_POLL_ADD,
}
#: Their entries hold something else, or nothing, where others have the length.
_LENGTH_ELSEWHERE = (OperationCode.CONNECT, OperationCode.ACCEPT, OperationCode.POLL, *MESSAGE_CODES)
_FIXED_OPCODES = {OperationCode.READ: abi.OP_READ_FIXED, OperationCode.WRITE: abi.OP_WRITE_FIXED}

_NOTHING = np.empty(0, COMPLETION)
#: What `enter` passes for a timeout: argument, its size, flags.
_Timeout = tuple[Any, int, int]
_Key = tuple[int, int, int | None, int | None, int, int, int | None, int]


class UringEngine:
    """One io_uring of the host, as columns.

    `entries` is rounded up to a power of two and capped at 32768; the completion ring has twice as many. Raises OSError
    where the kernel refuses (ENOSYS, EPERM, ENOMEM).
    """

    name = "uring"
    watches = True

    def __init__(self, entries: int) -> None:
        self.crossings = 0
        self._open_ring(rounded_entries(entries))
        self._map_ring()
        self._template: _Key | None = None
        self._latest: _Key | None = None
        self._timeout = -1.0
        self._event_file = -1
        self._timeout_argument: _Timeout

    def _open_ring(self, entries: int) -> None:
        for extra in (abi.SETUP_NO_SQARRAY, 0):
            self._params = params = abi.Params(flags=_BASE_FLAGS | extra, cq_entries=2 * entries)
            try:
                self._fd = abi.setup(entries, params)
            except OSError as error:
                if extra and error.errno == errno.EINVAL:
                    continue
                raise
            self.entries = int(params.sq_entries)
            return

    def _map_ring(self) -> None:
        params, sq, cq = self._params, self._params.sq_off, self._params.cq_off
        size = max(cq.cqes + params.cq_entries * COMPLETION.itemsize, sq.array + params.sq_entries * 4)
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        self._ring_map = mmap.mmap(self._fd, size, flags=flags, offset=abi.OFFSET_SQ_RING)
        self._sqe_map = mmap.mmap(self._fd, params.sq_entries * 64, flags=flags, offset=abi.OFFSET_SQES)
        words = np.frombuffer(self._ring_map, np.uint32, size // 4)
        self._sq_head, self._sq_tail = words[sq.head // 4 :][:1], words[sq.tail // 4 :][:1]
        self._cq_head, self._cq_tail = words[cq.head // 4 :][:1], words[cq.tail // 4 :][:1]
        self._sq_flags = words[sq.flags // 4 :][:1]
        if not params.flags & abi.SETUP_NO_SQARRAY:
            words[sq.array // 4 :][: params.sq_entries] = np.arange(params.sq_entries)
        # As plain 16 bytes, because a record array is copied field by field: 7.6 us for a thousand instead of 0.8.
        self._cqes = np.frombuffer(self._ring_map, "V16", params.cq_entries, cq.cqes)
        self._sqes = np.frombuffer(self._sqe_map, abi.SQE, params.sq_entries)
        self._entries = self._sqes.view(f"V{abi.SQE.itemsize}")
        self._columns = {name: self._sqes[name] for name in abi.SQE.names or ()}
        self._sq_mask, self._cq_mask = params.sq_entries - 1, params.cq_entries - 1
        self._tail = int(self._sq_tail[0])
        self._head = int(self._cq_head[0])

    # --- submitting -------------------------------------------------------------------------------------------------

    def pending(self) -> int:
        """How many staged entries the kernel has not taken yet."""
        return (self._tail - int(self._sq_head[0])) & 0xFFFF_FFFF

    def stage(self, operations: Operations, start: int, count: int, slot: int) -> None:
        """Write rows `start` to `start + count` into the submission ring; no kernel crossing."""
        self._stage(operations, start, count, slot, None)

    def stage_rows(self, operations: Operations, rows: npt.NDArray[np.uint32], slot: int) -> None:
        """Write these rows into the submission ring; no kernel crossing."""
        self._stage(operations, 0, len(rows), slot, rows)

    def stage_standing(self, rows: npt.NDArray[np.intp], batches: Sequence[Operations]) -> None:
        """Copy the prepared entries of these rows into the submission ring, batch after batch; no kernel crossing."""
        count, first = len(rows), self._tail & self._sq_mask
        self._template = None
        if first + count * len(batches) > self.entries:
            for batch in batches:
                for entries, part in self._spans(0, count):
                    self._entries[entries] = batch.prepared[rows[part]]  # type: ignore[index]
                self._publish(count)
            return
        for batch in batches:
            self._entries[first : first + count] = batch.prepared[rows]  # type: ignore[index]
            first += count
        self._publish(count * len(batches))

    def prepare(self, operations: Operations) -> None:
        """Make the entries of a standing batch once, for `stage_standing` to copy; only lengths and files change then.

        `length` and `file` become columns of these entries: what is written there holds for the next request.
        """
        made = np.zeros(operations.count, abi.SQE)
        columns, self._columns = self._columns, {name: made[name] for name in abi.SQE.names or ()}
        every, template = slice(0, operations.count), self._template
        try:
            key = self._constants(operations, operations.slot)
            made[:] = np.frombuffer(_model(key), abi.SQE)
            made["row"] = np.arange(operations.count)
            self._write_varying(operations, every, every)
            self._write_places(operations, every, every)
        finally:
            self._columns, self._template = columns, template
        operations.prepared = made.view(f"V{abi.SQE.itemsize}")
        if not isinstance(operations.length, int):
            operations.length = made["len"]
        if not isinstance(operations.file, int):
            operations.file = made["fd"]

    def _stage(
        self, operations: Operations, start: int, count: int, slot: int, chosen: npt.NDArray[np.uint32] | None
    ) -> None:
        key = self._constants(operations, slot)
        if key != self._template:
            self._lay_template(key, count)
        columns = self._columns
        for entries, part in self._spans(start, count):
            rows: Any = part if chosen is None else chosen[part]
            columns["row"][entries] = np.arange(part.start, part.stop, dtype=np.uint32) if chosen is None else rows
            self._write_varying(operations, entries, rows)
            self._write_places(operations, entries, rows)
        self._publish(count)

    def _write_places(self, operations: Operations, entries: slice, rows: Any) -> None:
        """The two columns that may be addresses."""
        columns, code, position = self._columns, operations.code, operations.position
        if code in MESSAGE_CODES:
            columns["addr"][entries] = _point(operations, rows)
            columns["off"][entries] = 0
            return
        if code == OperationCode.STAT:
            columns["off"][entries] = _slice(operations.auxiliary_position, rows) + np.uint64(
                address_of(operations.auxiliary)
            )
        else:
            columns["off"][entries] = _slice(
                operations.length if code == OperationCode.CONNECT else operations.offset, rows
            )
        base = address_of(operations.buffer)
        if isinstance(position, int):
            columns["addr"][entries] = base + position
        else:
            np.add(position[rows], np.uint64(base), out=columns["addr"][entries], casting="unsafe")

    def _write_varying(self, operations: Operations, entries: slice, rows: Any) -> None:
        file, length = operations.file, operations.length
        if not isinstance(file, int):
            if operations.fixed and operations.code in (OperationCode.OPEN, OperationCode.CLOSE):
                self._columns["file_index"][entries] = file[rows] + 1
            else:
                self._columns["fd"][entries] = file[rows]
        if not isinstance(length, int) and operations.code not in _LENGTH_ELSEWHERE:
            self._columns["len"][entries] = length[rows]

    def _constants(self, operations: Operations, slot: int) -> _Key:
        code, file, fixed = operations.code, operations.file, operations.fixed
        opcode, flags, op_flags, file_index = _OPCODES[code], 0, operations.flags, 0
        fd: int | None = file if isinstance(file, int) else None
        length: int | None = operations.length if isinstance(operations.length, int) else None
        if code in _LENGTH_ELSEWHERE:
            length = int(code in MESSAGE_CODES)
        index: int | None = file_index
        if operations.buffer_index >= 0:
            opcode = _FIXED_OPCODES[code]
        if code == OperationCode.OPEN:
            index, fd = (None if fd is None else fd + 1) if fixed else 0, operations.directory
        elif code == OperationCode.CLOSE and fixed:
            index, fd = (None if fd is None else fd + 1), 0
        elif fixed:
            flags = abi.SQE_FIXED_FILE
        if code == OperationCode.FLUSH_DATA:
            op_flags |= abi.FSYNC_DATASYNC
        return (opcode, flags, fd, length, op_flags, max(operations.buffer_index, 0), index, slot)

    def _lay_template(self, key: _Key, count: int) -> None:
        """Write the constant columns into the next `count` entries, or into all when the same rows come again.

        An entry is 64 bytes that are copied as such: 0.6 us for 256 of them, where eight columns took 2.6.
        """
        everywhere = key == self._latest and self.pending() == 0
        self._latest, self._template = key, key if everywhere else None
        model = np.frombuffer(_model(key), self._entries.dtype)
        for entries in [slice(None)] if everywhere else [entries for entries, _ in self._spans(0, count)]:
            self._entries[entries] = model

    def _spans(self, start: int, count: int) -> Iterator[tuple[slice, slice]]:
        """The next `count` entries as one slice, or two where they wrap, each with its rows."""
        first = self._tail & self._sq_mask
        ahead = min(count, self.entries - first)
        yield slice(first, first + ahead), slice(start, start + ahead)
        if ahead < count:
            yield slice(0, count - ahead), slice(start + ahead, start + count)

    def _publish(self, count: int) -> None:
        self._tail = (self._tail + count) & 0xFFFF_FFFF
        self._sq_tail[0] = self._tail

    def stage_cancel(self, slot: int, rows: npt.NDArray[np.uint32]) -> None:
        """Write a request to cancel the given rows of a batch; each row still gets a result of its own."""
        count = len(rows)
        self._template = None
        for entries, part in self._spans(0, count):
            self._sqes[entries] = np.zeros(1, abi.SQE)
            self._columns["opcode"][entries] = abi.OP_ASYNC_CANCEL
            self._columns["addr"][entries] = (np.uint64(slot) << np.uint64(32)) | rows[part].astype(np.uint64)
            self._columns["slot"][entries] = INTERNAL
        self._publish(count)

    # --- crossing ---------------------------------------------------------------------------------------------------

    def enter(self, minimum: int, timeout: float | None = None) -> None:
        """Hand over what is staged and wait until `minimum` more results are there: one kernel crossing.

        Returns early when interrupted or timed out (seconds); the caller looks at what it wanted and comes back.
        """
        flags, argument, size = abi.ENTER_GETEVENTS, None, 0
        if minimum:
            wanted = PATIENCE if timeout is None else timeout
            if wanted != self._timeout:
                self._timeout, self._timeout_argument = wanted, _make_timeout(wanted)
            argument, size, flags = self._timeout_argument
        pending = self.pending()
        if not pending and not minimum and not int(self._sq_flags[0]) & (abi.SQ_CQ_OVERFLOW | abi.SQ_TASKRUN):
            return
        self.crossings += 1
        taken = abi.enter(self._fd, pending, minimum, flags, argument, size)
        if taken < 0 and taken not in abi.TRY_AGAIN and taken != -errno.ETIME:
            raise OSError(-taken, os.strerror(-taken))

    def collect(self) -> npt.NDArray[Any]:
        """Take every result that is there: COMPLETION[k], a copy; no kernel crossing."""
        tail = int(self._cq_tail[0])
        count = (tail - self._head) & 0xFFFF_FFFF
        if not count:
            return _NOTHING
        first = self._head & self._cq_mask
        ahead = min(count, self._cq_mask + 1 - first)
        taken = self._cqes[first : first + ahead].copy()
        if ahead < count:
            taken = np.concatenate((taken, self._cqes[: count - ahead]))
        self._head = tail
        self._cq_head[0] = tail
        return taken.view(COMPLETION)

    def wake(self, count: int = 1) -> None:
        """Bring a thread back that waits in `enter` for up to `count` results: as many NOPs, which are nobody's."""
        count = min(count, self.entries)
        self._template = None
        for entries, _ in self._spans(0, count):
            self._sqes[entries] = np.zeros(1, abi.SQE)
            self._columns["slot"][entries] = INTERNAL
        self._publish(count)
        self.enter(0)

    def stage_watch(self, descriptor: int) -> None:
        """Write a request to be told once, by a result of slot `WATCH`, when a descriptor is readable."""
        if self.pending() == self.entries:
            self.enter(0)
        self._template = None
        first = self._tail & self._sq_mask
        self._sqes[first] = np.zeros((), abi.SQE)
        entry = self._sqes[first : first + 1]
        entry["opcode"], entry["fd"], entry["op_flags"], entry["slot"] = abi.OP_POLL_ADD, descriptor, 1, WATCH
        self._publish(1)

    def event_file(self) -> int:
        """An eventfd the kernel counts up whenever it posts results; made when first asked for."""
        if self._event_file < 0:
            self._event_file = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            abi.register(self._fd, abi.REGISTER_EVENTFD, ctypes.byref(ctypes.c_int32(self._event_file)), 1)
        return self._event_file

    # --- tables -----------------------------------------------------------------------------------------------------

    def register_files(self, files: Sequence[int]) -> None:
        """Replace the table of registered files; -1 leaves a slot empty. Operations in flight keep the old ones."""
        self._unregister(abi.UNREGISTER_FILES)
        if files:
            abi.register(self._fd, abi.REGISTER_FILES, (ctypes.c_int32 * len(files))(*files), len(files))

    def register_buffers(self, buffers: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Replace the table of registered buffers; raises OSError ENOMEM above RLIMIT_MEMLOCK."""
        self._unregister(abi.UNREGISTER_BUFFERS)
        if buffers:
            vectors = np.array([(address_of(buffer), buffer.nbytes) for buffer in buffers], np.uint64)
            abi.register(self._fd, abi.REGISTER_BUFFERS, ctypes.c_void_p(vectors.ctypes.data), len(buffers))

    def _unregister(self, opcode: int) -> None:
        with contextlib.suppress(OSError):  # ENXIO: nothing was registered
            abi.register(self._fd, opcode, None, 0)

    def close(self) -> None:
        """Give the ring back: our own arrays first, then the mappings, then the descriptor."""
        if self._fd < 0:
            return
        for name in ("_sq_head", "_sq_tail", "_cq_head", "_cq_tail", "_sq_flags"):
            delattr(self, name)
        del self._cqes, self._sqes, self._entries, self._columns
        self._ring_map.close()
        self._sqe_map.close()
        os.close(self._fd)
        self._fd = -1
        if self._event_file >= 0:
            os.close(self._event_file)


def _model(key: _Key) -> bytes:
    """One entry with a batch's constant columns."""
    opcode, flags, fd, length, op_flags, buffer_index, file_index, slot = key
    return abi.SQE_VALUES.pack(
        opcode, flags, fd or 0, 0, 0, length or 0, op_flags, 0, slot, buffer_index, file_index or 0
    )


def _make_timeout(timeout: float) -> _Timeout:
    timespec = abi.Timespec(int(timeout), int(timeout % 1 * 1e9))
    argument = abi.GeteventsArgument(timespec=ctypes.addressof(timespec))
    argument.keep = timespec  # the kernel reads through the address: it must outlive the call
    return ctypes.byref(argument), ctypes.sizeof(argument), abi.ENTER_GETEVENTS | abi.ENTER_EXT_ARG


def _slice(column: Any, rows: Any) -> Any:
    return column if isinstance(column, int) else column[rows]


def _point(operations: Operations, rows: Any) -> npt.NDArray[np.uint64]:
    """Fill the pointers of the rows' messages; returns where these lie."""
    assert operations.auxiliary is not None
    messages = operations.auxiliary.view(MESSAGE)
    places = _slice(operations.auxiliary_position, rows)
    if isinstance(places, int):
        places = np.full(rows.stop - rows.start if isinstance(rows, slice) else len(rows), places)
    here: Any = places.astype(np.uint64) + np.uint64(address_of(operations.auxiliary))
    index = places // MESSAGE.itemsize
    messages["name_pointer"][index] = here + np.uint64(MESSAGE.fields["name"][1])  # type: ignore[index]
    messages["vector"][index] = here + np.uint64(MESSAGE.fields["base"][1])  # type: ignore[index]
    messages["vectors"][index] = 1
    messages["base"][index] = _slice(operations.position, rows) + np.uint64(address_of(operations.buffer))
    messages["length"][index] = _slice(operations.length, rows)
    pointers: npt.NDArray[np.uint64] = here
    return pointers
