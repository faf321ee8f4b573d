"""The table of completion ports holds exactly the cases there are, and there is one for every answer that is known."""

from __future__ import annotations

import pytest

from conformance_table import NOT_RUN, number_of
from iocp_table import ANSWERS, GROUPS, answer_name, iocp_table


def test_the_table_has_every_case_and_no_other() -> None:
    table = iocp_table()
    assert table.render(table.committed()) == table.page.read_text(encoding="utf-8"), table.command


def test_every_case_says_what_it_does() -> None:
    assert [case.name for case in iocp_table().cases if not case.what.endswith(".")] == []


def test_every_case_has_been_observed_somewhere() -> None:
    seen = {name for (name, _), cell in iocp_table().committed().items() if cell != NOT_RUN}
    assert [case.name for case in iocp_table().cases if case.name not in seen] == []


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_has_its_case(name: str) -> None:
    cases = {answer_name(case.name): number_of(case) for case in iocp_table().cases}
    assert cases.get(name) == ANSWERS[name]["number"]


def test_every_number_stands_under_one_heading() -> None:
    listed = [number for numbers in GROUPS.values() for number in numbers]
    assert sorted(listed) == sorted(answer["number"] for answer in ANSWERS.values())
