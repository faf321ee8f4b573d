"""The one request that `trace` and `kd` send through a stack: its options, and sending it.

It is a read unless `--write`, `--flush` or `--batch` say otherwise. A write sends zero bytes, so do not send one to a
disk that holds something.
"""

from __future__ import annotations

import argparse

import numpy as np

from ..system.rings.ring import MAXIMUM_ENTRIES, Ring
from ..system.stack import Stack
from ..system.words import parse_size
from .output import UsageError


def add_request_arguments(parser: argparse.ArgumentParser) -> None:
    """What kind of request, where, and how long."""
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--write", action="store_true", help="write zeros instead of reading")
    kind.add_argument("--flush", action="store_true", help="flush instead of reading")
    parser.add_argument("--batch", type=_count, default=0, metavar="N", help="N requests in one packet, side by side")
    parser.add_argument("--offset", type=_size, default=0, help="where on the device, in bytes, such as 64K (0)")
    parser.add_argument("--length", type=_size, default=4096, help="how much, in bytes, such as 4K (4096)")


def check_request(arguments: argparse.Namespace) -> None:
    """Raise UsageError for a request that there is not."""
    if arguments.batch and arguments.flush:
        raise UsageError("a flush has no batch form")


def send_request(stack: Stack, arguments: argparse.Namespace) -> None:
    """Send it; raises NtError when it fails."""
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
