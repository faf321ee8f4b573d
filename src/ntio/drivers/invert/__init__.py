"""A worked example of a filter: every byte lies inverted on the disk below.

Writing sends an inverted copy down (a caller's bytes never change), reading turns the bytes back on the way up. The
batch routines do the same to all rows of a batch at once.

Rows: R19
"""

from __future__ import annotations

import numpy as np

from ...driver_kit import DeviceObject, FilterDriver, Irp


class Invert(FilterDriver):
    """Keep every byte inverted on the disk below."""

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        """Send the inverted bytes down."""
        return irp.pass_down(buffer=~irp.array)

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        """Read what is there and turn it back on the way up."""
        return irp.pass_down(self.flip)

    def flip(self, device: DeviceObject, irp: Irp) -> None:
        """Turn back what was read: as many bytes as the driver below says it moved."""
        data = irp.array[: irp.information]
        np.bitwise_not(data, out=data)

    def dispatch_write_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Send all rows inverted."""
        assert irp.batch is not None
        return irp.pass_down(buffer=~irp.batch.buffer)

    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Read all rows and turn them back on the way up."""
        return irp.pass_down(self.flip_rows)

    def flip_rows(self, device: DeviceObject, irp: Irp) -> None:
        """Turn back every row that was read."""
        assert irp.batch is not None
        for data in irp.batch.transferred():
            np.bitwise_not(data, out=data)
