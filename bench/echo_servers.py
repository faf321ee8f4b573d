"""One echo server per process, on the first processor: `python echo_servers.py WAY CONNECTIONS SIZE`.

It prints its port, serves until the first client goes away, and prints what it used: processor seconds and context
switches.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
from collections.abc import Callable

import numpy as np

import ntio

NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def announce(port: int) -> None:
    """Tell whoever started us where we are."""
    print(port, flush=True)


def listening(system: ntio.System) -> ntio.Socket:
    """A listener on the loopback."""
    listener = ntio.Socket(system=system)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    announce(listener.address[1])
    return listener


def connections(listener: ntio.Socket, count: int) -> list[ntio.Socket]:
    """So many accepted connections."""
    accepted = [listener.accept() for _ in range(count)]
    for one in accepted:
        one.set_option(*NO_DELAY)
    return accepted


def batches(count: int, size: int) -> None:
    """ntio: packets taken as columns, answers started as one batch."""
    with ntio.System() as system, ntio.CompletionPort(1, system=system) as port, listening(system) as listener:
        ends = connections(listener, count)
        with ntio.SocketGroup(port, ends, size=size) as group:
            group.receive()
            while (packets := port.get_many(256)).ok and np.count_nonzero(packets.bytes) == len(packets):
                group.reply(packets.key, packets.bytes)
        close(ends)


def packets(count: int, size: int) -> None:
    """ntio: one packet at a time; answers go when there is no packet left."""
    with ntio.System() as system, ntio.CompletionPort(1, system=system) as port, listening(system) as listener:
        ends = connections(listener, count)
        with ntio.SocketGroup(port, ends, size=size) as group:
            group.receive()
            while (packet := port.get()) is not None and packet.bytes and not packet.status:
                group.answer(packet.key, packet.bytes)
        close(ends)


def requests(count: int, size: int) -> None:
    """ntio: one packet and one request at a time, by `Socket` alone."""
    with ntio.System() as system, ntio.CompletionPort(1, system=system) as port, listening(system) as listener:
        ends = connections(listener, count)
        buffers = [bytearray(size) for _ in ends]
        for number, end in enumerate(ends):
            port.associate(end, number)
            end.start_receive(buffers[number], overlapped=True)
        try:
            while (packet := port.get()) is not None and not packet.status:
                number = packet.key
                if not packet.overlapped:
                    ends[number].start_receive(buffers[number], overlapped=True)
                elif packet.bytes:
                    ends[number].start_send(memoryview(buffers[number])[: packet.bytes], overlapped=False)
                else:
                    break
        except ntio.NtError:
            pass  # the client has gone
        close(ends)


def close(ends: list[ntio.Socket]) -> None:
    """Close every connection."""
    for end in ends:
        end.close()


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]

    def connection_lost(self, error: Exception | None) -> None:
        _gone.set()


async def _echo_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
    except ConnectionError:
        pass
    _gone.set()


async def _serve(*, streams: bool) -> None:
    global _gone
    _gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    if streams:
        server = await asyncio.start_server(_echo_stream, "127.0.0.1", 0)
    else:
        server = await loop.create_server(_Echo, "127.0.0.1", 0)
    announce(server.sockets[0].getsockname()[1])
    await _gone.wait()


def asyncio_streams(count: int, size: int) -> None:
    """asyncio, with streams."""
    asyncio.run(_serve(streams=True))


def uvloop_protocol(count: int, size: int) -> None:
    """uvloop, with a protocol."""
    import uvloop

    uvloop.run(_serve(streams=False))


WAYS: dict[str, Callable[[int, int], None]] = {
    "ntio batches": batches,
    "ntio packets": packets,
    "ntio requests": requests,
    "asyncio streams": asyncio_streams,
    "asyncio streams, malloc kept": asyncio_streams,
    "uvloop protocol": uvloop_protocol,
}


def main() -> None:
    """Serve, and print what that took."""
    way, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, processors[:1])
    WAYS[way](count, size)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_nvcsw + used.ru_nivcsw, flush=True)
    os._exit(0)  # whatever event loops and threads still have to say


if __name__ == "__main__":
    main()
