"""The NT ring below its Windows face: entries in memory, held entries, ways through stacks, and what misuse leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up_drivers import Bottom, Holder
from ntio import BugCheck, NtError, System
from ntio.abi import IORING_CQE, NT_IORING_SQE
from ntio.drivers.file_disk import FileDisk
from ntio.hal.choose import make_hal
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.io_ring import codes as codes
from ntio.io_manager.io_ring.drain import DrainList, Held
from ntio.io_manager.io_ring.queues import RingQueues
from ntio.io_manager.io_ring.ring import IoRing
from ntio.io_manager.opening.open import open_device
from ntio.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_CANCELLED,
    STATUS_DISK_FULL,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED,
    STATUS_RESOURCE_IN_USE,
)
from ntio.system.system import create_parameters

ALL = codes.IORING_SUBMIT_WAIT_ALL


class Desk:
    """A System with a ring of version 400, 4 KiB of memory and a file of 26 letters."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system, self.io, self.folder = system, system.io, folder
        self.ring = IoRing(system.io, 400, 0, 0, 8, 16)
        self.memory = system.io.memory.allocate(4096)
        self.view = system.io.memory.view(self.memory, 4096)
        self.file = self.insert(self.make("letters", bytes(range(65, 91))))

    def make(self, name: str, content: bytes) -> FileObject:
        """A new file, open for reading and writing."""
        path = self.folder / name
        file = self.system.open_file_object(path, "w+")
        buffer = memoryview(bytearray(content))
        assert self.io.hal.files.write(file.fs_context.descriptor, buffer, 0) == len(content)
        return file

    def insert(self, entry: object) -> int:
        """A handle."""
        return self.io.handles.insert(entry)

    def read(self, length: int = 4, offset: int = 0, user: int = 0, flags: int = 0, file: int | None = None) -> None:
        """Queue a read of the file into the memory."""
        target = (0, self.file if file is None else file)
        self.ring.build_transfer(codes.IORING_OP_READ, target, (0, self.memory), 0, length, offset, user, flags)

    def raw(self, **fields: Any) -> None:
        """Write an entry into the queue, as a program does that has the memory; `body` is (name, fields)."""
        queues = self.ring.queues
        tail = queues.submission_counters[1]
        entry = queues.submission_queue[tail % queues.submission_size :][:1]
        entry[:] = np.zeros(1, NT_IORING_SQE)
        name, body = fields.pop("body", ("Read", {}))
        for field, value in fields.items():
            entry[field] = value
        for field, value in body.items():
            entry[name][field] = value
        queues.submission_counters[1] = tail + 1

    def do(self) -> dict[int, tuple[int, int]]:
        """Submit and wait for all; status and information by user data."""
        self.ring.submit(ALL, None)
        return {int(one["UserData"]): (int(one["ResultCode"]), int(one["Information"])) for one in self.ring.pop_all()}


@pytest.fixture
def desk(system: System, tmp_path: Path) -> Iterator[Desk]:
    one = Desk(system, tmp_path)
    yield one
    if not one.ring.closed:
        one.ring.close()
    one.io.handles.close_all()


def ring_leaves_nothing(desk: Desk) -> None:
    """No pin, no reference, no ring."""
    desk.ring.close()
    for thread in desk.io._threads:
        thread.join()
    assert desk.io.memory.pinned() == 0
    assert not desk.io.io_rings


# --- entries in memory ------------------------------------------------------------------------------------------------


@pytest.mark.row("R1")
def test_the_queues_lie_in_memory_as_documented(desk: Desk) -> None:
    desk.read(7, 3, 0x1122334455667788, codes.IOSQE_FLAGS_DRAIN_PRECEDING_OPS)
    queues = desk.ring.queues
    entry = queues.submission_queue[0]
    assert (entry["OpCode"], entry["Flags"], entry["UserData"]) == (1, 1, 0x1122334455667788)
    body = entry["Read"]
    assert (body["File"], body["Buffer"], body["Length"], body["Offset"]) == (desk.file, desk.memory, 7, 3)
    assert list(queues.submission_counters) == [0, 1]
    assert desk.do() == {0x1122334455667788: (0, 7)}
    assert list(queues.submission_counters) == [1, 1]
    assert list(queues.completion_counters) == [1, 1]
    assert queues.completion_queue.dtype == IORING_CQE


