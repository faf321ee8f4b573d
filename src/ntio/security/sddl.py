r"""SDDL: security descriptors as a line of text.

    O:BAG:SYD:PAI(A;OICI;GA;;;SY)(A;;GRGW;;;S-1-5-21-1-2-3-500)S:(AU;SA;FA;;;WD)
    |    |    | |  | |    |     |
    owner group| |  | |    rights: letters, or 0x1f
              DACL|  | flags of inheritance
                 P protected, AI and AR inherited automatically
                     A allow, D deny, AU audit, AL alarm, ML integrity label

`D:NO_ACCESS_CONTROL` is a DACL that is meant not to be there. Text that is read need not be as it would be written:
rights may come in any order, as letters or as a number. Written are the short names for a whole mask (`FA`, `GA`, ...),
else letters where every bit has one, else a number, as Windows does.

Entries for directory objects and conditional ones have no place here and are refused.

Sources: [MS-DTYP] 2.5.1; learn.microsoft.com "Security Descriptor String Format", "ACE Strings". Rows: R20
"""

from __future__ import annotations

import re
from typing import Final

from ..status import InvalidParameter
from .acl import Ace, AceFlags, AceType, Acl, OpaqueAce
from .descriptor import Control, SecurityDescriptor
from .sid import SDDL_NAMES, Sid

_TYPES: Final = {
    "A": AceType.ALLOWED,
    "D": AceType.DENIED,
    "AU": AceType.AUDIT,
    "AL": AceType.ALARM,
    "ML": AceType.MANDATORY_LABEL,
}
_FLAGS: Final = {
    "OI": AceFlags.OBJECT_INHERIT,
    "CI": AceFlags.CONTAINER_INHERIT,
    "NP": AceFlags.NO_PROPAGATE_INHERIT,
    "IO": AceFlags.INHERIT_ONLY,
    "ID": AceFlags.INHERITED,
    "SA": AceFlags.SUCCESSFUL_ACCESS,
    "FA": AceFlags.FAILED_ACCESS,
}
#: One bit each, in the order in which Windows writes them.
_BITS: Final = {
    "CC": 0x1,
    "DC": 0x2,
    "LC": 0x4,
    "SW": 0x8,
    "RP": 0x10,
    "WP": 0x20,
    "DT": 0x40,
    "LO": 0x80,
    "CR": 0x100,
    "SD": 0x1_0000,
    "RC": 0x2_0000,
    "WD": 0x4_0000,
    "WO": 0x8_0000,
    "GA": 0x1000_0000,
    "GX": 0x2000_0000,
    "GW": 0x4000_0000,
    "GR": 0x8000_0000,
}
_WHOLE: Final = {
    "FA": 0x1F_01FF,
    "FR": 0x12_0089,
    "FW": 0x12_0116,
    "FX": 0x12_00A0,
    "KA": 0xF_003F,
    "KR": 0x2_0019,
    "KW": 0x2_0006,
}
_LABEL: Final = {"NW": 0x1, "NR": 0x2, "NX": 0x4}
_RIGHTS: Final = {**_BITS, **_WHOLE, "KX": 0x2_0019, **_LABEL}
_LIST_FLAGS: Final = {"D": (0x1000, 0x0100, 0x0400), "S": (0x2000, 0x0200, 0x0800)}

_SID = r"S-1-(?:0x[0-9A-F]+|\d+)(?:-\d+)*|[A-Z]{2}"
_SECTION = re.compile(
    rf"(?P<name>[OG]):(?P<sid>{_SID})"
    r"|(?P<list>[DS]):(?P<flags>(?:P|AR|AI)*)(?P<none>NO_ACCESS_CONTROL)?(?P<aces>(?:\([^()]*\))*)",
    re.IGNORECASE,
)
_ACE = re.compile(r"\(([^()]*)\)")


def parse_sddl(text: str) -> SecurityDescriptor:
    """The descriptor that a line of SDDL describes; raises InvalidParameter.

    NT: ConvertStringSecurityDescriptorToSecurityDescriptorW
    """
    sids: dict[str, Sid] = {}
    lists: dict[str, Acl | None] = {}
    control, position = Control(0), 0
    while position < len(text):
        section = _SECTION.match(text, position)
        name = (section["name"] or section["list"]).upper() if section else ""
        if section is None or name in sids or name in lists:
            raise InvalidParameter(f"SDDL cannot be read from {text[position:]!r} on")
        if name in "OG":
            sids[name] = Sid.from_text(section["sid"])
        else:
            aces = map(_parse_ace, _ACE.findall(section["aces"]))
            lists[name] = None if section["none"] else Acl.of(aces)
            control |= _parse_list_flags(name, section["flags"].upper())
        position = section.end()
    return SecurityDescriptor(sids.get("O"), sids.get("G"), lists.get("D"), lists.get("S"), control)


