"""Where the threads of ports wait for the host: the network of one System, and the rings they sleep in.

A driver opens host sockets here and says what is to be called when there is news of one. A ring is a queue of the HAL
whose results end in packets. News and results are asked for by one thread at a time:

    a thread that waits at a completion port     whenever there is one: what arrives is then worked on where it was
                                                 seen, and no other thread has to be woken for it
    a thread of the network's own                otherwise; while others ask, it only looks round now and then

Ctrl-C may come when the main thread has news in hand that nobody hears of again; so it tries everything once before it
goes. While it works on news Ctrl-C is put off: they may be the ends of requests that it has nothing to do with.

So a program of one thread needs no hand-over, which costs more than the receiving itself; and a request that some
thread waits for in another way is not forgotten when the threads of the port are all busy.

Where it sleeps:

    in the newest ring       submitting, waiting and reaping are one call of the host. The set of sockets is watched by
                             a poll in that ring, and so are the other rings, by their event files in the set
    in the set of sockets    where there is no ring, or none that can watch a descriptor (`hal/threads`)

What that gains is measured in `hal/sleeping`. Rows: R26, R30, R34
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..bugcheck import BugCheck
from ..hal.host_sockets import HostSocket
from ..hal.machine import RealClock
from ..hal.operation_queue import OperationQueue
from ..hal.put_off import PutOff
from ..hal.readiness import READABLE, WRITABLE, ReadySet
from ..hal.sleeping import SleepingPlace
from ..kernel.thread import Thread
from ..status import RingClosed, RingLostInFork

if TYPE_CHECKING:
    from .manager import IoManager

#: Called with READABLE, WRITABLE or both; False says that nobody had waited for that.
NewsRoutine = Callable[[int], "bool | None"]

#: How long the network's own thread leaves the asking to others before it looks whether they still do, in seconds.
_PATIENCE: Final = 0.02
#: After news that nobody had waited for it stays away a little, twice as long each time, at most so many seconds: what
#: busy threads find without waiting is news all the same, and hearing of it takes the interpreter from them.
_SHORTEST_NAP, _LONGEST_NAP = 0.0001, 0.001
#: Longer than this the network's own thread does not sleep, in seconds.
_LONGEST_SLEEP: Final = 1e6
_RING_ENTRIES: Final = 256


class Network:
    """The sockets of a System that are watched, the rings of its ports, and the asking for news of them."""

    def __init__(self, io: IoManager) -> None:
        self._io = io
        self._set = ReadySet()
        self._routines: dict[int, NewsRoutine] = {}
        #: Sockets that somebody else receives and sends on, and what to call before one is closed.
        self._paused: dict[HostSocket, Callable[[], None]] = {}
        self._turn = io.hal.new_lock()
        self._lock = io.hal.new_lock()
        self._sleepers: list[Thread] = []
        #: A port's thread that waits for the host at this moment.
        self.asking: Thread | None = None
        self._asked = 0  # how often port's threads have asked
        #: Called by a port's thread that is about to sleep: what was put off is to be done now.
        self.before_sleep: list[Callable[[], None]] = []
        self._places: list[SleepingPlace] = []
        self._event_files: dict[SleepingPlace, int] = {}  # of rings the set watches
        self._inside: SleepingPlace | None = None  # where one sleeps; None: in the set
        self._ring: OperationQueue | None = None
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

    def pause(self, host: HostSocket, closing: Callable[[], None]) -> bool:
        """Watch a socket no more until `resume`: somebody else receives and sends on it, and no other does; says so.

        `closing` is called before the socket is closed, if it is meanwhile.
        """
        if self._paused.setdefault(host, closing) is not closing:
            return False
        self._set.discard(host.descriptor)
        return True

    def resume(self, host: HostSocket) -> None:
        """Watch a socket again; what has come meanwhile is news."""
        if self._paused.pop(host, None) is not None and host.descriptor in self._routines:
            self._set.add(host.descriptor)

    def close_socket(self, host: HostSocket) -> None:
        """Close a host socket; no news of it come any more, but for those on their way."""
        closing = self._paused.pop(host, None)
        if closing is not None:
            closing()
        self._set.discard(host.descriptor)
        self._routines.pop(host.descriptor, None)
        self._io.host_descriptors.discard(host.descriptor)
        host.close()

    # --- rings --------------------------------------------------------------------------------------------------------

    def ring(self) -> OperationQueue | None:
        """The queue for requests whose results end in packets, made when first wanted; None on a simulated machine.

        Time passes there while a queue is waited for, which a port's thread must not do: its own wait has a limit.
        """
        if self._ring is None and isinstance(self._io.hal.clock, RealClock):
            with self._lock:
                if self._ring is None:
                    self._ring = ring = self._io.hal.new_queue(_RING_ENTRIES)
                    self._places.insert(0, SleepingPlace(ring))
            self._arrange()
        return self._ring

    def add_ring(self, place: SleepingPlace) -> None:
        """Have threads of ports sleep in a queue from now on, or at least hear of its results."""
        with self._lock:
            self._places.append(place)
        self._arrange()

    def remove_ring(self, place: SleepingPlace) -> None:
        """Undo `add_ring`; before the queue is closed."""
        with self._lock:
            self._places.remove(place)
            self._unwatch(place)
        self._arrange()

    def _arrange(self) -> None:
        """The newest ring is slept in, if it can watch the set of sockets; the set watches the others."""
        with self._lock:
            before = self._inside
            newest = self._places[-1] if self._places else None
            self._inside = newest if newest is not None and newest.queue.engine.watches else None
            for place in self._places:
                if place is self._inside:
                    self._unwatch(place)
                    place.watch(self._set.descriptor)
                else:
                    self._watch(place)
        self._bring_back(before)  # whoever sleeps now does so where it was right before

    def _watch(self, place: SleepingPlace) -> None:
        place.watch(-1)
        if place not in self._event_files:
            self._event_files[place] = event_file = place.queue.event_file()
            self._routines[event_file] = lambda _: place.look()
            self._set.add(event_file)

    def _unwatch(self, place: SleepingPlace) -> None:
        place.watch(-1)
        event_file = self._event_files.pop(place, -1)
        if event_file >= 0:
            del self._routines[event_file]
            self._set.discard(event_file)

    def _bring_back(self, place: SleepingPlace | None) -> None:
        """Wake whoever sleeps in a ring, or in the set."""
        if place is not None:
            place.wake()
        else:
            self._set.wake()

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

    def _handle(self, news: list[tuple[int, int]]) -> bool:
        """Tell whom it concerns; false for news that nobody had waited for."""
        routines, wanted = self._routines, not news
        for descriptor, what in news:
            routine = routines.get(descriptor)
            if routine is not None:
                try:
                    wanted = routine(what) is not False or wanted
                except (BugCheck, RingClosed, RingLostInFork):
                    pass  # latched, or closed meanwhile; others have to be served
        return wanted

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
        if self._ring is not None:
            self._ring.close()
        self._set.close()
