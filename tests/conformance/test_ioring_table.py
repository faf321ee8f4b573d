"""The committed table of conformance holds exactly the cases there are; each case compares its own cells."""

from __future__ import annotations

import ioring_table


def test_the_table_has_every_case_and_no_other() -> None:
    assert ioring_table.render(ioring_table.committed()) == ioring_table.TABLE.read_text(encoding="utf-8")


def test_every_case_says_what_it_does() -> None:
    assert [name for name, what in ioring_table.cases() if not what.endswith(".")] == []
