"""How the I/O-ring calls name files and memory.

Source: spec ioring.md 1.2, 1.4. Rows: R5
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..hal.operations import address_of
from ..io_manager.io_ring.codes import IORING_REF_RAW, IORING_REF_REGISTERED
from ..io_manager.io_ring.ring import Reference
from ..status import InvalidParameter
from ..system.default import default_system
from ..system.system import System
from .handles import number_in
from .ioring_handle import HIORING, raises_hresult
from .ioring_structures import IORING_BUFFER_REF, IORING_HANDLE_REF, IORING_REGISTERED_BUFFER, KnownBuffer
from .pyhandle import Handle


def IoRingHandleRefFromHandle(h: Handle) -> IORING_HANDLE_REF:
    """Name a file by its handle.

    NT: IoRingHandleRefFromHandle
    """
    return IORING_HANDLE_REF(IORING_REF_RAW, Handle=h)


def IoRingHandleRefFromIndex(index: int) -> IORING_HANDLE_REF:
    """Name a file by its index in the registered table.

    NT: IoRingHandleRefFromIndex
    """
    return IORING_HANDLE_REF(IORING_REF_REGISTERED, Index=index)


@raises_hresult
def IoRingBufferRefFromPointer(p: Any, *, system: System | None = None) -> IORING_BUFFER_REF:
    """Name memory by an address, or by a contiguous Python buffer, which is known to the System while the result lives.

    NT: IoRingBufferRefFromPointer
    """
    if not isinstance(p, np.ndarray):
        try:
            return IORING_BUFFER_REF(IORING_REF_RAW, Address=operator.index(p))
        except TypeError:
            pass  # no number, so a buffer
    known = KnownBuffer((system or default_system()).io.memory, p)
    return IORING_BUFFER_REF(IORING_REF_RAW, Address=address_of(np.frombuffer(p, np.uint8)), known=known)


def IoRingBufferRefFromIndexAndOffset(index: int, offset: int) -> IORING_BUFFER_REF:
    """Name a place in a registered buffer.

    NT: IoRingBufferRefFromIndexAndOffset
    """
    return IORING_BUFFER_REF(IORING_REF_REGISTERED, IndexAndOffset=IORING_REGISTERED_BUFFER(index, offset))


def file_reference(ring: HIORING, ref: IORING_HANDLE_REF) -> Reference:
    """Kind and handle or index, as the ring takes them; raises NtError for what is no reference of this ring."""
    if ref.Kind == IORING_REF_RAW:
        return IORING_REF_RAW, number_in(ref.Handle, ring.system)
    if ref.Kind != IORING_REF_REGISTERED or ref.Index >> 32:
        raise InvalidParameter(f"{ref} is no reference to a file")
    return IORING_REF_REGISTERED, ref.Index


def memory_reference(ring: HIORING, ref: IORING_BUFFER_REF) -> tuple[Reference, int]:
    """Kind and address or index, and an offset, as the ring takes them; raises NtError for what is no reference."""
    place = ref.IndexAndOffset
    if ref.Kind == IORING_REF_RAW:
        if ref.known is not None and ref.known.memory is not ring.system.io.memory:
            raise InvalidParameter("the buffer was made known to another System than the ring's")
        return (IORING_REF_RAW, ref.Address), 0
    if ref.Kind != IORING_REF_REGISTERED or place.BufferIndex >> 32 or place.Offset >> 32:
        raise InvalidParameter(f"{ref} is no reference to memory")
    return (IORING_REF_REGISTERED, place.BufferIndex), place.Offset
