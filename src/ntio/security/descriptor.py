"""Security descriptors: whose an object is, and who may do what with it.

In memory a descriptor is one immutable value. As bytes it is *self-relative*: a header of 20 bytes with four offsets,
and behind it the parts. Any order of the parts is read; they are written in the order Windows writes them.

    revision 1, resource-manager byte, control:2, owner:4, group:4, SACL:4, DACL:4   then SACL, DACL, owner, group

The DACL decides: *none* (`dacl=None`) lets everybody do everything, an *empty* one lets nobody do anything. That a list
is meant to be absent (a "NULL DACL") or was just never set makes no difference to a check; `control` tells them apart.

Sources: [MS-DTYP] 2.4.6; learn.microsoft.com "Absolute and Self-Relative Security Descriptors". Rows: R20
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from ..status import InvalidParameter
from .access_mask import GenericMapping
from .acl import Ace, Acl
from .sid import Sid

T = TypeVar("T")

_HEADER = struct.Struct("<BBHIIII")
_REVISION: Final = 1


class Control(enum.IntFlag):
    """What is known of a descriptor's parts.

    NT: SECURITY_DESCRIPTOR_CONTROL
    """

    OWNER_DEFAULTED = 0x0001
    GROUP_DEFAULTED = 0x0002
    DACL_PRESENT = 0x0004
    DACL_DEFAULTED = 0x0008
    SACL_PRESENT = 0x0010
    SACL_DEFAULTED = 0x0020
    DACL_TRUSTED = 0x0040
    SERVER_SECURITY = 0x0080
    DACL_AUTO_INHERIT_REQ = 0x0100
    SACL_AUTO_INHERIT_REQ = 0x0200
    DACL_AUTO_INHERITED = 0x0400
    SACL_AUTO_INHERITED = 0x0800
    DACL_PROTECTED = 0x1000
    SACL_PROTECTED = 0x2000
    RM_CONTROL_VALID = 0x4000
    SELF_RELATIVE = 0x8000


_NOTHING: Final = Control(0)


@dataclass(frozen=True, slots=True)
class SecurityDescriptor:
    """Owner, group, and the two access control lists of an object.

    NT: SECURITY_DESCRIPTOR
    """

    owner: Sid | None = None
    group: Sid | None = None
    dacl: Acl | None = None
    sacl: Acl | None = None
    control: Control = _NOTHING
    #: The byte that belongs to the resource manager (Sbz1).
    resource_manager: int = 0

    def __post_init__(self) -> None:
        control = Control(self.control & ~Control.SELF_RELATIVE)  # says how bytes lie, not what the descriptor says
        if self.dacl is not None:
            control |= Control.DACL_PRESENT
        if self.sacl is not None:
            control |= Control.SACL_PRESENT
        object.__setattr__(self, "control", control)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> SecurityDescriptor:
        """The descriptor that self-relative bytes hold; raises InvalidParameter for bytes that hold none.

        NT: RtlValidRelativeSecurityDescriptor
        """
        if len(data) < _HEADER.size:
            raise InvalidParameter("these bytes are too few for a security descriptor")
        revision, resource_manager, bits, owner, group, sacl, dacl = _HEADER.unpack_from(data)
        control = Control(bits)
        if revision != _REVISION or not control & Control.SELF_RELATIVE:
            raise InvalidParameter("these bytes are no self-relative security descriptor of revision 1")
        return cls(
            _part(data, owner, Sid.from_bytes),
            _part(data, group, Sid.from_bytes),
            _part(data, dacl, Acl.from_bytes) if control & Control.DACL_PRESENT else None,
            _part(data, sacl, Acl.from_bytes) if control & Control.SACL_PRESENT else None,
            control,
            resource_manager,
        )

    def to_bytes(self) -> bytes:
        """The descriptor in self-relative form, as Windows lays it out.

        NT: RtlMakeSelfRelativeSD
        """
        body, offsets = b"", []
        for part in (self.sacl, self.dacl, self.owner, self.group):
            if part is None:
                offsets.append(0)
                continue
            offsets.append(_HEADER.size + len(body))
            body += part.to_bytes()
            body += bytes(-len(body) % 4)
        sacl, dacl, owner, group = offsets
        control = self.control | Control.SELF_RELATIVE
        return _HEADER.pack(_REVISION, self.resource_manager, control, owner, group, sacl, dacl) + body

    def mapped(self, mapping: GenericMapping) -> SecurityDescriptor:
        """The descriptor with the generic rights of its entries turned into those of a type."""
        return replace(self, dacl=_mapped_list(self.dacl, mapping), sacl=_mapped_list(self.sacl, mapping))


def _part(data: bytes | memoryview, offset: int, read: Callable[[memoryview], T]) -> T | None:
    if not offset:
        return None
    if not _HEADER.size <= offset < len(data):
        raise InvalidParameter(f"offset {offset} lies outside of a security descriptor of {len(data)} bytes")
    return read(memoryview(data)[offset:])


def _mapped_list(acl: Acl | None, mapping: GenericMapping) -> Acl | None:
    """Entries that only wait to be inherited keep their generic rights: who inherits may be of another type."""
    if acl is None:
        return None
    return replace(
        acl,
        aces=tuple(
            replace(ace, mask=mapping.map(ace.mask)) if isinstance(ace, Ace) and ace.effective else ace
            for ace in acl.aces
        ),
    )
