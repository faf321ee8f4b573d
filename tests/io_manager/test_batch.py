"""A batch is the same as its rows one by one, whoever splits it and in whatever order it ends."""

from __future__ import annotations

import random
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ntio
from made_up_drivers import Bottom, Holder, Layer, load_stack
from ntio import BugCheck, DeviceObject, Irp, Ring, Stack, System
from ntio.drivers.invert import Invert
from ntio.io_manager import requests
from ntio.io_manager.cancel import cancel_irp
from ntio.io_manager.codes import major
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.opening.open import CreateParameters, close_file, open_device
from ntio.io_manager.packet.batch import Batch
from ntio.status import (
    STATUS_CANCELLED,
    STATUS_DISK_FULL,
    STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_END_OF_FILE,
    STATUS_PENDING,
)
from ntio.testing.hal_tests import beside

READ, WRITE = major.IRP_MJ_READ, major.IRP_MJ_WRITE
SIZE = 4096

many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])


def batch_of(rows: list[tuple[int, int]], fill: int | None = None) -> Batch:
    """Rows (offset, length) with a gap of three bytes between them."""
    offset = np.array([row[0] for row in rows], np.uint64)
    length = np.array([row[1] for row in rows], np.uint32)
    position = np.zeros(len(rows), np.uint64)
    if len(rows):
        position[1:] = np.cumsum(length[:-1].astype(np.uint64) + 3)
    total = int(length.sum()) + 3 * len(rows)
    buffer = np.zeros(total, np.uint8) if fill is None else (np.arange(total) * 13 + fill).astype(np.uint8)
    return Batch(buffer, position, offset, length)


def columns(batch: Batch) -> tuple[list[int], list[int], bytes]:
    return batch.status.tolist(), batch.information.tolist(), batch.buffer.tobytes()


class Opened:
    """A stack by hand, opened; closes in `with`."""

    def __init__(self, system: System, *drivers: ntio.Driver) -> None:
        self.system = system
        self.devices = load_stack(system, *drivers)
        access = major.FILE_READ_DATA | major.FILE_WRITE_DATA
        self.file: FileObject = open_device(self.devices[0], "", CreateParameters(access=access))

    def transfer(self, code: int, batch: Batch) -> int:
        return requests.transfer_batch(self.file, code, batch, None)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        close_file(self.file)
        for device in reversed(self.devices):
            self.system.io.unload(device.driver)


class ScalarInvert(ntio.FilterDriver):
    """The worked example's filter without its batch form."""

    dispatch_write = Invert.dispatch_write
    dispatch_read = Invert.dispatch_read
    flip = Invert.flip


# --- the law ------------------------------------------------------------------------------------------------------

