"""Connected sockets for tests, and what their peers may do to them."""

from __future__ import annotations

import socket as host
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import ntio

SECONDS = 20.0
LOOPBACK = ("127.0.0.1", 0)
Pair = tuple[ntio.Socket, ntio.Socket]


def listening(system: ntio.System, family: int = host.AF_INET, address: Any = LOOPBACK) -> ntio.Socket:
    """A socket that takes connections."""
    listener = ntio.Socket(family, system=system)
    listener.bind(address)
    listener.listen()
    return listener


@contextmanager
def connected(system: ntio.System) -> Iterator[Pair]:
    """Both ends of a connection: who connected, who accepted."""
    with listening(system) as listener, ntio.Socket(system=system) as client:
        client.connect(listener.address)
        with listener.accept(SECONDS) as server:
            yield client, server


def reset(socket: ntio.Socket) -> None:
    """Close it so that its peer sees a reset."""
    socket.set_option(host.SOL_SOCKET, host.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    socket.close()


def status_of(operation: Any) -> int:
    """The status that a call, or an operation that was started, fails with."""
    with pytest.raises(ntio.NtError) as caught:
        operation() if callable(operation) else operation.wait(SECONDS)
    return caught.value.status


def outcome_of(call: Callable[[], Any]) -> Any:
    """What a call returns, or the status it fails with."""
    try:
        return call()
    except ntio.NtError as error:
        return error.status


def received(socket: ntio.Socket) -> bytes:
    """Everything up to the peer's last byte."""
    data = bytearray()
    while piece := socket.receive(1 << 20, SECONDS):
        data += piece
    return bytes(data)
