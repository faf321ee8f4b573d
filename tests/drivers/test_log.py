"""The log keeps the law of filters, and tells what it saw."""

from __future__ import annotations

import numpy as np
import pytest

import ntio
from ntio.drivers.log import Log
from ntio.status import STATUS_CANCELLED, STATUS_DISK_FULL, STATUS_END_OF_FILE
from ntio.testing import FilterTests, Witness

pytestmark = pytest.mark.row("R19")


class TestLog(FilterTests):
    filter = Log


def seen(log: Log) -> list[tuple[object, ...]]:
    return [(one.operation, one.count, one.offset, one.length, one.status, one.information) for one in log.records]


def test_every_read_write_and_flush_is_a_line(system: ntio.System) -> None:
    log = Log()
    with ntio.Stack("ram_disk:size=1K", log, system=system) as disk:
        disk.write(b"hello", 100)
        assert disk.read(5, 100) == b"hello"
        assert disk.read(100, 1000) and disk.read(1, 2000) == b""
        with pytest.raises(ntio.NtError):
            disk.write(b"x", 1024)
        disk.flush()
        assert disk.size == 1024
    assert seen(log) == [
        ("WRITE", 1, 100, 5, 0, 5),
        ("READ", 1, 100, 5, 0, 5),
        ("READ", 1, 1000, 100, 0, 24),
        ("READ", 1, 2000, 1, STATUS_END_OF_FILE, 0),
        ("WRITE", 1, 1024, 1, STATUS_DISK_FULL, 0),
        ("FLUSH_BUFFERS", 1, 0, 0, 0, 0),
    ]
    assert all(record.seconds >= 0 for record in log.records)


def test_a_batch_is_one_line(system: ntio.System) -> None:
    log = Log()
    with ntio.Stack("ram_disk:size=1K", log, system=system) as disk, ntio.Ring(system=system) as ring:
        ring.write(disk.file, [64, 0], np.zeros((2, 10), np.uint8))
        ring.read(disk.file, [0, 1020, 4000], 10)
        ring.start_read(disk.file, 8, 8).wait()
    assert seen(log) == [
        ("WRITE", 2, 64, 20, 0, 20),
        ("READ", 3, 0, 30, STATUS_END_OF_FILE, 14),
        ("READ", 1, 8, 8, 0, 8),
    ]
    assert str(log.records[1]).startswith("READ x 3 offset=0 length=30 -> STATUS_END_OF_FILE 14 bytes in ")


def test_only_the_last_lines_are_kept_and_each_is_handed_on() -> None:
    lines: list[str] = []
    log = Log(keep=2, sink=lines.append)
    with ntio.Stack("ram_disk:size=1K", log, hal="simulated") as disk:
        for offset in range(5):
            disk.write(b"x", offset)
    assert [record.offset for record in log.records] == [3, 4]
    assert len(lines) == 5 and lines[0].startswith("WRITE offset=0 length=1 -> STATUS_SUCCESS 1 bytes in ")


def test_a_request_that_ends_later_is_noted_when_it_ends(system: ntio.System) -> None:
    witness, log = Witness(1024), Log()
    with ntio.Stack(witness, log, system=system) as disk, ntio.Ring(system=system) as ring:
        witness.hold = True
        first, second = ring.start_read(disk.file, 0, 8), ring.start_read(disk.file, 8, 8)
        assert not log.records
        second.cancel()
        witness.release()
        assert first.wait().ok and second.wait().status.tolist() == [STATUS_CANCELLED]
        witness.hold = False
    assert seen(log) == [("READ", 1, 8, 8, STATUS_CANCELLED, 0), ("READ", 1, 0, 8, 0, 8)]


def test_a_sink_that_raises_ends_the_request_it_was_told_of(system: ntio.System) -> None:
    def full(line: str) -> None:
        raise BufferError("no room for another line")

    with ntio.Stack("ram_disk:size=1K", Log(sink=full), system=system) as disk:
        with pytest.raises(ntio.NtError) as caught:
            disk.read(1, 0)
        assert isinstance(caught.value.__cause__, BufferError)
        assert disk.device.last_error is caught.value.__cause__
        disk.device.last_error = None
