"""Fast I/O: when it is asked, what it may answer, what filters do to it, and that it equals the way with packets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_up_drivers import load_stack
from ntio import BugCheck, DeviceObject, Driver, FilterDriver, Irp, System
from ntio.abi import CTL_CODE, FILE_BASIC_INFORMATION, FILE_NETWORK_OPEN_INFORMATION, FILE_STANDARD_INFORMATION
from ntio.bugcheck import BugCheckCode
from ntio.driver_kit import FastIoDispatch, IoStatusBlock, major, pass_through
from ntio.io_manager import services
from ntio.io_manager.fast_io import SLOTS, ask
from ntio.kernel.apc import wait_alertable
from ntio.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_END_OF_FILE,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
    STATUS_UNSUCCESSFUL,
    nt_error,
)
from service_bench import UNTOUCHED, ServiceBench, Told, agreeing

pytestmark = pytest.mark.row("R22", "R25")

CODE = CTL_CODE(0x22, 0x800, 0, 0)


def always(status: int, information: int = 0) -> Callable[..., bool]:
    """A fast routine of any kind that answers so."""

    def routine(*arguments: Any) -> bool:
        answer: IoStatusBlock = arguments[-2]
        answer.status, answer.information = status, information
        return True

    return routine


class Cached(Driver):
    """Bytes that are read and written the fast way, or by packets, with the same results; opens are cached."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self.fast = self.packets = 0

    def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
        assert irp.location.file_object is not None
        irp.location.file_object.private_cache_map = self if irp.location.file_object.file_name else None
        return irp.complete()

    def _move(self, writes: bool, offset: int, length: int, buffer: Any) -> tuple[int, int]:
        part = memoryview(self.content)[offset:][:length]
        if length and not len(part):
            return STATUS_END_OF_FILE, 0
        if len(part):
            source, target = (buffer, part) if writes else (part, buffer)
            target[: len(part)] = source[: len(part)]
        return STATUS_SUCCESS, len(part)

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        self.packets += 1
        location = irp.location
        writes = location.major == major.IRP_MJ_WRITE
        return irp.complete(*self._move(writes, location.byte_offset, location.length, irp.buffer))

    dispatch_write = dispatch_read

    def fast_io_read(self, file: Any, offset: int, length: int, wait: bool, key: int, buffer: Any, *end: Any) -> bool:
        self.fast += 1
        end[0].status, end[0].information = self._move(False, offset, length, buffer)
        return True

    def fast_io_write(self, file: Any, offset: int, length: int, wait: bool, key: int, buffer: Any, *end: Any) -> bool:
        self.fast += 1
        end[0].status, end[0].information = self._move(True, offset, length, buffer)
        return True


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_table_has_27_slots_and_its_size() -> None:
    assert (len(SLOTS), FastIoDispatch().size) == (27, 224)
    assert SLOTS[0] == "check_if_possible" and SLOTS[-1] == "release_for_cc_flush"


def test_a_driver_class_fills_the_table_from_its_methods(system: System) -> None:
    driver = Cached(b"")
    device = system.load(driver)
    table = device.driver.fast_io
    assert table is not None and table.read == driver.fast_io_read and table.device_control is None
    system.io.unload(device.driver)


def test_a_misspelt_fast_routine_is_refused() -> None:
    with pytest.raises(TypeError, match="fast_io_raed: no such fast routine"):
        type("Bad", (Driver,), {"fast_io_raed": None})


# --- who is asked -----------------------------------------------------------------------------------------------------


def test_reads_are_fast_only_on_a_synchronous_cached_file(system: System) -> None:
    driver = Cached(b"0123456789")
    with ServiceBench(system, driver) as bench:
        for name, synchronous in (("", True), ("\\cached", False), ("\\cached", True)):
            before = driver.fast
            file, buffer = bench.open(name, synchronous=synchronous), bytearray(4)
            assert services.read_file(file, None, None, None, bench.iosb, buffer, None, 3) == STATUS_SUCCESS
            assert (bench.answered, buffer) == ((STATUS_SUCCESS, 4), b"3456")
            assert driver.fast - before == (bool(name) and synchronous)


