r"""Objects are made, named, opened and forgotten; what is refused leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ntio.kernel.event import Event
from ntio.object_manager import opening
from ntio.object_manager.directories import create_directory, open_directory
from ntio.object_manager.events import create_event, open_event
from ntio.object_manager.manager import ObjectManager
from ntio.object_manager.namespace import Directory, SymbolicLink
from ntio.object_manager.objects import (
    OBJ_CASE_INSENSITIVE,
    OBJ_EXCLUSIVE,
    OBJ_FORCE_ACCESS_CHECK,
    OBJ_INHERIT,
    OBJ_KERNEL_HANDLE,
    OBJ_OPENIF,
    OBJ_OPENLINK,
    OBJ_PERMANENT,
)
from ntio.object_manager.opening import ObjectAttributes, create_object, insert_object, open_by_name, open_by_pointer
from ntio.object_manager.types import (
    DIRECTORY_ALL_ACCESS,
    DIRECTORY_QUERY,
    EVENT_ALL_ACCESS,
    EVENT_MODIFY_STATE,
    EVENT_QUERY_STATE,
    TypeInitializer,
    TypeProcedures,
)
from ntio.security.access_mask import GENERIC_READ, MAXIMUM_ALLOWED, SYNCHRONIZE, USER_MODE, WRITE_DAC
from ntio.security.sddl import format_sddl, parse_sddl
from ntio.security.token import Privilege, system_token, user_token
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_EXISTS,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
    NtError,
)

pytestmark = pytest.mark.row("R20")

NAME = "\\BaseNamedObjects\\one"


def status_of(call: Callable[..., object], *arguments: object, **named: object) -> int:
    with pytest.raises(NtError) as caught:
        call(*arguments, **named)
    return caught.value.status


def test_an_object_without_a_name_lives_as_long_as_its_handle(objects: ObjectManager) -> None:
    status, handle = create_event(objects, EVENT_ALL_ACCESS)
    event = objects.handles.reference(handle, Event)
    header = objects.header(event)
    assert (status, header.pointer_count, header.handle_count, header.path) == (STATUS_SUCCESS, 1, 1, "")
    assert objects.types["Event"].counts() == (1, 1)
    objects.close(handle)
    assert objects.types["Event"].counts() == (0, 0)


def test_a_name_goes_with_the_last_handle(objects: ObjectManager) -> None:
    _, first = create_event(objects, EVENT_ALL_ACCESS, ObjectAttributes(NAME))
    second = open_event(objects, EVENT_QUERY_STATE, ObjectAttributes(NAME))
    objects.close(first)
    objects.close(open_event(objects, EVENT_QUERY_STATE, ObjectAttributes(NAME)))
    objects.close(second)
    assert status_of(open_event, objects, 0, ObjectAttributes(NAME)) == STATUS_OBJECT_NAME_NOT_FOUND


def test_an_object_that_is_kept_outlives_its_name(objects: ObjectManager) -> None:
    _, handle = create_event(objects, EVENT_ALL_ACCESS, ObjectAttributes(NAME))
    event = objects.reference_by_handle(handle)
    objects.close(handle)
    header = objects.header(event)
    assert (header.directory, header.pointer_count, header.handle_count) == (None, 1, 0)
    again = open_by_pointer(objects, event, "Event", SYNCHRONIZE)
    assert objects.query(again).granted_access == SYNCHRONIZE
    objects.close(again)
    assert objects.dereference(event) == 0


def test_openif_takes_what_is_there(objects: ObjectManager) -> None:
    _, first = create_event(objects, EVENT_ALL_ACCESS, ObjectAttributes(NAME))
    wanted = ObjectAttributes(NAME.upper(), OBJ_OPENIF | OBJ_CASE_INSENSITIVE)
    status, second = create_event(objects, EVENT_MODIFY_STATE, wanted)
    assert status == STATUS_OBJECT_NAME_EXISTS
    assert objects.handles.reference(first, Event) is objects.handles.reference(second, Event)
    assert objects.query(second).granted_access == EVENT_MODIFY_STATE
    assert status_of(create_event, objects, 0, ObjectAttributes(NAME)) == STATUS_OBJECT_NAME_COLLISION
    other = ObjectAttributes(NAME, OBJ_OPENIF)
    assert status_of(create_directory, objects, 0, other) == STATUS_OBJECT_TYPE_MISMATCH
    assert objects.types["Event"].counts() == (1, 2)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("\\Missing\\one", STATUS_OBJECT_PATH_NOT_FOUND),
        ("\\BaseNamedObjects\\", STATUS_OBJECT_NAME_INVALID),
        ("\\BaseNamedObjects\\missing\\", STATUS_OBJECT_PATH_NOT_FOUND),
        ("\\\\BaseNamedObjects", STATUS_OBJECT_NAME_INVALID),
        ("BaseNamedObjects", STATUS_OBJECT_PATH_SYNTAX_BAD),
        ("\\ObjectTypes\\Event\\one", STATUS_OBJECT_TYPE_MISMATCH),
        ("\\Callback", STATUS_OBJECT_NAME_COLLISION),
        ("\\", STATUS_OBJECT_NAME_COLLISION),
        ("\\" + "a" * 0x7FFE, STATUS_OBJECT_NAME_INVALID),
    ],
)
def test_a_refused_insertion_uses_up_the_reference(objects: ObjectManager, name: str, status: int) -> None:
    deleted: list[object] = []
    objects.types["Event"].initializer = TypeInitializer(
        objects.types["Event"].mapping, TypeProcedures(delete=deleted.append)
    )
    event = Event(objects.hal)
    new = create_object(objects, "Event", event, ObjectAttributes(name))
    assert (new.header.pointer_count, new.header.handle_count) == (1, 0)
    assert status_of(insert_object, objects, new, EVENT_ALL_ACCESS) == status
    assert (new.header.pointer_count, new.header.handle_count, new.header.directory) == (0, 0, None)
    assert deleted == [event]
    assert len(objects.handles) == 0


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("", STATUS_OBJECT_PATH_SYNTAX_BAD),
        ("BaseNamedObjects", STATUS_OBJECT_PATH_SYNTAX_BAD),
        ("\\BaseNamedObjects\\", STATUS_OBJECT_NAME_INVALID),
        ("\\Missing\\one", STATUS_OBJECT_PATH_NOT_FOUND),
        ("\\Missing", STATUS_OBJECT_NAME_NOT_FOUND),
        ("\\ObjectTypes\\Event", STATUS_OBJECT_TYPE_MISMATCH),
    ],
)
def test_an_open_that_fails(objects: ObjectManager, name: str, status: int) -> None:
    assert status_of(open_directory, objects, DIRECTORY_QUERY, ObjectAttributes(name)) == status


def test_names_from_a_directory_on(objects: ObjectManager) -> None:
    root = open_directory(objects, DIRECTORY_ALL_ACCESS, ObjectAttributes("\\BaseNamedObjects"))
    _, event = create_event(objects, EVENT_ALL_ACCESS, ObjectAttributes("one", root=root))
    assert objects.header(objects.handles.reference(event, Event)).path == NAME
    itself = open_directory(objects, DIRECTORY_QUERY, ObjectAttributes("", root=root))
    assert objects.handles.reference(itself, Directory).path == "\\BaseNamedObjects"
    for name, directory, status in (
        ("\\one", root, STATUS_OBJECT_PATH_SYNTAX_BAD),
        ("one\\", root, STATUS_OBJECT_TYPE_MISMATCH),
        ("none\\", root, STATUS_OBJECT_PATH_NOT_FOUND),
        ("", root, STATUS_OBJECT_TYPE_MISMATCH),
        ("one", event, STATUS_OBJECT_TYPE_MISMATCH),
        ("one", 0x7777_7774, STATUS_INVALID_HANDLE),
    ):
        assert status_of(open_event, objects, 0, ObjectAttributes(name, root=directory)) == status


def test_attributes_that_cannot_be(objects: ObjectManager) -> None:
    for attributes in (0x1, 0x1_0000, OBJ_OPENLINK):
        wanted = ObjectAttributes(NAME, attributes)
        assert status_of(create_event, objects, 0, wanted) == STATUS_INVALID_PARAMETER
    used = Event(objects.hal)
    objects.handles.insert(used)
    assert status_of(create_object, objects, "Event", used) == STATUS_INVALID_PARAMETER


def test_an_exclusive_object_is_opened_once(objects: ObjectManager) -> None:
    _, handle = create_event(objects, EVENT_ALL_ACCESS, ObjectAttributes(NAME, OBJ_EXCLUSIVE | OBJ_INHERIT))
    assert objects.query(handle).attributes == OBJ_EXCLUSIVE | OBJ_INHERIT
    assert status_of(open_event, objects, 0, ObjectAttributes(NAME)) == STATUS_ACCESS_DENIED
    event = objects.reference_by_handle(handle)
    objects.close(handle)
    objects.close(open_by_pointer(objects, event, "Event", 0))
    objects.dereference(event)


def test_permanence_from_user_mode_takes_a_privilege(objects: ObjectManager) -> None:
    wanted = ObjectAttributes(NAME, OBJ_PERMANENT)
    assert status_of(create_event, objects, 0, wanted, mode=USER_MODE) == STATUS_PRIVILEGE_NOT_HELD
    token = system_token().adjusted(enable=[Privilege.CREATE_PERMANENT])
    with objects.subjects.impersonate(token):
        _, handle = create_event(objects, 0, wanted, mode=USER_MODE)
    objects.close(handle)
    event = opening.reference_by_name(objects, NAME)
    assert objects.header(event).permanent
    objects.make_temporary(event)
    assert status_of(open_event, objects, 0, ObjectAttributes(NAME)) == STATUS_OBJECT_NAME_NOT_FOUND
    objects.dereference(event)


def test_what_was_temporary_can_become_permanent(objects: ObjectManager) -> None:
    _, handle = create_event(objects, EVENT_ALL_ACCESS, ObjectAttributes(NAME))
    objects.make_permanent(objects.handles.reference(handle, Event))
    objects.close(handle)
    objects.close(open_event(objects, 0, ObjectAttributes(NAME)))
    assert objects.types["Event"].counts() == (1, 0)


def test_handles_of_the_kernel_are_made_for_the_kernel_only(objects: ObjectManager) -> None:
    wanted = ObjectAttributes(attributes=OBJ_KERNEL_HANDLE)
    _, of_kernel = create_event(objects, EVENT_ALL_ACCESS, wanted)
    _, of_user = create_event(objects, EVENT_ALL_ACCESS, wanted, mode=USER_MODE)
    assert objects.table(of_kernel) is objects.kernel_handles
    assert objects.table(of_user) is objects.handles


def test_rights_are_those_of_the_descriptor(objects: ObjectManager) -> None:
    descriptor = parse_sddl("O:SYG:SYD:(A;;0x100001;;;BU)(A;;GA;;;SY)")
    wanted = ObjectAttributes(NAME, security_descriptor=descriptor)
    _, handle = create_event(objects, EVENT_ALL_ACCESS, wanted)
    assert objects.query(handle).granted_access == EVENT_ALL_ACCESS  # whoever makes it gets what it asks for
    with objects.subjects.impersonate(user_token()):
        again = open_event(objects, MAXIMUM_ALLOWED, ObjectAttributes(NAME), USER_MODE)
        assert objects.query(again).granted_access == 0x10_0001
        for right in (EVENT_MODIFY_STATE, WRITE_DAC, GENERIC_READ):
            assert status_of(open_event, objects, right, ObjectAttributes(NAME), USER_MODE) == STATUS_ACCESS_DENIED
        objects.close(open_event(objects, EVENT_ALL_ACCESS, ObjectAttributes(NAME)))  # kernel mode


def test_the_kernel_may_want_its_caller_checked(objects: ObjectManager) -> None:
    wanted = ObjectAttributes("\\Driver", OBJ_FORCE_ACCESS_CHECK | OBJ_KERNEL_HANDLE)
    inside = ObjectAttributes("\\Driver\\one", OBJ_FORCE_ACCESS_CHECK)
    with objects.subjects.impersonate(user_token()):
        assert status_of(open_directory, objects, DIRECTORY_QUERY, wanted) == STATUS_ACCESS_DENIED
        assert status_of(create_event, objects, 0, inside) == STATUS_ACCESS_DENIED
    handle = open_directory(objects, DIRECTORY_QUERY, wanted)
    assert objects.table(handle) is objects.kernel_handles


def test_making_objects_takes_a_right_to_the_directory(objects: ObjectManager) -> None:
    with objects.subjects.impersonate(user_token()):
        _, handle = create_event(objects, EVENT_ALL_ACCESS, ObjectAttributes(NAME), mode=USER_MODE)
        wanted = ObjectAttributes("\\Device\\one")
        assert status_of(create_event, objects, 0, wanted, mode=USER_MODE) == STATUS_ACCESS_DENIED
        wanted = ObjectAttributes("\\Callback\\one")
        assert status_of(create_directory, objects, 0, wanted, USER_MODE) == STATUS_ACCESS_DENIED
    owner = objects.header(objects.handles.reference(handle, Event)).security_descriptor
    assert owner is not None
    assert owner.owner == user_token().user


def test_going_through_directories_takes_a_right_or_the_usual_privilege(objects: ObjectManager) -> None:
    directory = ObjectAttributes("\\Callback\\closed", security_descriptor=parse_sddl("O:SYG:SYD:P(A;;GA;;;SY)"))
    _, handle = create_directory(objects, DIRECTORY_ALL_ACCESS, directory)
    inside = ObjectAttributes("\\Callback\\closed\\one", security_descriptor=parse_sddl("D:(A;;GA;;;WD)"))
    _, event = create_event(objects, EVENT_ALL_ACCESS, inside)
    token = user_token()
    with objects.subjects.impersonate(token):
        objects.close(open_event(objects, EVENT_QUERY_STATE, inside, USER_MODE))
    with objects.subjects.impersonate(token.adjusted(disable=[Privilege.CHANGE_NOTIFY])):
        assert status_of(open_event, objects, EVENT_QUERY_STATE, inside, USER_MODE) == STATUS_ACCESS_DENIED
        objects.close(open_event(objects, EVENT_QUERY_STATE, inside))
    objects.close(event)
    objects.close(handle)


def test_entries_are_handed_down_from_the_directory(objects: ObjectManager) -> None:
    parent = ObjectAttributes(
        "\\Callback\\parent", security_descriptor=parse_sddl("O:BAG:SYD:(A;;GA;;;BA)(A;OICIIO;GA;;;CO)(A;OI;GR;;;WD)")
    )
    _, directory = create_directory(objects, DIRECTORY_ALL_ACCESS, parent)
    with objects.subjects.impersonate(system_token()):
        _, event = create_event(objects, 0, ObjectAttributes("\\Callback\\parent\\one"))
        _, below = create_directory(objects, 0, ObjectAttributes("\\Callback\\parent\\two"))
    found = [objects.entry(handle).header.security_descriptor for handle in (event, below)]
    assert [format_sddl(one) for one in found if one is not None] == [
        "O:BAG:SYD:(A;;0x1f0003;;;BA)(A;;CCRC;;;WD)",
        "O:BAG:SYD:(A;;CCDCLCSWSDRCWDWO;;;BA)(A;OICIIO;GA;;;CO)(A;OIIO;GR;;;WD)",
    ]
    for handle in (event, below, directory):
        objects.close(handle)


def test_a_parse_procedure_gets_what_it_needs(objects: ObjectManager) -> None:
    class Parser(Directory):
        """Something that parses."""

        parses = True
        type_name = "Parser"

    seen: list[tuple[str, str, int, object]] = []
    answer = Directory()

    def parse(parser: object, rest: str, request: opening.OpenRequest) -> Directory:
        seen.append((rest, request.path, request.access, request.context))
        return answer

    objects.create_type("Parser", TypeInitializer(objects.types["Directory"].mapping, TypeProcedures(parse=parse)))
    parser = Parser()
    objects.namespace.insert("\\Device\\Parser", parser)
    wanted = ObjectAttributes("\\Device\\Parser\\a\\b")
    handle = open_by_name(objects, wanted, "Directory", DIRECTORY_QUERY, context="how")
    assert objects.handles.reference(handle, Directory) is answer
    assert seen == [("\\a\\b", "\\Device\\Parser\\a\\b", DIRECTORY_QUERY, "how")]
    assert opening.reference_by_name(objects, "\\Device\\Parser", "Parser") is parser
    assert status_of(open_by_name, objects, wanted, "Parser", 0) == STATUS_OBJECT_TYPE_MISMATCH
    assert status_of(opening.reference_by_name, objects, "\\Device\\Parser\\x") == STATUS_OBJECT_TYPE_MISMATCH


def test_reference_by_name_and_pointer(objects: ObjectManager) -> None:
    directory = opening.reference_by_name(objects, "\\ObjectTypes", "Directory")
    assert isinstance(directory, Directory)
    before = directory.pointer_count
    objects.reference_by_pointer(directory, "Directory")
    assert directory.pointer_count == before + 1
    assert status_of(objects.reference_by_pointer, directory, "Event") == STATUS_OBJECT_TYPE_MISMATCH
    assert [objects.dereference(directory) for _ in range(2)] == [before, before - 1]
    with objects.subjects.impersonate(user_token()):
        status = status_of(opening.reference_by_name, objects, "\\ObjectTypes", "Directory", 0x1, mode=USER_MODE)
    assert (status, directory.pointer_count) == (STATUS_ACCESS_DENIED, before - 1)


def test_case_where_the_kernel_tells_it(objects: ObjectManager) -> None:
    objects.namespace.case_sensitive = True
    _, lower = create_event(objects, 0, ObjectAttributes(NAME))
    assert status_of(open_event, objects, 0, ObjectAttributes(NAME.upper())) == STATUS_OBJECT_PATH_NOT_FOUND
    upper_name = "\\BaseNamedObjects\\ONE"
    assert status_of(open_event, objects, 0, ObjectAttributes(upper_name)) == STATUS_OBJECT_NAME_NOT_FOUND
    objects.close(open_event(objects, 0, ObjectAttributes(upper_name, OBJ_CASE_INSENSITIVE)))
    _, upper = create_event(objects, 0, ObjectAttributes(upper_name))
    assert objects.handles.reference(lower, Event) is not objects.handles.reference(upper, Event)


def test_a_link_on_the_way_is_followed_and_at_the_end_as_wanted(objects: ObjectManager) -> None:
    _, handle = create_event(objects, EVENT_ALL_ACCESS, ObjectAttributes("\\BaseNamedObjects\\Local\\one"))
    assert objects.header(objects.handles.reference(handle, Event)).path == NAME
    link = opening.reference_by_name(objects, "\\BaseNamedObjects\\Local", None, attributes=OBJ_OPENLINK)
    assert isinstance(link, SymbolicLink)
    objects.dereference(link)
