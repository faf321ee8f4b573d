"""The queue behind a completion port, as a pure state machine: no threads, no clock, and no lock but a given one.

    entries    packets nobody has taken, first in, first out
    waiters    threads that wait for one, in the order they came; the last one is woken first
    released   threads that have a packet to work on: their number, `active`, is held at `maximum`
    paused     threads of this queue that wait for something else: they do not count
    given      what threads were given and have not carried home yet

A thread is bound to the queue by its first `remove` and works for it until it exits or goes to another queue. When a
packet comes and fewer than `maximum` threads are active, the waiter that came last gets it at once: its memory is still
in the processor's cache. When an active thread begins another wait, the queue lets the next one in; when that wait is
over the thread is active again, asked or not, so that `active` may exceed `maximum` until threads come back.

Packets that come together may stay together, as a *run*: rows of whatever columns hold them. A run is one entry and is
cut where somebody takes less than all of it, so that a thousand packets cost what one does.

Whoever drives this machine acts on the answers: wakes the thread that was given a packet, or puts the caller to sleep.
He also gives it the lock that keeps its steps apart. After every step never fewer than `maximum` threads are active
while both packets and waiters are there; `tests/kernel/test_queue_object.py` visits every state of small systems.

A step may be interrupted by Ctrl-C, and must then have happened or not. CPython looks for interrupts where a function
begins, after a call, and at a jump backwards. So each step decides first, and changes everything in one stretch that
calls nothing, or nothing but one function at its very end. A thread's packet stays in `given` until the thread has it
in hand, so that `interrupted` can put it back.

In the same places CPython goes from one thread to another. A thread that has to stop there with the lock in its hand
keeps all others waiting for it, and from then on they pass the lock along with a switch of threads for each step. So
the common steps call nothing while they hold it: one thread putting in and one taking out do twice as many.

Source: spec iocp.md 2 (the exact algorithm); WDK "KeInitializeQueue", "I/O Completion Ports". Rows: R38, R39
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import repeat, starmap
from typing import Any, Final, Generic, TypeVar

Packet = TypeVar("Packet")
Thread = Hashable


class Answer(enum.Enum):
    """What became of a `remove`: a packet, a reason for none, or that the thread has to wait."""

    PACKET = "packet"
    WAIT = "wait"
    TIMEOUT = "timeout"
    USER_APC = "user APC"
    ABANDONED = "abandoned"


# Looking a member up in its class is a function call (3.11), and those are where interrupts are noticed.
PACKET: Final = Answer.PACKET
WAIT: Final = Answer.WAIT
TIMEOUT: Final = Answer.TIMEOUT
USER_APC: Final = Answer.USER_APC
ABANDONED: Final = Answer.ABANDONED


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The lists of one queue at one moment; `entries` counts packets."""

    entries: int
    waiters: tuple[Thread, ...]
    released: tuple[Thread, ...]
    paused: tuple[Thread, ...]
    active: int
    maximum: int


class Run:
    """Packets that came together: rows `start` to `stop` of `content`, of which the queue knows nothing."""

    __slots__ = ("content", "start", "stop")

    def __init__(self, content: Any, start: int, stop: int) -> None:
        self.content = content
        self.start = start
        self.stop = stop


