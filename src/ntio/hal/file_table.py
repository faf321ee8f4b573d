"""The table of registered files of a backend that has to keep one itself.

A registered file outlives the descriptor it was made from, as in io_uring: each entry is a duplicate of its own. A
replaced table is given back only when nothing is in flight, because rows that already started still use it.

Rows: R30
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from .operations import SPARSE


class FileTable:
    """Registered slots, each empty or holding a descriptor that belongs to the table."""

    def __init__(self, duplicate: Callable[[int], int], close: Callable[[int], None]) -> None:
        self._duplicate = duplicate
        self._close = close
        self._files: list[int] = []
        self._retired: list[int] = []

    def replace(self, files: Sequence[int]) -> None:
        """Take duplicates of `files` (-1: an empty slot) in place of the old ones; raises OSError, then holds none."""
        self._retired += [file for file in self._files if file != SPARSE]
        self._files = []
        taken: list[int] = []
        try:
            for file in files:
                taken.append(SPARSE if file == SPARSE else self._duplicate(file))
        except OSError:
            self._retired += [file for file in taken if file != SPARSE]
            raise
        self._files = taken

    def descriptor(self, index: int) -> int:
        """The descriptor in a slot, or -1, which every host call answers with EBADF."""
        return self._files[index] if 0 <= index < len(self._files) else SPARSE

    def obstacle(self, index: int) -> int:
        """0 where a file can be put into the slot, else minus an errno."""
        if not self._files:
            return -errno.ENXIO
        return 0 if 0 <= index < len(self._files) else -errno.EINVAL

    def put(self, index: int, file: int) -> None:
        """Put a descriptor, from now on the table's, into a slot; what was there is closed."""
        previous, self._files[index] = self._files[index], file
        if previous != SPARSE:
            self._close(previous)

    def take_out(self, index: int) -> int:
        """Close the file in a slot and leave the slot empty: 0, or minus an errno."""
        obstacle = self.obstacle(index)
        if obstacle or self._files[index] == SPARSE:
            return obstacle or -errno.EBADF
        self.put(index, SPARSE)
        return 0

    def close_retired(self) -> None:
        """Close the entries of replaced tables; call it when nothing is in flight."""
        while self._retired:
            self._close(self._retired.pop())

    def close(self) -> None:
        """Close everything."""
        self._retired += [file for file in self._files if file != SPARSE]
        self._files = []
        self.close_retired()
