"""Overlapped I/O on files: what a packet, an event and the call itself say, at the edges of a file."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from iocp_bench import BOGUS, Bench, outcome, status_block, until
from ntio.win32 import win32con as c
from ntio.win32 import win32event, win32file
from ntio.win32.winerror import ERROR_IO_PENDING

Answers = Callable[..., None]

pytestmark = pytest.mark.row("R31", "R32", "R34")


def test_case_38_file_read(ports: Bench, answers: Answers) -> None:
    """Four bytes are read at offset 3: one packet, the block filled in, its offset as it was."""
    file, ov = ports.file(), ports.overlapped[0]
    port = ports.associated(file, 42)
    ov.Offset = 3
    hr, data = win32file.ReadFile(file, 4, ov)
    got = ports.get(port)
    answers(
        started=hr in (0, ERROR_IO_PENDING),
        get=got,
        ov=status_block(ov),
        data=bytes(data).decode(),
        offset_after=ov.Offset,
        one_packet_only=ports.get(port, 0),
    )


def test_case_40_file_read_eof(ports: Bench, answers: Answers) -> None:
    """A read at the end of the file: its end is told once, here by a packet."""
    file, ov = ports.file(), ports.overlapped[0]
    port = ports.associated(file, 42)
    ov.Offset = 10
    read = outcome(lambda: win32file.ReadFile(file, 4, ov))
    got = ports.get(port)
    once = (read["err"] == 38) != (got["err"] == 38)
    result = ports.result(file, ov)
    answers(read=read, get=got, eof_reported_once=once, gor=result, internal=hex(ov.Internal))


def test_case_41_file_read_eof_event(ports: Bench, answers: Answers) -> None:
    """The same with an event, and GetOverlappedResult waiting for it."""
    file, ov = ports.file(), ports.overlapped[0]
    ov.Offset, ov.hEvent = 10, ports.event()
    read = outcome(lambda: win32file.ReadFile(file, 4, ov))
    answers(read=read, gor=ports.result(file, ov, wait=True))


def test_case_42_file_write_extend(ports: Bench, answers: Answers) -> None:
    """Four bytes are written beyond the end: the file grows, and what lies between reads as zeros."""
    file, (one, two) = ports.file(), ports.overlapped[:2]
    port = ports.associated(file, 42)
    one.Offset, two.Offset = 20, 10
    win32file.WriteFile(file, b"wxyz", one)
    written, block = ports.get(port), status_block(one)
    size = win32file.GetFileSize(file)
    _, data = win32file.ReadFile(file, 14, two)
    read = ports.get(port)
    answers(write=written, ov=block, size=size, read=read, hole_is_zero=bytes(data) == bytes(10) + b"wxyz")


def test_case_44_file_negative_offset(ports: Bench, answers: Answers) -> None:
    """A read at a negative offset: refused, without a packet."""
    file, ov = ports.file(), ports.overlapped[0]
    port = ports.associated(file, 42)
    ov.OffsetHigh = 0x80000000
    answers(read=outcome(lambda: win32file.ReadFile(file, 4, ov)), get=ports.get(port, 0))


def test_case_45_file_no_overlapped(ports: Bench, answers: Answers) -> None:
    """A file opened for overlapped I/O is read and written without OVERLAPPED: refused."""
    file, buffer = ports.file(), bytearray(b"as it was")
    read = outcome(lambda: win32file.ReadFile(file, buffer))
    moved = sum(one != other for one, other in zip(buffer, b"as it was", strict=True))
    answers(read=read, n=moved, write=outcome(lambda: win32file.WriteFile(file, b"abc")))


def test_case_46_file_zero_length(ports: Bench, answers: Answers) -> None:
    """Nothing is written: a packet of 0 bytes."""
    file = ports.file()
    port = ports.associated(file, 42)
    hr, _ = win32file.WriteFile(file, b"", ports.overlapped[1])
    answers(write_started=hr in (0, ERROR_IO_PENDING), get=ports.get(port))


def test_case_47_file_access_denied(ports: Bench, answers: Answers) -> None:
    """A file opened for writing only is read: refused, without a packet."""
    file = ports.file(access=c.GENERIC_WRITE)
    port = ports.associated(file, 42)
    read = outcome(lambda: win32file.ReadFile(file, 4, ports.overlapped[0]))
    answers(read=read, no_packet=ports.get(port, 0))


def test_case_48_sync_file_overlapped(ports: Bench, answers: Answers) -> None:
    """A synchronous file is read at an OVERLAPPED's offset: the call waits, the position follows; then at its end."""
    file, ov = ports.file(flags=0), ports.overlapped[0]
    ov.Offset = 4
    read = outcome(lambda: win32file.ReadFile(file, 3, ov))
    moved, block, pointer = ov.InternalHigh, status_block(ov), win32file.SetFilePointer(file, 0, c.FILE_CURRENT)
    ov.Offset = 10
    at_end = outcome(lambda: win32file.ReadFile(file, 3, ov))
    win32file.SetFilePointer(file, 0, c.FILE_END)
    hr, data = win32file.ReadFile(file, 3)
    answers(
        read_at_4=read,
        n=moved,
        pointer=pointer,
        ov=block,
        read_eof_with_ov=at_end,
        n_eof_ov=ov.InternalHigh,
        read_eof_no_ov={"ok": not hr, "err": hr},
        n_eof=len(data),
    )


