"""Many connections at once: receives and sends started as arrays, whose ends arrive at a port as columns.

    group = ntio.SocketGroup(port, connections, size=4096)
    group.receive()                               every row receives into group.buffer[row]
    packets = port.get_many(256)                  packets.key are rows, packets.bytes what each received
    group.reply(packets.key, packets.bytes)       send that back, and receive again: one crossing into the host

    for packet in port:                           one packet at a time:
        group.answer(packet.key, packet.bytes)    gathered, until the thread finds no packet

Connections may come and go, as long as there is room:

    group = ntio.SocketGroup(port, rows=1000)
    group.receive([group.add(connection)])
    group.remove(packet.key).close()              a packet of 0 bytes, or of an error: the client has gone

The requests go straight to the HAL, as those of a ring do; no driver sees them. Each row has one receive and one send
at most. A receive always ends in a packet: of 0 bytes when the peer has sent its last, of an error's status, or of
STATUS_CANCELLED when its row is removed or the group is closed. A send makes a packet only when it fails; it sends all
its bytes or fails.

A packet may still come, or be in some thread's hands, when its row has been removed. So rows are numbers that come only
once (`connection_rows`): the low 32 bits are the place in `buffer`, which the next connection gets. What is asked for
a row that has gone is passed over, and `row in group` tells.

Rows: R34, R36
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ...drivers.sockets.endpoint import Endpoint
from ...hal.host_sockets import STREAM, WAIT_ALL, WITHOUT_SIGNAL, HostSocket
from ...hal.machine import Hal
from ...hal.operation_queue import OperationQueue
from ...hal.operations import SPARSE, OperationCode, Operations, row_statuses
from ...hal.put_off import PutOff
from ...hal.sleeping import SleepingPlace
from ...hal.standing import Standing
from ...status import (
    STATUS_DEVICE_BUSY,
    STATUS_INVALID_PARAMETER,
    InvalidParameter,
    NtError,
    RingClosed,
    error_for,
    status_from_errno,
)
from ..closing import ClosedAfterUse
from ..ports.completion_port import CompletionPort
from .connection_rows import PLACE, ConnectionRows
from .sockets import Socket

Rows = npt.NDArray[Any] | Sequence[int] | None

#: What `Standing.rows_busy` says of a row: a send is under way, a receive.
_SENDS, _RECEIVES = 0x0001, 0x0100
_NO_LENGTH = np.zeros((), np.int32)


class SocketGroup(ClosedAfterUse):
    """Connected stream sockets as rows, with `size` bytes of buffer each: `buffer` is uint8[rows, size].

    There is room for `rows` of them: as many as `sockets` when left out. `keys` are what the packets of these carry,
    uint64 per socket; their rows when left out. The sockets are the group's for receiving and sending while they are
    in it; close them afterwards. Use it in a `with` statement, or close it. Any thread may call. len, `in` and
    iteration are about the rows that have a connection.
    """

    def __init__(
        self,
        port: CompletionPort,
        sockets: Sequence[Socket] = (),
        *,
        rows: int | None = None,
        size: int = 4096,
        keys: Any = None,
    ) -> None:
        count = len(sockets) if rows is None else rows
        if count < max(len(sockets), 1):
            raise InvalidParameter(f"a group of {count} rows for {len(sockets)} sockets: it has one at least")
        self._port, self._system = port.port, port.system
        given = [(one, self._host_of(one)) for one in sockets]
        self.buffer: npt.NDArray[np.uint8] = np.zeros((count, size), np.uint8)
        #: What the packets of each place carry.
        self.keys: npt.NDArray[np.uint64] = np.arange(count, dtype=np.uint64)
        own = [None] * len(sockets) if keys is None else np.broadcast_to(keys, len(sockets)).tolist()
        self._count, self._size = count, size
        self._rows = ConnectionRows(count)
        self._leaving = 0
        #: Replies that were put off: rows with lengths.
        self._put_off: deque[tuple[int, int]] = deque()
        self._open = False
        self._network = port.system.io.network()
        try:
            with PutOff():
                self._queue = _queue_for(port.system.hal, count)
                self._stand()
                for (socket, host), key in zip(given, own, strict=True):
                    self._admit(socket, host, key)
        except BaseException:  # Ctrl-C too: nobody would have the group to close it
            self.close()
            raise

    def _stand(self) -> None:
        self._place = SleepingPlace(self._queue)
        self._network.before_sleep.append(self.flush)
        self._open = True
        try:
            self._network.add_ring(self._place)
        except OSError as error:
            raise error_for(status_from_errno(error.errno or 0), "a group cannot be made") from None
        self._sends = self._make(OperationCode.SEND, WAIT_ALL | WITHOUT_SIGNAL)
        self._receives = self._make(OperationCode.RECEIVE, 0)
        self._standing = Standing(self._queue, self._sends, self._receives, self._told)
        self._both = self._sends, self._receives
        self._busy, self._least_sent = self._standing.busy, self._standing.least[:, 0]
        self._lengths: npt.NDArray[np.int32] = self._sends.length.view(np.int32)  # type: ignore[union-attr]

    def _make(self, code: OperationCode, flags: int) -> Operations:
        count, size = self.buffer.shape
        flat = self.buffer.reshape(-1)
        position = np.arange(count, dtype=np.uint64) * np.uint64(size)
        length: Any = size if code == OperationCode.RECEIVE else np.zeros(count, np.uint32)
        files = np.full(count, SPARSE, np.int32)
        columns: dict[str, Any] = {"file": files, "position": position, "length": length}
        made = Operations(code, count, buffer=flat, flags=flags, **columns)
        made.on_rows = self._received if code == OperationCode.RECEIVE else self._sent
        return made

    def _host_of(self, socket: Socket) -> HostSocket:
        if socket.kind != STREAM or socket.system is not self._system:
            raise InvalidParameter("a group is of connected stream sockets of the port's System")
        endpoint: Endpoint = socket.file_object.fs_context
        socket.check_open()
        return endpoint.open_host()

    # --- coming and going ---------------------------------------------------------------------------------------------

    def add(self, socket: Socket, key: int | None = None) -> int:
        """Take a connection in; returns its row. Its packets carry `key`, the row when left out.

        Raises QueueFull when all rows are taken, InvalidParameter for a socket that is in a group already.
        """
        host = self._host_of(socket)
        with PutOff():
            return self._admit(socket, host, key)

    def _admit(self, socket: Socket, host: HostSocket, key: int | None) -> int:
        with self._standing.lock:
            if not self._open:
                raise RingClosed("the group is closed: make a new one")
            self._rows.check_room()
            if not self._network.pause(host, partial(self._closing, host)):
                raise InvalidParameter("the socket is in a group already")
            row = self._rows.take(socket, host)
            place = row & PLACE
            self.keys[place] = row if key is None else key
            self._standing.put(place, host.descriptor)
            return row

    def remove(self, row: int) -> Socket:
        """Let a connection go, by its row; returns its socket, which stays open.

        An answer that was put off is started first, and what the host takes of it at once is sent. The rest of what
        is in flight is cancelled, and has ended when this returns: a receive in its packet of STATUS_CANCELLED, a send
        that was cut off in one too. Raises InvalidParameter.
        """
        with PutOff():
            if row in (one for one, _ in list(self._put_off)):
                with suppress(RingClosed):
                    self.flush()
            with self._standing.lock:
                place, socket, host = self._rows.leave(row)
                self._leaving += 1
            try:
                self._standing.end(place)
            finally:
                with self._standing.lock:
                    self._leaving -= 1
            self._network.resume(host)
            with self._standing.lock:
                self._rows.give_back(place)
        return socket

    def _closing(self, host: HostSocket) -> None:
        """The socket is being closed although it is here: requests of its row fail from now on."""
        with self._standing.lock:
            place = self._rows.place_of(host)
            if place >= 0:
                self._standing.put(place, SPARSE)
        if place >= 0:
            self._standing.cancel(place)

    def places(self, rows: Any) -> Any:
        """Where rows have their bytes in `buffer`: a number for one row, intp[n] for an array."""
        return rows & PLACE if isinstance(rows, int) else np.asarray(rows).astype(np.uint32).astype(np.intp)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __contains__(self, row: object) -> bool:
        return row in self._rows

    # --- starting -----------------------------------------------------------------------------------------------------

    def receive(self, rows: Rows = None) -> None:
        """Start a receive on each of the rows (all, when left out); raises DeviceBusy's NtError if one has one."""
        self._place.look(self._start, (self._receives,), _RECEIVES, rows)

    def send(self, rows: Rows, lengths: Any) -> None:
        """Start to send the first `lengths` bytes of each row's buffer, one length or one per row."""
        self._place.look(self._start, (self._sends,), _SENDS, rows, self._check_lengths(lengths))

    def reply(self, rows: Rows, lengths: Any) -> None:
        """Start to send the first `lengths` bytes of each row's buffer, and behind it the next receive.

        Where the host cannot take all bytes at once, what is received may overtake the rest: use it for peers that wait
        for the answer before they go on.
        """
        self._place.look(self._start, self._both, _SENDS | _RECEIVES, rows, self._check_lengths(lengths))

    def answer(self, row: int, length: int) -> None:
        """Reply to one row, as `reply` does, but not yet: when this thread finds no packet at its port, or at `flush`.

        So requests that were taken one at a time still cross into the host together.
        """
        if not (0 <= length <= self._size and row & PLACE < self._count):
            raise error_for(STATUS_INVALID_PARAMETER, f"the group has {self._count} rows of {self._size} bytes")
        put_off = self._put_off
        put_off.append((row, length))
        if len(put_off) >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Start the replies that were put off."""
        if self._put_off:
            with PutOff():
                taken = []
                with suppress(IndexError):  # another thread may take some
                    while True:
                        taken.append(self._put_off.popleft())
                if taken:
                    rows, lengths = zip(*taken, strict=True)
                    self.reply(rows, lengths)

    def _check_lengths(self, lengths: Any) -> npt.NDArray[Any]:
        given = np.asarray(lengths)
        if np.count_nonzero(given > self._size) or (given.dtype.kind != "u" and np.count_nonzero(given < 0)):
            raise error_for(STATUS_INVALID_PARAMETER, f"a row has {self._size} bytes")
        return given

    def _start(
        self, batches: tuple[Operations, ...], directions: int, rows: Rows, lengths: npt.NDArray[Any] = _NO_LENGTH
    ) -> None:
        """Stage what is asked for, all or nothing; the queue's lock is held, so that no row goes meanwhile."""
        busy = self._standing.rows_busy
        try:
            places, lengths = self._rows.select(rows, lengths)
            taken = busy[places]
        except IndexError:
            raise error_for(STATUS_INVALID_PARAMETER, f"the group has {self._count} rows") from None
        others = np.count_nonzero(taken)
        if others and np.count_nonzero(taken & directions):
            raise error_for(STATUS_DEVICE_BUSY, "a row has a request of this kind already")
        if directions & _SENDS:
            self._lengths[places] = self._least_sent[places] = lengths.astype(np.int32)
        if others:  # whose ends another thread may be told now
            self._busy[places, slice(not directions & _SENDS, 1 + bool(directions & _RECEIVES))] = True
        else:
            busy[places] = directions
        self._standing.stage(places, batches)

    # --- ending -------------------------------------------------------------------------------------------------------

    def _told(self, over: Any, directions: Any, rows: npt.NDArray[np.intp], results: npt.NDArray[Any]) -> None:
        """All went well: what these rows did is over, and some have received so much."""
        keys = self.keys[rows]
        self._over(over, directions)
        if len(rows):
            self._port.insert_many((keys, None, results.astype(np.uint64), None))

    def _over(self, rows: Any, directions: Any) -> None:
        """From here on these rows may be started, removed, and given to others; take their keys before."""
        self._busy[rows, directions] = False
        if self._leaving:
            self._standing.notify()

    def _received(self, operations: Operations, rows: npt.NDArray[Any], results: npt.NDArray[np.int32]) -> None:
        keys, status = self.keys[rows], None
        if results.min() < 0:
            status = row_statuses(operations, rows, results)
            results = np.maximum(results, 0)
        self._over(rows, 1)
        self._port.insert_many((keys, None, results.astype(np.uint64), status))

    def _sent(self, operations: Operations, rows: npt.NDArray[Any], results: npt.NDArray[np.int32]) -> None:
        failed = results < operations.length[rows]  # type: ignore[index]
        keys, status = self.keys[rows[failed]], None
        if len(keys):
            results = results[failed]
            cancelled = False if operations.cancelled is None else operations.cancelled[rows[failed]]
            short = np.where(cancelled, _CANCELLED, _CUT_SHORT)
            status = row_statuses(operations, rows[failed], np.where(results < 0, results, short))
        self._over(rows, 0)
        if len(keys):
            self._port.insert_many((keys, None, np.maximum(results, 0).astype(np.uint64), status))

    def close(self) -> None:
        """Cancel what is in flight, wait for its end, and give the sockets back, which stay open. Idempotent.

        The rows are known as before: `remove` answers their sockets.
        """
        with PutOff():
            if not self._open:
                return
            self._open = False
            self._network.before_sleep.remove(self.flush)
            self._network.remove_ring(self._place)
            self._queue.close()
            for host in self._rows.hosts():
                self._network.resume(host)

    def __repr__(self) -> str:
        return f"<SocketGroup of {len(self)}, rows {self._count}>"


#: As many replies as are put off at most.
_TOGETHER = 64
#: What stands for a send that ended early: the connection was reset behind it, or we did not want it any more.
_CUT_SHORT, _CANCELLED = -104, -125


def _queue_for(hal: Hal, count: int) -> OperationQueue:
    """Room for a receive and a send of each; raises NtError, also where no descriptor is left for it."""
    try:
        queue = hal.new_queue(2 * count)
    except OSError as error:
        if isinstance(error, NtError):
            raise
        raise error_for(status_from_errno(error.errno or 0), "a group cannot be made") from None
    if queue.capacity < 2 * count:
        queue.close()
        raise InvalidParameter(f"{count} rows: a group has room for {queue.capacity // 2}")
    return queue
