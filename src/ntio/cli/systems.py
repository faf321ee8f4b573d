"""The System and the stack a subcommand works on: the HAL the environment asks for, the words of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ..hal.machine import Hal
from ..status import InvalidParameter
from ..system.default import new_system
from ..system.stack import Stack
from ..system.system import System
from ..system.words import make_driver
from .output import CommandError, UsageError, print_json


@contextmanager
def command_system(*, verify: bool = False) -> Iterator[System]:
    """A System for one run of the command; raises CommandError when the HAL asked for cannot be had."""
    try:
        system = new_system(verify=verify)
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


def add_verify_argument(parser: argparse.ArgumentParser) -> None:
    """What a subcommand takes whose drivers can be checked."""
    parser.add_argument("--verify", action="store_true", help="check every step of every driver against the rules")


def add_stack_argument(parser: argparse.ArgumentParser) -> None:
    """What a subcommand takes that shows a System: the words of a stack to put into it."""
    add_verify_argument(parser)
    parser.add_argument("stack", nargs="*", metavar="WORD", help="a stack to build first: its drivers, bottom first")


def show(arguments: argparse.Namespace, data: Callable[[System], Any], draw: Callable[[System], str]) -> int:
    """Make a System with the stack asked for, and print it as data or as text; returns the exit code."""
    with command_system(verify=arguments.verify) as system, ExitStack() as opened:
        if arguments.stack:
            opened.enter_context(command_stack(system, arguments.stack))
        if arguments.json:
            print_json(data(system))
        else:
            print(draw(system))
    return 0


def hal_line(hal: Hal) -> str:
    """Which HAL is in use and why, in one line."""
    return f"HAL: {hal.name} ({hal.reason})"
