"""After a fork the child's rings are lost and say so, its default System is a new one, and the parent goes on."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import ntio
from ntio.status import RingLostInFork
from ntio.system.default import close_default_system, default_system

pytestmark = [pytest.mark.row("R9"), pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")]


def in_child(routine: Callable[[], None]) -> None:
    """Run a routine in a forked child; fails with the child's traceback if it raises."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            routine()
            os._exit(0)
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-4000:])
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        complaint = pipe.read().decode()
    assert os.waitpid(child, 0)[1] == 0, f"in the child:\n{complaint}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(bytes(range(256)))
    return path


def test_the_childs_rings_say_that_they_are_lost(real_system: ntio.System, path: Path) -> None:
    with ntio.open(path, system=real_system) as file, ntio.Ring(8, system=real_system) as ring:
        ring.register([file])

        def child() -> None:
            for call in (
                lambda: ring.read(file, 0, 4),
                lambda: ring.read(0, 0, 4),
                lambda: ring.start_read(file, 0, 4),
                lambda: ring.flush(file),
                lambda: ring.register([file]),
            ):
                with pytest.raises(RingLostInFork, match="open a new one after fork"):
                    call()
            ring.close()
            assert file.read(4, 0) == bytes(range(4))
            with ntio.Ring(8, system=real_system) as new:
                assert new.read(file, [1, 2], 1).data.tolist() == [[1], [2]]  # type: ignore[union-attr]

        in_child(child)
        assert ring.read(file, [0, 4], 4).ok and ring.read(0, 0, 4).ok


def test_what_is_in_flight_is_the_parents(real_system: ntio.System, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ntio.open(tmp_path / "pipe", "r+", system=real_system) as pipe, ntio.Ring(8, system=real_system) as ring:
        started = ring.start_read(pipe, 0, 16)

        def child() -> None:
            with pytest.raises(RingLostInFork):
                started.wait()
            with pytest.raises(RingLostInFork):
                started.wait(timeout=0)
            with pytest.raises(RingLostInFork):
                started.cancel()
            ring.close()

        in_child(child)
        assert not started.done
        pipe.write(b"for the parent", 0)
        done = started.wait()
        assert done.data is not None and done.data.tobytes() == b"for the parent\0\0"


def test_a_fork_during_a_wait_of_another_thread(real_system: ntio.System, tmp_path: Path) -> None:
    import threading

    os.mkfifo(tmp_path / "pipe")
    with ntio.open(tmp_path / "pipe", "r+", system=real_system) as pipe, ntio.Ring(8, system=real_system) as ring:
        read: list[bytes] = []
        waiter = threading.Thread(target=lambda: read.append(ring.read(pipe, 0, 4).data.tobytes()))  # type: ignore[union-attr]
        waiter.start()
        while not ring._queue.driven:
            os.sched_yield()

        def child() -> None:
            with pytest.raises(RingLostInFork):
                ring.read(pipe, 0, 4)

        in_child(child)
        pipe.write(b"done", 0)
        waiter.join()
        assert read == [b"done"]


def test_the_childs_default_system_is_a_new_one(path: Path) -> None:
    close_default_system()
    first = default_system()
    try:
        with ntio.open(path) as file, ntio.Ring(8) as ring:

            def child() -> None:
                assert default_system() is not first
                with ntio.open(path) as own, ntio.Ring(8) as fresh:
                    assert fresh.read(own, [0, 1], 1).data.tolist() == [[0], [1]]  # type: ignore[union-attr]
                    assert len(list(ntio.read_files([path] * 300))) == 300
                close_default_system()

            in_child(child)
            assert default_system() is first
            assert ring.read(file, 255, 1).data.tolist() == [[255]]  # type: ignore[union-attr]
    finally:
        close_default_system()


def test_packets_in_the_child_need_no_ring(real_system: ntio.System) -> None:
    with ntio.Stack("ram_disk:size=1K", "invert", "log", system=real_system) as disk:
        disk.write(b"before", 0)

        def child() -> None:
            assert disk.read(6, 0) == b"before"
            disk.write(b"child!", 0)
            assert disk.read(6, 0) == b"child!"

        in_child(child)
        assert disk.read(6, 0) == b"before"
