"""The exception, the handle, the OVERLAPPED and the security attributes of the Win32 face, where pywin32 has them.

Source: pywin32's documentation of the module pywintypes. Rows: R12, R32
"""

from __future__ import annotations

import operator
from typing import Any

from ..system.default import default_system
from ..system.system import System
from .overlapped import OVERLAPPED
from .pyhandle import BufferInUseError, Handle, PyHANDLE, error, refuse, win32_errors
from .security_attributes import SECURITY_ATTRIBUTES

__all__ = [
    "HANDLE", "OVERLAPPED", "SECURITY_ATTRIBUTES", "BufferInUseError", "Handle", "HANDLEType", "OVERLAPPEDType",
    "PyHANDLE", "error", "refuse", "win32_errors",
]  # fmt: skip

HANDLEType = PyHANDLE
OVERLAPPEDType = OVERLAPPED


def HANDLE(handle: Any = None, *, system: System | None = None) -> PyHANDLE:
    """A handle object for a number that a program has, which it closes in the end; None is 0.

    NT: HANDLE
    """
    known = handle.system if isinstance(handle, PyHANDLE) else system or default_system()
    return PyHANDLE(known, 0 if handle is None else operator.index(handle) & 0xFFFF_FFFF_FFFF_FFFF)
