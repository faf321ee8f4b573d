"""Group C: what the services give back, for every way in which a driver can end and return a request.

R is what the driver's routine returned, S what it ended the request with, P whether it marked the request pending. The
sweeps leave out "returned STATUS_PENDING without marking", which can hang the real kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pytest

from ntio import System
from ntio.abi import CTL_CODE, METHOD_BUFFERED, METHOD_NEITHER, METHOD_OUT_DIRECT
from ntio.driver_kit import DeviceObject, Irp, major
from ntio.io_manager import services
from ntio.kernel.apc import wait_alertable
from ntio.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_DEVICE_NOT_READY,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_IMPLEMENTED,
    STATUS_PENDING,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
    STATUS_USER_APC,
    nt_error,
)
from service_bench import UNTOUCHED, ServiceBench, Told, agreeing, answering, short

Observed = Callable[[str], None]

METHODS = (METHOD_BUFFERED, METHOD_OUT_DIRECT, METHOD_NEITHER)
STATUSES = (
    STATUS_SUCCESS, STATUS_PENDING, STATUS_TIMEOUT, 0x0EADBEEF, 0x4EADBEEF, STATUS_BUFFER_OVERFLOW, 0x8EADBEEF,
    STATUS_NOT_IMPLEMENTED, 0xCEADBEEF,
)  # fmt: skip


class Sweep:
    """Every combination of R, S, P and method, one after the other on one device."""

    def __init__(self, system: System) -> None:
        self.driver = Told(agreeing(0))
        self.bench = ServiceBench(system, self.driver)
        self.buffer = bytearray(b"abcdef")

    def __iter__(self) -> Iterator[tuple[int, int, bool, int]]:
        for returned, ended, pended, method in product(STATUSES, STATUSES, (False, True), METHODS):
            if returned == STATUS_PENDING and not pended:
                continue
            self.driver.routine = answering(returned, ended, 3, pended=pended, data=b"ghijkl")
            self.bench.again()
            self.buffer[:] = b"abcdef"
            yield returned, ended, pended, CTL_CODE(0x22, 0x800, method, 0)


@pytest.fixture
def sweep(system: System) -> Iterator[Sweep]:
    one = Sweep(system)
    yield one
    one.bench.close()


@pytest.mark.row("R21")
def test_case_27_the_result_of_a_call(sweep: Sweep, observed: Observed) -> None:
    """Synchronous file, every R, S and P: the result is S if R is PENDING, else R."""
    file, count = sweep.bench.open(), 0
    for returned, ended, _, code in sweep:
        result = services.device_control(file, None, None, None, sweep.bench.iosb, code, None, None, sweep.buffer)
        assert result == (ended if returned == STATUS_PENDING else returned)
        count += 1
    observed(f"{count} combinations as expected")


@pytest.mark.row("R21")
def test_case_28_the_status_block_of_a_synchronous_call(sweep: Sweep, observed: Observed) -> None:
    """Synchronous file, every R, S and P: the block is written if and only if S is no NT_ERROR, Information as set."""
    file, count = sweep.bench.open(), 0
    for _, ended, _, code in sweep:
        services.device_control(file, None, None, None, sweep.bench.iosb, code, None, None, sweep.buffer)
        assert sweep.bench.answered == (UNTOUCHED if nt_error(ended) else (ended, 3))
        count += 1
    observed(f"{count} combinations as expected")


@pytest.mark.row("R13", "R21")
def test_case_29_output_bytes(sweep: Sweep, observed: Observed) -> None:
    """6 bytes of output, Information 3: buffered gives 3 of them unless S is an NT_ERROR; direct and neither all 6."""
    file, results = sweep.bench.open(), set()
    for _, ended, _, code in sweep:
        services.device_control(file, None, None, None, sweep.bench.iosb, code, None, None, sweep.buffer)
        buffered = b"abcdef" if nt_error(ended) else b"ghidef"
        assert sweep.buffer == (buffered if code & 3 == METHOD_BUFFERED else b"ghijkl")
        results.add(f"method {code & 3}, {'error' if nt_error(ended) else 'no error'}: {sweep.buffer.decode()}")
    observed(", ".join(sorted(results)))


@pytest.mark.row("R21", "R31")
def test_case_31_asynchronous_error_at_once(sweep: Sweep, observed: Observed) -> None:
    """Asynchronous file, S an NT_ERROR, not P: R; block untouched, event clear, no packet, no APC."""
    bench, count = sweep.bench, 0
    bound, free = bench.open(synchronous=False), bench.open(synchronous=False)
    port, ran = bench.bind(bound, 123), []
    for returned, ended, pended, code in sweep:
        if pended or not nt_error(ended):
            continue
        result = services.device_control(bound, bench.event, None, 456, bench.iosb, code, None, None, sweep.buffer)
        assert (result, bench.seen, port.packets) == (returned, (UNTOUCHED, False), [])
        services.device_control(free, None, lambda *got: ran.append(got), 456, bench.iosb, code)
        assert (bench.answered, free.event.read_state()) == (UNTOUCHED, False)
        count += 1
    assert wait_alertable(bench.system.hal, bench.system.io.threads.current(), None, 0) == STATUS_TIMEOUT
    assert ran == []
    observed(f"{count} combinations as expected")


@pytest.mark.row("R21", "R31", "R36")
def test_case_32_asynchronous_otherwise(sweep: Sweep, observed: Observed) -> None:
    """Asynchronous file, otherwise: R; block S and 3, event set, packet (key, context, S, 3), APC once."""
    bench, count = sweep.bench, 0
    bound, free = bench.open(synchronous=False), bench.open(synchronous=False)
    port, ran = bench.bind(bound, 123), []
    thread = bench.system.io.threads.current()
    for returned, ended, pended, code in sweep:
        if not pended and nt_error(ended):
            continue
        result = services.device_control(bound, bench.event, None, 456, bench.iosb, code, None, None, sweep.buffer)
        assert (result, bench.seen) == (returned, ((ended, 3), True))
        assert (port.packets.pop(), port.packets) == ((123, 456, ended, 3), [])
        assert not bound.event.read_state()  # there was an event of the caller's
        services.device_control(bound, None, None, None, bench.iosb, code, None, None, sweep.buffer)
        assert port.packets == []  # no context, no packet
        assert bound.event.read_state()
        services.device_control(
            free, None, lambda *got: ran.append(got), 456, bench.iosb, code, None, None, sweep.buffer
        )
        assert ran == []
        assert wait_alertable(bench.system.hal, thread, None, 0) == STATUS_USER_APC
        assert (ran.pop(), ran) == ((456, bench.iosb), [])
        count += 1
    observed(f"{count} combinations as expected")


@pytest.mark.row("R21")
def test_case_34_the_event_is_cleared_first(system: System, observed: Observed) -> None:
    """Event set beforehand, the request errors at once: the event ends clear."""
    with ServiceBench(system, Told(agreeing(STATUS_NOT_IMPLEMENTED))) as bench:
        file, code = bench.open(synchronous=False), CTL_CODE(0x22, 0x800, METHOD_BUFFERED, 0)
        bench.event.set()
        result = services.device_control(file, bench.event, None, None, bench.iosb, code)
        assert (result, bench.seen) == (STATUS_NOT_IMPLEMENTED, (UNTOUCHED, False))
        observed(f"{short(result)}; {bench.shown()}")


@pytest.mark.row("R21", "R35")
def test_case_36_apc_and_port(system: System, observed: Observed) -> None:
    """APC routine on a file with a completion port: INVALID_PARAMETER, nothing sent."""
    driver = Told(agreeing(0))
    with ServiceBench(system, driver) as bench:
        file, code = bench.open(synchronous=False), CTL_CODE(0x22, 0x800, METHOD_BUFFERED, 0)
        bench.bind(file, 1)
        results = {
            services.device_control(file, None, print, None, bench.iosb, code),
            services.read_file(file, None, print, None, bench.iosb, bytearray(4), byte_offset=0),
            services.write_file(file, None, print, None, bench.iosb, b"1234", byte_offset=0),
        }
        assert (results, bench.answered, driver.packets) == ({STATUS_INVALID_PARAMETER}, UNTOUCHED, [])
        observed(short(results.pop()))


@pytest.mark.row("R31")
def test_case_38_a_fresh_asynchronous_file(system: System, observed: Observed) -> None:
    """A freshly opened asynchronous file, waited for: it is signalled."""
    with ServiceBench(system, Told(agreeing(0))) as bench:
        file = bench.open(synchronous=False)
        assert file.event.read_state()
        assert file.event.wait(0)
        observed("signalled")


@pytest.mark.row("R21")
def test_case_40_pended_and_failed_information(system: System, observed: Observed) -> None:
    """Volume query pended, ended DEVICE_NOT_READY: returned; block untouched (synchronous), written (asynchronous)."""
    routine = agreeing(STATUS_DEVICE_NOT_READY, pended=True)
    kind = major.FILE_FS_FULL_SIZE_INFORMATION_CLASS
    with ServiceBench(system, Told(routine)) as bench:
        seen = []
        for synchronous, expected in ((True, UNTOUCHED), (False, (STATUS_DEVICE_NOT_READY, 0))):
            bench.again()
            file = bench.open(synchronous=synchronous)
            result = services.query_volume_information(file, bench.iosb, bytearray(40), None, kind)
            assert (result, bench.answered) == (STATUS_DEVICE_NOT_READY, expected)
            seen.append(f"{'synchronous' if synchronous else 'asynchronous'}: {short(result)}, {bench.shown()}")
        observed("; ".join(seen))


@pytest.mark.row("R21")
def test_case_41_volume_information_that_does_not_exist(system: System, observed: Observed) -> None:
    """Volume query the driver does not know, synchronous file: NOT_IMPLEMENTED, block untouched."""
    with ServiceBench(system, Told(agreeing(STATUS_NOT_IMPLEMENTED))) as bench:
        kind = major.FILE_FS_ATTRIBUTE_INFORMATION_CLASS
        result = services.query_volume_information(bench.open(), bench.iosb, bytearray(40), None, kind)
        assert (result, bench.answered) == (STATUS_NOT_IMPLEMENTED, UNTOUCHED)
        observed(f"{short(result)}; {bench.shown()}")


@pytest.mark.row("R13")
def test_case_42_output_shorter_than_the_answer(system: System, observed: Observed) -> None:
    """Driver has 18 bytes, OutputBufferLength 10: 10 bytes, Information 10, the 11th unchanged."""
    text = b"ntio is no kernel\0"

    def answer(device: DeviceObject, irp: Irp) -> int:
        count = min(len(text), irp.location.output_length)
        assert irp.buffer is not None
        irp.buffer[:count] = text[:count]
        return irp.complete(information=count)

    with ServiceBench(system, Told(answer)) as bench:
        buffer, code = bytearray(b"\x55" * 32), CTL_CODE(0x22, 0x800, METHOD_BUFFERED, 0)
        result = services.device_control(bench.open(), None, None, None, bench.iosb, code, bytes(64), None, buffer, 10)
        assert (result, bench.answered, buffer[:11]) == (STATUS_SUCCESS, (0, 10), b"ntio is no\x55")
        observed(f"{short(result)}; {bench.shown()}; {bytes(buffer[:10])!r}")
