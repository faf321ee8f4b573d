"""Waiting by its Win32 names: for events, for files, for the end of a thread; for one of several, or for all.

A file is signalled while nothing is outstanding on it: it is reset when a request starts and set when any ends, so that
it cannot tell two requests apart. The forms that end in Ex let user APCs run, which ends the wait.

Source: learn.microsoft.com/windows/win32/api/synchapi; spec iocp.md 6, 7; pywin32's win32event. Rows: R8, R31
"""

from __future__ import annotations

from collections.abc import Sequence

from ..hal.machine import Hal
from ..io_manager.file_object import FileObject
from ..kernel.event import Event
from ..kernel.thread import Thread
from ..kernel.wait import wait_for_all, wait_for_any
from ..security.access_mask import SYNCHRONIZE
from ..status import (
    STATUS_ACCESS_DENIED,
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

_RESULTS = {STATUS_TIMEOUT: WAIT_TIMEOUT, STATUS_USER_APC: WAIT_IO_COMPLETION}


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
    """Wait for one of several events, files or threads, or for all at once: WAIT_OBJECT_0 + index, or WAIT_TIMEOUT.

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
    with win32_errors(name):
        waited_for = _waitable(handle, owner)
    if alertable or waited_for is owner.io.threads.current():
        return _result_of(_wait(owner, [waited_for], False, timeout, alertable))
    if isinstance(waited_for, Thread):
        return WAIT_OBJECT_0 if owner.io.hal.join(waited_for.host, timeout) else WAIT_TIMEOUT
    return WAIT_OBJECT_0 if waited_for.wait(timeout) else WAIT_TIMEOUT


def _wait_for_several(
    name: str, handles: Sequence[Handle], every: bool, milliseconds: int, alertable: bool, system: System | None
) -> int:
    with win32_errors(name):
        if not 1 <= len(handles) <= MAXIMUM_WAIT_OBJECTS:
            raise InvalidParameter(f"{len(handles)} handles: 1 to {MAXIMUM_WAIT_OBJECTS} are possible")
        named = next((handle for handle in handles if isinstance(handle, PyHANDLE)), handles[0])
        owner = system_of(named, system)
        waited_for = [_waitable(handle, owner) for handle in handles]
        if every and len(set(map(id, waited_for))) < len(waited_for):
            raise InvalidParameter("one object is named twice")
    return _result_of(_wait(owner, waited_for, every, seconds(milliseconds), alertable))


def _result_of(status: int) -> int:
    return _RESULTS.get(status, WAIT_OBJECT_0 + status)


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


def _wait(owner: System, waited_for: Sequence[Event | Thread], every: bool, timeout: float | None, ex: bool) -> int:
    """Wait for one, and return its index, or for all; or return STATUS_TIMEOUT, STATUS_USER_APC. `ex`: alertably.

    Nobody is told of a thread's end, so who listens for something else as well looks for it now and then.
    """
    io, wait = owner.io, wait_for_all if every else wait_for_any
    me, clock = io.threads.current(), io.hal.clock
    ends = {one: Event(io.hal) for one in waited_for if isinstance(one, Thread)}
    events = [ends[one] if isinstance(one, Thread) else one for one in waited_for]
    ends.pop(me, None)  # which does not end in here
    deadline = None if timeout is None else clock.now() + timeout
    while True:
        for thread, ended in ends.items():
            if thread.host.ended():
                ended.set()
        left = None if deadline is None else max(deadline - clock.now(), 0)
        look = left if not ends else _LOOK if left is None else min(left, _LOOK)
        status = wait(io.hal, me, events, look, alertable=ex)
        if status != STATUS_TIMEOUT or not ends or left == 0:
            return status


def sleep(hal: Hal, timeout: float | None) -> int:
    """Sleep so many seconds, or (None) for ever; returns STATUS_TIMEOUT. The wait counts."""
    Event(hal).wait(timeout)
    return STATUS_TIMEOUT


def seconds(milliseconds: int) -> float | None:
    """A Win32 timeout, -1 or 0xFFFFFFFF milliseconds meaning for ever, in seconds."""
    wrapped = milliseconds & 0xFFFF_FFFF
    return None if wrapped == INFINITE else wrapped / 1000
