"""Where the threads of ports wait for the host: the network of one System.

News of what is `watched`, sockets and rings, are asked for by one thread at a time:

    a thread that waits at a completion port     whenever there is one: what arrives is then worked on where it was
                                                 seen, and no other thread has to be woken for it
    a thread of the network's own                otherwise; while others ask, it only looks round now and then

So a program of one thread needs no hand-over, which costs more than the receiving itself; and a request that some
thread waits for in another way is not forgotten when the threads of the port are all busy.

Ctrl-C may come when the main thread has news in hand that nobody hears of again; so it tries everything once before it
goes. While it works on news Ctrl-C is put off: they may be the ends of requests that it has nothing to do with.

Rows: R26, R30, R34
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..bugcheck import BugCheck
from ..hal.put_off import PutOff
from ..hal.readiness import READABLE, WRITABLE
from ..hal.sleeping import SleepingPlace
from ..kernel.thread import Thread
from ..status import RingClosed, RingLostInFork
from .watched import Watched

if TYPE_CHECKING:
    from .manager import IoManager

#: How long the network's own thread leaves the asking to others before it looks whether they still do, in seconds.
_PATIENCE: Final = 0.02
#: After news that nobody had waited for it stays away a little, twice as long each time, at most so many seconds: what
#: busy threads find without waiting is news all the same, and hearing of it takes the interpreter from them.
_SHORTEST_NAP, _LONGEST_NAP = 0.0001, 0.001
#: Longer than this the network's own thread does not sleep, in seconds.
_LONGEST_SLEEP: Final = 1e6


class Network(Watched):
    """The sockets and rings of a System, and the asking for news of them."""

    def __init__(self, io: IoManager) -> None:
        super().__init__(io)
        self._turn = io.hal.new_lock()
        self._sleepers: list[Thread] = []
        #: A port's thread that waits for the host at this moment.
        self.asking: Thread | None = None
        self._asked = 0  # how often port's threads have asked
        #: Called by a port's thread that is about to sleep: what was put off is to be done now.
        self.before_sleep: list[Callable[[], None]] = []
        self._closing = False
        self._pause = io.hal.new_lock()
        self._pause.acquire()
        self._thread = io.hal.spawn(self._serve, "ntio network")

    # --- asking -------------------------------------------------------------------------------------------------------

    def sleep(self, thread: Thread, timeout: float) -> bool:
        """Sleep until a thread's bell is rung, or `timeout` seconds have passed; ask for news meanwhile if nobody does.

        It may return early; false says that the time has passed.
        """
        for routine in self.before_sleep:
            routine()
        turns: list[bool] = []
        try:
            if not self._take_turn(turns):
                return self._sleep_beside(thread, timeout)
            return self._ask(thread, timeout)
        except BaseException:
            with PutOff():  # perhaps with news in hand
                self._handle([(one, READABLE | WRITABLE) for one in list(self._routines)])
            raise
        finally:
            if turns and turns[-1]:  # nothing is called before it is given back
                thread.waker = self.asking = None
                self._turn.release()
                self._hand_on(thread)

    def _sleep_beside(self, thread: Thread, timeout: float) -> bool:
        try:
            with self._lock:
                self._sleepers.append(thread)
            return self._io.hal.nap(thread.bell, timeout)
        finally:
            with self._lock:
                if thread in self._sleepers:
                    self._sleepers.remove(thread)

    def _ask(self, thread: Thread, timeout: float) -> bool:
        self.asking = thread
        self._asked += 1
        place = self._inside
        if place is None:
            return self._sleep_in_set(thread, timeout)
        return self._sleep_in(place, thread, timeout)

    def _sleep_in(self, place: SleepingPlace, thread: Thread, timeout: float) -> bool:
        thread.waker = place.wake
        if thread.bell.acquire(blocking=False):
            return True
        inside = False
        try:
            inside = place.enter(timeout)
            thread.waker = None  # what the results bring is seen without it
            self._tell(place)
        except (RingClosed, RingLostInFork):
            pass
        finally:
            place.leave()
        thread.bell.acquire(timeout=0 if inside else min(timeout, _PATIENCE))
        return True

    def _tell(self, place: SleepingPlace) -> bool:
        """Tell what has come; whether anybody may have waited for it."""
        try:
            place.leave()
        except BugCheck:
            pass  # latched; others have to be served
        if not place.seen:
            return True
        with PutOff():
            return self._handle(self._set.wait(0) or [])

    def _sleep_in_set(self, thread: Thread, timeout: float) -> bool:
        thread.waker = self._set.wake
        rung = thread.bell.acquire(blocking=False)
        news = [] if rung else self._set.wait(timeout)
        thread.waker = None  # what the news bring is seen without it
        if news:
            with PutOff():
                self._handle(news)
        return thread.bell.acquire(blocking=False) or rung or news is not None

    def _take_turn(self, turns: list[bool]) -> bool:
        """Whether this thread asks now; `turns` knows it before anything can interrupt."""
        turns.extend(map(self._turn.acquire, (False,)))
        if turns[-1] or self.asking is not None:
            return turns[-1]
        self._asked += 1  # the network's own thread is asking
        self._bring_back(self._inside)
        turns.extend(map(self._turn.acquire, (True,), (_PATIENCE,)))
        return turns[-1]

    def _hand_on(self, thread: Thread) -> None:
        """Of the port's threads that sleep, one is to ask now."""
        with self._lock:
            following = self._sleepers[-1] if self._sleepers else None
        if following is not None and following is not thread:
            following.ring()

    # --- the network's own thread -------------------------------------------------------------------------------------

    def _serve(self) -> None:
        seen, nap = -1, 0.0
        while not self._closing:
            if seen != self._asked:
                seen = self._asked
                self._pause.acquire(timeout=_PATIENCE)
                continue
            with self._turn:
                wanted = self._wait()
            nap = 0.0 if wanted else min(max(2 * nap, _SHORTEST_NAP), _LONGEST_NAP)
            if nap:
                self._pause.acquire(timeout=nap)

    def _wait(self) -> bool:
        """Sleep until there is anything, or somebody else wants to; false for news that nobody had waited for."""
        place = self._inside
        if place is None:
            return self._handle(self._set.wait(None) or [])
        try:
            if not place.enter(_LONGEST_SLEEP):
                self._pause.acquire(timeout=_PATIENCE)
            return self._tell(place)
        except RingClosed:
            return True

    def close(self) -> None:
        """End the asking; every socket is closed already."""
        self._closing = True
        self._bring_back(self._inside)
        self._pause.release()
        self._thread.join()
        super().close()
