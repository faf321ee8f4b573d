"""What access checks have granted, remembered: the same token asks the same of the same descriptor again and again.

Tokens and descriptors are values that never change, so a check has one result for ever. Refusals are not remembered:
they are rare, and each is worth its full check.

Rows: R20
"""

from __future__ import annotations

from ..status import STATUS_SUCCESS
from .access_check import access_check
from .descriptor import SecurityDescriptor
from .token import Token

_MOST = 64


class AccessCache:
    """The granted checks of one System; the type of object is always a file or device."""

    def __init__(self) -> None:
        # By identity, as hashing a whole descriptor costs more than checking it; the values keep the identities alive.
        self._granted: dict[tuple[int, int, int], tuple[SecurityDescriptor | None, Token, int]] = {}

    def check(self, descriptor: SecurityDescriptor | None, token: Token, wanted: int) -> tuple[int, int]:
        """Whether `token` may have the rights `wanted`, and which it then has: (status, granted).

        NT: SeAccessCheck
        """
        key = id(descriptor), id(token), wanted
        known = self._granted.get(key)
        if known is not None:
            return STATUS_SUCCESS, known[2]
        status, granted = access_check(descriptor, token, wanted)
        if status == STATUS_SUCCESS:
            if len(self._granted) >= _MOST:
                self._granted.clear()
            self._granted[key] = descriptor, token, granted
        return status, granted
