"""The numbered cases of I/O rings, by their numbers; each docstring is "what is done: what is expected".

Numbers that are missing were never given. `docs/conformance/ioring.md` shows what came of each.
"""

from __future__ import annotations

import pytest

from ioring_bench import ALL, Bench, hresult, named, pops, shown, skip_without_direct_io
from ntio import win32 as w
from ntio.win32 import ioringapi as api

PAGE = 4096
UNKNOWN_FLAG = 0x4000_0000

# --- creation and queries ---------------------------------------------------------------------------------------------


@pytest.mark.row("R2", "R11")
def test_case_01_capabilities(bench: Bench) -> None:
    """No ring, QueryIoRingCapabilities: version 400, queues 65536 and 131072, events; emulated without io_uring."""
    found = api.QueryIoRingCapabilities(system=bench.system)
    emulated = bench.system.hal.name != "uring"
    assert found == api.IORING_CAPABILITIES(400, 65536, 131072, 3 if emulated else 2)
    bench.says(f"features {found.FeatureFlags:#x}")


@pytest.mark.row("R1")
def test_case_02_newest_version(bench: Bench) -> None:
    """CreateIoRing with MaxVersion: S_OK, and the ring has that version."""
    newest = api.QueryIoRingCapabilities(system=bench.system).MaxVersion
    assert api.GetIoRingInfo(bench.ring(newest)).IoRingVersion == newest
    bench.says("S_OK")


@pytest.mark.row("R1")
def test_case_03_version_too_new(bench: Bench) -> None:
    """CreateIoRing with MaxVersion + 1: 0x80460003."""
    result = hresult(bench.ring, 401)
    assert result == w.IORING_E_VERSION_NOT_SUPPORTED
    bench.says(f"{result:#x}")


@pytest.mark.row("R1")
def test_case_04_unknown_required_flag(bench: Bench) -> None:
    """CreateIoRing with required flags 0x40000000: 0x80460001."""
    result = hresult(bench.ring, required=UNKNOWN_FLAG)
    assert result == w.IORING_E_REQUIRED_FLAG_NOT_SUPPORTED
    bench.says(f"{result:#x}")


@pytest.mark.row("R1")
def test_case_05_unknown_advisory_flag(bench: Bench) -> None:
    """CreateIoRing with advisory flags 0x40000000: S_OK."""
    assert api.GetIoRingInfo(bench.ring(advisory=UNKNOWN_FLAG)).Flags.Advisory == UNKNOWN_FLAG
    bench.says("S_OK")


@pytest.mark.row("R1", "R2")
def test_case_07_sizes(bench: Bench) -> None:
    """Sizes 64/64, GetIoRingInfo: 64/128."""
    info = api.GetIoRingInfo(bench.ring(sq=64, cq=64))
    assert (info.SubmissionQueueSize, info.CompletionQueueSize) == (64, 128)
    bench.says("64/128")


@pytest.mark.row("R1")
def test_case_08_smallest_sizes(bench: Bench) -> None:
    """Sizes 1/1: S_OK, at least 8 submission entries, twice as many completions."""
    info = api.GetIoRingInfo(bench.ring(1, 1, 1))
    assert (info.SubmissionQueueSize, info.CompletionQueueSize) == (8, 16)
    bench.says("8/16")


def test_case_09_submission_queue_too_big(bench: Bench) -> None:
    """Submission queue 0x10001: 0x80460004."""
    result = hresult(bench.ring, sq=0x10001)
    assert result == w.IORING_E_SUBMISSION_QUEUE_TOO_BIG
    bench.says(f"{result:#x}")


def test_case_10_completion_queue_too_big(bench: Bench) -> None:
    """Completion queue 0x20001: 0x80460005."""
    result = hresult(bench.ring, cq=0x20001)
    assert result == w.IORING_E_COMPLETION_QUEUE_TOO_BIG
    bench.says(f"{result:#x}")


@pytest.mark.row("R2")
def test_case_12_operations_of_a_version(bench: Bench) -> None:
    """IsIoRingOpSupported: WRITE not in version 1 but in 300, READ_SCATTER not before 400."""
    first, third, fourth = (bench.ring(version) for version in (1, 300, 400))
    assert not api.IsIoRingOpSupported(first, api.IORING_OP_WRITE)
    assert api.IsIoRingOpSupported(third, api.IORING_OP_WRITE)
    assert not api.IsIoRingOpSupported(third, api.IORING_OP_READ_SCATTER)
    assert api.IsIoRingOpSupported(fourth, api.IORING_OP_READ_SCATTER)
    bench.says("as expected")