class Plain(FilterDriver):
    """A filter without fast routines."""


class Knows(FilterDriver):
    """A filter that looks at fast reads and passes them down, and leaves the others to the library."""

    def __init__(self) -> None:
        self.seen = 0

    def fast_io_read(self, *arguments: Any) -> bool:
        self.seen += 1
        *arguments, device = arguments
        return ask("read", device.lower, *arguments)


@pytest.mark.parametrize("layers", [[], [Plain], [Knows], [Knows, Knows], [Plain, Knows], [Knows, Plain]], ids=str)
def test_a_filter_without_a_table_ends_the_fast_path(system: System, layers: list[type[FilterDriver]]) -> None:
    driver = Cached(b"0123456789")
    with ServiceBench(system, driver) as bench:
        filters = [layer() for layer in layers]
        devices = [system.load(one, bench.device) for one in filters]
        file, buffer = bench.open("\\cached"), bytearray(4)
        services.read_file(file, None, None, None, bench.iosb, buffer, None, 3)
        services.write_file(file, None, None, None, bench.iosb, b"ab", None, 0)
        assert (bench.answered, buffer, driver.content) == ((0, 2), b"3456", b"ab23456789")
        broken = Plain in layers
        assert (driver.fast, driver.packets) == ((0, 2) if broken else (2, 0))
        if layers and layers[-1] is Knows:
            assert filters[-1].seen == 1  # type: ignore[attr-defined]
        for device in reversed(devices):
            system.io.unload(device.driver)


def test_a_pass_through_table_says_no_where_nobody_below_has_one(system: System) -> None:
    devices = load_stack(system, Told(agreeing(0)), Knows())
    table = pass_through()
    for slot in SLOTS:
        if getattr(table, slot) is not None:
            assert getattr(table, slot)(None, IoStatusBlock(), devices[1]) is False
    for device in reversed(devices):
        system.io.unload(device.driver)


# --- what it may answer -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("mine"), BugCheck(BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS)])
def test_an_exception_counts_as_no_and_a_bug_check_goes_on(system: System, error: Exception) -> None:
    def fails(*_: Any) -> bool:
        raise error

    driver = Told(agreeing(STATUS_SUCCESS, 3), device_control=fails)
    with ServiceBench(system, driver) as bench:
        arguments = bench.open(), None, None, None, bench.iosb, CODE
        if isinstance(error, BugCheck):
            with pytest.raises(BugCheck):
                services.device_control(*arguments)
        else:
            assert services.device_control(*arguments) == STATUS_SUCCESS
            assert bench.answered == (STATUS_SUCCESS, 3)
            assert bench.device.last_error is error


@pytest.mark.parametrize("synchronous", [True, False])
@pytest.mark.parametrize("status", [STATUS_SUCCESS, STATUS_BUFFER_OVERFLOW, STATUS_UNSUCCESSFUL])
def test_a_fast_device_control_is_the_end_of_it(system: System, status: int, synchronous: bool) -> None:
    driver = Told(agreeing(0), device_control=always(status, 5))
    with ServiceBench(system, driver) as bench:
        bound, free = bench.open(synchronous=synchronous), bench.open(synchronous=synchronous)
        port = bench.bind(bound, 123)
        before = bound.event.read_state()
        assert services.device_control(bound, bench.event, None, 456, bench.iosb, CODE) == status
        packets = [] if nt_error(status) else [(123, 456, status, 5)]  # an error returned at once queues nothing
        assert (bench.seen, port.packets) == (((status, 5), True), packets)
        assert bound.event.read_state() == before  # the file's own event is left alone
        services.device_control(bound, None, None, None, bench.iosb, CODE)
        assert port.packets == packets
        services.device_control(free, None, lambda *_: pytest.fail("ran"), 456, bench.iosb, CODE)
        assert wait_alertable(system.hal, system.io.threads.current(), None, 0) == STATUS_TIMEOUT
        assert driver.packets == []


