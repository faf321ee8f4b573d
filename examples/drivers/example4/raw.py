"""The filter of `friendly.py` as a C driver is written: nothing but the names of wdm.h.

What the friendly form does by itself is spelt out here. A read goes down with a copied location and a completion
routine, which carries the pending mark up. A write must not change its caller's bytes: it gets a packet of its own with
a buffer of its own, and the caller's packet waits for it.
"""

from __future__ import annotations

import numpy as np
from friendly import scramble

from ntio.wdm import *  # noqa: F403

# ruff: noqa: F405


class Extension:
    """What this driver keeps for each of its devices."""

    Lower = None


def DriverEntry(DriverObject, RegistryPath):
    for major in range(IRP_MJ_MAXIMUM_FUNCTION + 1):
        DriverObject.MajorFunction[major] = DispatchPassThrough
    DriverObject.MajorFunction[IRP_MJ_READ] = DispatchRead
    DriverObject.MajorFunction[IRP_MJ_WRITE] = DispatchWrite
    DriverObject.DriverExtension.AddDevice = AddDevice
    DriverObject.DriverUnload = Unload
    return STATUS_SUCCESS


def AddDevice(DriverObject, PhysicalDeviceObject):
    status, device = IoCreateDevice(DriverObject, 0, None, FILE_DEVICE_DISK, 0, False)
    if not NT_SUCCESS(status):
        return status
    device.DeviceExtension = Extension()
    device.DeviceExtension.Lower = lower = IoAttachDeviceToDeviceStack(device, PhysicalDeviceObject)
    if lower is None:
        IoDeleteDevice(device)
        return STATUS_NO_SUCH_DEVICE
    device.Flags |= lower.Flags & (DO_BUFFERED_IO | DO_DIRECT_IO)
    device.Flags &= ~DO_DEVICE_INITIALIZING
    return STATUS_SUCCESS


def Unload(DriverObject):
    pass


def DispatchPassThrough(DeviceObject, Irp):
    IoSkipCurrentIrpStackLocation(Irp)
    return IoCallDriver(DeviceObject.DeviceExtension.Lower, Irp)


def DispatchRead(DeviceObject, Irp):
    stack = IoGetCurrentIrpStackLocation(Irp)
    offset = stack.Parameters.Read.ByteOffset.QuadPart
    IoCopyCurrentIrpStackLocationToNext(Irp)
    IoSetCompletionRoutine(Irp, ReadCompletion, offset, True, True, True)
    return IoCallDriver(DeviceObject.DeviceExtension.Lower, Irp)


def ReadCompletion(DeviceObject, Irp, Context):
    if Irp.PendingReturned:
        IoMarkIrpPending(Irp)
    if NT_SUCCESS(Irp.IoStatus.Status):
        data = np.frombuffer(Buffer(Irp), np.uint8)[: Irp.IoStatus.Information]
        data[:] = scramble(data, Context)
    return STATUS_CONTINUE_COMPLETION


def DispatchWrite(DeviceObject, Irp):
    stack = IoGetCurrentIrpStackLocation(Irp)
    write = stack.Parameters.Write
    offset = write.ByteOffset.QuadPart
    scrambled = scramble(np.frombuffer(Buffer(Irp), np.uint8), offset)

    lower = DeviceObject.DeviceExtension.Lower
    own = IoAllocateIrpEx(DeviceObject, lower.StackSize, False)
    if own is None:
        Irp.IoStatus.Status = STATUS_INSUFFICIENT_RESOURCES
        Irp.IoStatus.Information = 0
        IoCompleteRequest(Irp, IO_NO_INCREMENT)
        return STATUS_INSUFFICIENT_RESOURCES
    own.MdlAddress = IoAllocateMdl(scrambled)
    MmBuildMdlForNonPagedPool(own.MdlAddress)
    next_stack = IoGetNextIrpStackLocation(own)
    next_stack.MajorFunction = IRP_MJ_WRITE
    next_stack.FileObject = stack.FileObject
    next_stack.Parameters.Write.Length = write.Length
    next_stack.Parameters.Write.ByteOffset.QuadPart = offset
    IoSetCompletionRoutine(own, WriteCompletion, Irp, True, True, True)

    IoMarkIrpPending(Irp)
    IoCallDriver(lower, own)
    return STATUS_PENDING


def WriteCompletion(DeviceObject, own, Irp):
    Irp.IoStatus.Status = own.IoStatus.Status
    Irp.IoStatus.Information = own.IoStatus.Information
    IoFreeMdl(own.MdlAddress)
    own.MdlAddress = None
    IoFreeIrp(own)
    IoCompleteRequest(Irp, IO_DISK_INCREMENT)
    return STATUS_MORE_PROCESSING_REQUIRED


def Buffer(Irp):
    """The bytes of a packet: this device does direct I/O, as the disk below does."""
    return MmGetSystemAddressForMdlSafe(Irp.MdlAddress, NormalPagePriority)