@pytest.mark.row("R1")
def test_an_entry_written_into_the_queue_is_as_good_as_a_built_one(desk: Desk) -> None:
    desk.raw(OpCode=codes.IORING_OP_NOP, UserData=1)
    desk.raw(OpCode=1, UserData=2, body=("Read", {"File": desk.file, "Buffer": desk.memory, "Length": 5, "Offset": 1}))
    desk.raw(OpCode=1, UserData=3, body=("Read", {"File": desk.file, "Buffer": 64, "Length": 5}))
    desk.raw(OpCode=99, UserData=4)
    desk.raw(OpCode=0, UserData=5, Flags=0x10)
    desk.raw(OpCode=1, UserData=6, body=("Read", {"CommonOpFlags": 8, "File": desk.file}))
    desk.raw(OpCode=7, UserData=7, body=("ReadScatter", {"File": desk.file, "Length": 4096}))
    desk.raw(OpCode=codes.IORING_OP_REGISTER_FILES, UserData=8, body=("RegisterFiles", {"Count": 5}))
    done = desk.do()
    assert (done[1], done[2]) == ((0, 0), (0, 5))
    assert bytes(desk.view[:5]) == b"BCDEF"
    assert done[3] == (STATUS_ACCESS_VIOLATION, 0)
    assert done[4] == done[7] == done[8] == (STATUS_INVALID_PARAMETER, 0)
    assert done[5] == done[6] == (STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED, 0)
    ring_leaves_nothing(desk)


def test_an_entry_changed_after_it_was_built_reaches_no_other_memory(desk: Desk) -> None:
    other = desk.io.memory.allocate(4096)
    for address in (other, desk.memory - 1, desk.memory + 4093, (1 << 64) - 2):
        desk.read(4)
        slot = (desk.ring.queues.submission_counters[1] - 1) % 8
        desk.ring.queues.submission_queue["Read"]["Buffer"][slot] = address
    desk.ring.submit(ALL, None)
    assert set(desk.ring.pop_all()["ResultCode"].tolist()) == {STATUS_ACCESS_VIOLATION}
    for field, value in (("OpCode", 0), ("OpCode", 4), ("OpCode", 77)):
        desk.read(4)
        slot = (desk.ring.queues.submission_counters[1] - 1) % 8
        desk.ring.queues.submission_queue[field][slot] = value
    desk.read(4)
    desk.ring.queues.submission_queue["Read"]["CommonOpFlags"][(desk.ring.queues.submission_counters[1] - 1) % 8] = 2
    desk.ring.submit(ALL, None)
    assert len(desk.ring.pop_all()) == 4
    assert bytes(desk.view) == bytes(4096)
    ring_leaves_nothing(desk)


def test_counters_run_over_their_32_bits(desk: Desk) -> None:
    queues = desk.ring.queues
    queues.submission_counters[0] = queues.submission_counters[1] = 0xFFFF_FFFC
    queues.completion_counters[0] = queues.completion_counters[1] = 0xFFFF_FFFE
    for user in range(8):
        desk.read(1, user, user)
    assert desk.do() == dict.fromkeys(range(8), (0, 1))
    assert list(queues.submission_counters) == [4, 4]
    assert list(queues.completion_counters) == [6, 6]


def test_nothing_is_popped_behind_overwritten_counters(desk: Desk) -> None:
    desk.ring.queues.completion_counters[0] = 1000
    assert len(desk.ring.pop_all()) == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 8)), max_size=40))
def test_the_queues_are_queues(steps: list[tuple[bool, int]]) -> None:
    queues, posted, popped, waiting = RingQueues(make_hal("simulated"), 8, 16), 0, 0, 0
    for posting, count in steps:
        if posting and waiting + count <= 16:
            ids = np.arange(posted, posted + count, dtype=np.uint64)
            assert queues.post(ids, np.zeros(count, np.uint32), ids) == (waiting == 0)
            posted += count
            waiting += count
        elif not posting:
            for _ in range(count):
                taken = queues.pop()
                assert taken == ((popped, 0, popped) if waiting else None)
                popped += taken is not None
                waiting -= taken is not None
        assert queues.ready() == waiting


