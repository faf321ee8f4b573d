"""The network of one System: its open sockets, and whoever waits until one of them has something new.

A driver opens host sockets here and says what is to be called when there is news of one. News are asked for by one
thread at a time:

    a thread that waits at a completion port     whenever there is one: what arrives is then worked on where it was
                                                 seen, and no other thread has to be woken for it
    a thread of the network's own                otherwise; while others ask, it only looks round now and then

So a server of one thread needs no hand-over, which costs more than the receiving itself; and a request that some
thread waits for in another way is not forgotten when the threads of the port are all busy.

Rows: R26, R30, R34
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..bugcheck import BugCheck
from ..hal.host_sockets import HostSocket
from ..hal.readiness import ReadySet
from ..kernel.thread import Thread

if TYPE_CHECKING:
    from .manager import IoManager

#: Called with READABLE, WRITABLE or both.
NewsRoutine = Callable[[int], None]

#: How long the network's own thread leaves the asking to others before it looks whether they still do, in seconds.
_PATIENCE: Final = 0.02


class Network:
    """The sockets of a System that are watched, and the asking for news of them."""

    def __init__(self, io: IoManager) -> None:
        self._io = io
        self._set = ReadySet()
        self._routines: dict[int, NewsRoutine] = {}
        self._turn = io.hal.new_lock()
        self._lock = io.hal.new_lock()
        self._sleepers: list[Thread] = []
        self._asking: Thread | None = None  # a port's thread that waits in the set
        self._asked = 0  # how often port's threads have asked
        #: Called by a port's thread that is about to sleep: what was put off is to be done now.
        self.before_sleep: list[Callable[[], None]] = []
        self._closing = False
        self._pause = io.hal.new_lock()
        self._pause.acquire()
        self._thread = io.hal.spawn(self._serve, "ntio network")

    def open(self, make: Callable[[], HostSocket | int]) -> HostSocket | int:
        """Make a host socket, counted among what drivers hold open; what `make` answers, also minus an errno."""
        made = make()
        if isinstance(made, HostSocket):
            self._io.host_descriptors.add(made.descriptor)
        return made

    def watch(self, host: HostSocket, routine: NewsRoutine) -> None:
        """Have `routine` called whenever there is news of a socket; raises OSError where the host watches no more."""
        self._routines[host.descriptor] = routine
        try:
            self._set.add(host.descriptor)
        except OSError:
            del self._routines[host.descriptor]
            raise

    def pause(self, host: HostSocket) -> None:
        """Watch a socket no more until `resume`: somebody else receives and sends on it."""
        self._set.discard(host.descriptor)

    def resume(self, host: HostSocket) -> None:
        """Watch a socket again; what has come meanwhile is news."""
        if host.descriptor in self._routines:
            self._set.add(host.descriptor)

    def watch_file(self, descriptor: int, routine: NewsRoutine) -> None:
        """Have `routine` called whenever a counter of the host (an eventfd) was counted up."""
        self._routines[descriptor] = routine
        self._set.add(descriptor)

    def forget_file(self, descriptor: int) -> None:
        """Undo `watch_file`."""
        if self._routines.pop(descriptor, None) is not None:
            self._set.discard(descriptor)

    def close_socket(self, host: HostSocket) -> None:
        """Close a host socket; no news of it come any more, but for those on their way."""
        self._set.discard(host.descriptor)
        self._routines.pop(host.descriptor, None)
        self._io.host_descriptors.discard(host.descriptor)
        host.close()

    # --- asking -------------------------------------------------------------------------------------------------------

    def sleep(self, thread: Thread, timeout: float) -> bool:
        """Sleep until a thread's bell is rung, or `timeout` seconds have passed; ask for news meanwhile if nobody does.

        It may return early; false says that the time has passed.
        """
        for routine in self.before_sleep:
            routine()
        if not self._take_turn():
            with self._lock:
                self._sleepers.append(thread)
            try:
                return thread.bell.acquire(timeout=timeout)
            finally:
                with self._lock:
                    self._sleepers.remove(thread)
        news: list[tuple[int, int]] = []
        try:
            self._asking = thread
            self._asked += 1
            thread.waker = self._set.wake
            rung = thread.bell.acquire(blocking=False)
            if not rung:
                news = self._set.wait(timeout)
            thread.waker = None  # what the news bring is seen without it
            self._handle(news)
            return rung or thread.bell.acquire(blocking=False) or bool(news)
        finally:
            thread.waker = self._asking = None
            self._turn.release()
            self._hand_on(thread)

    def _take_turn(self) -> bool:
        if self._turn.acquire(blocking=False):
            return True
        if self._asking is None:  # the network's own thread
            self._asked += 1
            self._set.wake()
            return self._turn.acquire(timeout=_PATIENCE)
        return False

    def _hand_on(self, thread: Thread) -> None:
        """Of the port's threads that sleep, one is to ask now."""
        with self._lock:
            following = self._sleepers[-1] if self._sleepers else None
        if following is not None and following is not thread:
            following.ring()

    def _handle(self, news: list[tuple[int, int]]) -> None:
        routines = self._routines
        for descriptor, what in news:
            routine = routines.get(descriptor)
            if routine is not None:
                try:
                    routine(what)
                except BugCheck:
                    pass  # latched; others have to be served

    def _serve(self) -> None:
        seen = -1
        while not self._closing:
            if seen != self._asked:
                seen = self._asked
                self._pause.acquire(timeout=_PATIENCE)
                continue
            with self._turn:
                self._handle(self._set.wait(None))

    def close(self) -> None:
        """End the asking; every socket is closed already."""
        self._closing = True
        self._set.wake()
        self._pause.release()
        self._thread.join()
        self._set.close()
