"""`ntio trace WORD ...`: one request on its way through every driver of a stack and back.

The request is a read unless `--write`, `--flush` or `--batch` say otherwise. A write sends zero bytes, so do not trace
one on a disk that holds something.
"""

from __future__ import annotations

import argparse

import numpy as np

from ..debugger.trace import Tracer
from ..status import NtError
from ..system.ring import MAXIMUM_ENTRIES, Ring
from ..system.stack import Stack
from ..system.words import parse_size
from .output import UsageError, print_json
from .systems import command_stack, command_system


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the subcommand takes."""
    parser.add_argument("stack", nargs="+", metavar="WORD", help="the stack's drivers, bottom first")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--write", action="store_true", help="write zeros instead of reading")
    kind.add_argument("--flush", action="store_true", help="flush instead of reading")
    parser.add_argument("--batch", type=_count, default=0, metavar="N", help="N requests in one packet, side by side")
    parser.add_argument("--offset", type=_size, default=0, help="where on the device, in bytes, such as 64K (0)")
    parser.add_argument("--length", type=_size, default=4096, help="how much, in bytes, such as 4K (4096)")


def run(arguments: argparse.Namespace) -> int:
    """Send the request and draw its way; a request that fails is drawn as well, and ends the command with 1."""
    if arguments.batch and arguments.flush:
        raise UsageError("a flush has no batch form")
    with command_system() as system, command_stack(system, arguments.stack) as stack:
        failure: NtError | None = None
        with Tracer(stack) as tracer:
            try:
                _send(stack, arguments)
            except NtError as error:
                failure = error
        if arguments.json:
            print_json({"hal": system.hal.name, "requests": tracer.as_data()})
        elif tracer.requests:
            print(tracer.draw())
        if failure is not None:
            raise failure
    return 0


def _send(stack: Stack, arguments: argparse.Namespace) -> None:
    offset, length, count = arguments.offset, arguments.length, arguments.batch
    if count:
        with Ring(min(count, MAXIMUM_ENTRIES), stack.system) as ring:
            offsets = offset + length * np.arange(count, dtype=np.uint64)
            if arguments.write:
                ring.write(stack.file, offsets, np.zeros((count, length), np.uint8)).raise_for_status()
            else:
                ring.read(stack.file, offsets, length).raise_for_status()
    elif arguments.flush:
        stack.flush()
    elif arguments.write:
        stack.write(bytes(length), offset)
    else:
        stack.read(length, offset)


def _size(text: str) -> int:
    try:
        size = parse_size(text)
    except (KeyError, ValueError):
        size = -1
    if size < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes")
    return size


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAXIMUM_ENTRIES:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MAXIMUM_ENTRIES}")
    return int(text)
