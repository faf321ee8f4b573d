"""What lies with each thread of the host: whether somebody counts its waits.

A thread that works for a completion port does not count there while it waits for something else, so whatever makes a
thread wait asks here first. Most threads work for no port, and for them it is one look-up.

Rows: R39
"""

from __future__ import annotations

import threading
from typing import Protocol


class Counted(Protocol):
    """A thread whose waits count: somebody else may run meanwhile."""

    def wait_started(self) -> None:
        """It begins to wait."""

    def wait_ended(self) -> None:
        """It goes on."""


class Here(threading.local):
    """What lies with each thread; most threads have nothing there, and then the class's own answer is all it costs."""

    counted: Counted | None = None


def begin_wait(here: Here) -> Counted | None:
    """The calling thread begins to wait; whoever is returned is told of the end."""
    counted = here.counted
    if counted is not None:
        counted.wait_started()
    return counted
