"""Lookaside lists hand back what they were given, and count like Windows'."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio.executive.lookaside import LookasideList, LookasideStatistics


def test_what_was_given_back_last_comes_first() -> None:
    made = iter(range(100))
    kept = LookasideList(lambda: next(made), 4)
    first, second = kept.allocate(), kept.allocate()
    kept.free(first)
    kept.free(second)
    assert [kept.allocate(), kept.allocate(), kept.allocate()] == [second, first, 2]


@pytest.mark.row("R14")
def test_counters() -> None:
    kept = LookasideList(object, 2)
    entries = [kept.allocate() for _ in range(3)]
    for entry in entries:
        kept.free(entry)
    kept.allocate()
    assert kept.statistics() == LookasideStatistics(
        total_allocates=4, allocate_misses=3, total_frees=3, free_misses=1, depth=2, kept=1
    )
    assert kept.statistics().hit_rate == 0.25


def test_a_list_without_depth_keeps_nothing() -> None:
    kept = LookasideList(object, 0)
    entry = kept.allocate()
    kept.free(entry)
    assert kept.allocate() is not entry
    assert kept.statistics().free_misses == 1


def test_an_unused_list_has_no_hits() -> None:
    assert LookasideList(object, 1).statistics().hit_rate == 0.0


def test_trimming_drops_what_is_kept_and_no_count() -> None:
    kept = LookasideList(object, 4)
    entry = kept.allocate()
    kept.free(entry)
    kept.trim()
    assert kept.allocate() is not entry
    assert kept.statistics() == LookasideStatistics(2, 2, 1, 0, 4, 0)


def test_whoever_wants_to_hears_of_what_is_dropped() -> None:
    dropped: list[object] = []
    kept = LookasideList(object, 1, dropped.append)
    first, second = kept.allocate(), kept.allocate()
    kept.free(first)
    kept.free(second)
    assert dropped == [second]
    kept.trim()
    assert dropped == [second, first]


def test_a_maker_that_raises_is_asked_again() -> None:
    answers = iter((MemoryError(), "made"))

    def make() -> str:
        answer = next(answers)
        if isinstance(answer, MemoryError):
            raise answer
        return answer

    kept = LookasideList(make, 1)
    with pytest.raises(MemoryError):
        kept.allocate()
    assert kept.allocate() == "made"


@given(st.integers(0, 5), st.lists(st.booleans(), max_size=60))
def test_nobody_gets_what_somebody_has(depth: int, steps: list[bool]) -> None:
    kept = LookasideList(object, depth)
    out: list[object] = []
    for allocate in steps:
        if allocate:
            entry = kept.allocate()
            assert all(entry is not other for other in out)
            out.append(entry)
        elif out:
            kept.free(out.pop(0))
    counts = kept.statistics()
    assert counts.total_allocates - counts.total_frees == len(out)
    assert counts.kept == counts.allocate_misses - len(out) - counts.free_misses <= depth
