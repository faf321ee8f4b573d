"""The calls that belong to no other module, where pywin32 has them: handles, threads, sleeping.

Source: pywin32's module win32api. Rows: R31
"""

from __future__ import annotations

import os
from tempfile import gettempdir

from ..object_manager.handles import DUPLICATE_CLOSE_SOURCE, DUPLICATE_SAME_ACCESS
from ..object_manager.objects import OBJ_INHERIT
from ..system.system import System
from .handles import CloseHandle, number_in, system_of
from .pyhandle import Handle, PyHANDLE, error, win32_errors
from .threads import GetCurrentThread, GetCurrentThreadId, OpenThread, QueueUserAPC, Sleep, SleepEx
from .waits import CURRENT_THREAD

__all__ = [
    "DUPLICATE_CLOSE_SOURCE", "DUPLICATE_SAME_ACCESS",
    "CloseHandle", "DuplicateHandle", "GetCurrentProcess", "GetCurrentThread", "GetCurrentThreadId", "GetTempPath",
    "OpenThread", "QueueUserAPC", "Sleep", "SleepEx", "error",
]  # fmt: skip


def GetCurrentProcess() -> int:
    """A number that stands for this process, the only one whose handles there are.

    NT: GetCurrentProcess
    """
    return -1


def GetTempPath() -> str:
    """The host's directory for temporary files, with a separator at its end.

    NT: GetTempPathW
    """
    return os.path.join(gettempdir(), "")


def DuplicateHandle(
    hSourceProcess: int,
    hSource: Handle,
    hTargetProcessHandle: int,
    desiredAccess: int,
    bInheritHandle: bool,
    options: int,
    *,
    system: System | None = None,
) -> PyHANDLE:
    """One more handle for the same object, or one for the calling thread; both processes are this one.

    Raises `pywintypes.error`.
    NT: DuplicateHandle
    """
    owner = system_of(hSource, system)
    with win32_errors("DuplicateHandle"):
        number, inherits = number_in(hSource, owner), OBJ_INHERIT if bInheritHandle else 0
        if number == CURRENT_THREAD:
            return PyHANDLE(owner, owner.io.handles.insert(owner.io.threads.current(), None, inherits))
        same = options & DUPLICATE_SAME_ACCESS
        new = PyHANDLE(owner, owner.io.handles.duplicate(number, desiredAccess, inherits, same))
        if options & DUPLICATE_CLOSE_SOURCE:
            CloseHandle(hSource, system=owner)
        return new
