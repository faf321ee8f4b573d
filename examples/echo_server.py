"""An echo server: workers on a completion port, whatever arrives goes back.

    python echo_server.py [PORT]

Serves until Ctrl-C. Without a port it serves itself a few messages over the loopback and stops.

Everything that ends arrives at the port: a connection that came, bytes that were received, bytes that were sent. Each
was started with its connection and the step to take then; whichever worker takes the packet takes that step.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress

import ntio

ROOM = 4096


class Connection:
    """One client: its end, a buffer, and the steps."""

    def __init__(self, server: EchoServer) -> None:
        self.server, self.end, self.buffer = server, ntio.Socket(for_accept=True), bytearray(ROOM)

    def accepted(self, packet: ntio.Packet) -> None:
        """The client came: the next one may, and this one is listened to."""
        self.server.coming = None
        packet.raise_for_status()
        self.server.port.associate(self.end)
        self.server.connections.add(self)
        self.receive()

    def receive(self) -> None:
        """Start to receive."""
        self.end.start_receive(self.buffer, overlapped=(self, self.received))

    def received(self, packet: ntio.Packet) -> None:
        """Send it back; no bytes say that the client has sent its last."""
        packet.raise_for_status()
        if packet.bytes:
            self.end.start_send(memoryview(self.buffer)[: packet.bytes], overlapped=(self, self.sent))
        else:
            self.close()

    def sent(self, packet: ntio.Packet) -> None:
        """The buffer is free again."""
        packet.raise_for_status()
        self.receive()

    def close(self) -> None:
        """The client has gone, or has to."""
        self.server.connections.discard(self)
        self.end.close()


class EchoServer:
    """A listener, a port, and the connections."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.port = ntio.CompletionPort()
        self.connections: set[Connection] = set()
        self.coming: Connection | None = None
        self.listener = ntio.Socket()
        self.listener.set_option(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        self.listener.listen()
        self.port.associate(self.listener)
        self.accept()

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
    """Serve a port, or ourselves."""
    server = EchoServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0))
    with server.port.workers(server.handle):
        if sys.argv[1:]:
            print("echoing on {}:{}, until Ctrl-C".format(*server.listener.address), flush=True)
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
        else:
            talk_to(server.listener.address)
    server.close()


def talk_to(address: tuple[str, int]) -> None:
    """Five clients, and what comes back to them."""
    clients = [socket.create_connection(address) for _ in range(5)]
    for number, client in enumerate(clients):
        with client:
            for turn in range(3):
                client.sendall(b"message %d of client %d" % (turn, number))
                print(client.recv(100).decode())


if __name__ == "__main__":
    main()
