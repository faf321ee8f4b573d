"""A ring: many requests at once, with one value for all or one per request, on one file or many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ntio
from ntio.status import STATUS_END_OF_FILE, InvalidParameter

pytestmark = pytest.mark.row("R4", "R6")

SIZE = 64 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(np.arange(SIZE // 4, dtype=np.uint32).tobytes())
    return path


@pytest.fixture
def file(real_system: ntio.System, path: Path) -> ntio.File:
    return ntio.open(path, "r+", system=real_system)


@pytest.fixture
def ring(real_system: ntio.System, file: ntio.File) -> ntio.Ring:  # type: ignore[misc]
    with file, ntio.Ring(16, system=real_system) as ring:
        yield ring  # type: ignore[misc]


def test_one_value_serves_all_requests(ring: ntio.Ring, file: ntio.File, path: Path) -> None:
    whole = path.read_bytes()
    one = ring.read(file, 8, 4)
    assert len(one) == 1 and one.data is not None and one.data.tobytes() == whole[8:12]
    lengths = ring.read(file, 0, [1, 2, 3])
    assert lengths.data is not None and lengths.data.shape == (3, 3)
    assert lengths.information.tolist() == [1, 2, 3]
    assert lengths.data.tobytes() == whole[:1] + b"\0\0" + whole[:2] + b"\0" + whole[:3]
    offsets = ring.read(file, np.array([4, 0]), 4)
    assert offsets.data is not None and offsets.data.tobytes() == whole[4:8] + whole[:4]
    both = ring.read(file, (4, 0), np.array([2, 4], np.uint8))
    assert both.data is not None and both.data.tobytes() == whole[4:6] + b"\0\0" + whole[:4]


def test_numbers_may_be_of_any_whole_kind(ring: ntio.Ring, file: ntio.File, path: Path) -> None:
    whole = path.read_bytes()
    for offset in (4, np.int8(4), np.uint64(4), np.array(4), [4], np.array([4], np.int16), range(4, 5), (4,)):
        done = ring.read(file, offset, np.uint16(4))
        assert done.data is not None and done.data.tobytes() == whole[4:8]


def test_results_have_one_row_per_request_in_their_order(ring: ntio.Ring, file: ntio.File) -> None:
    offsets = np.random.default_rng(1).permutation(SIZE // 4)[:500] * 4
    done = ring.read(file, offsets, 4).raise_for_status()
    assert (done.status.dtype, done.information.dtype) == (np.uint32, np.uint64)
    assert done.data is not None and done.data.shape == (500, 4) and done.data.dtype == np.uint8
    assert (done.data.view(np.uint32)[:, 0] == offsets // 4).all()
    assert (done.information == 4).all() and done.ok


@pytest.mark.parametrize("hal_name", ["uring"], indirect=True)
def test_a_window_is_one_kernel_crossing(ring: ntio.Ring, file: ntio.File) -> None:
    before = ring.crossings
    ring.read(file, np.arange(10) * 512, 512)
    assert ring.crossings == before + 1
    ring.read(file, np.arange(160) * 4, 4)
    assert 10 <= ring.crossings - before - 1 <= 40  # ten windows of sixteen


def test_many_more_requests_than_entries(ring: ntio.Ring, file: ntio.File) -> None:
    assert ring.entries == 16
    done = ring.read(file, np.arange(5000) % (SIZE // 4) * 4, 4).raise_for_status()
    assert done.data is not None
    assert (done.data.view(np.uint32)[:, 0] == np.arange(5000) % (SIZE // 4)).all()


@pytest.mark.parametrize(("asked", "given"), [(1, 8), (8, 8), (9, 16), (200, 256)])
def test_entries_are_rounded_up(real_system: ntio.System, asked: int, given: int) -> None:
    with ntio.Ring(asked, system=real_system) as ring:
        assert ring.entries == given


@pytest.mark.parametrize("entries", [0, -1, 32769, 1 << 40])
def test_entries_that_no_ring_has_are_refused(real_system: ntio.System, entries: int) -> None:
    with pytest.raises(InvalidParameter, match="entries"):
        ntio.Ring(entries, system=real_system)


def test_no_requests_are_done_at_once(ring: ntio.Ring, file: ntio.File) -> None:
    for done in (ring.read(file, [], 4), ring.read(file, np.empty(0, np.int64), []), ring.read([], [], [])):
        assert len(done) == 0 and done.ok and done.raise_for_status() is done
    assert len(ring.write(file, [], np.zeros((0, 4), np.uint8))) == 0
    assert len(ring.write(file, [], [])) == 0
    assert len(ring.start_read(file, [], 4).wait()) == 0
    assert len(ring.flush([])) == 0


def test_a_short_file_leaves_the_rest_zero(ring: ntio.Ring, file: ntio.File, path: Path) -> None:
    done = ring.read(file, [SIZE - 6, SIZE, SIZE + 1000], 16)
    assert done.status.tolist() == [0, STATUS_END_OF_FILE, STATUS_END_OF_FILE]
    assert done.information.tolist() == [6, 0, 0]
    assert done.data is not None and done.data.tobytes() == path.read_bytes()[-6:] + bytes(10 + 32)


def test_out_is_filled_and_its_rest_left_alone(ring: ntio.Ring, file: ntio.File, path: Path) -> None:
    out = np.full((3, 8), 0xEE, np.uint8)
    done = ring.read(file, [0, SIZE - 2, SIZE], [8, 8, 4], out=out)
    assert done.data is not None and np.shares_memory(done.data, out)
    whole = path.read_bytes()
    assert out.tobytes() == whole[:8] + whole[-2:] + b"\xee" * 6 + b"\xee" * 8


def test_out_may_be_used_again_and_again(ring: ntio.Ring, file: ntio.File) -> None:
    out = np.zeros((100, 4), np.uint8)
    for start in range(0, 1000, 100):
        done = ring.read(file, np.arange(start, start + 100) * 4, 4, out=out)
        assert done.ok and (out.view(np.uint32)[:, 0] == np.arange(start, start + 100)).all()


def test_out_may_be_anything_of_the_size(ring: ntio.Ring, file: ntio.File, path: Path) -> None:
    whole = path.read_bytes()
    numbers, large, flat = np.zeros(8, np.float64), np.zeros((2, 64), np.uint8), bytearray(64)
    ring.read(file, np.arange(8) * 8, 8, out=numbers)
    assert numbers.tobytes() == whole[:64]
    ring.read(file, [0, 8], 8, out=large)
    assert large[0, :8].tobytes() == whole[:8] and large[1, :8].tobytes() == whole[8:16] and not large[:, 8:].any()
    for out in (flat, memoryview(bytearray(64))):
        ring.read(file, 0, 64, out=out)
        assert bytes(out) == whole[:64]


def test_writes_take_rows_buffers_and_sequences(ring: ntio.Ring, file: ntio.File, path: Path) -> None:
    ring.write(file, [0, 8], np.full((2, 4), 1, np.uint8)).raise_for_status()
    ring.write(file, 16, b"alone").raise_for_status()
    ring.write(file, [32, 48, 64], [b"a", bytearray(b"longer"), memoryview(b"")]).raise_for_status()
    ring.write(file, [80, 96], np.frombuffer(b"abcdefgh", np.uint8).reshape(2, 4), [1, 3]).raise_for_status()
    done = ring.write(file, [112, 120], np.array([1.5, 2.5]))
    assert done.information.tolist() == [8, 8] and done.data is None
    whole, before = path.read_bytes(), np.arange(SIZE // 4, dtype=np.uint32).tobytes()
    assert whole[:16] == b"\1\1\1\1" + before[4:8] + b"\1\1\1\1" + before[12:16]
    assert whole[16:32] == b"alone" + before[21:32]
    assert whole[32:64] == b"a" + before[33:48] + b"longer" + before[54:64]
    assert whole[80:112] == b"a" + before[81:96] + b"efg" + before[99:112]
    assert whole[112:128] == np.array([1.5, 2.5]).tobytes()
    assert whole[128:] == before[128:]


def test_a_write_beyond_the_end_makes_the_file_longer(ring: ntio.Ring, file: ntio.File, path: Path) -> None:
    ring.write(file, SIZE + 10, b"end").raise_for_status()
    assert path.read_bytes()[SIZE:] == bytes(10) + b"end" and file.size == SIZE + 13


def test_flush_is_one_request_per_file(ring: ntio.Ring, file: ntio.File) -> None:
    assert ring.flush(file).status.tolist() == [0]
    assert ring.flush([file, file]).status.tolist() == [0, 0]
    ring.register([file])
    assert ring.flush([0]).status.tolist() == [0]
    with ntio.Stack("ram_disk:size=1K", system=ring.system) as disk:
        assert ring.flush([file, disk.file]).status.tolist() == [0, 0]


def test_more_than_two_gibibytes_in(ring: ntio.Ring, file: ntio.File) -> None:
    far = (1 << 31) + (1 << 40)
    ring.write(file, [far, far + 4], [b"far ", b"away"]).raise_for_status()
    done = ring.read(file, [far, 1 << 33], [8, 4])
    assert done.data is not None and done.data.tobytes() == b"far away" + bytes(8)
    assert file.read(8, far) == b"far away"


def test_a_failed_request_is_named_and_the_others_stand(ring: ntio.Ring, file: ntio.File) -> None:
    done = ring.read(file, [0, SIZE, 4, 2 * SIZE], 4)
    assert not done.ok
    with pytest.raises(EOFError, match=r"request 1 of 4 failed; 2 of 4 failed") as caught:
        done.raise_for_status()
    assert caught.value.status == STATUS_END_OF_FILE  # type: ignore[attr-defined]
    assert done.data is not None and done.data.view(np.uint32)[[0, 2], 0].tolist() == [0, 1]


def test_several_threads_share_a_ring(ring: ntio.Ring, file: ntio.File) -> None:
    import threading

    wrong: list[int] = []

    def work(seed: int) -> None:
        chance = np.random.default_rng(seed)
        for _ in range(20):
            numbers = chance.integers(0, SIZE // 4, 40)
            done = ring.read(file, numbers * 4, 4)
            if done.data is None or (done.data.view(np.uint32)[:, 0] != numbers).any():
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
