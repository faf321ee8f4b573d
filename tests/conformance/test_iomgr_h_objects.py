r"""Group H: handles, references, symbolic links, shared events, names of objects, permanence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ntio import Stack, System
from ntio.io_manager.codes import major
from ntio.io_manager.file_object import FileObject
from ntio.io_manager.opening.create_parameters import CreateParameters
from ntio.kernel.event import Event
from ntio.object_manager.directories import create_directory, open_directory
from ntio.object_manager.events import create_event, create_notification_event, create_synchronization_event
from ntio.object_manager.handles import KERNEL_HANDLES
from ntio.object_manager.links import create_link, open_link, query_link
from ntio.object_manager.manager import ObjectManager
from ntio.object_manager.objects import (
    OBJ_CASE_INSENSITIVE,
    OBJ_KERNEL_HANDLE,
    OBJ_PERMANENT,
)
from ntio.object_manager.opening import (
    ObjectAttributes,
    create_object,
    insert_object,
    open_by_name,
    open_by_pointer,
    reference_by_name,
)
from ntio.object_manager.types import (
    DIRECTORY_ALL_ACCESS,
    EVENT_ALL_ACCESS,
    SYMBOLIC_LINK_QUERY,
    TypeInitializer,
    TypeProcedures,
)
from ntio.security.access_mask import (
    GENERIC_ALL,
    STANDARD_RIGHTS_ALL,
    SYNCHRONIZE,
    USER_MODE,
    GenericMapping,
)
from ntio.status import STATUS_SUCCESS, NtError, status_name

pytestmark = pytest.mark.row("R20")

Observed = Callable[[str], None]
KERNEL = ObjectAttributes(attributes=OBJ_KERNEL_HANDLE)
MAPPING = GenericMapping(0x2_0000, 0x2_0000, 0x2_0000, 0x1F_0001)
CASE_INSENSITIVE_KERNEL = OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE


def status_of(call: Callable[..., object], *arguments: object, **named: object) -> str:
    """The name of the status a call raises, or of success."""
    try:
        call(*arguments, **named)
    except NtError as error:
        return status_name(error.status).removeprefix("STATUS_")
    return "SUCCESS"


def counts(objects: ObjectManager, handle: int) -> tuple[int, int]:
    """Pointers and handles as ZwQueryObject shows them; its own reference is one of them."""
    found = objects.query(handle)
    return found.pointer_count, found.handle_count


def test_case_90_null_handle(system: System, observed: Observed) -> None:
    """Reference by a NULL handle: INVALID_HANDLE."""
    found = status_of(system.io.objects.reference_by_handle, 0, SYNCHRONIZE, "Event")
    assert found == "INVALID_HANDLE"
    observed(found)


def test_case_90_handle_of_another_type(system: System, observed: Observed) -> None:
    """Reference an event's handle as a file: OBJECT_TYPE_MISMATCH; as an event, or as anything: the same object."""
    objects = system.io.objects
    _, handle = create_event(objects, SYNCHRONIZE, KERNEL, signaled=True)
    as_file = status_of(objects.reference_by_handle, handle, SYNCHRONIZE, "File")
    found = [objects.reference_by_handle(handle, SYNCHRONIZE, kind) for kind in (None, "Event")]
    same, kind = found[0] is found[1], objects.type_of(found[0]).name
    left = [objects.dereference(one) for one in found]
    objects.close(handle)
    assert (as_file, same, kind, left) == ("OBJECT_TYPE_MISMATCH", True, "Event", [2, 1])
    observed(f"as File {as_file}; the other two the same {kind}")


