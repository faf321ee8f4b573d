r"""Object types: what the object manager has to know of each kind of object, and which routines to call for it.

A type's *procedures* are called at the turns of an object's life. None of them has to be there, with one exception: a
type that keeps count of its handles has to have both the one that hears of openings and the one that hears of closings.

    open            a handle is made; its status may refuse         okay_to_close   may this handle be closed?
    close           a handle is gone                                delete          the last pointer is gone
    parse           the rest of a path belongs to this object       query_name      what is its name?
    security        query or set the descriptor somewhere else than in the header

Types are objects themselves and stand in `\ObjectTypes`. How many objects and handles there are of each is counted when
somebody asks; nothing is kept up to date for it.

Source: spec iomgr.md 3.4; learn.microsoft.com "Object Types", "Object Directories". Rows: R20
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ..security.access_mask import GenericMapping
from ..security.descriptor import SecurityDescriptor
from ..status import STATUS_OBJECT_NAME_INVALID, InvalidParameter, error_for
from .naming import NameAnswer
from .objects import OBJ_OPENLINK, NamedObject

DIRECTORY_QUERY: Final = 0x1
DIRECTORY_TRAVERSE: Final = 0x2
DIRECTORY_CREATE_OBJECT: Final = 0x4
DIRECTORY_CREATE_SUBDIRECTORY: Final = 0x8
DIRECTORY_ALL_ACCESS: Final = 0xF_000F
SYMBOLIC_LINK_QUERY: Final = 0x1
SYMBOLIC_LINK_ALL_ACCESS: Final = 0xF_0001
EVENT_QUERY_STATE: Final = 0x1
EVENT_MODIFY_STATE: Final = 0x2
EVENT_ALL_ACCESS: Final = 0x1F_0003
OBJECT_TYPE_CREATE: Final = 0x1
OBJECT_TYPE_ALL_ACCESS: Final = 0xF_0001


class OpenReason(enum.IntEnum):
    """Why a handle is made.

    NT: OB_OPEN_REASON
    """

    CREATE = 0
    OPEN = 1
    DUPLICATE = 2
    INHERIT = 3


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """What a parse procedure has to know: the whole path, what is asked for, by whom, and what the opener sent along.

    NT: ACCESS_STATE
    """

    path: str
    access: int
    mode: int
    attributes: int
    context: Any


@dataclass(frozen=True, slots=True)
class TypeProcedures:
    """The routines of a type; each takes the object's body first.

    `open` (reason, access, handles after it) answers with an NTSTATUS; `close` (access, handles before it: 1 for the
    last one); `delete`; `parse` (rest of the path, request) returns the object or raises NtError; `okay_to_close`
    (handle, mode); `query_name` (length in bytes); `security` (which parts, SecurityInformation; what to set them from,
    or None to query).
    NT: OBJECT_TYPE_INITIALIZER
    """

    open: Callable[[Any, OpenReason, int, int], int] | None = None
    close: Callable[[Any, int, int], None] | None = None
    delete: Callable[[Any], None] | None = None
    parse: Callable[[Any, str, OpenRequest], NamedObject] | None = None
    okay_to_close: Callable[[Any, int, int], bool] | None = None
    query_name: Callable[[Any, int], NameAnswer] | None = None
    security: Callable[[Any, Any, SecurityDescriptor | None], SecurityDescriptor | None] | None = None


_NO_PROCEDURES: Final = TypeProcedures()


@dataclass(frozen=True, slots=True)
class TypeInitializer:
    """What a new type is made of.

    NT: OBJECT_TYPE_INITIALIZER
    """

    mapping: GenericMapping
    procedures: TypeProcedures = _NO_PROCEDURES
    case_insensitive: bool = False
    maintain_handle_count: bool = False
    #: How many objects there are, from who keeps them all; without it, those with a name or a handle are counted.
    count: Callable[[], int] | None = None
    #: Objects of this type have a descriptor even without a name.
    security_required: bool = False
    invalid_attributes: int = 0

    def check(self, name: str) -> None:
        """Raise unless a type of that name can be made of this."""
        if not name or "\\" in name:
            raise error_for(STATUS_OBJECT_NAME_INVALID, f"{name!r} is no name for a type")
        procedures = self.procedures
        if self.maintain_handle_count and (procedures.open is None or procedures.close is None):
            raise InvalidParameter(f"type {name} counts handles and has no procedure that hears of them")


class ObjectType(NamedObject):
    """One type of object.

    NT: OBJECT_TYPE
    """

    __slots__ = ("_count", "initializer")
    type_name = "Type"

    def __init__(self, initializer: TypeInitializer, count: Callable[[ObjectType], tuple[int, int]]) -> None:
        super().__init__()
        self.initializer = initializer
        self._count = count

    @property
    def procedures(self) -> TypeProcedures:
        """The routines of the type."""
        return self.initializer.procedures

    @property
    def mapping(self) -> GenericMapping:
        """What the generic rights mean for objects of this type."""
        return self.initializer.mapping

    def counts(self) -> tuple[int, int]:
        """How many objects of this type there are now, and how many handles name them.

        NT: ObQueryTypeInfo
        """
        return self._count(self)

    def describe(self) -> str:
        """One line for a person."""
        objects, handles = self.counts()
        return f"Type, {objects} objects, {handles} handles"


_DIRECTORY = GenericMapping(0x2_0003, 0x2_000C, 0x2_0003, DIRECTORY_ALL_ACCESS)
_LINK = GenericMapping(0x2_0001, 0x2_0000, 0x2_0001, SYMBOLIC_LINK_ALL_ACCESS)
_EVENT = GenericMapping(0x2_0001, 0x2_0002, 0x12_0000, EVENT_ALL_ACCESS)
_TYPE = GenericMapping(0x2_0000, 0x2_0000, 0x2_0000, OBJECT_TYPE_ALL_ACCESS)

#: What a type gets whose maker says nothing of rights.
PLAIN_MAPPING: Final = GenericMapping(0x2_0000, 0x2_0000, 0x2_0000, 0x1F_0001)

#: The object manager's own types, and the events'. Those of files, devices and drivers are the I/O manager's.
BUILT_IN: Final = {
    "Type": TypeInitializer(_TYPE),
    "Directory": TypeInitializer(_DIRECTORY, case_insensitive=True, security_required=True),
    "SymbolicLink": TypeInitializer(_LINK, case_insensitive=True, security_required=True),
    "Event": TypeInitializer(_EVENT, security_required=True, invalid_attributes=OBJ_OPENLINK),
}
