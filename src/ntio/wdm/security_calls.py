"""Building security descriptors as the headers of the driver kit do it, step by step.

A descriptor and a list are values here: a call that changes one in C returns the changed one.

    status, dacl = RtlAddAccessAllowedAce(RtlCreateAcl(), ACL_REVISION, FILE_ALL_ACCESS, sid)
    status, descriptor = RtlSetDaclSecurityDescriptor(RtlCreateSecurityDescriptor(), True, dacl, False)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..security.acl import ACL_REVISION, Ace, Acl, allow, deny
from ..security.descriptor import Control, SecurityDescriptor
from ..security.sid import Sid
from ..status import STATUS_SUCCESS


def create_acl(revision: int = ACL_REVISION) -> Acl:
    """An empty list: it grants nothing to anybody.

    NT: RtlCreateAcl
    """
    return Acl(revision=revision)


def add_access_allowed(acl: Acl, revision: int, mask: int, sid: Sid) -> tuple[int, Acl]:
    """(NTSTATUS, the list with an entry more that grants rights).

    NT: RtlAddAccessAllowedAce
    """
    return _add(acl, revision, mask, sid, allow)


def add_access_denied(acl: Acl, revision: int, mask: int, sid: Sid) -> tuple[int, Acl]:
    """(NTSTATUS, the list with an entry more that denies rights).

    NT: RtlAddAccessDeniedAce
    """
    return _add(acl, revision, mask, sid, deny)


def _add(acl: Acl, revision: int, mask: int, sid: Sid, entry: Callable[[Sid, int], Ace]) -> tuple[int, Acl]:
    return STATUS_SUCCESS, replace(acl, aces=(*acl.aces, entry(sid, mask)), revision=max(acl.revision, revision))


def create_descriptor() -> SecurityDescriptor:
    """A descriptor without owner, group and lists: everybody may do everything.

    NT: RtlCreateSecurityDescriptor
    """
    return SecurityDescriptor()


def set_owner(descriptor: SecurityDescriptor, owner: Sid | None, defaulted: bool) -> tuple[int, SecurityDescriptor]:
    """(STATUS_SUCCESS, the descriptor with another owner).

    NT: RtlSetOwnerSecurityDescriptor
    """
    control = _with(descriptor.control, Control.OWNER_DEFAULTED, defaulted)
    return STATUS_SUCCESS, replace(descriptor, owner=owner, control=control)


def set_group(descriptor: SecurityDescriptor, group: Sid | None, defaulted: bool) -> tuple[int, SecurityDescriptor]:
    """(STATUS_SUCCESS, the descriptor with another group).

    NT: RtlSetGroupSecurityDescriptor
    """
    control = _with(descriptor.control, Control.GROUP_DEFAULTED, defaulted)
    return STATUS_SUCCESS, replace(descriptor, group=group, control=control)


def set_dacl(
    descriptor: SecurityDescriptor, present: bool, dacl: Acl | None, defaulted: bool
) -> tuple[int, SecurityDescriptor]:
    """(STATUS_SUCCESS, the descriptor with another DACL, or none if that is not `present`).

    NT: RtlSetDaclSecurityDescriptor
    """
    control = _with(descriptor.control, Control.DACL_PRESENT, present)
    control = _with(control, Control.DACL_DEFAULTED, present and defaulted)
    return STATUS_SUCCESS, replace(descriptor, dacl=dacl if present else None, control=control)


def get_owner(descriptor: SecurityDescriptor) -> tuple[int, Sid | None, bool]:
    """(STATUS_SUCCESS, the owner, whether it is a default).

    NT: RtlGetOwnerSecurityDescriptor
    """
    return STATUS_SUCCESS, descriptor.owner, bool(descriptor.control & Control.OWNER_DEFAULTED)


def get_group(descriptor: SecurityDescriptor) -> tuple[int, Sid | None, bool]:
    """(STATUS_SUCCESS, the group, whether it is a default).

    NT: RtlGetGroupSecurityDescriptor
    """
    return STATUS_SUCCESS, descriptor.group, bool(descriptor.control & Control.GROUP_DEFAULTED)


def get_dacl(descriptor: SecurityDescriptor) -> tuple[int, bool, Acl | None, bool]:
    """(STATUS_SUCCESS, whether there is a DACL, the DACL, whether it is a default).

    NT: RtlGetDaclSecurityDescriptor
    """
    control = descriptor.control
    present, defaulted = bool(control & Control.DACL_PRESENT), bool(control & Control.DACL_DEFAULTED)
    return STATUS_SUCCESS, present, descriptor.dacl, defaulted


def length_of(descriptor: SecurityDescriptor) -> int:
    """Bytes of the descriptor in self-relative form.

    NT: RtlLengthSecurityDescriptor
    """
    return len(descriptor.to_bytes())


def _with(control: Control, bit: Control, wanted: bool) -> Control:
    return control | bit if wanted else control & ~bit
