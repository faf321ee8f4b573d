"""Packets that drivers build: every field, who owns them, and what becomes of their buffers; sending on and waiting."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from made_up_drivers import Bottom, Holder, Layer, load_stack, new_packet
from ntio import BugCheck, DeviceObject, FilterDriver, Irp, System
from ntio.abi import CTL_CODE, METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_NEITHER, METHOD_OUT_DIRECT
from ntio.bugcheck import BugCheckCode
from ntio.io_manager.codes import major
from ntio.io_manager.dispatch import call_driver
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.packet.builders import (
    allocate_mdl_for,
    build_asynchronous_fsd_request,
    build_device_io_control_request,
    build_synchronous_fsd_request,
    make_associated_irp,
)
from ntio.kernel.event import Event
from ntio.memory.mdl import MDL_WRITE_OPERATION
from ntio.status import (
    STATUS_CANCELLED,
    STATUS_DISK_FULL,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_PENDING,
)

pytestmark = pytest.mark.row("R13", "R21")

READ, WRITE = major.IRP_MJ_READ, major.IRP_MJ_WRITE
BUFFERED, DIRECT = major.DO_BUFFERED_IO, major.DO_DIRECT_IO
HELD = major.IRP_BUFFERED_IO | major.IRP_DEALLOCATE_BUFFER


def device_with(system: System, flags: int, bottom: Bottom | None = None) -> DeviceObject:
    """A device that does its I/O so; by default its driver answers 'answer' to whatever it is asked."""

    def answer(device: DeviceObject, irp: Irp) -> int:
        assert irp.buffer is not None
        if irp.location.major != WRITE:
            count = min(len(irp.buffer), 6)
            irp.buffer[:count] = b"answer"[:count]
            return irp.complete(information=count)
        written.append(bytes(irp.buffer))
        return irp.complete(information=len(irp.buffer))

    written: list[bytes] = []
    (device,) = load_stack(system, bottom or Bottom(answer))
    device.flags |= flags
    device.device_extension = written
    return device


def built(irp: Irp | None) -> Irp:
    assert irp is not None
    return irp


# --- reads and writes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [0, BUFFERED, DIRECT])
@pytest.mark.parametrize("code", [READ, WRITE])
def test_the_fields_of_a_transfer(system: System, flags: int, code: int) -> None:
    device, data, iosb = device_with(system, flags), bytearray(b"mine"), IoStatusBlock()
    irp = built(build_asynchronous_fsd_request(code, device, data, 3, 4096, iosb))
    first = irp.next_location
    assert (first.major, first.minor, first.flags) == (code, 0, 0)
    assert (first.length, first.byte_offset, first.key) == (3, 4096, 0)
    assert first.device is first.file_object is first.completion_routine is None
    assert irp.user_iosb is iosb and irp.user_event is None and irp.requestor_mode == major.KERNEL_MODE
    assert irp.thread is system.io.threads.current() and not irp.thread.irps
    reads = code == READ
    if flags == BUFFERED:
        assert irp.flags == HELD | (major.IRP_INPUT_OPERATION if reads else 0)
        assert irp.system_buffer is irp.buffer and irp.mdl is None
        assert bytes(irp.buffer or b"") == (bytes(3) if reads else b"min")
        assert (irp.user_buffer is not None) == reads
    elif flags == DIRECT:
        assert irp.flags == 0 and irp.system_buffer is irp.user_buffer is None
        assert irp.mdl is not None and irp.mdl.locked and irp.mdl.byte_count == 3
        assert bool(irp.mdl.flags & MDL_WRITE_OPERATION) == reads
    else:
        assert irp.flags == 0 and irp.system_buffer is irp.mdl is None and irp.user_buffer is not None
    system.io.irps.free(irp)
    data.append(1)  # let go of


@pytest.mark.parametrize("code", [
    major.IRP_MJ_FLUSH_BUFFERS, major.IRP_MJ_SHUTDOWN, major.IRP_MJ_PNP, major.IRP_MJ_POWER,
])  # fmt: skip
@pytest.mark.parametrize("flags", [0, BUFFERED, DIRECT])
def test_what_has_no_data_gets_no_buffer(system: System, flags: int, code: int) -> None:
    irp = built(build_asynchronous_fsd_request(code, device_with(system, flags), b"ignored", 7, 4096))
    first = irp.next_location
    assert (first.major, first.length, first.byte_offset) == (code, 0, 0)
    assert irp.flags == 0 and irp.buffer is irp.mdl is irp.user_buffer is None
    system.io.irps.free(irp)


@pytest.mark.parametrize("flags", [0, BUFFERED, DIRECT])
def test_a_read_that_is_waited_for(system: System, flags: int) -> None:
    device, data, iosb, event = device_with(system, flags), bytearray(8), IoStatusBlock(), Event(system.hal)
    irp = built(build_synchronous_fsd_request(READ, device, data, event=event, iosb=iosb))
    assert irp in system.io.threads.current().irps
    assert call_driver(device, irp) == 0
    assert (iosb.status, iosb.information, event.read_state()) == (0, 6, True)
    assert data == b"answer\0\0" and not system.io.irps.live() and not system.io.threads.current().irps
    data.append(1)


@pytest.mark.parametrize("flags", [0, BUFFERED, DIRECT])
def test_a_write_that_is_waited_for(system: System, flags: int) -> None:
    device, iosb = device_with(system, flags), IoStatusBlock()
    irp = built(build_synchronous_fsd_request(WRITE, device, b"written", event=None, iosb=iosb))
    assert call_driver(device, irp) == 0
    assert device.device_extension == [b"written"] and iosb.information == 7
    assert not system.io.irps.live()


def test_memory_that_cannot_be_written_into_makes_no_request(system: System) -> None:
    assert build_asynchronous_fsd_request(READ, device_with(system, DIRECT), b"read only") is None
    assert build_synchronous_fsd_request(READ, device_with(system, DIRECT), b"read only") is None
    assert build_synchronous_fsd_request(WRITE, device_with(system, BUFFERED), b"x", 2) is None
    code = CTL_CODE(0x22, 0x800, METHOD_OUT_DIRECT, 0)
    device = device_with(system, 0)
    assert build_device_io_control_request(code, device, output_buffer=b"read only") is None
    assert not system.io.irps.live() and not system.io.threads.current().irps


@pytest.mark.parametrize("pended", [False, True])
def test_an_error_at_once_is_told_by_the_return_and_one_later_by_the_event(system: System, pended: bool) -> None:
    holder = Holder()
    device = device_with(system, BUFFERED, holder if pended else Bottom(lambda _, irp: irp.complete(STATUS_DISK_FULL)))  # type: ignore[arg-type]
    iosb, event = IoStatusBlock(1, 2), Event(system.hal)
    irp = built(build_synchronous_fsd_request(READ, device, bytearray(4), event=event, iosb=iosb))
    assert call_driver(device, irp) == (STATUS_PENDING if pended else STATUS_DISK_FULL)
    if pended:
        holder.release(STATUS_DISK_FULL)
    assert event.read_state() == pended
    assert (iosb.status, iosb.information) == ((STATUS_DISK_FULL, 0) if pended else (1, 2))


def test_an_asynchronous_request_that_its_maker_takes_back(system: System) -> None:
    """The usual way: a routine stops completion, and the maker frees buffers and packet."""
    device, iosb = device_with(system, BUFFERED), IoStatusBlock(1, 2)
    back: list[tuple[int, bytes]] = []

    def mine(device: Any, irp: Irp, context: Any) -> int:
        back.append((irp.information, bytes(irp.system_buffer or b"")))
        irp.pool.free(irp)
        return STATUS_MORE_PROCESSING_REQUIRED

    irp = built(build_asynchronous_fsd_request(READ, device, bytearray(6), iosb=iosb))
    irp.set_completion_routine(mine)
    call_driver(device, irp)
    assert back == [(6, b"answer")] and (iosb.status, iosb.information) == (1, 2)


# --- control requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("internal", [False, True])
@pytest.mark.parametrize("method", [METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_OUT_DIRECT, METHOD_NEITHER])
def test_the_fields_of_a_control_request(system: System, method: int, internal: bool) -> None:
    device, code = device_with(system, 0), CTL_CODE(0x22, 0x800, method, 0)
    given, wanted, event, iosb = b"in", bytearray(5), Event(system.hal), IoStatusBlock()
    irp = built(build_device_io_control_request(code, device, given, None, wanted, None, internal, event, iosb))
    first = irp.next_location
    assert first.major == (major.IRP_MJ_INTERNAL_DEVICE_CONTROL if internal else major.IRP_MJ_DEVICE_CONTROL)
    assert (first.output_length, first.input_length, first.control_code) == (5, 2, code)
    assert irp.user_event is event and irp.user_iosb is iosb and irp in system.io.threads.current().irps
    if method == METHOD_BUFFERED:
        assert irp.flags == HELD | major.IRP_INPUT_OPERATION
        assert bytes(irp.system_buffer or b"") == b"in\0\0\0"
    elif method == METHOD_NEITHER:
        assert irp.flags == 0 and bytes(first.argument) == b"in"
        assert irp.user_buffer is not None and irp.user_buffer.obj is wanted
    else:
        assert irp.flags == HELD and bytes(irp.system_buffer or b"") == b"in"
        assert irp.mdl is not None and irp.mdl.byte_count == 5
        assert bool(irp.mdl.flags & MDL_WRITE_OPERATION) == (method == METHOD_OUT_DIRECT)
    assert call_driver(device, irp) == (STATUS_INVALID_DEVICE_REQUEST if internal else 0)
    assert not system.io.threads.current().irps


def test_a_control_request_without_buffers(system: System) -> None:
    code = CTL_CODE(0x22, 0x800, METHOD_BUFFERED, 0)
    device = device_with(system, 0, Bottom(lambda device, irp: irp.complete(information=0)))
    irp = built(build_device_io_control_request(code, device))
    assert irp.flags == 0 and not irp.buffer and irp.system_buffer is None
    assert call_driver(device, irp) == 0
    irp = built(build_device_io_control_request(code, device, b"input alone"))
    assert irp.flags == HELD and irp.user_buffer is None  # nothing to copy out
    assert call_driver(device, irp) == 0


@pytest.mark.parametrize("method", [METHOD_BUFFERED, METHOD_OUT_DIRECT, METHOD_NEITHER])
def test_the_answer_of_a_control_request(system: System, method: int) -> None:
    device, wanted, iosb = device_with(system, 0), bytearray(8), IoStatusBlock()
    code = CTL_CODE(0x22, 0x800, method, 0)
    irp = built(build_device_io_control_request(code, device, b"question", None, wanted, None, iosb=iosb))
    assert call_driver(device, irp) == 0
    assert wanted[:6] == b"answer" and iosb.information == 6
    assert wanted[6:] == b"\0\0"


# --- parts and lists ----------------------------------------------------------------------------------------------


def test_the_fields_of_an_associated_packet(system: System) -> None:
    master = system.io.irps.allocate(1)
    master.thread = thread = system.io.threads.current()
    part = make_associated_irp(master, 3)
    assert part.flags == major.IRP_ASSOCIATED_IRP and part.master is master and part.thread is thread
    assert part.stack_count == 3 and not thread.irps
    system.io.irps.free(part)
    system.io.irps.free(master)


def test_lists_hang_on_their_packet(system: System) -> None:
    irp = system.io.irps.allocate_for_driver(1)
    assert allocate_mdl_for(None, b"alone") is not None
    first = allocate_mdl_for(irp, b"one", secondary=True)  # the first is the first, whatever was asked
    second, third = (allocate_mdl_for(irp, data, secondary=True) for data in (b"two", b"three"))
    assert irp.mdl is first and first is not None and list(first.chain()) == [first, second, third]
    other = allocate_mdl_for(irp, b"other")
    assert irp.mdl is other and allocate_mdl_for(irp, b"", 2 << 30) is None and irp.mdl is other
    system.io.irps.free(irp)


# --- sending on and waiting ---------------------------------------------------------------------------------------


class Waits(FilterDriver):
    """Sends reads on, waits, and answers with one byte less."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        self.statuses.append(irp.pass_down_and_wait())
        return irp.complete(irp.status, irp.information and irp.information - 1)


