"""The access check: rules one by one, and all together against a slow model."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from made_up_security import few_descriptors, tokens, wanted_rights
from ntio.security import sid as sids
from ntio.security.access_check import access_check
from ntio.security.access_mask import (
    ACCESS_SYSTEM_SECURITY,
    FILE_GENERIC_MAPPING,
    GENERIC_ALL,
    GENERIC_READ,
    GENERIC_WRITE,
    KERNEL_MODE,
    MAXIMUM_ALLOWED,
    READ_CONTROL,
    WRITE_DAC,
    WRITE_OWNER,
)
from ntio.security.acl import AceType, allow
from ntio.security.descriptor import SecurityDescriptor
from ntio.security.device_descriptors import default_device_descriptor
from ntio.security.sddl import parse_sddl
from ntio.security.token import (
    Group,
    GroupAttributes,
    Privilege,
    Token,
    administrator_token,
    machine_account,
    system_token,
    user_token,
)
from ntio.status import STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD, STATUS_SUCCESS, AccessDenied

pytestmark = pytest.mark.row("R20")

USER = machine_account(1001)
DENIED = (STATUS_ACCESS_DENIED, 0)


def granted(mask: int) -> tuple[int, int]:
    return STATUS_SUCCESS, mask


def check(text: str, desired: int, token: Token | None = None) -> tuple[int, int]:
    return access_check(parse_sddl(text.replace("USER", str(USER))), token or user_token(), desired)


def bit_by_bit(descriptor: SecurityDescriptor, token: Token, desired: int) -> tuple[int, int]:
    """The same question, asked for every right by itself, the slow way."""
    rights = {1 << bit for bit in range(32) if FILE_GENERIC_MAPPING.map(desired) & 1 << bit}
    maximum = MAXIMUM_ALLOWED in rights
    rights.discard(MAXIMUM_ALLOWED)
    if ACCESS_SYSTEM_SECURITY in rights and Privilege.SECURITY not in token.enabled:
        return STATUS_PRIVILEGE_NOT_HELD, 0
    everything = {1 << bit for bit in range(32) if FILE_GENERIC_MAPPING.all & 1 << bit}
    candidates = rights | {1 << bit for bit in range(28)} if maximum else rights
    had = {right for right in candidates if one_right(descriptor, token, right, right in rights)}
    if maximum and descriptor.dacl is None:
        had = rights | everything
    if rights - had or (maximum and not had):
        return DENIED
    return granted(sum(had if maximum else rights))


def one_right(descriptor: SecurityDescriptor, token: Token, right: int, named: bool) -> bool:
    if descriptor.dacl is None:
        return True
    if named and right == ACCESS_SYSTEM_SECURITY:
        return True
    if named and right == WRITE_OWNER and Privilege.TAKE_OWNERSHIP in token.enabled:
        return True
    allowing = {token.user}
    denying = {token.user}
    for group in token.groups:
        only_denies = bool(group.attributes & GroupAttributes.USE_FOR_DENY_ONLY)
        enabled = bool(group.attributes & GroupAttributes.ENABLED)
        allowing |= {group.sid} if enabled and not only_denies else set()
        denying |= {group.sid} if enabled or only_denies else set()
    owner = descriptor.owner in allowing
    entries = [ace for ace in descriptor.dacl.effective() if ace.type in (AceType.ALLOWED, AceType.DENIED)]
    if owner:
        spoken_for = any(ace.sid == sids.OWNER_RIGHTS for ace in descriptor.dacl.effective())
        if right in (READ_CONTROL, WRITE_DAC) and not spoken_for:
            return True
        allowing |= {sids.OWNER_RIGHTS}
        denying |= {sids.OWNER_RIGHTS}
    for ace in entries:
        if not FILE_GENERIC_MAPPING.map(ace.mask) & right:
            continue
        if ace.type is AceType.ALLOWED and ace.sid in allowing:
            return True
        if ace.type is AceType.DENIED and ace.sid in denying:
            return False
    return False


@settings(max_examples=400)
@given(few_descriptors, tokens, wanted_rights)
def test_the_same_as_asking_bit_by_bit(descriptor: SecurityDescriptor, token: Token, desired: int) -> None:
    assert access_check(descriptor, token, desired) == bit_by_bit(descriptor, token, desired)


@settings(max_examples=100)
@given(few_descriptors, tokens)
def test_the_maximum_is_what_can_be_asked_for(descriptor: SecurityDescriptor, token: Token) -> None:
    status, most = access_check(descriptor, token, MAXIMUM_ALLOWED)
    for right in (1 << bit for bit in range(20)):
        alone, _ = access_check(descriptor, token, right)
        taken = right == WRITE_OWNER and token.holds(Privilege.TAKE_OWNERSHIP) and descriptor.dacl is not None
        if not taken and descriptor.dacl is not None:
            assert (alone == STATUS_SUCCESS) == bool(most & right), hex(right)
    assert (status == STATUS_SUCCESS) == bool(most)


@pytest.mark.parametrize(
    ("text", "desired", "answer"),
    [
        ("D:(A;;CC;;;WD)", 0x1, granted(0x1)),
        ("D:(A;;CC;;;WD)", 0x3, DENIED),
        ("D:(A;;CC;;;WD)(A;;DC;;;BU)", 0x3, granted(0x3)),
        ("D:(D;;CC;;;BU)(A;;CCDC;;;WD)", 0x1, DENIED),
        ("D:(D;;CC;;;BU)(A;;CCDC;;;WD)", 0x2, granted(0x2)),
        ("D:(A;;CCDC;;;WD)(D;;CC;;;BU)", 0x1, granted(0x1)),  # the order counts
        ("D:(D;;CC;;;BA)(A;;CC;;;WD)", 0x1, granted(0x1)),  # denied to somebody else
        ("D:(A;OIIO;CC;;;WD)", 0x1, DENIED),
        ("D:(AU;SA;CC;;;WD)", 0x1, DENIED),
        ("D:", 0x1, DENIED),
        ("D:", 0, granted(0)),
        ("D:NO_ACCESS_CONTROL", 0x1F_01FF, granted(0x1F_01FF)),
        ("O:BA", GENERIC_READ, granted(0x12_0089)),
        ("O:USERD:", READ_CONTROL | WRITE_DAC, granted(READ_CONTROL | WRITE_DAC)),
        ("O:USERD:", READ_CONTROL | 0x1, DENIED),
        ("O:USERD:(D;;RC;;;WD)", READ_CONTROL, granted(READ_CONTROL)),
        ("O:USERD:(A;;CC;;;OW)", 0x1, granted(0x1)),
        ("O:USERD:(A;;CC;;;OW)", READ_CONTROL, DENIED),
        ("O:BAD:(A;;CC;;;OW)", 0x1, DENIED),
        ("D:(A;;GR;;;WD)", 0x1, granted(0x1)),
        ("D:(A;;FR;;;WD)", GENERIC_READ, granted(0x12_0089)),
        ("D:(A;;FR;;;WD)", GENERIC_WRITE, DENIED),
        ("D:(A;;GA;;;WD)", GENERIC_ALL, granted(0x1F_01FF)),
        ("D:(A;;GA;;;WD)", MAXIMUM_ALLOWED, granted(0x1F_01FF)),
        ("D:(D;;DC;;;WD)(A;;CCDC;;;BU)", MAXIMUM_ALLOWED, granted(0x1)),
        ("D:(D;;DC;;;WD)(A;;CCDC;;;BU)", MAXIMUM_ALLOWED | 0x2, DENIED),
        ("D:(A;;CC;;;BA)", MAXIMUM_ALLOWED, DENIED),
        ("D:NO_ACCESS_CONTROL", MAXIMUM_ALLOWED, granted(0x1F_01FF)),
        ("D:(A;;GA;;;WD)", ACCESS_SYSTEM_SECURITY, (STATUS_PRIVILEGE_NOT_HELD, 0)),
    ],
)
def test_rules(text: str, desired: int, answer: tuple[int, int]) -> None:
    assert check(text, desired) == answer


def test_privileges_grant_what_no_entry_does() -> None:
    token = administrator_token()
    empty = "O:SYD:"
    assert check(empty, ACCESS_SYSTEM_SECURITY, token) == (STATUS_PRIVILEGE_NOT_HELD, 0)
    assert check(empty, WRITE_OWNER, token) == DENIED
    on = token.adjusted(enable=[Privilege.SECURITY, Privilege.TAKE_OWNERSHIP])
    assert check(empty, ACCESS_SYSTEM_SECURITY | WRITE_OWNER, on) == granted(ACCESS_SYSTEM_SECURITY | WRITE_OWNER)
    assert check("D:(D;;WO;;;WD)", WRITE_OWNER, on) == granted(WRITE_OWNER)
    assert on.adjusted(disable=[Privilege.SECURITY]).holds(Privilege.SECURITY) is False
    with pytest.raises(AccessDenied) as caught:
        user_token().adjusted(enable=[Privilege.SECURITY])
    assert caught.value.status == STATUS_PRIVILEGE_NOT_HELD


def test_the_kernel_is_not_checked() -> None:
    nothing = parse_sddl("D:")
    assert access_check(nothing, user_token(), GENERIC_READ, mode=KERNEL_MODE) == granted(0x12_0089)
    assert access_check(nothing, user_token(), MAXIMUM_ALLOWED, mode=KERNEL_MODE) == granted(0x1F_01FF)


def test_what_has_no_descriptor_is_not_protected() -> None:
    assert access_check(None, user_token(), 0x3) == granted(0x3)


def test_groups_count_while_they_are_enabled_and_deny_even_if_only_for_that() -> None:
    descriptor = parse_sddl("D:(D;;CC;;;BU)(A;;CC;;;WD)(A;;DC;;;BU)")
    on = GroupAttributes.ENABLED
    for attributes, first, second in (
        (on, DENIED, granted(0x2)),
        (GroupAttributes(0), granted(0x1), DENIED),
        (GroupAttributes.USE_FOR_DENY_ONLY, DENIED, DENIED),
    ):
        token = Token(USER, (Group(sids.USERS, attributes), Group(sids.EVERYONE)))
        assert access_check(descriptor, token, 0x1) == first
        assert access_check(descriptor, token, 0x2) == second


@pytest.mark.parametrize(
    ("device_type", "token", "read", "most"),
    [
        (0x22, administrator_token(), True, 0x1F_01FF),
        (0x22, user_token(), True, 0x12_01BF),
        (0x07, administrator_token(), True, 0x1F_01FF),
        (0x07, system_token(), True, 0x1F_01FF),
        (0x07, user_token(), False, 0x12_00A0),
    ],
)
def test_devices_nobody_said_anything_about(device_type: int, token: Token, read: bool, most: int) -> None:
    descriptor = default_device_descriptor(device_type)
    assert (access_check(descriptor, token, GENERIC_READ)[0] == STATUS_SUCCESS) == read
    assert access_check(descriptor, token, MAXIMUM_ALLOWED) == granted(most)


def test_tokens_are_values() -> None:
    assert user_token() == user_token() != user_token(1002)
    assert allow(sids.EVERYONE, 1) == allow(sids.EVERYONE, 1)
    assert len({user_token(), user_token()}) == 1
