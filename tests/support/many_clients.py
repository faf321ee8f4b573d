"""A process of many connections, told by lines on its standard input what to do with them all; plain Python.

    python many_clients.py PORT COUNT       connects; says "connected"
    send        each sends its number, four bytes, and waits for them to come back; says "sent"
    end         every third one resets, every third one sends its last byte; says "ended"
    wait        each that is left receives its peer's last byte; says "over"
"""

from __future__ import annotations

import resource
import socket
import struct
import sys


def main(port: int, count: int) -> None:
    """Connect, and do as told."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    print("connected", flush=True)
    for line in sys.stdin:
        word = line.strip()
        if word == "send":
            for number, one in enumerate(clients):
                one.sendall(struct.pack("<I", number))
            for number, one in enumerate(clients):
                assert one.recv(4, socket.MSG_WAITALL) == struct.pack("<I", number)
            print("sent", flush=True)
        elif word == "end":
            for number, one in enumerate(clients):
                if number % 3 == 0:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    one.close()
                elif number % 3 == 1:
                    one.shutdown(socket.SHUT_WR)
            print("ended", flush=True)
        elif word == "wait":
            for number, one in enumerate(clients):
                if number % 3:
                    assert one.recv(1) == b""
                    one.close()
            print("over", flush=True)
            return


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