def test_case_49_event_and_port(ports: Bench, answers: Answers) -> None:
    """A read with an event on a file of a port: the event is set, and there is a packet."""
    file, event, ov = ports.file(), ports.event(), ports.overlapped[0]
    port = ports.associated(file, 42)
    ov.hEvent = event
    win32file.ReadFile(file, 4, ov)
    answers(event_wait=win32event.WaitForSingleObject(event, 5000), get=ports.get(port))


def test_case_50_event_low_bit(ports: Bench, answers: Answers) -> None:
    """The same with the lowest bit of the event's handle set: no packet; GetOverlappedResult knows the event."""
    file, event, ov = ports.file(), ports.event(), ports.overlapped[0]
    port = ports.associated(file, 42)
    ov.hEvent = int(event) | 1
    win32file.ReadFile(file, 4, ov)
    waited = win32event.WaitForSingleObject(event, 5000)
    answers(event_wait=waited, get=ports.get(port, 0), gor=ports.result(file, ov, wait=True))


def test_case_78_readfileex_with_port(ports: Bench, answers: Answers) -> None:
    """ReadFileEx on a file of a port: refused."""
    file = ports.file()
    ports.associated(file, 5)
    ov = ports.overlapped[0]
    answers(start=outcome(lambda: win32file.ReadFileEx(file, bytearray(4), ov, lambda *_: None) and None))


# --- notification modes -----------------------------------------------------------------------------------------------


def test_case_54_sync_success_still_queues(ports: Bench, answers: Answers) -> None:
    """A read that finds its data there succeeds at once, and makes a packet all the same."""
    server, client = ports.pipe()
    port = ports.associated(server, 5)
    win32file.WriteFile(client, b"hello")
    answers(read=outcome(lambda: win32file.ReadFile(server, 16, ports.overlapped[0])), get=ports.get(port))


def test_case_55_skip_on_success(ports: Bench, answers: Answers) -> None:
    """Packets for what succeeds at once are left out: only a read that had to wait has one. A 0 takes nothing back."""
    server, client = ports.pipe()
    port, ov = ports.associated(server, 5), ports.overlapped
    modes = outcome(
        lambda: win32file.SetFileCompletionNotificationModes(server, c.FILE_SKIP_COMPLETION_PORT_ON_SUCCESS)
    )
    win32file.WriteFile(client, b"hello")
    ready, block = outcome(lambda: win32file.ReadFile(server, 16, ov[0])), status_block(ov[0])
    nothing = ports.get(port, 0)
    pending = outcome(lambda: win32file.ReadFile(server, 16, ov[1]))
    win32file.WriteFile(client, b"hello")
    packet = ports.get(port)
    clear = outcome(lambda: win32file.SetFileCompletionNotificationModes(server, 0))
    win32file.WriteFile(client, b"hello")
    again = outcome(lambda: win32file.ReadFile(server, 16, ov[2]))
    answers(
        set=modes,
        read_ready=ready,
        ov0=block,
        no_packet=nothing,
        read_pending=pending,
        packet=packet,
        clear=clear,
        read_ready2=again,
        no_packet2=ports.get(port, 0),
    )


def test_case_56_modes_invalid(ports: Bench, answers: Answers) -> None:
    """Modes for a synchronous file, modes that mean nothing, a handle of nothing; and all that there are."""
    file = ports.file()

    def modes(handle: int, flags: int) -> dict[str, object]:
        return outcome(lambda: win32file.SetFileCompletionNotificationModes(handle, flags, system=ports.system))

    answers(
        sync_file_skip=modes(ports.file(flags=0), 1),
        bad_flags=modes(file, 0x80),
        bogus_handle=modes(BOGUS, 1),
        ok=modes(file, 3),
    )


def test_case_57_skip_set_event_on_handle(ports: Bench, answers: Answers) -> None:
    """A read ends: the file is signalled, unless it was told to leave that out."""
    waits, internal = [], 0
    for flags in (0, c.FILE_SKIP_SET_EVENT_ON_HANDLE):
        server, client = ports.pipe()
        ov = ports.overlapped[0] = type(ports.overlapped[0])()
        win32file.SetFileCompletionNotificationModes(server, flags)
        win32file.ReadFile(server, 16, ov)
        win32file.WriteFile(client, b"hello")
        until(lambda: win32file.HasOverlappedIoCompleted(ov))  # noqa: B023 - asked at once
        waits.append(win32event.WaitForSingleObject(server, 0))
        internal = ov.Internal
    answers(default_handle_wait=waits[0], skip_handle_wait=waits[1], internal=hex(internal))
