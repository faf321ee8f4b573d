"""Runs of requests that can be compared: the same steps on different stacks, HALs and ways must give the same answers.

A *step* is some reads, some writes, or a flush; its rows lie in different blocks, so that their order is nobody's
business. `play` sends the rows one by one as packets, or all at once through a ring, and returns what came of each:
status, bytes moved, and the bytes read.

Rows: R21, R33
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from hypothesis import strategies as st

from ..io_manager import requests
from ..system.file import File
from ..system.rings.ring import Ring

#: Status, bytes moved, and what a read brought.
Answer = tuple[int, int, bytes]

Kind = Literal["read", "write", "flush"]


@dataclass(frozen=True)
class Step:
    """Some requests of one kind: rows of offset and length; a write's bytes come from `seed`."""

    kind: Kind
    rows: tuple[tuple[int, int], ...] = ()
    seed: int = 0

    def data(self) -> list[bytes]:
        """What each row writes."""
        return [
            ((np.arange(length) * 7 + offset + self.seed) % 251).astype(np.uint8).tobytes()
            for offset, length in self.rows
        ]


def steps(size: int, block: int, alignment: int = 1, most: int = 6) -> st.SearchStrategy[list[Step]]:
    """Lists of steps for a disk of `size` bytes; some rows reach beyond its end.

    Offsets and lengths are multiples of `alignment`; no row is longer than `block` bytes.
    """
    units = block // alignment
    pieces = st.integers(0, units - 1).flatmap(lambda first: st.tuples(st.just(first), st.integers(0, units - first)))
    blocks = st.lists(st.integers(0, size // block + 2), min_size=1, max_size=8, unique=True)

    def rows(numbers: list[int], parts: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        return tuple(
            (number * block + first * alignment, count * alignment)
            for number, (first, count) in zip(numbers, parts, strict=True)
        )

    some = blocks.flatmap(
        lambda numbers: st.lists(pieces, min_size=len(numbers), max_size=len(numbers)).map(
            lambda parts: rows(numbers, parts)
        )
    )
    kinds: st.SearchStrategy[Kind] = st.sampled_from(["write", "read"])
    moves = st.builds(Step, kind=kinds, rows=some, seed=st.integers(0, 250))
    return st.lists(st.one_of(moves, moves, moves, st.just(Step("flush"))), min_size=1, max_size=most)


def everything(size: int, block: int) -> Step:
    """Reads the whole disk."""
    return Step("read", tuple((start, min(block, size - start)) for start in range(0, size, block)))


def play(file: File, script: list[Step], ring: Ring | None = None) -> list[Answer]:
    """Send every step, by a ring all rows at once, otherwise one packet after the other; the answers in order."""
    answers: list[Answer] = []
    for step in script:
        answers += _one_by_one(file, step) if ring is None else _all_at_once(ring, file, step)
    return answers


def _one_by_one(file: File, step: Step) -> list[Answer]:
    opened, answers = file.file_object, []
    if step.kind == "flush":
        return [(*requests.flush(opened), b"")]
    for (offset, length), data in zip(step.rows, step.data(), strict=True):
        buffer = bytearray(length)
        if step.kind == "read":
            status, count = requests.read(opened, memoryview(buffer), offset)
            answers.append((status, count, bytes(buffer[:count])))
        else:
            answers.append((*requests.write(opened, memoryview(data), offset), b""))
    return answers


def _all_at_once(ring: Ring, file: File, step: Step) -> list[Answer]:
    if step.kind == "flush":
        done = ring.flush(file)
    else:
        offsets, lengths = (list(column) for column in zip(*step.rows, strict=True))
        done = ring.read(file, offsets, lengths) if step.kind == "read" else ring.write(file, offsets, step.data())
    counts = done.information.tolist()
    read = [b""] * len(counts)
    if done.data is not None:
        read = [row[:count].tobytes() for row, count in zip(done.data, counts, strict=True)]
    return list(zip(done.status.tolist(), counts, read, strict=True))
