"""What one read or write may ask for: offsets and lengths as plain ints, refused where no file could have them."""

from __future__ import annotations

import operator
from typing import Any

from ..hal.operations import MAXIMUM_TRANSFER
from ..status import InvalidParameter

#: The largest offset: file sizes are signed 64-bit numbers.
MAXIMUM_OFFSET = (1 << 63) - 1


def checked_offset(offset: int, length: int) -> int:
    """The offset of `length` bytes; raises InvalidParameter."""
    number = operator.index(offset)
    if number < 0:
        raise InvalidParameter(f"offset {number} is negative: offsets count from the start of the file")
    if number + length > MAXIMUM_OFFSET:
        raise InvalidParameter(f"offset {number} + {length} bytes is beyond 2**63 - 1, where files end")
    return number


def memory_for(target: Any) -> Any:
    """The memory a caller asks for: a buffer as it is, or so many new bytes."""
    if hasattr(target, "__index__") and not hasattr(target, "__len__"):  # an array of one number has both
        return bytearray(checked_length(target))
    return target


def checked_length(length: int) -> int:
    """How many bytes; raises InvalidParameter."""
    number = operator.index(length)
    if number < 0:
        raise InvalidParameter(f"length {number} is negative")
    if number > MAXIMUM_TRANSFER:
        raise InvalidParameter(f"{number} bytes in one request: at most {MAXIMUM_TRANSFER} are possible, split it")
    return number
