"""The page docs/rows.md: every row, the modules that claim it and the tests that pin it.

    python tests/support/rows_page.py        writes the page
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

#: What each row asks for, in a few words; the numbers are stable and may be cited.
ROW_TEXTS = {
    "R1": "rings of versions 1, 2, 300 and 400, with queues rounded up to at least 8 and 16",
    "R2": "asking for a ring's sizes and for what is supported",
    "R3": "building a read only queues it",
    "R4": "submitting: one kernel crossing for a whole batch",
    "R5": "file and buffer references, raw or registered",
    "R6": "popping completions: user data, result, bytes",
    "R7": "writing, flushing and cancelling through a ring",
    "R8": "a completion event, and use without blocking",
    "R9": "closing a ring leaves nothing behind",
    "R10": "many files: opened, read and closed in batches",
    "R11": "the same results where io_uring is switched off, and a word about which is in use",
    "R12": "the article's program, in both forms",
    "R13": "the packet: a fixed part and one stack location per device",
    "R14": "three lookaside lists per processor, with counters",
    "R15": "driver and device objects, device stacks",
    "R16": "device nodes: PDO, FDO, filters",
    "R17": "a driver stack across several device stacks, such as USB storage",
    "R18": "calling the next driver; current, next, copy and skip of locations",
    "R19": "completion routines on success, error and cancel",
    "R20": "the open sequence, from name to handle",
    "R21": "every request is made on a file object; drivers call each other through the I/O manager only",
    "R22": "a driver's routines, from entry to unload",
    "R23": "loading and unloading",
    "R24": "interrupt routines and deferred calls at their levels",
    "R25": "fast I/O beside packets, and its callbacks",
    "R26": "sockets: no packet when data or room is there",
    "R27": "every field of driver and device objects, and a view that shows them",
    "R28": "named devices; one per partition, one driver",
    "R29": "from file object to device to driver to routine",
    "R30": "one layer touches the machine",
    "R31": "synchronous and overlapped I/O",
    "R32": "the OVERLAPPED structure",
    "R33": "no order between requests; buffers in flight stay pinned",
    "R34": "files, pipes and sockets as devices of a completion port",
    "R35": "making a port, associating a device",
    "R36": "taking packets, one or many",
    "R37": "posting packets",
    "R38": "the five structures of a port, visible",
    "R39": "concurrency held at a number",
    "R40": "serial, a thread per request, a port: side by side",
}

_HEAD = """# What ntio is to do, row by row

Rows are cited by number in modules and tests. A row without a module is not here yet. This page is made by
`python tests/support/rows_page.py`, and a test fails when it is out of date.

| row | what | modules | tests |
|---|---|---|---|
"""


def draw(claimed: Mapping[str, Sequence[str]], tested: Mapping[str, Sequence[str]]) -> str:
    """The page's text."""
    lines = []
    for row, text in ROW_TEXTS.items():
        modules = ", ".join(f"`{name}`" for name in sorted(set(claimed.get(row, ()))))
        tests = ", ".join(f"`{name}`" for name in sorted(set(tested.get(row, ()))))
        lines.append(f"| {row} | {text} | {modules} | {tests} |\n")
    return _HEAD + "".join(lines)


def page_path(root: Path) -> Path:
    """Where the page is."""
    return root / "docs" / "rows.md"


if __name__ == "__main__":
    import sys

    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT / "tests")]
    from test_rows import find_claims, find_marks

    page_path(ROOT).write_text(draw(find_claims(ROOT), find_marks(ROOT)), encoding="utf-8")
