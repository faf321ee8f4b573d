"""TransmitFile: a head, a part of a file and a tail, as one request, with no other send in between.

A file whose data are a host file's, with no filter that wants to see them, goes from the host's cache to the socket
without passing through the program (sendfile(2)). Any other is read from its stack piece by piece, each between two
sends. Reading may wait for a disk, and is therefore not done under the queue's lock: between two pieces the request
holds its direction while it is nowhere.

Source: learn.microsoft.com TransmitFile. Rows: R34
"""

from __future__ import annotations

from collections.abc import Iterator

from ...driver_kit import FileObject, Irp, net, query_bypass, requests, status
from .connecting import disconnect
from .endpoint import Endpoint, failure
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

    def first(self) -> Attempt:
        """The attempt to begin with."""
        return self._next_or_end

    def _next_or_end(self) -> Outcome | GoOn | None:
        return GoOn(self._go_on, holds=True)

    def _go_on(self, irp: Irp) -> int:
        """Without the lock: prepare what comes next, and get back into the queue with it."""
        try:
            step = next(self._steps, None)
        except status.NtError as error:
            self.endpoint.sends.release(irp)
            return irp.complete(error.status, self.sent)
        if step is None:
            step = self._finish
        return self.endpoint.sends.run(irp, step)

    def _finish(self) -> Outcome | GoOn | None:
        if self.record.flags & TF_DISCONNECT:
            outcome = disconnect(self.endpoint, self.record.flags)()
            if outcome is None or isinstance(outcome, GoOn) or outcome[0]:
                return outcome
        return status.STATUS_SUCCESS, self.sent

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
        sending = self.endpoint.send(view, Transfer())

        def attempt() -> Outcome | GoOn | None:
            outcome = sending()
            if outcome is None or isinstance(outcome, GoOn) or outcome[0]:
                return outcome
            self.sent += len(view)
            return self._next_or_end()

        return attempt

    def _host_file(self, descriptor: int, offset: int, count: int | None) -> Attempt:
        start = self.sent

        def attempt() -> Outcome | GoOn | None:
            host = self.endpoint.host
            if host is None:
                return status.STATUS_CONNECTION_INVALID, 0
            while count is None or self.sent - start < count:
                done = self.sent - start
                want = _STRETCH if count is None else min(_STRETCH, count - done)
                sent = host.send_file(descriptor, offset + done, want)
                if sent < 0:
                    return None if sent == net.AGAIN else (failure(sent), 0)
                if not sent:
                    break
                self.sent += sent
            return self._next_or_end()

        return attempt
