r"""The namespace: what a path leads to, and what is said of one that leads nowhere."""

from __future__ import annotations

import pytest

from ntio.hal.choose import make_hal
from ntio.object_manager.manager import ObjectManager
from ntio.object_manager.namespace import MAXIMUM_REPARSES, Directory, NamedObject, Namespace, SymbolicLink
from ntio.status import (
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    NtError,
)


class Parsing(NamedObject):
    """An object to which the rest of a path belongs, as a device."""

    parses = True


@pytest.fixture
def names() -> Namespace:
    return ObjectManager(make_hal("simulated")).namespace


@pytest.fixture
def disk(names: Namespace) -> Parsing:
    disk = Parsing()
    names.insert("\\Device\\Disk0", disk)
    return disk


def status_of(call: object, *arguments: object) -> int:
    with pytest.raises(NtError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.status


@pytest.mark.row("R20", "R28")
@pytest.mark.parametrize("path", ["\\Device\\Disk0", "\\DEVICE\\disk0", "\\device\\DISK0"])
def test_a_name_is_found_whatever_its_case(names: Namespace, disk: Parsing, path: str) -> None:
    assert names.lookup(path) == (disk, "")
    assert disk.path == "\\Device\\Disk0"


@pytest.mark.parametrize("rest", ["\\", "\\a\\B c", "\\\\x", "\\..\\Device", "\\a\\"])
def test_what_is_behind_a_device_is_its_own_affair(names: Namespace, disk: Parsing, rest: str) -> None:
    assert names.lookup(f"\\Device\\Disk0{rest}") == (disk, rest)


@pytest.mark.parametrize("name", ["\\Device", "\\Driver", "\\FileSystem", "\\GLOBAL??", "\\ObjectTypes"])
def test_the_root_has_the_usual_directories(names: Namespace, name: str) -> None:
    assert isinstance(names.lookup(name)[0], Directory)


def test_the_three_names_of_the_drive_directory(names: Namespace, disk: Parsing) -> None:
    names.link("\\??\\X:", "\\Device\\Disk0")
    for prefix in ("\\??", "\\GLOBAL??", "\\DosDevices", "\\??\\Global", "\\??\\GLOBAL\\global"):
        assert names.lookup(f"{prefix}\\x:\\dir\\file") == (disk, "\\dir\\file")
    assert names.lookup("\\??") == names.lookup("\\GLOBAL??") == names.lookup("\\DosDevices")


def test_a_link_replaces_what_was_read_so_far(names: Namespace, disk: Parsing) -> None:
    names.make_directory("\\Device\\Sub")
    names.link("\\Device\\Sub\\One", "\\Device")
    names.link("\\Device\\Two", "\\Device\\Sub\\One")
    assert names.lookup("\\Device\\Two\\Disk0\\file") == (disk, "\\file")
    assert names.lookup("\\Device\\Two\\Two\\Sub\\One\\Disk0") == (disk, "")


def test_a_link_on_the_way_to_an_insertion_is_followed(names: Namespace) -> None:
    link = names.link("\\DosDevices\\Y:", "\\Device\\Nothing")
    assert link.path == "\\GLOBAL??\\Y:"


def test_find_does_not_follow_a_link_at_the_end(names: Namespace, disk: Parsing) -> None:
    link = names.link("\\Device\\Alias", "\\Device\\Disk0")
    assert names.find("\\Device\\Alias") is link
    assert names.find("\\Device\\Disk0") is disk
    assert names.find("\\Device\\Disk0\\rest") is None
    assert names.find("\\Device\\Nobody") is None
    assert names.find("no backslash") is None


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("\\Device\\Nobody", STATUS_OBJECT_NAME_NOT_FOUND),
        ("\\Nobody\\Disk0", STATUS_OBJECT_PATH_NOT_FOUND),
        ("\\Device\\Nobody\\x", STATUS_OBJECT_PATH_NOT_FOUND),
        ("Device\\Disk0", STATUS_OBJECT_PATH_SYNTAX_BAD),
        ("", STATUS_OBJECT_PATH_SYNTAX_BAD),
        ("\\Device\\", STATUS_OBJECT_NAME_INVALID),
        ("\\Device\\Nobody\\", STATUS_OBJECT_PATH_NOT_FOUND),
        ("\\\\Device", STATUS_OBJECT_NAME_INVALID),
        ("\\ObjectTypes\\Event\\x", STATUS_OBJECT_TYPE_MISMATCH),
        ("\\Device\\Dangling", STATUS_OBJECT_NAME_NOT_FOUND),
        ("\\Device\\Dangling\\x", STATUS_OBJECT_PATH_NOT_FOUND),
    ],
)
def test_a_lookup_that_leads_nowhere(names: Namespace, disk: Parsing, path: str, status: int) -> None:
    names.link("\\Device\\Dangling", "\\Device\\Gone")
    assert status_of(names.lookup, path) == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("\\Nobody\\New", STATUS_OBJECT_PATH_NOT_FOUND),
        ("\\Device\\Disk0\\New", STATUS_OBJECT_PATH_NOT_FOUND),
        ("\\Device\\", STATUS_OBJECT_NAME_INVALID),
        ("\\Device\\New\\", STATUS_OBJECT_PATH_NOT_FOUND),
        ("\\Device\\\\New", STATUS_OBJECT_NAME_INVALID),
        ("\\\\Device\\New", STATUS_OBJECT_NAME_INVALID),
        ("\\Callback\\Plain\\New", STATUS_OBJECT_TYPE_MISMATCH),
        ("\\", STATUS_OBJECT_NAME_COLLISION),
        ("New", STATUS_OBJECT_PATH_SYNTAX_BAD),
        ("\\Device\\disk0", STATUS_OBJECT_NAME_COLLISION),
        ("\\device", STATUS_OBJECT_NAME_COLLISION),
    ],
)
def test_an_insertion_that_is_refused(names: Namespace, disk: Parsing, path: str, status: int) -> None:
    names.insert("\\Callback\\Plain", NamedObject())
    entry = NamedObject()
    assert status_of(names.insert, path, entry) == status
    assert entry.directory is None
    assert names.lookup("\\Device\\Disk0") == (disk, "")


