"""Ctrl-C while a call waits: it goes through at once, and nothing is in flight afterwards."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

import ntio
from interrupts import interrupted
from ntio.testing import Watcher, Witness

pytestmark = pytest.mark.row("R9", "R33")


@pytest.mark.parametrize("filters", [0, 1], ids=["direct", "packets"])
@pytest.mark.parametrize("rows", [1, 20])
def test_a_waiting_read_is_interrupted(real_system: ntio.System, tmp_path: Path, filters: int, rows: int) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ntio.open(tmp_path / "pipe", "r+", system=real_system) as pipe, ntio.Ring(8, system=real_system) as ring:
        devices = [real_system.load(Watcher(), pipe.file_object.device) for _ in range(filters)]
        memory = np.full((rows, 4), 7, np.uint8)
        interrupted(lambda: ring.read(pipe, [0] * rows, 4, out=memory), lambda: ring._queue.in_flight == min(rows, 8))
        assert ring._queue.in_flight == 0 and not len(real_system.pins)
        writer = os.open(tmp_path / "pipe", os.O_WRONLY)
        os.write(writer, b"late")
        os.close(writer)
        assert (memory == 7).all()
        done = ring.read(pipe, 0, 4)
        assert done.data is not None and done.data.tobytes() == b"late"
        for device in devices:
            real_system.io.unload(device.driver)


def test_a_wait_for_a_started_call_is_interrupted_and_the_call_goes_on(
    real_system: ntio.System, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ntio.open(tmp_path / "pipe", "r+", system=real_system) as pipe, ntio.Ring(8, system=real_system) as ring:
        started = ring.start_read(pipe, 0, 4)
        interrupted(started.wait, lambda: ring._queue.driven)
        assert not started.done
        pipe.write(b"good", 0)
        done = started.wait()
        assert done.data is not None and done.data.tobytes() == b"good"


def test_a_scalar_request_a_driver_holds_is_interrupted(real_system: ntio.System) -> None:
    witness = Witness(1024)
    with ntio.Stack(witness, "log", system=real_system) as disk:
        witness.hold = True
        interrupted(lambda: disk.read(4, 0), lambda: bool(real_system.io._waiting))
        witness.release_all()
        assert not len(real_system.pins)
        assert disk.read(4, 0) == bytes(4)
        assert real_system.io.irps.live() == 0


def test_a_second_waiter_goes_on_when_the_first_is_interrupted(real_system: ntio.System, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ntio.open(tmp_path / "pipe", "r+", system=real_system) as pipe, ntio.Ring(8, system=real_system) as ring:
        started = ring.start_read(pipe, 0, 4)
        results: list[bytes] = []

        def interrupted_read() -> None:
            ring.read(pipe, 0, 4)

        waiting = threading.Thread(target=lambda: results.append(started.wait().data.tobytes()))  # type: ignore[union-attr]
        waiting.start()
        interrupted(interrupted_read, lambda: ring._queue.in_flight == 2)
        writer = os.open(tmp_path / "pipe", os.O_WRONLY)
        os.write(writer, b"mine")
        os.close(writer)
        waiting.join()
        assert results == [b"mine"]
