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
from ...hal.operations import OperationCode, Operations, row_statuses
from ...status import STATUS_DEVICE_BUSY, STATUS_INVALID_PARAMETER, InvalidParameter, error_for
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
        self._turn = port.system.hal.new_lock()
        self._busy = np.zeros((2, count), np.bool_)
        self._queue = port.system.hal.new_queue(2 * count)
        if self._queue.capacity < 2 * count:
            self._queue.close()
            raise InvalidParameter(f"{count} sockets: a group has room for {self._queue.capacity // 2}")
        self._hosts = [_host_of(one) for one in self._sockets]
        self._queue.register_files([host.descriptor for host in self._hosts])
        for host in self._hosts:
            self._network.pause(host)
        # In this order, in which their results are told too: a row can send again when its answer is heard of.
        self._sends = self._make(OperationCode.SEND, WAIT_ALL | WITHOUT_SIGNAL)
        self._receives = self._make(OperationCode.RECEIVE, 0)
        #: Replies that were put off: rows with lengths.
        self._put_off: deque[tuple[int, int]] = deque()
        self._watched = self._queue.event_file()
        self._network.watch_file(self._watched, self._news)
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
        self._queue.stand(made)
        return made

    def __len__(self) -> int:
        return len(self._sockets)

    # --- starting -----------------------------------------------------------------------------------------------------

    def receive(self, rows: Rows = None) -> None:
        """Start a receive on each of the rows (all, when left out); raises DeviceBusy's NtError if one has one."""
        self._queue.restart(self._receives, self._claim(0, rows))
        self._look()

    def send(self, rows: Rows, lengths: Any) -> None:
        """Start to send the first `lengths` bytes of each row's buffer, one length or one per row."""
        self._queue.restart(self._sends, self._prepare(rows, lengths))
        self._look()

    def reply(self, rows: Rows, lengths: Any) -> None:
        """Start to send the first `lengths` bytes of each row's buffer, and behind it the next receive.

        Where the host cannot take all bytes at once, what is received may overtake the rest: use it for peers that wait
        for the answer before they go on.
        """
        sending = self._prepare(rows, lengths)
        receiving = self._claim(0, rows)
        self._queue.restart(self._sends, sending)
        self._queue.restart(self._receives, receiving)
        self._look()

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

    def _prepare(self, rows: Rows, lengths: Any) -> npt.NDArray[np.uint32]:
        given = np.asarray(lengths)
        if given.size and (given.min() < 0 or given.max() > self.buffer.shape[1]):
            raise error_for(STATUS_INVALID_PARAMETER, f"a row has {self.buffer.shape[1]} bytes")
        sending = self._claim(1, rows)
        self._sends.length[sending] = given  # type: ignore[index]
        return sending

    def _claim(self, direction: int, rows: Rows) -> npt.NDArray[np.uint32]:
        count = len(self._sockets)
        wanted = np.arange(count, dtype=np.uint32) if rows is None else np.asarray(rows).astype(np.uint32)
        busy = self._busy[direction]
        if len(wanted) and int(wanted.max()) >= count:
            raise error_for(STATUS_INVALID_PARAMETER, f"the group has {count} rows")
        if busy[wanted].any():
            raise error_for(STATUS_DEVICE_BUSY, "a row has a request of this kind already")
        busy[wanted] = True
        return wanted

    # --- ending -------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Start what is staged, and take what is there; one thread at a time, so that ends are told in their order."""
        with self._turn:
            self._queue.poll()

    def _news(self, what: int) -> None:
        with self._turn:
            if self._watched >= 0:  # and not closed meanwhile
                self._queue.poll()

    def _received(self, operations: Operations, rows: npt.NDArray[Any], results: npt.NDArray[np.int32]) -> None:
        self._busy[0][rows] = False
        status = None
        if results.min() < 0:
            status = row_statuses(operations, rows, results)
            results = np.maximum(results, 0)
        self._port.insert_many((self.keys[rows], None, results.astype(np.uint64), status))

    def _sent(self, operations: Operations, rows: npt.NDArray[Any], results: npt.NDArray[np.int32]) -> None:
        self._busy[1][rows] = False
        failed = results < operations.length[rows]  # type: ignore[index]
        if failed.any():
            rows, results = rows[failed], results[failed]
            status = row_statuses(operations, rows, np.where(results < 0, results, _CUT_SHORT))
            self._port.insert_many((self.keys[rows], None, np.maximum(results, 0).astype(np.uint64), status))

    def close(self) -> None:
        """Cancel what is in flight, wait for its end, and give the sockets back, which stay open. Idempotent."""
        if self._watched < 0:
            return
        self._network.before_sleep.remove(self.flush)
        with self._turn:
            self._network.forget_file(self._watched)
            self._watched = -1
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


#: As many replies as are put off at most.
_TOGETHER = 64
#: What stands for a send that ended early: the connection was reset behind it.
_CUT_SHORT = -104


def _host_of(socket: Socket) -> HostSocket:
    endpoint: Endpoint = socket.file_object.fs_context
    socket.check_open()
    return endpoint.open_host()
