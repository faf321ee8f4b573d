"""The queue behind a completion port, as a pure state machine: no threads, no locks, no clock.

    entries    packets nobody has taken, first in, first out
    waiters    threads that wait for one, in the order they came; the last one is woken first
    released   threads that have a packet to work on: their number, `active`, is held at `maximum`
    paused     threads of this queue that wait for something else: they do not count

A thread is bound to the queue by its first `remove` and works for it until it exits or goes to another queue. When a
packet comes and fewer than `maximum` threads are active, the waiter that came last gets it at once: its memory is still
in the processor's cache. When an active thread begins another wait, the queue lets the next one in; when that wait is
over the thread is active again, asked or not, so that `active` may exceed `maximum` until threads come back.

Whoever drives this machine calls one method at a time (under a lock of his own) and acts on the answer: wake the thread
that was given a packet, or put the caller to sleep. After every step never fewer than `maximum` threads are active
while both packets and waiters are there; `tests/kernel/test_queue_object.py` visits every state of small systems.

Source: spec iocp.md 2 (the exact algorithm); WDK "KeInitializeQueue", "I/O Completion Ports". Rows: R38, R39
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Packet = TypeVar("Packet")
Thread = Hashable


class Answer(enum.Enum):
    """What became of a `remove`: a packet, a reason for none, or that the thread has to wait."""

    PACKET = "packet"
    WAIT = "wait"
    TIMEOUT = "timeout"
    USER_APC = "user APC"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The lists of one queue at one moment; `entries` counts packets."""

    entries: int
    waiters: tuple[Thread, ...]
    released: tuple[Thread, ...]
    paused: tuple[Thread, ...]
    active: int
    maximum: int


