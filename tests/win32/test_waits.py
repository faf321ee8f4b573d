"""Waiting and user APCs by their Win32 names: events, files, threads; routines that end reads and writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from iocp_bench import BOGUS, Bench, iocp_bench, outcome, until
from ntio import System
from ntio.win32 import OVERLAPPED, win32api, win32event, win32file, win32pipe
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


# --- how long --------------------------------------------------------------------------------------------------------

#: What waits and in vain, given a bench and milliseconds; what it comes to.
WAITS: dict[str, tuple[Callable[[Bench, int], object], object]] = {
    "one": (lambda b, ms: win32event.WaitForSingleObject(b.event(), ms), c.WAIT_TIMEOUT),
    "one alertable": (lambda b, ms: win32event.WaitForSingleObjectEx(b.event(), ms, True), c.WAIT_TIMEOUT),
    "any": (lambda b, ms: win32event.WaitForMultipleObjects([b.event(), b.event()], False, ms), c.WAIT_TIMEOUT),
    "any alertable": (lambda b, ms: win32event.WaitForMultipleObjectsEx([b.event()], False, ms, True), c.WAIT_TIMEOUT),
    "all": (lambda b, ms: win32event.WaitForMultipleObjects([b.event(), b.file()], True, ms), c.WAIT_TIMEOUT),
    "all alertable": (lambda b, ms: win32event.WaitForMultipleObjectsEx([b.event()], True, ms, True), c.WAIT_TIMEOUT),
    "sleep": (lambda b, ms: win32api.SleepEx(ms, False, system=b.system), 0),
    "sleep alertable": (lambda b, ms: win32api.SleepEx(ms, True, system=b.system), 0),
    "itself": (
        lambda b, ms: win32event.WaitForSingleObject(win32api.GetCurrentThread(), ms, system=b.system),
        c.WAIT_TIMEOUT,
    ),
    "itself, alertable": (
        lambda b, ms: win32event.WaitForSingleObjectEx(win32api.GetCurrentThread(), ms, True, system=b.system),
        c.WAIT_TIMEOUT,
    ),
    "port": (lambda b, ms: win32file.GetQueuedCompletionStatus(b.port(), ms)[0], c.WAIT_TIMEOUT),
    "port, several": (lambda b, ms: win32file.GetQueuedCompletionStatusEx(b.port(), 3, ms)[0], c.WAIT_TIMEOUT),
    "port, alertable": (lambda b, ms: win32file.GetQueuedCompletionStatusEx(b.port(), 3, ms, True)[0], c.WAIT_TIMEOUT),
    "result": (lambda b, ms: _result(b, ms, False), c.WAIT_TIMEOUT),
    "result, alertable": (lambda b, ms: _result(b, ms, True), c.WAIT_TIMEOUT),
    "pipe": (lambda b, ms: _pipe(b, ms), 121),
}


def _result(bench: Bench, milliseconds: int, alertable: bool) -> object:
    server, _ = bench.pipe()
    ov = OVERLAPPED()
    win32file.ReadFile(server, 4, ov)
    ended = outcome(lambda: (win32file.GetOverlappedResultEx(server, ov, milliseconds, alertable),))
    win32file.CancelIo(server)
    return ended["err"]


def _pipe(bench: Bench, milliseconds: int) -> object:
    _, name = bench.listener()
    bench.client(name)
    return outcome(lambda: win32pipe.WaitNamedPipe(name, milliseconds, system=bench.system))["err"]


@pytest.mark.parametrize("kind", WAITS)
def test_a_limit_is_one_of_the_machines_clock(bench: Bench, kind: str) -> None:
    """An hour of a simulated machine is nobody's loss; elsewhere a limit lasts as long as it says."""
    wait, expected = WAITS[kind]
    clock, simulated = bench.system.io.hal.clock, bench.system.io.hal.name == "simulated"
    milliseconds = 3_600_000 if simulated else 10
    began = clock.now()
    assert wait(bench, milliseconds) == expected
    passed = clock.now() - began
    assert passed >= milliseconds / 1000 and not (simulated and passed > 3601)


def test_the_end_of_a_thread_has_a_limit_of_the_same_clock(bench: Bench) -> None:
    system, gate, numbers = bench.system, threading.Event(), []

    def stays() -> None:
        numbers.append(win32api.GetCurrentThreadId(system=system))
        gate.wait()

    bench.start(stays)
    until(lambda: bool(numbers))
    clock, milliseconds = system.io.hal.clock, 3_600_000 if system.io.hal.name == "simulated" else 10
    began = clock.now()
    with win32api.OpenThread(c.THREAD_ALL_ACCESS, False, numbers[0], system=system) as thread:
        assert win32event.WaitForSingleObject(thread, milliseconds) == c.WAIT_TIMEOUT
        gate.set()
        assert clock.now() - began >= milliseconds / 1000
        assert win32event.WaitForSingleObject(thread, c.INFINITE) == c.WAIT_OBJECT_0


