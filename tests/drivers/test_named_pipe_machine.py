"""The plain steps behind named pipes against a model as simple as can be, over every state that a few steps reach."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio import status as s
from ntio.drivers.named_pipes.data_queue import DataQueue, Request
from ntio.drivers.named_pipes.instance import Instance, PipeEnd, PipeState

pytestmark = pytest.mark.row("R31", "R33")

#: One step: what is done, and with how many bytes.
Step = tuple[str, int]
STEPS: tuple[Step, ...] = (
    *(("write", size) for size in (0, 1, 3)),
    *(("read", size) for size in (0, 1, 2, 4)),
    ("flush", 0),
    ("cancel", 0),
    ("cancel", -1),
)


@dataclass
class Wait:
    """A request of the model: how it ended, and what a read got."""

    kind: str
    data: bytes = b""
    size: int = 0
    ended: tuple[int, int] | None = None


@dataclass
class Model:
    """One direction, said as plainly as possible: after each step, whatever can happen happens, oldest first."""

    quota: int
    messages: bool
    message_mode: bool
    #: What is under way: the bytes left, and who waits for it. Marks of flushes have no bytes at all (None).
    line: list[tuple[bytes | None, Wait | None]] = field(default_factory=list)
    reads: list[Wait] = field(default_factory=list)

    def step(self, wait: Wait) -> None:
        if wait.kind == "read":
            self.reads.append(wait)
        elif wait.kind == "flush":
            self.line.append((None, wait))
        elif wait.data or self.messages:
            self.line.append((wait.data, wait))
        else:
            wait.ended = (0, 0)
        while self.settle():
            pass

    def cancel(self, wait: Wait) -> None:
        self.reads = [one for one in self.reads if one is not wait]
        self.line = [one for one in self.line if one[1] is not wait]
        while self.settle():
            pass

    def settle(self) -> bool:
        if self.line and self.line[0][0] is None:
            self.end(self.line.pop(0)[1], 0)
            return True
        if self.reads and self.line:
            self.serve(self.reads.pop(0))
            return True
        before = 0
        for place, (data, wait) in enumerate(self.line):
            before += len(data or b"")
            if before > self.quota:
                return False
            if data is not None and wait is not None:
                self.end(wait, wait.size)
                self.line[place] = (data, None)
                return True
        return False

    def serve(self, read: Wait) -> None:
        code, room = 0, read.size
        while self.line:
            data, wait = self.line[0]
            if data is None:
                self.end(self.line.pop(0)[1], 0)
                continue
            taken = data[:room]
            read.data += taken
            room -= len(taken)
            if len(taken) < len(data):
                self.line[0] = (data[len(taken) :], wait)
                code = s.STATUS_BUFFER_OVERFLOW if self.message_mode else 0
                break
            self.line.pop(0)
            self.end(wait, wait.size if wait else 0)
            # A waiting read is served by the one write that came; one that comes later finds all there is.
            if self.message_mode or not room:
                break
        read.ended = (code, len(read.data))

    def end(self, wait: Wait | None, information: int) -> None:
        if wait is not None:
            wait.ended = (0, information)


class Pair:
    """A queue and its model, doing the same."""

    def __init__(self, quota: int, *, messages: bool, message_mode: bool) -> None:
        self.ended: list[Request] = []
        self.queue = DataQueue(quota, messages=messages, claim=lambda request: True, ended=self.ended)
        self.model = Model(quota, messages, message_mode)
        self.requests: list[tuple[Request, Wait]] = []
        self.letters = count()

    def do(self, step: Step) -> None:
        kind, size = step
        if kind == "cancel":
            self.cancel(size)
        else:
            self.start(kind, size)
        self.compare()

    def start(self, kind: str, size: int) -> None:
        data = bytes(next(self.letters) & 0xFF for _ in range(size)) if kind == "write" else bytes(size)
        request = Request(object(), memoryview(bytearray(data)))
        wait = Wait(kind, data if kind == "write" else b"", size)
        self.requests.append((request, wait))
        if kind == "write":
            over = self.queue.write(request, reader_takes_messages=self.model.message_mode)
        elif kind == "read":
            over = self.queue.read(request, message_mode=self.model.message_mode)
        else:
            over = self.queue.flush(request)
        assert over == (request.status != s.STATUS_PENDING)
        assert not over or request not in self.ended  # who asks is told by the answer, others by the list
        self.model.step(wait)

    def cancel(self, which: int) -> None:
        waiting = self.waiting()
        if waiting:
            request, wait = waiting[which]
            assert self.queue.discard(request)
            self.model.cancel(wait)
            wait.ended = (s.STATUS_CANCELLED, 0)
            request.end(s.STATUS_CANCELLED)

    def waiting(self) -> list[tuple[Request, Wait]]:
        return [pair for pair in self.requests if pair[1].ended is None]

    def compare(self) -> None:
        for request, wait in self.requests:
            assert wait.ended == (None if request.status == s.STATUS_PENDING else (request.status, request.information))
            if wait.kind == "read" and wait.ended is not None:
                assert bytes(request.buffer[: request.information]) == wait.data[: request.information]
        assert self.queue.size == sum(len(data or b"") for data, _ in self.model.line)
        assert self.queue.empty == (not self.model.line)
        assert [request.length for request in self.queue.readers] == [read.size for read in self.model.reads]
        assert len(self.ended) == len(set(map(id, self.ended)))

    def key(self) -> object:
        """The state without the letters: what comes next does not depend on them."""
        line = tuple(
            (None if data is None else len(data), wait and (wait.kind, wait.size)) for data, wait in self.model.line
        )
        return line, tuple(read.size for read in self.model.reads)


KINDS = [
    (quota, messages, mode) for quota in (0, 2, 4) for messages, mode in ((False, False), (True, False), (True, True))
]


@pytest.mark.slow
@pytest.mark.parametrize(("quota", "messages", "mode"), KINDS)
def test_every_state_of_a_direction_is_the_models(quota: int, messages: bool, mode: bool) -> None:
    seen: set[object] = set()
    paths: deque[tuple[Step, ...]] = deque([()])
    while paths:
        path = paths.popleft()
        for step in STEPS:
            pair = Pair(quota, messages=messages, message_mode=mode)
            for one in (*path, step):
                pair.do(one)
            key = pair.key()
            if key not in seen and len(path) < 8 and len(pair.waiting()) <= 4 and len(pair.model.line) <= 4:
                seen.add(key)
                paths.append((*path, step))
    assert len(seen) > 400


@given(st.sampled_from(KINDS), st.lists(st.sampled_from(STEPS), max_size=40))
def test_a_direction_is_the_models_however_long_it_is_used(kind: tuple[int, bool, bool], steps: list[Step]) -> None:
    quota, messages, mode = kind
    pair = Pair(quota, messages=messages, message_mode=mode)
    for step in steps:
        pair.do(step)


@given(st.lists(st.integers(0, 9), max_size=20), st.lists(st.integers(1, 9), max_size=40), st.integers(0, 8))
def test_a_byte_pipe_gives_the_bytes_that_went_in(writes: list[int], reads: list[int], quota: int) -> None:
    ended: list[Request] = []
    queue = DataQueue(quota, messages=False, claim=lambda request: True, ended=ended)
    letters, sent, got = count(), b"", b""
    for size in writes:
        data = bytes(next(letters) & 0xFF for _ in range(size))
        sent += data
        queue.write(Request(object(), memoryview(data)), reader_takes_messages=False)
    for size in reads:
        request = Request(object(), memoryview(bytearray(size)))
        queue.read(request, message_mode=False)
        got += bytes(request.buffer[: request.information])
    assert sent.startswith(got) and len(got) == min(len(sent), sum(reads))


# --- cancelling in the very moment ------------------------------------------------------------------------------------


def test_what_is_being_cancelled_is_left_to_who_cancels_it() -> None:
    lost: set[Request] = set()
    ended: list[Request] = []
    queue = DataQueue(2, messages=False, claim=lambda request: request not in lost, ended=ended)
    first, second = (Request(object(), memoryview(bytearray(2))) for _ in range(2))
    queue.read(first, message_mode=False)
    queue.read(second, message_mode=False)
    lost.add(first)
    assert queue.write(Request(object(), memoryview(b"ab")), reader_takes_messages=False)
    assert ended == [second] and bytes(second.buffer) == b"ab" and first.status == s.STATUS_PENDING
    assert not queue.discard(first)


@pytest.mark.parametrize("length", [1, 3, 8])
def test_a_write_that_is_being_cancelled_takes_its_bytes_along(length: int) -> None:
    lost: set[Request] = set()
    queue = DataQueue(2, messages=False, claim=lambda request: request not in lost, ended=[])
    stored, stalled, last = (
        Request(object(), memoryview(b"12")),
        Request(object(), memoryview(b"abc")),
        memoryview(b"z"),
    )
    assert queue.write(stored, reader_takes_messages=False)
    assert not queue.write(stalled, reader_takes_messages=False)
    assert not queue.write(Request(object(), last), reader_takes_messages=False)
    lost.add(stalled)
    got = b""
    while len(got) < 3:
        request = Request(object(), memoryview(bytearray(length)))
        assert queue.read(request, message_mode=False)
        got += bytes(request.buffer[: request.information])
        if length < 3 and got == b"12a":
            break  # a part of it was read before
    assert got in (b"12z", b"12a") and stalled.status == s.STATUS_PENDING


# --- an instance ------------------------------------------------------------------------------------------------------

ENDS = ("server", "client")


class Played:
    """An instance, every request made of it, and the client ends there were."""

    def __init__(self) -> None:
        self.machine = Instance(messages=False, inbound_quota=2, outbound_quota=2, claim=lambda request: True)
        self.requests: list[Request] = []
        self.told: list[Request] = []
        self.client: PipeEnd | None = None
        self.gone = False

    def end(self, name: str) -> PipeEnd | None:
        end = self.machine.server if name == "server" else self.client
        return end if end is not None and end.open else None

    def do(self, action: str, name: str) -> bool:
        """Do it if it can be done; says whether."""
        machine, end = self.machine, self.end(name)
        if action == "connect":
            if self.end("client") is not None or not machine.server.open:
                return False
            before = machine.state
            self.client = machine.connect()
            assert (self.client is not None) == (before is PipeState.LISTENING)
        elif end is None:
            return False
        elif action == "disconnect":
            machine.disconnect(end)
        elif action == "close":
            self.gone |= machine.close(end)
        else:
            self.request(action, end)
        self.told += machine.take_ended()
        self.check()
        return True

    def request(self, action: str, end: PipeEnd) -> None:
        request = Request(object(), memoryview(bytearray(3)))
        steps: dict[str, Callable[[PipeEnd, Request], bool]] = {
            "read": self.machine.read,
            "write": self.machine.write,
            "flush": self.machine.flush,
            "listen": self.machine.listen,
        }
        self.requests.append(request)
        if steps[action](end, request):
            self.told.append(request)

    def check(self) -> None:
        machine = self.machine
        assert len(self.told) == len(set(map(id, self.told))), "told twice"
        assert all((request in self.told) == (request.status != s.STATUS_PENDING) for request in self.requests)
        waiting = [request for request in self.requests if request.status == s.STATUS_PENDING]
        if machine.state is PipeState.LISTENING:
            assert len(machine.listeners) == len(waiting)
        if machine.state is PipeState.DISCONNECTED or self.gone:
            assert not waiting
        if machine.state is not PipeState.LISTENING:
            assert not machine.listeners
        for queue in (machine.inbound, machine.outbound):
            assert queue.empty or not queue.readers
            assert queue.empty or machine.state in (PipeState.CONNECTED, PipeState.CLOSING)
        if machine.state is PipeState.CLOSING:
            assert not waiting
            assert machine.server.open != (machine.client is not None and machine.client.open)

    def key(self) -> object:
        m = self.machine
        shape = [(queue.size, len(queue.readers), queue.empty) for queue in (m.inbound, m.outbound)]
        ends = [(end.open, end.attached) if end else None for end in (m.server, self.client)]
        return m.state, tuple(shape), tuple(ends), len(m.listeners)


ACTIONS = [(action, name) for action in ("read", "write", "flush", "listen", "disconnect", "close") for name in ENDS]


def states(limit: int) -> Iterator[Played]:
    seen: set[object] = set()
    paths: deque[tuple[tuple[str, str], ...]] = deque([()])
    while paths:
        path = paths.popleft()
        for action in (*ACTIONS, ("connect", "client")):
            played = Played()
            for one in path:
                played.do(*one)
            if not played.do(*action):
                continue
            yield played
            if played.key() not in seen and len(path) < limit:
                seen.add(played.key())
                paths.append((*path, action))
    assert len(seen) > 30


@pytest.mark.slow
def test_in_every_state_each_request_ends_once_and_none_is_forgotten() -> None:
    reached = {played.machine.state for played in states(5)}
    assert reached == set(PipeState)


#: What each request finds in each state: at the server's end.
EXPECTED = {
    "listen": (s.STATUS_PENDING, s.STATUS_PIPE_CONNECTED, s.STATUS_PIPE_CLOSING, s.STATUS_PENDING),
    "read": (s.STATUS_PIPE_LISTENING, s.STATUS_PENDING, s.STATUS_PIPE_BROKEN, s.STATUS_PIPE_DISCONNECTED),
    "write": (s.STATUS_PIPE_LISTENING, s.STATUS_PENDING, s.STATUS_PIPE_CLOSING, s.STATUS_PIPE_DISCONNECTED),
    "flush": (s.STATUS_PIPE_LISTENING, s.STATUS_SUCCESS, s.STATUS_PIPE_CLOSING, s.STATUS_PIPE_DISCONNECTED),
}


@pytest.mark.parametrize("action", EXPECTED)
def test_what_a_server_finds_in_each_state(action: str) -> None:
    found = []
    for before in ((), ("connect",), ("connect", "close"), ("disconnect",)):
        played = Played()
        for one in before:
            played.do(one, "server" if one == "disconnect" else "client")
        played.do(action, "server")
        found.append(played.requests[-1].status)
    assert tuple(found) == EXPECTED[action]


def test_a_client_neither_listens_nor_disconnects() -> None:
    played = Played()
    played.do("connect", "client")
    assert played.client is not None
    played.do("listen", "client")
    assert played.requests[-1].status == s.STATUS_ILLEGAL_FUNCTION
    assert played.machine.disconnect(played.client) == s.STATUS_ILLEGAL_FUNCTION


def test_a_client_that_was_sent_away_stays_away() -> None:
    played = Played()
    for action, name in (("connect", "client"), ("disconnect", "server"), ("listen", "server")):
        played.do(action, name)
    old = played.client
    assert old is not None and played.machine.state is PipeState.LISTENING
    new = played.machine.connect()
    assert new is not None and played.requests[-1].status == s.STATUS_SUCCESS
    for step in (played.machine.read, played.machine.write, played.machine.flush):
        request = Request(object(), memoryview(bytearray(1)))
        assert step(old, request) and request.status == s.STATUS_PIPE_DISCONNECTED
    assert not played.machine.close(old) and played.machine.state is PipeState.CONNECTED
