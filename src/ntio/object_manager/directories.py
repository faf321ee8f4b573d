"""Directory objects as services: made, opened, and read by handle.

Source: spec iomgr.md 3.4; learn.microsoft.com ZwCreateDirectoryObject, NtOpenDirectoryObject, NtQueryDirectoryObject.
Rows: R20
"""

from __future__ import annotations

from dataclasses import dataclass

from ..security.access_mask import KERNEL_MODE
from ..status import (
    STATUS_MORE_ENTRIES,
    STATUS_NO_MORE_ENTRIES,
    STATUS_SUCCESS,
)
from .manager import ObjectManager
from .namespace import Directory
from .opening import ObjectAttributes, create_object, insert_object, open_by_name
from .types import DIRECTORY_QUERY


@dataclass(frozen=True, slots=True)
class DirectoryEntries:
    """Part of a directory: a status, (name, type) of each entry, and where to go on.

    NT: OBJECT_DIRECTORY_INFORMATION
    """

    status: int
    entries: tuple[tuple[str, str], ...]
    context: int


def create_directory(
    objects: ObjectManager, access: int, wanted: ObjectAttributes | None = None, mode: int = KERNEL_MODE
) -> tuple[int, int]:
    """Make a directory, or open the one of that name with OBJ_OPENIF: (status, handle). Raises as `insert_object`.

    NT: NtCreateDirectoryObject
    """
    return insert_object(objects, create_object(objects, "Directory", Directory(), wanted, mode), access)


def open_directory(objects: ObjectManager, access: int, wanted: ObjectAttributes, mode: int = KERNEL_MODE) -> int:
    """A handle for a directory; raises as `open_by_name`.

    NT: NtOpenDirectoryObject
    """
    return open_by_name(objects, wanted, "Directory", access, mode)


def query_directory(
    objects: ObjectManager, handle: int, context: int = 0, limit: int | None = None, mode: int = KERNEL_MODE
) -> DirectoryEntries:
    """Up to `limit` entries of a directory from the place `context` on, by name; the answer says where to go on.

    The status is SUCCESS, MORE_ENTRIES, or NO_MORE_ENTRIES where there was nothing left.
    NT: NtQueryDirectoryObject
    """
    directory = objects.reference_by_handle(handle, DIRECTORY_QUERY, "Directory", mode)
    try:
        everything = [(entry.name, entry.type_name) for entry in directory]
    finally:
        objects.dereference(directory)
    end = len(everything) if limit is None else min(context + limit, len(everything))
    part = tuple(everything[context:end])
    if not part:
        return DirectoryEntries(STATUS_NO_MORE_ENTRIES, (), context)
    return DirectoryEntries(STATUS_MORE_ENTRIES if end < len(everything) else STATUS_SUCCESS, part, end)
