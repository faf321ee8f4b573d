"""Every error that the documentation of completion ports and overlapped calls names, reached call by call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iocp_bench import BOGUS, Bench, iocp_bench, outcome, until
from ntio import System
from ntio.win32 import OVERLAPPED, ntdll, win32api, win32event, win32file, win32pipe
from ntio.win32 import win32con as c

pytestmark = pytest.mark.row("R31", "R34", "R35", "R36", "R37")

#: The errors of each call: by the pages on it, and where the operation's own error comes through, those of its kind.
DOCUMENTED: dict[str, set[int]] = {
    "CreateIoCompletionPort": {6, 87},
    "GetQueuedCompletionStatus": {6, 258, 735, 38, 64, 109, 233, 234, 995},
    "GetQueuedCompletionStatusEx": {6, 87, 192, 258, 735},
    "PostQueuedCompletionStatus": {6, 8, 1450},
    "SetFileCompletionNotificationModes": {6, 87},
    "CancelIo": {6},
    "CancelIoEx": {6, 1168},
    "CancelSynchronousIo": {5, 6, 1168},
    "GetOverlappedResult": {6, 38, 109, 234, 995, 996},
    "GetOverlappedResultEx": {6, 109, 192, 258, 995, 996},
    "ReadFile": {5, 6, 38, 87, 109, 170, 233, 234, 536, 995, 997},
    "WriteFile": {5, 6, 87, 170, 232, 233, 536, 995, 997},
    "ReadFileEx": {6, 38, 87, 109, 170, 995},
    "WriteFileEx": {6, 87, 170, 232, 995},
    "ConnectNamedPipe": {1, 6, 109, 232, 535, 536, 995, 997},
    "QueueUserAPC": {5, 6},
    "SleepEx": {192},
    "WaitForSingleObjectEx": {5, 6, 192, 258},
    "CloseHandle": {6},
}
#: What is not reached, and why.
UNREACHED = {
    ("PostQueuedCompletionStatus", 8): "memory that is used up is Python's MemoryError, and the caller's to see",
    ("PostQueuedCompletionStatus", 1450): "there is no quota of packets",
    ("GetQueuedCompletionStatus", 64): "a connection that is reset; with the cases of sockets",
}

Case = Callable[["Bed"], Any]


class Bed(Bench):
    """The bench, with what several cases need: a pipe that is full, a thread that waits, messages."""

    def messages(self, flags: int = c.FILE_FLAG_OVERLAPPED) -> tuple[Any, Any]:
        """Both ends of a pipe of messages."""
        self._pipes += 1
        name, access = f"\\\\.\\pipe\\messages{self._pipes}", win32pipe.PIPE_ACCESS_DUPLEX | flags
        mode = win32pipe.PIPE_TYPE_MESSAGE | win32pipe.PIPE_READMODE_MESSAGE
        server = win32pipe.CreateNamedPipe(name, access, mode, 1, 64, 64, 0, None, system=self.system)
        return self.keep(server), self.client(name, flags)

    def ported(self) -> tuple[Any, Any, Any, OVERLAPPED]:
        """Both ends of a pipe, the server's port, and a read that waits there."""
        (server, client), ov = self.pipe(), OVERLAPPED()
        port = self.associated(server, 1)
        win32file.ReadFile(server, 4, ov)
        return server, client, port, ov

    def pending(self) -> tuple[Any, Any, OVERLAPPED]:
        """Both ends of a pipe and a read that waits at the server's."""
        (server, client), ov = self.pipe(), OVERLAPPED()
        win32file.ReadFile(server, 4, ov)
        return server, client, ov

    def pressed(self) -> None:
        """A user APC for this thread."""
        win32api.QueueUserAPC(lambda _: None, win32api.GetCurrentThread(), 0, system=self.system)

    def own_thread(self, access: int) -> Any:
        """A handle for this thread with those rights."""
        number = win32api.GetCurrentThreadId(system=self.system)
        return self.keep(win32api.OpenThread(access, False, number, system=self.system))

    def cancelled(self, server: Any, wait: Callable[[], Any]) -> Any:
        """What a call that waits comes to when its thread is cancelled."""
        came: list[Any] = []
        thread = self.start(lambda: came.append(outcome(wait)["err"]))
        until(lambda: thread.native_id is not None)
        io, number = self.system.io, thread.native_id or 0
        until(lambda: any(one.irps for one in io.threads.known() if one.host.native == number))
        with win32api.OpenThread(c.THREAD_TERMINATE, False, number, system=self.system) as handle:
            until(lambda: outcome(lambda: win32file.CancelSynchronousIo(handle))["ok"] or bool(came))
        thread.join()
        return (came[0],)


