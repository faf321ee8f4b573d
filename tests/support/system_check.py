"""What a System still holds when a test is done with it: packets, opens, pins, descriptors of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ntio import System

# On a test's item: its body failed, so what it left behind or said is not looked at.
BODY_FAILED = pytest.StashKey[bool]()


def what_is_left(system: System) -> list[str]:
    """Name everything that nobody gave back."""
    io, left = system.io, []
    if live := io.irps.live():
        left.append(f"{live} request packets are live")
    if io.open_files:
        left.append(f"{io.open_files} files are open")
    if pins := len(system.pins):
        left.append(f"{pins} buffers are pinned")
    if io.io_rings:
        left.append(f"{len(io.io_rings)} I/O rings are open or have operations in flight")
    if pins := io.memory.pinned():
        left.append(f"memory is pinned {pins} times")
    if io.host_descriptors:
        left.append(f"drivers hold descriptors of the host: {sorted(io.host_descriptors)}")
    return left
