"""The table of rules at the end of docs/verifier.md.

    python tests/support/verifier_rules.py      writes it anew; a test compares it
"""

from __future__ import annotations

from pathlib import Path

from ntio.verifier.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "verifier.md"
MARK = "<!-- the table is written by python tests/support/verifier_rules.py -->\n"


def table() -> str:
    """Every rule on a line, as Markdown."""
    lines = ["| bug check | parameter 1 | | name | rule |", "|---|---|---|---|---|"]
    for rule in sorted(RULES, key=lambda rule: (rule.code, rule.number, rule.text)):
        number = f"{rule.number:#x}" if rule.number else ""
        lines.append(f"| {rule.code.name} | {number} | {rule.severity.value} | {rule.name} | {rule.text} |")
    return "\n".join(lines) + "\n"


def written(page: str) -> str:
    """The page with the table as it ought to be."""
    return page[: page.index(MARK) + len(MARK)] + "\n" + table()


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
