"""The checking kind of packet: does what a packet does, after it has looked whether that may be done.

It knows whose turn it is (`visit`), keeps its history, and is never used twice: given back, it turns into a packet that
stops whoever touches it.

Source: spec iomgr.md 1.9, 1.10. Rows: R13, R19
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..io_manager.codes.major import SL_INVOKE_ALWAYS, SL_PENDING_RETURNED
from ..io_manager.packet.irp import CompletionRoutine, Irp, Then, routine_name
from ..io_manager.packet.irp_pool import IrpPool
from ..status import STATUS_MORE_PROCESSING_REQUIRED
from . import rules
from .history import Step, calling_line

if TYPE_CHECKING:
    from ..io_manager.device import DeviceObject
    from .verifier import Verifier
    from .visit import Visit


class CheckedIrp(Irp):
    """A packet whose every step is checked."""

    __slots__ = ("freed_at", "steps", "verifier", "visit")

    def __init__(self, pool: IrpPool, size: int, verifier: Verifier) -> None:
        self.verifier = verifier
        #: Whose turn it is: that of the driver that got it last, or got it back.
        self.visit: Visit | None = None
        self.steps: list[Step] = []
        self.freed_at = ""
        super().__init__(pool, size)

    def note(self, what: str, status: int | None = None, device: DeviceObject | None = None) -> None:
        """Add a step to the history."""
        if device is None and self.visit is not None:
            device = self.visit.device
        driver = "" if device is None else device.driver.name
        self.steps.append(Step(what, driver, self.current_location, status, calling_line()))

    def describe(self) -> str:
        """The packet and its history."""
        return "\n".join([super().describe(), "history:", *map(str, self.steps)])

    # --- steps --------------------------------------------------------------------------------------------------------

    def complete(self, status: int = 0, information: int = 0) -> int:
        """See `Irp.complete`."""
        self.verifier.completing(self, status, information)
        return super().complete(status, information)

    def complete_request(self) -> None:
        """See `Irp.complete_request`."""
        self.verifier.completing(self, self.status, self.information)
        super().complete_request()

    def mark_pending(self) -> None:
        """See `Irp.mark_pending`."""
        self.note("marked pending")
        if self.current_location > self.stack_count:
            self.verifier.broken(rules.MARKED_WITHOUT_LOCATION, self, always=True)
        if self.visit is not None and not self.visit.finished:
            self.visit.marked = True
        super().mark_pending()

    def pass_down(self, then: Then | None = None, *, buffer: Any = None) -> int:
        """See `Irp.pass_down`."""
        if then is not None and self.visit is not None:
            then = CheckedThen(then, self.visit)
        return super().pass_down(then, buffer=buffer)

    def set_completion_routine(
        self, routine: CompletionRoutine | None, context: Any = None, invoke: int = SL_INVOKE_ALWAYS
    ) -> None:
        """See `Irp.set_completion_routine`."""
        if routine is not None:
            if self.visit is not None:
                self.visit.routine_set = True
            routine = CheckedRoutine(routine, self.visit)
        super().set_completion_routine(routine, context, invoke)


class FreedIrp(CheckedIrp):
    """A packet that was given back: whoever touches it is stopped."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name in _LEFT or name.startswith("__"):
            return object.__getattribute__(self, name)
        verifier: Verifier = object.__getattribute__(self, "verifier")
        return verifier.touched(self, name)

    def describe(self) -> str:
        """What is left to be shown: its history."""
        return "\n".join(["IRP, given back, history:", *map(str, self.steps)])


#: What may still be asked of a packet that was given back: by the product, of packets that are out.
_LEFT = frozenset(("describe", "steps", "verifier", "pool"))


class CheckedThen:
    """A friendly completion routine with checks around it; `visit` is the turn it was set in."""

    __slots__ = ("__qualname__", "_then", "_visit")

    def __init__(self, then: Then, visit: Visit) -> None:
        self._then, self._visit = then, visit
        self.__qualname__ = getattr(then, "__qualname__", repr(then))

    def __call__(self, device: DeviceObject, irp: Irp) -> int | None:
        assert isinstance(irp, CheckedIrp)
        return irp.verifier.run_routine(irp, self._visit, self.__qualname__, lambda: self._then(device, irp))


class CheckedRoutine:
    """A completion routine in WDK form with checks around it: also that it carries the pending mark upward."""

    __slots__ = ("__qualname__", "_routine", "_visit")

    def __init__(self, routine: CompletionRoutine, visit: Visit | None) -> None:
        self._routine, self._visit = routine, visit
        self.__qualname__ = routine_name(routine, None)

    def __call__(self, device: Any, irp: Irp, context: Any) -> int | None:
        assert isinstance(irp, CheckedIrp)
        visit = self._visit
        if visit is None:  # its maker has it back, and may send it again: the turns below are over
            irp.visit = None
            return self._routine(device, irp, context)
        number, pending, verifier = irp.current_location, irp.pending_returned, irp.verifier
        own = None if number > irp.stack_count else irp.locations[number - 1]
        answer = verifier.run_routine(irp, visit, self.__qualname__, lambda: self._routine(device, irp, context))
        carried = own is None or own.control & SL_PENDING_RETURNED
        if pending and not carried and answer != STATUS_MORE_PROCESSING_REQUIRED:
            verifier.broken(rules.NOT_PROPAGATED, device, irp, self.__qualname__)
        return answer


class CheckedPool(IrpPool):
    """Makes checking packets, remembers which are out, and uses none twice."""

    def __init__(self, verifier: Verifier, *arguments: Any, **options: Any) -> None:
        self.verifier = verifier
        #: Every packet that was not given back yet.
        self.out: dict[int, CheckedIrp] = {}
        super().__init__(*arguments, **{**options, "lookaside": False})

    def make(self, size: int) -> Irp:
        """A new checking packet."""
        return CheckedIrp(self, size, self.verifier)

    def allocate(self, stack_count: int, *arguments: Any, **options: Any) -> Irp:
        """See `IrpPool.allocate`."""
        irp = super().allocate(stack_count, *arguments, **options)
        assert isinstance(irp, CheckedIrp)
        self.out[id(irp)] = irp
        irp.note("allocated")
        return irp

    def free(self, irp: Irp) -> None:
        """Take a packet back for good."""
        assert isinstance(irp, CheckedIrp)
        visit = irp.visit
        if visit is not None and visit.completed is None and irp.current_location == visit.number:
            self.verifier.broken(rules.FREED_IN_USE, visit.device, irp, always=True)
        self.out.pop(id(irp), None)
        irp.note("given back")
        super().free(irp)
        irp.visit = None
        irp.__class__ = FreedIrp
