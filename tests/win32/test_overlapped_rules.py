"""The rules of overlapped requests at their edges: events, modes, cancelling, routines, duplicates, odd values."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interrupts import interrupted
from iocp_bench import BOGUS, Bench, iocp_bench, outcome, until
from ntio import System
from ntio.win32 import OVERLAPPED, ntdll, pywintypes, win32api, win32event, win32file, win32pipe
from ntio.win32 import win32con as c

pytestmark = pytest.mark.row("R31", "R32", "R34", "R35")


@pytest.fixture
def bench(system: System, tmp_path: Path) -> Iterator[Bench]:
    with iocp_bench(system, tmp_path) as one:
        yield one


def error_of(call: Callable[[], Any]) -> object:
    return outcome(call)["err"]


# --- an object in flight ----------------------------------------------------------------------------------------------

#: Every call that takes an OVERLAPPED, given a server's end whose reads wait.
STARTS: dict[str, Callable[[Any, OVERLAPPED], Any]] = {
    "read": lambda pipe, ov: win32file.ReadFile(pipe, 4, ov),
    "write": lambda pipe, ov: win32file.WriteFile(pipe, b"x", ov),
    "read with a routine": lambda pipe, ov: win32file.ReadFileEx(pipe, 4, ov, lambda *_: None),
    "write with a routine": lambda pipe, ov: win32file.WriteFileEx(pipe, b"x", ov, lambda *_: None),
    "connect": lambda pipe, ov: win32pipe.ConnectNamedPipe(pipe, ov),
    "transact": lambda pipe, ov: win32pipe.TransactNamedPipe(pipe, b"x", 4, ov),
}


@pytest.mark.parametrize("kind", STARTS)
def test_an_object_in_flight_is_refused_by_every_call(bench: Bench, kind: str) -> None:
    (server, client), ov = bench.pipe(), OVERLAPPED()
    win32file.ReadFile(server, 4, ov)
    with pytest.raises(pywintypes.BufferInUseError) as caught:
        STARTS[kind](server, ov)
    assert caught.value.winerror == 170
    win32file.WriteFile(client, b"abcd")
    assert win32file.GetOverlappedResult(server, ov, True) == 4
    assert win32api.SleepEx(0, True, system=bench.system) == 0, "a refused call has no routine to run"


def test_a_refused_call_leaves_the_event_of_the_first_alone(bench: Bench) -> None:
    (server, client), ov = bench.pipe(), OVERLAPPED()
    ov.hEvent = event = bench.event()
    win32file.ReadFile(server, 4, ov)
    win32file.WriteFile(client, b"abcd")
    assert win32event.WaitForSingleObject(event, c.INFINITE) == 0
    port = bench.associated(server, 1)
    win32file.ReadFile(server, 4, other := OVERLAPPED())
    other.hEvent = event
    with pytest.raises(pywintypes.BufferInUseError):
        win32file.ReadFile(server, 4, other)
    assert win32event.WaitForSingleObject(event, 0) == 0
    win32file.CancelIo(server)
    assert win32file.GetQueuedCompletionStatus(port, c.INFINITE)[:3] == (995, 0, 1)


# --- events and modes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize("pends", [False, True])
def test_the_lowest_bit_of_an_event_keeps_the_packet_away(bench: Bench, low: bool, pends: bool) -> None:
    (server, client), ov, event = bench.pipe(), OVERLAPPED(), bench.event(signaled=True)
    port = bench.associated(server, 1)
    ov.hEvent = int(event) | low
    if not pends:
        win32file.WriteFile(client, b"ab")
    assert win32file.ReadFile(server, 4, ov)[0] == (997 if pends else 0)
    assert win32event.WaitForSingleObject(event, 0) == (c.WAIT_TIMEOUT if pends else c.WAIT_OBJECT_0)
    if pends:
        win32file.WriteFile(client, b"ab")
    assert win32event.WaitForSingleObject(event, c.INFINITE) == c.WAIT_OBJECT_0
    assert ntdll.NtQueryIoCompletion(port)[1] == (not low)
    assert win32file.GetOverlappedResult(server, ov, True) == 2
    assert win32file.GetQueuedCompletionStatus(port, 0)[:3] == ((258, 0, 0) if low else (0, 2, 1))


def test_an_event_that_names_none_is_refused_and_nothing_starts(bench: Bench) -> None:
    (server, client), ov = bench.pipe(), OVERLAPPED()
    for handle in (BOGUS, int(server)):
        ov.hEvent = handle
        assert error_of(lambda: win32file.ReadFile(server, 4, ov)) == 6
        assert error_of(lambda: win32pipe.ConnectNamedPipe(server, ov)) == 6
    assert ov.Internal == 0 and len(bench.system.pins) == 0
    win32file.WriteFile(client, b"ab")
    assert bytes(win32file.ReadFile(server, 2, OVERLAPPED())[1]) == b"ab"


@pytest.mark.parametrize("modes", [0, 1, 2, 3])
@pytest.mark.parametrize("pends", [False, True])
@pytest.mark.parametrize("own_event", [False, True])
def test_what_each_mode_leaves_out(bench: Bench, modes: int, pends: bool, own_event: bool) -> None:
    """Mode 1 the packet of what succeeded at once, mode 2 the file's own signal; an event is always set."""
    (server, client), ov = bench.pipe(), OVERLAPPED()
    port = bench.associated(server, 1)
    win32file.SetFileCompletionNotificationModes(server, modes)
    ov.hEvent = event = bench.event() if own_event else None
    if not pends:
        win32file.WriteFile(client, b"ab")
    assert win32file.ReadFile(server, 4, ov)[0] == (997 if pends else 0)
    if pends:
        win32file.WriteFile(client, b"ab")
    packet = pends or not modes & 1
    if packet:
        assert win32file.GetQueuedCompletionStatus(port, c.INFINITE) == (0, 2, 1, ov)
    assert win32file.GetQueuedCompletionStatus(port, 0)[0] == 258
    assert (ov.Internal, ov.InternalHigh) == (0, 2)
    if own_event:
        assert win32event.WaitForSingleObject(event, 0) == c.WAIT_OBJECT_0
    signalled = win32event.WaitForSingleObject(server, 0) == c.WAIT_OBJECT_0
    assert signalled == (not modes & 2 and not own_event)


