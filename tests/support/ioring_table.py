"""The table of conformance of I/O rings: every case with what was observed on each HAL.

    python tests/support/ioring_table.py      runs the cases and writes docs/conformance/ioring.md

A case is a test named `test_case_…` or `test_rule_…` in `tests/conformance`; `Bench.says` takes what came of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from conformance_table import CONFORMANCE, ROOT, Section, Table, cases_in

_HEAD = """# I/O rings: what each case gives

Every case of the facts about I/O rings, done through `ntio.win32.ioringapi`, with what was observed on io_uring, on
the thread HAL and on the simulated machine. The table is written by `python tests/support/ioring_table.py`; the tests
compare every cell.
"""


def files() -> Iterator[Path]:
    """The files with the cases."""
    return iter((CONFORMANCE / "test_ioring_cases.py", CONFORMANCE / "test_ioring_rules.py"))


def ioring_table() -> Table:
    """The table of I/O rings."""
    sections = (
        Section("Cases by number", cases_in(files(), "case_")),
        Section("Rules of behaviour", cases_in(files(), "rule_")),
    )
    return Table(ROOT / "docs/conformance/ioring.md", _HEAD, sections, "python tests/support/ioring_table.py")


if __name__ == "__main__":
    sys.exit(ioring_table().write(files()))
