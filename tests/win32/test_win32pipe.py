"""Named pipes by their Win32 names: results and errors as pywin32 gives them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ntio import System
from ntio import win32 as w
from ntio.driver_kit import parse_sddl
from ntio.security.token import user_token
from ntio.win32 import pywintypes, win32file, win32pipe

pytestmark = pytest.mark.row("R31", "R34")

NAME = r"\\.\pipe\Test"
MESSAGES = w.PIPE_TYPE_MESSAGE | w.PIPE_READMODE_MESSAGE


def create(
    system: System, *, mode: int = w.PIPE_ACCESS_DUPLEX, kind: int = MESSAGES, most: int = 1, sa: object = None
) -> pywintypes.PyHANDLE:
    return win32pipe.CreateNamedPipe(NAME, mode, kind, most, 512, 256, 0, sa, system=system)  # type: ignore[arg-type]


def open_client(system: System, access: int = w.GENERIC_READ | w.GENERIC_WRITE, flags: int = 0) -> pywintypes.PyHANDLE:
    return win32file.CreateFile(NAME, access, 0, None, w.OPEN_EXISTING, flags, None, system=system)


def error_of(call: Callable[[], object]) -> int:
    with pytest.raises(pywintypes.error) as caught:
        call()
    return caught.value.winerror


def beside(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_a_server_and_a_client_that_wait_for_each_other(system: System) -> None:
    with create(system) as server:

        def serve() -> None:
            assert win32pipe.ConnectNamedPipe(server) in (0, w.ERROR_PIPE_CONNECTED)
            hr, question = win32file.ReadFile(server, 100)
            assert hr == 0
            win32file.WriteFile(server, question.upper())
            win32file.FlushFileBuffers(server)
            win32pipe.DisconnectNamedPipe(server)

        thread = beside(serve)
        assert win32pipe.CallNamedPipe(NAME, b"question", 100, w.NMPWAIT_WAIT_FOREVER, system=system) == b"QUESTION"
        thread.join()


def test_connecting_overlapped(system: System) -> None:
    with create(system, mode=w.PIPE_ACCESS_DUPLEX | w.FILE_FLAG_OVERLAPPED) as server:
        overlapped = pywintypes.OVERLAPPED()
        overlapped.hEvent = event = w.CreateEvent(None, True, False, None, system=system)
        assert win32pipe.ConnectNamedPipe(server, overlapped) == w.ERROR_IO_PENDING
        assert w.WaitForSingleObject(event, 0) == w.WAIT_TIMEOUT
        with open_client(system):
            assert w.WaitForSingleObject(event, 0) == w.WAIT_OBJECT_0
            assert win32file.GetOverlappedResult(server, overlapped, True) == 0
            assert win32pipe.ConnectNamedPipe(server, overlapped) == w.ERROR_PIPE_CONNECTED
            assert win32pipe.ConnectNamedPipe(server) == w.ERROR_PIPE_CONNECTED
        assert error_of(lambda: win32pipe.ConnectNamedPipe(server, overlapped)) == w.ERROR_NO_DATA
        event.Close()


def test_a_call_without_overlapped_waits_also_on_an_overlapped_handle(system: System) -> None:
    with create(system, mode=w.PIPE_ACCESS_DUPLEX | w.FILE_FLAG_OVERLAPPED) as server:
        clients: list[pywintypes.PyHANDLE] = []
        thread = beside(lambda: clients.append(open_client(system)))
        assert win32pipe.ConnectNamedPipe(server) in (0, w.ERROR_PIPE_CONNECTED)
        thread.join()
        clients[0].Close()


def test_transactions_and_answers_that_are_too_long(system: System) -> None:
    with create(system) as server, open_client(system, flags=w.FILE_FLAG_OVERLAPPED) as client:
        assert error_of(lambda: win32pipe.TransactNamedPipe(client, b"x", 9)) == w.ERROR_BAD_PIPE
        win32pipe.SetNamedPipeHandleState(client, w.PIPE_READMODE_MESSAGE, None, None)
        thread = beside(lambda: win32file.WriteFile(server, win32file.ReadFile(server, 9)[1] * 2))
        assert win32pipe.TransactNamedPipe(client, b"abc", 4) == (w.ERROR_MORE_DATA, b"abca")
        thread.join()
        overlapped, buffer = pywintypes.OVERLAPPED(), bytearray(9)
        assert error_of(lambda: win32pipe.TransactNamedPipe(client, b"x", buffer, overlapped)) == w.ERROR_PIPE_BUSY
        assert win32pipe.PeekNamedPipe(client, 1) == (b"b", 2, 1)
        assert win32file.ReadFile(client, bytearray(2), overlapped)[0] == 0
        assert win32pipe.TransactNamedPipe(client, b"x", buffer, overlapped) == (w.ERROR_IO_PENDING, buffer)
        assert win32file.ReadFile(server, 9) == (0, b"x")
        win32file.WriteFile(server, b"answer")
        assert win32file.GetOverlappedResult(client, overlapped, False) == 6 and buffer.startswith(b"answer")


def test_what_a_call_named_pipe_does_not_get(system: System) -> None:
    assert error_of(lambda: win32pipe.CallNamedPipe(NAME, b"x", 9, 0, system=system)) == w.ERROR_FILE_NOT_FOUND
    with create(system) as server:

        def serve() -> None:
            win32file.ReadFile(server, 9)
            win32file.WriteFile(server, b"longer")

        with open_client(system):
            call = lambda timeout: win32pipe.CallNamedPipe(NAME, b"x", 2, timeout, system=system)  # noqa: E731
            assert error_of(lambda: call(w.NMPWAIT_NOWAIT)) == w.ERROR_PIPE_BUSY
            assert error_of(lambda: call(2)) == w.ERROR_SEM_TIMEOUT
        win32pipe.DisconnectNamedPipe(server)
        thread = beside(lambda: (win32pipe.ConnectNamedPipe(server), serve()))
        assert error_of(lambda: call(w.NMPWAIT_WAIT_FOREVER)) == w.ERROR_MORE_DATA
        thread.join()


def test_waiting_for_a_pipe(system: System) -> None:
    assert error_of(lambda: win32pipe.WaitNamedPipe(NAME, 5, system=system)) == w.ERROR_FILE_NOT_FOUND
    with create(system) as server:
        win32pipe.WaitNamedPipe(NAME, w.NMPWAIT_USE_DEFAULT_WAIT, system=system)
        with open_client(system):
            assert error_of(lambda: win32pipe.WaitNamedPipe(NAME, 2, system=system)) == w.ERROR_SEM_TIMEOUT
            thread = beside(lambda: win32pipe.WaitNamedPipe(NAME, w.NMPWAIT_WAIT_FOREVER, system=system))
        win32pipe.DisconnectNamedPipe(server)
        connecting = beside(lambda: win32pipe.ConnectNamedPipe(server))
        thread.join()
        open_client(system).Close()
        connecting.join()


def test_a_pipe_without_a_name(system: System) -> None:
    reader, writer = win32pipe.CreatePipe(None, 0, system=system)
    assert win32file.WriteFile(writer, b"some bytes") == (0, 10)
    assert win32pipe.PeekNamedPipe(reader, 4) == (b"some", 10, 0)
    assert win32file.ReadFile(reader, 100) == (0, b"some bytes")
    assert error_of(lambda: win32file.WriteFile(reader, b"x")) == w.ERROR_ACCESS_DENIED
    writer.Close()
    assert error_of(lambda: win32file.ReadFile(reader, 1)) == w.ERROR_BROKEN_PIPE
    reader.Close()


def test_what_a_handle_says_of_its_pipe(system: System) -> None:
    with create(system, most=w.PIPE_UNLIMITED_INSTANCES) as server, open_client(system) as client:
        assert win32pipe.GetNamedPipeInfo(server) == (w.PIPE_SERVER_END | w.PIPE_TYPE_MESSAGE, 512, 256, 255)
        assert win32pipe.GetNamedPipeInfo(client) == (w.PIPE_CLIENT_END | w.PIPE_TYPE_MESSAGE, 256, 512, 255)
        assert win32pipe.GetNamedPipeHandleState(server) == (w.PIPE_READMODE_MESSAGE, 1, None, None, None)
        win32pipe.SetNamedPipeHandleState(client, w.PIPE_NOWAIT)
        win32pipe.SetNamedPipeHandleState(client, None)
        assert win32pipe.GetNamedPipeHandleState(client, True) == (w.PIPE_NOWAIT, 1, 0, 0, None)
        assert error_of(lambda: win32file.ReadFile(client, 1)) == w.ERROR_NO_DATA
        assert error_of(lambda: win32pipe.SetNamedPipeHandleState(client, 8)) == w.ERROR_INVALID_PARAMETER


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        ((r"\\.\pip\x", 3, 0, 1, 0, 0, 0, None), w.ERROR_INVALID_NAME),
        (("\\\\.\\pipe\\", 3, 0, 1, 0, 0, 0, None), w.ERROR_INVALID_NAME),
        ((NAME, 0, 0, 1, 0, 0, 0, None), w.ERROR_INVALID_PARAMETER),
        ((NAME, 3, 16, 1, 0, 0, 0, None), w.ERROR_INVALID_PARAMETER),
        ((NAME, 3, 0, 0, 0, 0, 0, None), w.ERROR_INVALID_PARAMETER),
        ((NAME, 3, 0, 256, 0, 0, 0, None), w.ERROR_INVALID_PARAMETER),
        ((NAME, 3, w.PIPE_READMODE_MESSAGE, 1, 0, 0, 0, None), w.ERROR_INVALID_PARAMETER),
    ],
)
def test_pipes_that_cannot_be(system: System, arguments: tuple[object, ...], number: int) -> None:
    assert error_of(lambda: win32pipe.CreateNamedPipe(*arguments, system=system)) == number  # type: ignore[arg-type]


def test_instances_and_who_may_open_them(system: System) -> None:
    with create(system, most=2, sa=parse_sddl("D:(A;;GA;;;BA)")) as server:
        first = w.PIPE_ACCESS_DUPLEX | w.FILE_FLAG_FIRST_PIPE_INSTANCE
        assert error_of(lambda: create(system, mode=first)) == w.ERROR_ACCESS_DENIED
        with system.impersonate(user_token()):
            assert error_of(lambda: open_client(system, w.GENERIC_READ)) == w.ERROR_ACCESS_DENIED
        with create(system):
            assert error_of(lambda: create(system)) == w.ERROR_PIPE_BUSY
        with open_client(system):
            assert error_of(lambda: open_client(system)) == w.ERROR_PIPE_BUSY
        assert error_of(lambda: win32file.WriteFile(server, b"x")) == w.ERROR_NO_DATA
        assert error_of(lambda: win32file.ReadFile(server, 1)) == w.ERROR_BROKEN_PIPE
    assert error_of(lambda: win32pipe.PeekNamedPipe(server, 1)) == w.ERROR_INVALID_HANDLE
