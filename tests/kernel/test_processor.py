"""A thread gets a processor at its first use, in turn, and keeps it."""

from __future__ import annotations

import pytest

from ntio.hal.choose import make_hal
from ntio.kernel.processor import Processors
from ntio.testing.hal_tests import beside


def numbers_of_new_threads(processors: Processors, count: int) -> list[int]:
    numbers: list[int] = []
    for _ in range(count):
        beside(lambda: numbers.append(processors.current())).join()
    return numbers


@pytest.mark.row("R14")
def test_threads_get_processors_in_turn() -> None:
    processors = Processors(make_hal("simulated"), 3)
    assert numbers_of_new_threads(processors, 7) == [0, 1, 2, 0, 1, 2, 0]


def test_a_thread_keeps_its_processor() -> None:
    processors = Processors(make_hal("simulated"), 4)
    mine = processors.current()
    assert numbers_of_new_threads(processors, 2) == [1, 2]
    assert {processors.current() for _ in range(5)} == {mine}


def test_each_system_counts_for_itself() -> None:
    hal = make_hal("simulated")
    one, two = Processors(hal, 2), Processors(hal, 2)
    assert [one.current(), two.current()] == [0, 0]


@pytest.mark.parametrize("count", [0, -3])
def test_there_is_always_one(count: int) -> None:
    processors = Processors(make_hal("simulated"), count)
    assert (processors.count, processors.current()) == (1, 0)
