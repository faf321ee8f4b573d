"""SIDs as text and as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given

from made_up_security import any_sid
from ntio.security import sid as sids
from ntio.security.sid import SDDL_NAMES, Sid
from ntio.status import InvalidParameter

pytestmark = pytest.mark.row("R20")


@given(any_sid)
def test_text_and_bytes_say_the_same(sid: Sid) -> None:
    assert Sid.from_text(str(sid)) == sid
    assert Sid.from_bytes(sid.to_bytes()) == sid
    assert Sid.from_bytes(memoryview(sid.to_bytes() + b"behind it")) == sid
    assert len(sid.to_bytes()) == 8 + 4 * len(sid.sub_authorities)


@pytest.mark.parametrize(
    ("sid", "text", "data"),
    [
        (sids.EVERYONE, "S-1-1-0", "0101000000000001 00000000"),
        (sids.LOCAL_SYSTEM, "S-1-5-18", "0101000000000005 12000000"),
        (sids.ADMINISTRATORS, "S-1-5-32-544", "0102000000000005 20000000 20020000"),
        (Sid(0x1_2345_6789_ABCD & 0xFFFF_FFFF_FFFF), "S-1-0x23456789ABCD", "0100 23456789abcd"),
        (Sid(9), "S-1-9", "0100 000000000009"),
    ],
)
def test_known_ones(sid: Sid, text: str, data: str) -> None:
    assert (str(sid), sid.to_bytes()) == (text, bytes.fromhex(data))


@pytest.mark.parametrize("text", ["", "S", "S-1", "S-2-5-18", "X-1-5", "S-1-five", "S-1-5-", "QQ", "S-1-5-4294967296"])
def test_what_is_no_sid(text: str) -> None:
    with pytest.raises(InvalidParameter):
        Sid.from_text(text)


@pytest.mark.parametrize(
    "data", ["", "01", "0201000000000005 12000000", "0102000000000005 12000000", "01ff" + "00" * 1100]
)
def test_bytes_that_are_no_sid(data: str) -> None:
    with pytest.raises(InvalidParameter):
        Sid.from_bytes(bytes.fromhex(data))


@pytest.mark.parametrize(("authority", "rest"), [(-1, ()), (1 << 48, ()), (5, (1 << 32,)), (5, (-1,)), (5, (1,) * 16)])
def test_numbers_that_do_not_fit(authority: int, rest: tuple[int, ...]) -> None:
    with pytest.raises(InvalidParameter):
        Sid(authority, rest)


def test_letters_are_read_in_either_case() -> None:
    assert Sid.from_text("ba") == Sid.from_text("BA") == sids.ADMINISTRATORS
    assert len(set(SDDL_NAMES.values())) == len(SDDL_NAMES)
