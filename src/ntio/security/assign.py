"""The descriptor of a new object: what its maker says, what its container hands down, what the maker's token gives.

    owner, group   those that were asked for, else the token's
    DACL           the one that was asked for; else the inheritable entries of the container; else the token's default

An entry is handed down to a container by CONTAINER_INHERIT, to anything else by OBJECT_INHERIT. What it grants is
mapped to the new object's type, and CREATOR OWNER becomes the owner; where it is to be handed on further, a second
entry for inheritance only keeps it as it was. So does an entry with generic rights that was asked for.

Sources: [MS-DTYP] 2.5.3.4; learn.microsoft.com "ACE Inheritance Rules", SeAssignSecurity. Rows: R20
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .access_mask import GenericMapping
from .acl import Ace, AceFlags, Acl, OpaqueAce
from .descriptor import SecurityDescriptor
from .sid import CREATOR_GROUP, CREATOR_OWNER, Sid
from .token import Token

_HANDED_ON = AceFlags.OBJECT_INHERIT | AceFlags.CONTAINER_INHERIT


def assign_security(
    explicit: SecurityDescriptor | None,
    parent: SecurityDescriptor | None,
    token: Token,
    mapping: GenericMapping,
    *,
    container: bool = False,
) -> SecurityDescriptor:
    """The descriptor of a new object made by `token` in a container with the descriptor `parent`.

    NT: SeAssignSecurity
    """
    wanted = explicit or SecurityDescriptor()
    owner = wanted.owner or token.owner or token.user
    group = wanted.group or token.primary_group
    dacl = wanted.dacl
    if not wanted.control & wanted.control.DACL_PRESENT:
        inherited = _inherited(parent.dacl if parent else None, owner, group, mapping, container=container)
        dacl = Acl.of(inherited) if inherited else token.default_dacl
    sacl = wanted.sacl
    if sacl is None and parent is not None:
        audited = _inherited(parent.sacl, owner, group, mapping, container=container)
        sacl = Acl.of(audited) if audited else None
    if container:
        dacl, sacl = _split(dacl, mapping), _split(sacl, mapping)
    return replace(wanted, owner=owner, group=group, dacl=dacl, sacl=sacl).mapped(mapping)


def _split(acl: Acl | None, mapping: GenericMapping) -> Acl | None:
    """Keep generic rights for who inherits: an entry that is for both becomes one for here and one to hand down."""
    aces: list[Ace | OpaqueAce] = []
    for ace in acl.aces if acl is not None else ():
        if isinstance(ace, Ace) and ace.effective and ace.flags & _HANDED_ON and mapping.map(ace.mask) != ace.mask:
            aces.append(replace(ace, flags=ace.flags & ~(_HANDED_ON | AceFlags.NO_PROPAGATE_INHERIT)))
            ace = replace(ace, flags=ace.flags | AceFlags.INHERIT_ONLY)
        aces.append(ace)
    return None if acl is None else replace(acl, aces=tuple(aces))


def _inherited(
    acl: Acl | None, owner: Sid, group: Sid | None, mapping: GenericMapping, *, container: bool
) -> list[Ace]:
    aces = acl.aces if acl is not None else ()
    found: list[Ace] = []
    for ace in aces:
        if isinstance(ace, Ace):
            found.extend(_handed_down(ace, owner, group, mapping, container=container))
    return found


def _handed_down(ace: Ace, owner: Sid, group: Sid | None, mapping: GenericMapping, *, container: bool) -> Iterator[Ace]:
    further = container and not ace.flags & AceFlags.NO_PROPAGATE_INHERIT
    kept = ace.flags & _HANDED_ON if further else AceFlags(0)
    audit = ace.flags & (AceFlags.SUCCESSFUL_ACCESS | AceFlags.FAILED_ACCESS)
    applies = ace.flags & (AceFlags.CONTAINER_INHERIT if container else AceFlags.OBJECT_INHERIT)
    creator = {CREATOR_OWNER: owner, CREATOR_GROUP: group or owner}
    if applies:
        here = replace(ace, flags=audit, mask=mapping.map(ace.mask), sid=creator.get(ace.sid, ace.sid))
        if not kept:
            yield here
        elif here.mask == ace.mask and here.sid == ace.sid:
            yield replace(here, flags=audit | kept)
        else:
            yield here
            yield replace(ace, flags=audit | kept | AceFlags.INHERIT_ONLY)
    elif kept:
        yield replace(ace, flags=audit | kept | AceFlags.INHERIT_ONLY)
