"""An open ring, and what a failing call on it raises.

Rows: R2, R9
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..io_manager.io_ring.ring import IoRing
from ..status import InvalidHandle, NtError, errno_from_status, hresult_from_status
from ..system.system import System
from .winerror import hresult_name

P = ParamSpec("P")
R = TypeVar("R")


class IoRingError(OSError):
    """An I/O-ring call failed with an HRESULT.

    `hresult` is unsigned; `submitted` is how many entries were started, when a wait ran out of time.
    NT: HRESULT
    """

    def __init__(self, hresult: int, message: str, *, errno: int | None = None, submitted: int | None = None) -> None:
        super().__init__(errno, message)
        self.args = (hresult, message)
        self.hresult = hresult
        self.submitted = submitted

    def __str__(self) -> str:
        return f"[{hresult_name(self.hresult)} 0x{self.hresult:08X}] {self.strerror}"


class HIORING:
    """An open ring, for the I/O-ring calls only.

    NT: HIORING
    """

    __slots__ = ("ring", "system")

    def __init__(self, ring: IoRing, system: System) -> None:
        self.ring = ring
        self.system = system

    def __repr__(self) -> str:
        return f"<HIORING version {self.ring.version}{' closed' if self.ring.closed else ''}>"


def open_ring(handle: HIORING) -> IoRing:
    """The ring; raises InvalidHandle for a closed one and for what is none."""
    try:
        ring = handle.ring
    except AttributeError:
        raise InvalidHandle(f"{handle!r} is not a ring") from None
    if ring.closed:
        ring.check_open()
    return ring


def raises_hresult(call: Callable[P, R]) -> Callable[P, R]:
    """Have a call raise IoRingError for whatever fails inside."""

    @functools.wraps(call)
    def checked(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return call(*arguments, **named)
        except NtError as problem:
            hresult, errno = hresult_from_status(problem.status), errno_from_status(problem.status)
            raise IoRingError(hresult, problem.strerror or "", errno=errno) from problem

    return checked
