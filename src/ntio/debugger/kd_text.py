"""The debugger's data in the layouts that WinDbg has for it.

Source: learn.microsoft.com windows-hardware/drivers/debuggercmds. Rows: R27
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Data = dict[str, Any]

_NULL = f"{0:016x}"


def draw_packet(data: Data) -> str:
    """A packet: a line of state, then three for each stack location, the current one marked with `>`.

    NT: !irp
    """
    mdl = "No Mdl" if data["MdlAddress"] == _NULL else f"Mdl={data['MdlAddress']}"
    which = {"buffered": "System buffer", "neither": "User buffer"}.get(data["TransferMethod"], "Buffer")
    buffer = "No System Buffer" if data["Buffer"] == _NULL else f"{which}={data['Buffer']}"
    thread = "No Thread" if data["Thread"] == _NULL else f"Thread {data['Thread']}"
    current = f"{data['CurrentLocation']} is current" if data["Where"].startswith("at ") else data["Where"]
    state = data["IoStatus"]
    lines = [
        f"Irp is active with {data['StackCount']} stacks {current} (= 0x{data['Irp']})",
        f" {mdl}: {buffer}: {thread}:  Irp stack trace." + ("  Pending has been returned" * data["PendingReturned"]),
        f" Flags = {data['Flags']:08x} {' '.join(data['FlagNames'])}".rstrip(),
        f" IoStatus: {state['Name']}, Information {state['Information']:#x}  Mode: {data['RequestorMode']}",
    ]
    if data["Batch"] is not None:
        lines.append(f" Batch of {data['Batch']} requests")
    if data["MasterIrp"] != _NULL:
        lines.append(f" MasterIrp {data['MasterIrp']}")
    if data["Cancel"] or data["CancelRoutine"]:
        cancel = f"routine {data['CancelRoutine']}" if data["CancelRoutine"] else "no routine"
        lines.append(f" Cancel: {str(data['Cancel']).upper()}, {cancel}")
    lines.append("     cmd  flg cl Device           File             Completion-Context")
    for at in data["Locations"]:
        lines += _location(at, at["Location"] == data["CurrentLocation"])
    lines += [f" {step}" for step in (["History:", *data["History"]] if data["History"] else ())]
    return "\n".join(lines)


def _location(at: Data, current: bool) -> Iterator[str]:
    used = at["DeviceObject"] != _NULL or at["MajorFunction"] or any(at["Args"][0].strip("0"))
    name = f"{at['Name']}({at['MajorFunction']:x})" if used else "N/A(0)"
    yield f"{'>' if current else ' '}[{name}, N/A({at['MinorFunction']:x})]"
    marks = [word.capitalize() for word in at["Invoke"]] + ["pending"] * at["Pending"] + ["error"] * at["ErrorReturned"]
    numbers = f"{at['Flags']:x} {at['Control']:2x} {at['DeviceObject']} {at['FileObject']}"
    yield f"          {numbers} {at['CompletionRoutine'] or '00000000'} {' '.join(marks)}".rstrip()
    if at["Driver"]:
        yield f"               {at['Driver']}"
    yield f"                        Args: {' '.join(at['Args'])}"


def draw_device(data: Data) -> str:
    """A device, its flags, and its neighbours.

    NT: !devobj
    """
    flags, extension = f"Flags {data['Flags']:08x}", data["DeviceObjectExtension"]
    lines = [
        f"Device object ({data['DeviceObject']}) is for:",
        f" {data['Name']} {data['Driver']} DriverObject {data['DriverObject']}",
        f"Current Irp {data['CurrentIrp']} RefCount {data['ReferenceCount']} Type {data['DeviceType']:08x} {flags}",
    ]
    if data["Vpb"] != _NULL:
        lines.append(f"Vpb {data['Vpb']}")
    lines += [
        f"SecurityDescriptor {data['SecurityDescriptor']} DevExt {data['DeviceExtension']} DevObjExt {extension}",
        f"Flags ({data['Flags']:#010x})  {', '.join(data['FlagNames'])}".rstrip(),
        f"ExtensionFlags ({data['ExtensionFlags']:#010x})  {', '.join(data['ExtensionFlagNames'])}".rstrip(),
        f"Characteristics ({data['Characteristics']:#010x})  {', '.join(data['CharacteristicNames'])}".rstrip(),
    ]
    for name, which in (("AttachedDevice (Upper)", "AttachedDevice"), ("AttachedTo (Lower)", "AttachedTo")):
        if (other := data[which]) is not None:
            lines.append(f"{name} {other['DeviceObject']} {other['Driver']}")
    lines.append(f"Device queue is {'' if data['QueueBusy'] else 'not '}busy.")
    lines += [f"  {irp}" for irp in data["Queue"]]
    if data["LastError"]:
        lines.append(f"Last exception of its driver: {data['LastError']}")
    return "\n".join(lines)


def draw_stack(data: Data) -> str:
    """A stack, one line per device, the one asked for marked with `>`.

    NT: !devstack
    """
    devices = data["Devices"]
    width = max(len(device["Driver"]) for device in devices)
    lines = [f"  {'!DevObj':<16}  {'!DrvObj':<{width}}  {'!DevExt':<16}  ObjectName"]
    for device in devices:
        mark = ">" if device["Asked"] else " "
        where = f"{device['DeviceObject']}  {device['Driver']:<{width}}  {device['DeviceExtension']}"
        lines.append(f"{mark} {where}  {device['Name']}".rstrip())
    return "\n".join(lines)


def draw_driver(data: Data) -> str:
    """A driver with its devices, its routines and its dispatch table.

    NT: !drvobj
    """
    lines = [f"Driver object ({data['DriverObject']}) is for:", f" {data['Name']}", ""]
    lines += [f"Flags: {data['Flags']:08x}  {', '.join(data['FlagNames'])}".rstrip(), "", "Device Object list:"]
    lines += [f"{address}" for address in data["Devices"]] or ["(none)"]
    lines.append("")
    for name in ("DriverEntry", "DriverStartIo", "DriverUnload", "AddDevice"):
        lines.append(f"{name + ':':<15}{data[name] or '00000000'}")
    lines += ["", "Dispatch routines:"]
    for number, (name, routine) in enumerate(data["MajorFunction"].items()):
        lines.append(f"[{number:02x}] {name:<34} {routine}")
    lines += ["", f"Fast I/O routines: {'none' if data['FastIoDispatch'] == _NULL else data['FastIoDispatch']}"]
    return "\n".join(lines)


def draw_object(data: Data) -> str:
    """An object; of a directory also what stands in it.

    NT: !object
    """
    lines = [
        f"Object: {data['Object']}  Type: {data['Type']}",
        f"    HandleCount: {data['HandleCount']}  PointerCount: {data['PointerCount']}",
        f"    Directory Object: {data['DirectoryObject']}  Name: {data['Name']}",
    ]
    if data["Target"]:
        lines.append(f"    Target String is '{data['Target']}'")
    if data["Entries"]:
        lines += ["", f"    {'Address':<16}  {'Type':<16} Name", f"    {'-' * 7:<16}  {'-' * 4:<16} ----"]
        lines += [f"    {one['Object']}  {one['Type']:<16} {one['Name']}" for one in data["Entries"]]
    return "\n".join(lines)


def draw_handles(data: Data) -> str:
    """Open handles, one paragraph each.

    NT: !handle
    """
    if not data["Handles"]:
        return "no open handles"
    blocks = []
    for one in data["Handles"]:
        head = f"{one['Handle']:04x}: Object: {one['Object']}  GrantedAccess: {one['GrantedAccess']:08x}"
        blocks.append(f"{head}\n{draw_object(one)}")
    return "\n\n".join(blocks)


def draw_file(data: Data) -> str:
    """An open file.

    NT: !fileobj
    """
    lines = [data["FileName"] or "(no name: the device itself)", ""]
    lines.append(f"Device Object: 0x{data['DeviceObject']}   {data['Driver']}")
    if data["Vpb"] != _NULL:
        lines.append(f"Vpb: 0x{data['Vpb']}")
    lines.append("Event signalled" if data["EventSignalled"] else "Event is not signalled")
    lines.append(f"Access: {' '.join(data['Access']) or 'none'}")
    lines += ["", f"Flags:  {data['Flags']:#x}", *(f"        {name}" for name in data["FlagNames"]), ""]
    lines.append(f"FsContext: 0x{data['FsContext']}  FsContext2: 0x{data['FsContext2']}")
    lines.append(f"Private Cache Map: 0x{data['PrivateCacheMap']}")
    lines.append(f"CurrentByteOffset: {data['CurrentByteOffset']:x}  FinalStatus: {data['FinalStatus']:08x}")
    return "\n".join(lines)
