r"""Making objects and opening them: by name, by pointer, and what can go wrong on the way.

    create_object    an object that nobody can see yet, with one pointer
    insert_object    gives it its name and a handle; the pointer of its maker is used up, also when it fails
    open_by_name     a handle for an object that is there            open_by_pointer   a handle for one that is at hand

Who asks in user mode needs the right to go through each directory of the path (the privilege SeChangeNotify, which
everybody has, stands for it), to make objects in the last one, and whatever the handle is to grant.

    no name                                 an object without one
    no leading backslash, no directory      OBJECT_PATH_SYNTAX_BAD
    an empty component, a trailing \        OBJECT_NAME_INVALID
    a directory on the way is missing       OBJECT_PATH_NOT_FOUND
    the name is taken                       OBJECT_NAME_COLLISION, or with OBJ_OPENIF the object that has it and
                                            OBJECT_NAME_EXISTS, if it is of the same type (OBJECT_TYPE_MISMATCH)

Source: spec iomgr.md 3.4, 7 H90, H94; learn.microsoft.com InitializeObjectAttributes. Rows: R20
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..security.access_mask import KERNEL_MODE, USER_MODE
from ..security.assign import assign_security
from ..security.descriptor import SecurityDescriptor
from ..security.token import Privilege
from ..status import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_EXISTS,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
    NtError,
    error_for,
)
from .manager import ObjectManager
from .namespace import Directory, Place, existing
from .objects import (
    OBJ_CASE_INSENSITIVE,
    OBJ_EXCLUSIVE,
    OBJ_FORCE_ACCESS_CHECK,
    OBJ_KERNEL_HANDLE,
    OBJ_OPENIF,
    OBJ_OPENLINK,
    OBJ_PERMANENT,
    OBJ_VALID_ATTRIBUTES,
    NamedObject,
)
from .types import (
    DIRECTORY_CREATE_OBJECT,
    DIRECTORY_CREATE_SUBDIRECTORY,
    DIRECTORY_TRAVERSE,
    ObjectType,
    OpenReason,
    OpenRequest,
)


@dataclass(frozen=True, slots=True)
class ObjectAttributes:
    """Which object is meant, and how: a name, from the root or a directory (its handle), OBJ_ flags, a descriptor.

    NT: OBJECT_ATTRIBUTES
    """

    name: str = ""
    attributes: int = 0
    root: int = 0
    security_descriptor: SecurityDescriptor | None = None


NOTHING = ObjectAttributes()


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object that was made and not inserted yet.

    NT: OBJECT_CREATE_INFORMATION
    """

    header: NamedObject
    wanted: ObjectAttributes
    mode: int


def create_object(
    objects: ObjectManager,
    kind: ObjectType | str,
    body: Any,
    wanted: ObjectAttributes | None = None,
    mode: int = KERNEL_MODE,
) -> NewObject:
    """Make an object of `body`, with one pointer and nothing else; raises InvalidParameter, AccessDenied.

    NT: ObCreateObject
    """
    wanted = wanted or NOTHING
    of_type = kind if isinstance(kind, ObjectType) else objects.types[kind]
    if wanted.attributes & ~OBJ_VALID_ATTRIBUTES or wanted.attributes & of_type.initializer.invalid_attributes:
        raise error_for(STATUS_INVALID_PARAMETER, f"attributes {wanted.attributes:#x} are not valid for {of_type.name}")
    checked = wanted.attributes & OBJ_PERMANENT and mode == USER_MODE
    if checked and not objects.subjects.current().holds(Privilege.CREATE_PERMANENT):
        raise error_for(STATUS_PRIVILEGE_NOT_HELD, "permanent objects take a privilege")
    header = objects.adopt(body, of_type)
    header.object_flags |= wanted.attributes & (OBJ_PERMANENT | OBJ_EXCLUSIVE) if wanted.name else 0
    return NewObject(header, wanted, mode)


