"""A bench for the cases of completion ports: ports, files, pipes on one System, and answers in the oracle's form."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ntio import System
from ntio.io_manager.ports.completion_port import CompletionPort
from ntio.win32 import pywintypes, win32event, win32file, win32pipe
from ntio.win32 import win32con as c

TRUE = {"ok": True, "err": 0}
PATIENCE = 20
#: Names no handle, and is not INVALID_HANDLE_VALUE.
BOGUS = 0x4444


def until(done: Callable[[], object]) -> None:
    """Wait for another thread to have done something."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0)


def outcome(call: Callable[[], Any], **more: Any) -> dict[str, Any]:
    """What a call that returns nothing of interest, or an hr, came to."""
    try:
        result = call()
    except pywintypes.error as error:
        return {"ok": False, "err": error.winerror, **more}
    hr = result[0] if isinstance(result, tuple) else 0
    return {"ok": False, "err": hr, **more} if hr else {**TRUE, **more}


def status_block(overlapped: pywintypes.OVERLAPPED) -> dict[str, Any]:
    """An OVERLAPPED's result fields."""
    return {"internal": hex(overlapped.Internal), "high": overlapped.InternalHigh}

B = TypeVar("B", bound="Bench")


class Bench:
    """What a case works with; `close` ends its threads and closes its handles."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system = system
        self.folder = folder
        self.overlapped = [pywintypes.OVERLAPPED() for _ in range(6)]
        self._handles: list[Any] = []
        self._threads: list[threading.Thread] = []
        self._pipes = 0

    # --- making -----------------------------------------------------------------------------------------------------

    def keep(self, handle: Any) -> Any:
        """Have a handle closed at the end."""
        self._handles.append(handle)
        return handle

    def port(self, concurrency: int = 0) -> Any:
        """A new port."""
        nothing = c.INVALID_HANDLE_VALUE
        return self.keep(win32file.CreateIoCompletionPort(nothing, None, 0, concurrency, system=self.system))

    def associated(self, handle: Any, key: int) -> Any:
        """A new port that a file belongs to."""
        port = self.port()
        win32file.CreateIoCompletionPort(handle, port, key, 0)
        return port

    def event(self, *, manual: bool = True, signaled: bool = False) -> Any:
        """A new event."""
        return self.keep(win32event.CreateEvent(None, manual, signaled, None, system=self.system))

    def file(
        self,
        content: bytes = b"0123456789",
        *,
        access: int = c.GENERIC_READ | c.GENERIC_WRITE,
        flags: int = c.FILE_FLAG_OVERLAPPED,
    ) -> Any:
        """A file of that content, opened for overlapped I/O unless `flags` say otherwise."""
        path = self.folder / f"file{len(self._handles)}"
        with win32file.CreateFile(path, c.GENERIC_WRITE, 0, None, c.CREATE_ALWAYS, 0, None, system=self.system) as new:
            win32file.WriteFile(new, content)
        opened = win32file.CreateFile(path, access, 0, None, c.OPEN_EXISTING, flags, None, system=self.system)
        return self.keep(opened)

    def listener(self, *, quota: int = 4096) -> tuple[Any, str]:
        """The server end of a new pipe, and the pipe's name."""
        self._pipes += 1
        name = f"\\\\.\\pipe\\case{self._pipes}"
        mode = win32pipe.PIPE_ACCESS_DUPLEX | c.FILE_FLAG_OVERLAPPED
        server = win32pipe.CreateNamedPipe(name, mode, 0, 1, quota, quota, 0, None, system=self.system)
        return self.keep(server), name

    def client(self, name: str, flags: int = c.FILE_FLAG_OVERLAPPED) -> Any:
        """The other end of a pipe."""
        access = c.GENERIC_READ | c.GENERIC_WRITE
        opened = win32file.CreateFile(name, access, 0, None, c.OPEN_EXISTING, flags, None, system=self.system)
        return self.keep(opened)

    def pipe(self, *, quota: int = 4096) -> tuple[Any, Any]:
        """Both ends of a pipe: the server's, for overlapped I/O, and the client's, whose calls wait."""
        server, name = self.listener(quota=quota)
        return server, self.client(name, 0)

    # --- calls in the oracle's form ---------------------------------------------------------------------------------

    def called(self, overlapped: Any) -> str:
        """What the oracle calls an OVERLAPPED that came back."""
        if overlapped is None:
            return "null"
        if isinstance(overlapped, int):
            return hex(overlapped)
        return f"ov{[one is overlapped for one in self.overlapped].index(True)}"

    def get(self, port: Any, milliseconds: int = 5000) -> dict[str, Any]:
        """GetQueuedCompletionStatus."""
        rc, count, key, overlapped = win32file.GetQueuedCompletionStatus(port, milliseconds, system=self.system)
        result = {"ok": not rc, "err": rc, "ov": self.called(overlapped)}
        return result if rc and overlapped is None else {**result, "bytes": count, "key": key}

    def get_several(
        self, port: Any, count: int, milliseconds: int = 0, *, alertable: bool = False
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """GetQueuedCompletionStatusEx: the call, and the entries."""
        rc, entries = win32file.GetQueuedCompletionStatusEx(port, count, milliseconds, alertable)
        shown = [
            {"key": entry[0], "bytes": entry[3], "ov": self.called(entry[1]), "internal": hex(entry[2])}
            for entry in entries
        ]
        return {"ok": not rc, "err": rc}, shown

    def result(self, handle: Any, overlapped: Any, *, wait: bool = False) -> dict[str, Any]:
        """GetOverlappedResult."""
        try:
            return {**TRUE, "bytes": win32file.GetOverlappedResult(handle, overlapped, wait)}
        except pywintypes.error as error:
            return {"ok": False, "err": error.winerror}

    def post(self, port: Any, number: int) -> None:
        """Post one packet."""
        win32file.PostQueuedCompletionStatus(port, number, 100 + number, None)

    # --- threads ----------------------------------------------------------------------------------------------------

    def inside(self, port: Any) -> CompletionPort:
        """The port's object, to look at."""
        return self.system.io.handles.reference(int(port), CompletionPort)

    def start(self, routine: Callable[[], object]) -> threading.Thread:
        """Run something on a thread that is joined at the end."""
        thread = threading.Thread(target=routine)
        thread.start()
        self._threads.append(thread)
        return thread

    def start_waiters(self, port: Any, routines: list[Callable[[], object]]) -> None:
        """Start threads one after the other, each when the one before waits for a packet."""
        inside = self.inside(port)
        for routine in routines:
            before = len(inside.snapshot().waiters)
            self.start(routine)
            until(lambda before=before: len(inside.snapshot().waiters) > before)  # type: ignore[misc]

    def close(self) -> None:
        """Close what is open; then every thread comes home."""
        for handle in self._handles:
            handle.Close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


@contextmanager
def iocp_bench(system: System, folder: Path, kind: type[B] = Bench) -> Iterator[B]:  # type: ignore[assignment]
    """A bench, closed at the end."""
    one = kind(system, folder)
    try:
        yield one
    finally:
        one.close()
