"""System services beside reading and writing: information, file-system controls, locks, directories, cancelling."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from ntio import DeviceObject, Irp, System
from ntio import abi as a
from ntio.abi import CTL_CODE
from ntio.driver_kit import PENDING, FileFacts, IoStatusBlock, major, set_cancel_routine
from ntio.io_manager import services
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_CANCELLED,
    STATUS_DEVICE_NOT_READY,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_MORE_FILES,
    STATUS_NOT_FOUND,
    STATUS_PENDING,
    STATUS_SUCCESS,
)
from ntio.testing.hal_tests import beside
from service_bench import UNTOUCHED, ServiceBench, Told, agreeing

pytestmark = pytest.mark.row("R21")

BASIC, STANDARD, ALL = (
    major.FILE_BASIC_INFORMATION_CLASS, major.FILE_STANDARD_INFORMATION_CLASS, major.FILE_ALL_INFORMATION_CLASS,
)  # fmt: skip
CODE = CTL_CODE(0x22, 0x800, 0, 0)


def facts(device: DeviceObject, irp: Irp) -> int:
    return FileFacts("\\name", 100, 512, written=7).answer(irp)


# --- information ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("synchronous", [True, False])
def test_a_query_is_the_drivers_answer(system: System, synchronous: bool) -> None:
    with ServiceBench(system, Told(facts)) as bench:
        answer = np.zeros(1, a.FILE_STANDARD_INFORMATION)
        file = bench.open(synchronous=synchronous)
        assert services.query_information(file, bench.iosb, answer, None, STANDARD) == STATUS_SUCCESS
        assert (answer["EndOfFile"][0], bench.answered) == (100, (0, answer.nbytes))


def test_all_information_has_the_io_managers_part(system: System) -> None:
    with ServiceBench(system, Told(facts)) as bench:
        answer = np.zeros(1, a.FILE_ALL_INFORMATION)
        file = bench.open(options=major.FILE_WRITE_THROUGH)
        buffer = bytearray(200)
        assert services.query_information(file, bench.iosb, buffer, None, ALL) == STATUS_SUCCESS
        answer = np.frombuffer(buffer, a.FILE_ALL_INFORMATION, 1)
        assert answer["AccessInformation"]["AccessFlags"][0] == 0x1F01FF
        mode = major.FILE_WRITE_THROUGH | major.FILE_SYNCHRONOUS_IO_NONALERT
        assert answer["ModeInformation"]["Mode"][0] == mode
        assert answer["AlignmentInformation"]["AlignmentRequirement"][0] == bench.device.alignment_requirement
        assert answer["BasicInformation"]["LastWriteTime"][0] == 7


@pytest.mark.parametrize(
    ("number", "structure"),
    [
        (major.FILE_ACCESS_INFORMATION_CLASS, a.FILE_ACCESS_INFORMATION),
        (major.FILE_MODE_INFORMATION_CLASS, a.FILE_MODE_INFORMATION),
        (major.FILE_ALIGNMENT_INFORMATION_CLASS, a.FILE_ALIGNMENT_INFORMATION),
    ],
)
def test_what_the_io_manager_knows_it_answers_itself(system: System, number: int, structure: Any) -> None:
    driver = Told(agreeing(STATUS_DEVICE_NOT_READY))
    with ServiceBench(system, driver) as bench:
        file, answer = bench.open(options=major.FILE_SEQUENTIAL_ONLY), np.zeros(1, structure)
        assert services.query_information(file, bench.iosb, answer, None, number) == STATUS_SUCCESS
        assert bench.answered == (0, structure.itemsize)
        expected = {8: 0x1F01FF, 16: 0x24, 17: bench.device.alignment_requirement}[number]
        assert (int(answer[0][0]), driver.packets) == (expected, [])


def test_the_kind_of_device_is_known_without_asking(system: System) -> None:
    driver = Told(agreeing(STATUS_DEVICE_NOT_READY))
    with ServiceBench(system, driver) as bench:
        answer, number = np.zeros(1, a.FILE_FS_DEVICE_INFORMATION), major.FILE_FS_DEVICE_INFORMATION_CLASS
        assert services.query_volume_information(bench.open(), bench.iosb, answer, None, number) == STATUS_SUCCESS
        assert (answer["DeviceType"][0], driver.packets) == (bench.device.device_type, [])


def test_information_is_refused_before_anything_is_sent(system: System) -> None:
    driver = Told(agreeing(0))
    with ServiceBench(system, driver) as bench:
        file, weak = bench.open(), bench.open(access=major.SYNCHRONIZE)
        query, change = services.query_information, services.set_information
        assert query(file, bench.iosb, bytearray(100), None, 999) == STATUS_INVALID_INFO_CLASS
        assert query(file, bench.iosb, bytearray(23), None, STANDARD) == STATUS_INFO_LENGTH_MISMATCH
        assert query(file, bench.iosb, None, 24, STANDARD) == STATUS_ACCESS_VIOLATION
        assert query(weak, bench.iosb, bytearray(40), None, BASIC) == STATUS_ACCESS_DENIED
        assert change(weak, bench.iosb, bytes(40), None, BASIC) == STATUS_ACCESS_DENIED
        assert change(file, bench.iosb, bytes(24), None, STANDARD) == STATUS_INVALID_INFO_CLASS
        assert change(weak, bench.iosb, bytes(8), None, 20) == STATUS_ACCESS_DENIED
        position = major.FILE_POSITION_INFORMATION_CLASS
        assert change(file, bench.iosb, (-1).to_bytes(8, "little", signed=True), None, position) == (
            STATUS_INVALID_PARAMETER
        )
        unheard = bench.open(synchronous=False)
        assert change(unheard, bench.iosb, bytes(8), None, position) == STATUS_INVALID_PARAMETER
        assert (driver.packets, bench.answered) == ([], UNTOUCHED)


def test_setting_carries_the_callers_bytes(system: System) -> None:
    got: list[bytes] = []

    def take(device: DeviceObject, irp: Irp) -> int:
        assert irp.system_buffer is not None
        got.append(bytes(irp.system_buffer))
        return irp.complete()

    with ServiceBench(system, Told(take)) as bench:
        wanted = (123).to_bytes(8, "little")
        number = major.FILE_END_OF_FILE_INFORMATION_CLASS
        assert services.set_information(bench.open(), bench.iosb, wanted, None, number) == STATUS_SUCCESS
        assert (got, bench.answered) == ([wanted], (0, 0))


@pytest.mark.parametrize("synchronous", [True, False])
@pytest.mark.parametrize("status", [STATUS_SUCCESS, STATUS_DEVICE_NOT_READY])
def test_a_query_that_pends_is_waited_for(system: System, status: int, synchronous: bool) -> None:
    held: list[Irp] = []
    arrived = threading.Event()

    def keep(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        held.append(irp)
        arrived.set()
        return PENDING

    with ServiceBench(system, Told(keep)) as bench:
        file, results = bench.open(synchronous=synchronous), []
        arguments = file, bench.iosb, bytearray(24), None, STANDARD
        thread = beside(lambda: results.append(services.query_information(*arguments)))
        arrived.wait()
        held.pop().complete(status, 0)
        thread.join()
        assert results == [status]
        assert bench.answered == (UNTOUCHED if synchronous and status else (status, 0))


# --- flush, file-system controls, directories, locks ------------------------------------------------------------------


@pytest.mark.parametrize("synchronous", [True, False])
def test_a_flush_is_over_when_the_call_returns(system: System, synchronous: bool) -> None:
    driver = Told(agreeing(0, pended=True))
    with ServiceBench(system, driver) as bench:
        assert services.flush_file(bench.open(synchronous=synchronous), bench.iosb) == STATUS_SUCCESS
        assert (bench.answered, driver.packets) == ((0, 0), [(major.IRP_MJ_FLUSH_BUFFERS, 0, 0)])


@pytest.mark.row("R25")
def test_a_file_system_control_is_never_fast(system: System) -> None:
    def fast(*_: Any) -> bool:
        raise AssertionError("asked")

    driver = Told(agreeing(STATUS_SUCCESS, 2, data=b"ok"), device_control=fast)
    with ServiceBench(system, driver) as bench:
        output = bytearray(2)
        result = services.fs_control(bench.open(), None, None, None, bench.iosb, CODE, b"in", None, output)
        assert (result, bench.answered, output) == (STATUS_SUCCESS, (0, 2), b"ok")
        assert driver.packets == [(major.IRP_MJ_FILE_SYSTEM_CONTROL, 2, 0)]


def test_a_directory_is_asked_for_entries(system: System) -> None:
    asked: list[tuple[Any, ...]] = []

    def list_one(device: DeviceObject, irp: Irp) -> int:
        location = irp.location
        asked.append((location.minor, location.flags, location.length, location.key, location.byte_offset))
        if len(asked) > 1:
            return irp.complete(STATUS_NO_MORE_FILES)
        assert irp.buffer is not None
        irp.buffer[:5] = b"entry"
        return irp.complete(information=5)

    with ServiceBench(system, Told(list_one, major.DO_BUFFERED_IO)) as bench:
        file, buffer = bench.open(), bytearray(8)
        arguments = file, bench.event, None, None, bench.iosb, buffer, None, 12
        assert services.query_directory(*arguments, "*.txt", single=True, restart=True) == STATUS_SUCCESS
        assert (bench.seen, buffer) == (((0, 5), True), b"entry\0\0\0")
        assert services.query_directory(*arguments) == STATUS_NO_MORE_FILES
        assert asked == [(1, 3, 8, "*.txt", 12), (1, 0, 8, None, 12)]


def test_a_directory_is_watched_for_changes(system: System) -> None:
    held: list[Irp] = []

    def keep(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        held.append(irp)
        return PENDING

    with ServiceBench(system, Told(keep, major.DO_BUFFERED_IO)) as bench:
        file, buffer = bench.open(synchronous=False), bytearray(8)
        arguments = file, bench.event, None, None, bench.iosb, buffer, None
        for nothing in (0, 0x1000):
            assert services.notify_change_directory(*arguments, nothing) == STATUS_INVALID_PARAMETER
        wanted = major.FILE_NOTIFY_CHANGE_SIZE
        assert services.notify_change_directory(*arguments, wanted, watch_tree=True) == STATUS_PENDING
        location = held[0].location
        assert (location.minor, location.flags, location.length, location.key) == (2, major.SL_WATCH_TREE, 8, wanted)
        assert held[0].buffer is not None
        held[0].buffer[:6] = b"change"
        held[0].complete(information=6)
        assert (bench.seen, buffer) == (((0, 6), True), b"change\0\0")


def test_locks_by_packet(system: System) -> None:
    asked: list[tuple[Any, ...]] = []

    def grant(device: DeviceObject, irp: Irp) -> int:
        location = irp.location
        asked.append((location.minor, location.flags, location.byte_offset, location.length, location.key))
        return irp.complete()

    with ServiceBench(system, Told(grant)) as bench:
        file = bench.open()
        assert services.lock_file(file, bench.event, None, None, bench.iosb, 10, 20, 7) == STATUS_SUCCESS
        assert bench.seen == ((0, 0), True)
        keywords = {"fail_immediately": False, "exclusive": False}
        assert services.lock_file(file, None, None, None, bench.iosb, 0, 1, **keywords) == STATUS_SUCCESS
        assert services.unlock_file(file, bench.iosb, 10, 20, 7) == STATUS_SUCCESS
        assert services.unlock_file(file, bench.iosb, -1, 20, 7) == STATUS_INVALID_PARAMETER
        assert asked == [(1, 3, 10, 20, 7), (1, 0, 0, 1, 0), (2, 0, 10, 20, 7)]


# --- cancelling -------------------------------------------------------------------------------------------------------


class Keeper(Told):
    """Keeps every request until it is cancelled; `arrived` is set when one came."""

    def __init__(self) -> None:
        super().__init__(self._keep)
        self.arrived = threading.Event()

    def _keep(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        set_cancel_routine(irp, lambda device, irp: irp.complete(STATUS_CANCELLED))
        self.arrived.set()
        return PENDING


@pytest.mark.row("R13")
def test_cancelling_reaches_the_threads_it_says(system: System) -> None:
    with ServiceBench(system, Keeper()) as bench:
        file, other = bench.open(synchronous=False), bench.open(synchronous=False)
        blocks = {name: IoStatusBlock(STATUS_PENDING) for name in ("mine", "other file", "other thread")}
        done = IoStatusBlock()

        def send(handle: Any, name: str) -> None:
            services.device_control(handle, None, None, None, blocks[name], CODE)

        send(file, "mine")
        send(other, "other file")
        until_the_end = threading.Event()

        def elsewhere() -> None:
            send(file, "other thread")
            sent.set()
            until_the_end.wait()

        sent = threading.Event()
        thread = beside(elsewhere)
        sent.wait()
        assert services.cancel_io(file, done) == STATUS_SUCCESS
        assert [block.status for block in blocks.values()] == [STATUS_CANCELLED, STATUS_PENDING, STATUS_PENDING]
        assert services.cancel_io_ex(file, None, done) == STATUS_SUCCESS
        assert [block.status for block in blocks.values()] == [STATUS_CANCELLED, STATUS_PENDING, STATUS_CANCELLED]
        assert services.cancel_io_ex(file, None, done) == done.status == STATUS_NOT_FOUND
        assert services.cancel_io(file, done) == STATUS_SUCCESS  # also when there is nothing
        assert services.cancel_io_ex(other, blocks["other file"], done) == STATUS_SUCCESS
        until_the_end.set()
        thread.join()


@pytest.mark.row("R13")
def test_what_another_thread_waits_for_can_be_cancelled(system: System) -> None:
    keeper = Keeper()
    with ServiceBench(system, keeper) as bench:
        file, results, threads = bench.open(), [], []

        def call() -> None:
            threads.append(system.io.threads.current())
            results.append(services.device_control(file, None, None, None, bench.iosb, CODE))

        thread = beside(call)
        keeper.arrived.wait()
        done = IoStatusBlock()
        cancel = services.cancel_synchronous_io
        assert cancel(system.io, system.io.threads.current(), None, done) == STATUS_NOT_FOUND
        assert cancel(system.io, threads[0], IoStatusBlock(), done) == STATUS_NOT_FOUND
        assert cancel(system.io, threads[0], bench.iosb, done) == STATUS_SUCCESS
        thread.join()
        assert results == [STATUS_CANCELLED]


def test_cancelling_needs_a_status_block(system: System) -> None:
    with ServiceBench(system, Keeper()) as bench:
        assert services.cancel_io(bench.open(), None) == STATUS_ACCESS_VIOLATION
