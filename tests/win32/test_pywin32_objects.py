"""Handles, buffers, OVERLAPPED and security attributes as programs written for pywin32 use them."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from iocp_bench import Bench, iocp_bench, outcome
from ntio import CompletionPort, System, abi
from ntio.io_manager.file_object import FileObject
from ntio.object_manager.objects import OBJ_INHERIT
from ntio.win32 import memoryapi, pywintypes, socket, win32api, win32con, win32event, win32file, win32pipe, winerror
from ntio.win32.security_attributes import descriptor_of

pytestmark = pytest.mark.row("R12", "R31", "R32")

NAME = r"\\.\pipe\Objects"
DUPLEX = win32pipe.PIPE_ACCESS_DUPLEX | win32con.FILE_FLAG_OVERLAPPED
BOTH = win32con.GENERIC_READ | win32con.GENERIC_WRITE


@pytest.fixture
def bench(system: System, tmp_path: Path) -> Iterator[Bench]:
    with iocp_bench(system, tmp_path) as one:
        yield one


def pipe(system: System, attributes: object = None) -> tuple[pywintypes.PyHANDLE, pywintypes.PyHANDLE]:
    server = win32pipe.CreateNamedPipe(NAME, DUPLEX, 0, 1, 512, 512, 0, attributes, system=system)  # type: ignore[arg-type]
    flags = win32con.FILE_FLAG_OVERLAPPED
    return server, win32file.CreateFile(NAME, BOTH, 0, None, win32con.OPEN_EXISTING, flags, None, system=system)


# --- handles ----------------------------------------------------------------------------------------------------------


def test_a_handle_equals_its_number_and_is_a_key_by_itself(system: System) -> None:
    with win32event.CreateEvent(None, True, False, None, system=system) as event:
        same = pywintypes.HANDLE(event)
        assert event == int(event) == same and event != int(event) + 4 and event != "text" and event is not None
        assert len({event: 1, same: 2}) == 2
        same.Detach()
    assert not pywintypes.HANDLE(system=system) and isinstance(same, pywintypes.HANDLEType)
    with pytest.raises(TypeError):
        pywintypes.HANDLE("no number", system=system)


def test_a_handle_that_is_dropped_closes_what_it_named(system: System) -> None:
    server, client = pipe(system)
    reading = pywintypes.OVERLAPPED()
    win32file.ReadFile(server, 4, reading)
    del client
    gc.collect()
    with pytest.raises(pywintypes.error) as caught:
        win32file.GetOverlappedResult(server, reading, True)
    assert caught.value.winerror == winerror.ERROR_BROKEN_PIPE
    number = int(server)
    del server, caught
    gc.collect()
    with pytest.raises(pywintypes.error) as gone:
        win32file.CloseHandle(number, system=system)
    assert gone.value.winerror == winerror.ERROR_INVALID_HANDLE


def test_a_handle_that_is_dropped_inside_of_a_call_is_closed_after_it(system: System) -> None:
    server, client = pipe(system)
    number, held = int(client), [client]
    del client
    with CompletionPort(system=system) as port, port.workers(lambda packet: held.clear()):
        port.post()
    assert not held and system.io.handles.find(number, FileObject)  # the thread was in a call of ours
    with win32event.CreateEvent(None, True, False, None, system=system), pytest.raises(pywintypes.error) as caught:
        win32file.ReadFile(server, 4)
    assert caught.value.winerror == winerror.ERROR_BROKEN_PIPE


def test_a_duplicate_may_do_what_it_was_given_rights_for(bench: Bench) -> None:
    """Whatever the first handle may, and the file was opened for."""
    both, me = bench.file(flags=0), win32api.GetCurrentProcess()

    def twin(access: int) -> pywintypes.PyHANDLE:
        handle: pywintypes.PyHANDLE = bench.keep(win32api.DuplicateHandle(me, both, me, access, False, 0))
        return handle

    reads, writes = twin(win32con.GENERIC_READ), twin(win32con.GENERIC_WRITE)
    for call in (
        lambda: win32file.WriteFile(reads, b"x"),
        lambda: win32file.WriteFileEx(reads, b"x", pywintypes.OVERLAPPED(), print),
        lambda: win32file.SetEndOfFile(reads),
        lambda: win32file.FlushFileBuffers(reads),
        lambda: win32file.ReadFile(writes, 4),
        lambda: win32file.ReadFileEx(writes, 4, pywintypes.OVERLAPPED(), print),
    ):
        assert outcome(call) == {"ok": False, "err": winerror.ERROR_ACCESS_DENIED}
    _, client = bench.pipe()
    deaf = bench.keep(win32api.DuplicateHandle(me, client, me, win32con.SYNCHRONIZE, False, 0))
    for call in (
        lambda: win32pipe.TransactNamedPipe(deaf, b"x", 4),
        lambda: win32file.DeviceIoControl(deaf, abi.FSCTL_PIPE_TRANSCEIVE, b"x", 4),
    ):
        assert outcome(call) == {"ok": False, "err": winerror.ERROR_ACCESS_DENIED}
    assert win32file.ReadFile(reads, 4) == (0, b"0123") and win32file.WriteFile(writes, b"x") == (0, 1)


def test_a_duplicate_may_be_inherited_and_may_close_the_first(bench: Bench) -> None:
    file, me, entries = bench.file(), win32api.GetCurrentProcess(), bench.system.io.handles
    number, options = int(file), win32con.DUPLICATE_SAME_ACCESS | win32con.DUPLICATE_CLOSE_SOURCE
    with win32api.DuplicateHandle(me, file, me, 0, True, options) as twin:
        assert entries.entry(int(twin)).attributes == OBJ_INHERIT
        assert not file and outcome(lambda: win32file.CloseHandle(number, system=bench.system))["err"] == 6
    thread = win32api.DuplicateHandle(me, win32api.GetCurrentThread(), me, 0, True, 0, system=bench.system)
    with thread:
        assert entries.entry(int(thread)).attributes == OBJ_INHERIT


def test_a_programs_own_object_with_a_file_number_goes_to_a_port(bench: Bench) -> None:
    class Wrapper:
        def __init__(self, handle: int) -> None:
            self.fileno = lambda: handle

    server, client = bench.pipe()
    port = win32file.CreateIoCompletionPort(Wrapper(int(server)), None, 7, 0, system=bench.system)  # type: ignore[arg-type]
    with port:
        win32file.WriteFile(client, b"ab")
        win32file.ReadFile(server, 4, ov := pywintypes.OVERLAPPED())
        assert win32file.GetQueuedCompletionStatus(port, 0) == (0, 2, 7, ov)


def test_a_socket_that_cannot_be_made_leaves_nothing_to_close(system: System) -> None:
    with pytest.raises(OSError):
        socket.socket(999, system=system)
    gc.collect()


def test_the_calling_thread_gets_a_handle_of_its_own(system: System) -> None:
    process, options = win32api.GetCurrentProcess(), win32con.DUPLICATE_SAME_ACCESS
    me = win32api.GetCurrentThread()
    with win32api.DuplicateHandle(process, me, process, 0, False, options, system=system) as thread:
        assert win32event.WaitForSingleObject(thread, 0) == win32event.WAIT_TIMEOUT


# --- OVERLAPPED -------------------------------------------------------------------------------------------------------


def test_overlapped_objects_are_equal_by_contents_and_keys_by_themselves() -> None:
    one, other = pywintypes.OVERLAPPED(), pywintypes.OVERLAPPED()
    assert one == other and len({one: 1, other: 2}) == 2
    other.Offset = 1
    assert one != other
    other.Offset, other.object = 0, "mine"
    assert one != other and one != object()


# --- buffers ----------------------------------------------------------------------------------------------------------


def test_a_read_buffer_is_a_view_and_its_slices_are_no_copies() -> None:
    buffer = win32file.AllocateReadBuffer(4)
    assert type(buffer) is memoryview and len(buffer) == 4 and buffer.tobytes() == bytes(4)
    part = buffer[1:3]
    buffer[1] = 7
    assert part.tobytes() == b"\7\0"


def test_what_is_no_buffer_is_a_type_error(system: System) -> None:
    server, client = pipe(system)
    with server, client:
        for call in (
            lambda: win32file.WriteFile(client, "text", pywintypes.OVERLAPPED()),
            lambda: win32file.ReadFile(server, b"read only", pywintypes.OVERLAPPED()),
            lambda: win32file.ReadFile(server, "text", pywintypes.OVERLAPPED()),
            lambda: win32pipe.TransactNamedPipe(client, 7, 10),
            lambda: win32pipe.TransactNamedPipe(client, b"x", 10, "text"),  # type: ignore[arg-type]
        ):
            with pytest.raises(TypeError):
                call()
        assert len(system.pins) == 0


def test_a_pipe_for_overlapped_calls_is_waited_for_without_one(system: System) -> None:
    server, client = pipe(system)
    with server, client, win32file.CreateIoCompletionPort(server, None, 5, 0) as port:
        assert win32file.WriteFile(client, b"question") == (0, 8)
        assert win32file.ReadFile(server, 100) == (0, b"question")
        assert win32file.WriteFile(server, b"answer") == (0, 6)
        assert win32file.ReadFile(client, win32file.AllocateReadBuffer(100)) == (0, b"answer")
        assert win32file.GetQueuedCompletionStatus(port, 0)[0] == winerror.WAIT_TIMEOUT  # nobody was told


# --- security attributes ----------------------------------------------------------------------------------------------


def test_security_attributes_say_who_may_and_whether_a_child_may(system: System) -> None:
    attributes = pywintypes.SECURITY_ATTRIBUTES()
    assert descriptor_of(attributes) is None
    attributes.SetSecurityDescriptorDacl(1, None, 0)
    attributes.bInheritHandle = True
    known = descriptor_of(attributes)
    assert known is not None and known.dacl is None and known.control
    assert descriptor_of(known) is known and descriptor_of(None) is None
    server, client = pipe(system, attributes)
    with server, client, win32event.CreateEvent(attributes, True, True, None, system=system) as event:
        assert win32event.WaitForSingleObject(event, 0) == win32event.WAIT_OBJECT_0
        entries = system.io.handles
        assert entries.entry(int(server)).attributes == entries.entry(int(event)).attributes == OBJ_INHERIT
        assert entries.entry(int(client)).attributes == 0
    for end in win32pipe.CreatePipe(attributes, 0, system=system):
        assert system.io.handles.entry(int(end)).attributes == OBJ_INHERIT
        end.Close()
    with pytest.raises(TypeError, match="SECURITY_ATTRIBUTES"):
        win32pipe.CreatePipe("nobody", 0, system=system)  # type: ignore[arg-type]


# --- pipes and files --------------------------------------------------------------------------------------------------


def test_who_the_client_of_a_pipe_is(system: System) -> None:
    server, client = pipe(system)
    with server, client:
        assert win32pipe.GetNamedPipeHandleState(server)[4] is None
        assert win32pipe.GetNamedPipeHandleState(server, False, True)[4]
        assert win32file.GetFileType(server) == win32con.FILE_TYPE_PIPE


def test_a_pipe_that_is_not_there_says_that_pipes_belong_to_one_process(system: System) -> None:
    with pytest.raises(pywintypes.error, match="of another one cannot be opened") as caught:
        win32file.CreateFile(NAME, BOTH, 0, None, win32con.OPEN_EXISTING, 0, None, system=system)
    assert caught.value.winerror == winerror.ERROR_FILE_NOT_FOUND
    with pytest.raises(pywintypes.error, match="of another one cannot be opened") as caught:
        win32pipe.WaitNamedPipe(NAME, 1, system=system)
    assert caught.value.winerror == winerror.ERROR_FILE_NOT_FOUND


def test_a_port_says_how_a_file_is_opened_for_it(bench: Bench) -> None:
    with pytest.raises(pywintypes.error, match="overlapped=True"):
        win32file.CreateIoCompletionPort(bench.file(flags=0), None, 1, 0)


@pytest.mark.real_files
@pytest.mark.parametrize("flags", [0, win32con.FILE_FLAG_OVERLAPPED])
def test_a_file_without_buffering_says_what_it_wants(bench: Bench, flags: int) -> None:
    """Also one that is opened for writing; told at once, or when the request has ended."""
    try:
        os.close(os.open(bench.folder / "probe", os.O_CREAT | os.O_DIRECT))
    except OSError as problem:
        pytest.skip(f"the host's file system has no unbuffered files: {problem}")
    file, ov = bench.file(bytes(8192), flags=win32con.FILE_FLAG_NO_BUFFERING | flags), pywintypes.OVERLAPPED()

    def reads(buffer: object) -> int:
        win32file.ReadFile(file, buffer, ov)
        return win32file.GetOverlappedResult(file, ov, True)

    address = memoryapi.VirtualAlloc(None, 4096, win32con.MEM_COMMIT, win32con.PAGE_READWRITE, system=bench.system)
    with pytest.raises(pywintypes.error, match="multiples of the disk's sector"):
        reads(100)
    assert reads(memoryapi.memory_at(address, 4096, system=bench.system)) == 4096
    memoryapi.VirtualFree(address, 0, win32con.MEM_RELEASE, system=bench.system)


@pytest.mark.real_files
def test_a_file_is_deleted_by_its_last_handle_or_by_name(system: System, tmp_path: Path) -> None:
    path = os.path.join(tmp_path, "data")
    flags = win32file.FILE_FLAG_DELETE_ON_CLOSE
    file = win32file.CreateFileW(path, BOTH, 0, None, win32file.CREATE_ALWAYS, flags, None, system=system)
    assert (
        win32file.WriteFile(file, b"short-lived") == (0, 11) and win32file.GetFileType(file) == win32con.FILE_TYPE_DISK
    )
    file_object = system.io.handles.reference(int(file), FileObject)
    assert Path(path).exists()
    del file
    gc.collect()
    assert file_object.closed and not Path(path).exists()
    Path(path).write_bytes(b"again")
    win32file.DeleteFile(path, system=system)
    with pytest.raises(pywintypes.error, match="data") as caught:
        win32file.DeleteFile(path, system=system)
    assert caught.value.winerror == winerror.ERROR_FILE_NOT_FOUND


def test_the_directory_for_temporary_files_ends_in_a_separator() -> None:
    assert win32api.GetTempPath().endswith(os.sep) and Path(win32api.GetTempPath()).is_dir()
