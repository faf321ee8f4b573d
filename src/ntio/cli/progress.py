"""How far long work has come, on stderr, if that is a terminal: by `rich` where it is installed, else one line.

Nothing is shown for work that is done in half a second, and nothing stays when it is done.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

#: Seconds until something is shown, and between two looks of the line.
_DELAY, _PERIOD = 0.5, 0.1
_WIDTH = 30


class Progress(Protocol):
    """Told of work as it is done."""

    def advance(self, amount: int) -> None:
        """So many bytes more are done."""


class Silent:
    """Nobody is watching."""

    def advance(self, amount: int) -> None:
        """Say nothing."""


class Line:
    """One line, written over again and again."""

    def __init__(self, what: str, total: int, stream: TextIO) -> None:
        self._what = what
        self._total = max(total, 1)
        self._stream = stream
        self._done = 0
        self._begun = time.monotonic()
        self._next = self._begun + _DELAY
        self._shown = 0

    def advance(self, amount: int) -> None:
        """Show the state, ten times a second at most."""
        self._done += amount
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PERIOD
            self._show(now - self._begun)

    def _show(self, seconds: float) -> None:
        part = min(self._done / self._total, 1.0)
        bar = ("#" * int(part * _WIDTH)).ljust(_WIDTH, ".")
        text = f"{self._what} [{bar}] {part:4.0%} {self._done / seconds / 1e6:,.0f} MB/s"
        self._stream.write("\r" + text.ljust(self._shown))
        self._stream.flush()
        self._shown = len(text)

    def clear(self) -> None:
        """Leave nothing behind."""
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()


class _Rich:
    """The same by `rich`; the bar appears when the work has lasted a moment."""

    def __init__(self, module: Any, what: str, total: int) -> None:
        columns = (
            module.TextColumn("{task.description}"), module.BarColumn(), module.DownloadColumn(),
            module.TransferSpeedColumn(), module.TimeRemainingColumn(),
        )  # fmt: skip
        console = importlib.import_module("rich.console").Console(stderr=True)
        self._bar = module.Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task(what, total=max(total, 1))
        self._start_at = time.monotonic() + _DELAY
        self._started = False

    def advance(self, amount: int) -> None:
        """Show the state."""
        self._bar.update(self._task, advance=amount)
        if not self._started and time.monotonic() >= self._start_at:
            self._started = True
            self._bar.start()

    def clear(self) -> None:
        """Leave nothing behind."""
        if self._started:
            self._bar.stop()


@contextmanager
def progress(what: str, total: int, stream: TextIO | None = None, *, printing: bool = False) -> Iterator[Progress]:
    """Show how many of `total` bytes are done while the block lasts, unless that is `printing` to a terminal itself."""
    stream = stream or sys.stderr
    if not stream.isatty() or (printing and sys.stdout.isatty()):
        yield Silent()
        return
    shown: Line | _Rich
    try:
        shown = _Rich(importlib.import_module("rich.progress"), what, total)
    except ImportError:
        shown = Line(what, total, stream)
    try:
        yield shown
    finally:
        shown.clear()
