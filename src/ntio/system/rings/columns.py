"""From the arguments of a ring's call to columns: which files, where, how much, into what.

Every argument is one value for all requests or one per request. Whatever is wrong is said here, before anything is
started: whose argument, which row, and what would be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...hal.operations import MAXIMUM_TRANSFER, Column
from ...hal.pinning import Pin, PinTable
from ...status import InvalidParameter
from ..transfer_limits import MAXIMUM_OFFSET

#: Above this, `ndarray` shapes and sums would no longer fit signed 64-bit numbers.
_MAXIMUM_TOTAL = (1 << 62) - 1


@dataclass(slots=True)
class Transfer:
    """n reads or writes as columns: where in the file, how much, where in the pinned buffer."""

    count: int
    offset: Column
    length: Column
    position: Column
    pin: Pin
    data: npt.NDArray[np.uint8] | None

    def rows(self, rows: npt.NDArray[np.intp] | slice) -> tuple[Any, Any, Any]:
        """Offset, length and position of some rows, as arrays of uint64, uint32, uint64."""
        everything = np.broadcast_to
        return (
            np.ascontiguousarray(everything(np.asarray(self.offset, np.uint64), self.count)[rows]),
            np.ascontiguousarray(everything(np.asarray(self.length, np.uint32), self.count)[rows]),
            np.ascontiguousarray(everything(np.asarray(self.position, np.uint64), self.count)[rows]),
        )


def plan_read(pins: PinTable, files: int | None, offsets: Any, lengths: Any, out: Any) -> Transfer:
    """Columns of a read; `files` is how many files were given, None for one that serves all requests."""
    offset, length = whole_numbers("offsets", offsets), whole_numbers("lengths", lengths)
    count = _common_count(files=files, offsets=_count(offset), lengths=_count(length))
    _check_ranges(offset, length)
    width = _maximum(length)
    if out is None:
        if count * width > _MAXIMUM_TOTAL:
            raise InvalidParameter(f"{count} requests of {width} bytes are more than memory can hold")
        out = np.zeros((count, width), np.uint8)
    pin = pins.pin(out, writing=True)
    size = len(pin.array)
    stride = size // count if count else width
    if stride < width or (count and size % count):
        pin.release()
        raise InvalidParameter(f"out has {size} bytes: {count} rows of at least {width} bytes each are needed")
    return Transfer(count, offset, length, _positions(count, stride), pin, pin.array.reshape(count, stride))


def plan_write(pins: PinTable, files: int | None, offsets: Any, data: Any, lengths: Any = None) -> Transfer:
    """Columns of a write; `data` is uint8[n, m], one buffer for one request, or a sequence of n buffers."""
    offset = whole_numbers("offsets", offsets)
    if isinstance(data, (list, tuple)):
        if lengths is not None:
            raise InvalidParameter("lengths are those of the buffers when data is a sequence of buffers")
        count = _common_count(files=files, offsets=_count(offset), data=len(data))
        joined, length, position = _join(data)
        _check_ranges(offset, length)
        return Transfer(count, offset, length, position, pins.pin(joined, writing=False), None)
    given = None if lengths is None else whole_numbers("lengths", lengths)
    rows = data.shape[0] if isinstance(data, np.ndarray) and data.ndim > 1 else None
    count = _common_count(files=files, offsets=_count(offset), data=rows, lengths=_count(given))
    pin = pins.pin(data, writing=False)
    try:
        stride = _row_width(len(pin.array), count, given)
        length = stride if given is None else given
        _check_ranges(offset, length)
    except InvalidParameter:
        pin.release()
        raise
    return Transfer(count, offset, length, _positions(count, stride), pin, None)


def _row_width(size: int, count: int, lengths: Column | None) -> int:
    """How many bytes of a buffer of `size` belong to each of `count` rows."""
    width = size // count if count else 0
    if count and (size % count or (lengths is not None and _maximum(lengths) > width)):
        raise InvalidParameter(f"data has {size} bytes: not {count} rows as long as the lengths say")
    return width


def whole_numbers(name: str, values: Any) -> Column:
    """One int, or an array uint64[n]; raises InvalidParameter for anything negative, broken or nested."""
    if isinstance(values, (int, np.integer)):
        if values < 0:
            raise InvalidParameter(f"{name}: {int(values)} is negative")
        return int(values)
    try:
        array = np.asarray(values)
    except ValueError as error:  # a list whose elements are of different lengths
        raise InvalidParameter(f"{name}: one number or a flat array is wanted: {error}") from None
    if array.ndim == 0:
        if array.dtype.kind not in "iu":
            raise InvalidParameter(f"{name}: whole numbers are wanted, not {values!r:.60}")
        return whole_numbers(name, array.item())
    if array.ndim != 1:
        raise InvalidParameter(f"{name}: one number or a flat array is wanted, not {array.ndim} dimensions")
    if not array.size:
        return np.empty(0, np.uint64)
    if array.dtype.kind not in "iu":
        raise InvalidParameter(f"{name}: whole numbers are wanted, not {array.dtype}")
    if array.dtype.kind == "i" and int(array.min()) < 0:
        row = int(np.argmin(array))
        raise InvalidParameter(f"{name}: {int(array[row])} in row {row} is negative")
    return array.astype(np.uint64, copy=False)


def _check_ranges(offset: Column, length: Column) -> None:
    longest = _maximum(length)
    if longest > MAXIMUM_TRANSFER:
        raise InvalidParameter(f"lengths: {longest} bytes in one request, at most {MAXIMUM_TRANSFER} are possible")
    if _maximum(offset) > MAXIMUM_OFFSET - longest:
        raise InvalidParameter(f"offsets: {_maximum(offset)} + {longest} bytes is beyond 2**63 - 1, where files end")


def _count(column: Column | None) -> int | None:
    return None if column is None or isinstance(column, int) else len(column)


def _common_count(**counts: int | None) -> int:
    given = {name: count for name, count in counts.items() if count is not None}
    if len(set(given.values())) > 1:
        shown = ", ".join(f"{count} {name}" for name, count in given.items())
        raise InvalidParameter(f"one value or one per request is wanted, but these differ: {shown}")
    return next(iter(given.values()), 1)


def _maximum(column: Column) -> int:
    if isinstance(column, int):
        return column
    return int(column.max()) if len(column) else 0


def _positions(count: int, stride: int) -> Column:
    return 0 if count <= 1 else np.arange(count, dtype=np.uint64) * np.uint64(stride)


def _join(buffers: Sequence[Any]) -> tuple[npt.NDArray[np.uint8], Column, Column]:
    views = [_view(row, buffer) for row, buffer in enumerate(buffers)]
    length = np.fromiter((len(view) for view in views), np.uint64, len(views))
    position = np.concatenate((np.zeros(1, np.uint64), np.cumsum(length, dtype=np.uint64)))[: len(views)]
    return np.frombuffer(b"".join(views), np.uint8), length, position


def _view(row: int, buffer: Any) -> memoryview:
    try:
        view = memoryview(buffer)
        return view.cast("B") if view.nbytes else memoryview(b"")
    except TypeError as error:
        raise InvalidParameter(f"data: row {row} is no contiguous buffer of plain bytes: {error}") from None
