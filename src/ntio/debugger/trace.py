"""Following requests through every driver of a stack and back.

    with Tracer(stack) as tracer:
        stack.read(4096, 0)
    print(tracer.draw())

How it sees the way down: each device of the stack gets copies of its two dispatch tables in which every routine first
notes who is asked for what. How it sees the way up: at that moment it also puts its own completion routine into the
location the device was given, with all invoke bits, and keeps the one that was there. Completion then passes by here
when the location is left: the tracer notes the result, runs the routine it displaced if that one would have been run,
and otherwise copies the pending mark up, exactly as `dispatch.complete_request` does. A driver that skips its location
shares it with the device below; the two notes are then nested and come out in the right order.

Nothing of this touches the path of a request in a stack that is not traced. While traced, reads and writes do not go
straight to a host file: each device says that it is being watched. Leaving the `with` block puts the tables back; a
request still in flight is followed to its end all the same.

Source: spec iomgr.md 1.7, 1.8. Rows: R14, R19, R29
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any

from ..driver_kit import DeviceObject, Irp
from ..io_manager.codes.major import (
    MAJOR_NAMES,
    SL_INVOKE_ALWAYS,
    SL_INVOKE_ON_CANCEL,
    SL_INVOKE_ON_ERROR,
    SL_INVOKE_ON_SUCCESS,
    SL_PENDING_RETURNED,
)
from ..io_manager.device import DispatchRoutine
from ..io_manager.packet.irp import CompletionRoutine, routine_name
from ..status import STATUS_PENDING, nt_success, status_name
from ..system.stack import Stack


@dataclass(slots=True)
class Visit:
    """One device on a request's way: what it was asked, and what came back up.

    `location` is the number of its stack location, `depth` how many devices had the request before it. `offset` and
    `length` are in bytes; of a batch, the first row's offset and the sum. `routine` names the completion routine the
    driver above set, `returned` is what this driver's own routine returned. The fields from `status` on are None until
    the request has come up; `pending` says whether it was marked pending here. Times are seconds since the trace began.
    """

    device: str
    driver: str
    location: int
    depth: int
    offset: int
    length: int
    entered: float
    routine: str = ""
    returned: int | None = None
    status: int | None = None
    information: int | None = None
    pending: bool | None = None
    left: float | None = None


@dataclass(slots=True)
class TracedRequest:
    """One request packet: what it is, the devices it visited in order, and the order of entering and leaving.

    `rows` is the size of a batch, 1 for a scalar request. `part_of` is the number of the batch it is a part of. `steps`
    holds ("down" or "up", index into `visits`).
    """

    number: int
    operation: str
    rows: int
    part_of: int | None
    visits: list[Visit] = field(default_factory=list)
    steps: list[tuple[str, int]] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether it has left every device it came to."""
        return len(self.steps) == 2 * len(self.visits)

    def draw(self) -> str:
        """The way down and up as text, one line per step, deeper devices further to the right."""
        first = self.visits[0]
        rows = f" of {self.rows} rows" if self.rows > 1 else ""
        part = "" if self.part_of is None else f" (part of request {self.part_of})"
        lines = [f"request {self.number}: {self.operation}{rows}, {first.length} bytes at offset {first.offset}{part}"]
        width = max(2 * visit.depth + len(visit.driver) for visit in self.visits)
        for direction, index in self.steps:
            visit = self.visits[index]
            left = " " * 2 * visit.depth + ("↓ " if direction == "down" else "↑ ") + visit.driver
            moment, text = (visit.entered, _down(visit)) if direction == "down" else (visit.left or 0.0, _up(visit))
            lines.append(f"  {left:<{width + 2}}  {(moment - first.entered) * 1e6:7.0f} us  {text}")
        return "\n".join(lines)


@dataclass(slots=True)
class _Displaced:
    """A completion routine whose place in a location is taken for now."""

    request: TracedRequest
    index: int
    routine: CompletionRoutine | None
    context: Any
    control: int


