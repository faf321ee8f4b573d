"""Ctrl-C at every place of a read that pends: the read is gone, and what comes afterwards is the next one's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from interrupts import every_interrupt
from iocp_bench import Bench, iocp_bench, until
from ntio import System
from ntio.io_manager import service_call
from ntio.win32 import win32file
from ntio.win32.pywintypes import OVERLAPPED

pytestmark = [pytest.mark.row("R31", "R33"), pytest.mark.slow]


@pytest.fixture
def bench(system: System, tmp_path: Path) -> Iterator[Bench]:
    with iocp_bench(system, tmp_path) as one:
        yield one


def test_an_overlapped_read_that_is_interrupted_takes_nothing_with_it(bench: Bench) -> None:
    client, server = bench.pipe()
    thread = bench.system.io.threads.current()
    runs = 0
    for interrupt in every_interrupt(service_call, returns=False):
        overlapped, buffer = OVERLAPPED(), bytearray(4)
        with interrupt:
            win32file.ReadFile(client, buffer, overlapped)
        if not interrupt.happened:
            win32file.CancelIo(client)
            break
        until(lambda: not thread.irps and len(bench.system.pins) == 0)
        win32file.WriteFile(server, b"abcd", OVERLAPPED())
        assert win32file.ReadFile(client, 9)[1] == b"abcd" and buffer == bytes(4)
        runs += 1
    assert runs > 20
