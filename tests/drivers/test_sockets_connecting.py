"""Which sockets may accept and connect, what is left of connects that fail, datagrams at their edges."""

from __future__ import annotations

import errno
import socket as host
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ntio
from ntio.hal.host_sockets import HostSocket
from ntio.hal.socket_addresses import pack_address
from ntio.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED,
    STATUS_CONNECTION_ACTIVE,
    STATUS_CONNECTION_INVALID,
    STATUS_CONNECTION_REFUSED,
    STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_INVALID_PARAMETER,
    STATUS_PENDING,
    IoTimeout,
)
from socket_peers import LOOPBACK, SECONDS, connected, listening, outcome_of, status_of

pytestmark = [pytest.mark.real_files, pytest.mark.row("R26", "R34")]
FAMILIES = pytest.mark.parametrize("family", [host.AF_INET, host.AF_INET6, host.AF_UNIX], ids=["ipv4", "ipv6", "unix"])


def place(family: int, path: Path) -> Any:
    return str(path / "socket") if family == host.AF_UNIX else ("::1" if family == host.AF_INET6 else "127.0.0.1", 0)


@contextmanager
def full(family: int, where: Any) -> Iterator[Any]:
    """The address of a listener that takes no more connections."""
    with host.socket(family) as listener:
        listener.bind(where)
        listener.listen(0)
        queued = []
        while True:
            one = host.socket(family)
            one.setblocking(False)
            queued.append(one)
            if one.connect_ex(listener.getsockname()) and family == host.AF_UNIX:
                break
            if family != host.AF_UNIX and len(queued) == 3:
                break
        yield listener.getsockname()
        for one in queued:
            one.close()


# --- connecting -------------------------------------------------------------------------------------------------------


@FAMILIES
def test_a_socket_that_was_refused_may_connect_again(system: ntio.System, family: int, tmp_path: Path) -> None:
    with listening(system, family, place(family, tmp_path)) as listener:
        address = listener.address
    with ntio.Socket(family, system=system) as client:
        for _ in range(2):
            assert status_of(lambda: client.connect(address, b"x", SECONDS)) == STATUS_CONNECTION_REFUSED
        if family == host.AF_UNIX:
            Path(address).unlink()
        with listening(system, family, address) as again:
            client.connect(again.address)
            assert client.peer == address
            assert status_of(lambda: client.connect(address)) == STATUS_CONNECTION_ACTIVE


@FAMILIES
def test_a_connect_that_takes_too_long(system: ntio.System, family: int, tmp_path: Path) -> None:
    """Cancelled, it leaves a socket that is as new; a full queue of a Unix listener refuses at once."""
    with full(family, place(family, tmp_path)) as address, ntio.Socket(family, system=system) as client:
        if family == host.AF_UNIX:
            assert status_of(lambda: client.connect(address, timeout=SECONDS)) == STATUS_CONNECTION_REFUSED
        else:
            connecting = client.start_connect(address)
            assert connecting.status == STATUS_PENDING
            assert status_of(lambda: client.start_connect(address)) == STATUS_INVALID_PARAMETER
            assert status_of(lambda: client.receive(1)) == STATUS_CONNECTION_INVALID
            assert connecting.cancel() and status_of(connecting) == STATUS_CANCELLED
            with pytest.raises(IoTimeout):
                client.connect(address, timeout=0)
        (tmp_path / "socket").unlink(missing_ok=True)
        with listening(system, family, place(family, tmp_path)) as listener:
            client.connect(listener.address, b"here", SECONDS)
            with listener.accept(SECONDS) as server:
                assert server.receive(10, SECONDS) == b"here"


def test_closing_a_socket_that_connects(system: ntio.System) -> None:
    with full(host.AF_INET, LOOPBACK) as address, ntio.CompletionPort(system=system) as port:
        client = ntio.Socket(system=system)
        port.associate(client, 1)
        client.start_connect(address, b"data", overlapped="connect")
        client.start_send(b"behind", overlapped="send")
        client.close()
        packets = [port.get(SECONDS), port.get(SECONDS)]
        assert sorted((one.overlapped, one.status) for one in packets if one) == [
            ("connect", STATUS_CANCELLED), ("send", STATUS_CANCELLED),
        ]  # fmt: skip


def test_what_came_of_a_connect_that_the_host_has_told_already(system: ntio.System) -> None:
    """Whoever receives on a socket that connects takes the host's word on it: no reason to wait for ever."""
    with listening(system) as listener:
        address = listener.address
    native = host.socket()
    one = HostSocket(native)
    try:
        assert one.connect(pack_address(host.AF_INET, address)) in (-errno.EINPROGRESS, -errno.ECONNREFUSED)
        native.getsockopt(host.SOL_SOCKET, host.SO_ERROR)
        assert one.connected() == -errno.ECONNREFUSED
    finally:
        one.close()


# --- accepting --------------------------------------------------------------------------------------------------------


