"""The calls on open files: NtReadFile and its like, by handle or by file object.

`Nt...` calls come from a program: buffers are checked, and access to the handle is. `Zw...` calls come from a driver.
The file is a handle, with `system=`, or the file object itself.
"""

from __future__ import annotations

from ..io_manager.services import cancel as _cancel
from ..io_manager.services import control as _control
from ..io_manager.services import information as _information
from ..io_manager.services import transfer as _transfer
from . import forms as _f

NtReadFile, ZwReadFile = _f.both_modes(_transfer.read_file)
NtWriteFile, ZwWriteFile = _f.both_modes(_transfer.write_file)
NtFlushBuffersFile, ZwFlushBuffersFile = _f.both_modes(_transfer.flush_file)
NtDeviceIoControlFile, ZwDeviceIoControlFile = _f.both_modes(_control.device_control)
NtFsControlFile, ZwFsControlFile = _f.both_modes(_control.fs_control)
NtCancelIoFile = ZwCancelIoFile = _f.by_handle(_cancel.cancel_io)
NtCancelIoFileEx = ZwCancelIoFileEx = _f.by_handle(_cancel.cancel_io_ex)
NtLockFile, ZwLockFile = _f.both_modes(_control.lock_file)
NtUnlockFile, ZwUnlockFile = _f.both_modes(_control.unlock_file)
NtQueryInformationFile, ZwQueryInformationFile = _f.both_modes(_information.query_information)
NtSetInformationFile, ZwSetInformationFile = _f.both_modes(_information.set_information)
NtQueryVolumeInformationFile, ZwQueryVolumeInformationFile = _f.both_modes(_information.query_volume_information)
NtQueryDirectoryFile, ZwQueryDirectoryFile = _f.both_modes(_information.query_directory)
NtNotifyChangeDirectoryFile, ZwNotifyChangeDirectoryFile = _f.both_modes(_information.notify_change_directory)
