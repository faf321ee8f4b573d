"""Symbolic links as services: made, opened without being followed, and asked for their target.

A link made here goes with its last handle, unless it is permanent; `Namespace.link` (IoCreateSymbolicLink) makes one
that stays.

Source: spec iomgr.md 7 H91; learn.microsoft.com ZwOpenSymbolicLinkObject, ZwQuerySymbolicLinkObject. Rows: R20
"""

from __future__ import annotations

from dataclasses import dataclass

from ..security.access_mask import KERNEL_MODE
from ..status import STATUS_BUFFER_TOO_SMALL, STATUS_SUCCESS, InvalidParameter
from .manager import ObjectManager
from .namespace import SymbolicLink
from .opening import ObjectAttributes, create_object, insert_object, open_by_name
from .types import SYMBOLIC_LINK_QUERY


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """What came of asking a link: a status, its target if that was given, and the bytes it takes.

    NT: NtQuerySymbolicLinkObject
    """

    status: int
    target: str
    required: int


def create_link(
    objects: ObjectManager,
    access: int,
    target: str,
    wanted: ObjectAttributes | None = None,
    mode: int = KERNEL_MODE,
    *,
    terminated: bool = True,
) -> tuple[int, int]:
    """Make a link, or open the one of that name with OBJ_OPENIF: (status, handle). Raises as `insert_object`.

    `terminated` says that the maker's string had a terminator behind it, which a query then gives back too.
    NT: NtCreateSymbolicLinkObject
    """
    if not target:
        raise InvalidParameter("a symbolic link leads somewhere")
    link = SymbolicLink(target, terminated=terminated)
    return insert_object(objects, create_object(objects, "SymbolicLink", link, wanted, mode), access)


def open_link(objects: ObjectManager, access: int, wanted: ObjectAttributes, mode: int = KERNEL_MODE) -> int:
    """A handle for a link itself; raises as `open_by_name`.

    NT: NtOpenSymbolicLinkObject
    """
    return open_by_name(objects, wanted, "SymbolicLink", access, mode)


def query_link(
    objects: ObjectManager, handle: int, length: int, mode: int = KERNEL_MODE, *, returned_length: bool = True
) -> LinkTarget:
    """A link's target for who has room for `length` bytes; raises InvalidHandle, or for a handle of another type.

    Who asks for the returned length needs room for the terminator too, if there is one.
    NT: NtQuerySymbolicLinkObject
    """
    link = objects.reference_by_handle(handle, SYMBOLIC_LINK_QUERY, "SymbolicLink", mode)
    try:
        target, required = link.target, link.maximum_length
    finally:
        objects.dereference(link)
    if length < (required if returned_length else 2 * len(target)):
        return LinkTarget(STATUS_BUFFER_TOO_SMALL, "", required)
    return LinkTarget(STATUS_SUCCESS, target, required)
