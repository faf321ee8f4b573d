"""The descriptor of a new object: what was asked for, what is handed down, what the token gives."""

from __future__ import annotations

import pytest

from ntio.security.access_mask import FILE_GENERIC_MAPPING
from ntio.security.assign import assign_security
from ntio.security.sddl import format_sddl, parse_sddl
from ntio.security.token import Token, administrator_token, machine_account, system_token, user_token

pytestmark = pytest.mark.row("R20")


def made(explicit: str | None, parent: str | None, token: Token | None = None, *, container: bool = False) -> str:
    read = [None if text is None else parse_sddl(text) for text in (explicit, parent)]
    found = assign_security(*read, token or system_token(), FILE_GENERIC_MAPPING, container=container)
    return format_sddl(found)


@pytest.mark.parametrize(
    ("explicit", "parent", "container", "found"),
    [
        ("O:BUG:BUD:(A;;GR;;;WD)", "D:(A;OI;GA;;;WD)", False, "O:BUG:BUD:(A;;FR;;;WD)"),
        ("D:NO_ACCESS_CONTROL", "D:(A;OI;GA;;;WD)", False, "O:BAG:SYD:NO_ACCESS_CONTROL"),
        (None, None, False, "O:BAG:SYD:(A;;FA;;;SY)(A;;0x1200a9;;;BA)"),
        (None, "D:(A;;GA;;;WD)", False, "O:BAG:SYD:(A;;FA;;;SY)(A;;0x1200a9;;;BA)"),  # nothing to hand down
        (None, "D:(A;OI;GR;;;WD)(A;CI;GA;;;WD)", False, "O:BAG:SYD:(A;;FR;;;WD)"),
        (None, "D:(A;OI;GR;;;WD)", True, "O:BAG:SYD:(A;OIIO;GR;;;WD)"),
        (None, "D:(A;OINP;GR;;;WD)(A;CI;FR;;;BU)", True, "O:BAG:SYD:(A;CI;FR;;;BU)"),
        (None, "D:(A;CI;GR;;;WD)", True, "O:BAG:SYD:(A;;FR;;;WD)(A;CIIO;GR;;;WD)"),
        (None, "D:(A;CINP;GR;;;WD)", True, "O:BAG:SYD:(A;;FR;;;WD)"),
        (None, "D:(A;OICIIO;GA;;;CO)", False, "O:BAG:SYD:(A;;FA;;;BA)"),
        (None, "D:(A;OICIIO;FA;;;CG)", True, "O:BAG:SYD:(A;;FA;;;SY)(A;OICIIO;FA;;;CG)"),
        ("D:(A;OI;GR;;;WD)", None, True, "O:BAG:SYD:(A;;FR;;;WD)(A;OIIO;GR;;;WD)"),
        ("D:(A;OI;FR;;;WD)", None, True, "O:BAG:SYD:(A;OI;FR;;;WD)"),
        (None, "D:(A;OI;GA;;;WD)S:(AU;OISA;GA;;;WD)", False, "O:BAG:SYD:(A;;FA;;;WD)S:(AU;SA;FA;;;WD)"),
    ],
)
def test_what_a_new_object_gets(explicit: str | None, parent: str | None, container: bool, found: str) -> None:
    assert made(explicit, parent, container=container) == found


def test_owners() -> None:
    assert made(None, None, administrator_token()).startswith(f"O:BAG:{machine_account(513)}D:")
    assert made(None, None, user_token()).startswith(f"O:{machine_account(1001)}G:")
    assert (
        made(None, "D:(A;OI;GA;;;CG)", Token(machine_account(7)))
        == f"O:{machine_account(7)}D:(A;;FA;;;{machine_account(7)})"
    )
    assert made(None, None, Token(machine_account(7))) == f"O:{machine_account(7)}"
