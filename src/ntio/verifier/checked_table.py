"""The checking copy of a driver's tables: in front of each routine one that notes the turn and judges the answer.

Source: spec iomgr.md 1.7, 1.9, 1.10; style of the real one: a second table, not a question in the first. Rows: R19, R22
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..bugcheck import BugCheck
from ..io_manager.codes.major import (
    IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_INTERNAL_DEVICE_CONTROL,
    IRP_MJ_POWER,
    IRP_MJ_READ,
    IRP_MJ_WRITE,
    MAJOR_NAMES,
    SL_ERROR_RETURNED,
    SL_INVOKE_ALWAYS,
    SL_PENDING_RETURNED,
)
from ..io_manager.device import DispatchRoutine
from ..kernel.irql import DISPATCH_LEVEL
from ..status import STATUS_PENDING
from . import rules
from .checked_irp import CheckedIrp
from .visit import Visit

if TYPE_CHECKING:
    from ..io_manager.device import DeviceObject
    from ..io_manager.driver import DriverObject
    from ..io_manager.packet.irp import Irp
    from .verifier import Verifier

_ALSO_AT_DISPATCH = (
    IRP_MJ_POWER,
    IRP_MJ_READ,
    IRP_MJ_WRITE,
    IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_INTERNAL_DEVICE_CONTROL,
)


def checked_tables(
    verifier: Verifier, driver: DriverObject
) -> tuple[tuple[DispatchRoutine, ...], tuple[DispatchRoutine, ...]]:
    """A driver's two tables with checks in front of every routine."""
    return _checked(verifier, driver.dispatch), _checked(verifier, driver.batch_dispatch)


def _checked(verifier: Verifier, table: Sequence[DispatchRoutine]) -> tuple[DispatchRoutine, ...]:
    return tuple(CheckedDispatch(verifier, routine) for routine in table)


class CheckedDispatch:
    """One routine with checks around it."""

    __slots__ = ("_verifier", "routine")

    def __init__(self, verifier: Verifier, routine: DispatchRoutine) -> None:
        self._verifier = verifier
        self.routine = routine

    def __call__(self, device: DeviceObject, irp: Irp) -> int:
        assert isinstance(irp, CheckedIrp)
        verifier = self._verifier
        visit = Visit(device, irp, irp.visit)
        _check_arrival(verifier, visit, irp)
        irp.visit = visit
        irp.note(MAJOR_NAMES[irp.location.major], device=device)
        running, before = verifier.running(), verifier.io.irql.current()
        running.append(visit)
        try:
            status = self.routine(device, irp)
        except BugCheck:
            raise
        except Exception as error:
            verifier.broken(rules.NO_EXCEPTIONS, device, irp, cause=error, always=True)
            raise
        except BaseException:
            visit.raised = True
            raise
        finally:
            running.pop()
            visit.finished = True
        if visit.above is not None:
            visit.above.answer_below = status
        after = verifier.io.irql.current()
        if after != before:
            verifier.broken(rules.IRQL_CHANGED, device, before, after)
        _check_answer(verifier, visit, status)
        return status


def _check_arrival(verifier: Verifier, visit: Visit, irp: CheckedIrp) -> None:
    device, above, location, irql = visit.device, visit.above, irp.location, verifier.io.irql.current()
    if irql > DISPATCH_LEVEL:
        verifier.broken(rules.CALLED_TOO_HIGH, device, irp, irql)
    elif irql == DISPATCH_LEVEL and location.major not in _ALSO_AT_DISPATCH:
        verifier.broken(rules.BAD_IRQL_FOR_MAJOR, device, irp, irql)
    if above is None:
        return
    if irp.cancel_routine is not None:
        verifier.broken(rules.FORWARDED_WITH_CANCEL_ROUTINE, above.device, irp, irp.cancel_routine)
    above.forwarded = True
    if visit.number == above.number - 1:
        _check_location(verifier, above, irp)
    elif visit.number == above.number and above.routine_set:
        verifier.broken(rules.ROUTINE_AND_SKIP, above.device, irp)
    lower = above.device.lower
    if lower is not None and device is not lower and device in lower.stack():
        verifier.broken(rules.SKIPPED_DEVICE, above.device, irp, device)


def _check_location(verifier: Verifier, above: Visit, irp: CheckedIrp) -> None:
    """The location the driver above filled in for the next."""
    own, filled = irp.locations[above.number - 1], irp.location
    copied = filled.completion_routine is not None and filled.completion_routine is own.completion_routine
    if copied and filled.context is own.context and filled.control & SL_INVOKE_ALWAYS and not above.routine_set:
        verifier.broken(rules.COPIED_COMPLETION_ROUTINE, above.device, irp)
    elif filled.control & (SL_PENDING_RETURNED | SL_ERROR_RETURNED):
        verifier.broken(rules.CONTROL_NOT_ZEROED, above.device, irp, filled.control)


def _check_answer(verifier: Verifier, visit: Visit, status: int) -> None:
    device, irp = visit.device, visit.irp
    if status == rules.MINUS_ONE:
        verifier.broken(rules.RETURNED_MINUS_ONE, device, irp)
        return
    if status == STATUS_PENDING:
        from_below = visit.forwarded and visit.answer_below == STATUS_PENDING
        if not visit.marked and not from_below:
            verifier.broken(rules.PENDING_NOT_MARKED, device, irp)
        return
    if visit.marked:
        verifier.broken(rules.MARKED_NOT_PENDING, device, irp, status)
    elif visit.completed is not None:
        if visit.completed != status:
            verifier.broken(rules.WRONG_STATUS, device, irp, visit.completed)
    elif visit.forwarded:
        if visit.answer_below is not None and visit.answer_below != status:
            verifier.broken(rules.WRONG_STATUS, device, irp, visit.answer_below)
    else:
        verifier.broken(rules.LOST, device, irp, status, always=True)