# --- results ----------------------------------------------------------------------------------------------------------


def test_a_result_of_what_never_began_is_nothing(bench: Bench) -> None:
    server, _ = bench.pipe()
    for wait in (False, True):
        assert win32file.GetOverlappedResult(server, OVERLAPPED(), wait) == 0
    assert win32file.GetOverlappedResultEx(server, OVERLAPPED(), c.INFINITE, True) == 0
    assert error_of(lambda: (win32file.GetOverlappedResult(BOGUS, OVERLAPPED(), False, system=bench.system),)) == 6


def test_a_result_that_is_there_runs_no_routine(bench: Bench) -> None:
    (server, client), ov, ran = bench.pipe(), OVERLAPPED(), []
    win32file.WriteFile(client, b"ab")
    win32file.ReadFile(server, 4, ov)
    win32api.QueueUserAPC(ran.append, win32api.GetCurrentThread(), 1, system=bench.system)
    assert win32file.GetOverlappedResultEx(server, ov, c.INFINITE, True) == 2
    assert not ran and win32api.SleepEx(0, True, system=bench.system) == c.WAIT_IO_COMPLETION


def test_a_result_with_a_warning_and_with_an_error(bench: Bench) -> None:
    kind = win32pipe.PIPE_TYPE_MESSAGE | win32pipe.PIPE_READMODE_MESSAGE
    access, name = win32pipe.PIPE_ACCESS_DUPLEX | c.FILE_FLAG_OVERLAPPED, r"\\.\pipe\warns"
    server = bench.keep(win32pipe.CreateNamedPipe(name, access, kind, 1, 64, 64, 0, None, system=bench.system))
    client, ov = bench.client(name, 0), OVERLAPPED()
    win32file.ReadFile(server, 2, ov)
    win32file.WriteFile(client, b"abc")
    assert error_of(lambda: (win32file.GetOverlappedResult(server, ov, True),)) == 234
    assert ov.InternalHigh == 2
    win32file.ReadFile(server, 1, ov)
    win32file.ReadFile(server, 1, ov)
    client.Close()
    for _ in range(2):
        assert error_of(lambda: (win32file.GetOverlappedResultEx(server, ov, 5000, False),)) == 109


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_cancelling_by_a_duplicate_finds_the_files_requests(bench: Bench) -> None:
    (server, _), ov = bench.pipe(), OVERLAPPED()
    twin = bench.keep(win32api.DuplicateHandle(-1, server, -1, 0, False, win32api.DUPLICATE_SAME_ACCESS))
    win32file.ReadFile(server, 4, ov)
    win32file.CancelIoEx(twin, ov)
    assert error_of(lambda: (win32file.GetOverlappedResult(twin, ov, True),)) == 995


