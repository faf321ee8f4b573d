"""Made-up identities, lists, descriptors and tokens, for property tests."""

from __future__ import annotations

from functools import reduce
from operator import or_

from hypothesis import strategies as st

from ntio.security import sid as sids
from ntio.security.acl import ACL_REVISION, ACL_REVISION_DS, Ace, AceFlags, AceType, Acl, OpaqueAce
from ntio.security.descriptor import Control, SecurityDescriptor
from ntio.security.sid import SDDL_NAMES, Sid
from ntio.security.token import Group, GroupAttributes, Privilege, Token

#: Few identities, so that tokens and entries meet.
KNOWN = (
    sids.EVERYONE, sids.ADMINISTRATORS, sids.USERS, sids.LOCAL_SYSTEM, sids.OWNER_RIGHTS, Sid(5, (21, 1, 2, 3, 1001)),
    Sid(5, (21, 1, 2, 3, 1002)),
)  # fmt: skip

any_sid = st.builds(
    Sid, st.integers(0, (1 << 48) - 1), st.lists(st.integers(0, (1 << 32) - 1), max_size=15).map(tuple)
) | st.sampled_from(sorted(SDDL_NAMES.values(), key=str))
known_sid = st.sampled_from(KNOWN)
masks = st.integers(0, (1 << 32) - 1)
flags = st.integers(0, 0xFF).map(AceFlags)

plain_ace = st.builds(
    Ace,
    st.sampled_from(AceType),
    st.lists(st.sampled_from(list(AceFlags)), max_size=4).map(lambda some: AceFlags(sum(set(some)))),
    masks,
    any_sid,
)
any_ace = st.builds(
    Ace,
    st.sampled_from(AceType),
    flags,
    masks,
    any_sid,
    st.integers(0, 3).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
) | st.builds(
    OpaqueAce,
    st.integers(0, 255).filter(lambda kind: kind not in set(AceType)),
    st.integers(0, 255),
    st.integers(0, 6).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
)
any_acl = st.builds(
    Acl,
    st.lists(any_ace, max_size=5).map(tuple),
    st.integers(ACL_REVISION, ACL_REVISION_DS),
    st.integers(0, 2).map(lambda n: bytes(4 * n)),
)
plain_acl = st.builds(Acl, st.lists(plain_ace, max_size=5).map(tuple))

any_descriptor = st.builds(
    SecurityDescriptor,
    st.none() | any_sid,
    st.none() | any_sid,
    st.none() | any_acl,
    st.none() | any_acl,
    st.integers(0, 0xFFFF).map(Control),
    st.integers(0, 255),
)
#: What a line of SDDL can say.
_WRITTEN = (
    Control.DACL_PRESENT, Control.SACL_PRESENT, Control.DACL_PROTECTED, Control.SACL_PROTECTED,
    Control.DACL_AUTO_INHERITED, Control.SACL_AUTO_INHERITED, Control.DACL_AUTO_INHERIT_REQ,
    Control.SACL_AUTO_INHERIT_REQ,
)  # fmt: skip


def _written(descriptor: SecurityDescriptor) -> SecurityDescriptor:
    """Without flags of lists that are not there: SDDL has no place for them."""
    control = descriptor.control
    if not control & Control.DACL_PRESENT:
        control &= ~(Control.DACL_PROTECTED | Control.DACL_AUTO_INHERITED | Control.DACL_AUTO_INHERIT_REQ)
    if not control & Control.SACL_PRESENT:
        control &= ~(Control.SACL_PROTECTED | Control.SACL_AUTO_INHERITED | Control.SACL_AUTO_INHERIT_REQ)
    return SecurityDescriptor(descriptor.owner, descriptor.group, descriptor.dacl, descriptor.sacl, control)


plain_descriptor = st.builds(
    SecurityDescriptor,
    st.none() | any_sid,
    st.none() | any_sid,
    st.none() | plain_acl,
    st.none() | plain_acl,
    st.lists(st.sampled_from(_WRITTEN)).map(lambda some: Control(sum(set(some)))),
).map(_written)

#: Rights of which many overlap.
few_rights = st.integers(0, 0xF) | st.sampled_from((0x1F_01FF, 0x2_0000, 0x6_0000, 0x8_0000, 0x8000_0000, 0x1000_0000))
few_aces = st.lists(
    st.builds(
        Ace,
        st.sampled_from((AceType.ALLOWED, AceType.DENIED, AceType.AUDIT)),
        st.sampled_from((AceFlags(0), AceFlags.INHERIT_ONLY, AceFlags.OBJECT_INHERIT)),
        few_rights,
        known_sid,
    ),
    max_size=6,
)
few_descriptors = st.builds(
    SecurityDescriptor, st.none() | known_sid, st.none(), st.none() | few_aces.map(lambda aces: Acl(tuple(aces)))
)
tokens = st.builds(
    Token,
    known_sid,
    st.lists(st.builds(Group, known_sid, st.integers(0, 0x1F).map(GroupAttributes)), max_size=4).map(tuple),
    st.just(frozenset(Privilege)),
    st.frozensets(st.sampled_from((Privilege.SECURITY, Privilege.TAKE_OWNERSHIP))),
)
wanted_rights = st.lists(
    few_rights | st.sampled_from((0x100_0000, 0x200_0000, 0x8_0000, 0x4_0000)), min_size=1, max_size=3
).map(lambda some: reduce(or_, some))
