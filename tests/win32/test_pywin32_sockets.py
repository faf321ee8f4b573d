"""Programs written for pywin32 that give Python's sockets to win32file, with `from ntio.win32 import socket`."""

from __future__ import annotations

import errno
import os
import socket as host
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ntio
from ntio.win32 import pywintypes, socket, win32event, win32file, winerror

pytestmark = [pytest.mark.real_files, pytest.mark.row("R26", "R34")]
MILLISECONDS = 20_000
LOOPBACK = ("127.0.0.1", 0)


@pytest.fixture
def pair(system: ntio.System) -> Iterator[tuple[socket.socket, socket.socket]]:
    first, second = socket.socketpair(system=system)
    with first, second:
        yield first, second


def listening(system: ntio.System) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, system=system)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("localhost", 0))
    made.listen(5)
    return made


# --- as pywin32's programs do -----------------------------------------------------------------------------------------


class Wrapped:
    """A program's own object around a socket: win32file asks it for its handle."""

    def __init__(self, inner: socket.socket) -> None:
        self.inner = inner

    def fileno(self) -> int:
        return self.inner.fileno()


def test_an_echo_server_on_a_port(system: ntio.System) -> None:
    port = win32file.CreateIoCompletionPort(win32file.INVALID_HANDLE_VALUE, None, 0, 0, system=system)

    def packet() -> tuple[int, int, int, Any]:
        rc, count, key, ov = win32file.GetQueuedCompletionStatus(port, MILLISECONDS)
        return rc, count, key, ov.object

    def started(name: str) -> pywintypes.OVERLAPPED:
        ov = pywintypes.OVERLAPPED()
        ov.object = name
        return ov

    with (
        port,
        listening(system) as listener,
        socket.socket(system=system) as accepted,
        socket.socket(system=system) as client,
    ):
        assert win32file.CreateIoCompletionPort(listener.fileno(), port, 1, 0) is port
        for key, one in ((2, accepted), (3, client)):
            win32file.CreateIoCompletionPort(one.fileno(), port, key, 0)
        buffer = win32file.AllocateReadBuffer(win32file.CalculateSocketEndPointSize(listener))
        rc = win32file.AcceptEx(listener, accepted, buffer, started("accepted"))
        assert rc == winerror.ERROR_IO_PENDING
        client.bind(("0.0.0.0", 0))
        name = ("localhost", listener.getsockname()[1])
        rc, _ = win32file.ConnectEx(client, name, started("connected"), b"hello")
        assert rc in (0, winerror.ERROR_IO_PENDING)
        assert sorted((packet(), packet())) == [(0, 0, 1, "accepted"), (0, 5, 3, "connected")]

        told = struct.pack("P", listener.fileno())
        accepted.setsockopt(socket.SOL_SOCKET, win32file.SO_UPDATE_ACCEPT_CONTEXT, told)
        family, local, remote = win32file.GetAcceptExSockaddrs(Wrapped(accepted), buffer, system=system)  # type: ignore[arg-type]
        assert (family, local[0], remote) == (socket.AF_INET, b"127.0.0.1", (b"127.0.0.1", client.getsockname()[1]))
        assert accepted.getpeername() == client.getsockname()

        room = win32file.AllocateReadBuffer(100)
        win32file.WSARecv(accepted, room, started("received"), 0)
        assert packet() == (0, 5, 2, "received") and bytes(room[:5]) == b"hello"
        win32file.WSASend(accepted, b"HELLO", started("sent"), 0)
        assert packet() == (0, 5, 2, "sent") and client.recv(100) == b"HELLO"
        client.close()
        win32file.WSARecv(accepted, room, started("the end"), 0)
        assert packet() == (0, 0, 2, "the end")


