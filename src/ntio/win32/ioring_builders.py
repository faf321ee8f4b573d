"""The calls that write entries into an I/O ring's submission queue; nothing else happens in them.

Source: spec ioring.md 1.2, 2.2. Rows: R3, R5, R7
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..io_manager.io_ring.codes import IORING_OP_READ, IORING_OP_READ_SCATTER, IORING_OP_WRITE, IORING_OP_WRITE_GATHER
from ..status import InvalidParameter
from .handles import number_in
from .ioring_handle import HIORING, open_ring, raises_hresult
from .ioring_references import file_reference, memory_reference
from .ioring_structures import FILE_SEGMENT_ELEMENT, IORING_BUFFER_INFO, IORING_BUFFER_REF, IORING_HANDLE_REF
from .pyhandle import Handle


@raises_hresult
def BuildIoRingReadFile(
    ioRing: HIORING,
    fileRef: IORING_HANDLE_REF,
    dataRef: IORING_BUFFER_REF,
    numberOfBytesToRead: int,
    fileOffset: int,
    userData: int,
    sqeFlags: int,
) -> None:
    """Queue a read.

    NT: BuildIoRingReadFile
    """
    memory, offset = memory_reference(ioRing, dataRef)
    file = file_reference(ioRing, fileRef)
    open_ring(ioRing).build_transfer(
        IORING_OP_READ, file, memory, offset, numberOfBytesToRead, fileOffset, userData, sqeFlags
    )


@raises_hresult
def BuildIoRingWriteFile(
    ioRing: HIORING,
    fileRef: IORING_HANDLE_REF,
    bufferRef: IORING_BUFFER_REF,
    numberOfBytesToWrite: int,
    fileOffset: int,
    writeFlags: int,
    userData: int,
    sqeFlags: int,
) -> None:
    """Queue a write.

    NT: BuildIoRingWriteFile
    """
    memory, offset = memory_reference(ioRing, bufferRef)
    file = file_reference(ioRing, fileRef)
    open_ring(ioRing).build_transfer(
        IORING_OP_WRITE, file, memory, offset, numberOfBytesToWrite, fileOffset, userData, sqeFlags, writeFlags
    )


@raises_hresult
def BuildIoRingFlushFile(
    ioRing: HIORING, fileRef: IORING_HANDLE_REF, flushMode: int, userData: int, sqeFlags: int
) -> None:
    """Queue a flush, one of FILE_FLUSH_DEFAULT, ..._DATA, ..._MIN_METADATA, ..._NO_SYNC.

    NT: BuildIoRingFlushFile
    """
    ring = open_ring(ioRing)
    ring.build_flush(file_reference(ioRing, fileRef), flushMode, userData, sqeFlags)


@raises_hresult
def BuildIoRingCancelRequest(ioRing: HIORING, file: IORING_HANDLE_REF, opToCancel: int, userData: int) -> None:
    """Queue the cancellation of the operation with user data `opToCancel` on a file; 0: of all on it, of every ring.

    NT: BuildIoRingCancelRequest
    """
    ring = open_ring(ioRing)
    ring.build_cancel(file_reference(ioRing, file), opToCancel, userData)


@raises_hresult
def BuildIoRingRegisterFileHandles(ioRing: HIORING, count: int, handles: Sequence[Handle], userData: int) -> None:
    """Queue the replacement of the ring's table of files; INVALID_HANDLE_VALUE leaves a slot empty.

    NT: BuildIoRingRegisterFileHandles
    """
    ring = open_ring(ioRing)
    _check_count(count, handles)
    ring.build_register_files([number_in(handle, ioRing.system) for handle in handles[:count]], userData)


class _Buffers(Sequence[tuple[int, int]]):
    """The caller's array of IORING_BUFFER_INFO, which is read when the registration runs."""

    def __init__(self, infos: Sequence[IORING_BUFFER_INFO], count: int) -> None:
        self._infos, self._count = infos, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[int, int]:  # type: ignore[override]
        return self._infos[index].Address, self._infos[index].Length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return (self[index] for index in range(self._count))


@raises_hresult
def BuildIoRingRegisterBuffers(
    ioRing: HIORING, count: int, buffers: Sequence[IORING_BUFFER_INFO], userData: int
) -> None:
    """Queue the replacement of the ring's table of buffers; the array is read when the registration runs.

    NT: BuildIoRingRegisterBuffers
    """
    ring = open_ring(ioRing)
    _check_count(count, buffers)
    ring.build_register_buffers(_Buffers(buffers, count), userData)


@raises_hresult
def BuildIoRingReadFileScatter(
    ioRing: HIORING,
    fileRef: IORING_HANDLE_REF,
    segmentCount: int,
    segmentArray: Sequence[FILE_SEGMENT_ELEMENT | int],
    numberOfBytesToRead: int,
    fileOffset: int,
    userData: int,
    sqeFlags: int,
) -> None:
    """Queue a read into pages anywhere in memory, from a file opened without buffering.

    NT: BuildIoRingReadFileScatter
    """
    _build_segments(
        ioRing, IORING_OP_READ_SCATTER, fileRef, segmentCount, segmentArray, numberOfBytesToRead, fileOffset, userData,
        sqeFlags,
    )  # fmt: skip


@raises_hresult
def BuildIoRingWriteFileGather(
    ioRing: HIORING,
    fileRef: IORING_HANDLE_REF,
    segmentCount: int,
    segmentArray: Sequence[FILE_SEGMENT_ELEMENT | int],
    numberOfBytesToWrite: int,
    fileOffset: int,
    writeFlags: int,
    userData: int,
    sqeFlags: int,
) -> None:
    """Queue a write of pages from anywhere in memory, to a file opened without buffering.

    NT: BuildIoRingWriteFileGather
    """
    _build_segments(
        ioRing, IORING_OP_WRITE_GATHER, fileRef, segmentCount, segmentArray, numberOfBytesToWrite, fileOffset, userData,
        sqeFlags, writeFlags,
    )  # fmt: skip


def _build_segments(
    ioRing: HIORING, code: int, fileRef: IORING_HANDLE_REF, count: int, array: Sequence[FILE_SEGMENT_ELEMENT | int],
    length: int, offset: int, userData: int, sqeFlags: int, writeFlags: int = 0,
) -> None:  # fmt: skip
    ring = open_ring(ioRing)
    _check_count(count, array)
    pages = [element.__index__() for element in array[:count]]
    ring.build_segments(code, file_reference(ioRing, fileRef), pages, length, offset, userData, sqeFlags, writeFlags)


def _check_count(count: int, array: Sequence[object]) -> None:
    if not 0 <= count <= len(array):
        raise InvalidParameter(f"{count} elements asked for, the array has {len(array)}")
