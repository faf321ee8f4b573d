"""Waiting by its Win32 names: for events, for files, for the end of a thread; for one of several, or for all.

A file is signalled while nothing is outstanding on it: it is reset when a request starts and set when any ends, so that
it cannot tell two requests apart. The forms that end in Ex let user APCs run, which ends the wait.

Source: learn.microsoft.com/windows/win32/api/synchapi; spec iocp.md 6, 7; pywin32's win32event. Rows: R8, R31
"""

from __future__ import annotations

from collections.abc import Sequence

from ..hal.machine import Hal
from ..io_manager.file_object import FileObject
from ..kernel.apc import wait_alertable
from ..kernel.event import Event
from ..kernel.thread import Thread
from ..kernel.wait import wait_for_all, wait_for_any
from ..security.access_mask import SYNCHRONIZE
from ..status import (
    STATUS_ACCESS_DENIED,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
    STATUS_USER_APC,
    InvalidHandle,
    InvalidParameter,
    error_for,
)
from ..system.system import System
from .handles import number_in, system_of
from .pyhandle import Handle, PyHANDLE, win32_errors
from .win32con import INFINITE, MAXIMUM_WAIT_OBJECTS, WAIT_IO_COMPLETION, WAIT_OBJECT_0, WAIT_TIMEOUT

__all__ = ["WaitForMultipleObjects", "WaitForMultipleObjectsEx", "WaitForSingleObject", "WaitForSingleObjectEx"]

#: Stands for the calling thread wherever a thread's handle is wanted.
CURRENT_THREAD = 0xFFFF_FFFF_FFFF_FFFE
#: Seconds between two looks at whether a thread has ended, for who waits for that and for user APCs.
_LOOK = 0.02

_RESULTS = {STATUS_SUCCESS: WAIT_OBJECT_0, STATUS_TIMEOUT: WAIT_TIMEOUT, STATUS_USER_APC: WAIT_IO_COMPLETION}


def WaitForSingleObject(hHandle: Handle, milliseconds: int, *, system: System | None = None) -> int:
    """Wait for an event, a file or a thread; WAIT_OBJECT_0, or WAIT_TIMEOUT after so long (INFINITE: never).

    NT: WaitForSingleObject
    """
    return _wait_for_one("WaitForSingleObject", hHandle, milliseconds, False, system)


def WaitForSingleObjectEx(hHandle: Handle, milliseconds: int, bAlertable: bool, *, system: System | None = None) -> int:
    """The same; when alertable, user APCs are run and end it with WAIT_IO_COMPLETION.

    NT: WaitForSingleObjectEx
    """
    return _wait_for_one("WaitForSingleObjectEx", hHandle, milliseconds, bAlertable, system)


def WaitForMultipleObjects(
    handles: Sequence[Handle], bWaitAll: bool, milliseconds: int, *, system: System | None = None
) -> int:
    """Wait for one of several events or files, or for all at once; WAIT_OBJECT_0 + index of the one, or WAIT_TIMEOUT.

    NT: WaitForMultipleObjects
    """
    return _wait_for_several("WaitForMultipleObjects", handles, bWaitAll, milliseconds, False, system)


def WaitForMultipleObjectsEx(
    handles: Sequence[Handle],
    bWaitAll: bool,
    milliseconds: int,
    bAlertable: bool,
    *,
    system: System | None = None,
) -> int:
    """The same; when alertable, user APCs are run and end it with WAIT_IO_COMPLETION.

    NT: WaitForMultipleObjectsEx
    """
    return _wait_for_several("WaitForMultipleObjectsEx", handles, bWaitAll, milliseconds, bAlertable, system)


def _wait_for_one(name: str, handle: Handle, milliseconds: int, alertable: bool, system: System | None) -> int:
    owner, timeout = system_of(handle, system), seconds(milliseconds)
    io = owner.io
    with win32_errors(name):
        waited_for = _waitable(handle, owner)
        if isinstance(waited_for, Thread):
            return _RESULTS[_join(owner, waited_for, timeout, alertable)]
        event = waited_for
    if alertable:
        return _RESULTS[wait_alertable(io.hal, io.threads.current(), event, timeout)]
    return WAIT_OBJECT_0 if event.wait(timeout) else WAIT_TIMEOUT


def _wait_for_several(
    name: str, handles: Sequence[Handle], every: bool, milliseconds: int, alertable: bool, system: System | None
) -> int:
    with win32_errors(name):
        if not 1 <= len(handles) <= MAXIMUM_WAIT_OBJECTS:
            raise InvalidParameter(f"{len(handles)} handles: 1 to {MAXIMUM_WAIT_OBJECTS} are possible")
        named = next((handle for handle in handles if isinstance(handle, PyHANDLE)), handles[0])
        owner = system_of(named, system)
        events = [_waitable(handle, owner) for handle in handles]
        several = [event for event in events if isinstance(event, Event)]
        if len(several) < len(events):
            raise InvalidHandle("threads are waited for one at a time here")
        if every and len({id(event) for event in several}) < len(several):
            raise InvalidParameter("one object is named twice")
    wait = wait_for_all if every else wait_for_any
    io = owner.io
    status = wait(io.hal, io.threads.current(), several, seconds(milliseconds), alertable=alertable)
    return _RESULTS[status] if status in (STATUS_TIMEOUT, STATUS_USER_APC) else WAIT_OBJECT_0 + status


def _waitable(handle: Handle, owner: System) -> Event | Thread:
    """What a handle is waited for by, if it has the right; raises InvalidHandle, AccessDenied."""
    number = number_in(handle, owner)
    if number == CURRENT_THREAD:
        return owner.io.threads.current()
    entry = owner.io.objects.entry(number)
    body = entry.header.body
    if not isinstance(body, (Event, FileObject, Thread)):
        raise InvalidHandle(f"a {entry.header.type_name} cannot be waited for")
    if not entry.access & SYNCHRONIZE:
        raise error_for(STATUS_ACCESS_DENIED, "the handle lacks the right to wait")
    return body.event if isinstance(body, FileObject) else body


def _join(owner: System, thread: Thread, timeout: float | None, alertable: bool) -> int:
    io = owner.io
    me = io.threads.current()
    if not alertable and thread is not me:
        return STATUS_SUCCESS if io.hal.join(thread.host, timeout) else STATUS_TIMEOUT
    # Nobody is told of a thread's end, so who listens for something else as well looks for it now and then.
    deadline = None if timeout is None else io.hal.clock.now() + timeout
    while not thread.host.ended():
        left = None if deadline is None else max(deadline - io.hal.clock.now(), 0)
        look = left if thread is me else _LOOK if left is None else min(left, _LOOK)
        status = wait_alertable(io.hal, me, None, look) if alertable else sleep(io.hal, look)
        if status == STATUS_USER_APC or left == 0:
            return status
    return STATUS_SUCCESS


def sleep(hal: Hal, timeout: float | None) -> int:
    """Sleep so many seconds, or (None) for ever; returns STATUS_TIMEOUT. The wait counts."""
    Event(hal).wait(timeout)
    return STATUS_TIMEOUT


def seconds(milliseconds: int) -> float | None:
    """A Win32 timeout, -1 or 0xFFFFFFFF milliseconds meaning for ever, in seconds."""
    wrapped = milliseconds & 0xFFFF_FFFF
    return None if wrapped == INFINITE else wrapped / 1000
