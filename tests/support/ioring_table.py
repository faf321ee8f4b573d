"""The table of conformance: every case of I/O rings with what was observed on each HAL.

    python tests/support/ioring_table.py      runs the cases and writes docs/conformance/ioring.md

A case is a test named `test_case_…` or `test_rule_…` in `tests/conformance`; its docstring says what is done and what
is expected, `Bench.says` what came of it. A test compares each observation with the table, so that it cannot be out of
date.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "conformance" / "ioring.md"
CASES = (ROOT / "tests/conformance/test_ioring_cases.py", ROOT / "tests/conformance/test_ioring_rules.py")
HALS = ("uring", "threads", "simulated")
NOT_RUN = "—"

_HEAD = """# I/O rings: what each case gives

Every case of the facts about I/O rings, done through `ntio.win32.ioringapi`, with what was observed on io_uring, on
the thread HAL and on the simulated machine. The table is written by `python tests/support/ioring_table.py`; the tests
compare every cell.

## Cases by number
"""
_RULES = """
## Rules of behaviour
"""

Observed = Mapping[tuple[str, str], str]


def cases() -> Iterator[tuple[str, str]]:
    """Every case's name without `test_`, and what its docstring says, in the order of the files."""
    for path in CASES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith(("test_case_", "test_rule_")):
                yield node.name.removeprefix("test_"), " ".join((ast.get_docstring(node) or "").split())


def render(observed: Observed) -> str:
    """The page."""
    lines = [_HEAD]
    rules = False
    for name, what in cases():
        if name.startswith("rule_") != rules or len(lines) == 1:
            rules = name.startswith("rule_")
            lines += [_RULES] if rules else []
            lines += ["| case | what | " + " | ".join(HALS) + " |", "|---|---|" + "---|" * len(HALS)]
        label = name.removeprefix("rule_").removeprefix("case_").replace("_", " ")
        cells = [observed.get((name, hal), NOT_RUN) for hal in HALS]
        lines.append(f"| {label} | {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def committed() -> dict[tuple[str, str], str]:
    """What the page says of each case and HAL."""
    found = {}
    names = [name for name, _ in cases()]
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    rows = [line for line in rows if not line.startswith("| case |")]
    for name, line in zip(names, rows, strict=False):
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        found.update({(name, hal): cell for hal, cell in zip(HALS, cells[2:], strict=True) if cell != NOT_RUN})
    return found


class Recorder:
    """Collects what the cases say while pytest runs them."""

    def __init__(self) -> None:
        self.observed: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep the observation of one test."""
        for name, value in report.user_properties if report.when == "teardown" else ():
            if name == "observed":
                self.observed[value[0], value[1]] = value[2]


def main() -> int:
    """Run the cases, write the page."""
    recorder = Recorder()
    os.environ["NTIO_WRITE_TABLE"] = "1"
    ended = pytest.main([*map(str, CASES), "-q", "-p", "no:cacheprovider"], plugins=[recorder])
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(render(recorder.observed), encoding="utf-8")
    return int(ended)


if __name__ == "__main__":
    sys.exit(main())
