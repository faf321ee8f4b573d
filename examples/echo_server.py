"""An echo server: workers on a completion port, whatever arrives goes back.

    python echo_server.py [PORT]

Without a port it serves itself a few messages over the loopback and stops.
"""

from __future__ import annotations

import socket
import sys
import threading

import ntio

ROOM = 4096


class Connection:
    """One client: a buffer, and what is under way on it."""

    def __init__(self, server: EchoServer, number: int, end: ntio.Socket) -> None:
        self.server, self.number, self.end = server, number, end
        self.buffer = bytearray(ROOM)
        server.port.associate(end, number)

    def receive(self) -> None:
        """Start to receive; its packet calls `received`."""
        self.end.start_receive(self.buffer, overlapped=self.received)

    def received(self, packet: ntio.Packet) -> None:
        """Send it back; no bytes say that the client has sent its last."""
        if packet.bytes and packet.ok:
            self.end.start_send(memoryview(self.buffer)[: packet.bytes], overlapped=self.sent)
        else:
            self.server.forget(self)

    def sent(self, packet: ntio.Packet) -> None:
        """The buffer is free again."""
        if packet.ok:
            self.receive()
        else:
            self.server.forget(self)


class EchoServer:
    """A listener, a port, and the connections."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.port = ntio.CompletionPort()
        self.listener = ntio.Socket()
        self.listener.set_option(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        self.listener.listen()
        self.port.associate(self.listener, 0)
        self.connections: dict[int, Connection] = {}
        self.accept()

    def accept(self) -> None:
        """Start to accept the next connection; its packet calls `accepted`."""
        self.coming = ntio.Socket(for_accept=True)
        self.listener.start_accept(self.coming, overlapped=self.accepted)

    def accepted(self, packet: ntio.Packet) -> None:
        """Serve the connection that came, and accept the next."""
        if packet.ok:
            number = len(self.connections) + 1
            self.connections[number] = connection = Connection(self, number, self.coming)
            connection.receive()
            self.accept()

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        connection.end.close()

    def work(self) -> None:
        """What each worker does: take a packet, do what it is for."""
        for packet in self.port:
            try:
                packet.overlapped(packet)
            except ntio.NtError:
                self.forget(self.connections[packet.key])  # the client went away meanwhile

    def close(self) -> None:
        """Send the workers home."""
        self.port.close()
        self.listener.close()
        self.coming.close()


def main() -> None:
    """Serve a port, or ourselves."""
    server = EchoServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0))
    workers = [threading.Thread(target=server.work) for _ in range(2)]
    for worker in workers:
        worker.start()
    if sys.argv[1:]:
        print(f"echoing on {server.listener.address}")
        workers[0].join()
        return
    clients = [socket.create_connection(server.listener.address) for _ in range(5)]
    for number, client in enumerate(clients):
        with client:
            for turn in range(3):
                client.sendall(b"message %d of client %d" % (turn, number))
                print(client.recv(100).decode())
    server.close()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
