"""Allocating room in a file: the same on every HAL."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

import ntio

pytestmark = pytest.mark.row("R30")


def test_allocating_makes_a_file_longer_and_keeps_what_it_holds(system: ntio.System, tmp_path: Path) -> None:
    files = system.hal.files
    file = files.open(str(tmp_path / "file"), os.O_RDWR | os.O_CREAT)
    files.write(file, memoryview(b"12345"), 0)
    result = files.allocate(file, 100)
    if result == -errno.EOPNOTSUPP:
        pytest.skip("this file system cannot allocate")
    assert result == 0 and files.size(file) == 100
    assert files.allocate(file, 10) == 0 and files.size(file) == 100
    data = bytearray(100)
    assert files.read(file, memoryview(data), 0) == 100 and data == b"12345" + bytes(95)
    assert files.allocate(file, 0) == files.allocate(file, -1) == -errno.EINVAL
    files.close(file)


def test_what_cannot_be_allocated_says_so(system: ntio.System, tmp_path: Path) -> None:
    files = system.hal.files
    files.close(files.open(str(tmp_path / "file"), os.O_WRONLY | os.O_CREAT))
    reader = files.open(str(tmp_path / "file"), os.O_RDONLY)
    assert files.allocate(reader, 100) == -errno.EBADF
    files.close(reader)
    assert files.allocate(999, 100) == -errno.EBADF
