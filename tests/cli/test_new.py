"""`ntio new filter` writes code, page and test; they pass as they stand, and nothing is overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doc_blocks import run_page
from ntio.cli import main


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rot13", "CountReads"])
def test_what_is_written_passes(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "filter", name, "--directory", str(tmp_path)]) == 0
    module = {"rot13": "rot13", "CountReads": "count_reads"}[name]
    assert f"test_{module}.py" in capsys.readouterr().out
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", module],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["new", "filter", "made_up_one", "--directory", str(tmp_path)]) == 0
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    try:
        run_page(tmp_path / "made_up_one" / "README.md")
    finally:
        sys.modules.pop("made_up_one", None)


def test_the_names_written_are_told_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "filter", "CountReads", "--directory", str(tmp_path), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["module"], data["class"]) == ("count_reads", "CountReads")
    assert sorted(map(os.path.basename, data["files"])) == ["README.md", "__init__.py", "test_count_reads.py"]
    assert all(os.path.exists(path) for path in data["files"])


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    assert main(["new", "filter", "mine", "--directory", str(tmp_path)]) == 1
    assert "is there already; nothing was written" in capsys.readouterr().err
    assert list((tmp_path / "mine").iterdir()) == []


def test_the_folder_has_to_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "filter", "mine", "--directory", str(tmp_path / "no")]) == 1
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["", "1st", "two words", "a-b", "../up", "_x", "naïve", "class", "match", "random", "ntio"]
)
def test_a_name_that_cannot_be_one_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "filter", name, "--directory", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("ntio: ")
    assert list(tmp_path.iterdir()) == []


def test_only_filters_can_be_written_so_far(tmp_path: Path) -> None:
    assert main(["new", "disk", "mine", "--directory", str(tmp_path)]) == 2
