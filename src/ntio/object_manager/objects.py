"""Objects: what they all have, whatever their type.

An object lives as long as somebody counts on it. Two numbers say who does:

    handle_count     the handles that name it
    pointer_count    everything that keeps it: one for each handle, one for its name, one for each reference taken

When the last handle is closed, a name that is not *permanent* goes; when the last pointer goes, so does the object
(Python keeps the memory; the object manager calls the type's delete procedure and forgets it).

Devices, drivers, files, directories and links are objects by inheritance, as in NT the header stands before the body.
What comes from a lower layer and knows nothing of objects (an event) gets a header of its own, a `BodyObject`.

Source: spec iomgr.md 3.4; learn.microsoft.com "Life Cycle of an Object", "Object Handles". Rows: R20
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .namespace import Directory

from ..security.descriptor import SecurityDescriptor

OBJ_PROTECT_CLOSE: Final = 0x1
OBJ_INHERIT: Final = 0x2
OBJ_PERMANENT: Final = 0x10
OBJ_EXCLUSIVE: Final = 0x20
OBJ_CASE_INSENSITIVE: Final = 0x40
OBJ_OPENIF: Final = 0x80
OBJ_OPENLINK: Final = 0x100
OBJ_KERNEL_HANDLE: Final = 0x200
OBJ_FORCE_ACCESS_CHECK: Final = 0x400
OBJ_VALID_ATTRIBUTES: Final = 0x1FF2


class NamedObject:
    """Anything that can have a name, handles and a security descriptor.

    `parses` says that the rest of a path belongs to the object itself.
    NT: OBJECT_HEADER
    """

    __slots__ = (
        "__weakref__", "directory", "handle_count", "name", "object_flags", "pointer_count", "security_descriptor",
    )  # fmt: skip
    parses = False
    type_name: str = "Object"

    def __init__(self) -> None:
        self.name = ""
        self.directory: Directory | None = None
        #: OBJ_PERMANENT and OBJ_EXCLUSIVE.
        self.object_flags = 0
        #: One for whoever made it.
        self.pointer_count = 1
        self.handle_count = 0
        #: Who may do what with it; None: everybody everything.
        self.security_descriptor: SecurityDescriptor | None = None

    @property
    def path(self) -> str:
        r"""The full name, or an empty string for an object without one.

        NT: ObQueryNameString
        """
        if self.directory is None:
            return self.name
        return self.directory.path.rstrip("\\") + "\\" + self.name

    @property
    def permanent(self) -> bool:
        """Whether the name stays when the last handle is closed."""
        return bool(self.object_flags & OBJ_PERMANENT)

    @property
    def body(self) -> Any:
        """What a caller gets who asks for the object: itself, or what it is the header of."""
        return self

    def describe(self) -> str:
        """One line for a person."""
        return self.type_name


class BodyObject(NamedObject):
    """The header of a body that knows nothing of objects.

    NT: OBJECT_HEADER
    """

    __slots__ = ("_body", "type_name")

    def __init__(self, type_name: str, body: Any) -> None:
        super().__init__()
        self.type_name = type_name
        self._body = body

    @property
    def body(self) -> Any:
        """What this is the header of."""
        return self._body
