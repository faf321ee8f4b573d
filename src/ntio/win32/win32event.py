r"""Events by their Win32 names, with pywin32's parameters: made, opened by name, set, reset; waiting is in `waits`.

An event with a name stands in `\BaseNamedObjects`; whoever makes one under a name that is taken by an event gets that
one, as it is. Names may begin with `Global\` or `Local\`, which are the same here.

Source: learn.microsoft.com/windows/win32/api/synchapi, "Kernel object namespaces". Rows: R8, R20
"""

from __future__ import annotations

from ..kernel.event import Event, EventType
from ..object_manager.events import create_event, open_event
from ..object_manager.objects import OBJ_INHERIT, OBJ_OPENIF
from ..object_manager.opening import ObjectAttributes
from ..object_manager.types import EVENT_ALL_ACCESS, EVENT_MODIFY_STATE
from ..security.access_mask import SYNCHRONIZE, USER_MODE
from ..status import STATUS_ACCESS_DENIED, error_for
from ..system.default import default_system
from ..system.system import System
from .handles import find_object, number_in, system_of
from .pyhandle import Handle, PyHANDLE, error, win32_errors
from .security_attributes import Attributes, descriptor_of, inheritance_of
from .waits import WaitForMultipleObjects, WaitForMultipleObjectsEx, WaitForSingleObject, WaitForSingleObjectEx
from .win32con import (
    INFINITE,
    MAXIMUM_WAIT_OBJECTS,
    WAIT_ABANDONED,
    WAIT_ABANDONED_0,
    WAIT_FAILED,
    WAIT_IO_COMPLETION,
    WAIT_OBJECT_0,
    WAIT_TIMEOUT,
)

__all__ = [
    "EVENT_ALL_ACCESS", "EVENT_MODIFY_STATE", "INFINITE", "MAXIMUM_WAIT_OBJECTS", "SYNCHRONIZE",
    "WAIT_ABANDONED", "WAIT_ABANDONED_0", "WAIT_FAILED",
    "WAIT_IO_COMPLETION", "WAIT_OBJECT_0", "WAIT_TIMEOUT",
    "CreateEvent", "OpenEvent", "ResetEvent", "SetEvent", "WaitForMultipleObjects", "WaitForMultipleObjectsEx",
    "WaitForSingleObject", "WaitForSingleObjectEx", "error",
]  # fmt: skip


def CreateEvent(
    EventAttributes: Attributes,
    bManualReset: bool | int,
    bInitialState: bool | int,
    Name: str | None,
    *,
    system: System | None = None,
) -> PyHANDLE:
    """Make an event, or open the one of that name; one that is reset by hand wakes all waiters, the other one.

    NT: CreateEventW
    """
    system = system or default_system()
    kind = EventType.NOTIFICATION if bManualReset else EventType.SYNCHRONIZATION
    inherited = OBJ_OPENIF | inheritance_of(EventAttributes)
    wanted = ObjectAttributes(_native(Name), inherited, security_descriptor=descriptor_of(EventAttributes))
    with win32_errors("CreateEvent"):
        _, handle = create_event(
            system.io.objects, EVENT_ALL_ACCESS, wanted, kind, signaled=bool(bInitialState), mode=USER_MODE
        )
        return PyHANDLE(system, handle)


def OpenEvent(desiredAccess: int, bInheritHandle: bool, name: str, *, system: System | None = None) -> PyHANDLE:
    """Open the event of a name; raises `pywintypes.error` where there is none, or it may not be had.

    NT: OpenEventW
    """
    system = system or default_system()
    wanted = ObjectAttributes(_native(name), OBJ_INHERIT if bInheritHandle else 0)
    with win32_errors("OpenEvent"):
        return PyHANDLE(system, open_event(system.io.objects, desiredAccess, wanted, USER_MODE))


def _native(name: str | None) -> str:
    return f"\\BaseNamedObjects\\{name}" if name else ""


def _event(handle: Handle, access: int, system: System | None) -> Event:
    """The event a handle names, if the handle has that right; raises InvalidHandle, AccessDenied."""
    event, owner = find_object(handle, Event, system), system_of(handle, system)
    if access & ~owner.io.objects.entry(number_in(handle, owner)).access:
        raise error_for(STATUS_ACCESS_DENIED, f"the handle lacks right {access:#x} to the event")
    return event


def SetEvent(hEvent: Handle, *, system: System | None = None) -> None:
    """Set an event.

    NT: SetEvent
    """
    with win32_errors("SetEvent"):
        _event(hEvent, EVENT_MODIFY_STATE, system).set()


def ResetEvent(hEvent: Handle, *, system: System | None = None) -> None:
    """Clear an event.

    NT: ResetEvent
    """
    with win32_errors("ResetEvent"):
        _event(hEvent, EVENT_MODIFY_STATE, system).reset()
