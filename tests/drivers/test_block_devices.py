"""A disk on a block device of the host: its size is the device's, and it ends where the device ends."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ntio
from ntio.status import STATUS_DISK_FULL, STATUS_END_OF_FILE, STATUS_SUCCESS

SIZE = 1 << 20

pytestmark = [pytest.mark.root, pytest.mark.row("R21", "R30")]


@pytest.fixture
def block_device(tmp_path: Path) -> Iterator[str]:
    """A loop device over a file of one MiB."""
    if not shutil.which("losetup"):
        pytest.skip("losetup is not installed (Debian: mount)")
    image = tmp_path / "image"
    image.write_bytes(bytes(SIZE))
    made = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no loop device can be made here: {made.stderr.strip()}")
    yield made.stdout.strip()
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


@pytest.mark.parametrize("layers", [(), ("log",)], ids=["direct", "packets"])
def test_a_disk_on_a_block_device(real_system: ntio.System, block_device: str, layers: tuple[str, ...]) -> None:
    disk = ntio.Stack(f"file_disk:path={block_device}", *layers, system=real_system)
    with disk, ntio.Ring(8, system=real_system) as ring:
        assert disk.size == SIZE
        data = np.arange(4 * 512, dtype=np.uint16).astype(np.uint8).reshape(4, 512)
        ring.write(disk.file, [0, 512, 4096, SIZE - 512], data).raise_for_status()
        disk.flush()
        assert (ring.read(disk.file, [0, 512, 4096, SIZE - 512], 512).raise_for_status().data == data).all()
        across = ring.read(disk.file, [SIZE - 100, SIZE], 512)
        assert across.status.tolist() == [STATUS_SUCCESS, STATUS_END_OF_FILE]
        assert across.information.tolist() == [100, 0]
        assert ring.write(disk.file, SIZE, data[0]).status.tolist() == [STATUS_DISK_FULL]


def test_a_block_device_is_opened_as_a_file(real_system: ntio.System, block_device: str) -> None:
    with ntio.open(block_device, "r+", system=real_system) as file:
        assert file.size == SIZE
        assert file.write(b"sector", 512) == 6 and file.read(6, 512) == b"sector"
