"""The examples of completion ports as their users run them: many clients, ones that vanish, and Ctrl-C at the end."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
PATIENCE = 30
pytestmark = [pytest.mark.slow, pytest.mark.real_files, pytest.mark.row("R34")]

Address = tuple[str, int]


@contextmanager
def serving(name: str, *arguments: str, descriptors: int = 1000) -> Iterator[Address]:
    """Run a server on a port that is free; in the end Ctrl-C stops it, and it has nothing to complain of."""
    limited = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh"]
    command = [*limited, sys.executable, str(EXAMPLES / name), *arguments, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            first = server.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", first)
            assert found, f"{first}{server.communicate()}"
            yield "127.0.0.1", int(found[1])
            server.send_signal(signal.SIGINT)
            assert server.communicate(timeout=PATIENCE) == ("", "")
            assert server.returncode == 0
        finally:
            server.kill()


def client(address: Address, data: bytes = b"") -> socket.socket:
    one = socket.create_connection(address, timeout=PATIENCE)
    one.sendall(data)
    return one


def vanish(one: socket.socket) -> None:
    """Be gone without a farewell: the connection is reset."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def fill(one: socket.socket) -> None:
    """Send until nobody takes any more."""
    one.setblocking(False)
    try:
        while True:
            one.send(bytes(1 << 16))
    except BlockingIOError:
        pass


def received(one: socket.socket, count: int) -> bytes:
    with one.makefile("rb") as file:
        return file.read(count)


def test_the_echo_server_serves_many_and_forgets_who_vanished() -> None:
    with serving("echo_server.py") as address:
        clients = [client(address, bytes([number]) * 10_000) for number in range(50)]
        for number, one in enumerate(clients):
            assert received(one, 10_000) == bytes([number]) * 10_000
        clogged = client(address)
        fill(clogged)
        vanish(clogged)
        vanish(client(address, b"never to be read"))
        polite = client(address, b"the last")
        polite.shutdown(socket.SHUT_WR)
        assert received(polite, 100) == b"the last"
        for one in (polite, *clients[:25]):
            one.close()
        for one in clients[25:]:
            one.sendall(b"still there")
            assert received(one, 11) == b"still there"
        fill(clients[-1])  # and so Ctrl-C finds something under way
    for one in clients[25:]:
        one.close()


def test_the_file_server_sends_large_files_and_waits_for_nobody(tmp_path: Path) -> None:
    large = os.urandom(1 << 20) * 32
    (tmp_path / "large").write_bytes(large)
    (tmp_path / "with a blank").write_bytes(b"small")
    with serving("file_server.py", str(tmp_path)) as (host, port):
        url, request = f"http://{host}:{port}/", b"GET /large HTTP/1.0\r\n\r\n"
        silent, slow, gone = client((host, port)), client((host, port), request), client((host, port), request)
        assert slow.recv(1) == gone.recv(1) == b"H"
        for name, expected in (("large", large), ("with%20a%20blank", b"small")):
            with urlopen(url + name, timeout=PATIENCE) as page:
                assert page.read() == expected
        vanish(gone)
        for name in ("missing", "../conftest.py", "%00"):
            with pytest.raises(HTTPError) as refused:
                urlopen(url + name, timeout=PATIENCE)
            assert refused.value.code == 404
            refused.value.close()
        for nonsense in (b"\r\n\r\n", b"\xff \xff\r\n\r\n"):
            with client((host, port), nonsense) as one:
                assert received(one, 12) == b"HTTP/1.0 404"
        with client((host, port), bytes(20_000)) as endless, pytest.raises(ConnectionResetError):
            endless.recv(1)  # such a request has no end
    for one in (silent, slow):
        one.close()


def test_a_server_without_descriptors_takes_clients_again_when_some_have_gone() -> None:
    with serving("echo_server.py", descriptors=40) as address:
        too_many = [client(address) for _ in range(100)]
        for _ in range(500):  # while it does this, it accepts as many as it can
            too_many[0].sendall(b"x")
            assert too_many[0].recv(1) == b"x"
        for one in too_many:
            one.close()
        with client(address, b"and me?") as one:
            assert received(one, 7) == b"and me?"


@pytest.mark.parametrize("name", ["iocp_article.py", "iocp_article_win32.py"])
def test_the_article_reads_a_file_of_many_pieces(name: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(range(256)) * 20_000 + b"and an end that is no whole piece")
    told = subprocess.run(
        [sys.executable, EXAMPLES / name, path], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert f"their sum is {sum(path.read_bytes())}" in told.stdout


def test_the_article_by_its_windows_names_ends_on_ctrl_c(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.touch()
    os.truncate(path, 1 << 32)  # a second's work and more
    command = [sys.executable, "-u", str(EXAMPLES / "iocp_article_win32.py"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            while "ReadFileEx" not in program.stdout.readline():
                pass
            program.send_signal(signal.SIGINT)
            assert "KeyboardInterrupt" in program.communicate(timeout=PATIENCE)[1]
        finally:
            program.kill()
