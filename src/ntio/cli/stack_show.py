"""A device stack at work: a disk, the invert filter, the log filter; scalar requests and a ring's batches go through.

With real files the disk is `file_disk` on a temporary file, and that file is looked at: it must hold the inverted
bytes. Without them it is `ram_disk`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..debugger.device_tree import device_tree, draw_device_tree
from ..debugger.trace import Tracer
from ..driver_kit import Driver
from ..drivers.file_disk import FileDisk
from ..drivers.invert import Invert
from ..drivers.log import Log
from ..drivers.ram_disk import RamDisk
from ..system.rings.ring import Ring
from ..system.stack import Stack
from ..system.system import System

_SIZE = 1 << 20
_ROWS, _ROW = 256, 4096
_GREETING = b"Every byte of this lies inverted on the disk below."


@dataclass(frozen=True)
class StackShow:
    """What the stack did: `read_back` every byte written was read again; `inverted_below` the bytes on the disk are
    the inverted ones; `logged` what the log filter wrote down; the device tree and the traced request as data and text.
    """

    disk: str
    written: int
    read_back: bool
    inverted_below: bool
    logged: list[str]
    tree: Any
    tree_text: str
    trace: list[dict[str, Any]]
    trace_text: str

    @property
    def correct(self) -> bool:
        """Whether everything came out as it must."""
        return self.read_back and self.inverted_below


def show_stack(system: System, *, real_files: bool) -> StackShow:
    """Build the stack, write and read through it, trace one request."""
    with _disk(real_files) as (disk, medium):
        log = Log()
        with Stack(disk, Invert(), log, system=system) as stack, Ring(_ROWS, system) as ring:
            rows = np.random.default_rng(3).integers(0, 256, (_ROWS, _ROW), dtype=np.uint8)
            offsets = np.arange(_ROWS, dtype=np.uint64) * np.uint64(_ROW)
            ring.write(stack.file, offsets, rows).raise_for_status()
            again = ring.read(stack.file, offsets, _ROW).raise_for_status().data
            same = again is not None and np.array_equal(again, rows)
            stack.write(_GREETING, 0)
            stack.flush()
            same = same and stack.read(len(_GREETING), 0) == _GREETING
            expected = bytearray(rows.tobytes())
            expected[: len(_GREETING)] = _GREETING
            below = bytes(~np.frombuffer(expected, np.uint8)) == medium()
            logged = [str(record) for record in log.records]
            with Tracer(stack) as tracer:
                stack.read(_ROW, 0)
            return StackShow(
                "file_disk" if real_files else "ram_disk", len(expected), same, below, logged,
                device_tree(system), draw_device_tree(system), tracer.as_data(), tracer.draw(),
            )  # fmt: skip


@contextmanager
def _disk(real_files: bool) -> Iterator[tuple[Driver, Any]]:
    """A disk driver, and how to see its bytes from outside."""
    if not real_files:
        disk = RamDisk(size=_SIZE)
        yield disk, disk.media.tobytes
        return
    with tempfile.NamedTemporaryFile(prefix="ntio-disk-") as file:
        path = file.name

        def look() -> bytes:
            with open(path, "rb") as again:
                return again.read()

        yield FileDisk(path, size=_SIZE), look
