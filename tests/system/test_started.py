"""Calls that are started and not waited for: waiting, cancelling, awaiting, and closing under them."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ntio
from ntio.driver_kit import DeviceObject, FilterDriver, Irp
from ntio.status import STATUS_CANCELLED, IoTimeout, QueueFull, RingClosed
from ntio.testing import Witness

pytestmark = pytest.mark.row("R4", "R8", "R9", "R33")


@pytest.fixture
def file(real_system: ntio.System, tmp_path: Path) -> Iterator[ntio.File]:
    (tmp_path / "data").write_bytes(bytes(range(256)) * 16)
    with ntio.open(tmp_path / "data", "r+", system=real_system) as file:
        yield file


@pytest.fixture
def pipe(real_system: ntio.System, tmp_path: Path) -> Iterator[ntio.File]:
    """A pipe nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    with ntio.open(tmp_path / "pipe", "r+", system=real_system) as pipe:
        yield pipe


@pytest.fixture
def ring(real_system: ntio.System, pipe: ntio.File) -> Iterator[ntio.Ring]:
    with ntio.Ring(8, system=real_system) as ring:
        yield ring


def test_a_started_call_brings_what_a_waiting_one_does(ring: ntio.Ring, file: ntio.File) -> None:
    offsets, lengths = [0, 100, 4090, 5000], [4, 8, 10, 4]
    waited, started = ring.read(file, offsets, lengths), ring.start_read(file, offsets, lengths).wait()
    assert waited.status.tolist() == started.status.tolist()
    assert waited.information.tolist() == started.information.tolist() == [4, 8, 6, 0]
    assert np.array_equal(waited.data, started.data)  # type: ignore[arg-type]
    written = ring.start_write(file, [0, 4000], [b"one", b"two"])
    assert len(written) == 2 and written.wait().information.tolist() == [3, 3]
    assert file.read(3, 4000) == b"two"


def test_a_call_is_done_when_it_says_so(ring: ntio.Ring, pipe: ntio.File) -> None:
    started = ring.start_read(pipe, 0, 4)
    assert not started.done
    with pytest.raises(IoTimeout, match="1 requests are not all done after 0"):
        started.wait(timeout=0)
    with pytest.raises(TimeoutError):
        started.wait(timeout=0.001)
    pipe.write(b"come", 0)
    done = started.wait(timeout=60)
    assert started.done and done.data is not None and done.data.tobytes() == b"come"
    assert started.wait(timeout=0).information.tolist() == [4]


def test_a_full_ring_starts_all_or_nothing(ring: ntio.Ring, file: ntio.File, pipe: ntio.File) -> None:
    idle = ring.start_read([pipe] * 6, 0, 1)
    pins = len(ring.system.pins)
    for call in (lambda: ring.start_read(file, [0, 1, 2], 1), lambda: ring.start_write(file, 0, [b"1", b"2", b"3"])):
        with pytest.raises(QueueFull, match="room for 2 of 8"):
            call()
    with pytest.raises(QueueFull):
        ring.start_read(file, np.arange(9), 1)
    assert len(ring.system.pins) == pins
    assert file.read(3, 0) == bytes(range(3))
    assert ring.start_read(file, [0, 1], 1).wait().ok
    assert ring.read(file, np.arange(100), 1).ok  # a waiting call goes in windows of what is left
    idle.cancel()
    assert idle.wait().status.tolist() == [STATUS_CANCELLED] * 6
    assert ring.start_read(file, np.arange(8), 1).wait().ok


class TakesTheRoom(FilterDriver):
    """Starts idle reads on a ring when a read comes by, as another thread might at that moment."""

    def __init__(self, ring: ntio.Ring, pipe: ntio.File) -> None:
        self.ring, self.pipe = ring, pipe
        self.taken: list[ntio.Batch] = []

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down()

    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        self.taken.append(self.ring.start_read([self.pipe] * 8, 0, 1))
        return irp.pass_down()


def test_room_that_is_taken_meanwhile_leaves_nothing_in_flight(
    ring: ntio.Ring, file: ntio.File, pipe: ntio.File
) -> None:
    thief = TakesTheRoom(ring, pipe)
    with ntio.Stack("ram_disk:size=1K", thief, system=ring.system) as disk:
        with pytest.raises(QueueFull):
            ring.start_read([disk.file, file], 0, 4)
        thief.taken[0].cancel()
        thief.taken[0].wait()
        assert not len(ring.system.pins)


