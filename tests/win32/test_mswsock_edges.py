"""Overlapped sockets by their Windows names: Winsock's numbers, and what is left when something goes wrong."""

from __future__ import annotations

import socket as host
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ntio
from descriptors import none_left
from ntio.drivers.sockets.records import Transfer
from ntio.win32 import mswsock, pywintypes, win32event, win32file, winerror, winsock_errors
from ntio.win32.overlapped import OVERLAPPED

pytestmark = [pytest.mark.real_files, pytest.mark.row("R33", "R34", "R36")]
PENDING, MILLISECONDS = winerror.ERROR_IO_PENDING, 20_000
Pair = tuple[pywintypes.PyHANDLE, pywintypes.PyHANDLE]


def overlapped(system: ntio.System) -> OVERLAPPED:
    one = OVERLAPPED()
    one.hEvent = win32event.CreateEvent(None, True, False, None, system=system)
    return one


def listening(system: ntio.System) -> pywintypes.PyHANDLE:
    one = mswsock.WSASocket(system=system)
    mswsock.bind(one, ("127.0.0.1", 0))
    mswsock.listen(one, 50)
    return one


def number(call: Callable[[], object]) -> int:
    with pytest.raises(pywintypes.error) as caught:
        call()
    return caught.value.winerror


@pytest.fixture
def pair(system: ntio.System) -> Iterator[Pair]:
    listener, client, server = listening(system), mswsock.WSASocket(system=system), mswsock.WSASocket(system=system)
    accepted = overlapped(system)
    buffer = bytearray(mswsock.CalculateSocketEndPointSize(listener))
    mswsock.AcceptEx(listener, server, buffer, accepted)
    mswsock.ConnectEx(client, mswsock.getsockname(listener), None)  # type: ignore[arg-type]
    assert mswsock.WSAGetOverlappedResult(listener, accepted, True) == (0, 0)
    mswsock.setsockopt(server, 0xFFFF, mswsock.SO_UPDATE_ACCEPT_CONTEXT, listener)
    assert number(lambda: mswsock.setsockopt(server, 0xFFFF, mswsock.SO_UPDATE_ACCEPT_CONTEXT, 12345)) == 10038
    listener.Close()
    yield client, server
    client.Close()
    server.Close()


def test_failures_have_winsocks_numbers(system: ntio.System, pair: Pair) -> None:
    client, _ = pair
    one, listener = mswsock.WSASocket(system=system), listening(system)
    address = mswsock.getsockname(listener)
    assert number(lambda: mswsock.WSARecv(one, bytearray(5), OVERLAPPED())) == winsock_errors.WSAENOTCONN
    assert number(lambda: mswsock.TransmitFile(one, None)) == winsock_errors.WSAENOTCONN
    assert number(lambda: mswsock.bind(one, address)) == winsock_errors.WSAEADDRINUSE
    assert number(lambda: mswsock.ConnectEx(client, address, OVERLAPPED())) == winsock_errors.WSAEISCONN
    assert number(lambda: mswsock.AcceptEx(listener, client, bytearray(400), OVERLAPPED())) == winsock_errors.WSAEINVAL
    assert number(lambda: mswsock.AcceptEx(listener, one, bytearray(10), OVERLAPPED())) == winsock_errors.WSAEINVAL
    listener.Close()
    assert number(lambda: mswsock.ConnectEx(one, address, None)) == winsock_errors.WSAECONNREFUSED  # type: ignore[arg-type]
    mswsock.shutdown(client, 1)
    assert number(lambda: mswsock.WSASend(client, b"x", OVERLAPPED())) == winsock_errors.WSAESHUTDOWN
    one.Close()
    assert number(lambda: mswsock.WSASend(one, b"x", None)) == winsock_errors.WSAENOTSOCK


