"""`ntio kd`: commands over a System of words, at a breakpoint where they need a packet."""

from __future__ import annotations

import json

import pytest

from ntio.cli import main

pytestmark = pytest.mark.row("R27")

STACK = ["ram_disk:size=64K,name=Disk0", "invert", "log"]


@pytest.fixture(autouse=True)
def on_each_hal(hal_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTIO_HAL", hal_name)


def test_commands_are_answered_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kd", *STACK, r"!devstack \Device\Disk0", "!drvobj invert"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("kd> !devstack \\Device\\Disk0\n")
    assert text.index("!devstack") < text.index("kd> !drvobj invert") < text.index("IRP_MJ_READ")


def test_a_packet_is_looked_at_where_it_was_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kd", *STACK, "!irp", "--offset", "4K", "--json"]) == 0
    [report] = json.loads(capsys.readouterr().out)["reports"]
    assert (report["command"], report["data"]["CurrentLocation"]) == ("!irp", 1)
    assert report["data"]["Locations"][0]["Args"][2] == "00001000"
    assert main(["kd", *STACK, "!irp", "--break", "log", "--write"]) == 0
    assert ">[IRP_MJ_WRITE(4), N/A(0)]" in capsys.readouterr().out


def test_without_a_stack_there_is_the_system(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kd", r"!object \Device"]) == 0
    assert "HostFiles" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (STACK, "no command; there are !irp"),
        (["!irp"], "a packet needs a stack"),
        ([*STACK, "!devobj Disk7"], "no device is called Disk7"),
        ([*STACK, "!irp 12"], "no packet has the address 12"),
        ([*STACK, "!irp", "!what"], "no command '!what'"),
        ([*STACK, "!irp", "--break", "disk"], "no driver 'disk' in the stack; there are log, invert, ram_disk"),
        ([*STACK, "!irp", "--flush", "--batch", "2"], "a flush has no batch form"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kd", *words]) == 2
    shown = capsys.readouterr()
    assert complaint in shown.err and shown.err.count("\n") == 1


def test_a_batch_stops_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kd", "ram_disk:size=64K", "null_filter", "!irp", "--batch", "4", "--length", "512"]) == 0
    assert "Batch of 4 requests" in capsys.readouterr().out
