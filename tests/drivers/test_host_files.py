"""The host's files as a device: what a path means, how a file is opened, what the host says of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import ntio
from ntio.status import (
    STATUS_END_OF_FILE,
    AccessDenied,
    FileIsADirectory,
    InvalidParameter,
    ObjectNameCollision,
    ObjectNameNotFound,
    ObjectPathNotFound,
)
from ntio.testing import Watcher

pytestmark = pytest.mark.row("R20", "R21", "R29", "R30")


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello"
    path.write_bytes(b"hello, host")
    return path


@pytest.mark.parametrize("device", ["", "\\Device\\HostFiles", "\\??\\C:", "\\DosDevices\\c:"])
def test_a_host_file_has_several_names(real_system: ntio.System, hello: Path, device: str) -> None:
    name = device + str(hello).replace("/", "\\") if device else str(hello)
    with ntio.open(name, system=real_system) as file:
        assert file.read(5, 0) == b"hello" and file.size == 11


def test_a_relative_path_starts_at_the_current_folder(
    real_system: ntio.System, hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(hello.parent)
    for path in ("hello", "./hello", Path("hello"), b"hello"):
        with ntio.open(path, system=real_system) as file:  # type: ignore[arg-type]
            assert file.read(5, 0) == b"hello"


def test_modes_are_those_of_open(real_system: ntio.System, hello: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    with ntio.open(new, "w", system=real_system) as file:
        assert file.write(b"first", 0) == 5
        with pytest.raises(AccessDenied):
            file.read(1, 0)
    with ntio.open(new, "a", system=real_system) as file:
        assert file.write(b" and last", 0) == 9
    with ntio.open(new, "r+", system=real_system) as file:
        file.write(b"F", 0)
        assert file.read(100, 0) == b"First and last"
    with ntio.open(new, system=real_system) as file, pytest.raises(AccessDenied):
        file.write(b"x", 0)
    with pytest.raises(ObjectNameCollision):
        ntio.open(new, "x", system=real_system)
    with ntio.open(new, "w+", system=real_system) as file:
        assert file.size == 0
    with ntio.open(tmp_path / "newer", "x+", system=real_system) as file:
        file.write(b"x", 0)
        assert file.read(9, 0) == b"x"


@pytest.mark.parametrize("mode", ["", "rw", "q", "rb+x", "wr"])
def test_a_mode_that_is_none_is_refused(real_system: ntio.System, hello: Path, mode: str) -> None:
    with pytest.raises(InvalidParameter, match="mode"):
        ntio.open(hello, mode, system=real_system)
    assert hello.read_bytes() == b"hello, host"


def test_what_cannot_be_opened_is_named(real_system: ntio.System, hello: Path, tmp_path: Path) -> None:
    for path, error, builtin in (
        (tmp_path / "missing", ObjectNameNotFound, FileNotFoundError),
        (tmp_path, FileIsADirectory, IsADirectoryError),
        (hello / "below", ntio.NtError, OSError),
        ("\\Device\\Nothing", ObjectNameNotFound, FileNotFoundError),
        ("\\Nowhere\\Nothing", ObjectPathNotFound, FileNotFoundError),
        (f"{hello}\0", InvalidParameter, ValueError),
    ):
        with pytest.raises(error) as caught:
            ntio.open(path, system=real_system)
        assert isinstance(caught.value, builtin)
        assert str(path).split("\0")[0] in str(caught.value)
    assert not real_system.io.host_descriptors and not real_system.io.open_files


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(real_system: ntio.System, hello: Path) -> None:
    hello.chmod(0)
    with pytest.raises(PermissionError) as caught:
        ntio.open(hello, system=real_system)
    assert isinstance(caught.value, AccessDenied)


def test_packets_bring_what_the_direct_path_brings(real_system: ntio.System, hello: Path) -> None:
    with ntio.open(hello, "r+", system=real_system) as file, ntio.Ring(system=real_system) as ring:
        offsets, lengths = [0, 6, 11, 100, 3], [5, 100, 1, 1, 0]
        assert file.bypass.allowed
        straight = ring.read(file, offsets, lengths)
        alone = [file.read(length, offset) for offset, length in zip(offsets, lengths, strict=True)]
        watcher = Watcher()
        device = real_system.load(watcher, file.file_object.device)
        assert not file.bypass.allowed
        packets = ring.read(file, offsets, lengths)
        alone_too = [file.read(length, offset) for offset, length in zip(offsets, lengths, strict=True)]
        real_system.io.unload(device.driver)
        assert file.bypass.allowed
    assert watcher.visits and not watcher.complaints()
    assert alone == alone_too == [b"hello", b" host", b"", b"", b""]
    assert straight.status.tolist() == packets.status.tolist() == [0, 0, STATUS_END_OF_FILE, STATUS_END_OF_FILE, 0]
    assert straight.information.tolist() == packets.information.tolist() == [5, 5, 0, 0, 0]
    assert np.array_equal(straight.data, packets.data)  # type: ignore[arg-type]


def test_a_pipe_is_a_file_without_positions(real_system: ntio.System, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ntio.open(tmp_path / "pipe", "r+", system=real_system) as pipe:
        assert pipe.bypass.target is not None and pipe.bypass.target.stream
        assert pipe.write(b"through", 10**6) == 7
        assert pipe.read(100, 0) == b"through"
