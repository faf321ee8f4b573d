"""Packets sent by hand, for tests that want to see every step of their way.

Rows: R13, R18
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..driver_kit import Batch, Irp
from ..io_manager.dispatch import call_driver
from ..system.stack import Stack


class Sent:
    """A packet sent to the top of a stack; counts how often it completes, and keeps what came of it.

    `request` is a writable buffer, None, or a `Batch`; other keywords are fields of the first stack location.
    """

    def __init__(self, stack: Stack, function: int, request: Any = None, offset: int = 0, **fields: Any) -> None:
        device = stack.file.file_object.related_device()
        self.completions = self.status = self.information = 0
        self.irp: Irp = stack.system.io.irps.allocate(device.stack_size)
        self.irp.on_complete = self._done
        first = self.irp.next_location
        first.major, first.byte_offset, first.file_object = function, offset, stack.file.file_object
        if isinstance(request, Batch):
            self.irp.batch = request
        elif request is not None:
            self.irp.buffer = memoryview(request)
            first.length = len(request)
        for name, value in fields.items():
            setattr(first, name, value)
        #: What the top driver's routine returned.
        self.answer = call_driver(device, self.irp)

    def _done(self, irp: Irp) -> None:
        self.completions += 1
        self.status, self.information = irp.status, irp.information
        if self.completions == 1:
            irp.pool.free(irp)


def one_batch(length: int, count: int, first: int = 0) -> Batch:
    """A batch of `count` requests of `length` bytes each, one behind the other from offset `first` on."""
    offsets = first + np.arange(count, dtype=np.uint64) * np.uint64(length)
    lengths = np.full(count, length, np.uint32)
    return Batch(np.zeros(count * length, np.uint8), offsets - np.uint64(first), offsets, lengths)
