"""Awaiting a batch in asyncio without a thread.

A ring's queue has a descriptor that becomes readable when results arrive (an eventfd). While batches of a ring are
awaited in an event loop, the loop watches that descriptor and reaps the queue when it rings; the last part of a batch
to end resolves its future, from whichever thread it ended on. Where a HAL has no such descriptor (the simulated one) a
thread of the loop's pool waits instead.

Rows: R8
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from ...hal.operation_queue import OperationQueue
from ...status import RingClosed

T = TypeVar("T", covariant=True)


class Awaitable(Protocol[T]):
    """What is awaited: something that says when it is over, and then has results."""

    @property
    def done(self) -> bool:
        """Whether it is over; looks for results."""

    def when_done(self, call: Callable[[], None]) -> None:
        """Have `call` called once when it is over, on any thread; at once if it is."""

    def wait(self, timeout: float | None = None) -> T:
        """The results."""


class LoopBridge:
    """Watches a queue's descriptor in each event loop for as long as batches are awaited there."""

    def __init__(self, queue: OperationQueue) -> None:
        self._queue = queue
        self._awaited: dict[asyncio.AbstractEventLoop, int] = {}

    def wait_for(self, batch: Awaitable[T]) -> Generator[Any, None, T]:
        """What `await batch` does."""
        loop = asyncio.get_running_loop()
        event_file = self._queue.event_file()
        if event_file < 0:
            return (yield from loop.run_in_executor(None, batch.wait).__await__())
        future: asyncio.Future[None] = loop.create_future()
        self._watch(loop, event_file)
        try:
            batch.when_done(lambda: self._resolve(loop, future))
            if not batch.done:
                yield from future.__await__()
        finally:
            self._leave(loop, event_file)
        return batch.wait()

    def _watch(self, loop: asyncio.AbstractEventLoop, event_file: int) -> None:
        self._awaited[loop] = self._awaited.get(loop, 0) + 1
        if self._awaited[loop] == 1:
            loop.add_reader(event_file, self._rung, event_file)

    def _leave(self, loop: asyncio.AbstractEventLoop, event_file: int) -> None:
        self._awaited[loop] -= 1
        if not self._awaited[loop]:
            del self._awaited[loop]
            loop.remove_reader(event_file)

    def _rung(self, event_file: int) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(event_file)
        with suppress(RingClosed):  # closing ends every batch by itself
            self._queue.poll()

    @staticmethod
    def _resolve(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
        def resolve() -> None:
            if not future.done():
                future.set_result(None)

        with suppress(RuntimeError):  # the loop was closed: nobody awaits any more
            loop.call_soon_threadsafe(resolve)