def test_what_a_fast_device_control_is_given(system: System) -> None:
    asked: list[tuple[Any, ...]] = []
    driver = Told(agreeing(0), device_control=lambda *arguments: asked.append(arguments) or False)
    with ServiceBench(system, driver) as bench:
        file, output = bench.open(synchronous=False), bytearray(7)
        services.device_control(file, None, None, None, bench.iosb, CODE, b"abc", None, output)
        got_file, wait, given, input_length, wanted, output_length, code, _, device = asked[0]
        assert (got_file, wait, bytes(given), input_length) == (file, True, b"abc", 3)
        assert (wanted.obj is output, output_length, code, device) == (True, 7, CODE, bench.device)
        assert len(driver.packets) == 1


@pytest.mark.parametrize(
    ("slot", "number", "structure"),
    [
        ("query_basic_info", major.FILE_BASIC_INFORMATION_CLASS, FILE_BASIC_INFORMATION),
        ("query_standard_info", major.FILE_STANDARD_INFORMATION_CLASS, FILE_STANDARD_INFORMATION),
        ("query_network_open_info", major.FILE_NETWORK_OPEN_INFORMATION_CLASS, FILE_NETWORK_OPEN_INFORMATION),
    ],
)
@pytest.mark.parametrize("synchronous", [True, False])
def test_information_is_asked_for_fast(
    system: System, slot: str, number: int, structure: Any, synchronous: bool
) -> None:
    driver = Told(agreeing(0), **{slot: always(STATUS_SUCCESS, structure.itemsize)})
    with ServiceBench(system, driver) as bench:
        file = bench.open(synchronous=synchronous)
        buffer = bytearray(structure.itemsize)
        assert services.query_information(file, bench.iosb, buffer, None, number) == STATUS_SUCCESS
        assert (bench.answered, driver.packets) == ((STATUS_SUCCESS, structure.itemsize), [])
        other = major.FILE_INTERNAL_INFORMATION_CLASS
        services.query_information(file, bench.iosb, buffer, None, other)
        assert len(driver.packets) == 1


def test_locks_are_asked_for_fast(system: System) -> None:
    asked: list[tuple[Any, ...]] = []

    def grant(*arguments: Any) -> bool:
        asked.append(arguments)
        return always(STATUS_SUCCESS)(*arguments)

    with ServiceBench(system, Told(agreeing(0), lock=grant, unlock_single=grant)) as bench:
        file = bench.open(synchronous=False)
        lock = services.lock_file(file, bench.event, None, None, bench.iosb, 10, 20, 7, exclusive=False)
        assert (lock, bench.seen, file.lock_operation) == (STATUS_SUCCESS, ((0, 0), True), True)
        assert asked[0][:7] == (file, 10, 20, None, 7, True, False)
        bench.again()
        assert services.unlock_file(file, bench.iosb, 10, 20, 7) == STATUS_SUCCESS
        assert asked[1][:5] == (file, 10, 20, None, 7)
        assert bench.answered != UNTOUCHED


# --- equality ---------------------------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(
    content=st.binary(max_size=30),
    requests=st.lists(
        st.tuples(st.booleans(), st.one_of(st.none(), st.integers(0, 40)), st.binary(max_size=20)), max_size=10
    ),
)
def test_fast_and_packets_give_the_same(content: bytes, requests: list[tuple[bool, int | None, bytes]]) -> None:
    stories = []
    with System("simulated", processors=1) as system:
        for name in ("", "\\cached"):
            driver = Cached(content)
            with ServiceBench(system, driver) as bench:
                file, story = bench.open(name), []
                for writes, offset, data in requests:
                    bench.again()
                    buffer = bytearray(data)
                    service = services.write_file if writes else services.read_file
                    result = service(file, bench.event, None, None, bench.iosb, buffer, None, offset)
                    # A fast END_OF_FILE is written to the block, one by packet is not.
                    story.append((result, None if result == STATUS_END_OF_FILE else bench.seen, bytes(buffer)))
                stories.append((story, bytes(driver.content)))
                assert (driver.packets if name else driver.fast) == 0
    assert stories[0] == stories[1]
