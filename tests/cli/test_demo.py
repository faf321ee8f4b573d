"""`ntio demo` on a small folder: equal bytes, a right stack, rates that are there; also without io_uring."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ntio import System
from ntio.cli import main, rates
from ntio.cli.read_proof import list_files, read_both_ways
from ntio.cli.stack_show import show_stack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "some files"
    (root / "a").mkdir(parents=True)
    (root / "b").write_bytes(b"second" * 40000)
    (root / "a" / "x").write_bytes(b"first")
    (root / "a" / "empty").touch()
    (root / "gone").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates from few reads: they mean nothing, but every way is gone."""
    monkeypatch.setattr(rates, "FILE_BYTES", 1 << 20)
    monkeypatch.setattr(rates, "_READS", 2 * 1024)
    monkeypatch.setattr(rates, "_POOL_READS", 64)


def demo(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert main(["demo", *argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.real_files
@pytest.mark.row("R10", "R11")
def test_everything_is_shown_and_right(
    folder: Path, short: None, hal_name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NTIO_HAL", hal_name)
    data = demo(capsys, str(folder))
    expected = hashlib.sha256(b"first" + b"second" * 40000).hexdigest()
    assert data["hal"] == {"name": hal_name, "reason": "asked for by name"}
    assert data["files"]["equal"] is True
    for way in ("rings", "plain"):
        shown = data["files"][way]
        assert (shown["files"], shown["unreadable"], shown["bytes"]) == (3, 0, 240005)
        assert shown["sha256"] == expected
    assert data["stack"]["disk"] == "file_disk" and data["stack"]["read_back"] and data["stack"]["inverted_below"]
    assert [line.split()[0] for line in data["stack"]["logged"]] == ["WRITE", "READ", "WRITE", "FLUSH_BUFFERS", "READ"]
    assert [visit["driver"] for visit in data["trace"][0]["visits"]] == ["log", "invert", "file_disk"]
    ring, loop, pool = data["rates"]["ways"]
    assert min(way["reads_per_second"] for way in (ring, loop, pool)) > 0
    assert loop["crossings_per_1000"] == pool["crossings_per_1000"] == 1000
    assert (ring["crossings_per_1000"] < 10) == (hal_name == "uring")


@pytest.mark.real_files
def test_the_text_says_which_hal_first_and_all_four_parts(
    folder: Path, short: None, hal_name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NTIO_HAL", hal_name)
    assert main(["demo", str(folder)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"HAL: {hal_name} (asked for by name)\n")
    assert "the bytes are equal" in out and "NO" not in out.replace("NOT", "")
    assert [line[:2] for line in out.splitlines() if line[:1].isdigit()] == ["1.", "2.", "3.", "4."]


def test_without_real_files_it_says_so_and_shows_what_it_can(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NTIO_HAL", "simulated")
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("HAL: simulated (asked for by name)\nNo real files here")
    assert "ram_disk on memory" in out
    data = demo(capsys)
    assert data["stack"]["inverted_below"] and "files" not in data and "rates" not in data


@pytest.mark.real_files
def test_bytes_that_differ_end_it_with_1(
    folder: Path, short: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ntio.cli.read_proof._plain", lambda path: b"other")
    assert main(["demo", str(folder)]) == 1
    shown = capsys.readouterr()
    assert "the bytes are NOT EQUAL" in shown.out
    assert shown.err == "ntio: what was read is not what was written: see above\n"


@pytest.mark.real_files
def test_a_file_nobody_may_read_is_counted_and_stops_nothing(real_system: System, folder: Path) -> None:
    paths = [*list_files(str(folder)), str(folder / "vanished")]
    rings, plain = read_both_ways(real_system, paths)
    assert rings.agrees_with(plain)
    assert (rings.files, rings.unreadable) == (4, 1)


@pytest.mark.real_files
def test_more_files_than_one_turn_are_read_in_order(real_system: System, tmp_path: Path) -> None:
    for number in range(600):
        (tmp_path / f"{number:03}").write_bytes(b"%d " % number)
    rings, plain = read_both_ways(real_system, list_files(str(tmp_path)))
    assert rings.sha256 == hashlib.sha256(b"".join(b"%d " % number for number in range(600))).hexdigest()
    assert rings.agrees_with(plain)


def test_files_are_listed_in_the_order_of_their_bytes(folder: Path) -> None:
    (folder / "B").touch()
    assert [os.path.relpath(path, folder) for path in list_files(str(folder))] == ["B", "a/empty", "a/x", "b"]
    assert list_files(str(folder / "b")) == [str(folder / "b")]


@pytest.mark.row("R19")
def test_the_stack_in_memory_keeps_and_inverts_what_is_written(system: System) -> None:
    shown = show_stack(system, real_files=False)
    assert shown.correct and shown.disk == "ram_disk"
    assert "\\Driver\\invert" in shown.tree_text and "invert" in shown.trace_text
