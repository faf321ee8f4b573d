"""StartIo: one packet at a time, the others in the device queue, cancelled or started but never both."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interleavings import every_order
from made_up_drivers import Holder, load_stack, new_packet
from ntio import BugCheck, DeviceObject, Irp, NtError, Ring, Stack, System
from ntio.bugcheck import BugCheckCode
from ntio.driver_kit import Driver
from ntio.io_manager.cancel import cancel_irp, set_cancel_routine, set_locked_cancel_routine
from ntio.io_manager.dispatch import call_driver
from ntio.io_manager.start_io import (
    cancel_queued_packet,
    cancel_queued_packets,
    set_start_io_attributes,
    start_next_packet,
    start_packet,
)
from ntio.kernel.irql import APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL
from ntio.status import (
    STATUS_CANCELLED,
    STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_PENDING,
    STATUS_SUCCESS,
    nt_success,
)

Started = Callable[[DeviceObject, Irp], None]


class OneByOne(Driver):
    """Reads go to StartIo, which notes them in `started` and does what it was told to; `done` ends the current one."""

    def __init__(self, start: Started = lambda device, irp: None, *, by_offset: bool = False) -> None:
        self._start = start
        self._by_offset = by_offset
        self.started: list[int] = []

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        self.device = self.create_device()
        return self.device

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        offset = irp.location.byte_offset
        return device.start_packet(irp, offset if self._by_offset else None)

    def start_io(self, device: DeviceObject, irp: Irp) -> None:
        assert device.current_irp is irp and irp.cancel_routine is None
        self.started.append(irp.location.byte_offset)
        self._start(device, irp)

    def done(self, status: int = 0, information: int = 1) -> int:
        """End the current packet and start the next; where the former was."""
        irp = self.device.current_irp
        assert irp is not None
        offset = irp.location.byte_offset
        irp.complete(status, information if nt_success(status) else 0)
        self.device.start_next_packet(offset if self._by_offset else None)
        return offset


def at_once(device: DeviceObject, irp: Irp) -> None:
    """End the packet in StartIo itself and start the next."""
    irp.complete(STATUS_SUCCESS, irp.location.length)
    device.start_next_packet()


@pytest.fixture
def wdk(system: System) -> Iterator[tuple[DeviceObject, Callable[..., Irp], list[Any]]]:
    """A device whose StartIo notes packets, as a driver in the WDK's form has it, and a maker of packets at it."""
    device = load_stack(system, Holder())[0]
    noted: list[Any] = []
    device.driver.start_io = lambda device, irp: noted.append(irp)
    packets: list[Irp] = []

    def make(**fields: Any) -> Irp:
        irp = new_packet(device, **fields)
        irp.current_location -= 1
        irp.location.device = device
        irp.mark_pending()
        packets.append(irp)
        return irp

    yield device, make, noted
    if system.io.bug_check is None:
        for irp in packets:
            set_cancel_routine(irp, None)
            system.io.irps.free(irp)


# --- for drivers in Python --------------------------------------------------------------------------------------------


@pytest.mark.row("R22")
def test_packets_are_started_one_after_the_other(system: System) -> None:
    driver = OneByOne()
    with Stack(driver, system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, [5, 1, 3], 1)
        assert driver.started == [5] and len(driver.device.device_queue) == 2
        assert [driver.done(), driver.done(), driver.done()] == [5, 1, 3]
        assert driver.started == [5, 1, 3]
        assert driver.device.current_irp is None and not driver.device.device_queue.busy
        assert batch.wait(0).information.tolist() == [1, 1, 1]
        assert batch.wait(0).status.tolist() == [0, 0, 0]


def test_by_key_the_device_sweeps_upwards_and_begins_again(system: System) -> None:
    driver = OneByOne(by_offset=True)
    with Stack(driver, system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, [50, 10, 70, 30, 60], 1)
        order = [driver.done() for _ in range(5)]
        assert order == [50, 60, 70, 10, 30]
        assert batch.wait(0).status.tolist() == [0] * 5


def test_a_long_queue_that_ends_at_once_is_no_deep_recursion(system: System) -> None:
    waiting: list[Irp] = []

    def first_waits(device: DeviceObject, irp: Irp) -> None:
        if waiting or irp.location.byte_offset:
            at_once(device, irp)
        else:
            waiting.append(irp)

    driver = OneByOne(first_waits)
    with Stack(driver, system=system) as stack, Ring(4096, system=system) as ring:
        batch = ring.start_read(stack.file, range(3000), 1)
        assert driver.started == [0]
        driver.done()
        assert driver.started == list(range(3000))
        assert batch.wait(0).information.sum() == 3000


