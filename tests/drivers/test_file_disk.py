"""The disk in a host file keeps the law of disks, and its own: the file is the disk, byte for byte."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

import ntio
from ntio.driver_kit import Driver
from ntio.drivers.file_disk import FileDisk
from ntio.status import (
    STATUS_DISK_FULL,
    STATUS_MEDIA_WRITE_PROTECTED,
    DiskFull,
    FileIsADirectory,
    InvalidParameter,
    NtError,
    ObjectNameNotFound,
)
from ntio.testing import DiskTests, Watcher

pytestmark = pytest.mark.row("R15", "R21", "R29")


class TestFileDisk(DiskTests):
    def make_disk(self, size: int, folder: Path) -> Driver:
        return FileDisk(str(folder / "disk"), size=size)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(bytes(range(256)) * 16)
    return path


def test_the_file_is_the_disk(real_system: ntio.System, image: Path) -> None:
    with ntio.Stack(f"file_disk:path={image}", system=real_system) as disk:
        assert disk.size == 4096
        assert disk.read(4, 256) == bytes(range(4))
        disk.write(b"here", 1000)
        disk.flush()
    assert image.read_bytes()[1000:1004] == b"here"
    assert image.stat().st_size == 4096


@pytest.mark.parametrize("size", [100, 4096, 10000])
def test_size_makes_the_file_that_long(real_system: ntio.System, image: Path, size: int) -> None:
    before = image.read_bytes()
    with ntio.Stack(f"file_disk:path={image},size={size}", system=real_system) as disk:
        assert disk.size == size
        assert disk.read(size, 0) == (before + bytes(10000))[:size]
    assert image.stat().st_size == size


def test_size_creates_the_file(real_system: ntio.System, tmp_path: Path) -> None:
    with ntio.Stack(f"file_disk:path={tmp_path / 'new'},size=1K", system=real_system) as disk:
        assert disk.read(1024, 0) == bytes(1024)


@pytest.mark.parametrize("filters", [0, 1])
def test_the_disk_does_not_grow_with_the_file_nor_the_file_with_the_disk(
    real_system: ntio.System, image: Path, filters: int
) -> None:
    layers = [FileDisk(str(image)), *(Watcher() for _ in range(filters))]
    with ntio.Stack(*layers, system=real_system) as disk, ntio.Ring(system=real_system) as ring:
        assert disk.write(bytes(200), 4000) == 96
        with pytest.raises(DiskFull):
            disk.write(b"x", 4096)
        done = ring.write(disk.file, [4090, 4096, 0], np.ones((3, 10), np.uint8))
        assert done.status.tolist() == [0, STATUS_DISK_FULL, 0]
        assert done.information.tolist() == [6, 0, 10]
        assert image.stat().st_size == 4096


def test_reads_and_writes_pass_no_packet_where_nobody_looks(real_system: ntio.System, image: Path) -> None:
    with ntio.Stack(f"file_disk:path={image}", "null_filter", system=real_system) as disk:
        assert disk.bypass.allowed
        before = sum(one.total_allocates for one in real_system.io.irps.statistics().lists.values())
        disk.write(b"straight", 8)
        assert disk.read(8, 8) == b"straight"
        after = sum(one.total_allocates for one in real_system.io.irps.statistics().lists.values())
        assert after == before
    with ntio.Stack(f"file_disk:path={image}", "log", system=real_system) as disk:
        [veto] = disk.bypass.vetoes
        assert veto.driver == "log" and veto.reason.startswith("handles dispatch_read, dispatch_write, ")


def test_a_read_only_disk_refuses_to_be_written(real_system: ntio.System, image: Path) -> None:
    for layers in ([FileDisk(str(image), read_only=True)], [FileDisk(str(image), read_only=True), Watcher()]):
        with ntio.Stack(*layers, system=real_system) as disk, ntio.Ring(system=real_system) as ring:
            for data, offset in ((b"x", 0), (b"x", 5000), (b"", 0)):
                with pytest.raises(NtError) as caught:
                    disk.write(data, offset)
                assert caught.value.status == STATUS_MEDIA_WRITE_PROTECTED and caught.value.errno == errno.EROFS
            statuses = ring.write(disk.file, [0, 8], np.zeros((2, 8), np.uint8)).status
            assert statuses.tolist() == [STATUS_MEDIA_WRITE_PROTECTED] * 2
            assert disk.bypass.allowed == (len(layers) == 1)
            assert disk.read(2, 0) == b"\x00\x01"


def test_a_file_that_cannot_be_had_is_named(real_system: ntio.System, tmp_path: Path) -> None:
    for word, error in (
        (f"file_disk:path={tmp_path / 'missing'}", ObjectNameNotFound),
        (f"file_disk:path={tmp_path}", FileIsADirectory),
        (f"file_disk:path={tmp_path / 'missing'}/below,size=1K", NtError),
        ("file_disk:size=1K", InvalidParameter),
        (f"file_disk:path={tmp_path / 'x'},size=-1", InvalidParameter),
        (f"file_disk:path={tmp_path / 'x'},size=9999999999T", InvalidParameter),
    ):
        with pytest.raises(error):
            ntio.Stack(word, system=real_system)
    assert not list(tmp_path.iterdir())
    assert not real_system.io.host_descriptors


def test_a_direct_disk_leaves_the_hosts_cache_out(real_system: ntio.System, image: Path) -> None:
    try:
        os.close(os.open(image, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        pytest.skip("this file system has no direct I/O")
    memory = np.zeros(8192 + 4096, np.uint8)
    start = -memory.__array_interface__["data"][0] % 4096
    aligned = memory[start : start + 4096]
    with ntio.Stack(f"file_disk:path={image},direct", system=real_system) as disk:
        assert disk.file.read_into(aligned, 0) == 4096
        assert aligned.tobytes() == image.read_bytes()
        with pytest.raises(InvalidParameter):
            disk.file.read_into(memory[start + 1 : start + 101], 0)