@pytest.fixture
def bed(system: System, tmp_path: Path) -> Iterator[Bed]:
    with iocp_bench(system, tmp_path, Bed) as one:
        yield one


def _taken(port: Any, milliseconds: int = 5000) -> tuple[int]:
    return (win32file.GetQueuedCompletionStatus(port, milliseconds)[0],)


def _closed_under(bed: Bed, take: Callable[[Any], int]) -> tuple[int]:
    port, came = bed.port(), []
    bed.start_waiters(port, [lambda: came.append(take(port))])
    port.Close()
    until(lambda: bool(came))
    return (came[0],)


def _ended(bed: Bed, end: Callable[[Any, Any], Any]) -> tuple[int]:
    server, client, port, _ = bed.ported()
    end(server, client)
    return _taken(port)


def _warned(bed: Bed) -> tuple[int]:
    (server, client), ov = bed.messages(), OVERLAPPED()
    port = bed.associated(server, 1)
    win32file.ReadFile(server, 1, ov)
    win32file.WriteFile(client, b"ab", OVERLAPPED())
    return _taken(port)


def _beyond(bed: Bed, tell: Callable[[Any, Any, OVERLAPPED], Any]) -> Any:
    """A read behind the end of a file: refused at once, or told as every other end."""
    file, ov = bed.file(b"123"), OVERLAPPED()
    ov.Offset, port = 100, bed.associated(file, 1)
    started = outcome(lambda: win32file.ReadFile(file, 4, ov))["err"]
    return (started,) if started == 38 else tell(port, file, ov)


def _result(server: Any, ov: OVERLAPPED, wait: bool = False) -> tuple[int]:
    return (win32file.GetOverlappedResult(server, ov, wait),)


def _result_ex(server: Any, ov: OVERLAPPED, milliseconds: int, alertable: bool = False) -> tuple[int]:
    return (win32file.GetOverlappedResultEx(server, ov, milliseconds, alertable),)


def _routine(bed: Bed, begin: Callable[[Any, Any], Any]) -> tuple[int]:
    """The error a routine is told when its request is cancelled."""
    (server, _), told = bed.pipe(quota=4), []
    begin(server, lambda error, *_: told.append(error))
    win32file.CancelIo(server)
    win32api.SleepEx(c.INFINITE, True, system=bed.system)
    return (told[0],)


def _after(pair: tuple[Any, Any], end: Callable[[Any, Any], Any], then: Callable[[Any], Any]) -> Any:
    end(*pair)
    return then(pair[0])


def _client_closes(server: Any, client: Any) -> None:
    client.Close()


def _disconnects(server: Any, client: Any) -> None:
    win32pipe.DisconnectNamedPipe(server)


def _cancels(server: Any, client: Any) -> None:
    win32file.CancelIoEx(server, None)


def _closes(server: Any, client: Any) -> None:
    server.Close()


def _read(handle: Any) -> Any:
    return win32file.ReadFile(handle, 4, OVERLAPPED())


def _write(handle: Any, data: bytes = b"x") -> Any:
    return win32file.WriteFile(handle, data, OVERLAPPED())


def _listened(bed: Bed, end: Callable[[Any, Any], Any]) -> tuple[int]:
    server, _ = bed.listener()
    port = bed.associated(server, 1)
    win32pipe.ConnectNamedPipe(server, OVERLAPPED())
    end(server, None)
    return _taken(port)


def _connect(handle: Any) -> tuple[int]:
    return (win32pipe.ConnectNamedPipe(handle, OVERLAPPED()),)


def _nowait(bed: Bed) -> Any:
    server, _ = bed.listener()
    win32pipe.SetNamedPipeHandleState(server, win32pipe.PIPE_NOWAIT)
    return server


def _at(ov: OVERLAPPED, high: int) -> OVERLAPPED:
    ov.OffsetHigh = high
    return ov


