"""Which memory is part of a request in flight, so that no two requests get in each other's way.

A pinned buffer is held by a view of it: resizing or closing a bytearray, array or mmap then raises, in Python itself.
What Python cannot see is two requests on the same bytes, and that is what the table is for: bytes the host writes INTO
may not be part of any other request; bytes it only reads FROM may be part of several.

The pins are kept as two lists sorted by address. Those written into never overlap, so their neighbours decide; those
read from may, so the search goes back by the longest of them. A pin that is alone is in no list and its address is
not even asked for: that is 1 of its 2.4 microseconds, and one request at a time is the common case.

Rows: R33
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from typing import Any

import numpy as np
import numpy.typing as npt

from ..status import BufferInUse, InvalidParameter
from .operations import address_of

_EMPTY = np.empty(0, np.uint8)
#: Buffers that are bytes in one piece, whichever they are.
_OF_BYTES = frozenset({bytes, bytearray})


class Pin:
    """Memory of one request: kept alive, kept in place, and nobody else's until `release`."""

    __slots__ = ("_memory", "_table", "writing")

    def __init__(self, table: PinTable, memory: npt.NDArray[np.uint8] | memoryview, writing: bool) -> None:
        self._table: PinTable | None = table
        self._memory = memory
        self.writing = writing

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """The pinned bytes, uint8[n]."""
        memory = self._memory
        if isinstance(memory, memoryview):
            return np.frombuffer(memory, np.uint8) if len(memory) else _EMPTY
        return memory

    @property
    def nbytes(self) -> int:
        """How many bytes are pinned."""
        return self._memory.nbytes

    def span(self) -> tuple[int, int, int]:
        """First and end address, and which pin."""
        start = address_of(self.array)
        return start, start + self.nbytes, id(self)

    def release(self) -> None:
        """Let the memory go; more than once does no harm. `array` is empty afterwards."""
        table = self._table
        if table is not None:
            table.remove(self)

    def __enter__(self) -> Pin:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class PinTable:
    """The buffers in flight of one System; `lock` is the HAL's."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._alone: Pin | None = None
        self._into = _Spans()
        self._from = _Spans()

    def __len__(self) -> int:
        return (self._alone is not None) + len(self._into.spans) + len(self._from.spans)

    def pin(self, buffer: Any, writing: bool) -> Pin:
        """Pin a buffer; `writing`: the host will write into it.

        Any C-contiguous object with the buffer protocol: uint8[n] in `.array`, the same bytes. Raises InvalidParameter
        for one that is read-only though it is to be written into, is not contiguous or holds no plain bytes, and
        BufferInUse for bytes that are part of a request in flight.
        """
        return self._pinned(Pin(self, _bytes_of(buffer, writing), writing))

    def keep(self, view: memoryview, writing: bool) -> Pin:
        """Pin what `lend` has given; raises BufferInUse."""
        return self._pinned(Pin(self, view, writing))

    def _pinned(self, pin: Pin) -> Pin:
        if pin.nbytes:
            with self._lock:
                if self._alone is None and not self._into.spans and not self._from.spans:
                    self._alone = pin
                else:
                    self._add(pin)
        return pin

    def lend(self, buffer: Any, writing: bool) -> memoryview:
        """The bytes of a buffer for a call that does not wait, and so needs no pin; raises what `pin` raises."""
        view: Any = memoryview(buffer) if type(buffer) in _OF_BYTES else buffer
        if type(view) is not memoryview or not _is_plain(view, writing):
            view = _bytes_of(buffer, writing).data
        if (self._alone is not None or self._into.spans or self._from.spans) and len(view):
            array = np.frombuffer(view, np.uint8)
            start = address_of(array)
            with self._lock:
                self._sort_alone()
                self._refuse((start, start + array.nbytes, 0), writing)
        return view  # type: ignore[no-any-return]

    def in_use(self, array: npt.NDArray[np.uint8]) -> bool:
        """Whether a request in flight uses any of these bytes."""
        start = address_of(array)
        span = start, start + array.nbytes, 0
        with self._lock:
            if self._alone is not None:
                low, high, _ = self._alone.span()
                return low < span[1] and start < high
            return self._into.overlaps(span) or self._from.overlaps(span)

    def _add(self, pin: Pin) -> None:
        self._sort_alone()
        span = pin.span()
        self._refuse(span, pin.writing)
        self._spans(pin).add(span)

    def _sort_alone(self) -> None:
        alone, self._alone = self._alone, None
        if alone is not None:
            self._spans(alone).add(alone.span())

    def _refuse(self, span: tuple[int, int, int], writing: bool) -> None:
        if self._into.overlaps(span) or (writing and self._from.overlaps(span)):
            raise BufferInUse("these bytes are already part of a request in flight: wait for it first")

    def _spans(self, pin: Pin) -> _Spans:
        return self._into if pin.writing else self._from

    def remove(self, pin: Pin) -> None:
        """Forget a pin; once."""
        with self._lock:
            if pin._table is None:
                return
            pin._table = None
            if pin is self._alone:
                self._alone = None
            elif pin.nbytes:
                self._spans(pin).remove(pin.span())
        pin._memory = _EMPTY


class _Spans:
    """Stretches of memory sorted by address."""

    __slots__ = ("longest", "spans")

    def __init__(self) -> None:
        self.spans: list[tuple[int, int, int]] = []
        self.longest = 0

    def overlaps(self, span: tuple[int, int, int]) -> bool:
        """Whether any stretch shares a byte with this one."""
        start, end, _ = span
        for index in range(bisect_left(self.spans, (end,)) - 1, -1, -1):
            low, high, _ = self.spans[index]
            if high > start:
                return True
            if low + self.longest <= start:
                return False
        return False

    def add(self, span: tuple[int, int, int]) -> None:
        """Take one more."""
        insort(self.spans, span)
        self.longest = max(self.longest, span[1] - span[0])

    def remove(self, span: tuple[int, int, int]) -> None:
        """Take one out."""
        del self.spans[bisect_left(self.spans, span)]
        if not self.spans:
            self.longest = 0


def _is_plain(view: memoryview, writing: bool) -> bool:
    return view.format == "B" and view.ndim == 1 and view.c_contiguous and not (writing and view.readonly)


def _bytes_of(buffer: Any, writing: bool) -> npt.NDArray[np.uint8]:
    """The same memory as uint8[n]."""
    try:
        if isinstance(buffer, np.ndarray):
            array, readonly = _bytes_of_array(buffer), not buffer.flags.writeable
        else:
            view = memoryview(buffer)
            readonly = view.readonly
            if not view.c_contiguous:
                raise InvalidParameter("the buffer is not contiguous: hand out a copy, or memory in one piece")
            array = np.frombuffer(view, np.uint8) if view.nbytes else _EMPTY
    except TypeError as error:
        raise InvalidParameter(f"this is no buffer of plain bytes: {error}") from None
    if writing and readonly:
        raise InvalidParameter("the buffer is read-only, and the request would write into it")
    return array


def _bytes_of_array(buffer: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if not buffer.flags.c_contiguous:
        raise InvalidParameter("the array is not C-contiguous: hand out numpy.ascontiguousarray of it")
    if buffer.dtype == np.uint8 and buffer.ndim == 1:
        return buffer.view()
    return buffer.reshape(-1).view(np.uint8)
