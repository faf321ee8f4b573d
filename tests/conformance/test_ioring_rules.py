"""The rules of I/O rings that no numbered case covers; each docstring is "what is done: what is expected".

`docs/conformance/ioring.md` shows what came of each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ioring_bench import ALL, Bench, hresult, named, pops, shown, skip_without_direct_io
from ntio import win32 as w
from ntio.driver_kit import DeviceObject, Driver, FilterDriver, Irp
from ntio.drivers.ram_disk import RamDisk
from ntio.win32 import ioringapi as api

PAGE = 4096
DRAIN = api.IOSQE_FLAGS_DRAIN_PRECEDING_OPS
ABORTED = w.HRESULT_FROM_WIN32(w.ERROR_OPERATION_ABORTED)
NO_ACCESS = w.HRESULT_FROM_WIN32(w.ERROR_NOACCESS)


def in_a_thread(routine: Callable[[], object]) -> None:
    """Run something on a thread of its own, to its end."""
    thread = threading.Thread(target=routine)
    thread.start()
    thread.join()


# --- creation ---------------------------------------------------------------------------------------------------------


@pytest.mark.row("R1", "R2")
def test_rule_operations_by_version(bench: Bench) -> None:
    """Each version's operations: 0-4 in 1 and 2, also 5 and 6 in 300, also 7 and 8 in 400."""
    supported = {
        version: [op for op in range(12) if api.IsIoRingOpSupported(bench.ring(version), op)]
        for version in (1, 2, 300, 400)
    }
    assert supported == {1: list(range(5)), 2: list(range(5)), 300: list(range(7)), 400: list(range(9))}
    bench.says("as listed")


@pytest.mark.row("R1")
def test_rule_sizes_are_rounded_up(bench: Bench) -> None:
    """20/20 gives 32/64, 9/100 gives 16/128, 8/1 gives 8/16; 0 in either: 0x80070057."""
    sizes = []
    for asked in ((20, 20), (9, 100), (8, 1)):
        info = api.GetIoRingInfo(bench.ring(300, *asked))
        sizes.append((info.SubmissionQueueSize, info.CompletionQueueSize))
    assert sizes == [(32, 64), (16, 128), (8, 16)]
    assert hresult(bench.ring, 300, 0, 8) == hresult(bench.ring, 300, 8, 0) == w.E_INVALIDARG
    bench.says("as listed")


def test_rule_version_that_never_was(bench: Bench) -> None:
    """Versions 0, 3, 299: 0x80460003."""
    results = {hresult(bench.ring, version) for version in (0, 3, 299, -1)}
    assert results == {w.IORING_E_VERSION_NOT_SUPPORTED}
    bench.says(f"{results.pop():#x}")


# --- building ---------------------------------------------------------------------------------------------------------


@pytest.mark.row("R7")
def test_rule_builders_of_later_versions(bench: Bench) -> None:
    """Version 1: the write builder fails, and DRAIN is an unknown flag (0x80460001); nothing is queued."""
    ring, file, memory = bench.ring(1), bench.file(b"x"), bench.memory()
    refused = hresult(bench.write, ring, file, memory, 1)
    flag = hresult(bench.read, ring, file, memory, 1, 0, 0, DRAIN)
    assert (refused, flag) == (w.HRESULT_FROM_WIN32(w.ERROR_NOT_SUPPORTED), w.IORING_E_REQUIRED_FLAG_NOT_SUPPORTED)
    assert api.SubmitIoRing(ring, 0, 0) == 0
    bench.says(f"write {refused:#x}, flag {flag:#x}")


def test_rule_skipped_builder_checks(bench: Bench) -> None:
    """SKIP_BUILDER_PARAM_CHECKS: a wrong flag or mode passes the builder and fails in its completion."""
    file, memory = bench.file(b"x"), bench.memory()
    checked = bench.ring()
    assert hresult(bench.read, checked, file, memory, 1, 0, 0, 0x80) == w.IORING_E_REQUIRED_FLAG_NOT_SUPPORTED
    assert hresult(api.BuildIoRingFlushFile, checked, named(file), 9, 0, 0) == w.E_INVALIDARG
    ring = bench.ring(advisory=api.IORING_CREATE_SKIP_BUILDER_PARAM_CHECKS)
    bench.read(ring, file, memory, 1, 0, 1, 0x80)
    api.BuildIoRingFlushFile(ring, named(file), 9, 2, 0)
    done = bench.do(ring)
    assert done == {1: (w.IORING_E_REQUIRED_FLAG_NOT_SUPPORTED, 0), 2: (w.E_INVALIDARG, 0)}
    bench.free(memory)  # nothing is pinned any more
    bench.says("in the completion")