@pytest.mark.row("R2")
def test_case_13_unknown_operation(bench: Bench) -> None:
    """IsIoRingOpSupported(999), and on a closed ring: false, no error."""
    ring = bench.ring()
    assert not api.IsIoRingOpSupported(ring, 999)
    assert not api.IsIoRingOpSupported(ring, -1)
    api.CloseIoRing(ring)
    assert not api.IsIoRingOpSupported(ring, api.IORING_OP_READ)
    bench.says("false")


# --- build, submit, pop -----------------------------------------------------------------------------------------------


@pytest.mark.row("R6")
def test_case_14_pop_of_an_empty_queue(bench: Bench) -> None:
    """Empty completion queue, Pop: S_FALSE."""
    assert api.PopIoRingCompletion(bench.ring()) is None
    bench.says("S_FALSE")


@pytest.mark.row("R4")
def test_case_16_submit_of_an_empty_queue(bench: Bench) -> None:
    """Empty submission queue, Submit(0, 0): S_OK, 0 submitted."""
    assert api.SubmitIoRing(bench.ring(), 0, 0) == 0
    bench.says("S_OK, 0 submitted")


@pytest.mark.row("R3", "R4", "R6")
def test_case_17_eight_reads(bench: Bench) -> None:
    """8 reads, Submit(8, 5000): 8 submitted, eight completions, user data unchanged."""
    ring, file, memory = bench.ring(), bench.file(b"x" * 64), bench.memory()
    users = [(1 << 64) - 1, 0, 1, 1 << 32, 5, 6, 7, 8]
    for row, user in enumerate(users):
        bench.read(ring, file, memory + 8 * row, 8, 8 * row, user)
    assert api.SubmitIoRing(ring, 8, 5000) == 8
    done = list(pops(ring))
    assert sorted(one.UserData for one in done) == sorted(users)
    assert {one[1:] for one in done} == {(0, 8)}
    bench.says("8 submitted, 8 completions")


@pytest.mark.row("R3", "R6")
def test_case_18_one_read(bench: Bench) -> None:
    """5 bytes from a 5-byte file: S_OK, 5 bytes, the right ones."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory()
    bench.read(ring, file, memory, 5)
    done = bench.do(ring)
    assert done == {0: (0, 5)}
    assert bench.bytes_at(memory, 6) == b"hello\0"
    bench.says(shown(done[0]))


def test_case_19_read_across_the_end(bench: Bench) -> None:
    """5-byte file, 16 bytes at 0: S_OK, 5 bytes."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory()
    bench.read(ring, file, memory, 16)
    done = bench.do(ring)
    assert done == {0: (0, 5)}
    bench.says(shown(done[0]))


def test_case_20_read_at_end_of_file(bench: Bench) -> None:
    """5-byte file, 16 bytes at 5: 0x80070026, 0 bytes."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory()
    bench.read(ring, file, memory, 16, 5)
    done = bench.do(ring)
    assert done == {0: (w.HRESULT_FROM_WIN32(w.ERROR_HANDLE_EOF), 0)}
    bench.says(shown(done[0]))


def test_case_21_read_of_nothing(bench: Bench) -> None:
    """Length 0 at offset 0: S_OK, 0 bytes."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory()
    bench.read(ring, file, memory, 0)
    done = bench.do(ring)
    assert done == {0: (0, 0)}
    bench.says(shown(done[0]))


@pytest.mark.row("R7")
def test_case_22_write_flush_read(bench: Bench) -> None:
    """Write 26 bytes, flush, read back, each after the other: three times S_OK, bytes equal."""
    ring, file = bench.ring(), bench.file()
    letters = bytes(range(65, 91))
    source, target = bench.memory(content=letters), bench.memory()
    drain = api.IOSQE_FLAGS_DRAIN_PRECEDING_OPS
    bench.write(ring, file, source, 26, 0, 1)
    api.BuildIoRingFlushFile(ring, named(file), api.FILE_FLUSH_DEFAULT, 2, drain)
    bench.read(ring, file, target, 26, 0, 3, drain)
    assert bench.do(ring) == {1: (0, 26), 2: (0, 0), 3: (0, 26)}
    assert bench.bytes_at(target, 26) == letters
    bench.says("three times S_OK")


