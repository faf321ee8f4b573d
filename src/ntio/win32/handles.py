"""What a handle names: the one place where the Win32 calls look it up.

A `PyHANDLE` names an object of its own System, a plain number one of the System the call is about. A handle of another
kind, of another System or of nothing is no handle.

Rows: R12
"""

from __future__ import annotations

from typing import TypeVar

from ..status import InvalidHandle
from ..system.default import default_system
from ..system.system import System
from .pyhandle import Handle, PyHANDLE

T = TypeVar("T")


def system_of(handle: Handle, system: System | None = None) -> System:
    """The System a handle belongs to: its own, the given one, or the default one."""
    if isinstance(handle, PyHANDLE):
        return handle.system
    return system or default_system()


def number_in(handle: Handle, system: System) -> int:
    """The number of a handle in a System, unsigned; raises InvalidHandle for one of another System."""
    if isinstance(handle, PyHANDLE) and handle.system is not system:
        raise InvalidHandle(f"{handle!r} belongs to another System")
    return int(handle) & 0xFFFF_FFFF_FFFF_FFFF


def find_object(handle: Handle, kind: type[T], system: System | None = None) -> T:
    """The object of that kind which a handle names; raises InvalidHandle."""
    owner = system_of(handle, system)
    return owner.io.handles.reference(number_in(handle, owner), kind)
