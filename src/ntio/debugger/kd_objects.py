"""Devices, drivers, files, handles and named objects as a debugger sees them: data under NT's names.

Rows: R15, R27, R28
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..driver_kit import DeviceObject, DriverObject, FileObject
from ..io_manager.codes import major
from ..io_manager.codes.major import MAJOR_NAMES
from ..object_manager.handles import HandleTable
from ..object_manager.namespace import NamedObject, SymbolicLink
from .addresses import Addresses
from .kd_packet import name_of_routine

Data = dict[str, Any]


def names_of_bits(flags: int, prefix: str) -> list[str]:
    """The names in `major` that begin with a prefix, of the bits that are set."""
    known = {value: name for name, value in reversed(vars(major).items()) if name.startswith(prefix)}
    return [known.get(1 << bit, f"{1 << bit:#x}") for bit in range(flags.bit_length()) if flags >> bit & 1]


def device_data(device: DeviceObject, addresses: Addresses) -> Data:
    """A device, what it does now, and its neighbours in the stack.

    NT: !devobj
    """
    queue = device.device_queue
    return {
        "DeviceObject": addresses.of(device),
        "Name": device.name,
        "Driver": device.driver.path,
        "DriverObject": addresses.of(device.driver),
        "CurrentIrp": addresses.of(device.current_irp),
        "ReferenceCount": device.reference_count,
        "DeviceType": device.device_type,
        "Flags": device.flags,
        "FlagNames": names_of_bits(device.flags, "DO_"),
        "Characteristics": device.characteristics,
        "CharacteristicNames": names_of_bits(device.characteristics, "FILE_DEVICE_SECURE"),
        "Vpb": addresses.of(device.vpb),
        "SecurityDescriptor": addresses.of(device.security_descriptor),
        "DeviceExtension": addresses.of(device.device_extension),
        "DeviceObjectExtension": addresses.of(device.extension),
        "ExtensionFlags": device.extension.flags,
        "ExtensionFlagNames": names_of_bits(device.extension.flags, "DOE_"),
        "StackSize": device.stack_size,
        "AttachedDevice": _neighbour(device.attached_device, addresses),
        "AttachedTo": _neighbour(device.lower, addresses),
        "QueueBusy": queue.busy,
        "Queue": [addresses.of(irp) for irp in queue],
        "LastError": "" if device.last_error is None else repr(device.last_error),
    }


def _neighbour(device: DeviceObject | None, addresses: Addresses) -> Data | None:
    if device is None:
        return None
    return {"DeviceObject": addresses.of(device), "Driver": device.driver.path, "Name": device.name}


def stack_data(device: DeviceObject, addresses: Addresses) -> Data:
    """The stack a device is in, top first; the device itself is marked.

    NT: !devstack
    """
    return {
        "Devices": [
            {
                "DeviceObject": addresses.of(each),
                "Driver": each.driver.path,
                "DeviceExtension": addresses.of(each.device_extension),
                "Name": each.name,
                "Asked": each is device,
            }
            for each in device.top().stack()
        ]
    }


def driver_data(driver: DriverObject, addresses: Addresses) -> Data:
    """A driver, its devices newest first, and its routine for each major function.

    NT: !drvobj
    """
    routines = enumerate(driver.dispatch)
    return {
        "DriverObject": addresses.of(driver),
        "Name": driver.path,
        "Flags": driver.flags,
        "FlagNames": names_of_bits(driver.flags, "DRVO_"),
        "ServiceKeyName": driver.extension.service_key_name,
        "Devices": [addresses.of(device) for device in driver.devices()],
        "DriverEntry": name_of_routine(driver.driver_init),
        "DriverStartIo": name_of_routine(driver.start_io),
        "DriverUnload": name_of_routine(driver.unload),
        "AddDevice": name_of_routine(driver.extension.add_device),
        "FastIoDispatch": addresses.of(driver.fast_io),
        "MajorFunction": {f"IRP_MJ_{MAJOR_NAMES[number]}": name_of_routine(one) for number, one in routines},
    }


def object_data(thing: object, addresses: Addresses, entries: Sequence[NamedObject] = ()) -> Data:
    """An object with its type, its counts and its name; a directory with what stands in it.

    NT: !object
    """
    named = thing if isinstance(thing, NamedObject) else None
    return {
        "Object": addresses.of(thing),
        "Type": type_name(thing),
        "HandleCount": getattr(thing, "handle_count", 0),
        "PointerCount": getattr(thing, "pointer_count", 0),
        "DirectoryObject": addresses.of(None if named is None else named.directory),
        "Name": "" if named is None else named.name,
        "Target": thing.target if isinstance(thing, SymbolicLink) else "",
        "Entries": [
            {"Object": addresses.of(entry), "Type": entry.type_name, "Name": entry.name} for entry in entries
        ],
    }


def type_name(thing: object) -> str:
    """The name of an object's type."""
    return str(getattr(thing, "type_name", type(thing).__name__))


def handles_data(table: HandleTable, addresses: Addresses, wanted: int | None = None) -> Data:
    """The open handles, or one of them, with what each names.

    NT: !handle
    """
    found = [
        {"Handle": handle, "GrantedAccess": access, **object_data(thing, addresses)}
        for handle, thing, access in table.entries()
        if wanted is None or handle == wanted
    ]
    return {"Handles": found}


def file_data(file: FileObject, addresses: Addresses) -> Data:
    """An open file.

    NT: !fileobj
    """
    access = {
        "Read": file.read_access or file.readable, "Write": file.write_access or file.writable,
        "Delete": file.delete_access, "SharedRead": file.shared_read, "SharedWrite": file.shared_write,
        "SharedDelete": file.shared_delete,
    }  # fmt: skip
    return {
        "FileObject": addresses.of(file),
        "FileName": file.file_name,
        "DeviceObject": addresses.of(file.device),
        "Driver": file.device.driver.path,
        "Vpb": addresses.of(file.vpb),
        "RelatedFileObject": addresses.of(file.related_file_object),
        "EventSignalled": not file.has_event or file.event.read_state(),
        "Access": [name for name, given in access.items() if given],
        "Flags": file.flags,
        "FlagNames": names_of_bits(file.flags, "FO_"),
        "FsContext": addresses.of(file.fs_context),
        "FsContext2": addresses.of(file.fs_context2),
        "PrivateCacheMap": addresses.of(file.private_cache_map),
        "CompletionContext": addresses.of(file.completion_context),
        "FinalStatus": file.final_status,
        "CurrentByteOffset": file.current_byte_offset,
        "PointerCount": file.pointer_count,
    }
