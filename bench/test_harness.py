"""The benchmarks' own tools: turns, medians, figures."""

from __future__ import annotations

from collections.abc import Callable

import pytest


def test_runs_take_turns_and_the_first_round_does_not_count(alternate: Callable[..., dict[str, float]]) -> None:
    order: list[str] = []
    figures = {"a": iter([99.0, 1.0, 5.0, 2.0]), "b": iter([99.0, 7.0, 7.0, 8.0])}

    def run(name: str) -> Callable[[], float]:
        def one() -> float:
            order.append(name)
            return next(figures[name])

        return one

    assert alternate({"a": run("a"), "b": run("b")}, 3) == {"a": 2.0, "b": 7.0}
    assert "".join(order) == "abbaabba"


def test_a_run_that_returns_nothing_is_timed(alternate: Callable[..., dict[str, float]]) -> None:
    assert alternate({"nothing": lambda: None}, 1)["nothing"] >= 0


def test_a_result_that_is_no_figure_is_refused(alternate: Callable[..., dict[str, float]]) -> None:
    with pytest.raises(TypeError, match="not bytes"):
        alternate({"read": lambda: b"data"}, 1)


def test_the_size_follows_the_switch(scale: Callable[[int, int], int], request: pytest.FixtureRequest) -> None:
    assert scale(1, 1000) == (1000 if request.config.getoption("--bench") else 1)
