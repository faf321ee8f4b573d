r"""The I/O manager of one System: its drivers, its packets, and the bug check that stops it.

Everything that must exist once per System hangs here: the namespace with `\Device` and `\Driver`, the packet lists,
the ring for host work that no ring of a caller carries, the counters a test looks at when it ends, and the latch. The
first bug check is kept, and every later call of the System raises it again.

Rows: R21, R23, R30
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NoReturn, Protocol

from ..bugcheck import BugCheck, BugCheckCode
from ..hal.machine import Hal
from ..hal.operation_queue import OperationQueue
from ..kernel.processor import Processors
from ..memory.address_space import AddressSpace
from ..object_manager.handles import HandleTable
from ..object_manager.namespace import Namespace
from . import requests
from .driver import DriverCode, DriverObject
from .file_object import FileObject
from .irp_pool import IrpPool
from .major import DRVO_UNLOAD_INVOKED
from .open import close_file

if TYPE_CHECKING:
    from .io_ring import IoRing

#: How many host operations of packets without a ring of their own may be in flight.
_HOST_RING_ENTRIES = 256


class Settable(Protocol):
    """What a bug check wakes: an event, or what stands for one."""

    def set(self) -> object:
        """Let whoever waits look again."""


class Joinable(Protocol):
    """A thread."""

    def join(self) -> None:
        """Wait until it has ended."""

    def is_alive(self) -> bool:
        """Whether it still runs."""


class IoManager:
    """What all requests of one System share.

    NT: I/O manager, Io
    """

    def __init__(self, hal: Hal, processors: Processors, *, lookaside: bool = True) -> None:
        self.hal = hal
        self.namespace = Namespace()
        self.irps = IrpPool(hal, processors, self.stop, lookaside=lookaside)
        #: Counts what changes stacks; a file's direct path is good for one epoch.
        self.stack_epoch = 0
        #: The loaded drivers, oldest first.
        self.drivers: list[DriverObject] = []
        self.open_files = 0
        #: Descriptors of the host that drivers hold open.
        self.host_descriptors: set[int] = set()
        self.bug_check: BugCheck | None = None
        self._lock = hal.new_lock()
        self._host_ring: OperationQueue | None = None
        self._threads: list[Joinable] = []
        #: Memory that requests may name by address, and the open handles.
        self.memory = AddressSpace(hal.new_lock())
        self.handles = HandleTable(hal.new_lock(), _last_handle_closed)
        #: The I/O rings that are open or still have operations in flight: a cancellation reaches all of them.
        self.io_rings: set[IoRing] = set()
        self._waiting: set[Settable] = set()

    def load(self, name: str, code: DriverCode, entry: Callable[[DriverObject], None]) -> DriverObject:
        r"""Make a driver object `\Driver\name`, have `entry` fill it, and finish its tables.

        Raises ObjectNameCollision when a driver of that name is loaded.
        NT: IoLoadDriver
        """
        driver = DriverObject(self, code)
        self.namespace.insert(f"\\Driver\\{name}", driver)
        self.drivers.append(driver)
        try:
            entry(driver)
            driver.finish_initialization()
        except BaseException:
            self._forget(driver)
            raise
        return driver

    def unload(self, driver: DriverObject) -> None:
        """Run a driver's unload routine, delete its devices, forget it.

        NT: IoUnloadDriver
        """
        driver.flags |= DRVO_UNLOAD_INVOKED
        try:
            if driver.unload is not None:
                driver.unload(driver)
        finally:
            self._forget(driver)

    def _forget(self, driver: DriverObject) -> None:
        for device in list(driver.devices()):
            device.detach()
            driver.delete_device(device)
        if driver.directory is not None:
            driver.directory.discard(driver)
        if driver in self.drivers:
            self.drivers.remove(driver)
        self.irps.trim()

    def stop(self, code: BugCheckCode, *parameters: object, note: str = "") -> NoReturn:
        """Stop the System: latch the bug check and raise it.

        NT: KeBugCheckEx
        """
        check = BugCheck(code, *parameters, note=note)
        with self._lock:
            if self.bug_check is None:
                self.bug_check = check
            waiting = list(self._waiting)
        for event in waiting:
            event.set()
        raise check

    def reference(self, file_object: FileObject) -> None:
        """Keep a file object from being closed below, though its handle may be.

        NT: ObReferenceObject
        """
        with self._lock:
            file_object.references += 1

    def dereference(self, file_object: FileObject) -> None:
        """Undo one reference; the last one closes the file.

        NT: ObDereferenceObject
        """
        with self._lock:
            file_object.references -= 1
            last = not file_object.references
        if last:
            requests.close(file_object)

    def hold(self, file_objects: Iterable[FileObject | None]) -> list[FileObject | None]:
        """Reference files that somebody else may be closing; None for those that are closed below already."""
        with self._lock:
            held = [file if file is not None and file.references else None for file in file_objects]
            for file in held:
                if file is not None:
                    file.references += 1
        return held

    def watch(self, thread: Joinable) -> None:
        """Wait for a thread before the System is closed."""
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)

    def check_running(self) -> None:
        """Raise the latched bug check, if there is one."""
        if self.bug_check is not None:
            raise self.bug_check

    @contextmanager
    def wait_for(self, event: Settable) -> Iterator[None]:
        """Around a wait for what may never come once the System has stopped: a bug check sets the event."""
        with self._lock:
            self._waiting.add(event)
        try:
            if self.bug_check is not None:
                event.set()
            yield
        finally:
            with self._lock:
                self._waiting.discard(event)

    def host_ring(self) -> OperationQueue:
        """The System's own ring, with a thread that reaps it, made when first wanted."""
        with self._lock:
            if self._host_ring is None:
                self._host_ring = ring = self.hal.new_queue(_HOST_RING_ENTRIES)
                self._interrupt = self.hal.spawn(ring.serve, "ntio interrupt")
            return self._host_ring

    def close(self) -> None:
        """Close handles and rings, unload every driver, newest first, and give the host ring back."""
        for ring in list(self.io_rings):
            ring.abandon()
        for thread in self._threads:
            thread.join()
        self.handles.close_all()
        with ExitStack() as undone:  # one routine that raises does not keep the others from running
            undone.callback(self._close_host_ring)
            for driver in self.drivers:
                undone.callback(self.unload, driver)

    def _close_host_ring(self) -> None:
        if self._host_ring is not None:
            self._host_ring.close()
            self._interrupt.join()


def _last_handle_closed(entry: object) -> None:
    if isinstance(entry, FileObject):
        close_file(entry)
