"""A request outlives the thread that submitted it: a pipe read, a receive, and two hundred writes all complete."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ntio
from ntio.hal.operations import OperationCode, Operations

pytestmark = pytest.mark.row("R9", "R11")


def on_a_thread_that_exits(routine: Callable[[], object]) -> None:
    thread = threading.Thread(target=routine)
    thread.start()
    thread.join()


def test_everything_completes_after_its_submitter_is_gone(real_system: ntio.System, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ours, theirs = socket.socketpair()
    blocks = np.arange(200 * 4096, dtype=np.uint32).view(np.uint8).reshape(200, -1)
    with (
        ours,
        theirs,
        ntio.open(tmp_path / "pipe", "r+", system=real_system) as pipe,
        ntio.open(tmp_path / "file", "w+", system=real_system) as file,
        ntio.Ring(512, system=real_system) as ring,
    ):
        batches: list[ntio.Batch] = []
        received = Operations(OperationCode.READ, 1, file=ours.fileno(), buffer=np.zeros(8, np.uint8), length=8)

        def submit() -> None:
            batches.append(ring.start_read(pipe, 0, 8))
            ring._queue.submit(received)
            batches.append(ring.start_write(file, np.arange(200) * blocks.shape[1], blocks))

        on_a_thread_that_exits(submit)
        read, written = batches
        done = written.wait().raise_for_status()
        assert (done.information == blocks.shape[1]).all() and not read.done and not received.done
        pipe.write(b"at last", 0)
        theirs.send(b"received")
        answer = read.wait().raise_for_status()
        assert answer.data is not None and answer.data.tobytes() == b"at last\0"
        assert ring._queue.wait(received) and received.results.tolist() == [8]
        assert received.buffer is not None and received.buffer.tobytes() == b"received"
        assert (tmp_path / "file").read_bytes() == blocks.tobytes()


def test_direct_writes_complete_after_their_submitter_is_gone(real_system: ntio.System, tmp_path: Path) -> None:
    """Writes that the kernel hands to workers of its own, which it cancels when the submitter exits."""
    path = tmp_path / "synchronous"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DSYNC)
    try:
        with ntio.Ring(256, system=real_system) as ring:
            data = np.arange(200 * 512, dtype=np.uint32).view(np.uint8)
            writes = Operations(
                OperationCode.WRITE, 200, file=descriptor, buffer=data, position=np.arange(200) * 2048,
                offset=np.arange(200) * 2048, length=2048,
            )  # fmt: skip
            on_a_thread_that_exits(lambda: ring._queue.submit(writes))
            assert ring._queue.wait(writes)
            assert (writes.results == 2048).all()
        assert path.read_bytes() == data.tobytes()
    finally:
        os.close(descriptor)


def test_packets_complete_after_their_submitter_is_gone(real_system: ntio.System, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ntio.open(tmp_path / "pipe", "r+", system=real_system) as pipe, ntio.Ring(8, system=real_system) as ring:
        from ntio.testing import Watcher

        watcher = Watcher()
        device = real_system.load(watcher, pipe.file_object.device)
        batches: list[ntio.Batch] = []
        on_a_thread_that_exits(lambda: batches.append(ring.start_read(pipe, [0, 0], 4)))
        assert not batches[0].done
        with pipe_writer(tmp_path / "pipe") as write:
            write(b"onetwo42")
            done = batches[0].wait().raise_for_status()
        assert done.data is not None and sorted(done.data.tobytes()) == sorted(b"onetwo42")
        real_system.io.unload(device.driver)
        assert not watcher.complaints()


class pipe_writer:
    """Writes to a pipe without ntio."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Callable[[bytes], int]:
        self._file = os.open(self._path, os.O_WRONLY)
        return lambda data: os.write(self._file, data)

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
