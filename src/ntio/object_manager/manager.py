r"""The object manager of one System: its types, its namespace, its two handle tables, and the counts that end objects.

The rest of the package is written around it: `opening` makes objects and opens them by name or pointer, `directories`,
`links` and `events` are the services for those types, and all take the manager first.

The order in which an object ends, whichever count goes last:

    a handle is closed -> the type's close procedure -> if it was the last one and the object is not permanent, its name
    goes -> one pointer less -> if it was the last one, the type's delete procedure

Callbacks run without the lock, so a procedure may open and close what it likes.

Source: spec iomgr.md 3.4. Rows: R20
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..hal.machine import Hal
from ..kernel.event import Event
from ..security.access_check import access_check
from ..security.access_mask import KERNEL_MODE, USER_MODE
from ..security.subject import Subjects
from ..security.token import Token, administrator_token
from ..status import (
    STATUS_ACCESS_DENIED,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_TYPE_MISMATCH,
    InvalidHandle,
    InvalidParameter,
    error_for,
    nt_success,
)
from .handles import INVALID_HANDLE_VALUE, KERNEL_HANDLES, HandleEntry, HandleTable
from .namespace import Directory, Namespace
from .naming import NameAnswer, fit_name, name_size
from .objects import OBJ_EXCLUSIVE, OBJ_PERMANENT, BodyObject, NamedObject
from .root import make_root
from .sessions import Sessions
from .types import BUILT_IN, PLAIN_MAPPING, ObjectType, TypeInitializer

#: The bytes of OBJECT_TYPE_INFORMATION before the type's name.
_TYPE_HEADER = 0x68


@dataclass(frozen=True, slots=True)
class BasicInformation:
    """What can be asked about the object behind a handle; the question itself counts as a pointer.

    NT: OBJECT_BASIC_INFORMATION
    """

    attributes: int
    granted_access: int
    handle_count: int
    pointer_count: int
    name_size: int
    type_size: int


class ObjectManager:
    """What all objects of one System share; `token` is who calls it when nobody is impersonated.

    NT: object manager, Ob
    """

    def __init__(self, hal: Hal, token: Token | None = None) -> None:
        self.hal = hal
        self.lock = hal.new_lock()
        self.subjects = Subjects(hal, token or administrator_token())
        self.namespace = Namespace(self.lock, hal.new_lock)
        make_root(self.namespace)
        self.sessions = Sessions(self.namespace, lambda: self.subjects.current().logon)
        self.types: dict[str, ObjectType] = {}
        self._headers: dict[int, BodyObject] = {}
        self._type_of_body: dict[type, str] = {}
        for name, initializer in BUILT_IN.items():
            self.create_type(name, initializer)
        self.register_body(Event, "Event")
        self.handles = HandleTable(self)
        self.kernel_handles = HandleTable(self, KERNEL_HANDLES)

    # Types

    def create_type(self, name: str, initializer: TypeInitializer) -> ObjectType:
        r"""Make a type, which then stands in `\ObjectTypes`; raises ObjectNameCollision, InvalidParameter.

        NT: ObCreateObjectType
        """
        initializer.check(name)
        if name in self.types:
            raise error_for(STATUS_OBJECT_NAME_COLLISION, f"there is a type {name} already")
        kind = ObjectType(initializer, self._count)
        self.namespace.insert(f"\\ObjectTypes\\{name}", kind)
        self.types[name] = kind
        return kind

    def register_body(self, body: type, type_name: str) -> None:
        """Say of which type objects of a class are that knows nothing of objects itself."""
        self._type_of_body[body] = type_name

    def type_of(self, entry: object) -> ObjectType:
        """The type of an object; a kind nobody told of gets a plain one.

        NT: ObGetObjectType
        """
        header = entry if isinstance(entry, NamedObject) else self._headers.get(id(entry))
        name = self._body_type(entry) if header is None else header.type_name
        kind = self.types.get(name)
        return kind if kind is not None else self.create_type(name, TypeInitializer(PLAIN_MAPPING))

    def _body_type(self, body: object) -> str:
        found = (self._type_of_body[base] for base in type(body).__mro__ if base in self._type_of_body)
        return next(found, type(body).__name__)

    def _count(self, kind: ObjectType) -> tuple[int, int]:
        with self.lock:
            entries = [entry.header for table in (self.handles, self.kernel_handles) for _, entry in table]
            known: dict[int, NamedObject] = {id(header): header for header in (*entries, *self._headers.values())}
            waiting: list[NamedObject] = [self.namespace.root]
            while waiting:
                here = waiting.pop()
                known[id(here)] = here
                waiting.extend(here if isinstance(here, Directory) else ())
        objects = sum(one.type_name == kind.name for one in known.values())
        if kind.initializer.count is not None:
            objects = kind.initializer.count()
        return objects, sum(header.type_name == kind.name for header in entries)

    # Counts

    def header(self, entry: object) -> NamedObject:
        """An object with its counts, name and descriptor: itself, or the header of a body, new if nobody keeps it."""
        return entry if isinstance(entry, NamedObject) else self._headers.get(id(entry)) or self._new_header(entry)

    def _new_header(self, body: object) -> BodyObject:
        header = BodyObject(self._body_type(body), body)
        header.pointer_count = 0
        return header

    def keep(self, entry: object, *, handle: bool = False) -> NamedObject:
        """The header of an object, with a pointer more, and a handle more if it is for one."""
        with self.lock:
            header = self.header(entry)
            if isinstance(header, BodyObject):
                self._headers[id(header.body)] = header
            header.pointer_count += 1
            header.handle_count += handle
            return header

    def adopt(self, body: object, kind: ObjectType) -> NamedObject:
        """A new object of a type, with one pointer, for its maker; raises InvalidParameter for a body in use."""
        if isinstance(body, NamedObject):
            return body
        with self.lock:
            if id(body) in self._headers:
                raise InvalidParameter(f"{body!r} is an object already")
            header = self._headers[id(body)] = BodyObject(kind.name, body)
            return header

    def reference(self, entry: object) -> int:
        """Keep an object; returns the new pointer count.

        NT: ObReferenceObject
        """
        return self.keep(entry).pointer_count

    def dereference(self, entry: object) -> int:
        """Undo one reference; the last one deletes the object. Returns the new pointer count.

        Raises InvalidParameter for an object that nobody keeps.
        NT: ObDereferenceObject
        """
        header = self.header(entry)
        with self.lock:
            if header.pointer_count <= 0:
                raise InvalidParameter(f"{entry!r} was given back more often than it was taken")
            left = self._drop_pointer(header)
        if not left:
            self._delete(header)
        return left

    def handle_gone(self, header: NamedObject) -> None:
        """A handle of an object is closed: its name may go, and a pointer goes."""
        with self.lock:
            self._drop_name(header)
            left = self._drop_pointer(header)
        if not left:
            self._delete(header)

    def _drop_name(self, header: NamedObject) -> None:
        """Let the name of an object go that nothing holds: neither a handle nor permanence. Called with the lock."""
        if header.directory is not None and not header.handle_count and not header.object_flags & OBJ_PERMANENT:
            header.directory.discard(header)

    def _drop_pointer(self, header: NamedObject) -> int:
        header.pointer_count -= 1
        if not header.pointer_count:
            self._headers.pop(id(header.body), None)
        return header.pointer_count

    def _delete(self, header: NamedObject) -> None:
        delete = self.type_of(header).procedures.delete
        if delete is not None:
            delete(header.body)

    def make_temporary(self, entry: object) -> None:
        """Let an object's name go when its last handle does, or now if there is none.

        NT: ObMakeTemporaryObject
        """
        header = self.header(entry)
        with self.lock:
            header.object_flags &= ~OBJ_PERMANENT
            header.pointer_count += 1  # so that it is there until the name is gone
            self._drop_name(header)
        self.dereference(header)

    def make_permanent(self, entry: object) -> None:
        """Keep an object's name when its last handle goes.

        NT: ZwMakePermanentObject
        """
        header = self.header(entry)
        with self.lock:
            header.object_flags |= OBJ_PERMANENT

    # Handles

    def table(self, handle: int) -> HandleTable:
        """The table a handle belongs to."""
        try:
            kernel = KERNEL_HANDLES <= handle < INVALID_HANDLE_VALUE
        except TypeError:  # what is no number is no handle of the user's either, and that table says so
            kernel = False
        return self.kernel_handles if kernel else self.handles

    def entry(self, handle: int, mode: int = KERNEL_MODE) -> HandleEntry:
        """What is kept for a handle of either table; in user mode, only the user's count. Raises InvalidHandle."""
        table = self.table(handle)
        if mode == USER_MODE and table is self.kernel_handles:
            raise InvalidHandle(f"{handle:#x} is a handle of the kernel")
        return table.entry(handle)

    def close(self, handle: int, mode: int = KERNEL_MODE) -> None:
        """Close a handle of either table; raises InvalidHandle.

        NT: ObCloseHandle
        """
        self.entry(handle, mode)
        self.table(handle).close(handle, mode)

    def reference_by_handle(
        self, handle: int, access: int = 0, kind: ObjectType | str | None = None, mode: int = KERNEL_MODE
    ) -> Any:
        """The object a handle names, with a reference more; raises InvalidHandle, AccessDenied, or for another type.

        NT: ObReferenceObjectByHandle
        """
        entry = self.entry(handle, mode)
        self.check_type(entry.header, kind)
        wanted = self.type_of(entry.header).mapping.map(access)
        if mode == USER_MODE and wanted & ~entry.access:
            raise error_for(STATUS_ACCESS_DENIED, f"handle {handle:#x} lacks rights {wanted & ~entry.access:#x}")
        self.reference(entry.header)
        return entry.header.body

    def reference_by_pointer(
        self, entry: object, kind: ObjectType | str | None = None, mode: int = KERNEL_MODE
    ) -> None:
        """Keep an object that is at hand, if it is of that type; raises for one of another type.

        NT: ObReferenceObjectByPointer
        """
        self.check_type(self.header(entry), kind)
        self.reference(entry)

    def check_type(self, header: NamedObject, kind: ObjectType | str | None) -> None:
        """Raise unless an object is of the type that is wanted."""
        name = kind.name if isinstance(kind, ObjectType) else kind
        if name is not None and header.type_name != name:
            words = f"{header.path or 'the object'} is a {header.type_name}, not a {name}"
            raise error_for(STATUS_OBJECT_TYPE_MISMATCH, words)

    def check_access(self, header: NamedObject, access: int, mode: int) -> int:
        """The rights that the caller has of those it wants; raises AccessDenied unless it has all.

        NT: ObCheckObjectAccess
        """
        kind = self.type_of(header)
        status, granted = access_check(
            header.security_descriptor, self.subjects.current(), access, mode=mode, mapping=kind.mapping
        )
        if not nt_success(status):
            raise error_for(status, f"rights {access:#x} to {header.path or kind.name} are not granted")
        return granted

    def query(self, handle: int) -> BasicInformation:
        """What there is to know about a handle and its object; raises InvalidHandle.

        NT: NtQueryObject
        """
        entry = self.entry(handle)
        header = entry.header
        flags = header.object_flags & (OBJ_PERMANENT | OBJ_EXCLUSIVE)
        return BasicInformation(
            entry.attributes | flags,
            entry.access,
            header.handle_count,
            header.pointer_count + 1,
            name_size(header.path),
            _TYPE_HEADER + 2 * len(header.type_name) + 2,
        )

    def query_name(self, entry: object, length: int) -> NameAnswer:
        """An object's name for who has room for `length` bytes.

        NT: ObQueryNameString
        """
        header = self.header(entry)
        procedure = self.type_of(header).procedures.query_name
        return procedure(header.body, length) if procedure is not None else fit_name(header.path, length)
