"""TransmitFile: files of every length and kind, heads and tails, ends, files and sockets that close meanwhile."""

from __future__ import annotations

import os
import socket as host
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import ntio
from ntio.drivers.sockets.records import TF_DISCONNECT, TF_REUSE_SOCKET
from ntio.status import (
    STATUS_CANCELLED,
    STATUS_CONNECTION_INVALID,
    STATUS_FILE_CLOSED,
    STATUS_INVALID_PARAMETER,
    STATUS_PENDING,
    STATUS_PIPE_DISCONNECTED,
)
from socket_peers import SECONDS, Pair, connected, received, status_of

pytestmark = [pytest.mark.real_files, pytest.mark.row("R30", "R34")]
SIZE = 5000 * 512
DATA = bytes(range(256)) * (SIZE // 256)


@pytest.fixture
def pair(system: ntio.System) -> Iterator[Pair]:
    with connected(system) as both:
        yield both


@pytest.fixture
def narrow(pair: Pair) -> Pair:
    """The same with small buffers of the host, so that the data do not fit."""
    pair[0].set_option(host.SOL_SOCKET, host.SO_SNDBUF, 1 << 16)
    pair[1].set_option(host.SOL_SOCKET, host.SO_RCVBUF, 1 << 16)
    return pair


@pytest.fixture(params=["host file", "filtered", "device stack"])
def file(request: pytest.FixtureRequest, system: ntio.System, tmp_path: Path) -> Iterator[Any]:
    """The data in a file of the host, in one below a filter that wants to see them, and on a RAM disk."""
    with ExitStack() as opened:
        if request.param == "device stack":
            disk = opened.enter_context(ntio.Stack(f"ram_disk:size={SIZE}", system=system))
            disk.write(DATA, offset=0)
            yield opened.enter_context(disk.open())
        elif request.param == "filtered":
            (tmp_path / "file").write_bytes(bytes(255 - one for one in range(256)) * (SIZE // 256))
            stack = opened.enter_context(ntio.Stack(f"file_disk:path={tmp_path / 'file'}", "invert", system=system))
            yield opened.enter_context(stack.open())
        else:
            (tmp_path / "file").write_bytes(DATA)
            yield opened.enter_context(ntio.open(tmp_path / "file", system=system))


@pytest.mark.parametrize(
    ("offset", "count"), [(0, None), (0, 0), (512, 1024), (700, 1), (SIZE - 10, None), (SIZE - 10, 500), (SIZE, 5)]
)
def test_a_part_of_a_file_between_two_buffers(pair: Pair, file: Any, offset: int, count: int | None) -> None:
    """A file that ends before the count is sent to its end."""
    client, server = pair
    sending = client.start_transmit_file(file, offset, count, head=b"<", tail=b">")
    client.shutdown()
    part = DATA[offset:] if count is None else DATA[offset : offset + count]
    assert received(server) == b"<" + part + b">"
    assert sending.wait(SECONDS) == len(part) + 2


def test_small_pieces_of_a_long_file(pair: Pair, file: Any) -> None:
    client, server = pair
    sending = client.start_transmit_file(file, per_send=512)
    client.shutdown()
    assert received(server) == DATA and sending.wait(SECONDS) == SIZE


def test_no_other_send_comes_between(narrow: Pair, file: Any) -> None:
    client, server = narrow
    before = client.start_send(b"before")
    sending = client.start_transmit_file(file, head=b"<", tail=b">", per_send=1 << 16)
    behind = client.start_send(b"behind")
    client.shutdown()
    assert received(server) == b"before<" + DATA + b">behind"
    assert [one.wait(SECONDS) for one in (before, sending, behind)] == [6, SIZE + 2, 6]


def test_a_file_that_is_closed_meanwhile(narrow: Pair, file: Any) -> None:
    """Sent all the same from the host's cache, where reading it ends; never what is opened then in its place."""
    client, server = narrow
    sending = client.start_transmit_file(file)
    assert sending.status == STATUS_PENDING
    file.close()
    others = [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]
    client.shutdown()
    data = received(server)
    if data == DATA:
        assert sending.wait(SECONDS) == SIZE
    else:
        assert status_of(sending) == STATUS_FILE_CLOSED and DATA.startswith(data)
    for one in others:
        os.close(one)


def test_a_file_that_is_closed(pair: Pair, file: Any) -> None:
    file.close()
    assert status_of(lambda: pair[0].transmit_file(file)) == STATUS_FILE_CLOSED


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_the_file_is_let_go_when_it_is_cancelled(narrow: Pair, file: Any, how: str) -> None:
    client, _ = narrow
    sending = client.start_transmit_file(file, tail=b">", per_send=4096)
    behind = client.start_send(b"behind")
    assert sending.cancel() if how == "cancel" else client.close() is None
    assert status_of(sending) == STATUS_CANCELLED
    if how == "close":
        assert status_of(behind) == STATUS_CANCELLED
    count = file.file_object.pointer_count
    file.close()
    assert file.file_object.pointer_count == count - 1 == 0


def test_buffers_are_copied_when_it_starts(pair: Pair) -> None:
    client, server = pair
    head, tail = bytearray(b"h" * 20_000_000), bytearray(b"tail")
    sending = client.start_transmit_file(None, head=head, tail=tail)
    head.clear()
    tail[:] = b"XXXX"
    client.shutdown()
    assert received(server) == b"h" * 20_000_000 + b"tail" and sending.wait(SECONDS) == 20_000_004


def test_disconnecting_behind_a_file(pair: Pair, file: Any) -> None:
    client, server = pair
    sending = client.start_transmit_file(file, flags=TF_DISCONNECT)
    assert received(server) == DATA and sending.wait(SECONDS) == SIZE
    assert status_of(lambda: client.send(b"x")) == STATUS_PIPE_DISCONNECTED


def test_reusing_the_socket_behind_a_file(narrow: Pair, file: Any) -> None:
    client, server = narrow
    sending = client.start_transmit_file(file, flags=TF_DISCONNECT | TF_REUSE_SOCKET)
    assert received(server) == DATA and not sending.done
    server.close()
    assert sending.wait(SECONDS) == SIZE and client.peer is None


def test_what_cannot_be_sent(system: ntio.System, pair: Pair, file: Any) -> None:
    client, _ = pair
    assert status_of(lambda: client.transmit_file(file, -1)) == STATUS_INVALID_PARAMETER
    assert status_of(lambda: client.transmit_file(file, 0, -1)) == STATUS_INVALID_PARAMETER
    with ntio.Socket(system=system) as one:
        assert status_of(lambda: one.transmit_file(file)) == STATUS_CONNECTION_INVALID
        assert status_of(lambda: one.transmit_file(None)) == STATUS_CONNECTION_INVALID
