"""The end of a request: who is told what, and what is freed; for every kind of packet the I/O manager finishes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from made_up_drivers import Bottom, load_stack
from ntio import BugCheck, DeviceObject, Irp, System
from ntio.bugcheck import BugCheckCode
from ntio.io_manager.cancel import cancel_irp, set_cancel_routine
from ntio.io_manager.codes import major
from ntio.io_manager.completion import (
    IO_REPARSE_TAG_MOUNT_POINT,
    TransferCounters,
    finish,
    is_synchronous,
    queue_to_thread,
    stage_two,
)
from ntio.io_manager.dispatch import call_driver
from ntio.io_manager.file_object import CompletionContext, FileObject
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.thread_exit import IO_DRIVER_CANCEL_TIMEOUT, POLLS, cancel_all
from ntio.kernel.apc import run_apcs
from ntio.kernel.event import Event
from ntio.memory.mdl import LockOperation, Mdl, locked_mdl
from ntio.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED,
    STATUS_DISK_FULL,
    STATUS_IO_REPARSE_TAG_NOT_HANDLED,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_PENDING,
    STATUS_REPARSE,
    STATUS_VERIFY_REQUIRED,
)

UNTOUCHED = (0x1234, 99)
BUFFERED_READ = major.IRP_BUFFERED_IO | major.IRP_DEALLOCATE_BUFFER | major.IRP_INPUT_OPERATION


class Port:
    """Keeps the packets it gets."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, Any, int, int]] = []

    def insert_packet(self, key: int, apc_context: Any, status: int, information: int) -> None:
        self.packets.append((key, apc_context, status, information))

    def forget(self, file_object: Any) -> None:
        pass


class Bench:
    """One device whose driver keeps what it gets, a file on it, and requests with everything a caller can ask for."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.held: list[Irp] = []
        (self.device,) = load_stack(system, Bottom(self._keep))
        self.file = FileObject(self.device, "", major.FILE_READ_DATA, 0)
        self.pointers = self.file.pointer_count
        self.file.event.reset()
        self.event = Event(system.hal)
        self.iosb = IoStatusBlock(*UNTOUCHED)
        self.ran: list[tuple[Any, IoStatusBlock]] = []
        self.thread = system.io.threads.current()

    def _keep(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        self.held.append(irp)
        return STATUS_PENDING

    def send(self, flags: int = 0, *, event: bool = True, file: bool = True, context: Any = None, **fields: Any) -> Irp:
        """A read that the driver has now; what came of it is seen in the bench's file, event and status block."""
        irp = self.system.io.irps.allocate(1)
        irp.flags = flags
        irp.next_location.major = major.IRP_MJ_READ
        irp.user_event = self.event if event else None
        irp.user_iosb = self.iosb
        irp.user_apc_context = context
        for name, value in fields.items():
            setattr(irp, name, value)
        queue_to_thread(irp, self.thread, self.file if file else None)
        assert call_driver(self.device, irp) == STATUS_PENDING and irp in self.thread.irps
        return irp

    def told(self) -> dict[str, Any]:
        """What a requester sees now."""
        return {
            "iosb": (self.iosb.status, self.iosb.information),
            "event": self.event.read_state(),
            "file": (self.file.event.read_state(), self.file.final_status),
        }

    def all_is_over(self) -> bool:
        """Whether no packet is out, no thread has one, and the file is held by its open alone."""
        return not self.system.io.irps.live() and not self.thread.irps and self.file.pointer_count == self.pointers


@pytest.fixture
def bench(system: System) -> Iterator[Bench]:
    one = Bench(system)
    yield one
    assert one.all_is_over()


def told(iosb: tuple[int, int] = UNTOUCHED, event: bool = False, file: tuple[bool, int] = (False, 0)) -> dict[str, Any]:
    return {"iosb": iosb, "event": event, "file": file}


# --- who is told --------------------------------------------------------------------------------------------------


