r"""Security identifiers: the names of users, groups and of the system's own principals.

    S-1-5-32-544        text: revision, identifier authority, sub-authorities
    01 02 00 00 00 00 00 05  20 00 00 00  20 02 00 00
    |  |  authority, big-endian  the sub-authorities, little-endian
    |  how many sub-authorities, at most 15
    revision

An authority of 2**32 or more is written in hexadecimal. The well-known ones have constants here, and those that SDDL
knows by two letters are in `SDDL_NAMES`.

Sources: [MS-DTYP] 2.4.2 (text and bytes) and 2.4.2.4 (well-known values), 2.5.1.1 (two letters). Rows: R20
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ..status import InvalidParameter

MAXIMUM_SUB_AUTHORITIES: Final = 15


@dataclass(frozen=True, slots=True)
class Sid:
    """One identity: an authority of 48 bits and up to 15 sub-authorities of 32 bits.

    Raises InvalidParameter for numbers that do not fit.
    NT: SID
    """

    authority: int
    sub_authorities: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        fits = 0 <= self.authority < 1 << 48 and all(0 <= each < 1 << 32 for each in self.sub_authorities)
        if not fits or len(self.sub_authorities) > MAXIMUM_SUB_AUTHORITIES:
            raise InvalidParameter(f"no SID has authority {self.authority} and sub-authorities {self.sub_authorities}")

    @classmethod
    def from_text(cls, text: str) -> Sid:
        """The SID that `S-1-...` or two letters of SDDL name; raises InvalidParameter.

        NT: ConvertStringSidToSidW
        """
        known = SDDL_NAMES.get(text.upper())
        if known is not None:
            return known
        parts = text.split("-")
        try:
            if parts[0].upper() != "S" or parts[1] != "1":
                raise ValueError(text)
            authority, *rest = (int(part, 16 if part[:2] in ("0x", "0X") else 10) for part in parts[2:])
        except (ValueError, IndexError):
            raise InvalidParameter(f"{text!r} is no SID") from None
        return cls(authority, tuple(rest))

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Sid:
        """The SID that `data` begins with; raises InvalidParameter for bytes that hold none.

        NT: RtlValidSid
        """
        if len(data) < 8 or data[0] != 1 or len(data) < 8 + 4 * data[1] or data[1] > MAXIMUM_SUB_AUTHORITIES:
            raise InvalidParameter("these bytes are no SID")
        return cls(int.from_bytes(data[2:8], "big"), struct.unpack_from(f"<{data[1]}I", data, 8))

    def to_bytes(self) -> bytes:
        """The SID as it stands in memory: 8 bytes and 4 for each sub-authority."""
        count = len(self.sub_authorities)
        return struct.pack(f"<BB6s{count}I", 1, count, self.authority.to_bytes(6, "big"), *self.sub_authorities)

    def __str__(self) -> str:
        authority = f"0x{self.authority:012X}" if self.authority >= 1 << 32 else str(self.authority)
        return "-".join(("S", "1", authority, *map(str, self.sub_authorities)))


def _well_known(text: str) -> Sid:
    _, _, authority, *rest = text.split("-")
    return Sid(int(authority), tuple(map(int, rest)))


NOBODY: Final = _well_known("S-1-0-0")
EVERYONE: Final = _well_known("S-1-1-0")
LOCAL: Final = _well_known("S-1-2-0")
CREATOR_OWNER: Final = _well_known("S-1-3-0")
CREATOR_GROUP: Final = _well_known("S-1-3-1")
OWNER_RIGHTS: Final = _well_known("S-1-3-4")
NETWORK: Final = _well_known("S-1-5-2")
BATCH: Final = _well_known("S-1-5-3")
INTERACTIVE: Final = _well_known("S-1-5-4")
SERVICE: Final = _well_known("S-1-5-6")
ANONYMOUS: Final = _well_known("S-1-5-7")
PRINCIPAL_SELF: Final = _well_known("S-1-5-10")
AUTHENTICATED_USERS: Final = _well_known("S-1-5-11")
RESTRICTED: Final = _well_known("S-1-5-12")
LOCAL_SYSTEM: Final = _well_known("S-1-5-18")
LOCAL_SERVICE: Final = _well_known("S-1-5-19")
NETWORK_SERVICE: Final = _well_known("S-1-5-20")
ADMINISTRATORS: Final = _well_known("S-1-5-32-544")
USERS: Final = _well_known("S-1-5-32-545")
GUESTS: Final = _well_known("S-1-5-32-546")
POWER_USERS: Final = _well_known("S-1-5-32-547")
BACKUP_OPERATORS: Final = _well_known("S-1-5-32-551")

#: The two letters by which SDDL names those that are the same on every machine.
SDDL_NAMES: Mapping[str, Sid] = MappingProxyType(
    {
        "AN": ANONYMOUS,
        "AO": _well_known("S-1-5-32-548"),
        "AU": AUTHENTICATED_USERS,
        "BA": ADMINISTRATORS,
        "BG": GUESTS,
        "BO": BACKUP_OPERATORS,
        "BU": USERS,
        "CG": CREATOR_GROUP,
        "CO": CREATOR_OWNER,
        "ED": _well_known("S-1-5-9"),
        "HI": _well_known("S-1-16-12288"),
        "IU": INTERACTIVE,
        "LS": LOCAL_SERVICE,
        "LW": _well_known("S-1-16-4096"),
        "ME": _well_known("S-1-16-8192"),
        "MU": _well_known("S-1-5-32-558"),
        "NO": _well_known("S-1-5-32-556"),
        "NS": NETWORK_SERVICE,
        "NU": NETWORK,
        "OW": OWNER_RIGHTS,
        "PO": _well_known("S-1-5-32-550"),
        "PS": PRINCIPAL_SELF,
        "PU": POWER_USERS,
        "RC": RESTRICTED,
        "RD": _well_known("S-1-5-32-555"),
        "RE": _well_known("S-1-5-32-552"),
        "RU": _well_known("S-1-5-32-554"),
        "SI": _well_known("S-1-16-16384"),
        "SO": _well_known("S-1-5-32-549"),
        "SU": SERVICE,
        "SY": LOCAL_SYSTEM,
        "WD": EVERYONE,
    }
)
