"""Names of objects, as a caller with a buffer of so many bytes gets them.

An OBJECT_NAME_INFORMATION is a string header of 16 bytes, and behind it the name with its terminator, two bytes each.
An object without a name has the header alone. What a caller with too little room is told depends on who answers: the
object manager itself says INFO_LENGTH_MISMATCH, a file object says so only if not even the header fits, and
BUFFER_OVERFLOW otherwise. All say how much would be enough.

Source: spec iomgr.md 7 H89; learn.microsoft.com ObQueryNameString; what Windows was seen to answer in Wine's tests of
ntdll (om.c) and ntoskrnl. Rows: R20
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..status import STATUS_BUFFER_OVERFLOW, STATUS_INFO_LENGTH_MISMATCH, STATUS_SUCCESS

#: The bytes of OBJECT_NAME_INFORMATION before the name.
NAME_HEADER: Final = 16


@dataclass(frozen=True, slots=True)
class NameAnswer:
    """What came of a query for a name: a status, the name if it was given, and the bytes that the answer takes.

    NT: OBJECT_NAME_INFORMATION
    """

    status: int
    name: str
    required: int


def name_size(name: str) -> int:
    """The bytes that a name takes with header and terminator; the header alone for no name."""
    return NAME_HEADER + (2 * len(name) + 2 if name else 0)


def fit_name(name: str, length: int, *, of_file: bool = False) -> NameAnswer:
    """The answer to who asks for a name with room for `length` bytes; `of_file` as file objects answer.

    NT: ObQueryNameString
    """
    required = name_size(name)
    if length >= required:
        return NameAnswer(STATUS_SUCCESS, name, required)
    overflow = of_file and length >= NAME_HEADER
    return NameAnswer(STATUS_BUFFER_OVERFLOW if overflow else STATUS_INFO_LENGTH_MISMATCH, "", required)
