"""What every subcommand prints with: tables and JSON, and the errors that end it.

Numbers stand right, words left. JSON is one object, indented, keys in the order they were made.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any


class CommandError(Exception):
    """The command could not do what it was asked; its text is one line for the person at the terminal."""


class UsageError(CommandError):
    """The command was called wrongly."""


def print_json(data: Any) -> None:
    """Print data as JSON; dataclasses become objects."""
    print(json.dumps(data, indent=2, default=_plain))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under their heads, columns as wide as their widest entry; numbers stand right, with thousands set apart."""
    texts = [[_cell(value) for value in row] for row in rows]
    numeric = [all(isinstance(row[column], (int, float)) for row in rows) for column in range(len(head))]
    widths = [max(len(line[column]) for line in [list(head), *texts]) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        )
        return "  ".join(aligned).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, texts)])


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return str(value)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} cannot be printed as JSON")
