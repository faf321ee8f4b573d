"""NT's field names on our objects: small descriptors, so that `irp.IoStatus.Status` is `irp.status`.

    class IrpNames:                        the names of one structure, a base class without slots
        StackCount = Alias("stack_count")      another name for an attribute
        IoStatus = Group(IrpStatus)            a member with members of its own: a view, made when asked for

    class IrpStatus(View):                 a view holds the object alone and stands for one of its parts
        Status = Part("status")                a name inside a view, for an attribute of the object

Reading and writing go to the one attribute, so both vocabularies always agree. An object has no field more for it, and
whoever never uses these names pays nothing: a descriptor of the class costs no memory in its objects, and the views
live as long as the expression they stand in. A name is declared `ClassVar`, as a compiler of classes needs to be told
that it belongs to the class.

Source: the structures of wdm.h, as their public pages describe them. Rows: R27
"""

from __future__ import annotations

from typing import Any, ClassVar

_MASK = 0xFFFF_FFFF


class Alias:
    """Another name for an attribute of the same object."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else getattr(instance, self.name)

    def __set__(self, instance: Any, value: Any) -> None:
        setattr(instance, self.name, value)


class View:
    """A part of an object under NT's name for it: it holds the object, and nothing else."""

    __slots__ = ("_of",)

    def __init__(self, of: Any) -> None:
        self._of = of

    def __repr__(self) -> str:
        names = {name: kind for base in reversed(type(self).__mro__) for name, kind in vars(base).items()}
        shown = (f"{name}={getattr(self, name, None)!r}" for name, kind in names.items() if hasattr(kind, "__set__"))
        return f"<{type(self).__name__} {', '.join(text for text in shown if not text.startswith('_'))}>"


class Part(Alias):
    """A name inside a view, for an attribute of the object the view is of."""

    __slots__ = ()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else getattr(instance._of, self.name)

    def __set__(self, instance: Any, value: Any) -> None:
        setattr(instance._of, self.name, value)


class Group:
    """A member that has members: a view of the object, or, inside a view, of the same object once more."""

    __slots__ = ("kind",)

    def __init__(self, kind: type[View]) -> None:
        self.kind = kind

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return self.kind(instance._of if isinstance(instance, View) else instance)


class LargeInteger(View):
    """A 64-bit number with its two halves; it stands for the attribute `byte_offset` of a stack location.

    NT: LARGE_INTEGER
    """

    __slots__ = ("_name",)

    def __init__(self, of: Any, name: str = "byte_offset") -> None:
        super().__init__(of)
        self._name = name

    @property
    def QuadPart(self) -> int:
        """The number."""
        return int(getattr(self._of, self._name))

    @QuadPart.setter
    def QuadPart(self, value: int) -> None:
        setattr(self._of, self._name, int(value))

    @property
    def LowPart(self) -> int:
        """The lower 32 bits."""
        return self.QuadPart & _MASK

    @LowPart.setter
    def LowPart(self, value: int) -> None:
        self.QuadPart = (self.QuadPart & ~_MASK) | (value & _MASK)

    @property
    def HighPart(self) -> int:
        """The upper 32 bits, with the sign."""
        return self.QuadPart >> 32

    @HighPart.setter
    def HighPart(self, value: int) -> None:
        self.QuadPart = (value << 32) | self.LowPart

    def __index__(self) -> int:
        return self.QuadPart

    def __eq__(self, other: object) -> bool:
        return self.QuadPart == (other.QuadPart if isinstance(other, LargeInteger) else other)

    def __hash__(self) -> int:
        return hash(self.QuadPart)

    def __repr__(self) -> str:
        return f"{self.QuadPart:#x}"


class Large:
    """A 64-bit member: read as a `LargeInteger`, written as one or as a plain number."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return LargeInteger(instance._of if isinstance(instance, View) else instance, self.name)

    def __set__(self, instance: Any, value: Any) -> None:
        setattr(instance._of if isinstance(instance, View) else instance, self.name, int(value))


class DeviceQueueNames:
    """The names of a device queue."""

    __slots__ = ()
    Type: ClassVar = Alias("type")
    Size: ClassVar = Alias("size")
    Busy: ClassVar = Alias("busy")


class DeviceQueueEntryNames:
    """The names of a place in a device queue."""

    __slots__ = ()
    SortKey: ClassVar = Alias("sort_key")
    Inserted: ClassVar = Alias("inserted")


class MdlNames:
    """The names of a list of memory."""

    __slots__ = ()
    Next: ClassVar = Alias("next")
    Size: ClassVar = Alias("size")
    MdlFlags: ClassVar = Alias("flags")
    ByteCount: ClassVar = Alias("byte_count")
    ByteOffset: ClassVar = Alias("byte_offset")
