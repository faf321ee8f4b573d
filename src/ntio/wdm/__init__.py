r"""The exact names of the driver kit's headers (NT: wdm.h, ntddk.h, ntifs.h): calls, structures, numbers.

    from ntio.wdm import *

    def DispatchRead(DeviceObject, Irp):
        stack = IoGetCurrentIrpStackLocation(Irp)
        if stack.Parameters.Read.Length == 0:
            Irp.IoStatus.Status = STATUS_SUCCESS
            IoCompleteRequest(Irp, IO_NO_INCREMENT)
            return STATUS_SUCCESS
        IoSkipCurrentIrpStackLocation(Irp)
        return IoCallDriver(DeviceObject.DeviceExtension.Lower, Irp)

Every name stands for a call of the managers, most in one line; `ntio where IoCallDriver` says which. The structures are
the same objects that friendly drivers have, under NT's member names (`packet.nt_fields`), so both kinds of driver
stand in one stack and may be in one file.

How the C forms are written here:

- What C returns through a pointer is returned: `status, device = IoCreateDevice(...)`. A call with a status and a
  result returns both, the result None if it failed; one that only has a result returns that, None for NULL.
- What C initializes in memory of the driver is made, without the argument that would point to it:
  `event = KeInitializeEvent(NotificationEvent, False, system=device)`, `csq = IO_CSQ()`.
- What NT has once per machine is there once per System: packets, levels, the cancel lock, names, handles. A call whose
  C form names no object takes `system=`: the System, or any driver, device, file or packet of it.
- A length may be left out where the buffer knows its own; a boost and a tag of memory are accepted and not needed.
- Names are str, buffers are anything with the buffer interface, times are in units of 100 ns as in C.

    irps        packets, cancelling             kernel      levels, locks, events, queues, lists of memory
    devices     drivers, devices, StartIo       objects     names, handles, security
    services    the calls on open files         macros      NT_SUCCESS, CTL_CODE and so on
    structures  the objects                     constants   every number

Rows: R13, R18, R23, R27
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from . import constants, devices, irps, kernel, macros, objects, services, structures

_MODULES = (irps, devices, kernel, objects, services, structures, macros, constants)


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return _names()
    for module in _MODULES if name[0].isupper() else ():
        value = getattr(module, name, None)
        if value is not None and _is_name(module, name, value):
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_names()})


def _is_name(module: ModuleType, name: str, value: Any) -> bool:
    """Whether a module's attribute is a name of NT's, and not something that was imported for it."""
    if module is constants:
        return name[0].isupper() and isinstance(value, int) and name not in constants.OURS
    return name[0].isupper()


def _names() -> list[str]:
    found = set(constants.class_names())
    for module in _MODULES:
        found.update(name for name, value in vars(module).items() if _is_name(module, name, value))
    return sorted(found)
