"""A soak of the port: sixteen threads, four of which may run, with packets from everywhere, cancels and closes.

Each packet is answered with the start of something new of its kind, so that each kind goes on until the soak has
started what it was to: posts, alone and as columns; reads and writes of host files; *wires*, which are named pipes or
connected sockets, with two reads and a write in flight. By a seeded generator operations are cancelled, by their thread
or another one, files and wires are closed with operations in flight, and threads ask in every form there is.

The queue is a watched one: after each step, under the port's lock, it compares what it gave to whom with the law. Every
start is counted, and every packet off. `NTIO_SOAK_PACKETS=1000000` for the long one.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

import ntio
from ntio import status as codes
from ntio.kernel.queue_object import Answer, QueueObject, Run
from system_check import what_is_left

pytestmark = [pytest.mark.row("R31", "R33", "R34", "R36", "R38", "R39"), pytest.mark.slow]

PACKETS = int(os.environ.get("NTIO_SOAK_PACKETS", "8000"))
#: Seconds after which a soak that is not over hangs.
PATIENCE = 300
THREADS, LIMIT = 16, 4
POSTED, BLOCK, BLOCKS = 4, 512, 128
#: What flows through wires, over and over; its length is prime to those of reads and writes.
PATTERN = bytes(range(251))
STREAM = PATTERN * 12

#: What an operation that was cancelled, or whose file or other end was closed, may end with; in a packet or at once.
EXPECTED = {
    codes.STATUS_CANCELLED, codes.STATUS_FILE_CLOSED, codes.STATUS_END_OF_FILE, codes.STATUS_PIPE_BROKEN,
    codes.STATUS_PIPE_CLOSING, codes.STATUS_PIPE_DISCONNECTED, codes.STATUS_CONNECTION_RESET,
    codes.STATUS_CONNECTION_ABORTED, codes.STATUS_CONNECTION_DISCONNECTED,
}  # fmt: skip


# --- the queue, watched -----------------------------------------------------------------------------------------------


class Given(dict[Any, list[Any]]):
    """What threads were given; tells of each packet in the order in which they are given."""

    def __init__(self, tell: Callable[[Any], None]) -> None:
        super().__init__()
        self.tell = tell

    def __setitem__(self, thread: Any, entries: list[Any]) -> None:
        assert thread not in self, "a thread was given packets before it took the ones it had"
        super().__setitem__(thread, entries)
        for entry in entries:
            self.tell(entry)


class WatchedQueue(QueueObject[Any]):
    """A queue that checks itself after each step, before anybody takes the next one."""

    def __init__(self, maximum: int, watch: Watch) -> None:
        super().__init__(maximum, threading.RLock())
        self.given: Given = Given(watch.given)  # type: ignore[assignment]
        self.watch = watch
        self.most = 0

    def check(self, before: int) -> None:
        """A step is over that lets nobody run above the limit."""
        self.watch.law(self.active == len(self.released), "active is not how many are released")
        self.watch.law(self.active <= max(self.maximum, before), f"{self.active} run where {self.maximum} may")
        idle = self.active < self.maximum and self.waiters and self.entries
        self.watch.law(not idle, "packets and waiters, and room for them")
        self.most = max(self.most, self.active)

    def insert(self, packet: Any, *, head: bool = False) -> Any:
        with self.lock:
            before = self.active
            chosen = super().insert(packet, head=head)
            self.check(before)
            return chosen

    def insert_run(self, run: Run) -> list[Any]:
        with self.lock:
            before = self.active
            chosen = super().insert_run(run)
            self.check(before)
            return chosen

    def remove(self, thread: Any, *, due: bool = False, user_apc: bool = False, count: int = 1) -> Answer:
        with self.lock:
            before = self.active
            released = thread in self.released
            answer = super().remove(thread, due=due, user_apc=user_apc, count=count)
            if answer is Answer.PACKET:  # whoever comes back may go on, but nobody is let in above the limit
                self.watch.law(self.active <= self.maximum, "a packet was given above the limit")
            if answer is Answer.TIMEOUT:  # no wait at all: it runs on as before, and counts if it did not
                before += not released
            self.check(before)
            return answer

    def _take_more(self, taken: list[Any], count: int) -> None:
        there = len(taken)
        super()._take_more(taken, count)
        for entry in taken[there:]:
            self.watch.given(entry)

    def wait_started(self, thread: Any) -> Any:
        with self.lock:
            before = self.active
            chosen = super().wait_started(thread)
            self.check(before)
            return chosen


class Watch:
    """What is known of the order: sources of posts, and the reads of pipes."""

    def __init__(self, failed: Callable[[str], None]) -> None:
        self.failed = failed
        self.posts = [0] * POSTED
        self.seen = 0

    def law(self, holds: Any, what: str) -> None:
        if not holds:
            self.failed(what)

    def given(self, entry: Any) -> None:
        """One entry was given to a thread."""
        if isinstance(entry, Run):
            keys, _, numbers, _ = entry.content
            for row in range(entry.start, entry.stop):
                self.post(int(keys[row]), int(numbers[row]))
            return
        key, ticket, count, status = entry
        if ticket is None:
            self.post(key, count)
            return
        self.seen += 1
        wire = ticket.owner
        if ticket.ordered and status == codes.STATUS_SUCCESS:
            self.law(ticket.number > wire.last_given, f"read {ticket.number} of a pipe after read {wire.last_given}")
            wire.last_given = ticket.number

    def post(self, source: int, number: int) -> None:
        """Posts of one source carry 0, 1, 2 ...: this says both that none is missing and that their order is kept."""
        self.seen += 1
        self.law(number == self.posts[source], f"post {number} of {source} came, {self.posts[source]} was due")
        self.posts[source] = number + 1


# --- what makes packets -----------------------------------------------------------------------------------------------


class Ticket:
    """One operation: the object that its packet carries."""

    __slots__ = ("buffer", "number", "ordered", "owner", "reading")

    def __init__(self, owner: Any, buffer: Any, number: int, *, reading: bool, ordered: bool = False) -> None:
        self.owner, self.buffer, self.number = owner, buffer, number
        self.reading, self.ordered = reading, ordered


class Source:
    """Posts numbered from 0; about as many in flight as it likes."""

    def __init__(self, soak: Soak, key: int) -> None:
        self.soak, self.key = soak, key
        self.lock = threading.Lock()
        self.number = self.in_flight = 0

    def post(self, random: Random, taken: int = 0) -> None:
        with self.lock:
            self.in_flight -= taken
            if self.in_flight > 2:
                return
            count = random.choice((1, 1, 2, random.randint(2, 12)))
            if not self.soak.begin(count):
                return
            first, self.number = self.number, self.number + count
            self.in_flight += count
            if count == 1:
                self.soak.port.post(first, self.key)
            else:
                self.soak.port.post_many(range(first, first + count), self.key)


class Blocks:
    """A host file whose blocks always hold what their numbers say; reopened when it was closed."""

    def __init__(self, soak: Soak, key: int, path: Path) -> None:
        self.soak, self.key, self.path = soak, key, path
        path.write_bytes(b"".join(self.block(number) for number in range(BLOCKS)))
        self.lock = threading.Lock()
        self.file = self.opened()

    @staticmethod
    def block(number: int) -> bytes:
        return bytes([number]) * BLOCK

    def opened(self) -> ntio.File:
        file = ntio.open(self.path, "r+", overlapped=True, system=self.soak.system)
        self.soak.port.associate(file, self.key)
        return file

    def start(self, random: Random) -> None:
        number = random.randrange(BLOCKS)
        reading = random.random() < 0.5
        ticket = Ticket(self, bytearray(BLOCK) if reading else self.block(number), number, reading=reading)

        def begin(ticket: Ticket) -> ntio.Operation:
            start = self.file.start_read if reading else self.file.start_write
            return start(ticket.buffer, number * BLOCK, overlapped=ticket)

        while not self.soak.start(random, ticket, begin) and not self.soak.spent:
            with self.lock:  # it was closed, and somebody is about to open it again
                pass

    def note(self, ticket: Ticket, packet: Any, random: Random) -> None:
        if packet.ok:
            self.soak.law(packet.bytes == BLOCK, f"{packet.bytes} bytes of a block")
            self.soak.law(bytes(ticket.buffer) == self.block(ticket.number), "a block holds something else")
        if random.random() < 0.01:
            with self.lock:
                self.file.close()  # with operations in flight; and starts may find it closed
                if not self.soak.spent:
                    self.file = self.opened()
        self.start(random)

    def close(self) -> None:
        self.file.close()


class Wire:
    """A stream of bytes between two ends, with two reads and one write in flight; replaced when it is broken."""

    def __init__(self, soak: Soak, key: int, kind: str) -> None:
        self.soak, self.key, self.kind = soak, key, kind
        self.lock = threading.Lock()
        self.reads = self.sent = 0
        self.in_flight, self.last_given = 3, -1
        self.broken = self.closing = self.over = False
        self.received: dict[int, bytes] = {}
        self.ends = self.pipe() if kind == "pipe" else self.sockets()

    def pipe(self) -> list[Any]:
        # Two reads may wait, and so may the write: there is seldom room for all of one.
        pair = ntio.pipe_pair(64, overlapped=True, system=self.soak.system)
        for end in pair:
            self.soak.port.associate(end.file, self.key)
        return [end.file for end in pair]

    def sockets(self) -> list[Any]:
        system = self.soak.system
        with ntio.Socket(system=system) as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            client = ntio.Socket(system=system)
            try:
                client.connect(server.address)
                pair = [server.accept(), client]
            except BaseException:
                client.close()
                raise
        for end in pair:
            self.soak.port.associate(end, self.key)  # type: ignore[arg-type]
        return pair

    def go(self, random: Random) -> None:
        for start in (self.read, self.read, self.write):
            start(random)
        self.replace_if_over(random)

    def read(self, random: Random) -> None:
        with self.lock:  # numbers are given in the order in which the reads are started
            ticket = Ticket(
                self, bytearray(random.randint(1, 96)), self.reads, reading=True, ordered=self.kind == "pipe"
            )
            self.reads += 1
            self.start(random, ticket)

    def write(self, random: Random) -> None:
        with self.lock:
            first = self.sent % len(PATTERN)
            count = random.randint(1, 2000) if random.random() < 0.02 else random.randint(1, 96)
            self.sent += count
            self.start(random, Ticket(self, STREAM[first : first + count], 0, reading=False))

    def start(self, random: Random, ticket: Ticket) -> None:
        end = self.ends[0 if ticket.reading else 1]
        if self.kind == "pipe":
            begin = end.start_read if ticket.reading else end.start_write
        else:
            begin = end.start_receive if ticket.reading else end.start_send
        if not self.soak.start(random, ticket, lambda one: begin(one.buffer, overlapped=one)):
            self.close()
            self.in_flight -= 1

    def note(self, ticket: Ticket, packet: Any, random: Random) -> None:
        with self.lock:
            if ticket.reading and packet.ok and packet.bytes:
                self.received[ticket.number] = bytes(ticket.buffer[: packet.bytes])
            if not packet.ok and not ticket.reading:
                self.broken = True  # nobody knows how much of it was written
            if ticket.reading and not packet.bytes and packet.status != codes.STATUS_CANCELLED:
                self.broken = True
            self.broken |= random.random() < 0.005
            goes_on = not self.broken
        if goes_on:
            (self.read if ticket.reading else self.write)(random)
        else:
            with self.lock:
                self.in_flight -= 1
                first, self.closing = not self.closing, True
            # The other end notices by itself, if it has anything in flight: a write that waits for room stays until
            # somebody reads it, or the reader is closed.
            if first and not ticket.reading and random.random() < 0.7:
                self.ends[random.randrange(2)].close()
            else:
                self.close()
        self.replace_if_over(random)

    def replace_if_over(self, random: Random) -> None:
        with self.lock:
            over = self.broken and not self.in_flight and not self.over
            self.over |= over
        if over:
            self.replace(random)

    def close(self) -> None:
        self.broken = True
        for end in self.ends:
            end.close()

    def replace(self, random: Random) -> None:
        """All is over: look whether what arrived is what was sent, and make a new one."""
        self.close()
        got = b"".join(self.received[number] for number in sorted(self.received))
        whole = PATTERN * (len(got) // len(PATTERN) + 1)
        self.soak.law(len(got) <= self.sent and whole[: len(got)] == got, f"a {self.kind} brought other bytes")
        if not self.soak.spent:
            self.soak.add_wire(self.key, self.kind, random)


# --- the soak ---------------------------------------------------------------------------------------------------------


class Soak:
    """The port, its threads, and the books."""

    def __init__(self, system: ntio.System, folder: Path, packets: int, seed: int) -> None:
        self.system, self.budget, self.seed = system, packets, seed
        self.port = ntio.CompletionPort(LIMIT, system=system)
        self.watch = Watch(self.failed)
        self.queue = self.port.port._queue = WatchedQueue(LIMIT, self.watch)
        self.lock = threading.Lock()
        self.started = self.refused = self.pending = 0
        self.spent = False
        self.live: dict[Ticket, None] = {}
        self.problems: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.over = threading.Event()
        self.recent: list[Any] = [None] * 16
        self.sources = [Source(self, key) for key in range(POSTED)]
        self.files = [Blocks(self, 100 + number, folder / f"{number}") for number in range(3)]
        self.wires: list[Wire] = []

    def failed(self, what: str) -> None:
        self.problems.append(what)
        self.over.set()

    def law(self, holds: Any, what: str) -> None:
        if not holds:
            self.failed(what)

    def begin(self, count: int) -> bool:
        """Count starts; false when there have been enough."""
        with self.lock:
            if self.started + count > self.budget:
                self.spent = True
                return False
            self.started += count
            self.pending += count
            return True

    def ended(self, count: int) -> None:
        with self.lock:
            self.pending -= count
            if self.spent and not self.pending:
                self.over.set()

    def start(self, random: Random, ticket: Ticket, start: Callable[[Ticket], Any]) -> bool:
        """Start an operation; false for one that is refused, and makes no packet, or is not to be."""
        if not self.begin(1):
            return False
        self.live[ticket] = None
        try:
            operation = start(ticket)
        except (ntio.NtError, EOFError) as error:
            self.law(getattr(error, "status", 0) in EXPECTED, f"refused: {error!r}")
            self.law(self.live.pop(ticket, self) is None, "an operation was refused, and made a packet")
            with self.lock:
                self.refused += 1
            self.ended(1)
            return False
        if random.random() < 0.05:
            operation.cancel()
        place = random.randrange(16)
        other, self.recent[place] = self.recent[place], operation
        if other is not None and random.random() < 0.05:
            other.cancel()
        return True

    def add_wire(self, key: int, kind: str, random: Random) -> None:
        wire = Wire(self, key, kind)
        with self.lock:
            self.wires[key - 200 : key - 199] = [wire]
        wire.go(random)

    # --- threads

    def run(self) -> None:
        workers = [threading.Thread(target=self.work, args=(number,), daemon=True) for number in range(THREADS)]
        random = Random(self.seed)
        for source in self.sources:
            source.post(random)
        for file in self.files:
            for _ in range(4):
                file.start(random)
        for number, kind in enumerate(("pipe", "pipe", "pipe", "socket", "socket")):
            self.add_wire(200 + number, kind, random)
        for worker in workers:
            worker.start()
        self.over.wait(PATIENCE)
        self.port.close()
        for worker in workers:
            worker.join()
        for thing in (*self.files, *self.wires):
            thing.close()
        self.recent.clear()

    def work(self, number: int) -> None:
        random = Random(self.seed * 1000 + number)
        try:
            while True:
                for packet in self.ask(random):
                    self.take(packet, random)
        except ntio.PortClosed:
            pass
        except BaseException as error:
            self.failed(f"a worker ended: {error!r}")
            raise

    def ask(self, random: Random) -> list[ntio.Packet]:
        way = random.random()
        if way < 0.2:
            return list(self.port.get_many(random.randint(1, 8)))
        packet = self.port.get(0) if way < 0.25 else self.port.get(0.001) if way < 0.3 else self.port.get()
        return [] if packet is None else [packet]

    def take(self, packet: ntio.Packet, random: Random) -> None:
        self.statuses[packet.status] += 1
        ticket = packet.overlapped
        if ticket is None:
            self.sources[packet.key].post(random, 1)
        else:
            self.law(self.live.pop(ticket, self) is None, "an operation made a second packet")
            self.law(packet.ok or packet.status in EXPECTED, f"a packet with status {packet.status:#x}")
            ticket.owner.note(ticket, packet, random)
        if random.random() < 0.02:
            with self.port.blocking():
                os.sched_yield()
        self.ended(1)


@pytest.mark.parametrize("seed", [1])
def test_every_start_makes_one_packet_whoever_cancels_and_closes(
    real_system: ntio.System, tmp_path: Path, seed: int
) -> None:
    handles = len(real_system.io.handles)
    soak = Soak(real_system, tmp_path, PACKETS, seed)
    soak.run()
    assert soak.problems == []
    assert (soak.pending, soak.live) == (0, {})
    assert soak.watch.seen == soak.started - soak.refused == soak.statuses.total()
    assert soak.statuses[0] > PACKETS // 2 and soak.statuses[codes.STATUS_CANCELLED]
    assert soak.queue.given == {} and LIMIT <= soak.queue.most <= THREADS
    assert len(real_system.io.handles) == handles
    assert real_system.io.irps.live() == 0 and not len(real_system.pins)
    assert what_is_left(real_system) == []