def test_a_loop_of_links_ends(names: Namespace) -> None:
    names.link("\\Device\\Ping", "\\Device\\Pong")
    names.link("\\Device\\Pong", "\\Device\\Ping")
    assert status_of(names.lookup, "\\Device\\Ping\\x") == STATUS_OBJECT_NAME_INVALID
    names.link("\\Device\\Grows", "\\Device\\Grows\\again")
    assert status_of(names.lookup, "\\Device\\Grows") == STATUS_OBJECT_NAME_INVALID


@pytest.mark.parametrize(("links", "found"), [(MAXIMUM_REPARSES, True), (MAXIMUM_REPARSES + 1, False)])
def test_so_many_links_and_no_more(names: Namespace, disk: Parsing, links: int, found: bool) -> None:
    names.link("\\Device\\L0", "\\Device\\Disk0")
    for number in range(1, links):
        names.link(f"\\Device\\L{number}", f"\\Device\\L{number - 1}")
    last = f"\\Device\\L{links - 1}"
    if found:
        assert names.lookup(last) == (disk, "")
    else:
        assert status_of(names.lookup, last) == STATUS_OBJECT_NAME_INVALID


def test_a_removed_name_is_free_at_once(names: Namespace, disk: Parsing) -> None:
    names.remove("\\Device\\DISK0")
    assert disk.directory is None
    assert status_of(names.lookup, "\\Device\\Disk0") == STATUS_OBJECT_NAME_NOT_FOUND
    other = Parsing()
    names.insert("\\Device\\Disk0", other)
    assert names.lookup("\\Device\\Disk0") == (other, "")


