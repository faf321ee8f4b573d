"""The rows of the mission, R1 to R40, are held from both sides: modules name them, tests pin them.

A module says `Rows: R13, R14` (or `R9-R11`) in its docstring, a test carries `@pytest.mark.row("R13")`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rows_page import ROW_TEXTS, draw, page_path
from source_tree import read_sources

ROOT = Path(__file__).parent.parent
ROWS = frozenset(f"R{number}" for number in range(1, 41))

ROWS_LINE = re.compile(r"^Rows?: *(.+)$", re.MULTILINE)
ROW_OR_RANGE = re.compile(r"R(\d+)(?: *- *R?(\d+))?")


def rows_named(docstring: str) -> set[str]:
    """The rows that the `Rows:` lines of a docstring name."""
    named: set[str] = set()
    for line in ROWS_LINE.findall(docstring):
        for first, last in ROW_OR_RANGE.findall(line):
            named |= {f"R{number}" for number in range(int(first), int(last or first) + 1)}
    return named


def rows_marked(text: str) -> Iterator[str]:
    """The rows that the marks of a test file name."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.row"):
            yield from (str(ast.literal_eval(argument)) for argument in node.args)


def find_claims(root: Path) -> dict[str, list[str]]:
    """By row, the modules that claim it."""
    rows: dict[str, list[str]] = {}
    for module in read_sources(root / "src" / "ntio").modules.values():
        for row in rows_named(ast.get_docstring(module.tree) or ""):
            rows.setdefault(row, []).append(module.name)
    return rows


def find_marks(root: Path) -> dict[str, list[str]]:
    """By row, the test files that mark it."""
    rows: dict[str, list[str]] = {}
    for folder in ("tests", "bench"):
        for path in sorted((root / folder).rglob("test_*.py")):
            for row in rows_marked(path.read_text(encoding="utf-8")):
                rows.setdefault(row, []).append(path.relative_to(root).as_posix())
    return rows


@pytest.fixture(scope="module")
def claimed() -> dict[str, list[str]]:
    """By row, the modules that claim it."""
    return find_claims(ROOT)


@pytest.fixture(scope="module")
def tested() -> dict[str, list[str]]:
    """By row, the test files that mark it."""
    return find_marks(ROOT)


def test_the_page_of_rows_is_up_to_date(claimed: dict[str, list[str]], tested: dict[str, list[str]]) -> None:
    assert set(ROW_TEXTS) == ROWS
    assert page_path(ROOT).read_text(encoding="utf-8") == draw(claimed, tested), "run tests/support/rows_page.py"


def test_marked_rows_exist(tested: dict[str, list[str]]) -> None:
    assert {row: files for row, files in tested.items() if row not in ROWS} == {}


def test_claimed_rows_exist(claimed: dict[str, list[str]]) -> None:
    assert {row: modules for row, modules in claimed.items() if row not in ROWS} == {}


def test_every_claimed_row_has_a_test(claimed: dict[str, list[str]], tested: dict[str, list[str]]) -> None:
    assert {row: modules for row, modules in claimed.items() if row not in tested} == {}


def test_rows_are_read_from_lines_of_a_docstring() -> None:
    assert rows_named("What.\n\nRows: R4, R9-R11 and R30\nNo R5 here.\nRow: R1") == {
        "R4",
        "R9",
        "R10",
        "R11",
        "R30",
        "R1",
    }
    assert rows_named("The rows: R4") == set()


def test_rows_are_read_from_marks() -> None:
    text = "pytestmark = pytest.mark.row('R1')\n@pytest.mark.row('R2', 'R3')\ndef test(): ...\nother.row('R9')"
    assert sorted(rows_marked(text)) == ["R1", "R2", "R3"]