class QueueObject(Generic[Packet]):
    """Packets, and the threads that take them; `maximum` threads at most are to be active at a time.

    Every step is taken under `lock`.
    NT: KQUEUE
    """

    __slots__ = ("active", "closed", "entries", "extra", "given", "lock", "maximum", "paused", "released", "waiters")

    def __init__(self, maximum: int, lock: AbstractContextManager[Any]) -> None:
        self.maximum = maximum
        self.lock = lock
        self.active = 0
        self.closed = False
        self.entries: deque[Packet | Run] = deque()
        #: Packets in runs beyond the first of each.
        self.extra = 0
        self.waiters: list[Thread] = []
        # Dictionaries, as they keep the order of arrival and find a thread at once.
        self.released: dict[Thread, None] = {}
        self.paused: dict[Thread, None] = {}
        #: Who carries its packets home deletes its item, in the last moment before they are out of reach.
        self.given: dict[Thread, list[Packet | Run]] = {}

    # --- packets ------------------------------------------------------------------------------------------------------

    def insert(self, packet: Packet, *, head: bool = False) -> Thread | None:
        """Put a packet in; returns the thread to wake that has it now, or None when it is queued.

        NT: KeInsertQueue, KeInsertHeadQueue
        """
        with self.lock:
            waiters = self.waiters
            if waiters and self.active < self.maximum:
                chosen = waiters[-1]
                del waiters[-1]
                self.given[chosen] = [packet]
                self.released[chosen] = None
                self.active += 1
                return chosen
            if self.closed:
                return None
            if head:
                self.entries.appendleft(packet)
            else:
                self.entries += (packet,)
        return None

    def insert_run(self, run: Run) -> list[Thread]:
        """Put a run of packets in, in their order; returns the threads to wake."""
        rows = run.stop - run.start
        woken: list[Thread] = []
        with self.lock:
            if rows and not self.closed:
                self.extra += rows - 1
                self.entries += (run,)
                if self.waiters:
                    woken = self._fill()
        return woken

    def remove(self, thread: Thread, *, due: bool = False, user_apc: bool = False, count: int = 1) -> Answer:
        """A thread asks for up to `count` packets; it works for this queue from now on.

        `due` says that it will not wait at all, `user_apc` that it waits alertably and a routine is pending. A thread
        that works for another queue has to leave that one before. On PACKET they are in `given`, and cost one place
        however many they are; on WAIT the thread is among the waiters.
        NT: KeRemoveQueue, KeRemoveQueueEx
        """
        with self.lock:
            entries, released, active = self.entries, self.released, self.active
            running = thread in released
            if running:
                active -= 1
            # A routine goes before a packet where the thread is not bound yet.
            if entries and active < self.maximum and (running or not user_apc or thread in self.paused):
                head = run = entries[0]
                if type(run) is Run:
                    rows = run.stop - run.start
                    if rows > count:
                        head = Run(run.content, run.start, run.start + count)
                        run.start += count
                        self.extra -= count
                    else:
                        del entries[0]
                        self.extra -= rows - 1
                    count -= rows
                else:
                    del entries[0]
                    count -= 1
                self.given[thread] = [head]
                if not running:
                    if thread in self.paused:
                        del self.paused[thread]
                    released[thread] = None
                    self.active = active + 1
                if count > 0 and entries:
                    self._take_more(self.given[thread], count)
                return PACKET
            answer = self._without_packet(thread, due=due, user_apc=user_apc)
        return answer

    def take_more(self, thread: Thread, count: int) -> None:
        """Give a thread that was given something further packets, up to `count` in all: they cost no further place.

        NT: KeRemoveQueueEx
        """
        with self.lock:
            taken = self.given[thread]
            first = taken[0]
            count -= first.stop - first.start if isinstance(first, Run) else 1
            if count > 0 and self.entries:
                self._take_more(taken, count)

    def give_up(self, thread: Thread) -> bool:
        """A waiter's time is up, or a routine is to run in it; false if it was given a packet before."""
        with self.lock:
            if thread in self.given:
                return False
            if thread in self.waiters:
                self.active += 1
                self.released[thread] = None
                self.waiters.remove(thread)
            return True

    def interrupted(self, thread: Thread) -> list[Thread]:
        """A thread that asked for packets goes away without; returns the threads to wake in its place.

        What it was given goes back to the head, in its order. It counts as one that began another wait.
        """
        with self.lock:
            self._put_back(thread)
            if thread in self.waiters:
                self.paused[thread] = None
                self.waiters.remove(thread)
            first = self._step_aside(thread, paused=True) if thread in self.released else None
            woken = self._fill()
        return woken if first is None else [first, *woken]

    # --- threads ------------------------------------------------------------------------------------------------------

    def wait_started(self, thread: Thread) -> Thread | None:
        """A released thread begins a wait for something else; returns the thread to wake in its place, if any."""
        with self.lock:
            woken = self._step_aside(thread, paused=True) if thread in self.released else None
        return woken

    def wait_ended(self, thread: Thread) -> None:
        """That wait is over: the thread is active again, whatever the limit says."""
        with self.lock:
            if thread in self.paused:
                del self.paused[thread]
                self.released[thread] = None
                self.active += 1

    def leave(self, thread: Thread) -> list[Thread]:
        """A thread exits, or goes to another queue; returns the threads to wake in its place."""
        with self.lock:
            self._put_back(thread)
            first = None
            if thread in self.released:
                first = self._step_aside(thread, paused=False)
            elif thread in self.paused:
                del self.paused[thread]
            elif thread in self.waiters:
                self.waiters.remove(thread)
            woken = self._fill()
        return woken if first is None else [first, *woken]

    def settle(self) -> list[Thread]:
        """After a step that was interrupted: let in who may come; returns every thread that may have to be woken."""
        with self.lock:
            self._fill()
            given = list(self.given)
        return given

    def close(self) -> tuple[list[Thread], list[Packet | Run]]:
        """Nobody gets anything any more; returns the threads to wake with ABANDONED, and the packets that are lost.

        NT: KeRundownQueue
        """
        with self.lock:
            found, nothing = list(self.entries), deque[Packet | Run]()
            waiters, nobody = self.waiters, list[Thread]()
            self.closed = True
            self.entries, self.extra = nothing, 0
            self.waiters = nobody
            return waiters, found

    def drain(self) -> list[Packet | Run]:
        """Take everything that is queued."""
        with self.lock:
            found, nothing = list(self.entries), deque[Packet | Run]()
            self.entries, self.extra = nothing, 0
            return found

    # --- looking ------------------------------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """How many packets are queued.

        NT: KeReadStateQueue
        """
        return len(self.entries) + self.extra

    def snapshot(self) -> QueueSnapshot:
        """The lists as they are now."""
        with self.lock:
            waiters, released, paused = tuple(self.waiters), tuple(self.released), tuple(self.paused)
            entries, active = len(self.entries) + self.extra, self.active
        return QueueSnapshot(entries, waiters, released, paused, active, self.maximum)

    # --- parts of steps, under the lock -------------------------------------------------------------------------------

    def _without_packet(self, thread: Thread, *, due: bool, user_apc: bool) -> Answer:
        """There is none for a thread that asks: it waits from now on, or goes on without."""
        if self.closed:
            return ABANDONED
        running, paused = thread in self.released, thread in self.paused
        if paused:
            del self.paused[thread]
        if due or user_apc:
            if not running:
                self.released[thread] = None
                self.active += 1
            return USER_APC if user_apc else TIMEOUT
        if running:
            del self.released[thread]
            self.active -= 1
        self.waiters += (thread,)
        return WAIT

    def _take_more(self, taken: list[Packet | Run], count: int) -> None:
        """Up to `count` packets more, of which each is always either queued or taken."""
        entries = self.entries
        if not self.extra:
            # One call, in which no interrupt is looked for: each packet is in one place or in the other.
            taken.extend(starmap(entries.popleft, repeat((), min(count, len(entries)))))
            return
        while count > 0 and entries:
            run = entries[0]
            rows = run.stop - run.start if isinstance(run, Run) else 1
            part = Run(run.content, run.start, run.start + count) if isinstance(run, Run) and rows > count else run
            if part is run:
                del entries[0]
                self.extra -= rows - 1
            else:
                run.start += count  # type: ignore[union-attr]
                self.extra -= count
            count -= rows
            taken += [part]

    def _fill(self) -> list[Thread]:
        """Let waiters in while there is room for them and a packet.

        No other step leaves anything to do here, unless it was interrupted.
        """
        woken: list[Thread] = []
        while self.active < self.maximum and self.waiters and self.entries:
            woken.append(self._let_in(self._head()))
        return woken

    def _head(self) -> Packet | Run:
        """The first packet, still in its place: the entry itself, or a run of one row that is to be cut off."""
        entry = self.entries[0]
        if isinstance(entry, Run) and entry.stop - entry.start > 1:
            return Run(entry.content, entry.start, entry.start + 1)
        return entry

    def _let_in(self, head: Packet | Run) -> Thread:
        run = self.entries[0]
        chosen = self.waiters[-1]
        del self.waiters[-1]
        if head is run:
            del self.entries[0]
        else:
            run.start += 1  # type: ignore[union-attr]
            self.extra -= 1
        self.given[chosen] = [head]
        self.released[chosen] = None
        self.active += 1
        return chosen

    def _step_aside(self, thread: Thread, *, paused: bool) -> Thread | None:
        """A released thread frees its place; the last waiter gets it, with the first packet, if both are there."""
        waiters, entries = self.waiters, self.entries
        room = self.active <= self.maximum and waiters and entries
        head = self._head() if room else None
        del self.released[thread]
        if paused:
            self.paused[thread] = None
        if not room:
            self.active -= 1
            return None
        run, chosen = entries[0], waiters[-1]
        del waiters[-1]
        if head is run:
            del entries[0]
        else:
            run.start += 1  # type: ignore[union-attr]
            self.extra -= 1
        self.given[chosen] = [head]  # type: ignore[list-item]
        self.released[chosen] = None
        return chosen

    def _put_back(self, thread: Thread) -> None:
        taken = self.given.get(thread)
        if taken is not None:
            more = sum(entry.stop - entry.start - 1 for entry in taken if isinstance(entry, Run))
            in_order = reversed(taken)
            del self.given[thread]
            if not self.closed:
                self.extra += more
                self.entries.extendleft(in_order)
