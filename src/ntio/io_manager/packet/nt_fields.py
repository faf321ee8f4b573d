"""The exact names of NT's structures on our packets, locations, devices, drivers and files.

    irp.IoStatus.Status                               irp.status
    irp.AssociatedIrp.SystemBuffer                    irp.system_buffer
    irp.Tail.Overlay.DriverContext[0]                 irp.driver_context[0]
    location.Parameters.DeviceIoControl.IoControlCode location.byte_offset, the third of four overlaid arguments
    device.DeviceExtension, driver.MajorFunction[n], driver.DriverExtension.AddDevice, file.FsContext

They are the same objects: each class here is a base without slots, and each name a descriptor that reads and writes the
attribute with the Python name (`kernel.nt_names`). What a location's arguments mean is in `location_fields`.

Source: wdm.h and ntifs.h as their public pages describe _IRP, _DEVICE_OBJECT, _DRIVER_OBJECT, _FILE_OBJECT; spec
iomgr.md 1.1, 3.1, 3.2. Rows: R27
"""

from __future__ import annotations

from typing import ClassVar

from ...kernel.nt_names import Alias, Group, Large, Part, View
from ...object_manager.namespace import NamedObject


class IrpStatus(View):
    """What came of a request.

    NT: Irp.IoStatus
    """

    __slots__ = ()
    Status: ClassVar = Part("status")
    Information: ClassVar = Part("information")


class AssociatedIrp(View):
    """The buffer of a buffered request, or how packets belong together.

    NT: Irp.AssociatedIrp
    """

    __slots__ = ()
    MasterIrp: ClassVar = Part("master")
    IrpCount: ClassVar = Part("irp_count")
    SystemBuffer: ClassVar = Part("system_buffer")


class AsynchronousParameters(View):
    """What is called when an asynchronous request is done.

    NT: Irp.Overlay.AsynchronousParameters
    """

    __slots__ = ()
    UserApcRoutine: ClassVar = Part("user_apc_routine")
    UserApcContext: ClassVar = Part("user_apc_context")


class IrpOverlay(View):
    """What the issuer wants: a call at the end, or, of a create, a size to begin with.

    NT: Irp.Overlay
    """

    __slots__ = ()
    AsynchronousParameters: ClassVar = Group(AsynchronousParameters)
    AllocationSize: ClassVar = Large("allocation_size")


class TailOverlay(View):
    """What the driver that has a packet may use, and whose packet it is.

    NT: Irp.Tail.Overlay
    """

    __slots__ = ()
    DriverContext: ClassVar = Part("driver_context")
    Thread: ClassVar = Part("thread")
    AuxiliaryBuffer: ClassVar = Part("auxiliary_buffer")
    CurrentStackLocation: ClassVar = Part("location")
    OriginalFileObject: ClassVar = Part("original_file_object")


class IrpTail(View):
    """The end of a packet.

    NT: Irp.Tail
    """

    __slots__ = ()
    Overlay: ClassVar = Group(TailOverlay)


class IrpNames:
    """The names of a packet."""

    __slots__ = ()
    Type: ClassVar = Alias("type")
    Size: ClassVar = Alias("size")
    MdlAddress: ClassVar = Alias("mdl")
    Flags: ClassVar = Alias("flags")
    AssociatedIrp: ClassVar = Group(AssociatedIrp)
    IoStatus: ClassVar = Group(IrpStatus)
    RequestorMode: ClassVar = Alias("requestor_mode")
    PendingReturned: ClassVar = Alias("pending_returned")
    StackCount: ClassVar = Alias("stack_count")
    CurrentLocation: ClassVar = Alias("current_location")
    Cancel: ClassVar = Alias("cancel")
    CancelIrql: ClassVar = Alias("cancel_irql")
    CancelRoutine: ClassVar = Alias("cancel_routine")
    ApcEnvironment: ClassVar = Alias("apc_environment")
    AllocationFlags: ClassVar = Alias("allocation_flags")
    UserIosb: ClassVar = Alias("user_iosb")
    UserEvent: ClassVar = Alias("user_event")
    UserBuffer: ClassVar = Alias("user_buffer")
    Overlay: ClassVar = Group(IrpOverlay)
    Tail: ClassVar = Group(IrpTail)


class IoStatusBlockNames:
    """The names of a caller's status block."""

    __slots__ = ()
    Status: ClassVar = Alias("status")
    Information: ClassVar = Alias("information")


class DeviceExtensionNames:
    """The names of the part of a device that is the I/O manager's own."""

    __slots__ = ()
    Type: ClassVar = Alias("type")
    Size: ClassVar = Alias("size")
    DeviceObject: ClassVar = Alias("device")
    ExtensionFlags: ClassVar = Alias("flags")
    AttachedTo: ClassVar = Alias("attached_to")


