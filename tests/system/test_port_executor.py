"""The executor on a port: an executor like any other, with more threads than run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait

import pytest

import ntio

pytestmark = pytest.mark.row("R39")


@pytest.fixture
def executor(system: ntio.System) -> Iterator[ntio.PortExecutor]:
    with ntio.PortExecutor(1, 4, system=system) as one:
        yield one


def test_calls_are_made_and_have_results(executor: ntio.PortExecutor) -> None:
    assert list(executor.map(pow, range(50), [2] * 50)) == [number**2 for number in range(50)]
    future = executor.submit(int, "12", base=8)
    assert future.result() == 10


def test_what_a_call_raises_is_its_futures(executor: ntio.PortExecutor) -> None:
    future = executor.submit(int, "twelve")
    with pytest.raises(ValueError, match="twelve"):
        future.result()
    assert executor.submit(int).result() == 0


def test_one_call_runs_at_a_time_and_one_that_waits_lets_another_run(executor: ntio.PortExecutor) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(blocking: bool) -> None:
        begun.set()
        if blocking:
            with executor.blocking():
                go_on.wait()
        else:
            go_on.wait()

    first = executor.submit(hold, True)
    second = executor.submit(os.getpid)
    assert second.result() == os.getpid()  # while the first one waits
    go_on.set()
    first.result()
    go_on.clear()
    begun.clear()
    first = executor.submit(hold, False)
    second = executor.submit(os.getpid)
    begun.wait()
    assert not second.done()  # nobody knows that the first one waits
    go_on.set()
    wait([first, second])


def test_what_has_not_begun_can_be_cancelled(system: ntio.System) -> None:
    executor = ntio.PortExecutor(1, 1, system=system)
    begun, go_on = threading.Event(), threading.Event()
    running = executor.submit(lambda: begun.set() or go_on.wait())
    begun.wait()
    cancelled, dropped = executor.submit(os.getpid), executor.submit(os.getpid)
    assert cancelled.cancel()
    executor.shutdown(wait=False, cancel_futures=True)
    go_on.set()
    executor.shutdown()
    assert running.result()
    with pytest.raises(CancelledError):
        dropped.result()
    with pytest.raises(RuntimeError):
        executor.submit(os.getpid)


def test_threads_start_as_they_are_needed_and_end_with_the_executor(system: ntio.System) -> None:
    executor = ntio.PortExecutor(2, 3, system=system)
    assert executor._threads == []
    executor.submit(os.getpid).result()
    threads = executor._threads
    assert 1 <= len(threads) <= 3
    executor.shutdown()
    assert not any(thread.is_alive() for thread in threads)


def test_an_executor_that_is_dropped_ends_its_threads(system: ntio.System) -> None:
    executor = ntio.PortExecutor(1, system=system)
    future = executor.submit(os.getpid)
    threads, gone = executor._threads, weakref.ref(executor)
    del executor
    assert gone() is None and future.result() == os.getpid()
    for thread in threads:
        thread.join()


def test_what_was_submitted_is_done_before_the_interpreter_ends() -> None:
    code = "import ntio; e = ntio.PortExecutor(1); [e.submit(print, number, flush=True) for number in range(3)]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["0", "1", "2"], "")
