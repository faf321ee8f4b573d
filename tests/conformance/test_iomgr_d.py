"""Group D: reading and writing a 17-byte file on a buffered device, synchronous handle, with and without fast I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from ntio import System
from ntio.driver_kit import DeviceObject, Irp, major
from ntio.io_manager import services
from ntio.io_manager.io_status import IoStatusBlock
from ntio.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_OVERFLOW,
    STATUS_END_OF_FILE,
    STATUS_INVALID_PARAMETER,
    STATUS_PENDING,
    STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL,
    STATUS_VERIFY_REQUIRED,
    nt_error,
)
from service_bench import UNTOUCHED, ServiceBench, Told, short

Observed = Callable[[str], None]

FILE_SIZE = 17
INFORMATION, WARNING = 0x4EADBEEF, 0x8EADBEEF
STATUSES = (
    STATUS_SUCCESS, INFORMATION, WARNING, STATUS_BUFFER_OVERFLOW, STATUS_VERIFY_REQUIRED, STATUS_END_OF_FILE,
    STATUS_UNSUCCESSFUL, 0xCEADBEEF,
)  # fmt: skip
ERRORS = tuple(status for status in STATUSES if nt_error(status))
NO_ERRORS = tuple(status for status in STATUSES if not nt_error(status))


class SmallFile(Told):
    """17 bytes of 0x44 that every read finds, ended as `status` says; `accepts` is what the fast routines return."""

    def __init__(self) -> None:
        super().__init__(self._packet, major.DO_BUFFERED_IO, read=self._fast_read, write=self._fast_write)
        self.status, self.pended, self.accepts = STATUS_SUCCESS, False, False
        self.written: list[bytes] = []
        #: What the fast routines were called with.
        self.asked: list[tuple[Any, ...]] = []

    def _packet(self, device: DeviceObject, irp: Irp) -> int:
        location, answer = irp.location, IoStatusBlock()
        if self.pended:
            irp.mark_pending()
        if location.major == major.IRP_MJ_READ:
            self._read(location.byte_offset, location.length, irp.system_buffer, answer)
        else:
            self.written.append(b"" if irp.system_buffer is None else bytes(irp.system_buffer))
            answer.status, answer.information = self.status, location.length
        irp.complete(answer.status, answer.information)
        return STATUS_PENDING if self.pended else answer.status

    def _read(self, offset: int, length: int, buffer: Any, answer: IoStatusBlock) -> None:
        if not length or buffer is None:
            answer.status, answer.information = STATUS_BUFFER_OVERFLOW, FILE_SIZE - offset
            return
        count = min(length, FILE_SIZE - offset)
        buffer[:count] = b"\x44" * count
        answer.status, answer.information = self.status, count

    def _fast_read(self, *asked: Any) -> bool:
        _, offset, length, _, _, buffer, answer, _ = asked
        self.asked.append(asked)
        self._read(offset, length, buffer, answer)
        return self.accepts

    def _fast_write(self, *asked: Any) -> bool:
        _, _, length, _, _, _, answer, _ = asked
        self.asked.append(asked)
        answer.status, answer.information = self.status, length
        return self.accepts


@pytest.fixture
def driver() -> SmallFile:
    return SmallFile()


@pytest.fixture
def bench(system: System, driver: SmallFile) -> Iterator[ServiceBench]:
    with ServiceBench(system, driver) as one:
        yield one


def test_case_43_read_without_buffer(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """Read 32 bytes to NULL, every way: ACCESS_VIOLATION, block untouched, event clear, nothing sent."""
    for name, driver.accepts in product(("", "\\cached"), (False, True)):
        result = services.read_file(bench.open(name), bench.event, None, None, bench.iosb, None, 32, 0, 0x22)
        assert (result, bench.seen) == (STATUS_ACCESS_VIOLATION, (UNTOUCHED, False))
    assert (driver.packets, driver.asked) == ([], [])
    observed(f"{short(result)}; {bench.shown()}")


@pytest.mark.row("R25")
def test_case_45_empty_read_with_a_claim(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """Read of 0 bytes, driver claims 17 and BUFFER_OVERFLOW. Packet: that, or ACCESS_VIOLATION when it pended, block
    untouched. Accepted by fast I/O: BUFFER_OVERFLOW, block 17, event set."""
    plain, cached = bench.open(), bench.open("\\cached")
    seen = []
    for buffer, (file, accepts, pended) in product(
        (None, bytearray(b"\x55" * 32)),
        ((plain, True, False), (plain, True, True), (cached, False, False), (cached, True, False)),
    ):
        bench.again()
        driver.accepts, driver.pended = accepts, pended
        result = services.read_file(file, bench.event, None, None, bench.iosb, buffer, 0, 0, 0x11)
        fast = file is cached and accepts
        assert result == (STATUS_ACCESS_VIOLATION if pended else STATUS_BUFFER_OVERFLOW)
        assert bench.seen == (((STATUS_BUFFER_OVERFLOW, 17), True) if fast else (UNTOUCHED, False))
        assert buffer is None or buffer[0] == 0x55
        way = "fast" if fast else "packet, pended" if pended else "packet"
        seen.append(f"{way}: {short(result)}, {bench.shown()}")
    observed("; ".join(sorted(set(seen))))


@pytest.mark.row("R21")
def test_case_46_read(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """Read 32 bytes, ended with no error, at once or pended: that status, block with 17, event set, 17 bytes, no 18th.

    VERIFY_REQUIRED is the one warning whose data is not copied."""
    file = bench.open()
    for driver.status, driver.pended in product(NO_ERRORS, (False, True)):
        bench.again()
        buffer = bytearray(b"\x55" * 32)
        result = services.read_file(file, bench.event, None, None, bench.iosb, buffer, None, 0, 0x44)
        assert (result, bench.seen) == (driver.status, ((driver.status, FILE_SIZE), True))
        copied = b"\x44" * FILE_SIZE if driver.status != STATUS_VERIFY_REQUIRED else b"\x55" * FILE_SIZE
        assert buffer == copied + b"\x55" * 15
    observed(f"{len(NO_ERRORS)} statuses as expected")


@pytest.mark.row("R21")
def test_case_47_failed_read(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """Read ended with an NT_ERROR by packet, at once or pended: returned; block and event untouched, no data."""
    file = bench.open()
    for driver.status, driver.pended in product(ERRORS, (False, True)):
        bench.again()
        buffer = bytearray(b"\x55" * 32)
        result = services.read_file(file, bench.event, None, None, bench.iosb, buffer, None, 0, 0x44)
        assert (result, bench.seen) == (driver.status, (UNTOUCHED, False))
        assert buffer == b"\x55" * 32
    observed(f"{len(ERRORS)} statuses as expected")


@pytest.mark.row("R25")
def test_case_49_end_of_file_by_fast_io(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """Cached, fast I/O says TRUE with END_OF_FILE, an NT_ERROR: the block is written, the event set, no packet."""
    driver.accepts, driver.status = True, STATUS_END_OF_FILE
    file = bench.open("\\cached")
    result = services.read_file(file, bench.event, None, None, bench.iosb, bytearray(32), None, 0, 0x44)
    assert (result, bench.seen) == (STATUS_END_OF_FILE, ((STATUS_END_OF_FILE, FILE_SIZE), True))
    assert driver.packets == []
    observed(f"{short(result)}; {bench.shown()}")


@pytest.mark.row("R25")
def test_case_50_other_statuses_of_fast_io(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """Cached, fast I/O says TRUE with any other status, or FALSE: a packet with the same key follows."""
    file, seen = bench.open("\\cached"), []
    for driver.status, driver.accepts in product(STATUSES, (False, True)):
        driver.packets.clear()
        driver.asked.clear()
        bench.again()
        buffer = bytearray(b"\x55" * 32)
        result = services.read_file(file, bench.event, None, None, bench.iosb, buffer, None, 0, 0x144)
        believed = driver.accepts and driver.status in (STATUS_SUCCESS, STATUS_BUFFER_OVERFLOW, STATUS_END_OF_FILE)
        assert (result, len(driver.asked), driver.asked[0][4]) == (driver.status, 1, 0x144)
        assert driver.packets == ([] if believed else [(major.IRP_MJ_READ, 0x144, major.SL_KEY_SPECIFIED)])
        written = believed or not nt_error(driver.status)
        assert bench.seen == (((driver.status, FILE_SIZE), True) if written else (UNTOUCHED, False))
        assert buffer[:FILE_SIZE] == b"\x44" * FILE_SIZE  # the fast routine wrote it, whatever came then
        if driver.accepts and not believed:
            seen.append(f"{driver.status:#x}")
    observed(f"packets after TRUE with {', '.join(seen)}")


@pytest.mark.row("R25")
def test_case_52_not_cached(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """A file that is not cached: fast I/O is never asked."""
    driver.accepts, file = True, bench.open()
    assert services.read_file(file, None, None, None, bench.iosb, bytearray(32), None, 0) == STATUS_SUCCESS
    assert services.write_file(file, None, None, None, bench.iosb, b"1234", None, 0) == STATUS_SUCCESS
    assert (len(driver.packets), driver.asked) == (2, [])
    observed("two packets, nothing asked")


@pytest.mark.row("R25")
def test_case_53_what_fast_io_is_given(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """Fast I/O gets Wait TRUE, the caller's buffer, the top device, an offset and a status block of the system's."""
    driver.accepts, file, buffer = True, bench.open("\\cached"), bytearray(32)
    services.read_file(file, None, None, None, bench.iosb, buffer, None, 5, 0x44)
    (got_file, offset, length, wait, key, view, answer, device) = driver.asked[0]
    assert (got_file, offset, length, wait, key, device) == (file, 5, 32, True, 0x44, bench.device)
    assert view.obj is buffer
    assert answer is not bench.iosb
    observed("as expected")


@pytest.mark.row("R21", "R25")
def test_case_54_write(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """Writes mirror 46 and 47; one of 0 bytes, NULL or not, reaches the driver, Information 0; 32 from NULL do not."""
    file, violation = bench.open(), STATUS_ACCESS_VIOLATION
    for driver.status, driver.pended in product(STATUSES, (False, True)):
        for data, length in ((b"\x44" * 32, 32), (b"\x44" * 32, 0), (None, 0)):
            bench.again()
            driver.written.clear()
            result = services.write_file(file, bench.event, None, None, bench.iosb, data, length, 0, 0x44)
            expected = (UNTOUCHED, False) if nt_error(driver.status) else ((driver.status, length), True)
            assert (result, bench.seen) == (driver.status, expected)
            assert driver.written == [b"\x44" * length]
        bench.again()
        result = services.write_file(file, bench.event, None, None, bench.iosb, None, 32, 0, 0x44)
        assert (result, bench.seen) == (violation, (UNTOUCHED, False))
    observed(f"{len(STATUSES)} statuses as expected; without buffer {short(violation)}")


def test_case_56_no_intermediate_buffering(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """No-buffering handle, unaligned length, offset or buffer: INVALID_PARAMETER, no packet; aligned: SUCCESS."""
    file = bench.open(options=major.FILE_NO_INTERMEDIATE_BUFFERING)
    memory = bench.system.io.memory
    page = memory.allocate(4096)
    for address, length, offset in ((page, 511, 0), (page, 512, 7), (page + 1, 512, 0)):
        for service in (services.read_file, services.write_file):
            result = service(file, None, None, None, bench.iosb, address, length, offset)
            assert (result, bench.answered, driver.packets) == (STATUS_INVALID_PARAMETER, UNTOUCHED, [])
    assert services.read_file(file, None, None, None, bench.iosb, page, 512, 0) == STATUS_SUCCESS
    memory.free(page)
    observed(f"{short(result)}; aligned SUCCESS, {bench.iosb.information}")


@pytest.mark.row("R31")
def test_case_57_asynchronous_without_offset(bench: ServiceBench, driver: SmallFile, observed: Observed) -> None:
    """Asynchronous file, read or write without an offset: INVALID_PARAMETER, nothing sent."""
    file = bench.open(synchronous=False)
    for service in (services.read_file, services.write_file):
        result = service(file, None, None, None, bench.iosb, bytearray(4))
        assert (result, bench.answered, driver.packets) == (STATUS_INVALID_PARAMETER, UNTOUCHED, [])
    observed(short(result))
