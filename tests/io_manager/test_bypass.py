"""The direct path: who vetoes it, when it is asked again, and that it gives what packets give."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ntio
from ntio import DeviceObject, File, FilterDriver, Irp, NtError, Ring, Stack, System
from ntio.drivers.log import Log
from ntio.drivers.null_filter import NullFilter
from ntio.io_manager import requests
from ntio.io_manager.bypass import Veto, query_bypass
from ntio.io_manager.codes.major import IRP_MJ_READ, IRP_MJ_WRITE
from ntio.status import STATUS_NO_SUCH_DEVICE


class Reads(FilterDriver):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down()


class Controls(FilterDriver):
    """Handles what is no data."""

    def dispatch_device_control(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down()


class Says(FilterDriver):
    def bypass_veto(self, device: DeviceObject) -> str:
        return "because I say so"


def disk_word(tmp_path: Path, size: str = "8K") -> str:
    return f"file_disk:path={tmp_path / 'disk'},size={size}"


# --- who vetoes ---------------------------------------------------------------------------------------------------


@pytest.mark.row("R29")
@pytest.mark.parametrize(
    ("layers", "vetoes"),
    [
        ([], []),
        ([NullFilter], []),
        ([Controls, NullFilter], []),
        ([Reads], [Veto("reads", "handles dispatch_read")]),
        ([Says, NullFilter, Reads], [Veto("reads", "handles dispatch_read"), Veto("says", "because I say so")]),
        (
            [lambda: "log"],
            [
                Veto(
                    "log",
                    "handles dispatch_read, dispatch_write, dispatch_flush_buffers, dispatch_read_batch, "
                    "dispatch_write_batch",
                )
            ],
        ),
    ],
)
def test_every_driver_may_veto_and_is_named(
    system: System, tmp_path: Path, layers: list[Callable[[], Any]], vetoes: list[Veto]
) -> None:
    with Stack(disk_word(tmp_path), *(layer() for layer in layers), system=system) as disk:
        bypass = disk.bypass
        assert bypass.vetoes == tuple(vetoes)  # top first
        assert bypass.allowed == (not vetoes) == (bypass.target is not None)
        if bypass.target is not None:
            assert (bypass.target.limit, bypass.target.stream) == (8192, False)
    assert str(Veto("who", "why")) == "who: why"


def test_a_bottom_without_host_file_vetoes(system: System) -> None:
    with Stack("ram_disk:size=4K", "null_filter", system=system) as disk:
        assert disk.bypass.vetoes == (Veto("ram_disk", "keeps its data in no host file"),)


def test_a_host_file_is_direct(real_system: System, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with ntio.open(tmp_path / "file", system=real_system) as file:
        assert file.bypass.allowed and file.bypass.target is not None and file.bypass.target.limit is None


def test_an_observer_of_a_device_is_a_veto(system: System, tmp_path: Path) -> None:
    with Stack(disk_word(tmp_path), system=system) as disk:
        disk.device.observer = "is being watched"
        system.io.stack_epoch += 1
        assert disk.bypass.vetoes == (Veto("file_disk", "is being watched"),)


# --- for how long -------------------------------------------------------------------------------------------------


def test_the_answer_is_kept_until_a_stack_changes(system: System, tmp_path: Path) -> None:
    with Stack(disk_word(tmp_path), system=system) as disk:
        file_object = disk.file.file_object
        first = query_bypass(file_object)
        assert first.allowed and query_bypass(file_object) is first
        filter_device = system.load(Reads(), disk.device)
        assert not query_bypass(file_object).allowed
        filter_device.detach()
        assert query_bypass(file_object).allowed
        system.io.unload(filter_device.driver)


def test_a_filter_put_on_an_open_file_sees_the_next_request(system: System, tmp_path: Path) -> None:
    seen: list[str] = []

    class Watch(FilterDriver):
        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            seen.append("scalar")
            return irp.pass_down()

        def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
            seen.append("batch")
            return irp.pass_down()

    with Stack(disk_word(tmp_path), system=system) as disk, Ring(system=system) as ring:
        ring.register([disk.file])

        def read_all_ways() -> list[bytes]:
            ways: list[Any] = [disk.file, [disk.file, disk.file], [0, 0]]
            return [disk.read(4, 0)] + [ring.read(way, [0, 4], 4).raise_for_status().data.tobytes() for way in ways]

        disk.write(b"01234567", 0)
        expected = [b"0123"] + [b"01234567"] * 3
        assert read_all_ways() == expected and seen == []
        watch = system.load(Watch(), disk.device)
        assert read_all_ways() == expected and seen == ["scalar"] + ["batch"] * 3
        system.io.unload(watch.driver)
        assert read_all_ways() == expected and len(seen) == 4


def test_an_unloaded_disk_is_not_read_through_its_old_descriptor(system: System, tmp_path: Path) -> None:
    """The host gives the number of a closed file to the next one: a stale direct path would read a stranger's data."""
    ring = Ring(system=system)
    with Stack(disk_word(tmp_path), system=system) as disk:
        stale = disk.open()
        ring.register([stale])
        assert stale.bypass.target is not None
        number = stale.bypass.target.descriptor
    with Stack(f"file_disk:path={tmp_path / 'other'},size=4K", system=system) as other:
        assert other.bypass.target is not None and other.bypass.target.descriptor == number
        other.write(b"a stranger's", 0)
        calls: list[Callable[[], object]] = [lambda: stale.read(4, 0), lambda: stale.write(b"!", 0), stale.flush]
        for call in calls:
            with pytest.raises(NtError) as caught:
                call()
            assert caught.value.status == STATUS_NO_SUCH_DEVICE
        for way in (stale, [stale], 0):
            assert ring.read(way, 0, 4).status.tolist() == [STATUS_NO_SUCH_DEVICE]
            assert ring.write(way, 0, b"!").status.tolist() == [STATUS_NO_SUCH_DEVICE]
            assert ring.flush(way).status.tolist() == [STATUS_NO_SUCH_DEVICE]
        assert not stale.bypass.allowed and str(stale.bypass.vetoes[0]) == "file_disk: is unloaded"
        assert other.read(12, 0) == b"a stranger's"
    stale.close()
    ring.close()


