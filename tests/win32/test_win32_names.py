"""The flat face, events, memory and numbers by their Win32 names."""

from __future__ import annotations

import importlib
import threading

import pytest

import ntio.win32 as w
from ntio import System
from ntio.kernel.event import Event
from ntio.win32 import pywintypes, winerror

MODULES = (
    "ioringapi", "win32file", "win32event", "win32pipe", "win32api", "ntdll", "memoryapi", "pywintypes", "win32con",
    "winerror",
)  # fmt: skip


def test_every_public_name_is_reached_flat() -> None:
    for place in MODULES:
        module = importlib.import_module(f"ntio.win32.{place}")
        for name in getattr(module, "__all__", ()):
            assert getattr(w, name) is getattr(module, name)
    assert {"SubmitIoRing", "CreateFile", "VirtualAlloc", "IORING_REF_RAW", "E_HANDLE", "error"} <= set(dir(w))
    with pytest.raises(AttributeError, match="no attribute 'CreateFileTransacted'"):
        _ = w.CreateFileTransacted


def test_a_star_brings_the_names_and_nothing_else() -> None:
    brought: dict[str, object] = {}
    exec("from ntio.win32 import *", brought)
    assert {"SubmitIoRing", "CreateFile", "IORING_REF_RAW", "error"} <= brought.keys()
    assert not {"annotations", "Any", "Final", "os", "major", "importlib"} & brought.keys()


def test_hresults() -> None:
    assert winerror.HRESULT_FROM_WIN32(38) == 0x80070026
    assert winerror.HRESULT_FROM_WIN32(0) == 0
    assert winerror.HRESULT_CODE(0x80070026) == 38
    assert (winerror.FAILED(0x80070026), winerror.FAILED(-2147024858), winerror.FAILED(0)) == (True, True, False)
    assert winerror.hresult_name(0x80070057) == "E_INVALIDARG"
    assert winerror.hresult_name(winerror.IORING_E_VERSION_NOT_SUPPORTED) == "IORING_E_VERSION_NOT_SUPPORTED"


@pytest.mark.row("R8")
@pytest.mark.parametrize("manual", [False, True])
def test_events(system: System, manual: bool) -> None:
    with w.CreateEvent(None, manual, True, None, system=system) as event:
        first = w.WaitForSingleObject(event, 0)
        assert (first, w.WaitForSingleObject(event, 0)) == (
            w.WAIT_OBJECT_0,
            w.WAIT_OBJECT_0 if manual else w.WAIT_TIMEOUT,
        )
        w.ResetEvent(event)
        assert w.WaitForSingleObject(event, 1) == w.WAIT_TIMEOUT
        setter = threading.Thread(target=lambda: w.SetEvent(event))
        setter.start()
        assert w.WaitForSingleObject(int(event), w.INFINITE, system=system) == w.WAIT_OBJECT_0
        setter.join()
        assert system.io.handles.reference(int(event), Event).read_state() == manual


def test_minus_one_is_for_ever_too(system: System) -> None:
    with w.CreateEvent(None, True, True, "", system=system) as event:
        assert w.WaitForSingleObject(event, -1) == w.WAIT_OBJECT_0


@pytest.mark.row("R20")
def test_an_event_with_a_name_is_shared(system: System) -> None:
    with w.CreateEvent(None, True, False, "Global\\name", system=system) as event:
        with w.CreateEvent(None, False, True, "NAME", system=system) as same:
            w.SetEvent(same)
        assert w.WaitForSingleObject(event, 0) == w.WAIT_OBJECT_0
        with w.OpenEvent(w.SYNCHRONIZE, False, "Local\\name", system=system) as waited:
            assert w.WaitForSingleObject(waited, 0) == w.WAIT_OBJECT_0
            with pytest.raises(pywintypes.error) as caught:
                w.SetEvent(waited)
            assert caught.value.winerror == w.ERROR_ACCESS_DENIED
    for name, number in (("name", w.ERROR_FILE_NOT_FOUND), ("a\\b", w.ERROR_PATH_NOT_FOUND)):
        with pytest.raises(pywintypes.error) as caught:
            w.OpenEvent(w.EVENT_ALL_ACCESS, False, name, system=system)
        assert caught.value.winerror == number
    with pytest.raises(pywintypes.error) as caught:
        w.CreateEvent(None, True, True, "Global", system=system)
    assert caught.value.winerror == w.ERROR_INVALID_HANDLE