class DeviceNames(NamedObject):
    """The names of a device."""

    __slots__ = ()
    Type: ClassVar = Alias("type")
    Size: ClassVar = Alias("size")
    ReferenceCount: ClassVar = Alias("reference_count")
    DriverObject: ClassVar = Alias("driver")
    NextDevice: ClassVar = Alias("next_device")
    AttachedDevice: ClassVar = Alias("attached_device")
    CurrentIrp: ClassVar = Alias("current_irp")
    Timer: ClassVar = Alias("timer")
    Flags: ClassVar = Alias("flags")
    Characteristics: ClassVar = Alias("characteristics")
    Vpb: ClassVar = Alias("vpb")
    DeviceExtension: ClassVar = Alias("device_extension")
    DeviceType: ClassVar = Alias("device_type")
    StackSize: ClassVar = Alias("stack_size")
    Queue: ClassVar = Alias("queue")
    AlignmentRequirement: ClassVar = Alias("alignment_requirement")
    DeviceQueue: ClassVar = Alias("device_queue")
    Dpc: ClassVar = Alias("dpc")
    ActiveThreadCount: ClassVar = Alias("active_thread_count")
    SecurityDescriptor: ClassVar = Alias("security_descriptor")
    DeviceLock: ClassVar = Alias("device_lock")
    SectorSize: ClassVar = Alias("sector_size")
    DeviceObjectExtension: ClassVar = Alias("extension")


class DriverNames(NamedObject):
    """The names of a driver."""

    __slots__ = ()
    Type: ClassVar = Alias("type")
    Size: ClassVar = Alias("size")
    DeviceObject: ClassVar = Alias("device")
    Flags: ClassVar = Alias("flags")
    DriverStart: ClassVar = Alias("driver_start")
    DriverSize: ClassVar = Alias("driver_size")
    DriverSection: ClassVar = Alias("driver_section")
    DriverExtension: ClassVar = Alias("extension")
    DriverName: ClassVar = Alias("path")
    HardwareDatabase: ClassVar = Alias("hardware_database")
    FastIoDispatch: ClassVar = Alias("fast_io")
    DriverInit: ClassVar = Alias("driver_init")
    DriverStartIo: ClassVar = Alias("start_io")
    DriverUnload: ClassVar = Alias("unload")
    MajorFunction: ClassVar = Alias("major_function")


class DriverExtensionNames:
    """The names of the part of a driver that the I/O manager made."""

    __slots__ = ()
    DriverObject: ClassVar = Alias("driver")
    AddDevice: ClassVar = Alias("add_device")
    Count: ClassVar = Alias("count")
    ServiceKeyName: ClassVar = Alias("service_key_name")


class VpbNames:
    """The names of a volume's parameters."""

    __slots__ = ()
    Type: ClassVar = Alias("type")
    Size: ClassVar = Alias("size")
    Flags: ClassVar = Alias("flags")
    VolumeLabelLength: ClassVar = Alias("volume_label_length")
    DeviceObject: ClassVar = Alias("device")
    RealDevice: ClassVar = Alias("real_device")
    SerialNumber: ClassVar = Alias("serial_number")
    ReferenceCount: ClassVar = Alias("reference_count")
    VolumeLabel: ClassVar = Alias("volume_label")


class CompletionNames:
    """The names of what ties a file to a completion port."""

    __slots__ = ()
    Port: ClassVar = Alias("port")
    Key: ClassVar = Alias("key")


class FileNames(NamedObject):
    """The names of a file."""

    __slots__ = ()
    Type: ClassVar = Alias("type")
    Size: ClassVar = Alias("size")
    DeviceObject: ClassVar = Alias("device")
    Vpb: ClassVar = Alias("vpb")
    FsContext: ClassVar = Alias("fs_context")
    FsContext2: ClassVar = Alias("fs_context2")
    SectionObjectPointer: ClassVar = Alias("section_object_pointers")
    PrivateCacheMap: ClassVar = Alias("private_cache_map")
    FinalStatus: ClassVar = Alias("final_status")
    RelatedFileObject: ClassVar = Alias("related_file_object")
    LockOperation: ClassVar = Alias("lock_operation")
    DeletePending: ClassVar = Alias("delete_pending")
    ReadAccess: ClassVar = Alias("read_access")
    WriteAccess: ClassVar = Alias("write_access")
    DeleteAccess: ClassVar = Alias("delete_access")
    SharedRead: ClassVar = Alias("shared_read")
    SharedWrite: ClassVar = Alias("shared_write")
    SharedDelete: ClassVar = Alias("shared_delete")
    Flags: ClassVar = Alias("flags")
    FileName: ClassVar = Alias("file_name")
    CurrentByteOffset: ClassVar = Large("current_byte_offset")
    Lock: ClassVar = Alias("position_lock")
    Event: ClassVar = Alias("event")
    CompletionContext: ClassVar = Alias("completion_context")
