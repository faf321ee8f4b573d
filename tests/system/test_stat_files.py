"""What `stat_files` says is what `os.stat` says, in columns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import ntio

pytestmark = pytest.mark.row("R10")


def test_columns_are_what_the_host_says(real_system: ntio.System, tmp_path: Path) -> None:
    for number, size in enumerate([0, 1, 4096, 70_000]):
        (tmp_path / f"f{number}").write_bytes(bytes(size))
    (tmp_path / "folder").mkdir()
    os.utime(tmp_path / "f0", ns=(1, 1_600_000_000_123_456_789))
    os.utime(tmp_path / "f1", ns=(1, -1_500_000_001))
    os.chmod(tmp_path / "f2", 0o751)
    paths = sorted(tmp_path.iterdir())
    found = ntio.stat_files(paths, system=real_system)
    plain = [os.stat(path) for path in paths]
    assert found.paths == [str(path) for path in paths] and len(found) == 5
    assert found.size.tolist() == [each.st_size for each in plain]
    assert found.mode.tolist() == [each.st_mode for each in plain]
    assert found.mtime_ns.tolist() == [each.st_mtime_ns for each in plain]
    assert found.ino.tolist() == [each.st_ino for each in plain]
    assert found.nlink.tolist() == [each.st_nlink for each in plain]
    assert found.is_file.tolist() == [True] * 4 + [False]
    assert found.is_dir.tolist() == [False] * 4 + [True]
    assert not found.status.any() and found.error(0) is None


def test_a_link_is_followed_or_described_itself(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    paths = [tmp_path / "link", tmp_path / "dangling"]
    followed = ntio.stat_files(paths, system=real_system)
    itself = ntio.stat_files(paths, follow_symlinks=False, system=real_system)
    assert followed.size.tolist() == [5, 0] and followed.is_file.tolist() == [True, False]
    assert isinstance(followed.error(1), FileNotFoundError)
    assert itself.mode.tolist() == [os.lstat(path).st_mode for path in paths] and not itself.status.any()


def test_what_cannot_be_looked_at_has_its_error_in_its_place(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    file = str(tmp_path / "file")
    found = ntio.stat_files([file, file + "x", file + "/below", "a\0b", "", "x" * 5000, file], system=real_system)
    assert [found.error(row) is None for row in range(7)] == [True, False, False, False, False, False, True]
    assert found.size.tolist() == [1, 0, 0, 0, 0, 0, 1] and found.mode[3] == 0


def test_any_number_of_paths(real_system: ntio.System, tmp_path: Path) -> None:
    name = os.fsdecode(b"odd\xff\nname")
    (tmp_path / name).write_bytes(b"123")
    found = ntio.stat_files(iter([tmp_path / name] * 2500), system=real_system)
    assert found.size.sum() == 7500
    assert len(ntio.stat_files([], system=real_system)) == 0


def test_files_of_the_simulated_machine() -> None:
    with ntio.System("simulated") as system:
        file = system.hal.files.open("/a", os.O_CREAT | os.O_WRONLY)
        system.hal.files.write(file, memoryview(b"12345"), 0)
        system.hal.files.close(file)
        found = ntio.stat_files(["/a", "/b"], system=system)
        assert found.size.tolist() == [5, 0] and found.error(1) is not None
