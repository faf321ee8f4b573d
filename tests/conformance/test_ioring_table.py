"""The committed table of conformance holds exactly the cases there are; each case compares its own cells."""

from __future__ import annotations

from ioring_table import ioring_table


def test_the_table_has_every_case_and_no_other() -> None:
    table = ioring_table()
    assert table.render(table.committed()) == table.page.read_text(encoding="utf-8"), table.command


def test_every_case_says_what_it_does() -> None:
    assert [case.name for case in ioring_table().cases if not case.what.endswith(".")] == []
