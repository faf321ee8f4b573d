"""Function codes, flags and information classes of requests, by their Windows names.

Minor functions are in `minor_codes`, what belongs to drivers and devices in `device_codes`, what belongs to files in
`file_codes`; this module re-exports all three, so that there is one place to look.

Source: spec iomgr.md sections 1.2 and 2. Rows: R18
"""

# ruff: noqa: F403
from __future__ import annotations

from typing import Final

from ...security.access_mask import KERNEL_MODE as KERNEL_MODE
from ...security.access_mask import USER_MODE as USER_MODE
from .device_codes import *
from .file_codes import *
from .minor_codes import *

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

#: Requests that carry a control code, whose lowest two bits say how their bytes travel.
CONTROL_FUNCTIONS: Final = (IRP_MJ_DEVICE_CONTROL, IRP_MJ_FILE_SYSTEM_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL)
#: Requests whose bytes travel in a system buffer whatever the device's flags say.
ALWAYS_BUFFERED: Final = (
    IRP_MJ_QUERY_INFORMATION, IRP_MJ_SET_INFORMATION, IRP_MJ_QUERY_VOLUME_INFORMATION, IRP_MJ_SET_VOLUME_INFORMATION,
)  # fmt: skip

# Further names of some of them
IRP_MJ_SCSI: Final = IRP_MJ_INTERNAL_DEVICE_CONTROL
IRP_MJ_PNP_POWER: Final = IRP_MJ_PNP
IRP_MJ_MAXIMUM_FUNCTION: Final = IRP_MJ_PNP

# Irp.flags
IRP_NOCACHE: Final = 0x1
IRP_PAGING_IO: Final = 0x2
IRP_MOUNT_COMPLETION: Final = 0x2
IRP_SYNCHRONOUS_API: Final = 0x4
IRP_ASSOCIATED_IRP: Final = 0x8
IRP_BUFFERED_IO: Final = 0x10
IRP_DEALLOCATE_BUFFER: Final = 0x20
IRP_INPUT_OPERATION: Final = 0x40
IRP_SYNCHRONOUS_PAGING_IO: Final = 0x40
IRP_CREATE_OPERATION: Final = 0x80
IRP_READ_OPERATION: Final = 0x100
IRP_WRITE_OPERATION: Final = 0x200
IRP_CLOSE_OPERATION: Final = 0x400
IRP_DEFER_IO_COMPLETION: Final = 0x800
IRP_OB_QUERY_NAME: Final = 0x1000
IRP_HOLD_DEVICE_QUEUE: Final = 0x2000
IRP_UM_DRIVER_INITIATED_IO: Final = 0x40_0000

# Irp.allocation_flags
IRP_QUOTA_CHARGED: Final = 0x1
IRP_ALLOCATED_MUST_SUCCEED: Final = 0x2
IRP_ALLOCATED_FIXED_SIZE: Final = 0x4
IRP_LOOKASIDE_ALLOCATION: Final = 0x8

# StackLocation.control
SL_PENDING_RETURNED: Final = 0x01
SL_ERROR_RETURNED: Final = 0x02
SL_INVOKE_ON_CANCEL: Final = 0x20
SL_INVOKE_ON_SUCCESS: Final = 0x40
SL_INVOKE_ON_ERROR: Final = 0x80
SL_INVOKE_ALWAYS: Final = SL_INVOKE_ON_CANCEL | SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR
