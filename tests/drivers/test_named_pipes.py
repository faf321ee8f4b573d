"""Named pipes as drivers and programs see them: names, access, pending requests, cancelling, closing, controls."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

import ntio
from iocp_bench import until
from ntio import abi
from ntio import status as s
from ntio.driver_kit import CreateParameters, FileObject, IoStatusBlock, NamedPipeParameters, major, parse_sddl
from ntio.io_manager import services
from ntio.io_manager.opening.open import close_file
from ntio.security.token import Privilege, administrator_token, user_token
from ntio.status import NtError

pytestmark = pytest.mark.row("R31", "R33", "R34")

READ, WRITE = major.FILE_GENERIC_READ, major.FILE_GENERIC_WRITE
SHAPE = NamedPipeParameters(inbound_quota=4, outbound_quota=4, default_timeout=-1, maximum_instances=2)
NAME = "\\??\\pipe\\Test"


def server(
    system: ntio.System, name: str = NAME, *, share: int = 3, disposition: int = major.FILE_OPEN_IF, **shape: object
) -> FileObject:
    wanted = replace(SHAPE, **shape)  # type: ignore[arg-type]
    access = (READ if share & 2 else 0) | (WRITE if share & 1 else 0)
    return system.create_file_object(name, CreateParameters(disposition, access, 0, share, pipe=wanted))


def client(system: ntio.System, name: str = NAME, access: int = READ | WRITE) -> FileObject:
    return system.create_file_object(name, CreateParameters(major.FILE_OPEN, access, 0))


@contextmanager
def connected(system: ntio.System, **shape: object) -> Iterator[tuple[FileObject, FileObject]]:
    one = server(system, **shape)  # type: ignore[arg-type]
    other = client(system)
    try:
        yield one, other
    finally:
        close_file(other)
        close_file(one)


class Asked:
    """A request that was made: what the call returned, and the status block."""

    def __init__(self, returned: int, block: IoStatusBlock, buffer: bytearray) -> None:
        self.returned, self.block, self.buffer = returned, block, buffer

    @property
    def pending(self) -> bool:
        return self.returned == s.STATUS_PENDING and self.block.status == s.STATUS_PENDING

    @property
    def outcome(self) -> tuple[int, int]:
        return self.block.status, self.block.information

    @property
    def data(self) -> bytes:
        return bytes(self.buffer[: self.block.information])


def read(file: FileObject, size: int) -> Asked:
    block, buffer = IoStatusBlock(s.STATUS_PENDING), bytearray(size)
    return Asked(services.read_file(file, None, None, None, block, buffer), block, buffer)


def write(file: FileObject, data: bytes) -> Asked:
    block, buffer = IoStatusBlock(s.STATUS_PENDING), bytearray(data)
    return Asked(services.write_file(file, None, None, None, block, buffer), block, buffer)


def control(file: FileObject, code: int, given: bytes | None = None, size: int = 0) -> Asked:
    block, buffer = IoStatusBlock(s.STATUS_PENDING), bytearray(size)
    returned = services.fs_control(file, None, None, None, block, code, given, None, buffer or None)
    return Asked(returned, block, buffer)


def listen(file: FileObject) -> Asked:
    return control(file, abi.FSCTL_PIPE_LISTEN)


def refused(action: object) -> int:
    with pytest.raises(NtError) as caught:
        action()  # type: ignore[operator]
    return caught.value.status


# --- loading and names ------------------------------------------------------------------------------------------------


def test_the_driver_is_loaded_when_a_pipe_is_first_looked_for(system: ntio.System) -> None:
    assert [driver.name for driver in system.io.drivers] == ["host_files"]
    assert refused(lambda: client(system)) == s.STATUS_OBJECT_NAME_NOT_FOUND
    assert [driver.name for driver in system.io.drivers] == ["host_files", "named_pipes"]


def test_threads_that_look_for_the_first_pipe_together_all_find_the_driver(system: ntio.System) -> None:
    found: list[object] = []
    start = threading.Barrier(8)

    def look() -> None:
        start.wait()
        try:
            client(system)
        except NtError as error:
            found.append(error.status)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [s.STATUS_OBJECT_NAME_NOT_FOUND] * 8


def test_names_compare_without_case_and_may_be_said_in_two_ways(system: ntio.System) -> None:
    one = server(system)
    other = client(system, "\\Device\\NamedPipe\\tEST")
    assert write(one, b"ab").outcome == (0, 2) and read(other, 9).data == b"ab"
    close_file(one)
    close_file(other)


def test_a_pipe_has_as_many_instances_as_the_first_server_said(system: ntio.System) -> None:
    servers = [server(system), server(system, maximum_instances=9)]
    assert [one.opened_as for one in servers] == [major.FILE_CREATED, major.FILE_OPENED]
    assert refused(lambda: server(system)) == s.STATUS_INSTANCE_NOT_AVAILABLE
    clients = [client(system), client(system)]
    assert refused(lambda: client(system)) == s.STATUS_PIPE_NOT_AVAILABLE
    for file in (servers[0], clients[0]):
        close_file(file)
    close_file(server(system))  # there is room for one again
    for file in (servers[1], clients[1]):
        close_file(file)
    assert refused(lambda: client(system)) == s.STATUS_OBJECT_NAME_NOT_FOUND


def test_a_further_instance_is_like_the_first(system: ntio.System) -> None:
    one = server(system)
    for different in ({"share": 1}, {"messages": True}, {"disposition": major.FILE_CREATE}):
        assert refused(lambda: server(system, **different)) == s.STATUS_ACCESS_DENIED  # type: ignore[arg-type]  # noqa: B023
    close_file(one)


@pytest.mark.parametrize(
    "shape",
    [
        {"maximum_instances": 0},
        {"default_timeout": None},
        {"default_timeout": 5},
        {"read_messages": True},
        {"inbound_quota": -1},
        {"share": 0},
    ],
)
def test_what_no_pipe_can_be(system: ntio.System, shape: dict[str, object]) -> None:
    assert refused(lambda: server(system, **shape)) == s.STATUS_INVALID_PARAMETER  # type: ignore[arg-type]


def test_a_pipe_needs_a_name_and_one_that_is_opened_must_be_there(system: ntio.System) -> None:
    assert refused(lambda: server(system, "\\Device\\NamedPipe\\")) == s.STATUS_OBJECT_NAME_INVALID
    assert refused(lambda: server(system, disposition=major.FILE_OPEN)) == s.STATUS_OBJECT_NAME_NOT_FOUND


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "forbidden"), [(1, WRITE), (2, READ)])
def test_data_goes_the_way_the_pipe_goes(system: ntio.System, share: int, forbidden: int) -> None:
    one = server(system, share=share)
    assert refused(lambda: client(system, access=forbidden)) == s.STATUS_ACCESS_DENIED
    other = client(system, access=READ if forbidden == WRITE else WRITE)
    source, target = (one, other) if forbidden == WRITE else (other, one)
    assert write(source, b"abc").outcome == (0, 3) and read(target, 3).data == b"abc"
    assert (read(source, 1).returned, write(target, b"").returned) == (s.STATUS_ACCESS_DENIED, s.STATUS_ACCESS_DENIED)
    close_file(one)
    close_file(other)


def test_others_may_read_from_a_pipe_and_no_more_unless_it_says_so(system: ntio.System) -> None:
    servers = [server(system), server(system)]
    with system.impersonate(user_token()):
        assert refused(lambda: client(system)) == s.STATUS_ACCESS_DENIED
        assert refused(lambda: server(system)) == s.STATUS_ACCESS_DENIED
        close_file(client(system, access=READ))
    for one in servers:
        close_file(one)
    open_to_all = CreateParameters(
        major.FILE_CREATE, READ | WRITE, 0, 3, pipe=SHAPE, security=parse_sddl("D:(A;;GRGW;;;WD)")
    )
    one = system.create_file_object(NAME, open_to_all)
    with system.impersonate(user_token()):
        close_file(client(system))
    close_file(one)


# --- data -------------------------------------------------------------------------------------------------------------


def test_a_read_waits_for_data_and_takes_what_is_there(system: ntio.System) -> None:
    with connected(system) as (one, other):
        asked = read(one, 10)
        assert asked.pending
        assert write(other, b"hello").outcome == (0, 5)
        assert asked.outcome == (0, 5) and asked.data == b"hello"
        assert write(other, b"ab").returned == write(other, b"cd").returned == 0
        assert read(one, 3).data == b"abc" and read(one, 3).data == b"d"


def test_a_write_over_the_quota_waits_until_its_rest_has_room(system: ntio.System) -> None:
    with connected(system) as (one, other):
        asked = write(one, b"0123456789")
        assert asked.pending and read(other, 5).data == b"01234" and asked.pending
        assert read(other, 1).data == b"5" and asked.outcome == (0, 10)
        assert read(other, 10).data == b"6789"


def test_a_read_of_nothing_waits_for_data_and_leaves_it(system: ntio.System) -> None:
    with connected(system) as (one, other):
        asked = read(one, 0)
        assert asked.pending and write(other, b"abc").outcome == (0, 3)
        assert asked.outcome == (0, 0) and read(one, 0).outcome == (0, 0) and read(one, 3).data == b"abc"


def test_reads_are_served_in_their_order(system: ntio.System) -> None:
    with connected(system) as (one, other):
        asked = [read(one, 2) for _ in range(3)]
        assert write(other, b"abcde").outcome == (0, 5)
        assert [one_read.data for one_read in asked] == [b"ab", b"cd", b"e"]


def test_a_message_that_is_too_long_is_read_in_parts(system: ntio.System) -> None:
    with connected(system, messages=True, read_messages=True, inbound_quota=99) as (one, other):
        for data in (b"abcde", b"", b"fg"):
            assert write(other, data).outcome == (0, len(data))
        found = [read(one, 3) for _ in range(4)]
        assert [part.data for part in found] == [b"abc", b"de", b"", b"fg"]
        assert [part.block.status for part in found] == [s.STATUS_BUFFER_OVERFLOW, 0, 0, 0]
        waiting = read(one, 1)
        assert write(other, b"xy").outcome == (0, 2)
        assert waiting.outcome == (s.STATUS_BUFFER_OVERFLOW, 1) and read(one, 5).data == b"y"


def test_a_client_of_a_message_pipe_reads_bytes_until_it_says_otherwise(system: ntio.System) -> None:
    with connected(system, messages=True, outbound_quota=99) as (one, other):
        for data in (b"ab", b"cd", b"ef", b"gh"):
            write(one, data)
        assert read(other, 3).data == b"abc"
        assert set_modes(other, 1, 0) == 0
        assert [read(other, 9).data for _ in range(3)] == [b"d", b"ef", b"gh"]


def set_modes(file: FileObject, messages: int, nowait: int) -> int:
    data = struct.pack("<II", messages, nowait)
    return services.set_information(file, IoStatusBlock(), data, None, major.FILE_PIPE_INFORMATION_CLASS)


def test_an_end_that_does_not_wait(system: ntio.System) -> None:
    one = server(system, nowait=True)
    assert listen(one).returned == s.STATUS_PIPE_LISTENING
    other = client(system)
    assert listen(one).returned == s.STATUS_PIPE_CONNECTED
    assert read(one, 5).returned == s.STATUS_PIPE_EMPTY
    assert write(one, b"0123456789").outcome == (0, 4) and write(one, b"x").outcome == (0, 0)
    assert read(other, 9).data == b"0123"
    assert control(one, abi.FSCTL_PIPE_DISCONNECT).returned == listen(one).returned == 0
    close_file(one)
    close_file(other)


def test_a_message_is_written_whole_or_not_at_all_where_nobody_waits(system: ntio.System) -> None:
    with connected(system, messages=True, nowait=True) as (one, other):
        assert write(one, b"12345").outcome == (0, 0) and write(one, b"1234").outcome == (0, 4)
        assert read(other, 9).data == b"1234"


def test_a_read_that_waits_keeps_its_end_waiting(system: ntio.System) -> None:
    with connected(system) as (one, other):
        asked = read(one, 1)
        assert set_modes(one, 0, 1) == s.STATUS_PIPE_BUSY and set_modes(one, 1, 0) == s.STATUS_INVALID_PARAMETER
        write(other, b"x")
        assert asked.data == b"x" and set_modes(one, 0, 1) == 0


def test_flushing_waits_until_the_other_end_has_read(system: ntio.System) -> None:
    with connected(system) as (one, other):
        write(one, b"abc")
        flushed: list[int] = []
        thread = threading.Thread(target=lambda: flushed.append(services.flush_file(one, IoStatusBlock())))
        thread.start()
        assert read(other, 2).data == b"ab" and not flushed
        assert read(other, 2).data == b"c"
        thread.join()
        assert flushed == [0]


# --- coming and going -------------------------------------------------------------------------------------------------


def test_a_server_waits_for_its_client(system: ntio.System) -> None:
    one = server(system)
    assert (read(one, 1).returned, write(one, b"x").returned) == (s.STATUS_PIPE_LISTENING,) * 2
    asked = listen(one)
    assert asked.pending
    other = client(system)
    assert asked.outcome == (0, 0) and listen(one).returned == s.STATUS_PIPE_CONNECTED
    close_file(other)
    assert listen(one).returned == s.STATUS_PIPE_CLOSING
    assert control(one, abi.FSCTL_PIPE_DISCONNECT).returned == 0
    assert control(one, abi.FSCTL_PIPE_DISCONNECT).returned == s.STATUS_PIPE_DISCONNECTED
    assert refused(lambda: client(system)) == s.STATUS_PIPE_NOT_AVAILABLE
    asked = listen(one)
    assert asked.pending
    close_file(one)
    assert asked.outcome == (s.STATUS_PIPE_BROKEN, 0)


@pytest.mark.parametrize("first", [0, 1])
def test_closing_an_end_ends_what_waits_on_both(system: ntio.System, first: int) -> None:
    with connected(system) as ends:
        reads = [read(end, 5) for end in ends]
        close_file(ends[first])
        assert [asked.outcome for asked in reads] == [(s.STATUS_PIPE_BROKEN, 0)] * 2
        assert read(ends[1 - first], 1).returned == s.STATUS_PIPE_BROKEN
        assert write(ends[1 - first], b"x").returned == s.STATUS_PIPE_CLOSING


@pytest.mark.parametrize("messages", [False, True])
@pytest.mark.parametrize("first", [0, 1])
def test_what_was_written_before_closing_is_read_and_what_still_waited_ends(
    system: ntio.System, messages: bool, first: int
) -> None:
    with connected(system, messages=messages, read_messages=messages) as ends:
        mine, other = ends[first], ends[1 - first]
        written = write(mine, b"abc")
        waiting, theirs = write(mine, b"defgh"), write(other, b"12345678")
        assert waiting.pending and theirs.pending
        close_file(mine)
        assert [asked.outcome for asked in (written, waiting, theirs)] == [(0, 3), *[(s.STATUS_PIPE_BROKEN, 0)] * 2]
        assert read(other, 99).data == b"abc"
        assert read(other, 99).returned == s.STATUS_PIPE_BROKEN


def test_a_write_that_was_read_in_part_goes_with_its_writer(system: ntio.System) -> None:
    with connected(system, messages=True, read_messages=True) as (one, other):
        waiting = write(other, b"abcdefgh")
        part = read(one, 3)
        assert part.data == b"abc" and part.returned == s.STATUS_BUFFER_OVERFLOW and waiting.pending
        close_file(other)
        assert waiting.outcome == (s.STATUS_PIPE_BROKEN, 0)
        assert read(one, 3).returned == s.STATUS_PIPE_BROKEN


@pytest.mark.parametrize("mine", [False, True])
def test_a_flush_ends_when_either_end_is_closed(system: ntio.System, mine: bool) -> None:
    with connected(system) as (one, other):
        write(one, b"abc")
        flushed: list[int] = []
        thread = threading.Thread(target=lambda: flushed.append(services.flush_file(one, IoStatusBlock())))
        thread.start()
        until(lambda: any(known.irps for known in system.io.threads.known()))
        close_file(one if mine else other)
        thread.join()
        assert flushed == [s.STATUS_PIPE_BROKEN]
        assert not mine or read(other, 9).data == b"abc"


def test_a_question_is_read_though_who_asked_it_has_gone(system: ntio.System) -> None:
    with connected(system, messages=True, read_messages=True) as (one, other):
        set_modes(other, 1, 0)
        asked = control(other, abi.FSCTL_PIPE_TRANSCEIVE, b"a long question", 9)
        assert asked.pending
        close_file(other)
        assert asked.outcome == (s.STATUS_PIPE_BROKEN, 0)
        assert read(one, 99).data == b"a long question" and read(one, 9).returned == s.STATUS_PIPE_BROKEN


def test_disconnecting_ends_everything_and_loses_the_data(system: ntio.System) -> None:
    with connected(system) as (one, other):
        asked = [write(one, b"abcdefgh"), read(one, 1)]
        assert control(other, abi.FSCTL_PIPE_DISCONNECT).returned == s.STATUS_ILLEGAL_FUNCTION
        assert control(one, abi.FSCTL_PIPE_DISCONNECT).returned == 0
        assert [each.outcome for each in asked] == [(s.STATUS_PIPE_DISCONNECTED, 0)] * 2
        for end in (one, other):
            assert read(end, 9).returned == write(end, b"x").returned == s.STATUS_PIPE_DISCONNECTED


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_cancelling_ends_one_request_and_leaves_the_others(system: ntio.System) -> None:
    with connected(system) as (one, other):
        first, second = read(one, 4), read(one, 4)
        assert services.cancel_io_ex(one, second.block, IoStatusBlock()) == 0
        assert second.outcome == (s.STATUS_CANCELLED, 0) and first.pending
        write(other, b"ab")
        assert first.data == b"ab" and services.cancel_io_ex(one, None, IoStatusBlock()) == s.STATUS_NOT_FOUND


def test_a_write_that_is_cancelled_makes_room_for_the_next(system: ntio.System) -> None:
    with connected(system) as (one, other):
        long, short = write(one, b"abcdefgh"), write(one, b"x")
        assert long.pending and short.pending
        services.cancel_io_ex(one, long.block, IoStatusBlock())
        assert long.outcome == (s.STATUS_CANCELLED, 0) and short.outcome == (0, 1)
        assert read(other, 9).data == b"x"


def test_a_listen_can_be_cancelled_and_the_client_still_comes(system: ntio.System) -> None:
    one = server(system)
    asked = listen(one)
    services.cancel_io(one, IoStatusBlock())
    assert asked.outcome == (s.STATUS_CANCELLED, 0)
    close_file(client(system))
    close_file(one)


def test_everything_at_once_ends_once(system: ntio.System) -> None:
    """Reads, writes and cancels of two threads: each request ends, and no byte appears twice or out of order."""
    with connected(system, inbound_quota=64) as (one, other):
        reads: list[Asked] = []
        writes: list[Asked] = []

        def feed() -> None:
            for number in range(300):
                asked = write(other, bytes([number & 0xFF]) * 7)
                writes.append(asked)
                if number % 5 == 0:
                    services.cancel_io_ex(other, asked.block, IoStatusBlock())
            fed.set()
            leave.wait()  # a thread that ends has its requests cancelled as well, in its own time

        fed, leave = threading.Event(), threading.Event()
        thread = threading.Thread(target=feed)
        thread.start()
        for number in range(400):
            asked = read(one, 5)
            reads.append(asked)
            if number % 7 == 0:
                services.cancel_io_ex(one, asked.block, IoStatusBlock())
        fed.wait()
        services.cancel_io_ex(one, None, IoStatusBlock())
        services.cancel_io_ex(other, None, IoStatusBlock())
        pending = [asked for asked in (*reads, *writes) if asked.pending]
        leave.set()
        thread.join()
        assert not pending
        rest = []
        while not (asked := read(one, 99)).pending:
            rest.append(asked)
        services.cancel_io_ex(one, None, IoStatusBlock())
        got = b"".join(each.data for each in (*reads, *rest) if each.block.status == 0)
        written = sum(each.block.information for each in writes if each.block.status == 0)
        assert len(got) >= written


# --- the other controls -----------------------------------------------------------------------------------------------


def test_peeking_leaves_everything(system: ntio.System) -> None:
    with connected(system, messages=True, read_messages=True, inbound_quota=99) as (one, other):
        assert control(one, abi.FSCTL_PIPE_PEEK, size=16).data == struct.pack("<4I", 3, 0, 0, 0)
        write(other, b"abc")
        write(other, b"defg")
        asked = control(one, abi.FSCTL_PIPE_PEEK, size=18)
        assert asked.returned == s.STATUS_BUFFER_OVERFLOW and asked.data == struct.pack("<4I", 3, 7, 2, 3) + b"ab"
        assert control(one, abi.FSCTL_PIPE_PEEK, size=15).returned == s.STATUS_INVALID_PARAMETER
        close_file(other)
        assert control(one, abi.FSCTL_PIPE_PEEK, size=32).data[16:] == b"abc"
        assert read(one, 9).data == b"abc" and read(one, 9).data == b"defg"
        assert control(one, abi.FSCTL_PIPE_PEEK, size=32).returned == s.STATUS_PIPE_BROKEN


def test_peeking_where_nobody_is(system: ntio.System) -> None:
    one = server(system)
    assert control(one, abi.FSCTL_PIPE_PEEK, size=16).returned == s.STATUS_INVALID_PIPE_STATE
    control(one, abi.FSCTL_PIPE_DISCONNECT)
    assert control(one, abi.FSCTL_PIPE_PEEK, size=16).returned == s.STATUS_PIPE_DISCONNECTED
    close_file(one)


def test_a_transaction_is_a_message_there_and_one_back(system: ntio.System) -> None:
    with connected(system, messages=True, read_messages=True) as (one, other):
        assert control(other, abi.FSCTL_PIPE_TRANSCEIVE, b"ask", 9).returned == s.STATUS_INVALID_PIPE_STATE
        set_modes(other, 1, 0)
        asked = control(other, abi.FSCTL_PIPE_TRANSCEIVE, b"a long question", 3)
        assert asked.pending and read(one, 99).data == b"a long question"
        write(one, b"answer")
        assert asked.outcome == (s.STATUS_BUFFER_OVERFLOW, 3) and asked.data == b"ans"
        assert control(other, abi.FSCTL_PIPE_TRANSCEIVE, b"ask", 9).returned == s.STATUS_PIPE_BUSY
        assert read(other, 9).data == b"wer"
        close_file(one)
        assert control(other, abi.FSCTL_PIPE_TRANSCEIVE, b"ask", 9).returned == s.STATUS_PIPE_BROKEN


@contextmanager
def root(system: ntio.System) -> Iterator[FileObject]:
    file = system.create_file_object("\\Device\\NamedPipe\\", CreateParameters(access=major.SYNCHRONIZE, options=0))
    try:
        yield file
    finally:
        close_file(file)


def wait(file: FileObject, name: str, seconds: float | None) -> Asked:
    limit = -(1 << 63) if seconds is None else -int(seconds * 10_000_000)
    text = name.encode("utf-16-le")
    return control(file, abi.FSCTL_PIPE_WAIT, struct.pack("<qIB", limit, len(text), True) + b"\0" + text)


def test_waiting_for_an_instance_that_listens(system: ntio.System) -> None:
    with root(system) as file:
        assert wait(file, "test", None).returned == s.STATUS_OBJECT_NAME_NOT_FOUND
        assert wait(file, "", None).returned == s.STATUS_INVALID_PARAMETER
        one = server(system)
        assert wait(file, "test", None).returned == 0
        other = client(system)
        waits = [wait(file, "TEST", limit) for limit in (None, 1000)]
        assert all(asked.pending for asked in waits)
        close_file(other)
        control(one, abi.FSCTL_PIPE_DISCONNECT)
        assert all(asked.pending for asked in waits)
        asked = listen(one)
        assert [each.outcome for each in waits] == [(0, 0)] * 2 and asked.pending
        close_file(one)


def test_a_further_instance_ends_waiting_too_and_so_does_closing(system: ntio.System) -> None:
    with connected(system) as (_, _other):
        with root(system) as file:
            first = wait(file, "test", None)
            close_file(server(system))
            second = wait(file, "test", 1000)
            assert first.outcome == (0, 0) and second.pending
        assert second.outcome == (s.STATUS_CANCELLED, 0)


def test_waiting_has_a_limit(system: ntio.System) -> None:
    with connected(system), root(system) as file:
        asked, longer = wait(file, "test", 0.001), wait(file, "test", 100)
        block = IoStatusBlock()
        while asked.pending:
            services.query_information(file, block, bytearray(40), None, major.FILE_STANDARD_INFORMATION_CLASS)
        assert asked.outcome == (s.STATUS_IO_TIMEOUT, 0) and longer.pending


def test_what_an_end_says_of_itself(system: ntio.System) -> None:
    with connected(system, messages=True, read_messages=True, inbound_quota=9) as (one, other):
        write(other, b"abc")
        buffer = bytearray(40)
        number = major.FILE_PIPE_LOCAL_INFORMATION_CLASS
        assert services.query_information(one, IoStatusBlock(), buffer, None, number) == 0
        assert struct.unpack("<10I", buffer) == (1, 2, 2, 1, 9, 3, 4, 4, 3, 1)
        assert services.query_information(other, IoStatusBlock(), buffer, None, number) == 0
        assert struct.unpack("<10I", buffer) == (1, 2, 2, 1, 9, 0, 4, 6, 3, 0)
        modes = bytearray(8)
        services.query_information(one, IoStatusBlock(), modes, None, major.FILE_PIPE_INFORMATION_CLASS)
        assert struct.unpack("<II", modes) == (1, 0)
        name = bytearray(64)
        services.query_information(one, IoStatusBlock(), name, None, major.FILE_NAME_INFORMATION_CLASS)
        assert name[4 : 4 + name[0]].decode("utf-16-le") == "\\Test"


def test_what_the_device_itself_does_not_do(system: ntio.System) -> None:
    with root(system) as file:
        assert listen(file).returned == s.STATUS_INVALID_DEVICE_REQUEST
        assert read(file, 1).returned == s.STATUS_ACCESS_DENIED
    one = server(system)
    assert control(one, abi.CTL_CODE(0x11, 99, 0, 0)).returned == s.STATUS_INVALID_DEVICE_REQUEST
    close_file(one)


def test_requests_that_wait_when_the_system_is_closed_end(hal_name: str) -> None:
    system = ntio.System(hal_name)
    one = server(system)
    system.io.handles.insert(one)
    asked = listen(one)
    system.close()
    assert asked.outcome == (s.STATUS_PIPE_BROKEN, 0)
    close_file(one)


# --- on behalf of the client ------------------------------------------------------------------------------------------


def test_a_server_runs_as_its_client_for_a_while(system: ntio.System) -> None:
    subjects = system.io.subjects
    before, guest = subjects.current(), user_token(77)
    with ntio.NamedPipe.create("as", security=parse_sddl("D:(A;;GA;;;WD)"), system=system) as one:
        with system.impersonate(guest):
            other = ntio.NamedPipe.open("as", system=system)
        with other:
            for _ in range(2):
                with one.impersonating_client():
                    assert subjects.current() is guest
                    with pytest.raises(NtError):
                        ntio.NamedPipe.create("as", security=parse_sddl("D:"), first=True, system=system)
                assert subjects.current() is before
            with system.impersonate(mine := administrator_token()):
                with one.impersonating_client():
                    assert subjects.current() is guest
                assert subjects.current() is mine
            assert refused(lambda: enter(other)) == s.STATUS_ILLEGAL_FUNCTION
        assert subjects.current() is before
        one.disconnect()
        assert refused(lambda: enter(one)) == s.STATUS_PIPE_DISCONNECTED


def enter(pipe: ntio.NamedPipe) -> None:
    with pipe.impersonating_client():
        pytest.fail("it runs as somebody else")


def test_it_takes_a_privilege_to_run_as_somebody_else(system: ntio.System) -> None:
    weak = user_token(79).adjusted(disable=[Privilege.IMPERSONATE])
    with ntio.NamedPipe.create("as", security=parse_sddl("D:(A;;GA;;;WD)"), system=system) as one:
        assert refused(lambda: enter(one)) == s.STATUS_PIPE_LISTENING
        with ntio.NamedPipe.open("as", system=system), system.impersonate(weak):
            assert refused(lambda: enter(one)) == s.STATUS_PRIVILEGE_NOT_HELD
            assert system.io.subjects.current() is weak


def test_one_may_always_run_as_oneself(system: ntio.System) -> None:
    weak = user_token(79).adjusted(disable=[Privilege.IMPERSONATE])
    one = ntio.NamedPipe.create("as", security=parse_sddl("D:(A;;GA;;;WD)"), system=system)
    with one, system.impersonate(weak), ntio.NamedPipe.open("as", system=system), one.impersonating_client():
        assert system.io.subjects.current() is weak
