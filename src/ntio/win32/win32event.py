"""Events by their Win32 names, with pywin32's parameters: made, set, reset, and waited for.

Source: learn.microsoft.com/windows/win32/api/synchapi. Rows: R8
"""

from __future__ import annotations

from ..kernel.event import Event, EventType
from ..system.default import default_system
from ..system.system import System
from .handles import find_object
from .pywintypes import Handle, PyHANDLE, refuse, win32_errors
from .win32con import INFINITE, WAIT_OBJECT_0, WAIT_TIMEOUT
from .winerror import ERROR_NOT_SUPPORTED

__all__ = [
    "INFINITE", "WAIT_OBJECT_0", "WAIT_TIMEOUT",
    "CreateEvent", "ResetEvent", "SetEvent", "WaitForSingleObject",
]  # fmt: skip


def CreateEvent(
    EventAttributes: object, bManualReset: bool, bInitialState: bool, Name: str | None, *, system: System | None = None
) -> PyHANDLE:
    """Make an event; one that is reset by hand wakes all waiters, the other one. Only events without a name.

    NT: CreateEventW
    """
    if Name:
        raise refuse("CreateEvent", "events have no names here", ERROR_NOT_SUPPORTED)
    system = system or default_system()
    kind = EventType.NOTIFICATION if bManualReset else EventType.SYNCHRONIZATION
    with win32_errors("CreateEvent"):
        return PyHANDLE(system, system.io.handles.insert(Event(system.hal, kind, signaled=bool(bInitialState))))


def SetEvent(hEvent: Handle, *, system: System | None = None) -> None:
    """Set an event.

    NT: SetEvent
    """
    with win32_errors("SetEvent"):
        find_object(hEvent, Event, system).set()


def ResetEvent(hEvent: Handle, *, system: System | None = None) -> None:
    """Clear an event.

    NT: ResetEvent
    """
    with win32_errors("ResetEvent"):
        find_object(hEvent, Event, system).reset()


def WaitForSingleObject(hHandle: Handle, milliseconds: int, *, system: System | None = None) -> int:
    """Wait for an event; WAIT_OBJECT_0 when it was set, WAIT_TIMEOUT after so many milliseconds (INFINITE: never).

    NT: WaitForSingleObject
    """
    with win32_errors("WaitForSingleObject"):
        event = find_object(hHandle, Event, system)
    return WAIT_OBJECT_0 if event.wait(seconds(milliseconds)) else WAIT_TIMEOUT


def seconds(milliseconds: int) -> float | None:
    """A Win32 timeout, -1 or 0xFFFFFFFF milliseconds meaning for ever, in seconds."""
    wrapped = milliseconds & 0xFFFF_FFFF
    return None if wrapped == INFINITE else wrapped / 1000
