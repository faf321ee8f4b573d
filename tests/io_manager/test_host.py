"""Work of the host for packets: at once, on the issuer's ring, on the System's own; streams, cancelling, failures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interrupts import every_interrupt
from made_up_drivers import Layer, load_stack, new_packet
from ntio import BugCheck, DeviceObject, Driver, Irp, NtError, Ring, System
from ntio.driver_kit import HostFile, OperationCode, host_operation, open_host_file
from ntio.hal.operation_queue import OperationQueue
from ntio.io_manager import host as host_module
from ntio.io_manager import requests
from ntio.io_manager.cancel import cancel_irp
from ntio.io_manager.codes import major
from ntio.io_manager.dispatch import call_driver
from ntio.io_manager.opening.open import CreateParameters, close_file, open_device
from ntio.io_manager.packet.batch import Batch
from ntio.kernel.event import Event
from ntio.status import (
    STATUS_CANCELLED,
    STATUS_END_OF_FILE,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_HANDLE,
    STATUS_PENDING,
    ObjectNameNotFound,
)

READ, WRITE, FLUSH = major.IRP_MJ_READ, major.IRP_MJ_WRITE, major.IRP_MJ_FLUSH_BUFFERS
ALPHABET = b"abcdefghijklmnopqrstuvwxyz"


class OnFile(Driver):
    """Every request becomes an operation of the host on one file, with and without batches."""

    def __init__(self, file: HostFile) -> None:
        self.file = file

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return host_operation(irp, OperationCode.READ, self.file)

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        return host_operation(irp, OperationCode.WRITE, self.file)

    def dispatch_flush_buffers(self, device: DeviceObject, irp: Irp) -> int:
        return host_operation(irp, OperationCode.FLUSH, self.file)

    dispatch_read_batch, dispatch_write_batch = dispatch_read, dispatch_write

    def unload(self) -> None:
        self.file.close()


def passing(device: DeviceObject, irp: Irp) -> int:
    return irp.pass_down(lambda device, irp: None)


@pytest.fixture
def disk(system: System, tmp_path: Path) -> list[DeviceObject]:
    """A stack of one filter on a file that holds the alphabet."""
    file = open_host_file(system.io, str(tmp_path / "disk"), write=True, create=True)
    system.hal.files.write(file.descriptor, memoryview(ALPHABET), 0)
    return load_stack(system, OnFile(file), Layer(passing))


@pytest.fixture
def pipe(system: System) -> Iterator[tuple[list[DeviceObject], int]]:
    """A stack of one filter on the end of a pipe where one reads, and the end where one writes."""
    read, write = getattr(system.hal.files, "make_pipe", os.pipe)()
    system.io.host_descriptors.add(read)
    yield load_stack(system, OnFile(HostFile(system.io, read, "pipe")), Layer(passing)), write
    system.hal.files.close(write)


class Sent:
    """A packet that nobody waits for: where its end is noted."""

    def __init__(self, device: DeviceObject, irp: Irp) -> None:
        self.event = Event(device.driver.io.hal)
        self.answer: tuple[int, int] | None = None
        irp.on_complete = self._done
        self.returned = call_driver(device, irp)

    def _done(self, irp: Irp) -> None:
        self.answer = irp.status, irp.information
        irp.pool.free(irp)
        self.event.set()

    def wait(self) -> tuple[int, int]:
        self.event.wait()
        assert self.answer is not None
        return self.answer


def packet(device: DeviceObject, code: int, data: Any, offset: int, queue: OperationQueue | None = None) -> Irp:
    irp = new_packet(device, code=code, length=len(data), byte_offset=offset)
    irp.buffer = memoryview(data)
    irp.io_ring_context = queue
    return irp


def batch_of(rows: list[tuple[int, int]], fill: bytes = b"") -> Batch:
    offset = np.array([row[0] for row in rows], np.uint64)
    length = np.array([row[1] for row in rows], np.uint32)
    position = np.arange(len(rows), dtype=np.uint64) * 32
    buffer = np.zeros(32 * len(rows), np.uint8)
    buffer[: len(fill)] = np.frombuffer(fill, np.uint8)
    return Batch(buffer, position, offset, length)


ROWS = [(0, 4), (24, 8), (26, 4), (0, 0), (99, 1), (10, 3)]
READ_BACK = [4, 2, 0, 0, 0, 3]
STATUSES = [0, 0, STATUS_END_OF_FILE, 0, STATUS_END_OF_FILE, 0]


def check_rows(batch: Batch) -> None:
    assert batch.information.tolist() == READ_BACK
    assert batch.status.tolist() == STATUSES
    for row, ((offset, _), count) in enumerate(zip(ROWS, READ_BACK, strict=True)):
        assert batch.buffer[32 * row : 32 * row + 32].tobytes() == ALPHABET[offset:][:count].ljust(32, b"\0")


# --- one request --------------------------------------------------------------------------------------------------


@pytest.mark.row("R21", "R30")
@pytest.mark.parametrize("ring", ["waited for", "the System's own ring", "a ring of the caller"])
def test_a_request_on_every_way(system: System, disk: list[DeviceObject], ring: str) -> None:
    queue = system.hal.new_queue(8) if ring == "a ring of the caller" else None

    def send(code: int, data: Any, offset: int) -> tuple[int, int]:
        irp = packet(disk[-1], code, data, offset, queue)
        if ring == "waited for":
            irp.flags |= major.IRP_SYNCHRONOUS_API
            return requests.send(disk[-1], irp)
        sent = Sent(disk[-1], irp)
        assert sent.returned == STATUS_PENDING
        while queue is not None and sent.answer is None:
            queue.poll()
        return sent.wait()

    into = bytearray(6)
    assert send(READ, into, 3) == (0, 6) and into == b"defghi"
    assert send(READ, into, 24) == (0, 2) and into == b"yzfghi"
    assert send(READ, into, 26) == (STATUS_END_OF_FILE, 0)
    assert send(READ, bytearray(0), 99) == (0, 0)
    assert send(WRITE, b"XY", 1) == (0, 2)
    assert send(WRITE, b"", 1) == (0, 0)
    assert send(FLUSH, b"", 0) == (0, 0)
    assert send(READ, into, 0) == (0, 6) and into == b"aXYdef"
    if queue is not None:
        queue.close()


def test_a_shortened_location_is_respected_on_every_way(system: System, disk: list[DeviceObject]) -> None:
    def shorten(device: DeviceObject, irp: Irp) -> int:
        irp.location.length = 3
        return irp.pass_down()

    top = system.load(Layer(shorten), disk[-1])
    for synchronous in (True, False):
        irp = packet(top, READ, into := bytearray(6), 0)
        if synchronous:
            irp.flags |= major.IRP_SYNCHRONOUS_API
        answer = requests.send(top, irp) if synchronous else Sent(top, irp).wait()
        assert answer == (0, 3) and into == b"abc\0\0\0"


def test_a_host_error_is_a_status(system: System, disk: list[DeviceObject]) -> None:
    code = disk[0].driver.code
    assert isinstance(code, OnFile)
    code.file.close()
    irp = packet(disk[-1], READ, bytearray(4), 0)
    irp.flags |= major.IRP_SYNCHRONOUS_API
    assert requests.send(disk[-1], irp) == (STATUS_INVALID_HANDLE, 0)
    assert Sent(disk[-1], packet(disk[-1], READ, bytearray(4), 0)).wait() == (STATUS_INVALID_HANDLE, 0)


# --- batches ------------------------------------------------------------------------------------------------------


@pytest.mark.row("R21", "R30")
@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("waits", [True, False])
def test_a_batch_on_every_way(system: System, disk: list[DeviceObject], waits: bool, filtered: bool) -> None:
    """Whole (the filter taken out) and split; waited for on a ring, started on it, started on the System's own."""
    if not filtered:
        system.io.unload(disk[-1].driver)
    file = open_device(disk[0], "", CreateParameters(access=3))
    queue = system.hal.new_queue(8)
    crossings = queue.crossings
    if waits:
        batch = batch_of(ROWS)
        assert requests.transfer_batch(file, READ, batch, queue) == 0
        check_rows(batch)
        assert (queue.crossings > crossings) != filtered  # parts are done in place
    for ring in (queue, None):
        irp = requests.make_batch_irp(file, READ, batch := batch_of(ROWS), ring)
        sent = Sent(file.related_device(), irp)
        while ring is not None and sent.answer is None:
            queue.poll()
        assert sent.wait() == (0, sum(READ_BACK))
        check_rows(batch)
    queue.close()
    close_file(file)


