"""Which HAL is used, and the sentence that says why."""

from __future__ import annotations

import errno
import platform
import sys
from pathlib import Path

import pytest

from ntio.hal import choose
from ntio.hal.choose import make_hal, uring_obstacle

pytestmark = [pytest.mark.row("R11"), pytest.mark.skipif(sys.platform != "linux", reason="about Linux")]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> object:
    """Let the kernel refuse to open rings, with the errno given."""
    monkeypatch.setattr(platform, "release", lambda: "6.8.0-31-generic")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")

    def refuse(number: int) -> None:
        def setup(*_: object) -> int:
            raise OSError(number, "refused")

        monkeypatch.setattr("ntio.hal.uring_abi.setup", setup)

    return refuse


@pytest.mark.parametrize(
    ("number", "setting", "words"),
    [
        (errno.ENOSYS, "0", "built without io_uring"),
        (errno.EPERM, "2", "kernel.io_uring_disabled=2"),
        (errno.EPERM, "0", "container's or sandbox's filter"),
        (errno.EPERM, None, "container's or sandbox's filter"),
        (errno.ENOMEM, "0", "Cannot allocate memory"),
    ],
)
def test_each_refusal_has_its_sentence(
    refuse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, setting: str | None, words: str
) -> None:
    refuse(number)
    path = tmp_path / "io_uring_disabled"
    if setting is not None:
        path.write_text(setting + "\n")
    monkeypatch.setattr(choose, "_DISABLED_SETTING", str(path))
    assert words in uring_obstacle()
    hal = make_hal()
    assert hal.name == "threads" and hal.reason == uring_obstacle()
    with pytest.raises(OSError, match=r"io_uring|memory") as caught:
        make_hal("uring")
    assert caught.value.errno == errno.ENOSYS


@pytest.mark.parametrize(
    ("release", "old"), [("5.15.0-101-generic", True), ("6.0.19", True), ("6.1", False), ("6.18.4+", False)]
)
def test_old_kernels_get_threads(monkeypatch: pytest.MonkeyPatch, release: str, old: bool) -> None:
    monkeypatch.setattr(platform, "release", lambda: release)
    assert ("needs Linux 6.1 or later" in uring_obstacle()) is old


def test_other_processors_get_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert "x86-64 only" in uring_obstacle() and make_hal().name == "threads"


def test_other_systems_get_the_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    hal = make_hal()
    assert hal.name == "simulated" and "this is darwin" in hal.reason
    assert "Linux interface" in uring_obstacle()


@pytest.mark.parametrize("name", ["threads", "simulated"])
def test_a_name_is_taken_at_its_word(name: str) -> None:
    hal = make_hal(name)
    assert (hal.name, hal.reason) == (name, "asked for by name")
    assert name in repr(hal)


def test_an_unknown_name_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(ValueError, match="uring, threads, simulated"):
        make_hal("iocp")
