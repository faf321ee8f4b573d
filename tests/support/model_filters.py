"""Filters in every style a driver may be written in, each with its meaning for a plain array of bytes.

`Xor` and `XorRows` change the bytes, `Base` moves the disk, `Looker`, `Raw`, `Skip`, `Later`, `Forward` and `Keeper`
change nothing but take the packet another way each: completion routine, raw steps, skipped location, kept and completed
again, sent down and waited for, kept until the test lets it go.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ntio.driver_kit import MORE_PROCESSING_REQUIRED, PENDING, DeviceObject, FilterDriver, Irp, status
from ntio.io_manager.cancel import set_cancel_routine
from ntio.io_manager.dispatch import call_driver, complete_request


class Xor(FilterDriver):
    """Every byte on the disk is XORed with `key`; knows nothing of batches."""

    def __init__(self, key: int) -> None:
        self.key = np.uint8(key)

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down(buffer=irp.array ^ self.key)

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down(self.turn_back)

    def turn_back(self, device: DeviceObject, irp: Irp) -> None:
        irp.array[: irp.information] ^= self.key


class XorRows(Xor):
    """The same with routines for batches."""

    def dispatch_write_batch(self, device: DeviceObject, irp: Irp) -> int:
        assert irp.batch is not None
        return irp.pass_down(buffer=irp.batch.buffer ^ self.key)

    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down(self.turn_rows_back)

    def turn_rows_back(self, device: DeviceObject, irp: Irp) -> None:
        assert irp.batch is not None
        for data in irp.batch.transferred():
            data ^= self.key


class Base(FilterDriver):
    """A partition: offset 0 is `base` on the device below. Written with the raw steps."""

    def __init__(self, base: int) -> None:
        self.base = base

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        below = irp.copy_location_to_next()
        below.byte_offset += self.base
        irp.set_completion_routine(self.carry_pending)
        assert device.lower is not None
        return call_driver(device.lower, irp)

    dispatch_write = dispatch_read

    def carry_pending(self, device: DeviceObject, irp: Irp, context: Any) -> None:
        if irp.pending_returned:
            irp.mark_pending()


class Raw(Base):
    """The raw steps with a routine, changing nothing."""

    def __init__(self) -> None:
        super().__init__(0)


class Looker(FilterDriver):
    """Sees everything come up again."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down(self.look)

    dispatch_write = dispatch_flush_buffers = dispatch_read_batch = dispatch_write_batch = dispatch_read

    def look(self, device: DeviceObject, irp: Irp) -> None:
        assert irp.location.device is device


class Skip(FilterDriver):
    """Hands its own location down."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.skip_location()
        assert device.lower is not None
        return call_driver(device.lower, irp)

    dispatch_write = dispatch_flush_buffers = dispatch_read


class Later(FilterDriver):
    """Stops completion, and completes the packet again: always pending for whoever is above."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        irp.copy_location_to_next()
        irp.set_completion_routine(self.stop)
        assert device.lower is not None
        call_driver(device.lower, irp)
        return PENDING

    dispatch_write = dispatch_flush_buffers = dispatch_read

    def stop(self, device: DeviceObject, irp: Irp, context: Any) -> int:
        complete_request(irp)
        return MORE_PROCESSING_REQUIRED


class Keeper(FilterDriver):
    """Keeps reads and writes while `keeping` is set; they can be cancelled there. Batches come in parts."""

    def __init__(self) -> None:
        self.keeping = False
        self.kept: list[Irp] = []

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        if not self.keeping:
            return irp.pass_down()
        irp.mark_pending()
        self.kept.append(irp)
        set_cancel_routine(irp, self.give_up)
        return PENDING

    dispatch_write = dispatch_read

    def give_up(self, device: DeviceObject, irp: Irp) -> None:
        self.kept.remove(irp)
        irp.complete(status.STATUS_CANCELLED)

    def release(self) -> None:
        """Send on everything that is kept, in the order it came."""
        self.keeping = False
        while self.kept:
            irp = self.kept.pop(0)
            set_cancel_routine(irp, None)
            irp.pass_down(_carry)


def _carry(device: DeviceObject, irp: Irp) -> None:
    """A kept packet is on its way up, for which PENDING was returned long ago."""