# --- the same both ways -------------------------------------------------------------------------------------------

SIZE = 2048
_offset = st.one_of(st.integers(0, SIZE + 300), st.sampled_from([0, SIZE - 1, SIZE, SIZE + 1, SIZE + (1 << 40)]))
_row = st.tuples(_offset, st.integers(0, 300))
_step = st.tuples(
    st.sampled_from(["read", "write", "ring read", "ring write", "size"]), st.lists(_row, min_size=1, max_size=6)
)


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives: its value, or the status it raised."""
    try:
        return call()
    except NtError as error:
        return type(error), error.status


def apart(rows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those rows that touch none before them: the writes of one batch have no order among themselves."""
    kept: list[tuple[int, int]] = []
    for offset, length in rows:
        if all(offset + length <= other or other + size <= offset for other, size in kept):
            kept.append((offset, length))
    return kept


def perform(file: File, ring: Ring, what: str, rows: list[tuple[int, int]], salt: int) -> Any:
    """Do one step on a file; everything a caller can see of it."""
    rows = apart(rows) if what == "ring write" else rows
    offsets, lengths = [row[0] for row in rows], [row[1] for row in rows]
    data = [
        bytes((salt + number + position) % 256 for position in range(length)) for number, length in enumerate(lengths)
    ]
    if what == "size":
        return outcome(lambda: file.size)
    if what == "read":
        return [outcome(lambda: file.read(length, offset)) for offset, length in rows]  # noqa: B023
    if what == "write":
        return [
            outcome(lambda: file.write(piece, offset))  # noqa: B023
            for offset, piece in zip(offsets, data, strict=True)
        ]
    done = ring.read(file, offsets, lengths) if what == "ring read" else ring.write(file, offsets, data)
    content = done.data.tobytes() if what == "ring read" else b""
    return done.status.tolist(), done.information.tolist(), content


