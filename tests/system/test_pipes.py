"""Named pipes for Python: names, streams, messages, ends, and completion ports."""

from __future__ import annotations

import threading

import pytest

import ntio
from ntio.status import AccessDenied, BufferInUse, FileClosed, InvalidParameter, IoTimeout, NtError

pytestmark = pytest.mark.row("R31", "R33", "R34")


def test_two_ends_and_the_end_of_what_can_be_read(system: ntio.System) -> None:
    with ntio.NamedPipe.create("echo", system=system) as server, ntio.NamedPipe.open("ECHO", system=system) as client:
        server.connect()
        assert client.write(b"hello") == 5 and server.peek(2) == (b"he", 5)
        assert server.read(100) == b"hello"
        server.write(b"last words")
        server.close()
        assert client.read(4) == b"last" and client.read() == b" words" and client.read() == b""
        with pytest.raises(NtError):
            client.write(b"x")
        with pytest.raises(FileClosed):
            server.read()


@pytest.mark.parametrize("name", ["\\\\.\\pipe\\Name", "\\??\\PIPE\\name", "\\Device\\NamedPipe\\NAME"])
def test_a_name_may_be_a_path(system: ntio.System, name: str) -> None:
    with ntio.NamedPipe.create("name", system=system), ntio.NamedPipe.open(name, system=system) as client:
        assert "NamedPipe" in repr(client)


def test_messages_stay_whole_however_long(system: ntio.System) -> None:
    long = bytes(200_000)
    with (
        ntio.NamedPipe.create("m", messages=True, quota=len(long) + 2, system=system) as server,
        ntio.NamedPipe.open("m", messages=True, system=system) as client,
    ):
        for message in (b"a", b"", long):
            client.write(message)
        assert [server.read(10) for _ in range(3)] == [b"a", b"", long]
        thread = threading.Thread(target=lambda: server.write(server.read() + bytes(100_000)))
        thread.start()
        assert client.transact(b"ask") == b"ask" + bytes(100_000)
        thread.join()


def test_both_directions_at_once_on_one_end(system: ntio.System) -> None:
    with ntio.NamedPipe.create("d", system=system) as server, ntio.NamedPipe.open("d", system=system) as client:
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(server.read()))
        reader.start()
        server.write(b"out")
        assert client.read() == b"out"
        client.write(b"in")
        reader.join()
        assert got == [b"in"]
        client.write(b"x")
        server.read()
        client.flush()


def test_a_client_waits_for_an_instance(system: ntio.System) -> None:
    with pytest.raises(FileNotFoundError):
        ntio.NamedPipe.open("w", system=system)
    with ntio.NamedPipe.create("w", instances=1, system=system) as server:
        with ntio.NamedPipe.open("w", system=system):
            with pytest.raises(NtError):
                ntio.NamedPipe.open("w", system=system)
            with pytest.raises(IoTimeout):
                ntio.NamedPipe.open("w", timeout=0.002, system=system)
            with pytest.raises(NtError):
                ntio.NamedPipe.create("w", system=system)
        server.disconnect()
        clients: list[ntio.NamedPipe] = []
        thread = threading.Thread(target=lambda: clients.append(ntio.NamedPipe.open("w", timeout=None, system=system)))
        thread.start()
        server.connect()
        thread.join()
        clients[0].close()


def test_modes_and_directions(system: ntio.System) -> None:
    with ntio.NamedPipe.create("r", "r", system=system) as server:
        with pytest.raises(AccessDenied):
            ntio.NamedPipe.open("r", "r+", system=system)
        with pytest.raises(AccessDenied):
            ntio.NamedPipe.create("r", "r", first=True, system=system)
        with pytest.raises(InvalidParameter):
            ntio.NamedPipe.open("r", "a", system=system)
        with ntio.NamedPipe.open("r", "w", system=system) as client:
            client.write(b"one way")
            assert server.read() == b"one way"
            with pytest.raises(AccessDenied):
                client.read()
            with pytest.raises(NtError):
                ntio.NamedPipe.open("r", "w", messages=True, system=system)


def test_a_pair_is_a_pipe_without_a_name(system: ntio.System) -> None:
    reader, writer = ntio.pipe_pair(4, system=system)
    with reader, writer:
        thread = threading.Thread(target=lambda: (writer.write(b"0123456789"), writer.close()))
        thread.start()
        got = b"".join(iter(reader.read, b""))
        thread.join()
        assert got == b"0123456789"


def test_the_ends_of_a_pipe_work_with_a_completion_port(system: ntio.System) -> None:
    with (
        ntio.CompletionPort(system=system) as port,
        ntio.NamedPipe.create("p", quota=4, overlapped=True, system=system) as server,
    ):
        port.associate(server.file, 7)
        connecting = server.start_connect()
        assert port.get(0) is None and not connecting.done
        with ntio.NamedPipe.open("p", system=system) as client:
            assert taken(port) == (7, connecting, 0, 0)
            with pytest.raises(NtError):
                server.start_connect()
            reading = server.file.start_read(10)
            client.write(b"abc")
            assert taken(port) == (7, reading, 3, 0) and bytes(reading.data) == b"abc"
            writing = server.file.start_write(b"0123456789")
            assert not writing.done and client.read(6) == b"012345"
            assert taken(port) == (7, writing, 10, 0)
            buffer = bytearray(9)
            reading = server.file.start_read(buffer)
            with pytest.raises(BufferInUse):
                server.file.start_read(buffer)
            with pytest.raises(BufferError):
                buffer.clear()
            assert reading.cancel()
            packet = port.get(0)
            assert packet is not None and packet.overlapped is reading and packet.status == 0xC0000120
            reading = server.file.start_read(1)
        packet = port.get(0)
        assert packet is not None and packet.overlapped is reading and packet.status == 0xC000014B
        with pytest.raises(NtError):
            server.file.start_read(1)
        assert port.get(0) is None


def taken(port: ntio.CompletionPort) -> tuple[int, object, int, int] | None:
    packet = port.get(0)
    return None if packet is None else (packet.key, packet.overlapped, packet.bytes, packet.status)


def test_starting_needs_an_overlapped_end(system: ntio.System) -> None:
    with ntio.NamedPipe.create("s", system=system) as server, pytest.raises(InvalidParameter, match="overlapped"):
        server.start_connect()
