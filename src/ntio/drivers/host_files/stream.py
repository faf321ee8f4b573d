"""Pipes, terminals and the like of the host: what is read, and what is written, goes in the order it was asked for.

The host does operations of one file in any order, and io_uring gives what comes to the read that was started last. A
pipe of NT serves its reads and its writes in their order. So each direction of an open stream has a queue, and the next
request is started when the one before it is over. A request that waits for its turn can be cancelled like any other.

A request whose issuer waits (IRP_SYNCHRONOUS_API) is done at once when nothing is before it, as for every file. Rows of
a ring are not held to an order: that is for who makes the ring.

Source: spec iocp.md 8; WDK "Cancel-Safe IRP Queues". Rows: R22, R31
"""

from __future__ import annotations

from typing import Any

from ...driver_kit import (
    PENDING,
    CancelSafeQueue,
    DeviceObject,
    HostFile,
    Irp,
    OperationCode,
    PutOff,
    host_operation,
    major,
    start_host_operation,
    status,
)


class StreamQueue(CancelSafeQueue):
    """One direction of an open stream: `code` is what is done there, one packet after the other."""

    def __init__(self, device: DeviceObject, file: HostFile, code: OperationCode) -> None:
        super().__init__(device)
        self._file = file
        self._code = code
        self._busy = False
        #: How many operations are over whose next has not been started, and the lock for it.
        self._over = 0
        self._turn = device.driver.io.hal.new_lock()

    def start(self, irp: Irp) -> int:
        """Do a packet's operation now, or when its turn comes; returns the status."""
        mine = False
        try:
            with PutOff():  # else the stream could stay busy with what never began
                if status.nt_success(self.insert_irp(irp)):
                    return PENDING
                if not irp.flags & major.IRP_SYNCHRONOUS_API:
                    return start_host_operation(irp, self._code, self._file, self._next)
                mine = True
            return host_operation(irp, self._code, self._file)
        finally:
            if mine:
                self._next()

    def _next(self) -> None:
        """One operation is over: start the next. One that is over within its own start is not started from within."""
        with self._turn:
            self._over += 1
            if self._over > 1:
                return  # whoever is at it goes on
        more, problem = True, None
        while more:
            try:
                irp = self.remove_next_irp()
                if irp is not None:
                    start_host_operation(irp, self._code, self._file, self._next)
            except BaseException as error:  # an interrupt, a bug check: the others have their turn all the same
                problem = error
            with self._turn:
                self._over -= 1
                more = self._over > 0
        if problem is not None:
            raise problem

    # --- what a cancel-safe queue asks ------------------------------------------------------------------------------

    def csq_insert_irp(self, irp: Irp, insert_context: Any) -> int:
        """Keep a packet, unless nothing is before it: then it is the caller's to start."""
        if not self._busy:
            self._busy = True
            return status.STATUS_UNSUCCESSFUL
        super().csq_insert_irp(irp, insert_context)
        return status.STATUS_SUCCESS

    def csq_peek_next_irp(self, irp: Irp | None, peek_context: Any) -> Irp | None:
        """Whose turn it is; with nobody left the stream is idle."""
        found = super().csq_peek_next_irp(irp, peek_context)
        self._busy = found is not None
        return found


class Stream:
    """An open stream's two directions."""

    __slots__ = ("reads", "writes")

    def __init__(self, device: DeviceObject, file: HostFile) -> None:
        self.reads = StreamQueue(device, file, OperationCode.READ)
        self.writes = StreamQueue(device, file, OperationCode.WRITE)
