"""What the tests of I/O rings work with: files, pipes, memory, events and rings of one System, all closed at the end.

Everything is the Windows face with the System filled in. `Bench.says` is the observation that stands in the table
`docs/conformance/ioring.md`, and is compared with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ntio import System
from ntio import win32 as w
from ntio.io_manager.host_file import HostFile
from ntio.win32 import ioringapi as api
from ntio.win32.pywintypes import PyHANDLE

READ_WRITE = w.GENERIC_READ | w.GENERIC_WRITE
ALL = api.IORING_SUBMIT_WAIT_ALL


class Pipe:
    """A pipe whose end for reading is a handle; what is written goes in from here."""

    def __init__(self, bench: Bench) -> None:
        self._files = bench.system.hal.files
        self._simulated = bench.system.hal.name == "simulated"
        reader, self._writer = self._files.make_pipe() if self._simulated else os.pipe()  # type: ignore[attr-defined]
        self.handle = bench.adopt(reader, w.GENERIC_READ)
        if not self._simulated:
            os.close(reader)

    def write(self, data: bytes) -> None:
        """Put bytes in."""
        assert self._files.write(self._writer, memoryview(data), 0) == len(data)

    def close(self) -> None:
        """Close the end for writing."""
        if self._writer >= 0:
            self._files.close(self._writer)
            self._writer = -1


class Bench:
    """One System with everything a case needs."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system = system
        self.observed: list[str] = []
        self._folder = folder
        self._rings: list[api.HIORING] = []
        self._handles: list[PyHANDLE] = []
        self._pipes: list[Pipe] = []
        self._memory: list[int] = []

    def says(self, text: str) -> None:
        """Note what was observed, for the table."""
        self.observed.append(text)

    # --- things -----------------------------------------------------------------------------------------------------

    def file(self, content: bytes = b"", access: int = READ_WRITE, *, direct: bool = False) -> PyHANDLE:
        """A new file with that content, opened."""
        return self.open(self.path(content), access, direct=direct)

    def path(self, content: bytes) -> str:
        """The path of a new file with that content."""
        number = sum(1 for _ in self._handles)
        path = str(self._folder / f"file{number}")
        files = self.system.hal.files
        descriptor = files.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        assert files.write(descriptor, memoryview(content), 0) == len(content)
        files.close(descriptor)
        return path

    def open(self, path: str, access: int = READ_WRITE, *, direct: bool = False) -> PyHANDLE:
        """A handle; it is closed at the end."""
        flags = w.FILE_FLAG_NO_BUFFERING if direct else 0
        return self.keep(w.CreateFile(path, access, 0, None, w.OPEN_EXISTING, flags, None, system=self.system))

    def keep(self, handle: PyHANDLE) -> PyHANDLE:
        """Close a handle at the end, if it is still open then."""
        self._handles.append(handle)
        return handle

    def adopt(self, descriptor: int, access: int) -> PyHANDLE:
        """A handle for a descriptor of the HAL's."""
        if self.system.hal.name != "simulated":
            return self.open(f"/proc/self/fd/{descriptor}", access)
        handle = self.file(b"", access)
        file_object = self.system.io.handles.reference(int(handle), object)
        file_object.fs_context.close()  # type: ignore[attr-defined]
        file_object.fs_context = HostFile(self.system.io, descriptor, "pipe")  # type: ignore[attr-defined]
        self.system.io.host_descriptors.add(descriptor)
        return handle

    def pipe(self) -> Pipe:
        """A new pipe."""
        pipe = Pipe(self)
        self._pipes.append(pipe)
        return pipe

    def content(self, handle: PyHANDLE) -> bytes:
        """What a file holds now."""
        file: Any = self.system.io.handles.reference(int(handle), object)
        buffer = bytearray(file.fs_context.size)
        assert self.system.hal.files.read(file.fs_context.descriptor, memoryview(buffer), 0) == len(buffer)
        return bytes(buffer)

    def memory(self, size: int = 4096, content: bytes = b"") -> int:
        """The address of fresh memory."""
        address = w.VirtualAlloc(None, size, w.MEM_COMMIT | w.MEM_RESERVE, w.PAGE_READWRITE, system=self.system)
        self._memory.append(address)
        self.bytes_at(address, len(content))[:] = content
        return address

    def bytes_at(self, address: int, size: int) -> memoryview:
        """Memory by its address."""
        return w.memory_at(address, size, system=self.system)

    def free(self, address: int) -> None:
        """Give memory back before the end."""
        w.VirtualFree(address, 0, w.MEM_RELEASE, system=self.system)
        self._memory.remove(address)

    def event(self, *, manual: bool = False) -> PyHANDLE:
        """A new event, clear."""
        return self.keep(w.CreateEvent(None, manual, False, None, system=self.system))

    def ring(
        self, version: int = 300, sq: int = 8, cq: int = 16, *, required: int = 0, advisory: int = 0
    ) -> api.HIORING:
        """A new ring."""
        flags = api.IORING_CREATE_FLAGS(required, advisory)
        ring = api.CreateIoRing(version, flags, sq, cq, system=self.system)
        self._rings.append(ring)
        return ring

    # --- entries, in short ------------------------------------------------------------------------------------------

    def read(
        self, ring: api.HIORING, file: Any, memory: Any, length: int, offset: int = 0, user: int = 0, flags: int = 0
    ) -> None:
        """Queue a read; `file` is a handle or a reference, `memory` an address or a reference."""
        api.BuildIoRingReadFile(ring, named(file), placed(memory), length, offset, user, flags)

    def write(
        self, ring: api.HIORING, file: Any, memory: Any, length: int, offset: int = 0, user: int = 0, flags: int = 0,
        write_flags: int = 0,
    ) -> None:  # fmt: skip
        """Queue a write."""
        api.BuildIoRingWriteFile(ring, named(file), placed(memory), length, offset, write_flags, user, flags)

    def do(self, ring: api.HIORING) -> dict[int, tuple[int, int]]:
        """Submit, wait for all, pop all: result and information by user data."""
        api.SubmitIoRing(ring, ALL, w.INFINITE)
        return {user: (result, information) for user, result, information in pops(ring)}

    def wait_for_closed_rings(self) -> None:
        """Wait until what was in flight on closed rings has ended."""
        for thread in self.system.io._threads:
            thread.join()

    def close(self) -> None:
        """Close everything that is still open."""
        for ring in self._rings:
            if not ring.ring.closed:
                api.CloseIoRing(ring)
        for pipe in self._pipes:
            pipe.close()
        for handle in self._handles:
            handle.Close()
        self.wait_for_closed_rings()
        for address in list(self._memory):
            self.free(address)