@pytest.mark.row("R3")
def test_rule_full_submission_queue(bench: Bench) -> None:
    """A ring of 64: the 65th builder fails with 0x80460002; after submit there is room again."""
    ring, file, memory = bench.ring(sq=64), bench.file(b"x"), bench.memory()
    for row in range(64):
        bench.read(ring, file, memory, 1, 0, row)
    result = hresult(bench.read, ring, file, memory, 1, 0, 64)
    assert result == w.IORING_E_SUBMISSION_QUEUE_FULL
    assert len(bench.do(ring)) == 64
    bench.read(ring, file, memory, 1, 0, 64)
    assert bench.do(ring) == {64: (0, 1)}
    bench.says(f"{result:#x}")


def test_rule_numbers_that_do_not_fit(bench: Bench) -> None:
    """User data, offset or length out of range: 0x80070057, and nothing stays pinned."""
    ring, file, memory = bench.ring(), bench.file(b"x"), bench.memory()
    results = {
        hresult(bench.read, ring, file, memory, 1, 0, 1 << 64),
        hresult(bench.read, ring, file, memory, 1, 0, -1),
        hresult(bench.read, ring, file, memory, 1, 1 << 64),
        hresult(bench.read, ring, file, memory, 1 << 32),
        hresult(bench.read, ring, file, memory, -1),
        hresult(bench.read, ring, file, -5, 1),
        hresult(bench.read, ring, api.IoRingHandleRefFromIndex(1 << 32), memory, 1),
        hresult(bench.read, ring, file, api.IoRingBufferRefFromIndexAndOffset(0, 1 << 32), 1),
        hresult(api.BuildIoRingRegisterFileHandles, ring, 2, [file], 0),
    }
    assert results == {w.E_INVALIDARG}
    assert api.SubmitIoRing(ring, 0, 0) == 0
    bench.free(memory)
    bench.says("E_INVALIDARG")


@pytest.mark.row("R5", "R12")
def test_rule_unknown_memory(bench: Bench) -> None:
    """An address that is no known memory, or too few bytes there: 0x800703e6, nothing reaches the kernel."""
    ring, file, memory = bench.ring(), bench.file(b"x" * 9000), bench.memory()
    for user, (address, length) in enumerate(
        [(0, 1), (12345, 16), (memory - 1, 2), (memory + 4090, 7), (2**64 - 4, 8)]
    ):
        bench.read(ring, file, address, length, 0, user)
    done = bench.do(ring)
    assert set(done.values()) == {(NO_ACCESS, 0)}
    assert bench.bytes_at(memory, PAGE) == bytes(PAGE)
    bench.says(shown(done[0]))


@pytest.mark.row("R5")
def test_rule_python_buffers(bench: Bench) -> None:
    """A Python buffer is known as long as its reference or the request lives; read-only memory is not read into."""
    ring, pipe, file = bench.ring(), bench.pipe(), bench.file(b"x" * 16)
    data, constant = bytearray(16), bytes(16)
    known = len(bench.system.io.memory)
    bench.read(ring, pipe.handle, api.IoRingBufferRefFromPointer(memoryview(data)[4:8], system=bench.system), 4, 0, 1)
    api.SubmitIoRing(ring, 0, 0)
    with pytest.raises(BufferError):
        data.append(0)
    pipe.write(b"data")
    assert bench.do(ring) == {1: (0, 4)}
    assert data == bytes(4) + b"data" + bytes(8)
    data.append(0)
    bench.read(ring, file, api.IoRingBufferRefFromPointer(constant, system=bench.system), 4, 0, 2)
    assert bench.do(ring) == {2: (NO_ACCESS, 0)}
    assert constant == bytes(16)
    assert len(bench.system.io.memory) == known
    bench.says("kept while in use")


@pytest.mark.row("R5", "R9")
def test_rule_memory_in_use(bench: Bench) -> None:
    """From a successful build on the memory belongs to the ring: freeing it fails until the completion."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory()
    bench.read(ring, file, memory, 5)
    with pytest.raises(w.error) as caught:
        bench.free(memory)
    assert caught.value.winerror == w.ERROR_BUSY
    assert bench.do(ring) == {0: (0, 5)}
    bench.free(memory)
    bench.says("ERROR_BUSY")


# --- submitting, waiting ----------------------------------------------------------------------------------------------


@pytest.mark.row("R4")
def test_rule_all_or_nothing(bench: Bench) -> None:
    """A submit that fails leaves every entry queued; a later one sends them all."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory()
    for row in range(8):
        bench.read(ring, file, memory, 1, 0, row)
    assert hresult(api.SubmitIoRing, ring, 1000, 0) == w.E_INVALIDARG
    assert hresult(bench.read, ring, file, memory, 1) == w.IORING_E_SUBMISSION_QUEUE_FULL
    assert list(pops(ring)) == []
    assert api.SubmitIoRing(ring, ALL, w.INFINITE) == 8
    assert len(list(pops(ring))) == 8
    bench.says("8 of 8")


