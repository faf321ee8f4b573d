"""`ntio tree [WORD ...]`: the device stacks of a System, with the stack of these words in it if any are given."""

from __future__ import annotations

import argparse

from ..debugger.device_tree import device_tree, draw_device_tree
from .systems import add_stack_argument, show

add_arguments = add_stack_argument


def run(arguments: argparse.Namespace) -> int:
    """Draw the stacks."""
    return show(arguments, device_tree, draw_device_tree)
