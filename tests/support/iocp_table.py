"""The table of completion ports and overlapped I/O: every case with the documented answer, ours, and Wine's.

    python tests/support/iocp_table.py      runs the cases and writes docs/conformance/iocp.md

A case is a test `test_case_<number>_<name>` in `tests/conformance/test_iocp_*.py`. What came of it has to be what
`iocp_answers.json` holds for the name: Wine 8.0's answer, or where Wine is known to be wrong the documented one.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conformance_table import CONFORMANCE, ROOT, Case, Section, Table, cases_in, number_of

GROUPS: Mapping[str, tuple[int, ...]] = {
    "Making and associating": (1, 2, 3, 4, 5, 6, 7, 8, 10),
    "Packets": (11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 23, 24, 26),
    "Threads": (27, 28, 29, 30, 32, 35, 36, 37),
    "Files": (38, 40, 41, 42, 44, 45, 46, 47, 48, 49, 50, 78),
    "Notification modes": (54, 55, 56, 57),
    "Pipes and sockets": (58, 60, 69, 71, 73, 74, 80, 82),
    "Cancelling": (62, 63, 64, 65, 76),
    "Numbers": (83,),
}
_HEAD = """# Completion ports and overlapped I/O: what each case gives

Every case of the facts about completion ports, done through `ntio.win32` on io_uring, on the thread HAL and on the
simulated machine: the documented answer, what was observed here, and the answer of Wine 8.0 to the same case as a C
program. Where Wine differs from the documentation, the documentation counts. `ov0`, `ov1` are the first and the second
OVERLAPPED of a case. The table is written by `python tests/support/iocp_table.py`; the tests compare every cell.
"""

ANSWERS: Mapping[str, Mapping[str, Any]] = json.loads(
    (Path(__file__).parent / "iocp_answers.json").read_text(encoding="utf-8")
)


def documented(name: str) -> Any:
    """The answer a case has to give."""
    answer = ANSWERS[name]
    return answer.get("documented", answer["wine"])


def answer_name(case: str) -> str:
    """What a case is called in the answers: its test's name without the number."""
    return re.sub(r"^(test_)?case_\d+_", "", case)


def said(value: Any) -> str:
    """An answer as a person reads it."""
    if isinstance(value, dict) and "ok" in value:
        parts = ["TRUE" if value["ok"] else f"FALSE {value['err']}"]
        parts += [f"ov {value['ov']}" if value["ov"] == "null" else value["ov"]] if "ov" in value else []
        parts += [f"{value['bytes']} bytes"] if "bytes" in value else []
        return ", ".join(parts + ([f"key {value['key']}"] if "key" in value else []))
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')} {said(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(said(part) for part in value) + "]"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def iocp_files() -> Iterator[Path]:
    """The files with the cases."""
    return (path for path in sorted(CONFORMANCE.glob("test_iocp_*.py")) if path.stem != "test_iocp_table")


def iocp_table() -> Table:
    """The table, from the tests there are now."""
    cases: list[Case] = sorted(cases_in(iocp_files(), "case_"), key=number_of)
    sections = tuple(
        Section(heading, tuple(case for case in cases if number_of(case) in numbers))
        for heading, numbers in GROUPS.items()
    )
    right = {case.name: said(documented(answer_name(case.name))) for case in cases}
    wine = {case.name: said(ANSWERS[answer_name(case.name)]["wine"]) for case in cases}
    shown = {name: text if text != right[name] else "the same" for name, text in wine.items()}
    command = "python tests/support/iocp_table.py"
    before, after = (("documented", right),), (("Wine 8.0", shown),)
    return Table(ROOT / "docs/conformance/iocp.md", _HEAD, sections, command, before, after)


if __name__ == "__main__":
    sys.exit(iocp_table().write(iocp_files()))
