"""Control codes and kinds of devices as programs written for pywin32 ask for them."""

from __future__ import annotations

import pytest

import ntio
from ntio.driver_kit import Driver, input_of
from ntio.status import STATUS_BUFFER_OVERFLOW, STATUS_DISK_FULL
from ntio.wdm import CTL_CODE
from ntio.win32 import pywintypes, win32con, win32event, win32file, winerror

pytestmark = pytest.mark.row("R13", "R31")
DEVICE, FILE_SYSTEM = CTL_CODE(0x22, 0x800, 0, 0), CTL_CODE(9, 0x800, 0, 0)


class Backwards(Driver):
    """Answers a device's code with its input backwards, a file system's with its input; ends as told."""

    ends = 0

    def add_device(self, lower: ntio.DeviceObject | None = None) -> ntio.DeviceObject:
        device = self.create_device("\\Device\\Backwards", 0x22)
        self.driver_object.io.namespace.link("\\??\\Backwards", "\\Device\\Backwards")
        return device

    def dispatch_device_control(self, device: ntio.DeviceObject, irp: ntio.Irp) -> int:
        return self._answer(irp, bytes(input_of(irp))[::-1])

    def dispatch_file_system_control(self, device: ntio.DeviceObject, irp: ntio.Irp) -> int:
        return self._answer(irp, bytes(input_of(irp)))

    def _answer(self, irp: ntio.Irp, answer: bytes) -> int:
        assert irp.buffer is not None
        count = min(len(answer), irp.location.output_length)
        irp.buffer[:count] = answer[:count]
        return irp.complete(self.ends, count)


def test_a_code_and_its_answer(system: ntio.System) -> None:
    driver = Backwards()
    system.load(driver)

    def opened(flags: int) -> pywintypes.PyHANDLE:
        access = win32con.GENERIC_READ | win32con.GENERIC_WRITE
        return win32file.CreateFile(
            r"\\.\Backwards", access, 0, None, win32con.OPEN_EXISTING, flags, None, system=system
        )

    with opened(0) as device, opened(win32con.FILE_FLAG_OVERLAPPED) as overlapped:
        assert win32file.GetFileType(device) == win32con.FILE_TYPE_CHAR
        for handle in (device, overlapped):  # without an OVERLAPPED the call waits, whatever the handle
            assert win32file.DeviceIoControl(handle, DEVICE, b"abc", 10) == b"cba"
            assert win32file.DeviceIoControl(handle, FILE_SYSTEM, b"abc", 2, None) == b"ab"
            assert win32file.DeviceIoControl(handle, DEVICE, None, None) == b""
        room = win32file.AllocateReadBuffer(10)
        answer = win32file.DeviceIoControl(device, DEVICE, b"abc", room)
        assert answer == b"cba" == bytes(room[:3]) and len(answer) == 3

        ov = pywintypes.OVERLAPPED()
        ov.hEvent = win32event.CreateEvent(None, True, False, None, system=system)
        filled = win32file.DeviceIoControl(overlapped, DEVICE, b"abcd", 10, ov)
        assert win32file.GetOverlappedResult(overlapped, ov, True) == 4 and filled[:4] == b"dcba"

        for status, number in ((STATUS_DISK_FULL, winerror.ERROR_DISK_FULL), (STATUS_BUFFER_OVERFLOW, 234)):
            driver.ends = status
            with pytest.raises(pywintypes.error) as caught:
                win32file.DeviceIoControl(device, DEVICE, b"abc", 10)
            assert caught.value.winerror == number
