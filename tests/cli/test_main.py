"""The command as a whole: exit codes, one line per error, output nobody reads, and interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from ntio import __version__
from ntio.cli import COMMANDS, main

STACK = ["ram_disk:size=8K", "log"]


def test_without_arguments_it_says_how_to_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage: ntio")


def test_an_unknown_subcommand_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dmeo"]) == 2
    assert "demo" in capsys.readouterr().err


def test_help_lists_every_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_has_help_and_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert "--json" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ntio {__version__}\n"


WRONG = {
    "a driver nobody knows": (["tree", "floppy"], 2, "floppy"),
    "a parameter nobody knows": (["tree", "ram_disk:sise=1"], 2, "sise"),
    "a value that is none": (["trace", "ram_disk:size=much"], 2, "much"),
    "a filter without a disk": (["trace", "log"], 2, "needs a device below"),
    "a missing file": (["trace", "file_disk:path=/no/such/file"], 1, "/no/such/file"),
    "a write beyond the end": (["trace", *STACK, "--write", "--offset", "8K"], 1, "STATUS_DISK_FULL"),
    "a batch of flushes": (["trace", *STACK, "--flush", "--batch", "2"], 2, "flush"),
    "a folder that is not there": (["demo", "/no/such/folder"], 1, "/no/such/folder"),
    "a name NT does not have": (["where", "IoCallDrivel"], 1, "IoCallDriver"),
}


@pytest.mark.real_files
@pytest.mark.parametrize(("argv", "code", "names"), WRONG.values(), ids=WRONG)
def test_an_error_is_one_line_that_names_what_is_wrong(
    argv: list[str], code: int, names: str, hal_name: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("NTIO_HAL", hal_name)
    assert main(argv) == code
    error = capsys.readouterr().err
    assert error.startswith("ntio: ") and error.count("\n") == 1 and names in error


@pytest.mark.parametrize("argv", [["trace", *STACK, "--length", "-1"], ["trace", *STACK, "--batch", "0"]])
def test_a_number_out_of_range_is_a_wrong_call(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "is no number" in capsys.readouterr().err


def test_a_hal_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NTIO_HAL", "vax")
    assert main(["tree"]) == 1
    assert capsys.readouterr().err.startswith("ntio: NTIO_HAL: no HAL is called 'vax'")


def test_an_interruption_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ntio.cli.where.run", interrupt)
    assert main(["where", "x"]) == 130
    assert capsys.readouterr().err == "ntio: interrupted\n"


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="needs pipes as POSIX has them")
def test_output_that_nobody_reads_ends_it_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([sys.executable, "-m", "ntio", "objects"], stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_text_the_terminal_cannot_show_is_escaped() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-m", "ntio", "tree"], capture_output=True, env=environment, check=True)
    assert b"\\u2514" in done.stdout
