"""Copying a folder with everything in it: folders are made, links made again, files copied through rings.

The folders are walked with plain calls while files are copied; Linux has no listing of folders in a ring.

Rows: R10
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import deque
from collections.abc import Generator, Iterator

from ...status import InvalidParameter, NtError, PlatformNotSupported, error_for, status_from_errno
from ..default import default_system
from ..system import System
from .copy_files import FileCopy, copy_files

_Path = str | os.PathLike[str]


def copy_tree(
    source: _Path, target: _Path, *, max_bytes: int = 256 << 20, system: System | None = None
) -> Generator[FileCopy, None, None]:
    """Copy what a folder holds to another folder, which is made if need be; yields FileCopy, files and links.

    What is there already is overwritten. A symbolic link is made again as it is, not followed. A folder that cannot be
    listed or made gives its error in a FileCopy and stops nothing else. Raises NtError when `target` lies in `source`.
    """
    system = system or default_system()
    if system.hal.name == "simulated":
        raise PlatformNotSupported("a simulated machine has no folders to walk")
    source, target = os.fspath(source), os.fspath(target)
    inside = os.path.join(os.path.realpath(source), "")
    if os.path.join(os.path.realpath(target), "").startswith(inside):
        raise InvalidParameter(f"it cannot be copied into itself, {target!r}", filename=source)
    return _copy(_Walk(source, target), max_bytes, system)


def _copy(walk: _Walk, max_bytes: int, system: System) -> Generator[FileCopy, None, None]:
    with contextlib.closing(copy_files(walk.pairs(), max_bytes=max_bytes, system=system)) as copies:
        for copied in copies:
            yield copied
            yield from walk.take_done()
    yield from walk.take_done()
    walk.copy_modes()


class _Walk:
    """The way through a tree: the pairs of files to copy, and what was done beside that."""

    def __init__(self, source: str, target: str) -> None:
        self._folders = deque([(source, target)])
        self._made: list[tuple[str, str]] = []
        self._done: deque[FileCopy] = deque()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Files to copy; makes each folder before it names what comes into it."""
        while self._folders:
            source, target = self._folders.popleft()
            try:
                with os.scandir(source) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
                os.makedirs(target, exist_ok=True)
            except OSError as error:
                self._note(source, target, error)
                continue
            self._made.append((source, target))
            for entry in entries:
                place = os.path.join(target, entry.name)
                if entry.is_symlink():
                    self._link(entry.path, place)
                elif entry.is_dir(follow_symlinks=False):
                    self._folders.append((entry.path, place))
                else:
                    yield entry.path, place

    def take_done(self) -> Iterator[FileCopy]:
        """Links made and folders that failed since the last time."""
        while self._done:
            yield self._done.popleft()

    def copy_modes(self) -> None:
        """Give the folders their permission bits, inner ones first: only now may they forbid writing."""
        for source, target in reversed(self._made):
            with contextlib.suppress(OSError):  # removed meanwhile, or not ours
                shutil.copymode(source, target)

    def _link(self, source: str, target: str) -> None:
        try:
            if os.path.islink(target):
                os.unlink(target)
            os.symlink(os.readlink(source), target)
        except OSError as error:
            self._note(source, target, error)
        else:
            self._done.append(FileCopy(source, target, 0))

    def _note(self, source: str, target: str, error: OSError) -> None:
        told: NtError = error_for(status_from_errno(error.errno or 0), f"cannot copy: {error.strerror}", source)
        self._done.append(FileCopy(source, target, 0, told))