@pytest.mark.row("R19", "R21")
@pytest.mark.parametrize("status", [0, STATUS_BUFFER_OVERFLOW, STATUS_DISK_FULL])
def test_an_asynchronous_request_that_was_pending(bench: Bench, status: int) -> None:
    """Block and event whatever the status is; the file's event stays out of it."""
    bench.send().complete(status, 5)
    assert bench.told() == told((status, 5), True)


@pytest.mark.parametrize("status", [0, STATUS_DISK_FULL])
def test_without_an_event_of_its_own_the_file_is_set(bench: Bench, status: int) -> None:
    bench.send(event=False).complete(status, 5)
    assert bench.told() == told((status, 5), False, (True, status))


def test_a_synchronous_file_is_set_as_well(bench: Bench) -> None:
    bench.file.flags |= major.FO_SYNCHRONOUS_IO
    bench.send().complete(0, 5)
    assert bench.told() == told((0, 5), True, (True, 0))


def test_but_not_for_a_question_of_the_object_manager(bench: Bench) -> None:
    bench.file.flags |= major.FO_SYNCHRONOUS_IO
    bench.send(major.IRP_OB_QUERY_NAME | major.IRP_SYNCHRONOUS_API).complete(0, 5)
    assert bench.told() == told((0, 5), True)


def test_an_error_on_a_synchronous_file_wakes_the_waiting_call_only(bench: Bench) -> None:
    bench.file.flags |= major.FO_SYNCHRONOUS_IO
    bench.send().complete(STATUS_DISK_FULL, 5)
    assert bench.told() == told(file=(True, STATUS_DISK_FULL))


def test_an_error_of_a_synchronous_call_is_written_for_it(bench: Bench) -> None:
    bench.send(major.IRP_SYNCHRONOUS_API).complete(STATUS_DISK_FULL, 5)
    assert bench.told() == told((STATUS_DISK_FULL, 5), True)
    bench.event.reset()
    bench.send(major.IRP_SYNCHRONOUS_API, event=False).complete(STATUS_DISK_FULL, 6)
    assert bench.told() == told((STATUS_DISK_FULL, 6), False, (True, STATUS_DISK_FULL))


@pytest.mark.parametrize("synchronous", [False, True])
def test_an_error_returned_at_once_is_told_by_that_alone(system: System, synchronous: bool) -> None:
    bench = Bench(system)
    bench._keep = lambda device, irp: irp.complete(STATUS_DISK_FULL, 5)  # type: ignore[method-assign]
    (bench.device,) = load_stack(system, Bottom(bench._keep))
    bench.file.flags |= major.FO_SYNCHRONOUS_IO if synchronous else 0
    irp = system.io.irps.allocate(1)
    irp.next_location.major = major.IRP_MJ_READ
    irp.user_event, irp.user_iosb = bench.event, bench.iosb
    queue_to_thread(irp, bench.thread, bench.file)
    assert call_driver(bench.device, irp) == STATUS_DISK_FULL
    assert bench.told() == told() and bench.all_is_over()


def test_the_answer_of_a_service_that_is_there_is_left_to_it(system: System) -> None:
    """Deferred completion: nothing was pending, so the second stage is the service's."""
    bench = Bench(system)
    (device,) = load_stack(system, Bottom(lambda device, irp: irp.complete(0, 5)))
    irp = system.io.irps.allocate(1)
    irp.next_location.major, irp.flags = major.IRP_MJ_READ, major.IRP_DEFER_IO_COMPLETION
    irp.user_iosb, irp.user_event = bench.iosb, bench.event
    queue_to_thread(irp, bench.thread, bench.file)
    assert call_driver(device, irp) == 0
    assert irp.completed and irp in bench.thread.irps and bench.told() == told()
    stage_two(irp)
    assert bench.told() == told((0, 5), True) and bench.all_is_over()


def test_one_that_was_pending_is_finished_though_its_service_asked_to_defer(bench: Bench) -> None:
    bench.send(major.IRP_DEFER_IO_COMPLETION).complete(0, 5)
    assert bench.told() == told((0, 5), True)


