r"""The object namespace: one tree of directories, symbolic links and named objects.

    \Device       devices by name            \Driver   driver objects          \FileSystem   file-system drivers
    \GLOBAL??     what Win32 calls drives    \??       a view of \GLOBAL??     \DosDevices   a link to \??

A path is walked component by component. A symbolic link replaces the prefix consumed so far by its target and the walk
starts again at the root, at most 32 times. An object that *parses* (a device) ends the walk: what is left of the path
is its own affair, in its own syntax, and is handed over unchanged. Names compare without regard to case.

Source: spec iomgr.md 3.4. Rows: R20, R28
"""

from __future__ import annotations

from collections.abc import Iterator

from ..status import (
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    error_for,
)

#: How many symbolic links one look-up may pass.
MAXIMUM_REPARSES = 32

_ROOT_DIRECTORIES = ("Device", "Driver", "FileSystem", "GLOBAL??", "ObjectTypes", "BaseNamedObjects", "Callback")


class NamedObject:
    """Anything that can stand in the namespace.

    `parses` says that the rest of a path belongs to the object itself.
    """

    __slots__ = ("__weakref__", "directory", "name")
    parses = False
    type_name = "Object"

    def __init__(self) -> None:
        self.name = ""
        self.directory: Directory | None = None

    @property
    def path(self) -> str:
        r"""The full name, or an empty string for an object without one."""
        if self.directory is None:
            return self.name
        return self.directory.path.rstrip("\\") + "\\" + self.name

    def describe(self) -> str:
        """One line for a person."""
        return self.type_name


class Directory(NamedObject):
    """A directory of the namespace.

    NT: OBJECT_DIRECTORY
    """

    __slots__ = ("_entries",)
    type_name = "Directory"

    def __init__(self) -> None:
        super().__init__()
        self._entries: dict[str, NamedObject] = {}

    def __iter__(self) -> Iterator[NamedObject]:
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name.casefold()))

    def find(self, name: str) -> NamedObject | None:
        """The entry of that name, whatever its case."""
        return self._entries.get(name.casefold())

    def add(self, name: str, entry: NamedObject) -> None:
        """Put an object here; raises ObjectNameCollision."""
        key = name.casefold()
        if key in self._entries:
            raise error_for(STATUS_OBJECT_NAME_COLLISION, f"{self.path}\\{name} is there already")
        self._entries[key] = entry
        entry.name, entry.directory = name, self

    def discard(self, entry: NamedObject) -> None:
        """Take an object out; its name is free at once."""
        self._entries.pop(entry.name.casefold(), None)
        entry.directory = None


class SymbolicLink(NamedObject):
    """A name that stands for another path.

    NT: OBJECT_SYMBOLIC_LINK
    """

    __slots__ = ("target",)
    type_name = "SymbolicLink"

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target

    def describe(self) -> str:
        """One line for a person."""
        return f"SymbolicLink -> {self.target}"


class Namespace:
    r"""The tree of names of one System.

    NT: ObpRootDirectoryObject
    """

    def __init__(self) -> None:
        self.root = Directory()
        self.root.name = "\\"
        for name in _ROOT_DIRECTORIES:
            self.root.add(name, Directory())
        self.insert("\\??", SymbolicLink("\\GLOBAL??"))
        self.insert("\\DosDevices", SymbolicLink("\\??"))

    def insert(self, path: str, entry: NamedObject) -> None:
        r"""Give an object a name; raises NtError for a bad path, a missing directory, a name taken."""
        components = _components(path)
        parent = self.root
        for component in components[:-1]:
            found = parent.find(component)
            if isinstance(found, SymbolicLink):
                found = self.lookup(found.target)[0]
            if not isinstance(found, Directory):
                raise error_for(STATUS_OBJECT_PATH_NOT_FOUND, f"no directory {component!r} on the way to {path}")
            parent = found
        parent.add(components[-1], entry)

    def make_directory(self, path: str) -> Directory:
        """Make one directory.

        NT: ZwCreateDirectoryObject
        """
        directory = Directory()
        self.insert(path, directory)
        return directory

    def link(self, path: str, target: str) -> SymbolicLink:
        """Make a symbolic link.

        NT: IoCreateSymbolicLink
        """
        symbolic_link = SymbolicLink(target)
        self.insert(path, symbolic_link)
        return symbolic_link

    def lookup(self, path: str) -> tuple[NamedObject, str]:
        """The object a path leads to, and what of the path that object has to parse itself.

        Raises ObjectNameNotFound, ObjectPathNotFound, or NtError for a malformed path or a loop of links.
        NT: ObOpenObjectByName
        """
        return self._resolve(path, follow_last=True)

    def _resolve(self, path: str, *, follow_last: bool) -> tuple[NamedObject, str]:
        for _ in range(MAXIMUM_REPARSES + 1):
            found, rest = self._walk(path)
            if not isinstance(found, SymbolicLink) or not (rest or follow_last):
                return found, rest
            path = found.target + rest
        raise error_for(STATUS_OBJECT_NAME_INVALID, f"more than {MAXIMUM_REPARSES} symbolic links: {path}")

    def find(self, path: str) -> NamedObject | None:
        """The object of exactly that path, or None; a link at the end is not followed."""
        try:
            found, rest = self._resolve(path, follow_last=False)
        except OSError:
            return None
        return None if rest else found

    def remove(self, path: str) -> None:
        """Take a name away; raises ObjectNameNotFound."""
        found = self.find(path)
        if found is None or found.directory is None:
            raise error_for(STATUS_OBJECT_NAME_NOT_FOUND, f"nothing is called {path}")
        found.directory.discard(found)

    def _walk(self, path: str) -> tuple[NamedObject, str]:
        if path == "\\":
            return self.root, ""
        _check_syntax(path)
        here: NamedObject = self.root
        rest = path
        while rest:
            if here.parses or isinstance(here, SymbolicLink):
                return here, rest
            component, rest = _split_first(rest)
            found = here.find(component) if isinstance(here, Directory) else None
            if found is None:
                status = STATUS_OBJECT_PATH_NOT_FOUND if rest else STATUS_OBJECT_NAME_NOT_FOUND
                raise error_for(status, f"no {component!r} on the way to {path}")
            here = found
        return here, rest


def _split_first(rest: str) -> tuple[str, str]:
    end = rest.find("\\", 1)
    return (rest[1:], "") if end < 0 else (rest[1:end], rest[end:])


def _check_syntax(path: str) -> None:
    if not path.startswith("\\"):
        raise error_for(STATUS_OBJECT_PATH_SYNTAX_BAD, f"a path starts with a backslash: {path!r}")


def _components(path: str) -> list[str]:
    _check_syntax(path)
    components = path[1:].split("\\")
    if not all(components):
        raise error_for(STATUS_OBJECT_NAME_INVALID, f"an empty component in {path!r}")
    return components
