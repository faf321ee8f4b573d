r"""Directories, links, events, types, sessions and descriptors, as services."""

from __future__ import annotations

import pytest

from ntio.kernel.event import Event, EventType
from ntio.object_manager.directories import create_directory, open_directory, query_directory
from ntio.object_manager.events import create_event, create_notification_event, create_synchronization_event, open_event
from ntio.object_manager.links import create_link, open_link, query_link
from ntio.object_manager.manager import ObjectManager
from ntio.object_manager.namespace import Directory
from ntio.object_manager.naming import NameAnswer, fit_name
from ntio.object_manager.object_security import SecurityInformation, merge, query_security, selected, set_security
from ntio.object_manager.objects import BodyObject, NamedObject
from ntio.object_manager.opening import ObjectAttributes, create_object, insert_object
from ntio.object_manager.types import (
    DIRECTORY_ALL_ACCESS,
    DIRECTORY_QUERY,
    EVENT_ALL_ACCESS,
    EVENT_QUERY_STATE,
    SYMBOLIC_LINK_QUERY,
    TypeInitializer,
    TypeProcedures,
)
from ntio.security.access_mask import ACCESS_SYSTEM_SECURITY, READ_CONTROL, USER_MODE, WRITE_DAC, GenericMapping
from ntio.security.descriptor import Control, SecurityDescriptor
from ntio.security.sddl import format_sddl, parse_sddl
from ntio.security.token import SYSTEM_LOGON, administrator_token, user_token
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PARAMETER,
    STATUS_MORE_ENTRIES,
    STATUS_NO_MORE_ENTRIES,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
    InvalidParameter,
    NtError,
)

pytestmark = pytest.mark.row("R20")


def test_a_directory_is_read_piece_by_piece(objects: ObjectManager) -> None:
    _, handle = create_directory(objects, DIRECTORY_ALL_ACCESS, ObjectAttributes("\\Callback\\sub"))
    assert query_directory(objects, handle).status == STATUS_NO_MORE_ENTRIES
    kept = [create_event(objects, 0, ObjectAttributes(f"\\Callback\\sub\\{name}"))[1] for name in "cab"]
    everything = query_directory(objects, handle)
    assert (everything.status, everything.entries) == (
        STATUS_SUCCESS,
        (("a", "Event"), ("b", "Event"), ("c", "Event")),
    )
    first = query_directory(objects, handle, limit=2)
    assert (first.status, first.context) == (STATUS_MORE_ENTRIES, 2)
    rest = query_directory(objects, handle, first.context, limit=2)
    assert (rest.status, rest.entries) == (STATUS_SUCCESS, (("c", "Event"),))
    assert query_directory(objects, handle, rest.context).status == STATUS_NO_MORE_ENTRIES
    with pytest.raises(NtError):
        query_directory(objects, kept[0])


def test_a_directory_with_entries_is_not_forgotten_before_they_are(objects: ObjectManager) -> None:
    _, handle = create_directory(objects, DIRECTORY_ALL_ACCESS, ObjectAttributes("\\Callback\\sub"))
    _, event = create_event(objects, 0, ObjectAttributes("\\Callback\\sub\\one"))
    directory = objects.handles.reference(handle, Directory)
    objects.close(handle)
    assert (directory.directory, directory.pointer_count) == (None, 1)
    objects.close(event)
    assert directory.pointer_count == 0


@pytest.mark.parametrize("terminated", [True, False])
def test_a_link_tells_its_target_to_who_has_room(objects: ObjectManager, terminated: bool) -> None:
    wanted, target = ObjectAttributes("\\Device\\alias"), "\\Device\\NamedPipe"
    _, handle = create_link(objects, SYMBOLIC_LINK_QUERY, target, wanted, terminated=terminated)
    bare, full = 2 * len(target), 2 * len(target) + 2 * terminated
    for length in (0, bare - 1, full - 1):
        answer = query_link(objects, handle, length)
        assert (answer.status, answer.target, answer.required) == (STATUS_BUFFER_TOO_SMALL, "", full)
    assert query_link(objects, handle, full).target == target
    assert query_link(objects, handle, bare, returned_length=False).status == STATUS_SUCCESS
    objects.close(handle)
    with pytest.raises(NtError) as caught:
        open_link(objects, SYMBOLIC_LINK_QUERY, wanted)
    assert caught.value.status == STATUS_OBJECT_NAME_NOT_FOUND
    with pytest.raises(InvalidParameter):
        create_link(objects, SYMBOLIC_LINK_QUERY, "", wanted)


def test_events_that_drivers_share_by_name(objects: ObjectManager) -> None:
    first, one = create_notification_event(objects, "\\BaseNamedObjects\\shared")
    second, two = create_synchronization_event(objects, "\\BaseNamedObjects\\shared")
    assert first is second
    assert (first.kind, first.read_state()) == (EventType.NOTIFICATION, True)
    other, three = create_synchronization_event(objects)
    assert (other.kind, other.read_state()) == (EventType.SYNCHRONIZATION, True)
    for handle in (one, two, three):
        assert objects.table(handle) is objects.kernel_handles
        objects.close(handle)
    assert objects.types["Event"].counts() == (0, 0)


