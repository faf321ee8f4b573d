"""Ctrl-C put off: for what has to be whole, in the thread where CPython raises KeyboardInterrupt.

    with PutOff():
        ...                     a signal that comes meanwhile is noted
                                and its handler called here

A signal's handler runs in the main thread, between two instructions of whatever is going on there: perhaps in the midst
of ending a request that has nothing to do with what the thread was asked for. So the handler is exchanged for the time
(0.7 us); other threads need nothing. A handler that was not installed by Python is left alone.

Source: docs.python.org, signal, "Note on Signal Handlers and Exceptions". Rows: R33
"""

from __future__ import annotations

import importlib
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# Without the module around it, which makes members of an enum of every number, at 2 us each.
_HOST: Any = importlib.import_module("_signal")
_get_handler, _set_handler, _thread = _HOST.getsignal, _HOST.signal, threading.get_ident
_SIGINT = int(signal.SIGINT)
_MAIN = threading.main_thread()


class PutOff:
    """Puts Ctrl-C off for the time of one `with` statement; does nothing outside the main thread."""

    __slots__ = ("_caught", "_former", "_mine")

    def __enter__(self) -> None:
        self._former: Any = None
        if _thread() == _MAIN.ident:
            former = _get_handler(_SIGINT)
            if callable(former):
                self._caught: tuple[int, FrameType | None] | None = None
                self._mine: Any = self._catch
                _set_handler(_SIGINT, self._mine)
                self._former = former  # a signal from here on, and since the exchange, is noted

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self._caught = number, frame

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        former = self._former
        if former is None:
            return
        found = _set_handler(_SIGINT, former)
        if found is not self._mine:  # somebody has installed another meanwhile
            _set_handler(_SIGINT, found)
        caught, self._mine = self._caught, None
        if caught is not None:
            former(*caught)
