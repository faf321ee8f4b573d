r"""The object namespace: one tree of directories, symbolic links and named objects.

    \Device         devices by name              \Driver   driver objects        \FileSystem   file-system drivers
    \GLOBAL??       what Win32 calls drives      \??       a session's view of \GLOBAL??
    \ObjectTypes    the types, with their counts \DosDevices   a link to \??     \BaseNamedObjects   events and so on

A path is walked component by component. A symbolic link replaces the prefix consumed so far by its target and the walk
starts again at the root, at most 32 times. An object that *parses* (a device) ends the walk: what is left of the path
is its own affair, in its own syntax, and is handed over unchanged.

Names compare without regard to case: since Windows XP the kernel does so even for callers that do not set
OBJ_CASE_INSENSITIVE (its value `obcaseinsensitive`, which is on unless somebody switches it off).

What a name leads to is a `Place`: the object, or the directory and component where it would be. Looking up, inserting
and opening differ only in what they make of that.

Source: spec iomgr.md 3.4. Rows: R20, R28
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from ..hal.machine import Lock
from ..status import (
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    error_for,
)
from .objects import OBJ_PERMANENT
from .objects import NamedObject as NamedObject

_Made = TypeVar("_Made", bound=NamedObject)

#: How many symbolic links one look-up may pass.
MAXIMUM_REPARSES = 32


class Directory(NamedObject):
    """A directory of the namespace.

    NT: OBJECT_DIRECTORY
    """

    __slots__ = ("_entries",)
    type_name = "Directory"

    def __init__(self) -> None:
        super().__init__()
        #: By name without case; more than one where names that differ only in case were allowed.
        self._entries: dict[str, list[NamedObject]] = {}

    def __iter__(self) -> Iterator[NamedObject]:
        found = [entry for entries in list(self._entries.values()) for entry in entries]
        return iter(sorted(found, key=lambda entry: entry.name.casefold()))

    def find(self, name: str, *, exactly: bool = False) -> NamedObject | None:
        """The entry of that name, whatever its case unless `exactly` that one is wanted."""
        entries = self._entries.get(name.casefold())
        if entries is None:
            return None
        if len(entries) == 1 and not exactly:
            return entries[0]
        same = next((entry for entry in entries if entry.name == name), None)
        return same if same is not None or exactly else entries[0]

    def add(self, name: str, entry: NamedObject, *, exactly: bool = False) -> None:
        """Put an object here, which counts as a pointer to it and to the directory; raises ObjectNameCollision."""
        if self.find(name, exactly=exactly) is not None:
            raise error_for(STATUS_OBJECT_NAME_COLLISION, f"{self.path}\\{name} is there already")
        self._entries.setdefault(name.casefold(), []).append(entry)
        entry.name, entry.directory = name, self
        entry.pointer_count += 1
        self.pointer_count += 1

    def discard(self, entry: NamedObject) -> None:
        """Take an object out; its name is free at once."""
        key = entry.name.casefold()
        entries = self._entries.get(key, [])
        if entry not in entries:
            return
        entries.remove(entry)
        if not entries:
            del self._entries[key]
        entry.directory = None
        entry.pointer_count -= 1
        self.pointer_count -= 1


class SymbolicLink(NamedObject):
    """A name that stands for another path.

    `maximum_length` is what a query needs in bytes: the target, and a terminator where its maker gave one.
    NT: OBJECT_SYMBOLIC_LINK
    """

    __slots__ = ("maximum_length", "target")
    type_name = "SymbolicLink"

    def __init__(self, target: str, *, terminated: bool = True) -> None:
        super().__init__()
        self.target = target
        self.maximum_length = 2 * (len(target) + terminated)

    def route(self, rest: str, *, making: bool = False) -> str:
        """The path that stands for this link followed by `rest`; `making` something there may lead elsewhere."""
        return self.target + rest

    def describe(self) -> str:
        """One line for a person."""
        return f"SymbolicLink -> {self.target}"


class Place(NamedTuple):
    """Where a path leads: `found`, with what it has to parse itself, or None and the name missing in `parent`."""

    parent: Directory | None
    name: str
    found: NamedObject | None
    rest: str


class Namespace:
    r"""The tree of names of one System.

    NT: ObpRootDirectoryObject
    """

    def __init__(self, lock: Lock, new_lock: Callable[[], Lock]) -> None:
        self.lock = lock
        #: Whether names without OBJ_CASE_INSENSITIVE tell case: the kernel's `obcaseinsensitive` switched off.
        self.case_sensitive = False
        self._makers: dict[str, Callable[[], object]] = {}
        self._making = new_lock()
        #: The name that is being made: it may be there already, but is not ready.
        self._under_way = ""
        self.root = Directory()
        self.root.name = "\\"
        self.root.object_flags = OBJ_PERMANENT

    def insert(self, path: str, entry: NamedObject, *, permanent: bool = True) -> None:
        r"""Give an object a name; raises NtError for a bad path, a missing directory, a name taken."""
        place = self.resolve(path, follow_last=False, making=True)
        if place.found is not None or place.parent is None:
            status = STATUS_OBJECT_PATH_NOT_FOUND if place.rest else STATUS_OBJECT_NAME_COLLISION
            raise error_for(status, f"{path} is there already" if not place.rest else f"no directory to hold {path}")
        if place.rest:
            raise error_for(STATUS_OBJECT_PATH_NOT_FOUND, f"no directory {place.name!r} on the way to {path}")
        with self.lock:
            place.parent.add(place.name, entry)
            entry.object_flags |= OBJ_PERMANENT if permanent else 0

    def make_directory(self, path: str) -> Directory:
        """Make one directory that stays.

        NT: ZwCreateDirectoryObject
        """
        return self._make(path, Directory())

    def link(self, path: str, target: str) -> SymbolicLink:
        """Make a symbolic link that stays.

        NT: IoCreateSymbolicLink
        """
        return self._make(path, SymbolicLink(target))

    def provide(self, path: str, make: Callable[[], object]) -> None:
        """Have `make` called when somebody first looks for a name that is not there; it inserts an object of that name.

        `path` is a name in a directory, without links on the way. Meanwhile others who look for it wait.
        """
        self._makers[path.casefold()] = make

    def _provided(
        self, directory: Directory, name: str, found: NamedObject | None, exactly: bool
    ) -> NamedObject | None:
        """What is in a directory after what has to be made there first was made, perhaps by another thread."""
        key = f"{directory.path}\\{name}".casefold()
        if key not in self._makers:
            return directory.find(name, exactly=exactly)  # perhaps it was made a moment ago
        if found is not None and key != self._under_way:
            return found
        with self._making:
            make = self._makers.get(key)
            if make is not None and directory.find(name) is None:
                self._under_way = key
                try:
                    make()
                finally:
                    self._under_way = ""
            self._makers.pop(key, None)
        return directory.find(name, exactly=exactly)

    def _make(self, path: str, entry: _Made) -> _Made:
        self.insert(path, entry)
        entry.pointer_count -= 1  # its maker keeps nothing but the name
        return entry

    def lookup(self, path: str) -> tuple[NamedObject, str]:
        """The object a path leads to, and what of the path that object has to parse itself.

        Raises ObjectNameNotFound, ObjectPathNotFound, or NtError for a malformed path or a loop of links.
        NT: ObOpenObjectByName
        """
        place = self.resolve(path)
        return existing(place, path), place.rest

    def find(self, path: str) -> NamedObject | None:
        """The object of exactly that path, or None; a link at the end is not followed."""
        try:
            place = self.resolve(path, follow_last=False)
        except OSError:
            return None
        return None if place.rest else place.found

    def remove(self, path: str) -> NamedObject:
        """Take a name away and return what had it; raises ObjectNameNotFound.

        NT: IoDeleteSymbolicLink
        """
        found = self.find(path)
        if found is None or found.directory is None:
            raise error_for(STATUS_OBJECT_NAME_NOT_FOUND, f"nothing is called {path}")
        with self.lock:
            found.directory.discard(found)
            found.object_flags &= ~OBJ_PERMANENT
        return found

    def resolve(
        self,
        path: str,
        *,
        start: Directory | None = None,
        follow_last: bool = True,
        exactly: bool = False,
        making: bool = False,
        enter: Callable[[Directory], None] | None = None,
    ) -> Place:
        """Where a path leads, from the root or, without a leading backslash, from the directory `start`.

        `exactly` tells case; `enter` is called with each directory that is searched, and may refuse by raising.
        Raises NtError for a malformed path, a path through what is no directory, and a loop of links.
        """
        for _ in range(MAXIMUM_REPARSES + 1):
            place = self._walk(path, start, exactly and self.case_sensitive, enter, making=making)
            found = place.found
            if not isinstance(found, SymbolicLink) or not (place.rest or follow_last):
                return place
            path, start = found.route(place.rest, making=making), None
        raise error_for(STATUS_OBJECT_NAME_INVALID, f"more than {MAXIMUM_REPARSES} symbolic links: {path}")

    def _walk(
        self,
        path: str,
        start: Directory | None,
        exactly: bool,
        enter: Callable[[Directory], None] | None,
        *,
        making: bool,
    ) -> Place:
        if start is None and path == "\\":
            return Place(None, "", self.root, "")
        if path.startswith("\\") == (start is not None):
            raise error_for(STATUS_OBJECT_PATH_SYNTAX_BAD, f"a path starts with a backslash, or at a handle: {path!r}")
        here: NamedObject = start or self.root
        parent, component = None, ""
        rest = f"\\{path}" if start else path
        while rest:
            if here.parses or isinstance(here, SymbolicLink):
                return Place(parent, component, here, rest)
            if not isinstance(here, Directory):
                raise error_for(STATUS_OBJECT_TYPE_MISMATCH, f"{here.path} is no directory on the way to {path}")
            component, rest = _split_first(rest)
            if not component:
                raise error_for(STATUS_OBJECT_NAME_INVALID, f"an empty component in {path!r}")
            if enter is not None:
                enter(here)
            parent, found = here, here.find(component, exactly=exactly)
            if (found is None or self._under_way) and not making:
                found = self._provided(here, component, found, exactly)
            if found is None:
                return Place(parent, component, None, rest)
            here = found
        return Place(parent, component, here, "")


def existing(place: Place, path: str) -> NamedObject:
    """What a place holds; raises ObjectPathNotFound or ObjectNameNotFound where it holds nothing."""
    if place.found is None:
        status = STATUS_OBJECT_PATH_NOT_FOUND if place.rest else STATUS_OBJECT_NAME_NOT_FOUND
        raise error_for(status, f"no {place.name!r} on the way to {path}")
    return place.found


def _split_first(rest: str) -> tuple[str, str]:
    end = rest.find("\\", 1)
    return (rest[1:], "") if end < 0 else (rest[1:end], rest[end:])
