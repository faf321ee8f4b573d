"""Cancel-safe queues: a driver's own list of pending packets, with the races of cancelling solved once for all.

    queue = CancelSafeQueue(device)
    return queue.append(irp)             in a dispatch routine: marks it pending; it may be cancelled from now on
    irp = queue.pop()                    the oldest one that nobody cancelled, or None
    queue.cancel_all(file_object)        in the cleanup routine

The order of packets, the lock, and what a cancelled packet ends with are in six *hooks*, the methods `csq_...`, to be
overridden; `IoCsq` takes them as functions, as the WDK does. Each race has one winner:

    insert     under the lock: into the list, marked pending, routine set. If it was cancelled before that, and the
               routine can be taken back, nobody else will end it: out of the list, and completed as cancelled
    remove     under the lock: the routine taken off. If there is none, cancelling was first and will end the packet
    cancel     the routine takes the lock, takes the packet out of the list, gives the lock back, completes the packet

A packet in a queue leads to it through the last of its four driver words, which the driver leaves alone meanwhile. An
`IrpContext` given with a packet goes there as well; with it a driver gets this one packet back, if it is still there.

Source: spec iomgr.md 4.3; WDK "Cancel-Safe IRP Queues", IoCsqInsertIrpEx, IoCsqRemoveIrp. Rows: R13, R22
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..kernel.spin_lock import SpinLock
from ..status import STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS, nt_success
from .cancel import set_cancel_routine

if TYPE_CHECKING:
    from .device import DeviceObject
    from .file_object import FileObject
    from .packet.irp import Irp

#: Which of a packet's driver words leads to its queue.
_WORD = 3


class IrpContext:
    """One packet in a cancel-safe queue, for whoever wants that one; `irp` is None when it has left the queue.

    NT: IO_CSQ_IRP_CONTEXT
    """

    __slots__ = ("csq", "irp")

    def __init__(self) -> None:
        self.irp: Irp | None = None
        self.csq: CancelSafeQueue | None = None


class CancelSafeQueue:
    """Pending packets in the order they came, each of which may be cancelled at any moment.

    NT: IO_CSQ
    """

    def __init__(self, device: DeviceObject) -> None:
        self._lock = SpinLock(device.driver.io.irql)
        self._irps: OrderedDict[Irp, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._irps)

    # --- for drivers in Python --------------------------------------------------------------------------------------

    def append(self, irp: Irp) -> int:
        """Keep a packet; returns STATUS_PENDING. One that `csq_insert_irp` refuses is completed with its status."""
        status = self.insert_irp(irp)
        return STATUS_PENDING if nt_success(status) else irp.complete(status)

    def pop(self, file_object: FileObject | None = None) -> Irp | None:
        """The oldest packet, of that file if one is given, to be completed by the caller; None if there is none."""
        return self.remove_next_irp(file_object)

    def cancel_all(self, file_object: FileObject | None = None) -> int:
        """End every packet, or those of one file, as cancelled; how many."""
        count = 0
        while (irp := self.pop(file_object)) is not None:
            self.csq_complete_canceled_irp(irp)
            count += 1
        return count

    # --- the hooks --------------------------------------------------------------------------------------------------

    def csq_insert_irp(self, irp: Irp, insert_context: Any) -> int | None:
        """Put a packet into the list, with the lock held; a status that is no success refuses it.

        NT: CsqInsertIrpEx
        """
        self._irps[irp] = None
        return STATUS_SUCCESS

    def csq_remove_irp(self, irp: Irp) -> None:
        """Take a packet out of the list, with the lock held.

        NT: CsqRemoveIrp
        """
        del self._irps[irp]

    def csq_peek_next_irp(self, irp: Irp | None, peek_context: Any) -> Irp | None:
        """The packet after `irp`, or the first, that suits `peek_context`: here a file object, or None for any.

        Called with the lock held.
        NT: CsqPeekNextIrp
        """
        after = iter(self._irps)
        if irp is not None:
            for one in after:
                if one is irp:
                    break
        for one in after:
            if peek_context is None or one.location.file_object is peek_context:
                return one
        return None

    def csq_acquire_lock(self) -> int:
        """Take the lock; returns what `csq_release_lock` will need.

        NT: CsqAcquireLock
        """
        return self._lock.acquire()

    def csq_release_lock(self, irql: int) -> None:
        """Give the lock back.

        NT: CsqReleaseLock
        """
        self._lock.release(irql)

    def csq_complete_canceled_irp(self, irp: Irp) -> None:
        """End a cancelled packet; it is out of the list, and no lock is held.

        NT: CsqCompleteCanceledIrp
        """
        irp.complete(STATUS_CANCELLED)

    # --- what the hooks are called by -------------------------------------------------------------------------------

    def insert_irp(self, irp: Irp, context: IrpContext | None = None, insert_context: Any = None) -> int:
        """Keep a packet, which is marked pending; returns what `csq_insert_irp` answers, and if that is a failure the
        packet is still the caller's. Otherwise it is gone: perhaps it was cancelled already.

        NT: IoCsqInsertIrp, IoCsqInsertIrpEx
        """
        cancelled = False
        irql = self.csq_acquire_lock()
        try:
            status = self.csq_insert_irp(irp, insert_context) or STATUS_SUCCESS
            if not nt_success(status):
                return status
            if context is not None:
                context.irp, context.csq = irp, self
            irp.driver_context[_WORD] = self if context is None else context
            irp.mark_pending()
            set_cancel_routine(irp, _cancel)
            if irp.cancel and set_cancel_routine(irp, None) is not None:
                cancelled = True
                self._take_out(irp)
        finally:
            self.csq_release_lock(irql)
        if cancelled:
            self.csq_complete_canceled_irp(irp)
        return status

    def remove_irp(self, context: IrpContext) -> Irp | None:
        """Get back the packet that was inserted with this context; None if it is out of the queue or being cancelled.

        NT: IoCsqRemoveIrp
        """
        irql = self.csq_acquire_lock()
        try:
            irp = context.irp
            if irp is None or set_cancel_routine(irp, None) is None:
                return None
            self._take_out(irp)
        finally:
            self.csq_release_lock(irql)
        return irp

    def remove_next_irp(self, peek_context: Any = None) -> Irp | None:
        """The first packet that suits `peek_context` and is not being cancelled; None if there is none.

        NT: IoCsqRemoveNextIrp
        """
        irql = self.csq_acquire_lock()
        try:
            irp = self.csq_peek_next_irp(None, peek_context)
            while irp is not None and set_cancel_routine(irp, None) is None:
                irp = self.csq_peek_next_irp(irp, peek_context)
            if irp is not None:
                self._take_out(irp)
        finally:
            self.csq_release_lock(irql)
        return irp

    def end_cancelled(self, irp: Irp) -> None:
        """A packet of this queue was cancelled, and its routine was still there: end it."""
        irql = self.csq_acquire_lock()
        try:
            self._take_out(irp)
        finally:
            self.csq_release_lock(irql)
        self.csq_complete_canceled_irp(irp)

    def claim_irp(self, irp: Irp) -> bool:
        """Win a packet over its cancellation, with the lock held: False leaves it to who is cancelling it.

        For a queue whose list is its driver's own, which takes the packet out itself.
        """
        if set_cancel_routine(irp, None) is None:
            return False
        context, irp.driver_context[_WORD] = irp.driver_context[_WORD], None
        if isinstance(context, IrpContext):
            context.irp = None
        return True

    def _take_out(self, irp: Irp) -> None:
        self.csq_remove_irp(irp)
        context, irp.driver_context[_WORD] = irp.driver_context[_WORD], None
        if isinstance(context, IrpContext):
            context.irp = None


def _cancel(device: DeviceObject, irp: Irp) -> None:
    """The cancel routine of every packet in a cancel-safe queue."""
    found = irp.driver_context[_WORD]
    queue: Any = found.csq if isinstance(found, IrpContext) else found
    queue.end_cancelled(irp)


class IoCsq(CancelSafeQueue):
    """A cancel-safe queue whose hooks are a driver's functions; each is given the queue first, as in the WDK.

    `acquire_lock(csq)` returns what `release_lock(csq, irql)` is given; the others take what the methods take.
    NT: IO_CSQ
    """

    def __init__(self) -> None:
        """The packets and the lock are the driver's; `initialize` has to be called first."""

    def initialize(
        self,
        insert_irp: Callable[[Any, Irp], object],
        remove_irp: Callable[[Any, Irp], object],
        peek_next_irp: Callable[[Any, Irp | None, Any], Irp | None],
        acquire_lock: Callable[[Any], int],
        release_lock: Callable[[Any, int], object],
        complete_canceled_irp: Callable[[Any, Irp], object],
    ) -> int:
        """Set the six functions; returns STATUS_SUCCESS.

        NT: IoCsqInitialize
        """

        def insert(csq: Any, irp: Irp, insert_context: Any) -> int:
            insert_irp(csq, irp)
            return STATUS_SUCCESS

        return self.initialize_ex(insert, remove_irp, peek_next_irp, acquire_lock, release_lock, complete_canceled_irp)

    def initialize_ex(
        self,
        insert_irp_ex: Callable[[Any, Irp, Any], int],
        remove_irp: Callable[[Any, Irp], object],
        peek_next_irp: Callable[[Any, Irp | None, Any], Irp | None],
        acquire_lock: Callable[[Any], int],
        release_lock: Callable[[Any, int], object],
        complete_canceled_irp: Callable[[Any, Irp], object],
    ) -> int:
        """The same with an insert function that takes the insert context as well and may refuse a packet.

        NT: IoCsqInitializeEx
        """
        self._insert, self._remove, self._peek = insert_irp_ex, remove_irp, peek_next_irp
        self._acquire, self._release, self._complete = acquire_lock, release_lock, complete_canceled_irp
        return STATUS_SUCCESS

    def csq_insert_irp(self, irp: Irp, insert_context: Any) -> int:
        """Call the driver's function."""
        return self._insert(self, irp, insert_context)

    def csq_remove_irp(self, irp: Irp) -> None:
        """Call the driver's function."""
        self._remove(self, irp)

    def csq_peek_next_irp(self, irp: Irp | None, peek_context: Any) -> Irp | None:
        """Call the driver's function."""
        return self._peek(self, irp, peek_context)

    def csq_acquire_lock(self) -> int:
        """Call the driver's function."""
        return self._acquire(self)

    def csq_release_lock(self, irql: int) -> None:
        """Call the driver's function."""
        self._release(self, irql)

    def csq_complete_canceled_irp(self, irp: Irp) -> None:
        """Call the driver's function."""
        self._complete(self, irp)