@pytest.mark.row("R19")
@pytest.mark.parametrize("status", [0, STATUS_DISK_FULL])
def test_a_request_is_had_back_when_it_was_answered_at_once(system: System, status: int) -> None:
    waits = Waits()
    devices = load_stack(system, Bottom(lambda device, irp: irp.complete(status, 5)), waits, Waits())
    irp = new_packet(devices[-1])
    assert call_driver(devices[-1], irp) == status
    assert (irp.information, waits.statuses, irp.pending_returned) == (3, [status], False)
    system.io.irps.free(irp)


def test_a_request_is_had_back_when_it_was_kept(system: System) -> None:
    holder, waits = Holder(), Waits()
    devices = load_stack(system, holder, waits)
    irp, returned = new_packet(devices[-1]), list[int]()
    one = system.hal.spawn(lambda: returned.append(call_driver(devices[-1], irp)), "sender")
    holder.arrived.wait()
    holder.release(information=5)
    one.join()
    assert (returned, irp.information, irp.pending_returned) == ([0], 4, False)
    system.io.irps.free(irp)


def test_an_interrupted_wait_lets_the_request_go(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    holder, ended = Holder(), list[int]()
    devices = load_stack(system, holder, Waits())
    irp = new_packet(devices[-1])
    irp.on_complete = lambda irp: ended.append(irp.status)

    def interrupted(self: Event, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Event, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_driver(devices[-1], irp)
    assert irp.cancel and not ended
    holder.release(STATUS_DISK_FULL)
    assert ended == [STATUS_DISK_FULL] and irp.completed
    system.io.irps.free(irp)


def test_an_interrupt_below_lets_the_request_go_too(system: System) -> None:
    kept, ended = list[Irp](), list[int]()

    def interrupted(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        kept.append(irp)
        raise KeyboardInterrupt

    devices = load_stack(system, Bottom(interrupted), Waits())
    irp = new_packet(devices[-1])
    irp.on_complete = lambda irp: ended.append(irp.status)
    with pytest.raises(KeyboardInterrupt):
        call_driver(devices[-1], irp)
    assert irp.cancel and not ended
    kept[0].complete(STATUS_DISK_FULL)
    assert ended == [STATUS_DISK_FULL] and irp.completed
    system.io.irps.free(irp)


def test_a_request_that_was_back_already_when_the_wait_was_interrupted(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, ended = Holder(), list[int]()
    devices = load_stack(system, holder, Waits())
    irp = new_packet(devices[-1])
    irp.on_complete = lambda irp: ended.append(irp.status)

    def late(self: Event, timeout: float | None = None) -> bool:
        holder.release()
        raise KeyboardInterrupt

    monkeypatch.setattr(Event, "wait", late)
    with pytest.raises(KeyboardInterrupt):
        call_driver(devices[-1], irp)
    assert ended == [STATUS_CANCELLED]
    system.io.irps.free(irp)


@pytest.mark.stops_system
def test_a_stop_wakes_the_waiting_driver(system: System) -> None:
    holder = Holder()
    devices = load_stack(system, holder, Waits())
    irp, raised = new_packet(devices[-1]), list[BaseException]()
    ended = threading.Event()

    def send() -> None:
        try:
            call_driver(devices[-1], irp)
        except BugCheck as check:
            raised.append(check)
        ended.set()

    one = system.hal.spawn(send, "sender")
    holder.arrived.wait()
    with pytest.raises(BugCheck):
        irp.pool.stop(BugCheckCode.IRQL_UNEXPECTED_VALUE)
    one.join()
    assert raised == [system.io.bug_check]


@pytest.mark.stops_system
def test_the_lowest_driver_has_nobody_to_wait_for(system: System) -> None:
    (device,) = load_stack(system, Bottom(lambda device, irp: irp.pass_down_and_wait()))
    with pytest.raises(BugCheck) as caught:
        call_driver(device, new_packet(device))
    assert caught.value.code == BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS


def test_a_routine_of_the_sender_sees_the_answer_of_the_driver_that_waited(system: System) -> None:
    seen: list[tuple[int, bool]] = []
    devices = load_stack(system, Bottom(lambda device, irp: irp.complete(0, 5)), Layer(Waits().dispatch_read))
    irp = new_packet(devices[-1])
    irp.set_completion_routine(lambda device, irp, context: seen.append((irp.information, irp.pending_returned)))
    call_driver(devices[-1], irp)
    assert seen == [(4, False)]
    system.io.irps.free(irp)
