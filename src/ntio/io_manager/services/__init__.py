"""The system services on file objects, with the results Windows programs get from them.

    read_file  write_file  flush_file                              NtReadFile ...
    device_control  fs_control  lock_file  unlock_file             NtDeviceIoControlFile ...
    query_information  set_information  query_volume_information   NtQueryInformationFile ...
    query_directory                                                NtQueryDirectoryFile
    cancel_io  cancel_io_ex  cancel_synchronous_io                 NtCancelIoFile ...

Each takes the file object, for requests that may pend an event, a routine with its context, and a status block, then
its own parameters; it returns an NTSTATUS. `mode` says who asks: USER_MODE, whose rights and memory are looked at, or
KERNEL_MODE. Buffers are Python buffers, None, or addresses that the System's memory knows.

These are the exact ones. `requests` is the quick issuer behind `ntio.File` and rings, for which a failed packet wins
over what its driver returned.

Source: spec iomgr.md 1.8, 6, 7 C and D. Rows: R21, R31
"""

from __future__ import annotations

from .cancel import cancel_io, cancel_io_ex, cancel_synchronous_io
from .control import device_control, fs_control, lock_file, unlock_file
from .information import (
    notify_change_directory,
    query_directory,
    query_information,
    query_volume_information,
    set_information,
)
from .transfer import FILE_USE_FILE_POINTER_POSITION, FILE_WRITE_TO_END_OF_FILE, flush_file, read_file, write_file

__all__ = [
    "FILE_USE_FILE_POINTER_POSITION", "FILE_WRITE_TO_END_OF_FILE",
    "cancel_io", "cancel_io_ex", "cancel_synchronous_io", "device_control", "flush_file", "fs_control", "lock_file",
    "notify_change_directory", "query_directory", "query_information", "query_volume_information", "read_file",
    "set_information", "unlock_file", "write_file",
]  # fmt: skip