def test_a_reset_has_winsocks_number_at_the_call_and_another_at_the_port(system: ntio.System, pair: Pair) -> None:
    client, server = pair
    port, waits, later = win32file.CreateIoCompletionPort(server, None, 1, 0), OVERLAPPED(), overlapped(system)
    assert mswsock.WSARecv(server, bytearray(5), waits) == (PENDING, 0)
    assert number(lambda: mswsock.WSAGetOverlappedResult(server, waits, False)) == winerror.ERROR_IO_INCOMPLETE
    mswsock.setsockopt(client, host.SOL_SOCKET, host.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    mswsock.closesocket(client)
    rc = winerror.ERROR_NETNAME_DELETED
    assert win32file.GetQueuedCompletionStatus(port, MILLISECONDS) == (rc, 0, 1, waits)
    assert number(lambda: mswsock.WSAGetOverlappedResult(server, waits, False)) == winsock_errors.WSAECONNRESET
    assert number(lambda: mswsock.WSASend(server, b"x", later)) == winsock_errors.WSAECONNRESET
    assert win32file.GetQueuedCompletionStatus(port, 0)[0] == winerror.WAIT_TIMEOUT  # an error at once: no packet
    port.Close()


def test_a_datagram_that_is_cut(system: ntio.System) -> None:
    a, b = (mswsock.WSASocket(2, 2, system=system) for _ in range(2))
    mswsock.bind(b, ("127.0.0.1", 0))
    port, ol, buffer = win32file.CreateIoCompletionPort(b, None, 1, 0), OVERLAPPED(), bytearray(3)
    for _ in range(2):
        mswsock.WSASendTo(a, b"longer", mswsock.getsockname(b), None)
    assert mswsock.WSARecvFrom(b, buffer, Transfer(), None) == (winsock_errors.WSAEMSGSIZE, 3)
    assert mswsock.WSARecvFrom(b, buffer, Transfer(), ol) == (winsock_errors.WSAEMSGSIZE, 3) and buffer == b"lon"
    assert win32file.GetQueuedCompletionStatus(port, MILLISECONDS) == (winerror.ERROR_MORE_DATA, 3, 1, ol)
    assert number(lambda: mswsock.WSAGetOverlappedResult(b, ol, False)) == winsock_errors.WSAEMSGSIZE
    for one in (a, b, port):
        one.Close()


def test_no_descriptor_is_left_and_accepts_go_on(system: ntio.System) -> None:
    """The socket that AcceptEx is given has its descriptor already."""
    listener = listening(system)
    accepting, clients = ([mswsock.WSASocket(system=system) for _ in range(2)] for _ in range(2))
    started = [overlapped(system) for _ in accepting]
    size = mswsock.CalculateSocketEndPointSize(listener)
    buffers = [bytearray(size) for _ in accepting]
    with none_left():
        assert number(lambda: mswsock.WSASocket(system=system)) == winsock_errors.WSAEMFILE
        for one, ol, buffer in zip(accepting, started, buffers, strict=True):
            assert mswsock.AcceptEx(listener, one, buffer, ol) == PENDING
        for client in clients:
            mswsock.ConnectEx(client, mswsock.getsockname(listener), None)  # type: ignore[arg-type]
        for ol in started:
            assert mswsock.WSAGetOverlappedResult(listener, ol, True) == (0, 0)
    assert [mswsock.getpeername(one) for one in accepting] == [mswsock.getsockname(one) for one in clients]
    for one in (*accepting, *clients, listener):
        one.Close()


def test_a_socket_goes_round_by_disconnect_and_accept(system: ntio.System) -> None:
    listener, server = listening(system), mswsock.WSASocket(system=system)
    size = mswsock.CalculateSocketEndPointSize(listener)
    for turn in range(3):
        client, ol, buffer = mswsock.WSASocket(system=system), overlapped(system), bytearray(5 + size)
        assert mswsock.AcceptEx(listener, server, buffer, ol) == PENDING
        mswsock.ConnectEx(client, mswsock.getsockname(listener), None, b"hell%d" % turn)  # type: ignore[arg-type]
        assert mswsock.WSAGetOverlappedResult(listener, ol, True) == (5, 0) and buffer[:5] == b"hell%d" % turn
        ending = overlapped(system)
        assert mswsock.DisconnectEx(server, ending, mswsock.TF_REUSE_SOCKET) == PENDING
        assert mswsock.WSARecv(client, bytearray(1), None) == (0, 0)
        client.Close()
        assert mswsock.WSAGetOverlappedResult(server, ending, True) == (0, 0)
    server.Close()
    listener.Close()


def test_addresses_of_a_peer_that_has_none(system: ntio.System, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    listener, server, client = (mswsock.WSASocket(host.AF_UNIX, system=system) for _ in range(3))
    mswsock.bind(listener, path)
    mswsock.listen(listener, 1)
    buffer, ol = bytearray(b"\xff" * mswsock.CalculateSocketEndPointSize(listener)), overlapped(system)
    mswsock.AcceptEx(listener, server, buffer, ol)
    mswsock.ConnectEx(client, path, None)  # type: ignore[arg-type]
    assert mswsock.WSAGetOverlappedResult(listener, ol, True) == (0, 0)
    assert mswsock.GetAcceptExSockaddrs(server, buffer) == (host.AF_UNIX, path, None)
    for one in (listener, server, client):
        one.Close()


def test_closing_a_socket_ends_what_waits_with_a_packet_each(system: ntio.System, pair: Pair) -> None:
    _, server = pair
    port = win32file.CreateIoCompletionPort(server, None, 1, 0)
    waits = [OVERLAPPED() for _ in range(3)]
    for one in waits:
        assert mswsock.WSARecv(server, bytearray(5), one)[0] == PENDING
    mswsock.closesocket(server)
    for one in waits:
        rc = winerror.ERROR_OPERATION_ABORTED
        assert win32file.GetQueuedCompletionStatus(port, MILLISECONDS) == (rc, 0, 1, one)
    port.Close()
