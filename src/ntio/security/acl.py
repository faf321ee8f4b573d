"""Access control lists: who is allowed or denied what, entry by entry, in the order in which they are looked at.

An entry (ACE) has a type, inheritance flags, a mask of rights and a SID. Only the basic types have that shape; entries
of other types (object and callback ones, resource attributes) are kept as their bytes, and grant and deny nothing here.

    ACL   revision, 0, size:2, count:2, 0:2, then the entries
    ACE   type, flags, size:2, mask:4, SID

Sources: [MS-DTYP] 2.4.4 (ACE) and 2.4.5 (ACL). Rows: R20
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ..status import InvalidParameter
from .sid import Sid

ACL_REVISION: Final = 2
ACL_REVISION_DS: Final = 4
_ACL_HEADER = struct.Struct("<BBHHH")
_ACE_HEADER = struct.Struct("<BBH")
_LONGEST: Final = 0xFFFF


class AceType(enum.IntEnum):
    """What an entry does; only the types with a mask and a SID are here."""

    ALLOWED = 0
    DENIED = 1
    AUDIT = 2
    ALARM = 3
    MANDATORY_LABEL = 0x11


class AceFlags(enum.IntFlag):
    """What an entry hands down to objects made below, and what an audit entry reports."""

    OBJECT_INHERIT = 0x01
    CONTAINER_INHERIT = 0x02
    NO_PROPAGATE_INHERIT = 0x04
    INHERIT_ONLY = 0x08
    INHERITED = 0x10
    SUCCESSFUL_ACCESS = 0x40
    FAILED_ACCESS = 0x80


_UNDERSTOOD = frozenset(AceType)
_NONE: Final = AceFlags(0)


@dataclass(frozen=True, slots=True)
class Ace:
    """One entry: a type, flags, a mask of rights, and whom it is about.

    `tail` is what an application put behind the SID; its length is a multiple of 4.
    NT: ACE_HEADER
    """

    type: AceType
    flags: AceFlags
    mask: int
    sid: Sid
    tail: bytes = b""

    def to_bytes(self) -> bytes:
        """The entry as it stands in a list."""
        return _framed(self.type, self.flags, struct.pack("<I", self.mask) + self.sid.to_bytes() + self.tail)

    @property
    def effective(self) -> bool:
        """Whether the entry is about the object itself, not only about what is made below it."""
        return not self.flags & AceFlags.INHERIT_ONLY


@dataclass(frozen=True, slots=True)
class OpaqueAce:
    """An entry of a type that is kept but not understood; `body` is what stands behind its header of 4 bytes.

    NT: ACE_HEADER
    """

    type: int
    flags: int
    body: bytes

    def to_bytes(self) -> bytes:
        """The entry as it stands in a list."""
        return _framed(self.type, self.flags, self.body)


def allow(sid: Sid, mask: int, flags: AceFlags = _NONE) -> Ace:
    """An entry that grants rights.

    NT: RtlAddAccessAllowedAceEx
    """
    return Ace(AceType.ALLOWED, flags, mask, sid)


def deny(sid: Sid, mask: int, flags: AceFlags = _NONE) -> Ace:
    """An entry that denies rights.

    NT: RtlAddAccessDeniedAceEx
    """
    return Ace(AceType.DENIED, flags, mask, sid)


@dataclass(frozen=True, slots=True)
class Acl:
    """A list of entries. An empty one grants nothing; that there is none at all is said by None in its place.

    NT: ACL
    """

    aces: tuple[Ace | OpaqueAce, ...] = ()
    revision: int = ACL_REVISION
    #: What follows the last entry within the list's size.
    slack: bytes = b""

    @classmethod
    def of(cls, aces: Iterable[Ace | OpaqueAce]) -> Acl:
        """A list of these entries, in this order."""
        return cls(tuple(aces))

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Acl:
        """The list that `data` begins with; raises InvalidParameter for bytes that hold none.

        NT: RtlValidAcl
        """
        if len(data) < _ACL_HEADER.size:
            raise InvalidParameter("these bytes are too few for an access control list")
        revision, _, size, count, _ = _ACL_HEADER.unpack_from(data)
        if not ACL_REVISION <= revision <= ACL_REVISION_DS or not _ACL_HEADER.size <= size <= len(data):
            raise InvalidParameter(f"no access control list has revision {revision} and {size} bytes")
        inside, aces = memoryview(data)[_ACL_HEADER.size : size], []
        for _ in range(count):
            ace, length = _read_ace(inside)
            aces.append(ace)
            inside = inside[length:]
        return cls(tuple(aces), revision, bytes(inside))

    def to_bytes(self) -> bytes:
        """The list as it stands in memory; raises InvalidParameter for more than 65,535 bytes."""
        body = b"".join(ace.to_bytes() for ace in self.aces) + self.slack
        size = _ACL_HEADER.size + len(body)
        if size > _LONGEST:
            raise InvalidParameter(f"an access control list of {size} bytes is too long")
        return _ACL_HEADER.pack(self.revision, 0, size, len(self.aces), 0) + body

    def effective(self) -> Iterator[Ace]:
        """The entries that an access check looks at, in their order."""
        return (ace for ace in self.aces if isinstance(ace, Ace) and ace.effective)


def _framed(kind: int, flags: int, body: bytes) -> bytes:
    size = _ACE_HEADER.size + len(body)
    if size > _LONGEST:
        raise InvalidParameter(f"an entry of {size} bytes is too long")
    return _ACE_HEADER.pack(kind, flags, size) + body


def _read_ace(data: memoryview) -> tuple[Ace | OpaqueAce, int]:
    if len(data) < _ACE_HEADER.size:
        raise InvalidParameter("an access control list ends within an entry")
    kind, flags, size = _ACE_HEADER.unpack_from(data)
    if not _ACE_HEADER.size <= size <= len(data):
        raise InvalidParameter(f"an entry of {size} bytes does not fit into its list")
    body = data[_ACE_HEADER.size : size]
    if kind not in _UNDERSTOOD:
        return OpaqueAce(kind, flags, bytes(body)), size
    if len(body) < 4:
        raise InvalidParameter("an entry is too short for its mask")
    sid = Sid.from_bytes(body[4:])
    tail = bytes(body[4 + 8 + 4 * len(sid.sub_authorities) :])
    return Ace(AceType(kind), AceFlags(flags), int.from_bytes(body[:4], "little"), sid, tail), size
