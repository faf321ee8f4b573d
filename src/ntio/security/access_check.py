"""The access check: may this token do that to this object?

    1  generic rights become those of the type
    2  ACCESS_SYSTEM_SECURITY needs the security privilege; the privilege to take ownership grants WRITE_OWNER
    3  no DACL: everything is granted
    4  the owner may read and change the DACL, unless an entry for OWNER RIGHTS says what the owner may do
    5  the entries in their order, those for inheritance only left out: one that allows takes its rights off what is
       still wanted; one that denies something still wanted ends the check
    6  granted if nothing is still wanted

MAXIMUM_ALLOWED turns steps 5 and 6 around: all entries are walked, each right belongs to the first entry that speaks
of it, and what was allowed is granted.

Kernel mode is not checked at all. Restricted tokens, integrity levels and conditions are not weighed.

Sources: [MS-DTYP] 2.5.3.2; learn.microsoft.com "How DACLs Control Access to an Object", SeAccessCheck. Rows: R20
"""

from __future__ import annotations

from collections.abc import Iterator

from ..status import STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD, STATUS_SUCCESS
from .access_mask import (
    ACCESS_SYSTEM_SECURITY,
    FILE_GENERIC_MAPPING,
    GENERIC_ALL,
    KERNEL_MODE,
    MAXIMUM_ALLOWED,
    READ_CONTROL,
    USER_MODE,
    WRITE_DAC,
    WRITE_OWNER,
    GenericMapping,
)
from .acl import AceType, Acl
from .descriptor import SecurityDescriptor
from .sid import OWNER_RIGHTS
from .token import Privilege, Token


def access_check(
    descriptor: SecurityDescriptor | None,
    token: Token,
    desired: int,
    *,
    mode: int = USER_MODE,
    mapping: GenericMapping = FILE_GENERIC_MAPPING,
) -> tuple[int, int]:
    """Whether `token` may have the rights `desired`, and which it then has: (status, granted).

    The status is SUCCESS, ACCESS_DENIED or PRIVILEGE_NOT_HELD; granted is 0 unless it is SUCCESS, and holds neither
    generic rights nor MAXIMUM_ALLOWED. Entries with generic rights count as mapped. An object without a descriptor
    (None) is not protected. Source: [MS-DTYP] 2.5.3.2.
    NT: SeAccessCheck
    """
    wanted = mapping.map(desired)
    maximum = bool(wanted & MAXIMUM_ALLOWED)
    wanted &= ~MAXIMUM_ALLOWED
    if mode == KERNEL_MODE:
        return STATUS_SUCCESS, wanted | (mapping.map(GENERIC_ALL) if maximum else 0)
    granted = 0
    if wanted & ACCESS_SYSTEM_SECURITY:
        if not token.holds(Privilege.SECURITY):
            return STATUS_PRIVILEGE_NOT_HELD, 0
        granted |= ACCESS_SYSTEM_SECURITY
    if wanted & WRITE_OWNER and token.holds(Privilege.TAKE_OWNERSHIP):
        granted |= WRITE_OWNER
    if descriptor is None or descriptor.dacl is None:
        return STATUS_SUCCESS, granted | wanted | (mapping.map(GENERIC_ALL) if maximum else 0)
    owns = descriptor.owner in token.allowing
    granted |= _owner_rights(descriptor.dacl) if owns else 0
    entries = _entries(descriptor.dacl, token, mapping, owns=owns)
    if maximum:
        granted |= _grantable(entries)
        return (STATUS_SUCCESS, granted) if granted and not wanted & ~granted else (STATUS_ACCESS_DENIED, 0)
    allowed = _all_granted(entries, wanted & ~granted)
    return (STATUS_SUCCESS, wanted) if allowed else (STATUS_ACCESS_DENIED, 0)


def _owner_rights(dacl: Acl) -> int:
    """What the owner may do without any entry: nothing, where an entry says what the owner may do."""
    spoken_for = any(ace.sid == OWNER_RIGHTS for ace in dacl.effective())
    return 0 if spoken_for else READ_CONTROL | WRITE_DAC


def _entries(dacl: Acl, token: Token, mapping: GenericMapping, *, owns: bool) -> Iterator[tuple[bool, int]]:
    """The entries about this token, in order: whether each allows, and its rights."""
    for ace in dacl.effective():
        if ace.type is AceType.ALLOWED:
            theirs = token.allowing
        elif ace.type is AceType.DENIED:
            theirs = token.denying
        else:
            continue
        if ace.sid in theirs or (owns and ace.sid == OWNER_RIGHTS):
            yield ace.type is AceType.ALLOWED, mapping.map(ace.mask)


def _all_granted(entries: Iterator[tuple[bool, int]], remaining: int) -> bool:
    for allows, mask in entries:
        if not remaining:
            break
        if allows:
            remaining &= ~mask
        elif remaining & mask:
            return False
    return not remaining


def _grantable(entries: Iterator[tuple[bool, int]]) -> int:
    granted = denied = 0
    for allows, mask in entries:
        if allows:
            granted |= mask & ~denied
        else:
            denied |= mask & ~granted
    return granted
