"""Packages from PyPI that a Python program may read files with asynchronously, each used as well as it allows.

Extra `bench` installs them; one that is missing, or that this kernel is too old for, is told so in the table. Each is a
context manager that takes a path and gives a source (see `ways`). Destinations are used again where the package lets
its caller choose them (pyuring's `read_async`, liburing); caio, aiofile, aiofiles and pyuring's `read_offsets` always
make new bytes.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from ways import BLOCK, Offsets, Source, windows

#: Reads in flight, for every package alike; pyuring's `read_offsets` refuses more than 128 here.
DEPTH = 256

Peer = Callable[[Path], AbstractContextManager[Source]]


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def caio_context(kind: str) -> Peer:
    """caio's context as it is, without asyncio: operations submitted 256 at a time, reaped by polling."""

    @contextmanager
    def peer(path: Path) -> Iterator[Source]:
        module: Any = importlib.import_module(f"caio.{kind}")
        context, least = module.Context(max_requests=DEPTH), 1 if kind == "linux_aio" else 0

        def source(offsets: Offsets) -> Iterator[Any]:
            for part in windows(offsets, DEPTH):
                operations = [module.Operation.read(BLOCK, descriptor, offset) for offset in part.tolist()]
                done: list[int] = []
                for operation in operations:
                    operation.set_callback(done.append)
                context.submit(*operations)
                if kind == "linux_uring":
                    context.flush()
                while len(done) < len(operations):
                    context.process_events(DEPTH, least)
                for operation in operations:
                    yield operation.get_value()

        with opened(path) as descriptor:
            yield source

    return peer


def in_loop(make: Callable[[Path], Any]) -> Peer:
    """An asyncio reader, `async with make(path) as read`, as a source: a window at a time in a loop of its own."""

    @contextmanager
    def peer(path: Path) -> Iterator[Source]:
        with asyncio.Runner() as runner, ExitStack() as stack:

            async def enter() -> Any:
                return await manager.__aenter__()

            async def leave() -> None:
                await manager.__aexit__(None, None, None)

            manager = make(path)
            read = runner.run(enter())
            stack.callback(lambda: runner.run(leave()))

            def source(offsets: Offsets) -> Iterator[Any]:
                for part in windows(offsets, DEPTH):
                    yield from runner.run(read(part.tolist()))

            yield source

    return peer


def caio_asyncio(kind: str) -> Callable[[Path], Any]:
    """caio in an event loop: a future per read, submitted together."""

    @asynccontextmanager
    async def reader(path: Path) -> AsyncIterator[Any]:
        async with caio_loop_context(kind) as context:
            with opened(path) as descriptor:

                async def read(offsets: list[int]) -> list[bytes]:
                    return await asyncio.gather(*[context.read(BLOCK, descriptor, offset) for offset in offsets])

                yield read

    return reader


def caio_loop_context(kind: str) -> Any:
    """caio's asyncio context in the settings that measured best: without a polling kernel thread, batching on."""
    module: Any = importlib.import_module(f"caio.{kind}_asyncio")
    return module.AsyncioContext(DEPTH, deferred=True, **({"sqpoll": False} if kind == "linux_uring" else {}))


@asynccontextmanager
async def aiofile(path: Path) -> AsyncIterator[Any]:
    """aiofile on caio's io_uring context."""
    module: Any = importlib.import_module("aiofile")
    async with (
        caio_loop_context("linux_uring") as context,
        module.AIOFile(str(path), "rb", context=context) as file,
    ):

        async def read(offsets: list[int]) -> list[bytes]:
            return await asyncio.gather(*[file.read_bytes(BLOCK, offset) for offset in offsets])

        yield read


