"""How a routine of ours gets the form of the C call: one line per name.

    IoMarkIrpPending = method(Irp.mark_pending)                 f(object, ...) calls object.mark_pending(...)
    IoGetCurrentIrpStackLocation = getter(Irp.location)         f(object) reads object.location
    IoCreateSymbolicLink = status_of(create_symbolic_link)      returns the NTSTATUS of what it raises
    IoGetDeviceObjectPointer = status_and_value(open_pointer)   (NTSTATUS, value); the value is None on failure

Every name calls through the object it is given, never a class's function as such: where packets are watched they are of
another class, and its steps have to be the ones taken. The implementation stays reachable as `__wrapped__`, and its
docstring is the name's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..io_manager.codes.major import KERNEL_MODE, USER_MODE
from ..io_manager.file_object import FileObject
from ..status import STATUS_SUCCESS, NtError

Routine = Callable[..., Any]
#: From a System or a driver, a device, a file, a packet to the I/O manager.
_WAYS = (("io",), ("driver", "io"), ("device", "driver", "io"), ("location", "device", "driver", "io"))


def method(implementation: Any, takes: int | None = None) -> Routine:
    """f(object, ...) for a method; it gets the first `takes` of the other arguments, all when left out."""
    name = implementation.__name__

    @functools.wraps(implementation)
    def call(target: Any, *arguments: Any) -> Any:
        return getattr(target, name)(*arguments[:takes])

    return call


def getter(implementation: Any) -> Routine:
    """f(object) for a property."""
    name = implementation.fget.__name__

    @functools.wraps(implementation.fget)
    def get(target: Any) -> Any:
        return getattr(target, name)

    return get


def second_first(implementation: Any) -> Routine:
    """f(other, object) for a method of the second argument that takes the first."""
    name = implementation.__name__

    @functools.wraps(implementation)
    def call(first: Any, target: Any) -> Any:
        return getattr(target, name)(first)

    return call


def status_of(function: Routine) -> Routine:
    """A status in place of an exception."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> int:
        try:
            function(*arguments, **keywords)
        except NtError as error:
            return error.status
        return STATUS_SUCCESS

    return call


def status_and_value(function: Routine) -> Routine:
    """A status and the value, or None in its place, instead of an exception."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> tuple[int, Any]:
        try:
            return STATUS_SUCCESS, function(*arguments, **keywords)
        except NtError as error:
            return error.status, None

    return call


def or_none(function: Routine) -> Routine:
    """None in place of an exception: NULL."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except NtError:
            return None

    return call


def manager_of(system: Any) -> Any:
    """The I/O manager of a System, or of a driver, device, file or packet of it."""
    for path in _WAYS:
        found = system
        for name in path:
            found = getattr(found, name, None)
        if found is not None:
            return found
    return system


def once_in_a_system(find: Callable[[Any], Any], implementation: Any) -> Routine:
    """f(..., system=...) for a method of something there is once in a System; `find` takes it from the I/O manager."""
    name = implementation.__name__

    @functools.wraps(implementation)
    def call(*arguments: Any, system: Any = None) -> Any:
        return getattr(find(_system_of(arguments, system)), name)(*arguments)

    return call


def of_objects(function: Routine) -> Routine:
    """f(..., system=...) for a function of the System's object manager."""

    @functools.wraps(function)
    def call(*arguments: Any, system: Any = None) -> Any:
        return function(_system_of(arguments, system).objects, *arguments)

    return call


def _system_of(arguments: tuple[Any, ...], system: Any) -> Any:
    """The I/O manager of the System given, or else of the first argument; raises TypeError when that has none."""
    given = system if system is not None or not arguments else arguments[0]
    found = manager_of(given)
    if not hasattr(found, "irps"):
        raise TypeError("give system=: the System, or a driver, a device, a file or a packet of it")
    return found


def by_handle(function: Routine) -> Routine:
    """A service on a file, which is a handle, with `system=`, or a file object."""

    @functools.wraps(function)
    def call(file: Any, *arguments: Any, system: Any = None, **keywords: Any) -> int:
        try:
            found = manager_of(system).handles.reference(file, FileObject) if isinstance(file, int) else file
        except NtError as error:
            return error.status
        return int(function(found, *arguments, **keywords))

    return call


def both_modes(function: Routine) -> tuple[Routine, Routine]:
    """A service as a program calls it, and as a driver does."""

    def in_mode(mode: int) -> Routine:
        service = by_handle(function)

        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> int:
            return int(service(*arguments, mode=mode, **keywords))

        return call

    return in_mode(USER_MODE), in_mode(KERNEL_MODE)
