r"""The object namespace as a tree: every directory, link, driver and device that has a name.

    \
    ├─ Device
    │  └─ HostFiles        Device of host_files, stack size 1, 0 open
    ├─ GLOBAL??
    │  └─ C:               SymbolicLink -> \Device\HostFiles
    ...

Source: spec iomgr.md 3.4. Rows: R20
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..object_manager.namespace import Directory, NamedObject
from ..system.system import System


@dataclass(frozen=True)
class ObjectNode:
    """One named object: its name, full path, type, one line about it, and what stands in it if it is a directory."""

    name: str
    path: str
    type: str
    description: str
    children: tuple[ObjectNode, ...] = ()


def object_tree(system: System) -> ObjectNode:
    """The namespace of a System as nested records, entries in the order of their names.

    NT: !object
    """
    return _node(system.namespace.root)


def draw_objects(system: System) -> str:
    """The namespace of a System as text, one line per object."""
    lines = list(_lines(object_tree(system), "", ""))
    width = max(len(left) for left, _ in lines)
    return "\n".join(f"{left:<{width}}  {right}".rstrip() for left, right in lines)


def _node(entry: NamedObject) -> ObjectNode:
    inside = tuple(_node(child) for child in entry) if isinstance(entry, Directory) else ()
    return ObjectNode(entry.name, entry.path or entry.name, entry.type_name, entry.describe(), inside)


def _lines(node: ObjectNode, first: str, rest: str) -> Iterator[tuple[str, str]]:
    yield first + node.name, "" if node.type == "Directory" else node.description
    for number, child in enumerate(node.children, 1):
        last = number == len(node.children)
        yield from _lines(child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))
