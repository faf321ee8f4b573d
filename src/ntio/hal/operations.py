"""A batch of host operations as columns: what every HAL backend is handed and fills in.

One `Operations` is n requests to the host kernel, kept as columns so that no backend needs a Python loop to submit
or to reap them. A column is an array of n values, or one scalar where all rows agree; scalars let the io_uring backend
write such a column once and never again (measured: 809 k to 996 k reads/s).

    code      what to do (`OperationCode`)            file      a descriptor, or a registered index (`fixed`)
    position  where in `buffer` the bytes lie         offset    where in the file
    length    how many bytes                          flags     open, sync or read/write flags of the host

`buffer` is one uint8 array that owns every byte the rows touch; only a backend turns a position into an address. The
description stays until each row's result is in, because the kernel cancels what a thread submitted when that thread
exits, and such rows are submitted again from here (`operation_queue`). `results` holds the host's answer per row: a
byte count or a descriptor, or minus an errno; `status` and `information` are the same in NT's terms.

Rows: R4, R30
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from ctypes import addressof, c_char
from typing import Any

import numpy as np
import numpy.typing as npt

from ..status import STATUS_END_OF_FILE, statuses_from_results

Column = npt.NDArray[Any] | int

#: Never a descriptor: an empty slot of a table of registered files.
SPARSE = -1

#: Stands for the directory that relative paths start from otherwise; the host's AT_FDCWD.
WORKING_DIRECTORY = -100

#: What Linux transfers in one call at most (MAX_RW_COUNT with 4 KiB pages); a longer request would silently be short.
MAXIMUM_TRANSFER = 0x7FFF_F000

#: Linux's largest submission ring, and so what one queue of any HAL holds; NT's is 65536, fed through this in windows.
MAXIMUM_ENTRIES = 32768


class OperationCode(enum.IntEnum):
    """What a host operation does; the numbers are ours, each backend has its own table."""

    NOP = 0
    READ = 1
    WRITE = 2
    FLUSH = 3
    FLUSH_DATA = 4
    OPEN = 5
    CLOSE = 6
    STAT = 7
    ACCEPT = 8
    CONNECT = 9
    SEND = 10
    RECEIVE = 11
    SEND_MESSAGE = 12
    RECEIVE_MESSAGE = 13
    SHUTDOWN = 14
    POLL = 15


#: Operations on sockets that may have to wait for the other side.
SOCKET_CODES = frozenset(
    (
        OperationCode.ACCEPT, OperationCode.CONNECT, OperationCode.SEND, OperationCode.RECEIVE,
        OperationCode.SEND_MESSAGE, OperationCode.RECEIVE_MESSAGE, OperationCode.POLL,
    )
)  # fmt: skip
#: Those whose `auxiliary` holds a `MESSAGE` per row.
MESSAGE_CODES = (OperationCode.SEND_MESSAGE, OperationCode.RECEIVE_MESSAGE)

#: What a datagram comes with: the host's `struct msghdr`, its one `struct iovec`, and the address, which is the
#: caller's to read and write, with `name_length` and (after a receive) `flags`. The rest a backend fills in.
MESSAGE = np.dtype(
    {
        "names": [
            "name_pointer", "name_length", "vector", "vectors", "control", "control_length", "flags", "base", "length",
            "name",
        ],
        "formats": ["<u8", "<u4", "<u8", "<u8", "<u8", "<u8", "<u4", "<u8", "<u8", "V128"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56, 64, 72],
        "itemsize": 200,
    }
)  # fmt: skip


class Operations:
    """n host operations as columns, and their results.

    `position`, `offset` and `length` are arrays of n or scalars; `buffer` is uint8, C-contiguous. For OPEN, `position`
    is that of a NUL-terminated path, `length` the mode, `flags` the open flags and `directory` where a relative path
    starts from; with `fixed` set the file goes into the registered slot `file`. For STAT that directory is `file`,
    `length` the mask, and the answer (`statx.STATX`) goes to `auxiliary_position` in `auxiliary`.

    SEND, RECEIVE: `flags` are those of send(2). The ..._MESSAGE codes have their addresses in `auxiliary`, a `MESSAGE`
    per row. CONNECT: the address is in `buffer`. SHUTDOWN: `length` says how. POLL: `flags` are the events of poll(2).
    """

    __slots__ = (
        "auxiliary", "auxiliary_position", "buffer", "buffer_index", "cancelled", "code", "count", "directory", "file",
        "fixed", "flags", "keep", "length", "next_row", "offset", "on_complete", "on_rows", "position", "prepared",
        "remaining", "results", "slot", "standing",
    )

    def __init__(
        self,
        code: OperationCode,
        count: int,
        *,
        file: Column = -1,
        buffer: npt.NDArray[np.uint8] | None = None,
        position: Column = 0,
        offset: Column = 0,
        length: Column = 0,
        flags: int = 0,
        fixed: bool = False,
        buffer_index: int = -1,
        directory: int = WORKING_DIRECTORY,
        auxiliary: npt.NDArray[np.uint8] | None = None,
        auxiliary_position: Column = 0,
        keep: object = None,
        on_complete: Callable[[Operations], None] | None = None,
    ) -> None:
        self.code = code
        self.count = count
        self.file = file
        self.buffer = buffer
        self.position = position
        self.offset = offset
        self.length = length
        self.flags = flags
        self.fixed = fixed
        self.buffer_index = buffer_index
        self.directory = directory
        self.auxiliary = auxiliary
        self.auxiliary_position = auxiliary_position
        self.keep = keep
        self.on_complete = on_complete
        #: Called with (operations, rows, results) for rows as they finish, on whichever thread reaps them.
        self.on_rows: Callable[[Operations, npt.NDArray[np.uint32], npt.NDArray[np.int32]], None] | None = None
        self.results: npt.NDArray[np.int32] = np.empty(count, np.int32)
        self.remaining = count
        self.next_row = 0
        self.slot = -1
        #: Rows may be started again and again, and the batch stays (`OperationQueue.stand`).
        self.standing = False
        #: What an engine has made of the rows beforehand, for its own use.
        self.prepared: npt.NDArray[Any] | None = None
        self.cancelled: npt.NDArray[np.bool_] | None = None

    @property
    def done(self) -> bool:
        """Whether every row has its result."""
        return self.remaining == 0

    def status(self) -> npt.NDArray[np.uint32]:
        """NTSTATUS of each row, uint32[n]; a read of something that found nothing is STATUS_END_OF_FILE."""
        return _statuses(self.code, self.results, self.length)

    def information(self) -> npt.NDArray[np.uint64]:
        """Bytes moved by each row (or the descriptor an OPEN gave), uint64[n]; 0 where the row failed."""
        return np.maximum(self.results, 0).astype(np.uint64)


def row_statuses(
    operations: Operations, rows: npt.NDArray[Any], results: npt.NDArray[np.int32]
) -> npt.NDArray[np.uint32]:
    """NTSTATUS of some rows by their results, uint32 per row."""
    length = operations.length
    return _statuses(operations.code, results, length if isinstance(length, int) else length[rows])


def _statuses(code: OperationCode, results: npt.NDArray[np.int32], length: Column) -> npt.NDArray[np.uint32]:
    statuses = statuses_from_results(results)
    if code == OperationCode.READ and len(results) and results.min() <= 0:
        statuses[(results == 0) & (np.asarray(length) > 0)] = STATUS_END_OF_FILE
    return statuses


def rounded_entries(entries: int) -> int:
    """The size a queue really gets: a power of two, 8 to 32768."""
    return min(1 << max(entries - 1, 7).bit_length(), MAXIMUM_ENTRIES)


def cell(column: Column, row: int) -> int:
    """One row of a column that may be a scalar."""
    return int(column) if isinstance(column, int) else int(column[row])


def address_of(buffer: npt.NDArray[np.uint8] | None) -> int:
    """The address of an array's first byte: the one place where memory becomes a number."""
    if buffer is None:
        return 0
    if buffer.size and buffer.flags.carray:  # a seventh of what asking the array costs
        return addressof(c_char.from_buffer(buffer))  # type: ignore[arg-type]
    return int(buffer.__array_interface__["data"][0])


#: One finished row: which row of which batch, and the host's answer.
COMPLETION = np.dtype([("row", "<u4"), ("slot", "<u4"), ("result", "<i4"), ("flags", "<u4")])