def test_case_90_duplicated_file_handle(system: System, observed: Observed) -> None:
    """Duplicate a file's handle: both name one object of type 5."""
    objects = system.io.objects
    with Stack("ram_disk:size=4K,name=Disk0", system=system):
        path = ObjectAttributes("\\Device\\Disk0")
        handle = open_by_name(objects, path, "File", major.FILE_READ_ATTRIBUTES, context=CreateParameters())
        second = objects.handles.duplicate(handle)
        one, two = (objects.reference_by_handle(each, 0, "File") for each in (handle, second))
        assert isinstance(one, FileObject)
        assert (one is two, one.type, one.handle_count) == (True, 5, 2)
        objects.dereference(one)
        objects.dereference(two)
        observed(f"one object of type {one.type}, {one.handle_count} handles")
        objects.close(handle)
        assert not one.closed
        objects.close(second)
        assert (one.closed, one.pointer_count) == (True, 0)


def test_case_90_open_by_pointer(system: System, observed: Observed) -> None:
    """Open an event by pointer without a type: a handle; as a file: OBJECT_TYPE_MISMATCH."""
    objects = system.io.objects
    _, handle = create_event(objects, SYNCHRONIZE, KERNEL)
    event = objects.reference_by_handle(handle)
    again = open_by_pointer(objects, event, None, 0, OBJ_KERNEL_HANDLE)
    as_file = status_of(open_by_pointer, objects, event, "File", 0, OBJ_KERNEL_HANDLE)
    assert (objects.kernel_handles.reference(again, Event), as_file) == (event, "OBJECT_TYPE_MISMATCH")
    objects.dereference(event)
    objects.close(handle)
    objects.close(again)
    observed(f"a handle; as File {as_file}")


def test_case_90_kernel_handle_is_nothing_to_a_user(system: System, observed: Observed) -> None:
    """Close a kernel handle for user mode: INVALID_HANDLE, still open; for kernel mode: SUCCESS."""
    objects = system.io.objects
    _, handle = create_directory(objects, DIRECTORY_ALL_ACCESS, KERNEL)
    by_user = status_of(objects.close, handle, USER_MODE)
    still = counts(objects, handle)
    by_kernel = status_of(objects.close, handle)
    assert (handle >= KERNEL_HANDLES, by_user, still, by_kernel) == (True, "INVALID_HANDLE", (2, 1), "SUCCESS")
    observed(f"user {by_user}, {still[0]}/{still[1]} left; kernel {by_kernel}")


def test_case_90_references_counted(system: System, observed: Observed) -> None:
    """Reference directories by handle, pointer and name, named and not, permanent and not: one pointer each, told by
    the return value; MakeTemporary of an open one changes no count.
    """
    objects, shown = system.io.objects, []
    for name in ("", "\\YayDirectory"):
        for flags in (
            0,
            OBJ_CASE_INSENSITIVE,
            OBJ_KERNEL_HANDLE,
            OBJ_PERMANENT,
            CASE_INSENSITIVE_KERNEL | OBJ_PERMANENT,
        ):
            _, handle = create_directory(objects, DIRECTORY_ALL_ACCESS, ObjectAttributes(name, flags))
            shown.append(_count_references(objects, handle, name))
            if flags & OBJ_PERMANENT:
                before = counts(objects, handle)
                for _ in range(2):
                    objects.make_temporary(objects.entry(handle).header)
                assert counts(objects, handle) == before
            objects.close(handle)
            assert name == "" or objects.namespace.find(name) is None
    assert shown == [[2, 3, 4, 5, 4, 3, 2]] * 5 + [[3, 4, 5, 6, 7, 6, 5, 4, 3]] * 5
    observed("unnamed 2/1 and named 3/1 at rest; each reference one more, each dereference one less")


def _count_references(objects: ObjectManager, handle: int, name: str) -> list[int]:
    seen, taken = [counts(objects, handle)[0]], []
    taken.append(objects.reference_by_handle(handle, DIRECTORY_ALL_ACCESS))
    seen.append(counts(objects, handle)[0])
    assert objects.reference(taken[0]) == seen[-1]  # the new count, without the question's own reference
    taken.append(taken[0])
    seen.append(counts(objects, handle)[0])
    objects.reference_by_pointer(taken[0], "Directory")
    taken.append(taken[0])
    seen.append(counts(objects, handle)[0])
    if name:
        taken.append(reference_by_name(objects, name.upper(), "Directory", DIRECTORY_ALL_ACCESS, 0))
        seen.append(counts(objects, handle)[0])
    for one in taken:
        left = objects.dereference(one)
        seen.append(counts(objects, handle)[0])
        assert left == seen[-1] - 1
    return seen