def test_cancelled_requests_end_once_and_their_memory_is_free(ring: ntio.Ring, pipe: ntio.File) -> None:
    memory = np.full((3, 4), 7, np.uint8)
    started = ring.start_read([pipe] * 3, 0, 4, out=memory)
    started.cancel()
    started.cancel()
    done = started.wait()
    assert done.status.tolist() == [STATUS_CANCELLED] * 3 and not done.information.any()
    pipe.write(b"late", 0)
    assert (memory == 7).all()
    assert pipe.read(4, 0) == b"late"
    started.cancel()


def test_a_cancelled_call_keeps_what_was_done(ring: ntio.Ring, file: ntio.File, pipe: ntio.File) -> None:
    started = ring.start_read([file, pipe, file], [1, 0, 3], 1)
    started.cancel()
    done = started.wait()
    assert done.status[1] == STATUS_CANCELLED
    for row, byte in ((0, 1), (2, 3)):
        assert done.status[row] == STATUS_CANCELLED or (done.data is not None and done.data[row, 0] == byte)


def test_a_packet_a_driver_holds_is_cancelled_there(ring: ntio.Ring) -> None:
    witness = Witness(1024)
    with ntio.Stack(witness, "log", system=ring.system) as disk:
        witness.hold = True
        started = ring.start_read(disk.file, [0, 64], 64)
        assert not started.done and len(witness.held) == 1
        started.cancel()
        assert started.wait().status.tolist() == [STATUS_CANCELLED] * 2
        witness.release_all()


def test_a_call_can_be_awaited(ring: ntio.Ring, file: ntio.File, pipe: ntio.File) -> None:
    async def main() -> tuple[ntio.Completions, ntio.Completions]:
        idle = ring.start_read(pipe, 0, 5)
        at_once = await ring.start_read(file, [0, 4], 4)
        waiting = asyncio.ensure_future(asyncio.wait_for(idle, 60))
        await asyncio.sleep(0)
        pipe.write(b"later", 0)
        return at_once, await waiting

    at_once, later = asyncio.run(main())
    assert at_once.ok and at_once.data is not None and at_once.data.tobytes() == bytes(range(8))
    assert later.data is not None and later.data.tobytes() == b"later"


def test_closing_ends_what_is_in_flight(real_system: ntio.System, pipe: ntio.File) -> None:
    ring = ntio.Ring(8, system=real_system)
    memory = np.full(4, 7, np.uint8)
    started = ring.start_read(pipe, 0, 4, out=memory)
    ring.close()
    assert started.done and started.wait().status.tolist() == [STATUS_CANCELLED]
    pipe.write(b"late", 0)
    assert (memory == 7).all() and pipe.read(4, 0) == b"late"
    with pytest.raises(RingClosed):
        ring.start_read(pipe, 0, 4)


def test_closing_in_another_thread_ends_a_wait(real_system: ntio.System, pipe: ntio.File) -> None:
    ring = ntio.Ring(8, system=real_system)
    started = ring.start_read(pipe, 0, 4)
    outcome: list[list[int]] = []
    waiter = threading.Thread(target=lambda: outcome.append(started.wait().status.tolist()))
    reader = threading.Thread(target=lambda: outcome.append(ring.read(pipe, [0, 0], 4).status.tolist()))
    waiter.start()
    reader.start()
    while ring._queue.in_flight < 3:
        os.sched_yield()
    ring.close()
    waiter.join()
    reader.join()
    assert sorted(map(len, outcome)) == [1, 2]
    assert {status for one in outcome for status in one} == {STATUS_CANCELLED}


def test_closing_ends_a_packet_a_driver_holds_for_the_host(real_system: ntio.System, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    with ntio.open(tmp_path / "held", "r+", system=real_system) as pipe:
        device = real_system.load(_Passing(), pipe.file_object.device)
        ring = ntio.Ring(8, system=real_system)
        started = ring.start_read(pipe, 0, 4)
        assert not started.done
        ring.close()
        assert started.wait().status.tolist() == [STATUS_CANCELLED]
        real_system.io.unload(device.driver)


class _Passing(FilterDriver):
    """Wants to see reads, so that they travel as packets."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down()


def test_a_call_nobody_waits_for_is_done_all_the_same(ring: ntio.Ring, file: ntio.File) -> None:
    memory = np.zeros(8, np.uint8)
    ring.start_read(file, 8, 8, out=memory)
    ring.start_write(file, 0, b"dropped")
    while ring._queue.in_flight:
        ring._queue.poll()
    assert memory.tobytes() == bytes(range(8, 16)) and file.read(7, 0) == b"dropped"
    assert not len(ring.system.pins)