@pytest.mark.row("R36")
@pytest.mark.parametrize("status", [0, STATUS_DISK_FULL])
def test_a_completion_packet(bench: Bench, status: int) -> None:
    port = Port()
    bench.file.completion_context = CompletionContext(port, 7)
    bench.send(context="overlapped").complete(status, 5)
    bench.send(context=None).complete(0, 6)
    assert port.packets == [(7, "overlapped", status, 5)]


def test_a_routine_runs_in_its_thread_and_not_before(bench: Bench) -> None:
    port = Port()
    bench.file.completion_context = CompletionContext(port, 7)
    bench.send(context="mine", user_apc_routine=lambda *told: bench.ran.append(told)).complete(0, 5)
    assert not bench.ran and bench.event.read_state()
    assert run_apcs(bench.thread)
    assert bench.ran == [("mine", bench.iosb)] and not port.packets


def test_a_create_tells_no_port_and_is_not_counted(bench: Bench) -> None:
    port = Port()
    bench.file.completion_context = CompletionContext(port, 7)
    bench.send(major.IRP_CREATE_OPERATION, user_apc_routine=bench.ran.append).complete(0, 1)
    assert not bench.thread.apcs and not bench.system.io.transfers.other_operations
    bench.system.io.dereference(bench.file)  # an open keeps the file it opened


def test_what_is_transferred_is_counted(bench: Bench) -> None:
    for flags, information in ((major.IRP_READ_OPERATION, 5), (major.IRP_WRITE_OPERATION, 7), (0, 9)):
        bench.send(flags).complete(0, information)
        bench.send(flags | major.IRP_SYNCHRONOUS_API).complete(STATUS_DISK_FULL, 100)
    counters = bench.system.io.transfers
    assert [getattr(counters, name) for name in TransferCounters.__slots__] == [1, 9, 1, 5, 1, 7]


# --- whose wait it is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_flag", [0, major.FO_SYNCHRONOUS_IO])
@pytest.mark.parametrize("api", [0, major.IRP_SYNCHRONOUS_API])
@pytest.mark.parametrize("paging", [0, major.IRP_PAGING_IO, major.IRP_PAGING_IO | major.IRP_SYNCHRONOUS_PAGING_IO])
def test_when_a_request_is_synchronous(bench: Bench, file_flag: int, api: int, paging: int) -> None:
    bench.file.flags |= file_flag
    irp = bench.send()
    irp.flags = api | paging
    assert is_synchronous(irp) == (bool(paging & 0x40) if paging else bool(api or file_flag))
    irp.flags = 0
    irp.complete()


# --- data ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, STATUS_BUFFER_OVERFLOW, STATUS_DISK_FULL, STATUS_VERIFY_REQUIRED])
def test_buffered_data_is_copied_out_as_far_as_it_goes(bench: Bench, status: int) -> None:
    target, system_buffer = bytearray(b"........"), memoryview(bytearray(b"answered"))
    irp = bench.send(BUFFERED_READ, user_buffer=memoryview(target), system_buffer=system_buffer)
    assert irp.buffer is system_buffer
    irp.complete(status, 3)
    assert target == (b"ans....." if status in (0, STATUS_BUFFER_OVERFLOW) else b"........")
    target.clear()  # nothing holds it any more


@pytest.mark.parametrize("target", [None, memoryview(b"read only"), memoryview(bytearray(2))])
def test_a_buffer_that_cannot_take_the_data_fails_the_request(bench: Bench, target: memoryview | None) -> None:
    bench.send(BUFFERED_READ, user_buffer=target, system_buffer=memoryview(bytearray(9))).complete(0, 9)
    assert bench.told() == told((STATUS_ACCESS_VIOLATION, 9), True)


def test_what_was_only_written_is_not_copied_back(bench: Bench) -> None:
    source = bytearray(b"source")
    flags = major.IRP_BUFFERED_IO | major.IRP_DEALLOCATE_BUFFER
    bench.send(flags, user_buffer=memoryview(source), system_buffer=memoryview(bytearray(6))).complete(0, 6)
    assert source == b"source"


