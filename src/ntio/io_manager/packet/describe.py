"""A packet drawn for a person: what it is, where it is, and what every driver was asked.

    IRP, 2 locations, STATUS_SUCCESS, information 0, at 1; flags READ_OPERATION, SYNCHRONOUS_API; 512 bytes
      2 READ         control 0x00  <DeviceObject unnamed of log>  length 512, offset 0
    > 1 READ         control 0xe0  <DeviceObject unnamed of ram_disk>  length 512, offset 0  routine Log.finish

The line of a location ends with the completion routine that will run when it is left: the one of the driver above.

Rows: R13, R19
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ...status import status_name
from ..codes import major as codes
from ..codes.major import (
    IRP_MJ_CREATE,
    IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_FILE_SYSTEM_CONTROL,
    IRP_MJ_INTERNAL_DEVICE_CONTROL,
    IRP_MJ_READ,
    IRP_MJ_WRITE,
    MAJOR_NAMES,
    SL_ERROR_RETURNED,
    SL_INVOKE_ON_CANCEL,
    SL_INVOKE_ON_ERROR,
    SL_INVOKE_ON_SUCCESS,
    SL_PENDING_RETURNED,
)

if TYPE_CHECKING:
    from .irp import Irp, StackLocation

_ALLOCATION: Final = ("IRP_QUOTA_CHARGED", "IRP_ALLOCATED_", "IRP_LOOKASIDE_")
#: The name of each bit of Irp.flags; the first name of a bit that has two.
FLAG_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        value: name.removeprefix("IRP_")
        for name, value in reversed(vars(codes).items())
        if name.startswith("IRP_") and not name.startswith(("IRP_MJ_", "IRP_MN_", *_ALLOCATION))
    }
)
_INVOKE: Final = ((SL_INVOKE_ON_SUCCESS, "success"), (SL_INVOKE_ON_ERROR, "error"), (SL_INVOKE_ON_CANCEL, "cancel"))
_CONTROLS: Final = (IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_FILE_SYSTEM_CONTROL)

#: The name of a completion routine with its context.
Namer = Callable[[Any, Any], str]


def flag_names(flags: int) -> list[str]:
    """The names of the bits that are set in a packet's flags."""
    return [FLAG_NAMES.get(1 << bit, f"{1 << bit:#x}") for bit in range(flags.bit_length()) if flags >> bit & 1]


def invoke_names(control: int) -> list[str]:
    """When a completion routine is to run, by a location's control bits."""
    return [name for bit, name in _INVOKE if control & bit]


def arguments_of(location: StackLocation) -> str:
    """What a location asks for, as its kind of request has it."""
    if location.major in (IRP_MJ_READ, IRP_MJ_WRITE):
        key = f", key {location.key:#x}" if location.key else ""
        return f"length {location.length}, offset {location.byte_offset}{key}"
    if location.major in _CONTROLS:
        return f"code {location.byte_offset:#x}, {location.key} bytes in, {location.length} out"
    if location.major == IRP_MJ_CREATE:
        return "" if location.argument is None else f"{location.argument}"
    asked = [f"length {location.length}"] if location.length else []
    if location.argument is not None:
        asked.append(f"argument {location.argument!r}")
    return ", ".join(asked)


def where_it_is(irp: Irp) -> str:
    """At which location a packet is, in words."""
    if irp.current_location == irp.stack_count + 1:
        return "with its creator"
    return "completed" if irp.current_location >= irp.stack_count + 2 else f"at {irp.current_location}"


def describe_irp(irp: Irp, name_of: Namer) -> str:
    """The packet as text, top location first."""
    status = f"{status_name(irp.status)}, information {irp.information}"
    lines = ["; ".join([f"IRP, {irp.stack_count} locations, {status}, {where_it_is(irp)}", *_state(irp)])]
    for number in range(irp.stack_count, 0, -1):
        lines += _location(irp.locations[number - 1], number, number == irp.current_location, name_of)
    return "\n".join(lines)


def _state(irp: Irp) -> list[str]:
    facts = ["flags " + (", ".join(flag_names(irp.flags)) or "none")]
    if irp.batch is not None:
        facts.append(f"a batch of {len(irp.batch)}")
    elif irp.buffer is not None:
        facts.append(f"{irp.buffer.nbytes} bytes")
    if irp.master is not None:
        facts.append("part of another")
    if irp.pending_returned:
        facts.append("pending below")
    if irp.cancel:
        facts.append("cancelled")
    if irp.cancel_routine is not None:
        facts.append(f"cancel routine {getattr(irp.cancel_routine, '__qualname__', irp.cancel_routine)}")
    return facts


def _location(at: StackLocation, number: int, current: bool, name_of: Namer) -> list[str]:
    marks = [name for bit, name in ((SL_PENDING_RETURNED, "pending"), (SL_ERROR_RETURNED, "error")) if at.control & bit]
    who = "-" if at.device is None else repr(at.device)
    facts = [f"control {at.control:#04x}", *marks, who, arguments_of(at)]
    if at.completion_routine is not None and (when := invoke_names(at.control)):
        limits = "" if len(when) == len(_INVOKE) else f" on {' or '.join(when)}"
        facts.append(f"routine {name_of(at.completion_routine, at.context)}{limits}")
    return [f"{'>' if current else ' '}{number:2} {MAJOR_NAMES[at.major]:<12} {'  '.join(filter(None, facts))}"]
