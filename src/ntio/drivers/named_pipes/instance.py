"""One instance of a named pipe: a server end, at most one client end, and the four states between them.

                  connect                       an end closes
    LISTENING ---------------> CONNECTED ------------------------> CLOSING
        ^  |                       |                                  |
        |  | disconnect            | disconnect                       | disconnect (by the server, if it is there)
        |  v                       v                                  |
        +-- DISCONNECTED <---------+----------------------------------+
        listen

A new instance listens: a client may come before the server has said so. Disconnecting throws away what was not read and
leaves the client with an end that leads nowhere. Closing an end ends everything that waits, at both ends, with
STATUS_PIPE_BROKEN. What the closed end was told to have written is still read by the other, which then finds
STATUS_PIPE_BROKEN; a write of its own that waited is not among that, as nobody would ever hear of its end. (A cleanup
ends what its file object has pending, says the WDK; that reads end so is seen on Windows.) Writing to an end that is
closed is STATUS_PIPE_CLOSING.

    request in state    LISTENING        CONNECTED        CLOSING                    DISCONNECTED
    listen              waits            PIPE_CONNECTED   PIPE_CLOSING               waits, and listens again
    read                PIPE_LISTENING   waits for data   what is left, PIPE_BROKEN  PIPE_DISCONNECTED
    write               PIPE_LISTENING   waits for room   PIPE_CLOSING               PIPE_DISCONNECTED
    disconnect          done             done             done                       PIPE_DISCONNECTED

An end that does not wait (PIPE_NOWAIT) finds PIPE_LISTENING, PIPE_EMPTY and writes that moved less, instead of waiting.
Everything is a pure step under the caller's lock; who waited and is over is found in `ended`.

Source: spec iocp.md 5, 6, 7; learn.microsoft.com ConnectNamedPipe, DisconnectNamedPipe, ReadFile, WriteFile,
TransactNamedPipe, PeekNamedPipe, DispatchCleanup Routines; [MS-FSA] 2.1.5.10 on pipes. Rows: R31, R34
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable

from ...driver_kit import Token, status
from .data_queue import DataQueue, Request


class PipeState(enum.IntEnum):
    """How far an instance is.

    NT: FILE_PIPE_DISCONNECTED_STATE ...
    """

    DISCONNECTED = 1
    LISTENING = 2
    CONNECTED = 3
    CLOSING = 4


class PipeEnd:
    """One end of an instance: how it reads, whether it waits, and whether it still leads to the other one."""

    __slots__ = ("attached", "incoming", "message_mode", "nowait", "open", "outgoing", "server")

    def __init__(self, incoming: DataQueue, outgoing: DataQueue, *, server: bool) -> None:
        self.incoming, self.outgoing = incoming, outgoing
        self.server = server
        self.message_mode = self.nowait = False
        self.open = self.attached = True


class Instance:
    """One instance; `claim` is asked before a request that waited is ended.

    NT: NP_CCB
    """

    def __init__(
        self, *, messages: bool, inbound_quota: int, outbound_quota: int, claim: Callable[[Request], bool]
    ) -> None:
        self.messages = messages
        self.state = PipeState.LISTENING
        #: Requests that waited and are over, in their order; whoever made the step tells them.
        self.ended: list[Request] = []
        self._claim = claim
        self.inbound = DataQueue(inbound_quota, messages=messages, claim=claim, ended=self.ended)
        self.outbound = DataQueue(outbound_quota, messages=messages, claim=claim, ended=self.ended)
        self.listeners: deque[Request] = deque()
        self.server = PipeEnd(self.inbound, self.outbound, server=True)
        self.client: PipeEnd | None = None
        self._token: Token | None = None

    def client_of(self, end: PipeEnd) -> tuple[int, Token | None]:
        """On whose behalf the client opened its end, for the server: (status, token).

        NT: FSCTL_PIPE_IMPERSONATE
        """
        if not end.server:
            return status.STATUS_ILLEGAL_FUNCTION, None
        refused = self._refused(end)
        return refused, None if refused else self._token

    def take_ended(self) -> list[Request]:
        """What is over since the last time; empties the list."""
        ended = self.ended[:]
        self.ended.clear()
        return ended

    @property
    def listening(self) -> bool:
        """Whether a client would be let in."""
        return self.state is PipeState.LISTENING

    # --- coming together and parting --------------------------------------------------------------------------------

    def connect(self, token: Token | None = None) -> PipeEnd | None:
        """A client comes, on behalf of `token`: its end, or None when nobody listens."""
        if self.state is not PipeState.LISTENING:
            return None
        self.state = PipeState.CONNECTED
        self.client, self._token = PipeEnd(self.outbound, self.inbound, server=False), token
        self._end_listeners(status.STATUS_SUCCESS)
        return self.client

    def listen(self, end: PipeEnd, request: Request) -> bool:
        """Wait for a client; False when there is none yet.

        NT: FSCTL_PIPE_LISTEN
        """
        if not end.server:
            return request.end(status.STATUS_ILLEGAL_FUNCTION)
        if self.state is PipeState.CONNECTED:
            return request.end(status.STATUS_PIPE_CONNECTED)
        if self.state is PipeState.CLOSING:
            return request.end(status.STATUS_PIPE_CLOSING)
        again = self.state is PipeState.DISCONNECTED
        self.state = PipeState.LISTENING
        if end.nowait:
            return request.end(status.STATUS_SUCCESS if again else status.STATUS_PIPE_LISTENING)
        self.listeners.append(request)
        return False

    def disconnect(self, end: PipeEnd) -> int:
        """Send the client away; returns the status.

        NT: FSCTL_PIPE_DISCONNECT
        """
        if not end.server:
            return status.STATUS_ILLEGAL_FUNCTION
        if self.state is PipeState.DISCONNECTED:
            return status.STATUS_PIPE_DISCONNECTED
        self.state = PipeState.DISCONNECTED
        self._end_listeners(status.STATUS_PIPE_DISCONNECTED)
        for queue in (self.inbound, self.outbound):
            queue.end_readers(status.STATUS_PIPE_DISCONNECTED)
            queue.drop(status.STATUS_PIPE_DISCONNECTED)
        if self.client is not None:
            self.client.attached = False
            self.client = None
        return status.STATUS_SUCCESS

    def close(self, end: PipeEnd) -> bool:
        """An end's last handle is closed; whether the instance is gone for good, both ends being closed."""
        end.open = False
        if not end.attached:
            return False
        other = self.client if end.server else self.server
        if end.server:
            self._end_listeners(status.STATUS_PIPE_BROKEN)
        if other is None or not other.open:
            self._abandon()
            return True
        if self.state is PipeState.CONNECTED:
            self.state = PipeState.CLOSING
            end.incoming.end_readers(status.STATUS_PIPE_BROKEN)
            end.incoming.drop(status.STATUS_PIPE_BROKEN)
            end.outgoing.end_readers(status.STATUS_PIPE_BROKEN)
            end.outgoing.end_writers(status.STATUS_PIPE_BROKEN)
        return False

    def _abandon(self) -> None:
        self.state = PipeState.DISCONNECTED
        for queue in (self.inbound, self.outbound):
            queue.end_readers(status.STATUS_PIPE_BROKEN)
            queue.drop(status.STATUS_PIPE_BROKEN)

    # --- data -------------------------------------------------------------------------------------------------------

    def read(self, end: PipeEnd, request: Request) -> bool:
        """Read into a request's buffer; False when it has to wait for data."""
        if refused := self._refused(end):
            return request.end(refused)
        if end.incoming.empty:
            if self.state is PipeState.CLOSING:
                return request.end(status.STATUS_PIPE_BROKEN)
            if end.nowait:
                return request.end(status.STATUS_PIPE_EMPTY)
        return end.incoming.read(request, message_mode=end.message_mode)

    def write(self, end: PipeEnd, request: Request) -> bool:
        """Write a request's buffer; False when it has to wait for room."""
        if refused := self._refused(end):
            return request.end(refused)
        if self.state is PipeState.CLOSING:
            return request.end(status.STATUS_PIPE_CLOSING)
        room = end.outgoing.room
        if end.nowait and request.length > room:
            request.length = 0 if self.messages else room
            if not request.length:
                return request.end(status.STATUS_SUCCESS)
            request.buffer = request.buffer[:room]
        return end.outgoing.write(request, reader_takes_messages=self._other(end).message_mode)

    def flush(self, end: PipeEnd, request: Request) -> bool:
        """Wait until the other end has read everything; False when it has not."""
        if refused := self._refused(end):
            return request.end(refused)
        if self.state is PipeState.CLOSING:
            return request.end(status.STATUS_PIPE_CLOSING)
        return end.outgoing.flush(request)

    def transceive(self, end: PipeEnd, message: memoryview, request: Request) -> bool:
        """Write a message and read the answer into the request's buffer; False when the answer is not there yet.

        NT: FSCTL_PIPE_TRANSCEIVE
        """
        if refused := self._refused(end):
            return request.end(refused)
        if self.state is PipeState.CLOSING:
            return request.end(status.STATUS_PIPE_BROKEN)
        if not end.message_mode:
            return request.end(status.STATUS_INVALID_PIPE_STATE)
        if not end.incoming.empty or end.incoming.readers:
            return request.end(status.STATUS_PIPE_BUSY)
        end.outgoing.write(Request(None, message), reader_takes_messages=self._other(end).message_mode)
        return end.incoming.read(request, message_mode=True)

    def peek(self, end: PipeEnd, target: memoryview) -> tuple[int, int]:
        """Copy what is there to be read and leave it there: (status, bytes copied).

        NT: FSCTL_PIPE_PEEK
        """
        if not end.attached or self.state is PipeState.DISCONNECTED:
            return status.STATUS_PIPE_DISCONNECTED, 0
        if self.state is PipeState.LISTENING:
            return status.STATUS_INVALID_PIPE_STATE, 0
        if self.state is PipeState.CLOSING and end.incoming.empty:
            return status.STATUS_PIPE_BROKEN, 0
        return end.incoming.peek(target, message_mode=end.message_mode)

    def discard(self, request: Request) -> None:
        """A request that waits is cancelled: forget it."""
        if request in self.listeners:
            self.listeners.remove(request)
        elif not self.inbound.discard(request):
            self.outbound.discard(request)

    def _refused(self, end: PipeEnd) -> int:
        """Why an end cannot move data: nobody is, or was just, at the other one."""
        if not end.attached or self.state is PipeState.DISCONNECTED:
            return status.STATUS_PIPE_DISCONNECTED
        return status.STATUS_PIPE_LISTENING if self.state is PipeState.LISTENING else 0

    def _other(self, end: PipeEnd) -> PipeEnd:
        other = self.client if end.server else self.server
        assert other is not None  # only asked while connected
        return other

    def _end_listeners(self, code: int) -> None:
        while self.listeners:
            request = self.listeners.popleft()
            if self._claim(request):
                request.end(code)
                self.ended.append(request)
