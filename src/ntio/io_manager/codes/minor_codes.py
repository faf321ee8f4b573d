"""Minor functions of requests, and what a stack location's flags say, by their Windows names.

`major` re-exports all of it, so that a driver has one place to look.

Source: spec iomgr.md 1.2 and 2; learn.microsoft.com wdm.h and ntifs.h. Rows: R18
"""

from __future__ import annotations

from typing import Final

# Reads and writes
IRP_MN_NORMAL: Final = 0x0
IRP_MN_DPC: Final = 0x1
IRP_MN_MDL: Final = 0x2
IRP_MN_MDL_DPC: Final = 0x3
IRP_MN_COMPLETE: Final = 0x4
IRP_MN_COMPLETE_MDL: Final = 0x6
IRP_MN_COMPLETE_MDL_DPC: Final = 0x7
IRP_MN_COMPRESSED: Final = 0x8

# File system control
IRP_MN_USER_FS_REQUEST: Final = 0x0
IRP_MN_MOUNT_VOLUME: Final = 0x1
IRP_MN_VERIFY_VOLUME: Final = 0x2
IRP_MN_LOAD_FILE_SYSTEM: Final = 0x3
IRP_MN_KERNEL_CALL: Final = 0x4

# Directories, locks, flushes
IRP_MN_QUERY_DIRECTORY: Final = 0x1
IRP_MN_NOTIFY_CHANGE_DIRECTORY: Final = 0x2
IRP_MN_NOTIFY_CHANGE_DIRECTORY_EX: Final = 0x3
IRP_MN_LOCK: Final = 0x1
IRP_MN_UNLOCK_SINGLE: Final = 0x2
IRP_MN_UNLOCK_ALL: Final = 0x3
IRP_MN_UNLOCK_ALL_BY_KEY: Final = 0x4
IRP_MN_FLUSH_AND_PURGE: Final = 0x1
IRP_MN_FLUSH_DATA_ONLY: Final = 0x2
IRP_MN_FLUSH_NO_SYNC: Final = 0x3
IRP_MN_FLUSH_DATA_SYNC_ONLY: Final = 0x4

# Power
IRP_MN_WAIT_WAKE: Final = 0x0
IRP_MN_POWER_SEQUENCE: Final = 0x1
IRP_MN_SET_POWER: Final = 0x2
IRP_MN_QUERY_POWER: Final = 0x3

# Plug and play
IRP_MN_START_DEVICE: Final = 0x00
IRP_MN_QUERY_REMOVE_DEVICE: Final = 0x01
IRP_MN_REMOVE_DEVICE: Final = 0x02
IRP_MN_CANCEL_REMOVE_DEVICE: Final = 0x03
IRP_MN_STOP_DEVICE: Final = 0x04
IRP_MN_QUERY_STOP_DEVICE: Final = 0x05
IRP_MN_CANCEL_STOP_DEVICE: Final = 0x06
IRP_MN_QUERY_DEVICE_RELATIONS: Final = 0x07
IRP_MN_QUERY_INTERFACE: Final = 0x08
IRP_MN_QUERY_CAPABILITIES: Final = 0x09
IRP_MN_QUERY_RESOURCES: Final = 0x0A
IRP_MN_QUERY_RESOURCE_REQUIREMENTS: Final = 0x0B
IRP_MN_QUERY_DEVICE_TEXT: Final = 0x0C
IRP_MN_FILTER_RESOURCE_REQUIREMENTS: Final = 0x0D
IRP_MN_READ_CONFIG: Final = 0x0F
IRP_MN_WRITE_CONFIG: Final = 0x10
IRP_MN_EJECT: Final = 0x11
IRP_MN_SET_LOCK: Final = 0x12
IRP_MN_QUERY_ID: Final = 0x13
IRP_MN_QUERY_PNP_DEVICE_STATE: Final = 0x14
IRP_MN_QUERY_BUS_INFORMATION: Final = 0x15
IRP_MN_DEVICE_USAGE_NOTIFICATION: Final = 0x16
IRP_MN_SURPRISE_REMOVAL: Final = 0x17
IRP_MN_QUERY_LEGACY_BUS_INFORMATION: Final = 0x18
IRP_MN_DEVICE_ENUMERATED: Final = 0x19

# DEVICE_RELATION_TYPE and BUS_QUERY_ID_TYPE, what the two queries above ask for
BusRelations: Final = 0
EjectionRelations: Final = 1
PowerRelations: Final = 2
RemovalRelations: Final = 3
TargetDeviceRelation: Final = 4
SingleBusRelations: Final = 5
TransportRelations: Final = 6
BusQueryDeviceID: Final = 0
BusQueryHardwareIDs: Final = 1
BusQueryCompatibleIDs: Final = 2
BusQueryInstanceID: Final = 3
BusQueryDeviceSerialNumber: Final = 4
BusQueryContainerID: Final = 5

# StackLocation.flags of reads and writes
SL_KEY_SPECIFIED: Final = 0x1
SL_OVERRIDE_VERIFY_VOLUME: Final = 0x2
SL_WRITE_THROUGH: Final = 0x4
SL_FT_SEQUENTIAL_WRITE: Final = 0x8
SL_FORCE_DIRECT_WRITE: Final = 0x10
SL_REALTIME_STREAM: Final = 0x20

# StackLocation.flags of locks and directory queries
SL_FAIL_IMMEDIATELY: Final = 0x1
SL_EXCLUSIVE_LOCK: Final = 0x2
SL_RESTART_SCAN: Final = 0x1
SL_WATCH_TREE: Final = 0x1
SL_RETURN_SINGLE_ENTRY: Final = 0x2
SL_INDEX_SPECIFIED: Final = 0x4
