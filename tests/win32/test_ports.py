"""Ports by their Win32 and native names, beyond the cases of conformance; and programs written for pywin32."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

import ntio
from interrupts import every_interrupt
from iocp_bench import Bench, iocp_bench, outcome
from ntio import System
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.ports import completion_port as port_module
from ntio.io_manager.ports import packets as packets_module
from ntio.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PENDING,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
)
from ntio.win32 import ntdll, pywintypes, win32api, win32event, win32file, win32pipe
from ntio.win32 import ports as ports_module
from ntio.win32 import win32con as c
from ntio.win32.handles import find_object

pytestmark = pytest.mark.row("R34", "R35", "R36", "R37")


@pytest.fixture
def bench(system: System, tmp_path: Path) -> Iterator[Bench]:
    with iocp_bench(system, tmp_path) as one:
        yield one


def test_a_duplicate_shares_the_port_and_cannot_have_another(bench: Bench) -> None:
    file, (one, two) = bench.file(), bench.overlapped[:2]
    port = bench.associated(file, 7)
    twin = bench.keep(win32api.DuplicateHandle(-1, file, -1, 0, False, win32api.DUPLICATE_SAME_ACCESS))
    assert outcome(lambda: win32file.CreateIoCompletionPort(twin, bench.port(), 8, 0) and None)["err"] == 87
    win32file.ReadFile(twin, 4, one)
    assert win32file.GetQueuedCompletionStatus(port, 5000) == (0, 4, 7, one)
    file.Close()
    win32file.ReadFile(twin, 4, two)
    assert win32file.GetQueuedCompletionStatus(port, 5000) == (0, 4, 7, two)


def test_a_file_that_gets_its_port_late_still_tells_it(bench: Bench) -> None:
    server, client = bench.pipe()
    win32file.ReadFile(server, 4, bench.overlapped[0])
    port = bench.associated(server, 9)
    win32file.WriteFile(client, b"ab")
    assert win32file.GetQueuedCompletionStatus(port, 5000) == (0, 2, 9, bench.overlapped[0])


def test_a_port_of_another_system_is_none(bench: Bench) -> None:
    with System("simulated") as other:
        foreign = win32file.CreateIoCompletionPort(-1, None, 0, 0, system=other)
        assert outcome(lambda: win32file.CreateIoCompletionPort(bench.file(), foreign, 0, 0) and None)["err"] == 6
        foreign.Close()


def test_any_status_can_be_posted_and_what_becomes_of_it(bench: Bench) -> None:
    port = bench.port()
    for status in (0x4000_0000, 0x102, STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED):
        ntdll.NtSetIoCompletion(port, 1, "mine", status, (1 << 40) + 5)
    got = [win32file.GetQueuedCompletionStatus(port, 0) for _ in range(4)]
    assert got == [(0, 5, 1, "mine"), (0, 5, 1, "mine"), (234, 5, 1, "mine"), (995, 5, 1, "mine")]
    ntdll.NtSetIoCompletion(port, 2, None, STATUS_CANCELLED, 1 << 40)
    status, key, context, block = ntdll.NtRemoveIoCompletion(port, 0)
    assert (status, key, context, block.status, block.information) == (0, 2, None, STATUS_CANCELLED, 1 << 40)
    assert ntdll.NtRemoveIoCompletion(port, -10)[0] == STATUS_TIMEOUT


def test_the_native_calls_return_their_failures(bench: Bench) -> None:
    system, file, event = bench.system, bench.file(), bench.event()
    status, port = ntdll.NtCreateIoCompletion(2, system=system)
    assert status == STATUS_SUCCESS and port is not None
    bench.keep(port)
    assert ntdll.NtCreateIoCompletion(-1, system=system) == (STATUS_INVALID_PARAMETER, None)
    assert ntdll.NtQueryIoCompletion(event) == (STATUS_OBJECT_TYPE_MISMATCH, 0)
    assert ntdll.NtSetIoCompletion(0x4444, 0, None, 0, 0, system=system) == STATUS_INVALID_HANDLE
    assert ntdll.NtRemoveIoCompletion(event)[0] == STATUS_OBJECT_TYPE_MISMATCH
    assert ntdll.NtRemoveIoCompletionEx(port, 0) == (STATUS_INVALID_PARAMETER, [])
    assert ntdll.NtRemoveIoCompletionEx(port, 3, 0, True) == (STATUS_TIMEOUT, [])

    def change(data: bytes, number: int) -> int:
        return ntdll.NtSetInformationFile(file, IoStatusBlock(), data, number)

    assert change(b"short", 30) == STATUS_INFO_LENGTH_MISMATCH
    assert change(struct.pack("<QQ", 0, 5), 30) == STATUS_INVALID_PARAMETER
    assert change(struct.pack("<QQ", int(event), 5), 30) == STATUS_OBJECT_TYPE_MISMATCH
    assert change(struct.pack("<I", 4), 41) == STATUS_INVALID_PARAMETER
    assert change(struct.pack("<QQ", int(port), 5), 30) == STATUS_SUCCESS
    assert change(struct.pack("<QQ", int(port), 5), 30) == STATUS_INVALID_PARAMETER
    assert change(struct.pack("<I", 3), 41) == STATUS_SUCCESS
    assert change(struct.pack("<q", 3), 20) == STATUS_SUCCESS
    assert win32file.GetFileSize(file) == 3


def test_a_synchronous_cancel_makes_no_packet_and_a_warning_makes_one(bench: Bench) -> None:
    name = r"\\.\pipe\messages"
    mode = win32pipe.PIPE_TYPE_MESSAGE | win32pipe.PIPE_READMODE_MESSAGE
    access = win32pipe.PIPE_ACCESS_DUPLEX | c.FILE_FLAG_OVERLAPPED
    server = bench.keep(win32pipe.CreateNamedPipe(name, access, mode, 1, 64, 64, 0, None, system=bench.system))
    client, ov = bench.client(name, 0), bench.overlapped
    port = bench.associated(server, 5)
    win32file.WriteFile(client, b"hello")
    hr, data = win32file.ReadFile(server, 3, ov[0])
    assert (hr, bytes(data)) == (234, b"hel")
    assert win32file.GetQueuedCompletionStatus(port, 5000) == (234, 3, 5, ov[0])
    hr, data = win32file.ReadFile(server, 3, ov[1])
    assert (hr, bytes(data[:2]), ov[1].InternalHigh) == (0, b"lo", 2)


@pytest.mark.parametrize("call", ["one", "several", "native", "native several"])
def test_a_taker_interrupted_anywhere_loses_nothing(bench: Bench, call: str) -> None:
    """Neither in the port nor between it and the end of the call."""
    file, runs = bench.file(), 0
    take = {
        "one": lambda: win32file.GetQueuedCompletionStatus(port, 0)[2],
        "several": lambda: win32file.GetQueuedCompletionStatusEx(port, 1, 0)[1][0].lpCompletionKey,
        "native": lambda: ntdll.NtRemoveIoCompletion(port, 0)[1],
        "native several": lambda: ntdll.NtRemoveIoCompletionEx(port, 1, 0)[1][0].lpCompletionKey,
    }[call]
    port = bench.associated(file, 1)
    for interrupt in every_interrupt(ports_module, ntdll, port_module, packets_module, returns=False):
        overlapped = pywintypes.OVERLAPPED()
        win32file.ReadFile(file, 4, overlapped)
        while not win32file.HasOverlappedIoCompleted(overlapped) and not ntdll.NtQueryIoCompletion(port)[1]:
            os.sched_yield()
        win32file.PostQueuedCompletionStatus(port, 0, 2, None)
        taken: list[int] = []
        with interrupt:
            taken = [take()]
        rest = []
        while (got := win32file.GetQueuedCompletionStatus(port, 0))[0] == 0:
            rest.append(got[2])
        assert taken + rest == [1, 2]
        assert (overlapped.Internal, overlapped.InternalHigh) == (0, 4)
        runs += 1
    assert runs > 10


@pytest.mark.row("R31")
@pytest.mark.parametrize("many", [False, True])
def test_what_came_of_a_request_is_there_whoever_takes_its_packet(bench: Bench, many: bool) -> None:
    server, client = bench.pipe()
    overlapped = bench.overlapped[0]
    with ntio.CompletionPort(system=bench.system) as port:
        port.port.associate(find_object(server, FileObject, bench.system), 5)
        win32file.ReadFile(server, 4, overlapped)
        win32file.WriteFile(client, b"ab")
        assert overlapped.Internal == STATUS_PENDING
        if many:
            assert port.get_many(2).overlapped == [overlapped]
        else:
            assert port.get() == (5, overlapped, 2, 0)
        assert (overlapped.Internal, overlapped.InternalHigh) == (0, 2)
        win32file.ReadFile(server, 4, overlapped)  # which is nobody's any more
        win32file.CancelIoEx(server, overlapped)
        packet = port.get()
        assert packet is not None and packet.overlapped is overlapped
        assert overlapped.Internal == STATUS_CANCELLED


@pytest.mark.real_files
def test_a_program_of_pywin32s_own_tests(real_system: System, tmp_path: Path) -> None:
    """Overlapped writes and reads of a file that waits, with an event and with one buffer over and over."""
    path, chunk = tmp_path / "data", b"z" * 0x800
    overlapped = pywintypes.OVERLAPPED()
    overlapped.hEvent = win32event.CreateEvent(None, 0, 0, None, system=real_system)
    h = win32file.CreateFile(path, c.GENERIC_WRITE, 0, None, c.CREATE_ALWAYS, 0, 0, system=real_system)
    for _ in range(16):
        win32file.WriteFile(h, chunk, overlapped)
        win32event.WaitForSingleObject(overlapped.hEvent, win32event.INFINITE)
        overlapped.Offset = overlapped.Offset + len(chunk)
    h.Close()
    assert path.read_bytes() == chunk * 16

    overlapped = pywintypes.OVERLAPPED()
    overlapped.hEvent = win32event.CreateEvent(None, 0, 0, None, system=real_system)
    h = win32file.CreateFile(path, c.GENERIC_READ, 0, None, c.OPEN_EXISTING, 0, 0, system=real_system)
    buffer, read = win32file.AllocateReadBuffer(0xFFF), 0
    while True:
        try:
            _, data = win32file.ReadFile(h, buffer, overlapped)
        except win32file.error as error:
            ended = error
            break
        win32event.WaitForSingleObject(overlapped.hEvent, win32event.INFINITE)
        assert data is buffer
        read += win32file.GetOverlappedResult(h, overlapped, False)
        overlapped.Offset = overlapped.Offset + len(data)
    assert (read, ended.winerror) == (len(chunk) * 16, 38)
    h.Close()


def test_a_server_of_pywin32s_own_tests(bench: Bench) -> None:
    """A pipe server that waits at a port for its client, and echoes."""
    port, results = bench.port(), []
    overlapped, name = pywintypes.OVERLAPPED(), r"\\.\pipe\served"
    access = win32pipe.PIPE_ACCESS_DUPLEX | c.FILE_FLAG_OVERLAPPED
    mode = win32pipe.PIPE_TYPE_MESSAGE | win32pipe.PIPE_READMODE_MESSAGE
    handle = bench.keep(win32pipe.CreateNamedPipe(name, access, mode, 1, 1024, 1024, 0, None, system=bench.system))
    assert win32file.CreateIoCompletionPort(handle, port, 1, 0) is port
    win32pipe.ConnectNamedPipe(handle, overlapped)

    def serve() -> None:
        results.append(win32file.GetQueuedCompletionStatus(port, -1)[-1] is overlapped)
        buffer = win32file.AllocateReadBuffer(512)
        again = pywintypes.OVERLAPPED()
        win32file.ReadFile(handle, buffer, again)
        _, count, _, _ = win32file.GetQueuedCompletionStatus(port, -1)
        win32file.WriteFile(handle, buffer[:count], again)

    bench.start(serve)
    assert win32pipe.CallNamedPipe(name, b"Hello there", 0x100, 0, system=bench.system) == b"Hello there"
    assert results == [True]
