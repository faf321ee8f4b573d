"""The end of a thread: every request that is still pending for it is cancelled.

A driver that set a cancel routine ends its packets at once. For the others the I/O manager looks again every 100 ms,
3000 times, five minutes in all, and then gives up: the packet is *disowned*. It belongs to no thread any more, its end
is told to nobody, and the error log says which device keeps it (IO_DRIVER_CANCEL_TIMEOUT).

NT looks and waits in the thread that exits, which therefore stays for as long. Here a thread of the system's own does
it, so that nobody who joins the first one has to wait for a driver; closing the System ends it within one look.

Source: spec iomgr.md 1.8; learn.microsoft.com "Canceling IRPs". Rows: R13
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..bugcheck import BugCheck
from .cancel import cancel_irp

if TYPE_CHECKING:
    from ..kernel.thread import Thread
    from .device import DeviceObject
    from .manager import IoManager
    from .packet.irp import Irp

#: Seconds between two looks, and how many of them.
POLL_INTERVAL: Final = 0.1
POLLS: Final = 3000

IO_DRIVER_CANCEL_TIMEOUT: Final = 0x80040036


@dataclass(frozen=True, slots=True)
class ErrorLogEntry:
    """One line of the System's error log: what happened, at which device, and the packet as it was.

    NT: IO_ERROR_LOG_PACKET
    """

    code: int
    device: DeviceObject | None
    text: str


def thread_ended(io: IoManager, thread: Thread) -> None:
    """Cancel what is pending for a thread that has ended, and look after what does not end at once.

    NT: thread rundown
    """
    if thread.queue is not None:
        thread.queue.leave(thread)
    cancel_all(thread)
    if _ending(thread):
        io.watch(io.hal.spawn(partial(run_down, io, thread), "ntio thread rundown"))


def cancel_all(thread: Thread) -> None:
    """Cancel every packet that is pending for a thread.

    NT: IoCancelThreadIo
    """
    for irp in _ending(thread):
        try:
            cancel_irp(irp, partial(_is_pending, thread, irp))
        except BugCheck:
            return  # latched; a finaliser has nobody to tell


def _ending(thread: Thread) -> list[Irp]:
    """What is cancelled with its thread: not requests on files of a port, whose end another thread takes."""
    return [irp for irp in list(thread.irps) if _ends_with_thread(thread, irp)]


def _ends_with_thread(thread: Thread, irp: Irp) -> bool:
    with irp.pool.lock:  # a packet that is not the thread's any more may be anybody's
        file_object = irp.original_file_object if _is_pending(thread, irp) else None
        return _is_pending(thread, irp) and (file_object is None or file_object.completion_context is None)


def _is_pending(thread: Thread, irp: Any) -> bool:
    return irp in thread.irps


def run_down(io: IoManager, thread: Thread) -> None:
    """Wait for the cancelled packets of a thread that has ended, and disown them at last."""
    for _ in range(POLLS):
        if not _ending(thread) or io.closing:
            return
        io.hal.clock.sleep(POLL_INTERVAL)
    for irp in _ending(thread):
        _disown(io, thread, irp)


def _disown(io: IoManager, thread: Thread, irp: Irp) -> None:
    with irp.pool.lock:
        if thread.irps.pop(irp, 0) == 0:
            return  # it has just ended
        irp.thread = None
        current = irp.current_location
        device = irp.locations[current - 1].device if current <= irp.stack_count else None
        text = irp.describe()
    io.error_log.append(ErrorLogEntry(IO_DRIVER_CANCEL_TIMEOUT, device, text))
