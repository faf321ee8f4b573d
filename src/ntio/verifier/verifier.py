"""The verifier of one System: what it was told to check, and what it found.

`IoManager` asks it for a packet pool and for tables; from then on packets (`checked_irp`) and tables (`checked_table`)
call it at every step. It decides whether a rule was broken; what is done about it is decided in one place, `broken`.

Rows: R19, R22
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from ..bugcheck import BugCheck
from ..io_manager.codes.major import DO_BUFFERED_IO, DO_DIRECT_IO, IRP_MJ_READ, IRP_MJ_WRITE
from ..kernel.irql import DISPATCH_LEVEL
from ..status import STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING, nt_error
from . import rules
from .checked_irp import CheckedIrp, CheckedPool, FreedIrp
from .checked_table import checked_tables
from .rules import Rule, Severity
from .visit import Visit

if TYPE_CHECKING:
    from ..io_manager.device import DeviceObject
    from ..io_manager.driver import DriverObject
    from ..io_manager.manager import IoManager

_BUFFERINGS = DO_BUFFERED_IO | DO_DIRECT_IO


class Verifier:
    """Checks the drivers of one System.

    With `collect` a breach is kept in `violations` and the System goes on, as far as it can; `ignore` holds rules (of
    `verifier.rules`) that are not to count.
    NT: Driver Verifier
    """

    def __init__(self, *, collect: bool = False, ignore: Collection[Rule] = ()) -> None:
        self.collect = collect
        self.ignore = frozenset(ignore)
        self.violations: list[BugCheck] = []
        self._io: IoManager | None = None

    # --- what the I/O manager asks ------------------------------------------------------------------------------------

    def attach(self, io: IoManager, *pool_arguments: Any, **pool_options: Any) -> CheckedPool:
        """Belong to this I/O manager; returns its packet pool."""
        if self._io is not None:
            raise ValueError("a verifier belongs to one System: make another")
        self._io = io
        self._running = io.hal.new_thread_state()
        return CheckedPool(self, *pool_arguments, **pool_options)

    def tables(self, driver: DriverObject) -> None:
        """Put checking routines in front of a driver's own."""
        driver.dispatch, driver.batch_dispatch = checked_tables(self, driver)

    def added(self, device: DeviceObject) -> None:
        """See `Checks.added`."""
        flags, lower = device.flags, device.lower
        if flags & _BUFFERINGS == _BUFFERINGS:
            self.broken(rules.BOTH_BUFFERINGS, device)
        if lower is None:
            return
        if (flags ^ lower.flags) & _BUFFERINGS:
            self.broken(rules.BUFFERING_NOT_COPIED, device, lower)
        if device.device_type != lower.device_type:
            self.broken(rules.TYPE_NOT_COPIED, device, lower)

    def detaching(self, device: DeviceObject) -> None:
        """See `Checks.detaching`."""
        if device.lower is None:
            self.broken(rules.DETACHED_FROM_NOTHING, device)

    def deleting(self, device: DeviceObject) -> None:
        """See `Checks.deleting`."""
        if device.deleted:
            self.broken(rules.DELETED_TWICE, device)
        elif device.lower is not None:
            self.broken(rules.FORGOT_DETACH, device, device.lower)

    def unloading(self, driver: DriverObject) -> None:
        """See `Checks.unloading`: the driver must have let go of every packet."""
        assert isinstance(self.io.irps, CheckedPool)
        for irp in list(self.io.irps.out.values()):
            if irp.visit is not None and irp.visit.device.driver is driver and irp.visit.completed is None:
                rule = rules.CANCELLED_NOT_COMPLETED if irp.cancel else rules.UNLOADED_WITH_REQUESTS
                self.broken(rule, driver, irp)

    @property
    def io(self) -> IoManager:
        """Whose drivers are checked."""
        assert self._io is not None
        return self._io

    # --- what to do about a breach ------------------------------------------------------------------------------------

    def broken(
        self, rule: Rule, *parameters: object, cause: BaseException | None = None, more: str = "", always: bool = False
    ) -> None:
        """A rule was broken: stop the System, or keep the breach. `always`: nothing can go on after this one."""
        if rule in self.ignore:
            return
        first = (rule.number,) if rule.number else ()
        note = f"{rule.text} ({rule.name})" + (f"; {more}" if more else "")
        if not always and (self.collect or rule.severity is Severity.WARNING):
            self.violations.append(BugCheck(rule.code, *(*first, *parameters)[:4], note=note))
            return
        try:
            self.io.stop(rule.code, *(*first, *parameters)[:4], note=note)
        except BugCheck as check:
            if check.note != note:  # the System had stopped before
                raise
            self.violations.append(check)
            raise check from cause

    # --- steps of packets ---------------------------------------------------------------------------------------------

    def completing(self, irp: CheckedIrp, status: int, information: int) -> None:
        """A packet is about to be completed."""
        visit = irp.visit
        if irp.current_location > irp.stack_count + 1:
            self.broken(rules.TWICE, irp, more=_first_completion(irp), always=True)
        irp.note("completed", status)
        self._check_owner(irp, visit)
        if status in (STATUS_PENDING, rules.MINUS_ONE):
            self.broken(rules.BAD_STATUS, irp, status)
        if irp.cancel_routine is not None:
            self.broken(rules.CANCEL_ROUTINE_LEFT, irp, irp.cancel_routine)
        if self.io.irql.current() > DISPATCH_LEVEL:
            self.broken(rules.COMPLETED_TOO_HIGH, irp, self.io.irql.current())
        if visit is not None:
            self._check_result(irp, visit, status, information)
            visit.completed = status

    def _check_owner(self, irp: CheckedIrp, visit: Visit | None) -> None:
        running = self.running()
        inner = running[-1] if running else None
        if inner is None or inner.irp is not irp or inner is visit or (visit is not None and visit.raised):
            return
        if inner.forwarded:
            self.broken(rules.NOT_THE_OWNER, inner.device, irp, "" if visit is None else visit.device)

    def _check_result(self, irp: CheckedIrp, visit: Visit, status: int, information: int) -> None:
        if irp.current_location > irp.stack_count:
            return
        location = irp.location
        if location.major not in (IRP_MJ_READ, IRP_MJ_WRITE) or irp.batch is not None:
            return
        if information > location.length:
            self.broken(rules.TOO_MUCH_INFORMATION, visit.device, irp, information)
        if nt_error(status) and information:
            self.broken(rules.INFORMATION_OF_FAILURE, visit.device, irp, information)
        self._check_written(irp, visit)

    def _check_written(self, irp: CheckedIrp, visit: Visit) -> None:
        if visit.written is not None and irp.buffer is not None and irp.buffer != visit.written:
            self.broken(rules.CALLERS_BYTES_CHANGED, visit.device, irp)

    def run_routine(self, irp: CheckedIrp, visit: Visit, name: str, routine: Callable[[], int | None]) -> int | None:
        """Run a completion routine: its driver has the packet again."""
        irp.visit = visit
        irp.note(f"completion routine {name}", irp.status)
        before = self.io.irql.current()
        status = irp.status
        self._check_written(irp, visit)
        try:
            answer = routine()
        except BugCheck:
            raise
        except Exception as error:
            self.broken(rules.NO_EXCEPTIONS, visit.device, irp, name, cause=error, always=True)
            raise
        if self.io.irql.current() != before:
            self.broken(rules.ROUTINE_CHANGED_IRQL, visit.device, before, self.io.irql.current())
        if type(irp) is FreedIrp:
            if answer != STATUS_MORE_PROCESSING_REQUIRED:
                self.broken(rules.GOES_ON, visit.device, irp, name, always=True)
        elif irp.status != status:
            irp.note(f"completion routine {name} changed the status", irp.status)
        return answer

    def touched(self, irp: CheckedIrp, name: str) -> Any:
        """A packet was touched after it had been given back."""
        if name in ("complete", "complete_request"):
            self.broken(rules.TWICE, irp, more=_first_completion(irp), always=True)
        self.broken(rules.COMPLETED_AFTER_FREE, irp, more=f"its .{name} was asked for", always=True)

    def running(self) -> list[Visit]:
        """The turns that run on this thread, innermost last."""
        try:
            return self._running.visits  # type: ignore[no-any-return]
        except AttributeError:
            visits: list[Visit] = []
            self._running.visits = visits
            return visits


def _first_completion(irp: CheckedIrp) -> str:
    former = [step for step in irp.steps if step.what == "completed"]
    return f"first by {former[-1].driver} at {former[-1].where}" if former else ""