def test_case_24_write_on_a_read_only_handle(bench: Bench) -> None:
    """Write on a handle opened for reading: submit S_OK, 0x80070005."""
    ring, file, memory = bench.ring(), bench.file(b"hello", w.GENERIC_READ), bench.memory()
    bench.write(ring, file, memory, 5)
    done = bench.do(ring)
    assert done == {0: (w.E_ACCESSDENIED, 0)}
    assert bench.content(file) == b"hello"
    bench.says(shown(done[0]))


@pytest.mark.row("R7")
def test_case_25_write_through_on_a_cached_file(bench: Bench) -> None:
    """WRITE_THROUGH on a file opened for cached I/O: 0x800701fd."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory()
    bench.write(ring, file, memory, 5, write_flags=api.FILE_WRITE_FLAGS_WRITE_THROUGH)
    done = bench.do(ring)
    assert done == {0: (w.HRESULT_FROM_WIN32(w.ERROR_NOT_SUPPORTED_WITH_CACHED_HANDLE), 0)}
    bench.says(shown(done[0]))


@pytest.mark.row("R4")
def test_case_26_wait_that_runs_out_of_time(bench: Bench) -> None:
    """Wait 1 on an idle pipe: 0x800705b4, and the entry was submitted; data later gives one completion."""
    ring, pipe, memory = bench.ring(), bench.pipe(), bench.memory()
    bench.read(ring, pipe.handle, memory, 16, 0, 7)
    with pytest.raises(api.IoRingError, match="IORING_E_WAIT_TIMEOUT") as caught:
        api.SubmitIoRing(ring, 1, 5)
    assert (caught.value.hresult, caught.value.submitted) == (w.IORING_E_WAIT_TIMEOUT, 1)
    assert api.PopIoRingCompletion(ring) is None
    pipe.write(b"late")
    assert api.SubmitIoRing(ring, 1, w.INFINITE) == 0
    assert list(pops(ring)) == [(7, 0, 4)]
    bench.says(f"{caught.value.hresult:#x}, then S_OK, 4 bytes")


@pytest.mark.row("R4")
def test_case_28_wait_for_all(bench: Bench) -> None:
    """4 reads, Submit(ALL, INFINITE): S_OK, four completions."""
    ring, file, memory = bench.ring(), bench.file(b"x" * 64), bench.memory()
    for row in range(4):
        bench.read(ring, file, memory, 4, 4 * row, row)
    assert api.SubmitIoRing(ring, ALL, w.INFINITE) == 4
    assert len(list(pops(ring))) == 4
    bench.says("S_OK, 4 completions")


def test_case_29_wait_for_more_than_fit(bench: Bench) -> None:
    """Wait for more than the completion queue holds: 0x80070057, nothing submitted."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory()
    bench.read(ring, file, memory, 5)
    result = hresult(api.SubmitIoRing, ring, 17, 0)
    assert result == w.E_INVALIDARG
    assert api.PopIoRingCompletion(ring) is None
    assert bench.do(ring) == {0: (0, 5)}
    bench.says(f"{result:#x}")


