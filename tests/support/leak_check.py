"""What a test left behind: file descriptors, threads, rings still mapped, requests still alive.

The suite takes a `Snapshot` before and after each test and compares the two. Garbage is collected only when they
differ, so a clean test pays for two directory listings and nothing more. What remains after that is named in the
failure: a descriptor by what it points at, a thread by its name, a request by its own description.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

RING_MAPPING = "anon_inode:[io_uring]"
DESCRIPTORS = "/proc/self/fd"
MAPPINGS = Path("/proc/self/maps")


@dataclass(frozen=True)
class Snapshot:
    """What this process held at one moment."""

    descriptors: frozenset[tuple[int, str]]
    threads: frozenset[threading.Thread]
    requests: frozenset[str]

    @classmethod
    def take(cls) -> Snapshot:
        """Look now."""
        return cls(open_descriptors(), frozenset(threading.enumerate()), live_requests())

    def leaks_until(self, after: Snapshot) -> list[str]:
        """Name everything `after` holds beyond this snapshot, and every descriptor it lost."""
        still_open = {number for number, _ in after.descriptors}
        lost = [(number, target) for number, target in sorted(self.descriptors) if number not in still_open]
        return [
            *(f"descriptor {number} -> {target}" for number, target in sorted(after.descriptors - self.descriptors)),
            *(f"descriptor {number} -> {target} was closed, but not by its owner" for number, target in lost),
            *(f"thread {thread.name!r}" for thread in after.threads - self.threads),
            *(f"request {request}" for request in sorted(after.requests - self.requests)),
        ]


def leaks_since(before: Snapshot) -> list[str]:
    """Name what was left since `before`, after giving the collector one chance."""
    leaks = before.leaks_until(Snapshot.take())
    if leaks:
        gc.collect()
        leaks = before.leaks_until(Snapshot.take())
    return leaks


def open_descriptors() -> frozenset[tuple[int, str]]:
    """Every open descriptor with what it points at; empty where the system does not tell."""
    try:
        numbers = os.listdir(DESCRIPTORS)
    except OSError:
        return frozenset()
    found = []
    for number in numbers:
        try:
            found.append((int(number), os.readlink(f"{DESCRIPTORS}/{number}")))
        except OSError:
            continue  # the descriptor that listed the directory itself
    return frozenset(found)


def live_requests() -> frozenset[str]:
    """Describe every request packet in flight, if the test kit is loaded and can tell (`ntio.testing.live_irps`)."""
    tell = getattr(sys.modules.get("ntio.testing"), "live_irps", None)
    return frozenset(map(str, tell())) if tell else frozenset()


def mapped_rings(lines: Iterable[str] | None = None) -> list[str]:
    """Every memory mapping of an io_uring. A ring closed with a view of it still alive shows up nowhere else."""
    if lines is None:
        lines = MAPPINGS.read_text().splitlines() if MAPPINGS.exists() else []
    return [line for line in lines if line.endswith(RING_MAPPING)]


def rings_mapped_since(before: Sequence[str]) -> list[str]:
    """The rings mapped now and not before, after giving the collector one chance."""
    left = sorted(set(mapped_rings()) - set(before))
    if left:
        gc.collect()
        left = sorted(set(mapped_rings()) - set(before))
    return left
