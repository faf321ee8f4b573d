"""The I/O manager's table holds exactly the cases there are, and every number of the list has a case."""

from __future__ import annotations

import pytest

from conformance_table import GROUPS, NOT_RUN, iomgr_table, number_of


def test_the_table_has_every_case_and_no_other() -> None:
    table = iomgr_table()
    known = table.committed()
    missing = [case.name for case in table.cases if not any(name == case.name for name, _ in known)]
    assert missing == [], table.command
    assert table.render(known) == table.page.read_text(encoding="utf-8"), table.command


def test_every_case_says_what_it_does() -> None:
    assert [case.name for case in iomgr_table().cases if not case.what.endswith(".")] == []


def test_every_case_has_been_observed_somewhere() -> None:
    seen = {name for (name, _), cell in iomgr_table().committed().items() if cell != NOT_RUN}
    assert [case.name for case in iomgr_table().cases if case.name not in seen] == []


@pytest.mark.parametrize("heading", GROUPS)
def test_every_listed_case_has_a_test(heading: str) -> None:
    numbers = {number_of(case) for case in iomgr_table().cases}
    assert [number for number in GROUPS[heading] if number not in numbers] == []


def test_every_case_has_a_number_of_the_list() -> None:
    listed = {number for numbers in GROUPS.values() for number in numbers}
    assert {number_of(case) for case in iomgr_table().cases} <= listed
