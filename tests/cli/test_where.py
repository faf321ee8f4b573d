"""`ntio where` finds what Windows calls by that name, in any case, and suggests when there is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ntio
from ntio.cli import main
from ntio.cli.where import places

PACKAGE = Path(ntio.__file__).parent


def test_a_name_is_found_with_file_line_routine_and_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["where", "iocompleterequest"]) == 0
    out = capsys.readouterr().out
    assert "ntio.io_manager.dispatch.complete_request" in out
    assert "Take a packet" in out and "NT: IoCompleteRequest" in out
    path, line = next(text.split()[0] for text in out.splitlines() if "complete_request" in text).rsplit(":", 1)
    assert Path(path).read_text(encoding="utf-8").splitlines()[int(line) - 1].startswith("def complete_request")


def test_the_same_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["where", "IO_STACK_LOCATION", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [place["qualified_name"] for place in data["places"]] == ["ntio.io_manager.packet.irp.StackLocation"]


@pytest.mark.parametrize("name", ["IoCompletRequest", "CompleteRequest"])
def test_a_near_miss_is_answered_with_what_was_meant(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["where", name]) == 1
    shown = capsys.readouterr()
    assert shown.out == "" and "did you mean IoCompleteRequest" in shown.err


def test_nonsense_is_not_guessed_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["where", "qqqqqqqq"]) == 1
    assert capsys.readouterr().err == "ntio: nothing here is called qqqqqqqq\n"


def test_every_name_can_be_found() -> None:
    known = list(places(PACKAGE))
    assert len(known) > 50
    assert [place.nt for place in known if not place.summary] == []


def test_names_are_taken_from_the_last_line_only(tmp_path: Path) -> None:
    package = tmp_path / "made_up"
    package.mkdir()
    (package / "__init__.py").write_text('"""All of it.\n\nNT: made-up manager, Mu\n"""\n')
    (package / "part.py").write_text(
        "class A:\n    '''An A.\n\n    NT: FILE_A, with MuOpen\n    '''\n"
        "    async def b(self):\n        '''Do b.\n\n        NT: one\n        NT: MuDoB\n        '''\n"
        "def c():\n    '''NT: MuSingleLine'''\n"
    )
    assert [(place.qualified_name, place.names, place.line) for place in places(package)] == [
        ("made_up", ("Mu",), 1),
        ("made_up.part.A", ("FILE_A", "MuOpen"), 1),
        ("made_up.part.A.b", ("MuDoB",), 6),
    ]
