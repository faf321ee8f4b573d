"""Tiny wrong drivers: each breaks one rule, the way its writer would have done it.

`BAD` maps what is wrong to the layers of a stack (bottom first), the rule that has to stop it, and what is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ntio.driver_kit import (
    MORE_PROCESSING_REQUIRED,
    PENDING,
    DeviceObject,
    Driver,
    FilterDriver,
    Irp,
    major,
    status,
)
from ntio.drivers.ram_disk import RamDisk
from ntio.io_manager.cancel import set_cancel_routine
from ntio.kernel.irql import DISPATCH_LEVEL, HIGH_LEVEL
from ntio.verifier import rules
from ntio.verifier.rules import Rule

SIZE = 4096


class Base(FilterDriver):
    """A filter whose reads are wrong; what else is sent goes by."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        raise NotImplementedError

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        return self.dispatch_read(device, irp)


# --- completing -------------------------------------------------------------------------------------------------------


class CompletesTwice(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.complete()
        return irp.complete()


class CompletesWhatItPassedDown(Base):
    """The disk has completed the packet when it comes back."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.pass_down()
        return irp.complete()


class CompletesAnothersPacket(Base):
    """The driver below keeps the packet: it is not ours any more."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.pass_down(self.carry)
        return irp.complete(status.STATUS_IO_TIMEOUT)

    def carry(self, device: DeviceObject, irp: Irp) -> None:
        """Nothing."""


class CompletesWithPending(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.complete(status.STATUS_PENDING)


class CompletesWithMinusOne(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.complete(0xFFFF_FFFF)


class LeavesItsCancelRoutine(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        set_cancel_routine(irp, self.give_up)
        return irp.complete()

    def give_up(self, device: DeviceObject, irp: Irp) -> None:
        """Never called."""


class ClaimsTooManyBytes(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.complete(information=irp.location.length + 1)


class ClaimsBytesOfAFailure(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.complete(status.STATUS_IO_DEVICE_ERROR, irp.location.length)


class CompletesTooHigh(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irql = device.driver.io.irql
        with irql.raised(HIGH_LEVEL):
            return irp.complete()


class ChangesTheCallersBytes(Base):
    """Encrypts in place, in the memory of whoever called write."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.array[:] ^= 0xFF
        return irp.pass_down(self.back)

    def back(self, device: DeviceObject, irp: Irp) -> None:
        """Turns nothing back."""


# --- what is returned -------------------------------------------------------------------------------------------------


class ReturnsAnotherStatus(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.complete(status.STATUS_IO_DEVICE_ERROR)
        return status.STATUS_SUCCESS


class HidesAnError(Base):
    """Passes down, and says that all is well whatever came back."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.pass_down()
        return status.STATUS_SUCCESS


class ReturnsMinusOne(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.complete()
        return 0xFFFF_FFFF


class LosesThePacket(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return status.STATUS_SUCCESS


class ForgetsToMark(Base):
    """Keeps the packet without having marked it pending."""

    def __init__(self) -> None:
        self.kept: list[Irp] = []

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        self.kept.append(irp)
        return PENDING


class MarksAndReturnsSuccess(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        return irp.complete()


class MarksItsOwnPacketInItsRoutine(FilterDriver):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        assert device.lower is not None
        own = irp.pool.allocate_for_driver(device.lower.stack_size)
        own.next_location.major, own.buffer = major.IRP_MJ_READ, memoryview(bytearray(0))
        own.set_completion_routine(self.done)
        own.send_to(device.lower)
        own.pool.free(own)
        return irp.complete()

    def done(self, device: DeviceObject | None, irp: Irp, context: Any) -> int:
        irp.mark_pending()
        return MORE_PROCESSING_REQUIRED


class ReturnsPendingForACompletedPacket(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.complete()
        return PENDING


class Raises(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        raise KeyError("a mistake of the writer's")


# --- passing down -----------------------------------------------------------------------------------------------------


class PassesDownWithItsCancelRoutine(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        set_cancel_routine(irp, self.give_up)
        return irp.pass_down()

    def give_up(self, device: DeviceObject, irp: Irp) -> None:
        """Never called."""


class SetsARoutineAndSkips(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.set_completion_routine(self.done)
        irp.skip_location()
        assert device.lower is not None
        return irp.send_to(device.lower)

    def done(self, device: DeviceObject, irp: Irp, context: Any) -> None:
        """Cannot run."""


class LeavesControlBits(Base):
    """Copies its location field by field, the pending mark too."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        irp.copy_location_to_next().control = irp.location.control
        assert device.lower is not None
        irp.send_to(device.lower)
        return PENDING


class CopiesTheRoutineAbove(Base):
    """Copies its whole location: the routine of the driver above would run twice."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        here, below = irp.location, irp.copy_location_to_next()
        below.completion_routine, below.context, below.control = here.completion_routine, here.context, here.control
        assert device.lower is not None
        return irp.send_to(device.lower)


class SkipsADevice(Base):
    """Sends to the bottom of the stack, over the head of the driver below."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.skip_location()
        return irp.send_to(device.bottom())


class SendsTooHigh(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        with device.driver.io.irql.raised(HIGH_LEVEL):
            return irp.pass_down()


class FlushesAtDispatch(FilterDriver):
    """Sends what may wait from where nothing may."""

    def dispatch_flush_buffers(self, device: DeviceObject, irp: Irp) -> int:
        with device.driver.io.irql.raised(DISPATCH_LEVEL):
            return irp.pass_down()


class StaysRaised(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        device.driver.io.irql.raise_to(DISPATCH_LEVEL)
        return irp.complete()


class RunsOutOfLocations(Driver):
    """A bottom driver that passes down."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down()


# --- completion routines ----------------------------------------------------------------------------------------------


class Routine(Base):
    """Sends down with a routine in WDK form."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.copy_location_to_next()
        irp.set_completion_routine(self.routine)
        assert device.lower is not None
        return irp.send_to(device.lower)

    def routine(self, device: DeviceObject, irp: Irp, context: Any) -> int | None:
        raise NotImplementedError


class DoesNotPropagate(Routine):
    def routine(self, device: DeviceObject, irp: Irp, context: Any) -> None:
        """Forgets `if irp.pending_returned: irp.mark_pending()`."""


class RoutineStaysRaised(Routine):
    def routine(self, device: DeviceObject, irp: Irp, context: Any) -> None:
        device.driver.io.irql.raise_to(DISPATCH_LEVEL)


class RoutineCompletesAndGoesOn(Routine):
    def routine(self, device: DeviceObject, irp: Irp, context: Any) -> None:
        irp.complete_request()


class RoutineRaises(Routine):
    def routine(self, device: DeviceObject, irp: Irp, context: Any) -> None:
        raise ZeroDivisionError


class KeepsAfterTheEnd(Base):
    """Looks at a packet in its next read that was over in the last."""

    def __init__(self) -> None:
        self.last: Irp | None = None

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        if self.last is not None:
            self.last.information += 1
        self.last = irp
        return irp.pass_down()


# --- devices ----------------------------------------------------------------------------------------------------------


class DoesBothKindsOfIo(RamDisk):
    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        return self.create_device(flags=major.DO_BUFFERED_IO | major.DO_DIRECT_IO)


class DoesNotCopyTheFlags(FilterDriver):
    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        device = super().add_device(lower)
        device.flags &= ~major.DO_DIRECT_IO
        return device


class DetachesTwice(FilterDriver):
    def unload(self) -> None:
        for device in self.driver_object.devices():
            device.detach()
            device.detach()


class ForgetsToDetach(FilterDriver):
    def unload(self) -> None:
        for device in list(self.driver_object.devices()):
            self.driver_object.delete_device(device)


class DeletesTwice(RamDisk):
    def unload(self) -> None:
        for device in list(self.driver_object.devices()):
            self.driver_object.delete_device(device)
            self.driver_object.delete_device(device)


class UnloadsWithARequest(Base):
    """Keeps a read for ever."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        return PENDING


class IgnoresCancellation(UnloadsWithARequest):
    """Keeps a read for ever, also when it is asked to let go."""


class FreesWhatItHas(Base):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.pool.free(irp)
        return status.STATUS_SUCCESS


@dataclass(frozen=True)
class Bad:
    """A stack with a wrong driver in it: `layers` makes it, bottom first.

    `send` is the major function sent (-1: none), so many `times`, and then cancelled if `cancel`.
    """

    rule: Rule
    layers: Callable[[], list[Driver]]
    send: int = major.IRP_MJ_READ
    times: int = 1
    cancel: bool = False


class KeepsBelow(RamDisk):
    """A disk that keeps its reads until it is unloaded, and cancels none."""

    def __init__(self) -> None:
        super().__init__(SIZE)
        self.kept: list[Irp] = []

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        self.kept.append(irp)
        return PENDING

    def unload(self) -> None:
        while self.kept:
            self.kept.pop().complete(status.STATUS_CANCELLED)


class PendsBelow(RamDisk):
    """A disk that marks every read pending, and completes it before it returns."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        super().dispatch_read(device, irp)
        return PENDING


class FailsBelow(RamDisk):
    """A disk whose reads fail."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        return irp.complete(status.STATUS_IO_DEVICE_ERROR)


class LooksAbove(FilterDriver):
    """A good filter with a routine in WDK form, so that there is one to be copied."""

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.copy_location_to_next()
        irp.set_completion_routine(self.look)
        assert device.lower is not None
        return irp.send_to(device.lower)

    def look(self, device: DeviceObject, irp: Irp, context: Any) -> None:
        if irp.pending_returned:
            irp.mark_pending()


def on_disk(wrong: type[Driver], disk: Callable[[], Driver] = lambda: RamDisk(SIZE)) -> Callable[[], list[Driver]]:
    """The wrong filter on a disk."""
    return lambda: [disk(), wrong()]


BAD: dict[str, Bad] = {
    "completes twice": Bad(rules.TWICE, on_disk(CompletesTwice)),
    "completes what it passed down": Bad(rules.TWICE, on_disk(CompletesWhatItPassedDown)),
    "completes another's packet": Bad(rules.NOT_THE_OWNER, on_disk(CompletesAnothersPacket, KeepsBelow)),
    "completes with STATUS_PENDING": Bad(rules.BAD_STATUS, on_disk(CompletesWithPending)),
    "completes with -1": Bad(rules.BAD_STATUS, on_disk(CompletesWithMinusOne)),
    "completes with its cancel routine set": Bad(rules.CANCEL_ROUTINE_LEFT, on_disk(LeavesItsCancelRoutine)),
    "claims too many bytes": Bad(rules.TOO_MUCH_INFORMATION, on_disk(ClaimsTooManyBytes)),
    "claims bytes of a failure": Bad(rules.INFORMATION_OF_FAILURE, on_disk(ClaimsBytesOfAFailure)),
    "completes above DISPATCH_LEVEL": Bad(rules.COMPLETED_TOO_HIGH, on_disk(CompletesTooHigh)),
    "changes the caller's bytes": Bad(rules.CALLERS_BYTES_CHANGED, on_disk(ChangesTheCallersBytes), major.IRP_MJ_WRITE),
    "returns another status": Bad(rules.WRONG_STATUS, on_disk(ReturnsAnotherStatus)),
    "hides an error": Bad(rules.WRONG_STATUS, on_disk(HidesAnError, lambda: FailsBelow(SIZE))),
    "returns -1": Bad(rules.RETURNED_MINUS_ONE, on_disk(ReturnsMinusOne)),
    "loses the packet": Bad(rules.LOST, on_disk(LosesThePacket)),
    "forgets to mark": Bad(rules.PENDING_NOT_MARKED, on_disk(ForgetsToMark)),
    "marks its own packet in its routine": Bad(
        rules.MARKED_WITHOUT_LOCATION, on_disk(MarksItsOwnPacketInItsRoutine)
    ),
    "marks and returns success": Bad(rules.MARKED_NOT_PENDING, on_disk(MarksAndReturnsSuccess)),
    "returns pending for a completed packet": Bad(rules.PENDING_NOT_MARKED, on_disk(ReturnsPendingForACompletedPacket)),
    "raises": Bad(rules.NO_EXCEPTIONS, on_disk(Raises)),
    "passes down with its cancel routine": Bad(
        rules.FORWARDED_WITH_CANCEL_ROUTINE, on_disk(PassesDownWithItsCancelRoutine)
    ),
    "sets a routine and skips": Bad(rules.ROUTINE_AND_SKIP, on_disk(SetsARoutineAndSkips)),
    "leaves control bits": Bad(rules.CONTROL_NOT_ZEROED, on_disk(LeavesControlBits)),
    "copies the routine of the driver above": Bad(
        rules.COPIED_COMPLETION_ROUTINE, lambda: [RamDisk(SIZE), CopiesTheRoutineAbove(), LooksAbove()]
    ),
    "skips a device": Bad(rules.SKIPPED_DEVICE, lambda: [RamDisk(SIZE), LooksAbove(), SkipsADevice()]),
    "sends above DISPATCH_LEVEL": Bad(rules.CALLED_TOO_HIGH, on_disk(SendsTooHigh)),
    "flushes at DISPATCH_LEVEL": Bad(rules.BAD_IRQL_FOR_MAJOR, on_disk(FlushesAtDispatch), major.IRP_MJ_FLUSH_BUFFERS),
    "stays raised": Bad(rules.IRQL_CHANGED, on_disk(StaysRaised)),
    "runs out of locations": Bad(rules.OUT_OF_LOCATIONS, lambda: [RunsOutOfLocations()]),
    "does not propagate the mark": Bad(rules.NOT_PROPAGATED, on_disk(DoesNotPropagate, lambda: PendsBelow(SIZE))),
    "its routine stays raised": Bad(rules.ROUTINE_CHANGED_IRQL, on_disk(RoutineStaysRaised)),
    "its routine completes and goes on": Bad(rules.GOES_ON, on_disk(RoutineCompletesAndGoesOn)),
    "its routine raises": Bad(rules.NO_EXCEPTIONS, on_disk(RoutineRaises)),
    "keeps a packet after its end": Bad(rules.COMPLETED_AFTER_FREE, on_disk(KeepsAfterTheEnd), times=2),
    "does both kinds of I/O": Bad(rules.BOTH_BUFFERINGS, lambda: [DoesBothKindsOfIo(SIZE)], -1),
    "does not copy the flags": Bad(rules.BUFFERING_NOT_COPIED, on_disk(DoesNotCopyTheFlags), -1),
    "detaches twice": Bad(rules.DETACHED_FROM_NOTHING, on_disk(DetachesTwice), -1),
    "forgets to detach": Bad(rules.FORGOT_DETACH, on_disk(ForgetsToDetach), -1),
    "deletes twice": Bad(rules.DELETED_TWICE, lambda: [DeletesTwice(SIZE)], -1),
    "unloads with a request": Bad(rules.UNLOADED_WITH_REQUESTS, on_disk(UnloadsWithARequest)),
    "ignores cancellation": Bad(rules.CANCELLED_NOT_COMPLETED, on_disk(IgnoresCancellation), cancel=True),
    "frees a packet it has": Bad(rules.FREED_IN_USE, on_disk(FreesWhatItHas)),
}
