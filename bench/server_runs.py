"""One run of a server model under many clients, and what it took: answers, latencies, threads, switches, processor.

The clients are one program in C on the last processor; the server has all others. Threads are counted while it runs, by
the host (Linux: /proc); the rest is read from the server's end, which counts threads that have ended too.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
SIZE = 1024
RECORDS = 4096
#: Of each client: requests per connection, and microseconds between an answer and the next request.
PER_CONNECTION = 10
PAUSE = 1000
_LOOK_EVERY = 0.02


class Seen(NamedTuple):
    """One run, or the medians of some; latencies and processor time in microseconds, the latter per answer."""

    rate: float
    p50: float
    p99: float
    never: float
    threads: float
    switches: float
    pushed: float
    processor: float


def medians(runs: list[Seen]) -> Seen:
    """The median of each figure."""
    return Seen(*(median(column) for column in zip(*runs, strict=True)))


def place() -> str:
    """Where and when this is measured."""
    processors = len(os.sched_getaffinity(0))
    release = ".".join(platform.release().split(".")[:2])
    return (
        f"{date.today()}, Python {platform.python_version()}, Linux {release}, {platform.machine()}; "
        f"{processors} processors, {processors - 1} for the server"
    )


def build_clients(folder: Path) -> Path:
    """The clients, compiled; skips where nothing compiles or there is but one processor."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("a benchmark of servers needs a C compiler and two processors")
    program = folder / "server_client"
    subprocess.run([compiler, "-O2", "-o", program, HERE / "server_client.c"], check=True)
    return program


def write_records(path: Path) -> Path:
    """A file of records: each its number, then bytes that follow from it."""
    with path.open("wb") as file:
        for number in range(RECORDS):
            file.write(number.to_bytes(8, "little") + bytes((number + k) & 255 for k in range(8, SIZE)))
    return path


def run(program: Path, records: Path, model: str, clients: int, wait_ms: float, seconds: float) -> Seen:
    """Start a server of that model, let so many clients at it, and return what was seen; wrong bytes are an error."""
    processors = [str(number) for number in sorted(os.sched_getaffinity(0))]
    server = subprocess.Popen(
        ["taskset", "-c", ",".join(processors[:-1]),
         sys.executable, HERE / "server_models.py", model, records, str(SIZE), str(wait_ms)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        port, *before = server.stdout.readline().split()
        done = subprocess.Popen(
            ["taskset", "-c", processors[-1],
             program, port, str(clients), str(seconds), str(PER_CONNECTION), str(PAUSE), str(RECORDS), str(SIZE)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        threads = most_threads(server.pid, done)
        told, complaint = done.communicate()
    finally:
        server.kill()
        used = os.wait4(server.pid, 0)[2]
        server.returncode = 0
        server.stdout.close()
    assert done.returncode == 0, f"{model}, {clients} clients: {complaint}"
    answers, took, p50, p99, never = map(float, told.split())
    processor, gave, pushed = map(float, before)
    return Seen(
        answers / took, p50, p99, never, threads, (used.ru_nvcsw - gave + used.ru_nivcsw - pushed) / answers,
        (used.ru_nivcsw - pushed) / answers, (used.ru_utime + used.ru_stime - processor) / answers * 1e6,
    )  # fmt: skip


def most_threads(server: int, clients: subprocess.Popen[str]) -> int:
    """The most threads the server was seen to have while the clients ran."""
    most = 0
    while True:
        most = max(most, int(re.findall(r"Threads:\s*(\d+)", Path(f"/proc/{server}/status").read_text())[0]))
        try:
            clients.wait(_LOOK_EVERY)
            return most
        except subprocess.TimeoutExpired:
            pass
