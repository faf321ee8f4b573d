"""What a handle names: the one place where the Win32 calls look it up.

A `PyHANDLE` names an object of its own System, a plain number one of the System the call is about. A handle of another
kind, of another System or of nothing is no handle.

Rows: R12
"""

from __future__ import annotations

import io
import operator
import socket
from typing import Any, TypeVar

from ..io_manager.file_object import FileObject
from ..status import STATUS_ACCESS_DENIED, InvalidHandle, error_for
from ..system.default import default_system
from ..system.system import System
from .pyhandle import Handle, PyHANDLE, win32_errors

T = TypeVar("T")


def system_of(handle: Handle, system: System | None = None) -> System:
    """The System a handle belongs to: its own, the given one, or the default one."""
    if isinstance(handle, PyHANDLE):
        return handle.system
    return system or default_system()


def number_in(handle: Handle, system: System) -> int:
    """The number of a handle in a System, unsigned; raises InvalidHandle for one of another System."""
    if isinstance(handle, PyHANDLE):
        if handle.system is not system:
            raise InvalidHandle(f"{handle!r} belongs to another System")
        return int(handle)
    return (handle if type(handle) is int else _number_told(handle)) & 0xFFFF_FFFF_FFFF_FFFF


def _number_told(thing: Any) -> int:
    """The handle that a program's own object with a method `fileno` has, as pywin32 takes them; raises TypeError."""
    if isinstance(thing, (socket.socket, io.IOBase)):
        raise TypeError(
            f"{thing!r} is the host's and has no handle: ntio.win32.socket and CreateFile make what has one"
        )
    told = thing.fileno() if hasattr(thing, "fileno") else thing
    try:
        return operator.index(told)
    except TypeError:
        raise TypeError(f"a handle is needed, not {type(thing).__name__}") from None


def find_object(handle: Handle, kind: type[T], system: System | None = None) -> T:
    """The object of that kind which a handle names; raises InvalidHandle."""
    owner = system_of(handle, system)
    return owner.io.handles.reference(number_in(handle, owner), kind)


def find_file(handle: Handle, system: System, access: int) -> FileObject:
    """The file a handle names, if the handle has any of these rights, or none is needed (0).

    A duplicate may have fewer rights than the file was opened with. Raises InvalidHandle, AccessDenied.
    """
    number = number_in(handle, system)
    file_object = system.io.handles.reference(number, FileObject)
    if access and not system.io.handles.entry(number).access & access:
        raise error_for(STATUS_ACCESS_DENIED, "the handle has no right to that")
    return file_object


def CloseHandle(handle: Handle, *, system: System | None = None) -> None:
    """Close a handle of any kind; raises `pywintypes.error` for one that is not open.

    NT: CloseHandle
    """
    owner = system_of(handle, system)
    with win32_errors("CloseHandle"):
        owner.io.handles.close_dropped()  # what was dropped is closed already, for the caller
        # Taken from the object before: a number that is closed may be another's by the time the object is dropped.
        owner.io.handles.close(handle.Detach() if isinstance(handle, PyHANDLE) else number_in(handle, owner))
