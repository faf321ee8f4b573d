"""Which way each request of a ring's call goes: straight to a host file, or as a packet through a stack.

A call names its files in one of three ways: one `File`, a sequence of them, or indices of registered files. The answer
is always a few *routes*, each a set of rows that go the same way. Registered files are resolved once and again only
when some stack has changed, so that a call with a thousand indices costs no more than one with a thousand offsets.

Rows: R5, R29
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...hal.operations import SPARSE, Column
from ...io_manager.bypass import HostTarget
from ...io_manager.file_object import FileObject
from ...io_manager.manager import IoManager
from ...io_manager.requests import allowed
from ...status import InvalidParameter
from ..file import File
from .columns import Transfer

if TYPE_CHECKING:
    from .ring import Ring

Rows = slice | npt.NDArray[np.intp]
#: From the number of requests, and the plan where writing must stop somewhere, to the routes.
Router = Callable[[int, Transfer | None], "list[Route]"]


@dataclass(frozen=True, slots=True)
class Route:
    """Some rows of a call that go the same way: `direct` to `file` of the host, or as packets on `file_object`."""

    rows: Rows
    count: int
    file_object: FileObject
    direct: bool = False
    file: Column = SPARSE
    fixed: bool = False
    #: The files that must not be closed below while this is under way; a registered one is the table's to keep.
    held: tuple[FileObject, ...] = ()


class Holding:
    """References on the files of some routes: closing one of them meanwhile is put off until `release`."""

    __slots__ = ("_files", "_io")

    def __init__(self, io: IoManager, routes: list[Route]) -> None:
        self._io = io
        self._files = [file for route in routes for file in route.held]
        for file in self._files:
            io.reference(file)

    def release(self) -> None:
        """Let the files go. Idempotent."""
        files, self._files = self._files, []
        for file in files:
            self._io.dereference(file)

    def __enter__(self) -> Holding:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class FileSet:
    """Files that are named by their index, with where each goes."""

    def __init__(self, io: IoManager, files: list[File]) -> None:
        self.files = files
        self._io = io
        self._epoch = -1
        self._targets: list[HostTarget | None] = [None] * len(files)
        self._descriptors: npt.NDArray[np.int32] = np.empty(0, np.int32)
        self._all_direct = False
        self._limited = False
        self._registered = np.array([_descriptor(target) for target in self.targets()], np.int32)

    def targets(self) -> list[HostTarget | None]:
        """Where each file goes: its host file, or None for a stack that wants packets.

        A file that was closed since goes where it went: the ring's table holds its host file open.
        """
        if self._epoch != self._io.stack_epoch:
            self._epoch = self._io.stack_epoch
            before = self._targets
            self._targets = [
                before[index] if file.closed else file.direct_target() for index, file in enumerate(self.files)
            ]
            self._descriptors = np.array([_descriptor(target) for target in self._targets], np.int32)
            self._all_direct = all(target is not None for target in self._targets)
            self._limited = any(target is not None and target.limit is not None for target in self._targets)
        return self._targets

    def index(self, file: File) -> int:
        """The index of a file that goes straight to its host file, or -1."""
        self.targets()
        for index, registered in enumerate(self.files[:8]):  # a call on one file among many is not worth a search
            if registered is file and self._descriptors[index] == self._registered[index] != SPARSE:
                return index
        return SPARSE

    def all_direct(self) -> bool:
        """Whether every file goes straight to a host file, the same as when it was registered."""
        self.targets()
        return self._all_direct and bool((self._descriptors == self._registered).all())

    def routes(
        self, indices: npt.NDArray[np.intp], plan: Transfer | None, check: Callable[[File], None], *, fixed: bool
    ) -> list[Route]:
        """The routes of requests whose files are given by index."""
        count = len(indices)
        if count and self.all_direct() and not (self._limited and plan is not None):
            first = self.files[int(indices[0])].file_object
            if fixed:
                return [Route(slice(None), count, first, True, indices.astype(np.int32), True)]
            held = tuple(file.file_object for file in self.files)
            return [Route(slice(None), count, first, True, self._descriptors[indices], held=held)]
        found = []
        for index in np.unique(indices).tolist():
            rows = np.flatnonzero(indices == index)
            found.append(self._route(index, rows, plan, check, fixed=fixed))
        return found

    def _route(
        self, index: int, rows: Rows, plan: Transfer | None, check: Callable[[File], None], *, fixed: bool
    ) -> Route:
        file, target, count = self.files[index], self._targets[index], _row_count(rows)
        known = not fixed or self._descriptors[index] == self._registered[index]
        if target is None or not known or _beyond(target, rows, plan):
            check(file)
            return Route(rows, count, file.file_object, held=(file.file_object,))
        if fixed:
            return Route(rows, count, file.file_object, True, index, True)
        return Route(rows, count, file.file_object, True, target.descriptor, held=(file.file_object,))


def resolve(ring: Ring, files: Any, major: int, what: str) -> tuple[int | None, Router]:
    """How many files a call names (None: one for all requests), and the router for its rows."""
    ring.system.io.check_running()

    def check(file: File) -> None:
        check_file(ring, file, major, what)

    if isinstance(files, File):
        check(files)
        return None, lambda count, plan: [_route_one(ring._registered, files, count, plan)]
    if isinstance(files, (list, tuple)) and any(isinstance(file, File) for file in files):
        file_set, indices = _distinct(ring, files)
        for file in file_set.files:
            check(file)
        return len(files), lambda count, plan: file_set.routes(indices, plan, check, fixed=False)
    table, given = ring._registered, _registered_indices(ring._registered, files)
    _check_allowed(table, given, major, what)
    return (
        None if given.ndim == 0 else len(given),
        lambda count, plan: table.routes(np.broadcast_to(given, count), plan, check, fixed=True),
    )


def check_file(ring: Ring, file: Any, major: int, what: str) -> None:
    """Raise if a ring may not make a request of that kind on this file: InvalidParameter, FileClosed, AccessDenied."""
    if not isinstance(file, File):
        raise InvalidParameter(f"files: a File is wanted, not {type(file).__name__}")
    if file.system is not ring.system:
        raise InvalidParameter(f"files: {file!r} belongs to another System than this ring")
    file.check(major, what)


def _route_one(registered: FileSet, file: File, count: int, plan: Transfer | None) -> Route:
    target, held = file.direct_target(), (file.file_object,)
    if target is None or _beyond(target, slice(None), plan):
        return Route(slice(None), count, file.file_object, held=held)
    index = registered.index(file) if registered.files else SPARSE
    if index != SPARSE:
        return Route(slice(None), count, file.file_object, True, index, True)
    return Route(slice(None), count, file.file_object, True, target.descriptor, held=held)


def _distinct(ring: Ring, files: Sequence[Any]) -> tuple[FileSet, npt.NDArray[np.intp]]:
    numbers: dict[int, int] = {}
    distinct: list[File] = []
    for row, file in enumerate(files):
        if not isinstance(file, File):
            raise InvalidParameter(f"files: row {row} is {type(file).__name__}, not a File")
        if id(file) not in numbers:
            numbers[id(file)] = len(distinct)
            distinct.append(file)
    indices = np.fromiter((numbers[id(file)] for file in files), np.intp, len(files))
    return FileSet(ring.system.io, distinct), indices


def _registered_indices(registered: FileSet, files: Any) -> npt.NDArray[np.intp]:
    indices = np.asarray(files)
    if indices.dtype.kind not in "iu" and indices.size:
        raise InvalidParameter(f"files: a File, Files, or indices of registered files are wanted, not {files!r:.60}")
    if indices.size and not (int(indices.min()) >= 0 and int(indices.max()) < len(registered.files)):
        raise InvalidParameter(f"files: an index is not among the {len(registered.files)} registered files")
    return indices.astype(np.intp)


def _check_allowed(registered: FileSet, indices: npt.NDArray[np.intp], major: int, what: str) -> None:
    for index in np.unique(indices).tolist() if indices.size <= 64 else range(len(registered.files)):
        if not allowed(registered.files[index].file_object, major):
            registered.files[index].check(major, what)


def _descriptor(target: HostTarget | None) -> int:
    return SPARSE if target is None else target.descriptor


def _row_count(rows: Rows) -> int:
    assert not isinstance(rows, slice)
    return len(rows)


def _beyond(target: HostTarget, rows: Rows, plan: Transfer | None) -> bool:
    """Whether a write reaches beyond where the stack's device ends, which only the stack can answer."""
    if plan is None or target.limit is None or not plan.count:
        return False
    offset, length, _ = plan.rows(rows)
    return int((offset + length).max()) > target.limit