@pytest.mark.row("R6")
def test_case_31_completion_queue_too_full(bench: Bench) -> None:
    """A queue full of unpopped completions, submit: 0x80460008; pop, submit again: S_OK, nothing lost."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory()
    for first in (0, 8):
        for row in range(8):
            bench.read(ring, file, memory, 1, 0, first + row)
        api.SubmitIoRing(ring, ALL, w.INFINITE)
    bench.read(ring, file, memory, 1, 0, 16)
    bench.read(ring, file, memory, 1, 0, 17)
    result = hresult(api.SubmitIoRing, ring, 0, 0)
    assert result == w.IORING_E_COMPLETION_QUEUE_TOO_FULL
    seen = [api.PopIoRingCompletion(ring)]
    assert hresult(api.SubmitIoRing, ring, 0, 0) == result
    seen.append(api.PopIoRingCompletion(ring))
    assert api.SubmitIoRing(ring, ALL, w.INFINITE) == 2
    seen += pops(ring)
    assert sorted(one.UserData for one in seen if one is not None) == list(range(18))
    bench.says(f"{result:#x}, then all 18")


# --- registration -----------------------------------------------------------------------------------------------------


@pytest.mark.row("R5")
def test_case_32_registered_files(bench: Bench) -> None:
    """Register 2 files, read by index 1: data of file 1."""
    ring, memory = bench.ring(), bench.memory()
    files = [bench.file(b"zero"), bench.file(b"one!")]
    api.BuildIoRingRegisterFileHandles(ring, 2, files, 1)
    assert bench.do(ring) == {1: (0, 0)}
    bench.read(ring, api.IoRingHandleRefFromIndex(1), memory, 4)
    done = bench.do(ring)
    assert done == {0: (0, 4)}
    assert bench.bytes_at(memory, 4) == b"one!"
    bench.says(shown(done[0]))


@pytest.mark.row("R5")
def test_case_34_registered_buffer_with_an_offset(bench: Bench) -> None:
    """Register 64 KiB, read to index 0 at offset 4096: bytes there only."""
    ring, file, memory = bench.ring(), bench.file(b"x" * 100), bench.memory(1 << 16)
    api.BuildIoRingRegisterBuffers(ring, 1, [api.IORING_BUFFER_INFO(memory, 1 << 16)], 1)
    bench.read(ring, file, api.IoRingBufferRefFromIndexAndOffset(0, 4096), 100, 0, 2)
    done = bench.do(ring)
    assert done == {1: (0, 0), 2: (0, 100)}
    assert bench.bytes_at(memory, 1 << 16) == bytes(4096) + b"x" * 100 + bytes((1 << 16) - 4196)
    bench.says(shown(done[2]))


@pytest.mark.row("R5")
def test_case_35_registration_and_use_in_one_submit(bench: Bench) -> None:
    """Register, and read by index in the same submit: the read sees the new table."""
    ring, file, memory = bench.ring(), bench.file(b"data"), bench.memory()
    api.BuildIoRingRegisterFileHandles(ring, 1, [file], 1)
    api.BuildIoRingRegisterBuffers(ring, 1, [api.IORING_BUFFER_INFO(memory, 4096)], 2)
    bench.read(ring, api.IoRingHandleRefFromIndex(0), api.IoRingBufferRefFromIndexAndOffset(0, 0), 4, 0, 3)
    done = bench.do(ring)
    assert done == {1: (0, 0), 2: (0, 0), 3: (0, 4)}
    bench.says(shown(done[3]))


@pytest.mark.row("R5")
def test_case_37_sparse_slots(bench: Bench) -> None:
    """Register with one empty slot: using it fails, the others work."""
    ring, file, memory = bench.ring(), bench.file(b"data"), bench.memory()
    api.BuildIoRingRegisterFileHandles(ring, 2, [w.INVALID_HANDLE_VALUE, file], 1)
    infos = [api.IORING_BUFFER_INFO(), api.IORING_BUFFER_INFO(memory, 4096)]
    api.BuildIoRingRegisterBuffers(ring, 2, infos, 2)
    index, place = api.IoRingHandleRefFromIndex, api.IoRingBufferRefFromIndexAndOffset
    bench.read(ring, index(0), place(1, 0), 4, 0, 3)
    bench.read(ring, index(1), place(0, 0), 4, 0, 4)
    bench.read(ring, index(2), place(1, 0), 4, 0, 5)
    bench.read(ring, index(1), place(2, 0), 4, 0, 6)
    bench.read(ring, index(1), place(1, 0), 4, 0, 7)
    done = bench.do(ring)
    assert (done[1], done[2], done[7]) == ((0, 0), (0, 0), (0, 4))
    assert done[3] == done[5] == (w.E_HANDLE, 0)
    assert done[4] == done[6] == (w.E_INVALIDARG, 0)
    bench.says(f"file {done[3][0]:#x}, buffer {done[4][0]:#x}")


@pytest.mark.row("R5")
def test_case_38_beyond_a_registered_buffer(bench: Bench) -> None:
    """Offset and length reach past a registered buffer: an error, memory behind it untouched."""
    ring, file, memory = bench.ring(), bench.file(b"x" * 200), bench.memory()
    api.BuildIoRingRegisterBuffers(ring, 1, [api.IORING_BUFFER_INFO(memory, 100)], 1)
    bench.read(ring, file, api.IoRingBufferRefFromIndexAndOffset(0, 50), 51, 0, 2)
    bench.read(ring, file, api.IoRingBufferRefFromIndexAndOffset(0, 0xFFFF_FFFF), 1, 0, 3)
    bench.read(ring, file, api.IoRingBufferRefFromIndexAndOffset(0, 50), 50, 0, 4)
    done = bench.do(ring)
    assert done[2] == done[3] == (w.HRESULT_FROM_WIN32(w.ERROR_NOACCESS), 0)
    assert done[4] == (0, 50)
    assert bench.bytes_at(memory, 200) == bytes(50) + b"x" * 50 + bytes(100)
    bench.says(shown(done[2]))


@pytest.mark.row("R5")
def test_case_39_registration_of_nothing(bench: Bench) -> None:
    """Register 0 files, 0 buffers: builder S_OK, 0x80070057, the old tables stay."""
    ring, file, memory = bench.ring(), bench.file(b"data"), bench.memory()
    api.BuildIoRingRegisterFileHandles(ring, 1, [file], 1)
    api.BuildIoRingRegisterFileHandles(ring, 0, [], 2)
    api.BuildIoRingRegisterBuffers(ring, 0, [], 3)
    bench.read(ring, api.IoRingHandleRefFromIndex(0), memory, 4, 0, 4)
    done = bench.do(ring)
    assert done == {1: (0, 0), 2: (w.E_INVALIDARG, 0), 3: (w.E_INVALIDARG, 0), 4: (0, 4)}
    bench.says(f"{done[2][0]:#x}")


# --- order, cancel, events, close -------------------------------------------------------------------------------------


@pytest.mark.row("R7")
def test_case_41_flush_behind_a_drain(bench: Bench) -> None:
    """32 writes and a flush with DRAIN: no write completes after the flush."""
    ring, file, memory = bench.ring(sq=64), bench.file(), bench.memory(32 * PAGE)
    for row in range(32):
        bench.write(ring, file, memory + row * PAGE, PAGE, row * PAGE, row)
    api.BuildIoRingFlushFile(ring, named(file), api.FILE_FLUSH_DEFAULT, 99, api.IOSQE_FLAGS_DRAIN_PRECEDING_OPS)
    api.SubmitIoRing(ring, ALL, w.INFINITE)
    order = [one.UserData for one in pops(ring)]
    assert sorted(order) == [*range(32), 99]
    assert order[-1] == 99
    bench.says("the flush is last")


@pytest.mark.row("R7")
def test_case_42_flush_without_a_drain(bench: Bench) -> None:
    """The same without DRAIN: each completes once, in no order."""
    ring, file, memory = bench.ring(sq=64), bench.file(), bench.memory(32 * PAGE)
    for row in range(32):
        bench.write(ring, file, memory + row * PAGE, PAGE, row * PAGE, row)
    api.BuildIoRingFlushFile(ring, named(file), api.FILE_FLUSH_DEFAULT, 99, 0)
    done = bench.do(ring)
    assert len(done) == 33
    bench.says("33 completions")


@pytest.mark.row("R7")
def test_case_44_cancel_of_nothing(bench: Bench) -> None:
    """Cancel of user data nobody has: builder S_OK, 0x80070490."""
    ring, file = bench.ring(), bench.file(b"x")
    api.BuildIoRingCancelRequest(ring, named(file), 0xABC, 1)
    api.BuildIoRingCancelRequest(ring, named(file), 0, 2)
    done = bench.do(ring)
    assert done[1] == done[2] == (w.HRESULT_FROM_WIN32(w.ERROR_NOT_FOUND), 0)
    bench.says(shown(done[1]))


@pytest.mark.row("R7")
def test_case_45_cancel_one_of_two(bench: Bench) -> None:
    """Two reads of one pipe, cancel the first: it is aborted, the cancel S_OK, the second goes on."""
    ring, pipe, memory = bench.ring(), bench.pipe(), bench.memory()
    bench.read(ring, pipe.handle, memory, 16, 0, 0xAA)
    bench.read(ring, pipe.handle, memory + 16, 16, 0, 0xBB)
    api.SubmitIoRing(ring, 0, 0)
    api.BuildIoRingCancelRequest(ring, named(pipe.handle), 0xAA, 0xCC)
    api.SubmitIoRing(ring, 2, w.INFINITE)
    done = {user: (result, count) for user, result, count in pops(ring)}
    assert done == {0xAA: (w.HRESULT_FROM_WIN32(w.ERROR_OPERATION_ABORTED), 0), 0xCC: (0, 0)}
    pipe.write(b"rest")
    assert bench.do(ring) == {0xBB: (0, 4)}
    assert bench.bytes_at(memory, 20) == bytes(16) + b"rest"
    bench.says(shown(done[0xAA]))


@pytest.mark.row("R7")
def test_case_47_cancel_everything_on_a_handle(bench: Bench) -> None:
    """Cancel target 0: everything on that handle is aborted, another ring's too; other handles go on."""
    ring, other, pipe, bystander, memory = bench.ring(), bench.ring(), bench.pipe(), bench.pipe(), bench.memory()
    bench.read(ring, pipe.handle, memory, 16, 0, 1)
    bench.read(ring, bystander.handle, memory, 16, 0, 2)
    bench.read(other, pipe.handle, memory, 16, 0, 3)
    api.SubmitIoRing(ring, 0, 0)
    api.SubmitIoRing(other, 0, 0)
    api.BuildIoRingCancelRequest(ring, named(pipe.handle), 0, 4)
    api.SubmitIoRing(ring, 2, w.INFINITE)
    api.SubmitIoRing(other, 1, w.INFINITE)
    aborted = w.HRESULT_FROM_WIN32(w.ERROR_OPERATION_ABORTED)
    assert {one.UserData: one.ResultCode for one in pops(ring)} == {1: aborted, 4: 0}
    assert list(pops(other)) == [(3, aborted, 0)]
    bystander.write(b"!")
    assert bench.do(ring) == {2: (0, 1)}
    bench.says("both rings aborted")