def format_sddl(descriptor: SecurityDescriptor) -> str:
    """The line of SDDL that describes a descriptor; raises InvalidParameter for entries that have no text here.

    NT: ConvertSecurityDescriptorToStringSecurityDescriptorW
    """
    principals = (("O", descriptor.owner), ("G", descriptor.group))
    text = "".join(f"{name}:{format_sid(sid)}" for name, sid in principals if sid is not None)
    for name, acl, present in (
        ("D", descriptor.dacl, Control.DACL_PRESENT),
        ("S", descriptor.sacl, Control.SACL_PRESENT),
    ):
        if descriptor.control & present:
            text += f"{name}:{_format_list_flags(name, descriptor.control)}"
            text += "NO_ACCESS_CONTROL" if acl is None else "".join(map(_format_ace, acl.aces))
    return text


def format_sid(sid: Sid) -> str:
    """A SID as SDDL writes it: two letters where there are some."""
    return _NAMES.get(sid, str(sid))


_NAMES: Final = {sid: name for name, sid in SDDL_NAMES.items()}


def _parse_list_flags(name: str, flags: str) -> Control:
    protected, required, inherited = _LIST_FLAGS[name]
    control = Control.DACL_PRESENT if name == "D" else Control.SACL_PRESENT
    for letters, bit in (("P", protected), ("AR", required), ("AI", inherited)):
        control |= bit if letters in flags else 0
    return control


def _format_list_flags(name: str, control: Control) -> str:
    protected, required, inherited = _LIST_FLAGS[name]
    pairs = (("P", protected), ("AR", required), ("AI", inherited))
    return "".join(letters for letters, bit in pairs if control & bit)


def _parse_ace(text: str) -> Ace:
    fields = [field.strip() for field in text.split(";")]
    if len(fields) != 6 or fields[3] or fields[4] or fields[0].upper() not in _TYPES:
        raise InvalidParameter(f"({text}) is no entry that is understood here")
    flags = AceFlags(0)
    for letters in _pairs(fields[1]):
        if letters not in _FLAGS:
            raise InvalidParameter(f"{letters!r} in ({text}) is no flag of an entry")
        flags |= _FLAGS[letters]
    return Ace(_TYPES[fields[0].upper()], flags, parse_rights(fields[2]), Sid.from_text(fields[5]))


def parse_rights(text: str) -> int:
    """The mask that letters or a number stand for; raises InvalidParameter."""
    if text[:1].isdigit():
        try:
            mask = int(text, 16 if text[:2] in ("0x", "0X") else 10)
        except ValueError:
            raise InvalidParameter(f"{text!r} is no mask of rights") from None
        if mask >= 1 << 32:
            raise InvalidParameter(f"{text!r} has more than 32 bits")
        return mask
    mask = 0
    for letters in _pairs(text):
        if letters not in _RIGHTS:
            raise InvalidParameter(f"{letters!r} in {text!r} is no right")
        mask |= _RIGHTS[letters]
    return mask


def format_rights(mask: int) -> str:
    """A mask as SDDL writes it: a name of the whole, else letters where every bit has some, else a number."""
    for letters, whole in _WHOLE.items():
        if mask == whole:
            return letters
    return _format_bits(mask, _BITS)


def _format_bits(mask: int, names: dict[str, int]) -> str:
    if mask & ~sum(names.values()):
        return f"0x{mask:x}"
    return "".join(letters for letters, bit in names.items() if mask & bit)


def _format_ace(ace: Ace | OpaqueAce) -> str:
    if isinstance(ace, OpaqueAce) or ace.tail:
        raise InvalidParameter(f"an entry of type {ace.type} with data of its own has no text here")
    if ace.flags & ~sum(_FLAGS.values()):
        raise InvalidParameter(f"flags {ace.flags:#x} of an entry have no text")
    kind = next(letters for letters, value in _TYPES.items() if value is ace.type)
    flags = "".join(letters for letters, flag in _FLAGS.items() if ace.flags & flag)
    label = ace.type is AceType.MANDATORY_LABEL
    rights = _format_bits(ace.mask, _LABEL) if label else format_rights(ace.mask)
    return f"({kind};{flags};{rights};;;{format_sid(ace.sid)})"


def _pairs(text: str) -> list[str]:
    return [text[start : start + 2].upper() for start in range(0, len(text), 2)]
