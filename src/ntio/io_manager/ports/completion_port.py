"""Completion ports: packets go in, and as many threads as shall run take them out.

`kernel/queue_object` says who gets what, one step at a time; here are the threads. One that has to wait sleeps on a
lock of its own, its *bell*, which whoever gives it a packet rings: so the chosen thread wakes, and no other. (A
condition variable wakes in the order of arrival, which is the wrong one.)

    insert   a step of the queue; if it chose a thread, ring its bell
    remove   a step of the queue; if the answer is to wait, sleep on the bell, look whether a packet is there ...

A bell may ring too often (a late waking, a user APC, a look at threads that may have ended), never too seldom: every
sleeper looks again. One whose time is up takes the packet if it was given one meanwhile. One that is
interrupted (Ctrl-C) puts back what it was given, at the head, and the next waiter gets it. The packet leaves the
queue's books in the very last step before it is the caller's, and nothing that could be interrupted comes after.

A thread works for the port it last asked. While it waits for anything else that is ours, it does not count
(`kernel/thread`, `Hal.waiting`), and when it ends, its place is free.

Source: spec iocp.md 2-5; learn.microsoft.com "I/O Completion Ports", NtRemoveIoCompletion. Rows: R34, R35, R36, R37,
R38, R39
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ...hal.put_off import PutOff
from ...kernel.apc import run_apcs
from ...kernel.queue_object import PACKET, WAIT, Answer, QueueObject, QueueSnapshot, Run
from ...kernel.thread import Thread
from ...status import (
    STATUS_ABANDONED_WAIT_0,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
    STATUS_USER_APC,
    error_for,
)
from ..codes.major import FO_SYNCHRONOUS_IO
from ..file_object import CompletionContext, FileObject
from .packets import Columns, Entry, Packets, packet_of, packets_of

if TYPE_CHECKING:
    from ..manager import IoManager

#: Longer than this nobody sleeps without looking round, in seconds; while a thread may have ended unnoticed, less.
_LONGEST_SLEEP: Final = 1e6
_SUSPICIOUS_SLEEP: Final = 0.05

_STATUSES: Final = {
    Answer.PACKET: STATUS_SUCCESS,
    Answer.TIMEOUT: STATUS_TIMEOUT,
    Answer.USER_APC: STATUS_USER_APC,
    Answer.ABANDONED: STATUS_ABANDONED_WAIT_0,
}


class CompletionPort:
    """A queue of completion packets, and the threads that work for it; at most `concurrency` are to run at a time.

    A concurrency of 0 is the number of the System's processors. Any thread may call.
    NT: IoCompletion object
    """

    __slots__ = ("__weakref__", "_devices", "_here", "_queue", "_suspects", "closed", "io")

    def __init__(self, io: IoManager, concurrency: int = 0) -> None:
        if concurrency < 0:
            raise error_for(STATUS_INVALID_PARAMETER, f"a concurrency of {concurrency}")
        self.io = io
        #: Whether the port was closed: packets are discarded, and nobody gets one.
        self.closed = False
        self._here = io.hal.here
        self._suspects = io.threads.suspects
        self._queue: QueueObject[Entry] = QueueObject(concurrency or io.processors.count, io.hal.new_lock())
        self._devices: dict[FileObject, int] = {}
        io.ports.add(self)  # which closes them when the System stops or is closed

    @property
    def concurrency(self) -> int:
        """How many threads are to run at a time."""
        return self._queue.maximum

    @property
    def short_of_threads(self) -> bool:
        """Whether packets are queued and nobody waits: one more thread would find something to do, or to wait for."""
        return self._queue.depth > 0 and not self._queue.waiters

    @property
    def depth(self) -> int:
        """How many packets are queued; one that was handed to a waiting thread never was.

        NT: NtQueryIoCompletion, KeReadStateQueue
        """
        return self._queue.depth

    def snapshot(self) -> QueueSnapshot:
        """The queue's lists at this moment."""
        return self._queue.snapshot()

    # --- putting in ---------------------------------------------------------------------------------------------------

    def insert_packet(self, key: int, apc_context: Any, status: int, information: int) -> None:
        """Put one packet in.

        NT: NtSetIoCompletion, IoSetIoCompletion
        """
        try:
            chosen: Any = self._queue.insert((key, apc_context, information, status))
            if chosen is not None:
                chosen.ring()
        except BaseException:
            self._settle()
            raise

    def insert_many(self, columns: Columns) -> None:
        """Put packets in, in their order; the port keeps the columns."""
        try:
            chosen: list[Any] = self._queue.insert_run(Run(columns, 0, len(columns[0])))
            for thread in chosen:
                thread.ring()
        except BaseException:
            self._settle()
            raise

    def drain(self) -> Packets | None:
        """Take everything that is queued, without waiting and without working for the port."""
        entries = self._queue.drain()
        return packets_of(entries) if entries else None

    def _settle(self) -> None:
        """An interrupt may have come between queueing and choosing a thread, or between choosing and waking it."""
        chosen: list[Any] = self._queue.settle()
        for thread in chosen:
            thread.ring()

    # --- taking out ---------------------------------------------------------------------------------------------------

    def remove(
        self,
        timeout: float | None = None,
        *,
        alertable: bool = False,
        shape: Callable[[Entry | Run], Any] = packet_of,
    ) -> tuple[int, Any]:
        """Take one packet, waiting `timeout` seconds at most; its place is the caller's until it comes back or waits.

        `shape` makes of it what the caller wants to have, while an interrupt still puts the packet back.

        Returns (STATUS_SUCCESS, packet), or STATUS_TIMEOUT, STATUS_USER_APC (routines were run) or
        STATUS_ABANDONED_WAIT_0 (the port was closed) and None.
        NT: NtRemoveIoCompletion
        """
        thread: Any = self._here.counted
        if thread is None or thread.queue is not self:
            thread = self._bind()
        thread.waits = 0  # one that asks within `blocking()` runs, and one that was interrupted in a wait is out of it
        queue = self._queue
        given = queue.given
        try:
            if timeout is None and not alertable:
                answer = queue.remove(thread)
                status = STATUS_SUCCESS if answer is PACKET else self._wait(thread, answer, 1)
            else:
                status = self._obtain(thread, timeout, alertable, 1)
            if status == STATUS_SUCCESS:
                packet = shape(given[thread][0])
                # Nothing is called from here on: an interrupt comes before, and the packet is put back, or after.
                del given[thread]
                return STATUS_SUCCESS, packet
        except BaseException:
            self._interrupted(thread)
            raise
        if status == STATUS_USER_APC:
            run_apcs(thread)
        return status, None

    def remove_many(
        self,
        count: int,
        timeout: float | None = None,
        *,
        alertable: bool = False,
        shape: Callable[[list[Entry | Run]], Any] = packets_of,
    ) -> tuple[int, Any]:
        """Take up to `count` packets as columns, waiting for the first only; they cost one place.

        Returns as `remove` does; raises InvalidParameter for a count below 1.
        NT: NtRemoveIoCompletionEx
        """
        if count < 1:
            raise error_for(STATUS_INVALID_PARAMETER, f"{count} packets asked for")
        thread: Any = self._here.counted
        if thread is None or thread.queue is not self:
            thread = self._bind()
        thread.waits = 0  # one that asks within `blocking()` runs, and one that was interrupted in a wait is out of it
        queue = self._queue
        given = queue.given
        try:
            if timeout is None and not alertable:
                answer = queue.remove(thread, count=count)
                status = STATUS_SUCCESS if answer is PACKET else self._wait(thread, answer, count)
            else:
                status = self._obtain(thread, timeout, alertable, count)
            if status == STATUS_SUCCESS:
                packets = shape(given[thread])
                del given[thread]  # and nothing is called after that
                return STATUS_SUCCESS, packets
        except BaseException:
            self._interrupted(thread)
            raise
        if status == STATUS_USER_APC:
            run_apcs(thread)
        return status, None

    def _wait(self, thread: Thread, answer: Answer, count: int) -> int:
        """Sleep until there is a packet, by the shortest way, if that was the answer."""
        if answer is not WAIT:
            return STATUS_ABANDONED_WAIT_0
        if self._suspects or self.io.open_network is not None:  # more to see to than the bell
            return self._sleep(thread, None, False, count)
        thread.bell.acquire()
        queue = self._queue
        if thread not in queue.given:
            thread.ring()  # for something else than a packet: look at once what it is
            return self._sleep(thread, None, False, count)
        if count > 1 and queue.entries:
            queue.take_more(thread, count)
        return STATUS_SUCCESS

    def _obtain(self, thread: Thread, timeout: float | None, alertable: bool, count: int) -> int:
        """Ask, and sleep if that is the answer; with STATUS_SUCCESS the packets are in the queue's `given`."""
        if alertable:
            with thread.lock:
                thread.waiter = thread  # a routine that comes from here on rings the bell
        try:
            user_apc = alertable and bool(thread.apcs)
            due = timeout is not None and timeout <= 0
            answer = self._queue.remove(thread, due=due, user_apc=user_apc, count=count)
            if answer is WAIT:
                return self._sleep(thread, timeout, alertable, count)
        finally:
            if alertable:
                thread.waiter = None
        return _STATUSES[answer]

    def _sleep(self, thread: Thread, timeout: float | None, alertable: bool, count: int) -> int:
        queue, clock, suspects = self._queue, self.io.hal.clock, self._suspects
        deadline = None if timeout is None else clock.now() + timeout
        left = _LONGEST_SLEEP if timeout is None else timeout
        while True:
            if suspects:
                self.io.threads.check()
            nap = min(left, _SUSPICIOUS_SLEEP if suspects else _LONGEST_SLEEP)
            rung = self._nap(thread, nap)
            if deadline is not None:  # a simulated clock stands still during a nap
                left = max(deadline - clock.now() if rung else left - nap, 0)
            closed = queue.closed  # looked at first: nobody is given anything after
            if thread not in queue.given:
                if closed:
                    return STATUS_ABANDONED_WAIT_0
                ran = alertable and bool(thread.apcs)
                if (not ran and left) or not queue.give_up(thread):
                    continue
                return STATUS_USER_APC if ran else STATUS_TIMEOUT
            if count > 1 and queue.entries:
                queue.take_more(thread, count)
            return STATUS_SUCCESS

    def _nap(self, thread: Thread, seconds: float) -> bool:
        """Sleep until the bell rings; who sleeps sees to the network meanwhile, and nobody has to be woken for it."""
        network = self.io.open_network
        return self.io.hal.nap(thread.bell, seconds) if network is None else network.sleep(thread, seconds)

    def _interrupted(self, thread: Thread) -> None:
        with PutOff():
            self._queue.interrupted(thread)
            self._settle()

    # --- threads ------------------------------------------------------------------------------------------------------

    def _bind(self) -> Thread:
        """Have the calling thread work for this port from now on."""
        with PutOff():
            former: Any = self._here.counted
            if former is not None and former.queue is not None:
                former.queue.leave(former)
            thread = self.io.threads.current()
            thread.work_for(self)
            self._here.counted = thread
        return thread

    def wait_started(self, thread: Thread) -> None:
        """A thread of this port begins to wait for something else: its place is free.

        NT: KiActivateWaiterQueue
        """
        try:
            chosen: Any = self._queue.wait_started(thread)
            if chosen is not None:
                chosen.ring()
        except BaseException:
            self._settle()
            raise

    def wait_ended(self, thread: Thread) -> None:
        """That wait is over: the thread runs again, even if it is one too many."""
        self._queue.wait_ended(thread)

    def leave(self, thread: Thread) -> None:
        """A thread ends, or works for another port from now on.

        NT: KeRundownQueue's counterpart in a thread's end
        """
        thread.work_for(None)
        chosen: list[Any] = self._queue.leave(thread)
        for one in chosen:
            one.ring()

    def look_again(self) -> None:
        """A thread may have ended unnoticed: have the last waiter look for that from time to time."""
        waiters: Any = self._queue.snapshot().waiters
        if waiters:
            waiters[-1].ring()

    # --- devices ------------------------------------------------------------------------------------------------------

    def associate(self, file_object: FileObject, key: int) -> None:
        """Have the operations of a file complete to this port, with `key` in their packets, as long as it is open.

        Raises InvalidParameter for a synchronous file, and for one that has a port.
        NT: NtSetInformationFile (FileCompletionInformation)
        """
        if file_object.flags & FO_SYNCHRONOUS_IO:
            raise error_for(STATUS_INVALID_PARAMETER, "calls of the file wait: open it with overlapped=True")
        with self.io.irps.lock:
            if file_object.completion_context is not None:
                raise error_for(STATUS_INVALID_PARAMETER, "the file belongs to a port as long as it is open")
            file_object.completion_context = CompletionContext(self, key)
            self._devices[file_object] = key

    def forget(self, file_object: FileObject) -> None:
        """A file is closed, or goes to another port."""
        self._devices.pop(file_object, None)

    def devices(self) -> list[tuple[FileObject, int]]:
        """The open files that belong to the port, with their keys."""
        with self.io.irps.lock:
            found = list(self._devices.items())
        return found

    def close(self) -> None:
        """Discard what is queued and send every waiting thread away with STATUS_ABANDONED_WAIT_0. Idempotent.

        Files keep the port as something that takes their packets and throws them away.
        NT: KeRundownQueue
        """
        with PutOff():  # else waiters could stay asleep
            self.closed = True
            waiters: list[Any] = self._queue.close()[0]
            for thread in waiters:
                thread.ring()
