"""Tables of conformance: every case of a list with what was observed on each HAL.

    python tests/support/conformance_table.py      runs the I/O manager's cases and writes docs/conformance/iomgr.md

A case is a test `test_case_<number>_<words>` in `tests/conformance`; its docstring says what is done and what is
expected, the fixture `observed` takes what came of it. Each case compares what it observes with its row; one test
compares the rows with the cases there are, so that the page cannot be out of date.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONFORMANCE = ROOT / "tests" / "conformance"
HALS = ("uring", "threads", "simulated")
NOT_RUN = "—"
#: Between what the variants of a parametrised case say.
BETWEEN = " // "
WRITING = "NTIO_WRITE_TABLE"

Observed = Mapping[tuple[str, str], str]
_CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Case:
    """One case: its test's name without `test_`, what its docstring says, and what its row is called."""

    name: str
    what: str

    @property
    def label(self) -> str:
        """The name as the page has it."""
        return re.sub("^(case|rule)_", "", self.name).replace("_", " ")


@dataclass(frozen=True)
class Section:
    """A heading and the cases under it."""

    heading: str
    cases: tuple[Case, ...]


#: A heading and what stands under it for each case, by the case's name.
Column = tuple[str, Mapping[str, str]]


@dataclass(frozen=True)
class Table:
    """A page of sections; `command` is what writes it. Columns stand `before` and `after` those of the HALs."""

    page: Path
    head: str
    sections: tuple[Section, ...]
    command: str
    before: tuple[Column, ...] = ()
    after: tuple[Column, ...] = ()

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case, in the order of the page."""
        return tuple(case for section in self.sections for case in section.cases)

    def render(self, observed: Observed) -> str:
        """The page."""
        lines = [self.head.strip() + "\n"]
        for section in self.sections:
            lines += [f"## {section.heading}\n"]
            headings = ["case", "what", *(name for name, _ in self.before), *HALS, *(name for name, _ in self.after)]
            lines += ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
            for case in section.cases:
                cells = [case.label, case.what, *(column[case.name] for _, column in self.before)]
                cells += [observed.get((case.name, hal), NOT_RUN) for hal in HALS]
                cells += [column[case.name] for _, column in self.after]
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            lines += [""]
        return "\n".join(lines).rstrip() + "\n"

    def committed(self) -> dict[tuple[str, str], str]:
        """What the page says of each case and HAL, `NOT_RUN` where it was not run; a case without row is not there."""
        rows = {}
        for line in self.page.read_text(encoding="utf-8").splitlines() if self.page.exists() else ():
            if line.startswith("| ") and not line.startswith("| case |"):
                cells = [cell.strip().replace("\\|", "|") for cell in _CELLS.split(line)[1:-1]]
                first = 2 + len(self.before)
                rows[cells[0]] = cells[first : first + len(HALS)]
        known = [(case.name, rows[case.label]) for case in self.cases if case.label in rows]
        return {(name, hal): cell for name, cells in known for hal, cell in zip(HALS, cells, strict=True)}

    def write(self, files: Iterator[Path]) -> int:
        """Run the cases of those files and write the page; the result is pytest's."""
        recorder = Recorder()
        os.environ[WRITING] = "1"
        ended = pytest.main([*map(str, files), "-q", "-p", "no:cacheprovider"], plugins=[recorder])
        self.page.parent.mkdir(parents=True, exist_ok=True)
        self.page.write_text(self.render(recorder.observed), encoding="utf-8")
        return int(ended)


class Recorder:
    """Collects what the cases say while pytest runs them."""

    def __init__(self) -> None:
        self.observed: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep the observation of one test."""
        for name, value in report.user_properties if report.when == "teardown" else ():
            if name == "observed":
                case, hal, text = value
                said = self.observed.get((case, hal))
                if said is None or text not in said.split(BETWEEN):
                    self.observed[case, hal] = text if said is None else said + BETWEEN + text


def cases_in(files: Iterator[Path], prefix: str) -> tuple[Case, ...]:
    """Every test of the files whose name goes on with that prefix, in their order."""
    return tuple(
        Case(node.name.removeprefix("test_"), " ".join((ast.get_docstring(node) or "").split()))
        for path in files
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith(f"test_{prefix}")
    )


# --- the I/O manager --------------------------------------------------------------------------------------------------

# The numbers of the facts, by group: heading and numbers.
GROUPS: Mapping[str, tuple[int, ...]] = {
    "A. The packet": (1, 2, 3, 4, 6, 7, 8, 9, 11, 12),
    "B. Completion and pending": (13, 15, 16, 18, 20, 22, 23, 24, 26),
    "C. What the services give back": (27, 28, 29, 31, 32, 34, 36, 38, 40, 41, 42),
    "D. Reading, writing and fast I/O": (43, 45, 46, 47, 49, 50, 52, 53, 54, 56, 57),
    "E. Cancelling": (58, 59, 61, 63, 64, 65),
    "F. Device queues": (67, 68, 69, 70, 71, 73),
    "G. Drivers and devices": (74, 75, 76, 77, 78, 81, 83, 84),
    "H. Files and names": (86, 88, 89, 90, 91, 93, 94),
}
_HEAD = """# The I/O manager: what each case gives

Every case of the facts about packets, drivers, devices, files and names, done on io_uring, on the thread HAL and on
the simulated machine, with what was observed. The numbers are those of the list of facts; a number may have more than
one case. The table is written by `python tests/support/conformance_table.py`; the tests compare every cell.
"""


def iomgr_files() -> Iterator[Path]:
    """The files with the I/O manager's cases."""
    return (path for path in sorted(CONFORMANCE.glob("test_iomgr_*.py")) if path.stem != "test_iomgr_table")


def number_of(case: Case) -> int:
    """The number in a case's name, or -1."""
    found = re.match(r"case_(\d+)_", case.name)
    return int(found[1]) if found else -1


def iomgr_table() -> Table:
    """The table of the I/O manager, from the tests there are now."""
    cases = sorted(cases_in(iomgr_files(), "case_"), key=number_of)
    sections = (
        Section(heading, tuple(case for case in cases if number_of(case) in numbers))
        for heading, numbers in GROUPS.items()
    )
    command = "python tests/support/conformance_table.py"
    return Table(ROOT / "docs/conformance/iomgr.md", _HEAD, tuple(s for s in sections if s.cases), command)


if __name__ == "__main__":
    sys.exit(iomgr_table().write(iomgr_files()))
