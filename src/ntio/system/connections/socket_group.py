"""Many connections at once: receives and sends started as arrays, whose ends arrive at a port as columns.

    group = ntio.SocketGroup(port, connections, size=4096)
    group.receive()                               every row receives into group.buffer[row]
    packets = port.get_many(256)                  packets.key are rows, packets.bytes what each received
    group.reply(packets.key, packets.bytes)       send that back, and receive again: one crossing into the host

    for packet in port:                           one packet at a time:
        group.answer(packet.key, packet.bytes)    gathered, until the thread finds no packet

The requests go straight to the HAL, as those of a ring do; no driver sees them. Each row has one receive and one send
at most. A receive always ends in a packet: of 0 bytes when the peer has sent its last, of an error's status, or of
STATUS_CANCELLED when the group is closed. A send makes a packet only when it fails; it sends all its bytes or fails.

Rows: R34, R36
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from ...drivers.sockets.endpoint import Endpoint
from ...hal.host_sockets import STREAM, WAIT_ALL, WITHOUT_SIGNAL, HostSocket
from ...hal.machine import Hal
from ...hal.operation_queue import OperationQueue
from ...hal.operations import OperationCode, Operations, row_statuses
from ...hal.sleeping import SleepingPlace
from ...hal.standing import Standing
from ...status import (
    STATUS_DEVICE_BUSY,
    STATUS_INVALID_PARAMETER,
    InvalidParameter,
    NtError,
    error_for,
    status_from_errno,
)
from ..ports.completion_port import CompletionPort
from .sockets import Socket

Rows = npt.NDArray[Any] | Sequence[int] | None


class SocketGroup:
    """n connected stream sockets as rows, with `size` bytes of buffer each: `buffer` is uint8[n, size].

    `keys` are what packets carry, uint64[n]; the rows themselves when left out. The sockets are the group's for
    receiving and sending while it is open; close it before them, or use it in a `with` statement.
    """

    def __init__(self, port: CompletionPort, sockets: Sequence[Socket], *, size: int = 4096, keys: Any = None) -> None:
        self._port = port.port
        self._sockets = list(sockets)
        count = len(self._sockets)
        if not count or any(one.kind != STREAM or one.system is not port.system for one in self._sockets):
            raise InvalidParameter("a group is of connected stream sockets of the port's System, at least one")
        self.buffer: npt.NDArray[np.uint8] = np.zeros((count, size), np.uint8)
        self.keys: npt.NDArray[np.uint64] = np.arange(count, dtype=np.uint64)
        if keys is not None:
            self.keys[:] = keys
        self._network = port.system.io.network()
        self._hosts = [_host_of(one) for one in self._sockets]
        self._queue = _queue_for(port.system.hal, self._hosts)
        for host in self._hosts:
            self._network.pause(host)
        self._sends = self._make(OperationCode.SEND, WAIT_ALL | WITHOUT_SIGNAL)
        self._receives = self._make(OperationCode.RECEIVE, 0)
        self._standing = Standing(self._queue, self._sends, self._receives, self._told)
        self._both = self._sends, self._receives
        self._busy, self._least_sent = self._standing.busy, self._standing.least[:, 0]
        self._lengths: npt.NDArray[np.int32] = self._sends.length.view(np.int32)  # type: ignore[union-attr]
        #: Replies that were put off: rows with lengths.
        self._put_off: deque[tuple[int, int]] = deque()
        self._place = SleepingPlace(self._queue)
        self._open = True
        self._network.add_ring(self._place)
        self._network.before_sleep.append(self.flush)

    def _make(self, code: OperationCode, flags: int) -> Operations:
        count, size = self.buffer.shape
        flat = self.buffer.reshape(-1)
        position = np.arange(count, dtype=np.uint64) * np.uint64(size)
        length: Any = size if code == OperationCode.RECEIVE else np.zeros(count, np.uint32)
        rows = np.arange(count, dtype=np.int32)
        columns: dict[str, Any] = {"file": rows, "position": position, "length": length}
        made = Operations(code, count, fixed=True, buffer=flat, flags=flags, **columns)
        made.on_rows = self._received if code == OperationCode.RECEIVE else self._sent
        return made

    def __len__(self) -> int:
        return len(self._sockets)

    # --- starting -----------------------------------------------------------------------------------------------------

    def receive(self, rows: Rows = None) -> None:
        """Start a receive on each of the rows (all, when left out); raises DeviceBusy's NtError if one has one."""
        self._place.look(self._standing.stage, self._claim(_RECEIVES, rows), (self._receives,))

    def send(self, rows: Rows, lengths: Any) -> None:
        """Start to send the first `lengths` bytes of each row's buffer, one length or one per row."""
        checked = self._check_lengths(lengths)
        wanted = self._claim(_SENDS, rows)
        self._set_lengths(wanted, checked)
        self._place.look(self._standing.stage, wanted, (self._sends,))

    def reply(self, rows: Rows, lengths: Any) -> None:
        """Start to send the first `lengths` bytes of each row's buffer, and behind it the next receive.

        Where the host cannot take all bytes at once, what is received may overtake the rest: use it for peers that wait
        for the answer before they go on.
        """
        checked = self._check_lengths(lengths)
        wanted = self._claim(_SENDS | _RECEIVES, rows)
        self._set_lengths(wanted, checked)
        self._place.look(self._standing.stage, wanted, self._both)

    def answer(self, row: int, length: int) -> None:
        """Reply to one row, as `reply` does, but not yet: when this thread finds no packet at its port, or at `flush`.

        So requests that were taken one at a time still cross into the host together.
        """
        put_off = self._put_off
        put_off.append((row, length))
        if len(put_off) >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Start the replies that were put off."""
        put_off = self._put_off
        if put_off:
            taken = []
            with suppress(IndexError):  # another thread may take some
                while True:
                    taken.append(put_off.popleft())
            if taken:
                rows, lengths = zip(*taken, strict=True)
                self.reply(rows, lengths)

    def _check_lengths(self, lengths: Any) -> npt.NDArray[Any]:
        given = np.asarray(lengths)
        if np.count_nonzero(given > self.buffer.shape[1]) or (given.dtype.kind != "u" and np.count_nonzero(given < 0)):
            raise error_for(STATUS_INVALID_PARAMETER, f"a row has {self.buffer.shape[1]} bytes")
        return given

    def _set_lengths(self, rows: npt.NDArray[np.intp], lengths: npt.NDArray[Any]) -> None:
        self._lengths[rows] = self._least_sent[rows] = lengths.astype(np.int32)

    def _claim(self, directions: int, rows: Rows) -> npt.NDArray[np.intp]:
        count = len(self._sockets)
        # By way of unsigned numbers, so that no row counts from the end.
        wanted = np.arange(count) if rows is None else np.asarray(rows).astype(np.uint32).astype(np.intp)
        busy = self._standing.rows_busy
        try:
            taken = busy[wanted]
        except IndexError:
            raise error_for(STATUS_INVALID_PARAMETER, f"the group has {count} rows") from None
        if np.count_nonzero(taken):
            if np.count_nonzero(taken & directions):
                raise error_for(STATUS_DEVICE_BUSY, "a row has a request of this kind already")
            busy[wanted] = taken | directions
        else:
            busy[wanted] = directions
        return wanted

    # --- ending -------------------------------------------------------------------------------------------------------

    def _told(self, over: Any, directions: Any, rows: npt.NDArray[np.intp], results: npt.NDArray[Any]) -> None:
        """All went well: what these rows did is over, and some have received so much."""
        self._busy[over, directions] = False
        if len(rows):
            self._port.insert_many((self.keys[rows], None, results.astype(np.uint64), None))

    def _received(self, operations: Operations, rows: npt.NDArray[Any], results: npt.NDArray[np.int32]) -> None:
        self._busy[rows, 1] = False
        status = None
        if results.min() < 0:
            status = row_statuses(operations, rows, results)
            results = np.maximum(results, 0)
        self._port.insert_many((self.keys[rows], None, results.astype(np.uint64), status))

    def _sent(self, operations: Operations, rows: npt.NDArray[Any], results: npt.NDArray[np.int32]) -> None:
        self._busy[rows, 0] = False
        failed = results < operations.length[rows]  # type: ignore[index]
        if failed.any():
            rows, results = rows[failed], results[failed]
            status = row_statuses(operations, rows, np.where(results < 0, results, _CUT_SHORT))
            self._port.insert_many((self.keys[rows], None, np.maximum(results, 0).astype(np.uint64), status))

    def close(self) -> None:
        """Cancel what is in flight, wait for its end, and give the sockets back, which stay open. Idempotent."""
        if not self._open:
            return
        self._open = False
        self._network.before_sleep.remove(self.flush)
        self._network.remove_ring(self._place)
        self._queue.close()
        for host in self._hosts:
            self._network.resume(host)

    def __enter__(self) -> SocketGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SocketGroup of {len(self)}>"


#: What `Standing.rows_busy` says of a row: a send is under way, a receive.
_SENDS, _RECEIVES = 0x0001, 0x0100
#: As many replies as are put off at most.
_TOGETHER = 64
#: What stands for a send that ended early: the connection was reset behind it.
_CUT_SHORT = -104


def _queue_for(hal: Hal, hosts: list[HostSocket]) -> OperationQueue:
    """Room for a receive and a send of each; raises NtError, also where no descriptor is left for it."""
    count = len(hosts)
    try:
        queue = hal.new_queue(2 * count)
        try:
            if queue.capacity < 2 * count:
                raise InvalidParameter(f"{count} sockets: a group has room for {queue.capacity // 2}")
            queue.register_files([host.descriptor for host in hosts])
        except BaseException:
            queue.close()
            raise
    except NtError:
        raise
    except OSError as error:
        raise error_for(status_from_errno(error.errno or 0), "a group cannot be made") from None
    return queue


def _host_of(socket: Socket) -> HostSocket:
    endpoint: Endpoint = socket.file_object.fs_context
    socket.check_open()
    return endpoint.open_host()
