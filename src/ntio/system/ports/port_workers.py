"""Threads that work for a completion port, started and ended together.

Each takes packets and hands them to one function. They are ended by packets too, one for each thread: what was posted
before is dealt with first. A handler that raises does not end its thread; what was raised comes out at the end.

Rows: R38, R39
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from ...hal.put_off import PutOff
from ...io_manager.ports.completion_port import CompletionPort
from ...io_manager.ports.packets import Packets
from ...status import STATUS_SUCCESS, InvalidParameter


class PortWorkers:
    """`count` threads that call a handler with each packet of a port, or with up to `batch` at once as columns.

    Use it in a `with` statement, or `stop` it. A port that is closed ends its workers too.
    """

    def __init__(
        self, port: CompletionPort, handle: Callable[[Any], object], count: int, batch: int = 0, name: str = "worker"
    ) -> None:
        if count < 1 or batch < 0:
            raise InvalidParameter(f"{count} threads, {batch} packets at once")
        self.errors: list[BaseException] = []
        self._port = port
        self._handle = handle
        self._end = object()  # what is posted to end a thread
        self._not_told = 0
        work = self._work if batch == 0 else lambda: self._work_in_batches(batch)
        self.threads: list[Any] = []
        try:
            with PutOff():
                for number in range(count):
                    self.threads.append(port.io.hal.spawn(work, f"{name} {number}"))
                    self._not_told += 1
        except BaseException:  # Ctrl-C, or no more threads to be had: nobody will stop them later
            self._tell()
            raise

    def stop(self) -> None:
        """End the threads when everything posted before is dealt with; raises what handlers raised, as a group."""
        self._tell()
        self.join()
        if self.errors:
            errors, self.errors = self.errors, []
            raise BaseExceptionGroup("handlers of a completion port raised", errors)

    def _tell(self) -> None:
        """Post an end for each thread, once, so that none is left over if Ctrl-C comes and `stop` is called again."""
        with PutOff():
            while self._not_told:
                self._port.insert_packet(0, self._end, STATUS_SUCCESS, 0)
                self._not_told -= 1

    def join(self) -> None:
        """Wait until every thread has ended."""
        with self._port.io.hal.waiting():
            for thread in self.threads:
                thread.join()
        self.threads = []

    def _work(self) -> None:
        remove = self._port.remove
        while (packet := remove()[1]) is not None and packet.overlapped is not self._end:
            self._call(packet)

    def _work_in_batches(self, count: int) -> None:
        while (packets := self._port.remove_many(count)[1]) is not None:
            ends = [row for row, one in enumerate(packets.overlapped) if one is self._end]
            if not ends:
                self._call(packets)
                continue
            for _ in ends[1:]:  # those were for the others
                self._port.insert_packet(0, self._end, STATUS_SUCCESS, 0)
            self._call_without(packets, ends)
            return

    def _call_without(self, packets: Packets, ends: list[int]) -> None:
        rows = [row for row in range(len(packets)) if row not in ends]
        if rows:
            objects = [packets.overlapped[row] for row in rows]
            self._call(Packets(packets.key[rows], objects, packets.bytes[rows], packets.status[rows]))

    def _call(self, work: Any) -> None:
        try:
            self._handle(work)
        except BaseException as error:
            self.errors.append(error)

    def __enter__(self) -> PortWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
