"""Requests on a file object, from the issuer's side: answers, refusals, waiting, and being interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_up_drivers import Bottom, Holder, Layer, load_stack
from ntio import BugCheck, DeviceObject, Driver, Irp, Ring, Stack, System
from ntio.bugcheck import BugCheckCode
from ntio.io_manager import requests
from ntio.io_manager.codes import major
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.opening.open import CreateParameters, close_file, open_device
from ntio.io_manager.packet.batch import Batch
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED,
    STATUS_DISK_FULL,
    STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_END_OF_FILE,
    STATUS_FILE_CLOSED,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_PENDING,
)
from ntio.testing.hal_tests import beside, eventually

STATUSES = [0, 0x40000000, STATUS_BUFFER_OVERFLOW, STATUS_DISK_FULL]
MODES = {"r": 1, "w": 2, "a": 4, "rw": 3, "": 0}


def opened(device: DeviceObject, access: int = 3) -> FileObject:
    return open_device(device, "", CreateParameters(access=access))


def buffer(size: int = 4) -> memoryview:
    return memoryview(bytearray(size))


# --- answers ------------------------------------------------------------------------------------------------------


@pytest.mark.row("R21")
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("pended", [False, True])
def test_the_answer_is_the_drivers(system: System, status: int, pended: bool) -> None:
    def answer(device: DeviceObject, irp: Irp) -> int:
        if pended:
            irp.mark_pending()
        irp.complete(status, 3)
        return STATUS_PENDING if pended else status

    with Stack(Bottom(answer), system=system) as stack:
        assert requests.read(stack.file.file_object, buffer(), 0) == (status, 3)


@pytest.mark.parametrize("returned", STATUSES)
@pytest.mark.parametrize("stored", STATUSES)
@pytest.mark.parametrize("pended", [False, True])
def test_27_which_of_two_different_answers_counts(returned: int, stored: int, pended: bool) -> None:
    """The returned one, unless the request was pending; but one that failed is never told to have succeeded."""

    def answer(device: DeviceObject, irp: Irp) -> int:
        if pended:
            irp.mark_pending()
        irp.complete(stored, 3)
        return STATUS_PENDING if pended else returned

    with System("simulated") as system, Stack(Bottom(answer), system=system) as stack:
        status, _ = requests.read(stack.file.file_object, buffer(), 0)
        assert status == (stored if pended or stored >= 0x80000000 else returned)


def test_a_completion_routine_that_finds_bad_data_is_heard(system: System) -> None:
    def check(device: DeviceObject, irp: Irp) -> None:
        irp.status, irp.information = STATUS_DISK_FULL, 0

    with Stack("ram_disk:size=4K", Layer(lambda device, irp: irp.pass_down(check)), system=system) as disk:
        assert requests.read(disk.file.file_object, buffer(), 0) == (STATUS_DISK_FULL, 0)
        with Ring(system=system) as ring:
            assert ring.read(disk.file, 0, 4).status.tolist() == [STATUS_DISK_FULL]


def test_what_a_driver_is_asked(system: System) -> None:
    seen: list[tuple[Any, ...]] = []

    class Notes(Driver):
        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            at = irp.location
            seen.append((at.major, at.byte_offset, at.length, at.argument, at.file_object, irp.flags))
            return irp.complete()

        dispatch_write = dispatch_flush_buffers = dispatch_query_information = dispatch_read  # type: ignore[assignment]

    (device,) = load_stack(system, Notes())
    file = opened(device)
    synchronous = major.IRP_SYNCHRONOUS_API | major.IRP_DEFER_IO_COMPLETION
    requests.read(file, buffer(7), 1 << 40)
    requests.write(file, memoryview(b"abc"), 5)
    requests.flush(file)
    requests.query_size(file)
    assert seen == [
        (major.IRP_MJ_READ, 1 << 40, 7, None, file, synchronous | major.IRP_READ_OPERATION),
        (major.IRP_MJ_WRITE, 5, 3, None, file, synchronous | major.IRP_WRITE_OPERATION),
        (major.IRP_MJ_FLUSH_BUFFERS, 0, 0, None, file, synchronous),
        (major.IRP_MJ_QUERY_INFORMATION, 0, 24, 5, file, synchronous),
    ]
    close_file(file)


@pytest.mark.parametrize("size", [0, 1, (1 << 62) + 1])
def test_the_size(system: System, size: int) -> None:
    class Sized(Driver):
        def device_size(self, device: DeviceObject) -> int:
            return size

    (device,) = load_stack(system, Sized())
    file = opened(device)
    assert requests.query_size(file) == (0, size)
    close_file(file)


def test_a_device_without_size_says_so(system: System) -> None:
    (device,) = load_stack(system, Bottom())
    file = opened(device)
    assert requests.query_size(file) == (STATUS_INVALID_DEVICE_REQUEST, 0)
    assert requests.flush(file) == (STATUS_INVALID_DEVICE_REQUEST, 0)
    close_file(file)


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_only_what_the_file_was_opened_for(system: System, mode: str) -> None:
    reached: list[int] = []

    def note(device: DeviceObject, irp: Irp) -> int:
        reached.append(irp.location.major)
        return irp.complete()

    (device,) = load_stack(system, Bottom(note))
    file = opened(device, MODES[mode])
    answers = requests.read(file, buffer(), 0)[0], requests.write(file, buffer(), 0)[0]
    reads, writes = "r" in mode, "w" in mode or "a" in mode
    assert answers == (0 if reads else STATUS_ACCESS_DENIED, 0 if writes else STATUS_ACCESS_DENIED)
    assert reached == [major.IRP_MJ_READ] * reads + [major.IRP_MJ_WRITE] * writes
    close_file(file)


def test_a_closed_file_refuses_everything(system: System) -> None:
    (device,) = load_stack(system, Bottom())
    file = opened(device)
    close_file(file)
    calls: list[Callable[[], requests.Answer]] = [
        lambda: requests.read(file, buffer(), 0),
        lambda: requests.write(file, buffer(), 0),
        lambda: requests.flush(file),
        lambda: requests.query_size(file),
    ]
    assert [call() for call in calls] == [(STATUS_FILE_CLOSED, 0)] * 4


# --- waiting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [0, 3])
def test_a_pending_request_is_completed_by_another_thread(system: System, layers: int) -> None:
    holder = Holder()
    filters = [Layer(lambda device, irp: irp.pass_down(lambda device, irp: None)) for _ in range(layers)]
    with Stack(holder, *filters, system=system) as stack:

        def let_go() -> None:
            holder.arrived.wait()
            holder.release(STATUS_END_OF_FILE, 0)

        thread = beside(let_go)
        assert requests.read(stack.file.file_object, buffer(), 0) == (STATUS_END_OF_FILE, 0)
        thread.join()
    assert system.io.irps.live() == 0


def test_completing_on_other_threads_while_issuers_come_and_go(system: System) -> None:
    """Packets are given back the moment their issuer sees them complete: the completing thread must be done by then."""
    holder, rounds, issuers = Holder(), 150, 3
    with Stack(holder, "null_filter", system=system) as stack:
        wanted = rounds * issuers

        def complete_all() -> None:
            done = 0
            while done < wanted:
                if holder.held:
                    irp = holder.held[0]
                    holder.release(0, irp.location.byte_offset)
                    done += 1
                else:
                    holder.arrived.wait(0.001)
                    holder.arrived.clear()

        def issue(first: int) -> None:
            for number in range(first, first + rounds):
                answers.append((number, requests.read(stack.file.file_object, buffer(), number)))

        answers: list[tuple[int, requests.Answer]] = []
        threads = [beside(lambda first=first: issue(first * 1000)) for first in range(issuers)]  # type: ignore[misc]
        complete_all()
        for thread in threads:
            thread.join()
        assert len(answers) == wanted and all(answer == (0, number) for number, answer in answers)
    assert system.io.irps.live() == 0


def test_pending_without_the_mark_is_waited_for_all_the_same(system: System) -> None:
    """A breach of the rules that is not to end in a wait without end."""
    kept: list[Irp] = []
    arrived = threading.Event()

    def forgets(device: DeviceObject, irp: Irp) -> int:
        kept.append(irp)
        arrived.set()
        return STATUS_PENDING

    with Stack(Bottom(forgets), system=system) as stack:

        def let_go() -> None:
            arrived.wait()
            eventually(lambda: kept[0].user_event is not None)
            kept[0].complete(0, 2)

        thread = beside(let_go)
        assert requests.read(stack.file.file_object, buffer(), 0) == (0, 2)
        thread.join()


# --- being interrupted --------------------------------------------------------------------------------------------


class _Interrupted:
    """Stands for an event whose wait is interrupted after `first` has run."""

    def __init__(self, first: Callable[[], object]) -> None:
        self._first = first

    def wait(self) -> None:
        self._first()
        raise KeyboardInterrupt

    def set(self) -> None:
        pass


@pytest.mark.parametrize("cancellable", [False, True])
def test_an_interrupted_wait_lets_the_interrupt_out_and_the_packet_go_later(
    system: System, monkeypatch: pytest.MonkeyPatch, cancellable: bool
) -> None:
    holder = Holder(cancellable=cancellable)
    with Stack(holder, "null_filter", system=system) as stack:
        with monkeypatch.context() as patch:
            patch.setattr(requests, "Event", lambda hal: _Interrupted(lambda: None))
            with pytest.raises(KeyboardInterrupt):
                stack.read(4, 0)
        assert system.io.irps.live() == (0 if cancellable else 1)
        if not cancellable:
            assert holder.held[0].cancel  # the driver can see that nobody wants it any more
            holder.release(0, 4)
        assert system.io.irps.live() == 0
        assert len(holder.cancelled) == cancellable


def test_an_interrupt_that_comes_with_the_completion_loses_nothing(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = Holder()
    with Stack(holder, system=system) as stack:
        with monkeypatch.context() as patch:
            patch.setattr(requests, "Event", lambda hal: _Interrupted(lambda: holder.release(0, 4)))
            with pytest.raises(KeyboardInterrupt):
                stack.read(4, 0)
        assert system.io.irps.live() == 0


@pytest.mark.parametrize("where", ["dispatch", "completion", "below a filter", "after passing down"])
def test_an_interrupt_inside_a_driver_goes_out_and_loses_no_packet(system: System, where: str) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    def late(device: DeviceObject, irp: Irp) -> int:
        irp.pass_down()
        raise KeyboardInterrupt

    seen: list[int] = []
    layers: dict[str, list[Driver]] = {
        "dispatch": [Bottom(interrupted)],
        "completion": [Bottom(), Layer(lambda device, irp: irp.pass_down(interrupted))],
        "below a filter": [
            Bottom(interrupted),
            Layer(lambda device, irp: irp.pass_down(lambda device, irp: seen.append(irp.status))),
        ],
        "after passing down": [Bottom(), Layer(late)],
    }
    with Stack(*layers[where], system=system) as stack:
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                stack.read(4, 0)
        assert seen == ([STATUS_CANCELLED] * 2 if where == "below a filter" else [])
        assert system.io.irps.live() == 0


# --- stops --------------------------------------------------------------------------------------------------------


@pytest.mark.stops_system
def test_a_stop_wakes_every_waiting_issuer(system: System) -> None:
    holder = Holder()
    raised: list[BaseException] = []
    with Stack(holder, system=system) as stack, Ring(system=system) as ring:

        def wait(call: Callable[[], object]) -> threading.Thread:
            def run() -> None:
                with pytest.raises(BugCheck) as caught:
                    call()
                raised.append(caught.value)

            return beside(run)

        batch = ring.start_read(stack.file, [0, 1], 1)
        threads = [
            wait(lambda: stack.read(4, 0)),
            wait(lambda: requests.transfer_batch(stack.file.file_object, 3, _batch(2), None)),
            wait(batch.wait),
        ]
        eventually(lambda: len(holder.held) == 5 and len(system.io._waiting) == 3)
        with pytest.raises(BugCheck):
            system.io.stop(BugCheckCode.DRIVER_VERIFIER_DETECTED_VIOLATION, 1)
        for thread in threads:
            thread.join()
    assert raised == [system.io.bug_check] * 3
    while holder.held:
        holder.release(0, 0)


def _batch(count: int) -> Batch:
    column = np.arange(count, dtype=np.uint64)
    return Batch(np.zeros(count, np.uint8), column, column, np.ones(count, np.uint32))


@pytest.mark.stops_system
def test_a_wait_that_begins_after_the_stop_does_not_wait(system: System) -> None:
    with Stack(Holder(), system=system) as stack:
        with pytest.raises(BugCheck):
            system.io.stop(BugCheckCode.DRIVER_VERIFIER_DETECTED_VIOLATION, 1)
        with pytest.raises(BugCheck):
            requests.read(stack.file.file_object, buffer(), 0)


# --- many ways down, one answer -----------------------------------------------------------------------------------

_layer = st.sampled_from(["skip", "then", "buffer", "pass", "pend"])


@settings(max_examples=60)
@given(
    layers=st.lists(_layer, max_size=5),
    status=st.sampled_from([0, STATUS_DISK_FULL, STATUS_DRIVER_INTERNAL_ERROR]),
    pended=st.booleans(),
    moved=st.integers(0, 4),
)
def test_the_answer_does_not_depend_on_the_layers(layers: list[str], status: int, pended: bool, moved: int) -> None:
    def bottom(device: DeviceObject, irp: Irp) -> int:
        assert irp.buffer is not None
        irp.buffer[:moved] = b"data"[:moved]
        if pended:
            irp.mark_pending()
        irp.complete(status, moved)
        return STATUS_PENDING if pended else status

    def pend(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        irp.pass_down(lambda device, irp: None)
        return STATUS_PENDING

    def through_a_copy(device: DeviceObject, irp: Irp) -> int:
        copy = bytearray(irp.buffer or b"")
        caller = irp.array

        def back(device: DeviceObject, irp: Irp) -> None:
            caller[: irp.information] = np.frombuffer(copy, np.uint8)[: irp.information]

        return irp.pass_down(back, buffer=copy)

    kinds: dict[str, Callable[[], Any]] = {
        "skip": lambda: Layer(lambda device, irp: irp.pass_down()),
        "then": lambda: Layer(lambda device, irp: irp.pass_down(lambda device, irp: None)),
        "buffer": lambda: Layer(through_a_copy),
        "pass": lambda: "null_filter",
        "pend": lambda: Layer(pend),
    }
    with (
        System("simulated") as system,
        Stack(Bottom(bottom), *(kinds[layer]() for layer in layers), system=system) as one,
    ):
        into = buffer()
        assert requests.read(one.file.file_object, into, 0) == (status, moved)
        assert bytes(into) == b"data"[:moved].ljust(4, b"\0")
        assert system.io.irps.live() == 0
