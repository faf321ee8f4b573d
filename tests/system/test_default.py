"""The default System: made when first needed, one for all, on the HAL the environment chooses, new after closing."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

import ntio
from ntio.system.default import close_default_system, default_system


@pytest.fixture(autouse=True)
def closed() -> object:
    close_default_system()
    yield
    close_default_system()


def test_it_is_one_for_all_threads() -> None:
    found: list[ntio.System] = []
    threads = [threading.Thread(target=lambda: found.append(default_system())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(map(id, found))) == 1
    with ntio.Ring(8) as ring:
        assert ring.system is found[0]


def test_closing_it_makes_room_for_a_new_one() -> None:
    first = default_system()
    close_default_system()
    assert default_system() is not first


@pytest.mark.row("R11")
@pytest.mark.parametrize("name", ["threads", "simulated"])
def test_the_environment_chooses_its_hal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTIO_HAL", name)
    assert default_system().hal.name == name


@pytest.mark.row("R11")
def test_an_empty_choice_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTIO_HAL", "")
    with ntio.System() as best:
        assert default_system().hal.name == best.hal.name


def test_a_choice_that_is_none_says_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTIO_HAL", "magic")
    with pytest.raises(ValueError, match="choose one of uring, threads, simulated"):
        default_system()


@pytest.mark.slow
def test_a_program_that_closes_nothing_ends_cleanly(tmp_path: object) -> None:
    program = (
        "import ntio, os\n"
        f"file = ntio.open({__file__!r})\n"
        "ring = ntio.Ring()\n"
        "assert ring.read(file, [0, 1], 10).ok\n"
        "reader, writer = os.pipe()\n"
        "pipe = ntio.open(f'/proc/self/fd/{reader}')\n"
        "started = ring.start_read(pipe, 0, 10)\n"
        "disk = ntio.Stack('ram_disk:size=1K', 'log')\n"
        "disk.write(b'x', 0)\n"
        "print('end')\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
    assert "Exception ignored" not in done.stderr and "Traceback" not in done.stderr, done.stderr
