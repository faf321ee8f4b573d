"""OVERLAPPED as programs use it: the 32 bytes of the header, and what pywin32 lets them carry along.

    ov = OVERLAPPED()            or an object of a class of your own that derives from it, with fields of its own
    ov.Offset, ov.OffsetHigh     where in the file; only read
    ov.hEvent                    a handle of an event; with its lowest bit set the end makes no completion packet
    ov.object, ov.dword          anything: the same object comes back from the port, with what it carries

From the start of a request to its end the system keeps the object and the caller's bytes. `Internal` is 0x103 then, and
neither can be used for another request: that is refused as `BufferInUseError` (a `pywintypes.error`, ERROR_BUSY), and
so is freeing the memory. A request whose end is told by a packet is pending, as documented, until the packet is taken.

Source: spec iocp.md 4, 5, 6; learn.microsoft.com/windows/win32/api/minwinbase, OVERLAPPED; pywin32's PyOVERLAPPED.
Rows: R31, R32, R33
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import abi
from ..hal.operations import address_of
from ..io_manager.file_object import FileObject
from ..io_manager.io_status import IoStatusBlock
from ..io_manager.ports.overlapped import OverlappedRequest
from ..io_manager.ports.packets import PacketOwner
from ..io_manager.services import cancel_io_ex
from ..kernel.event import Event
from ..status import STATUS_PENDING, BufferInUse, InvalidParameter
from ..system.system import System
from .handles import number_in
from .pyhandle import Handle, PyHANDLE

_HEVENT: Any = abi.OVERLAPPED.__dict__["hEvent"]


class OVERLAPPED(abi.OVERLAPPED, PacketOwner):
    """One overlapped request: 32 bytes as in C, and two attributes that are its maker's.

    NT: OVERLAPPED
    """

    #: Anything, and a number, for whoever starts the request and takes its packet.
    object: Any = None
    dword: int = 0
    _request: OverlappedRequest | None = None
    _event: Handle = 0

    def __eq__(self, other: object) -> bool:
        """Equal contents: the 32 bytes, the same `object`, and the same `dword`."""
        if not isinstance(other, OVERLAPPED):
            return NotImplemented
        return self is other or (
            bytes(self) == bytes(other) and self.object is other.object and self.dword == other.dword
        )

    def __hash__(self) -> int:
        """By itself, whatever it contains."""
        return id(self) >> 4

    @property  # type: ignore[override]
    def hEvent(self) -> Handle:
        """The handle of the event that is set at the end, as it was given; 0 for none."""
        number: int = _HEVENT.__get__(self)
        kept = self._event
        return kept if isinstance(kept, PyHANDLE) and int(kept) == number else number

    @hEvent.setter
    def hEvent(self, handle: Handle | None) -> None:
        _HEVENT.__set__(self, int(handle or 0) & 0xFFFF_FFFF_FFFF_FFFF)
        self._event = handle or 0

    @property
    def request(self) -> OverlappedRequest | None:
        """The request in flight, or None when there is none, or its end was shown."""
        request = self._request
        return None if request is None or request.look() else request

    @property
    def position(self) -> int:
        """`Offset` and `OffsetHigh` as one signed 64-bit number."""
        return (self.Pointer + (1 << 63)) % (1 << 64) - (1 << 63)

    def landed(self, request: OverlappedRequest) -> None:
        """Write what came of the request; called once, when it may be seen."""
        self.InternalHigh, self.Internal = request.information, request.status
        self._request = None

    def taken(self) -> None:
        """A packet with this object was taken from a port: what came of its request is shown."""
        request = self._request
        if request is not None and request.done:
            request.land()

    def begin(self, file_object: FileObject, release: Callable[[], None]) -> OverlappedRequest:
        """Make this object the owner of a new request, `release` gives its memory back; raises BufferInUse."""
        request = OverlappedRequest(file_object, self, release)
        with file_object.device.driver.io.irps.lock:
            former = self._request
            if former is None or (former.done and former.shown):
                self._request, former = request, None
        if former is not None:
            if former.look():
                return self.begin(file_object, release)
            raise BufferInUse("this OVERLAPPED belongs to a request in flight: each request needs one of its own")
        self.Internal, self.InternalHigh = STATUS_PENDING, 0
        return request

    def event_in(self, system: System) -> Event | None:
        """The event that `hEvent` names, or None; raises InvalidHandle."""
        handle = self.hEvent
        number = number_in(handle, system) & ~1
        return system.io.handles.reference(number, Event) if number else None

    @property
    def wants_packet(self) -> bool:
        """Whether a completion packet may tell of the end: the lowest bit of `hEvent` is clear."""
        return not int(self.hEvent) & 1


def check_overlapped(overlapped: Any) -> OVERLAPPED:
    """The object itself, if it is an OVERLAPPED; raises InvalidParameter for None, TypeError for anything else."""
    if overlapped is None:
        raise InvalidParameter("the call needs an OVERLAPPED")
    if not isinstance(overlapped, OVERLAPPED):
        raise TypeError(f"an OVERLAPPED is needed, not {type(overlapped).__name__}")
    return overlapped


#: Calls a service with event, context and status block, and returns its NTSTATUS.
Send = Callable[[Event | None, Any, OverlappedRequest], int]


def start(
    system: System,
    file_object: FileObject,
    overlapped: OVERLAPPED,
    send: Send,
    release: Callable[[], None] = lambda: None,
    *,
    event: bool = True,
) -> int:
    """Start a request of a file that `overlapped` stands for; returns the NTSTATUS of the call that `send` makes.

    `release` is called once, when the request has ended, also if it never began. Without `event` the object's event is
    not used. Raises BufferInUse for an object whose request has not ended, InvalidHandle for an event that is none.
    """
    try:
        told = check_overlapped(overlapped).event_in(system) if event else None
        request = overlapped.begin(file_object, release)
    except BaseException:
        release()
        raise
    context = overlapped if overlapped.wants_packet or not event else None
    try:
        return request.issued(send(told, context, request))
    except BaseException:
        request.interrupted()
        raise


def start_and_wait(system: System, file_object: FileObject, send: Send, release: Callable[[], None]) -> tuple[int, int]:
    """Start a request that nobody is told of, and wait for its end: (NTSTATUS, bytes).

    An interrupt cancels it; it holds its memory until it ends. Raises as `start` does.
    """
    overlapped, told = OVERLAPPED(), Event(system.hal)
    try:
        status = start(system, file_object, overlapped, lambda *those: send(told, None, those[2]), release, event=False)
        if overlapped.request is not None:
            overlapped.request.wait()
    except BaseException:
        if (request := overlapped.request) is not None:
            cancel_io_ex(file_object, request, IoStatusBlock())
        raise
    return (overlapped.Internal if status == STATUS_PENDING else status), overlapped.InternalHigh


def hold(system: System, buffer: Any, *, writing: bool) -> tuple[memoryview, Callable[[], None]]:
    """Pin a caller's bytes for one request: them, and what gives them back; raises InvalidParameter, BufferInUse.

    TypeError for what is no buffer, or is to be written into and cannot be.
    """
    try:
        pin, memory = system.pins.pin(buffer, writing), system.io.memory
    except InvalidParameter:
        if memoryview(buffer).readonly and writing:
            raise TypeError("a buffer that can be written into is needed") from None
        raise
    view: memoryview = pin.array.data
    region = memory.pin(address_of(pin.array), pin.array.nbytes) if pin.array.nbytes else None

    def release() -> None:
        if pin.array.nbytes and region is not None:
            memory.unpin(region)
        pin.release()

    return view, release
