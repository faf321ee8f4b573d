"""TransmitFile: a head, a part of a file and a tail, as one request, with no other send in between.

A file whose data are a host file's, with no filter that wants to see them, goes from the host's cache to the socket
without passing through the program (sendfile(2)). Any other is read from its stack piece by piece, each between two
sends. Reading may wait for a disk, and is therefore not done under the queue's lock: between two pieces the request
holds its direction while it is nowhere.

A file whose last handle is closed meanwhile stays there until the request is over; one that has to be read can be read
no more, and the request fails. A file that ends before `count` bytes are sent is sent to its end, and the request
succeeds with what that was.

Source: learn.microsoft.com TransmitFile. Rows: R34
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ...driver_kit import FileObject, Irp, net, query_bypass, requests, status
from .connecting import Disconnecting
from .endpoint import Endpoint, State
from .records import TF_DISCONNECT, Transfer, Transmit
from .waiting import Attempt, GoOn, Outcome

#: How much of a file that has to be read is read at a time, unless the caller says.
_PIECE = 1 << 18
#: The most that one sendfile(2) is asked for: whoever waits for other sockets' news waits meanwhile.
_STRETCH = 1 << 20


class Transmission:
    """One TransmitFile under way."""

    def __init__(self, endpoint: Endpoint, record: Transmit) -> None:
        self.endpoint = endpoint
        self.record = record
        self.sent = 0
        self._steps = self._all_steps()
        self._io = endpoint.device.driver.io
        self._held: FileObject | None = None

    def start(self, irp: Irp) -> int:
        """Begin, or wait for the sends before it."""
        record = self.record
        if min(record.offset, record.per_send, record.count or 0) < 0:
            return irp.complete(status.STATUS_INVALID_PARAMETER)
        # Copies: between two pieces nobody holds their bytes.
        record.head, record.tail = bytes(record.head), bytes(record.tail)
        if record.file is not None:
            self._held = self._io.hold([record.file])[0]
            if self._held is None:
                return irp.complete(status.STATUS_FILE_CLOSED)
        return self.endpoint.sends.run(irp, self._begin, self._over)

    def _over(self, answer: int) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._io.dereference(held)

    def _begin(self) -> Outcome | GoOn:
        if self.endpoint.state is not State.CONNECTED:
            return status.STATUS_CONNECTION_INVALID, 0
        return self._next_or_end()

    def _next_or_end(self) -> GoOn:
        return GoOn(self._go_on, holds=True)

    def _go_on(self, irp: Irp) -> int:
        """Without the lock: prepare what comes next, and send it; back into the queue where that has to wait."""
        sends = self.endpoint.sends
        try:
            for step in self._steps:
                if irp.cancel:
                    return self._end(irp, status.STATUS_CANCELLED, 0)
                outcome = sends.try_held(step)
                if outcome is None:
                    return sends.run(irp, step, self._over)
                if not isinstance(outcome, GoOn):
                    return self._end(irp, *outcome)
        except status.NtError as error:
            return self._end(irp, error.status, self.sent)
        if not self.record.flags & TF_DISCONNECT:
            return self._end(irp, status.STATUS_SUCCESS, self.sent)
        self._over(status.STATUS_SUCCESS)
        return Disconnecting(self.endpoint, self.record.flags, self.sent).start(irp)

    def _end(self, irp: Irp, answer: int, count: int) -> int:
        self._over(answer)
        sends = self.endpoint.sends
        sends.release(irp)
        return irp.complete(answer, count)

    def _all_steps(self) -> Iterator[Attempt]:
        record = self.record
        yield self._memory(record.head)
        if record.file is not None:
            yield from self._file_steps(record.file)
        yield self._memory(record.tail)

    def _file_steps(self, file: FileObject) -> Iterator[Attempt]:
        offset, count = self.record.offset, self.record.count
        target = query_bypass(file).target
        if target is not None and not target.stream:
            yield self._host_file(target.descriptor, offset, count)
            return
        piece = self.record.per_send or _PIECE
        buffer = memoryview(bytearray(piece if count is None else min(piece, count)))
        while count is None or count > 0:
            view = buffer if count is None else buffer[:count]
            answer, got = requests.read(file, view, offset)
            if status.nt_error(answer) and answer != status.STATUS_END_OF_FILE:
                raise status.error_for(answer, "the file cannot be read")
            if not got:
                return
            yield self._memory(view[:got])
            offset += got
            count = None if count is None else count - got

    def _memory(self, data: object) -> Attempt:
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        if not len(view):
            return self._next_or_end
        sending = partial(self.endpoint.send, view, Transfer())

        def attempt() -> Outcome | GoOn | None:
            outcome = sending()
            if outcome is None or outcome[0]:
                return outcome
            self.sent += len(view)
            return self._next_or_end()

        return attempt

    def _host_file(self, descriptor: int, offset: int, count: int | None) -> Attempt:
        start = self.sent

        def attempt() -> Outcome | GoOn | None:
            """Send on from where the last one stopped; None when the host takes no more for now."""
            host = self.endpoint.host
            if host is None:
                return status.STATUS_CONNECTION_INVALID, 0
            while count is None or self.sent - start < count:
                done = self.sent - start
                want = _STRETCH if count is None else min(_STRETCH, count - done)
                sent = host.send_file(descriptor, offset + done, want)
                if sent < 0:
                    return None if sent == net.AGAIN else (self.endpoint.send_failure(sent), 0)
                if not sent:
                    break
                self.sent += sent
            return self._next_or_end()

        return attempt
