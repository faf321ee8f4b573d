"""Overlapped I/O on pipes: requests that have to wait for the other end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from iocp_bench import Bench, outcome, status_block, until
from ntio.win32 import win32event, win32file, win32pipe
from ntio.win32.winerror import ERROR_IO_PENDING

Answers = Callable[..., None]

pytestmark = pytest.mark.row("R31", "R32", "R34")


def test_case_58_pipe_pending_read(ports: Bench, answers: Answers) -> None:
    """A read of an empty pipe is pending to see; then data comes, and a packet."""
    server, client = ports.pipe()
    port, ov = ports.associated(server, 5), ports.overlapped[0]
    buffer = bytearray(16)
    read = outcome(lambda: win32file.ReadFile(server, buffer, ov))
    internal, pending, empty = hex(ov.Internal), ports.result(server, ov), ports.get(port, 0)
    win32file.WriteFile(client, b"hello")
    got = ports.get(port)
    answers(
        read=read,
        internal_pending=internal,
        gor_pending=pending,
        empty=empty,
        get=got,
        ov=status_block(ov),
        data=bytes(buffer[: ov.InternalHigh]).decode(),
    )


def test_case_60_pipe_write_pends_when_full(ports: Bench, answers: Answers) -> None:
    """More is written than the pipe's quota: the write is pending until it has been read, and is told once, whole."""
    server, client = ports.pipe(quota=4096)
    port = ports.associated(server, 5)
    write = outcome(lambda: win32file.WriteFile(server, bytes(10000), ports.overlapped[0]))
    empty, drained = ports.get(port, 0), 0
    while drained < 10000:
        drained += len(win32file.ReadFile(client, 4096)[1])
    answers(write=write, empty=empty, drained=drained, get=ports.get(port))


def test_case_69_peer_close_pending(ports: Bench, answers: Answers) -> None:
    """The other end closes while a read is pending: a failed packet; the next read fails at once, without."""
    server, client = ports.pipe()
    port, ov = ports.associated(server, 5), ports.overlapped
    win32file.ReadFile(server, 16, ov[0])
    client.Close()
    got, internal = ports.get(port), hex(ov[0].Internal)
    after = outcome(lambda: win32file.ReadFile(server, 16, ov[1]))
    answers(get=got, internal=internal, read_after=after, no_packet=ports.get(port, 0))


def test_case_71_connect_pipe(ports: Bench, answers: Answers) -> None:
    """A server waits for a client: a packet when one comes; waiting again fails at once, without."""
    server, name = ports.listener()
    port, ov = ports.associated(server, 5), ports.overlapped
    connect = outcome(lambda: (win32pipe.ConnectNamedPipe(server, ov[0]),))
    empty = ports.get(port, 0)
    ports.client(name)
    got = ports.get(port)
    again = outcome(lambda: (win32pipe.ConnectNamedPipe(server, ov[1]),))
    answers(connect=connect, empty=empty, get=got, connect_again=again, no_packet=ports.get(port, 0))


def test_case_73_pipe_write_packet(ports: Bench, answers: Answers) -> None:
    """Five bytes are written: a packet, and the other end reads them."""
    server, client = ports.pipe()
    port, ov = ports.associated(server, 5), ports.overlapped[0]
    hr, _ = win32file.WriteFile(server, b"hello", ov)
    got = ports.get(port)
    read = len(win32file.ReadFile(client, 16)[1])
    answers(started=hr in (0, ERROR_IO_PENDING), get=got, ov=status_block(ov), peer_read=read)


def test_case_74_handle_wait_signal(ports: Bench, answers: Answers) -> None:
    """Without an event the file itself is waited for; GetOverlappedResult may be asked twice."""
    server, client = ports.pipe()
    ov = ports.overlapped[0]
    win32file.ReadFile(server, 16, ov)
    pending = win32event.WaitForSingleObject(server, 0)
    win32file.WriteFile(client, b"hi")
    done = win32event.WaitForSingleObject(server, 5000)
    answers(pending=pending, done=done, gor=ports.result(server, ov), gor_again=ports.result(server, ov))


def test_case_82_status_block_before_dequeue(ports: Bench, answers: Answers) -> None:
    """A read has ended and its packet is not taken yet: it is pending to see until then."""
    server, client = ports.pipe()
    port, ov = ports.associated(server, 5), ports.overlapped[0]
    win32file.ReadFile(server, 16, ov)
    win32file.WriteFile(client, b"hi")
    until(lambda: ports.inside(port).depth == 1)
    before = status_block(ov)
    answers(before_dequeue=before, get=ports.get(port), after_dequeue=status_block(ov))
