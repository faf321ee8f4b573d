"""Ctrl-C at every place where CPython would notice it, one run of the real code for each.

    for interrupt in every_interrupt(module, ...):
        ... set up ...
        with interrupt:
            ... the call ...
        ... look at what is left ...

CPython looks for a pending signal where a function begins, after a call of something that is not written in Python, and
at a jump backwards. A trace function sees every instruction of the given modules and calls the signal's handler at the
n-th such place, which raises KeyboardInterrupt unless somebody puts that off; n grows until a run comes to its end
undisturbed. Behind a call of something that is written in Python it does not look; with `returns=False` those places
are left out, where the trace function has seen that call return.
"""

from __future__ import annotations

import dis
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, ModuleType, TracebackType
from typing import Any

import pytest


class Interrupt:
    """One Ctrl-C at the `number`-th place; `happened` says whether the run was long enough for it."""

    def __init__(self, number: int, files: frozenset[str], *, returns: bool = True) -> None:
        self.happened = False
        self._left = number
        self._files = files
        self._returns = returns
        self._came_back: FrameType | None = None
        self._places: dict[CodeType, set[int]] = {}

    def __enter__(self) -> Interrupt:
        sys.settrace(self._trace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        sys.settrace(None)
        return kind is KeyboardInterrupt and self.happened

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self.happened:
            return None
        if frame.f_code.co_filename not in self._files:
            if not self._returns and frame.f_back is not None and frame.f_back.f_code.co_filename in self._files:
                self._came_back = frame.f_back  # as soon as this one is over
            return None
        frame.f_trace_opcodes = True
        code = frame.f_code
        if code not in self._places:
            self._places[code] = _places(code)
        if event == "return" and not self._returns:
            self._came_back = frame.f_back
        elif event == "opcode" and self._came_back is frame:
            self._came_back = None
        elif event == "opcode" and frame.f_lasti in self._places[code]:
            self._left -= 1
            if self._left < 0:
                self.happened = True
                handler = signal.getsignal(signal.SIGINT)
                assert callable(handler)
                handler(signal.SIGINT, frame)
        return self._trace


def _places(code: CodeType) -> set[int]:
    """The offsets of instructions right behind one at which CPython looks."""
    places: set[int] = set()
    looks = False
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if looks and name not in ("CACHE", "PRECALL"):
            places.add(instruction.offset)
        # A lock that `with` has just taken is safe: CPython does not look between taking it and entering the block.
        looks = name == "RESUME" or name.startswith(("CALL", "JUMP_BACKWARD")) or (looks and name == "CACHE")
    return places


def every_interrupt(*modules: ModuleType, returns: bool = True) -> Iterator[Interrupt]:
    """Interrupts at the first place, the second and so on, until a run has fewer."""
    files = frozenset(str(module.__file__) for module in modules)
    number = 0
    while True:
        interrupt = Interrupt(number, files, returns=returns)
        yield interrupt
        if not interrupt.happened:
            return
        number += 1


def interrupted(call: Callable[[], object], when: Callable[[], bool]) -> None:
    """Make a call on this, the main thread, and interrupt it once when `when` is true.

    A signal that comes when a thread is just about to fall asleep does not wake it: so it is sent until it was noticed.
    """
    main, noticed = threading.get_ident(), threading.Event()

    def first_only(number: int, frame: object) -> None:
        if not noticed.is_set():
            noticed.set()
            raise KeyboardInterrupt

    def interrupt() -> None:
        while not when():
            os.sched_yield()
        while not noticed.is_set():
            signal.pthread_kill(main, signal.SIGINT)
            noticed.wait(0.01)

    before = signal.signal(signal.SIGINT, first_only)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
