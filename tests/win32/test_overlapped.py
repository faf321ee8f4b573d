"""OVERLAPPED: its bytes, what it carries, how long it belongs to a request, and what is refused meanwhile."""

from __future__ import annotations

import ctypes
import gc
import weakref
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iocp_bench import Bench, iocp_bench, outcome, until
from ntio import System
from ntio.io_manager import services
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.ports.overlapped import OverlappedRequest
from ntio.status import STATUS_CANCELLED, BufferInUse
from ntio.win32 import OVERLAPPED, memoryapi, pywintypes, win32event, win32file
from ntio.win32 import win32con as c
from ntio.win32.overlapped import hold, start

pytestmark = pytest.mark.row("R32", "R33")


@pytest.fixture
def bench(system: System, tmp_path: Path):  # type: ignore[no-untyped-def]
    with iocp_bench(system, tmp_path) as one:
        yield one


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**62))
def test_the_bytes_are_those_of_c(position: int, event: int) -> None:
    ov = OVERLAPPED()
    ov.Offset, ov.OffsetHigh, ov.hEvent = position & 0xFFFF_FFFF, position >> 32, event
    assert bytes(ov) == bytes(16) + position.to_bytes(8, "little") + event.to_bytes(8, "little")
    assert ov.Pointer == position
    assert ov.position == int.from_bytes(position.to_bytes(8, "little"), "little", signed=True)


def test_an_event_comes_back_as_it_was_given(bench: Bench) -> None:
    ov, event = OVERLAPPED(), bench.event()
    assert ov.hEvent == 0
    ov.hEvent = event
    assert ov.hEvent is event
    ov.hEvent = int(event) | 1
    assert (ov.hEvent, ov.wants_packet) == (int(event) | 1, False)
    ov.hEvent = None
    assert (ov.hEvent, ov.wants_packet) == (0, True)


class Mine(OVERLAPPED):
    """A program's own: a field behind the 32 bytes, and Python attributes."""

    _fields_: ClassVar = (("number", ctypes.c_uint32),)


def test_an_object_of_an_own_class_comes_back_with_what_it_carries(bench: Bench) -> None:
    file, ov = bench.file(), Mine()
    port = bench.associated(file, 1)
    ov.number, ov.object, ov.dword, ov.more = 7, [1], 5, "more"
    win32file.ReadFile(file, 4, ov)
    _, _, _, came = win32file.GetQueuedCompletionStatus(port, 5000)
    assert came is ov
    assert (came.number, came.object, came.dword, came.more) == (7, [1], 5, "more")
    assert ctypes.sizeof(Mine) > ctypes.sizeof(OVERLAPPED) == 32


def test_the_system_keeps_what_a_program_drops(bench: Bench) -> None:
    file, client = bench.pipe()
    port = bench.associated(file, 1)
    ov, buffer = OVERLAPPED(), bytearray(8)
    ov.object = buffer
    known = weakref.ref(ov)
    win32file.ReadFile(file, buffer, ov)
    del ov, buffer
    gc.collect()
    assert known() is not None
    win32file.WriteFile(client, b"abc")
    rc, count, _, came = win32file.GetQueuedCompletionStatus(port, 5000)
    assert (rc, count, bytes(came.object[:3])) == (0, 3, b"abc")
    del came
    gc.collect()
    assert known() is None


def test_a_pending_object_cannot_be_used_again(bench: Bench) -> None:
    file, client = bench.pipe()
    ov = OVERLAPPED()
    win32file.ReadFile(file, 4, ov)
    for again in (lambda: win32file.ReadFile(file, 4, ov), lambda: win32file.WriteFile(file, b"x", ov)):
        with pytest.raises(pywintypes.BufferInUseError, match="in flight") as caught:
            again()
        assert isinstance(caught.value, (pywintypes.error, BufferError))
        assert isinstance(caught.value.__cause__, BufferInUse)
        assert caught.value.winerror == 170
    assert ov.Internal == 0x103
    win32file.WriteFile(client, b"abcd")
    assert win32file.GetOverlappedResult(file, ov, True) == 4
    win32file.ReadFile(file, 4, ov)
    win32file.CancelIo(file)
    assert outcome(lambda: win32file.GetOverlappedResult(file, ov, True))["err"] == 995
    assert len(bench.system.pins) == 0


def test_an_object_whose_packet_is_not_taken_belongs_to_its_request(bench: Bench) -> None:
    file, client = bench.pipe()
    port, ov = bench.associated(file, 1), OVERLAPPED()
    win32file.ReadFile(file, 4, ov)
    win32file.WriteFile(client, b"abcd")
    until(lambda: bench.inside(port).depth == 1)
    with pytest.raises(pywintypes.BufferInUseError):
        win32file.ReadFile(file, 4, ov)
    port.Close()  # nobody can take it any more
    win32file.ReadFile(file, 4, ov)
    win32file.CancelIo(file)


