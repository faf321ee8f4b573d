"""A web server for files: each request is answered by one TransmitFile, head and all.

    python file_server.py [DIRECTORY PORT]

Without arguments it serves its own directory to itself and stops.
"""

from __future__ import annotations

import sys
import threading
import urllib.request
from pathlib import Path

import ntio


def answer(client: ntio.Socket, root: Path) -> None:
    """Read one request, send the file it names."""
    request = b""
    while b"\r\n\r\n" not in request:
        piece = client.receive(4096)
        if not piece:
            return
        request += piece
    name = request.split(b" ", 2)[1].decode().lstrip("/")
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        client.send(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return
    with ntio.open(path) as file:
        head = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % file.size
        client.transmit_file(file, head=head)
    client.shutdown()


def serve(listener: ntio.Socket, root: Path) -> None:
    """Answer clients until the listener is closed."""
    while True:
        try:
            client = listener.accept()
        except ntio.NtError:
            return
        with client:
            answer(client, root)


def main() -> None:
    """Serve a directory, or ourselves."""
    root, number = (Path(sys.argv[1]), int(sys.argv[2])) if sys.argv[2:] else (Path(__file__).parent, 0)
    with ntio.Socket() as listener:
        listener.bind(("127.0.0.1", number))
        listener.listen()
        host, port = listener.address
        thread = threading.Thread(target=serve, args=(listener, root.resolve()))
        thread.start()
        if number:
            print(f"serving {root} on http://{host}:{port}/")
            thread.join()
        with urllib.request.urlopen(f"http://{host}:{port}/{Path(__file__).name}") as page:
            assert page.read() == Path(__file__).read_bytes()
        print(f"{Path(__file__).name} served and the same")
    thread.join()


if __name__ == "__main__":
    main()
