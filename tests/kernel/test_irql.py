"""Levels: each thread has its own, raised and lowered without any check."""

from __future__ import annotations

import threading

import pytest

from ntio import System
from ntio.kernel import irql as levels
from ntio.kernel.irql import DISPATCH_LEVEL, HIGH_LEVEL, PASSIVE_LEVEL

LEVELS = sorted({value for name, value in vars(levels).items() if name.endswith("_LEVEL")})


@pytest.mark.row("R24")
@pytest.mark.parametrize("level", LEVELS)
def test_raising_returns_the_former_level_and_lowering_goes_back(system: System, level: int) -> None:
    irql = system.io.irql
    assert irql.current() == PASSIVE_LEVEL
    former = irql.raise_to(level)
    assert (former, irql.current()) == (PASSIVE_LEVEL, level)
    irql.lower(former)
    assert irql.current() == PASSIVE_LEVEL


def test_raising_to_dispatch_returns_the_former_level(system: System) -> None:
    irql = system.io.irql
    irql.raise_to(levels.APC_LEVEL)
    assert irql.raise_to_dispatch() == levels.APC_LEVEL
    assert irql.current() == DISPATCH_LEVEL
    irql.lower(PASSIVE_LEVEL)


def test_a_free_build_lets_a_thread_raise_downwards(system: System) -> None:
    irql = system.io.irql
    irql.raise_to(HIGH_LEVEL)
    assert irql.raise_to(DISPATCH_LEVEL) == HIGH_LEVEL
    assert irql.current() == DISPATCH_LEVEL
    irql.lower(PASSIVE_LEVEL)


def test_a_block_goes_back_also_after_an_error(system: System) -> None:
    irql = system.io.irql

    def fail_inside() -> None:
        with irql.raised(HIGH_LEVEL) as former:
            assert (former, irql.current()) == (PASSIVE_LEVEL, HIGH_LEVEL)
            raise LookupError

    with pytest.raises(LookupError):
        fail_inside()
    assert irql.current() == PASSIVE_LEVEL


def test_each_thread_has_its_own_level(system: System) -> None:
    irql, seen = system.io.irql, []
    irql.raise_to(DISPATCH_LEVEL)
    other = threading.Thread(target=lambda: seen.append(irql.current()))
    other.start()
    other.join()
    assert seen == [PASSIVE_LEVEL] and irql.current() == DISPATCH_LEVEL
    irql.lower(PASSIVE_LEVEL)


def test_two_systems_know_nothing_of_each_other() -> None:
    with System("simulated") as one, System("simulated") as two, one.io.irql.raised(DISPATCH_LEVEL):
        assert two.io.irql.current() == PASSIVE_LEVEL