@pytest.mark.parametrize(("family", "size"), [("AF_INET", 64), ("AF_INET6", 88)])
def test_an_accept_wants_as_much_room_as_on_windows(system: ntio.System, family: str, size: int) -> None:
    number, loopback = getattr(socket, family), "127.0.0.1" if size == 64 else "::1"
    ov = pywintypes.OVERLAPPED()
    try:
        listener = socket.socket(number, system=system)
        listener.bind((loopback, 0))
    except OSError:
        pytest.skip(f"this host has no {family}")
    listener.listen(1)
    with listener, socket.socket(number, system=system) as accepted, socket.socket(number, system=system) as client:
        assert win32file.CalculateSocketEndPointSize(listener) == size
        with pytest.raises(pywintypes.error):
            win32file.AcceptEx(listener, accepted, win32file.AllocateReadBuffer(size - 1), ov)
        buffer = win32file.AllocateReadBuffer(size)
        win32file.AcceptEx(listener, accepted, buffer, ov)
        client.connect(listener.getsockname())
        assert win32file.GetOverlappedResult(listener, ov, True) == 0
        told = win32file.GetAcceptExSockaddrs(accepted, buffer)
        assert told[0] == number and [told[1][1], told[2][1]] == [one.getsockname()[1] for one in (listener, client)]


def test_a_file_between_what_is_and_is_not_there(system: ntio.System, pair: Any, tmp_path: Path) -> None:
    sender, receiver = pair
    path = tmp_path / "data"
    path.write_bytes(b"[file]")
    flags = win32file.FILE_FLAG_OVERLAPPED
    file = win32file.CreateFile(
        path, win32file.GENERIC_READ, 0, None, win32file.OPEN_EXISTING, flags, None, system=system
    )
    with file:
        for head, tail in ((None, None), (None, b"tail"), (b"head", None), (b"", b"")):
            ov = pywintypes.OVERLAPPED()
            win32file.TransmitFile(sender, file, 0, 0, ov, 0, head, tail)
            count = win32file.GetOverlappedResult(sender.fileno(), ov, True, system=system)
            assert count == 6 + len(head or b"") + len(tail or b"")
    sender.shutdown(socket.SHUT_WR)
    got = b"".join(iter(lambda: receiver.recv(100), b""))
    assert got == b"[file][file]tailhead[file][file]"


def test_sockets_of_the_host_are_refused_with_words(system: ntio.System) -> None:
    buffer = bytearray(4)
    with host.socket() as foreign, pytest.raises(TypeError, match=r"ntio\.win32\.socket"):
        win32file.WSARecv(foreign, buffer, pywintypes.OVERLAPPED(), system=system)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a handle is needed, not str"):
        win32file.WSARecv("spam", buffer, pywintypes.OVERLAPPED(), system=system)  # type: ignore[arg-type]
    with socket.socket(system=system) as own, pytest.raises(TypeError):
        win32file.WSARecv(own, " " * 10, pywintypes.OVERLAPPED())


# --- as Python's own --------------------------------------------------------------------------------------------------


def test_the_module_has_what_makes_no_sockets_of_the_host() -> None:
    assert socket.AF_INET6 == host.AF_INET6 and socket.timeout is TimeoutError and socket.error is OSError
    assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
    with pytest.raises(AttributeError, match="a socket of the host"):
        _ = socket.fromfd
    brought: dict[str, Any] = {}
    exec("from ntio.win32.socket import *", brought)
    assert brought["socket"] is socket.socket and brought["socketpair"] is socket.socketpair
    assert brought["SOL_SOCKET"] == host.SOL_SOCKET and "fromfd" not in brought