# --- symbolic links -------------------------------------------------------------------------------------------------

LINK = ObjectAttributes("\\Device\\TestLink", CASE_INSENSITIVE_KERNEL)
TARGET = "\\Device\\NamedPipe"


def test_case_91_missing_link(system: System, observed: Observed) -> None:
    """Open a symbolic link that is not there: OBJECT_NAME_NOT_FOUND."""
    found = status_of(open_link, system.io.objects, SYMBOLIC_LINK_QUERY, LINK)
    assert found == "OBJECT_NAME_NOT_FOUND"
    observed(found)


def test_case_91_query_with_room_or_not(system: System, observed: Observed) -> None:
    """Ask a link for its target with buffers from 0 bytes on: BUFFER_TOO_SMALL and the required length, which is the
    target's MaximumLength; who does not ask for the length needs no room for the terminator.
    """
    objects = system.io.objects
    _, first = create_link(objects, SYMBOLIC_LINK_QUERY, TARGET, LINK)
    handle = open_link(objects, SYMBOLIC_LINK_QUERY, LINK)
    length = 2 * len(TARGET)
    told = [query_link(objects, handle, room) for room in (0, length - 1, length, length + 1, length + 2, 64)]
    untold = [query_link(objects, handle, room, returned_length=False) for room in (0, length - 1, length)]
    objects.close(handle)
    objects.close(first)
    statuses = [status_name(one.status).removeprefix("STATUS_") for one in (*told, *untold)]
    small, good = "BUFFER_TOO_SMALL", "SUCCESS"
    assert statuses == [small, small, small, small, good, good, small, small, good]
    assert {one.required for one in told} == {length + 2}
    assert [one.target for one in told if one.status == STATUS_SUCCESS] == [TARGET, TARGET]
    observed(f"{small}, {told[0].required} required; {good} from {length + 2} bytes on, without length from {length}")


def test_case_91_target_without_terminator(system: System, observed: Observed) -> None:
    """Make a link of a target whose MaximumLength is its Length: that many bytes are required, and enough."""
    objects = system.io.objects
    _, handle = create_link(objects, SYMBOLIC_LINK_QUERY, TARGET, LINK, terminated=False)
    short, enough = (query_link(objects, handle, 2 * len(TARGET) - less) for less in (1, 0))
    objects.close(handle)
    assert (short.required, enough.status, enough.target) == (2 * len(TARGET), STATUS_SUCCESS, TARGET)
    observed(f"{status_name(short.status).removeprefix('STATUS_')}, {short.required} required; then SUCCESS")


def test_case_91_link_dies_with_its_last_handle(system: System, observed: Observed) -> None:
    """Make a link, open it twice, close all: it is gone; a refused creation leaves none either."""
    objects = system.io.objects
    _, first = create_link(objects, SYMBOLIC_LINK_QUERY, TARGET, LINK)
    second = open_link(objects, SYMBOLIC_LINK_QUERY, LINK)
    objects.close(first)
    between = status_of(lambda: objects.close(open_link(objects, SYMBOLIC_LINK_QUERY, LINK)))
    objects.close(second)
    after = status_of(open_link, objects, SYMBOLIC_LINK_QUERY, LINK)
    refused = status_of(create_link, objects, SYMBOLIC_LINK_QUERY, "", LINK)
    never = status_of(open_link, objects, SYMBOLIC_LINK_QUERY, LINK)
    assert (between, after, never) == ("SUCCESS", "OBJECT_NAME_NOT_FOUND", "OBJECT_NAME_NOT_FOUND")
    assert refused == "INVALID_PARAMETER"
    observed(f"{between} while a handle is open, then {after}")


# --- events that drivers share ----------------------------------------------------------------------------------------

