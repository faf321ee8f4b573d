"""Echo over TCP: 1 KiB, fifty connections, the client on the other processor; beside asyncio's streams and uvloop.

asyncio's streams are there twice, because they have two states (`echo.ENVIRONMENT`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
from echo import Echo, build_client, echo, has_uvloop

pytestmark = [pytest.mark.slow, pytest.mark.row("R34")]


def test_echo(scale: Callable[[int, int], int], record: Callable[..., None], tmp_path: Path) -> None:
    client = build_client(tmp_path)
    ways = ["ntio batches", "ntio packets", "ntio requests", "asyncio streams", "asyncio streams, malloc kept"]
    ways += ["uvloop protocol"] if has_uvloop() else []
    runs: dict[str, list[Echo]] = {way: [] for way in ways}
    for _ in range(scale(1, 5)):
        for way in ways:
            runs[way].append(echo(client, way, scale(5, 50), 1024, scale(1, 20) / 10))
    best = {way: Echo(*(median(column) for column in zip(*seen, strict=True))) for way, seen in runs.items()}
    for way, seen in best.items():
        record(
            way, per_second=seen.rate, p50_us=seen.p50, p99_us=seen.p99, processor_us=seen.processor,
            switches=seen.switches, against_streams=seen.rate / best["asyncio streams"].rate,
            against_uvloop=seen.rate / best["uvloop protocol"].rate if "uvloop protocol" in best else "",
        )  # fmt: skip
