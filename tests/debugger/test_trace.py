"""A traced stack does what it does untraced, and every step of a request is noted, down and up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntio import MORE_PROCESSING_REQUIRED, PENDING, Driver, FilterDriver, Irp, NtError, Ring, Stack, System
from ntio.debugger.trace import TracedRequest, Tracer
from ntio.io_manager.codes.major import SL_INVOKE_ON_ERROR
from ntio.status import STATUS_DRIVER_INTERNAL_ERROR, STATUS_END_OF_FILE, STATUS_PENDING, STATUS_SUCCESS

pytestmark = pytest.mark.row("R14", "R19")


class Later(Driver):
    """Keeps every read pending until it is told to complete."""

    def __init__(self) -> None:
        self.kept: list[Irp] = []

    def add_device(self, lower: Any = None) -> Any:
        return self.create_device()

    def dispatch_read(self, device: Any, irp: Irp) -> int:
        irp.mark_pending()
        self.kept.append(irp)
        return PENDING

    def complete_all(self) -> None:
        while self.kept:
            irp = self.kept.pop()
            irp.complete(STATUS_SUCCESS, irp.location.length)


class Seen(FilterDriver):
    """Notes whether a read came back pending."""

    def __init__(self) -> None:
        self.pending: list[bool] = []

    def dispatch_read(self, device: Any, irp: Irp) -> int:
        return irp.pass_down(self.note)

    def note(self, device: Any, irp: Irp) -> None:
        self.pending.append(irp.pending_returned)


class OnlyOnError(FilterDriver):
    """Sets a completion routine that runs after failures alone, by the raw steps."""

    def __init__(self) -> None:
        self.failures = 0

    def dispatch_read(self, device: Any, irp: Irp) -> int:
        from ntio.io_manager.dispatch import call_driver

        irp.copy_location_to_next()
        irp.set_completion_routine(self.failed, "context", SL_INVOKE_ON_ERROR)
        return call_driver(device.lower, irp)

    def failed(self, device: Any, irp: Irp, context: Any) -> None:
        assert context == "context"
        self.failures += 1


class Again(FilterDriver):
    """Reads everything twice: the first answer is stopped on its way up and the request sent down once more."""

    def dispatch_read(self, device: Any, irp: Irp) -> int:
        irp.mark_pending()
        irp.pass_down(self.once_more)
        return PENDING

    def once_more(self, device: Any, irp: Irp) -> int:
        irp.pass_down(lambda device, irp: None)
        return MORE_PROCESSING_REQUIRED


class Raises(FilterDriver):
    """Raises on the way down at offset 0 and on the way up everywhere else."""

    def dispatch_read(self, device: Any, irp: Irp) -> int:
        if irp.location.byte_offset == 0:
            raise KeyError("down")
        return irp.pass_down(self.up)

    def up(self, device: Any, irp: Irp) -> None:
        raise KeyError("up")


def way(request: TracedRequest) -> list[str]:
    return [
        ("v " if direction == "down" else "^ ") + request.visits[index].driver for direction, index in request.steps
    ]


def results(stack: Stack, ring: Ring) -> Iterator[Any]:
    rows = np.arange(8 * 512, dtype=np.uint32).astype(np.uint8).reshape(8, 512)
    yield stack.write(b"hello", 3)
    yield stack.read(5, 3), stack.size
    yield ring.write(stack.file, np.arange(8) * 512, rows).status.tolist()
    stack.flush()
    answer = ring.read(stack.file, np.arange(9) * 512, 512)
    yield answer.status.tolist(), answer.information.tolist(), bytes(answer.data)
    with pytest.raises(NtError) as caught:
        stack.write(b"x", 4096)
    yield caught.value.status


def error_of(stack: Stack, offset: int) -> int:
    try:
        stack.read(10, offset)
    except NtError as error:
        return error.status
    return STATUS_SUCCESS


STACKS = {
    "a disk": ["ram_disk:size=4K"],
    "filters that skip": ["ram_disk:size=4K", "null_filter", "null_filter"],
    "filters with routines": ["ram_disk:size=4K", "invert", "log"],
    "both": ["ram_disk:size=4K", "invert", "null_filter", "log", "null_filter"],
    "a filter without batch form": ["ram_disk:size=4K", "invert", Seen, "log"],
}


@pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)
def test_a_traced_stack_gives_the_same_answers(system: System, layers: list[Any]) -> None:
    answers = []
    for traced in (False, True):
        made = [layer if isinstance(layer, str) else layer() for layer in layers]
        with Stack(*made, system=system) as stack, Ring(system=system) as ring:
            tracer = Tracer(stack) if traced else nullcontext()
            with tracer:
                answers.append(list(results(stack, ring)))
            assert not traced or all(request.done for request in tracer.requests)
    assert answers[0] == answers[1]


def test_every_device_is_entered_downward_and_left_upward(system: System) -> None:
    with Stack("ram_disk:size=4K", "null_filter", "invert", "log", system=system) as stack:
        with Tracer(stack) as tracer:
            stack.read(100, 50)
        [request] = tracer.requests
        assert way(request) == [
            "v log", "v invert", "v null_filter", "v ram_disk", "^ ram_disk", "^ null_filter", "^ invert", "^ log"
        ]  # fmt: skip
        # log and invert copy their location down, null_filter lets the disk have its own
        assert [visit.location for visit in request.visits] == [4, 3, 2, 2]
        assert [visit.routine for visit in request.visits] == ["", "Log._note.finish", "Invert.flip", ""]
        assert {(visit.offset, visit.length) for visit in request.visits} == {(50, 100)}
        assert {(visit.status, visit.information) for visit in request.visits} == {(STATUS_SUCCESS, 100)}
        assert request.operation == "READ" and request.rows == 1 and request.done


def test_the_result_is_the_one_seen_at_each_door(system: System) -> None:
    class Softens(FilterDriver):
        def dispatch_read(self, device: Any, irp: Irp) -> int:
            return irp.pass_down(self.soften)

        def soften(self, device: Any, irp: Irp) -> None:
            irp.status, irp.information = STATUS_SUCCESS, 1

    with Stack("ram_disk:size=512", Softens(), system=system) as stack, Tracer(stack) as tracer:
        stack.read(10, 512)
    top, bottom = tracer.requests[0].visits
    assert (bottom.status, bottom.information) == (STATUS_END_OF_FILE, 0)
    assert (top.status, top.information) == (STATUS_SUCCESS, 1)
    assert "STATUS_END_OF_FILE, 0 bytes, then " in tracer.draw()


@pytest.mark.parametrize("traced", [False, True], ids=["untraced", "traced"])
def test_the_pending_mark_reaches_the_same_drivers(system: System, traced: bool) -> None:
    bottom, low, high, picky = Later(), Seen(), Seen(), OnlyOnError()
    layers: list[Any] = [bottom, "null_filter", low, picky, "null_filter", high]
    with Stack(*layers, system=system) as stack, Ring(system=system) as ring:
        tracer = Tracer(stack)
        with tracer if traced else nullcontext():
            batch = ring.start_read(stack.file, [0, 512], 512)
            bottom.complete_all()
            assert batch.wait().information.tolist() == [512, 512]
        assert low.pending == high.pending == [True, True]
        assert picky.failures == 0
        if traced:
            parts = [request for request in tracer.requests if request.part_of is not None]
            assert len(parts) >= 2 and all(visit.pending for part in parts for visit in part.visits)
            assert {visit.returned for part in parts for visit in part.visits} == {STATUS_PENDING}
            assert ", pending" in tracer.draw() and "(returned STATUS_PENDING)" in tracer.draw()


def test_a_routine_is_run_only_when_its_bits_apply(system: System) -> None:
    picky = OnlyOnError()
    with Stack("ram_disk:size=512", picky, system=system) as stack, Tracer(stack) as tracer:
        stack.read(10, 0)
        assert picky.failures == 0
        stack.read(10, 512)  # the end: an error for completion routines
        assert picky.failures == 1
    assert [request.done for request in tracer.requests] == [True, True]


def test_a_request_sent_down_twice_is_noted_twice(system: System) -> None:
    with Stack("ram_disk:size=512", Again(), "log", system=system) as stack, Tracer(stack) as tracer:
        assert stack.read(10, 0) == bytes(10)
    assert way(tracer.requests[0]) == [
        "v log", "v again", "v ram_disk", "^ ram_disk", "v ram_disk", "^ ram_disk", "^ again", "^ log"
    ]  # fmt: skip


@pytest.mark.parametrize("offset", [0, 1], ids=["on the way down", "on the way up"])
def test_a_routine_that_raises_fails_the_request_as_it_does_untraced(system: System, offset: int) -> None:
    with Stack("ram_disk:size=512", Raises(), "null_filter", system=system) as stack:
        errors = []
        for tracer in (nullcontext(), Tracer(stack)):
            with tracer:
                errors.append(error_of(stack, offset))
            assert isinstance(stack.drivers[1].driver_object.device.last_error, KeyError)
        assert errors[0] == errors[1]
        assert tracer.requests[0].done
        assert tracer.requests[0].visits[0].status == STATUS_DRIVER_INTERNAL_ERROR


@pytest.mark.row("R13")
def test_the_parts_of_a_batch_name_it(system: System) -> None:
    layers: list[Any] = ["ram_disk:size=4K", Seen(), "log"]
    with Stack(*layers, system=system) as stack, Ring(system=system) as ring, Tracer(stack) as tracer:
        ring.read(stack.file, [0, 512, 1024], [512, 512, 100])
    whole, *parts = tracer.requests
    assert (whole.rows, whole.part_of, [visit.driver for visit in whole.visits]) == (3, None, ["log", "seen"])
    assert [(part.part_of, part.visits[0].offset, part.visits[0].length) for part in parts] == [
        (whole.number, 0, 512), (whole.number, 512, 512), (whole.number, 1024, 100)
    ]  # fmt: skip
    assert whole.visits[0].length == 1124
    assert "READ of 3 rows, 1124 bytes at offset 0" in tracer.draw()


@pytest.mark.row("R29")
def test_a_traced_stack_is_not_passed_by(real_system: System, tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    with Stack(f"file_disk:path={path},size=4K", "null_filter", system=real_system) as stack:
        assert stack.bypass.allowed
        with Ring(system=real_system) as ring, Tracer(stack) as tracer:
            assert [veto.reason for veto in stack.bypass.vetoes] == ["is being traced"] * 2
            stack.write(b"abc", 0)
            ring.read(stack.file, [0, 3], 3)
        assert stack.bypass.allowed
        assert [request.operation for request in tracer.requests] == ["WRITE", "READ"]
        stack.read(3, 0)
        assert len(tracer.requests) == 2


def test_tables_come_back_whatever_happens(system: System) -> None:
    with Stack("ram_disk:size=4K", "log", system=system) as stack:
        before = [(device.dispatch, device.batch_dispatch, device.observer) for device in stack]
        with pytest.raises(RuntimeError), Tracer(stack):
            raise RuntimeError
        with Tracer(stack) as outer, Tracer(stack.device) as inner:
            stack.read(1, 0)
        assert [(device.dispatch, device.batch_dispatch, device.observer) for device in stack] == before
        assert way(outer.requests[0]) == way(inner.requests[0]) == ["v log", "v ram_disk", "^ ram_disk", "^ log"]


def test_a_request_in_flight_at_the_end_is_followed_all_the_same(system: System) -> None:
    bottom = Later()
    with Stack(bottom, "null_filter", system=system) as stack, Ring(system=system) as ring:
        with Tracer(stack) as tracer:
            batch = ring.start_read(stack.file, 0, 512)
        assert not any(request.done for request in tracer.requests)
        bottom.complete_all()
        batch.wait()
        assert all(request.done for request in tracer.requests)


def test_the_way_as_data_can_be_written_down(system: System) -> None:
    import json

    with Stack("ram_disk:size=4K", "log", system=system) as stack, Tracer(stack) as tracer:
        stack.read(1, 0)
    [request] = json.loads(json.dumps(tracer.as_data()))
    assert request["operation"] == "READ"
    assert [visit["driver"] for visit in request["visits"]] == ["log", "ram_disk"]
    assert request["steps"] == [["down", 0], ["down", 1], ["up", 1], ["up", 0]]
