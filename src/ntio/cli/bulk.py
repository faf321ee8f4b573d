"""What `sum`, `read` and `copy` share: which files are meant, their contents in order, and errors beside the work.

A path that fails is one line on stderr, the rest goes on, and the exit code is 1 at the end, as coreutils do it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..hal.host import open_flags
from ..system.many_files.file_batch import FileBatch
from ..system.many_files.file_pieces import PIECES, SPANS, new_spans, read_spans
from ..system.many_files.read_files import read_file_batches
from ..system.many_files.stat_files import FileStats
from ..system.system import System

#: Longer files are read in pieces and never held whole.
LONGEST_WHOLE = 32 << 20


class Complaints:
    """Says what went wrong, one line each, and remembers that something did."""

    def __init__(self, command: str, *, silent: bool = False) -> None:
        self._command = command
        self._silent = silent
        self.count = 0

    def say(self, path: str, reason: str) -> None:
        """One path failed."""
        self.count += 1
        if not self._silent:
            print(f"ntio {self._command}: {path}: {reason}", file=sys.stderr)

    def error(self, path: str, error: OSError) -> None:
        """One path failed with an error of the system: what was tried, and the host's words for why it failed."""
        words, message = os.strerror(error.errno or 0), error.strerror or ""
        self.say(path, message if words in message else f"{message}: {words}")

    @property
    def exit_code(self) -> int:
        """0 when nothing failed."""
        return 1 if self.count else 0


def expand(paths: Iterable[str], complaints: Complaints, *, recursive: bool) -> Iterator[str]:
    """The files that are meant: each path, or with `recursive` everything below it, sorted folder by folder."""
    for path in paths:
        if not os.path.isdir(path):
            yield path
        elif not recursive:
            complaints.say(path, "Is a directory (use -r)")
        else:
            for folder, folders, names in os.walk(path, onerror=lambda error: _unlisted(complaints, error)):
                folders.sort()
                yield from (os.path.join(folder, name) for name in sorted(names))


def _unlisted(complaints: Complaints, error: OSError) -> None:
    complaints.error(os.fsdecode(error.filename or "?"), error)


@dataclass(frozen=True, slots=True)
class LongFile:
    """A file that is read in pieces."""

    path: str
    spans: Generator[npt.NDArray[np.uint8], None, None]


def contents(system: System, stats: FileStats, rings: int) -> Iterator[FileBatch | LongFile]:
    """All files in order: batches of whole ones, and long ones each on its own."""
    long = np.flatnonzero(stats.size > LONGEST_WHOLE).tolist()
    first = 0
    for row in [*long, len(stats)]:
        if row > first:
            with closing(read_file_batches(stats.paths[first:row], rings=rings, system=system)) as batches:
                yield from batches
        if row < len(stats):
            spans = _spans(system, stats.paths[row])
            with closing(spans):
                yield LongFile(stats.paths[row], spans)
        first = row + 1


def _spans(system: System, path: str) -> Generator[npt.NDArray[np.uint8], None, None]:
    file = system.hal.files.open(path, open_flags(read=True, write=False))
    try:
        queue = system.hal.new_queue(PIECES * SPANS)
        try:
            with closing(read_spans(queue, file, path, new_spans())) as spans:
                yield from spans
        finally:
            queue.close()
    finally:
        system.hal.files.close(file)


def total_bytes(stats: FileStats) -> int:
    """How many bytes all files are said to have."""
    return int(stats.size.sum())
