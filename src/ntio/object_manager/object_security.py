"""Security descriptors of objects, asked for and changed by handle.

What may be asked or changed depends on the handle's rights, part by part:

    owner, group   READ_CONTROL to see    WRITE_OWNER to set
    DACL           READ_CONTROL           WRITE_DAC
    SACL           ACCESS_SYSTEM_SECURITY for both

Source: learn.microsoft.com ZwQuerySecurityObject, ZwSetSecurityObject, SECURITY_INFORMATION. Rows: R20
"""

from __future__ import annotations

import enum
from dataclasses import replace

from ..security.access_mask import ACCESS_SYSTEM_SECURITY, KERNEL_MODE, READ_CONTROL, WRITE_DAC, WRITE_OWNER
from ..security.descriptor import Control, SecurityDescriptor
from .manager import ObjectManager

_OF_DACL = (
    Control.DACL_PRESENT | Control.DACL_DEFAULTED | Control.DACL_AUTO_INHERIT_REQ | Control.DACL_AUTO_INHERITED
) | Control.DACL_PROTECTED
_OF_SACL = (
    Control.SACL_PRESENT | Control.SACL_DEFAULTED | Control.SACL_AUTO_INHERIT_REQ | Control.SACL_AUTO_INHERITED
) | Control.SACL_PROTECTED


class SecurityInformation(enum.IntFlag):
    """Which parts of a descriptor are meant.

    NT: SECURITY_INFORMATION
    """

    OWNER = 1
    GROUP = 2
    DACL = 4
    SACL = 8


def query_security(
    objects: ObjectManager, handle: int, parts: SecurityInformation, mode: int = KERNEL_MODE
) -> SecurityDescriptor:
    """Those parts of the descriptor of a handle's object; raises InvalidHandle, AccessDenied.

    NT: NtQuerySecurityObject
    """
    needed = ACCESS_SYSTEM_SECURITY if parts & SecurityInformation.SACL else 0
    needed |= READ_CONTROL if parts & ~SecurityInformation.SACL else 0
    body = objects.reference_by_handle(handle, needed, None, mode)
    try:
        return selected(_current(objects, body, parts), parts)
    finally:
        objects.dereference(body)


def set_security(
    objects: ObjectManager,
    handle: int,
    parts: SecurityInformation,
    descriptor: SecurityDescriptor,
    mode: int = KERNEL_MODE,
) -> None:
    """Put those parts of `descriptor` in place of the object's; raises InvalidHandle, AccessDenied.

    NT: NtSetSecurityObject
    """
    needed = WRITE_OWNER if parts & (SecurityInformation.OWNER | SecurityInformation.GROUP) else 0
    needed |= WRITE_DAC if parts & SecurityInformation.DACL else 0
    needed |= ACCESS_SYSTEM_SECURITY if parts & SecurityInformation.SACL else 0
    body = objects.reference_by_handle(handle, needed, None, mode)
    try:
        header, kind = objects.header(body), objects.type_of(body)
        new = descriptor.mapped(kind.mapping)
        if kind.procedures.security is not None:
            kind.procedures.security(body, parts, new)
        else:
            header.security_descriptor = merge(_current(objects, body, parts), new, parts)
    finally:
        objects.dereference(body)


def selected(descriptor: SecurityDescriptor, parts: SecurityInformation) -> SecurityDescriptor:
    """A descriptor with only those parts of another one."""
    return merge(SecurityDescriptor(), descriptor, parts)


def merge(old: SecurityDescriptor, new: SecurityDescriptor, parts: SecurityInformation) -> SecurityDescriptor:
    """The descriptor `old` with those parts taken from `new`."""
    merged, bits = old, old.control
    if parts & SecurityInformation.OWNER:
        merged = replace(merged, owner=new.owner)
    if parts & SecurityInformation.GROUP:
        merged = replace(merged, group=new.group)
    if parts & SecurityInformation.DACL:
        merged, bits = replace(merged, dacl=new.dacl), bits & ~_OF_DACL | new.control & _OF_DACL
    if parts & SecurityInformation.SACL:
        merged, bits = replace(merged, sacl=new.sacl), bits & ~_OF_SACL | new.control & _OF_SACL
    return replace(merged, control=bits)


def _current(objects: ObjectManager, body: object, parts: SecurityInformation) -> SecurityDescriptor:
    procedure = objects.type_of(body).procedures.security
    found = objects.header(body).security_descriptor if procedure is None else procedure(body, parts, None)
    return found or SecurityDescriptor()
