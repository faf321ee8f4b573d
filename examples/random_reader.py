"""Random records for training: batches drawn from a few large files, read into the same memory again and again.

    python examples/random_reader.py [FILE ...]

Every step reads `BATCH` records from random places, whichever file they are in, with one call of a ring. The
destination is reused, so a step allocates nothing; while the model works on one batch, the next is on its way.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

import ntio

RECORD = 4096
BATCH = 256
STEPS = 40


class RandomReader:
    """Endless random batches of records from files; close it, or use it in a `with` statement."""

    def __init__(self, paths: list[str], record: int, batch: int, seed: int = 0) -> None:
        self.files = [ntio.open(path) for path in paths]
        self.ring = ntio.Ring(batch)
        self.ring.register(self.files)
        self.record, self.batch = record, batch
        self.first = np.cumsum([0, *(file.size // record for file in self.files)])  # number of each file's first record
        self.random = np.random.default_rng(seed)
        self.memory = np.zeros((2, batch, record), np.uint8)

    def __enter__(self) -> RandomReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.ring.close()
        for file in self.files:
            file.close()

    def start(self, turn: int) -> tuple[npt.NDArray[np.int64], ntio.Batch]:
        """Begin to read a batch into one half of the memory."""
        numbers = self.random.integers(0, self.first[-1], self.batch)
        files = np.searchsorted(self.first, numbers, side="right") - 1
        offsets = (numbers - self.first[files]) * self.record
        return numbers, self.ring.start_read(files, offsets, self.record, out=self.memory[turn])

    def batches(self, steps: int) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
        """Record numbers int64[batch] and records uint8[batch, record], valid until the next step."""
        coming = self.start(0)
        for step in range(1, steps + 1):
            numbers, read = coming
            data = read.wait().raise_for_status().data
            if step < steps:
                coming = self.start(step % 2)
            yield numbers, data


def main() -> None:
    """Read a few batches from the files that are named, or from two made for it, and check every record."""
    with tempfile.TemporaryDirectory() as folder:
        paths = sys.argv[1:] or [make_file(f"{folder}/a", 0, 700), make_file(f"{folder}/b", 700, 300)]
        total = 0
        with RandomReader(paths, RECORD, BATCH) as reader:
            for numbers, data in reader.batches(STEPS):
                total += int(data[:, 0].astype(np.int64).sum())  # the model would work here
                if not sys.argv[1:]:
                    assert (data.view(np.int64)[:, 0] == record_mark(numbers)).all()
            print(f"{STEPS} batches of {BATCH} records in {reader.ring.crossings} kernel crossings, sum {total}")


def make_file(path: str, first: int, count: int) -> str:
    """A file whose records say which they are."""
    records = np.zeros((count, RECORD // 8), np.int64)
    records[:, 0] = record_mark(np.arange(first, first + count))
    records.tofile(path)
    return path


def record_mark(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What the first eight bytes of a record are."""
    return numbers * 1_000_003 + 17


if __name__ == "__main__":
    main()
