"""Requests per second through 1 to 12 drivers, one at a time and 256 at a time.

The bottom is a disk in memory that fits the processor's cache, so that what is measured is the way through the layers.
`os.pread` on a cached file is the yardstick: one system call against one packet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

import ntio
from ntio.drivers.null_filter import NullFilter
from ntio.io_manager.codes.major import IRP_MJ_READ
from ntio.io_manager.packet.batch import Batch
from ntio.io_manager.requests import read, transfer_batch

BLOCK = 4096
DISK = 1 << 20
ROWS = 256

Scale = Callable[[int, int], int]


class WithRoutine(ntio.FilterDriver):
    """Passes reads down and looks at them on the way up."""

    def dispatch_read(self, device: ntio.DeviceObject, irp: ntio.Irp) -> int:
        """One read."""
        return irp.pass_down(self.done)

    def dispatch_read_batch(self, device: ntio.DeviceObject, irp: ntio.Irp) -> int:
        """A batch of reads."""
        return irp.pass_down(self.done)

    def done(self, device: ntio.DeviceObject, irp: ntio.Irp) -> None:
        """Nothing: the call itself is what is measured."""


def scalar_rate(stack: ntio.Stack, count: int) -> Callable[[], float]:
    """Reads through packets, one at a time."""
    file_object, buffer = stack.file.file_object, memoryview(bytearray(BLOCK))
    offsets = [block * BLOCK % DISK for block in range(count)]

    def run() -> float:
        start = perf_counter()
        for offset in offsets:
            read(file_object, buffer, offset)
        return count / (perf_counter() - start)

    return run


def batch_rate(stack: ntio.Stack, count: int) -> Callable[[], float]:
    """Reads through batch packets of 256."""
    file_object, buffer = stack.file.file_object, np.zeros(ROWS * BLOCK, np.uint8)
    position, length = np.arange(ROWS, dtype=np.uint64) * np.uint64(BLOCK), np.full(ROWS, BLOCK, np.uint32)
    generator = np.random.default_rng(3)
    offsets = [
        generator.integers(0, DISK // BLOCK, ROWS).astype(np.uint64) * np.uint64(BLOCK)
        for _ in range(max(count // ROWS, 1))
    ]

    def run() -> float:
        start = perf_counter()
        for offset in offsets:
            transfer_batch(file_object, IRP_MJ_READ, Batch(buffer, position, offset, length), None)
        return ROWS * len(offsets) / (perf_counter() - start)

    return run


@pytest.mark.parametrize("layer", [NullFilter, WithRoutine], ids=["passing through", "with completion routines"])
def test_stack_depth(
    layer: type[ntio.FilterDriver],
    tmp_path: Path,
    scale: Scale,
    alternate: Callable[..., dict[str, float]],
    record: Callable[..., None],
) -> None:
    """Scalar and batch rates by depth, with and without lookaside lists, beside a bare system call."""
    count = scale(300, 60_000)
    (tmp_path / "file").write_bytes(bytes(DISK))
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    runs: dict[str, Callable[[], float]] = {"os.pread": pread_rate(descriptor, count)}
    stacks = []
    for depth in (1, 3, 6, 12):
        stack = build(layer, depth)
        stacks.append(stack)
        runs[f"{depth} scalar"] = scalar_rate(stack, count)
        runs[f"{depth} batch"] = batch_rate(stack, 10 * count)
    without = build(layer, 3, lookaside=False)
    stacks.append(without)
    runs["3 scalar, no lookaside"] = scalar_rate(without, count)
    rates = alternate(runs, scale(1, 5))
    for stack in stacks:
        assert stack.read(BLOCK, 0) == bytes([1]) * BLOCK
        assert not stack.system.io.irps.live()
        stack.close()
    os.close(descriptor)
    for name, rate in rates.items():
        against = {"x scalar": rate / rates[name.replace("batch", "scalar")]} if "batch" in name else {}
        record(name, **{"requests/s": rate, "of os.pread": rate / rates["os.pread"], **against})


def build(layer: type[ntio.FilterDriver], depth: int, *, lookaside: bool = True) -> ntio.Stack:
    """A disk in memory with `depth` - 1 filters on it; its memory is touched, as untouched memory reads for free."""
    system = ntio.System("simulated", lookaside=lookaside)
    stack = ntio.Stack(f"ram_disk:size={DISK}", *(layer() for _ in range(depth - 1)), system=system)
    stack.write(bytes([1]) * DISK, 0)
    return stack


def pread_rate(descriptor: int, count: int) -> Callable[[], float]:
    """The yardstick."""

    def run() -> float:
        start = perf_counter()
        for block in range(count):
            os.pread(descriptor, BLOCK, block * BLOCK % DISK)
        return count / (perf_counter() - start)

    return run
