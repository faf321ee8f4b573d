"""Handles: numbers that are multiples of four, found by kind, closed one by one."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio.object_manager.handles import INVALID_HANDLE_VALUE, HandleTable
from ntio.status import STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, InvalidHandle, win32_from_status


class Thing:
    """Something with handles."""


class Other:
    """Something else with handles."""


@pytest.fixture
def gone() -> list[object]:
    return []


@pytest.fixture
def table(gone: list[object]) -> HandleTable:
    return HandleTable(threading.Lock(), gone.append)


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
def test_what_is_no_handle_names_nothing(table: HandleTable, bad: object) -> None:
    with pytest.raises(InvalidHandle) as caught:
        table.reference(bad, object)  # type: ignore[arg-type]
    assert caught.value.status == STATUS_INVALID_HANDLE
    with pytest.raises((InvalidHandle, TypeError)):
        table.close(bad)  # type: ignore[arg-type]


def test_a_handle_of_another_kind_is_no_handle_to_a_win32_program(table: HandleTable) -> None:
    handle = table.insert(Thing())
    assert table.find(handle, Other) is None
    assert table.find(handle, Thing) is table.find(handle, object) is not None
    with pytest.raises(InvalidHandle, match="names a Thing, not a Other") as caught:
        table.reference(handle, Other)
    assert caught.value.status == STATUS_OBJECT_TYPE_MISMATCH
    assert win32_from_status(caught.value.status) == 6


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
    table.insert(things[0])
    table.drop(4)
    table.close_all()
    assert set(gone) == set(things)
    assert len(table) == 0


@given(st.lists(st.tuples(st.sampled_from(["insert", "close", "duplicate"]), st.integers(0, 1 << 20)), max_size=60))
def test_the_table_is_a_dictionary(steps: list[tuple[str, int]]) -> None:
    gone: list[object] = []
    table, model = HandleTable(threading.Lock(), gone.append), {}
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