@pytest.mark.parametrize("status", [0, STATUS_DISK_FULL])
def test_every_list_of_memory_is_let_go(bench: Bench, status: int) -> None:
    first, second = bytearray(4), bytearray(4)
    mdl = locked_mdl(first, LockOperation.WRITE)
    mdl.next = locked_mdl(second, LockOperation.WRITE)
    irp = bench.send(mdl=mdl)
    assert irp.buffer is mdl.view
    with pytest.raises(BufferError):
        second.append(1)
    irp.complete(status)
    first.append(1), second.append(1)


# --- special kinds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, STATUS_DISK_FULL])
def test_a_synchronous_paging_request_tells_block_and_event_alone(bench: Bench, status: int) -> None:
    bench.send(major.IRP_PAGING_IO | major.IRP_SYNCHRONOUS_PAGING_IO, file=False).complete(status, 5)
    bench.thread.irps.clear()
    assert bench.told() == told((status, 5), True)


def test_an_asynchronous_paging_write_runs_its_routine_at_once(bench: Bench) -> None:
    ran: list[tuple[Any, int]] = []
    bench.send(
        major.IRP_PAGING_IO, file=False, context="writer", user_apc_routine=lambda c, iosb: ran.append((c, iosb.status))
    ).complete(STATUS_DISK_FULL, 5)
    assert ran == [("writer", STATUS_DISK_FULL)] and not bench.event.read_state()


def test_a_close_is_freed_by_its_sender(bench: Bench) -> None:
    irp = bench.send(major.IRP_CLOSE_OPERATION, file=False)
    irp.complete(0, 5)
    assert bench.told() == told((0, 5), True) and bench.system.io.irps.live() == 1
    bench.thread.irps.clear()
    bench.system.io.irps.free(irp)


@pytest.mark.parametrize(("tag", "status"), [
    (IO_REPARSE_TAG_MOUNT_POINT, STATUS_REPARSE), (0xA000000C, STATUS_IO_REPARSE_TAG_NOT_HANDLED), (1, STATUS_REPARSE),
])  # fmt: skip
def test_only_a_mount_point_sends_an_open_elsewhere(bench: Bench, tag: int, status: int) -> None:
    irp = bench.send(major.IRP_DEFER_IO_COMPLETION, auxiliary_buffer="reparse data")
    irp.status, irp.information = STATUS_REPARSE, tag
    irp.current_location = irp.stack_count + 2
    finish(irp)  # not pending as far as it can see: left to the open
    assert irp.status == status
    assert irp.auxiliary_buffer == ("reparse data" if tag == IO_REPARSE_TAG_MOUNT_POINT else None)
    stage_two(irp)