@pytest.mark.row("R20")
def test_who_waits_for_an_event_needs_the_right_to(system: System) -> None:
    with w.CreateEvent(None, True, True, "name", system=system) as event:
        with w.OpenEvent(w.EVENT_MODIFY_STATE, True, "name", system=system) as settable:
            w.ResetEvent(settable)
            with pytest.raises(pywintypes.error) as caught:
                w.WaitForSingleObject(settable, 0)
            assert caught.value.winerror == w.ERROR_ACCESS_DENIED
        assert w.WaitForSingleObject(event, 0) == w.WAIT_TIMEOUT


@pytest.mark.real_files
def test_a_file_is_no_event(system: System) -> None:
    with w.CreateFile("/dev/null", w.GENERIC_READ, 0, None, w.OPEN_EXISTING, 0, None, system=system) as file:
        for call in (w.SetEvent, w.ResetEvent):
            with pytest.raises(pywintypes.error) as caught:
                call(file)
            assert caught.value.winerror == w.ERROR_INVALID_HANDLE
        assert w.WaitForSingleObject(file, 0) == w.WAIT_OBJECT_0  # but waited for: nothing is outstanding on it


@pytest.mark.row("R12")
def test_memory(system: System) -> None:
    address = w.VirtualAlloc(None, 0x200, w.MEM_COMMIT, w.PAGE_READWRITE, system=system)
    view = w.memory_at(address, 4096, system=system)
    view[:2] = b"MZ"
    assert bytes(w.memory_at(address, 2, system=system)) == b"MZ"
    assert w.VirtualFree(address, 0, w.MEM_RELEASE, system=system)
    with pytest.raises(pywintypes.error) as caught:
        w.memory_at(address, 2, system=system)
    assert caught.value.winerror == w.ERROR_INVALID_PARAMETER
    assert bytes(view[:2]) == b"MZ"  # a view keeps what it sees


@pytest.mark.parametrize(
    ("arguments", "winerror"),
    [
        ((4096, 1, w.MEM_COMMIT, w.PAGE_READWRITE), w.ERROR_INVALID_ADDRESS),
        ((None, 0, w.MEM_COMMIT, w.PAGE_READWRITE), w.ERROR_INVALID_PARAMETER),
        ((None, 1, w.MEM_RESERVE, w.PAGE_READWRITE), w.ERROR_INVALID_PARAMETER),
        ((None, 1, w.MEM_COMMIT, w.PAGE_NOACCESS), w.ERROR_NOT_SUPPORTED),
        ((None, 1 << 62, w.MEM_COMMIT, w.PAGE_READWRITE), w.ERROR_OUTOFMEMORY),
    ],
)
def test_allocations_that_are_refused(system: System, arguments: tuple[int, int, int, int], winerror: int) -> None:
    with pytest.raises(pywintypes.error) as caught:
        w.VirtualAlloc(*arguments, system=system)
    assert caught.value.winerror == winerror


def test_frees_that_are_refused(system: System) -> None:
    address = w.VirtualAlloc(None, 1, w.MEM_COMMIT, w.PAGE_READWRITE, system=system)
    for arguments in ((address, 4096, w.MEM_RELEASE), (address, 0, w.MEM_DECOMMIT), (address + 8, 0, w.MEM_RELEASE)):
        with pytest.raises(pywintypes.error) as caught:
            w.VirtualFree(*arguments, system=system)
        assert caught.value.winerror == w.ERROR_INVALID_PARAMETER
    w.VirtualFree(address, 0, w.MEM_RELEASE, system=system)