def test_start_io_is_never_inside_itself(system: System) -> None:
    depth, deepest = 0, 0

    def counted(device: DeviceObject, irp: Irp) -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(deepest, depth)
        at_once(device, irp)
        depth -= 1

    driver = OneByOne(counted)
    with Stack(driver, system=system) as stack, Ring(system=system) as ring:
        assert ring.read(stack.file, [0, 1, 2], 1).information.tolist() == [1, 1, 1]
        assert stack.read(1, 3) == b"\0"
    assert deepest == 1 and driver.started == [0, 1, 2, 3]


def test_a_queued_packet_is_cancelled_and_the_current_one_is_not(system: System) -> None:
    driver = OneByOne()
    with Stack(driver, system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, [0, 1, 2], 1)
        batch.cancel()
        assert len(driver.device.device_queue) == 0 and driver.device.device_queue.busy
        current = driver.device.current_irp
        assert current is not None and current.cancel and current.cancel_routine is None
        driver.done()
        assert batch.wait(0).status.tolist() == [0, STATUS_CANCELLED, STATUS_CANCELLED]


def test_a_packet_that_is_not_cancelable_stays_until_it_is_started(system: System) -> None:
    class Stubborn(OneByOne):
        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            return device.start_packet(irp, cancelable=False)

    driver = Stubborn()
    with Stack(driver, system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, [0, 1], 1)
        batch.cancel()
        assert len(driver.device.device_queue) == 1
        driver.done()
        driver.done()
        assert batch.wait(0).status.tolist() == [0, 0]


def test_cleanup_cancels_what_that_file_left_in_the_queue(system: System) -> None:
    driver = OneByOne()
    with Stack(driver, system=system) as stack, Ring(system=system) as ring:
        mine = ring.start_read(stack.file, [0, 1], 1)
        with stack.open() as other:
            theirs = ring.start_read(other, [2, 3], 1)
        assert theirs.wait(0).status.tolist() == [STATUS_CANCELLED] * 2
        driver.done()
        driver.done()
        assert mine.wait(0).status.tolist() == [0, 0] and driver.started == [0, 1]


def test_another_thread_may_end_the_work(system: System) -> None:
    """The issuer waits; what ends the packet and starts the next is elsewhere."""
    works, wanted = [], threading.Semaphore(0)

    def hand_over(device: DeviceObject, irp: Irp) -> None:
        works.append(irp)
        wanted.release()

    def work() -> None:
        for number in range(3):
            wanted.acquire()
            irp = works.pop()
            irp.buffer[:] = bytes([number])
            irp.complete(STATUS_SUCCESS, 1)
            driver.device.start_next_packet()

    driver = OneByOne(hand_over)
    with Stack(driver, system=system) as stack:
        thread = threading.Thread(target=work)
        thread.start()
        assert [stack.read(1, offset) for offset in (9, 8, 7)] == [b"\0", b"\1", b"\2"]
        thread.join()


def test_a_driver_without_start_io_hears_of_it(system: System) -> None:
    class Forgetful(Driver):
        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            start_packet(device, irp)
            return STATUS_PENDING

    with Stack(Forgetful(), system=system) as stack, pytest.raises(NtError) as caught:
        stack.read(1, 0)
    assert caught.value.status == STATUS_DRIVER_INTERNAL_ERROR
    assert isinstance(caught.value.__cause__, TypeError) and "start_io" in str(caught.value.__cause__)


def test_an_error_in_start_io_ends_its_packet_and_starts_the_next(system: System) -> None:
    def odd_ones_fail(device: DeviceObject, irp: Irp) -> None:
        if irp.location.byte_offset % 2:
            raise LookupError(irp.location.byte_offset)

    driver = OneByOne(odd_ones_fail)
    with Stack(driver, system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, [0, 1, 3, 5, 2], 1)
        driver.done()
        assert driver.started == [0, 1, 3, 5, 2] and isinstance(driver.device.last_error, LookupError)
        driver.done()
        failed = STATUS_DRIVER_INTERNAL_ERROR
        assert batch.wait(0).status.tolist() == [0, failed, failed, failed, 0]
        with pytest.raises(NtError):
            stack.read(1, 7)
    assert system.io.irql.current() == PASSIVE_LEVEL


def test_an_error_after_the_packet_was_ended_is_only_noted(system: System) -> None:
    def late(device: DeviceObject, irp: Irp) -> None:
        at_once(device, irp)
        raise LookupError

    driver = OneByOne(late)
    with Stack(driver, system=system) as stack:
        assert stack.read(1, 0) and stack.read(1, 1)
    assert isinstance(driver.device.last_error, LookupError) and driver.started == [0, 1]


def test_an_interrupt_in_start_io_goes_up_and_loses_nothing(system: System) -> None:
    def interrupted(device: DeviceObject, irp: Irp) -> None:
        if not irp.location.byte_offset:
            raise KeyboardInterrupt
        at_once(device, irp)

    driver = OneByOne(interrupted)
    with Stack(driver, system=system) as stack:
        with pytest.raises(KeyboardInterrupt):
            stack.read(1, 0)
        assert stack.read(1, 1) == b"\0"


