"""`ntio sum`, `ntio read`, `ntio copy`: what they print, what they leave, how they end."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ntio.cli import bulk, main
from ntio.cli.progress import Line, progress
from ntio.system.many_files.file_pieces import PIECE, PIECES

pytestmark = [pytest.mark.row("R10"), pytest.mark.real_files]


@pytest.fixture(autouse=True)
def on_each_hal(hal_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command takes its HAL from the environment."""
    monkeypatch.setenv("NTIO_HAL", hal_name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A few files, one of them long, with awkward names."""
    root = tmp_path / "some files"
    (root / "a").mkdir(parents=True)
    (root / "b").write_bytes(b"second" * 40_000)
    (root / "a" / "x").write_bytes(b"first")
    (root / "a" / "empty").touch()
    (root / "new\nline\\").write_bytes(b"odd")
    (root / "long").write_bytes(bytes(range(256)) * (PIECE * PIECES // 128) + b"!")
    return root


@pytest.fixture
def short_wholes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a megabyte are already read in pieces."""
    monkeypatch.setattr(bulk, "LONGEST_WHOLE", 1 << 20)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_sum_prints_what_sha256sum_prints(folder: Path, short_wholes: None, capsys: pytest.CaptureFixture[str]) -> None:
    paths = files_of(folder)
    assert main(["sum", *map(str, paths)]) == 0
    out = capsys.readouterr().out
    for path in paths:
        assert hashlib.sha256(path.read_bytes()).hexdigest() in out
    if shutil.which("sha256sum"):
        plain = subprocess.run(["sha256sum", *paths], capture_output=True, text=True, check=True)
        assert out == plain.stdout
        subprocess.run(["sha256sum", "--check", "--status"], input=out, text=True, check=True)


def test_sum_takes_folders_when_told_to(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sum", "-r", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sorted(each["path"] for each in found["files"]) == list(map(str, files_of(folder)))
    assert all(each["bytes"] == os.path.getsize(each["path"]) for each in found["files"]) and not found["failed"]
    assert main(["sum", str(folder), str(folder / "b")]) == 1
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "Is a directory" in err


def test_what_fails_is_a_line_each_and_stops_nothing(
    folder: Path, short_wholes: None, capsys: pytest.CaptureFixture[str]
) -> None:
    good, missing = str(folder / "b"), str(folder / "none")
    assert main(["sum", missing, good, missing + "2"]) == 1
    out, err = capsys.readouterr()
    assert out.endswith(f"  {good}\n") and err.count("\n") == 2
    assert err.startswith(f"ntio sum: {missing}: cannot read: No such file or directory")
    assert main(["read", missing, good, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["failed"] == 1
    assert main(["copy", missing, good, str(folder / "a")]) == 1
    assert (folder / "a" / "b").read_bytes() == (folder / "b").read_bytes()


def test_called_wrongly(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sum"]) == 2
    assert main(["read", str(folder), "--rings", "0"]) == 2
    assert main(["copy", str(folder / "b")]) == 2
    assert main(["copy", str(folder / "b"), str(folder / "long"), str(folder / "none")]) == 2
    assert "no folder" in capsys.readouterr().err


@pytest.mark.parametrize("rings", ["1", "2"])
def test_read_counts_everything(
    folder: Path, short_wholes: None, rings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read", str(folder), "--rings", rings, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == 5 and told["bytes"] == sum(path.stat().st_size for path in files_of(folder))
    assert main(["read", str(folder), "--rings", rings]) == 0
    assert "files/s" in capsys.readouterr().out


def test_copy_to_a_file_and_into_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["copy", str(folder / "long"), str(folder / "new")]) == 0
    assert (folder / "new").read_bytes() == (folder / "long").read_bytes()
    assert main(["copy", str(folder / "b"), str(folder / "long"), str(folder / "a"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 2
    assert (folder / "a" / "long").read_bytes() == (folder / "long").read_bytes()


def test_copy_of_a_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = tmp_path / "new"
    assert main(["copy", str(folder), str(new)]) == 1
    assert "use -r" in capsys.readouterr().err and not new.exists()
    for expected in (new, new / folder.name):  # the second time it exists, and the folder comes into it
        assert main(["copy", "-r", str(folder), str(new)]) == 0
        assert [path.read_bytes() for path in files_of(expected)] == [path.read_bytes() for path in files_of(folder)]
    assert main(["copy", "-r", str(folder), str(folder / "inside")]) == 1
    assert "into itself" in capsys.readouterr().err


class Terminal(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_the_line_shows_the_state_and_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    now = iter([0.0, 0.4, 1.0, 1.05, 2.0])
    monkeypatch.setattr("ntio.cli.progress.time.monotonic", lambda: next(now))
    line = Line("hashing", 1000, terminal)
    for _ in range(4):
        line.advance(250)
    shown = terminal.getvalue().split("\r")[1:]
    assert [part[:7] for part in shown] == ["hashing"] * 2
    assert "50%" in shown[0] and "100%" in shown[1]
    line.clear()
    assert terminal.getvalue().endswith(" \r")


def test_nothing_is_shown_where_nobody_watches_or_the_work_is_short() -> None:
    for stream in (io.StringIO(), Terminal()):
        with progress("reading", 100, stream) as shown:
            shown.advance(100)
        assert stream.getvalue() == ""
