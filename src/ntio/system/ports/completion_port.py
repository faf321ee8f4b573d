"""Completion ports for Python programs: packets, one at a time or as columns, and a limit on how many threads run.

    port = ntio.CompletionPort(concurrency=2)
    port.associate(file, key)           what the file's operations come to arrives here
    port.post(key=1)                    and whatever anybody posts
    for packet in port: ...             on as many threads as you like; two of them run at a time

`io_manager/completion_port` holds the rules. This is the same port with Python's manners: no packet in time is None, a
closed port is an exception (or the end of the loop), a packet of a failed operation is a packet.

Rows: R34, R35, R36, R37, R38, R39
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...io_manager.ports.completion_port import CompletionPort as NtPort
from ...io_manager.ports.packets import Columns, Packet, Packets
from ...status import STATUS_ABANDONED_WAIT_0, STATUS_SUCCESS, InvalidParameter, PortClosed
from ..closing import ClosedAfterUse
from ..default import default_system
from ..file import File
from ..system import System
from .port_workers import PortWorkers

_ARRAY, _NUMBER = np.ndarray, np.dtype(np.uint64)
_LARGEST = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class PortStatistics:
    """The five structures of a port at one moment, and its numbers.

    `devices` are the names and keys of its files, `queued` counts packets, the others are names of threads: `waiting`
    in the order they came (the last is woken first), `released` those that have work, `paused` those that wait for
    something else. `active` released threads run where `concurrency` are to.
    """

    devices: tuple[tuple[str, int], ...]
    queued: int
    waiting: tuple[str, ...]
    released: tuple[str, ...]
    paused: tuple[str, ...]
    active: int
    concurrency: int


class CompletionPort(ClosedAfterUse):
    """A queue of completion packets for any number of threads, of which at most `concurrency` run at a time.

    0 is the number of processors. A thread counts from its first `get` on, until it ends or asks another port, except
    while it waits in a call of ntio or in `blocking()`. Close the port, or use it in a `with` statement.
    NT: CreateIoCompletionPort
    """

    __slots__ = ("__weakref__", "_insert", "_insert_many", "_remove", "_remove_many", "_system", "port")

    def __init__(self, concurrency: int = 0, *, system: System | None = None) -> None:
        self._system = system or default_system()
        self._system.io.check_running()
        #: The port as the I/O manager knows it.
        self.port = NtPort(self._system.io, operator.index(concurrency))
        self._insert, self._insert_many = self.port.insert_packet, self.port.insert_many
        self._remove, self._remove_many = self.port.remove, self.port.remove_many

    @property
    def system(self) -> System:
        """The machine it belongs to."""
        return self._system

    @property
    def closed(self) -> bool:
        """Whether the port was closed."""
        return self.port.closed

    # --- putting in ---------------------------------------------------------------------------------------------------

    def associate(self, file: File, key: int = 0) -> None:
        """Have the operations of a file opened with `overlapped=True` arrive here, with `key`, until it is closed.

        Raises InvalidParameter for a file that is not overlapped or has a port already, FileClosed.
        NT: CreateIoCompletionPort
        """
        self._check()
        file.check_open()
        self.port.associate(file.file_object, _number(key, "key"))

    def post(self, bytes: int = 0, key: int = 0, overlapped: Any = None) -> None:
        """Put a packet in that belongs to no operation; the values come out as they are. Raises PortClosed.

        NT: PostQueuedCompletionStatus
        """
        if self.port.closed:
            self._check()
        if type(key) is not int or type(bytes) is not int or (key | bytes) >> 64:  # a negative one stays negative
            key, bytes = _number(key, "key"), _number(bytes, "number of bytes")
        self._insert(key, overlapped, STATUS_SUCCESS, bytes)

    def post_many(
        self,
        bytes: npt.ArrayLike,
        keys: npt.ArrayLike,
        overlapped: Sequence[Any] | None = None,
        *,
        copy: bool = True,
    ) -> None:
        """Post n packets in their order: `bytes` and `keys` are one or n, uint64; `overlapped` is n objects or None.

        With `copy=False` arrays of uint64 are handed on as they are, and must not be changed any more: whoever takes
        all of them gets these arrays. Raises PortClosed, InvalidParameter for columns that do not fit together.
        NT: PostQueuedCompletionStatus
        """
        if self.port.closed:
            self._check()
        if (
            overlapped is None
            and type(keys) is _ARRAY and type(bytes) is _ARRAY and keys.dtype is _NUMBER and bytes.dtype is _NUMBER
            and keys.ndim == bytes.ndim == 1 and keys.size == bytes.size
        ):  # fmt: skip
            # What fits already: looking closer takes as long as a thread does to take a batch of 64.
            self._insert_many((keys.copy(), None, bytes.copy(), None) if copy else (keys, None, bytes, None))
        else:
            self._insert_many(_columns(bytes, keys, overlapped))

    # --- taking out ---------------------------------------------------------------------------------------------------

    def get(self, timeout: float | None = None) -> Packet | None:
        """The next packet, or None if none came in `timeout` seconds; raises PortClosed, also when closed meanwhile.

        NT: GetQueuedCompletionStatus
        """
        packet: Packet | None
        status, packet = self._remove(timeout)
        if packet is None and status == STATUS_ABANDONED_WAIT_0:
            self._abandoned()
        return packet

    def get_many(self, count: int, timeout: float | None = None) -> Packets:
        """Up to `count` packets as columns; it waits for the first only, and has none after `timeout` seconds.

        Raises PortClosed, also when closed meanwhile, and InvalidParameter for a count below 1.
        NT: GetQueuedCompletionStatusEx
        """
        packets: Packets | None
        status, packets = self._remove_many(count, timeout)
        if packets is None:
            if status == STATUS_ABANDONED_WAIT_0:
                self._abandoned()
            return Packets(*_columns((), (), None))
        return packets

    def __iter__(self) -> Iterator[Packet]:
        """Packets as they come, until the port is closed."""
        remove = self.port.remove
        while not self.port.closed:
            packet = remove()[1]
            if packet is not None:
                yield packet

    def workers(
        self, handle: Callable[[Any], object], threads: int = 0, *, batch: int = 0, name: str = "ntio worker"
    ) -> PortWorkers:
        """Start threads that call `handle(packet)`, or with `batch` `handle(packets)` for up to so many at once.

        `threads` is twice the concurrency when 0. The answer is a context manager; leaving it ends the threads when
        everything posted before is dealt with, and raises what the handlers raised.
        """
        self._check()
        return PortWorkers(self.port, handle, threads or 2 * self.port.concurrency, batch, name)

    # --- the rest -----------------------------------------------------------------------------------------------------

    def blocking(self) -> AbstractContextManager[None]:
        """Around a wait that ntio cannot see (time.sleep, a lock, a socket): another thread may run meanwhile."""
        return self._system.hal.waiting()

    def statistics(self) -> PortStatistics:
        """What the port looks like now."""
        seen = self.port.snapshot()
        return PortStatistics(
            tuple((file.file_name or file.device.path, key) for file, key in self.port.devices()),
            seen.entries, _names(seen.waiters), _names(seen.released), _names(seen.paused), seen.active, seen.maximum,
        )  # fmt: skip

    def close(self) -> None:
        """Discard what is queued and wake every waiting thread with PortClosed. Idempotent.

        Operations in flight go on; their packets are thrown away.
        NT: CloseHandle
        """
        self.port.close()

    def _check(self) -> None:
        self._system.io.check_running()
        if self.port.closed:
            raise PortClosed("the completion port is closed")

    def _abandoned(self) -> None:
        self._system.io.check_running()
        raise PortClosed("the completion port is closed: there will be no packet", STATUS_ABANDONED_WAIT_0)

    def __len__(self) -> int:
        return self.port.depth

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{len(self)} packets queued"
        return f"<ntio.CompletionPort of concurrency {self.port.concurrency}, {state}>"


def _number(value: int, what: str) -> int:
    number = operator.index(value)
    if not 0 <= number <= _LARGEST:
        raise InvalidParameter(f"{number} is no {what}: those are unsigned 64-bit numbers")
    return number


def _columns(moved: npt.ArrayLike, keys: npt.ArrayLike, overlapped: Sequence[Any] | None) -> Columns:
    try:
        key, count = np.array(keys, np.uint64), np.array(moved, np.uint64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidParameter(f"keys and bytes are unsigned 64-bit numbers: {error}") from None
    if key.shape != count.shape or key.ndim != 1 or overlapped is not None:
        number = max(key.size, count.size) if overlapped is None else len(overlapped)
        if any(column.ndim > 1 or (column.ndim and column.size != number) for column in (key, count)):
            raise InvalidParameter(f"{key.shape} keys, {count.shape} bytes: they must be one, or one per packet")
        key, count = (np.full(number, column) if column.ndim == 0 else column for column in (key, count))
    return key, None if overlapped is None else list(overlapped), count, None


def _names(threads: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(thread.host.name for thread in threads)
