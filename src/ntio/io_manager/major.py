"""Function codes, flags and information classes of requests, by their Windows names.

Source: spec iomgr.md sections 1.2 and 2. Rows: R18
"""

from __future__ import annotations

from typing import Final

IRP_MJ_CREATE: Final = 0x00
IRP_MJ_CREATE_NAMED_PIPE: Final = 0x01
IRP_MJ_CLOSE: Final = 0x02
IRP_MJ_READ: Final = 0x03
IRP_MJ_WRITE: Final = 0x04
IRP_MJ_QUERY_INFORMATION: Final = 0x05
IRP_MJ_SET_INFORMATION: Final = 0x06
IRP_MJ_QUERY_EA: Final = 0x07
IRP_MJ_SET_EA: Final = 0x08
IRP_MJ_FLUSH_BUFFERS: Final = 0x09
IRP_MJ_QUERY_VOLUME_INFORMATION: Final = 0x0A
IRP_MJ_SET_VOLUME_INFORMATION: Final = 0x0B
IRP_MJ_DIRECTORY_CONTROL: Final = 0x0C
IRP_MJ_FILE_SYSTEM_CONTROL: Final = 0x0D
IRP_MJ_DEVICE_CONTROL: Final = 0x0E
IRP_MJ_INTERNAL_DEVICE_CONTROL: Final = 0x0F
IRP_MJ_SHUTDOWN: Final = 0x10
IRP_MJ_LOCK_CONTROL: Final = 0x11
IRP_MJ_CLEANUP: Final = 0x12
IRP_MJ_CREATE_MAILSLOT: Final = 0x13
IRP_MJ_QUERY_SECURITY: Final = 0x14
IRP_MJ_SET_SECURITY: Final = 0x15
IRP_MJ_POWER: Final = 0x16
IRP_MJ_SYSTEM_CONTROL: Final = 0x17
IRP_MJ_DEVICE_CHANGE: Final = 0x18
IRP_MJ_QUERY_QUOTA: Final = 0x19
IRP_MJ_SET_QUOTA: Final = 0x1A
IRP_MJ_PNP: Final = 0x1B

#: How many major functions there are; every driver's table has this many slots.
MAJOR_FUNCTION_COUNT: Final = 28

#: The name of each major function without its prefix, by number: `dispatch_read` handles "READ".
MAJOR_NAMES: Final = tuple(
    name.removeprefix("IRP_MJ_")
    for name, _ in sorted(
        ((name, value) for name, value in globals().items() if name.startswith("IRP_MJ_")), key=lambda pair: pair[1]
    )
)

# Irp.flags
IRP_NOCACHE: Final = 0x1
IRP_SYNCHRONOUS_API: Final = 0x4
IRP_ASSOCIATED_IRP: Final = 0x8
IRP_CREATE_OPERATION: Final = 0x80
IRP_READ_OPERATION: Final = 0x100
IRP_WRITE_OPERATION: Final = 0x200
IRP_CLOSE_OPERATION: Final = 0x400
IRP_DEFER_IO_COMPLETION: Final = 0x800

# Irp.allocation_flags
IRP_QUOTA_CHARGED: Final = 0x1
IRP_ALLOCATED_FIXED_SIZE: Final = 0x4
IRP_LOOKASIDE_ALLOCATION: Final = 0x8

# StackLocation.control
SL_PENDING_RETURNED: Final = 0x01
SL_ERROR_RETURNED: Final = 0x02
SL_INVOKE_ON_CANCEL: Final = 0x20
SL_INVOKE_ON_SUCCESS: Final = 0x40
SL_INVOKE_ON_ERROR: Final = 0x80
SL_INVOKE_ALWAYS: Final = SL_INVOKE_ON_CANCEL | SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR

# DeviceObject.flags
DO_BUFFERED_IO: Final = 0x4
DO_EXCLUSIVE: Final = 0x8
DO_DIRECT_IO: Final = 0x10
DO_DEVICE_HAS_NAME: Final = 0x40
DO_DEVICE_INITIALIZING: Final = 0x80

# DriverObject.flags
DRVO_INITIALIZED: Final = 0x10
DRVO_UNLOAD_INVOKED: Final = 0x1

# Device types
FILE_DEVICE_DISK: Final = 0x07
FILE_DEVICE_NETWORK_FILE_SYSTEM: Final = 0x14
FILE_DEVICE_UNKNOWN: Final = 0x22
FILE_DEVICE_VIRTUAL_DISK: Final = 0x24

# FileObject.flags
FO_SYNCHRONOUS_IO: Final = 0x2
FO_NO_INTERMEDIATE_BUFFERING: Final = 0x8
FO_CLEANUP_COMPLETE: Final = 0x4000

# Access to a file
FILE_READ_DATA: Final = 0x1
FILE_WRITE_DATA: Final = 0x2
FILE_APPEND_DATA: Final = 0x4

# Create dispositions and options
FILE_OPEN: Final = 1
FILE_CREATE: Final = 2
FILE_OPEN_IF: Final = 3
FILE_OVERWRITE: Final = 4
FILE_OVERWRITE_IF: Final = 5
FILE_NO_INTERMEDIATE_BUFFERING: Final = 0x8

# Information classes
FILE_STANDARD_INFORMATION_CLASS: Final = 5
