"""Tokens: who asks.

A token carries the user, the groups the user is in, and the privileges that let it do what no access control list says.
A group counts only while it is enabled; one that is *for denial only* is seen by entries that deny and by no other. A
privilege counts only while it is enabled: an administrator holds many and has to switch most of them on first.

Tokens are values: to change one is to make another.

Sources: [MS-DTYP] 2.5.2; learn.microsoft.com "Access Tokens", "SID Attributes in an Access Token", "Privilege
Constants". Rows: R20
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from ..status import STATUS_PRIVILEGE_NOT_HELD, error_for
from . import sid as sids
from .access_mask import GENERIC_ALL, GENERIC_EXECUTE, GENERIC_READ
from .acl import Acl, allow
from .sid import Sid


class Privilege(enum.IntEnum):
    """What a token may do beside what lists grant, by the number the kernel knows it by.

    NT: SE_XXX_PRIVILEGE
    """

    TCB = 7
    SECURITY = 8
    TAKE_OWNERSHIP = 9
    LOAD_DRIVER = 10
    CREATE_PERMANENT = 16
    BACKUP = 17
    RESTORE = 18
    SHUTDOWN = 19
    DEBUG = 20
    CHANGE_NOTIFY = 23
    UNDOCK = 25
    MANAGE_VOLUME = 28
    IMPERSONATE = 29
    CREATE_GLOBAL = 30
    CREATE_SYMBOLIC_LINK = 35


class GroupAttributes(enum.IntFlag):
    """How a token counts a group.

    NT: SE_GROUP_XXX
    """

    MANDATORY = 1
    ENABLED_BY_DEFAULT = 2
    ENABLED = 4
    OWNER = 8
    USE_FOR_DENY_ONLY = 0x10


#: A group that is in force and cannot be switched off.
PLAIN: Final = GroupAttributes.MANDATORY | GroupAttributes.ENABLED_BY_DEFAULT | GroupAttributes.ENABLED

#: The logon that the system itself runs in; it has no drive letters of its own.
SYSTEM_LOGON: Final = 0x3E7

_MACHINE: Final = (21, 1004336348, 1177238915, 682003330)


@dataclass(frozen=True, slots=True)
class Group:
    """A group of a token.

    NT: SID_AND_ATTRIBUTES
    """

    sid: Sid
    attributes: GroupAttributes = PLAIN


@dataclass(frozen=True, slots=True)
class Token:
    """Who asks: a user, groups, privileges, and what new objects of this user get.

    `logon` numbers the logon session, which drive letters of one's own belong to.
    NT: TOKEN
    """

    user: Sid
    groups: tuple[Group, ...] = ()
    privileges: frozenset[Privilege] = frozenset()
    enabled: frozenset[Privilege] = frozenset()
    owner: Sid | None = None
    primary_group: Sid | None = None
    default_dacl: Acl | None = None
    logon: int = SYSTEM_LOGON
    #: The SIDs that entries which allow, and entries which deny, look for.
    allowing: frozenset[Sid] = field(init=False, repr=False)
    denying: frozenset[Sid] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        enabled = {group for group in self.groups if group.attributes & GroupAttributes.ENABLED}
        denial = {group for group in self.groups if group.attributes & GroupAttributes.USE_FOR_DENY_ONLY}
        object.__setattr__(self, "allowing", frozenset({self.user, *(group.sid for group in enabled - denial)}))
        object.__setattr__(self, "denying", frozenset({self.user, *(group.sid for group in enabled | denial)}))

    def holds(self, privilege: Privilege) -> bool:
        """Whether a privilege is there and enabled.

        NT: SeSinglePrivilegeCheck
        """
        return privilege in self.enabled

    def adjusted(self, enable: Iterable[Privilege] = (), disable: Iterable[Privilege] = ()) -> Token:
        """The token with privileges switched on and off; raises AccessDenied for one to enable that it lacks.

        NT: NtAdjustPrivilegesToken
        """
        wanted = frozenset(enable)
        if missing := wanted - self.privileges:
            names = ", ".join(sorted(privilege.name for privilege in missing))
            raise error_for(STATUS_PRIVILEGE_NOT_HELD, f"the token lacks {names}")
        return replace(self, enabled=(self.enabled | wanted) - frozenset(disable))


def system_token() -> Token:
    """What the operating system itself runs with.

    NT: SeExports SeLocalSystemSid
    """
    groups = (_owning(sids.ADMINISTRATORS), Group(sids.EVERYONE), Group(sids.AUTHENTICATED_USERS))
    everything = frozenset(Privilege)
    dacl = Acl.of((allow(sids.LOCAL_SYSTEM, GENERIC_ALL), allow(sids.ADMINISTRATORS, GENERIC_READ | GENERIC_EXECUTE)))
    default = frozenset((Privilege.TCB, *_USUAL))
    return Token(sids.LOCAL_SYSTEM, groups, everything, default, sids.ADMINISTRATORS, sids.LOCAL_SYSTEM, dacl)


def administrator_token(logon: int = 0x1_0000) -> Token:
    """What a local administrator runs with; this is who calls unless a System is told otherwise."""
    user = machine_account(500)
    groups = (_owning(sids.ADMINISTRATORS), *_INTERACTIVE)
    held = frozenset(Privilege) - {Privilege.TCB, Privilege.CREATE_PERMANENT}
    dacl = Acl.of((allow(sids.ADMINISTRATORS, GENERIC_ALL), allow(sids.LOCAL_SYSTEM, GENERIC_ALL)))
    return Token(user, groups, held, _USUAL, sids.ADMINISTRATORS, machine_account(513), dacl, logon)


def user_token(number: int = 1001, logon: int = 0x2_0000) -> Token:
    """What a user without particular rights runs with; `number` tells users apart."""
    user = machine_account(number)
    held = frozenset((Privilege.SHUTDOWN, Privilege.CHANGE_NOTIFY, Privilege.UNDOCK))
    dacl = Acl.of((allow(user, GENERIC_ALL), allow(sids.LOCAL_SYSTEM, GENERIC_ALL)))
    on = frozenset((Privilege.CHANGE_NOTIFY,))
    return Token(user, _INTERACTIVE, held, on, user, machine_account(513), dacl, logon)


def machine_account(number: int) -> Sid:
    """The SID of an account or a group of the local machine."""
    return Sid(5, (*_MACHINE, number))


_USUAL: Final = frozenset((Privilege.CHANGE_NOTIFY, Privilege.IMPERSONATE, Privilege.CREATE_GLOBAL))
_LOGGED_ON: Final = (sids.USERS, sids.EVERYONE, sids.INTERACTIVE, sids.AUTHENTICATED_USERS, sids.LOCAL)
_INTERACTIVE: Final = tuple(map(Group, _LOGGED_ON))


def _owning(group: Sid) -> Group:
    """A group that may own what its members make."""
    return Group(group, PLAIN | GroupAttributes.OWNER)
