"""What `ntio new filter` writes: three texts, in which $module and $kind stand for the filter's two names."""

from __future__ import annotations

CODE = '''\
"""$kind: a filter for ntio device stacks. Every byte is XORed with a key on its way to the disk.

Change `encode` and `decode` into what the filter is to do, or write other routines: a request the filter has no routine
for is passed down unchanged.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ntio import DeviceObject, FilterDriver, Irp

Bytes = npt.NDArray[np.uint8]


class $kind(FilterDriver):
    """Keep every byte XORed with `key` on the disk below."""

    def __init__(self, key: int = 0x5A) -> None:
        self.key = np.uint8(key)

    def encode(self, data: Bytes) -> Bytes:
        """What is to lie on the disk for these bytes: a new array, because a caller's bytes never change."""
        return data ^ self.key

    def decode(self, data: Bytes) -> None:
        """Turn bytes from the disk into what the caller wrote, in place."""
        np.bitwise_xor(data, self.key, out=data)

    # One request at a time.

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        """Send other bytes down; the caller's are given back on the way up."""
        return irp.pass_down(buffer=self.encode(irp.array))

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        """Pass the request down, and see it again on the way up."""
        return irp.pass_down(self.read_done)

    def read_done(self, device: DeviceObject, irp: Irp) -> None:
        """`irp.information` bytes were read: none if it failed, fewer than asked for at the disk's end."""
        self.decode(irp.array[: irp.information])

    # The same for a batch: n requests as columns. Without these two every row is sent through the routines above.

    def dispatch_write_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Send other bytes down for all rows at once."""
        assert irp.batch is not None
        return irp.pass_down(buffer=self.encode(irp.batch.buffer))

    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Pass all rows down, and see them again on the way up."""
        return irp.pass_down(self.read_batch_done)

    def read_batch_done(self, device: DeviceObject, irp: Irp) -> None:
        """Only the bytes that were moved: rows may have failed or come up short."""
        assert irp.batch is not None
        for data in irp.batch.transferred():
            self.decode(data)
'''

PAGE = """\
# $module

A filter: every byte is XORed with a key on its way to the disk, and turned back when it is read.

| parameter | meaning | default |
|---|---|---|
| `key` | a number from 0 to 255 | 0x5A |

```python
import ntio
from $module import $kind

with ntio.Stack("ram_disk:size=1M", $kind(), "log") as disk:
    disk.write(b"hello", offset=0)
    assert disk.read(5, offset=0) == b"hello"
```

It sees reads and writes, one by one and in batches, so a ring's requests come by in one call. Everything else is passed
down. To use it as a word on the command line (`ntio tree ram_disk:size=1M $module`), declare it in the `pyproject.toml`
of its package:

```toml
[project.entry-points."ntio.drivers"]
$module = "$module:$kind"
```
"""

TEST = '''\
"""$kind keeps the law of every filter, and does what it is for."""

from __future__ import annotations

import numpy as np

import ntio
from ntio.drivers.ram_disk import RamDisk
from ntio.testing.filter_tests import FilterTests

from $module import $kind


class Test$kind(FilterTests):
    filter = $kind


def test_what_lies_on_the_disk_is_encoded() -> None:
    bottom = RamDisk(size=4096)
    with ntio.Stack(bottom, $kind(key=0xFF)) as disk:
        disk.write(b"\\x00\\x0f", offset=0)
        assert disk.read(2, offset=0) == b"\\x00\\x0f"
        assert bytes(bottom.media[:2]) == b"\\xff\\xf0"


def test_a_batch_gives_the_same_as_single_requests() -> None:
    rows = np.arange(8 * 512, dtype=np.uint32).astype(np.uint8).reshape(8, 512)
    offsets = np.arange(8) * 512
    with ntio.Stack("ram_disk:size=4K", $kind()) as disk, ntio.Ring(system=disk.system) as ring:
        ring.write(disk.file, offsets, rows).raise_for_status()
        assert disk.read(4096, offset=0) == rows.tobytes()
        assert (ring.read(disk.file, offsets, 512).raise_for_status().data == rows).all()
'''
