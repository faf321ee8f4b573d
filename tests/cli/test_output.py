"""Tables line up, and JSON is what the records hold."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from ntio.cli.output import print_json, table


def test_numbers_stand_right_and_words_left() -> None:
    assert table(("way", "rate", "share"), [("ring", 1234567, 0.5), ("a loop", 9, 12.25)]).splitlines() == [
        "way          rate  share",
        "------  ---------  -----",
        "ring    1,234,567    0.5",
        "a loop          9   12.2",
    ]


def test_a_table_without_rows_is_its_head() -> None:
    assert table(("a", "b"), []) == "a  b\n-  -"


def test_records_become_objects(capsys: pytest.CaptureFixture[str]) -> None:
    @dataclass
    class Inner:
        a: int

    print_json({"one": Inner(1), "many": [Inner(2)]})
    assert json.loads(capsys.readouterr().out) == {"one": {"a": 1}, "many": [{"a": 2}]}


def test_what_cannot_be_written_down_is_an_error() -> None:
    with pytest.raises(TypeError, match="set cannot be printed as JSON"):
        print_json({"a": {1}})
