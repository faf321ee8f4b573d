"""tree, objects, trace and doctor: text for a person, the same as data with --json."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ntio.cli import main

STACK = ["ram_disk:size=64K,name=Disk0", "invert", "log"]


@pytest.fixture(autouse=True)
def on_each_hal(hal_name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("NTIO_HAL", hal_name)
    return hal_name


def text_of(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def data_of(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    return json.loads(text_of(capsys, *argv, "--json"))


def test_tree_shows_the_stack_it_was_given(capsys: pytest.CaptureFixture[str], hal_name: str) -> None:
    text = text_of(capsys, "tree", *STACK)
    assert text.startswith(f"System on {hal_name}\n")
    assert text.index("\\Driver\\log") < text.index("\\Driver\\invert") < text.index("\\Device\\Disk0")
    data = data_of(capsys, "tree", *STACK)
    assert data["hal"] == hal_name
    assert [node["driver"] for node in data["stacks"][1]["devices"]] == ["log", "invert", "ram_disk"]


def test_tree_without_a_stack_shows_an_empty_system(capsys: pytest.CaptureFixture[str]) -> None:
    assert "host_files" in text_of(capsys, "tree")
    assert len(data_of(capsys, "tree")["stacks"]) == 1


@pytest.mark.row("R20")
def test_objects_shows_the_namespace(capsys: pytest.CaptureFixture[str]) -> None:
    assert "SymbolicLink -> \\Device\\HostFiles" in text_of(capsys, "objects")
    data = data_of(capsys, "objects", *STACK)
    devices = next(child for child in data["children"] if child["name"] == "Device")
    assert [child["name"] for child in devices["children"]] == ["Disk0", "HostFiles"]


@pytest.mark.row("R19")
def test_trace_follows_one_request(capsys: pytest.CaptureFixture[str], hal_name: str) -> None:
    text = text_of(capsys, "trace", *STACK, "--offset", "4K", "--length", "512")
    assert text.startswith("request 1: READ, 512 bytes at offset 4096\n")
    assert text.count("↓") == text.count("↑") == 3
    data = data_of(capsys, "trace", *STACK, "--write")
    [request] = data["requests"]
    assert (data["hal"], request["operation"]) == (hal_name, "WRITE")
    assert [visit["status"] for visit in request["visits"]] == [0, 0, 0]


def test_a_verified_packet_has_a_history(capsys: pytest.CaptureFixture[str]) -> None:
    assert "allocated" not in text_of(capsys, "kd", *STACK, "!irp", "--break", "ram_disk")
    assert "allocated" in text_of(capsys, "kd", *STACK, "!irp", "--break", "ram_disk", "--verify")
    assert text_of(capsys, "trace", *STACK, "--verify").count("↓") == 3


def test_trace_follows_a_batch_and_a_flush(capsys: pytest.CaptureFixture[str]) -> None:
    [request] = data_of(capsys, "trace", *STACK, "--batch", "8", "--length", "512")["requests"]
    assert (request["rows"], request["visits"][0]["length"]) == (8, 4096)
    [request] = data_of(capsys, "trace", *STACK, "--batch", "8", "--length", "512", "--write")["requests"]
    assert (request["rows"], request["operation"]) == (8, "WRITE")
    assert "FLUSH_BUFFERS" in text_of(capsys, "trace", *STACK, "--flush")


def test_trace_shows_a_request_that_fails_and_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", *STACK, "--write", "--offset", "64K"]) == 1
    shown = capsys.readouterr()
    assert shown.out.count("STATUS_DISK_FULL") == 3
    assert "STATUS_DISK_FULL" in shown.err


@pytest.mark.row("R11")
def test_doctor_says_first_which_hal_is_in_use_and_why(capsys: pytest.CaptureFixture[str], hal_name: str) -> None:
    text = text_of(capsys, "doctor")
    assert text.splitlines()[0] == f"HAL: {hal_name} (asked for by name)"
    assert "io_uring" in text and "RLIMIT_MEMLOCK" in text
    data = data_of(capsys, "doctor")
    assert data["hal"] == {"name": hal_name, "reason": "asked for by name"}
    found = {finding["subject"]: finding for finding in data["findings"]}
    assert found["NumPy"]["state"] == "ok"
    assert found["fio"]["state"] in ("ok", "missing")


def test_doctor_names_what_is_missing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("ntio.cli.doctor.uring_obstacle", lambda: "io_uring is switched off")
    found = {finding["subject"]: finding for finding in data_of(capsys, "doctor")["findings"]}
    assert (found["fio"]["state"], found["fio"]["found"]) == ("missing", "not installed")
    assert (found["io_uring"]["state"], found["io_uring"]["found"]) == ("missing", "io_uring is switched off")
