"""Windows of paths: what they share, and that opening from a shared folder is the same as opening each path."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ntio
from ntio.system.many_files.path_rows import PathRows

pytestmark = pytest.mark.row("R10")


def shared(*paths: str) -> tuple[str, int]:
    """The folder of a window with these paths, filled up with the first so that it is worth it."""
    return PathRows([*paths, *[paths[0]] * 16]).common_folder()


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (("/a/b/one", "/a/b/two"), "/a/b/"),
        (("/a/b/one", "/a/c/two"), "/a/"),
        (("/a/b/one", "/a/b/c/two"), "/a/b/"),
        (("a/one", "a/two"), "a/"),
        (("../a/one", "../a/two"), "../a/"),
        (("/a/\udcff/ü/one", "/a/\udcff/ü/two"), "/a/\udcff/ü/"),
        (("/a/b",), "/a/"),
        (("/a/b//one", "/a/b/one"), ""),  # what follows the folder would be absolute
        (("/a/b/", "/a/b/one"), ""),  # or nothing at all
        (("/one", "/two"), ""),  # the root needs no opening
        (("one", "two"), ""),
        (("", "/a/one"), ""),
        (("/a/b/one", "/a/b/t\0o"), ""),
        (("/a/b/one", "/a/b/" + "d/" * 2050), ""),  # the whole path is too long, and must stay so
    ],
)
def test_the_folder_that_paths_share(paths: tuple[str, ...], folder: str) -> None:
    assert shared(*paths) == (folder, len(os.fsencode(folder)))


def test_few_paths_are_not_worth_opening_a_folder_for() -> None:
    assert PathRows(["/a/b/one", "/a/b/two"]).common_folder() == ("", 0)


@given(
    paths=st.lists(
        st.lists(st.sampled_from(["/", "a", "proc/", "sys/", "/proc/", "b/", "/dev/"]), max_size=5).map("".join),
        min_size=1,
        max_size=4,
    )
)
def test_files_that_come_in_pieces_are_known_by_their_paths(paths: list[str]) -> None:
    rows = PathRows(paths * 16)
    wanted = any("/proc/" in path or "/sys/" in path or path.startswith("/dev/") for path in paths)
    assert rows.may_come_in_pieces() == wanted
    rows.common_folder()  # after which it has to look at less
    assert rows.may_come_in_pieces() == wanted


def outcome(file: ntio.FileData) -> tuple[str, bytes | None, int | None]:
    """What came of reading a file, to be compared."""
    return file.path, file.data, file.error and file.error.status


@pytest.mark.parametrize("place", ["folder", "missing", "file", "forbidden", "link", "folder/..", "folder/deep"])
def test_a_window_below_one_folder_reads_what_each_path_does(
    real_system: ntio.System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"no folder")
    (tmp_path / "forbidden").mkdir()
    (tmp_path / "link").symlink_to("folder")
    for folder in ("folder", "folder/deep", "forbidden", "."):
        for name in ("one", "two", "three"):
            (tmp_path / folder / name).write_bytes(f"{name} in {folder}".encode())
    (tmp_path / "folder" / "deep" / "up").symlink_to("../one")
    (tmp_path / "folder" / "away").symlink_to(tmp_path / "file")
    (tmp_path / "forbidden").chmod(0)
    names = ["one", "two", "three", "missing", "deep", "deep/one", "deep/up", "away", "..", "one/below", "n" * 300]
    try:
        for start in (f"{tmp_path}/{place}", place):
            monkeypatch.chdir(tmp_path)
            paths = [f"{start}/{name}" for name in names] * 2
            each = [outcome(file) for path in paths for file in ntio.read_files([path], system=real_system)]
            assert [outcome(file) for file in ntio.read_files(paths, system=real_system)] == each
    finally:
        (tmp_path / "forbidden").chmod(0o700)
    assert not real_system.io.host_descriptors


def test_leaving_early_closes_the_folder(real_system: ntio.System, tmp_path: Path) -> None:
    """With windows still on their way; the fixtures count descriptors."""
    for number in range(600):
        (tmp_path / f"{number}").write_bytes(b"x" * 100)
    paths = sorted(map(str, tmp_path.iterdir()))
    before = os.listdir("/proc/self/fd")
    for rings in (1, 2):
        reading = ntio.read_file_batches(paths, rings=rings, system=real_system)
        next(reading)
        reading.close()
    assert len(os.listdir("/proc/self/fd")) == len(before)