def named(file: Any) -> api.IORING_HANDLE_REF:
    """A reference to a file."""
    return file if isinstance(file, api.IORING_HANDLE_REF) else api.IoRingHandleRefFromHandle(file)


def placed(memory: Any) -> api.IORING_BUFFER_REF:
    """A reference to memory."""
    return memory if isinstance(memory, api.IORING_BUFFER_REF) else api.IoRingBufferRefFromPointer(memory)


def pops(ring: api.HIORING) -> Iterator[api.IORING_CQE]:
    """Every completion that is there."""
    while (completion := api.PopIoRingCompletion(ring)) is not None:
        yield completion


def hresult(call: Callable[..., Any], *arguments: Any, **named_arguments: Any) -> int:
    """The HRESULT of a call, 0 when it does not raise."""
    try:
        call(*arguments, **named_arguments)
    except api.IoRingError as error:
        return error.hresult
    return 0


def shown(result: tuple[int, int]) -> str:
    """A completion's result and information, as the table shows them."""
    return f"{result[0]:#x}, {result[1]} bytes" if result[0] else f"S_OK, {result[1]} bytes"


@contextmanager
def bench_for(system: System, folder: Path) -> Iterator[Bench]:
    """A bench that is closed at the end."""
    bench = Bench(system, folder)
    try:
        yield bench
    finally:
        bench.close()


def skip_without_direct_io(bench: Bench) -> None:
    """Skip where the folder for tests cannot be read without the host's cache."""
    try:
        bench.file(b"x", direct=True)
    except OSError as error:
        pytest.skip(f"no unbuffered I/O here: {error}")