class Tracer:
    """Notes the way of every request through one stack, from `with` to the end of the block.

    `target` is a `Stack` or any device of one. `requests` are in the order in which they came to the stack.
    """

    def __init__(self, target: Stack | DeviceObject) -> None:
        device = target.device if isinstance(target, Stack) else target
        self._devices = list(device.top().stack())
        self._io = device.driver.io
        self._clock = self._io.hal.clock
        self._begun = self._clock.now()
        self._saved: list[tuple[tuple[DispatchRoutine, ...], tuple[DispatchRoutine, ...], str]] = []
        #: Requests on their way, by the identity of their packet, and in how many devices each is.
        self._live: dict[int, tuple[TracedRequest, list[int]]] = {}
        self.requests: list[TracedRequest] = []

    def draw(self) -> str:
        """Every request's way as text."""
        return "\n".join(request.draw() for request in self.requests)

    def as_data(self) -> list[dict[str, Any]]:
        """Every request's way as plain dictionaries and lists."""
        return [asdict(request) for request in self.requests]

    def __enter__(self) -> Tracer:
        self._begun = self._clock.now()
        for device in self._devices:
            self._saved.append((device.dispatch, device.batch_dispatch, device.observer))
            device.dispatch = tuple(map(self._watch, device.dispatch))
            device.batch_dispatch = tuple(map(self._watch, device.batch_dispatch))
            device.observer = "is being traced"
        self._io.stack_epoch += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for device, saved in zip(self._devices, self._saved, strict=True):
            device.dispatch, device.batch_dispatch, device.observer = saved
        self._saved.clear()
        self._io.stack_epoch += 1

    # --- the way down -----------------------------------------------------------------------------------------------

    def _watch(self, routine: DispatchRoutine) -> DispatchRoutine:
        def watched(device: DeviceObject, irp: Irp) -> int:
            visit = self._enter(device, irp)
            visit.returned = status = routine(device, irp)
            return status

        return watched

    def _enter(self, device: DeviceObject, irp: Irp) -> Visit:
        request, inside = self._request(irp)
        here, batch = irp.location, irp.batch
        offset = here.byte_offset if batch is None else int(batch.offset[0]) if len(batch) else 0
        length = here.length if batch is None else int(batch.length.sum())
        visit = Visit(
            device.path, device.driver.name, irp.current_location, len(inside), offset, length,
            self._clock.now() - self._begun, self._routine_name(irp),
        )  # fmt: skip
        index = len(request.visits)
        displaced = _Displaced(request, index, here.completion_routine, here.context, here.control & SL_INVOKE_ALWAYS)
        request.visits.append(visit)
        request.steps.append(("down", index))
        inside.append(index)
        here.completion_routine, here.context = self._leave, displaced
        here.control |= SL_INVOKE_ALWAYS
        return visit

    def _request(self, irp: Irp) -> tuple[TracedRequest, list[int]]:
        found = self._live.get(id(irp))
        if found is None:
            master = None if irp.master is None else self._live.get(id(irp.master))
            request = TracedRequest(
                number=len(self.requests) + 1,
                operation=MAJOR_NAMES[irp.location.major],
                rows=1 if irp.batch is None else len(irp.batch),
                part_of=None if master is None else master[0].number,
            )
            self.requests.append(request)
            found = self._live[id(irp)] = request, []
        return found

    @staticmethod
    def _routine_name(irp: Irp) -> str:
        here = irp.location
        if not here.control & SL_INVOKE_ALWAYS or here.completion_routine is None:
            return ""
        if isinstance(here.context, _Displaced):
            return ""  # a location shared with the device above: named there
        return routine_name(here.completion_routine, here.context).replace("<locals>.", "")

    # --- the way up -------------------------------------------------------------------------------------------------

    def _leave(self, device: DeviceObject | None, irp: Irp, displaced: _Displaced) -> int | None:
        irp.locations[irp.current_location - 2].completion_routine = displaced.routine
        request = displaced.request
        visit = request.visits[displaced.index]
        visit.left = self._clock.now() - self._begun
        visit.status, visit.information, visit.pending = irp.status, irp.information, irp.pending_returned
        request.steps.append(("up", displaced.index))
        inside = self._live[id(irp)][1]
        inside.remove(displaced.index)
        if not inside:
            del self._live[id(irp)]
        if displaced.routine is not None and _applies(displaced.control, irp):
            return displaced.routine(device, irp, displaced.context)
        if irp.pending_returned and irp.current_location <= irp.stack_count:
            irp.location.control |= SL_PENDING_RETURNED
        return None


def _applies(control: int, irp: Irp) -> bool:
    wanted = SL_INVOKE_ON_SUCCESS if nt_success(irp.status) else SL_INVOKE_ON_ERROR
    return bool(control & wanted or (irp.cancel and control & SL_INVOKE_ON_CANCEL))


def _down(visit: Visit) -> str:
    pending = " (returned STATUS_PENDING)" if visit.returned == STATUS_PENDING else ""
    return f"location {visit.location}, offset {visit.offset}, length {visit.length}{pending}"


def _up(visit: Visit) -> str:
    assert visit.status is not None
    pending = ", pending" if visit.pending else ""
    routine = f", then {visit.routine} runs" if visit.routine else ""
    return f"{status_name(visit.status)}, {visit.information} bytes{pending}{routine}"
