"""Control codes for devices, and of what kind a handle's device is, with pywin32's parameters and results.

    DeviceIoControl(device, code, input, size or buffer, overlapped)    the bytes that the driver answered

A code of a file system (FSCTL_...) is sent as one, any other as a device's. Without `overlapped` the call waits,
whatever the handle; with it the result is the buffer, whose bytes count when the request has ended.

Source: learn.microsoft.com/windows/win32/api/ioapiset, fileapi; pywin32's win32file. Rows: R13, R31
"""

from __future__ import annotations

from typing import Any

from ..io_manager import services
from ..io_manager.codes import major
from ..io_manager.codes.device_codes import (
    FILE_DEVICE_CD_ROM,
    FILE_DEVICE_DISK,
    FILE_DEVICE_DISK_FILE_SYSTEM,
    FILE_DEVICE_FILE_SYSTEM,
    FILE_DEVICE_NETWORK_FILE_SYSTEM,
    FILE_DEVICE_VIRTUAL_DISK,
)
from ..io_manager.file_object import FileObject
from ..io_manager.io_status import IoStatusBlock
from ..kernel.event import Event
from ..status import STATUS_BUFFER_OVERFLOW, error_for, nt_error
from ..system.system import System
from .handles import find_file, find_object, system_of
from .overlapped import OVERLAPPED, hold, start, start_and_wait
from .pyhandle import Handle, win32_errors
from .transfers import AllocateReadBuffer, is_number
from .win32con import FILE_TYPE_CHAR, FILE_TYPE_DISK, FILE_TYPE_PIPE

__all__ = ["DeviceIoControl", "GetFileType"]

_DISKS = (
    FILE_DEVICE_CD_ROM,
    FILE_DEVICE_DISK,
    FILE_DEVICE_DISK_FILE_SYSTEM,
    FILE_DEVICE_NETWORK_FILE_SYSTEM,
    FILE_DEVICE_VIRTUAL_DISK,
)


def DeviceIoControl(
    Device: Handle,
    IoControlCode: int,
    InBuffer: Any,
    OutBuffer: Any,
    Overlapped: OVERLAPPED | None = None,
    *,
    system: System | None = None,
) -> Any:
    """Send a control code with input bytes (None for none); the answer: bytes, or what is valid of a given buffer.

    `OutBuffer` is how many bytes there may be, or a buffer. Raises `pywintypes.error`.
    NT: DeviceIoControl
    """
    owner = system_of(Device, system)
    with win32_errors("DeviceIoControl"):
        file_object = find_file(Device, owner, IoControlCode >> 14 & 3)  # which rights a code takes is part of it
        service = services.fs_control if IoControlCode >> 16 == FILE_DEVICE_FILE_SYSTEM else services.device_control
        target = b"" if OutBuffer is None else AllocateReadBuffer(OutBuffer) if is_number(OutBuffer) else OutBuffer
        message = memoryview(b"" if InBuffer is None else bytes(memoryview(InBuffer)))
        view, release = hold(owner, target, writing=OutBuffer is not None)

        def send(event: Event | None, context: Any, block: IoStatusBlock) -> int:
            return service(file_object, event, None, context, block, IoControlCode, message, None, view)

        if Overlapped is not None:
            _check(start(owner, file_object, Overlapped, send, release))
            return target
        status, count = start_and_wait(owner, file_object, send, release)
        _check(status)
        answer = memoryview(target).cast("B")[:count]
        return answer if target is OutBuffer else bytes(answer)


def _check(status: int) -> None:
    if nt_error(status) or status == STATUS_BUFFER_OVERFLOW:
        raise error_for(status)


def GetFileType(hFile: Handle, *, system: System | None = None) -> int:
    """FILE_TYPE_DISK, FILE_TYPE_PIPE (a socket too), or FILE_TYPE_CHAR for any other device.

    NT: GetFileType
    """
    with win32_errors("GetFileType"):
        file_object = find_object(hFile, FileObject, system)
        if file_object.flags & major.FO_NAMED_PIPE:
            return FILE_TYPE_PIPE
        return FILE_TYPE_DISK if file_object.device.device_type in _DISKS else FILE_TYPE_CHAR
