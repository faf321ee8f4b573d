"""Many small files at once: all their bytes, errors in their place, and nothing held afterwards."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ntio
from ntio.status import AccessDenied, FileIsADirectory, InvalidParameter, ObjectNameNotFound

pytestmark = pytest.mark.row("R10")


def contents(length: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, length, np.uint8).tobytes()


def test_many_files_come_in_their_order(real_system: ntio.System, tmp_path: Path) -> None:
    wanted = {}
    for number in range(600):  # more than two windows
        path = tmp_path / f"{number:03}"
        path.write_bytes(contents(number * 7 % 5000, number))
        wanted[str(path)] = path.read_bytes()
    read = list(ntio.read_files(wanted, system=real_system))
    assert [(file.path, file.data) for file in read] == list(wanted.items())
    assert not any(file.error for file in read)
    unordered = ntio.read_files(iter(wanted), ordered=False, system=real_system)
    assert {file.path: file.data for file in unordered} == wanted


def test_files_of_every_length(real_system: ntio.System, tmp_path: Path) -> None:
    block, piece = 64 << 10, 8 << 20
    lengths = [0, 1, block - 1, block, block + 1, 3 * block, piece + block - 1, piece + block, piece + block + 1, 0]
    for number, length in enumerate(lengths):
        (tmp_path / f"{number}").write_bytes(contents(length, number))
    paths = [tmp_path / f"{number}" for number in range(len(lengths))]
    for path, file in zip(paths, ntio.read_files(paths, system=real_system), strict=True):
        assert file.error is None and file.path == str(path)
        assert file.data == path.read_bytes(), len(file.data or b"")


def test_an_error_stands_in_its_place_and_stops_nothing(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(b"good")
    (tmp_path / "link").symlink_to("nowhere")
    cases: list[tuple[str, type[Exception] | None]] = [
        (str(tmp_path / "good"), None),
        (str(tmp_path / "missing"), ObjectNameNotFound),
        (str(tmp_path), FileIsADirectory),
        (str(tmp_path / "good" / "below"), ntio.NtError),
        (str(tmp_path / "link"), ObjectNameNotFound),
        (str(tmp_path / "x\0y"), InvalidParameter),
        ("", ObjectNameNotFound),
        (str(tmp_path / ("n" * 300)), ntio.NtError),
        ("/" + "d/" * 3000, ntio.NtError),
        (str(tmp_path / "good"), None),
    ]
    for (path, error), file in zip(
        cases, ntio.read_files([path for path, _ in cases], system=real_system), strict=True
    ):
        assert file.path == path
        if error is None:
            assert (file.data, file.error) == (b"good", None)
        else:
            assert file.data is None and isinstance(file.error, error), path
            assert file.error.filename == path
    assert not real_system.io.host_descriptors


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"")
    (tmp_path / "secret").chmod(0)
    [file] = ntio.read_files([tmp_path / "secret"], system=real_system)
    assert isinstance(file.error, AccessDenied)


def test_names_of_every_kind(real_system: ntio.System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [b"new\nline", b"\xff\xfe not utf-8", "ünïcödé".encode(), b" ", b"-", b"back\\slash", b"quote'\""]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(name)
    shapes = [os.path.join(os.fsencode(tmp_path), name) for name in names]
    as_text = [os.fsdecode(path) for path in shapes]
    for paths in (as_text, [Path(path) for path in as_text]):
        assert [file.data for file in ntio.read_files(paths, system=real_system)] == names
    monkeypatch.chdir(tmp_path)
    assert [file.data for file in ntio.read_files(map(os.fsdecode, names), system=real_system)] == names


def test_paths_as_bytes_are_paths(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    [file] = ntio.read_files([os.fsencode(tmp_path / "one")], system=real_system)  # type: ignore[list-item]
    assert file.data == b"1" and file.path == str(tmp_path / "one")


def test_what_is_no_path_is_refused(real_system: ntio.System) -> None:
    with pytest.raises(TypeError):
        list(ntio.read_files([5], system=real_system))  # type: ignore[list-item]


def test_an_idle_pipe_does_not_hold_up_the_rest(real_system: ntio.System, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"file")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        read = list(ntio.read_files([tmp_path / "pipe", tmp_path / "file"], system=real_system))
    finally:
        os.close(writer)
    assert read[1].data == b"file"
    assert read[0].error is not None or read[0].data == b""
    without_writer = list(ntio.read_files([tmp_path / "pipe"], system=real_system))
    assert without_writer[0].error is not None or without_writer[0].data == b""


def test_a_file_of_the_kernel_that_tells_no_size(real_system: ntio.System) -> None:
    read = list(ntio.read_files(["/proc/self/status", "/proc/self/maps", "/dev/null"], system=real_system))
    assert read[0].data is not None and read[0].data.startswith(b"Name:")
    assert read[1].data is not None and b"r-xp" in read[1].data and read[1].data.endswith(b"\n")
    assert read[2].data == b""


def test_a_file_that_grows_meanwhile_is_read_to_some_end(real_system: ntio.System, tmp_path: Path) -> None:
    block = contents(64 << 10)
    path = tmp_path / "growing"
    path.write_bytes(block * 2)

    def paths() -> Iterator[Path]:
        yield path
        with path.open("ab") as file:
            file.write(block)
        yield path

    first, second = ntio.read_files(paths(), system=real_system)
    assert first.data in (block * 2, block * 3) and second.data == block * 3


def test_a_generator_that_is_left_gives_everything_back(real_system: ntio.System, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}").write_bytes(b"x" * number)
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    reading = ntio.read_files(sorted(tmp_path.iterdir()), system=real_system)
    assert next(reading).data == b""
    assert len(os.listdir("/proc/self/fd")) > descriptors
    reading.close()  # type: ignore[attr-defined]
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == (threads, descriptors)
    never = ntio.read_files(tmp_path.iterdir(), system=real_system)
    del never


def test_an_error_of_the_paths_comes_through(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")

    def paths() -> Iterator[Path]:
        yield tmp_path / "one"
        raise KeyError("no more")

    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises(KeyError):
        list(ntio.read_files(paths(), system=real_system))
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_memory_for_files_is_limited(real_system: ntio.System, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02}").write_bytes(contents(1000, number))
    paths = sorted(tmp_path.iterdir())
    for most in (64 << 10, 100_000, 256 << 10):
        read = list(ntio.read_files(paths, max_bytes=most, system=real_system))
        assert [file.data for file in read] == [path.read_bytes() for path in paths]
    with pytest.raises(InvalidParameter, match="max_bytes"):
        ntio.read_files(paths, max_bytes=1000, system=real_system)


def test_no_paths_no_files(real_system: ntio.System) -> None:
    assert list(ntio.read_files([], system=real_system)) == []


@pytest.mark.parametrize("hal_name", ["uring"], indirect=True)
def test_a_window_of_files_takes_few_crossings(
    real_system: ntio.System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(256):
        (tmp_path / f"{number}").write_bytes(b"x")
    queues = []
    make = real_system.hal.new_queue
    monkeypatch.setattr(real_system.hal, "new_queue", lambda entries: queues.append(make(entries)) or queues[-1])
    assert len(list(ntio.read_files(tmp_path.iterdir(), system=real_system))) == 256
    assert len(queues) == 1 and queues[0].crossings <= 8
