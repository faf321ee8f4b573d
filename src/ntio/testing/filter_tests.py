"""The law every filter keeps, as a class to inherit from.

    class TestInvert(FilterTests):
        filter = Invert

Between a `Watcher` above it and a `Witness` below it, or on a disk in a file, the filter must let every request end
exactly once and at its place, hand on unchanged what it does not handle, return PENDING if and only if the request was
marked pending, give its caller's buffer back untouched, and behave the same at any depth, under another copy of
itself, on every HAL, and in batches as one by one. When it is gone, nothing of it is left.

Rows: R11, R18, R19, R21, R29
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..driver_kit import Driver, FilterDriver, major, status
from ..drivers.file_disk import FileDisk
from ..drivers.null_filter import NullFilter
from ..drivers.ram_disk import RamDisk
from ..io_manager.cancel import cancel_irp
from ..system.rings.ring import Ring
from ..system.stack import Stack
from ..system.system import System
from .machines import NAMES, clean_system
from .sent import Sent, one_batch
from .transcripts import Answer, Step, everything, play, steps
from .witness import MARK, Watcher, Witness

_READ, _WRITE, _FLUSH = major.IRP_MJ_READ, major.IRP_MJ_WRITE, major.IRP_MJ_FLUSH_BUFFERS
#: Every major function, by the name of the routine a filter may have for it.
_ROUTINES = {f"dispatch_{name.lower()}": number for number, name in enumerate(major.MAJOR_NAMES)}

_quietly = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors], max_examples=20
)


class FilterTests:
    """Inherit from this and set `filter` to the class under test, or override `make_filter` if it takes arguments.

    `alignment`: offsets and lengths of all requests are multiples of it. `keeps_data`: what is written through the
    filter can be read through it; set it to False for one that changes data for good or lets requests fail. `verify`:
    the verifier is on throughout, and stops at the first breach, with the line that made it.
    """

    filter: type[FilterDriver]
    alignment = 1
    keeps_data = True
    verify = True

    def make_filter(self) -> FilterDriver:
        """A new filter as it is to be tested; each must behave like every other."""
        return self.filter()

    @property
    def block(self) -> int:
        """No request of these tests is longer than this, in bytes."""
        return max(64, 4 * self.alignment)

    @property
    def size(self) -> int:
        """Bytes of the disks below: no whole number of blocks."""
        return 8 * self.block + self.block // 2

    def script(self) -> list[Step]:
        """The disk is filled; writes and reads inside it, across its end and beyond it; a flush; all of it is read."""
        block, unit = self.block, self.alignment
        inside = tuple((number * block, block) for number in (3, 0, 6))
        partly = ((4 * block + unit, 2 * unit), (8 * block, block), (9 * block, block), (block, 0))
        whole = everything(self.size, block)
        return [
            replace(whole, kind="write"),
            Step("write", inside, 1),
            Step("read", (*inside, *partly)),
            Step("write", partly, 2),
            Step("flush"),
            whole,
        ]

    @contextmanager
    def watched(self, system: System) -> Iterator[tuple[Witness, Watcher, Stack]]:
        """The filter between a witness and a watcher; at the end the watcher must have nothing to complain of."""
        witness, watcher = Witness(self.size), Watcher()
        with Stack(witness, self.make_filter(), watcher, system=system) as stack:
            try:
                yield witness, watcher, stack
            finally:
                witness.release_all()
        assert not watcher.complaints()

    def answers(self, *layers: Driver, system: System, ring: bool = False, script: list[Step]) -> list[Answer]:
        """What comes of a script on a stack of these layers."""
        with Stack(*layers, system=system) as stack:
            if not ring:
                return play(stack.file, script)
            with Ring(16, system=system) as requests:
                return play(stack.file, script, requests)

    # --- one request ------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("held", [False, True], ids=["at once", "pending"])
    @pytest.mark.parametrize(
        ("function", "batch"),
        [(_READ, False), (_READ, True), (_WRITE, False), (_WRITE, True), (_FLUSH, False)],
        ids=["read", "reads", "write", "writes", "flush"],
    )
    def test_a_request_ends_once_and_at_its_place(self, function: int, batch: bool, held: bool) -> None:
        """Every request completes exactly once, below it at once or later."""
        with clean_system(verify=self.verify) as system, self.watched(system) as (witness, _, stack):
            witness.hold = held
            buffer = None if function == _FLUSH else bytearray(self.block)
            request = one_batch(self.block, 3) if batch else buffer
            sent = Sent(stack, function, request)
            witness.release_all()
            assert sent.completions == 1

    @pytest.mark.parametrize("function", [_READ, _WRITE], ids=["read", "write"])
    def test_a_request_that_fails_below_ends_once(self, function: int) -> None:
        """A device error below neither loses nor doubles a request."""
        with clean_system(verify=self.verify) as system, self.watched(system) as (witness, _, stack):
            witness.fail_with = status.STATUS_DEVICE_NOT_READY
            for request in (bytearray(self.block), one_batch(self.block, 3)):
                assert Sent(stack, function, request).completions == 1
            witness.fail_with = 0

    @pytest.mark.parametrize("function", [_READ, _WRITE], ids=["read", "write"])
    def test_a_request_cancelled_below_ends_once(self, function: int) -> None:
        """Cancelled while the driver below holds it, a request completes, once."""
        with clean_system(verify=self.verify) as system, self.watched(system) as (witness, _, stack):
            witness.hold = True
            sent = Sent(stack, function, bytearray(self.block))
            if sent.completions == 0:
                cancel_irp(sent.irp)
                witness.release_all()
            assert sent.completions == 1

    @_quietly
    @given(order=st.permutations(range(6)))
    def test_requests_end_in_any_order(self, order: list[int]) -> None:
        """Requests in flight together end in whatever order the driver below chooses."""
        with clean_system(verify=self.verify) as system, self.watched(system) as (witness, _, stack):
            witness.hold = True
            all_sent = [
                Sent(stack, (_READ, _WRITE)[number % 2], bytearray(self.block), number * self.block)
                for number in range(6)
            ]
            for number in order:
                if witness.held:  # a filter may have answered some by itself
                    witness.release(number % len(witness.held))
            witness.release_all()
            assert [sent.completions for sent in all_sent] == [1] * 6

    def test_what_it_does_not_handle_reaches_the_driver_below_unchanged_and_once(self) -> None:
        """For each major function without a routine: the same location below, the same answer above."""
        with clean_system(verify=self.verify) as system, self.watched(system) as (witness, _, stack):
            made = stack.drivers[1]
            for name, function in _ROUTINES.items():
                if getattr(made, name, None) is not None:
                    continue
                buffer = bytearray(range(64))
                witness.arrivals.clear()
                sent = Sent(
                    stack, function, buffer, 3 * self.block, minor=7, flags=5, key=9, argument=("something", function)
                )
                [arrived] = witness.arrivals
                expected = replace(
                    arrived, major=function, minor=7, flags=5, key=9, length=64, byte_offset=3 * self.block,
                    argument=("something", function), file_object=stack.file.file_object, rows=None,
                    data=bytes(range(64)),
                )  # fmt: skip
                assert arrived == expected
                if function not in (_READ, _WRITE, _FLUSH):
                    assert (sent.status, sent.information) == (0, MARK + function)

    # --- stacks -----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(("below", "above"), [(0, 1), (1, 0), (2, 3), (0, 24)])
    def test_it_works_at_any_depth(self, below: int, above: int) -> None:
        """The same answers with pass-through layers below and above it, up to more than the lookaside lists serve."""
        with clean_system(verify=self.verify) as system:
            script = self.script()
            wanted = self.answers(RamDisk(self.size), self.make_filter(), system=system, script=script)
            layers = [*(NullFilter() for _ in range(below)), self.make_filter(), *(NullFilter() for _ in range(above))]
            assert self.answers(RamDisk(self.size), *layers, system=system, script=script) == wanted

    def test_it_works_with_another_copy_above(self) -> None:
        """Two of it on one stack keep the law too, and the data, if one does."""
        with clean_system(verify=self.verify) as system:
            script, watcher = self.script(), Watcher()
            one = self.answers(RamDisk(self.size), self.make_filter(), system=system, script=script)
            layers = [RamDisk(self.size), self.make_filter(), self.make_filter(), watcher]
            two = self.answers(*layers, system=system, script=script)
            assert not watcher.complaints()
            if self.keeps_data:
                assert two == one

    def test_what_is_written_can_be_read(self) -> None:
        """Bytes come back as they were written, and the caller's own were not touched."""
        if not self.keeps_data:
            pytest.skip("this filter does not keep data")
        data = bytes(number % 256 for number in range(self.block))
        with clean_system(verify=self.verify) as system, self.watched(system) as (_, _, stack):
            mine = bytearray(data)
            assert stack.write(mine, 2 * self.block) == len(data)
            assert mine == data
            assert stack.read(len(data), 2 * self.block) == data

    def test_it_leaves_nothing_behind(self) -> None:
        """Attached, used, detached and unloaded, twice: the device below and the namespace are as before."""
        with clean_system(verify=self.verify) as system, Stack(RamDisk(self.size), system=system) as disk:
            before = system.namespace.lookup("\\Driver")[0]
            drivers = [each.path for each in before]  # type: ignore[attr-defined]
            for _ in range(2):
                device = system.load(self.make_filter(), disk.device)
                assert list(device.stack()) == [device, disk.device] and disk.device.top() is device
                play(disk.file, self.script())
                system.io.unload(device.driver)
                assert list(device.stack()) == [device] and disk.device.top() is disk.device
                assert [each.path for each in before] == drivers  # type: ignore[attr-defined]
            assert disk.write(b"x", 0) == 1 and disk.read(1, 0) == b"x"

    # --- ways that must be the same ---------------------------------------------------------------------------------

    @pytest.mark.parametrize("ring", [False, True], ids=["one by one", "ring"])
    @pytest.mark.parametrize("machine", NAMES)
    def test_every_hal_gives_the_same_results(self, machine: str, ring: bool, tmp_path: Path) -> None:
        """On a disk in a file: the same answers from io_uring, threads and the simulation, as from a disk in memory."""
        script: Any = {"script": self.script()}
        with clean_system(verify=self.verify) as system:
            wanted = self.answers(RamDisk(self.size), self.make_filter(), system=system, **script)
        with clean_system(machine, verify=self.verify) as system:
            disk = FileDisk(str(tmp_path / "disk"), size=self.size)
            assert self.answers(disk, self.make_filter(), system=system, ring=ring, **script) == wanted

    @_quietly
    @given(data=st.data())
    def test_batches_give_the_same_results_as_single_requests(self, data: st.DataObject) -> None:
        """Any reads and writes through a ring bring the statuses, counts and bytes that packets one by one bring."""
        script = data.draw(steps(self.size, self.block, self.alignment))
        script.append(everything(self.size, self.block))
        with clean_system(verify=self.verify) as system:
            watcher: Any = Watcher()
            wanted = self.answers(RamDisk(self.size), self.make_filter(), system=system, script=script)
            layers = [RamDisk(self.size), self.make_filter(), watcher]
            assert self.answers(*layers, system=system, script=script, ring=True) == wanted
            assert not watcher.complaints()
