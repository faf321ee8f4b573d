"""The simulated machine: one seed replays a run, and time, order and failure are what it says."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from ntio.hal.operations import OperationCode, Operations
from ntio.hal.simulated import Fault, SimulatedHal, simulated_hal
from ntio.status import NtError, ObjectNameNotFound, status_from_errno
from ntio.testing.hal_row_tests import beside

READ, WRITE = OperationCode.READ, OperationCode.WRITE
CREATE = os.O_RDWR | os.O_CREAT


def letters(hal: SimulatedHal, path: str = "/letters") -> int:
    file = hal.files.open(path, CREATE)
    hal.files.write(file, memoryview(b"abcdefghijklmnopqrstuvwxyz"), 0)
    return file


def reads(file: int, count: int, **more: object) -> Operations:
    place = np.arange(count)
    buffer = np.zeros(count, np.uint8)
    return Operations(READ, count, file=file, buffer=buffer, position=place, offset=place % 26, length=1, **more)  # type: ignore[arg-type]


def finishing_order(seed: int) -> list[int]:
    hal = simulated_hal("a test", seed)
    queue, order, file = hal.new_queue(64), [], letters(hal)
    for number in range(40):
        queue.submit(reads(file, 1, on_complete=lambda _, number=number: order.append(number)))
    while queue.in_flight:
        hal.clock.sleep(3e-6)
        queue.poll()
    queue.close()
    return order


@pytest.mark.row("R30")
def test_one_seed_replays_a_run() -> None:
    assert finishing_order(5) == finishing_order(5)
    assert sorted(finishing_order(5)) == list(range(40))
    assert len({tuple(finishing_order(seed)) for seed in range(8)}) == 8


def test_a_second_queue_does_not_disturb_the_first() -> None:
    def moments(disturb: bool) -> float:
        hal = simulated_hal("a test", 1)
        first, second = hal.new_queue(8), hal.new_queue(8)
        if disturb:
            second.submit(reads(letters(hal), 8))
        began = hal.clock.now()
        first.transfer(reads(letters(hal, "/other"), 8))
        ended = hal.clock.now()
        first.close()
        second.close()
        return ended - began

    assert moments(False) == pytest.approx(moments(True))


def test_an_hour_of_waiting_takes_no_time() -> None:
    hal = simulated_hal("a test", 0)
    queue = hal.new_queue(8)
    reader, _ = hal.files.make_pipe()
    idle = reads(reader, 1)
    queue.submit(idle)
    began = time.monotonic()
    assert not queue.wait(idle, timeout=3600)
    hal.clock.sleep(3600)
    assert hal.clock.now() >= 7200 and time.monotonic() - began < 5
    queue.close()


def test_waiting_without_end_sleeps_until_another_thread_writes() -> None:
    hal = simulated_hal("a test", 0)
    queue = hal.new_queue(8)
    reader, writer = hal.files.make_pipe()
    idle = reads(reader, 1)
    waiter = beside(lambda: queue.transfer(idle))
    hal.files.write(writer, memoryview(b"x"), 0)
    waiter.join()
    assert idle.results.tolist() == [1]
    queue.close()


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_faults_hit_their_kind_of_row_now_and_then() -> None:
    hal = simulated_hal("a test", 11)
    hal.world.faults = [Fault(READ, 0.3, errno.EIO)]
    queue, file = hal.new_queue(64), letters(hal)
    batch = reads(file, 400)
    queue.transfer(batch)
    failed = int((batch.results == -errno.EIO).sum())
    assert 60 < failed < 180 and failed + int((batch.results == 1).sum()) == 400
    flush = Operations(OperationCode.FLUSH, 50, file=file)
    queue.transfer(flush)
    assert flush.results.tolist() == [0] * 50
    queue.close()


def test_a_rule_decides_row_by_row() -> None:
    hal = simulated_hal("a test", 0)
    queue, file = hal.new_queue(8), letters(hal)
    hal.world.faults = lambda operations, row, chance: errno.ENOSPC if row % 2 else 0
    batch = reads(file, 4)
    queue.transfer(batch)
    assert batch.results.tolist() == [1, -errno.ENOSPC, 1, -errno.ENOSPC]
    queue.close()


def test_a_rule_that_raises_loses_no_row() -> None:
    hal = simulated_hal("a test", 0)
    queue, file = hal.new_queue(8), letters(hal)

    def rule(operations: Operations, row: int, chance: random.Random) -> int:
        if row == 2:
            raise RuntimeError("a mistake in the rule")
        return 0

    hal.world.faults = rule
    batch = reads(file, 6)
    with pytest.raises(RuntimeError, match="mistake"):
        queue.transfer(batch)
    assert batch.done and batch.results[2] == -errno.EIO
    queue.close()


@pytest.mark.row("R30")
def test_rows_that_end_with_their_thread_are_hidden() -> None:
    hal = simulated_hal("a test", 2)
    hal.world.spontaneous_cancel = 0.4
    queue = hal.new_queue(16)
    batch = reads(letters(hal), 200)
    queue.transfer(batch)
    assert batch.results.tolist() == [1] * 200
    queue.close()


def test_only_streams_move_a_part() -> None:
    hal = simulated_hal("a test", 4)
    hal.world.short = 1.0
    queue = hal.new_queue(8)
    reader, writer = hal.files.make_pipe()
    file = letters(hal)
    hal.files.write(writer, memoryview(bytes(1000)), 0)
    for source, expected in ((file, {26}), (reader, range(1, 1000))):
        batch = Operations(READ, 1, file=source, buffer=np.zeros(1000, np.uint8), length=1000)
        queue.transfer(batch)
        assert batch.results[0] in expected
    queue.close()


# --- files ------------------------------------------------------------------------------------------------------------


def test_opening_raises_what_the_host_would() -> None:
    files = simulated_hal("a test", 0).files
    with pytest.raises(ObjectNameNotFound) as caught:
        files.open("/missing", os.O_RDONLY)
    assert caught.value.errno == errno.ENOENT and caught.value.filename == "/missing"
    files.close(files.open("/folder/file", CREATE))
    for path, flags, reason in (
        ("/folder", os.O_RDWR, errno.EISDIR),
        ("/folder/file", CREATE | os.O_EXCL, errno.EEXIST),
        ("/folder/file/", os.O_RDONLY, errno.ENOTDIR),
    ):
        with pytest.raises(NtError) as refused:
            files.open(path, flags)
        assert refused.value.status == status_from_errno(reason), path
    folder = files.open("/folder/../folder", os.O_RDONLY)
    assert files.is_directory(folder) and files.read(folder, memoryview(bytearray(1)), 0) == -errno.EISDIR


def test_content_is_kept_truncated_and_appended() -> None:
    files = simulated_hal("a test", 0).files
    file = files.open("/f", CREATE)
    assert files.write(file, memoryview(b"0123456789"), 0) == 10
    assert files.truncate(file, 4) == 0 and files.truncate(file, 6) == 0
    target = bytearray(10)
    assert files.read(file, memoryview(target), 0) == 6 and bytes(target[:6]) == b"0123\0\0"
    end = files.open("/f", os.O_WRONLY | os.O_APPEND)
    assert files.write(end, memoryview(b"!"), 0) == 1 and files.size(file) == 7
    assert files.size(files.open("/f", os.O_RDWR | os.O_TRUNC)) == 0
    assert files.truncate(file, -1) == -errno.EINVAL and files.write(file, memoryview(b"x"), 1 << 62) == -errno.EFBIG


def test_a_pipe_ends_and_breaks_as_its_ends_are_closed() -> None:
    files = simulated_hal("a test", 0).files
    reader, writer = files.make_pipe()
    assert files.is_stream(reader) and files.flush(reader) == -errno.EINVAL
    assert files.write(writer, memoryview(bytes(70000)), 0) == 65536
    assert files.read(reader, memoryview(bytearray(70000)), 0) == 65536
    files.close(writer)
    assert files.read(reader, memoryview(bytearray(1)), 0) == 0
    reader, writer = files.make_pipe()
    files.close(reader)
    assert files.write(writer, memoryview(b"x"), 0) == -errno.EPIPE
    assert files.write(reader, memoryview(b"x"), 0) == -errno.EBADF
    with pytest.raises(OSError):
        files.close(reader)


def test_nothing_of_the_real_machine_is_imported() -> None:
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from ntio.hal.choose import make_hal\n"
        "make_hal('simulated').new_queue(8).close()\n"
        "print([name for name in sys.modules if name.startswith('ntio.hal.') and 'ring' in name or 'threads' in name])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "[]"