_rows = st.lists(st.tuples(st.integers(0, SIZE + 200), st.integers(0, 700)), max_size=12)
_aligned = st.lists(st.integers(0, SIZE // 512).map(lambda block: (512 * block, 512)), max_size=12)
_calls = st.lists(st.tuples(st.booleans(), st.one_of(_rows, _aligned), st.integers(0, 255)), min_size=1, max_size=6)


def one_by_one(stack: Opened, code: int, batch: Batch) -> None:
    """The model: each row as a scalar request of its own."""
    call = requests.read if code == READ else requests.write
    for row in range(len(batch)):
        start, length = int(batch.position[row]), int(batch.length[row])
        view = batch.buffer[start : start + length].data
        batch.status[row], batch.information[row] = call(stack.file, view, int(batch.offset[row]))


@pytest.mark.row("R13", "R21")
@many
@given(calls=_calls)
def test_a_split_batch_is_a_batch_is_scalar_requests(system: System, calls: list[Any]) -> None:
    from ntio.drivers.null_filter import NullFilter
    from ntio.drivers.ram_disk import RamDisk

    stacks = [
        Opened(system, RamDisk(SIZE), Invert()),
        Opened(system, RamDisk(SIZE), ScalarInvert()),
        Opened(system, RamDisk(SIZE), NullFilter(), ScalarInvert(), NullFilter(), Invert(), ScalarInvert()),
        Opened(system, RamDisk(SIZE), Invert()),
    ]
    try:
        for reading, rows, fill in calls:
            code = READ if reading else WRITE
            batches = [batch_of(rows, None if reading else fill) for _ in stacks]
            for stack, batch in zip(stacks[:3], batches, strict=False):
                assert stack.transfer(code, batch) == 0
            one_by_one(stacks[3], code, batches[3])
            results = [columns(batch) for batch in batches]
            assert results[1:] == results[:1] * 3
    finally:
        for stack in stacks:
            stack.__exit__()


def test_rows_at_and_beyond_the_end(system: System) -> None:
    from ntio.drivers.ram_disk import RamDisk

    rows = [(SIZE - 4, 4), (SIZE - 4, 5), (SIZE, 1), (SIZE, 0), (SIZE + 9, 2), (1 << 62, 1)]
    for layers in ([], [ScalarInvert()], [Invert()]):
        with Opened(system, RamDisk(SIZE), *layers) as stack:
            written, read = batch_of(rows, 1), batch_of(rows)
            assert (stack.transfer(WRITE, written), stack.transfer(READ, read)) == (0, 0)
            assert written.status.tolist() == [0, 0, STATUS_DISK_FULL, 0, STATUS_DISK_FULL, STATUS_DISK_FULL]
            assert read.status.tolist() == [0, 0, STATUS_END_OF_FILE, 0, STATUS_END_OF_FILE, STATUS_END_OF_FILE]
            assert written.information.tolist() == read.information.tolist() == [4, 4, 0, 0, 0, 0]


@pytest.mark.parametrize("split", [False, True])
def test_an_empty_batch_is_done_at_once(system: System, split: bool) -> None:
    from ntio.drivers.ram_disk import RamDisk

    with Opened(system, RamDisk(SIZE), ScalarInvert() if split else Invert()) as stack:
        assert stack.transfer(READ, batch_of([])) == 0


def test_a_part_is_like_a_scalar_request(system: System) -> None:
    seen: list[tuple[Any, ...]] = []

    def look(device: DeviceObject, irp: Irp) -> int:
        at = irp.location
        seen.append((at.major, at.byte_offset, at.length, at.file_object, bytes(irp.buffer or b""), irp.batch, irp.row))
        return irp.complete(information=at.length)

    with Opened(system, Bottom(look)) as stack:
        batch = batch_of([(7, 2), (1 << 40, 3)], fill=0)
        assert stack.transfer(WRITE, batch) == 0
        data = batch.buffer.tobytes()
        assert seen == [
            (WRITE, 7, 2, stack.file, data[0:2], None, 0),
            (WRITE, 1 << 40, 3, stack.file, data[5:8], None, 1),
        ]


# --- parts that take their time -----------------------------------------------------------------------------------


def started(stack: Opened, batch: Batch) -> tuple[Irp, list[tuple[int, int]], int]:
    """Start a batch of reads; the packet, where its end is noted, and what was returned."""
    ended: list[tuple[int, int]] = []

    def done(irp: Irp) -> None:
        ended.append((irp.status, irp.information))
        irp.pool.free(irp)

    irp = requests.make_batch_irp(stack.file, READ, batch, None)
    irp.on_complete = done
    return irp, ended, requests.start(stack.file.related_device(), irp)


@pytest.mark.parametrize("seed", range(8))
def test_parts_end_in_any_order(system: System, seed: int) -> None:
    chance, holder = random.Random(seed), Holder()
    with Opened(system, holder, Layer(lambda device, irp: irp.pass_down())) as stack:
        batch = batch_of([(number, 10 + number) for number in range(6)])
        _, ended, returned = started(stack, batch)
        assert returned == STATUS_PENDING and len(holder.held) == 6
        expected_status, expected_information = [0] * 6, [0] * 6
        while holder.held:
            assert ended == []
            index = chance.randrange(len(holder.held))
            offset = holder.held[index].location.byte_offset
            expected_status[offset] = chance.choice([0, STATUS_DISK_FULL])
            expected_information[offset] = chance.randrange(10) if not expected_status[offset] else 0
            holder.release(expected_status[offset], expected_information[offset], index)
        assert ended == [(0, sum(expected_information))]
        assert columns(batch)[:2] == (expected_status, expected_information)


def test_parts_end_on_another_thread_while_the_issuer_waits(system: System) -> None:
    holder = Holder()
    with Opened(system, holder) as stack:
        batch = batch_of([(number, 4) for number in range(5)])

        def let_go() -> None:
            holder.arrived.wait()
            for number in range(5):
                while not holder.held:
                    holder.arrived.wait(0.001)
                holder.release(0, number, index=-1 if len(holder.held) > 1 else 0)

        thread = beside(let_go)
        assert stack.transfer(READ, batch) == 0
        thread.join()
        assert sorted(batch.information.tolist()) == [0, 1, 2, 3, 4]
    assert system.io.irps.live() == 0


@pytest.mark.parametrize("inline", [0, 1, 2, 3])
def test_some_parts_end_at_once_and_some_later(system: System, inline: int) -> None:
    holder = Holder()

    def route(device: DeviceObject, irp: Irp) -> int:
        if irp.location.byte_offset < inline:
            return irp.complete(information=1)
        return holder.dispatch_read(device, irp)

    with Opened(system, Bottom(route)) as stack:
        batch = batch_of([(number, 1) for number in range(3)])
        _, ended, returned = started(stack, batch)
        assert (returned == STATUS_PENDING) == (inline < 3)
        while holder.held:
            assert not ended
            holder.release(0, 1)
        assert ended == [(0, 3)]


def test_a_batch_splits_once_where_it_must_and_parts_do_not_split_again(system: System) -> None:
    below: list[bool] = []

    def look(device: DeviceObject, irp: Irp) -> int:
        below.append(irp.master is not None)
        return irp.complete(information=irp.location.length)

    layers = [Layer(lambda device, irp: irp.pass_down()) for _ in range(3)]
    with Opened(system, Bottom(look), *layers) as stack:
        assert stack.transfer(READ, batch_of([(0, 1), (1, 1)])) == 0
    assert below == [True, True]


# --- parts that fail ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raising", [{0}, {2}, {0, 1, 2}])
def test_a_part_that_raises_fails_its_row_only(system: System, raising: set[int]) -> None:
    def maybe(device: DeviceObject, irp: Irp) -> int:
        if irp.location.byte_offset in raising:
            raise LookupError
        return irp.complete(information=1)

    with Opened(system, Bottom(maybe)) as stack:
        batch = batch_of([(number, 1) for number in range(3)])
        assert stack.transfer(READ, batch) == 0
        assert batch.status.tolist() == [STATUS_DRIVER_INTERNAL_ERROR if row in raising else 0 for row in range(3)]
        assert batch.information.tolist() == [0 if row in raising else 1 for row in range(3)]
        assert isinstance(stack.devices[0].last_error, LookupError)


@pytest.mark.parametrize("when", ["after completing", "after passing down"])
def test_a_part_that_is_done_when_its_routine_raises_is_counted_once(system: System, when: str) -> None:
    def late(device: DeviceObject, irp: Irp) -> int:
        if when == "after completing":
            irp.complete(information=1)
        else:
            irp.pass_down()
        raise LookupError

    layers = [Layer(late)] if when == "after passing down" else []
    bottom = Bottom(lambda device, irp: irp.complete(information=1)) if layers else Bottom(late)
    with Opened(system, bottom, *layers) as stack:
        batch = batch_of([(number, 1) for number in range(4)])
        assert stack.transfer(READ, batch) == 0
        assert columns(batch)[:2] == ([0] * 4, [1] * 4)
    irps = [system.io.irps.allocate(1) for _ in range(8)]
    assert len({id(irp) for irp in irps}) == 8  # none was given back twice
    for irp in irps:
        system.io.irps.free(irp)


def test_a_part_that_pended_when_its_routine_raised_still_ends(system: System) -> None:
    holder = Holder()

    def late(device: DeviceObject, irp: Irp) -> int:
        irp.pass_down()
        raise LookupError

    with Opened(system, holder, Layer(late)) as stack:
        batch = batch_of([(0, 1), (1, 1)])
        _, ended, returned = started(stack, batch)
        assert returned == STATUS_PENDING and not ended
        holder.release(0, 1)
        holder.release(0, 1)
        assert ended == [(0, 2)]


def test_an_interrupt_between_parts_loses_none(system: System) -> None:
    holder = Holder(cancellable=True)

    def interrupted(device: DeviceObject, irp: Irp) -> int:
        if irp.location.byte_offset == 2:
            raise KeyboardInterrupt
        return holder.dispatch_read(device, irp)

    with Opened(system, Bottom(interrupted)) as stack, pytest.raises(KeyboardInterrupt):
        stack.transfer(READ, batch_of([(number, 1) for number in range(4)]))
    assert not holder.held and len(holder.cancelled) == 2
    assert system.io.irps.live() == 0


@pytest.mark.stops_system
def test_a_part_that_stops_the_system_stops_it(system: System) -> None:
    def twice(device: DeviceObject, irp: Irp) -> int:
        irp.complete()
        return irp.complete()

    with Stack(Bottom(twice), system=system) as stack, Ring(system=system) as ring, pytest.raises(BugCheck):
        ring.read(stack.file, [0, 1], 1)


# --- cancelling ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("released", [0, 1, 2])
def test_cancelling_a_batch_cancels_the_parts_that_are_out(system: System, released: int) -> None:
    holder = Holder(cancellable=True)
    with Opened(system, holder, Layer(lambda device, irp: irp.pass_down())) as stack:
        batch = batch_of([(number, 1) for number in range(3)])
        irp, ended, _ = started(stack, batch)
        for _ in range(released):
            holder.release(0, 1)
        assert cancel_irp(irp)
        assert len(holder.cancelled) == 3 - released
        assert ended == [(0, released)]
        assert batch.status.tolist() == [0] * released + [STATUS_CANCELLED] * (3 - released)


def test_a_batch_cancelled_before_it_is_split_cancels_its_parts(system: System) -> None:
    holder = Holder(cancellable=True)
    with Opened(system, holder) as stack:
        batch = batch_of([(0, 1), (1, 1)])
        irp = requests.make_batch_irp(stack.file, READ, batch, None)
        ended: list[int] = []
        irp.on_complete = lambda irp: (ended.append(irp.status), irp.pool.free(irp))[1]
        assert not cancel_irp(irp)
        requests.start(stack.devices[-1], irp)
        assert ended and batch.status.tolist() == [STATUS_CANCELLED] * 2


def test_cancelling_while_parts_end_elsewhere_touches_nobody_elses_packet(system: System) -> None:
    """Parts are recycled as they end: a canceller that is late must find its own part or none."""
    holder = Holder(cancellable=True)
    with Opened(system, holder) as stack:
        for _ in range(20):
            batch = batch_of([(number, 1) for number in range(8)])
            irp, ended, _ = started(stack, batch)
            go = threading.Barrier(2)

            def let_go(go: threading.Barrier = go) -> None:
                go.wait()
                while holder.held:
                    try:
                        irp = holder.held[0]
                        if irp.cancel_routine is not None and _take(irp):
                            holder.held.remove(irp)
                            irp.complete(0, 1)
                    except IndexError:
                        break

            thread = beside(let_go)
            go.wait()
            cancel_irp(irp) if not ended else None
            thread.join()
            assert len(ended) == 1
            done = sum(status == 0 for status in batch.status.tolist())
            assert sum(status == STATUS_CANCELLED for status in batch.status.tolist()) == 8 - done
            assert ended[0][1] == done
    assert system.io.irps.live() == 0


def _take(irp: Irp) -> bool:
    from ntio.io_manager.cancel import set_cancel_routine

    return set_cancel_routine(irp, None) is not None


# --- what was moved -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "length", "information", "pieces"),
    [
        ([0, 4, 8], [4, 4, 4], [4, 4, 4], [(0, 12)]),
        ([2, 6], [4, 1], [4, 1], [(2, 7)]),
        ([0, 4, 8], [4, 4, 4], [4, 2, 4], [(0, 4), (4, 6), (8, 12)]),
        ([0, 5], [4, 4], [4, 4], [(0, 4), (5, 9)]),
        ([4, 0], [4, 4], [4, 4], [(4, 8), (0, 4)]),
        ([0, 4], [4, 4], [0, 0], []),
        ([3], [0], [0], [(3, 3)]),
        ([], [], [], []),
    ],
)
def test_transferred(position: list[int], length: list[int], information: list[int], pieces: list[Any]) -> None:
    buffer: npt.NDArray[np.uint8] = np.arange(16, dtype=np.uint8)
    batch = Batch(buffer, np.array(position, np.uint64), np.array(position, np.uint64), np.array(length, np.uint32))
    batch.information[:] = information
    moved = list(batch.transferred())
    assert [piece.tolist() for piece in moved] == [list(range(*piece)) for piece in pieces]
    assert all(np.shares_memory(piece, buffer) for piece in moved if len(piece))


@given(_rows, st.randoms(use_true_random=False))
def test_transferred_covers_exactly_what_was_moved(rows: list[tuple[int, int]], chance: random.Random) -> None:
    batch = batch_of(rows)
    batch.information[:] = [chance.randint(0, length) for _, length in rows]
    for piece in batch.transferred():
        piece += 1
    expected = np.zeros(len(batch.buffer), np.uint8)
    for start, count in zip(batch.position.tolist(), batch.information.tolist(), strict=True):
        expected[start : start + count] += 1
    assert batch.buffer.tobytes() == expected.tobytes()
