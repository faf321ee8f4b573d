"""`await batch`: the event loop watches the ring, no thread waits."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import ntio
from ntio.status import STATUS_CANCELLED

pytestmark = pytest.mark.row("R8")


@pytest.fixture
def fifo(real_system: ntio.System, tmp_path: Path):  # type: ignore[no-untyped-def]
    os.mkfifo(tmp_path / "fifo")
    with ntio.open(tmp_path / "fifo", "r+", system=real_system) as file:
        end = os.open(tmp_path / "fifo", os.O_WRONLY)
        yield file, end
        os.close(end)


def test_a_batch_is_awaited(real_system: ntio.System, fifo: tuple[ntio.File, int]) -> None:
    file, end = fifo

    async def program() -> bytes:
        with ntio.Ring(8, real_system) as ring:
            batch = ring.start_read(file, 0, 4)
            waiting = asyncio.ensure_future(_await(batch))
            await asyncio.sleep(0)
            assert not waiting.done()
            names = {thread.name for thread in threading.enumerate()}
            assert not any(name.startswith("asyncio") for name in names)
            os.write(end, b"data")
            return (await waiting).raise_for_status().data.tobytes()

    assert asyncio.run(program()) == b"data"


def test_a_batch_that_is_done_is_awaited_at_once(system: ntio.System) -> None:
    async def program() -> None:
        with ntio.Stack("ram_disk:size=64K", system=system) as disk, ntio.Ring(8, system) as ring:
            result = await ring.start_read(disk.file, [0, 512], 512)
            assert result.ok and result.information.tolist() == [512, 512]

    asyncio.run(program())


def test_many_batches_are_awaited_together(real_system: ntio.System, tmp_path: Path) -> None:
    data = np.random.default_rng(2).integers(0, 256, (64, 512), np.uint8)
    (tmp_path / "data").write_bytes(data.tobytes())

    async def program() -> None:
        with ntio.open(tmp_path / "data", system=real_system) as file, ntio.Ring(64, real_system) as ring:
            batches = [ring.start_read(file, row * 512, 512) for row in range(64)]
            results = await asyncio.gather(*(_await(batch) for batch in batches))
            assert b"".join(result.data.tobytes() for result in results) == data.tobytes()

    asyncio.run(program())


def test_awaiting_can_be_given_up(real_system: ntio.System, fifo: tuple[ntio.File, int]) -> None:
    file, _ = fifo

    async def program() -> None:
        with ntio.Ring(8, real_system) as ring:
            batch = ring.start_read(file, 0, 4)
            waiting = asyncio.ensure_future(_await(batch))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            batch.cancel()
            assert (await batch).status.tolist() == [STATUS_CANCELLED]

    asyncio.run(program())


def test_closing_the_ring_ends_what_is_awaited(real_system: ntio.System, fifo: tuple[ntio.File, int]) -> None:
    file, _ = fifo

    async def program() -> None:
        ring = ntio.Ring(8, real_system)
        waiting = asyncio.ensure_future(_await(ring.start_read(file, 0, 4)))
        await asyncio.sleep(0)
        ring.close()
        assert (await waiting).status.tolist() == [STATUS_CANCELLED]

    asyncio.run(program())


async def _await(batch: ntio.Batch) -> ntio.Completions:
    return await batch
