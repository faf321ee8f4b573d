"""Ctrl-C put off for the time of a statement."""

from __future__ import annotations

import signal
import threading

import pytest

from interrupts import every_interrupt
from ntio.hal import put_off as put_off_module
from ntio.hal.put_off import PutOff

pytestmark = pytest.mark.row("R33")


def test_ctrl_c_is_put_off_and_comes_then() -> None:
    done: list[str] = []
    for interrupt in every_interrupt(put_off_module):
        done.clear()
        before = signal.getsignal(signal.SIGINT)
        with interrupt, PutOff(), PutOff():
            done += "one", "two"
        assert done in ([], ["one", "two"])
        assert signal.getsignal(signal.SIGINT) == before


def test_a_signal_within_is_noted() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), PutOff():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        done = True
    assert done


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_other_handlers_are_left_alone(handler: signal.Handlers) -> None:
    before = signal.signal(signal.SIGINT, handler)
    try:
        with PutOff():
            assert signal.getsignal(signal.SIGINT) == handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_are_left_alone() -> None:
    seen: list[object] = []

    def run() -> None:
        with PutOff():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
