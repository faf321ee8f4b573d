r"""The I/O manager of one System: its drivers, its packets, and the bug check that stops it.

Everything that must exist once per System hangs here: the namespace with `\Device` and `\Driver`, the packet lists,
the ring for host work that no ring of a caller carries, the counters a test looks at when it ends, and the latch. The
first bug check is kept, and every later call of the System raises it again.

Rows: R21, R23, R30
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from ..bugcheck import BugCheck, BugCheckCode
from ..hal.machine import Hal
from ..hal.operation_queue import OperationQueue
from ..kernel.processor import Processors
from ..object_manager.namespace import Namespace
from .driver import DriverCode, DriverObject
from .irp_pool import IrpPool

#: How many host operations of packets without a ring of their own may be in flight.
_HOST_RING_ENTRIES = 256


class IoManager:
    """What all requests of one System share.

    NT: I/O manager, Io
    """

    def __init__(self, hal: Hal, processors: Processors, *, lookaside: bool = True) -> None:
        self.hal = hal
        self.namespace = Namespace()
        self.irps = IrpPool(hal, processors, self.stop, lookaside=lookaside)
        #: Counts attachments and detachments; a file's direct path is good for one epoch.
        self.stack_epoch = 0
        self.open_files = 0
        #: Descriptors of the host that drivers hold open.
        self.host_descriptors: set[int] = set()
        self.bug_check: BugCheck | None = None
        self._lock = hal.new_lock()
        self._host_ring: OperationQueue | None = None

    def load(self, name: str, code: DriverCode, entry: Callable[[DriverObject], None]) -> DriverObject:
        r"""Make a driver object `\Driver\name`, have `entry` fill it, and finish its tables.

        Raises ObjectNameCollision when a driver of that name is loaded.
        NT: IoLoadDriver
        """
        driver = DriverObject(self, code)
        self.namespace.insert(f"\\Driver\\{name}", driver)
        try:
            entry(driver)
            driver.finish_initialization()
        except BaseException:
            self.unload(driver)
            raise
        return driver

    def unload(self, driver: DriverObject) -> None:
        """Run a driver's unload routine, delete its devices, forget it.

        NT: IoUnloadDriver
        """
        if driver.unload is not None:
            driver.unload(driver)
        for device in list(driver.devices()):
            device.detach()
            driver.delete_device(device)
        if driver.directory is not None:
            driver.directory.discard(driver)

    def stop(self, code: BugCheckCode, *parameters: object, note: str = "") -> NoReturn:
        """Stop the System: latch the bug check and raise it.

        NT: KeBugCheckEx
        """
        check = BugCheck(code, *parameters, note=note)
        if self.bug_check is None:
            self.bug_check = check
        raise check

    def check_running(self) -> None:
        """Raise the latched bug check, if there is one."""
        if self.bug_check is not None:
            raise self.bug_check

    def host_ring(self) -> OperationQueue:
        """The System's own ring, with a thread that reaps it, made when first wanted."""
        with self._lock:
            if self._host_ring is None:
                self._host_ring = ring = self.hal.new_queue(_HOST_RING_ENTRIES)
                self._interrupt = self.hal.spawn(ring.serve, "ntio interrupt")
            return self._host_ring

    def close(self) -> None:
        """Unload every driver, newest first, and give the host ring back."""
        drivers = self.namespace.lookup("\\Driver")[0]
        for driver in reversed(list(drivers)):  # type: ignore[call-overload]
            self.unload(driver)
        if self._host_ring is not None:
            self._host_ring.close()
            self._interrupt.join()