def test_closing_one_of_two_handles_ends_nothing(bench: Bench) -> None:
    (server, client), ov = bench.pipe(), OVERLAPPED()
    twin = bench.keep(win32api.DuplicateHandle(-1, server, -1, 0, False, win32api.DUPLICATE_SAME_ACCESS))
    win32file.ReadFile(server, 4, ov)
    server.Close()
    assert ov.Internal == 0x103
    win32file.WriteFile(client, b"abcd")
    assert win32file.GetOverlappedResult(twin, ov, True) == 4


def test_cancelling_what_has_ended_finds_nothing(bench: Bench) -> None:
    """Also while its packet waits to be taken; the packet is the normal one."""
    (server, client), ov = bench.pipe(), OVERLAPPED()
    port = bench.associated(server, 1)
    win32file.ReadFile(server, 4, ov)
    win32file.WriteFile(client, b"abcd")
    for which in (ov, None):
        assert error_of(lambda: win32file.CancelIoEx(server, which)) == 1168  # noqa: B023
    assert win32file.GetQueuedCompletionStatus(port, 0) == (0, 4, 1, ov)
    assert error_of(lambda: win32file.CancelIoEx(server, ov)) == 1168


def test_an_object_of_another_file_is_not_found(bench: Bench) -> None:
    (server, _), (another, _), ov = bench.pipe(), bench.pipe(), OVERLAPPED()
    win32file.ReadFile(server, 4, ov)
    assert error_of(lambda: win32file.CancelIoEx(another, ov)) == 1168
    assert ov.Internal == 0x103
    bench.start(lambda: win32file.CancelIoEx(server, ov)).join()
    assert error_of(lambda: (win32file.GetOverlappedResult(server, ov, True),)) == 995


