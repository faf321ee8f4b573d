"""What is watched on behalf of a System: its host sockets, and the rings whose results end in packets.

A driver opens host sockets here and says what is to be called when there is news of one. A ring is a queue of the HAL.
Threads that wait for any of this sleep in one place, so that they hear of everything:

    in the newest ring       submitting, waiting and reaping are one call of the host. The set of sockets is watched by
                             a poll in that ring, and so are the other rings, by their event files in the set
    in the set of sockets    where there is no ring, or none that can watch a descriptor (`hal/threads`)

What that gains is measured in `hal/sleeping`; who sleeps, and when, is in `network`. Rows: R26, R30, R34
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..bugcheck import BugCheck
from ..hal.host_sockets import HostSocket
from ..hal.machine import RealClock
from ..hal.operation_queue import OperationQueue
from ..hal.readiness import ReadySet
from ..hal.sleeping import SleepingPlace
from ..status import RingClosed, RingLostInFork

if TYPE_CHECKING:
    from .manager import IoManager

#: Called with READABLE, WRITABLE or both; False says that nobody had waited for that.
NewsRoutine = Callable[[int], "bool | None"]

_RING_ENTRIES: Final = 256


class Watched:
    """The sockets and rings of a System, and whom news of them concern."""

    def __init__(self, io: IoManager) -> None:
        self._io = io
        self._set = ReadySet()
        self._routines: dict[int, NewsRoutine] = {}
        #: Sockets that somebody else receives and sends on, and what to call before one is closed.
        self._paused: dict[HostSocket, Callable[[], None]] = {}
        self._lock = io.hal.new_lock()
        self._places: list[SleepingPlace] = []
        self._event_files: dict[SleepingPlace, int] = {}  # of rings the set watches
        self._inside: SleepingPlace | None = None  # where one sleeps; None: in the set
        self._ring: OperationQueue | None = None

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

    # --- news ---------------------------------------------------------------------------------------------------------

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

    def close(self) -> None:
        """Give the ring and the set back; every socket is closed already."""
        if self._ring is not None:
            self._ring.close()
        self._set.close()
