"""A file: bytes at offsets, one request at a time; the same straight to the host and as packets."""

from __future__ import annotations

import array
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ntio
from ntio import Driver
from ntio.abi import CTL_CODE
from ntio.driver_kit import input_of
from ntio.status import STATUS_ACCESS_DENIED, STATUS_DISK_FULL, BufferInUse, FileClosed, InvalidParameter
from ntio.testing import Watcher

pytestmark = pytest.mark.row("R20", "R21", "R29")


@pytest.fixture(params=["direct", "packets"])
def file(request: pytest.FixtureRequest, real_system: ntio.System, tmp_path: Path) -> Iterator[ntio.File]:
    (tmp_path / "data").write_bytes(bytes(range(100)))
    with ntio.open(tmp_path / "data", "r+", system=real_system) as file:
        if request.param == "direct":
            yield file
            return
        watcher = Watcher()
        device = real_system.load(watcher, file.file_object.device)
        yield file
        real_system.io.unload(device.driver)
        assert not watcher.complaints()


def test_bytes_at_an_offset(file: ntio.File) -> None:
    assert file.read(3, 10) == bytes([10, 11, 12])
    assert file.read(100, 98) == bytes([98, 99])
    assert file.read(5, 100) == file.read(5, 10**12) == b""
    assert file.read(0, 0) == file.read(0, 10**6) == b""
    assert file.write(b"abc", 99) == 3 and file.size == 102
    assert file.write(b"", 500) == 0 and file.size == 102
    file.flush()
    assert file.read(10, 98) == b"babc"


@pytest.mark.parametrize(
    "buffer",
    [bytearray(4), memoryview(bytearray(8))[2:6], np.zeros(4, np.uint8), np.zeros((2, 2), np.uint8),
     np.zeros(1, np.uint32), array.array("H", [0, 0])],
    ids=["bytearray", "memoryview", "uint8", "uint8[2, 2]", "uint32", "array"],
)  # fmt: skip
def test_reading_into_a_buffer(file: ntio.File, buffer: Any) -> None:
    assert file.read_into(buffer, 7) == 4
    assert bytes(memoryview(buffer).cast("B")) == bytes([7, 8, 9, 10])
    assert file.write(buffer, 0) == 4 and file.read(4, 0) == bytes([7, 8, 9, 10])
    assert file.read_into(buffer, 98) == 2
    assert bytes(memoryview(buffer).cast("B")) == bytes([98, 99, 9, 10])


def test_reading_into_mapped_memory(file: ntio.File) -> None:
    with mmap.mmap(-1, 4096) as memory:
        assert file.read_into(memory, 0) == 100
        assert memory[:100] == bytes(range(100))


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda file: file.read(-1, 0), "negative"),
        (lambda file: file.read(1, -1), "negative"),
        (lambda file: file.write(b"x", -1), "negative"),
        (lambda file: file.read(1 << 31, 0), "at most 2147479552"),
        (lambda file: file.read(1 << 200, 0), "at most 2147479552"),
        (lambda file: file.read(1, (1 << 63) - 1), "beyond"),
        (lambda file: file.write(b"x", 1 << 64), "beyond"),
        (lambda file: file.read_into(bytes(4), 0), "read-only"),
        (lambda file: file.read_into("text", 0), "no buffer of plain bytes"),
        (lambda file: file.write("text", 0), "no buffer of plain bytes"),
        (lambda file: file.read_into(np.zeros((4, 4), np.uint8)[:, ::2], 0), "contiguous"),
    ],
)
def test_what_cannot_be_is_refused_by_name(file: ntio.File, call: Any, complaint: str) -> None:
    with pytest.raises(InvalidParameter, match=complaint):
        call(file)
    assert file.read(100, 0) == bytes(range(100)) and not len(file.system.pins)


@pytest.mark.parametrize("value", [1.0, "1", None, b"1"])
def test_numbers_are_whole(file: ntio.File, value: Any) -> None:
    with pytest.raises(TypeError):
        file.read(value, 0)
    with pytest.raises(TypeError):
        file.read(1, value)
    assert file.read(np.int64(2), np.uint8(3)) == bytes([3, 4]) and not len(file.system.pins)


