"""A completion port, plainly: threads add up the bytes of a file that is read with many requests at once.

Usage: python iocp_article.py [FILE]          without a file, this interpreter's own executable

The same as iocp_article_win32.py, without the Windows names.
"""

from __future__ import annotations

import sys
import threading

import ntio

CHUNK = 64 * 1024
IN_FLIGHT = 32
READ_KEY = 1

path = sys.argv[1] if len(sys.argv) > 1 else sys.executable

with ntio.open(path) as file:  # synchronous: the call waits
    head = file.read(16, offset=0)
    print(f"synchronous read: {len(head)} bytes")

with ntio.open(path, overlapped=True) as file, ntio.CompletionPort(concurrency=2) as port:
    operation = file.start_read(16, offset=0)  # overlapped: it goes on by itself
    print(f"overlapped read: {operation.wait()} bytes, the same: {bytes(operation.data) == head}")

    port.associate(file, READ_KEY)
    size = file.size
    offsets = iter(range(0, size, CHUNK))
    lock, finished = threading.Lock(), threading.Event()
    total, outstanding = 0, IN_FLIGHT

    def start_next(buffer: bytearray) -> None:
        """Start the next read of the file into this buffer; when there is none, perhaps that was the last."""
        global outstanding
        with lock:
            offset = next(offsets, None)
            outstanding -= offset is None
            if offset is None:
                if not outstanding:
                    finished.set()
                return
        file.start_read(buffer, offset)

    def handle(packet: ntio.Packet) -> None:
        """Deal with one packet, on whichever thread got it."""
        global total
        if not packet.ok:
            finished.set()  # what is raised here comes out where the block below ends
        packet.raise_for_status()
        operation = packet.overlapped
        part = sum(operation.data)
        with lock:
            total += part
        start_next(operation.buffer)

    with port.workers(handle, threads=4):  # four threads, two of which run at a time
        for _ in range(IN_FLIGHT):
            start_next(bytearray(CHUNK))
        finished.wait()
    print(f"{size} bytes, their sum is {total}")
    print(f"the port: {port.statistics()}")

with open(path, "rb") as plain:
    assert total == sum(plain.read())
