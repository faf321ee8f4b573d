"""A packet as a debugger sees it: its state, and each stack location with its arguments, as data under NT's names.

Rows: R13, R27
"""

from __future__ import annotations

from typing import Any

from ..driver_kit import Irp
from ..io_manager.codes.major import MAJOR_NAMES, SL_ERROR_RETURNED, SL_PENDING_RETURNED
from ..io_manager.packet.describe import flag_names, invoke_names, where_it_is
from ..io_manager.packet.irp import StackLocation, routine_name
from ..status import status_name
from .addresses import Addresses

_METHODS = ("buffered", "direct", "direct", "neither")


def packet_data(irp: Irp, addresses: Addresses) -> dict[str, Any]:
    """A packet, its lowest location first as NT counts them.

    NT: !irp
    """
    rare = irp.extension
    return {
        "Irp": addresses.of(irp),
        "Where": where_it_is(irp),
        "StackCount": irp.stack_count,
        "CurrentLocation": irp.current_location,
        "Flags": irp.flags,
        "FlagNames": flag_names(irp.flags),
        "IoStatus": {"Status": irp.status, "Name": status_name(irp.status), "Information": irp.information},
        "MdlAddress": addresses.of(None if rare is None else rare.mdl),
        "Buffer": addresses.of(irp.buffer),
        "TransferMethod": _METHODS[irp.transfer_method],
        "BufferLength": 0 if irp.buffer is None else irp.buffer.nbytes,
        "Batch": None if irp.batch is None else len(irp.batch),
        "MasterIrp": addresses.of(irp.master),
        "Thread": addresses.of(irp.thread),
        "RequestorMode": "UserMode" if irp.requestor_mode else "KernelMode",
        "PendingReturned": irp.pending_returned,
        "Cancel": irp.cancel,
        "CancelRoutine": name_of_routine(irp.cancel_routine),
        "UserEvent": addresses.of(irp.user_event),
        "Locations": [
            _location_data(at, number, addresses) for number, at in enumerate(irp.locations[: irp.stack_count], 1)
        ],
        "History": [str(step) for step in getattr(irp, "steps", ())],
    }


def name_of_routine(routine: Any) -> str:
    """What a routine is called in its file; empty for none."""
    if routine is None:
        return ""
    return str(getattr(routine, "__qualname__", repr(routine))).replace("<locals>.", "")


def _location_data(at: StackLocation, number: int, addresses: Addresses) -> dict[str, Any]:
    driver = None if at.device is None else at.device.driver
    routine = at.completion_routine
    return {
        "Location": number,
        "MajorFunction": at.major,
        "Name": f"IRP_MJ_{MAJOR_NAMES[at.major]}",
        "MinorFunction": at.minor,
        "Flags": at.flags,
        "Control": at.control,
        "Pending": bool(at.control & SL_PENDING_RETURNED),
        "ErrorReturned": bool(at.control & SL_ERROR_RETURNED),
        "Invoke": invoke_names(at.control),
        "DeviceObject": addresses.of(at.device),
        "Driver": "" if driver is None else driver.path,
        "FileObject": addresses.of(at.file_object),
        "CompletionRoutine": "" if routine is None else routine_name(routine, at.context).replace("<locals>.", ""),
        "Args": [_argument(value, addresses) for value in (at.length, at.key, at.byte_offset, at.argument)],
    }


def _argument(value: Any, addresses: Addresses) -> str:
    if value is None:
        value = 0
    return f"{value & 0xFFFF_FFFF_FFFF_FFFF:08x}" if isinstance(value, int) else addresses.of(value)