def test_an_event_that_cannot_be_shared(objects: ObjectManager) -> None:
    with pytest.raises(NtError):
        create_notification_event(objects, "\\BaseNamedObjects")
    assert objects.types["Event"].counts() == (0, 0)


# --- types ----------------------------------------------------------------------------------------------------------


def test_a_type_that_cannot_be_made(objects: ObjectManager) -> None:
    mapping = GenericMapping(1, 2, 4, 7)
    counts = TypeInitializer(mapping, maintain_handle_count=True)
    full = TypeProcedures(open=lambda *_: STATUS_SUCCESS, close=lambda *_: None)
    for name, initializer, status in (
        ("Mine", counts, STATUS_INVALID_PARAMETER),
        ("", TypeInitializer(mapping), STATUS_OBJECT_NAME_INVALID),
        ("a\\b", TypeInitializer(mapping), STATUS_OBJECT_NAME_INVALID),
        ("Event", TypeInitializer(mapping), STATUS_OBJECT_NAME_COLLISION),
    ):
        with pytest.raises(NtError) as caught:
            objects.create_type(name, initializer)
        assert caught.value.status == status
    kind = objects.create_type("Mine", TypeInitializer(mapping, full, maintain_handle_count=True))
    assert objects.namespace.find("\\ObjectTypes\\Mine") is kind


def test_types_show_how_many_there_are(objects: ObjectManager) -> None:
    class Mine:
        """A kind nobody told of."""

    handle = objects.handles.insert(Mine())
    objects.handles.duplicate(handle)
    assert objects.types["Mine"].describe() == "Type, 1 objects, 2 handles"
    assert objects.types["Type"].counts()[0] == len(objects.types)


def test_what_nobody_keeps_cannot_be_given_back(objects: ObjectManager) -> None:
    event = Event(objects.hal)
    assert objects.query_name(event, 16).status == STATUS_SUCCESS
    for thing in (event, object()):
        with pytest.raises(InvalidParameter):
            objects.dereference(thing)
    assert [objects.reference(event), objects.reference(event)] == [1, 2]
    assert [objects.dereference(event), objects.dereference(event)] == [1, 0]
    with pytest.raises(InvalidParameter):
        objects.dereference(event)
    assert objects.types["Event"].counts() == (0, 0)


def test_a_body_of_a_class_that_was_told_of(objects: ObjectManager) -> None:
    class Special(Event):
        """An event all the same."""

    event = Special(objects.hal)
    assert objects.type_of(event).name == "Event"
    handle = objects.handles.insert(event)
    header = objects.header(event)
    assert isinstance(header, BodyObject)
    assert (header.body, header.describe()) == (event, "Event")
    assert objects.type_of(header) is objects.types["Event"]
    objects.close(handle)
    assert NamedObject().describe() == "Object"


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "length", "of_file", "status"),
    [
        ("\\one", 26, False, STATUS_SUCCESS),
        ("\\one", 25, False, STATUS_INFO_LENGTH_MISMATCH),
        ("\\one", 0, False, STATUS_INFO_LENGTH_MISMATCH),
        ("\\one", 26, True, STATUS_SUCCESS),
        ("\\one", 25, True, STATUS_BUFFER_OVERFLOW),
        ("\\one", 16, True, STATUS_BUFFER_OVERFLOW),
        ("\\one", 15, True, STATUS_INFO_LENGTH_MISMATCH),
    ],
)
def test_a_name_fits_or_not(name: str, length: int, of_file: bool, status: int) -> None:
    answer = fit_name(name, length, of_file=of_file)
    assert answer == NameAnswer(status, name if status == STATUS_SUCCESS else "", 26)


def test_no_name_takes_the_header_alone(objects: ObjectManager) -> None:
    _, handle = create_event(objects, 0)
    event = objects.handles.reference(handle, Event)
    assert objects.query_name(event, 1024) == NameAnswer(STATUS_SUCCESS, "", 16)
    _, named = create_event(objects, 0, ObjectAttributes("\\one"))
    assert objects.query_name(objects.handles.reference(named, Event), 26).name == "\\one"
    assert (objects.query(named).name_size, objects.query(named).type_size) == (26, 0x68 + 12)


# --- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_has_drive_letters_of_its_own_over_the_global_ones(objects: ObjectManager) -> None:
    names = objects.namespace
    names.link("\\??\\X:", "\\Device\\Global")
    names.link("\\??\\Y:", "\\Device\\Global")
    names.insert("\\Device\\Global", NamedObject())
    names.insert("\\Device\\Own", NamedObject())
    token = user_token(logon=0x1234)
    with objects.subjects.impersonate(token):
        assert names.lookup("\\??\\X:")[0].name == "Global"
    directory = objects.sessions.open(0x1234)
    assert directory.path == "\\Sessions\\0\\DosDevices\\00000000-00001234"
    assert objects.sessions.open(0x1234) is directory
    with objects.subjects.impersonate(token):
        assert names.link("\\DosDevices\\X:", "\\Device\\Own").path == f"{directory.path}\\X:"
        assert names.lookup("\\??\\x:")[0].name == "Own"
        assert names.lookup("\\??\\Y:")[0].name == "Global"
        assert names.lookup("\\??\\Global\\X:")[0].name == "Global"
        assert names.lookup("\\??")[0] is directory
    assert names.lookup("\\??\\X:")[0].name == "Global"
    with objects.subjects.impersonate(user_token(logon=0x5678)):
        assert names.lookup("\\??\\X:")[0].name == "Global"
    objects.sessions.close(0x1234)
    objects.sessions.close(0x1234)
    with objects.subjects.impersonate(token):
        assert names.lookup("\\??\\X:")[0].name == "Global"
    assert names.find(f"\\Sessions\\0\\DosDevices\\{directory.name}") is None


