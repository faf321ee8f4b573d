r"""Every field of a structure with its offset, as `dt nt!_DEVICE_OBJECT` shows it.

    nt!_DEVICE_OBJECT
       +0x000 Type             : 0n3
       +0x002 Size             : 0x150
       +0x004 ReferenceCount   : 0n1
       +0x008 DriverObject     : 0xffffa00000000000
       ...

The offsets are those of 64-bit Windows; the values are read under NT's names, through `nt_fields`.

Source: the public structure pages of wdm.h; symbols of x64 as printed by the debugger. Rows: R27
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from .addresses import Addresses
from .kd_packet import name_of_routine

#: By structure, the offset of each field on 64-bit Windows, in their order.
OFFSETS: Final[Mapping[str, Mapping[str, int]]] = MappingProxyType(
    {
        "_DRIVER_OBJECT": {
            "Type": 0x0, "Size": 0x2, "DeviceObject": 0x8, "Flags": 0x10, "DriverStart": 0x18, "DriverSize": 0x20,
            "DriverSection": 0x28, "DriverExtension": 0x30, "DriverName": 0x38, "HardwareDatabase": 0x48,
            "FastIoDispatch": 0x50, "DriverInit": 0x58, "DriverStartIo": 0x60, "DriverUnload": 0x68,
            "MajorFunction": 0x70,
        },
        "_DEVICE_OBJECT": {
            "Type": 0x0, "Size": 0x2, "ReferenceCount": 0x4, "DriverObject": 0x8, "NextDevice": 0x10,
            "AttachedDevice": 0x18, "CurrentIrp": 0x20, "Timer": 0x28, "Flags": 0x30, "Characteristics": 0x34,
            "Vpb": 0x38, "DeviceExtension": 0x40, "DeviceType": 0x48, "StackSize": 0x4C, "Queue": 0x50,
            "AlignmentRequirement": 0x98, "DeviceQueue": 0xA0, "Dpc": 0xC8, "ActiveThreadCount": 0x108,
            "SecurityDescriptor": 0x110, "DeviceLock": 0x118, "SectorSize": 0x130, "DeviceObjectExtension": 0x138,
        },
        "_FILE_OBJECT": {
            "Type": 0x0, "Size": 0x2, "DeviceObject": 0x8, "Vpb": 0x10, "FsContext": 0x18, "FsContext2": 0x20,
            "SectionObjectPointer": 0x28, "PrivateCacheMap": 0x30, "FinalStatus": 0x38, "RelatedFileObject": 0x40,
            "LockOperation": 0x48, "DeletePending": 0x49, "ReadAccess": 0x4A, "WriteAccess": 0x4B,
            "DeleteAccess": 0x4C, "SharedRead": 0x4D, "SharedWrite": 0x4E, "SharedDelete": 0x4F, "Flags": 0x50,
            "FileName": 0x58, "CurrentByteOffset": 0x68, "CompletionContext": 0xB0,
        },
        "_IRP": {
            "Type": 0x0, "Size": 0x2, "MdlAddress": 0x8, "Flags": 0x10, "AssociatedIrp": 0x18, "IoStatus": 0x30,
            "RequestorMode": 0x40, "PendingReturned": 0x41, "StackCount": 0x42, "CurrentLocation": 0x43,
            "Cancel": 0x44, "CancelIrql": 0x45, "ApcEnvironment": 0x46, "AllocationFlags": 0x47, "UserIosb": 0x48,
            "UserEvent": 0x50, "Overlay": 0x58, "CancelRoutine": 0x68, "UserBuffer": 0x70, "Tail": 0x78,
        },
    }
)  # fmt: skip
#: Members that are numbers of things, and therefore shown in decimal.
_COUNTS = ("Type", "ReferenceCount", "StackSize", "StackCount", "CurrentLocation", "ActiveThreadCount")


def structure_data(name: str, thing: object, addresses: Addresses) -> dict[str, Any]:
    """A structure of an object: each field's offset and its value as text.

    NT: dt
    """
    address = addresses.of(thing)
    fields = [
        {"Offset": offset, "Name": field, "Value": _value(field, _read(thing, field), addresses)}
        for field, offset in OFFSETS[name].items()
    ]
    return {"Structure": name, "Address": address, "Fields": fields}


def draw_structure(data: dict[str, Any]) -> str:
    """The fields of a structure, one line each.

    NT: dt
    """
    lines = [f"nt!{data['Structure']} 0x{data['Address']}"]
    width = max(len(field["Name"]) for field in data["Fields"])
    lines += [f"   +{one['Offset']:#05x} {one['Name']:<{width}} : {one['Value']}" for one in data["Fields"]]
    return "\n".join(lines)


def _read(thing: Any, field: str) -> Any:
    if field == "MdlAddress":  # reading it would make one
        return None if thing.extension is None else thing.extension.mdl
    return getattr(thing, field)


def _value(field: str, value: Any, addresses: Addresses) -> str:
    if value is None:
        return "(null)"
    if isinstance(value, bool):
        return f"{int(value):#x}"
    if isinstance(value, int):
        return f"0n{value}" if field in _COUNTS else f"{value:#x}"
    if isinstance(value, str):
        return f'"{value}"'
    if field == "MajorFunction":
        return f"[{len(value)}]"
    if field in ("IoStatus", "AssociatedIrp", "Overlay", "Tail") or hasattr(value, "QuadPart"):
        return repr(value)
    return name_of_routine(value) if callable(value) else f"0x{addresses.of(value)}"