def test_which_sockets_may_be_accepted_on(system: ntio.System) -> None:
    with listening(system) as listener, connected(system) as (client, _), ntio.Socket(system=system) as bound:
        bound.bind(LOOPBACK)
        for one in (client, bound, listener):
            assert status_of(lambda: listener.start_accept(one)) == STATUS_INVALID_PARAMETER  # noqa: B023
        with ntio.Socket(system=system) as one:
            assert status_of(lambda: bound.start_accept(one)) == STATUS_INVALID_PARAMETER
            assert status_of(lambda: client.listen()) == STATUS_INVALID_PARAMETER
            first = listener.start_accept(one)
            assert status_of(lambda: listener.start_accept(one)) == STATUS_INVALID_PARAMETER  # one at a time
            assert status_of(lambda: one.connect(listener.address)) == STATUS_INVALID_PARAMETER
            assert first.cancel() and status_of(first) == STATUS_CANCELLED
            again = listener.start_accept(one)
            with ntio.Socket(system=system) as other:
                other.connect(listener.address)
                assert again.wait(SECONDS) == 0 and one.peer == other.address


def test_an_accept_whose_data_come_late_or_never(system: ntio.System) -> None:
    with listening(system) as listener:
        servers = [ntio.Socket(for_accept=True, system=system) for _ in range(4)]
        clients = [ntio.Socket(system=system) for _ in servers]
        accepting = []
        for client, server in zip(clients, servers, strict=True):
            accepting.append(listener.start_accept(server, 8, data=8))
            client.connect(listener.address)
        assert not any(one.done for one in accepting)
        clients[3].send(b"last is first")
        assert accepting[3].wait(SECONDS) == 8 and servers[3].receive(9, SECONDS) == b"first"
        clients[0].shutdown()
        assert accepting[0].wait(SECONDS) == 0 and servers[0].peer == clients[0].address
        assert accepting[1].cancel() and status_of(accepting[1]) == STATUS_CANCELLED
        assert outcome_of(lambda: clients[1].receive(1, SECONDS)) == b""  # the connection went with it
        again = listener.start_accept(servers[1])
        listener.close()
        assert [status_of(one) for one in (accepting[2], again)] == [STATUS_CANCELLED] * 2
        for one in servers + clients:
            one.close()


def test_a_connection_that_is_gone_before_it_is_taken_is_passed_over() -> None:
    class Accepts:
        """What accept(2) answers, one after the other."""

        def __init__(self) -> None:
            self.answers = [OSError(errno.ECONNABORTED, ""), OSError(errno.EPROTO, ""), BlockingIOError(11, "")]

        def __getattr__(self, name: str) -> Any:
            return lambda *_: 1

        family = type = 1

        def gettimeout(self) -> None:
            return None

        def accept(self) -> Any:
            raise self.answers.pop(0)

    native = Accepts()
    one = HostSocket(native)  # type: ignore[arg-type]
    assert one.accept() == -11 and not native.answers


def test_an_attempt_that_breaks_stops_nobody_else(system: ntio.System, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the driver fails one request; who serves the others goes on."""
    with connected(system) as (client, server), connected(system) as (other, good):
        broken = server.start_receive(5)
        fine = good.start_receive(5)
        endpoint = server.file_object.fs_context
        monkeypatch.setattr(endpoint, "received", lambda *_: 1 / 0)
        client.send(b"x")
        assert status_of(broken) == STATUS_DRIVER_INTERNAL_ERROR
        other.send(b"y")
        assert fine.wait(SECONDS) == 1


# --- datagrams --------------------------------------------------------------------------------------------------------


@FAMILIES
def test_datagrams_that_are_longer_than_the_room(system: ntio.System, family: int, tmp_path: Path) -> None:
    with (
        ntio.Socket(family, host.SOCK_DGRAM, system=system) as a,
        ntio.Socket(family, host.SOCK_DGRAM, system=system) as b,
        ntio.CompletionPort(system=system) as port,
    ):
        b.bind(place(family, tmp_path))
        port.associate(b, 1)
        b.start_receive_from(3, overlapped="waits")
        for _ in range(3):
            a.send_to(b"longer", b.address)
        a.send_to(b"", b.address)
        assert port.get(SECONDS) == (1, "waits", 3, STATUS_BUFFER_OVERFLOW)
        peeked = b.start_receive_from(100, flags=host.MSG_PEEK, overlapped="peeks")
        assert bytes(peeked.data) == b"longer" and port.get(SECONDS) == (1, "peeks", 6, 0)
        b.start_receive_from(3, overlapped="at once")  # a warning: told by a packet, as every success is
        assert port.get(SECONDS) == (1, "at once", 3, STATUS_BUFFER_OVERFLOW)
        assert status_of(lambda: b.receive_from(0, SECONDS)) == STATUS_BUFFER_OVERFLOW  # it is gone
        assert b.receive_from(10, SECONDS)[0] == b"" and port.get(0) is None


def test_a_datagram_that_is_too_long_for_the_network(system: ntio.System) -> None:
    with ntio.Socket(kind=host.SOCK_DGRAM, system=system) as a, ntio.Socket(kind=host.SOCK_DGRAM, system=system) as b:
        b.bind(LOOPBACK)
        assert status_of(lambda: a.send_to(bytes(70_000), b.address)) >= 0xC0000000
        a.send_to(bytes(60_000), b.address)
        assert len(b.receive_from(70_000, SECONDS)[0]) == 60_000
