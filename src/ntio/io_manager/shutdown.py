"""Who wants to hear that the System is being shut down.

A driver registers a device, and gets one IRP_MJ_SHUTDOWN at the top of that device's stack when the System is closed,
before any driver is unloaded; the last to register is the first to hear. Those in the *last chance* list hear after all
others.

Source: spec iomgr.md 3.2; WDK IoRegisterShutdownNotification. Rows: R22
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import requests
from .codes.device_codes import DO_SHUTDOWN_REGISTERED
from .codes.major import IRP_MJ_SHUTDOWN, IRP_SYNCHRONOUS_API

if TYPE_CHECKING:
    from .device import DeviceObject


class ShutdownList:
    """The devices of one System that want to hear of its end.

    NT: IopNotifyShutdownQueueHead
    """

    def __init__(self) -> None:
        self._first: list[DeviceObject] = []
        self._last: list[DeviceObject] = []

    def register(self, device: DeviceObject, *, last_chance: bool = False) -> None:
        """Have a device hear of the shutdown; `last_chance` has it hear after all others.

        NT: IoRegisterShutdownNotification, IoRegisterLastChanceShutdownNotification
        """
        (self._last if last_chance else self._first).append(device)
        device.flags |= DO_SHUTDOWN_REGISTERED

    def unregister(self, device: DeviceObject) -> None:
        """Take a device out of both lists.

        NT: IoUnregisterShutdownNotification
        """
        if device.flags & DO_SHUTDOWN_REGISTERED:
            device.flags &= ~DO_SHUTDOWN_REGISTERED
            self._first = [one for one in self._first if one is not device]
            self._last = [one for one in self._last if one is not device]

    def notify(self) -> None:
        """Tell every registered device, once."""
        for devices in (self._first, self._last):
            while devices:
                device = devices.pop()
                device.flags &= ~DO_SHUTDOWN_REGISTERED
                _send_shutdown(device)


def _send_shutdown(device: DeviceObject) -> None:
    top = device.top()
    irp = device.driver.io.irps.allocate(top.stack_size)
    irp.flags |= IRP_SYNCHRONOUS_API
    irp.next_location.major = IRP_MJ_SHUTDOWN
    requests.send(top, irp)
