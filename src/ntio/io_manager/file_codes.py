"""Numbers about files and volumes, by their Windows names: access, options, flags, information classes.

`major` re-exports all of it, so that a driver has one place to look.

Source: spec iomgr.md 1.2, 2, 3.3 and 3.5; learn.microsoft.com ntifs.h and wdm.h. Rows: R20, R21
"""

from __future__ import annotations

from typing import Final

from ..security.access_mask import ACCESS_SYSTEM_SECURITY as ACCESS_SYSTEM_SECURITY
from ..security.access_mask import DELETE as DELETE
from ..security.access_mask import GENERIC_ALL as GENERIC_ALL
from ..security.access_mask import GENERIC_EXECUTE as GENERIC_EXECUTE
from ..security.access_mask import GENERIC_READ as GENERIC_READ
from ..security.access_mask import GENERIC_WRITE as GENERIC_WRITE
from ..security.access_mask import MAXIMUM_ALLOWED as MAXIMUM_ALLOWED
from ..security.access_mask import READ_CONTROL as READ_CONTROL
from ..security.access_mask import SYNCHRONIZE as SYNCHRONIZE
from ..security.access_mask import WRITE_DAC as WRITE_DAC
from ..security.access_mask import WRITE_OWNER as WRITE_OWNER

# Access to a file, and what the generic rights mean for one.
FILE_READ_DATA: Final = 0x1
FILE_WRITE_DATA: Final = 0x2
FILE_APPEND_DATA: Final = 0x4
FILE_READ_EA: Final = 0x8
FILE_WRITE_EA: Final = 0x10
FILE_EXECUTE: Final = 0x20
FILE_TRAVERSE: Final = 0x20
FILE_DELETE_CHILD: Final = 0x40
FILE_READ_ATTRIBUTES: Final = 0x80
FILE_WRITE_ATTRIBUTES: Final = 0x100
FILE_GENERIC_READ: Final = 0x12_0089
FILE_GENERIC_WRITE: Final = 0x12_0116
FILE_GENERIC_EXECUTE: Final = 0x12_00A0
FILE_ALL_ACCESS: Final = 0x1F_01FF

# With whom an open is shared.
FILE_SHARE_READ: Final = 1
FILE_SHARE_WRITE: Final = 2
FILE_SHARE_DELETE: Final = 4

# Create dispositions.
FILE_SUPERSEDE: Final = 0
FILE_OPEN: Final = 1
FILE_CREATE: Final = 2
FILE_OPEN_IF: Final = 3
FILE_OVERWRITE: Final = 4
FILE_OVERWRITE_IF: Final = 5

# What a successful open says it did.
FILE_SUPERSEDED: Final = 0
FILE_OPENED: Final = 1
FILE_CREATED: Final = 2
FILE_OVERWRITTEN: Final = 3
FILE_EXISTS: Final = 4
FILE_DOES_NOT_EXIST: Final = 5

# Create options.
FILE_DIRECTORY_FILE: Final = 0x1
FILE_WRITE_THROUGH: Final = 0x2
FILE_SEQUENTIAL_ONLY: Final = 0x4
FILE_NO_INTERMEDIATE_BUFFERING: Final = 0x8
FILE_SYNCHRONOUS_IO_ALERT: Final = 0x10
FILE_SYNCHRONOUS_IO_NONALERT: Final = 0x20
FILE_NON_DIRECTORY_FILE: Final = 0x40
FILE_RANDOM_ACCESS: Final = 0x800
FILE_DELETE_ON_CLOSE: Final = 0x1000
FILE_VALID_OPTION_FLAGS: Final = 0xFF_FFFF

# StackLocation.flags of a create and of a mount.
SL_FORCE_ACCESS_CHECK: Final = 0x1
SL_OPEN_PAGING_FILE: Final = 0x2
SL_OPEN_TARGET_DIRECTORY: Final = 0x4
SL_STOP_ON_SYMLINK: Final = 0x8
SL_CASE_SENSITIVE: Final = 0x80
SL_ALLOW_RAW_MOUNT: Final = 0x1

