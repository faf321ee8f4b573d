"""Threads by their Win32 names: handles for them, user APCs, and sleeping so that those may run.

A user APC is a routine that runs in one particular thread, when that thread waits alertably: SleepEx, the waits whose
names end in Ex, GetQueuedCompletionStatusEx. All that are queued run in one such wait, in their order, which then
returns WAIT_IO_COMPLETION.

A thread is known to a System from its first call on; its number is the host's (`threading.get_native_id()`).

Source: spec iocp.md 7; learn.microsoft.com "Asynchronous Procedure Calls"; pywin32's win32api. Rows: R31
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..kernel.apc import queue_apc, wait_alertable
from ..kernel.thread import Thread
from ..object_manager.objects import OBJ_INHERIT
from ..status import STATUS_ACCESS_DENIED, STATUS_INVALID_PARAMETER, STATUS_USER_APC, error_for
from ..system.default import default_system
from ..system.system import System
from .handles import find_object, number_in, system_of
from .pyhandle import Handle, PyHANDLE, win32_errors
from .waits import CURRENT_THREAD, seconds, sleep
from .win32con import THREAD_SET_CONTEXT, WAIT_IO_COMPLETION

__all__ = ["GetCurrentThread", "GetCurrentThreadId", "OpenThread", "QueueUserAPC", "Sleep", "SleepEx"]


def GetCurrentThread() -> int:
    """A number that stands for whichever thread uses it.

    NT: GetCurrentThread
    """
    return CURRENT_THREAD


def GetCurrentThreadId(*, system: System | None = None) -> int:
    """The calling thread's number; the System knows the thread from now on.

    NT: GetCurrentThreadId
    """
    return (system or default_system()).io.threads.current().host.native


def OpenThread(reqdAccess: int, bInheritHandle: bool, threadId: int, *, system: System | None = None) -> PyHANDLE:
    """A handle for a thread that has used the System, with the rights asked for; raises `pywintypes.error`.

    Cancelling what it waits for takes THREAD_TERMINATE, a routine THREAD_SET_CONTEXT, waiting for it SYNCHRONIZE.
    NT: OpenThread
    """
    owner = system or default_system()
    with win32_errors("OpenThread"):
        for thread in owner.io.threads.known():
            if threadId in (thread.host.native, thread.host.identity) and not thread.host.ended():
                access = owner.io.objects.type_of(thread).mapping.map(reqdAccess)
                inherits = OBJ_INHERIT if bInheritHandle else 0
                return PyHANDLE(owner, owner.io.handles.insert(thread, access, inherits))
        raise error_for(STATUS_INVALID_PARAMETER, f"no thread {threadId} has used this System")


def find_thread(handle: Handle, system: System, access: int) -> Thread:
    """The thread a handle names, the calling one for its pseudo handle; raises InvalidHandle, AccessDenied."""
    number = number_in(handle, system)
    if number == CURRENT_THREAD:
        return system.io.threads.current()
    thread = find_object(handle, Thread, system)
    if access & ~system.io.objects.entry(number).access:
        raise error_for(STATUS_ACCESS_DENIED, f"the handle lacks right {access:#x} to the thread")
    return thread


def QueueUserAPC(pfnAPC: Callable[[Any], object], hThread: Handle, dwData: Any, *, system: System | None = None) -> int:
    """Have `pfnAPC(dwData)` run in a thread when that one waits alertably; returns a number other than 0.

    NT: QueueUserAPC
    """
    owner = system_of(hThread, system)
    with win32_errors("QueueUserAPC"):
        queue_apc(find_thread(hThread, owner, THREAD_SET_CONTEXT), pfnAPC, dwData)
    return 1


def SleepEx(milliseconds: int, bAlertable: bool, *, system: System | None = None) -> int:
    """Sleep so long; 0, or WAIT_IO_COMPLETION when user APCs came and were run.

    NT: SleepEx
    """
    io = (system or default_system()).io
    if not bAlertable:
        sleep(io.hal, seconds(milliseconds))
        return 0
    status = wait_alertable(io.hal, io.threads.current(), None, seconds(milliseconds))
    return WAIT_IO_COMPLETION if status == STATUS_USER_APC else 0


def Sleep(time: int, bAlertable: bool = False, *, system: System | None = None) -> int:
    """Sleep so many milliseconds, as SleepEx does.

    NT: Sleep
    """
    return SleepEx(time, bAlertable, system=system)