def test_rule_one_bad_entry(bench: Bench) -> None:
    """Bad entries among good ones: submit S_OK, each bad one fails in its completion."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory()
    bench.read(ring, file, memory, 5, 0, 1)
    bench.read(ring, 0xDEAD0, memory, 5, 0, 2)
    bench.read(ring, file, 64, 5, 0, 3)
    bench.read(ring, bench.event(), memory, 5, 0, 4)
    bench.read(ring, file, memory, 5, (1 << 64) - 1, 5)
    bench.read(ring, file, memory, 5, 0, 6)
    done = bench.do(ring)
    assert done[1] == done[6] == (0, 5)
    assert done[2] == done[4] == (w.E_HANDLE, 0)
    assert (done[3], done[5]) == ((NO_ACCESS, 0), (w.E_INVALIDARG, 0))
    bench.says("S_OK, errors in the completions")


@pytest.mark.row("R4")
def test_rule_waiting_with_nothing_in_flight(bench: Bench) -> None:
    """Wait for 5 with nothing in flight, INFINITE: returns at once."""
    assert api.SubmitIoRing(bench.ring(), 5, w.INFINITE) == 0
    bench.says("at once")


@pytest.mark.row("R4")
def test_rule_unpopped_completions_count(bench: Bench) -> None:
    """One completion unpopped, one read of an idle pipe in flight, wait 1: satisfied at once; wait 2 is not."""
    ring, file, pipe, memory = bench.ring(), bench.file(b"x"), bench.pipe(), bench.memory()
    bench.read(ring, file, memory, 1)
    api.SubmitIoRing(ring, 1, w.INFINITE)
    bench.read(ring, pipe.handle, memory, 1, 0, 1)
    assert api.SubmitIoRing(ring, 1, w.INFINITE) == 1
    assert hresult(api.SubmitIoRing, ring, 2, 1) == w.IORING_E_WAIT_TIMEOUT
    pipe.write(b"!")
    assert api.SubmitIoRing(ring, 9, w.INFINITE) == 0
    assert len(list(pops(ring))) == 2
    bench.says("they count")


class Door(Driver):
    """A device whose reads wait inside the driver until somebody opens the door."""

    def __init__(self) -> None:
        self.inside, self.opened = threading.Event(), threading.Event()

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        return self.create_device("\\Device\\Door")

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        self.inside.set()
        self.opened.wait()
        return irp.complete(information=irp.location.length)


def test_rule_submit_in_progress(bench: Bench) -> None:
    """A second thread submits while the first still does: 0x80460006, its entries stay."""
    door = Door()
    bench.system.load(door)
    file, disk = bench.file(b"x"), bench.open("\\\\?\\GLOBALROOT\\Device\\Door")
    ring, memory = bench.ring(), bench.memory()
    bench.read(ring, disk, memory, 1, 0, 1)
    first = threading.Thread(target=lambda: api.SubmitIoRing(ring, 0, 0))
    first.start()
    door.inside.wait()
    bench.read(ring, file, memory, 1, 0, 2)
    result = hresult(api.SubmitIoRing, ring, 0, 0)
    door.opened.set()
    first.join()
    assert result == w.IORING_E_SUBMIT_IN_PROGRESS
    assert bench.do(ring) == {1: (0, 1), 2: (0, 1)}
    bench.says(f"{result:#x}")


def test_rule_another_thread_submits_while_one_waits(bench: Bench) -> None:
    """One thread waits for an idle pipe, another cancels on the same ring: both go on."""
    ring, pipe, memory, event = bench.ring(), bench.pipe(), bench.memory(), bench.event()
    bench.read(ring, pipe.handle, memory, 1, 0, 1)
    api.SubmitIoRing(ring, 0, 0)
    waiter = threading.Thread(target=lambda: api.SubmitIoRing(ring, 2, w.INFINITE))
    waiter.start()
    api.BuildIoRingCancelRequest(ring, named(pipe.handle), 1, 2)
    while hresult(api.SubmitIoRing, ring, 0, 0) == w.IORING_E_SUBMIT_IN_PROGRESS:
        pass
    waiter.join()
    done = {one.UserData: one.ResultCode for one in pops(ring)}
    assert done in ({1: ABORTED, 2: 0}, {2: 0}, {})  # the waiter may have been late, and waited for nothing
    api.SetIoRingCompletionEvent(ring, event)
    while len(done) < 2:
        done.update({one.UserData: one.ResultCode for one in pops(ring)})
    assert done == {1: ABORTED, 2: 0}
    bench.says("cancelled")


def test_rule_overwritten_counters(bench: Bench) -> None:
    """Head and tail of a queue overwritten: 0x80460007 for good; closing still works."""
    for counters in ("submission_counters", "completion_counters"):
        ring, file, memory = bench.ring(), bench.file(b"x"), bench.memory()
        bench.read(ring, file, memory, 1)
        getattr(ring.ring.queues, counters)[1] += 1000
        results = {hresult(api.SubmitIoRing, ring, 0, 0) for _ in range(2)}
        assert results == {w.IORING_E_CORRUPT}
        api.CloseIoRing(ring)
        bench.free(memory)
    bench.says(f"{results.pop():#x}")


@pytest.mark.row("R3", "R4")
def test_rule_any_thread(bench: Bench) -> None:
    """Built by one thread, submitted by another that ends while a pipe is idle, popped by a third: all is well."""
    ring, pipe, memory = bench.ring(), bench.pipe(), bench.memory()
    in_a_thread(lambda: bench.read(ring, pipe.handle, memory, 4, 0, 1))
    in_a_thread(lambda: api.SubmitIoRing(ring, 0, 0))
    pipe.write(b"data")
    api.SubmitIoRing(ring, ALL, w.INFINITE)
    found: list[Any] = []
    in_a_thread(lambda: found.extend(pops(ring)))
    assert found == [(1, 0, 4)]
    bench.says("S_OK")


# --- order ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("R7")
def test_rule_drain_is_one_sided(bench: Bench) -> None:
    """A DRAIN entry behind an idle pipe waits, also across submits; what comes after it does not."""
    ring, file, pipe, memory = bench.ring(), bench.file(b"hello"), bench.pipe(), bench.memory()
    bench.read(ring, pipe.handle, memory, 1, 0, 1)
    api.SubmitIoRing(ring, 0, 0)
    bench.read(ring, file, memory + 8, 1, 0, 2, DRAIN)
    bench.read(ring, file, memory + 16, 1, 0, 3)
    assert api.SubmitIoRing(ring, 1, w.INFINITE) == 2
    assert list(pops(ring)) == [(3, 0, 1)]
    pipe.write(b"!")
    api.SubmitIoRing(ring, ALL, w.INFINITE)
    assert [one.UserData for one in pops(ring)] == [1, 2]
    bench.says("3, 1, 2")


@pytest.mark.row("R7")
def test_rule_drain_and_cancel(bench: Bench) -> None:
    """A cancel behind a DRAIN entry behind an idle pipe: it acts, and the DRAIN entry follows; no deadlock."""
    ring, file, pipe, memory = bench.ring(), bench.file(b"hello"), bench.pipe(), bench.memory()
    bench.read(ring, pipe.handle, memory, 1, 0, 1)
    bench.read(ring, file, memory + 8, 1, 0, 2, DRAIN)
    bench.read(ring, file, memory + 16, 1, 0, 3, DRAIN)
    api.BuildIoRingCancelRequest(ring, named(pipe.handle), 1, 4)
    done = bench.do(ring)
    assert done == {1: (ABORTED, 0), 2: (0, 1), 3: (0, 1), 4: (0, 0)}
    bench.says("all four complete")


@pytest.mark.row("R7")
def test_rule_cancel_of_an_entry_that_drains(bench: Bench) -> None:
    """A DRAIN entry that waits can be cancelled itself; those behind it still wait for the pipe."""
    ring, file, pipe, memory = bench.ring(), bench.file(b"hello"), bench.pipe(), bench.memory()
    bench.read(ring, pipe.handle, memory, 1, 0, 1)
    bench.read(ring, file, memory + 8, 1, 0, 2, DRAIN)
    bench.read(ring, file, memory + 16, 1, 0, 3, DRAIN)
    api.BuildIoRingCancelRequest(ring, named(file), 2, 4)
    api.SubmitIoRing(ring, 2, w.INFINITE)
    assert {one.UserData: one.ResultCode for one in pops(ring)} == {2: ABORTED, 4: 0}
    pipe.write(b"!")
    assert bench.do(ring) == {1: (0, 1), 3: (0, 1)}
    bench.says("aborted")


@pytest.mark.slow
def test_rule_many_entries_that_drain(bench: Bench) -> None:
    """4000 failing and good DRAIN entries behind an idle pipe: they complete in their order."""
    ring, file, pipe, memory = bench.ring(sq=4096), bench.file(b"hello"), bench.pipe(), bench.memory()
    bench.read(ring, pipe.handle, memory, 1, 0, 0)
    for row in range(1, 4001):
        bench.read(ring, file if row % 100 else 0xDEAD0, memory + 8, 1, 0, row, DRAIN)
    api.SubmitIoRing(ring, 0, 0)
    pipe.write(b"!")
    api.SubmitIoRing(ring, ALL, w.INFINITE)
    assert [one.UserData for one in pops(ring)] == list(range(4001))
    bench.says("in their order")


# --- registration -----------------------------------------------------------------------------------------------------


@pytest.mark.row("R5")
def test_rule_registrations_order_what_follows(bench: Bench) -> None:
    """Register A, read, register B, read, in one submit: the first reads A, the second B."""
    ring, memory = bench.ring(), bench.memory()
    index = api.IoRingHandleRefFromIndex(0)
    for number, content in enumerate((b"A", b"B")):
        api.BuildIoRingRegisterFileHandles(ring, 1, [bench.file(content)], 10 + number)
        bench.read(ring, index, memory + number, 1, 0, number)
    assert bench.do(ring) == {10: (0, 0), 11: (0, 0), 0: (0, 1), 1: (0, 1)}
    assert bench.bytes_at(memory, 2) == b"AB"
    bench.says("A, B")


@pytest.mark.row("R5")
def test_rule_handle_closed_after_registration(bench: Bench) -> None:
    """The handle is closed after its registration: the file stays usable by index until it is replaced."""
    ring, file, other, memory = bench.ring(), bench.file(b"data"), bench.file(b"x"), bench.memory()
    open_files = bench.system.io.open_files
    api.BuildIoRingRegisterFileHandles(ring, 1, [file], 1)
    bench.do(ring)
    file.Close()
    bench.read(ring, api.IoRingHandleRefFromIndex(0), memory, 4, 0, 2)
    assert bench.do(ring) == {2: (0, 4)}
    descriptors = len(bench.system.io.host_descriptors)
    api.BuildIoRingRegisterFileHandles(ring, 1, [other], 3)
    bench.do(ring)
    assert bench.system.io.open_files == open_files - 1
    assert len(bench.system.io.host_descriptors) == descriptors - 1
    bench.says("S_OK, 4 bytes")


@pytest.mark.row("R5")
def test_rule_indices_are_resolved_at_execution(bench: Bench) -> None:
    """A DRAIN read by index waits while the table is replaced: it reads the new file."""
    ring, pipe, memory = bench.ring(), bench.pipe(), bench.memory()
    api.BuildIoRingRegisterFileHandles(ring, 1, [bench.file(b"old")], 1)
    bench.read(ring, pipe.handle, memory, 1, 0, 2)
    bench.read(ring, api.IoRingHandleRefFromIndex(0), memory + 8, 3, 0, 3, DRAIN)
    api.SubmitIoRing(ring, 0, 0)
    api.BuildIoRingRegisterFileHandles(ring, 1, [bench.file(b"new")], 4)
    api.SubmitIoRing(ring, 0, 0)
    pipe.write(b"!")
    assert bench.do(ring) == {1: (0, 0), 2: (0, 1), 3: (0, 3), 4: (0, 0)}
    assert bench.bytes_at(memory + 8, 3) == b"new"
    bench.says("the new file")


@pytest.mark.row("R5")
def test_rule_operations_in_flight_keep_what_they_started_with(bench: Bench) -> None:
    """A pending read by index, both tables replaced, the handle closed: it completes on the old file and buffer."""
    ring, pipe, memory = bench.ring(), bench.pipe(), bench.memory()
    other, space = bench.file(b"x"), bench.memory()
    api.BuildIoRingRegisterFileHandles(ring, 1, [pipe.handle], 1)
    api.BuildIoRingRegisterBuffers(ring, 1, [api.IORING_BUFFER_INFO(memory, 8)], 2)
    bench.read(ring, api.IoRingHandleRefFromIndex(0), api.IoRingBufferRefFromIndexAndOffset(0, 2), 4, 0, 3)
    api.BuildIoRingRegisterFileHandles(ring, 1, [other], 4)
    api.BuildIoRingRegisterBuffers(ring, 1, [api.IORING_BUFFER_INFO(space, 8)], 5)
    api.SubmitIoRing(ring, 0, 0)
    pipe.handle.Close()
    pipe.write(b"data")
    assert bench.do(ring) == {1: (0, 0), 2: (0, 0), 3: (0, 4), 4: (0, 0), 5: (0, 0)}
    assert bench.bytes_at(memory, 8) == b"\0\0data\0\0"
    bench.says("S_OK, 4 bytes")


@pytest.mark.row("R5")
def test_rule_arrays_of_a_registration(bench: Bench) -> None:
    """The array of handles is read by the builder, that of buffers when it runs; one gone by then: 0x800703e6."""
    ring, memory = bench.ring(), bench.memory()
    handles, infos = [bench.file(b"one")], [api.IORING_BUFFER_INFO(), api.IORING_BUFFER_INFO()]
    api.BuildIoRingRegisterFileHandles(ring, 1, handles, 1)
    api.BuildIoRingRegisterBuffers(ring, 2, infos, 2)
    handles[0] = bench.file(b"two")
    infos[0] = api.IORING_BUFFER_INFO(memory, 64)
    bench.read(ring, api.IoRingHandleRefFromIndex(0), api.IoRingBufferRefFromIndexAndOffset(0, 0), 3, 0, 3)
    assert bench.do(ring) == {1: (0, 0), 2: (0, 0), 3: (0, 3)}
    assert bench.bytes_at(memory, 3) == b"one"
    api.BuildIoRingRegisterBuffers(ring, 2, infos, 4)
    infos.clear()
    done = bench.do(ring)
    assert done == {4: (NO_ACCESS, 0)}
    bench.says(f"{done[4][0]:#x}")


@pytest.mark.row("R5")
def test_rule_what_cannot_be_registered(bench: Bench) -> None:
    """A bad handle, an event, unknown memory: the completion fails, the old tables stay; empty buffers are fine."""
    ring, file, memory = bench.ring(), bench.file(b"data"), bench.memory()
    infos = [api.IORING_BUFFER_INFO(memory, 64), api.IORING_BUFFER_INFO(memory, 0)]
    api.BuildIoRingRegisterFileHandles(ring, 1, [file], 1)
    api.BuildIoRingRegisterBuffers(ring, 2, infos, 2)
    api.BuildIoRingRegisterFileHandles(ring, 2, [file, 0xDEAD0], 3)
    api.BuildIoRingRegisterFileHandles(ring, 1, [bench.event()], 4)
    api.BuildIoRingRegisterBuffers(ring, 2, [infos[0], api.IORING_BUFFER_INFO(64, 64)], 5)
    index, place = api.IoRingHandleRefFromIndex(0), api.IoRingBufferRefFromIndexAndOffset
    bench.read(ring, index, place(0, 0), 4, 0, 6)
    bench.read(ring, index, place(1, 0), 0, 0, 7)
    done = bench.do(ring)
    assert (done[1], done[2], done[6], done[7]) == ((0, 0), (0, 0), (0, 4), (0, 0))
    assert done[3] == done[4] == (w.E_HANDLE, 0)
    assert done[5] == (NO_ACCESS, 0)
    bench.says(f"{done[3][0]:#x}, {done[5][0]:#x}")


# --- cancel, events, close --------------------------------------------------------------------------------------------


@pytest.mark.row("R7")
def test_rule_cancel_needs_the_right_file(bench: Bench) -> None:
    """Cancel with the right user data and another file: 0x80070490; with a bad handle: 0x80070006."""
    ring, pipe, file, memory = bench.ring(), bench.pipe(), bench.file(b"x"), bench.memory()
    bench.read(ring, pipe.handle, memory, 4, 0, 1)
    api.BuildIoRingCancelRequest(ring, named(file), 1, 2)
    api.BuildIoRingCancelRequest(ring, named(0xDEAD0), 1, 3)
    api.SubmitIoRing(ring, 2, w.INFINITE)
    done = {one.UserData: one.ResultCode for one in pops(ring)}
    assert done == {2: w.HRESULT_FROM_WIN32(w.ERROR_NOT_FOUND), 3: w.E_HANDLE}
    pipe.write(b"data")
    assert bench.do(ring) == {1: (0, 4)}
    bench.says(f"{done[2]:#x}, {done[3]:#x}")


@pytest.mark.row("R7")
def test_rule_cancel_by_index(bench: Bench) -> None:
    """Cancel of a pending read by the registered index of its file: aborted, once."""
    ring, pipe, memory = bench.ring(), bench.pipe(), bench.memory()
    api.BuildIoRingRegisterFileHandles(ring, 1, [pipe.handle], 1)
    bench.read(ring, pipe.handle, memory, 4, 0, 2)
    api.BuildIoRingCancelRequest(ring, api.IoRingHandleRefFromIndex(0), 2, 3)
    assert bench.do(ring) == {1: (0, 0), 2: (ABORTED, 0), 3: (0, 0)}
    api.BuildIoRingCancelRequest(ring, api.IoRingHandleRefFromIndex(0), 2, 4)
    assert bench.do(ring) == {4: (w.HRESULT_FROM_WIN32(w.ERROR_NOT_FOUND), 0)}
    bench.says("aborted once")


@pytest.mark.row("R8")
def test_rule_event_attached_late(bench: Bench) -> None:
    """An event attached while completions wait does not signal; popped to empty, the next completion does."""
    ring, file, memory, event = bench.ring(), bench.file(b"x"), bench.memory(), bench.event()
    bench.read(ring, file, memory, 1)
    api.SubmitIoRing(ring, 1, w.INFINITE)
    api.SetIoRingCompletionEvent(ring, event)
    bench.read(ring, file, memory, 1)
    api.SubmitIoRing(ring, 2, w.INFINITE)
    assert w.WaitForSingleObject(event, 0) == w.WAIT_TIMEOUT
    assert len(list(pops(ring))) == 2
    bench.read(ring, file, memory, 1)
    api.SubmitIoRing(ring, 0, 0)
    assert w.WaitForSingleObject(event, w.INFINITE) == w.WAIT_OBJECT_0
    bench.says("not before it was empty")


@pytest.mark.row("R8")
def test_rule_event_without_a_wait(bench: Bench) -> None:
    """An event, an idle pipe, nobody inside the ring: data signals the event, and Pop finds the completion."""
    ring, pipe, memory, event = bench.ring(), bench.pipe(), bench.memory(), bench.event()
    api.SetIoRingCompletionEvent(ring, event)
    bench.read(ring, pipe.handle, memory, 4, 0, 1)
    api.SubmitIoRing(ring, 0, 0)
    assert w.WaitForSingleObject(event, 0) == w.WAIT_TIMEOUT
    pipe.write(b"data")
    assert w.WaitForSingleObject(event, w.INFINITE) == w.WAIT_OBJECT_0
    assert list(pops(ring)) == [(1, 0, 4)]
    bench.says("signalled")


@pytest.mark.row("R9")
def test_rule_close_lets_requests_finish(bench: Bench) -> None:
    """Close with a read of an idle pipe in flight: it goes on, its memory cannot be freed until it has ended."""
    ring, pipe, memory = bench.ring(), bench.pipe(), bench.memory()
    bench.read(ring, pipe.handle, memory, 4, 0, 1)
    bench.read(ring, bench.file(b"late"), memory + 8, 4, 0, 2, DRAIN)
    api.SubmitIoRing(ring, 0, 0)
    api.CloseIoRing(ring)
    with pytest.raises(w.error):
        bench.free(memory)
    pipe.handle.Close()
    pipe.write(b"data")
    bench.wait_for_closed_rings()
    assert bench.bytes_at(memory, 12) == b"data\0\0\0\0late"
    assert not bench.system.io.io_rings
    bench.free(memory)
    bench.says("data arrived")


@pytest.mark.row("R9")
def test_rule_closing_the_system_cancels(bench: Bench) -> None:
    """The System is closed with a read of an idle pipe in flight, on an open and on a closed ring: both end."""
    pipe, memory = bench.pipe(), bench.memory()
    for closed in (True, False):
        ring = bench.ring()
        bench.read(ring, pipe.handle, memory, 4, 0, 1)
        api.SubmitIoRing(ring, 0, 0)
        if closed:
            api.CloseIoRing(ring)
    bench.system.close()
    pipe.handle.Detach()  # the System closed it
    assert not bench.system.io.io_rings
    bench.free(memory)
    bench.says("cancelled")


# --- results ----------------------------------------------------------------------------------------------------------


def test_rule_pipes_have_no_positions(bench: Bench) -> None:
    """Reads of a pipe at offsets 100 and 2**64 - 1: the bytes in their order."""
    ring, pipe, memory = bench.ring(), bench.pipe(), bench.memory()
    pipe.write(b"abcdef")
    bench.read(ring, pipe.handle, memory, 3, 100, 1)
    assert bench.do(ring) == {1: (0, 3)}
    bench.read(ring, pipe.handle, memory + 3, 3, (1 << 64) - 1, 2)
    assert bench.do(ring) == {2: (0, 3)}
    assert bench.bytes_at(memory, 6) == b"abcdef"
    bench.says("in their order")


def test_rule_no_bytes_of_an_idle_pipe(bench: Bench) -> None:
    """Read of 0 bytes of an idle pipe: S_OK at once."""
    ring, pipe, memory = bench.ring(), bench.pipe(), bench.memory()
    bench.read(ring, pipe.handle, memory, 0)
    done = bench.do(ring)
    assert done == {0: (0, 0)}
    bench.says(shown(done[0]))


def test_rule_end_of_a_pipe(bench: Bench) -> None:
    """Read of a pipe that nobody can write any more: no bytes, an error."""
    ring, pipe, memory = bench.ring(), bench.pipe(), bench.memory()
    pipe.close()
    bench.read(ring, pipe.handle, memory, 4)
    done = bench.do(ring)
    assert done == {0: (w.HRESULT_FROM_WIN32(w.ERROR_HANDLE_EOF), 0)}
    bench.says(shown(done[0]))


@pytest.mark.row("R7")
def test_rule_flush_modes(bench: Bench) -> None:
    """DEFAULT, DATA, MIN_METADATA, NO_SYNC: S_OK; on a read-only handle 0x80070005."""
    ring, file, reader = bench.ring(), bench.file(b"x"), bench.file(b"x", w.GENERIC_READ)
    for mode in range(4):
        api.BuildIoRingFlushFile(ring, named(file), mode, mode, 0)
    api.BuildIoRingFlushFile(ring, named(reader), 0, 9, 0)
    assert bench.do(ring) == {0: (0, 0), 1: (0, 0), 2: (0, 0), 3: (0, 0), 9: (w.E_ACCESSDENIED, 0)}
    bench.says("four times S_OK")


@pytest.mark.row("R7")
def test_rule_unbuffered_write_through(bench: Bench) -> None:
    """WRITE_THROUGH on an unbuffered file: S_OK."""
    skip_without_direct_io(bench)
    ring, file, memory = bench.ring(), bench.file(direct=True), bench.memory(PAGE, b"x" * PAGE)
    bench.write(ring, file, memory, PAGE, write_flags=api.FILE_WRITE_FLAGS_WRITE_THROUGH)
    done = bench.do(ring)
    assert done == {0: (0, PAGE)}
    bench.says(shown(done[0]))


def test_rule_scatter_needs_an_unbuffered_file(bench: Bench) -> None:
    """Scatter from a file opened for cached I/O, or with too few pages: 0x80070057."""
    skip_without_direct_io(bench)
    ring, memory = bench.ring(400), bench.memory()
    cached, direct = bench.file(b"x" * PAGE), bench.file(b"x" * PAGE, direct=True)
    api.BuildIoRingReadFileScatter(ring, named(cached), 1, [memory], PAGE, 0, 1, 0)
    api.BuildIoRingReadFileScatter(ring, named(direct), 1, [memory], 2 * PAGE, 0, 2, 0)
    api.BuildIoRingReadFileScatter(ring, named(direct), 1, [64 * PAGE], PAGE, 0, 3, 0)
    api.BuildIoRingReadFileScatter(ring, named(direct), 1, [memory], 0, 0, 4, 0)
    done = bench.do(ring)
    assert done == {1: (w.E_INVALIDARG, 0), 2: (w.E_INVALIDARG, 0), 3: (NO_ACCESS, 0), 4: (0, 0)}
    bench.says(f"{done[1][0]:#x}")


def test_rule_scatter_at_the_end(bench: Bench) -> None:
    """Scatter across the end of file: short; beyond it: 0x80070026."""
    skip_without_direct_io(bench)
    ring, file = bench.ring(400), bench.file(b"x" * PAGE + b"y" * 512, direct=True)
    pages = [bench.memory(), bench.memory(), bench.memory()]
    api.BuildIoRingReadFileScatter(ring, named(file), 3, pages, 3 * PAGE, 0, 1, 0)
    api.BuildIoRingReadFileScatter(ring, named(file), 1, pages, PAGE, 4 * PAGE, 2, 0)
    done = bench.do(ring)
    assert done == {1: (0, PAGE + 512), 2: (w.HRESULT_FROM_WIN32(w.ERROR_HANDLE_EOF), 0)}
    bench.says(f"{shown(done[1])}; {done[2][0]:#x}")


class Watch(FilterDriver):
    """Counts the reads and writes it passes down."""

    seen = 0

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        self.seen += 1
        return irp.pass_down()

    dispatch_write = dispatch_read


@pytest.mark.row("R4", "R29")
def test_rule_rings_on_device_stacks(bench: Bench) -> None:
    """A ring on a disk with a filter above, beside a host file: the filter sees all rows, results are the same."""
    disk, watch = RamDisk(size=1000, name="RingDisk"), Watch()
    bench.system.load(watch, bench.system.load(disk))
    ring, memory = bench.ring(sq=16), bench.memory(content=b"data" * 250)
    files = [bench.open("\\\\?\\GLOBALROOT\\Device\\RingDisk"), bench.file()]
    for number, file in enumerate(files):
        for row in range(2):
            bench.write(ring, file, memory + 500 * row, 500, 500 * row, 10 * number + row)
    assert set(bench.do(ring).values()) == {(0, 500)}
    results = []
    for file in files:
        target = bench.memory(2000)
        for row, (offset, length) in enumerate([(0, 4), (998, 10), (1000, 1), (2, 0)]):
            bench.read(ring, file, target + 500 * row, length, offset, row)
        api.BuildIoRingFlushFile(ring, named(file), 0, 9, 0)
        results.append((bench.do(ring), bytes(bench.bytes_at(target, 2000))))
    assert results[0] == results[1]
    assert watch.seen == 6
    bench.says("the same")
