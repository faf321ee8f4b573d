"""File objects: one open of a device, and what every request is made on.

A file object remembers which device it was opened through, what is left of the name, what may be done with it, and
whatever the driver keeps about this open (`fs_context`). The device it names need not be the one requests go to: they
go to the top of the stack of the volume mounted there, if there is one, or of the device itself, at the time of the
request.

Two counts end it. Its last *handle* closed sends IRP_MJ_CLEANUP, whatever is still in flight; its last *reference*
given back sends IRP_MJ_CLOSE (`closing`). A duplicate of a handle is neither.

Most opens are short, so what only some need (the event, the position lock) is made when it is first asked for.

Source: spec iomgr.md 3.5, 3.6; learn.microsoft.com wdm.h, FILE_OBJECT. Rows: R21, R29
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ..hal.machine import Lock
from ..kernel.event import Event, EventType
from ..status import STATUS_SUCCESS
from .codes.device_codes import IO_TYPE_FILE
from .codes.file_codes import FILE_APPEND_DATA, FILE_OPENED, FILE_READ_DATA, FILE_WRITE_DATA, FO_DIRECT_DEVICE_OPEN
from .device import DeviceObject
from .packet.nt_fields import CompletionNames, FileNames

if TYPE_CHECKING:
    from .bypass import Bypass
    from .opening.vpb import Vpb


class Port(Protocol):
    """What takes completion packets."""

    def insert_packet(self, key: int, apc_context: Any, status: int, information: int) -> None:
        """Put a packet into the queue."""

    def forget(self, file_object: FileObject) -> None:
        """The file's last handle was closed."""


@dataclass(frozen=True, slots=True)
class CompletionContext(CompletionNames):
    """The port a file belongs to, and the key its packets carry.

    NT: IO_COMPLETION_CONTEXT
    """

    port: Port
    key: int


@dataclass(slots=True)
class SectionObjectPointers:
    """What the memory and cache managers keep about a file's data; one for all opens of the file.

    NT: SECTION_OBJECT_POINTERS
    """

    data_section_object: Any = None
    shared_cache_map: Any = None
    image_section_object: Any = None


class FileObject(FileNames):
    """One open of a device.

    NT: FILE_OBJECT
    """

    __slots__ = (
        "_event", "_position_lock", "access", "bypass", "bypass_epoch", "closed", "completion_context",
        "current_byte_offset", "delete_access", "delete_pending", "device", "file_name", "final_status", "flags",
        "fs_context", "fs_context2", "lock_operation", "opened_as", "private_cache_map", "read_access", "readable",
        "related_file_object", "section_object_pointers", "shared_delete", "shared_read", "shared_write",
        "vpb", "writable", "write_access",
    )  # fmt: skip
    type_name = "File"
    type: ClassVar[int] = IO_TYPE_FILE
    size: ClassVar[int] = 0xD8

    def __init__(self, device: DeviceObject, file_name: str, access: int, flags: int, vpb: Vpb | None = None) -> None:
        super().__init__()
        self.device = device
        #: The mounted volume's parameter block, if the open went through one.
        self.vpb = vpb
        self.file_name = file_name
        self.access = access
        self.flags = flags
        #: What the driver keeps about this open, and about the open as such; both are its own.
        self.fs_context: Any = None
        self.fs_context2: Any = None
        #: Whether it was opened for reading, and for writing or appending: what requests are checked against.
        self.readable = bool(access & FILE_READ_DATA)
        self.writable = bool(access & (FILE_WRITE_DATA | FILE_APPEND_DATA))
        #: What share access counts it as; set by `share_access`.
        self.read_access = self.write_access = self.delete_access = False
        self.shared_read = self.shared_write = self.shared_delete = False
        self.lock_operation = self.delete_pending = False
        #: What the open did: FILE_OPENED, FILE_CREATED ...
        self.opened_as = FILE_OPENED
        self.final_status = STATUS_SUCCESS
        #: Where the next read or write of a synchronous file is, if it says no place.
        self.current_byte_offset = 0
        self.related_file_object: FileObject | None = None
        self.section_object_pointers: SectionObjectPointers | None = None
        self.private_cache_map: Any = None
        self.completion_context: CompletionContext | None = None
        self._event: Event | None = None
        self._position_lock: Lock | None = None
        #: Whether its last handle was closed.
        self.closed = False
        self.bypass: Bypass | None = None
        self.bypass_epoch = -1

    def related_device(self) -> DeviceObject:
        """Where requests on this file go: the top of its volume's stack, or of its device's where none is mounted.

        NT: IoGetRelatedDeviceObject
        """
        device, vpb = self.device, self.vpb
        if vpb is None and not self.flags & FO_DIRECT_DEVICE_OPEN:
            vpb = device.vpb
        if vpb is not None and vpb.device is not None:
            device = vpb.device
        while device.attached_device is not None:
            device = device.attached_device
        return device

    @property
    def event(self) -> Event:
        """What a request without an event of its own signals; set while nothing is outstanding.

        NT: FILE_OBJECT.Event
        """
        if self._event is None:
            io = self.device.driver.io
            with io.irps.lock:
                if self._event is None:
                    self._event = Event(io.hal, EventType.NOTIFICATION, signaled=True)
        return self._event

    @property
    def has_event(self) -> bool:
        """Whether anybody has asked for the event yet; before that it counts as set."""
        return self._event is not None

    @property
    def position_lock(self) -> Lock:
        """Held by the one request that a synchronous file works on.

        NT: FILE_OBJECT.Lock
        """
        if self._position_lock is None:
            io = self.device.driver.io
            with io.irps.lock:
                if self._position_lock is None:
                    self._position_lock = io.hal.new_lock()
        return self._position_lock

    def __repr__(self) -> str:
        device: DeviceObject | None = self.device  # an open that failed has none
        return f"<FileObject {'of no device ' if device is None else device.path}{self.file_name}>"
