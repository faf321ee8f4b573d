"""Threads: each is known once, and the end of one with pending requests is noticed, but no other's."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import pytest

from ntio.hal.choose import make_hal
from ntio.hal.machine import HostThread
from ntio.kernel.thread import Thread, Threads

pytestmark = pytest.mark.row("R13")


class Known:
    """Threads of a machine in memory, and those whose end was told."""

    def __init__(self) -> None:
        self.hal = make_hal("simulated")
        self.ended: list[Thread] = []
        self.threads = Threads(self.hal, self.ended.append)

    def on_another(self, pending: Any = None) -> Thread:
        """The thread object of a thread that is over; with a request pending, if one is given."""
        seen: list[Thread] = []

        def run() -> None:
            thread = self.threads.current()
            if pending is not None:
                thread.irps[pending] = None
            seen.append(thread)

        self.hal.spawn(run, "another").join()
        return seen[0]


def test_a_thread_is_known_once() -> None:
    known = Known()
    mine = known.threads.current()
    assert known.threads.current() is mine and known.on_another() is not mine
    assert mine.host.identity == threading.get_ident() and "0 requests" in repr(mine)


def test_the_end_of_a_thread_with_requests_is_told() -> None:
    known = Known()
    thread = known.on_another("request")
    assert known.ended == [thread]


def test_the_end_of_a_thread_without_requests_is_nobodys_concern() -> None:
    known = Known()
    known.on_another()
    assert not known.ended


def test_a_thread_that_lives_has_not_ended_though_its_storage_went() -> None:
    known = Known()
    thread = known.threads.current()
    thread.irps["request"] = None
    known.threads.storage_gone(thread)
    known.threads.check()
    assert not known.ended
    thread.irps.clear()
    known.threads.check()
    assert not known.threads.suspects


def test_a_suspect_is_looked_at_again_when_another_thread_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known()
    listed = [True]
    monkeypatch.setattr(HostThread, "ended", lambda self: not listed[0])
    thread = known.on_another("request")
    assert not known.ended
    listed[0] = False
    known.on_another()
    assert known.ended == [thread]


def test_a_thread_that_was_started_elsewhere_is_known_to_the_host_alone() -> None:
    import _thread

    known, done = Known(), threading.Event()
    seen: list[Thread] = []

    def run() -> None:
        seen.append(known.threads.current())
        seen[0].irps["request"] = None
        done.set()

    _thread.start_new_thread(run, ())
    done.wait()
    task = f"/proc/self/task/{seen[0].host.native}"
    while os.path.exists(task):  # it is on its last instructions
        pass
    known.threads.check()
    assert known.ended == seen


def test_dropping_everything_tells_nobody() -> None:
    known = Known()
    thread = known.threads.current()
    thread.irps["request"] = None
    ended = known.ended
    del known
    gc.collect()
    assert not ended


def test_in_a_forked_child_no_thread_of_the_parent_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = Known().on_another()
    assert thread.host.ended()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert not thread.host.ended()
