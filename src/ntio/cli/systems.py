"""The System and the stack a subcommand works on: the HAL the environment asks for, the words of the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..hal.machine import Hal
from ..status import InvalidParameter
from ..system.default import new_system
from ..system.stack import Stack
from ..system.system import System
from ..system.words import make_driver
from .output import CommandError, UsageError


@contextmanager
def command_system() -> Iterator[System]:
    """A System for one run of the command; raises CommandError when the HAL asked for cannot be had."""
    try:
        system = new_system()
    except (ValueError, OSError) as error:
        text = error.strerror if isinstance(error, OSError) else str(error)
        raise CommandError(f"NTIO_HAL: {text}") from error
    with system:
        yield system


@contextmanager
def command_stack(system: System, words: Sequence[str]) -> Iterator[Stack]:
    """A stack from its words, bottom first; raises UsageError for words that make none."""
    try:
        drivers = [make_driver(word) for word in words]
        stack = Stack(*drivers, system=system)
    except (InvalidParameter, TypeError) as error:
        raise UsageError(f"{error} (a stack is words, bottom first: ram_disk:size=1M log)") from error
    with stack:
        yield stack


def hal_line(hal: Hal) -> str:
    """Which HAL is in use and why, in one line."""
    return f"HAL: {hal.name} ({hal.reason})"
