"""A breakpoint at a driver's door: the next packet that comes to it stops there, and somebody may look around.

    with Breakpoint(device, lambda irp: print(Debugger(system, irp).run("!irp").text)):
        stack.read(512, 0)

The device gets copies of its two dispatch tables in which every routine looks whether it is the first, calls `hit`, and
goes on. Nothing of it touches a stack without one. While it is set, reads and writes do not go straight to a host file.

Rows: R19
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from ..driver_kit import DeviceObject, Irp
from ..io_manager.device import DispatchRoutine


class Breakpoint:
    """Calls `hit(irp)` when the first packet arrives at a device, before its driver sees it.

    NT: bp
    """

    def __init__(self, device: DeviceObject, hit: Callable[[Irp], None]) -> None:
        self._device = device
        self._hit = hit
        self.reached = False
        self._saved = device.dispatch, device.batch_dispatch, device.observer

    def __enter__(self) -> Breakpoint:
        device = self._device
        self._saved = device.dispatch, device.batch_dispatch, device.observer
        device.dispatch = tuple(map(self._stop_at, device.dispatch))
        device.batch_dispatch = tuple(map(self._stop_at, device.batch_dispatch))
        device.observer = "has a breakpoint"
        device.driver.io.stack_epoch += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        device = self._device
        device.dispatch, device.batch_dispatch, device.observer = self._saved
        device.driver.io.stack_epoch += 1

    def _stop_at(self, routine: DispatchRoutine) -> DispatchRoutine:
        def stopped(device: DeviceObject, irp: Irp) -> int:
            if not self.reached:
                self.reached = True
                self._hit(irp)
            return routine(device, irp)

        return stopped
