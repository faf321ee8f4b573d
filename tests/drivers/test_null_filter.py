"""The empty filter keeps the law, and costs a file its direct path nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import ntio
from ntio.drivers.null_filter import NullFilter
from ntio.testing import FilterTests


@pytest.mark.row("R18", "R19", "R21", "R29")
class TestNullFilter(FilterTests):
    filter = NullFilter


def test_it_vetoes_nothing(real_system: ntio.System, tmp_path: Path) -> None:
    with ntio.Stack(f"file_disk:path={tmp_path / 'disk'},size=1K", *["null_filter"] * 3, system=real_system) as disk:
        assert disk.bypass.allowed and not disk.bypass.vetoes


def test_a_thousand_of_them_pass_a_request(system: ntio.System) -> None:
    with ntio.Stack("ram_disk:size=1K", *(NullFilter() for _ in range(200)), system=system) as disk:
        assert disk.device.stack_size == 201
        assert disk.write(b"deep", 0) == 4 and disk.read(4, 0) == b"deep"
        assert system.io.irps.statistics().pool_allocates > 0
