"""The permission bits of files that were just created: what the process's umask took away is given back.

Rows: R10
"""

from __future__ import annotations

import os

from ...status import error_for, status_from_errno
from ..system import System


class Permissions:
    """Gives targets the permission bits of their sources, with a call only where one is needed."""

    def __init__(self, system: System) -> None:
        self._mask = 0 if system.hal.name == "simulated" else _umask()
        self._simulated = system.hal.name == "simulated"

    def apply(self, path: str, permissions: int, *, existed: bool) -> None:
        """Make sure a file has these bits; `existed`: it was there before, with bits of its own. Raises NtError."""
        if self._simulated or not (existed or permissions & self._mask):
            return
        try:
            os.chmod(path, permissions)
        except OSError as error:
            status = status_from_errno(error.errno or 0)
            raise error_for(status, f"cannot set permissions: {error.strerror}", path) from None


def _umask() -> int:
    """The process's umask, without changing it if possible: another thread may be creating files."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return int(next(line for line in status if line.startswith("Umask:")).split()[1], 8)
    except (OSError, StopIteration):
        mask = os.umask(0o77)
        os.umask(mask)
        return mask