@pytest.mark.row("R8")
def test_case_48_event_on_the_edge(bench: Bench) -> None:
    """Event, 3 completions unpopped: signalled once; a 4th does not signal; all popped, the next does."""
    ring, file, memory, event = bench.ring(), bench.file(b"x" * 64), bench.memory(), bench.event()
    api.SetIoRingCompletionEvent(ring, event)
    for row in range(3):
        bench.read(ring, file, memory, 4, 0, row)
    api.SubmitIoRing(ring, 3, w.INFINITE)
    states = [w.WaitForSingleObject(event, 0), w.WaitForSingleObject(event, 0)]
    bench.read(ring, file, memory, 4, 0, 3)
    api.SubmitIoRing(ring, 4, w.INFINITE)
    states.append(w.WaitForSingleObject(event, 0))
    assert len(list(pops(ring))) == 4
    bench.read(ring, file, memory, 4, 0, 4)
    api.SubmitIoRing(ring, 0, 0)
    states.append(w.WaitForSingleObject(event, w.INFINITE))
    assert states == [w.WAIT_OBJECT_0, w.WAIT_TIMEOUT, w.WAIT_TIMEOUT, w.WAIT_OBJECT_0]
    assert list(pops(ring)) == [(4, 0, 4)]
    bench.says("once each")


