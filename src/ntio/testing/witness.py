"""Two drivers that watch the one between them: a disk that notes what reaches it, and a filter that checks the law.

    Watcher        above: each request comes up once, at the right place, with the buffer it was sent down with,
                   and was said to be pending exactly when it had been marked so
    your filter
    Witness        below: notes every request as it arrives; may hold requests, cancel them, or fail them

Rows: R18, R19
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..driver_kit import PENDING, DeviceObject, DriverObject, FilterDriver, Irp, major, status
from ..drivers.ram_disk import RamDisk
from ..io_manager.cancel import set_cancel_routine
from ..io_manager.device import DispatchRoutine

#: Information of requests that are neither read, write nor query: this and the major function, so that it is known.
MARK = 1000

_DATA = (major.IRP_MJ_READ, major.IRP_MJ_WRITE)
_KNOWN = (*_DATA, major.IRP_MJ_FLUSH_BUFFERS, major.IRP_MJ_QUERY_INFORMATION)


@dataclass(frozen=True)
class Arrival:
    """A request as it reached the bottom: everything a driver can read of it."""

    major: int
    minor: int
    flags: int
    key: int
    length: int
    byte_offset: int
    argument: Any
    file_object: Any
    data: bytes | None
    rows: tuple[tuple[int, int], ...] | None


class Witness(RamDisk):
    """A disk in memory that answers every major function and notes in `arrivals` what it was asked.

    With `hold` requests stay in `held` until `release`, and can be cancelled there; `fail_with` is a status that ends
    every request.
    """

    def __init__(self, size: int = 4096) -> None:
        super().__init__(size)
        self.arrivals: list[Arrival] = []
        self.held: list[tuple[Irp, Callable[[], int]]] = []
        self.hold = False
        self.fail_with = 0

    def driver_entry(self, driver: DriverObject) -> None:
        """Put the noting routine in front of every other."""
        super().driver_entry(driver)
        for number, routine in enumerate(driver.major_function):
            known = routine if number in _KNOWN else None
            driver.major_function[number] = partial(self._arrive, known or _answer_with_mark)
        for number in _DATA:
            routine = driver.batch_function[number]
            assert routine is not None
            driver.batch_function[number] = partial(self._arrive, routine)

    def release(self, index: int = 0) -> None:
        """Let a held request go on."""
        irp, finish = self.held.pop(index)
        set_cancel_routine(irp, None)
        finish()

    def release_all(self) -> None:
        """Let every held request go on, and hold no more."""
        self.hold = False
        while self.held:
            self.release()

    def _arrive(self, routine: DispatchRoutine, device: DeviceObject, irp: Irp) -> int:
        at, batch = irp.location, irp.batch
        buffer = irp.buffer if batch is None else batch.buffer
        rows = None if batch is None else tuple(zip(batch.offset.tolist(), batch.length.tolist(), strict=True))
        data = None if buffer is None else bytes(buffer)
        self.arrivals.append(
            Arrival(
                at.major, at.minor, at.flags, at.key, at.length, at.byte_offset, at.argument, at.file_object, data, rows
            )
        )
        if at.major == major.IRP_MJ_QUERY_INFORMATION and at.argument != major.FILE_STANDARD_INFORMATION_CLASS:
            routine = _answer_with_mark
        finish = partial(self._finish, routine, device, irp)
        if not self.hold:
            return finish()
        irp.mark_pending()
        self.held.append((irp, finish))
        set_cancel_routine(irp, self._cancel)
        return PENDING

    def _finish(self, routine: DispatchRoutine, device: DeviceObject, irp: Irp) -> int:
        return irp.complete(self.fail_with) if self.fail_with else routine(device, irp)

    def _cancel(self, device: DeviceObject, irp: Irp) -> None:
        self.held = [held for held in self.held if held[0] is not irp]
        irp.complete(status.STATUS_CANCELLED)


def _answer_with_mark(device: DeviceObject, irp: Irp) -> int:
    return irp.complete(information=MARK + irp.location.major)


class Visit:
    """One request that came by a `Watcher`, and what was wrong with its way back."""

    def __init__(self, irp: Irp) -> None:
        self.place = irp.current_location
        self.buffer = _buffer_of(irp)
        self.sent = bytes(self.buffer) if irp.location.major == major.IRP_MJ_WRITE else None
        self.returns = 0
        self.pending = False
        self.status = 0
        self.complaints: list[str] = []

    def came_back(self, device: DeviceObject, irp: Irp) -> None:
        """The request is on its way up."""
        self.returns += 1
        self.pending, self.status = irp.pending_returned, irp.status
        if irp.current_location != self.place or irp.location.device is not device:
            self.complaints.append(f"came back at location {irp.current_location}, was at {self.place}")
        if _buffer_of(irp) is not self.buffer:
            self.complaints.append("came back with another buffer than it was sent down with")
        elif self.sent is not None and bytes(self.buffer) != self.sent:
            self.complaints.append("the bytes the caller wrote were changed")
        self.buffer = self.sent = None  # the caller's memory, which is his again

    def returned(self, answer: int) -> None:
        """The filter's routine returned `answer`."""
        if answer != PENDING and not self.returns:
            self.complaints.append(f"{status.status_name(answer)} was returned before the request was complete")
        elif answer != PENDING and answer != self.status:
            names = status.status_name(answer), status.status_name(self.status)
            self.complaints.append(f"{names[0]} was returned for a request completed with {names[1]}")
        self._answer = answer

    def verdict(self) -> list[str]:
        """Everything that was wrong, once the request must be over."""
        complaints = list(self.complaints)
        if self.returns != 1:
            complaints.append(f"came back {self.returns} times")
        elif self.pending != (self._answer == PENDING):
            complaints.append(
                f"{status.status_name(self._answer)} was returned, but the request was "
                f"{'' if self.pending else 'not '}marked pending"
            )
        return complaints


def _buffer_of(irp: Irp) -> Any:
    return irp.buffer if irp.batch is None else irp.batch.buffer


class Watcher(FilterDriver):
    """A filter that notes in `visits` how every request below it came back."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []

    def driver_entry(self, driver: DriverObject) -> None:
        """See every major function, one by one and in batches."""
        super().driver_entry(driver)
        driver.major_function[:] = [self._watch] * major.MAJOR_FUNCTION_COUNT
        for number in _DATA:
            driver.batch_function[number] = self._watch

    def bypass_veto(self, device: DeviceObject) -> str:
        """Nothing passes a watcher by."""
        return "watches every request"

    def complaints(self) -> list[str]:
        """What was wrong with the requests so far, all of which must be over."""
        return [complaint for visit in self.visits for complaint in visit.verdict()]

    def _watch(self, device: DeviceObject, irp: Irp) -> int:
        visit = Visit(irp)
        self.visits.append(visit)
        answer = irp.pass_down(visit.came_back)
        visit.returned(answer)
        return answer