def test_a_connection(system: ntio.System) -> None:
    with listening(system) as listener:
        accepted: list[Any] = []
        thread = threading.Thread(target=lambda: accepted.extend(listener.accept()))
        thread.start()
        address = ("localhost", listener.getsockname()[1])
        with socket.create_connection(address, 20, ("127.0.0.1", 0), system=system) as client:
            thread.join()
            server, peer = accepted
            with server:
                assert peer == client.getsockname() and client.getpeername() == listener.getsockname()
                client.sendall(b"bytes")
                assert server.recv(2, socket.MSG_PEEK) == b"by"
                assert (server.recv(2), server.recv(10)) == (b"by", b"tes")
                assert server.send(memoryview(b"back")) == 4
                room = bytearray(10)
                assert client.recv_into(room, 3) == 3 and room[:3] == b"bac"
                client.shutdown(socket.SHUT_WR)
                assert server.recv(10) == b""
        assert (client.fileno(), client.detach()) == (-1, -1) and repr(client)
        client.close()
        with pytest.raises(OSError) as closed:
            client.recv(1)
        assert closed.value.errno == errno.EBADF


def test_datagrams(system: ntio.System) -> None:
    def bound() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, system=system)
        made.bind(LOOPBACK)
        return made

    with bound() as one, bound() as other:
        assert (one.type, one.family, one.proto) == (socket.SOCK_DGRAM, socket.AF_INET, 0)
        assert one.sendto(b"first", other.getsockname()) == 5
        assert one.sendto(b"second", 0, ("localhost", other.getsockname()[1])) == 6
        assert other.recvfrom(100) == (b"first", one.getsockname())
        assert other.recvfrom(100) == (b"second", one.getsockname())


def test_time_runs_out(pair: tuple[socket.socket, socket.socket]) -> None:
    first, _ = pair
    assert first.gettimeout() is None and first.getblocking()
    first.setblocking(False)
    assert first.gettimeout() == 0 and not first.getblocking()
    with pytest.raises(BlockingIOError):
        first.recv(1)
    first.settimeout(0.001)
    with pytest.raises(socket.timeout, match="timed out"):
        first.recv(1)
    with pytest.raises(ValueError, match="range"):
        first.settimeout(-1)
    first.setblocking(True)
    assert first.gettimeout() is None


def test_connecting_without_waiting(system: ntio.System) -> None:
    with listening(system) as listener, socket.socket(system=system) as client:
        client.setblocking(False)
        assert client.connect_ex(listener.getsockname()) in (0, errno.EINPROGRESS)
        connection, _ = listener.accept()
        with connection:
            connection.send(b"here")
            client.settimeout(20)
            assert client.recv(10) == b"here"
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_nobody_listens(system: ntio.System) -> None:
    with socket.socket(system=system) as unused:
        unused.bind(LOOPBACK)
        address = unused.getsockname()
        with pytest.raises(ConnectionRefusedError, match=os.strerror(errno.ECONNREFUSED)):
            socket.create_connection(address, system=system)
        with pytest.raises(OSError) as lonely:
            unused.getpeername()
        assert lonely.value.errno == errno.ENOTCONN
    with socket.socket(system=system) as one:
        assert one.connect_ex(address) == errno.ECONNREFUSED
    with socket.socket(system=system) as one, pytest.raises(OSError):
        one.bind(("no such host.invalid", 0))
    with socket.socket(system=system) as one, pytest.raises(OSError, match="Invalid argument"):
        one.bind("no pair")


def test_an_event_tells_of_an_accept_too(system: ntio.System) -> None:
    ov = pywintypes.OVERLAPPED()
    ov.hEvent = win32event.CreateEvent(None, False, False, None, system=system)
    with listening(system) as listener, socket.socket(system=system) as accepted:
        buffer = win32file.AllocateReadBuffer(1024)
        assert win32file.AcceptEx(listener, accepted, buffer, ov) == winerror.ERROR_IO_PENDING
        with socket.create_connection(listener.getsockname(), system=system) as client:
            assert win32file.WSASend(client, b"hello", None) == (0, 5)
            assert win32event.WaitForSingleObject(ov.hEvent, MILLISECONDS) == win32event.WAIT_OBJECT_0
            assert win32file.GetOverlappedResult(listener, ov, False) == 5 and bytes(buffer[:5]) == b"hello"
            accepted.send(buffer[:5])
            assert client.recv(10) == b"hello"
