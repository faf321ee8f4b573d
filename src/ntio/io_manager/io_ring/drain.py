"""Entries of an I/O ring that wait until everything submitted before them has completed.

Such an entry is *held* here instead of being handed to the host, because a host's own barrier would also stop what
comes after it, and a cancellation behind it could never run. Held entries stand in the order of their sequence numbers:

    ─ 3 operations ─ X ─ 5 operations ─ Y ─ 2 operations ─ Z          X waits for 3, Y for X and 5, Z for Y and 2

Each counts only its own stretch, the entry held before it included, so that a completion changes one number and only
the first can become free. A plain list without locks; `submit` serialises its calls.

Source: spec ioring.md 2.4. Rows: R7
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from ...memory.address_space import Region
from .flight import Entries


class Held:
    """An entry that waits, with what its builder left for it; `waits_for` operations are before it and unfinished."""

    __slots__ = ("arrays", "entry", "pins", "sequence", "unwanted", "waits_for")

    def __init__(self, entry: Entries, pins: list[Region | None], arrays: list[Any], sequence: int) -> None:
        self.entry = entry
        self.pins = pins
        self.arrays = arrays
        self.sequence = sequence
        self.waits_for = 0
        #: Whether somebody cancelled it while it was being started.
        self.unwanted = False


class DrainList:
    """The held entries of one ring."""

    def __init__(self) -> None:
        self._held: list[Held] = []
        self._waited_for = 0

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, entry: Held, unfinished: int) -> bool:
        """Keep the newest entry, before which so many operations are unfinished; false when there are none."""
        if unfinished <= 0:
            return False
        entry.waits_for = unfinished - self._waited_for
        self._waited_for = unfinished
        self._held.append(entry)
        return True

    def finished(self, sequences: Iterable[int]) -> None:
        """Operations with these sequence numbers have completed."""
        for sequence in sequences:
            following = bisect_right(self._held, sequence, key=_sequence)
            if following < len(self._held):
                self._held[following].waits_for -= 1
                self._waited_for -= 1

    def take_free(self) -> Held | None:
        """The first entry, if it waits for nothing any more."""
        if not self._held or self._held[0].waits_for:
            return None
        return self._held.pop(0)

    def take_all(self, wanted: Callable[[Held], bool]) -> list[Held]:
        """Take entries out before their time; what they waited for, those behind them still do."""
        taken = []
        kept: list[Held] = []
        inherited = 0
        for one in self._held:
            if wanted(one):
                taken.append(one)
                inherited += one.waits_for
            else:
                one.waits_for += inherited
                inherited = 0
                kept.append(one)
        self._held = kept
        self._waited_for -= inherited
        return taken


def _sequence(held: Held) -> int:
    return held.sequence