@pytest.mark.row("R8")
def test_case_49_bad_event_none_and_another(bench: Bench) -> None:
    """Event INVALID_HANDLE_VALUE: 0x80070057; NULL: no more signals; a second event replaces the first."""
    ring, file, memory = bench.ring(), bench.file(b"x"), bench.memory()
    first, second = bench.event(), bench.event()
    result = hresult(api.SetIoRingCompletionEvent, ring, w.INVALID_HANDLE_VALUE)
    assert result == w.E_INVALIDARG == hresult(api.SetIoRingCompletionEvent, ring, file)
    for event, expected in ((first, (True, False)), (second, (False, True)), (None, (False, False))):
        api.SetIoRingCompletionEvent(ring, event)
        bench.read(ring, file, memory, 1)
        assert bench.do(ring) == {0: (0, 1)}
        signalled = tuple(w.WaitForSingleObject(one, 0) == w.WAIT_OBJECT_0 for one in (first, second))
        assert signalled == expected
    bench.says(f"{result:#x}")


@pytest.mark.row("R8")
def test_case_51_event_handle_closed(bench: Bench) -> None:
    """Own event handle closed after Set: the ring still signals the event."""
    ring, file, memory, event = bench.ring(), bench.file(b"x"), bench.memory(), bench.event()
    duplicate = bench.system.io.handles.duplicate(int(event))
    api.SetIoRingCompletionEvent(ring, event)
    event.Close()
    bench.read(ring, file, memory, 1)
    api.SubmitIoRing(ring, 0, 0)
    assert w.WaitForSingleObject(duplicate, w.INFINITE, system=bench.system) == w.WAIT_OBJECT_0
    w.CloseHandle(duplicate, system=bench.system)
    bench.says("signalled")