def test_the_longest_request(file: ntio.File) -> None:
    try:
        memory = np.empty(0x7FFF_F000, np.uint8)  # no page of it exists before somebody writes to it
    except MemoryError:
        pytest.skip("this process may not have two gibibytes of addresses")
    assert file.read_into(memory, 96) == 4 and memory[:4].tolist() == [96, 97, 98, 99]
    with ntio.Ring(8, system=file.system) as ring:
        done = ring.read(file, [96], [len(memory)], out=memory)
        assert done.ok and done.information.tolist() == [4]


def test_a_huge_offset_is_the_hosts_to_judge(file: ntio.File) -> None:
    assert file.read(4, (1 << 63) - 10) == b""
    with pytest.raises(ntio.NtError):
        file.write(b"x", (1 << 63) - 2)


def test_bytes_in_flight_are_refused(file: ntio.File) -> None:
    memory = bytearray(8)
    with file.system.pins.pin(memory, writing=True), pytest.raises(BufferInUse):
        file.read_into(memory, 0)
    assert file.read_into(memory, 0) == 8


def test_a_closed_file_says_so(real_system: ntio.System, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"x")
    with ntio.open(tmp_path / "data", system=real_system) as file:
        assert not file.closed and repr(file) == f"<ntio.File {str(tmp_path / 'data')!r}>"
    file.close()
    assert file.closed and repr(file).endswith(" closed>")
    with pytest.raises(FileClosed, match=str(tmp_path / "data")):
        file.read(1, 0)
    assert not real_system.io.host_descriptors


def test_an_error_shows_what_was_asked_of_which_file(real_system: ntio.System) -> None:
    with ntio.Stack("ram_disk:size=8", system=real_system) as disk:
        with pytest.raises(OSError, match="cannot write at offset 8: 'ram_disk'") as caught:
            disk.write(b"x", 8)
        assert caught.value.filename == "ram_disk" and caught.value.errno is not None


# --- control codes ------------------------------------------------------------------------------------------------


class Reversing(Driver):
    """Gives back the input of a control request, reversed; ends as told."""

    def __init__(self) -> None:
        self.ends = 0

    def dispatch_device_control(self, device: ntio.DeviceObject, irp: ntio.Irp) -> int:
        given = bytes(input_of(irp))
        count = min(len(given), irp.location.output_length)
        assert irp.buffer is not None
        irp.buffer[:count] = given[::-1][:count]
        return irp.complete(self.ends, count)

    dispatch_file_system_control = dispatch_device_control


@pytest.mark.parametrize("method", [0, 2, 3])
def test_control_codes_and_their_answers(system: ntio.System, method: int) -> None:
    code = CTL_CODE(0x22, 0x800, method, 0)
    with ntio.Stack(Reversing(), "null_filter", system=system) as stack:
        for call in (stack.file.control, stack.file.fs_control, stack.control if method == 0 else stack.file.control):
            assert call(code, b"abc", 10) == b"cba"
            assert call(code, bytearray(b"abc"), 2) == b"cb"
            assert call(code, np.arange(3, dtype=np.uint8), 3) == b"\2\1\0"
            assert call(code) == call(code, b"", 5) == b""


def test_a_control_code_that_fails_raises(system: ntio.System) -> None:
    driver = Reversing()
    with ntio.Stack(driver, system=system) as stack:
        with stack.open("r") as reader, pytest.raises(ntio.NtError) as denied:
            reader.control(CTL_CODE(0x22, 0x800, 0, 2))
        assert denied.value.status == STATUS_ACCESS_DENIED
        driver.ends = STATUS_DISK_FULL
        with pytest.raises(ntio.NtError, match="cannot send control code 0x222000") as full:
            stack.control(CTL_CODE(0x22, 0x800, 0, 0), b"abc", 3)
        assert full.value.status == STATUS_DISK_FULL
    with pytest.raises(FileClosed):
        stack.control(0)


def test_a_packet_that_failed_is_no_success_whatever_was_returned(system: ntio.System) -> None:
    class Lies(Driver):
        def dispatch_device_control(self, device: ntio.DeviceObject, irp: ntio.Irp) -> int:
            irp.complete(STATUS_DISK_FULL)
            return 0

    with ntio.Stack(Lies(), system=system) as stack, pytest.raises(ntio.NtError):
        stack.control(0)