@pytest.fixture
def new_path(tmp_path: Path) -> Iterator[str]:
    numbers = itertools.count()
    return (str(tmp_path / f"file{number}") for number in numbers)


same = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors], max_examples=60
)


@pytest.mark.row("R29")
@same
@given(steps=st.lists(_step, min_size=1, max_size=6))
def test_a_disk_is_the_same_directly_and_through_packets(
    system: System, new_path: Iterator[str], steps: list[Any]
) -> None:
    """Directly, through the packets of a filter with a batch form, and of one without (end of disk included)."""
    layers: list[list[Any]] = [["null_filter"], ["null_filter", "log"], [Reads(), "invert", "log", "invert"]]
    stacks = [Stack(f"file_disk:path={next(new_path)},size={SIZE}", *one, system=system) for one in layers]
    with stacks[0], stacks[1], stacks[2], Ring(8, system=system) as ring:
        assert [stack.bypass.allowed for stack in stacks] == [True, False, False]
        for salt, (what, rows) in enumerate(steps):
            seen = [perform(stack.file, ring, what, rows, 31 * salt) for stack in stacks]
            assert seen[0] == seen[1] == seen[2]
        whole = [stack.read(SIZE + 1, 0) for stack in stacks]
        assert whole[0] == whole[1] == whole[2] and len(whole[0]) == SIZE


@pytest.mark.row("R21", "R29")
@same
@given(steps=st.lists(_step, min_size=1, max_size=6))
def test_a_host_file_is_the_same_directly_and_through_packets(
    real_system: System, new_path: Iterator[str], steps: list[Any]
) -> None:
    """A growing file: opened in one System as it is, in another with a filter on the redirector."""
    with System(real_system.hal.name) as other:
        hosts = next(device for driver in other.io.drivers for device in driver.devices())
        other.load(Log(), hosts)
        paths = [next(new_path), next(new_path)]
        with (
            ntio.open(paths[0], "w+", system=real_system) as direct,
            ntio.open(paths[1], "w+", system=other) as filtered,
            Ring(8, system=real_system) as ring,
            Ring(8, system=other) as other_ring,
        ):
            assert direct.bypass.allowed and not filtered.bypass.allowed
            for salt, (what, rows) in enumerate(steps):
                kept = [(offset % (4 * SIZE), length) for offset, length in rows]
                seen = perform(direct, ring, what, kept, salt), perform(filtered, other_ring, what, kept, salt)
                assert seen[0] == seen[1]
        assert Path(paths[0]).read_bytes() == Path(paths[1]).read_bytes()


def test_packets_and_scalar_requests_below_the_face_agree(system: System, tmp_path: Path) -> None:
    """The steps that the direct path leaves out change nothing: asked below `File`, without any filter."""
    with Stack(disk_word(tmp_path), system=system) as disk:
        into = bytearray(8)
        file_object = disk.file.file_object
        assert requests.write(file_object, memoryview(b"abcdefgh"), 8188) == (0, 4)
        assert requests.read(file_object, memoryview(into), 8188) == (0, 4)
        assert disk.read(8, 8188) == b"abcd" == bytes(into[:4])
        assert disk.write(b"abcdefgh", 8190) == 2
        with pytest.raises(NtError) as caught:
            disk.write(b"x", 8192)
        assert caught.value.status == requests.write(file_object, memoryview(b"x"), 8192)[0]
        column = np.array([8190, 0], np.uint64)
        batch = requests.Batch(np.full(8, 7, np.uint8), np.array([0, 4], np.uint64), column, np.full(2, 4, np.uint32))
        for code in (IRP_MJ_WRITE, IRP_MJ_READ):
            assert requests.transfer_batch(file_object, code, batch, None) == 0
            assert batch.information.tolist() == [2, 4] and batch.status.tolist() == [0, 0]
        assert disk.size == 8192