@pytest.mark.row("R9")
def test_case_52_close_drops_what_is_queued(bench: Bench) -> None:
    """A write built and not submitted, Close: the file is unchanged."""
    ring, file, memory = bench.ring(), bench.file(b"hello"), bench.memory(content=b"HELLO")
    bench.write(ring, file, memory, 5)
    api.CloseIoRing(ring)
    assert bench.content(file) == b"hello"
    bench.free(memory)
    bench.says("unchanged")


@pytest.mark.row("R9")
def test_case_54_calls_on_a_closed_ring(bench: Bench) -> None:
    """Every call on a closed ring: E_HANDLE."""
    ring, file, memory = bench.ring(400), bench.file(b"x"), bench.memory()
    api.CloseIoRing(ring)
    ref = named(file)
    results = {
        hresult(api.GetIoRingInfo, ring),
        hresult(api.SubmitIoRing, ring, 0, 0),
        hresult(api.PopIoRingCompletion, ring),
        hresult(api.SetIoRingCompletionEvent, ring, None),
        hresult(api.CloseIoRing, ring),
        hresult(bench.read, ring, file, memory, 1),
        hresult(bench.write, ring, file, memory, 1),
        hresult(api.BuildIoRingFlushFile, ring, ref, 0, 0, 0),
        hresult(api.BuildIoRingCancelRequest, ring, ref, 0, 0),
        hresult(api.BuildIoRingRegisterFileHandles, ring, 1, [file], 0),
        hresult(api.BuildIoRingRegisterBuffers, ring, 1, [api.IORING_BUFFER_INFO(memory, 1)], 0),
        hresult(api.BuildIoRingReadFileScatter, ring, ref, 1, [memory], PAGE, 0, 0, 0),
        hresult(api.BuildIoRingWriteFileGather, ring, ref, 1, [memory], PAGE, 0, 0, 0, 0),
    }
    assert results == {w.E_HANDLE}
    bench.says("E_HANDLE")


@pytest.mark.row("R1", "R7")
def test_case_56_gather_and_scatter(bench: Bench) -> None:
    """Version 400, unbuffered file: gather 2 pages, scatter 2 pages: 8192 bytes, equal; an unaligned page fails."""
    skip_without_direct_io(bench)
    ring, file = bench.ring(400), bench.file(direct=True)
    source = [bench.memory(PAGE, bytes([number]) * PAGE) for number in (1, 2)]
    target = [bench.memory(PAGE) for _ in range(2)]
    api.BuildIoRingWriteFileGather(ring, named(file), 2, source, 2 * PAGE, 0, api.FILE_WRITE_FLAGS_NONE, 1, 0)
    assert bench.do(ring) == {1: (0, 2 * PAGE)}
    segments = [api.FILE_SEGMENT_ELEMENT(page) for page in reversed(target)]
    api.BuildIoRingReadFileScatter(ring, named(file), 2, segments, 2 * PAGE, 0, 2, 0)
    api.BuildIoRingReadFileScatter(ring, named(file), 1, [target[0] + 8], PAGE, 0, 3, 0)
    done = bench.do(ring)
    assert done == {2: (0, 2 * PAGE), 3: (w.E_INVALIDARG, 0)}
    assert [bench.bytes_at(page, 1)[0] for page in target] == [2, 1]
    bench.says(f"{shown(done[2])}; {done[3][0]:#x}")