def insert_object(objects: ObjectManager, new: NewObject, access: int) -> tuple[int, int]:
    """Give a new object its name, and its maker a handle with the rights `access`: (status, handle).

    The status is SUCCESS or OBJECT_NAME_EXISTS. The maker's pointer is used up, also when this raises:
    ObjectNameCollision, ObjectPathNotFound, AccessDenied, or NtError for a malformed name or another type.
    NT: ObInsertObject
    """
    header, wanted = new.header, new.wanted
    try:
        place = _place(objects, wanted, new.mode, making=True) if wanted.name else None
        if place is not None and (place.found is not None or place.parent is None):
            return STATUS_OBJECT_NAME_EXISTS, _open_if(objects, place, new, access)
        parent = None if place is None else _may_hold(objects, place, header, _checked(wanted.attributes, new.mode))
        _secure(objects, header, wanted, parent)
        if place is not None and parent is not None:
            with objects.lock:
                parent.add(place.name, header, exactly=_exactly(objects, header, wanted))
        try:
            return STATUS_SUCCESS, _handle(objects, header, access, wanted.attributes, new.mode, OpenReason.CREATE)
        except NtError:
            objects.make_temporary(header)
            raise
    finally:
        objects.dereference(header)


def open_by_name(
    objects: ObjectManager,
    wanted: ObjectAttributes,
    kind: ObjectType | str | None,
    access: int,
    mode: int = KERNEL_MODE,
    context: Any = None,
) -> int:
    """A handle for the object of a name; `context` is for the parse procedure of an object on the way.

    Raises ObjectNameNotFound, ObjectPathNotFound, AccessDenied, or NtError for a malformed name or another type.
    NT: ObOpenObjectByName
    """
    found = _find(objects, wanted, kind, access, mode, context)
    try:
        return open_by_pointer(objects, found, kind, access, wanted.attributes, mode)
    finally:
        objects.dereference(found)


def open_by_pointer(
    objects: ObjectManager,
    entry: object,
    kind: ObjectType | str | None,
    access: int,
    attributes: int = 0,
    mode: int = KERNEL_MODE,
) -> int:
    """A handle for an object that is at hand; raises AccessDenied, or NtError for another type.

    NT: ObOpenObjectByPointer
    """
    header = objects.header(entry)
    objects.check_type(header, kind)
    return _handle(objects, header, access, attributes, mode, OpenReason.OPEN)


def reference_by_name(
    objects: ObjectManager,
    name: str,
    kind: ObjectType | str | None = None,
    access: int = 0,
    attributes: int = OBJ_CASE_INSENSITIVE,
    mode: int = KERNEL_MODE,
    context: Any = None,
) -> Any:
    """The object of a name, with a pointer more and no handle; raises as `open_by_name`.

    NT: ObReferenceObjectByName
    """
    found = _find(objects, ObjectAttributes(name, attributes), kind, access, mode, context)
    try:
        objects.check_access(found, access, _checked(attributes, mode))
    except NtError:
        objects.dereference(found)
        raise
    return found.body


def _find(
    objects: ObjectManager,
    wanted: ObjectAttributes,
    kind: ObjectType | str | None,
    access: int,
    mode: int,
    context: Any,
) -> NamedObject:
    """The object of a name, with a pointer more so that it stays until it was opened."""
    type_name = kind.name if isinstance(kind, ObjectType) else kind
    place = _place(objects, wanted, mode, type_name=type_name)
    found = existing(place, wanted.name)
    if found.parses:
        request = OpenRequest(wanted.name, access, mode, wanted.attributes, context)
        found = _parse(objects, found, place.rest, request, type_name)
    objects.check_type(found, type_name)
    objects.reference(found)
    return found


def _parse(
    objects: ObjectManager, found: NamedObject, rest: str, request: OpenRequest, type_name: str | None
) -> NamedObject:
    """What an object makes of the rest of a path; one with no procedure for it is what the path leads to."""
    procedure = objects.type_of(found).procedures.parse
    if procedure is not None and type_name not in (None, found.type_name):
        return procedure(found, rest, request)
    if rest:
        raise error_for(STATUS_OBJECT_TYPE_MISMATCH, f"{found.path} cannot be followed by {rest!r} here")
    return found


