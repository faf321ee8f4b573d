"""How a caller's bytes reach a driver: the three ways, control codes, and callers' buffers that are no good."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntio import System
from ntio.abi import CTL_CODE, METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_NEITHER, METHOD_OUT_DIRECT
from ntio.driver_kit import DeviceObject, FilterDriver, Irp, input_of, major
from ntio.io_manager import services
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.transfer import access_of, capture, code_allowed, device_type_of, function_of, method_of
from ntio.memory.address_space import AddressSpace
from ntio.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_OVERFLOW,
    STATUS_END_OF_FILE,
    STATUS_SUCCESS,
    NtError,
    nt_error,
)
from service_bench import UNTOUCHED, ServiceBench, Told, agreeing

pytestmark = pytest.mark.row("R13", "R21")

WAYS = {"buffered": major.DO_BUFFERED_IO, "direct": major.DO_DIRECT_IO, "neither": 0}
METHODS = (METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_OUT_DIRECT, METHOD_NEITHER)


def violates(*arguments: Any, **keywords: Any) -> bool:
    try:
        capture(*arguments, **keywords)
    except NtError as error:
        return error.status == STATUS_ACCESS_VIOLATION
    return False


# --- codes ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFF), st.integers(0, 3), st.integers(0, 3))
def test_a_control_code_comes_apart_again(device_type: int, function: int, method: int, access: int) -> None:
    code = CTL_CODE(device_type, function, method, access)
    assert (device_type_of(code), function_of(code), method_of(code), access_of(code)) == (
        device_type, function, method, access,
    )  # fmt: skip


def test_access_bits_need_the_files_access() -> None:
    for access in range(4):
        code = CTL_CODE(0x22, 0x800, 0, access)
        assert [granted for granted in range(4) if code_allowed(code, granted)] == [
            granted for granted in range(4) if granted & access == access
        ]


# --- callers' buffers -------------------------------------------------------------------------------------------------


@pytest.fixture
def memory(system: System) -> AddressSpace:
    return system.io.memory


def test_a_buffer_that_cannot_be_used_so_is_a_violation(memory: AddressSpace) -> None:
    user = {"mode": major.USER_MODE}
    assert violates(memory, None, 1, writing=False, **user)
    assert violates(memory, bytearray(3), 4, writing=True, **user)
    assert violates(memory, b"abcd", 4, writing=True, **user)
    assert violates(memory, 0x1000, 4, writing=True, **user)
    assert violates(memory, bytearray(3), -1, writing=True, **user)
    assert violates(memory, None, -1, writing=True, mode=major.KERNEL_MODE)
    assert not violates(memory, b"abcd", 4, writing=False, **user)
    assert not violates(memory, None, 0, writing=True, **user)
    assert not violates(memory, b"abcd", 0, writing=True, **user)
    assert not violates(memory, 0x1000, 0, writing=True, **user)


def test_kernel_callers_are_trusted(memory: AddressSpace) -> None:
    captured = capture(memory, None, 5, writing=True, mode=major.KERNEL_MODE)
    assert (captured.view, captured.length) == (None, 5)


@pytest.mark.parametrize("buffer", [bytearray(8), np.zeros((2, 4), np.uint8), np.zeros(1, np.uint64)], ids=repr)
def test_any_contiguous_buffer_is_bytes(memory: AddressSpace, buffer: Any) -> None:
    captured = capture(memory, buffer, None, writing=True, mode=major.USER_MODE)
    assert captured.view is not None
    captured.view[:] = b"12345678"
    assert (captured.length, bytes(buffer)) == (8, b"12345678")


def test_an_address_the_system_knows_is_a_buffer(memory: AddressSpace) -> None:
    address = memory.allocate(4096)
    captured = capture(memory, address + 4, 4, writing=True, mode=major.USER_MODE)
    assert captured.view is not None
    captured.view[:] = b"abcd"
    assert bytes(memory.view(address, 9)) == b"\0\0\0\0abcd\0"
    memory.free(address)


# --- the three ways ---------------------------------------------------------------------------------------------------


class Medium(Told):
    """Bytes that reads and writes go to; what is asked for and not there ends as `status` says."""

    def __init__(self, flags: int, content: bytes, status: int, pended: bool) -> None:
        super().__init__(self._do, flags)
        self.content = bytearray(content)
        self._status, self._pended = status, pended

    def _do(self, device: DeviceObject, irp: Irp) -> int:
        location = irp.location
        part = memoryview(self.content)[location.byte_offset :][: location.length]
        assert irp.buffer is not None
        if location.major == major.IRP_MJ_READ:
            irp.buffer[: len(part)] = part
        else:
            part[:] = irp.buffer[: len(part)]
        short = len(part) < location.length
        return agreeing(self._status if short else 0, len(part), pended=self._pended)(device, irp)


@settings(max_examples=60)
@given(
    content=st.binary(max_size=40),
    requests=st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 30)), max_size=8),
    status=st.sampled_from([STATUS_SUCCESS, STATUS_BUFFER_OVERFLOW, STATUS_END_OF_FILE]),
    pended=st.booleans(),
    synchronous=st.booleans(),
)
def test_buffered_direct_and_neither_are_the_same_to_a_caller(
    content: bytes, requests: list[tuple[bool, int, int]], status: int, pended: bool, synchronous: bool
) -> None:
    seen = {}
    with System("simulated", processors=1) as system:
        for way, flags in WAYS.items():
            driver = Medium(flags, content, status, pended)
            with ServiceBench(system, driver) as bench:
                seen[way] = list(_story(bench, requests, synchronous)), bytes(driver.content)
    for (result, block, data), (other, other_block, other_data) in zip(
        seen["direct"][0], seen["neither"][0], strict=True
    ):
        assert (result, block, data) == (other, other_block, other_data)
    for (result, block, data), (other, other_block, other_data) in zip(
        seen["buffered"][0], seen["direct"][0], strict=True
    ):
        assert (result, block) == (other, other_block)
        assert data == other_data or nt_error(result) or nt_error(block[0])  # an error's data is not copied
    assert seen["buffered"][1] == seen["direct"][1] == seen["neither"][1]


def _story(bench: ServiceBench, requests: list[tuple[bool, int, int]], synchronous: bool) -> Any:
    file = bench.open(synchronous=synchronous)
    for writes, offset, length in requests:
        bench.again()
        buffer = bytearray(b"u" * length)
        service = services.write_file if writes else services.read_file
        result = service(file, bench.event, None, None, bench.iosb, buffer, length, offset)
        yield result, bench.seen, bytes(buffer)


@pytest.mark.parametrize("way", WAYS)
def test_a_driver_finds_each_ways_fields(system: System, way: str) -> None:
    found: list[tuple[bool, ...]] = []

    def look(device: DeviceObject, irp: Irp) -> int:
        found.append((irp.system_buffer is not None, irp.mdl is not None, irp.user_buffer is not None))
        assert irp.buffer is not None and bytes(irp.buffer) == b"abcd"
        return irp.complete(information=4)

    with ServiceBench(system, Told(look, WAYS[way])) as bench:
        file = bench.open()
        services.write_file(file, None, None, None, bench.iosb, b"abcd", None, 0)
    assert found == [(way == "buffered", way == "direct", way == "neither")]


class Inverting(FilterDriver):
    """Sends other bytes down, and turns what comes up."""

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down(buffer=~irp.array)

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down(self._turn, buffer=bytearray(irp.location.length))

    def _turn(self, device: DeviceObject, irp: Irp) -> None:
        irp.array[:] = 0xEE  # the caller's own bytes are back


@pytest.mark.parametrize("way", WAYS)
def test_a_substitute_is_found_wherever_the_driver_below_looks(system: System, way: str) -> None:
    places: list[tuple[bytes, ...]] = []

    def look(device: DeviceObject, irp: Irp) -> int:
        mdl = irp.mdl
        raw = {"buffered": irp.system_buffer, "direct": mdl and mdl.system_view(), "neither": irp.user_buffer}[way]
        assert raw is not None and irp.buffer is not None
        places.append((bytes(raw), bytes(irp.buffer)))
        if irp.location.major == major.IRP_MJ_READ:
            raw[:] = b"read"
        return irp.complete(information=4)

    with ServiceBench(system, Told(look, WAYS[way])) as bench:
        above = system.load(Inverting(), bench.device)
        assert above.flags & 0x14 == WAYS[way]
        file, data, buffer = bench.open(), b"\x00\x0f\xf0\xff", bytearray(4)
        assert services.write_file(file, None, None, None, bench.iosb, data, None, 0) == STATUS_SUCCESS
        assert services.read_file(file, None, None, None, bench.iosb, buffer, None, 0) == STATUS_SUCCESS
        assert places == [(b"\xff\xf0\x0f\x00",) * 2, (b"\0" * 4,) * 2]
        assert buffer == b"\xee" * 4
        system.io.unload(above.driver)


def test_a_buffered_writer_cannot_be_heard_changing_its_mind(system: System) -> None:
    held: list[Irp] = []

    def keep(device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        held.append(irp)
        return 0x103

    with ServiceBench(system, Told(keep, major.DO_BUFFERED_IO)) as bench:
        data = bytearray(b"abcd")
        services.write_file(bench.open(synchronous=False), None, None, None, bench.iosb, data, None, 0)
        data[:] = b"xxxx"
        assert held[0].buffer is not None and bytes(held[0].buffer) == b"abcd"
        held[0].complete(0, 4)
        assert bench.answered == (0, 4)


# --- control requests -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_input_and_output_of_a_control_request(system: System, method: int) -> None:
    shapes: list[tuple[Any, ...]] = []

    def swap(device: DeviceObject, irp: Irp) -> int:
        location = irp.location
        given = bytes(input_of(irp))
        shapes.append((location.control_code, location.input_length, location.output_length, given))
        assert irp.buffer is not None
        if method != METHOD_IN_DIRECT:
            irp.buffer[: len(given)] = given[::-1]
        return irp.complete(information=len(given))

    code = CTL_CODE(0x22, 0x801, method, 0)
    with ServiceBench(system, Told(swap)) as bench:
        output = bytearray(b"......")
        result = services.device_control(bench.open(), None, None, None, bench.iosb, code, b"abcd", None, output)
        assert (result, bench.answered) == (STATUS_SUCCESS, (STATUS_SUCCESS, 4))
        assert output == (b"......" if method == METHOD_IN_DIRECT else b"dcba..")
        assert shapes == [(code, 4, 6, b"abcd")]


def test_the_buffered_method_has_one_buffer_for_both(system: System) -> None:
    sizes: list[int] = []

    def look(device: DeviceObject, irp: Irp) -> int:
        sizes.append(0 if irp.system_buffer is None else len(irp.system_buffer))
        return irp.complete()

    code = CTL_CODE(0x22, 0x801, METHOD_BUFFERED, 0)
    with ServiceBench(system, Told(look)) as bench:
        file = bench.open()
        for given, wanted in ((3, 9), (9, 3), (0, 5), (5, 0), (0, 0)):
            services.device_control(
                file, None, None, None, bench.iosb, code, bytes(given) or None, None, bytearray(wanted) or None
            )
    assert sizes == [9, 9, 5, 5, 0]


def test_a_direct_output_must_be_writable_or_readable_as_the_code_says(system: System) -> None:
    with ServiceBench(system, Told(agreeing(0))) as bench:
        file = bench.open()
        results = [
            services.device_control(
                file, None, None, None, bench.iosb, CTL_CODE(0x22, 0x801, method, 0), None, None, b"read-only"
            )
            for method in METHODS
        ]
    assert results == [STATUS_ACCESS_VIOLATION, STATUS_SUCCESS, STATUS_ACCESS_VIOLATION, STATUS_SUCCESS]


def test_a_kernel_callers_missing_buffer_fails_where_it_is_wanted(system: System) -> None:
    kernel = {"mode": major.KERNEL_MODE}
    for flags in WAYS.values():
        with ServiceBench(system, Told(agreeing(0, 0), flags)) as bench:
            file, block = bench.open(), IoStatusBlock(*UNTOUCHED)
            read = services.read_file(file, None, None, None, block, None, 4, 0, **kernel)
            written = services.write_file(file, None, None, None, block, None, 4, 0, **kernel)
            assert read == (STATUS_ACCESS_VIOLATION if flags == major.DO_DIRECT_IO else STATUS_SUCCESS)
            assert written == (STATUS_ACCESS_VIOLATION if flags else STATUS_SUCCESS)