# --- held entries -----------------------------------------------------------------------------------------------------


def held(sequence: int) -> Held:
    return Held(np.zeros(1, NT_IORING_SQE), [None], [None], sequence)


@pytest.mark.row("R7")
@pytest.mark.parametrize("drains", list(product((False, True), repeat=5)))
def test_an_entry_is_free_when_everything_before_it_has_completed(drains: tuple[bool, ...]) -> None:
    """All orders of completion of five operations, some of which drain, with one held entry cancelled or none."""

    def walk(line: DrainList, running: frozenset[int], waiting: frozenset[int]) -> None:
        for sequence in sorted(running):
            follow(line, running, waiting, sequence)

    def follow(line: DrainList, running: frozenset[int], waiting: frozenset[int], sequence: int) -> None:
        copy = DrainList()
        copy._held = [clone(one) for one in line._held]
        copy._waited_for = line._waited_for
        copy.finished([sequence])
        left, still = running - {sequence}, waiting
        while (free := copy.take_free()) is not None:
            assert not any(other < free.sequence for other in left | (still - {free.sequence}))
            left, still = left | {free.sequence}, still - {free.sequence}
        assert not still or min(left | still) < min(still)
        walk(copy, left, still)

    def clone(one: Held) -> Held:
        twin = held(one.sequence)
        twin.waits_for = one.waits_for
        return twin

    for cancelled in (None, *[number for number, drain in enumerate(drains) if drain]):
        line, running, waiting = DrainList(), set(), set()
        for sequence, drain in enumerate(drains):
            if drain and line.hold(held(sequence), len(running) + len(waiting)):
                waiting.add(sequence)
            else:
                running.add(sequence)
        if cancelled in waiting:
            taken = line.take_all(lambda one, gone=cancelled: one.sequence == gone)
            assert [one.sequence for one in taken] == [cancelled]
            line.finished([cancelled])
            waiting.discard(cancelled)
        walk(line, frozenset(running), frozenset(waiting))


# --- ways -------------------------------------------------------------------------------------------------------------


def test_writes_of_one_window_reach_their_own_files_whatever_their_way(desk: Desk) -> None:
    """A disk on a host file sends what crosses its end through its stack; its neighbours go straight to their files."""
    disk = desk.system.load(FileDisk(str(desk.folder / "disk"), size=512))
    disk_file = desk.insert(open_device(disk, "", create_parameters("r+")))
    desk.view[:8] = b"abcdefgh"
    rows = [(desk.file, 0), (disk_file, 504), (disk_file, 512), (desk.file, 4), (disk_file, 510)]
    for user, (file, offset) in enumerate(rows):
        desk.ring.build_transfer(codes.IORING_OP_WRITE, (0, file), (0, desk.memory), 0, 4, offset, user, 0)
    assert desk.do() == {0: (0, 4), 1: (0, 4), 2: (STATUS_DISK_FULL, 0), 3: (0, 4), 4: (0, 2)}
    desk.read(26)
    assert desk.do() == {0: (0, 26)}
    assert bytes(desk.view[:26]) == b"abcdabcdIJKLMNOPQRSTUVWXYZ"
    desk.read(512, file=disk_file)
    assert desk.do() == {0: (0, 512)}
    assert bytes(desk.view[504:512]) == b"abcd\0\0ab"


def test_many_regions_and_files_in_one_window(desk: Desk) -> None:
    ring = IoRing(desk.io, 300, 0, 0, 256, 256)
    files = [desk.insert(desk.make(f"many{number}", bytes([number]))) for number in range(16)]
    buffers = [desk.io.memory.allocate(16) for _ in range(256)]
    for row, buffer in enumerate(buffers):
        ring.build_transfer(codes.IORING_OP_READ, (0, files[row % 16]), (0, buffer), 0, 1, 0, row, 0)
    assert ring.submit(ALL, None) == (256, True)
    assert not ring.pop_all()["ResultCode"].any()
    assert [desk.io.memory.view(buffer, 1)[0] for buffer in buffers] == [row % 16 for row in range(256)]
    ring.close()
    for buffer in buffers:
        desk.io.memory.free(buffer)


