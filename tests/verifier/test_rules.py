"""The rules: each has a number of its own, a wrong driver that breaks it, and its line on the page."""

from __future__ import annotations

import verifier_rules
from bad_drivers import BAD
from ntio.verifier.rules import RULES, Severity


def test_numbers_and_texts_are_each_used_once() -> None:
    assert len({(rule.code, rule.number, rule.text) for rule in RULES}) == len(RULES)
    assert len({rule.text for rule in RULES}) == len(RULES)


def test_every_rule_that_stops_is_broken_by_a_driver_of_the_suite() -> None:
    broken = {id(bad.rule) for bad in BAD.values()}
    unbroken = [rule.text for rule in RULES if id(rule) not in broken and rule.severity is not Severity.WARNING]
    assert not unbroken


def test_the_page_has_the_rules() -> None:
    page = verifier_rules.PAGE.read_text(encoding="utf-8")
    assert page == verifier_rules.written(page), "python tests/support/verifier_rules.py"
