"""Streams of the host as files: reads and writes go in the order in which they were asked for, and can be cancelled."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import ntio
from interrupts import every_interrupt
from iocp_bench import until
from ntio import status as s
from ntio.driver_kit import CreateParameters, FileObject, IoStatusBlock, major
from ntio.drivers.host_files import stream
from ntio.io_manager import cancel_queue, host, services
from ntio.io_manager.opening.open import close_file

pytestmark = [pytest.mark.row("R22", "R31"), pytest.mark.real_files]


class Fifo:
    """A pipe of the host, the other end of it as a descriptor, and one open of ours for each direction."""

    def __init__(self, system: ntio.System, path: Path) -> None:
        os.mkfifo(path)
        self.system, self.path = system, path
        self.other = os.open(path, os.O_RDWR)
        self.files = [self.open()]

    def open(self) -> FileObject:
        access = major.FILE_GENERIC_READ | major.FILE_GENERIC_WRITE
        return self.system.create_file_object(str(self.path), CreateParameters(major.FILE_OPEN, access, 0))

    @property
    def file(self) -> FileObject:
        return self.files[0]

    def close(self) -> None:
        for file in self.files:
            close_file(file)
        os.close(self.other)


@pytest.fixture
def fifo(real_system: ntio.System, tmp_path: Path) -> Iterator[Fifo]:
    one = Fifo(real_system, tmp_path / "stream")
    yield one
    one.close()


class Asked:
    """A request under way: its status block and its bytes."""

    def __init__(self, file: FileObject, data: bytes | int) -> None:
        self.block, self.buffer = IoStatusBlock(s.STATUS_PENDING), bytearray(data)
        reads = isinstance(data, int)
        call = services.read_file if reads else services.write_file
        self.returned = call(file, None, None, None, self.block, self.buffer, None, 0)

    @property
    def over(self) -> bool:
        return self.block.status != s.STATUS_PENDING

    @property
    def data(self) -> bytes:
        until(lambda: self.over)
        return bytes(self.buffer[: self.block.information])


def test_reads_get_what_comes_in_their_order(fifo: Fifo) -> None:
    reads = [Asked(fifo.file, 3) for _ in range(5)]
    for data in (b"abc", b"de", b"f", b"ghi", b"jk"):
        os.write(fifo.other, data)
        assert reads.pop(0).data == data and not any(read.over for read in reads)


def test_reads_share_what_is_there_in_their_order(fifo: Fifo) -> None:
    os.write(fifo.other, b"abcdefgh")
    reads = [Asked(fifo.file, 3) for _ in range(4)]
    assert [read.data for read in reads[:3]] == [b"abc", b"def", b"gh"] and not reads[3].over
    os.write(fifo.other, b"!")
    assert reads[3].data == b"!"


def test_very_many_reads_that_wait(fifo: Fifo) -> None:
    """Each is started by the end of the one before, also when everything is there already."""
    reads = [Asked(fifo.file, 1) for _ in range(1000)]
    os.write(fifo.other, bytes(number & 0xFF for number in range(1000)))
    assert b"".join(read.data for read in reads) == bytes(number & 0xFF for number in range(1000))


def test_writes_come_out_whole_and_in_their_order(fifo: Fifo) -> None:
    """Far more than a pipe of the host holds: each write is over when all of it is out, and not before."""
    writes = [Asked(fifo.file, bytes([65 + number]) * size) for number, size in enumerate((9, 300_000, 1, 70_000, 5))]
    got = b""
    until(lambda: writes[0].over)
    assert not writes[1].over
    while len(got) < 370_015:
        got += os.read(fifo.other, 65536)
    until(lambda: all(write.over for write in writes))
    assert [(write.block.status, write.block.information) for write in writes] == [
        (0, 9), (0, 300_000), (0, 1), (0, 70_000), (0, 5),
    ]  # fmt: skip
    assert got == b"".join(bytes(write.buffer) for write in writes)


def test_a_write_that_is_cancelled_half_way_has_written_that(fifo: Fifo) -> None:
    write, after = Asked(fifo.file, b"w" * 300_000), Asked(fifo.file, b"after")
    assert not after.over
    assert services.cancel_io_ex(fifo.file, write.block, IoStatusBlock()) == 0
    until(lambda: write.over)
    code, count = write.block.status, write.block.information
    assert (code == 0 and 0 < count < 300_000) or (code, count) == (s.STATUS_CANCELLED, 0)
    got = b""
    while len(got) < count + 5:
        got += os.read(fifo.other, 65536)
    assert got == b"w" * count + b"after" and after.data == b"after"


@pytest.mark.parametrize("which", [0, 1, 2])
def test_any_read_of_several_is_cancelled_by_itself(fifo: Fifo, which: int) -> None:
    reads = [Asked(fifo.file, 2) for _ in range(3)]
    assert services.cancel_io_ex(fifo.file, reads[which].block, IoStatusBlock()) == 0
    until(lambda: reads[which].over)
    assert (reads[which].block.status, reads[which].block.information) == (s.STATUS_CANCELLED, 0)
    rest = [read for number, read in enumerate(reads) if number != which]
    for read, data in zip(rest, (b"ab", b"cd"), strict=True):
        os.write(fifo.other, data)
        assert read.data == data


def test_all_are_cancelled_and_the_next_read_is_served(fifo: Fifo) -> None:
    reads = [Asked(fifo.file, 2) for _ in range(4)]
    services.cancel_io_ex(fifo.file, None, IoStatusBlock())
    until(lambda: all(read.over for read in reads))
    assert {read.block.status for read in reads} == {s.STATUS_CANCELLED}
    last = Asked(fifo.file, 9)
    os.write(fifo.other, b"after")
    assert last.data == b"after"


def test_the_directions_and_the_opens_do_not_wait_for_each_other(fifo: Fifo) -> None:
    reads = Asked(fifo.file, 2), Asked(fifo.file, 2)
    fifo.files.append(fifo.open())
    write = Asked(fifo.files[1], b"abcd")
    assert write.data == b"abcd" and [read.data for read in reads] == [b"ab", b"cd"]
    waiting, through = Asked(fifo.file, 2), Asked(fifo.file, b"xy")
    assert through.data == b"xy" and waiting.data == b"xy"


def test_a_read_that_waits_for_its_end_has_its_turn(fifo: Fifo) -> None:
    first, came = Asked(fifo.file, 2), []
    fifo.file.readable = True
    system = fifo.system

    def reads() -> None:
        buffer = bytearray(2)
        code, count = ntio.io_manager.requests.read(fifo.file, memoryview(buffer), 0)
        came.append((code, bytes(buffer[:count])))

    thread = threading.Thread(target=reads)
    thread.start()
    until(lambda: sum(len(known.irps) for known in system.io.threads.known()) == 1 and len(_queued(fifo)) == 1)
    os.write(fifo.other, b"abcd")
    thread.join()
    assert (first.data, came) == (b"ab", [(0, b"cd")])
    os.write(fifo.other, b"ef")
    buffer = bytearray(2)
    assert ntio.io_manager.requests.read(fifo.file, memoryview(buffer), 0) == (0, 2) and buffer == b"ef"


def _queued(fifo: Fifo) -> object:
    return fifo.file.fs_context2.reads


@pytest.mark.row("R33")
def test_ctrl_c_while_a_read_is_begun_leaves_a_stream_that_can_be_read(fifo: Fifo) -> None:
    for interrupt in every_interrupt(stream, cancel_queue, host):
        with interrupt:
            Asked(fifo.file, 2)
        services.cancel_io_ex(fifo.file, None, IoStatusBlock())
        read = Asked(fifo.file, 2)
        os.write(fifo.other, b"ab")
        assert read.data == b"ab"


def test_closing_with_reads_that_wait_ends_each_once(fifo: Fifo) -> None:
    reads = [Asked(fifo.file, 2) for _ in range(3)]
    services.cancel_io_ex(fifo.file, None, IoStatusBlock())
    close_file(fifo.files.pop())
    until(lambda: all(read.over for read in reads))
    assert {read.block.status for read in reads} == {s.STATUS_CANCELLED}