@pytest.mark.stops_system
def test_a_packet_ended_because_of_an_error_is_not_ended_again(system: System) -> None:
    """Its driver may have it still; completing it is once too often, and hits no other request."""
    kept: list[Irp] = []

    def keep_and_fail(device: DeviceObject, irp: Irp) -> None:
        kept.append(irp)
        raise LookupError

    with Stack(OneByOne(keep_and_fail), system=system) as stack:
        for _ in range(3):
            with pytest.raises(NtError):
                stack.read(1, 0)
        assert len({id(irp) for irp in kept}) == 3
        with pytest.raises(BugCheck) as caught:
            kept[0].complete()
    assert caught.value.code == BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS


# --- in the WDK's form ------------------------------------------------------------------------------------------------


def test_start_io_runs_at_dispatch_and_the_caller_returns_to_his_level(system: System, wdk: Any) -> None:
    device, make, noted = wdk
    device.driver.start_io = lambda device, irp: noted.append((irp, device.current_irp, system.io.irql.current()))
    first, second = make(), make()
    with system.io.irql.raised(APC_LEVEL):
        start_packet(device, first)
        assert system.io.irql.current() == APC_LEVEL
    start_packet(device, second, 3)
    assert noted == [(first, first, DISPATCH_LEVEL)] and list(device.device_queue) == [second]
    start_next_packet(device, cancelable=False)
    assert noted[1:] == [(second, second, DISPATCH_LEVEL)]
    start_next_packet(device, cancelable=False, key=1)
    assert device.current_irp is None and not device.device_queue.busy
    assert system.io.irql.current() == PASSIVE_LEVEL


def test_a_routine_stays_set_on_a_started_packet_unless_the_attribute_takes_it_off(system: System, wdk: Any) -> None:
    device, make, noted = wdk

    def routine(device: DeviceObject, irp: Irp) -> None:
        system.io.cancel_lock.release(irp.cancel_irql)

    def end() -> None:
        set_cancel_routine(device.current_irp, None)
        start_next_packet(device)

    start_packet(device, make(), None, routine)
    assert device.current_irp.cancel_routine.routine is routine
    set_start_io_attributes(device, deferred=False, non_cancelable=True)
    start_packet(device, make(), None, routine)
    end()
    assert device.current_irp is noted[1] and noted[1].cancel_routine is None
    end()
    start_packet(device, make(), None, routine)
    assert device.current_irp.cancel_routine is None
    end()


def test_one_cancelled_before_it_is_queued_has_its_routine_called_at_once(system: System, wdk: Any) -> None:
    device, make, _ = wdk
    io, seen = system.io, []

    def routine(device: DeviceObject, irp: Irp) -> None:
        seen.append((irp, io.irql.current(), io.cancel_lock.held, irp.cancel_irql))
        cancel_queued_packet(device, irp)

    first, second = make(), make()
    start_packet(device, first)
    cancel_irp(second)
    start_packet(device, second, None, routine)
    assert seen == [(second, DISPATCH_LEVEL, True, PASSIVE_LEVEL)]
    assert second.completed and second.status == STATUS_CANCELLED and len(device.device_queue) == 0
    assert io.irql.current() == PASSIVE_LEVEL


def test_one_cancelled_before_it_starts_is_started_all_the_same(system: System, wdk: Any) -> None:
    """StartIo has to look at the flag itself."""
    device, make, noted = wdk
    irp = make()
    cancel_irp(irp)
    start_packet(device, irp, None, cancel_queued_packet)
    assert noted == [irp] and irp.cancel and not irp.completed


@pytest.mark.stops_system
def test_a_routine_called_by_start_packet_that_forgets_the_lock_stops_the_system(system: System, wdk: Any) -> None:
    device, make, _ = wdk
    start_packet(device, make())
    irp = make()
    cancel_irp(irp)
    with pytest.raises(BugCheck) as caught:
        start_packet(device, irp, None, lambda device, irp: None)
    assert caught.value.code == BugCheckCode.IRQL_UNEXPECTED_VALUE
    assert not system.io.cancel_lock.held and system.io.irql.current() == PASSIVE_LEVEL


def test_the_cancel_routine_leaves_the_current_packet_alone(system: System, wdk: Any) -> None:
    device, make, _ = wdk
    irp = make()
    start_packet(device, irp)
    set_locked_cancel_routine(irp, cancel_queued_packet)
    assert cancel_irp(irp) and not irp.completed and device.current_irp is irp