#: Call, error, and how a program comes to it.
CASES: list[tuple[str, int, str, Case]] = [
    ("CreateIoCompletionPort", 87, "a port and no file",
     lambda b: win32file.CreateIoCompletionPort(-1, b.port(), 0, 0) and None),
    ("CreateIoCompletionPort", 87, "a file that waits",
     lambda b: win32file.CreateIoCompletionPort(b.file(flags=0), b.port(), 0, 0) and None),
    ("CreateIoCompletionPort", 87, "a file that has that port",
     lambda b: (p := b.port(), f := b.file(), win32file.CreateIoCompletionPort(f, p, 0, 0),
                win32file.CreateIoCompletionPort(f, p, 0, 0))),
    ("CreateIoCompletionPort", 87, "a file that has another",
     lambda b: (f := b.file(), b.associated(f, 1), win32file.CreateIoCompletionPort(f, None, 0, 0))),
    ("CreateIoCompletionPort", 6, "no handle",
     lambda b: win32file.CreateIoCompletionPort(BOGUS, b.port(), 0, 0) and None),
    ("CreateIoCompletionPort", 6, "an event as the file",
     lambda b: win32file.CreateIoCompletionPort(b.event(), b.port(), 0, 0) and None),
    ("CreateIoCompletionPort", 6, "an event as the port",
     lambda b: win32file.CreateIoCompletionPort(b.file(), b.event(), 0, 0) and None),
    ("CreateIoCompletionPort", 6, "a closed file",
     lambda b: (f := b.file(), n := int(f), f.Close(), win32file.CreateIoCompletionPort(n, b.port(), 0, 0))),
    ("GetQueuedCompletionStatus", 6, "no handle",
     lambda b: (win32file.GetQueuedCompletionStatus(BOGUS, 0, system=b.system)[0],)),
    ("GetQueuedCompletionStatus", 6, "an event", lambda b: _taken(b.event(), 0)),
    ("GetQueuedCompletionStatus", 258, "nothing at once", lambda b: _taken(b.port(), 0)),
    ("GetQueuedCompletionStatus", 258, "nothing in time", lambda b: _taken(b.port(), 2)),
    ("GetQueuedCompletionStatus", 735, "closed meanwhile",
     lambda b: _closed_under(b, lambda p: win32file.GetQueuedCompletionStatus(p, c.INFINITE)[0])),
    ("GetQueuedCompletionStatus", 38, "a read behind the end", lambda b: _beyond(b, lambda p, f, ov: _taken(p))),
    ("GetQueuedCompletionStatus", 109, "the other end closes", lambda b: _ended(b, _client_closes)),
    ("GetQueuedCompletionStatus", 109, "its own end closes", lambda b: _ended(b, _closes)),
    ("GetQueuedCompletionStatus", 233, "disconnected", lambda b: _ended(b, _disconnects)),
    ("GetQueuedCompletionStatus", 234, "a message too long", _warned),
    ("GetQueuedCompletionStatus", 995, "cancelled", lambda b: _ended(b, _cancels)),
    ("GetQueuedCompletionStatusEx", 6, "no handle",
     lambda b: (win32file.GetQueuedCompletionStatusEx(BOGUS, 1, 0, system=b.system)[0],)),
    ("GetQueuedCompletionStatusEx", 87, "no room",
     lambda b: (win32file.GetQueuedCompletionStatusEx(b.port(), 0, 0)[0],)),
    ("GetQueuedCompletionStatusEx", 192, "a routine ran",
     lambda b: (b.pressed(), win32file.GetQueuedCompletionStatusEx(b.port(), 1, c.INFINITE, True)[0])[1:]),
    ("GetQueuedCompletionStatusEx", 258, "nothing in time",
     lambda b: (win32file.GetQueuedCompletionStatusEx(b.port(), 1, 2, True)[0],)),
    ("GetQueuedCompletionStatusEx", 735, "closed meanwhile",
     lambda b: _closed_under(b, lambda p: win32file.GetQueuedCompletionStatusEx(p, 3, c.INFINITE)[0])),
    ("PostQueuedCompletionStatus", 6, "no handle",
     lambda b: win32file.PostQueuedCompletionStatus(BOGUS, 0, 0, None, system=b.system)),
    ("PostQueuedCompletionStatus", 6, "a closed port",
     lambda b: (p := b.port(), n := int(p), p.Close(),
                win32file.PostQueuedCompletionStatus(n, 0, 0, None, system=b.system))),
    ("SetFileCompletionNotificationModes", 6, "no handle",
     lambda b: win32file.SetFileCompletionNotificationModes(BOGUS, 1, system=b.system)),
    ("SetFileCompletionNotificationModes", 87, "a file that waits",
     lambda b: win32file.SetFileCompletionNotificationModes(b.file(flags=0), 1)),
    ("SetFileCompletionNotificationModes", 87, "an unknown bit",
     lambda b: win32file.SetFileCompletionNotificationModes(b.file(), 0x80)),
    ("CancelIo", 6, "no handle", lambda b: win32file.CancelIo(BOGUS, system=b.system)),
    ("CancelIo", 6, "an event", lambda b: win32file.CancelIo(b.event())),
    ("CancelIoEx", 6, "no handle", lambda b: win32file.CancelIoEx(BOGUS, None, system=b.system)),
    ("CancelIoEx", 1168, "nothing under way", lambda b: win32file.CancelIoEx(b.file(), None)),
    ("CancelIoEx", 1168, "not that", lambda b: (p := b.pending(), win32file.CancelIoEx(p[0], OVERLAPPED()))),
    ("CancelSynchronousIo", 5, "not the right",
     lambda b: win32file.CancelSynchronousIo(b.own_thread(c.THREAD_SET_CONTEXT))),
    ("CancelSynchronousIo", 6, "no handle", lambda b: win32file.CancelSynchronousIo(BOGUS, system=b.system)),
    ("CancelSynchronousIo", 6, "a file", lambda b: win32file.CancelSynchronousIo(b.file())),
    ("CancelSynchronousIo", 1168, "it waits for nothing",
     lambda b: win32file.CancelSynchronousIo(b.own_thread(c.THREAD_TERMINATE))),
    ("GetOverlappedResult", 6, "no handle",
     lambda b: (win32file.GetOverlappedResult(BOGUS, OVERLAPPED(), False, system=b.system),)),
    ("GetOverlappedResult", 38, "a read behind the end", lambda b: _beyond(b, lambda p, f, ov: _result(f, ov, True))),
    ("GetOverlappedResult", 109, "the other end closed",
     lambda b: (p := b.pending(), p[1].Close(), _result(p[0], p[2], True))),
    ("GetOverlappedResult", 234, "a message too long",
     lambda b: (p := b.messages(), ov := OVERLAPPED(), win32file.ReadFile(p[0], 1, ov), _write(p[1], b"ab"),
                _result(p[0], ov, True))),
    ("GetOverlappedResult", 995, "cancelled",
     lambda b: (p := b.pending(), win32file.CancelIo(p[0]), _result(p[0], p[2], True))),
    ("GetOverlappedResult", 996, "not yet", lambda b: (p := b.pending(), _result(p[0], p[2]))),
    ("GetOverlappedResultEx", 6, "no handle",
     lambda b: (win32file.GetOverlappedResultEx(BOGUS, OVERLAPPED(), 0, False, system=b.system),)),
    ("GetOverlappedResultEx", 109, "the other end closed",
     lambda b: (p := b.pending(), p[1].Close(), _result_ex(p[0], p[2], 5000))),
    ("GetOverlappedResultEx", 192, "a routine ran",
     lambda b: (p := b.pending(), b.pressed(), _result_ex(p[0], p[2], c.INFINITE, True))),
    ("GetOverlappedResultEx", 258, "not in time", lambda b: (p := b.pending(), _result_ex(p[0], p[2], 2))),
    ("GetOverlappedResultEx", 995, "cancelled",
     lambda b: (p := b.pending(), win32file.CancelIo(p[0]), _result_ex(p[0], p[2], 5000))),
    ("GetOverlappedResultEx", 996, "not yet", lambda b: (p := b.pending(), _result_ex(p[0], p[2], 0))),
    ("ReadFile", 5, "not the right", lambda b: _read(b.file(access=c.GENERIC_WRITE))),
    ("ReadFile", 6, "no handle", lambda b: win32file.ReadFile(BOGUS, 4, OVERLAPPED(), system=b.system)),
    ("ReadFile", 38, "behind the end of a file that waits",
     lambda b: win32file.ReadFile(b.file(b"", flags=0), 4, OVERLAPPED())),
    ("ReadFile", 87, "no OVERLAPPED", lambda b: win32file.ReadFile(b.file(), 4)),
    ("ReadFile", 87, "a negative offset", lambda b: win32file.ReadFile(b.file(), 4, _at(OVERLAPPED(), 1 << 31))),
    ("ReadFile", 109, "the other end is closed", lambda b: _after(b.pipe(), _client_closes, _read)),
    ("ReadFile", 170, "an OVERLAPPED in flight", lambda b: (p := b.pending(), win32file.ReadFile(p[0], 4, p[2]))),
    ("ReadFile", 233, "disconnected", lambda b: _after(b.pipe(), _disconnects, _read)),
    ("ReadFile", 234, "a message too long",
     lambda b: (p := b.messages(), _write(p[1], b"12345"), _read(p[0]))[2]),
    ("ReadFile", 536, "nobody has come", lambda b: _read(b.listener()[0])),
    ("ReadFile", 995, "its thread is cancelled",
     lambda b: (p := b.messages(0), b.cancelled(p[0], lambda: win32file.ReadFile(p[0], 4)))[1]),
    ("ReadFile", 997, "nothing is there yet", lambda b: _read(b.pipe()[0])),
    ("WriteFile", 5, "not the right", lambda b: _write(b.file(access=c.GENERIC_READ))),
    ("WriteFile", 6, "no handle", lambda b: win32file.WriteFile(BOGUS, b"", OVERLAPPED(), system=b.system)),
    ("WriteFile", 87, "no OVERLAPPED", lambda b: win32file.WriteFile(b.file(), b"x")),
    ("WriteFile", 87, "a negative offset", lambda b: win32file.WriteFile(b.file(), b"x", _at(OVERLAPPED(), 1 << 31))),
    ("WriteFile", 170, "an OVERLAPPED in flight",
     lambda b: (p := b.pending(), win32file.WriteFile(p[0], b"x", p[2]))),
    ("WriteFile", 232, "the other end is closed", lambda b: _after(b.pipe(), _client_closes, _write)),
    ("WriteFile", 233, "disconnected", lambda b: _after(b.pipe(), _disconnects, _write)),
    ("WriteFile", 536, "nobody has come", lambda b: _write(b.listener()[0])),
    ("WriteFile", 995, "its thread is cancelled",
     lambda b: (p := b.messages(0), b.cancelled(p[0], lambda: win32file.WriteFile(p[0], b"x" * 99)))[1]),
    ("WriteFile", 997, "no room yet", lambda b: _write(b.pipe(quota=4)[0], b"12345")),
    ("ReadFileEx", 6, "no handle",
     lambda b: win32file.ReadFileEx(BOGUS, 4, OVERLAPPED(), print, system=b.system)),
    ("ReadFileEx", 38, "behind the end", lambda b: _read_ex_behind(b)),
    ("ReadFileEx", 87, "a file of a port", lambda b: win32file.ReadFileEx(b.ported()[0], 4, OVERLAPPED(), print)),
    ("ReadFileEx", 109, "the other end is closed",
     lambda b: _after(b.pipe(), _client_closes, lambda p: win32file.ReadFileEx(p, 4, OVERLAPPED(), print))),
    ("ReadFileEx", 170, "an OVERLAPPED in flight",
     lambda b: (p := b.pending(), win32file.ReadFileEx(p[0], 4, p[2], print))),
    ("ReadFileEx", 995, "cancelled",
     lambda b: _routine(b, lambda p, tell: win32file.ReadFileEx(p, 4, OVERLAPPED(), tell))),
    ("WriteFileEx", 6, "no handle",
     lambda b: win32file.WriteFileEx(BOGUS, b"x", OVERLAPPED(), print, system=b.system)),
    ("WriteFileEx", 87, "a file of a port",
     lambda b: win32file.WriteFileEx(b.ported()[0], b"x", OVERLAPPED(), print)),
    ("WriteFileEx", 170, "an OVERLAPPED in flight",
     lambda b: (p := b.pending(), win32file.WriteFileEx(p[0], b"x", p[2], print))),
    ("WriteFileEx", 232, "the other end is closed",
     lambda b: _after(b.pipe(), _client_closes, lambda p: win32file.WriteFileEx(p, b"x", OVERLAPPED(), print))),
    ("WriteFileEx", 995, "cancelled",
     lambda b: _routine(b, lambda p, tell: win32file.WriteFileEx(p, b"12345", OVERLAPPED(), tell))),
    ("ConnectNamedPipe", 1, "a client's end", lambda b: _connect(b.client(b.listener()[1]))),
    ("ConnectNamedPipe", 6, "no handle", lambda b: win32pipe.ConnectNamedPipe(BOGUS, OVERLAPPED(), system=b.system)),
    ("ConnectNamedPipe", 109, "closed meanwhile", lambda b: _listened(b, _closes)),
    ("ConnectNamedPipe", 232, "the last client has gone", lambda b: _after(b.pipe(), _client_closes, _connect)),
    ("ConnectNamedPipe", 535, "a client is there", lambda b: _connect(b.pipe()[0])),
    ("ConnectNamedPipe", 536, "it does not wait", lambda b: _connect(_nowait(b))),
    ("ConnectNamedPipe", 995, "cancelled", lambda b: _listened(b, _cancels)),
    ("ConnectNamedPipe", 997, "nobody has come", lambda b: _connect(b.listener()[0])),
    ("QueueUserAPC", 5, "not the right",
     lambda b: win32api.QueueUserAPC(print, b.own_thread(c.THREAD_TERMINATE), 0) and None),
    ("QueueUserAPC", 6, "no thread", lambda b: win32api.QueueUserAPC(print, b.event(), 0) and None),
    ("SleepEx", 192, "a routine ran", lambda b: (b.pressed(), win32api.SleepEx(c.INFINITE, True, system=b.system))[1:]),
    ("WaitForSingleObjectEx", 5, "not the right",
     lambda b: (win32event.WaitForSingleObjectEx(b.own_thread(c.THREAD_TERMINATE), 0, True),)),
    ("WaitForSingleObjectEx", 6, "a port", lambda b: (win32event.WaitForSingleObjectEx(b.port(), 0, True),)),
    ("WaitForSingleObjectEx", 192, "a routine ran",
     lambda b: (b.pressed(), win32event.WaitForSingleObjectEx(b.event(), c.INFINITE, True))[1:]),
    ("WaitForSingleObjectEx", 258, "not in time", lambda b: (win32event.WaitForSingleObjectEx(b.event(), 2, True),)),
    ("CloseHandle", 6, "closed already",
     lambda b: (p := b.port(), n := int(p), p.Close(), win32api.CloseHandle(n, system=b.system))),
]  # fmt: skip


