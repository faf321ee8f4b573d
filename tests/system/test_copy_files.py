"""Copies are equal to their sources, byte for byte and bit for bit, and what fails stops nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

import ntio
from ntio.system.copying.copy_plan import LONGEST_SMALL
from ntio.system.many_files.file_pieces import PIECE, PIECES

pytestmark = pytest.mark.row("R10")

SPAN = PIECE * PIECES
SIZES = [0, 1, 4095, 65535, 65536, 65537, LONGEST_SMALL, LONGEST_SMALL + 1, SPAN - 1, SPAN, SPAN + 1, 3 * SPAN + 5]


def write(folder: Path, sizes: Iterable[int]) -> list[Path]:
    """Files of random bytes."""
    generator = np.random.default_rng(1)
    paths = []
    for number, size in enumerate(sizes):
        paths.append(folder / f"f{number:04}")
        paths[-1].write_bytes(generator.bytes(size))
    return paths


def test_copies_of_every_size_are_equal(real_system: ntio.System, tmp_path: Path) -> None:
    sources = write(tmp_path, SIZES)
    (tmp_path / "to").mkdir()
    pairs = [(source, tmp_path / "to" / source.name) for source in sources]
    done = list(ntio.copy_files(pairs, system=real_system))
    assert sorted(copied.source for copied in done) == sorted(map(str, sources))
    for copied in done:
        assert copied.error is None and copied.bytes == os.path.getsize(copied.source)
        assert Path(copied.target).read_bytes() == Path(copied.source).read_bytes()


@pytest.mark.parametrize("mask", [0o022, 0o077, 0])
def test_permission_bits_are_kept(real_system: ntio.System, tmp_path: Path, mask: int) -> None:
    modes = [0o644, 0o600, 0o755, 0o777, 0o666, 0o444, 0o400]
    sources = write(tmp_path, [10] * len(modes) + [LONGEST_SMALL + 1])
    for source, mode in zip(sources, [*modes, 0o766], strict=True):
        source.chmod(mode)
    pairs = [(source, f"{source}.copy") for source in sources]
    before = os.umask(mask)
    try:
        assert all(copied.error is None for copied in ntio.copy_files(pairs, system=real_system))
    finally:
        os.umask(before)
    assert [os.stat(target).st_mode for _, target in pairs] == [source.stat().st_mode for source in sources]


@pytest.mark.parametrize("size", [10, LONGEST_SMALL + 1])
def test_what_exists_is_overwritten(real_system: ntio.System, tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(10)) * (size // 10))
    source.chmod(0o640)
    target.write_bytes(b"x" * (2 * size))
    (copied,) = ntio.copy_files([(source, target)], system=real_system)
    assert copied.error is None and target.read_bytes() == source.read_bytes()
    assert target.stat().st_mode == source.stat().st_mode


def test_failures_have_their_errors_and_stop_nothing(real_system: ntio.System, tmp_path: Path) -> None:
    small, long = write(tmp_path, [100, LONGEST_SMALL + 1])
    os.mkfifo(tmp_path / "fifo")
    wrong = {
        "missing": (tmp_path / "none", tmp_path / "a", FileNotFoundError),
        "folder": (tmp_path, tmp_path / "b", IsADirectoryError),
        "fifo": (tmp_path / "fifo", tmp_path / "c", ntio.NtError),
        "itself": (small, f"{tmp_path}/./{small.name}", ValueError),
        "long itself": (long, f"{tmp_path}/./{long.name}", ValueError),
        "no folder": (small, tmp_path / "none" / "d", FileNotFoundError),
        "long to a folder": (long, tmp_path, IsADirectoryError),
        "NUL in source": ("a\0b", tmp_path / "e", ValueError),
        "NUL in target": (small, "a\0b", ValueError),
    }
    pairs = [(source, target) for source, target, _ in wrong.values()]
    good = [(small, tmp_path / "good"), (long, tmp_path / "long")]
    done = {copied.target: copied for copied in ntio.copy_files([*pairs, *good], system=real_system)}
    for name, (_, target, kind) in wrong.items():
        assert isinstance(done[str(target)].error, kind) and done[str(target)].bytes == 0, name
    assert (tmp_path / "good").read_bytes() == small.read_bytes()
    assert (tmp_path / "long").read_bytes() == long.read_bytes()
    assert not (tmp_path / "a").exists() and not (tmp_path / "e").exists()
    assert small.stat().st_size == 100 and long.stat().st_size == LONGEST_SMALL + 1


def test_two_sources_with_one_target_do_not_mix(real_system: ntio.System, tmp_path: Path) -> None:
    first, second = write(tmp_path, [100, 200])
    done = list(ntio.copy_files([(first, tmp_path / "t"), (second, tmp_path / "t")], system=real_system))
    assert sum(copied.error is None for copied in done) == 1
    assert (tmp_path / "t").read_bytes() == first.read_bytes()


@pytest.mark.parametrize("size", [1000, 2 * SPAN])
def test_a_disk_that_is_full_is_said_to_be(
    real_system: ntio.System, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path, [size])[0]
    (copied,) = ntio.copy_files([(source, "/dev/full")], system=real_system)
    assert isinstance(copied.error, OSError) and copied.error.errno == 28


def test_stopping_early_leaves_nothing_behind(real_system: ntio.System, tmp_path: Path) -> None:
    sources = write(tmp_path, [100] * 600 + [LONGEST_SMALL + 1])
    copies = ntio.copy_files([(source, f"{source}.copy") for source in sources], system=real_system)
    assert next(copies).error is None
    copies.close()


def test_a_tree_comes_with_folders_links_and_modes(real_system: ntio.System, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "empty").mkdir()
    write(tree / "a" / "b", [10, 20])
    (tree / "link").symlink_to("a/b/f0000")
    (tree / "to folder").symlink_to("a")
    (tree / "a").chmod(0o500)
    try:
        done = list(ntio.copy_tree(tree, tmp_path / "new", system=real_system))
        assert not [copied for copied in done if copied.error]
        assert sum(copied.bytes for copied in done) == 30 and len(done) == 4
        new = tmp_path / "new"
        assert (new / "a" / "b" / "f0001").read_bytes() == (tree / "a" / "b" / "f0001").read_bytes()
        assert os.readlink(new / "link") == "a/b/f0000" and (new / "to folder").is_symlink()
        assert (new / "empty").is_dir() and (new / "a").stat().st_mode & 0o777 == 0o500
        assert not [copied for copied in ntio.copy_tree(tree, new, system=real_system) if copied.error]
    finally:
        for folder in (tree / "a", tmp_path / "new" / "a"):
            folder.chmod(0o700)


def test_a_tree_is_not_copied_into_itself(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(ntio.NtError, match="into itself"):
        ntio.copy_tree(tmp_path / "tree", tmp_path / "tree" / "new", system=real_system)
    assert not (tmp_path / "tree" / "new").exists()
    (missing,) = ntio.copy_tree(tmp_path / "none", tmp_path / "new", system=real_system)
    assert isinstance(missing.error, FileNotFoundError)


def test_files_of_the_simulated_machine() -> None:
    with ntio.System("simulated") as system:
        files = system.hal.files
        for name, size in (("/small", 100), ("/long", LONGEST_SMALL + 1)):
            file = files.open(name, os.O_CREAT | os.O_WRONLY)
            files.write(file, memoryview(bytes([7]) * size), 0)
            files.close(file)
        done = list(ntio.copy_files([("/small", "/small.copy"), ("/long", "/long.copy")], system=system))
        assert {(copied.target, copied.bytes) for copied in done} == {
            ("/small.copy", 100),
            ("/long.copy", LONGEST_SMALL + 1),
        }
        with pytest.raises(NotImplementedError):
            ntio.copy_tree("/", "/new", system=system)
