"""NT's names below the I/O manager: one field each with ours, and nothing in the object for them."""

from __future__ import annotations

from typing import Any

import pytest

from ntio import System
from ntio.kernel.device_queue import DeviceQueue, DeviceQueueEntry
from ntio.kernel.nt_names import Alias, Group, Large, Part, View
from ntio.memory.mdl import Mdl

pytestmark = pytest.mark.row("R27")


class Half(View):
    """A part of a thing."""

    __slots__ = ()
    Value: Any = Part("value")
    Where: Any = Large("where")


class Outer(View):
    """A part with a part."""

    __slots__ = ()
    Inner: Any = Group(Half)


class Thing:
    """Something with names."""

    __slots__ = ("value", "where")
    Value: Any = Alias("value")
    Where: Any = Large("where")
    Half: Any = Group(Half)
    Outer: Any = Group(Outer)

    def __init__(self) -> None:
        self.value, self.where = 1, 2


def test_a_view_in_a_view_is_of_the_same_object() -> None:
    thing = Thing()
    thing.Outer.Inner.Value = 5
    thing.Outer.Inner.Where = (1 << 32) + 3
    assert (thing.value, thing.Value, thing.Half.Value) == (5, 5, 5)
    assert (thing.where, thing.Where.HighPart, thing.Half.Where.LowPart) == ((1 << 32) + 3, 1, 3)
    assert thing.Where == thing.Half.Where
    assert repr(thing.Half) == "<Half Value=5, Where=0x100000003>"


def test_a_name_of_a_class_is_its_descriptor() -> None:
    assert isinstance(Thing.Value, Alias) and isinstance(Thing.Half, Group) and isinstance(Thing.Where, Large)
    assert isinstance(Half.Value, Part)


def test_queues_and_lists_have_theirs(system: System) -> None:
    queue: Any = DeviceQueue(system.hal)
    entry: Any = DeviceQueueEntry(sort_key=7)
    assert (queue.Type, queue.Size, queue.Busy) == (0x14, 0x28, False)
    queue.insert(DeviceQueueEntry())
    queue.insert(entry)
    assert (queue.Busy, entry.Inserted, entry.SortKey) == (True, True, 7)
    mdl: Any = Mdl(bytearray(10))
    assert (mdl.ByteCount, mdl.Next, mdl.ByteOffset) == (10, None, mdl.byte_offset)
    mdl.Next = Mdl(b"")
    assert mdl.next.ByteCount == 0