@asynccontextmanager
async def aiofiles(path: Path) -> AsyncIterator[Any]:
    """aiofiles: a file has one position, so 16 of them take turns."""
    module: Any = importlib.import_module("aiofiles")
    files = [await module.open(path, "rb", buffering=0) for _ in range(16)]

    async def some(file: Any, offsets: list[int]) -> list[bytes]:
        pieces = []
        for offset in offsets:
            await file.seek(offset)
            pieces.append(await file.read(BLOCK))
        return pieces

    async def read(offsets: list[int]) -> list[bytes]:
        parts = await asyncio.gather(*[some(file, offsets[first::16]) for first, file in enumerate(files)])
        return [parts[row % 16][row // 16] for row in range(len(offsets))]

    yield read
    for file in files:
        await file.close()


@contextmanager
def pyuring_async(path: Path) -> Iterator[Source]:
    """pyuring: a read queued per call, then a completion per call, into buffers used again."""
    module: Any = importlib.import_module("pyuring")
    buffers = [bytearray(BLOCK) for _ in range(DEPTH)]

    def source(offsets: Offsets) -> Iterator[Any]:
        for part in windows(offsets, DEPTH):
            for row, offset in enumerate(part.tolist()):
                context.read_async(descriptor, buffers[row], offset, row)
            context.submit()
            for _ in part:
                if context.wait_completion()[1] != BLOCK:
                    raise OSError("pyuring did not read a whole block")
            yield from buffers[: len(part)]

    with opened(path) as descriptor, module.direct.UringCtx(entries=DEPTH) as context:
        yield source


@contextmanager
def pyuring_offsets(path: Path) -> Iterator[Source]:
    """pyuring's call for a list of offsets: one call into C per 128 reads, new bytes for each."""
    module: Any = importlib.import_module("pyuring")
    with opened(path) as descriptor, module.direct.UringCtx(entries=DEPTH) as context:
        yield lambda offsets: (
            context.read_offsets(descriptor, BLOCK, part.tolist()) for part in windows(offsets, DEPTH // 2)
        )


@contextmanager
def liburing(path: Path) -> Iterator[Source]:
    """liburing: entries prepared one by one, one crossing per 256, into buffers used again.

    Completions are walked with `CqeIter`: `cqe[i]` counts on in memory and does not turn round where the ring does.
    """
    module: Any = importlib.import_module("liburing")
    get, prepare, advance = module.io_uring_get_sqe, module.io_uring_prep_read, module.io_uring_cq_advance
    ring, cqe = module.Ring(), module.Cqe()
    buffers = [bytearray(BLOCK) for _ in range(DEPTH)]

    def source(offsets: Offsets) -> Iterator[Any]:
        for part in windows(offsets, DEPTH):
            for buffer, offset in zip(buffers, part.tolist()):  # noqa: B905
                prepare(get(ring), descriptor, buffer, offset)
            module.io_uring_submit_and_wait(ring, len(part))
            whole = [cqe[0].res == BLOCK for _ in module.CqeIter(ring, cqe)]
            if len(whole) != len(part) or not all(whole):
                raise OSError("liburing did not read whole blocks")
            advance(ring, len(part))
            yield from buffers[: len(part)]

    with opened(path) as descriptor:
        module.io_uring_queue_init(DEPTH, ring)
        try:
            yield source
        finally:
            module.io_uring_queue_exit(ring)


PEERS: dict[str, Peer] = {
    "liburing": liburing,
    "caio io_uring, bare": caio_context("linux_uring"),
    "caio linux_aio, bare": caio_context("linux_aio"),
    "caio io_uring, asyncio": in_loop(caio_asyncio("linux_uring")),
    "caio linux_aio, asyncio": in_loop(caio_asyncio("linux_aio")),
    "aiofile": in_loop(aiofile),
    "aiofiles": in_loop(aiofiles),
    "pyuring read_async": pyuring_async,
    "pyuring read_offsets": pyuring_offsets,
}
#: Those that need a fraction of the reads to be measured.
SLOW = ("caio io_uring, asyncio", "caio linux_aio, asyncio", "aiofile", "aiofiles", "pyuring read_async")


def enter_peers(stack: ExitStack, path: Path) -> tuple[dict[str, Source], list[str]]:
    """Every package that is here and works, by name, and why the others are not."""
    sources, missing = {}, []
    for name, peer in PEERS.items():
        try:
            sources[name] = stack.enter_context(peer(path))
        except (ImportError, OSError) as error:
            missing.append(f"{name} skipped: {error} (pip install 'ntio[bench]')")
    return sources, missing
