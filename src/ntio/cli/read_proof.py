"""Every file of a folder, read through rings and read plainly, and whether the bytes are the same.

The hash is SHA-256 over the contents of all files, one after the other in the order of their paths as bytes, which is
what `LC_ALL=C sort` and `cat` give. Lengths are compared file by file as well.

The two ways take turns, some files each, and each goes first every other time: neither finds all files in the host's
cache because the other has just read them. The time of each is that of reading alone, without hashing.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..system.many_files.read_files import read_files
from ..system.system import System
from .output import CommandError

#: The length noted for a file that cannot be read.
_UNREADABLE = -1
#: How many files each way reads in its turn: one window of `read_files`.
_TURN = 256


@dataclass(frozen=True)
class Reading:
    """What one way of reading gave: how many files and bytes, the hash, the seconds; `lengths` has one per file."""

    files: int
    unreadable: int
    bytes: int
    seconds: float
    sha256: str
    lengths: list[int] = field(repr=False)

    def agrees_with(self, other: Reading) -> bool:
        """Whether both ways gave the same bytes, file by file."""
        return self.sha256 == other.sha256 and self.lengths == other.lengths

    def as_data(self) -> dict[str, object]:
        """What is shown of it."""
        return {name: value for name, value in vars(self).items() if name != "lengths"}


def list_files(path: str) -> list[str]:
    """Every regular file at or below a path, in the order of their paths as bytes; raises CommandError for no path."""
    if os.path.isfile(path):
        return [path]
    if not os.path.isdir(path):
        raise CommandError(f"there is no file or folder {path!r}")
    found = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    return sorted(filter(os.path.isfile, found), key=os.fsencode)


def read_both_ways(system: System, paths: list[str]) -> tuple[Reading, Reading]:
    """Read the files in batches through a ring, and one after the other with Python's own `open`."""
    rings = _Way(file.data for file in read_files(paths, system=system))
    plain = _Way(map(_plain, paths))
    turn = [rings, plain]
    for first in range(0, len(paths), _TURN):
        for way in turn:
            way.take(min(_TURN, len(paths) - first))
        turn.reverse()
    return rings.result(), plain.result()


def _plain(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


class _Way:
    """One way of reading, as far as it has come."""

    def __init__(self, contents: Iterator[bytes | None]) -> None:
        self._contents = contents
        self._digest = hashlib.sha256()
        self._lengths: list[int] = []
        self._seconds = 0.0

    def take(self, count: int) -> None:
        """Read so many files more."""
        for _ in range(count):
            begun = time.perf_counter()
            data = next(self._contents)
            self._seconds += time.perf_counter() - begun
            self._lengths.append(_UNREADABLE if data is None else len(data))
            self._digest.update(data or b"")

    def result(self) -> Reading:
        """What came of it; closes what the way holds open."""
        for _ in self._contents:
            raise AssertionError("more files were read than there are")
        read = [length for length in self._lengths if length != _UNREADABLE]
        unreadable = len(self._lengths) - len(read)
        return Reading(
            len(self._lengths), unreadable, sum(read), self._seconds, self._digest.hexdigest(), self._lengths
        )