def test_removing_a_link_leaves_its_target(names: Namespace, disk: Parsing) -> None:
    names.link("\\??\\X:", "\\Device\\Disk0")
    names.remove("\\??\\X:")
    assert names.lookup("\\Device\\Disk0") == (disk, "")
    assert status_of(names.lookup, "\\??\\X:") == STATUS_OBJECT_NAME_NOT_FOUND


@pytest.mark.parametrize("path", ["\\Device\\Nobody", "\\", "nothing"])
def test_removing_what_is_not_there(names: Namespace, path: str) -> None:
    assert status_of(names.remove, path) == STATUS_OBJECT_NAME_NOT_FOUND


def test_a_directory_lists_its_entries_by_name(names: Namespace) -> None:
    for name in ("b", "A", "c"):
        names.insert(f"\\Callback\\{name}", NamedObject())
    directory = names.lookup("\\Callback")[0]
    assert isinstance(directory, Directory)
    assert [entry.name for entry in directory] == ["A", "b", "c"]


def test_descriptions(names: Namespace) -> None:
    assert SymbolicLink("\\Device").describe() == "SymbolicLink -> \\Device"
    assert names.lookup("\\Device")[0].describe() == "Directory"
    assert (names.root.path, NamedObject().path) == ("\\", "")


def test_the_root_is_found(names: Namespace) -> None:
    assert names.lookup("\\") == (names.root, "")


def test_a_name_counts_as_a_pointer_to_the_object_and_to_its_directory(names: Namespace) -> None:
    directory, entry = names.make_directory("\\Callback\\Sub"), NamedObject()
    assert (directory.pointer_count, entry.pointer_count) == (1, 1)
    names.insert("\\Callback\\Sub\\One", entry)
    assert (directory.pointer_count, entry.pointer_count) == (2, 2)
    assert names.remove("\\Callback\\Sub\\One") is entry
    directory.discard(entry)  # a second time does nothing
    assert (directory.pointer_count, entry.pointer_count, entry.permanent) == (1, 1, False)


def test_names_that_differ_only_in_case_where_that_is_allowed(names: Namespace) -> None:
    lower, upper = NamedObject(), NamedObject()
    directory = names.lookup("\\Callback")[0]
    assert isinstance(directory, Directory)
    directory.add("same", lower)
    with pytest.raises(NtError):
        directory.add("SAME", upper)
    directory.add("SAME", upper, exactly=True)
    assert [directory.find(name) for name in ("same", "SAME", "Same")] == [lower, upper, lower]
    assert directory.find("Same", exactly=True) is None
    assert sorted(entry.name for entry in directory) == ["SAME", "same"]
    directory.discard(lower)
    assert directory.find("same") is upper
    assert lower.directory is None


def test_what_is_provided_is_made_when_it_is_first_looked_for(names: Namespace) -> None:
    made: list[Parsing] = []

    def make() -> None:
        made.append(Parsing())
        names.insert("\\Device\\Later", made[-1])

    names.provide("\\Device\\LATER", make)
    assert status_of(names.lookup, "\\Device\\Other") == STATUS_OBJECT_NAME_NOT_FOUND and not made
    assert names.lookup("\\device\\later\\rest") == (made[0], "\\rest")
    assert names.lookup("\\Device\\Later") == (made[0], "") and len(made) == 1
    names.remove("\\Device\\Later")
    assert status_of(names.lookup, "\\Device\\Later") == STATUS_OBJECT_NAME_NOT_FOUND


def test_what_could_not_be_made_is_tried_again(names: Namespace) -> None:
    tries: list[int] = []

    def make() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise MemoryError
        names.insert("\\Device\\Later", Parsing())

    names.provide("\\Device\\Later", make)
    with pytest.raises(MemoryError):
        names.lookup("\\Device\\Later")
    assert isinstance(names.lookup("\\Device\\Later")[0], Parsing)
