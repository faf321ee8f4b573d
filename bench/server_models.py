"""One record server per process: `python server_models.py MODEL FILE SIZE WAIT_MS`.

A request is the number of a record, 8 bytes; the answer is the record, `SIZE` bytes of `FILE`. With `WAIT_MS` every
request also waits that long for something that is no business of the server's, as for a database: a call that blocks
its thread and takes no processor. All models serve the same `Records`; they differ in which thread does it.

The server prints its port and what it has used so far (processor seconds, context switches), and serves until it is
killed; whoever started it reads the rest from its end (`os.wait4`).
"""

from __future__ import annotations

import asyncio
import os
import resource
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

REQUEST = 8
BACKLOG = 4096
#: Accepts that a port server keeps started: with one, clients who come at once wait for each other.
ACCEPTS = 64
#: Connections that a group has room for; clients come back before they have been seen to go.
ROWS = 4096
#: The key of the listener's packets, where others have the number of a row.
LISTENER = 1 << 63
NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Records:
    """What all servers serve."""

    def __init__(self, path: str, size: int, wait_ms: float) -> None:
        self.file, self.size, self.wait_seconds = os.open(path, os.O_RDONLY), size, wait_ms / 1000

    def read(self, request: bytes | bytearray) -> bytes:
        """The record that a request names."""
        return os.pread(self.file, self.size, int.from_bytes(request, "little") * self.size)

    def read_into(self, number: int, room: Any) -> None:
        """A record by its number, into bytes of the server's."""
        os.preadv(self.file, [room], number * self.size)

    def wait(self) -> None:
        """What blocks, where something does."""
        if self.wait_seconds:
            time.sleep(self.wait_seconds)

    def answer(self, request: bytes) -> bytes:
        """The whole work of a request."""
        self.wait()
        return self.read(request)


def announce(port: int) -> None:
    """Tell whoever started us where we are, and what it took to get there."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(port, used.ru_utime + used.ru_stime, used.ru_nvcsw, used.ru_nivcsw, flush=True)


def listening() -> socket.socket:
    """A listener of Python's own, on the loopback."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setsockopt(*NO_DELAY)  # which its connections inherit
    announce(listener.getsockname()[1])
    return listener


def serve(end: socket.socket, records: Records) -> None:
    """One client, until it goes."""
    with end:
        try:
            while request := end.recv(REQUEST):
                end.sendall(records.answer(request))
        except ConnectionError:
            pass


def serial(records: Records) -> None:
    """One thread, one client after the other."""
    listener = listening()
    while True:
        serve(listener.accept()[0], records)


def thread_per_client(records: Records) -> None:
    """A thread for each connection, from its begin to its end."""
    listener = listening()
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0], records), daemon=True).start()


def front(records: Records, start: Callable[[Callable[[], None]], object]) -> None:
    """One thread receives the requests of all clients, and has each answered where `start` lets it be."""
    listener, poll = listening(), select.epoll()
    ends: dict[int, socket.socket] = {}
    poll.register(listener.fileno(), select.EPOLLIN)

    def answer(number: int, request: bytes) -> None:
        try:
            ends[number].sendall(records.answer(request))
        except ConnectionError:
            pass
        poll.modify(number, select.EPOLLIN | select.EPOLLONESHOT)

    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                end = listener.accept()[0]
                ends[end.fileno()] = end
                poll.register(end.fileno(), select.EPOLLIN | select.EPOLLONESHOT)
            elif request := received(ends[number]):
                start(lambda number=number, request=request: answer(number, request))  # type: ignore[misc]
            else:
                ends.pop(number).close()


def received(end: socket.socket) -> bytes:
    """A request that is there; none if the client has gone."""
    try:
        return end.recv(REQUEST)
    except ConnectionError:
        return b""


def thread_per_request(records: Records) -> None:
    """A thread for each request."""
    front(records, lambda work: threading.Thread(target=work, daemon=True).start())


def pool_of(threads: int) -> Callable[[Records], None]:
    """`concurrent.futures`: so many threads, and a queue before them."""
    return lambda records: front(records, ThreadPoolExecutor(threads).submit)


