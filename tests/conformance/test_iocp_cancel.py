"""Cancelling: one request, all of a file, those of one thread, and what a thread waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from iocp_bench import BOGUS, TRUE, Bench, outcome, status_block, until
from ntio.win32 import win32api, win32file
from ntio.win32 import win32con as c

Answers = Callable[..., None]

pytestmark = pytest.mark.row("R31", "R33")


def test_case_62_cancelioex_one(ports: Bench, answers: Answers) -> None:
    """Two reads are pending and one is cancelled: that one fails, the other goes on."""
    server, client = ports.pipe()
    port, ov = ports.associated(server, 5), ports.overlapped
    for one in ov[:2]:
        win32file.ReadFile(server, 16, one)
    cancel = outcome(lambda: win32file.CancelIoEx(server, ov[1]))
    got, block = ports.get(port), status_block(ov[1])
    cancelled, pending = ports.result(server, ov[1]), ports.result(server, ov[0])
    win32file.WriteFile(client, b"hi")
    answers(cancel=cancel, get=got, ov1=block, gor1=cancelled, gor0=pending, other_completes=ports.get(port))


def test_case_63_cancelioex_all(ports: Bench, answers: Answers) -> None:
    """Three reads are pending and all are cancelled: three failed packets, once each; the file is as good as before."""
    server, client = ports.pipe()
    port, ov = ports.associated(server, 5), ports.overlapped
    for one in ov[:3]:
        win32file.ReadFile(server, 16, one)
    cancel = outcome(lambda: win32file.CancelIoEx(server, None))
    packets = [ports.get(port) for _ in range(3)]
    again = outcome(lambda: win32file.CancelIoEx(server, None))
    win32file.WriteFile(client, b"hi")
    answers(
        cancel=cancel,
        aborted_packets=sum(packet["err"] == 995 for packet in packets),
        ov_mask=sum(1 << int(packet["ov"][2:]) for packet in packets),
        cancel_again=again,
        handle_still_good=outcome(lambda: win32file.ReadFile(server, 16, ov[3])),
    )


def test_case_64_cancel_nothing(ports: Bench, answers: Answers) -> None:
    """Nothing is pending: what each of the calls says then."""
    server, _ = ports.pipe()
    system = ports.system
    answers(
        cancelioex_null=outcome(lambda: win32file.CancelIoEx(server, None)),
        cancelioex_ov=outcome(lambda: win32file.CancelIoEx(server, ports.overlapped[0])),
        cancelio=outcome(lambda: win32file.CancelIo(server)),
        cancelio_syncfile=outcome(lambda: win32file.CancelIo(ports.file(flags=0))),
        cancelioex_bogus=outcome(lambda: win32file.CancelIoEx(BOGUS, None, system=system)),
        cancelio_bogus=outcome(lambda: win32file.CancelIo(BOGUS, system=system)),
        cancelsync_self=outcome(lambda: win32file.CancelSynchronousIo(win32api.GetCurrentThread(), system=system)),
    )


def test_case_65_cancelio_thread_only(ports: Bench, answers: Answers) -> None:
    """Two threads have a read pending each: CancelIo ends its own thread's, CancelIoEx the other's too."""
    server, _ = ports.pipe()
    port, ov = ports.associated(server, 5), ports.overlapped
    started, leave = threading.Event(), threading.Event()

    def other() -> None:
        win32file.ReadFile(server, 16, ov[0])
        started.set()
        leave.wait()

    ports.start(other)
    started.wait()
    win32file.ReadFile(server, 16, ov[1])
    own = outcome(lambda: win32file.CancelIo(server))
    mine, untouched = ports.get(port), ports.get(port, 0)
    everybody = outcome(lambda: win32file.CancelIoEx(server, None))
    theirs = ports.get(port)
    leave.set()
    answers(cancelio=own, mine_aborted=mine, other_not=untouched, cancelioex=everybody, other_aborted=theirs)


def test_case_76_cancel_synchronous(ports: Bench, answers: Answers) -> None:
    """A thread waits in a synchronous read: CancelSynchronousIo, asked until it finds that, makes the read fail."""
    _, client = ports.pipe()
    thread: list[int] = []
    read: list[dict[str, object]] = []

    def reads() -> None:
        thread.append(win32api.GetCurrentThreadId(system=ports.system))
        read.append(outcome(lambda: win32file.ReadFile(client, 16)))

    reader = ports.start(reads)
    until(lambda: bool(thread))
    with win32api.OpenThread(c.THREAD_TERMINATE, False, thread[0], system=ports.system) as handle:
        until(lambda: bool(read) or outcome(lambda: win32file.CancelSynchronousIo(handle)) == TRUE)
        cancelled = not read or read[0]["err"] == 995
    reader.join(20)
    answers(cancelled=cancelled, returned=not reader.is_alive(), read=read[0])
