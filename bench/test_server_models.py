"""Why completion ports: one thread, a thread for each client or request, a pool, asyncio, and ports, side by side.

All serve the same records to the same clients, from one client to a thousand: once quickly, and once with a wait of a
millisecond in each request, which every model lets happen on as many threads as it has. In full size the table comes
with a picture, bench/results/server_models.svg; docs/completion-ports.md shows one and reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from plot_lines import Panel, Style, chart
from server_models import MODELS
from server_runs import Seen, build_clients, medians, place, run, write_records

pytestmark = [pytest.mark.slow, pytest.mark.row("R40")]

#: By model and number of clients.
Figures = dict[tuple[str, int], Seen]
#: By load.
Seens = dict[str, Figures]
#: Loads: what a request waits for, in milliseconds.
LOADS = {"read": 0.0, "read and wait 1 ms": 1.0}
STYLES = {
    "serial": Style("#7f7f7f", "5 4"),
    "thread per client": Style("#ff7f0e"),
    "thread per request": Style("#d62728"),
    "pool of 64": Style("#2ca02c"),
    "asyncio": Style("#9467bd"),
    "port of 1": Style("#9ecae1", square=True),
    "port of 2": Style("#6baed6", square=True),
    "port of 4": Style("#3182bd", square=True),
    "port of 8": Style("#08519c", square=True),
    "port of 64": Style("#041f47", square=True),
    "port of 64, group": Style("#17becf", square=True),
}


CLIENTS = (1, 10, 50, 250, 1000)
CASES = [(load, clients) for load in LOADS for clients in CLIENTS]


@pytest.fixture(scope="module")
def seen() -> Seens:
    """What all cases saw, for the picture."""
    return {}


@pytest.fixture(scope="module")
def clients_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients, compiled once."""
    return build_clients(tmp_path_factory.mktemp("clients"))


@pytest.mark.parametrize(("load", "clients"), CASES)
def test_server_models(
    load: str, clients: int, seen: Seens, clients_program: Path,
    scale: Callable[[int, int], int], record: Callable[..., None], tmp_path: Path,
) -> None:  # fmt: skip
    records, case = write_records(tmp_path / "records"), CASES.index((load, clients))
    models = list(MODELS) if scale(0, 1) else list(MODELS)[case :: len(CASES)]  # tiny, they share the cases
    count, seconds = scale(min(clients, 20), clients), scale(5, 100) / 100
    runs: dict[str, list[Seen]] = {model: [] for model in models}
    for turn in range(scale(1, 3)):
        for model in models[turn:] + models[:turn]:
            runs[model].append(run(clients_program, records, model, count, LOADS[load], seconds))
    for model, some in runs.items():
        one = seen.setdefault(load, {})[model, count] = medians(some)
        record(f"{model}, {load}", clients=count, **columns(one))
        assert one.threads <= most_threads(model, count), model


def test_the_picture(seen: Seens, scale: Callable[[int, int], int], tmp_path: Path) -> None:
    if not seen:
        pytest.skip("nothing was measured")
    picture = (Path(__file__).parent / "results" if scale(0, 1) else tmp_path) / "server_models.svg"
    picture.parent.mkdir(exist_ok=True)
    picture.write_text(draw(seen), encoding="utf-8")
    marks = [one.tag for one in ElementTree.parse(picture).iter() if one.tag.endswith(("circle", "rect"))]
    assert len(marks) == 1 + len(STYLES) + 2 * sum(map(len, seen.values()))  # the ground, the legend, two panels each


def most_threads(model: str, clients: int) -> int:
    """What a model may have at most; a client's or request's thread may still be ending when the next one begins."""
    if model.startswith("thread per"):
        return 2 * clients + 1
    # A pool has a thread before it, asyncio its loop; ntio one that watches sockets while all workers are busy, and
    # for a group, where there is no io_uring, one that receives and sends.
    workers, group, _ = model.partition(", group")
    return {"serial": 1, "asyncio": 65}.get(model) or int(workers.rpartition(" ")[2]) + 1 + bool(group)


def columns(one: Seen) -> dict[str, float]:
    """A line of the table."""
    return {
        "per_second": one.rate, "p50_ms": one.p50 / 1000, "p99_ms": one.p99 / 1000, "never_answered": int(one.never),
        "threads": int(one.threads), "switches": one.switches, "of_them_forced": one.pushed,
        "processor_us": one.processor,
    }  # fmt: skip


def draw(seen: Seens) -> str:
    """The picture: answers per second and the slowest hundredth against the number of clients, a row for each load."""

    def panel(title: str, figures: Figures, figure: Callable[[Seen], float]) -> Panel:
        lines: dict[str, list[tuple[float, float]]] = {}
        for (model, clients), one in figures.items():
            lines.setdefault(model, []).append((clients, figure(one)))
        return Panel(title, "clients", lines)

    rows = [
        [
            panel(f"{load}: answers per second", figures, lambda one: one.rate),
            panel(f"{load}: 99th percentile of latency, ms", figures, lambda one: one.p99 / 1000),
        ]
        for load, figures in seen.items()
    ]
    return chart("One server, one to a thousand clients", place(), rows, STYLES)