# What a create that answers STATUS_REPARSE has in its information.
IO_REPARSE: Final = 0
IO_REMOUNT: Final = 1
IO_REPARSE_TAG_MOUNT_POINT: Final = 0xA000_0003

# FileObject.flags
FO_FILE_OPEN: Final = 0x1
FO_SYNCHRONOUS_IO: Final = 0x2
FO_ALERTABLE_IO: Final = 0x4
FO_NO_INTERMEDIATE_BUFFERING: Final = 0x8
FO_WRITE_THROUGH: Final = 0x10
FO_SEQUENTIAL_ONLY: Final = 0x20
FO_CACHE_SUPPORTED: Final = 0x40
FO_NAMED_PIPE: Final = 0x80
FO_STREAM_FILE: Final = 0x100
FO_MAILSLOT: Final = 0x200
FO_DIRECT_DEVICE_OPEN: Final = 0x800
FO_FILE_MODIFIED: Final = 0x1000
FO_FILE_SIZE_CHANGED: Final = 0x2000
FO_CLEANUP_COMPLETE: Final = 0x4000
FO_TEMPORARY_FILE: Final = 0x8000
FO_DELETE_ON_CLOSE: Final = 0x1_0000
FO_OPENED_CASE_SENSITIVE: Final = 0x2_0000
FO_HANDLE_CREATED: Final = 0x4_0000
FO_FILE_FAST_IO_READ: Final = 0x8_0000
FO_RANDOM_ACCESS: Final = 0x10_0000
FO_FILE_OPEN_CANCELLED: Final = 0x20_0000
FO_VOLUME_OPEN: Final = 0x40_0000

# File attributes.
FILE_ATTRIBUTE_READONLY: Final = 0x1
FILE_ATTRIBUTE_DIRECTORY: Final = 0x10
FILE_ATTRIBUTE_DEVICE: Final = 0x40
FILE_ATTRIBUTE_NORMAL: Final = 0x80
FILE_ATTRIBUTE_TEMPORARY: Final = 0x100
FILE_ATTRIBUTE_VALID_FLAGS: Final = 0x7FB7

# Information classes of files, as FileBasicInformation and so on.
FILE_BASIC_INFORMATION_CLASS: Final = 4
FILE_STANDARD_INFORMATION_CLASS: Final = 5
FILE_INTERNAL_INFORMATION_CLASS: Final = 6
FILE_EA_INFORMATION_CLASS: Final = 7
FILE_ACCESS_INFORMATION_CLASS: Final = 8
FILE_NAME_INFORMATION_CLASS: Final = 9
FILE_RENAME_INFORMATION_CLASS: Final = 10
FILE_DISPOSITION_INFORMATION_CLASS: Final = 13
FILE_POSITION_INFORMATION_CLASS: Final = 14
FILE_MODE_INFORMATION_CLASS: Final = 16
FILE_ALIGNMENT_INFORMATION_CLASS: Final = 17
FILE_ALL_INFORMATION_CLASS: Final = 18
FILE_ALLOCATION_INFORMATION_CLASS: Final = 19
FILE_END_OF_FILE_INFORMATION_CLASS: Final = 20
FILE_NETWORK_OPEN_INFORMATION_CLASS: Final = 34
FILE_ATTRIBUTE_TAG_INFORMATION_CLASS: Final = 35

# Information classes of volumes, as FileFsVolumeInformation and so on.
FILE_FS_VOLUME_INFORMATION_CLASS: Final = 1
FILE_FS_LABEL_INFORMATION_CLASS: Final = 2
FILE_FS_SIZE_INFORMATION_CLASS: Final = 3
FILE_FS_DEVICE_INFORMATION_CLASS: Final = 4
FILE_FS_ATTRIBUTE_INFORMATION_CLASS: Final = 5
FILE_FS_FULL_SIZE_INFORMATION_CLASS: Final = 7
FILE_FS_SECTOR_SIZE_INFORMATION_CLASS: Final = 11