def test_a_file_closed_by_another_thread_is_no_file(desk: Desk) -> None:
    file = desk.make("closing", b"x")
    handle = desk.insert(file)
    desk.read(1, 0, 1, file=handle)
    file.pointer_count = 0  # as between the last dereference and the handle's end
    assert desk.do() == {1: (STATUS_INVALID_HANDLE, 0)}
    file.pointer_count = 1


def test_more_operations_in_flight_than_the_host_takes_at_once_still_start(desk: Desk) -> None:
    """A ring of eight submission entries accepts many submits of idle reads, and a read behind them completes."""
    ring, holder = IoRing(desk.io, 300, 0, 0, 8, 64), Holder(cancellable=True)
    idle = desk.insert(desk.system.open_file_object(desk.system.load(Named(holder)).path, "r"))
    for first in range(0, 40, 8):
        for user in range(first, first + 8):
            ring.build_transfer(codes.IORING_OP_READ, (0, idle), (0, desk.memory), 0, 1, 0, user, 0)
        ring.submit(0, None)
    ring.build_transfer(codes.IORING_OP_READ, (0, desk.file), (0, desk.memory), 0, 1, 0, 99, 0)
    assert ring.submit(1, None) == (1, True)
    assert ring.pop() == (99, 0, 1)
    ring.build_cancel((0, idle), 0, 100)
    ring.submit(ALL, None)
    assert len(ring.pop_all()) == 41
    ring.close()


class Named(Bottom):
    """A device with a name, whose reads another driver keeps."""

    def __init__(self, holder: Holder) -> None:
        super().__init__(holder.dispatch_read)

    def add_device(self, lower: Any = None) -> Any:
        return self.create_device("\\Device\\Kept")


@pytest.mark.row("R7")
def test_a_packet_in_flight_can_be_cancelled_and_its_completion_counted_once(desk: Desk) -> None:
    holder = Holder(cancellable=True)
    idle = desk.insert(desk.system.open_file_object(desk.system.load(Named(holder)).path, "r"))
    desk.read(4, 0, 1, file=idle)
    desk.ring.submit(0, None)
    desk.ring.build_cancel((0, idle), 1, 2)
    assert desk.do() == {1: (STATUS_CANCELLED, 0), 2: (0, 0)}
    assert len(holder.cancelled) == 1
    desk.read(4, 0, 3, file=idle)
    desk.ring.submit(0, None)
    holder.release(0, 4)
    assert desk.do() == {3: (0, 4)}
    ring_leaves_nothing(desk)


@pytest.mark.stops_system
@pytest.mark.row("R9")
def test_a_stopped_system_lets_nobody_wait(desk: Desk) -> None:
    def lose(device: Any, irp: Any) -> int:
        return 0  # neither completed, nor passed down, nor kept

    lost = desk.system.load(Lost(lose))
    file = desk.insert(desk.system.open_file_object(lost.path, "r"))
    desk.read(4, 0, 1, file=file)
    with pytest.raises(BugCheck):
        desk.ring.submit(ALL, None)
    with pytest.raises(BugCheck):
        desk.ring.submit(ALL, None)
    desk.ring.close()
    for thread in desk.io._threads:
        thread.join()


class Lost(Bottom):
    """A device with a name."""

    def add_device(self, lower: Any = None) -> Any:
        return self.create_device("\\Device\\Lost")


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_a_pinned_allocation_is_not_freed(desk: Desk) -> None:
    desk.read()
    with pytest.raises(NtError) as caught:
        desk.io.memory.free(desk.memory)
    assert caught.value.status == STATUS_RESOURCE_IN_USE
    ring_leaves_nothing(desk)
    desk.io.memory.free(desk.memory)


def test_a_caller_who_drops_a_ring_does_not_free_it_under_the_host(desk: Desk) -> None:
    ring = IoRing(desk.io, 300, 0, 0, 8, 16)
    assert ring in desk.io.io_rings
    ring.close()
    assert ring not in desk.io.io_rings


@pytest.mark.real_files
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_no_ring(desk: Desk) -> None:
    desk.read(1, 0, 1)
    child = os.fork()
    if not child:
        code = 1
        try:
            try:
                desk.ring.submit(ALL, None)
            except NtError as error:
                if error.status == STATUS_INVALID_HANDLE:
                    desk.ring.close()
                    code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert desk.do() == {1: (0, 1)}
