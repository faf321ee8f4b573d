"""Completion packets: one as a tuple, many as columns.

A port keeps a single packet as a plain tuple, and packets that came together as columns, which are cut and joined by
slices: what is posted as arrays is taken as arrays, and nothing is done packet by packet.

Some objects have to know when their packet is taken, whoever takes it: those are a `PacketOwner`, and are told while
the packet is made what the taker gets.

Rows: R36, R37
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...kernel.queue_object import Run
from ...status import error_for, nt_success


class Packet(NamedTuple):
    """What became of one operation, or what somebody posted.

    `key` is the association's (or the post's), `overlapped` the operation's own object, `bytes` how many were moved,
    `status` an NTSTATUS.
    NT: FILE_IO_COMPLETION_INFORMATION
    """

    key: int
    overlapped: Any
    bytes: int
    status: int

    @property
    def ok(self) -> bool:
        """Whether the operation succeeded."""
        return nt_success(self.status)

    def raise_for_status(self) -> Packet:
        """Raise the NtError of an operation that failed; returns the packet itself otherwise."""
        if not self.ok:
            raise error_for(self.status, f"the operation of key {self.key} failed")
        return self


class PacketOwner:
    """An object for packets that is told when one with it is taken; once more if an interrupt put that one back."""

    __slots__ = ()

    def taken(self) -> None:
        """A packet with this object was taken from a port."""
        raise NotImplementedError


_make = tuple.__new__  # a third of what `Packet(...)` takes

#: A packet as the queue keeps it: the fields of `Packet`, in their order.
Entry = tuple[int, Any, int, int]


#: Packets as the queue keeps them together: the fields of `Packet`; None for objects that are all None, statuses all 0.
Columns = tuple[npt.NDArray[np.uint64], list[Any] | None, npt.NDArray[np.uint64], npt.NDArray[np.uint32] | None]


class Packets(Sequence[Packet]):
    """Packets as columns: `key` uint64[n], `overlapped` a list of n, `bytes` uint64[n], `status` uint32[n].

    Iterating yields each as a `Packet`; a slice is columns again.
    NT: OVERLAPPED_ENTRY[]
    """

    __slots__ = ("_overlapped", "_status", "bytes", "key")

    def __init__(
        self,
        key: npt.NDArray[np.uint64],
        overlapped: list[Any] | None,
        bytes: npt.NDArray[np.uint64],
        status: npt.NDArray[np.uint32] | None,
    ) -> None:
        self.key = key
        self.bytes = bytes
        self._overlapped = overlapped
        self._status = status

    @property
    def overlapped(self) -> list[Any]:
        """The object of each."""
        if self._overlapped is None:
            self._overlapped = [None] * len(self.key)
        return self._overlapped

    @property
    def status(self) -> npt.NDArray[np.uint32]:
        """The NTSTATUS of each."""
        if self._status is None:
            self._status = np.zeros(len(self.key), np.uint32)
        return self._status

    def __len__(self) -> int:
        return len(self.key)

    def __iter__(self) -> Iterator[Packet]:
        return map(Packet, self.key.tolist(), self.overlapped, self.bytes.tolist(), self.status.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Packets(self.key[index], self.overlapped[index], self.bytes[index], self.status[index])
        return Packet(int(self.key[index]), self.overlapped[index], int(self.bytes[index]), int(self.status[index]))

    @property
    def ok(self) -> bool:
        """Whether every operation succeeded."""
        return self._status is None or not len(self) or nt_success(int(self._status.max()))

    def __repr__(self) -> str:
        return f"<{len(self)} packets>"


def packet_of(entry: Entry | Run) -> Packet:
    """One packet of the queue, as it is handed out."""
    if type(entry) is tuple:
        if entry[1] is not None and isinstance(entry[1], PacketOwner):
            entry[1].taken()
        return _make(Packet, entry)
    assert isinstance(entry, Run)
    packet: Packet = Packets(*entry.content)[entry.start]
    return packet


def packets_of(entries: list[Entry | Run]) -> Packets:
    """What was taken from the queue, in its order, as columns; views of what was posted where that is one piece."""
    first = entries[0]
    if type(first) is Run:
        if len(entries) == 1:
            key, overlapped, moved, status = first.content
            if first.stop - first.start == len(key):
                return Packets(key, overlapped, moved, status)
            return _rows(first, first.stop)
        second = entries[1]
        # A waiter is given one packet, and then takes what follows: often the rest of the same run.
        follows = isinstance(second, Run) and second.content is first.content and second.start == first.stop
        if follows and len(entries) == 2:
            return _rows(first, second.stop)  # type: ignore[union-attr]
    return _concatenated(entries)


def _rows(run: Run, stop: int) -> Packets:
    content, start = run.content, run.start
    key, overlapped, moved, status = content
    if start == 0 and stop == len(key):
        return Packets(key, overlapped, moved, status)
    return Packets(
        key[start:stop],
        None if overlapped is None else overlapped[start:stop],
        moved[start:stop],
        None if status is None else status[start:stop],
    )


def _columns(entries: list[Entry]) -> Packets:
    keys, overlapped, moved, statuses = zip(*entries, strict=True)
    for one in overlapped:
        if isinstance(one, PacketOwner):
            one.taken()
    return Packets(
        np.array(keys, np.uint64), list(overlapped), np.array(moved, np.uint64), np.array(statuses, np.uint32)
    )


def _concatenated(entries: list[Entry | Run]) -> Packets:
    """Packets of several origins; those that came alone are put together as long as they follow each other."""
    pieces: list[Packets] = []
    singles: list[Entry] = []
    for entry in entries:
        if not isinstance(entry, Run):
            singles.append(entry)
            continue
        if singles:
            pieces.append(_columns(singles))
            singles = []
        pieces.append(_rows(entry, entry.stop))
    if singles:
        pieces.append(_columns(singles))
    if len(pieces) == 1:
        return pieces[0]
    bare = all(piece._overlapped is None for piece in pieces)
    fine = all(piece._status is None for piece in pieces)
    return Packets(
        np.concatenate([piece.key for piece in pieces]),
        None if bare else list(chain.from_iterable(piece.overlapped for piece in pieces)),
        np.concatenate([piece.bytes for piece in pieces]),
        None if fine else np.concatenate([piece.status for piece in pieces]),
    )