def test_a_batch_larger_than_the_ring_it_is_waited_for_on(system: System, disk: list[DeviceObject]) -> None:
    system.io.unload(disk[-1].driver)
    file = open_device(disk[0], "", CreateParameters(access=3))
    queue = system.hal.new_queue(8)
    batch = batch_of([(number % 26, 1) for number in range(100)])
    assert requests.transfer_batch(file, READ, batch, queue) == 0
    assert batch.buffer[::32].tobytes() == (ALPHABET * 4)[:100]
    queue.close()
    close_file(file)


def test_a_batch_larger_than_the_ring_it_is_started_on_is_refused(system: System, disk: list[DeviceObject]) -> None:
    system.io.unload(disk[-1].driver)
    file = open_device(disk[0], "", CreateParameters(access=3))
    queue = system.hal.new_queue(8)
    irp = requests.make_batch_irp(file, READ, batch_of([(0, 1)] * 9), queue)
    sent = Sent(file.related_device(), irp)
    assert sent.answer == (STATUS_INSUFFICIENT_RESOURCES, 0)
    queue.close()
    close_file(file)


def test_a_request_for_a_closed_ring_is_refused(system: System, disk: list[DeviceObject]) -> None:
    queue = system.hal.new_queue(8)
    queue.close()
    sent = Sent(disk[-1], packet(disk[-1], READ, bytearray(4), 0, queue))
    assert sent.returned == STATUS_PENDING and sent.answer == (STATUS_INVALID_HANDLE, 0)