def _place(
    objects: ObjectManager, wanted: ObjectAttributes, mode: int, *, making: bool = False, type_name: str | None = None
) -> Place:
    """Where a name leads; raises for one that is malformed, and where the caller may not pass."""
    start = None
    if wanted.root:
        root = objects.entry(wanted.root, mode).header
        if not isinstance(root, Directory):
            raise error_for(STATUS_OBJECT_TYPE_MISMATCH, "names start at a directory")
        start = root
        if not wanted.name:
            return Place(None, "", start, "")
    if not wanted.name:
        raise error_for(STATUS_OBJECT_PATH_SYNTAX_BAD, "the name is empty")
    if len(wanted.name) > 0x7FFE:
        raise error_for(STATUS_OBJECT_NAME_INVALID, "the name is too long for its length to be written down")
    return objects.namespace.resolve(
        wanted.name,
        start=start,
        follow_last=not (making or wanted.attributes & OBJ_OPENLINK or type_name == "SymbolicLink"),
        exactly=not wanted.attributes & OBJ_CASE_INSENSITIVE,
        making=making,
        enter=None if _checked(wanted.attributes, mode) == KERNEL_MODE else _traverse(objects),
    )


def _checked(attributes: int, mode: int) -> int:
    """The mode that access checks go by: a driver may want its caller checked as a program is."""
    return USER_MODE if attributes & OBJ_FORCE_ACCESS_CHECK else mode


def _traverse(objects: ObjectManager) -> Any:
    if objects.subjects.current().holds(Privilege.CHANGE_NOTIFY):
        return None
    return lambda directory: objects.check_access(directory, DIRECTORY_TRAVERSE, USER_MODE)


def _open_if(objects: ObjectManager, place: Place, new: NewObject, access: int) -> int:
    """The name of a new object is taken: a handle for what has it, if that is wanted."""
    if place.rest:
        raise error_for(STATUS_OBJECT_PATH_NOT_FOUND, f"no directory to hold {new.wanted.name}")
    found = existing(place, new.wanted.name)
    if not new.wanted.attributes & OBJ_OPENIF:
        raise error_for(STATUS_OBJECT_NAME_COLLISION, f"{new.wanted.name} is there already")
    objects.check_type(found, new.header.type_name)
    return _handle(objects, found, access, new.wanted.attributes, new.mode, OpenReason.OPEN)


def _may_hold(objects: ObjectManager, place: Place, header: NamedObject, mode: int) -> Directory:
    if place.rest or place.parent is None:
        raise error_for(STATUS_OBJECT_PATH_NOT_FOUND, f"no directory {place.name!r} on the way")
    right = DIRECTORY_CREATE_SUBDIRECTORY if isinstance(header, Directory) else DIRECTORY_CREATE_OBJECT
    objects.check_access(place.parent, right, mode)
    return place.parent


def _secure(objects: ObjectManager, header: NamedObject, wanted: ObjectAttributes, parent: Directory | None) -> None:
    """A descriptor for a new object; one without a name needs none, unless its type says so."""
    kind = objects.type_of(header)
    if parent is None and wanted.security_descriptor is None and not kind.initializer.security_required:
        return
    header.security_descriptor = assign_security(
        wanted.security_descriptor,
        None if parent is None else parent.security_descriptor,
        objects.subjects.current(),
        kind.mapping,
        container=isinstance(header, Directory),
    )


def _exactly(objects: ObjectManager, header: NamedObject, wanted: ObjectAttributes) -> bool:
    tells_case = objects.namespace.case_sensitive and not objects.type_of(header).initializer.case_insensitive
    return tells_case and not wanted.attributes & OBJ_CASE_INSENSITIVE


def _handle(
    objects: ObjectManager, header: NamedObject, access: int, attributes: int, mode: int, reason: OpenReason
) -> int:
    made = reason is OpenReason.CREATE
    granted = objects.check_access(header, access, KERNEL_MODE if made else _checked(attributes, mode))
    if header.object_flags & OBJ_EXCLUSIVE and header.handle_count:
        raise error_for(STATUS_ACCESS_DENIED, f"{header.path} is open already, and exclusive")
    kernel = attributes & OBJ_KERNEL_HANDLE and mode == KERNEL_MODE
    table = objects.kernel_handles if kernel else objects.handles
    return table.insert(header, granted, attributes, reason)
