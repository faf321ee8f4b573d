"""What a benchmark gets: its size, a fair way to compare, and a place for its figures.

Every benchmark runs tiny in each test run, so that it cannot rot, and in full with `--bench`. Figures go to
bench/results/latest.json in full size, to tiny.json otherwise; the table is printed for the full size only, since tiny
figures say nothing.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pytest

RESULTS = Path(__file__).parent / "results"
FIGURES = pytest.StashKey[list[dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch for the full size."""
    parser.addoption("--bench", action="store_true", help="run the benchmarks in full size and print their table")


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the figures."""
    config.stash[FIGURES] = []


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """`scale(tiny, full)` is the number that fits this run."""
    full_size = bool(request.config.getoption("--bench"))
    return lambda tiny, full: full if full_size else tiny


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`record(name, **figures)` keeps one line of the table: rates, ratios, crossings, a hash of the result."""
    rows = request.config.stash[FIGURES]

    def keep(name: str, **figures: float | int | str) -> None:
        plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in figures.items()}
        rows.append({"benchmark": request.node.name, "name": name, **plain})

    return keep


@pytest.fixture
def alternate() -> Callable[[Mapping[str, Callable[[], float | None]], int], dict[str, float]]:
    """`alternate({name: callable}, rounds)` gives the median per name of runs that take turns."""
    return medians_of_alternating_runs


def medians_of_alternating_runs(runs: Mapping[str, Callable[[], float | None]], rounds: int) -> dict[str, float]:
    """Run each callable once per round and return the median for each.

    One round before the first is not counted. Every round starts with another callable, so that none always runs on the
    caches another one left. A callable that returns None is timed, in seconds; one that returns a float reports its own
    figure instead, such as the rate a C tool printed.
    """
    names = list(runs)
    figures: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            figure = one_run(runs[name])
            if turn:
                figures[name].append(figure)
    return {name: median(values) for name, values in figures.items()}


def one_run(run: Callable[[], float | None]) -> float:
    """Run once with the collector at rest; return the seconds it took, or the float it reports."""
    gc.collect()
    gc.disable()
    try:
        start = perf_counter()
        own = run()
        seconds = perf_counter() - start
    finally:
        gc.enable()
    if own is None:
        return seconds
    if not isinstance(own, float):
        raise TypeError(f"a run returns None to be timed or a float to report, not {type(own).__name__}")
    return own


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "hal": os.environ.get("NTIO_HAL", ""),
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write the figures, and print them as a table if they were measured in full size."""
    rows = config.stash[FIGURES]
    full_size = bool(config.getoption("--bench"))
    if not rows:
        return
    path = RESULTS / ("latest.json" if full_size else "tiny.json")
    try:
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps({"full_size": full_size, "machine": machine(), "rows": rows}, indent=1) + "\n")
    except OSError as error:
        terminalreporter.write_line(f"the figures were not kept: {error}")
    if full_size:
        terminalreporter.section("figures")
        for line in table(rows):
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"kept in {path}; what not to conclude from them: bench/README.md")


def table(rows: list[dict[str, Any]]) -> list[str]:
    """One block of lines per benchmark: a column for each figure any of its lines has."""
    lines: list[str] = []
    for benchmark in dict.fromkeys(row["benchmark"] for row in rows):
        mine = [{k: v for k, v in row.items() if k != "benchmark"} for row in rows if row["benchmark"] == benchmark]
        columns = list(dict.fromkeys(key for row in mine for key in row))
        cells = [columns, *([shown(row.get(column, "")) for column in columns] for row in mine)]
        widths = [max(len(line[number]) for line in cells) for number in range(len(columns))]
        lines += ["", benchmark]
        for line in cells:
            first, *rest = (
                cell.ljust(width) if number == 0 else cell.rjust(width)
                for number, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            lines.append("  ".join(["", first, *rest]))
    return lines


def shown(value: object) -> str:
    """A figure as text: whole numbers with separators, small ones with three digits that count."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
