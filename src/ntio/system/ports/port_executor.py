"""An executor of `concurrent.futures` on a completion port.

A pool of threads usually runs all of them. This one has more threads than run: `concurrency` of them at a time, and
when one waits, in a call of ntio or within `blocking()`, another takes its place. The thread that has just finished a
call takes the next one without a switch.

Rows: R39
"""

from __future__ import annotations

import atexit
import operator
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, ParamSpec, TypeVar

from ...hal.machine import Lock
from ...hal.put_off import PutOff
from ...io_manager.ports.completion_port import CompletionPort
from ...status import STATUS_SUCCESS, InvalidParameter
from ..default import default_system
from ..system import System

P = ParamSpec("P")
T = TypeVar("T")


class PortExecutor(Executor):
    """Runs calls on up to `threads` threads, of which `concurrency` (0: the number of processors) run at a time.

    `threads` is four times the concurrency when 0; they start as they are needed. Shut it down, or use it in a `with`
    statement, as any executor.
    """

    def __init__(self, concurrency: int = 0, threads: int = 0, *, system: System | None = None) -> None:
        owner = system or default_system()
        self._port = CompletionPort(owner.io, operator.index(concurrency))
        self._most = operator.index(threads) or 4 * self._port.concurrency
        if self._most < 1:
            raise InvalidParameter(f"{threads} threads")
        self._hal = owner.hal
        self._lock: Lock = owner.hal.new_lock()
        self._shut_down = False
        self._threads: list[Any] = []
        self._at_exit = partial(_finish, weakref.ref(self))
        atexit.register(self._at_exit)
        self._dropped = weakref.finalize(self, _send_home, self._port, self._threads, self._at_exit)
        self._dropped.atexit = False

    def submit(self, function: Callable[P, T], /, *arguments: P.args, **keywords: P.kwargs) -> Future[T]:
        """Have `function(*arguments, **keywords)` called; its future."""
        future: Future[T] = Future()
        with PutOff(), self._lock:  # a call that is queued has a thread to make it
            if self._shut_down:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._port.insert_packet(0, (future, function, arguments, keywords), STATUS_SUCCESS, 0)
            self._hire()
        return future

    def blocking(self) -> AbstractContextManager[None]:
        """Around a wait within a call that ntio cannot see: another call may run meanwhile."""
        return self._hal.waiting()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing more; with `cancel_futures` what has not begun is cancelled, with `wait` the rest waited for."""
        with PutOff():
            with self._lock:
                self._shut_down = True
            if cancel_futures:
                self._cancel_all()
            if self._dropped.detach():
                _send_home(self._port, self._threads, self._at_exit)
        if wait:
            with self._hal.waiting():
                for thread in self._threads:
                    thread.join()

    def _hire(self) -> None:
        """One more thread while calls wait and nobody does."""
        if len(self._threads) < self._most and self._port.short_of_threads:
            self._threads.append(self._hal.spawn(partial(_work, self._port), f"ntio executor {len(self._threads)}"))

    def _cancel_all(self) -> None:
        queued = self._port.drain()
        for call in [] if queued is None else queued.overlapped:
            if call is None:
                self._port.insert_packet(0, None, STATUS_SUCCESS, 0)  # sends a thread home
            else:
                call[0].cancel()


def _work(port: CompletionPort) -> None:
    """A thread's life: it ends at a packet without a call."""
    while (packet := port.remove()[1]) is not None and packet.overlapped is not None:
        call = packet.overlapped
        del packet
        _perform(*call)
        del call  # a call that is done keeps nothing while its thread waits for the next


def _perform(
    future: Future[Any], function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(*arguments, **keywords)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _send_home(port: CompletionPort, threads: list[Any], at_exit: Callable[[], None]) -> None:
    """End every thread, behind what was submitted."""
    atexit.unregister(at_exit)
    for _ in threads:
        port.insert_packet(0, None, STATUS_SUCCESS, 0)


def _finish(executor: weakref.ref[PortExecutor]) -> None:
    """The interpreter ends: what was submitted is done before."""
    found = executor()
    if found is not None:
        found.shutdown()
