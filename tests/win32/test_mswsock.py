"""Overlapped sockets by their Windows names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ntio
from ntio.drivers.sockets.records import Transfer
from ntio.hal.socket_addresses import unpack_address
from ntio.win32 import mswsock, pywintypes, win32con, win32event, win32file, winerror
from ntio.win32.overlapped import OVERLAPPED

pytestmark = [pytest.mark.real_files, pytest.mark.row("R26", "R34")]
PENDING, MILLISECONDS = winerror.ERROR_IO_PENDING, 20_000


def overlapped(system: ntio.System) -> OVERLAPPED:
    one = OVERLAPPED()
    one.hEvent = win32event.CreateEvent(None, True, False, None, system=system)
    return one


def result(handle: pywintypes.PyHANDLE, ol: OVERLAPPED) -> int:
    return win32file.GetOverlappedResult(handle, ol, True)


Pair = tuple[pywintypes.PyHANDLE, pywintypes.PyHANDLE]


@pytest.fixture
def pair(system: ntio.System) -> Iterator[Pair]:
    """Two ends of a connection made by AcceptEx and ConnectEx."""
    listener, accepting, client = (mswsock.WSASocket(system=system) for _ in range(3))
    mswsock.bind(listener, ("127.0.0.1", 0))
    mswsock.listen(listener, 5)
    size = mswsock.CalculateSocketEndPointSize(listener)
    buffer, accepted, connected = bytearray(5 + size), overlapped(system), overlapped(system)
    assert mswsock.AcceptEx(listener, accepting, buffer, accepted) == PENDING
    rc, _ = mswsock.ConnectEx(client, mswsock.getsockname(listener), connected, b"hello")
    assert rc in (0, PENDING) and result(client, connected) == 5 and result(listener, accepted) == 5
    assert buffer[:5] == b"hello"
    family, local, remote = mswsock.GetAcceptExSockaddrs(accepting, buffer)
    names = [(host.encode(), port) for host, port in map(mswsock.getsockname, (listener, client))]
    assert (family, [local, remote]) == (2, names)
    mswsock.setsockopt(accepting, 0xFFFF, mswsock.SO_UPDATE_ACCEPT_CONTEXT, 0)
    assert mswsock.getpeername(accepting) == mswsock.getsockname(client)
    yield client, accepting
    for one in (listener, client, accepting):
        mswsock.closesocket(one)


def test_a_receive_pends_and_completes_to_a_port(system: ntio.System, pair: Pair) -> None:
    client, server = pair
    port = win32file.CreateIoCompletionPort(server, None, 77, 0)
    first, last = OVERLAPPED(), OVERLAPPED()
    buffer = bytearray(10)
    assert mswsock.WSARecv(server, buffer, first) == (PENDING, 0)
    assert mswsock.WSASend(client, b"12345", None) == (0, 5)
    assert win32file.GetQueuedCompletionStatus(port, MILLISECONDS) == (0, 5, 77, first) and buffer[:5] == b"12345"
    mswsock.shutdown(client, 1)
    assert mswsock.WSARecv(server, buffer, last)[0] in (0, PENDING)
    assert win32file.GetQueuedCompletionStatus(port, MILLISECONDS) == (0, 0, 77, last)
    port.Close()


def test_a_send_with_room_is_done_at_once_and_queues_a_packet_too(system: ntio.System, pair: Pair) -> None:
    client, _ = pair
    port = win32file.CreateIoCompletionPort(client, None, 5, 0)
    ol = OVERLAPPED()
    assert mswsock.WSASend(client, b"abc", ol) == (0, 3) and ol.InternalHigh == 3
    assert win32file.GetQueuedCompletionStatus(port, MILLISECONDS) == (0, 3, 5, ol)
    port.Close()


def test_cancelling(pair: Pair, system: ntio.System) -> None:
    _, server = pair
    ol = overlapped(system)
    assert mswsock.WSARecv(server, bytearray(5), ol)[0] == PENDING
    win32file.CancelIoEx(server, ol)
    with pytest.raises(pywintypes.error) as caught:
        result(server, ol)
    assert caught.value.winerror == 995


def test_a_file_is_transmitted(pair: Pair, system: ntio.System, tmp_path: Path) -> None:
    client, server = pair
    (tmp_path / "file").write_bytes(b"0123456789")
    file = win32file.CreateFile(
        str(tmp_path / "file"), win32con.GENERIC_READ, 0, None, win32con.OPEN_EXISTING, 0, None, system=system
    )
    ol = overlapped(system)
    ol.Offset = 2
    mswsock.TransmitFile(client, file, 5, 0, ol, 0, b"<", b">")
    assert result(client, ol) == 7
    buffer = bytearray(100)
    assert mswsock.WSARecv(server, bytearray(), None) == (0, 0)
    received = 0
    while received < 7:
        received += mswsock.WSARecv(server, memoryview(buffer)[received:], None)[1]
    assert buffer[:7] == b"<23456>"
    file.Close()
    ending = overlapped(system)
    assert mswsock.DisconnectEx(client, ending, mswsock.TF_REUSE_SOCKET) == PENDING  # until the peer ends it too
    mswsock.shutdown(server, 1)
    assert result(client, ending) == 0


def test_datagrams(system: ntio.System) -> None:
    a, b = (mswsock.WSASocket(2, 2, system=system) for _ in range(2))
    for one in (a, b):
        mswsock.bind(one, ("127.0.0.1", 0))
    sender, ol, buffer = Transfer(), overlapped(system), bytearray(10)
    assert mswsock.WSARecvFrom(b, buffer, sender, ol)[0] == PENDING
    assert mswsock.WSASendTo(a, b"data", mswsock.getsockname(b), None) == (0, 4)
    assert result(b, ol) == 4 and unpack_address(sender.address) == mswsock.getsockname(a)
    a.Close()
    b.Close()


def test_refusals(system: ntio.System, pair: Pair) -> None:
    client, server = pair
    for call in (
        lambda: mswsock.AcceptEx(client, server, bytearray(10), OVERLAPPED()),
        lambda: mswsock.bind(client, "nowhere"),
        lambda: mswsock.WSASocket(999, system=system),
        lambda: mswsock.listen(12345, 1, system=system),
    ):
        with pytest.raises(pywintypes.error):
            call()
