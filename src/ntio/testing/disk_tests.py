"""The law every disk keeps, as a class to inherit from.

    class TestRamDisk(DiskTests):
        def make_disk(self, size, folder):
            return RamDisk(size)

A disk is the bottom of a stack: what was written can be read, a range at its end is short, one beyond it is refused,
nothing has no length, and requests in flight together may end in any order. Every law is tried one packet at a time,
through a ring, and through a ring with a filter above that keeps the ring's requests from going to the host directly;
and on every HAL.

Rows: R11, R15, R21, R29, R33
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..driver_kit import Driver, major, status
from ..io_manager import requests
from ..status import STATUS_DISK_FULL, STATUS_END_OF_FILE, STATUS_INVALID_DEVICE_REQUEST
from ..system.rings.ring import Ring
from ..system.stack import Stack
from ..system.system import System
from .machines import NAMES, clean_system
from .sent import Sent
from .transcripts import Answer, Step, everything, play, steps
from .witness import Watcher

_shared = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors], max_examples=20
)


class DiskTests:
    """Inherit from this and define `make_disk`.

    `alignment`: offsets and lengths of all requests are multiples of it; `block`: no request is longer.
    """

    alignment = 1
    block = 64

    def make_disk(self, size: int, folder: Path) -> Driver:
        """A new disk of `size` bytes, all zero; `folder` is an empty folder of the test's own."""
        raise NotImplementedError("a subclass of DiskTests defines make_disk")

    @property
    def size(self) -> int:
        """Bytes of the disk: no whole number of blocks."""
        return 8 * self.block + self.block // 2

    @pytest.fixture(params=NAMES)
    def machine(self, request: pytest.FixtureRequest) -> Iterator[System]:
        """A System on each HAL in turn."""
        with clean_system(request.param) as system:
            yield system

    @pytest.fixture
    def disk(self, machine: System, tmp_path: Path) -> Iterator[Stack]:
        """The disk, alone."""
        with Stack(self.make_disk(self.size, tmp_path), system=machine) as stack:
            yield stack

    @pytest.fixture
    def watched(self, machine: System, tmp_path: Path) -> Iterator[Stack]:
        """The disk under a watcher, which must have nothing to complain of."""
        watcher = Watcher()
        with Stack(self.make_disk(self.size, tmp_path), watcher, system=machine) as stack:
            yield stack
        assert not watcher.complaints()

    def pattern(self, length: int, seed: int = 0) -> bytes:
        """Bytes that differ from their neighbours and from the next block's."""
        return ((np.arange(length) * 7 + seed) % 251).astype(np.uint8).tobytes()

    # --- bytes, ranges, ends ----------------------------------------------------------------------------------------

    def test_what_was_written_can_be_read(self, disk: Stack) -> None:
        """Whole blocks come back; what was never written is zero."""
        data = self.pattern(self.block)
        assert disk.size == self.size
        assert disk.write(data, self.block) == len(data)
        assert disk.read(self.block, self.block) == data
        assert disk.read(self.block, 0) == bytes(self.block)
        disk.flush()
        assert disk.read(3 * self.block, 0) == bytes(self.block) + data + bytes(self.block)

    def test_a_range_that_crosses_the_end_is_short(self, disk: Stack) -> None:
        """As many bytes as there are, on reading and on writing; the disk does not grow."""
        start, rest = 8 * self.block, self.size - 8 * self.block
        assert disk.write(self.pattern(self.block), start) == rest
        assert disk.read(self.block, start) == self.pattern(rest)
        assert disk.size == self.size

    @pytest.mark.parametrize("beyond", [0, 1, 1 << 40])
    def test_beyond_the_end_there_is_nothing(self, watched: Stack, beyond: int) -> None:
        """A read finds the end of the file, a write a full disk."""
        file, start = watched.file.file_object, -(-self.size // self.alignment) * self.alignment + beyond * self.block
        buffer = memoryview(bytearray(self.block))
        assert requests.read(file, buffer, start) == (STATUS_END_OF_FILE, 0)
        assert requests.write(file, buffer, start) == (STATUS_DISK_FULL, 0)
        assert watched.read(self.block, start) == b""

    def test_no_bytes_can_be_read_and_written_anywhere(self, watched: Stack) -> None:
        """A request without length succeeds, at the end and beyond it too."""
        file = watched.file.file_object
        for offset in (0, self.block, self.size, 4 * self.size):
            assert requests.read(file, memoryview(bytearray()), offset) == (0, 0)
            assert requests.write(file, memoryview(b""), offset) == (0, 0)

    def test_a_disk_of_no_size_is_always_at_its_end(self, machine: System, tmp_path: Path) -> None:
        """It can be opened, and that is all."""
        with Stack(self.make_disk(0, tmp_path), system=machine) as disk:
            assert disk.size == 0 and disk.read(self.block, 0) == b""
            with pytest.raises(status.DiskFull):
                disk.write(bytes(self.block), 0)

    def test_two_opens_see_the_same_bytes(self, disk: Stack) -> None:
        """A disk is one thing, however often it is opened."""
        with disk.open() as first, disk.open("r") as second:
            first.write(self.pattern(self.block), 0)
            assert second.read(self.block, 0) == disk.read(self.block, 0) == self.pattern(self.block)

    def test_what_a_disk_does_not_do_it_says(self, watched: Stack) -> None:
        """A request that is none of a disk's ends with STATUS_INVALID_DEVICE_REQUEST."""
        for function in (major.IRP_MJ_DIRECTORY_CONTROL, major.IRP_MJ_SET_EA, major.IRP_MJ_QUERY_QUOTA):
            sent = Sent(watched, function)
            assert (sent.completions, sent.status) == (1, STATUS_INVALID_DEVICE_REQUEST)

    # --- many requests ----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5, 6, 7), (7, 6, 5, 4, 3, 2, 1, 0), (3, 6, 1, 4, 7, 2, 5, 0)])
    @pytest.mark.parametrize("filters", [0, 1], ids=["alone", "under a filter"])
    def test_requests_in_flight_together_do_not_mix(
        self, machine: System, filters: int, order: tuple[int, ...], tmp_path: Path
    ) -> None:
        """Started in any order and waited for in another, each moves its own bytes."""
        layers = [self.make_disk(self.size, tmp_path), *(Watcher() for _ in range(filters))]
        with Stack(*layers, system=machine) as stack, Ring(16, system=machine) as ring:
            writes = [
                ring.start_write(stack.file, block * self.block, self.pattern(self.block, block)) for block in order
            ]
            for started in writes:
                assert started.wait().status.tolist() == [0]
            reads = {block: ring.start_read(stack.file, block * self.block, self.block) for block in order}
            for block in sorted(reads):
                done = reads[block].wait().raise_for_status()
                assert done.data is not None and done.data.tobytes() == self.pattern(self.block, block)

    @_shared
    @given(data=st.data())
    @pytest.mark.parametrize("filters", [0, 1], ids=["alone", "under a filter"])
    @pytest.mark.parametrize("way", ["packets", "ring"])
    def test_it_does_what_a_bytearray_does(
        self, machine: System, way: str, filters: int, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        """Any reads and writes, alone or together: the bytes, counts and statuses of a bytearray with an end."""
        script = [*data.draw(steps(self.size, self.block, self.alignment)), everything(self.size, self.block)]
        watchers = [Watcher() for _ in range(filters)]
        layers = [self.make_disk(self.size, tmp_path_factory.mktemp("disk")), *watchers]
        with Stack(*layers, system=machine) as stack, Ring(16, system=machine) as ring:
            answers = play(stack.file, script, None if way == "packets" else ring)
        assert answers == model_answers(self.size, script)
        assert not [complaint for watcher in watchers for complaint in watcher.complaints()]


def model_answers(size: int, script: list[Step]) -> list[Answer]:
    """What a disk of `size` bytes must answer, worked out with a bytearray."""
    medium, answers = bytearray(size), []
    for step in script:
        if step.kind == "flush":
            answers.append((0, 0, b""))
        for (offset, length), data in zip(step.rows, step.data(), strict=True):
            count = max(min(length, size - offset), 0)
            if length and not count:
                answers.append((STATUS_END_OF_FILE if step.kind == "read" else STATUS_DISK_FULL, 0, b""))
            elif step.kind == "read":
                answers.append((0, count, bytes(medium[offset : offset + count])))
            else:
                medium[offset : offset + count] = data[:count]
                answers.append((0, count, b""))
    return answers
