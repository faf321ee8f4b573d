"""A bench for system services: files opened in each way, drivers that answer as told, and what a caller sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ntio import System
from ntio.driver_kit import CreateParameters, DeviceObject, Driver, FileObject, Irp, major
from ntio.io_manager.fast_io import FastIoDispatch
from ntio.io_manager.file_object import CompletionContext
from ntio.io_manager.io_status import IoStatusBlock
from ntio.io_manager.opening.open import close_file, open_device
from ntio.kernel.event import Event
from ntio.status import STATUS_PENDING, status_name

Routine = Callable[[DeviceObject, Irp], int]

#: What a status block holds that nobody has written.
UNTOUCHED = (0x5555_5555, 0x5555)
ALL_ACCESS = 0x1F_01FF


class Told(Driver):
    """A bottom driver whose every request is one function; `flags` are the device's, `fast` its fast routines.

    Opens with the name "cached" get a private cache map, as a file system gives them that caches.
    """

    def __init__(self, routine: Routine, flags: int = 0, **fast: Callable[..., bool]) -> None:
        self.routine = routine
        self._flags = flags
        self._fast = FastIoDispatch(**fast) if fast else None
        #: Major, key and stack flags of every packet.
        self.packets: list[tuple[int, int, int]] = []

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        self.driver_object.fast_io = self._fast
        return self.create_device(flags=self._flags)

    def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
        file_object = irp.location.file_object
        assert file_object is not None
        if file_object.file_name == "\\cached":
            file_object.private_cache_map = self
        return irp.complete()

    def _dispatch(self, device: DeviceObject, irp: Irp) -> int:
        location = irp.location
        self.packets.append((location.major, location.key, location.flags))
        return self.routine(device, irp)

    dispatch_read = dispatch_write = dispatch_device_control = dispatch_file_system_control = _dispatch
    dispatch_flush_buffers = dispatch_lock_control = dispatch_directory_control = _dispatch
    dispatch_query_information = dispatch_set_information = dispatch_query_volume_information = _dispatch


@dataclass
class Posted:
    """A completion port that only keeps what is posted."""

    packets: list[tuple[int, Any, int, int]] = field(default_factory=list)

    def insert_packet(self, key: int, apc_context: Any, status: int, information: int) -> None:
        """Keep it."""
        self.packets.append((key, apc_context, status, information))

    def forget(self, file_object: FileObject) -> None:
        """Nothing is kept about files."""


class ServiceBench:
    """Files on one device, with an event and a status block for the next call."""

    def __init__(self, system: System, driver: Driver) -> None:
        self.system = system
        self.driver = driver
        self.device = system.load(driver)
        self.event = Event(system.hal)
        self.iosb = IoStatusBlock(*UNTOUCHED)
        self._files: list[FileObject] = []

    def open(
        self, name: str = "", *, synchronous: bool = True, options: int = 0, access: int = ALL_ACCESS
    ) -> FileObject:
        """Open the device; closed with the bench."""
        options |= major.FILE_SYNCHRONOUS_IO_NONALERT if synchronous else 0
        file = open_device(self.device, name, CreateParameters(access=access, options=options))
        self._files.append(file)
        return file

    def bind(self, file: FileObject, key: int) -> Posted:
        """Give a file a completion port."""
        port = Posted()
        file.completion_context = CompletionContext(port, key)
        return port

    def again(self) -> None:
        """Make event and status block as new."""
        self.event.reset()
        self.iosb.status, self.iosb.information = UNTOUCHED

    @property
    def answered(self) -> tuple[int, int]:
        """What stands in the status block."""
        return self.iosb.status, self.iosb.information

    @property
    def seen(self) -> tuple[tuple[int, int], bool]:
        """The status block, and whether the event is set."""
        return self.answered, self.event.read_state()

    def shown(self) -> str:
        """Status block and event in words."""
        block = "untouched" if self.answered == UNTOUCHED else f"{short(self.iosb.status)}, {self.iosb.information}"
        return f"block {block}; event {'set' if self.event.read_state() else 'clear'}"

    def close(self) -> None:
        """Close the files and unload the driver."""
        for file in self._files:
            close_file(file)
        self.system.io.unload(self.device.driver)

    def __enter__(self) -> ServiceBench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def short(status: int) -> str:
    """A status by its name without the prefix."""
    return status_name(status).removeprefix("STATUS_")


def answering(returned: int, ended: int, information: int = 0, *, pended: bool = False, data: bytes = b"") -> Routine:
    """A routine that writes `data`, ends the request with `ended`, marked pending or not, and returns `returned`."""

    def routine(device: DeviceObject, irp: Irp) -> int:
        if pended:
            irp.mark_pending()
        if data:
            assert irp.buffer is not None
            irp.buffer[: len(data)] = data
        irp.complete(ended, information)
        return returned

    return routine


def agreeing(status: int, information: int = 0, *, pended: bool = False, data: bytes = b"") -> Routine:
    """A routine by the rules: what it returns is what it ended the request with, or STATUS_PENDING."""
    return answering(STATUS_PENDING if pended else status, status, information, pended=pended, data=data)
