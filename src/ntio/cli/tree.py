"""`ntio tree [WORD ...]`: the device stacks of a System, with the stack of these words in it if any are given."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from ..debugger.device_tree import device_tree, draw_device_tree
from .output import print_json
from .systems import command_stack, command_system


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the subcommand takes."""
    parser.add_argument("stack", nargs="*", metavar="WORD", help="a stack to build first: its drivers, bottom first")


def run(arguments: argparse.Namespace) -> int:
    """Draw the stacks."""
    with command_system() as system, ExitStack() as opened:
        if arguments.stack:
            opened.enter_context(command_stack(system, arguments.stack))
        if arguments.json:
            print_json(device_tree(system))
        else:
            print(draw_device_tree(system))
    return 0
