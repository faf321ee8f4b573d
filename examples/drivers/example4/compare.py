"""The same filter twice, friendly and raw: the same requests give the same bytes, on the disk and to the caller.

Both run with the verifier on, which checks every step of a driver.
"""

from __future__ import annotations

import random

from friendly import Scramble
from raw import DriverEntry

from ntio import Stack
from ntio.driver_kit import wdk_driver
from ntio.drivers.ram_disk import RamDisk

SIZE = 1 << 16


def run(layer) -> tuple[bytes, list[bytes]]:
    """Random writes and reads through one of them; what is on the disk afterwards, and what was read."""
    chance, disk, read = random.Random(1), RamDisk(size=SIZE), []
    with Stack(disk, layer, verify=True) as stack:
        for _ in range(200):
            offset = chance.randrange(SIZE)
            length = chance.randrange(SIZE - offset + 1)
            stack.write(chance.randbytes(length), offset)
            read.append(stack.read(length, offset))
    return bytes(disk.media), read


friendly, raw = run(Scramble()), run(wdk_driver(DriverEntry, "raw_scramble"))
assert friendly == raw
print(f"{len(raw[1])} reads and {SIZE} bytes on the disk: equal")
