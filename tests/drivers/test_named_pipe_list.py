r"""The list of pipes, as bytes of a directory and as Python sees it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

import ntio
from ntio import status as s
from ntio.driver_kit import CreateParameters, FileObject, IoStatusBlock, major
from ntio.io_manager import services
from ntio.io_manager.opening.open import close_file

pytestmark = pytest.mark.row("R34")

NAMES = ["beta", "Alpha", "alphabet", "gamma[1]"]


@pytest.fixture
def pipes(system: ntio.System) -> Iterator[ExitStack]:
    """Four pipes: three instances of the first, any number allowed; one of each other, two of the last possible."""
    with ExitStack() as opened:
        for name in NAMES:
            many = 3 if name == "beta" else 1
            most = {"beta": None, "gamma[1]": 2}.get(name, 1)
            for _ in range(many):
                opened.enter_context(ntio.NamedPipe.create(name, instances=most, system=system))
        yield opened


@contextmanager
def root(system: ntio.System, name: str = "\\Device\\NamedPipe\\", access: int = 1) -> Iterator[FileObject]:
    file = system.create_file_object(name, CreateParameters(access=major.SYNCHRONIZE | access))
    try:
        yield file
    finally:
        close_file(file)


def listed(
    file: FileObject, size: int = 999, pattern: str | None = None, number: int = 1, **how: bool
) -> tuple[int, bytes]:
    block, buffer = IoStatusBlock(), bytearray(size)
    code = services.query_directory(file, None, None, None, block, buffer, None, number, pattern, **how)
    return code, bytes(buffer[: block.information])


def names(data: bytes, head: int = 64, length_at: int = 60) -> list[str]:
    found, start = [], 0
    while data:
        (further,) = struct.unpack_from("<I", data, start)
        (length,) = struct.unpack_from("<I", data, start + length_at)
        found.append(data[start + head : start + head + length].decode("utf-16-le"))
        assert further % 8 == 0
        start += further
        if not further:
            break
    return found


@pytest.mark.usefixtures("pipes")
def test_the_list_for_python(system: ntio.System) -> None:
    assert ntio.named_pipes(system=system) == [
        ("Alpha", 1, 1),
        ("alphabet", 1, 1),
        ("beta", 3, None),
        ("gamma[1]", 1, 2),
    ]
    for pattern, found in (("ALPHA*", 2), ("?eta", 1), ("*a*", 4), ("nothing", 0), ("gamma[1]", 1), ("alph?", 1)):
        assert len(ntio.named_pipes(pattern, system=system)) == found, pattern


def test_there_may_be_none_and_very_many(system: ntio.System, pipes: ExitStack) -> None:
    pipes.close()
    assert ntio.named_pipes(system=system) == []
    for number in range(300):
        pipes.enter_context(ntio.NamedPipe.create(f"a pipe with a long name, number {number:03}", system=system))
    found = ntio.named_pipes(system=system)
    assert [entry.name[-3:] for entry in found] == [f"{number:03}" for number in range(300)]


@pytest.mark.usefixtures("pipes")
def test_an_entry_is_that_of_a_file(system: ntio.System) -> None:
    with root(system) as file:
        code, data = listed(file, pattern="beta")
        times = struct.unpack_from("<IIqqqqqqII", data)
        assert (code, times) == (0, (0, 0, 0, 0, 0, 0, 3, 0xFFFF_FFFF, 0x80, 8))
        assert data[64:] == "beta".encode("utf-16-le")


@pytest.mark.usefixtures("pipes")
@pytest.mark.parametrize(("number", "head", "length_at"), [(1, 64, 60), (2, 68, 60), (3, 94, 60), (12, 12, 8)])
def test_each_class_has_the_names_where_they_belong(
    system: ntio.System, number: int, head: int, length_at: int
) -> None:
    with root(system) as file:
        code, data = listed(file, number=number)
        assert (code, names(data, head, length_at)) == (0, ["Alpha", "alphabet", "beta", "gamma[1]"])
        assert listed(file, number=number) == (s.STATUS_NO_MORE_FILES, b"")


@pytest.mark.usefixtures("pipes")
def test_a_scan_goes_on_and_begins_again(system: ntio.System) -> None:
    with root(system) as file:
        assert names(listed(file, pattern="a*", single=True)[1]) == ["Alpha"]
        assert names(listed(file, pattern="ignored")[1]) == ["alphabet"]
        assert listed(file)[0] == s.STATUS_NO_MORE_FILES
        assert names(listed(file, restart=True)[1]) == ["Alpha", "alphabet"]
        assert names(listed(file, pattern="b*", restart=True)[1]) == ["beta"]
        assert listed(file, pattern="x*", restart=True) == (s.STATUS_NO_SUCH_FILE, b"")


def test_pipes_come_and_go_during_a_scan(system: ntio.System, pipes: ExitStack) -> None:
    with root(system) as file:
        assert names(listed(file, single=True)[1]) == ["Alpha"]
        pipes.close()
        with ntio.NamedPipe.create("Aardvark", system=system), ntio.NamedPipe.create("zebra", system=system):
            assert names(listed(file)[1]) == ["zebra"]


@pytest.mark.usefixtures("pipes")
def test_entries_are_as_many_as_there_is_room_for(system: ntio.System) -> None:
    with root(system) as file:
        assert names(listed(file, 64 + 10 + 6 + 64 + 16)[1]) == ["Alpha", "alphabet"]
        assert names(listed(file, 64 + 8)[1]) == ["beta"]
        code, data = listed(file, 64 + 6)
        assert (code, len(data), data[64:]) == (s.STATUS_BUFFER_OVERFLOW, 70, "gam".encode("utf-16-le"))
        assert data[60] == 16, "how long the name is"


@pytest.mark.usefixtures("pipes")
def test_what_cannot_be_asked(system: ntio.System) -> None:
    with root(system) as file:
        assert listed(file, 63)[0] == s.STATUS_INFO_LENGTH_MISMATCH
        assert listed(file, number=99)[0] == s.STATUS_INVALID_INFO_CLASS
    with root(system, access=0) as file:
        assert listed(file)[0] == s.STATUS_ACCESS_DENIED
    with root(system, "\\Device\\NamedPipe") as device:
        assert listed(device)[0] == s.STATUS_INVALID_PARAMETER
    with ntio.NamedPipe.open("beta", system=system) as pipe:
        assert listed(pipe.file.file_object)[0] == s.STATUS_INVALID_PARAMETER


@pytest.mark.usefixtures("pipes")
def test_a_change_of_the_list_is_told_to_nobody(system: ntio.System) -> None:
    with root(system) as file:
        answer = services.notify_change_directory(
            file, None, None, None, IoStatusBlock(), bytearray(99), None, major.FILE_NOTIFY_VALID_MASK
        )
        assert answer == s.STATUS_INVALID_PARAMETER
