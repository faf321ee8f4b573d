"""The structures of the I/O-ring calls: documented fields and bytes, and references that keep what they name."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest

from ntio import System
from ntio import win32 as w
from ntio.win32 import ioringapi as api
from ntio.win32.ioring_handle import IoRingError


@pytest.mark.row("R5")
@pytest.mark.parametrize(
    ("structure", "layout", "fields"),
    [
        (api.IORING_CREATE_FLAGS(1, 2), "<II", (1, 2)),
        (api.IORING_INFO(300, api.IORING_CREATE_FLAGS(1, 2), 8, 16), "<IIIII", (300, 1, 2, 8, 16)),
        (api.IORING_CAPABILITIES(400, 8, 16, 3), "<IIII", (400, 8, 16, 3)),
        (api.IoRingHandleRefFromHandle(0x1234), "<I4xQ", (0, 0x1234)),
        (api.IoRingHandleRefFromIndex(7), "<I4xI4x", (1, 7)),
        (api.IoRingBufferRefFromPointer(0x123456789AB), "<I4xQ", (0, 0x123456789AB)),
        (api.IoRingBufferRefFromIndexAndOffset(3, 4), "<I4xII", (1, 3, 4)),
        (api.IORING_BUFFER_INFO(0x1000, 64), "<QI4x", (0x1000, 64)),
        (api.IORING_REGISTERED_BUFFER(3, 4), "<II", (3, 4)),
        (api.IORING_CQE(5, 0x80070026, 6), "<QI4xQ", (5, 0x80070026, 6)),
        (api.FILE_SEGMENT_ELEMENT(0x1000), "<Q", (0x1000,)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bytes_are_those_of_a_c_program(structure: object, layout: str, fields: tuple[int, ...]) -> None:
    assert bytes(structure) == struct.pack(layout, *fields)  # type: ignore[call-overload]


@pytest.mark.parametrize("structure", [api.IORING_CREATE_FLAGS(), api.IORING_BUFFER_INFO(), api.IORING_CQE(1, 2, 3)])
def test_structures_do_not_change(structure: object) -> None:
    with pytest.raises((AttributeError, TypeError)):
        structure.Required = 1  # type: ignore[attr-defined]


@pytest.mark.row("R5")
def test_a_reference_keeps_its_buffer_known(system: System) -> None:
    data = np.arange(100, dtype=np.uint16)
    ref = api.IoRingBufferRefFromPointer(data[10:20], system=system)
    assert ref.Address == data.ctypes.data + 20
    assert bytes(w.memory_at(ref.Address, 4, system=system)) == data[10:12].tobytes()
    del ref
    assert len(system.io.memory) == 0


@pytest.mark.parametrize("bad", [b"", "text", None, 1.5])
def test_what_is_no_memory_is_refused(system: System, bad: object) -> None:
    with pytest.raises((IoRingError, TypeError)):
        api.IoRingBufferRefFromPointer(bad, system=system)
    assert len(system.io.memory) == 0


@pytest.mark.real_files
def test_handles_and_buffers_of_another_system_are_refused(system: System) -> None:
    with System("threads") as other:
        ring = api.CreateIoRing(300, api.IORING_CREATE_FLAGS(), 8, 16, system=system)
        event = w.CreateEvent(None, False, False, None, system=other)
        memory = api.IoRingBufferRefFromPointer(bytearray(8), system=other)
        with pytest.raises(IoRingError) as caught:
            api.BuildIoRingReadFile(ring, api.IoRingHandleRefFromHandle(event), memory, 8, 0, 0, 0)
        assert caught.value.hresult == w.E_INVALIDARG
        with pytest.raises(IoRingError) as caught:
            api.BuildIoRingFlushFile(ring, api.IoRingHandleRefFromHandle(event), 0, 0, 0)
        assert caught.value.hresult == w.E_HANDLE
        with pytest.raises(IoRingError) as caught:
            api.SetIoRingCompletionEvent(ring, event)
        assert caught.value.hresult == w.E_INVALIDARG
        api.CloseIoRing(ring)
        event.Close()
        del memory


def test_references_of_no_kind_are_refused(system: System) -> None:
    ring = api.CreateIoRing(300, api.IORING_CREATE_FLAGS(), 8, 16, system=system)
    file, memory = api.IORING_HANDLE_REF(9), api.IORING_BUFFER_REF(9)
    good_file, good_memory = api.IoRingHandleRefFromIndex(0), api.IoRingBufferRefFromIndexAndOffset(0, 0)
    for arguments in ((file, good_memory), (good_file, memory)):
        with pytest.raises(IoRingError) as caught:
            api.BuildIoRingReadFile(ring, *arguments, 8, 0, 0, 0)
        assert caught.value.hresult == w.E_INVALIDARG
    api.CloseIoRing(ring)
    assert repr(ring) == "<HIORING version 300 closed>"


@pytest.mark.parametrize("bad", [None, 0, 4, "ring"])
def test_what_is_no_ring_is_a_bad_handle(bad: object) -> None:
    with pytest.raises(IoRingError) as caught:
        api.SubmitIoRing(bad, 0, 0)  # type: ignore[arg-type]
    assert caught.value.hresult == w.E_HANDLE
    assert not api.IsIoRingOpSupported(bad, 1)  # type: ignore[arg-type]


def test_an_error_shows_its_name_and_survives_pickling() -> None:
    error = IoRingError(w.IORING_E_SUBMISSION_QUEUE_FULL, "all 8 entries are queued")
    assert str(error) == "[IORING_E_SUBMISSION_QUEUE_FULL 0x80460002] all 8 entries are queued"
    assert pickle.loads(pickle.dumps(error)).hresult == error.hresult
    assert str(IoRingError(0x80070026, "")).startswith("[ERROR_HANDLE_EOF 0x80070026]")
    assert str(IoRingError(0x8ABCDEF0, "")).startswith("[0x8ABCDEF0 ")