def master_of(system: System, count: int) -> tuple[Irp, list[Irp], list[int]]:
    """A master that a file system has, its parts, and the list that its routine adds to when it is done."""
    from ntio.io_manager.packet.builders import make_associated_irp

    ended: list[int] = []
    held: list[Irp] = []

    def keep(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        held.append(irp)
        return STATUS_PENDING

    (device,) = load_stack(system, Bottom(keep))
    master = system.io.irps.allocate(1)
    master.next_location.major = major.IRP_MJ_READ
    master.set_completion_routine(lambda device, irp, context: ended.append(irp.status))
    call_driver(device, master)
    held.clear()
    master.irp_count = count
    for _ in range(count):
        part = make_associated_irp(master, 1)
        part.next_location.major = major.IRP_MJ_READ
        part.mdl = Mdl(bytearray(3))
        assert call_driver(device, part) == STATUS_PENDING
    return master, held, ended


@pytest.mark.row("R13")
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_last_associated_packet_completes_its_master(order: tuple[int, ...]) -> None:
    with System("simulated") as system:
        master, held, ended = master_of(system, 3)
        for number in order:
            assert not ended
            held[number].complete(STATUS_DISK_FULL)
        assert ended == [0] and master.completed  # the status that is in the master
        assert system.io.irps.live() == 1
        system.io.irps.free(master)


def test_a_part_that_its_driver_keeps_is_not_counted_off(system: System) -> None:
    from ntio.io_manager.packet.builders import make_associated_irp

    master, _, ended = master_of(system, 0)
    master.irp_count = 1
    part = make_associated_irp(master, 1)
    part.next_location.major = major.IRP_MJ_READ
    part.set_completion_routine(lambda device, irp, context: STATUS_MORE_PROCESSING_REQUIRED)
    (device,) = load_stack(system, Bottom())
    call_driver(device, part)
    assert not ended and master.irp_count == 1
    system.io.irps.free(part)
    master.complete(STATUS_DISK_FULL)
    assert ended == [STATUS_DISK_FULL]
    system.io.irps.free(master)


# --- threads that end ---------------------------------------------------------------------------------------------


def on_a_thread_that_ends(bench: Bench) -> Irp:
    sent: list[Irp] = []

    def run() -> None:
        bench.thread = bench.system.io.threads.current()
        sent.append(bench.send())

    bench.system.hal.spawn(run, "requester").join()
    return sent[0]


@pytest.mark.row("R13")
def test_what_is_pending_for_a_thread_is_cancelled_when_it_ends(bench: Bench) -> None:
    cancelled: list[Irp] = []
    keep = bench._keep

    def keep_cancelable(device: DeviceObject, irp: Irp) -> int:
        set_cancel_routine(irp, lambda device, irp: cancelled.append(irp) or irp.complete(STATUS_CANCELLED) or None)
        return keep(device, irp)

    (bench.device,) = load_stack(bench.system, Bottom(keep_cancelable))
    irp = on_a_thread_that_ends(bench)
    assert cancelled == [irp]
    assert bench.told() == told((STATUS_CANCELLED, 0), True)


@pytest.mark.parametrize("system", ["simulated"], indirect=True)
@pytest.mark.parametrize("hal_name", ["simulated"], indirect=True)
class TestDisowning:
    """On a virtual clock: five minutes are nothing."""

    def test_a_packet_that_does_not_end_is_disowned(self, bench: Bench) -> None:
        system = bench.system
        before = system.hal.clock.now()
        irp = on_a_thread_that_ends(bench)
        for thread in list(system.io._threads):
            thread.join()
        assert system.hal.clock.now() - before == pytest.approx(POLLS / 10)
        assert irp.cancel and irp.thread is None and not bench.thread.irps
        (entry,) = system.io.error_log
        assert (entry.code, entry.device) == (IO_DRIVER_CANCEL_TIMEOUT, bench.device)
        assert "READ" in entry.text
        irp.complete(0, 5)  # at last: nobody is told
        assert bench.told() == told()

    def test_one_that_ends_in_time_is_not(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        system, sleep = bench.system, bench.system.hal.clock.sleep
        looks: list[float] = []

        def slow_driver(seconds: float) -> None:
            looks.append(seconds)
            sleep(seconds)
            if len(looks) == 3:
                bench.held.pop().complete(STATUS_CANCELLED)

        monkeypatch.setattr(system.hal.clock, "sleep", slow_driver)
        on_a_thread_that_ends(bench)
        for thread in list(system.io._threads):
            thread.join()
        assert looks == [0.1] * 3 and not system.io.error_log
        assert bench.told() == told((STATUS_CANCELLED, 0), True)


def test_closing_a_system_does_not_wait_for_a_driver() -> None:
    with System("simulated") as system:
        bench = Bench(system)
        irp = on_a_thread_that_ends(bench)
    irp.pool.free(irp)


@pytest.mark.stops_system
def test_a_stop_while_cancelling_stays_latched(system: System) -> None:
    bench = Bench(system)
    irp = bench.send()

    def stop(device: DeviceObject, irp: Irp) -> None:
        irp.pool.stop(BugCheckCode.IRQL_UNEXPECTED_VALUE, irp)

    set_cancel_routine(irp, stop)
    cancel_all(bench.thread)
    assert irp.cancel and isinstance(system.io.bug_check, BugCheck)


def test_a_packet_that_is_over_is_not_cancelled_for_its_thread(bench: Bench) -> None:
    irp = bench.send()
    assert not cancel_irp(irp, lambda: irp in bench.thread.irps)
    assert irp.cancel
    irp.complete()
    assert not cancel_irp(irp, lambda: irp in bench.thread.irps)
    assert not irp.cancel