def asyncio_streams(records: Records) -> None:
    """asyncio's streams; what blocks goes to 64 threads."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        try:
            while request := await reader.read(REQUEST):
                if records.wait_seconds:
                    await loop.run_in_executor(pool, records.wait)
                writer.write(records.read(request))
        except ConnectionError:
            pass
        writer.close()

    async def main() -> None:
        await asyncio.start_server(talk, sock=listening(), backlog=BACKLOG)
        await asyncio.Event().wait()

    pool = ThreadPoolExecutor(64)
    asyncio.run(main())


class PortServer:
    """ntio: workers on a completion port take whatever ended next, of whichever client."""

    def __init__(self, records: Records) -> None:
        import ntio

        self.records, self.port, self.make_socket, self.gone = records, ntio.CompletionPort(), ntio.Socket, ntio.NtError
        self.listener = ntio.Socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(BACKLOG)
        self.listener.set_option(*NO_DELAY)
        self.port.associate(self.listener)
        for _ in range(ACCEPTS):
            self.accept()
        announce(self.listener.address[1])

    def accept(self) -> None:
        """Start to accept the next client."""
        coming = PortClient(self, self.make_socket(for_accept=True))
        self.listener.start_accept(coming.end, overlapped=coming.accepted)

    def work(self) -> None:
        """What each worker does."""
        for packet in self.port:
            packet.overlapped(packet.bytes if packet.ok else 0)


class PortClient:
    """One client of a `PortServer`."""

    def __init__(self, server: PortServer, end: object) -> None:
        self.server, self.end, self.request = server, end, bytearray(REQUEST)

    def accepted(self, moved: int) -> None:
        """It came."""
        self.server.accept()
        self.server.port.associate(self.end)
        self.receive()

    def receive(self) -> None:
        """Start to receive the next request."""
        self.end.start_receive(self.request, overlapped=self.received)

    def received(self, moved: int) -> None:
        """Answer it; what blocks gives its place to another worker meanwhile."""
        server = self.server
        try:
            if not moved:
                self.end.close()
                return
            if server.records.wait_seconds:
                with server.port.blocking():
                    server.records.wait()
            self.end.start_send(server.records.read(self.request), overlapped=self.sent)
        except server.gone:
            self.end.close()

    def sent(self, moved: int) -> None:
        """The client has its answer, and may ask again."""
        try:
            self.receive()
        except self.server.gone:
            self.end.close()


class GroupServer:
    """ntio: workers on a port, and the connections in a group: answers are started together."""

    def __init__(self, records: Records) -> None:
        import ntio

        self.records, self.port, self.make_socket, self.gone = records, ntio.CompletionPort(), ntio.Socket, ntio.NtError
        self.group = ntio.SocketGroup(self.port, rows=ROWS, size=records.size)
        self.listener = ntio.Socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(BACKLOG)
        self.listener.set_option(*NO_DELAY)
        self.port.associate(self.listener, LISTENER)
        for _ in range(ACCEPTS):
            self.accept()
        announce(self.listener.address[1])

    def accept(self) -> None:
        """Start to accept the next client."""
        coming = self.make_socket(for_accept=True)
        self.listener.start_accept(coming, overlapped=coming)

    def work(self) -> None:
        """What each worker does: take all packets that are there; but one at a time where a request waits."""
        together = 1 if self.records.wait_seconds else 256
        while True:
            packets = self.port.get_many(together)
            asked = (packets.bytes > 0) & (packets.key < LISTENER) & (packets.status == 0)
            rows = packets.key[asked]
            if len(rows):
                self.answer(rows)
            if len(rows) < len(packets):
                for number in (~asked).nonzero()[0].tolist():
                    self.come_or_go(packets[number])

    def answer(self, rows: Any) -> None:
        """Read what was asked for into the rows' buffers, and send it."""
        if self.records.wait_seconds:
            with self.port.blocking():
                self.records.wait()
        buffer, places = self.group.buffer, self.group.places(rows)
        numbers = buffer[places, :REQUEST].view("<u8")[:, 0]
        for place, number in zip(places.tolist(), numbers.tolist(), strict=True):
            self.records.read_into(number, buffer[place])
        self.group.reply(rows, self.records.size)

    def come_or_go(self, packet: Any) -> None:
        """A client has come, or gone."""
        if packet.key == LISTENER:
            self.accept()
            self.group.receive([self.group.add(packet.overlapped)])
        elif packet.key in self.group:
            self.group.remove(packet.key).close()


def port_of(workers: int, kind: type[PortServer | GroupServer] = PortServer) -> Callable[[Records], None]:
    """A port with so many workers, of which as many run as there are processors."""

    def run(records: Records) -> None:
        server = kind(records)
        for _ in range(workers - 1):
            threading.Thread(target=server.work, daemon=True).start()
        server.work()

    return run


MODELS: dict[str, Callable[[Records], None]] = {
    "serial": serial,
    "thread per client": thread_per_client,
    "thread per request": thread_per_request,
    "pool of 64": pool_of(64),
    "asyncio": asyncio_streams,
    **{f"port of {workers}": port_of(workers) for workers in (1, 2, 4, 8, 64)},
    "port of 64, group": port_of(64, GroupServer),
}


def main() -> None:
    """Serve."""
    model, path, size, wait_ms = sys.argv[1:]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    MODELS[model](Records(path, int(size), float(wait_ms)))


if __name__ == "__main__":
    main()
