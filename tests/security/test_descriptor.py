"""Descriptors as bytes and as SDDL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_up_security import any_acl, any_descriptor, plain_descriptor
from ntio.security import sid as sids
from ntio.security.access_mask import FILE_GENERIC_MAPPING
from ntio.security.acl import Ace, AceFlags, AceType, Acl, OpaqueAce, allow, deny
from ntio.security.descriptor import Control, SecurityDescriptor
from ntio.security.sddl import format_rights, format_sddl, parse_rights, parse_sddl
from ntio.status import InvalidParameter

pytestmark = pytest.mark.row("R20")


@given(any_acl)
def test_a_list_comes_back_from_its_bytes(acl: Acl) -> None:
    data = acl.to_bytes()
    assert Acl.from_bytes(data) == acl
    assert Acl.from_bytes(data + b"behind it").to_bytes() == data


@given(any_descriptor)
def test_a_descriptor_comes_back_from_its_bytes(descriptor: SecurityDescriptor) -> None:
    data = descriptor.to_bytes()
    assert SecurityDescriptor.from_bytes(data) == descriptor
    assert SecurityDescriptor.from_bytes(memoryview(data)).to_bytes() == data
    assert len(data) % 4 == 0


@given(plain_descriptor)
def test_a_descriptor_comes_back_from_its_line_of_sddl(descriptor: SecurityDescriptor) -> None:
    assert parse_sddl(format_sddl(descriptor)) == descriptor


@given(st.integers(0, (1 << 32) - 1))
def test_rights_come_back_from_their_text(mask: int) -> None:
    assert parse_rights(format_rights(mask)) == mask


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (
            "O:BAG:SYD:(A;;FA;;;WD)",
            (
                "01000480 30000000 40000000 00000000 14000000"
                " 02001c00 01000000 00001400 ff011f00 010100000000000100000000"
                " 01020000000000052000000020020000 010100000000000512000000"
            ),
        ),
        ("D:P", "01000490 00000000 00000000 00000000 14000000 0200080000000000"),
        ("D:NO_ACCESS_CONTROL", "01000480 00000000 00000000 00000000 00000000"),
        ("", "01000080 00000000 00000000 00000000 00000000"),
        (
            "S:(AU;SAFA;GA;;;AN)",
            "01001080 00000000 00000000 14000000 00000000 02001c00 01000000 02c01400 00000010 010100000000000507000000",
        ),
    ],
)
def test_known_bytes(text: str, data: str) -> None:
    assert parse_sddl(text).to_bytes() == bytes.fromhex(data)
    assert SecurityDescriptor.from_bytes(bytes.fromhex(data)) == parse_sddl(text)
    assert format_sddl(parse_sddl(text)) == text


def test_parts_are_read_in_any_order() -> None:
    owner, dacl = sids.ADMINISTRATORS.to_bytes(), Acl.of([allow(sids.EVERYONE, 1)]).to_bytes()
    header = bytes.fromhex("01000480 14000000 14000000 00000000 24000000")
    found = SecurityDescriptor.from_bytes(header + owner + dacl)
    assert found == SecurityDescriptor(sids.ADMINISTRATORS, sids.ADMINISTRATORS, Acl.of([allow(sids.EVERYONE, 1)]))


@pytest.mark.parametrize(
    "data",
    [
        "",
        "0100 0480",
        "02000480 00000000 00000000 00000000 00000000",  # revision
        "01000400 00000000 00000000 00000000 00000000",  # not self-relative
        "01000480 04000000 00000000 00000000 00000000",  # offset into the header
        "01000480 00000000 00000000 00000000 14000000",  # offset behind the end
        "01000480 00000000 00000000 00000000 14000000 0200",
        "01000480 00000000 00000000 00000000 14000000 0100080000000000",  # revision of the list
        "01000480 00000000 00000000 00000000 14000000 0200100000000000",  # longer than there are bytes
        "01000480 00000000 00000000 00000000 14000000 0200080001000000",  # an entry that is not there
        "01000480 00000000 00000000 00000000 14000000 02000c0001000000 00000300",
        "01000480 00000000 00000000 00000000 14000000 02000c0001000000 00000400",  # no mask
        "01000480 00000000 00000000 00000000 14000000 0200100001000000 0000080000000000",  # no SID
    ],
)
def test_bytes_that_are_no_descriptor(data: str) -> None:
    with pytest.raises(InvalidParameter):
        SecurityDescriptor.from_bytes(bytes.fromhex(data))


@given(any_descriptor, st.data())
def test_damaged_bytes_are_read_or_refused(descriptor: SecurityDescriptor, data: st.DataObject) -> None:
    damaged = bytearray(descriptor.to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        SecurityDescriptor.from_bytes(cut)
    except InvalidParameter:
        pass


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("d:p(a;oici;grgw;;;ba)", "D:P(A;OICI;GWGR;;;BA)"),
        ("D:(A;;0x1f01ff;;;WD)", "D:(A;;FA;;;WD)"),
        ("D:(A;;1;;;S-1-1-0)", "D:(A;;CC;;;WD)"),
        ("D:(A;;KX;;;WD)", "D:(A;;KR;;;WD)"),
        ("D:(A;;0x1200a9;;;WD)", "D:(A;;0x1200a9;;;WD)"),
        ("S:PARAI(ML;;NW;;;LW)D:AI", "D:AIS:PARAI(ML;;NW;;;LW)"),
        ("G:S-1-5-21-1-2-3-513D:", "G:S-1-5-21-1-2-3-513D:"),
        ("D:( A ; ; GA ; ; ; SY )", "D:(A;;GA;;;SY)"),
    ],
)
def test_text_that_is_written_differently(text: str, same: str) -> None:
    assert format_sddl(parse_sddl(text)) == same


@pytest.mark.parametrize(
    "text",
    [
        "X:BA", "O:", "O:QQ", "O:BAO:BA", "D:D:", "D:Q", "D:(A;;GA;;;WD", "D:(A;;GA;;WD)", "D:(OA;;GA;;;WD)",
        "D:(A;XX;GA;;;WD)", "D:(A;;QQ;;;WD)", "D:(A;;0x1ffffffff;;;WD)", "D:(A;;0xZ;;;WD)", "D:(A;;GA;guid;;WD)",
        "D:(A;;G;;;WD)", "D:(A;;GA;;;)", "D:(A;;GA;;;WD) ",
    ],
)  # fmt: skip
def test_text_that_is_no_descriptor(text: str) -> None:
    with pytest.raises(InvalidParameter):
        parse_sddl(text)


@pytest.mark.parametrize(
    "ace",
    [
        OpaqueAce(5, 0, bytes(8)),
        Ace(AceType.ALLOWED, AceFlags(0), 1, sids.EVERYONE, b"tail"),
        Ace(AceType.ALLOWED, AceFlags(0x20), 1, sids.EVERYONE),
    ],
)
def test_entries_without_text(ace: Ace | OpaqueAce) -> None:
    with pytest.raises(InvalidParameter):
        format_sddl(SecurityDescriptor(dacl=Acl.of([ace])))


def test_lists_that_are_too_long() -> None:
    with pytest.raises(InvalidParameter):
        Acl.of([allow(sids.EVERYONE, 1)] * 4000).to_bytes()
    with pytest.raises(InvalidParameter):
        OpaqueAce(5, 0, bytes(0x1_0000)).to_bytes()


def test_a_list_that_is_there_is_said_to_be() -> None:
    descriptor = SecurityDescriptor(dacl=Acl(), sacl=Acl(), control=Control.SELF_RELATIVE)
    assert descriptor.control == Control.DACL_PRESENT | Control.SACL_PRESENT


def test_generic_rights_are_mapped_but_for_who_inherits() -> None:
    waiting = allow(sids.EVERYONE, 0x1000_0000, AceFlags.INHERIT_ONLY | AceFlags.OBJECT_INHERIT)
    opaque = OpaqueAce(9, 0, b"")
    descriptor = SecurityDescriptor(dacl=Acl.of([deny(sids.EVERYONE, 0x8000_0000), waiting, opaque]))
    mapped = descriptor.mapped(FILE_GENERIC_MAPPING)
    assert mapped.dacl == Acl.of([deny(sids.EVERYONE, 0x12_0089), waiting, opaque])
    assert mapped.sacl is None
