"""What reading many files gives: one file as bytes, or many files as columns over one array."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...status import NtError, error_for


class FileData(NamedTuple):
    """One file: its path, and its bytes or the error that came instead."""

    path: str
    data: bytes | None
    error: NtError | None = None


class FileBatch:
    """Some files, read whole into one array; `batch[i]` is file i as uint8[length], a view and no copy.

    `paths` list of n · `data` uint8, all files' bytes (and gaps) · `position`, `length` int64[n], where each lies in
    `data` · `status` uint32[n], NTSTATUS, 0 for a file that was read; the length of one that was not is 0.

    Views stay valid as long as they are held: the memory is used again only when nobody holds any of it.
    """

    __slots__ = ("data", "length", "paths", "position", "status")

    def __init__(
        self,
        paths: list[str],
        data: npt.NDArray[np.uint8],
        position: npt.NDArray[np.int64],
        length: npt.NDArray[np.int64],
        status: npt.NDArray[np.uint32],
    ) -> None:
        self.paths = paths
        self.data = data
        self.position = position
        self.length = length
        self.status = status

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        position = int(self.position[index])
        return self.data[position : position + int(self.length[index])]

    def error(self, index: int) -> NtError | None:
        """Why a file could not be read; None where it was."""
        status = int(self.status[index])
        return error_for(status, "cannot read", self.paths[index]) if status else None

    def __repr__(self) -> str:
        failed = int(np.count_nonzero(self.status))
        return f"<FileBatch: {len(self)} files, {int(self.length.sum()):,} bytes, {failed} unreadable>"
