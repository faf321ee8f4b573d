"""`ntio objects [WORD ...]`: the object namespace of a System, with the stack of these words in it if any are given."""

from __future__ import annotations

import argparse

from ..debugger.objects import draw_objects, object_tree
from .systems import add_stack_argument, show

add_arguments = add_stack_argument


def run(arguments: argparse.Namespace) -> int:
    """Draw the namespace."""
    return show(arguments, object_tree, draw_objects)
