r"""The I/O manager of one System: its drivers, its packets, and the bug check that stops it.

Everything that must exist once per System hangs here: the namespace with `\Device` and `\Driver`, the packet lists,
the ring for host work that no ring of a caller carries, the counters a test looks at when it ends, and the latch. The
first bug check is kept, and every later call of the System raises it again.

Rows: R21, R23, R30
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, Protocol
from weakref import WeakSet

from ..bugcheck import BugCheck, BugCheckCode
from ..hal.machine import Hal
from ..hal.operation_queue import OperationQueue
from ..kernel.processor import Processors
from ..kernel.thread import Thread, Threads
from ..memory.address_space import AddressSpace
from ..object_manager.manager import ObjectManager
from ..security.access_cache import AccessCache
from ..security.token import Token
from .completion import TransferCounters
from .driver import DriverCode, DriverObject
from .file_object import FileObject
from .loading import Loader, Services
from .network import Network
from .object_types import create_io_types
from .opening.closing import delete_file
from .opening.mount import FileSystems
from .packet.irp_pool import SIZES, IrpPool
from .shutdown import ShutdownList
from .thread_exit import ErrorLogEntry, thread_ended

if TYPE_CHECKING:
    from .checks import Checks
    from .io_ring.ring import IoRing
    from .ports.completion_port import CompletionPort

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

    def __init__(
        self,
        hal: Hal,
        processors: Processors,
        *,
        lookaside: bool = True,
        lookaside_sizes: tuple[int, int, int] = SIZES,
        checks: Checks | None = None,
        token: Token | None = None,
    ) -> None:
        self.hal = hal
        self.processors = processors
        #: Names, handles and counts of all objects, and who calls when nobody is impersonated.
        self.objects = ObjectManager(hal, token)
        create_io_types(self)
        self.namespace, self.handles = self.objects.namespace, self.objects.handles
        self.subjects, self.access = self.objects.subjects, AccessCache()
        #: The verifier, if there is one.
        self.checks = checks
        self.irps = self._make_pool(processors, lookaside=lookaside, sizes=lookaside_sizes)
        self.irql, self.cancel_lock = self.irps.irql, self.irps.cancel_lock
        #: The threads that use the System; one that ends has its requests cancelled.
        self.threads = Threads(hal, self._thread_ended)
        self.transfers = TransferCounters()
        #: What went wrong at devices, oldest first.
        self.error_log: list[ErrorLogEntry] = []
        #: Set when the System is being closed: threads of its own end at their next look.
        self.closing = False
        #: Counts what changes stacks; a file's direct path is good for one epoch.
        self.stack_epoch = 0
        self.loader = Loader(self)
        self.shutdown = ShutdownList()
        #: The file systems that are asked about a volume when something on it is first opened.
        self.file_systems = FileSystems(self)
        self.open_files = 0
        #: Descriptors of the host that drivers hold open.
        self.host_descriptors: set[int] = set()
        self.bug_check: BugCheck | None = None
        self._lock = self.objects.lock
        self._host_ring: OperationQueue | None = None
        #: Whoever asks for news of sockets, if there are any.
        self.open_network: Network | None = None
        self._threads: list[Joinable] = []
        #: Memory that requests may name by address.
        self.memory = AddressSpace(hal.new_lock())
        #: The I/O rings that are open or still have operations in flight: a cancellation reaches all of them.
        self.io_rings: set[IoRing] = set()
        #: The completion ports that anybody still has.
        self.ports: WeakSet[CompletionPort] = WeakSet()
        self._waiting: set[Settable] = set()

    def _make_pool(self, processors: Processors, **options: Any) -> IrpPool:
        if self.checks is None:
            return IrpPool(self.hal, processors, self.stop, **options)
        return self.checks.attach(self, self.hal, processors, self.stop, **options)

    @property
    def drivers(self) -> list[DriverObject]:
        """The loaded drivers, oldest first."""
        return self.loader.drivers

    @property
    def services(self) -> Services:
        """The drivers that can be loaded by the path of their service."""
        return self.loader.services

    def load(self, name: str, code: DriverCode, entry: Callable[[DriverObject], Any]) -> DriverObject:
        r"""Make a driver object `\Driver\name`, have `entry` fill it, and finish its tables.

        Raises ObjectNameCollision when a driver of that name is loaded.
        NT: IoLoadDriver
        """
        return self.loader.load(f"\\Driver\\{name}", code, entry)

    def unload(self, driver: DriverObject) -> bool:
        """Unload a driver whatever is open on it or attached to it; says whether it is gone. Idempotent.

        It is not while it has requests: nothing new reaches it, and the last of them completes the unloading.
        NT: IoUnloadDriver
        """
        return self.loader.unload(driver)

    def stop(self, code: BugCheckCode, *parameters: object, note: str = "") -> NoReturn:
        """Stop the System: latch the bug check and raise it; one that has stopped raises its first again.

        NT: KeBugCheckEx
        """
        check = BugCheck(code, *parameters, note=note)
        with self._lock:
            check = self.bug_check = self.bug_check or check
            waiting = list(self._waiting)
        for event in waiting:
            event.set()
        self._close_ports()
        raise check

    def reference(self, file_object: FileObject) -> None:
        """Keep a file object from being closed below, though its handle may be.

        NT: ObReferenceObject
        """
        with self._lock:
            file_object.pointer_count += 1

    def dereference(self, file_object: FileObject) -> None:
        """Undo one reference; the last one closes the file.

        NT: ObDereferenceObject
        """
        with self._lock:
            file_object.pointer_count -= 1
            last = not file_object.pointer_count
        if last:
            delete_file(file_object)

    def hold(self, file_objects: Iterable[FileObject | None]) -> list[FileObject | None]:
        """Reference files that somebody else may be closing; None for those that are closed below already."""
        with self._lock:
            held = [file if file is not None and file.pointer_count else None for file in file_objects]
            for file in held:
                if file is not None:
                    file.pointer_count += 1
        return held

    def watch(self, thread: Joinable) -> None:
        """Wait for a thread before the System is closed."""
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)

    def _thread_ended(self, thread: Thread) -> None:
        thread_ended(self, thread)

    def subject(self) -> Token:
        """The token of whoever calls, for access checks.

        NT: SeCaptureSubjectContext
        """
        return self.subjects.current()

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

    def network(self) -> Network:
        """The System's sockets, from the first one on."""
        with self._lock:
            if self.open_network is None:
                self.open_network = Network(self)
            return self.open_network

    def close(self) -> None:
        """Close handles and rings, tell drivers, unload every one, newest first, and give the host ring back."""
        self.threads.check()
        self.closing = True
        self._close_ports()
        for ring in list(self.io_rings):
            ring.abandon()
        for thread in self._threads:
            thread.join()
        self.handles.close_all()
        self.objects.kernel_handles.close_all()
        with ExitStack() as undone:  # one routine that raises does not keep the others from running
            undone.callback(self.loader.finish_all)
            undone.callback(self._close_host_ring)
            undone.callback(self._close_network)
            for driver in self.drivers:
                undone.callback(self.unload, driver)
            if self.bug_check is None:
                undone.callback(self.shutdown.notify)

    def _close_ports(self) -> None:
        """Send home whoever waits at a port."""
        for port in list(self.ports):
            port.close()

    def _close_network(self) -> None:
        if self.open_network is not None:
            self.open_network.close()

    def _close_host_ring(self) -> None:
        if self._host_ring is not None:
            self._host_ring.close()
            self._interrupt.join()
