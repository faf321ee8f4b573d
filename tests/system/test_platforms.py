"""On other systems ntio imports, drivers work, the simulated machine works, and a host file says why it does not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.row("R11")

PRELUDE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

import asyncio, importlib.metadata, os, platform, random, subprocess  # the standard library is that of this machine
import numpy
sys.meta_path.insert(0, Blocked())
for name in {blocked}:
    sys.modules.pop(name, None)
sys.platform = {platform!r}
"""
BLOCKED = ("fcntl", "resource", "termios", "posix_ipc", "pwd", "grp")


def run_on(platform: str, program: str) -> str:
    prelude = (
        PRELUDE.replace("{blocked}", repr(BLOCKED))
        .replace("{platform!r}", repr(platform))
        .replace("{{name!r}}", "{name!r}")
    )
    if platform == "win32":  # what Python lacks there
        for name in ("preadv", "pwritev", "pread", "pwrite", "readv", "writev", "register_at_fork", "O_DIRECT",
                     "O_CLOEXEC", "O_NONBLOCK", "sched_yield", "geteuid", "mkfifo", "fdatasync"):  # fmt: skip
            prelude += f"if hasattr(os, {name!r}): delattr(os, {name!r})\n"
    environment = {**os.environ, "PYTHONWARNINGS": "error", "NTIO_HAL": ""}
    done = subprocess.run(
        [sys.executable, "-c", prelude + program], capture_output=True, text=True, timeout=100, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_elsewhere_everything_but_host_files_works(platform: str) -> None:
    program = f"""
import ntio
with ntio.Stack("ram_disk:size=64K", "invert", "log") as disk, ntio.Ring(8, system=disk.system) as ring:
    assert disk.system.hal.name == "simulated", disk.system.hal
    assert {platform!r} in disk.system.hal.reason
    disk.write(b"hello", 0)
    assert disk.read(5, 0) == b"hello"
    done = ring.read(disk.file, [0, 1, 70000], 4)
    assert done.information.tolist() == [4, 4, 0]
    started = ring.start_write(disk.file, [0, 4], numpy.ones((2, 4), numpy.uint8))
    assert started.wait().ok
for name in dir(ntio):
    getattr(ntio, name)
for call in (
    lambda: ntio.open("C:/a.txt"),
    lambda: ntio.open("/etc/hosts", "w"),
    lambda: list(ntio.read_files(["/etc/hosts"])),
    lambda: ntio.Stack("file_disk:path=/etc/hosts"),
):
    try:
        call()
    except NotImplementedError as error:
        print(type(error).__name__, error)
    else:
        print("no error")
"""
    lines = run_on(platform, program).splitlines()
    assert len(lines) == 4
    for line in lines:
        assert line.startswith("PlatformNotSupported") and f"real files need Linux, this is {platform}" in line, line


@pytest.mark.slow
def test_a_simulated_machine_asked_for_by_name_has_files_anywhere() -> None:
    program = """
import ntio
with ntio.System("simulated") as system, ntio.Ring(8, system=system) as ring:
    with ntio.open("/some/file", "w+", system=system) as file:
        ring.write(file, [0, 5], [b"hello", b" there"]).raise_for_status()
        print(file.read(100, 0).decode())
    with ntio.Stack("file_disk:path=/disk,size=1K", "log", system=system) as disk:
        print(disk.write(b"x", 1023), disk.size)
"""
    assert run_on("win32", program) == "hello there\n1 1024\n"


@pytest.mark.slow
def test_io_uring_is_switched_off_by_the_environment() -> None:
    program = (
        "import ntio\n"
        "system = ntio.default_system()\n"
        "with ntio.open(__import__('sys').executable) as file, ntio.Ring() as ring:\n"
        "    assert ring.read(file, [0, 4], 4).data[0].tobytes() == b'\\x7fELF'\n"
        "    print(system.hal.name, 'io_uring' in open('/proc/self/maps').read())\n"
    )
    for name in ("threads", ""):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60,
            env={**os.environ, "NTIO_HAL": name},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        hal, mapped = done.stdout.split()
        assert hal == (name or hal) and mapped == str(hal == "uring")


@pytest.mark.slow
def test_importing_is_quick_and_loads_no_system() -> None:
    program = "import ntio, sys; print(sorted(n for n in sys.modules if n.startswith(('ntio.', 'numpy'))))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "['ntio._version']", done.stderr
