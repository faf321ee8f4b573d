"""What the cases of conformance get: a bench for I/O rings, and `observed`; what they say is held against tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance_table import BETWEEN, WRITING, Table, iomgr_table
from iocp_bench import Bench as PortBench
from iocp_bench import iocp_bench
from iocp_table import answer_name, documented, iocp_table, said
from ioring_bench import Bench, bench_for
from ioring_table import ioring_table
from ntio import System
from system_check import BODY_FAILED

Known = tuple[Table, dict[tuple[str, str], str]]


@pytest.fixture(scope="session")
def ioring_page() -> Known:
    """The table of I/O rings and what its page says."""
    table = ioring_table()
    return table, table.committed()


@pytest.fixture(scope="session")
def iomgr_page() -> Known:
    """The table of the I/O manager and what its page says."""
    table = iomgr_table()
    return table, table.committed()


@pytest.fixture(scope="session")
def iocp_page() -> Known:
    """The table of completion ports and what its page says."""
    table = iocp_table()
    return table, table.committed()


def compare(request: pytest.FixtureRequest, system: System, said: list[str], page: Known) -> None:
    """Hand a case's observation to whoever writes the table, and hold it against the page.

    A case that has no row yet is not this test's failure, but that of the test of the whole table.
    """
    if not said or request.node.stash.get(BODY_FAILED, False):
        return
    name, text, (table, known) = request.node.originalname.removeprefix("test_"), "; ".join(said), page
    request.node.user_properties.append(("observed", (name, system.hal.name, text)))
    if not os.environ.get(WRITING):
        row = known.get((name, system.hal.name), text).split(BETWEEN)
        assert text in row, f"{table.page.name} says otherwise: {table.command}"


@pytest.fixture
def bench(system: System, tmp_path: Path, request: pytest.FixtureRequest, ioring_page: Known) -> Iterator[Bench]:
    """A bench on each HAL in turn; at the end the observation has to be the table's."""
    with bench_for(system, tmp_path) as one:
        yield one
    compare(request, system, one.observed, ioring_page)


@pytest.fixture
def observed(system: System, request: pytest.FixtureRequest, iomgr_page: Known) -> Iterator[Callable[[str], None]]:
    """Takes what came of a case, as text; at the end the texts have to be the table's."""
    said: list[str] = []
    yield said.append
    compare(request, system, said, iomgr_page)


@pytest.fixture
def ports(system: System, tmp_path: Path) -> Iterator[PortBench]:
    """A bench for completion ports on each HAL in turn."""
    with iocp_bench(system, tmp_path) as one:
        yield one


@pytest.fixture
def answers(system: System, request: pytest.FixtureRequest, iocp_page: Known) -> Iterator[Callable[..., None]]:
    """Takes the answer of a case, part by part, which has to be the documented one."""
    texts: list[str] = []

    def observed(**answer: object) -> None:
        right = documented(answer_name(request.node.originalname))
        assert answer == right
        texts.append(said({part: answer[part] for part in right}))  # in one order, whichever thread came first

    yield observed
    compare(request, system, texts, iocp_page)
