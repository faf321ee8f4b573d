"""The batch form of a request: n reads or n writes in one packet, as columns.

    irp.batch.buffer       uint8[...]   every byte of every row, one pinned array
    irp.batch.position     uint64[n]    where in the buffer a row's bytes are
    irp.batch.offset       uint64[n]    where on the device
    irp.batch.length       uint32[n]    how many
    irp.batch.status       uint32[n]    NTSTATUS of each row            filled in by the bottom driver
    irp.batch.information  uint64[n]    bytes moved by each row

A driver that understands batches overrides `dispatch_read_batch` or `dispatch_write_batch` and works on columns: six
layers then pass 6 to 7 million requests a second on data in cache, against half a million one by one. For one that does
not, `split_batch` stands in its table: it makes a *part* packet per row and sends each through the driver's ordinary
routine. The batch packet is complete when its last part is. Parts are our extension and are allowed at any depth.

The batch packet's own status says that every row was dealt with, its information is the sum; what happened to a row
stands in its row.

Rows: R13, R21
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from ...bugcheck import BugCheck, BugCheckCode
from ...status import STATUS_PENDING, STATUS_SUCCESS
from ..cancel import cancel_irp
from ..dispatch import call_driver

if TYPE_CHECKING:
    from ..device import DeviceObject
    from .irp import Irp

Column = npt.NDArray[Any]

#: DRIVER_VERIFIER_IOMANAGER_VIOLATION: returned without completing, forwarding or pending.
_NEITHER_COMPLETED_NOR_PENDING = 0x226


class Batch:
    """n requests as columns; see the module for the shapes."""

    __slots__ = ("buffer", "information", "length", "offset", "parts", "parts_left", "position", "status")

    def __init__(self, buffer: npt.NDArray[np.uint8], position: Column, offset: Column, length: Column) -> None:
        self.buffer = buffer
        self.position = position
        self.offset = offset
        self.length = length
        self.status: npt.NDArray[np.uint32] = np.zeros(len(offset), np.uint32)
        self.information: npt.NDArray[np.uint64] = np.zeros(len(offset), np.uint64)
        #: While the batch is split: the part of each row that is not done yet, and one more than there are.
        self.parts: list[Irp | None] = []
        self.parts_left = 0

    def __len__(self) -> int:
        return len(self.offset)

    def transferred(self) -> Iterator[npt.NDArray[np.uint8]]:
        """The bytes that were moved, as uint8 arrays into `buffer`: one if the rows lie side by side, else one each."""
        if not len(self):
            return
        whole = self.information == self.length
        ends = self.position + self.length
        if whole.all() and (ends[:-1] == self.position[1:]).all():
            yield self.buffer[int(self.position[0]) : int(ends[-1])]
            return
        for start, count in zip(self.position.tolist(), self.information.tolist(), strict=True):
            if count:
                yield self.buffer[start : start + count]


def complete_batch(irp: Irp) -> int:
    """Complete a batch packet whose rows are filled in."""
    return irp.complete(STATUS_SUCCESS, int(irp.batch.information.sum()))  # type: ignore[union-attr]


def split_batch(device: DeviceObject, irp: Irp) -> int:
    """Send each row of a batch as a packet of its own to this device's ordinary routine."""
    batch: Batch = irp.batch  # type: ignore[assignment]
    batch.parts = [None] * len(batch)
    batch.parts_left = 1  # one more than there are, so that the batch cannot end before the last is sent
    try:
        _send_parts(device, irp, batch)
    except BugCheck:
        raise
    except BaseException:
        if _wait_for_parts(irp, batch):
            cancel_irp(irp)
        raise
    if not _wait_for_parts(irp, batch):
        return complete_batch(irp)
    return STATUS_PENDING


def _send_parts(device: DeviceObject, irp: Irp, batch: Batch) -> None:
    parts, view, lock = batch.parts, batch.buffer.data, irp.pool.lock
    rows = zip(batch.position.tolist(), batch.offset.tolist(), batch.length.tolist(), strict=True)
    for row, (position, offset, length) in enumerate(rows):
        part = _make_part(device, irp, row, view[position : position + length])
        part.next_location.byte_offset = offset
        with lock:
            parts[row] = part
            batch.parts_left += 1
        status = call_driver(device, part)
        if status != STATUS_PENDING and parts[row] is not None:
            stop_lost(device, part, status)


def _wait_for_parts(irp: Irp, batch: Batch) -> bool:
    """Every part is sent: whether one is still out; then the last one completes the batch."""
    pool = irp.pool
    with pool.lock:
        batch.parts_left -= 1
        if not batch.parts_left:
            return False
        irp.mark_pending()
        irp.cancel_routine = _cancel_parts
        cancelled = irp.cancel
    if cancelled:
        _cancel_each(batch)
    return True


def _cancel_parts(device: DeviceObject, irp: Irp) -> None:
    """The cancel routine of a batch that waits for its parts."""
    batch: Batch = irp.batch  # type: ignore[assignment]
    _cancel_each(batch)


def _cancel_each(batch: Batch) -> None:
    parts = batch.parts
    for row, part in enumerate(parts):
        if part is not None:  # one that is done leaves the list before its packet is given back
            cancel_irp(part, lambda row=row, part=part: parts[row] is part)  # type: ignore[misc]


def stop_lost(device: DeviceObject, irp: Irp, status: int) -> NoReturn:
    """A routine returned without having completed, forwarded or kept the packet: it would be lost."""
    irp.pool.stop(
        BugCheckCode.DRIVER_VERIFIER_IOMANAGER_VIOLATION, _NEITHER_COMPLETED_NOR_PENDING, device, irp, status,
        note="a dispatch routine neither completed the request, nor passed it down, nor returned STATUS_PENDING",
    )  # fmt: skip


def _make_part(device: DeviceObject, irp: Irp, row: int, buffer: memoryview) -> Irp:
    part = irp.pool.allocate(device.stack_size)
    part.master, part.row, part.buffer = irp, row, buffer
    part.flags, part.io_ring_context, part.on_complete = irp.flags, irp.io_ring_context, part_done
    here, first = irp.location, part.next_location
    first.major, first.minor, first.flags, first.key = here.major, here.minor, here.flags, here.key
    first.file_object, first.length = here.file_object, len(buffer)
    return part


def part_done(part: Irp) -> None:
    """Put a part's result into its row; the last one completes the batch."""
    master: Irp = part.master  # type: ignore[assignment]
    batch: Batch = master.batch  # type: ignore[assignment]
    batch.status[part.row] = part.status
    batch.information[part.row] = part.information
    pool = part.pool
    with pool.lock:
        batch.parts[part.row] = None
    pool.free(part)
    with pool.lock:
        batch.parts_left -= 1
        last = not batch.parts_left
        if last:
            master.cancel_routine = None
    if last:
        complete_batch(master)
