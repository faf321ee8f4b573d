"""Cancelling what is in flight on a file object, as the system services do it.

    cancel_io               what the calling thread has sent on the file
    cancel_io_ex            what any thread has sent on it; one request when its status block is named
    cancel_synchronous_io   what another thread waits for

Each asks, and does not wait: a request ends when its driver lets it go, and perhaps with success.

Source: spec iomgr.md 4.3, 7 E61; WDK NtCancelIoFile, NtCancelIoFileEx. Rows: R13, R31
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...kernel.thread import Thread
from ...status import STATUS_ACCESS_VIOLATION, STATUS_FILE_CLOSED, STATUS_NOT_FOUND, STATUS_SUCCESS
from ..cancel import cancel_irp
from ..completion import is_synchronous
from ..file_object import FileObject
from ..io_status import IoStatusBlock
from ..manager import IoManager
from ..packet.irp import Irp
from ..packet.irp_fields import IrpExtension

_Meant = Callable[[Irp, IrpExtension], bool]


def cancel_io(file_object: FileObject, iosb: IoStatusBlock | None) -> int:
    """Ask for the end of everything the calling thread has in flight on a file; returns STATUS_SUCCESS, also for none.

    NT: NtCancelIoFile
    """
    if refused := _refused(file_object, iosb):
        return refused
    io = file_object.device.driver.io
    _cancel(io, [io.threads.current()], lambda irp, extension: extension.original_file_object is file_object)
    return _done(iosb, STATUS_SUCCESS)


def cancel_io_ex(file_object: FileObject, request: IoStatusBlock | None, iosb: IoStatusBlock | None) -> int:
    """Ask for the end of what is in flight on a file, or of the one request whose status block is `request`.

    Returns STATUS_NOT_FOUND when there is nothing to cancel.
    NT: NtCancelIoFileEx
    """
    if refused := _refused(file_object, iosb):
        return refused
    io = file_object.device.driver.io

    def meant(irp: Irp, extension: IrpExtension) -> bool:
        named = request is None or extension.user_iosb is request
        return named and extension.original_file_object is file_object

    found = _cancel(io, io.threads.known(), meant)
    return _done(iosb, STATUS_SUCCESS if found else STATUS_NOT_FOUND)


def cancel_synchronous_io(io: IoManager, thread: Thread, request: IoStatusBlock | None, iosb: IoStatusBlock) -> int:
    """Ask for the end of what a thread waits for, or only of the request whose status block is `request`.

    Returns STATUS_NOT_FOUND when it waits for nothing of the kind.
    NT: NtCancelSynchronousIoFile
    """

    def meant(irp: Irp, extension: IrpExtension) -> bool:
        return (request is None or extension.user_iosb is request) and is_synchronous(irp)

    return _done(iosb, STATUS_SUCCESS if _cancel(io, [thread], meant) else STATUS_NOT_FOUND)


def _refused(file_object: FileObject, iosb: IoStatusBlock | None) -> int:
    if file_object.closed:
        return STATUS_FILE_CLOSED
    return STATUS_ACCESS_VIOLATION if iosb is None else 0


def _cancel(io: IoManager, threads: Iterable[Thread], meant: _Meant) -> bool:
    """Cancel the packets that are meant; whether there was one."""
    with io.irps.lock:
        found = [
            (thread, irp, irp.extension)
            for thread in threads
            for irp in list(thread.irps)  # which others add to without the lock
            if irp.extension is not None and meant(irp, irp.extension)
        ]
    for thread, irp, extension in found:
        cancel_irp(irp, lambda: irp in thread.irps and irp.extension is extension)  # noqa: B023 - asked at once
    return bool(found)


def _done(iosb: IoStatusBlock | None, status: int) -> int:
    if iosb is not None:
        iosb.status, iosb.information = status, 0
    return status
