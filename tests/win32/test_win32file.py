"""Files by their Win32 names: CreateFile's dispositions and names, handles, errors."""

from __future__ import annotations

import gc
import os
import pickle
from pathlib import Path

import pytest

from ntio import System
from ntio import win32 as w
from ntio.drivers.ram_disk import RamDisk
from ntio.io_manager.file_object import FileObject
from ntio.win32 import pywintypes, win32file
from ntio.win32.win32file import native_name

NONE, OLD, NEW = None, b"old content", b""


def create(
    system: System, path: Path | str, disposition: int, access: int = w.GENERIC_READ | w.GENERIC_WRITE
) -> object:
    return w.CreateFile(path, access, 0, None, disposition, w.FILE_ATTRIBUTE_NORMAL, None, system=system)


@pytest.mark.row("R12", "R20")
@pytest.mark.parametrize(
    ("disposition", "before", "expected"),
    [
        (w.CREATE_NEW, NONE, NEW),
        (w.CREATE_NEW, OLD, w.ERROR_ALREADY_EXISTS),
        (w.CREATE_ALWAYS, NONE, NEW),
        (w.CREATE_ALWAYS, OLD, NEW),
        (w.OPEN_EXISTING, NONE, w.ERROR_FILE_NOT_FOUND),
        (w.OPEN_EXISTING, OLD, OLD),
        (w.OPEN_ALWAYS, NONE, NEW),
        (w.OPEN_ALWAYS, OLD, OLD),
        (w.TRUNCATE_EXISTING, NONE, w.ERROR_FILE_NOT_FOUND),
        (w.TRUNCATE_EXISTING, OLD, NEW),
    ],
)
def test_dispositions(
    real_system: System, tmp_path: Path, disposition: int, before: bytes | None, expected: bytes | int
) -> None:
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)
    try:
        handle = create(real_system, path, disposition)
    except pywintypes.error as error:
        outcome: bytes | int = error.winerror
    else:
        handle.Close()  # type: ignore[attr-defined]
        outcome = path.read_bytes()
    assert outcome == expected


def test_an_error_is_an_oserror_with_three_arguments(real_system: System, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError if os.name == "nt" else OSError) as caught:
        create(real_system, tmp_path / "none", w.OPEN_EXISTING)
    error = caught.value
    assert isinstance(error, pywintypes.error)
    assert (error.winerror, error.funcname, error.args[2]) == (2, "CreateFile", error.strerror)
    number, function, words = error.args
    assert (number, function, words) == (2, "CreateFile", error.strerror)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args, again.winerror) == (type(error), error.args, 2)


@pytest.mark.row("R12")
@pytest.mark.parametrize(
    ("name", "native"),
    [
        (r"C:\data\x", r"\??\C:\data\x"),
        ("C:/data/x", r"\??\C:\data/x"),
        (r"\\.\Disk", r"\??\Disk"),
        (r"\\?\C:\data\x", r"\??\C:\data\x"),
        (r"\\?\GLOBALROOT\Device\Disk", r"\Device\Disk"),
        (r"\data\x", "/data/x"),
        ("/data/x", "/data/x"),
        ("data/x", "data/x"),
        ("c:", "c:"),
    ],
)
def test_names(name: str, native: str) -> None:
    assert native_name(name) == native


def test_a_file_has_many_names(real_system: System, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    windows = str(path).replace("/", "\\")
    for name in (path, str(path), f"C:{windows}", f"C:{path}", f"\\\\?\\C:{windows}", windows):
        with create(real_system, name, w.OPEN_EXISTING, w.GENERIC_READ) as handle:  # type: ignore[attr-defined]
            assert int(handle) == 4


def test_a_device_is_opened_by_its_link(system: System) -> None:
    system.load(RamDisk(512, "Ram"))
    system.namespace.link("\\??\\R", "\\Device\\Ram")
    with create(system, "\\\\.\\R", w.OPEN_EXISTING) as handle:  # type: ignore[attr-defined]
        assert system.io.handles.reference(int(handle), FileObject).device.path == "\\Device\\Ram"


@pytest.mark.parametrize(
    ("access", "rights"),
    [
        (w.GENERIC_READ, 0x120089),
        (w.GENERIC_WRITE, 0x120196),
        (w.GENERIC_READ | w.GENERIC_WRITE, 0x12019F),
        (w.GENERIC_ALL, 0x1F01FF),
        (w.FILE_APPEND_DATA, 0x100084),
        (0, 0x100080),
    ],
)
def test_access(real_system: System, tmp_path: Path, access: int, rights: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with create(real_system, path, w.OPEN_EXISTING, access) as handle:  # type: ignore[attr-defined]
        assert real_system.io.handles.reference(int(handle), FileObject).access == rights


@pytest.mark.parametrize(
    ("disposition", "flags", "access", "winerror"),
    [
        (9, 0, w.GENERIC_READ, w.ERROR_INVALID_PARAMETER),
        (w.TRUNCATE_EXISTING, 0, w.GENERIC_READ, w.ERROR_INVALID_PARAMETER),
        (w.OPEN_EXISTING, w.FILE_FLAG_WRITE_THROUGH, w.GENERIC_READ, w.ERROR_NOT_SUPPORTED),
    ],
)
def test_what_is_refused(system: System, disposition: int, flags: int, access: int, winerror: int) -> None:
    with pytest.raises(pywintypes.error) as caught:
        w.CreateFile("/x", access, 0, None, disposition, flags, None, system=system)
    assert caught.value.winerror == winerror
    assert len(system.io.handles) == 0


@pytest.mark.row("R12")
def test_a_handle_is_a_number_and_closes_once(real_system: System, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    handle = create(real_system, path, w.OPEN_EXISTING)
    assert isinstance(handle, pywintypes.PyHANDLE)
    assert int(handle) == handle.handle == 4
    assert handle
    assert repr(handle) == "<PyHANDLE:4>"
    handle.Close()
    handle.Close()
    assert not handle
    with pytest.raises(pywintypes.error) as caught:
        w.CloseHandle(4, system=real_system)
    assert caught.value.winerror == w.ERROR_INVALID_HANDLE


def test_close_handle_and_detach(real_system: System, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    first, second = (create(real_system, path, w.OPEN_EXISTING) for _ in range(2))
    assert isinstance(first, pywintypes.PyHANDLE)
    assert isinstance(second, pywintypes.PyHANDLE)
    win32file.CloseHandle(first)
    number = second.Detach()
    second.Close()
    assert len(real_system.io.handles) == 1
    win32file.CloseHandle(number, system=real_system)
    assert len(real_system.io.handles) == 0


def test_a_dropped_handle_is_closed_when_the_next_is_made(real_system: System, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    create(real_system, path, w.OPEN_EXISTING)
    gc.collect()
    with create(real_system, path, w.OPEN_EXISTING) as handle:  # type: ignore[attr-defined]
        assert (int(handle), len(real_system.io.handles)) == (4, 1)