EVENT = "\\BaseNamedObjects\\TestIoEvent"


def _shown(objects: ObjectManager, handle: int) -> str:
    pointers, handles = counts(objects, handle)
    return f"{pointers}/{handles}"


def test_case_93_nameless_event(system: System, observed: Observed) -> None:
    """Make an event without a name, of each kind: set, a kernel handle with all rights and no attributes, 2/1."""
    objects, said = system.io.objects, []
    for create in (create_notification_event, create_synchronization_event):
        event, handle = create(objects)
        found = objects.query(handle)
        assert (event.read_state(), handle >= KERNEL_HANDLES) == (True, True)
        assert (found.attributes, found.granted_access) == (0, EVENT_ALL_ACCESS)
        said.append(f"{event.kind.name} state {event.read_state():d}, {_shown(objects, handle)}")
        objects.close(handle)
    assert [one[-3:] for one in said] == ["2/1", "2/1"]
    observed("; ".join(said))


def test_case_93_named_event_opened_again(system: System, observed: Observed) -> None:
    """Make an event with a name: 3/1; again under the same name: the same event, 4/2; close one: 3/1."""
    objects, said = system.io.objects, []
    for create in (create_notification_event, create_synchronization_event):
        event, handle = create(objects, EVENT)
        steps = [_shown(objects, handle)]
        again, second = create(objects, EVENT)
        steps += [_shown(objects, handle), _shown(objects, second)]
        objects.close(second)
        steps.append(_shown(objects, handle))
        objects.close(handle)
        assert (again is event, objects.namespace.find(EVENT)) == (True, None)
        said.append(" ".join(steps))
    assert said == ["3/1 4/2 4/2 3/1"] * 2
    observed(said[0])


def test_case_93_other_kind_under_the_same_name(system: System, observed: Observed) -> None:
    """Make a notification event, then a synchronization event of its name: the notification event that is there."""
    objects = system.io.objects
    first, one = create_notification_event(objects, EVENT)
    second, two = create_synchronization_event(objects, EVENT)
    assert first is second
    objects.close(two)
    objects.close(one)
    observed(f"the same {second.kind.name} event")


# --- insertion --------------------------------------------------------------------------------------------------------


def _dummy(objects: ObjectManager, name: str, deleted: list[object] | None = None) -> tuple[int, str, tuple[int, int]]:
    """A new object of a type of our own: its pointers, what inserting it gives, and its counts then."""
    if "Dummy" not in objects.types:
        delete = (lambda body: None) if deleted is None else deleted.append
        objects.create_type("Dummy", TypeInitializer(MAPPING, TypeProcedures(delete=delete)))
    new = create_object(objects, "Dummy", object(), ObjectAttributes(name, OBJ_CASE_INSENSITIVE))
    before = new.header.pointer_count
    handles: list[int] = []
    found = status_of(lambda: handles.append(insert_object(objects, new, STANDARD_RIGHTS_ALL)[1]))
    after = new.header.pointer_count, new.header.handle_count
    for handle in handles:
        objects.close(handle)
    return before, found, after


def test_case_94_insertion(system: System, observed: Observed) -> None:
    """Insert an object into a directory: one pointer before; then 2 pointers, the name's and the handle's, 1 handle."""
    objects = system.io.objects
    _, directory = create_directory(objects, DIRECTORY_ALL_ACCESS, ObjectAttributes("\\InsertTest"))
    before, found, after = _dummy(objects, "\\InsertTest\\Object")
    objects.close(directory)
    assert (before, found, after) == (1, "SUCCESS", (2, 1))
    observed(f"{found}, {after[0]}/{after[1]}")


def test_case_94_missing_directory(system: System, observed: Observed) -> None:
    """Insert below a directory that is not there: OBJECT_PATH_NOT_FOUND, the reference is used up."""
    _, found, after = _dummy(system.io.objects, "\\InsertTestt\\Object")
    assert (found, after) == ("OBJECT_PATH_NOT_FOUND", (0, 0))
    observed(f"{found}, {after[0]}/{after[1]}")


