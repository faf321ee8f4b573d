"""The namespace is drawn whole: every directory, link, driver and named device."""

from __future__ import annotations

import pytest

from ntio import Stack, System
from ntio.debugger.objects import ObjectNode, draw_objects, object_tree

pytestmark = pytest.mark.row("R20")


def flat(node: ObjectNode) -> dict[str, ObjectNode]:
    return {node.path: node, **{path: found for child in node.children for path, found in flat(child).items()}}


def test_the_tree_has_every_named_object(system: System) -> None:
    with Stack("ram_disk:size=1K,name=Disk0", "log", system=system):
        objects = flat(object_tree(system))
    assert objects["\\"].type == "Directory"
    assert objects["\\Device\\Disk0"].type == "Device"
    assert objects["\\Driver\\log"].type == "Driver"
    assert objects["\\GLOBAL??\\C:"].description == "SymbolicLink -> \\Device\\HostFiles"
    assert "\\??" in objects


def test_the_drawing_shows_what_stands_in_what(system: System) -> None:
    lines = draw_objects(system).splitlines()
    assert lines[0] == "\\"
    at = lines.index("├─ Device")
    assert " ".join(lines[at + 1].split()) == "│ └─ HostFiles Device of host_files, stack size 1, 0 open"
    assert "└─ Sessions" in lines
    counted = next(line for line in lines if line.startswith("│  ├─ Driver "))
    assert counted.split(maxsplit=3)[3] == "Type, 1 objects, 0 handles"
