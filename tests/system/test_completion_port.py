"""The Pythonic port: values, columns, errors, what can be seen, files, workers, and a soak of many threads."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ntio
from iocp_bench import until
from ntio.status import STATUS_CANCELLED, STATUS_END_OF_FILE, InvalidParameter, IoTimeout

pytestmark = pytest.mark.row("R34", "R35", "R36", "R37", "R38", "R39")


def feed(pipe: Path, data: bytes) -> None:
    writer = os.open(pipe, os.O_WRONLY)
    os.write(writer, data)
    os.close(writer)


@pytest.fixture
def port(system: ntio.System) -> ntio.CompletionPort:
    return ntio.CompletionPort(1, system=system)


# --- posting and taking -----------------------------------------------------------------------------------------------


def test_what_is_posted_comes_out(port: ntio.CompletionPort) -> None:
    thing = {"any": "object"}
    port.post(0xFFFFFFFE, 2**64 - 1, thing)
    port.post(np.uint8(3), np.int64(4))  # type: ignore[arg-type]
    assert len(port) == 2
    assert port.get() == (2**64 - 1, thing, 0xFFFFFFFE, 0)
    second = port.get()
    assert second == ntio.Packet(key=4, overlapped=None, bytes=3, status=0)
    assert second is not None and type(second.key) is type(second.bytes) is int
    assert port.get(0) is None and port.get(0.001) is None


def test_columns(port: ntio.CompletionPort) -> None:
    keys = np.arange(5, dtype=np.uint64)
    port.post_many(7, keys)
    keys[:] = 99  # the port has its own
    port.post_many([1, 2], 8, overlapped=["a", "b"])
    port.post_many([], [])
    packets = port.get_many(100, 0)
    assert packets.key.tolist() == [0, 1, 2, 3, 4, 8, 8]
    assert packets.bytes.tolist() == [7] * 5 + [1, 2]
    assert packets.overlapped == [None] * 5 + ["a", "b"]
    assert (packets.key.dtype, packets.bytes.dtype, packets.status.dtype) == (np.uint64, np.uint64, np.uint32)
    assert packets.ok and not packets.status.any()
    assert list(packets)[5] == packets[5] == (8, "a", 1, 0)
    assert packets[5:].overlapped == ["a", "b"]
    none = port.get_many(3, 0)
    assert len(none) == 0 and list(none) == [] and none.ok


def test_columns_that_are_not_copied_are_taken_as_they_were_posted(port: ntio.CompletionPort) -> None:
    keys, numbers = np.arange(5, dtype=np.uint64), np.arange(5, 10, dtype=np.uint64)
    port.post_many(numbers, keys, copy=False)
    packets = port.get_many(5)
    assert packets.key is keys and packets.bytes is numbers
    port.post_many(numbers, keys)
    packets = port.get_many(5)
    assert packets.key is not keys and packets.key.tolist() == keys.tolist()
    port.post_many(numbers, keys, ["a"] * 5, copy=False)
    assert port.get_many(5).overlapped == ["a"] * 5
    port.post_many(numbers.astype(">u8"), keys.astype(np.int16), copy=False)
    packets = port.get_many(5)
    assert (packets.bytes.dtype, packets.key.dtype) == (np.uint64, np.uint64)
    assert packets.bytes.tolist() == numbers.tolist() and packets.key.tolist() == keys.tolist()


@pytest.mark.parametrize("timeout", [0, 0.0, -1, -1e300, float("-inf"), np.float32(0), False])
def test_without_time_nobody_waits(port: ntio.CompletionPort, timeout: float) -> None:
    assert port.get(timeout) is None and len(port.get_many(2, timeout)) == 0
    port.post(key=1)
    packet = port.get(timeout)
    assert packet is not None and packet.key == 1


@pytest.mark.parametrize("timeout", [1e6 + 1, 1e300, float("inf"), 2**70, threading.TIMEOUT_MAX * 2])
def test_a_time_may_be_longer_than_any_lock_can_wait(port: ntio.CompletionPort, timeout: float) -> None:
    got: list[object] = []
    waiting = threading.Thread(target=lambda: got.append(port.get(timeout)))
    waiting.start()
    until(lambda: port.statistics().waiting)
    port.post(key=1)
    waiting.join()
    assert got == [(1, None, 0, 0)]


def test_a_thread_that_gets_a_packet_within_blocking_runs_and_may_wait_again(port: ntio.CompletionPort) -> None:
    port.post(key=1)
    port.post(key=2)
    port.get()
    with port.blocking():
        assert port.statistics().active == 0
        port.get()
        assert port.statistics().active == 1
        with port.blocking():
            assert port.statistics().active == 0
        assert port.statistics().active == 1
    assert port.statistics().active == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda port: port.post(-1),
        lambda port: port.post(0, 2**64),
        lambda port: port.post_many([1, 2], [1, 2, 3]),
        lambda port: port.post_many(1, [[1, 2]]),
        lambda port: port.post_many(1, [1, 2], overlapped=["a"]),
        lambda port: port.post_many("x", 1),
        lambda port: port.get_many(0),
        lambda port: ntio.CompletionPort(-1, system=port.system),
    ],
)
def test_what_cannot_be_right_is_refused(port: ntio.CompletionPort, wrong: Callable[[Any], object]) -> None:
    with pytest.raises(InvalidParameter):
        wrong(port)
    assert len(port) == 0


def test_a_concurrency_of_nought_is_the_number_of_processors() -> None:
    with ntio.System("simulated", processors=3) as own, ntio.CompletionPort(system=own) as port:
        assert port.statistics().concurrency == 3


def test_a_closed_port_says_so(port: ntio.CompletionPort) -> None:
    port.post(1)
    port.close()
    for call in (port.get, port.post, lambda: port.post_many(1, [1]), lambda: port.get_many(1)):
        with pytest.raises(ntio.PortClosed):
            call()  # type: ignore[operator]
    assert list(port) == [] and port.closed and "closed" in repr(port)


def test_closing_ends_the_loops_of_other_threads_and_raises_in_their_waits(port: ntio.CompletionPort) -> None:
    ends: list[object] = []

    def wait() -> None:
        try:
            port.get()
        except ntio.PortClosed as error:
            ends.append(error.status)

    threads = [threading.Thread(target=wait), threading.Thread(target=lambda: ends.append(list(port)))]
    for thread in threads:
        thread.start()
    until(lambda: len(port.statistics().waiting) == 2)
    port.close()
    for thread in threads:
        thread.join()
    assert 0x80 in ends and [] in ends


# --- looking ----------------------------------------------------------------------------------------------------------


def test_the_five_structures_can_be_seen(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"data")
    with ntio.CompletionPort(1, system=real_system) as port:
        file = ntio.open(tmp_path / "data", overlapped=True, system=real_system)
        port.associate(file, 5)
        waiting = threading.Thread(target=port.get, name="waits")
        port.post(1)
        port.get()
        waiting.start()
        until(lambda: port.statistics().waiting)
        port.post(2)  # stays: this thread runs
        me = threading.current_thread().name
        seen = port.statistics()
        assert seen.devices == ((str(tmp_path / "data"), 5),)
        assert (seen.queued, seen.waiting, seen.released, seen.paused) == (1, ("waits",), (me,), ())
        assert (seen.active, seen.concurrency) == (1, 1)
        with pytest.raises(AttributeError):
            seen.active = 2  # type: ignore[misc]
        with port.blocking():
            seen = port.statistics()
            assert (seen.queued, seen.waiting, seen.paused) == (0, (), (me,))
        waiting.join()
        file.close()
        assert port.statistics().devices == ()


def test_blocking_does_nothing_for_a_thread_that_works_for_no_port(port: ntio.CompletionPort) -> None:
    with port.blocking():
        assert port.statistics().paused == ()


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("R31")
def test_started_reads_and_writes_arrive_with_their_objects(system: ntio.System) -> None:
    with (
        ntio.Stack("ram_disk:size=4K", system=system) as disk,
        ntio.CompletionPort(system=system) as port,
        disk.open(overlapped=True) as file,
    ):
        port.associate(file, 3)
        written = file.start_write(b"x" * 512, 512, overlapped="mine")
        assert port.get() == (3, "mine", 512, 0)
        read = file.start_read(512, 512)
        packet = port.get()
        assert packet is not None and packet.overlapped is read
        assert bytes(read.data) == b"x" * 512 and written.done and read.wait() == 512
        target = bytearray(8)
        file.start_read(target, 512)
        assert port.get_many(4).bytes.tolist() == [8]
        assert target == b"x" * 8
        assert not len(system.pins)


@pytest.mark.row("R31", "R33")
def test_a_pending_read_of_a_stream(real_system: ntio.System, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        ntio.CompletionPort(system=real_system) as port,
        ntio.open(tmp_path / "pipe", "r+", overlapped=True, system=real_system) as pipe,
    ):
        port.associate(pipe, 1)
        target = bytearray(4)
        read = pipe.start_read(target)
        assert not read.done and read.bytes == 0 and "pending" in repr(read)
        with pytest.raises(BufferError):
            target.extend(b"more")
        with pytest.raises(ntio.NtError, match="already part of a request"):
            pipe.start_read(target)
        with pytest.raises(IoTimeout):
            read.wait(0.001)
        assert port.get(0) is None
        feed(tmp_path / "pipe", b"good")
        assert port.get() == (1, read, 4, 0)
        assert target == b"good"
        again = pipe.start_read(4)
        assert again.cancel()
        packet = port.get()
        assert packet is not None and packet.status == STATUS_CANCELLED and not packet.ok
        with pytest.raises(ntio.NtError):
            packet.raise_for_status()
        with pytest.raises(ntio.NtError):
            again.wait()
        assert not again.cancel()


@pytest.mark.row("R31")
def test_the_end_of_a_file_is_reported_once(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"data")
    with (
        ntio.CompletionPort(system=real_system) as port,
        ntio.open(tmp_path / "data", overlapped=True, system=real_system) as file,
    ):
        port.associate(file, 1)
        try:
            read = file.start_read(4, 4)
        except EOFError:
            assert port.get(0) is None
        else:
            packet = port.get()
            assert packet is not None and (packet.status, packet.bytes) == (STATUS_END_OF_FILE, 0)
            assert read.wait() == 0


@pytest.mark.row("R35")
def test_which_files_can_be_associated(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"data")
    with ntio.CompletionPort(system=real_system) as port, ntio.CompletionPort(system=real_system) as other:
        with ntio.open(tmp_path / "data", system=real_system) as plain:
            with pytest.raises(InvalidParameter, match="overlapped=True"):
                port.associate(plain)
            with pytest.raises(InvalidParameter, match="overlapped=True"):
                plain.start_read(4)
        with ntio.open(tmp_path / "data", overlapped=True, system=real_system) as file:
            port.associate(file, 1)
            for one in (port, other):
                with pytest.raises(InvalidParameter, match="belongs to a port"):
                    one.associate(file, 2)
            assert file.read(4, 0) == b"data"  # calls that wait still do, and queue nothing
            assert len(port) == 0
            port.close()
            assert file.start_read(4, 0).wait() == 4  # the port is gone, the file goes on
        with pytest.raises(ntio.NtError):
            other.associate(file)


@pytest.mark.row("R34")
def test_a_file_associated_after_the_start_still_completes_to_the_port(
    real_system: ntio.System, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        ntio.CompletionPort(system=real_system) as port,
        ntio.open(tmp_path / "pipe", "r+", overlapped=True, system=real_system) as pipe,
    ):
        read = pipe.start_read(4)
        port.associate(pipe, 9)
        feed(tmp_path / "pipe", b"late")
        assert port.get() == (9, read, 4, 0)


def test_a_started_read_outlives_its_thread_on_a_file_of_a_port(real_system: ntio.System, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        ntio.CompletionPort(system=real_system) as port,
        ntio.open(tmp_path / "pipe", "r+", overlapped=True, system=real_system) as pipe,
    ):
        port.associate(pipe, 9)
        thread = threading.Thread(target=lambda: pipe.start_read(4, overlapped="mine"))
        thread.start()
        thread.join()
        feed(tmp_path / "pipe", b"late")
        assert port.get() == (9, "mine", 4, 0)


# --- workers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [0, 1, 7])
def test_workers_deal_with_everything_before_they_end(port: ntio.CompletionPort, batch: int) -> None:
    seen: list[int] = []

    def handle(work: Any) -> None:
        seen.extend([work.key] if batch == 0 else work.key.tolist())

    with port.workers(handle, 3, batch=batch):
        for number in range(50):
            port.post(key=number)
        port.post_many(0, range(50, 100))
    assert sorted(seen) == list(range(100))
    assert len(port) == 0 and port.statistics().released == ()


def test_what_handlers_raise_comes_out_at_the_end(port: ntio.CompletionPort) -> None:
    def handle(packet: ntio.Packet) -> None:
        if packet.key % 2:
            raise ValueError(packet.key)

    workers = port.workers(handle, 1)
    for number in range(4):
        port.post(key=number)
    with pytest.raises(BaseExceptionGroup) as caught:
        workers.stop()
    assert [str(error) for error in caught.value.exceptions] == ["1", "3"]
    workers.stop()


def test_a_closed_port_ends_its_workers(port: ntio.CompletionPort) -> None:
    workers = port.workers(print, 2)
    port.close()
    workers.join()


def test_no_workers_cannot_be_asked_for(port: ntio.CompletionPort) -> None:
    with pytest.raises(InvalidParameter):
        port.workers(print, -1)


# --- soak -------------------------------------------------------------------------------------------------------------

SOAK = int(os.environ.get("NTIO_SOAK_PACKETS", "20000"))


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 3])
def test_sixteen_threads_get_each_packet_once_in_order_and_never_too_many_run(system: ntio.System, limit: int) -> None:
    """NTIO_SOAK_PACKETS=1000000 for the long one."""
    sources, per_source = 4, SOAK // 4
    running, most = 0, 0
    lock = threading.Lock()
    taken: list[list[tuple[int, int]]] = []

    def handle(packets: ntio.Packets) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            # Taken under the limit, noted in the order of taking: with one thread at a time it is the queue's.
            taken.append(list(zip(packets.key.tolist(), packets.bytes.tolist(), strict=True)))
            running -= 1

    def post(source: int) -> None:
        number = 0
        while number < per_source:
            count = min(1 + (number * 7 + source) % 97, per_source - number)
            if count == 1:
                port.post(number, source)
            else:
                port.post_many(np.arange(number, number + count), source)
            number += count

    with ntio.CompletionPort(limit, system=system) as port:
        with port.workers(handle, 12, batch=64):
            posters = [threading.Thread(target=post, args=(source,)) for source in range(sources)]
            for poster in posters:
                poster.start()
            for poster in posters:
                poster.join()
        seen = [packet for packets in taken for packet in packets]
        counts = Counter(seen)
        assert len(seen) == len(counts) == sources * per_source
        assert most <= limit
        if limit == 1:
            for source in range(sources):
                assert [number for key, number in seen if key == source] == list(range(per_source))
