"""Handles: numbers that are multiples of four, found by kind, with rights of their own, closed one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio.hal.choose import make_hal
from ntio.kernel.event import Event
from ntio.object_manager import handles as h
from ntio.object_manager.handles import INVALID_HANDLE_VALUE, KERNEL_HANDLES, HandleTable
from ntio.object_manager.manager import ObjectManager
from ntio.object_manager.objects import OBJ_INHERIT, OBJ_PROTECT_CLOSE, BodyObject
from ntio.object_manager.types import OpenReason, TypeInitializer, TypeProcedures
from ntio.security.access_mask import USER_MODE, GenericMapping
from ntio.security.sddl import parse_sddl
from ntio.security.token import user_token
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_HANDLE_NOT_CLOSABLE,
    STATUS_INVALID_HANDLE,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_SUCCESS,
    InvalidHandle,
    NtError,
    win32_from_status,
)

MAPPING = GenericMapping(0x1, 0x2, 0x4, 0x7)


class Thing:
    """Something with handles."""


class Other:
    """Something else with handles."""


@pytest.fixture
def gone() -> list[object]:
    return []


@pytest.fixture
def table(objects: ObjectManager, gone: list[object]) -> HandleTable:
    return table_of_things(objects, gone)


def table_of_things(objects: ObjectManager, gone: list[object]) -> HandleTable:
    procedures = TypeProcedures(close=lambda thing, access, handles: gone.append(thing) if handles == 1 else None)
    objects.create_type("Thing", TypeInitializer(MAPPING, procedures))
    return objects.handles


@pytest.mark.row("R20")
def test_handles_are_multiples_of_four_and_the_lowest_free_one_comes_first(table: HandleTable) -> None:
    handles = [table.insert(Thing()) for _ in range(5)]
    assert handles == [4, 8, 12, 16, 20]
    table.close(16)
    table.close(8)
    assert [table.insert(Thing()) for _ in range(3)] == [8, 16, 24]


def test_an_object_hears_of_its_last_handle_only(table: HandleTable, gone: list[object]) -> None:
    thing = Thing()
    first = table.insert(thing)
    second = table.duplicate(first)
    table.close(first)
    assert (gone, len(table)) == ([], 1)
    assert table.reference(second, Thing) is thing
    table.close(second)
    assert gone == [thing]


@pytest.mark.parametrize("bad", [0, 4, 5, -1, INVALID_HANDLE_VALUE, None, [], "4"], ids=repr)
def test_what_is_no_handle_names_nothing(objects: ObjectManager, bad: object) -> None:
    for call in (lambda: objects.handles.reference(bad, object), lambda: objects.close(bad)):  # type: ignore[arg-type]
        with pytest.raises(InvalidHandle) as caught:
            call()
        assert caught.value.status == STATUS_INVALID_HANDLE


def test_a_handle_of_another_kind_is_no_handle_to_a_win32_program(table: HandleTable) -> None:
    handle = table.insert(Thing())
    assert table.find(handle, Other) is None
    assert table.find(handle, Thing) is table.find(handle, object) is not None
    with pytest.raises(InvalidHandle, match="names a Thing, not a Other") as caught:
        table.reference(handle, Other)
    assert caught.value.status == STATUS_OBJECT_TYPE_MISMATCH
    assert win32_from_status(caught.value.status) == 6


def test_the_two_lowest_bits_are_the_callers(table: HandleTable, gone: list[object]) -> None:
    handle = table.insert(Thing())
    assert table.reference(handle | 3, Thing) is table.reference(handle, Thing)
    table.close(handle | 1)
    assert len(gone) == 1


def test_what_a_finaliser_drops_is_closed_at_the_next_occasion(table: HandleTable, gone: list[object]) -> None:
    handles = [table.insert(Thing()) for _ in range(2)]
    table.drop(handles[0])
    table.drop(handles[1])
    table.close(handles[1])  # somebody else was quicker
    assert len(gone) == 1
    table.insert(Other())
    assert len(gone) == 2


def test_close_all(table: HandleTable, gone: list[object]) -> None:
    things = [Thing() for _ in range(3)]
    for thing in things:
        table.insert(thing)
    table.insert(things[0], attributes=OBJ_PROTECT_CLOSE)
    table.drop(4)
    table.close_all()
    assert set(gone) == set(things)
    assert len(table) == 0


def test_rights_are_the_handles_own(objects: ObjectManager, table: HandleTable) -> None:
    thing = Thing()
    everything, little = table.insert(thing), table.insert(thing, 0x1, OBJ_INHERIT)
    assert [(number, access) for number, _, access in table.entries()] == [(everything, 0x7), (little, 0x1)]
    assert objects.reference_by_handle(little, 0x1, "Thing", USER_MODE) is thing
    assert objects.reference_by_handle(little, 0x2, "Thing") is thing  # nobody checks the kernel
    with pytest.raises(NtError) as caught:
        objects.reference_by_handle(little, 0x2, "Thing", USER_MODE)
    assert caught.value.status == STATUS_ACCESS_DENIED
    assert objects.query(little).attributes == OBJ_INHERIT


@pytest.mark.parametrize(
    ("access", "attributes", "options", "granted", "kept"),
    [
        (0x1, 0, 0, 0x1, 0),
        (0x1, OBJ_INHERIT, 0, 0x1, OBJ_INHERIT),
        (0x1, OBJ_INHERIT, h.DUPLICATE_SAME_ACCESS, 0x7, OBJ_INHERIT),
        (0x1, OBJ_INHERIT, h.DUPLICATE_SAME_ATTRIBUTES, 0x1, 0),
        (0x1, OBJ_INHERIT, h.DUPLICATE_SAME_ACCESS | h.DUPLICATE_SAME_ATTRIBUTES, 0x7, 0),
    ],
)
def test_a_duplicate_has_the_same_rights_or_others(
    table: HandleTable, access: int, attributes: int, options: int, granted: int, kept: int
) -> None:
    first = table.insert(Thing())
    entry = table.entry(table.duplicate(first, access, attributes, options))
    assert (entry.access, entry.attributes) == (granted, kept)
    assert (table.entry(first).access, table.entry(first).attributes) == (0x7, 0)


def test_a_duplicate_with_more_rights_is_checked(objects: ObjectManager, table: HandleTable) -> None:
    thing = BodyObject("Thing", Thing())
    thing.security_descriptor = parse_sddl("D:(A;;0x3;;;WD)")
    little = table.insert(thing, 0x1)
    with objects.subjects.impersonate(user_token()):
        assert table.entry(table.duplicate(little, 0x3, options=0, mode=USER_MODE)).access == 0x3
        with pytest.raises(NtError) as caught:
            table.duplicate(little, 0x4, options=0, mode=USER_MODE)
    assert caught.value.status == STATUS_ACCESS_DENIED
    assert table.entry(table.duplicate(little, 0x4, options=0)).access == 0x4


def test_a_duplicate_can_take_the_place_of_the_first(table: HandleTable, gone: list[object]) -> None:
    first = table.insert(Thing())
    moved = table.duplicate(first, options=h.DUPLICATE_SAME_ACCESS | h.DUPLICATE_CLOSE_SOURCE)
    assert (table.find(first, Thing), len(table), gone) == (None, 1, [])
    table.close(moved)
    assert len(gone) == 1


def test_a_protected_handle_stays_open(table: HandleTable) -> None:
    handle = table.insert(Thing(), attributes=OBJ_PROTECT_CLOSE)
    with pytest.raises(NtError) as caught:
        table.close(handle)
    assert caught.value.status == STATUS_HANDLE_NOT_CLOSABLE
    assert len(table) == 1


def test_handles_of_the_kernel_are_high_numbers_and_nothing_to_a_user(objects: ObjectManager) -> None:
    event = Event(objects.hal)
    handle = objects.kernel_handles.insert(event)
    assert handle == KERNEL_HANDLES + 4
    assert objects.reference_by_handle(handle, kind="Event") is event
    for call in (objects.close, objects.entry):
        with pytest.raises(InvalidHandle):
            call(handle, USER_MODE)
    objects.close(handle)
    with pytest.raises(InvalidHandle):
        objects.close(handle)


def test_a_type_may_refuse_that_a_handle_is_made_or_closed(objects: ObjectManager) -> None:
    asked: list[tuple[OpenReason, int, int]] = []

    def opened(thing: object, reason: OpenReason, access: int, handles: int) -> int:
        asked.append((reason, access, handles))
        return STATUS_SUCCESS if handles == 1 else STATUS_ACCESS_DENIED

    procedures = TypeProcedures(open=opened, okay_to_close=lambda thing, handle, mode: mode != USER_MODE)
    objects.create_type("Thing", TypeInitializer(MAPPING, procedures))
    table, thing = objects.handles, Thing()
    handle = table.insert(thing, 0x3)
    with pytest.raises(NtError) as refused:
        table.duplicate(handle)
    assert (refused.value.status, len(table), objects.header(thing).handle_count) == (STATUS_ACCESS_DENIED, 1, 1)
    assert asked == [(OpenReason.OPEN, 0x3, 1), (OpenReason.DUPLICATE, 0x3, 2)]
    with pytest.raises(NtError) as kept:
        table.close(handle, USER_MODE)
    assert kept.value.status == STATUS_HANDLE_NOT_CLOSABLE
    table.close(handle)


@given(st.lists(st.tuples(st.sampled_from(["insert", "close", "duplicate"]), st.integers(0, 1 << 20)), max_size=60))
def test_the_table_is_a_dictionary(steps: list[tuple[str, int]]) -> None:
    gone: list[object] = []
    objects = ObjectManager(make_hal("simulated"))
    table = table_of_things(objects, gone)
    model: dict[int, Thing] = {}
    for action, pick in steps:
        open_handles = sorted(model)
        if action == "insert" or not model:
            thing = Thing()
            model[table.insert(thing)] = thing
            continue
        handle = open_handles[pick % len(open_handles)]
        if action == "duplicate":
            model[table.duplicate(handle)] = model[handle]
        else:
            table.close(handle)
            thing = model.pop(handle)
            assert (thing in gone) == (thing not in model.values())
    assert {handle: table.find(handle, Thing) for handle in model} == model
    assert len(table) == len(model)
    for thing in set(model.values()):
        handles = sum(one is thing for one in model.values())
        assert (objects.header(thing).handle_count, objects.header(thing).pointer_count) == (handles, handles)
    assert objects.types["Thing"].counts() == (len(set(model.values())), len(model))


@pytest.mark.parametrize("order", ["handle first", "reference first"])
def test_the_delete_procedure_hears_when_the_last_pointer_goes(objects: ObjectManager, order: str) -> None:
    heard: list[str] = []
    procedures = TypeProcedures(
        close=lambda thing, access, handles: heard.append(f"close {handles}"),
        delete=lambda thing: heard.append("delete"),
    )
    objects.create_type("Thing", TypeInitializer(MAPPING, procedures))
    thing = Thing()
    handle = objects.handles.insert(thing)
    assert objects.reference(thing) == 2
    ends: list[Callable[[], object]] = [lambda: objects.close(handle), lambda: objects.dereference(thing)]
    for end in ends if order == "handle first" else reversed(ends):
        assert "delete" not in heard
        end()
    assert heard == ["close 1", "delete"]
