"""Cancel-safe queues: whatever happens in whichever order, a packet ends exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interleavings import Run, every_order
from made_up_drivers import Bottom, load_stack
from ntio import BugCheck, DeviceObject, Irp, NtError, Ring, Stack, System
from ntio.bugcheck import BugCheckCode
from ntio.driver_kit import CancelSafeQueue, Driver
from ntio.io_manager.cancel import cancel_irp
from ntio.io_manager.cancel_queue import IoCsq, IrpContext
from ntio.io_manager.codes.major import IRP_MJ_READ
from ntio.io_manager.dispatch import call_driver
from ntio.kernel.irql import DISPATCH_LEVEL, PASSIVE_LEVEL
from ntio.kernel.spin_lock import SpinLock
from ntio.status import STATUS_CANCELLED, STATUS_DEVICE_BUSY, STATUS_PENDING, STATUS_SUCCESS


class Waiting(Driver):
    """Keeps its reads in a cancel-safe queue until `finish`."""

    def __init__(self, make_queue: Callable[[DeviceObject], CancelSafeQueue] = CancelSafeQueue) -> None:
        self._make_queue = make_queue

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        device = self.create_device()
        self.queue = self._make_queue(device)
        return device

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return self.queue.append(irp)

    def dispatch_cleanup(self, device: DeviceObject, irp: Irp) -> int:
        self.queue.cancel_all(irp.location.file_object)
        return irp.complete()

    def finish(self, information: int = 1) -> bool:
        """Complete the oldest; says whether there was one."""
        irp = self.queue.pop()
        if irp is not None:
            irp.complete(STATUS_SUCCESS, information)
        return irp is not None


class Bench:
    """A driver with a queue, and packets that note what became of them."""

    def __init__(self, system: System, make_queue: Callable[[DeviceObject], Any] = CancelSafeQueue) -> None:
        self.system = system
        self.driver = Waiting(make_queue)
        self.device = load_stack(system, self.driver)[0]
        self.queue: Any = self.driver.queue
        self.ended: list[tuple[Irp, int]] = []

    def packet(self) -> Irp:
        """A packet at the driver, as its dispatch routine gets it."""
        irp = self.system.io.irps.allocate(1)
        irp.next_location.major = IRP_MJ_READ
        irp.on_complete = lambda irp: self.ended.append((irp, irp.status))
        irp.current_location -= 1
        irp.location.device = self.device
        return irp

    def queued(self, count: int = 1) -> list[Irp]:
        """Packets in the queue."""
        packets = [self.packet() for _ in range(count)]
        for irp in packets:
            assert self.queue.append(irp) == STATUS_PENDING
        return packets

    def free(self) -> None:
        """Give ended packets back."""
        for irp, _ in self.ended:
            self.system.io.irps.free(irp)
        self.ended.clear()


# --- for drivers in Python --------------------------------------------------------------------------------------------


@pytest.mark.row("R22")
def test_packets_come_out_in_their_order(system: System) -> None:
    bench = Bench(system)
    packets = bench.queued(3)
    assert len(bench.queue) == 3 and all(irp.location.control & 1 for irp in packets)
    assert [bench.queue.pop() for _ in range(4)] == [*packets, None]
    assert all(irp.cancel_routine is None and irp.driver_context[3] is None for irp in packets)
    for irp in packets:
        irp.complete()
    bench.free()


def test_a_cancelled_packet_ends_and_the_others_stay(system: System) -> None:
    bench = Bench(system)
    first, second, third = bench.queued(3)
    assert cancel_irp(second) and not cancel_irp(second)
    assert bench.ended == [(second, STATUS_CANCELLED)]
    assert [bench.queue.pop(), bench.queue.pop(), bench.queue.pop()] == [first, third, None]
    first.complete()
    third.complete()
    bench.free()


def test_one_that_was_cancelled_before_ends_at_once(system: System) -> None:
    bench = Bench(system)
    irp = bench.packet()
    assert not cancel_irp(irp)
    assert bench.queue.append(irp) == STATUS_PENDING
    assert bench.ended == [(irp, STATUS_CANCELLED)] and bench.queue.pop() is None
    bench.free()


def test_cleanup_ends_what_the_file_left_waiting_and_nothing_else(system: System) -> None:
    driver = Waiting()
    with Stack(driver, system=system) as stack, Ring(system=system) as ring:
        mine = ring.start_read(stack.file, [0, 1], 1)
        with stack.open() as other:
            theirs = ring.start_read(other, [2, 3], 1)
            assert len(driver.queue) == 4
        assert len(driver.queue) == 2
        assert theirs.wait(0).status.tolist() == [STATUS_CANCELLED] * 2
        while driver.finish():
            pass
        assert mine.wait(0).information.tolist() == [1, 1]


def test_a_filtered_pop_leaves_the_rest_in_order(system: System) -> None:
    bench = Bench(system)
    files: list[Any] = ["a", "b", "a", "b"]
    packets = [bench.packet() for _ in files]
    for irp, file in zip(packets, files, strict=True):
        irp.location.file_object = file
        bench.queue.append(irp)
    assert bench.queue.pop("b") is packets[1]
    assert cancel_irp(packets[2])
    assert bench.queue.cancel_all("a") == 1
    assert bench.queue.pop() is packets[3]
    packets[1].complete()
    packets[3].complete()
    assert dict(bench.ended) == dict(zip(packets, [STATUS_CANCELLED, 0, STATUS_CANCELLED, 0], strict=True))
    bench.free()


def test_a_hook_may_refuse_a_packet(system: System) -> None:
    class Short(CancelSafeQueue):
        def csq_insert_irp(self, irp: Irp, insert_context: Any) -> int | None:
            return STATUS_DEVICE_BUSY if len(self) else super().csq_insert_irp(irp, insert_context)

    driver = Waiting(Short)
    with Stack(driver, system=system) as stack, Ring(system=system) as ring:
        batch = ring.start_read(stack.file, 0, 1)
        with pytest.raises(NtError) as caught:
            stack.read(1, 0)
        assert caught.value.status == STATUS_DEVICE_BUSY
        assert driver.finish() and batch.wait(0).information.tolist() == [1]


def test_a_queue_may_have_another_order(system: System) -> None:
    class Newest(CancelSafeQueue):
        def csq_insert_irp(self, irp: Irp, insert_context: Any) -> int | None:
            super().csq_insert_irp(irp, insert_context)
            self._irps.move_to_end(irp, last=False)
            return None

    bench = Bench(system, Newest)
    packets = bench.queued(3)
    assert [bench.queue.pop() for _ in packets] == packets[::-1]
    for irp in packets:
        irp.complete()
    bench.free()


# --- the WDK's form ---------------------------------------------------------------------------------------------------


class WdkQueue(IoCsq):
    """An IO_CSQ with six functions that note in `calls` when they were called."""

    def __init__(self, device: DeviceObject) -> None:
        super().__init__()
        self.calls: list[Any] = []
        self.irps: list[Irp] = []
        self.irql = device.driver.io.irql
        self.lock = SpinLock(self.irql)
        functions = self.remove, self.peek, WdkQueue.acquire, WdkQueue.release, WdkQueue.ended
        assert self.initialize_ex(WdkQueue.insert, *functions) == STATUS_SUCCESS

    def insert(self, irp: Irp, context: Any) -> int:
        assert self.lock.held
        self.calls.append(("insert", context))
        if context == "refuse":
            return STATUS_DEVICE_BUSY
        self.irps.append(irp)
        return STATUS_SUCCESS

    @staticmethod
    def remove(csq: WdkQueue, irp: Irp) -> None:
        assert csq.lock.held
        csq.calls.append("remove")
        csq.irps.remove(irp)

    @staticmethod
    def peek(csq: WdkQueue, irp: Irp | None, context: Any) -> Irp | None:
        assert csq.lock.held
        after = 0 if irp is None else csq.irps.index(irp) + 1
        return next(iter(csq.irps[after:]), None)

    def acquire(self) -> int:
        return self.lock.acquire()

    def release(self, irql: int) -> None:
        self.lock.release(irql)

    def ended(self, irp: Irp) -> None:
        assert not self.lock.held and self.irql.current() == PASSIVE_LEVEL
        self.calls.append("complete canceled")
        irp.complete(STATUS_CANCELLED)


def test_the_functions_are_called_with_the_queue_and_under_the_lock(system: System) -> None:
    bench = Bench(system, WdkQueue)
    (irp,) = bench.queued()
    assert cancel_irp(irp)
    assert bench.queue.calls == [("insert", None), "remove", "complete canceled"]
    bench.free()


def test_the_insert_context_reaches_the_function_and_a_refused_packet_stays_the_callers(system: System) -> None:
    bench = Bench(system, WdkQueue)
    irp, context = bench.packet(), IrpContext()
    assert bench.queue.insert_irp(irp, context, "refuse") == STATUS_DEVICE_BUSY
    assert bench.queue.calls == [("insert", "refuse")] and context.irp is None
    assert irp.cancel_routine is None and not irp.location.control & 1 and not bench.queue.lock.held
    irp.complete(STATUS_DEVICE_BUSY)
    bench.free()


def test_insert_without_context_is_enough(system: System) -> None:
    bench = Bench(system, WdkQueue)
    functions = WdkQueue.remove, WdkQueue.peek, WdkQueue.acquire, WdkQueue.release, WdkQueue.ended
    assert bench.queue.initialize(lambda csq, irp: csq.irps.append(irp), *functions) == STATUS_SUCCESS
    (irp,) = bench.queued()
    assert bench.queue.remove_next_irp() is irp
    irp.complete()
    bench.free()


def test_a_context_finds_its_packet_until_it_is_gone(system: System) -> None:
    bench = Bench(system)
    contexts = [IrpContext() for _ in range(3)]
    packets = [bench.packet() for _ in contexts]
    for irp, context in zip(packets, contexts, strict=True):
        assert bench.queue.insert_irp(irp, context) == STATUS_SUCCESS
    assert [context.irp for context in contexts] == packets
    assert bench.queue.remove_irp(contexts[1]) is packets[1] and contexts[1].irp is None
    assert bench.queue.remove_irp(contexts[1]) is None
    assert cancel_irp(packets[0]) and contexts[0].irp is None and bench.queue.remove_irp(contexts[0]) is None
    assert bench.queue.remove_next_irp() is packets[2] and bench.queue.remove_irp(contexts[2]) is None
    packets[1].complete()
    packets[2].complete()
    assert [status for _, status in bench.ended] == [STATUS_CANCELLED, 0, 0]
    bench.free()


def test_the_lock_is_given_back_when_a_hook_raises(system: System) -> None:
    class Broken(CancelSafeQueue):
        def csq_insert_irp(self, irp: Irp, insert_context: Any) -> int | None:
            assert self._lock.held and system.io.irql.current() == DISPATCH_LEVEL
            raise LookupError

    bench = Bench(system, Broken)
    irp = bench.packet()
    with pytest.raises(LookupError):
        bench.queue.append(irp)
    assert not bench.queue._lock.held and system.io.irql.current() == PASSIVE_LEVEL
    irp.complete()
    bench.free()


# --- every order of two actors ----------------------------------------------------------------------------------------

simulated = pytest.mark.parametrize("hal_name", ["simulated"], indirect=True)


def orders(system: System, interruptions: int | None = None) -> Iterator[tuple[Run, Bench]]:
    """A fresh queue for each order, all of whose locks are points."""
    bench = Bench(system)
    for run in every_order(interruptions):
        run.watch(system)
        bench.queue._lock = run.spin_lock(system.io.irql)
        yield run, bench
        assert len(bench.queue) == 0 and bench.device.last_error is None
        assert all(irp.cancel_routine is None for irp, _ in bench.ended)
        bench.free()
        assert system.io.irps.live() == 0


def insert(bench: Bench, irp: Irp) -> Callable[[], object]:
    return lambda: bench.queue.append(irp)


def cancel(irp: Irp, answers: list[bool] | None = None) -> Callable[[], object]:
    return lambda: cancel_irp(irp) if answers is None else answers.append(cancel_irp(irp))


def remove_and_complete(bench: Bench, context: IrpContext, removed: list[Irp | None]) -> Callable[[], None]:
    def actor() -> None:
        removed.append(bench.queue.remove_irp(context))
        if removed[0] is not None:
            removed[0].complete(STATUS_SUCCESS)

    return actor


def pop_and_complete(bench: Bench, popped: list[Irp]) -> Callable[[], None]:
    def actor() -> None:
        irp = bench.queue.pop()
        if irp is not None:
            popped.append(irp)
            irp.complete(STATUS_SUCCESS)

    return actor


@simulated
@pytest.mark.slow
def test_cancel_against_insert_in_every_order(system: System) -> None:
    """Cancelled before, in the middle or after: the packet ends as cancelled, once, and nobody finds it again."""
    routine_ran = set()
    for run, bench in orders(system):
        irp = bench.packet()
        answers: list[bool] = []
        run.actors(insert(bench, irp), cancel(irp, answers))
        assert bench.ended == [(irp, STATUS_CANCELLED)]
        routine_ran.update(answers)
    assert routine_ran == {True, False}


@simulated
@pytest.mark.slow
@pytest.mark.parametrize("others", [0, 1])
def test_cancel_against_pop_in_every_order(system: System, others: int) -> None:
    """Who gets the routine gets the packet; a pop that lost it takes the next."""
    outcomes = set()
    for run, bench in orders(system, interruptions=3 if others else None):
        irp, *rest = bench.queued(1 + others)
        popped: list[Irp] = []
        run.actors(pop_and_complete(bench, popped), cancel(irp))
        assert len(bench.ended) == 1 + (popped == rest and bool(others))
        assert dict(bench.ended)[irp] == (STATUS_SUCCESS if irp in popped else STATUS_CANCELLED)
        outcomes.add(irp in popped)
        while bench.driver.finish():
            pass
    assert outcomes == {True, False}


@simulated
@pytest.mark.slow
def test_cancel_against_remove_by_context_in_every_order(system: System) -> None:
    outcomes = set()
    for run, bench in orders(system):
        irp, context = bench.packet(), IrpContext()
        bench.queue.insert_irp(irp, context)
        removed: list[Irp | None] = []
        run.actors(remove_and_complete(bench, context, removed), cancel(irp))
        assert bench.ended == [(irp, STATUS_SUCCESS if removed[0] is irp else STATUS_CANCELLED)]
        assert context.irp is None
        outcomes.add(removed[0] is irp)
    assert outcomes == {True, False}


@simulated
@pytest.mark.slow
def test_two_pops_and_two_cancels_in_every_order(system: System) -> None:
    for run, bench in orders(system):
        (irp,) = bench.queued()
        popped: list[Irp] = []
        run.actors(pop_and_complete(bench, popped), pop_and_complete(bench, popped))
        assert popped == [irp] and bench.ended == [(irp, STATUS_SUCCESS)]
    for run, bench in orders(system):
        (irp,) = bench.queued()
        answers: list[bool] = []
        run.actors(cancel(irp, answers), cancel(irp, answers))
        assert sorted(answers) == [False, True] and bench.ended == [(irp, STATUS_CANCELLED)]


@simulated
@pytest.mark.slow
def test_insert_against_pop_in_every_order(system: System) -> None:
    outcomes = set()
    for run, bench in orders(system):
        irp = bench.packet()
        popped: list[Irp] = []
        run.actors(insert(bench, irp), pop_and_complete(bench, popped))
        outcomes.add(len(popped))
        if not popped:
            assert bench.driver.finish(0)
        assert bench.ended == [(irp, STATUS_SUCCESS)]
    assert outcomes == {0, 1}


@simulated
@pytest.mark.slow
def test_insert_cancel_and_pop_with_two_interruptions(system: System) -> None:
    """Three actors: the packet ends once, as cancelled or popped, whatever the order."""
    outcomes = set()
    for run, bench in orders(system, interruptions=2):
        irp = bench.packet()
        popped: list[Irp] = []
        run.actors(insert(bench, irp), cancel(irp), pop_and_complete(bench, popped))
        assert bench.ended == [(irp, STATUS_SUCCESS if popped else STATUS_CANCELLED)]
        outcomes.add(len(popped))
    assert outcomes == {0, 1}


@simulated
@pytest.mark.slow
@pytest.mark.stops_system
def test_the_orders_find_a_queue_that_forgets_the_race(system: System) -> None:
    """What the search is worth: a driver that does not look whether the routine was still there is caught."""
    bench = Bench(system)

    def careless(irp: Irp) -> None:
        with bench.queue._lock:
            irp.set_cancel_routine(None)
            bench.queue._irps.pop(irp, None)
        irp.complete(STATUS_SUCCESS)

    def search() -> None:
        for run in every_order():
            run.watch(system)
            bench.queue._lock = run.spin_lock(system.io.irql)
            (irp,) = bench.queued()
            run.actors(partial(careless, irp), cancel(irp))
            bench.free()

    with pytest.raises(BugCheck) as caught:
        search()
    assert caught.value.code == BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS


@given(
    steps=st.lists(st.tuples(st.sampled_from(["append", "cancel", "pop", "refind"]), st.integers(0, 9)), max_size=30)
)
def test_one_actor_against_a_plain_list(steps: list[tuple[str, int]]) -> None:
    with System("simulated") as system:
        bench = Bench(system)
        waiting: list[tuple[Irp, IrpContext]] = []
        ended: list[tuple[Irp, int]] = []
        for step, number in steps:
            if step == "append":
                irp, context = bench.packet(), IrpContext()
                bench.queue.insert_irp(irp, context)
                waiting.append((irp, context))
            elif step == "pop" or not waiting:
                irp = bench.queue.pop()
                assert irp is (waiting[0][0] if waiting else None)
                if irp is not None:
                    waiting.pop(0)
                    irp.complete()
                    ended.append((irp, 0))
            elif step == "cancel":
                irp, _ = waiting.pop(number % len(waiting))
                assert cancel_irp(irp)
                ended.append((irp, STATUS_CANCELLED))
            else:
                irp, context = waiting.pop(number % len(waiting))
                assert bench.queue.remove_irp(context) is irp
                irp.complete()
                ended.append((irp, 0))
            assert len(bench.queue) == len(waiting) and bench.ended == ended
        assert bench.queue.cancel_all() == len(waiting)
        bench.free()


def test_a_driver_calls_it_from_dispatch(system: System) -> None:
    device = load_stack(system, Bottom(lambda device, irp: queue.append(irp)))[0]
    queue = CancelSafeQueue(device)
    irp = system.io.irps.allocate(1)
    irp.next_location.major = IRP_MJ_READ
    assert call_driver(device, irp) == STATUS_PENDING
    assert queue.pop() is irp
    irp.complete()
    assert irp.pending_returned
    system.io.irps.free(irp)
