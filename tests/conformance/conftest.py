"""The bench of the conformance tests: what a case says is kept, and compared with the committed table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import ioring_table
from ioring_bench import Bench, bench_for
from ntio import System


@pytest.fixture(scope="session")
def committed_table() -> dict[tuple[str, str], str] | None:
    """The committed table; None while a new one is being written."""
    return None if os.environ.get("NTIO_WRITE_TABLE") else ioring_table.committed()


@pytest.fixture
def bench(
    system: System,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    committed_table: dict[tuple[str, str], str] | None,
) -> Iterator[Bench]:
    """A bench on each HAL in turn; at the end the observation has to be the table's."""
    with bench_for(system, tmp_path) as one:
        yield one
    name = request.node.originalname.removeprefix("test_")
    if not one.observed:
        return
    text = "; ".join(one.observed)
    request.node.user_properties.append(("observed", (name, system.hal.name, text)))
    if committed_table is not None:
        known = committed_table.get((name, system.hal.name))
        assert text == known, "docs/conformance/ioring.md says otherwise: python tests/support/ioring_table.py"