@pytest.mark.real_files
def test_a_read_of_a_host_stream_can_be_cancelled_in_every_way(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "stream"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    try:
        ov, access = OVERLAPPED(), c.GENERIC_READ
        file = bench.keep(
            win32file.CreateFile(path, access, 0, None, 3, c.FILE_FLAG_OVERLAPPED, None, system=bench.system)
        )
        for cancel in (win32file.CancelIo, win32file.CancelIoEx, lambda handle: win32file.CancelIoEx(handle, ov)):
            assert win32file.ReadFile(file, 4, ov)[0] == 997
            cancel(file)
            assert error_of(lambda: (win32file.GetOverlappedResult(file, ov, True),)) == 995
        waiting = bench.keep(win32file.CreateFile(path, access, 0, None, 3, 0, None, system=bench.system))
        came: list[object] = []
        thread = bench.start(lambda: came.append(error_of(lambda: win32file.ReadFile(waiting, 4))))
        known = bench.system.io.threads.known
        until(lambda: any(one.irps for one in known() if one.host.native == thread.native_id))
        number = thread.native_id or 0
        with win32api.OpenThread(c.THREAD_ALL_ACCESS, False, number, system=bench.system) as handle:
            until(lambda: outcome(lambda: win32file.CancelSynchronousIo(handle))["ok"] or bool(came))
            thread.join()
        assert came == [995]
        os.write(writer, b"abcd")
        assert win32file.ReadFile(waiting, 4) == (0, b"abcd")
    finally:
        os.close(writer)


# --- routines ---------------------------------------------------------------------------------------------------------


def test_routines_run_in_the_order_of_their_ends_and_in_their_own_thread(bench: Bench) -> None:
    (server, client), told = bench.pipe(), []
    several = [OVERLAPPED() for _ in range(3)]
    for number, ov in enumerate(several):
        win32file.ReadFileEx(server, 2, ov, lambda *what, number=number: told.append((number, *what)))
    win32file.CancelIoEx(server, several[1])
    bench.start(lambda: win32file.WriteFile(client, b"abcd")).join()
    bench.start(lambda: win32api.SleepEx(0, True, system=bench.system)).join()
    for wait in (
        lambda: win32api.SleepEx(0, False, system=bench.system),
        lambda: win32event.WaitForSingleObject(bench.event(), 0),
        lambda: win32file.GetQueuedCompletionStatus(bench.port(), 0),
        lambda: win32file.GetQueuedCompletionStatusEx(bench.port(), 1, 0, False),
    ):
        wait()
    assert not told
    assert win32file.GetQueuedCompletionStatusEx(bench.port(), 1, c.INFINITE, True) == (c.WAIT_IO_COMPLETION, [])
    assert told == [(1, 995, 0, several[1]), (0, 0, 2, several[0]), (2, 0, 2, several[2])]


def test_a_routine_may_start_the_next_request_and_queue_the_next_routine(bench: Bench) -> None:
    (server, client), got, ov = bench.pipe(), [], OVERLAPPED()

    def again(error: int, count: int, overlapped: OVERLAPPED) -> None:
        got.append(count)
        if len(got) < 3:
            win32file.ReadFileEx(server, len(got) + 1, overlapped, again)

    win32file.ReadFileEx(server, 1, ov, again)
    win32file.WriteFile(client, b"abbccc")
    assert win32api.SleepEx(c.INFINITE, True, system=bench.system) == c.WAIT_IO_COMPLETION
    assert got == [1, 2, 3]


def test_what_fails_at_once_runs_no_routine(bench: Bench) -> None:
    (server, client), ov, told = bench.pipe(), OVERLAPPED(), []
    client.Close()
    assert error_of(lambda: win32file.ReadFileEx(server, 4, ov, lambda *_: told.append(1))) == 109
    assert error_of(lambda: win32file.WriteFileEx(server, b"x", ov, lambda *_: told.append(1))) == 232
    assert error_of(lambda: win32file.ReadFileEx(server, 4, None, lambda *_: told.append(1))) == 87  # type: ignore[arg-type]
    assert win32api.SleepEx(0, True, system=bench.system) == 0 and not told
    assert ov.Internal != 0x103


def test_a_routine_of_a_file(bench: Bench) -> None:
    file, told = bench.file(b"0123456789"), []
    ov, beyond = OVERLAPPED(), OVERLAPPED()
    ov.Offset, beyond.Offset = 8, 100
    buffer = win32file.ReadFileEx(file, 4, ov, lambda *what: told.append(what))
    while not told:
        win32api.SleepEx(c.INFINITE, True, system=bench.system)
    assert told == [(0, 2, ov)] and bytes(buffer[:2]) == b"89"
    ended = error_of(lambda: (win32file.ReadFileEx(file, 4, beyond, lambda *what: told.append(what)), None)[1:])
    while not ended and len(told) < 2:
        win32api.SleepEx(c.INFINITE, True, system=bench.system)
    assert ended == 38 or told[1] == (38, 0, beyond)


# --- ports ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "key", "overlapped"),
    [
        (0, 0, None),
        (2**32 - 1, 2**64 - 1, 2**64 - 1),
        (2**40 + 7, 2**70 + 5, 0x1234),
        (-1, -1, -1),
        (3, 4, "anything"),
    ],
)
def test_a_post_comes_back_as_it_was(bench: Bench, count: int, key: int, overlapped: object) -> None:
    port = bench.port()
    expected = (count & 0xFFFF_FFFF, key & 0xFFFF_FFFF_FFFF_FFFF, overlapped)
    for _ in range(2):
        win32file.PostQueuedCompletionStatus(port, count, key, overlapped)
    assert win32file.GetQueuedCompletionStatus(port, 0) == (0, *expected)
    rc, ((key_back, back, internal, moved),) = win32file.GetQueuedCompletionStatusEx(port, 9, 0)
    assert (rc, moved, key_back, back, internal) == (0, *expected, 0)