def test_who_waits_for_a_threads_end_runs_routines_meanwhile(bench: Bench) -> None:
    system, gate, numbers, ran = bench.system, bench.event(), [], []

    def stays() -> None:
        numbers.append(win32api.GetCurrentThreadId(system=system))
        win32event.WaitForSingleObject(gate, c.INFINITE)

    bench.start(stays)
    until(lambda: bool(numbers))
    with win32api.OpenThread(c.THREAD_ALL_ACCESS, False, numbers[0], system=system) as thread:
        win32api.QueueUserAPC(ran.append, win32api.GetCurrentThread(), 1, system=system)
        assert win32event.WaitForSingleObjectEx(thread, 1, False) == c.WAIT_TIMEOUT and not ran
        assert win32event.WaitForSingleObjectEx(thread, c.INFINITE, True) == c.WAIT_IO_COMPLETION and ran == [1]
        assert win32event.WaitForSingleObjectEx(thread, 1, True) == c.WAIT_TIMEOUT
        win32event.SetEvent(gate)
        assert win32event.WaitForSingleObjectEx(thread, c.INFINITE, True) == c.WAIT_OBJECT_0


def test_threads_are_waited_for_among_others(bench: Bench) -> None:
    """For one of several, for all, and alertably; the first of the list that is there is told."""
    system, event, ran = bench.system, bench.event(), []
    gates, numbers = [threading.Event() for _ in range(2)], {}

    def stays(which: int) -> None:
        numbers[which] = win32api.GetCurrentThreadId(system=system)
        gates[which].wait()

    threads = [bench.start(lambda which=which: stays(which)) for which in range(2)]
    until(lambda: len(numbers) == 2)
    access = c.THREAD_ALL_ACCESS
    first, second = (bench.keep(win32api.OpenThread(access, False, numbers[one], system=system)) for one in range(2))
    wait, wait_ex = win32event.WaitForMultipleObjects, win32event.WaitForMultipleObjectsEx
    assert wait([first, event, second], False, 0) == wait([first, event, second], True, 0) == c.WAIT_TIMEOUT
    win32api.QueueUserAPC(ran.append, win32api.GetCurrentThread(), 1, system=system)
    assert wait_ex([first, second], True, c.INFINITE, True) == c.WAIT_IO_COMPLETION and ran == [1]
    win32event.SetEvent(event)
    assert wait([first, event, second], False, c.INFINITE) == c.WAIT_OBJECT_0 + 1
    gates[0].set()
    assert wait([second, first], False, c.INFINITE) == c.WAIT_OBJECT_0 + 1
    assert wait([first, event, second], True, 0) == c.WAIT_TIMEOUT
    threads[0].join()
    gates[1].set()
    assert wait([first, event, second], True, c.INFINITE) == c.WAIT_OBJECT_0
    assert wait([first, event, second], False, 0) == c.WAIT_OBJECT_0
    assert outcome(lambda: (wait([first, second, first], True, 0),))["err"] == 87


#: What a thread that works for a port may wait in, until a user APC comes or an event is set.
PAUSES: dict[str, Callable[[Bench, object], object]] = {
    "sleep": lambda b, event: win32api.SleepEx(c.INFINITE, True, system=b.system),
    "one": lambda b, event: win32event.WaitForSingleObject(event, c.INFINITE),
    "several": lambda b, event: win32event.WaitForMultipleObjects([event, b.event()], False, c.INFINITE),
    "all": lambda b, event: win32event.WaitForMultipleObjects([event], True, c.INFINITE),
    "result": lambda b, event: _wait_for_result(b, event),
}


def _wait_for_result(bench: Bench, event: object) -> None:
    server, client = bench.pipe()
    ov = OVERLAPPED()
    win32file.ReadFile(server, 4, ov)

    def brings() -> None:
        win32event.WaitForSingleObject(event, c.INFINITE)
        win32file.WriteFile(client, b"abcd")

    bench.start(brings)
    assert win32file.GetOverlappedResult(server, ov, True) == 4


@pytest.mark.row("R39")
@pytest.mark.parametrize("kind", PAUSES)
def test_a_thread_of_a_port_is_paused_while_it_waits_elsewhere(bench: Bench, kind: str) -> None:
    port, event, told = bench.port(1), bench.event(), []
    inside = bench.inside(port)

    def works() -> None:
        win32file.GetQueuedCompletionStatus(port, c.INFINITE)
        told.append(win32api.GetCurrentThreadId(system=bench.system))
        PAUSES[kind](bench, event)
        told.append(0)

    bench.post(port, 1)
    worker = bench.start(works)
    until(lambda: len(inside.snapshot().paused) == 1)
    seen = inside.snapshot()
    assert (seen.active, len(seen.released)) == (0, 0)
    bench.post(port, 2)  # its place is free: the next who asks gets the packet, though one may run at a time
    assert bench.get(port)["bytes"] == 2
    with win32api.OpenThread(c.THREAD_ALL_ACCESS, False, told[0], system=bench.system) as thread:
        win32api.QueueUserAPC(lambda _: None, thread, None)
    win32event.SetEvent(event)
    worker.join()
    assert told[1] == 0


def test_a_short_sleep_of_a_thread_of_a_port_is_paused_too(bench: Bench) -> None:
    """Sleep without an APC: another waiter gets the packet as soon as the first sleeps."""
    port, order = bench.port(1), []

    def sleeps() -> None:
        assert bench.get(port)["bytes"] == 1
        order.append("sleeps")
        win32api.Sleep(5, system=bench.system)
        until(lambda: "runs" in order)
        order.append("goes on")

    def runs() -> None:
        assert bench.get(port)["bytes"] == 2
        order.append("runs")

    bench.start_waiters(port, [runs, sleeps])
    bench.post(port, 1)
    until(lambda: "sleeps" in order)
    bench.post(port, 2)
    until(lambda: len(order) == 3)
    assert order == ["sleeps", "runs", "goes on"]
