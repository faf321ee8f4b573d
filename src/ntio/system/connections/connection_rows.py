"""Places for connections that come and go: which are taken, by whom, and by how many before.

A connection has a place in the arrays of its group for as long as it is there; then the place is another's. What is
still on its way for the first must not be taken for the second's: packets in the port's queue, columns that a thread
has in hand, answers that were put off. So who is at a place is a *row*, a number of 64 bits:

    low 32 bits    the place                 high bits    how many connections had it before

The first connection of a place has the place's own number; a group whose connections stay never sees another.

Rows: R34, R36
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ...hal.host_sockets import HostSocket
from ...status import STATUS_INVALID_PARAMETER, QueueFull, error_for
from .sockets import Socket

#: The bits of a row that are the place; one more in the others for each connection.
PLACE = 0xFFFF_FFFF
_NEXT = 1 << 32
_LARGEST = (1 << 63) - 1
#: Who is at a place that nobody has; it names no place.
_NOBODY = PLACE


class ConnectionRows:
    """`count` places; whoever calls what changes them holds a lock."""

    def __init__(self, count: int) -> None:
        #: Who is at each place, uint64[count].
        self.rows: npt.NDArray[np.uint64] = np.full(count, _NOBODY, np.uint64)
        #: Whether some place is empty, or has changed hands: then a number may be that of one who has gone.
        self.moved = True
        self._connections: list[tuple[Socket, HostSocket] | None] = [None] * count
        self._following = list(range(count))
        self._free = list(range(count - 1, -1, -1))  # the last to be given back is the first to be taken

    def __len__(self) -> int:
        return int(np.count_nonzero(self.rows != _NOBODY))

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows[self.rows != _NOBODY].tolist())

    def __contains__(self, row: object) -> bool:
        try:
            place = int(row) & PLACE  # type: ignore[call-overload]
        except (TypeError, ValueError):
            return False
        return place < len(self.rows) and int(self.rows[place]) == row

    def hosts(self) -> list[HostSocket]:
        """The host's sockets of all who are there."""
        return [one[1] for one in self._connections if one is not None]

    def place_of(self, host: HostSocket) -> int:
        """Where a socket is, -1 if it is not."""
        return next((place for place, one in enumerate(self._connections) if one is not None and one[1] is host), -1)

    def check_room(self) -> None:
        """Raise QueueFull if no place is free."""
        if not self._free:
            raise QueueFull(f"the group has {len(self.rows)} rows, all taken: remove one first, or make it with more")

    def take(self, socket: Socket, host: HostSocket) -> int:
        """Give a connection a free place; returns its row."""
        place = self._free.pop()
        self._connections[place] = socket, host
        row = self._following[place]
        self.rows[place] = row
        if not self._free and row == place and not np.count_nonzero(self.rows >= _NEXT):
            self.moved = False
        return row

    def leave(self, row: int) -> tuple[int, Socket, HostSocket]:
        """Nobody is at a row's place any more, nor gets it yet: place and connection; raises InvalidParameter."""
        if row not in self:
            raise error_for(STATUS_INVALID_PARAMETER, f"row {row} has no connection: it was removed before?")
        self.moved = True
        place = int(row) & PLACE
        self.rows[place] = _NOBODY
        self._following[place] = (int(row) + _NEXT) & _LARGEST
        socket, host = self._connections[place] or (None, None)
        assert socket is not None and host is not None
        return place, socket, host

    def give_back(self, place: int) -> None:
        """The place can be taken again."""
        self._connections[place] = None
        self._free.append(place)

    def select(self, rows: Any, lengths: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any]]:
        """The places of those rows (None: of all) who are still there, and their lengths; raises IndexError."""
        if rows is None:
            return np.flatnonzero(self.rows != _NOBODY), lengths
        given = np.asarray(rows)
        # By way of unsigned numbers, so that no row counts from the end.
        places = given.astype(np.uint32).astype(np.intp)
        if self.moved:
            there = self.rows[places] == given.astype(np.uint64)
            if np.count_nonzero(there) < len(places):
                return places[there], lengths[there] if lengths.ndim else lengths
        return places, lengths
