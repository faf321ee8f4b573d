"""The exception, the handle and the OVERLAPPED of the Win32 face, where pywin32 has them.

Source: pywin32's documentation of the module pywintypes. Rows: R12, R32
"""

from __future__ import annotations

from .overlapped import OVERLAPPED
from .pyhandle import BufferInUseError, Handle, PyHANDLE, error, refuse, win32_errors

__all__ = ["OVERLAPPED", "BufferInUseError", "Handle", "PyHANDLE", "error", "refuse", "win32_errors"]
