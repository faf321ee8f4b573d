"""`ntio demo [PATH]`: the whole of ntio once, on real files.

1. every file of a folder (this Python's library when none is given), read through rings and compared with plain reads
2. a device stack of a disk and two filters, written and read through
3. its device tree, and one request's way through every driver and back
4. rates: a ring, a loop of `os.preadv`, one future per read, measured here and now

Where there are no real files (the simulated HAL) it says so, and shows 2 and 3 on a disk in memory.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import textwrap
import time
from typing import Any

from ..hal.machine import Hal
from ..system.system import System
from . import rates
from .output import CommandError, print_json, table
from .read_proof import Reading, list_files, read_both_ways
from .stack_show import StackShow, show_stack
from .systems import command_system, hal_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the subcommand takes."""
    parser.add_argument("path", nargs="?", metavar="PATH", help="a folder or file to read (this Python's library)")


def run(arguments: argparse.Namespace) -> int:
    """Show everything; raises CommandError when something came out wrong."""
    begun = time.perf_counter()
    path = arguments.path or os.path.dirname(os.__file__)
    with command_system() as system:
        show = _Show(system, text=not arguments.json)
        show.say(hal_line(system.hal))
        if system.hal.name == "simulated":
            show.say(_no_real_files(system.hal))
            correct = show.stack(real_files=False)
        else:
            correct = show.files(path)
            correct = show.stack(real_files=True) and correct
            show.rates()
        show.finish(time.perf_counter() - begun)
    if not correct:
        raise CommandError("what was read is not what was written: see above")
    return 0


class _Show:
    """Each part, said as text when it is done, or kept as data for the end."""

    def __init__(self, system: System, *, text: bool) -> None:
        self._system = system
        self._text = text
        self._data: dict[str, Any] = {"hal": {"name": system.hal.name, "reason": system.hal.reason}}

    def say(self, text: str) -> None:
        """Print, unless data is wanted."""
        if self._text:
            print(text, flush=True)

    def files(self, path: str) -> bool:
        """Part 1; returns whether the bytes are equal."""
        paths = list_files(path)
        rings, plain = read_both_ways(self._system, paths)
        equal = rings.agrees_with(plain)
        self._data["files"] = {"path": path, "rings": rings.as_data(), "plain": plain.as_data(), "equal": equal}
        self.say(f"\n1. Every file of {path}")
        rows = [_row("rings", rings), _row("plain", plain)]
        self.say(_indented(table(("", "files", "bytes", "seconds", "sha256"), rows)))
        unreadable = f", {rings.unreadable} files cannot be read either way" if rings.unreadable else ""
        self.say(f"   the bytes are {'equal' if equal else 'NOT EQUAL'}{unreadable}")
        return equal

    def stack(self, *, real_files: bool) -> bool:
        """Parts 2 and 3; returns whether the stack kept the bytes."""
        shown = show_stack(self._system, real_files=real_files)
        self._data["stack"] = {
            "disk": shown.disk, "written": shown.written, "read_back": shown.read_back,
            "inverted_below": shown.inverted_below, "logged": shown.logged,
        }  # fmt: skip
        self._data["tree"], self._data["trace"] = shown.tree, shown.trace
        self._say_stack(shown)
        return shown.correct

    def _say_stack(self, shown: StackShow) -> None:
        where = "a temporary file" if shown.disk == "file_disk" else "memory"
        self.say(f"\n2. A stack: {shown.disk} on {where}, invert, log")
        self.say(f"   {shown.written:,} bytes written and read again: {_verdict(shown.read_back)}")
        self.say(f"   every byte lies inverted on the disk: {_verdict(shown.inverted_below)}")
        self.say("   the log filter saw:")
        self.say(_indented("\n".join(shown.logged), 6))
        self.say("\n3. Its device tree, and one request through every driver and back")
        self.say(_indented(shown.tree_text))
        self.say("")
        self.say(_indented(shown.trace_text))

    def rates(self) -> None:
        """Part 4."""
        with rates.hot_file(tempfile.gettempdir()) as path:
            measured = rates.measure(self._system, path)
        self._data["rates"] = {
            "file_bytes": rates.FILE_BYTES, "block_bytes": rates.BLOCK, "ways": [vars(rate) for rate in measured]
        }  # fmt: skip
        self.say(f"\n4. Random reads of {rates.BLOCK} bytes, file of {rates.FILE_BYTES >> 20} MiB in the host's cache")
        head = ("way", "reads/s", "kernel crossings per 1,000", "")
        rows = [(rate.way, round(rate.reads_per_second), rate.crossings_per_1000, rate.note) for rate in measured]
        self.say(_indented(table(head, rows)))

    def finish(self, seconds: float) -> None:
        """The end: how long it took, or all data."""
        self._data["seconds"] = seconds
        if self._text:
            print(f"\nDone in {seconds:.1f} s.")
        else:
            print_json(self._data)


def _row(way: str, reading: Reading) -> tuple[object, ...]:
    return way, reading.files, reading.bytes, f"{reading.seconds:.2f}", reading.sha256


def _verdict(correct: bool) -> str:
    return "yes" if correct else "NO"


def _indented(text: str, columns: int = 3) -> str:
    return textwrap.indent(text, " " * columns)


def _no_real_files(hal: Hal) -> str:
    return f"No real files here ({hal.reason}), so nothing is read from the host and no rates are measured."
