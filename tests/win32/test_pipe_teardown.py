"""Pipes torn down under their requests, from either end and in every way: each ends once, and nothing stays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iocp_bench import Bench, iocp_bench, outcome, until
from ntio import System
from ntio.win32 import OVERLAPPED, win32api, win32event, win32file, win32pipe
from ntio.win32 import win32con as c

pytestmark = pytest.mark.row("R31", "R33", "R34")

BROKEN, NO_DATA, NOT_CONNECTED, ABORTED, LISTENING = 109, 232, 233, 995, 536
QUOTA = 8
NAME = r"\\.\pipe\torn"


@pytest.fixture
def bench(system: System, tmp_path: Path) -> Iterator[Bench]:
    with iocp_bench(system, tmp_path) as one:
        yield one


def server(bench: Bench, messages: bool, flags: int = c.FILE_FLAG_OVERLAPPED) -> Any:
    mode = win32pipe.PIPE_TYPE_MESSAGE | win32pipe.PIPE_READMODE_MESSAGE if messages else 0
    access = win32pipe.PIPE_ACCESS_DUPLEX | flags
    return bench.keep(win32pipe.CreateNamedPipe(NAME, access, mode, 1, QUOTA, QUOTA, 0, None, system=bench.system))


def pair(bench: Bench, messages: bool, flags: int = c.FILE_FLAG_OVERLAPPED) -> tuple[Any, Any]:
    one = server(bench, messages, flags)
    other = bench.client(NAME, flags)
    if messages:
        win32pipe.SetNamedPipeHandleState(other, win32pipe.PIPE_READMODE_MESSAGE)
    return one, other


def disconnects(one: Any, other: Any) -> None:
    win32pipe.DisconnectNamedPipe(one)


#: How a pipe comes to its end, the error of what waits at the server's end, and at the client's.
ENDS: dict[str, tuple[Callable[[Any, Any], None], int]] = {
    "server closes": (lambda one, other: one.Close(), BROKEN),
    "client closes": (lambda one, other: other.Close(), BROKEN),
    "server disconnects": (disconnects, NOT_CONNECTED),
}


def started(handle: Any, port: Any, key: int, writes: bool) -> list[OVERLAPPED]:
    """Three requests of an end that all wait: reads, or writes into a full pipe."""
    win32file.CreateIoCompletionPort(handle, port, key, 0)
    if writes:
        win32file.SetFileCompletionNotificationModes(handle, c.FILE_SKIP_COMPLETION_PORT_ON_SUCCESS)
        assert win32file.WriteFile(handle, b"x" * QUOTA, OVERLAPPED())[0] == 0
    all_of_them = [OVERLAPPED() for _ in range(3)]
    for ov in all_of_them:
        hr = win32file.WriteFile(handle, b"y" * 5, ov)[0] if writes else win32file.ReadFile(handle, 5, ov)[0]
        assert hr == 997
    return all_of_them


def drained(bench: Bench, port: Any) -> list[tuple[int, int, int, Any]]:
    """Every packet that is there."""
    found = []
    while (packet := win32file.GetQueuedCompletionStatus(port, 0))[3] is not None:
        found.append(packet)
    return found


def nothing_is_left(bench: Bench) -> None:
    assert len(bench.system.pins) == 0
    assert not [irp for thread in bench.system.io.threads.known() for irp in thread.irps]


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("messages", [False, True])
@pytest.mark.parametrize("how", ENDS)
def test_whatever_waits_at_both_ends_ends_once(
    bench: Bench, how: str, messages: bool, writes: bool, elsewhere: bool
) -> None:
    (one, other), port = pair(bench, messages), bench.port()
    mine, theirs = started(one, port, 1, writes), started(other, port, 2, writes)
    end, code = ENDS[how]
    if elsewhere:
        bench.start(lambda: end(one, other)).join()
    else:
        end(one, other)
    packets = drained(bench, port)
    assert [(rc, count) for rc, count, _, _ in packets] == [(code, 0)] * 6
    assert [ov for _, _, key, ov in packets if key == 1] == mine
    assert [ov for _, _, key, ov in packets if key == 2] == theirs
    assert not [ov for ov in mine + theirs if not win32file.HasOverlappedIoCompleted(ov)]
    nothing_is_left(bench)


@pytest.mark.parametrize("messages", [False, True])
@pytest.mark.parametrize("closes", [0, 1])
def test_what_was_written_outlives_its_writer_and_what_waited_does_not(
    bench: Bench, messages: bool, closes: int
) -> None:
    ends, ov = pair(bench, messages), [OVERLAPPED() for _ in range(4)]
    gone, stays = ends[closes], ends[1 - closes]
    for number, data in enumerate((b"abc", b"de", b"too long")):
        assert win32file.WriteFile(gone, data, ov[number])[0] == (997 if number == 2 else 0)
    gone.Close()
    assert ov[2].Internal == 0xC000014B
    left = [b"abc", b"de"] if messages else [b"abcde"]
    for part in left:
        hr, data = win32file.ReadFile(stays, 9, ov[3])
        assert (hr, bytes(data[: ov[3].InternalHigh])) == (0, part)
    assert outcome(lambda: win32file.ReadFile(stays, 9, ov[3]))["err"] == BROKEN
    assert outcome(lambda: win32file.WriteFile(stays, b"x", ov[3]))["err"] == NO_DATA
    nothing_is_left(bench)


@pytest.mark.parametrize("messages", [False, True])
def test_disconnecting_loses_what_is_not_read(bench: Bench, messages: bool) -> None:
    one, other = pair(bench, messages)
    for end in (one, other):
        win32file.WriteFile(end, b"lost", OVERLAPPED())
    win32pipe.DisconnectNamedPipe(one)
    for end in (one, other):
        assert outcome(lambda: win32file.ReadFile(end, 9, OVERLAPPED()))["err"] == NOT_CONNECTED  # noqa: B023
        assert outcome(lambda: win32file.WriteFile(end, b"x", OVERLAPPED()))["err"] == NOT_CONNECTED  # noqa: B023
    assert outcome(lambda: win32pipe.DisconnectNamedPipe(one))["err"] == NOT_CONNECTED
    waiting = OVERLAPPED()
    assert win32pipe.ConnectNamedPipe(one, waiting) == 997
    again = bench.client(NAME)
    assert win32file.GetOverlappedResult(one, waiting, True) == 0
    assert outcome(lambda: win32file.ReadFile(other, 9, OVERLAPPED()))["err"] == NOT_CONNECTED
    win32file.WriteFile(again, b"new", OVERLAPPED())
    assert bytes(win32file.ReadFile(one, 3, OVERLAPPED())[1]) == b"new"
    nothing_is_left(bench)


@pytest.mark.parametrize(("how", "code"), [("closes", BROKEN), ("disconnects", NOT_CONNECTED), ("cancels", ABORTED)])
def test_a_listening_server_that_goes_away(bench: Bench, how: str, code: int) -> None:
    one, port = server(bench, False), bench.port()
    win32file.CreateIoCompletionPort(one, port, 1, 0)
    ov = [OVERLAPPED() for _ in range(2)]
    assert [win32pipe.ConnectNamedPipe(one, each) for each in ov] == [997, 997]
    {"closes": one.Close, "disconnects": lambda: disconnects(one, None), "cancels": lambda: win32file.CancelIo(one)}[
        how
    ]()
    assert drained(bench, port) == [(code, 0, 1, each) for each in ov]
    nothing_is_left(bench)
    one.Close()
    missing = outcome(lambda: (win32file.CreateFile(NAME, c.GENERIC_READ, 0, None, 3, 0, None, system=bench.system),))
    assert missing["err"] == 2


#: What a thread may wait in at the server's end or the client's, of a pipe whose both directions are full.
WAITS: dict[str, Callable[[Any, Any], Any]] = {
    "server reads": lambda one, other: win32file.ReadFile(one, 5),
    "client reads": lambda one, other: win32file.ReadFile(other, 5),
    "server writes": lambda one, other: win32file.WriteFile(one, b"z" * 2 * QUOTA),
    "client writes": lambda one, other: win32file.WriteFile(other, b"z" * 2 * QUOTA),
    "server flushes": lambda one, other: _flush(one),
    "client flushes": lambda one, other: _flush(other),
    "client asks": lambda one, other: win32pipe.TransactNamedPipe(other, b"question", 9),
}


def _flush(end: Any) -> None:
    win32file.WriteFile(end, b"z")
    win32file.FlushFileBuffers(end)


def waiting_thread(bench: Bench, wait: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """A thread that waits in a call of a handle whose calls wait; what the call came to."""
    came: list[Any] = []
    numbers: list[int] = []

    def waits() -> None:
        numbers.append(win32api.GetCurrentThreadId(system=bench.system))
        came.append(outcome(wait)["err"])

    thread = bench.start(waits)
    known = bench.system.io.threads.known
    until(lambda: bool(numbers) and any(one.irps for one in known() if one.host.native == numbers[0]))
    return thread, came


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("kind", WAITS)
def test_an_end_closed_in_another_thread_wakes_who_waits(bench: Bench, kind: str, which: int) -> None:
    ends = pair(bench, True, 0)
    thread, came = waiting_thread(bench, lambda: WAITS[kind](*ends))
    ends[which].Close()
    thread.join()
    assert came == [BROKEN]
    nothing_is_left(bench)


@pytest.mark.parametrize("kind", [*WAITS, "server listens", "client waits for an instance"])
def test_what_a_thread_waits_in_can_be_cancelled(bench: Bench, kind: str) -> None:
    if kind == "server listens":
        one = server(bench, True, 0)
        wait = lambda: win32pipe.ConnectNamedPipe(one)  # noqa: E731
    else:
        ends = pair(bench, True, 0)
        wait = lambda: WAITS[kind](*ends)  # noqa: E731
    if kind == "client waits for an instance":
        wait = lambda: win32pipe.WaitNamedPipe(NAME, win32pipe.NMPWAIT_WAIT_FOREVER, system=bench.system)  # noqa: E731
    thread, came = waiting_thread(bench, wait)
    number = thread.native_id
    assert number is not None
    with win32api.OpenThread(c.THREAD_ALL_ACCESS, False, number, system=bench.system) as handle:
        until(lambda: outcome(lambda: win32file.CancelSynchronousIo(handle))["ok"] or bool(came))
        thread.join()
        assert came == [ABORTED]
        assert outcome(lambda: win32file.CancelSynchronousIo(handle))["err"] == 1168
    nothing_is_left(bench)


@pytest.mark.parametrize("ported", [False, True])
@pytest.mark.parametrize("writes", [False, True])
def test_a_thread_that_ends_takes_its_requests_with_it_but_for_a_port(bench: Bench, writes: bool, ported: bool) -> None:
    (one, other), ov, port = pair(bench, False), OVERLAPPED(), bench.port()
    if ported:
        win32file.CreateIoCompletionPort(one, port, 5, 0)

    def starts() -> None:
        hr = win32file.WriteFile(one, b"w" * 2 * QUOTA, ov)[0] if writes else win32file.ReadFile(one, QUOTA, ov)[0]
        assert hr == 997

    bench.start(starts).join()
    bench.system.io.threads.check()
    if not ported:
        until(lambda: win32file.HasOverlappedIoCompleted(ov))
        assert ov.Internal == 0xC0000120
        assert win32event.WaitForSingleObject(one, 0) == c.WAIT_OBJECT_0
    else:
        if writes:
            got = b"".join(bytes(win32file.ReadFile(other, QUOTA, OVERLAPPED())[1]) for _ in range(2))
            assert got == b"w" * 2 * QUOTA
        else:
            win32file.WriteFile(other, b"r" * QUOTA, OVERLAPPED())
        assert drained(bench, port) == [(0, 2 * QUOTA if writes else QUOTA, 5, ov)]
    nothing_is_left(bench)


def test_a_pipe_that_is_gone_leaves_its_name(bench: Bench) -> None:
    """Whatever was under way, a new pipe of that name and of another kind can be made at once."""
    for messages in (False, True, False):
        one, other = pair(bench, messages)
        win32file.ReadFile(one, 5, OVERLAPPED())
        win32file.WriteFile(one, b"x" * 3 * QUOTA, OVERLAPPED())
        one.Close()
        other.Close()
    nothing_is_left(bench)


# --- two calls on one handle whose calls wait -------------------------------------------------------------------------


def two_readers(bench: Bench, handle: Any) -> tuple[list[threading.Thread], list[Any]]:
    """A thread that waits in a read, and one that waits for the handle to be free."""
    first, came = waiting_thread(bench, lambda: win32file.ReadFile(handle, 5))
    begun: list[int] = []

    def reads() -> None:
        begun.append(1)
        came.append(outcome(lambda: win32file.ReadFile(handle, 5))["err"])

    return [first, bench.start(reads)], came


def test_a_handle_that_is_closed_is_so_for_who_waits_for_it_too(bench: Bench) -> None:
    one, _ = pair(bench, False, 0)
    threads, came = two_readers(bench, one)
    one.Close()
    for thread in threads:
        thread.join()
    assert came[0] == BROKEN and came[1] in (6, BROKEN)
    nothing_is_left(bench)


@pytest.mark.row("R39")
def test_who_waits_for_a_handle_to_be_free_does_not_count_at_its_port(bench: Bench) -> None:
    one, other = pair(bench, False, 0)
    port, came = bench.port(1), []
    reader, _ = waiting_thread(bench, lambda: win32file.ReadFile(one, 5))

    def works() -> None:
        bench.get(port)
        came.append(win32file.WriteFile(one, b"abc"))

    bench.post(port, 1)
    worker = bench.start(works)
    until(lambda: len(bench.inside(port).snapshot().paused) == 1)
    assert not came
    win32file.WriteFile(other, b"hello")
    reader.join()
    worker.join()
    assert came == [(0, 3)] and win32file.ReadFile(other, 9) == (0, b"abc")
