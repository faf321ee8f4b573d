"""Fast I/O: a driver's second table, for requests that can be answered at once without a packet.

    read, write          asked when the file is synchronous and cached (its `private_cache_map` is set); Wait is TRUE,
                         the caller's own bytes, the position already known
    device_control       asked for any file
    query_basic_info, query_standard_info, query_network_open_info, lock, unlock_...     asked for any file

A routine says True when it has dealt with the request and filled the status block in, False to have a packet made for
it. The one exception: a read or write answered with anything but STATUS_SUCCESS, STATUS_BUFFER_OVERFLOW or
STATUS_END_OF_FILE is not believed, and a packet is made all the same.

Only the top device of a stack is asked. So a filter without a table ends the fast path for everything below it, and one
with a table has to ask the next lower driver itself where it has nothing to say (`pass_through`). An exception that a
routine lets out is kept on its device (`last_error`) and counts as False.

The routines of the memory and cache managers (acquire, release, MDL, compressed) have their slots here; whoever needs
them calls them.

Source: spec iomgr.md 6; WDK FAST_IO_DISPATCH. Rows: R22, R25
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ..bugcheck import BugCheck
from ..status import STATUS_BUFFER_OVERFLOW, STATUS_END_OF_FILE, STATUS_SUCCESS
from .device import DeviceObject
from .io_status import IoStatusBlock

if TYPE_CHECKING:
    from .file_object import FileObject

#: A fast routine: the WDK's parameters in the WDK's order -> whether the request is dealt with.
FastRoutine = Callable[..., bool]

#: What a fast read or write may have ended with to be believed.
ACCEPTED = frozenset({STATUS_SUCCESS, STATUS_BUFFER_OVERFLOW, STATUS_END_OF_FILE})

#: A 32-bit size, padded, and one pointer per routine.
_POINTER = 8


@dataclass(slots=True)
class FastIoDispatch:
    """A driver's fast routines; None where it has none.

    NT: FAST_IO_DISPATCH
    """

    check_if_possible: FastRoutine | None = None
    read: FastRoutine | None = None
    write: FastRoutine | None = None
    query_basic_info: FastRoutine | None = None
    query_standard_info: FastRoutine | None = None
    lock: FastRoutine | None = None
    unlock_single: FastRoutine | None = None
    unlock_all: FastRoutine | None = None
    unlock_all_by_key: FastRoutine | None = None
    device_control: FastRoutine | None = None
    acquire_file_for_nt_create_section: FastRoutine | None = None
    release_file_for_nt_create_section: FastRoutine | None = None
    detach_device: FastRoutine | None = None
    query_network_open_info: FastRoutine | None = None
    acquire_for_mod_write: FastRoutine | None = None
    mdl_read: FastRoutine | None = None
    mdl_read_complete: FastRoutine | None = None
    prepare_mdl_write: FastRoutine | None = None
    mdl_write_complete: FastRoutine | None = None
    read_compressed: FastRoutine | None = None
    write_compressed: FastRoutine | None = None
    mdl_read_complete_compressed: FastRoutine | None = None
    mdl_write_complete_compressed: FastRoutine | None = None
    query_open: FastRoutine | None = None
    release_for_mod_write: FastRoutine | None = None
    acquire_for_cc_flush: FastRoutine | None = None
    release_for_cc_flush: FastRoutine | None = None

    @property
    def size(self) -> int:
        """How many bytes the table has on x64.

        NT: SizeOfFastIoDispatch
        """
        return _POINTER * (1 + len(SLOTS))


#: The slots in the order of the WDK's structure.
SLOTS = tuple(field.name for field in fields(FastIoDispatch))

#: The slots a filter passes down: those that end in the device they are called for, and answer with a truth value.
_PASSED = SLOTS[: SLOTS.index("device_control") + 1] + ("query_network_open_info",)


def pass_through(**own: FastRoutine) -> FastIoDispatch:
    """A filter's table: the routines given, and for the others of `SLOTS` a plain question to the next lower driver."""
    return FastIoDispatch(**{slot: _passing(slot) for slot in _PASSED} | own)


def pass_down(slot: str, device: DeviceObject, *arguments: Any) -> bool:
    """Ask the driver below `device` the same question; `arguments` without the device, which is always the last."""
    return device.lower is not None and ask(slot, device.lower, *arguments)


def _passing(slot: str) -> FastRoutine:
    def ask_below(*arguments: Any) -> bool:
        return pass_down(slot, arguments[-1], *arguments[:-1])

    return ask_below


def ask(slot: str, device: DeviceObject, *arguments: Any) -> bool:
    """Call a fast routine of a device's driver; False if it has none."""
    table: FastIoDispatch | None = device.driver.fast_io
    routine = None if table is None else getattr(table, slot)
    if routine is None:
        return False
    try:
        return bool(routine(*arguments, device))
    except BugCheck:
        raise
    except Exception as error:
        device.last_error = error
        return False


def try_transfer(
    slot: str, file_object: FileObject, device: DeviceObject, offset: int, length: int, key: int, buffer: Any
) -> IoStatusBlock | None:
    """Try a read or write of a cached file the fast way; the answer, or None when a packet has to be made.

    `buffer` is the caller's own, as FAST_IO_READ gets it. A writer that appends has no offset yet: -1.
    NT: FastIoRead, FastIoWrite
    """
    if file_object.private_cache_map is None:
        return None
    answer = IoStatusBlock()
    if ask(slot, device, file_object, offset, length, True, key, buffer, answer) and answer.status in ACCEPTED:
        return answer
    return None
