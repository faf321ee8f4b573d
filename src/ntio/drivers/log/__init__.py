"""A filter that writes down every read, write and flush with its result.

Each line tells what was asked (operation, offset, length) and what came of it (status, bytes, time since it came
through). The last `keep` lines stay in memory (`records`); with `sink`, each is also handed to a callable such as
`print`. A batch is one line.

Rows: R19
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ...driver_kit import DeviceObject, FilterDriver, Irp, major, status


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One request that came by: `count` rows (1 for a scalar request), offset of the first, bytes asked and moved."""

    operation: str
    count: int
    offset: int
    length: int
    status: int
    information: int
    seconds: float

    def __str__(self) -> str:
        rows = f" x {self.count}" if self.count > 1 else ""
        return (
            f"{self.operation}{rows} offset={self.offset} length={self.length} -> "
            f"{status.status_name(self.status)} {self.information} bytes in {self.seconds * 1e6:.0f} us"
        )


class Log(FilterDriver):
    """Write down reads, writes and flushes."""

    def __init__(self, keep: int = 1000, sink: Callable[[str], object] | None = None) -> None:
        self.records: deque[LogRecord] = deque(maxlen=keep)
        self._sink = sink

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        """Note a read."""
        return self._note(device, irp)

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        """Note a write."""
        return self._note(device, irp)

    def dispatch_flush_buffers(self, device: DeviceObject, irp: Irp) -> int:
        """Note a flush."""
        return self._note(device, irp)

    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Note a batch of reads."""
        return self._note(device, irp)

    def dispatch_write_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Note a batch of writes."""
        return self._note(device, irp)

    def _note(self, device: DeviceObject, irp: Irp) -> int:
        location, batch, clock = irp.location, irp.batch, self.driver_object.io.hal.clock
        operation = major.MAJOR_NAMES[location.major]
        count = 1 if batch is None else len(batch)
        offset = location.byte_offset if batch is None else int(batch.offset[0]) if count else 0
        length = location.length if batch is None else int(batch.length.sum())
        started = clock.now()

        def finish(device: DeviceObject, irp: Irp) -> None:
            result = irp.status if batch is None or not batch.status.any() else int(batch.status.max())
            seconds = clock.now() - started
            self._write(LogRecord(operation, count, offset, length, result, irp.information, seconds))

        return irp.pass_down(finish)

    def _write(self, record: LogRecord) -> None:
        self.records.append(record)
        if self._sink is not None:
            self._sink(str(record))
