"""Paths as rows of a batch: all of them in one buffer, NUL behind each, as OPEN and STAT rows want them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...hal.operations import OperationCode, Operations
from ...hal.statx import AT_FDCWD, AT_SYMLINK_NOFOLLOW, BASIC_STATS, STATX

#: File systems whose files say nothing true about their size and come in pieces.
_MADE_UP = (b"/proc/", b"/sys/")
#: Where devices are; a folder of that name elsewhere is one like others.
_DEVICES = b"/dev/"

#: How a folder is opened that other files are opened from; it need not be readable.
FOLDER = getattr(os, "O_PATH", 0) | getattr(os, "O_DIRECTORY", 0)
#: Bytes that a path can go on with below a folder: not its end, and not another slash.
_ORDINARY = np.ones(256, np.bool_)
_ORDINARY[[0, ord("/")]] = False
#: From so many paths on, a folder that they share is opened for them.
_WORTH_A_FOLDER = 16
#: The longest path the host takes, its NUL included.
_PATH_MAX = 4096


class PathRows:
    """n paths: `paths`, and `buffer` uint8 with each path at `position` uint64[n]."""

    def __init__(self, given: Sequence[str | os.PathLike[str]]) -> None:
        paths, text = _joined(given)
        self.paths = paths
        self._joined = text.encode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())
        self.buffer: npt.NDArray[np.uint8] = np.frombuffer(self._joined, np.uint8)
        ends = np.flatnonzero(self.buffer == 0)
        #: Paths with a NUL inside, which the host would read as a shorter one.
        self._wrong: npt.NDArray[np.bool_] | None = None
        if len(ends) > len(paths):
            self._wrong = np.array(["\0" in path for path in paths])
            ends = np.cumsum([len(os.fsencode(path)) + 1 for path in paths]) - 1
        self.position: npt.NDArray[np.uint64] = np.zeros(len(paths), np.uint64)
        self.position[1:] = ends[:-1] + 1
        #: Where every "/proc/" there is would be found.
        self._telling = self._joined
        self._longest = int((ends - self.position.view(np.int64)).max(initial=0))

    def __len__(self) -> int:
        return len(self.paths)

    def refuse(self, results: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The results with EINVAL for paths that are none."""
        return results if self._wrong is None else np.where(self._wrong, np.int32(-errno.EINVAL), results)

    def common_folder(self) -> tuple[str, int]:
        """The folder that all paths are below, and how many bytes of each name it; no bytes where there is none.

        Opening from there is the same as opening each path: none is too long, or absolute or empty without the folder.
        """
        if self._wrong is not None or len(self) < _WORTH_A_FOLDER:
            return "", 0
        first, last = min(self.paths), max(self.paths)  # what these two begin with, all others do
        folder = first[: first.rfind("/") + 1]
        while not last.startswith(folder):
            folder = folder[: folder.rfind("/", 0, -1) + 1]
        length = len(os.fsencode(folder))
        following = self.buffer[self.position + np.uint64(length)]
        if length < 2 or self._longest >= _PATH_MAX or not _ORDINARY[following].all():
            return "", 0
        if np.count_nonzero(self.buffer == ord("/")) == folder.count("/") * len(self):
            self._telling = self._joined[:length]
        return folder, length

    def may_come_in_pieces(self) -> bool:
        """Whether a short read may not be the end of a file: of files the kernel makes up, /proc and /sys, and devices.

        A device's read is short when a signal, or io_uring's own news, comes in the middle of it. Told by the paths
        alone, at a cost of nothing; a symbolic link from elsewhere into /proc is not noticed.
        """
        telling = self._telling
        device = telling.startswith(_DEVICES) or b"\0" + _DEVICES in telling
        made_up = device or any(place in telling for place in _MADE_UP)
        return made_up or _working_directory().startswith((*_MADE_UP, _DEVICES))

    def stats(self, *, follow: bool = True) -> tuple[Operations, npt.NDArray[np.void]]:
        """STAT rows for these paths, not started yet, and the STATX[n] they fill."""
        answers = np.zeros(len(self), STATX)
        operations = Operations(
            OperationCode.STAT, len(self), file=AT_FDCWD, buffer=self.buffer, position=self.position,
            length=BASIC_STATS, flags=0 if follow else AT_SYMLINK_NOFOLLOW, auxiliary=answers.view(np.uint8),
            auxiliary_position=np.arange(len(self), dtype=np.uint64) * np.uint64(STATX.itemsize),
        )  # fmt: skip
        return operations, answers


def texts(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Paths as text; raises TypeError for what is none."""
    return _joined(list(paths))[0]


def _joined(paths: Sequence[Any]) -> tuple[list[str], str]:
    """The paths as text, and all of them with a NUL behind each."""
    try:
        # `os.fspath`, or a look at the type, for each of 50,000 would be some per cent of reading them.
        return list(paths), "\0".join([*paths, ""])
    except TypeError:
        names = list(map(os.fsdecode, paths))
        return names, "\0".join([*names, ""])


def _working_directory() -> bytes:
    try:
        return os.getcwdb() + b"/"
    except OSError:  # it was removed: nothing relative can be opened then
        return b""
