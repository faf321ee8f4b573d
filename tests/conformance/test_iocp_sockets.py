"""Overlapped I/O on sockets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from iocp_bench import Bench, outcome
from ntio.system.connections.sockets import Socket
from ntio.win32 import win32file
from ntio.win32.pywintypes import PyHANDLE

Answers = Callable[..., None]

pytestmark = [pytest.mark.row("R31", "R34"), pytest.mark.real_files]


def test_case_80_socket_recv(ports: Bench, answers: Answers) -> None:
    """A socket is read before there is data, then at the end that the peer made: the end is a success of 0 bytes."""
    system, ov = ports.system, ports.overlapped
    with Socket(system=system) as listener, Socket(system=system) as peer:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        peer.connect(listener.address)
        accepted = listener.accept()
        handle = ports.keep(PyHANDLE(system, system.io.handles.insert(accepted.file_object)))
        port = ports.associated(handle, 9)
        received = outcome(lambda: win32file.ReadFile(handle, 16, ov[0]))
        peer.send(b"hello")
        got = ports.get(port)
        peer.close()
        ends = []
        for one in ov[1:3]:
            win32file.ReadFile(handle, 16, one)
            ends.append(ports.get(port))
        accepted.close()
    answers(pair=True, recv=received, get=got, fin=ends[0], fin_again=ends[1])