def test_a_post_of_no_number_is_a_type_error_and_posts_nothing(bench: Bench) -> None:
    port = bench.port()
    for count, key in ((None, 0), (0, None), ("1", 0), (1.5, 0)):
        with pytest.raises(TypeError):
            win32file.PostQueuedCompletionStatus(port, count, key, None)  # type: ignore[arg-type]
    assert ntdll.NtQueryIoCompletion(port)[1] == 0


def test_an_object_in_flight_may_be_posted_and_stays_in_flight(bench: Bench) -> None:
    """A post of an OVERLAPPED says nothing of its request; taking it shows nothing that has not ended."""
    (server, client), ov = bench.pipe(), OVERLAPPED()
    port = bench.associated(server, 1)
    win32file.ReadFile(server, 4, ov)
    win32file.PostQueuedCompletionStatus(port, 99, 2, ov)
    assert win32file.GetQueuedCompletionStatus(port, 0) == (0, 99, 2, ov)
    assert ov.Internal == 0x103
    win32file.WriteFile(client, b"abcd")
    assert win32file.GetQueuedCompletionStatus(port, 0) == (0, 4, 1, ov)


def test_a_port_closed_under_its_files(bench: Bench) -> None:
    """What ends later is thrown away as a packet and shown as a result; the file cannot have another port."""
    (server, client), ov = bench.pipe(), OVERLAPPED()
    port = bench.associated(server, 1)
    win32file.ReadFile(server, 4, ov)
    port.Close()
    win32file.WriteFile(client, b"abcd")
    assert win32file.GetOverlappedResult(server, ov, True) == 4
    assert error_of(lambda: win32file.CreateIoCompletionPort(server, bench.port(), 1, 0) and None) == 87
    win32file.ReadFile(server, 4, ov)
    assert not win32file.HasOverlappedIoCompleted(ov)
    server.Close()
    assert win32file.HasOverlappedIoCompleted(ov) and ov.Internal == 0xC000014B


def test_a_file_without_overlapped_and_a_port_do_not_meet(bench: Bench) -> None:
    file, port = bench.file(flags=0), bench.port()
    for existing in (port, None):
        assert error_of(lambda: win32file.CreateIoCompletionPort(file, existing, 1, 0) and None) == 87  # noqa: B023
    assert bench.inside(port).devices() == []
    assert error_of(lambda: win32file.ReadFileEx(file, 4, OVERLAPPED(), lambda *_: None)) in (0, 87)


# --- interrupts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [0, c.FILE_FLAG_OVERLAPPED])
def test_a_call_that_waits_and_is_interrupted_takes_nothing_with_it(bench: Bench, flags: int) -> None:
    """Ctrl-C during a read without an OVERLAPPED: it is cancelled, its memory is free, and what comes is the next's."""
    server, name = bench.listener()
    client, buffer = bench.client(name, flags), bytearray(4)
    me, known = threading.get_native_id(), bench.system.io.threads.known
    waits = lambda: any(one.irps for one in known() if one.host.native == me)  # noqa: E731
    interrupted(lambda: win32file.ReadFile(client, buffer), waits)
    until(lambda: len(bench.system.pins) == 0)
    buffer.append(1)
    win32file.WriteFile(server, b"abcd", OVERLAPPED())
    assert win32file.ReadFile(client, 9)[1] == b"abcd" and buffer == b"\0\0\0\0\1"
