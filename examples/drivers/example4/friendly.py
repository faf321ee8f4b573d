"""A filter that scrambles what lies on the disk: every byte is combined with the low byte of its offset.

This is the friendly form. `raw.py` is the same filter as a C driver is written.
"""

from __future__ import annotations

import numpy as np

from ntio import FilterDriver


def scramble(data: np.ndarray, offset: int) -> np.ndarray:
    """The bytes combined with their offsets; doing it twice gives them back."""
    return data ^ np.arange(offset, offset + len(data)).astype(np.uint8)


class Scramble(FilterDriver):
    """Scrambles on the way down, unscrambles on the way up."""

    def dispatch_write(self, device, irp):
        return irp.pass_down(buffer=scramble(irp.array, irp.location.byte_offset))

    def dispatch_read(self, device, irp):
        offset = irp.location.byte_offset

        def unscramble(device, irp):
            data = irp.array[: irp.information]
            data[:] = scramble(data, offset)

        return irp.pass_down(then=unscramble)