def test_the_system_has_no_session_of_its_own(objects: ObjectManager) -> None:
    with pytest.raises(InvalidParameter):
        objects.sessions.open(SYSTEM_LOGON)


# --- descriptors ----------------------------------------------------------------------------------------------------


def test_the_first_directories_are_protected(objects: ObjectManager) -> None:
    unprotected = [
        entry.path
        for entry in objects.namespace.root
        if isinstance(entry, Directory) and entry.security_descriptor is None
    ]
    assert unprotected == ["\\Sessions"]
    with objects.subjects.impersonate(user_token()), pytest.raises(NtError):
        open_directory(objects, DIRECTORY_QUERY, ObjectAttributes("\\Driver"), USER_MODE)
    objects.close(open_directory(objects, DIRECTORY_QUERY, ObjectAttributes("\\Driver"), USER_MODE))


def test_descriptors_are_seen_and_set_part_by_part(objects: ObjectManager) -> None:
    text = "O:BAG:SYD:P(A;;CC;;;WD)S:(AU;SA;GA;;;WD)"
    wanted = ObjectAttributes("\\BaseNamedObjects\\one", security_descriptor=parse_sddl(text))
    access = READ_CONTROL | WRITE_DAC | ACCESS_SYSTEM_SECURITY
    _, handle = create_event(objects, access, wanted)
    for parts, shown in (
        (SecurityInformation.OWNER, "O:BA"),
        (SecurityInformation.GROUP | SecurityInformation.DACL, "G:SYD:P(A;;CC;;;WD)"),
        (SecurityInformation.SACL, "S:(AU;SA;0x1f0003;;;WD)"),
    ):
        assert format_sddl(query_security(objects, handle, parts)) == shown
    set_security(objects, handle, SecurityInformation.DACL, parse_sddl("O:SYD:(A;;GA;;;WD)"), USER_MODE)
    seen = query_security(objects, handle, SecurityInformation(15))
    assert format_sddl(seen) == "O:BAG:SYD:(A;;0x1f0003;;;WD)S:(AU;SA;0x1f0003;;;WD)"
    with pytest.raises(NtError) as caught:
        set_security(objects, handle, SecurityInformation.OWNER, parse_sddl("O:SY"), USER_MODE)
    assert caught.value.status == STATUS_ACCESS_DENIED
    assert selected(parse_sddl(text), SecurityInformation(0)).control == Control(0)


def test_a_type_may_keep_descriptors_somewhere_else(objects: ObjectManager) -> None:
    kept = [parse_sddl("O:SY")]

    def security(
        thing: object, parts: SecurityInformation, new: SecurityDescriptor | None
    ) -> SecurityDescriptor:
        if new is not None:
            kept.append(merge(kept[-1], new, parts))
        return kept[-1]

    procedures = TypeProcedures(security=security)
    objects.create_type("Mine", TypeInitializer(GenericMapping(1, 2, 4, 0x1F_0007), procedures))
    _, handle = insert_object(objects, create_object(objects, "Mine", object()), 0x1F_0007)
    assert query_security(objects, handle, SecurityInformation.OWNER) == parse_sddl("O:SY")
    set_security(objects, handle, SecurityInformation.OWNER, parse_sddl("O:BA"))
    assert kept[-1] == parse_sddl("O:BA")
    set_security(objects, handle, SecurityInformation.SACL, parse_sddl("S:(AU;SA;GA;;;WD)"))
    assert format_sddl(kept[-1]) == "O:BAS:(AU;SA;0x1f0007;;;WD)"


def test_who_calls_when_nobody_is_impersonated(objects: ObjectManager) -> None:
    assert objects.subjects.current() == administrator_token()
    user = user_token()
    with objects.subjects.impersonate(user):
        with objects.subjects.impersonate(administrator_token()):
            assert objects.subjects.current() == administrator_token()
        assert objects.subjects.current() is user
    assert ObjectManager(objects.hal, user).subjects.current() is user


def test_handles_by_name_carry_only_what_was_asked_for(objects: ObjectManager) -> None:
    _, first = create_event(objects, EVENT_ALL_ACCESS, ObjectAttributes("\\BaseNamedObjects\\one"))
    second = open_event(objects, EVENT_QUERY_STATE, ObjectAttributes("\\BaseNamedObjects\\one"))
    assert objects.query(second).granted_access == EVENT_QUERY_STATE
    objects.close(second)
    objects.close(first)