def test_a_buffer_in_flight_is_nobody_elses(bench: Bench) -> None:
    file, client = bench.pipe()
    buffer, one, two = bytearray(8), OVERLAPPED(), OVERLAPPED()
    win32file.ReadFile(file, buffer, one)
    with pytest.raises(BufferError):
        buffer.append(1)
    with pytest.raises(pywintypes.BufferInUseError):
        win32file.ReadFile(file, buffer, two)
    assert two.Internal == 0
    win32file.WriteFile(client, b"abcdefgh")
    assert win32file.GetOverlappedResult(file, one, True) == 8
    gc.collect()  # the traceback of what was refused has views, too
    buffer.append(1)
    assert bytes(buffer) == b"abcdefgh\1"


def test_memory_in_flight_cannot_be_freed(bench: Bench) -> None:
    system, (file, client) = bench.system, bench.pipe()
    address = memoryapi.VirtualAlloc(None, 4096, c.MEM_COMMIT, c.PAGE_READWRITE, system=system)
    ov = OVERLAPPED()
    win32file.ReadFile(file, memoryapi.memory_at(address, 16, system=system), ov)
    with pytest.raises(pywintypes.BufferInUseError):
        memoryapi.VirtualFree(address, 0, c.MEM_RELEASE, system=system)
    win32file.WriteFile(client, b"abc")
    assert win32file.GetOverlappedResult(file, ov, True) == 3
    assert bytes(memoryapi.memory_at(address, 3, system=system)) == b"abc"
    assert memoryapi.VirtualFree(address, 0, c.MEM_RELEASE, system=system)


def test_what_is_refused_leaves_nothing_in_flight(bench: Bench) -> None:
    file, ov, buffer = bench.file(access=c.GENERIC_WRITE), OVERLAPPED(), bytearray(4)
    ov.hEvent = 0x4444
    assert outcome(lambda: win32file.WriteFile(file, buffer, ov))["err"] == 6
    ov.hEvent = 0
    assert outcome(lambda: win32file.ReadFile(file, buffer, ov))["err"] == 5
    readable = bench.file()
    with pytest.raises(TypeError, match="OVERLAPPED is needed"):
        win32file.ReadFile(readable, buffer, object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="written into"):
        win32file.ReadFile(readable, b"1234", ov)
    assert ov.request is None and len(bench.system.pins) == 0
    gc.collect()  # the traceback of what was refused has views, too
    buffer.append(1)


@pytest.mark.parametrize("sent", [False, True])
def test_an_interrupted_start_is_cancelled_and_takes_nothing_with_it(bench: Bench, sent: bool) -> None:
    (server, client), ov, buffer = bench.pipe(), OVERLAPPED(), bytearray(4)
    file_object = bench.system.io.handles.reference(int(server), FileObject)
    view, release = hold(bench.system, buffer, writing=True)

    def send(event: object, context: object, request: OverlappedRequest) -> int:
        if sent:
            services.read_file(file_object, None, None, context, request, view)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(bench.system, file_object, ov, send, release)
    assert len(bench.system.pins) == 0 and ov.request is None and ov.Internal == STATUS_CANCELLED
    win32file.WriteFile(client, b"abcd")
    assert win32file.ReadFile(server, 4) == (0, b"abcd") and buffer == bytes(4)


def test_a_request_may_have_more_than_one_owner_of_its_bytes_to_write(bench: Bench) -> None:
    file, data = bench.file(), b"the same bytes"
    several = [OVERLAPPED() for _ in range(4)]
    for number, ov in enumerate(several):
        ov.Offset = number * 100
        win32file.WriteFile(file, data, ov)
    assert [win32file.GetOverlappedResult(file, ov, True) for ov in several] == [len(data)] * 4
    assert win32file.GetFileSize(file) == 300 + len(data)


def test_both_halves_full_appends(bench: Bench) -> None:
    file, ov = bench.file(b"12345"), OVERLAPPED()
    ov.Offset = ov.OffsetHigh = 0xFFFF_FFFF
    ov.hEvent = bench.event()
    win32file.WriteFile(file, b"678", ov)
    assert win32event.WaitForSingleObject(ov.hEvent, 5000) == 0
    assert (win32file.GetOverlappedResult(file, ov, False), win32file.GetFileSize(file)) == (3, 8)
    assert (ov.Offset, ov.OffsetHigh) == (0xFFFF_FFFF, 0xFFFF_FFFF)
