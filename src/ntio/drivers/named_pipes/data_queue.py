"""One direction of a pipe: what was written and not read yet, who waits to read, who waits to have written.

    stored      written, and the writer was told so; at most `quota` bytes
    stalled     what did not fit; each writer waits until its bytes, and all before them, fit or are read
    readers     who waits for data; there are some only while nothing is stored or stalled

A byte pipe is a stream: a read takes what is there, from as many writes as it takes. In message mode a read takes of
one message only, and leaves the rest of one that is too long for the next read (STATUS_BUFFER_OVERFLOW). A read of no
bytes waits for data and leaves it. A write goes to those who wait first, in their order.

Nothing here knows of packets, locks or threads: a `Request` has a token, which `claim` is asked about before one that
waited is ended (somebody may be cancelling it, and will end it then). What ended is in `ended`, for the caller to tell.

Source: spec iocp.md 6; learn.microsoft.com "Named Pipe Type, Read, and Wait Modes", CreateNamedPipe (buffer quota).
Rows: R31, R33
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ...driver_kit import status

_EMPTY = memoryview(b"")


class Request:
    """A read, write, flush or listen: `buffer` is what it fills or brings, `status` and `information` how it ended."""

    __slots__ = ("buffer", "information", "length", "status", "token")

    def __init__(self, token: Any, buffer: memoryview | None = None) -> None:
        self.token = token
        self.buffer = _EMPTY if buffer is None else buffer
        self.length = len(self.buffer)
        self.status = status.STATUS_PENDING
        self.information = 0

    def end(self, code: int, information: int = 0) -> bool:
        """Say how it ended; returns True, for `return request.end(...)`."""
        self.status, self.information = code, information
        return True


class Entry:
    """The bytes of one write that nobody has read; of no bytes for an empty message, or for the mark of a flush."""

    __slots__ = ("data", "flush", "request")

    def __init__(self, data: memoryview, request: Request | None, *, flush: bool = False) -> None:
        self.data = data
        #: Who waits for this; None when the writer was told that it is written.
        self.request = request
        self.flush = flush


class DataQueue:
    """What is under way from one end of a pipe to the other; `quota` in bytes.

    NT: NP_DATA_QUEUE
    """

    def __init__(self, quota: int, *, messages: bool, claim: Callable[[Request], bool], ended: list[Request]) -> None:
        self.quota = quota
        self.messages = messages
        #: How many bytes are stored and stalled.
        self.size = 0
        self.readers: deque[Request] = deque()
        self._stored: deque[Entry] = deque()
        self._stalled: deque[Entry] = deque()
        self._claim = claim
        self._ended = ended

    @property
    def empty(self) -> bool:
        """Whether there is nothing to read, not even an empty message."""
        return not self._stored and not self._stalled

    @property
    def room(self) -> int:
        """How many bytes a write may have to be over at once, for all that waits to read now."""
        return sum(reader.length for reader in self.readers) + max(self.quota - self.size, 0)

    # --- the four things one can do ---------------------------------------------------------------------------------

    def write(self, request: Request, *, reader_takes_messages: bool) -> bool:
        """Write all of a request's buffer; False when it has to wait."""
        rest = self._feed(request.buffer, reader_takes_messages)
        if rest is None:
            return request.end(status.STATUS_SUCCESS, request.length)
        self.size += len(rest)
        fits = self.size <= self.quota  # what is stalled never does
        if fits or request.token is None:  # nobody would be told later
            entry = Entry(memoryview(bytes(rest)), None)
            (self._stored if fits else self._stalled).append(entry)
            return request.end(status.STATUS_SUCCESS, request.length)
        self._stalled.append(Entry(rest, request))
        return False

    def read(self, request: Request, *, message_mode: bool) -> bool:
        """Fill a request's buffer with what is there; False when nothing is, and it has to wait."""
        if self.empty:
            self.readers.append(request)
            return False
        code, count = self._take(request.buffer, message_mode)
        self._settle()
        return request.end(code, count)

    def flush(self, request: Request) -> bool:
        """Wait until everything written so far is read; False when that is not so yet."""
        if self.empty:
            return request.end(status.STATUS_SUCCESS)
        (self._stalled or self._stored).append(Entry(_EMPTY, request, flush=True))
        return False

    def peek(self, target: memoryview, *, message_mode: bool) -> tuple[int, int]:
        """Copy what a read would give, and leave it there: (status, bytes copied)."""
        moved = 0
        for entry in (*self._stored, *self._stalled):
            if entry.flush:
                continue
            count = min(len(target) - moved, len(entry.data))
            target[moved : moved + count] = entry.data[:count]
            moved += count
            if message_mode:
                return (status.STATUS_BUFFER_OVERFLOW if count < len(entry.data) else status.STATUS_SUCCESS), moved
        return status.STATUS_SUCCESS, moved

    def messages_ready(self) -> tuple[int, int]:
        """How many messages there are, and how long the first of them is now; nothing of that for a byte pipe."""
        if not self.messages:
            return 0, 0
        lengths = [len(entry.data) for entry in (*self._stored, *self._stalled) if not entry.flush]
        return len(lengths), lengths[0] if lengths else 0

    # --- the end of it ----------------------------------------------------------------------------------------------

    def discard(self, request: Request) -> bool:
        """A request that waits is cancelled: forget it, and what it would still have written; whether it was here."""
        if request in self.readers:
            self.readers.remove(request)
            return True
        for entries in (self._stored, self._stalled):
            for entry in entries:
                if entry.request is request:
                    entries.remove(entry)
                    self.size -= len(entry.data)
                    self._settle()
                    return True
        return False

    def end_readers(self, code: int) -> None:
        """Nothing will come any more: who waits to read is told so."""
        while self.readers:
            self._finish(self.readers.popleft(), code, 0)

    def end_writers(self, code: int) -> None:
        """Who writes goes: what was told to be written stays to be read, what still waits for that ends and is gone."""
        for entries in (self._stored, self._stalled):
            every = list(entries)
            entries.clear()
            for entry in every:
                if entry.request is None:
                    entries.append(entry)
                else:
                    self.size -= len(entry.data)
                    self._finish(entry.request, code, 0)
        self._settle()

    def drop(self, code: int) -> None:
        """Nobody will read any more: what is here is lost, and who waits is told so."""
        waiting = [entry.request for entry in (*self._stored, *self._stalled)]
        self._stored.clear()
        self._stalled.clear()
        self.size = 0
        for request in waiting:
            self._finish(request, code, 0)

    # --- steps ------------------------------------------------------------------------------------------------------

    def _feed(self, data: memoryview, message_mode: bool) -> memoryview | None:
        """Give data to who waits for it; what nobody took, None when all is taken. An empty message goes to one."""
        if not data and not self.messages:
            return None
        while self.readers:
            reader = self.readers.popleft()
            if not self._claim(reader):
                continue
            count = min(reader.length, len(data))
            reader.buffer[:count] = data[:count]
            data = data[count:]
            cut = message_mode and bool(data)
            reader.end(status.STATUS_BUFFER_OVERFLOW if cut else status.STATUS_SUCCESS, count)
            self._ended.append(reader)
            if not data:
                return None
        return data

    def _take(self, target: memoryview, message_mode: bool) -> tuple[int, int]:
        moved = 0
        while entries := self._stored or self._stalled:
            entry = entries[0]
            if entry.flush:
                self._finish(entries.popleft().request, status.STATUS_SUCCESS, 0)
                continue
            count = min(len(target) - moved, len(entry.data))
            if count == len(entry.data) and not self._written(entry):
                entries.popleft()
                continue
            target[moved : moved + count] = entry.data[:count]
            moved += count
            self.size -= count
            entry.data = entry.data[count:]
            if entry.data:
                return (status.STATUS_BUFFER_OVERFLOW if message_mode else status.STATUS_SUCCESS), moved
            entries.popleft()
            if message_mode or moved == len(target):
                break
        return status.STATUS_SUCCESS, moved

    def _settle(self) -> None:
        """What fits by now is stored, its writers are told; a flush that has nothing before it is over."""
        stored = sum(len(entry.data) for entry in self._stored) if self._stalled else 0
        while self._stalled and stored + len(self._stalled[0].data) <= self.quota:
            entry = self._stalled.popleft()
            if entry.flush or self._written(entry):
                entry.data = memoryview(bytes(entry.data))  # the writer's own memory until now
                stored += len(entry.data)
                self._stored.append(entry)
        while (entries := self._stored or self._stalled) and entries[0].flush:
            self._finish(entries.popleft().request, status.STATUS_SUCCESS, 0)

    def _written(self, entry: Entry) -> bool:
        """Tell a writer that all is written; False when that write is being cancelled, and its bytes go with it."""
        request, entry.request = entry.request, None
        if request is None:
            return True
        if not self._claim(request):
            self.size -= len(entry.data)
            return False
        request.end(status.STATUS_SUCCESS, request.length)
        self._ended.append(request)
        return True

    def _finish(self, request: Request | None, code: int, information: int) -> None:
        """End a request that waited, unless somebody is cancelling it."""
        if request is not None and self._claim(request):
            request.end(code, information)
            self._ended.append(request)