def test_case_94_trailing_backslash(system: System, observed: Observed) -> None:
    """Insert under a directory's name and a backslash: OBJECT_NAME_INVALID, the reference is used up."""
    objects = system.io.objects
    _, directory = create_directory(objects, DIRECTORY_ALL_ACCESS, ObjectAttributes("\\InsertTest"))
    _, found, after = _dummy(objects, "\\InsertTest\\")
    objects.close(directory)
    assert (found, after) == ("OBJECT_NAME_INVALID", (0, 0))
    observed(f"{found}, {after[0]}/{after[1]}")


def test_case_94_no_leading_backslash(system: System, observed: Observed) -> None:
    """Insert under a name without a leading backslash: OBJECT_PATH_SYNTAX_BAD, the reference is used up."""
    deleted: list[object] = []
    _, found, after = _dummy(system.io.objects, "InsertTest", deleted)
    assert (found, after, len(deleted)) == ("OBJECT_PATH_SYNTAX_BAD", (0, 0), 1)
    observed(f"{found}, {after[0]}/{after[1]}, deleted")


def test_case_94_type_without_its_procedures(system: System, observed: Observed) -> None:
    """Make a type that counts its handles and has no procedures: INVALID_PARAMETER; with them: SUCCESS."""
    objects = system.io.objects
    without = status_of(objects.create_type, "Counting", TypeInitializer(MAPPING, maintain_handle_count=True))
    procedures = TypeProcedures(open=lambda *_: STATUS_SUCCESS, close=lambda *_: None)
    initializer = TypeInitializer(MAPPING, procedures, maintain_handle_count=True)
    found = status_of(objects.create_type, "Counting", initializer)
    assert (without, found) == ("INVALID_PARAMETER", "SUCCESS")
    observed(f"{without}; {found}")


# --- permanence -------------------------------------------------------------------------------------------------------

NAME = "\\BaseNamedObjects\\test_dir"


def _opens(objects: ObjectManager) -> str:
    return status_of(lambda: objects.close(open_directory(objects, 0, ObjectAttributes(NAME))))


def test_case_94_temporary_object_dies_with_its_last_handle(system: System, observed: Observed) -> None:
    """Make a directory that is not permanent and close it: opening it gives OBJECT_NAME_NOT_FOUND."""
    objects = system.io.objects
    _, handle = create_directory(objects, GENERIC_ALL, ObjectAttributes(NAME))
    objects.close(handle)
    found = _opens(objects)
    assert found == "OBJECT_NAME_NOT_FOUND"
    observed(found)


def test_case_94_permanent_object_stays_until_made_temporary(system: System, observed: Observed) -> None:
    """Make a permanent directory, close it: it opens; MakeTemporary twice, then close: OBJECT_NAME_NOT_FOUND."""
    objects = system.io.objects
    _, handle = create_directory(objects, GENERIC_ALL, ObjectAttributes(NAME, OBJ_PERMANENT))
    objects.close(handle)
    handle = open_directory(objects, 0, ObjectAttributes(NAME))
    for _ in range(2):
        objects.make_temporary(objects.entry(handle).header)
    while_open = _opens(objects)
    objects.close(handle)
    after = _opens(objects)
    assert (while_open, after) == ("SUCCESS", "OBJECT_NAME_NOT_FOUND")
    observed(f"{while_open} while it is open, then {after}")


def test_case_94_permanence_of_an_open_is_ignored(system: System, observed: Observed) -> None:
    """Open a temporary directory with OBJ_PERMANENT, close both handles: OBJECT_NAME_NOT_FOUND."""
    objects = system.io.objects
    _, handle = create_directory(objects, GENERIC_ALL, ObjectAttributes(NAME))
    second = open_directory(objects, 0, ObjectAttributes(NAME, OBJ_PERMANENT))
    objects.close(second)
    objects.close(handle)
    found = _opens(objects)
    assert found == "OBJECT_NAME_NOT_FOUND"
    observed(found)
