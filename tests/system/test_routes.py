"""Files of a ring's call: one, many, registered, and several kinds in one call; direct and as packets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ntio
from ntio.drivers.file_disk import FileDisk
from ntio.drivers.ram_disk import RamDisk
from ntio.status import STATUS_DISK_FULL, STATUS_END_OF_FILE, FileClosed
from ntio.testing import Watcher
from ntio.testing.disk_tests import model_answers
from ntio.testing.transcripts import everything, play, steps

pytestmark = pytest.mark.row("R5", "R10", "R29")


@pytest.fixture
def ring(real_system: ntio.System) -> Iterator[ntio.Ring]:
    with ntio.Ring(8, system=real_system) as ring:
        yield ring


@pytest.fixture
def files(real_system: ntio.System, tmp_path: Path) -> Iterator[list[ntio.File]]:
    """Twelve files; each is 64 bytes of its own number."""
    opened = []
    for number in range(12):
        (tmp_path / f"{number}").write_bytes(bytes([number]) * 64)
        opened.append(ntio.open(tmp_path / f"{number}", "r+", system=real_system))
    yield opened
    for file in opened:
        file.close()


def test_many_files_in_one_call(ring: ntio.Ring, files: list[ntio.File]) -> None:
    done = ring.read(files, 0, 8).raise_for_status()
    assert done.data is not None and (done.data == np.arange(12)[:, None]).all()
    shuffled = [files[number] for number in (3, 1, 3, 11)]
    done = ring.read(tuple(shuffled), [0, 60, 64, 8], [1, 8, 8, 2])
    assert done.information.tolist() == [1, 4, 0, 2] and done.status.tolist() == [0, 0, STATUS_END_OF_FILE, 0]
    assert done.data is not None and done.data[:, 0].tolist() == [3, 1, 0, 11]
    ring.write(shuffled, [0, 1, 2, 3], [b"a", b"b", b"c", b"d"]).raise_for_status()
    assert files[3].read(4, 0) == b"a\3c\3" and files[1].read(2, 0) == b"\1b" and files[11].read(4, 0) == b"\13\13\13d"


def test_registered_files_go_by_their_index(ring: ntio.Ring, files: list[ntio.File]) -> None:
    ring.register(files)
    for indices in ([5, 0, 5], np.array([5, 0, 5]), np.array([5, 0, 5], np.uint8), (5, 0, 5)):
        done = ring.read(indices, 0, 4).raise_for_status()
        assert done.data is not None and done.data[:, 0].tolist() == [5, 0, 5]
        done = ring.start_read(indices, 0, 4).wait().raise_for_status()
        assert done.data is not None and done.data[:, 0].tolist() == [5, 0, 5]
    one = ring.read(7, [0, 1, 2], 1).raise_for_status()
    assert one.data is not None and one.data.tolist() == [[7]] * 3
    ring.write([2, 3], 0, [b"two", b"three"]).raise_for_status()
    assert files[2].read(3, 0) == b"two" and files[3].read(5, 0) == b"three"
    by_file = ring.read(files[9], 0, 4).raise_for_status()  # a registered file, named as itself
    assert by_file.data is not None and by_file.data.tolist() == [[9] * 4]
    ring.register(files[:2][::-1])
    swapped = ring.read([0, 1], 0, 1)
    assert swapped.data is not None and swapped.data[:, 0].tolist() == [1, 0]
    ring.register([])


def test_a_registered_file_can_be_read_after_it_is_closed(ring: ntio.Ring, files: list[ntio.File]) -> None:
    ring.register(files[:3])
    for file in files[:3]:
        file.close()
    done = ring.read([2, 1, 0], 0, 4).raise_for_status()
    assert done.data is not None and done.data[:, 0].tolist() == [2, 1, 0]
    started = ring.start_read(1, [0, 63], 4).wait().raise_for_status()
    assert started.information.tolist() == [4, 1]
    with ntio.Stack("ram_disk:size=1K", "log", system=ring.system):  # stacks that come and go change nothing for them
        assert ring.read([2, 1, 0], 0, 4).ok and ring.read(1, 0, 4).ok
        assert ring.write([0], 0, [b"x"]).ok
    assert ring.read([2, 1, 0], 0, 4).ok and ring.flush([0, 2]).ok


def test_a_registered_file_on_a_stack_is_refused_after_it_is_closed(ring: ntio.Ring, files: list[ntio.File]) -> None:
    with ntio.Stack("ram_disk:size=1K", "log", system=ring.system) as disk:
        with disk.open() as second:
            ring.register([second, files[0]])
            assert ring.read([0, 1], 0, 4).ok
        with pytest.raises(FileClosed):
            ring.read([0, 1], 0, 4)
        assert ring.read([1, 1], 0, 4).ok
    ring.register([])


def test_a_descriptor_used_again_is_not_mistaken_for_a_registered_file(
    real_system: ntio.System, ring: ntio.Ring, files: list[ntio.File], tmp_path: Path
) -> None:
    ring.register([files[4]])
    files[4].close()
    with ntio.open(tmp_path / "5", system=real_system) as other:  # gets the number that has just become free
        done = ring.read([0], 0, 1)
        assert done.data is not None and done.data.tolist() == [[4]]
        direct = ring.read(other, 0, 1)
        assert direct.data is not None and direct.data.tolist() == [[5]]


def test_direct_and_stacked_files_mix_in_one_call(
    real_system: ntio.System, ring: ntio.Ring, files: list[ntio.File], tmp_path: Path
) -> None:
    log, disk_file = "log", f"file_disk:path={tmp_path / 'disk'},size=64"
    with (
        ntio.Stack("ram_disk:size=64", "invert", log, system=real_system) as memory,
        ntio.Stack(disk_file, log, system=real_system) as packets,
    ):
        memory.write(bytes([100]) * 64, 0)
        packets.write(bytes([101]) * 64, 0)
        mixed = [memory.file, files[1], packets.file, files[2], memory.file]
        for _ in range(2):
            for call in (ring.read, lambda *arguments: ring.start_read(*arguments).wait()):
                done = call(mixed, [0, 60, 60, 64, 63], 8)
                assert done.status.tolist() == [0, 0, 0, STATUS_END_OF_FILE, 0]
                assert done.information.tolist() == [8, 4, 4, 0, 1]
                assert done.data is not None and done.data[:, 0].tolist() == [100, 1, 101, 0, 100]
                assert not done.data[1:4, 4:].any()
        ring.register([memory.file, files[1], packets.file])
        done = ring.read([2, 1, 0, 0], [0, 0, 0, 64], 4)
        assert done.status.tolist() == [0, 0, 0, STATUS_END_OF_FILE]
        assert done.data is not None and done.data[:, 0].tolist() == [101, 1, 100, 0]
        wrote = ring.write([0, 1, 2, 2], [62, 64, 62, 64], np.full((4, 4), 9, np.uint8))
        assert wrote.status.tolist() == [0, 0, 0, STATUS_DISK_FULL] and wrote.information.tolist() == [2, 4, 2, 0]
        assert files[1].size == 68 and (tmp_path / "disk").stat().st_size == 64
        ring.register([])


def test_a_filter_that_comes_or_goes_is_noticed(real_system: ntio.System, ring: ntio.Ring, tmp_path: Path) -> None:
    with ntio.Stack(f"file_disk:path={tmp_path / 'disk'},size=64", system=real_system) as disk:
        ring.register([disk.file])
        disk.write(b"plain", 0)

        def read_all() -> list[bytes]:
            calls = (ring.read(0, 0, 5), ring.read([0], 0, 5), ring.read(disk.file, 0, 5), ring.read([disk.file], 0, 5))
            return [done.raise_for_status().data.tobytes() for done in calls]  # type: ignore[union-attr]

        assert read_all() == [b"plain"] * 4
        watcher = Watcher()
        device = real_system.load(watcher, disk.device)
        assert read_all() == [b"plain"] * 4 and len(watcher.visits) == 4
        real_system.io.unload(device.driver)
        assert read_all() == [b"plain"] * 4 and len(watcher.visits) == 4
        ring.register([])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(script=steps(1056, 64, most=5), data=st.data())
def test_every_way_gives_the_same(
    system: ntio.System, tmp_path_factory: pytest.TempPathFactory, script: list[object], data: st.DataObject
) -> None:
    """Straight to a file, as packets through a filter, and to a disk in memory: bytes, statuses and counts agree."""
    folder = tmp_path_factory.mktemp("ways")
    whole = [*script, everything(1056, 64)]
    wanted = model_answers(1056, whole)  # type: ignore[arg-type]
    for number, layers in enumerate(
        (
            [FileDisk(str(folder / "0"), size=1056)],
            [FileDisk(str(folder / "1"), size=1056), Watcher()],
            [RamDisk(1056)],
            [RamDisk(1056), Watcher()],
        )
    ):
        with ntio.Stack(*layers, system=system) as disk, ntio.Ring(8, system=system) as ring:
            assert disk.bypass.allowed == (number == 0)
            if data.draw(st.booleans(), label="registered"):
                ring.register([disk.file])
            assert play(disk.file, whole, ring) == wanted  # type: ignore[arg-type]