def _read_ex_behind(bed: Bed) -> Any:
    file, ov, told = bed.file(b"123"), OVERLAPPED(), []
    ov.Offset = 100
    win32file.ReadFileEx(file, 4, ov, lambda error, *_: told.append(error))
    while not told:
        win32api.SleepEx(c.INFINITE, True, system=bed.system)
    return (told[0],)


@pytest.mark.parametrize(("call", "code", "case"), [pytest.param(a, b, d, id=f"{a}-{b}-{e}") for a, b, e, d in CASES])
def test_a_documented_error_is_reached(bed: Bed, call: str, code: int, case: Case) -> None:
    assert outcome(lambda: case(bed))["err"] == code


def test_every_documented_error_has_its_case() -> None:
    reached = {(call, code) for call, code, _, _ in CASES}
    named = {(call, code) for call, codes in DOCUMENTED.items() for code in codes}
    assert reached == named - set(UNREACHED)
    assert set(UNREACHED) <= named


def test_the_native_calls_say_why(bed: Bed) -> None:
    """The three results of a wait that the Win32 calls name by themselves, not by the table of errors."""
    assert [ntdll.RtlNtStatusToDosError(status) for status in (0x102, 0xC0, 0x80)] == [1460, 737, 735]
    status, port = ntdll.NtCreateIoCompletion(system=bed.system)
    assert status == 0 and ntdll.NtRemoveIoCompletion(bed.keep(port), 0)[0] == 0x102
