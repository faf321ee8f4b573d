"""Waiting and user APCs by their Win32 names: events, files, threads; routines that end reads and writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from iocp_bench import BOGUS, Bench, iocp_bench, outcome, until
from ntio import System
from ntio.win32 import OVERLAPPED, win32api, win32event, win32file
from ntio.win32 import win32con as c

pytestmark = pytest.mark.row("R31")


@pytest.fixture
def bench(system: System, tmp_path: Path) -> Iterator[Bench]:
    with iocp_bench(system, tmp_path) as one:
        yield one


def test_events_files_and_what_cannot_be_waited_for(bench: Bench) -> None:
    event, file, port = bench.event(manual=False, signaled=True), bench.file(), bench.port()
    assert win32event.WaitForSingleObject(event, 0) == c.WAIT_OBJECT_0
    assert win32event.WaitForSingleObject(event, 0) == c.WAIT_TIMEOUT
    assert win32event.WaitForSingleObject(file, 0) == c.WAIT_OBJECT_0
    for handle in (port, BOGUS):
        waited = outcome(lambda: (win32event.WaitForSingleObject(handle, 0, system=bench.system),))  # noqa: B023
        assert waited["err"] == 6


def test_one_of_several_and_all(bench: Bench) -> None:
    one, two, file = bench.event(manual=False), bench.event(signaled=True), bench.file()
    several = [one, two, file]
    assert win32event.WaitForMultipleObjects(several, False, c.INFINITE) == c.WAIT_OBJECT_0 + 1
    assert win32event.WaitForMultipleObjects(several, True, 0) == c.WAIT_TIMEOUT
    win32event.SetEvent(one)
    assert win32event.WaitForMultipleObjects(several, True, c.INFINITE) == c.WAIT_OBJECT_0
    assert win32event.WaitForMultipleObjects(several, True, 0) == c.WAIT_TIMEOUT
    for handles, every in (([], False), ([two] * 65, False), ([two, two], True)):
        waited = outcome(lambda: (win32event.WaitForMultipleObjects(handles, every, 0, system=bench.system),))  # noqa: B023
        assert waited["err"] == 87


def test_routines_run_in_alertable_waits_only_and_in_their_order(bench: Bench) -> None:
    system, event, ran = bench.system, bench.event(), []
    for number in range(3):
        assert win32api.QueueUserAPC(ran.append, win32api.GetCurrentThread(), number, system=system)
    assert win32api.SleepEx(0, False, system=system) == 0
    assert win32event.WaitForSingleObjectEx(event, 0, False) == c.WAIT_TIMEOUT
    assert ran == []
    assert win32event.WaitForSingleObjectEx(event, c.INFINITE, True) == c.WAIT_IO_COMPLETION
    assert ran == [0, 1, 2]
    win32api.QueueUserAPC(ran.append, win32api.GetCurrentThread(), 3, system=system)
    win32event.SetEvent(event)
    assert win32event.WaitForSingleObjectEx(event, 0, True) == c.WAIT_OBJECT_0
    assert win32event.WaitForMultipleObjectsEx([bench.event()], False, 0, True) == c.WAIT_IO_COMPLETION
    assert (ran, win32api.Sleep(0, True, system=system)) == ([0, 1, 2, 3], 0)


def test_a_thread_is_waited_for_and_gets_routines(bench: Bench) -> None:
    system, gate, ran = bench.system, bench.event(), []
    numbers: list[int] = []

    def works() -> None:
        numbers.append(win32api.GetCurrentThreadId(system=system))
        while win32event.WaitForSingleObjectEx(gate, c.INFINITE, True) == c.WAIT_IO_COMPLETION:
            pass

    bench.start(works)
    until(lambda: bool(numbers))
    with win32api.OpenThread(c.THREAD_ALL_ACCESS, False, numbers[0], system=system) as thread:
        win32api.QueueUserAPC(lambda value: ran.append((value, threading.get_native_id())), thread, 7)
        until(lambda: bool(ran))
        assert ran == [(7, numbers[0])]
        assert win32event.WaitForSingleObject(thread, 1) == c.WAIT_TIMEOUT
        win32event.SetEvent(gate)
        assert win32event.WaitForSingleObject(thread, c.INFINITE) == c.WAIT_OBJECT_0
    missing = outcome(lambda: (win32api.OpenThread(c.THREAD_TERMINATE, False, numbers[0], system=system),))
    assert missing["err"] == 87


def test_a_read_and_a_write_end_in_a_routine(bench: Bench) -> None:
    system, (server, client) = bench.system, bench.pipe()
    told: list[tuple[int, int, OVERLAPPED]] = []
    one, two, three = OVERLAPPED(), OVERLAPPED(), OVERLAPPED()
    one.hEvent = 0x777  # the caller's own affair here
    buffer = win32file.ReadFileEx(server, 16, one, lambda *what: told.append(what))
    win32file.WriteFileEx(server, b"there", two, lambda *what: told.append(what))
    win32file.WriteFile(client, b"hello")
    assert win32file.ReadFile(client, 16) == (0, b"there")
    assert told == []
    assert win32api.SleepEx(5000, True, system=system) == c.WAIT_IO_COMPLETION
    assert sorted((error, count) for error, count, _ in told) == [(0, 5), (0, 5)]
    assert {id(ov) for _, _, ov in told} == {id(one), id(two)}
    assert (bytes(buffer[:5]), one.InternalHigh) == (b"hello", 5)
    told.clear()
    win32file.ReadFileEx(server, 16, three, lambda *what: told.append(what))
    win32file.CancelIo(server)
    assert win32api.SleepEx(5000, True, system=system) == c.WAIT_IO_COMPLETION
    assert told == [(995, 0, three)]


def test_a_result_is_waited_for_with_a_limit_and_with_routines(bench: Bench) -> None:
    system, (server, client) = bench.system, bench.pipe()
    ov, ran = OVERLAPPED(), []
    win32file.ReadFile(server, 16, ov)

    def result(milliseconds: int, alertable: bool) -> dict[str, object]:
        return outcome(lambda: str(win32file.GetOverlappedResultEx(server, ov, milliseconds, alertable)))

    assert result(0, False)["err"] == 996
    assert result(1, False)["err"] == 258
    win32api.QueueUserAPC(ran.append, win32api.GetCurrentThread(), 1, system=system)
    assert (result(0, False)["err"], ran) == (996, [])
    assert (result(0, True)["err"], ran) == (192, [1])
    win32file.WriteFile(client, b"abc")
    assert win32file.GetOverlappedResultEx(server, ov, c.INFINITE, False) == 3
    assert win32file.GetOverlappedResult(server, ov, False) == 3


def test_a_result_takes_an_event_that_wakes_one(bench: Bench) -> None:
    (server, client), event, ov = bench.pipe(), bench.event(manual=False), OVERLAPPED()
    ov.hEvent = event
    win32file.ReadFile(server, 16, ov)
    bench.start(lambda: win32file.WriteFile(client, b"abc"))
    assert win32file.GetOverlappedResult(server, ov, True) == 3
    if win32event.WaitForSingleObject(event, 0) == c.WAIT_OBJECT_0:
        # It had ended before the result was asked for: then nobody waited, and the event is set still.
        assert win32event.WaitForSingleObject(event, 0) == c.WAIT_TIMEOUT


def test_a_thread_takes_its_requests_with_it_but_not_those_of_a_port(bench: Bench) -> None:
    (alone, _), (ported, client) = bench.pipe(), bench.pipe()
    port = bench.associated(ported, 3)
    one, two = OVERLAPPED(), OVERLAPPED()

    def starts() -> None:
        win32file.ReadFile(alone, 4, one)
        win32file.ReadFile(ported, 4, two)

    bench.start(starts).join()
    bench.system.io.threads.check()
    until(lambda: win32file.HasOverlappedIoCompleted(one))
    assert (one.Internal, two.Internal) == (0xC0000120, 0x103)
    win32file.WriteFile(client, b"late")
    assert win32file.GetQueuedCompletionStatus(port, 5000) == (0, 4, 3, two)