class QueueObject(Generic[Packet]):
    """Packets, and the threads that take them; `maximum` threads at most are to be active at a time.

    NT: KQUEUE
    """

    __slots__ = ("active", "closed", "entries", "given", "maximum", "paused", "released", "waiters")

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.active = 0
        self.closed = False
        self.entries: deque[Packet] = deque()
        self.waiters: list[Thread] = []
        # Dictionaries, as they keep the order of arrival and find a thread at once.
        self.released: dict[Thread, None] = {}
        self.paused: dict[Thread, None] = {}
        #: Packets handed to waiters that have not come for them yet.
        self.given: dict[Thread, Packet] = {}

    # --- packets ------------------------------------------------------------------------------------------------------

    def insert(self, packet: Packet, *, head: bool = False) -> Thread | None:
        """Put a packet in; returns the thread to wake that has it now, or None when it is queued.

        NT: KeInsertQueue, KeInsertHeadQueue
        """
        if self.active < self.maximum and self.waiters:
            return self._hand_over(packet)
        if head:
            self.entries.appendleft(packet)
        else:
            self.entries.append(packet)
        return None

    def insert_many(self, packets: list[Packet]) -> list[Thread]:
        """Put packets in, in their order; returns the threads to wake."""
        woken: list[Thread] = []
        number = 0
        while number < len(packets) and self.active < self.maximum and self.waiters:
            woken.append(self._hand_over(packets[number]))
            number += 1
        self.entries.extend(packets[number:] if number else packets)
        return woken

    def remove(self, thread: Thread, *, due: bool = False, user_apc: bool = False) -> tuple[Answer, Packet | None]:
        """A thread asks for a packet; it works for this queue from now on.

        `due` says that it will not wait at all, `user_apc` that it waits alertably and a routine is pending. A thread
        that works for another queue has to leave that one before. On WAIT it is among the waiters.
        NT: KeRemoveQueue
        """
        if self.closed:
            return Answer.ABANDONED, None
        if thread in self.released:
            self.active -= 1
            del self.released[thread]
        elif user_apc and thread not in self.paused:  # not bound yet: the routine goes before a packet
            self._activate(thread)
            return Answer.USER_APC, None
        self.paused.pop(thread, None)
        if self.active < self.maximum and self.entries:
            self._activate(thread)
            return Answer.PACKET, self.entries.popleft()
        if user_apc or due:
            self._activate(thread)
            return (Answer.USER_APC if user_apc else Answer.TIMEOUT), None
        self.waiters.append(thread)
        return Answer.WAIT, None

    def take_more(self, count: int) -> list[Packet]:
        """Up to `count` further packets for a thread that has just got one: they cost no further place.

        NT: KeRemoveQueueEx
        """
        entries = self.entries
        return [entries.popleft() for _ in range(min(count, len(entries)))]

    def collect(self, thread: Thread) -> Packet:
        """The packet a woken waiter was given."""
        return self.given.pop(thread)

    def give_up(self, thread: Thread) -> bool:
        """A waiter's time is up, or a routine is to run in it; false if it was given a packet before.

        When false, the packet is still to be collected (or put back by `return_packet`).
        """
        if thread in self.given:
            return False
        if thread in self.waiters:
            self.waiters.remove(thread)
            self._activate(thread)
        return True

    def return_packet(self, thread: Thread) -> Thread | None:
        """A waiter that was given a packet cannot take it: it goes to the head; returns the thread to wake for it.

        The thread counts as one that began another wait, so that its place is free.
        """
        packet = self.given.pop(thread)
        self.entries.appendleft(packet)
        return self.wait_started(thread)

    # --- threads ------------------------------------------------------------------------------------------------------

    def wait_started(self, thread: Thread) -> Thread | None:
        """A released thread begins a wait for something else; returns the thread to wake in its place, if any."""
        if thread not in self.released:
            return None
        del self.released[thread]
        self.paused[thread] = None
        self.active -= 1
        return self._let_in()

    def wait_ended(self, thread: Thread) -> None:
        """That wait is over: the thread is active again, whatever the limit says."""
        if thread in self.paused:
            del self.paused[thread]
            self._activate(thread)

    def leave(self, thread: Thread) -> Thread | None:
        """A thread exits, or goes to another queue; returns the thread to wake in its place, if any."""
        if thread in self.given:
            self.entries.appendleft(self.given.pop(thread))
        if thread in self.waiters:
            self.waiters.remove(thread)
            return None
        if self.paused.pop(thread, self) is None or thread not in self.released:
            return None
        del self.released[thread]
        self.active -= 1
        return self._let_in()

    def knows(self, thread: Thread) -> bool:
        """Whether the thread works for this queue."""
        return thread in self.released or thread in self.paused or thread in self.waiters

    def close(self) -> tuple[list[Thread], list[Packet]]:
        """Nobody gets anything any more; returns the threads to wake with ABANDONED, and the packets that are lost.

        NT: KeRundownQueue
        """
        self.closed = True
        waiters, packets = self.waiters, list(self.entries)
        self.waiters = []
        self.entries.clear()
        return waiters, packets

    # --- looking ------------------------------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """How many packets are queued.

        NT: KeReadStateQueue
        """
        return len(self.entries)

    def snapshot(self) -> QueueSnapshot:
        """The lists as they are now."""
        return QueueSnapshot(
            len(self.entries), tuple(self.waiters), tuple(self.released), tuple(self.paused), self.active, self.maximum
        )

    def state(self) -> tuple[Any, ...]:
        """Everything that decides what can happen next, to be compared and hashed."""
        return (
            self.active, self.closed, tuple(self.entries), tuple(self.waiters), tuple(self.given.items()),
            frozenset(self.released), frozenset(self.paused),
        )  # fmt: skip

    def _hand_over(self, packet: Packet) -> Thread:
        thread = self.waiters.pop()
        self.given[thread] = packet
        self._activate(thread)
        return thread

    def _let_in(self) -> Thread | None:
        if self.active < self.maximum and self.waiters and self.entries:
            return self._hand_over(self.entries.popleft())
        return None

    def _activate(self, thread: Thread) -> None:
        self.active += 1
        self.released[thread] = None