# --- starts that fail ---------------------------------------------------------------------------------------------


class Counted(Sent):
    """A packet whose ends are counted."""

    def __init__(self, device: DeviceObject, irp: Irp) -> None:
        self.ends = 0
        self.raised: BaseException | None = None
        try:
            super().__init__(device, irp)
        except BaseException as error:
            self.raised = error

    def _done(self, irp: Irp) -> None:
        self.ends += 1
        super()._done(irp)


class Broken:
    """Raises when it is called for the first time; from then on it is what it was."""

    def __init__(self, owner: object, name: str, error: BaseException) -> None:
        self._call, self._error = getattr(owner, name), error
        self._first = True

    def __call__(self, *arguments: Any) -> Any:
        if self._first:
            self._first = False
            raise self._error
        return self._call(*arguments)


@pytest.mark.parametrize("error", [OSError(11, "later"), MemoryError(), RuntimeError("broken"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["check_room", "admit", "stage", "engine stage", "enter"])
def test_a_request_whose_start_fails_anywhere_ends_once(
    system: System, disk: list[DeviceObject], monkeypatch: pytest.MonkeyPatch, where: str, error: BaseException
) -> None:
    queue = system.hal.new_queue(8)
    owner: Any = {"check_room": queue, "admit": queue._table, "stage": queue._table}.get(where, queue.engine)
    name = where.removeprefix("engine ")
    monkeypatch.setattr(owner, name, Broken(owner, name, error))
    sent = Counted(disk[-1], packet(disk[-1], READ, into := bytearray(4), 0, queue))
    assert sent.raised is (error if isinstance(error, KeyboardInterrupt) else None)
    while not sent.ends:
        queue.poll()
    assert sent.ends == 1 and sent.answer is not None
    if where == "enter":
        assert sent.answer == (0, 4) and into == b"abcd"  # it was started, and goes on
    else:
        assert sent.answer[0] >= 0xC000_0000 and into == bytes(4)
    again = Counted(disk[-1], packet(disk[-1], READ, into, 4, queue))
    while not again.ends:
        queue.poll()
    assert (sent.ends, again.ends, again.answer) == (1, 1, (0, 4))
    queue.close()


def test_a_request_that_cannot_even_be_taken_back_ends_once(
    system: System, disk: list[DeviceObject], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = system.hal.new_queue(8)
    for owner, name in ((queue._table, "stage"), (queue.engine, "enter")):
        monkeypatch.setattr(owner, name, Broken(owner, name, OSError(5, "broken")))
    sent = Counted(disk[-1], packet(disk[-1], READ, bytearray(4), 0, queue))
    assert (sent.returned, sent.ends) == (STATUS_PENDING, 1)
    queue.close()
    assert sent.ends == 1


def test_a_request_whose_start_is_interrupted_anywhere_ends_once(
    system: System, pipe: tuple[list[DeviceObject], int]
) -> None:
    devices, write = pipe
    runs = 0
    for interrupt in every_interrupt(host_module):
        queue = system.hal.new_queue(8)
        irp = packet(devices[-1], READ, bytearray(4), 0, queue)
        sent = Counted.__new__(Counted)
        with interrupt:
            sent.__init__(devices[-1], irp)  # type: ignore[misc]
        if not sent.ends:
            system.hal.files.write(write, memoryview(b"data"), 0)
        while not sent.ends:
            queue.poll()
        queue.close()
        assert sent.ends == 1
        runs += 1
    assert runs > 5


# --- streams ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own_ring", [False, True])
def test_a_pipe_read_waits_until_something_is_written(
    system: System, pipe: tuple[list[DeviceObject], int], own_ring: bool
) -> None:
    devices, write = pipe
    queue = system.hal.new_queue(8) if own_ring else None
    sent = Sent(devices[-1], packet(devices[-1], READ, into := bytearray(8), 0, queue))
    assert sent.returned == STATUS_PENDING and sent.answer is None
    system.hal.files.write(write, memoryview(b"hello"), 0)
    while queue is not None and sent.answer is None:
        queue.poll()
    assert sent.wait() == (0, 5) and into == b"hello\0\0\0"
    if queue is not None:
        queue.close()


@pytest.mark.parametrize("own_ring", [False, True])
@pytest.mark.parametrize("when", ["pending", "before it is sent"])
def test_a_pipe_read_is_cancelled(
    system: System, pipe: tuple[list[DeviceObject], int], own_ring: bool, when: str
) -> None:
    devices, write = pipe
    queue = system.hal.new_queue(8) if own_ring else None
    irp = packet(devices[-1], READ, into := bytearray(8), 0, queue)
    if when == "before it is sent":
        assert not cancel_irp(irp)
        sent = Sent(devices[-1], irp)
    else:
        sent = Sent(devices[-1], irp)
        assert cancel_irp(irp)
    while queue is not None and sent.answer is None:
        queue.poll()
    assert sent.wait() == (STATUS_CANCELLED, 0) and into == bytes(8)
    # What is written afterwards is still there for the next.
    system.hal.files.write(write, memoryview(b"later"), 0)
    assert Sent(devices[-1], packet(devices[-1], READ, into, 0)).wait() == (0, 5)
    if queue is not None:
        queue.close()


@pytest.mark.parametrize("filtered", [False, True])
def test_started_reads_of_a_pipe_are_cancelled_with_their_batch(
    system: System, pipe: tuple[list[DeviceObject], int], filtered: bool
) -> None:
    devices, _write = pipe
    if not filtered:
        system.io.unload(devices[-1].driver)
    file = open_device(devices[0], "", CreateParameters(access=1))
    irp = requests.make_batch_irp(file, READ, batch := batch_of([(0, 2), (0, 2), (0, 2)]), None)
    sent = Sent(file.related_device(), irp)
    assert sent.returned == STATUS_PENDING and sent.answer is None
    assert cancel_irp(irp)
    status, information = sent.wait()
    assert status == (0 if filtered else STATUS_CANCELLED) and information == 0
    assert batch.status.tolist() == [STATUS_CANCELLED] * 3
    close_file(file)


def test_a_pipes_end(system: System) -> None:
    read, write = getattr(system.hal.files, "make_pipe", os.pipe)()
    system.io.host_descriptors.add(read)
    devices = load_stack(system, OnFile(HostFile(system.io, read, "pipe")))
    system.hal.files.close(write)
    for synchronous in (True, False):
        irp = packet(devices[-1], READ, bytearray(4), 0)
        if synchronous:
            irp.flags |= major.IRP_SYNCHRONOUS_API
        answer = requests.send(devices[-1], irp) if synchronous else Sent(devices[-1], irp).wait()
        assert answer == (STATUS_END_OF_FILE, 0)


def test_closing_a_ring_ends_its_pipe_read(system: System, pipe: tuple[list[DeviceObject], int]) -> None:
    devices, _ = pipe
    queue = system.hal.new_queue(8)
    sent = Sent(devices[-1], packet(devices[-1], READ, bytearray(4), 0, queue))
    queue.close()
    assert sent.answer == (STATUS_CANCELLED, 0)


def test_closing_the_system_ends_what_its_own_ring_does(hal_name: str) -> None:
    system = System(hal_name)
    read, write = getattr(system.hal.files, "make_pipe", os.pipe)()
    file = HostFile(system.io, read, "pipe")
    devices = load_stack(system, OnFile(file))
    sent = Sent(devices[-1], packet(devices[-1], READ, bytearray(4), 0))
    system.io.drivers[-1].code.unload = lambda: None  # type: ignore[attr-defined]
    system.close()
    assert sent.answer == (STATUS_CANCELLED, 0)
    assert system.io.irps.live() == 0
    for end in (read, write):
        system.hal.files.close(end)


# --- what must not take the interrupt down ------------------------------------------------------------------------


@pytest.mark.stops_system
def test_a_stop_while_completing_leaves_the_interrupt_alive(system: System, disk: list[DeviceObject]) -> None:
    def twice(device: DeviceObject, irp: Irp) -> None:
        irp.complete()

    top = system.load(Layer(lambda device, irp: irp.pass_down(twice)), disk[-1])
    first = Sent(top, packet(top, READ, bytearray(4), 0))
    first.event.wait()
    second = Sent(disk[0], packet(disk[0], READ, into := bytearray(4), 0))  # below the wrong one
    assert second.wait() == (0, 4) and into == b"abcd"
    with pytest.raises(BugCheck, match="MULTIPLE"):
        system.io.check_running()


# --- opening ------------------------------------------------------------------------------------------------------


def test_a_host_file_is_counted_while_it_is_open(system: System, tmp_path: Path) -> None:
    file = open_host_file(system.io, str(tmp_path / "new"), write=True, create=True)
    assert system.io.host_descriptors == {file.descriptor}
    assert (file.size, file.stream, file.directory) == (0, False, False)
    file.resize(10)
    assert file.size == 10
    file.close()
    file.close()
    assert system.io.host_descriptors == set() and file.descriptor == -1


def test_a_host_file_that_is_not_there(system: System, tmp_path: Path) -> None:
    with pytest.raises(ObjectNameNotFound):
        open_host_file(system.io, str(tmp_path / "none"))
    assert system.io.host_descriptors == set()


def test_a_size_that_is_refused_raises(system: System, tmp_path: Path) -> None:
    file = open_host_file(system.io, str(tmp_path / "new"), write=True, create=True)
    with pytest.raises(NtError):
        file.resize(-1)
    file.close()


def test_a_ring_sees_host_work_through_filters(system: System, disk: list[DeviceObject]) -> None:
    from ntio.system.file import File

    file = File(system, open_device(disk[0], "", CreateParameters(access=3)), "disk")
    with file, Ring(system=system) as ring:
        assert not file.bypass.allowed
        done = ring.read(file, [0, 24, 26], 4)
        assert done.information.tolist() == [4, 2, 0] and done.status.tolist() == [0, 0, STATUS_END_OF_FILE]
        assert ring.flush(file).status.tolist() == [0]