def test_without_the_attribute_start_io_is_called_inside_itself(system: System, wdk: Any) -> None:
    device, make, noted = wdk
    depths: list[int] = []

    def start(device: DeviceObject, irp: Irp) -> None:
        depths.append(len(depths) + 1)
        if len(depths) < 3:
            start_next_packet(device)
        noted.append(irp)

    device.start_io_state.deferred = False
    first, second, third = make(), make(), make()
    device.driver.start_io = lambda device, irp: None
    start_packet(device, first)
    start_packet(device, second)
    start_packet(device, third)
    device.driver.start_io = start
    start_next_packet(device)
    assert noted == [third, second] or len(noted) == 3
    assert depths == [1, 2]


def test_all_of_a_queue_or_of_a_file_is_cancelled(system: System, wdk: Any) -> None:
    device, make, _ = wdk
    files: list[Any] = ["current", "a", "b", "a"]
    packets = [make(file_object=file) for file in files]
    for irp in packets:
        start_packet(device, irp, None, cancel_queued_packet)
    assert cancel_queued_packets(device, "a") == 2  # type: ignore[arg-type]
    assert list(device.device_queue) == [packets[2]]
    assert cancel_queued_packets(device) == 1 and device.device_queue.busy
    assert [irp.completed for irp in packets] == [False, True, True, True]
    assert {irp.status for irp in packets[1:]} == {STATUS_CANCELLED}


# --- every order of two actors ----------------------------------------------------------------------------------------


def note(ended: list[tuple[Irp, int]], irp: Irp) -> None:
    ended.append((irp, irp.status))


@pytest.mark.slow
@pytest.mark.parametrize("hal_name", ["simulated"], indirect=True)
@pytest.mark.parametrize("deferred", [False, True])
def test_cancel_against_start_next_in_every_order(system: System, deferred: bool) -> None:
    """Started or cancelled, never both, never neither."""
    driver = OneByOne()
    device = load_stack(system, driver)[0]
    device.start_io_state.deferred = deferred
    outcomes = set()
    for run in every_order():
        run.watch(system)
        driver.started.clear()
        ended: list[tuple[Irp, int]] = []
        packets = [new_packet(device, byte_offset=number) for number in range(2)]
        for irp in packets:
            irp.on_complete = partial(note, ended)
            assert call_driver(device, irp) == STATUS_PENDING
        run.actors(driver.done, partial(cancel_irp, packets[1]))
        assert driver.started in ([0], [0, 1])
        if len(driver.started) == 2:
            assert len(ended) == 1
            driver.done()
        assert len(ended) == 2
        assert dict(ended) == {packets[0]: 0, packets[1]: STATUS_CANCELLED if driver.started == [0] else 0}
        assert not device.device_queue.busy and device.current_irp is None
        outcomes.add(len(driver.started))
        for irp in packets:
            system.io.irps.free(irp)
    assert outcomes == {1, 2}


@pytest.mark.parametrize("hal_name", ["simulated"], indirect=True)
def test_cancel_against_start_packet_in_every_order(system: System) -> None:
    driver = OneByOne()
    device = load_stack(system, driver)[0]
    for busy in (False, True):
        for run in every_order():
            run.watch(system)
            driver.started.clear()
            packets = [new_packet(device, byte_offset=number) for number in range(2)]
            if busy:
                call_driver(device, packets[0])
            run.actors(partial(call_driver, device, packets[1]), partial(cancel_irp, packets[1]))
            assert packets[1].cancel
            while device.current_irp is not None:
                driver.done()
            assert packets[1].completed
            assert packets[1].status == (STATUS_CANCELLED if busy else 0)
            for irp in packets:
                system.io.irps.free(irp)


@given(steps=st.lists(st.tuples(st.sampled_from(["read", "done", "cancel"]), st.integers(0, 9)), max_size=40))
def test_a_device_against_a_plain_list(steps: list[tuple[str, int]]) -> None:
    with System("simulated") as system:
        driver = OneByOne()
        device = load_stack(system, driver)[0]
        waiting: list[Irp] = []  # the first of them is at the device
        ended: list[tuple[Irp, int]] = []
        expected: list[tuple[Irp, int]] = []
        for step, number in steps:
            if step == "read":
                irp = new_packet(device, byte_offset=number)
                irp.on_complete = partial(note, ended)
                call_driver(device, irp)
                waiting.append(irp)
            elif step == "done" and waiting:
                driver.done()
                expected.append((waiting.pop(0), 0))
            elif step == "cancel" and len(waiting) > 1:
                irp = waiting.pop(1 + number % (len(waiting) - 1))
                assert cancel_irp(irp)
                expected.append((irp, STATUS_CANCELLED))
            assert list(device.device_queue) == waiting[1:]
            assert device.current_irp is (waiting[0] if waiting else None)
            assert ended == expected
        while waiting:
            driver.done()
            waiting.pop(0)
        for irp, _ in ended:
            system.io.irps.free(irp)
