"""Why completion ports: one thread for all clients in turn, a thread for each, and workers on a port, side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from echo import build_client, echo

pytestmark = [pytest.mark.slow, pytest.mark.row("R40")]
THREADS = {"serial": 1, "port 1": 1, "port 2": 2, "port 4": 4, "port 8": 8}


def test_server_models(scale: Callable[[int, int], int], record: Callable[..., None], tmp_path: Path) -> None:
    client, clients = build_client(tmp_path), scale(4, 200)
    for way in ("serial", "thread each", "port 1", "port 2", "port 4", "port 8", "ntio packets", "ntio batches"):
        seen = echo(client, way, clients, 1024, scale(1, 20) / 10)
        record(
            way, clients=clients, threads=THREADS.get(way, clients if way == "thread each" else 1),
            per_second=seen.rate, p50_us=seen.p50, p99_us=seen.p99, processor_us=seen.processor, switches=seen.switches,
        )  # fmt: skip
        assert seen.rate > 0
