"""What the host knows about files, and changing their names and times: the same on every HAL."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

import ntio
from ntio.hal.host import HostFiles

pytestmark = pytest.mark.row("R30")


def make(files: HostFiles, path: Path, content: bytes = b"12345") -> int:
    file = files.open(str(path), os.O_RDWR | os.O_CREAT)
    assert files.write(file, memoryview(content), 0) == len(content)
    return file


def test_status_and_volume(system: ntio.System, tmp_path: Path) -> None:
    files = system.hal.files
    file = make(files, tmp_path / "file")
    known, volume = files.status(file), files.volume(file)
    assert (known.st_size, known.st_nlink, stat.S_ISREG(known.st_mode)) == (5, 1, True)
    assert volume.block_size >= 512 and volume.blocks >= volume.free >= volume.available >= 0
    assert volume.name_length >= 255
    assert files.exists(str(tmp_path / "file")) and not files.exists(str(tmp_path / "other"))
    files.close(file)
    for ask in (files.status, files.volume):
        with pytest.raises(OSError) as caught:
            ask(999)
        assert caught.value.errno == errno.EBADF


def test_times(system: ntio.System, tmp_path: Path) -> None:
    files = system.hal.files
    file = make(files, tmp_path / "file")
    assert files.set_times(file, 10**18 + 100, 10**18 + 200) == 0
    known = files.status(file)
    assert (known.st_atime_ns, known.st_mtime_ns) == (10**18 + 100, 10**18 + 200)
    files.close(file)
    assert files.set_times(999, 0, 0) == -errno.EBADF


def test_renaming(system: ntio.System, tmp_path: Path) -> None:
    files, old, new, other = system.hal.files, *(str(tmp_path / name) for name in ("old", "new", "other"))
    file = make(files, Path(old))
    files.close(make(files, Path(other), b"other"))
    assert files.rename(old, new, replace=False) == 0
    assert files.exists(new) and not files.exists(old)
    assert files.rename(new, other, replace=False) == -errno.EEXIST
    assert files.rename(new, other, replace=True) == 0
    assert files.rename(new, other, replace=False) == files.rename(new, other, replace=True) == -errno.ENOENT
    data = bytearray(5)
    again = files.open(other, os.O_RDONLY)
    assert files.read(again, memoryview(data), 0) == 5 and data == b"12345"
    files.close(file)
    files.close(again)


def test_removing(system: ntio.System, tmp_path: Path) -> None:
    files, path = system.hal.files, str(tmp_path / "file")
    file = make(files, Path(path))
    assert files.remove(path) == 0 and not files.exists(path)
    assert files.remove(path) == -errno.ENOENT
    data = bytearray(5)
    assert files.read(file, memoryview(data), 0) == 5, "an open file outlives its path"
    files.close(file)
    files.close(make(files, tmp_path / "rest"))
    assert files.remove(str(tmp_path)) == -errno.ENOTEMPTY


@pytest.mark.real_files
def test_an_empty_folder_is_removed(system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert system.hal.files.remove(str(tmp_path / "folder")) == 0


@pytest.mark.real_files
def test_renaming_without_the_hosts_own_call(
    system: ntio.System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ntio.hal.host._renameat2", None)
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    files, a, b, c = system.hal.files, *(str(tmp_path / name) for name in "abc")
    assert files.rename(a, b, replace=False) == -errno.EEXIST
    assert files.rename(a, c, replace=False) == 0 and (tmp_path / "c").read_bytes() == b"a"
