"""A web server for files: workers on a completion port; each answer is one TransmitFile, head and all.

    python file_server.py [DIRECTORY PORT]

Serves until Ctrl-C. Without arguments it serves its own directory to itself and stops.

A slow client holds nobody up: no thread waits for it. Its file is sent as fast as it takes it, and never comes into
this program's memory.
"""

from __future__ import annotations

import socket
import sys
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import ntio

LONGEST_REQUEST = 16 * 1024


class Connection:
    """One client: it sends one request, and is sent one file."""

    def __init__(self, server: FileServer) -> None:
        self.server, self.end = server, ntio.Socket(for_accept=True)
        self.buffer, self.filled = bytearray(LONGEST_REQUEST), 0
        self.file: ntio.File | None = None

    def accepted(self, packet: ntio.Packet) -> None:
        """The client came: the next one may, and this one is listened to."""
        self.server.coming = None
        packet.raise_for_status()
        self.server.port.associate(self.end)
        self.server.connections.add(self)
        self.receive()

    def receive(self) -> None:
        """Start to receive more of the request."""
        self.end.start_receive(memoryview(self.buffer)[self.filled :], overlapped=(self, self.received))

    def received(self, packet: ntio.Packet) -> None:
        """Answer the request if it is whole."""
        packet.raise_for_status()
        self.filled += packet.bytes
        if b"\r\n\r\n" in self.buffer[: self.filled]:
            self.answer(bytes(self.buffer[: self.filled]))
        elif packet.bytes and self.filled < LONGEST_REQUEST:
            self.receive()
        else:
            self.close()

    def answer(self, request: bytes) -> None:
        """Start to send the file that the request names."""
        try:
            method, name = request.split(b" ")[:2]
            self.file = ntio.open(self.server.find(unquote(name.decode("ascii")))) if method == b"GET" else None
        except (OSError, ValueError):
            pass  # there is no such file, or it was no such request
        if self.file is None:
            head = b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        else:
            head = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % self.file.size
        self.end.start_transmit_file(self.file, head=head, overlapped=(self, self.sent))

    def sent(self, packet: ntio.Packet) -> None:
        """That was all."""
        packet.raise_for_status()
        self.end.shutdown()
        self.close()

    def close(self) -> None:
        """The client has its file, or has gone."""
        self.server.connections.discard(self)
        self.end.close()
        if self.file is not None:
            self.file.close()


class FileServer:
    """A listener, a port, and the connections."""

    def __init__(self, root: Path, address: tuple[str, int]) -> None:
        self.root = root.resolve()
        self.port = ntio.CompletionPort()
        self.connections: set[Connection] = set()
        self.coming: Connection | None = None
        self.listener = ntio.Socket()
        self.listener.set_option(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        self.listener.listen()
        self.port.associate(self.listener)
        self.accept()

    def find(self, name: str) -> Path:
        """The file of that name; raises FileNotFoundError if it is none, or none of ours."""
        path = (self.root / name.lstrip("/")).resolve()
        if not path.is_relative_to(self.root) or not path.is_file():
            raise FileNotFoundError(name)
        return path

    def accept(self) -> None:
        """Start to accept the next connection; where the host has no room for it, after the next packet."""
        self.coming = coming = Connection(self)
        try:
            self.listener.start_accept(coming.end, overlapped=(coming, coming.accepted))
        except ntio.NtError:
            self.coming = None

    def handle(self, packet: ntio.Packet) -> None:
        """Take the step that a packet is for; a client that went away meanwhile is no error of the server."""
        connection, step = packet.overlapped
        try:
            step(packet)
        except ntio.NtError:
            connection.close()
        if self.coming is None:
            self.accept()

    def close(self) -> None:
        """Let go of everybody."""
        self.listener.close()
        for connection in list(self.connections):
            connection.close()
        self.port.close()


def main() -> None:
    """Serve a directory, or ourselves."""
    root, number = (Path(sys.argv[1]), int(sys.argv[2])) if sys.argv[2:] else (Path(__file__).parent, 0)
    server = FileServer(root, ("127.0.0.1", number))
    url = "http://{}:{}/".format(*server.listener.address)
    with server.port.workers(server.handle):
        if sys.argv[2:]:
            print(f"serving {root} on {url}, until Ctrl-C", flush=True)
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
        else:
            name = Path(__file__).name
            with urllib.request.urlopen(url + name) as page:
                assert page.read() == Path(__file__).read_bytes()
            print(f"{name} served and the same")
    server.close()


if __name__ == "__main__":
    main()
