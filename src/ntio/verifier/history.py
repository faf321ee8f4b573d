"""What was done to a packet, step by step, and by which line of which driver.

Rows: R19, R27
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from ..status import status_name

if TYPE_CHECKING:
    from types import FrameType

_PACKAGE = PurePath(__file__).parents[1]
#: Code between a driver's line and this file: not what its writer wants to be shown.
_BETWEEN = tuple(str(_PACKAGE / part) for part in ("verifier", "io_manager", "driver_kit", "wdm"))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done: `what`, by which driver, at which location, with which status, and where in the code."""

    what: str
    driver: str
    location: int
    status: int | None
    where: str

    def __str__(self) -> str:
        status = "" if self.status is None else f" {status_name(self.status)}"
        return f"{self.location:2} {self.driver:<16} {self.what}{status}  {self.where}"


def calling_line() -> str:
    """File and line of the nearest caller outside the I/O manager: the driver's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_BETWEEN):
            return f"{PurePath(file).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
