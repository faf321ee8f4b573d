"""Echo servers measured by a client in C on the other processor: rate, latency, processor time, context switches.

The client is compiled where there is a C compiler; a client in Python would be slower than what it measures.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent

#: What a server's process is given in its environment. asyncio asks for 256 KiB at each receive; glibc trims that off
#: its heap and maps it anew, or keeps it, as the heap happens to lie: one program, 42,000 or 109,000 messages a second
#: on one machine. With these limits it is kept, so that both can be seen beside each other.
_KEPT = {"MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "268435456"}
ENVIRONMENT = {"asyncio streams, malloc kept": _KEPT}


class Echo(NamedTuple):
    """One run: messages per second, latencies in microseconds, processor time per message, context switches."""

    rate: float
    p50: float
    p99: float
    processor: float
    switches: float


def build_client(folder: Path) -> Path:
    """The client, compiled; skips where nothing compiles or there is but one processor."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("an echo benchmark needs a C compiler and two processors")
    client = folder / "echo_client"
    subprocess.run([compiler, "-O2", "-o", client, HERE / "echo_client.c"], check=True)
    return client


def has_uvloop() -> bool:
    """Whether uvloop is installed."""
    return importlib.util.find_spec("uvloop") is not None


def echo(client: Path, way: str, connections: int, size: int, seconds: float) -> Echo:
    """Start a server of that kind, let the client at it, and return what was seen."""
    server = subprocess.Popen(
        [sys.executable, HERE / "echo_servers.py", way, str(connections), str(size)],
        stdout=subprocess.PIPE, text=True, env=os.environ | ENVIRONMENT.get(way, {}),
    )  # fmt: skip
    with server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        last = sorted(os.sched_getaffinity(0))[-1]
        seen = subprocess.run(
            ["taskset", "-c", str(last), client, port, str(connections), str(size), str(seconds)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if seen.returncode:
            server.terminate()
            raise AssertionError(f"{way}: {seen.stderr}")
        rate, p50, p99 = map(float, seen.stdout.split())
        processor, switches = map(float, server.stdout.readline().split())
        server.wait(30)
    messages = rate * seconds
    return Echo(rate, p50, p99, processor / messages * 1e6, switches / messages)
