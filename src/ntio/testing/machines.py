"""Which machines a law is tried on: the HALs this host has, and Systems that must be empty when they are closed.

Rows: R11
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest

from ..hal.choose import NAMES, make_hal
from ..hal.machine import Hal
from ..system.default import new_system
from ..system.system import System


@cache
def best_hal() -> str:
    """The name of the HAL a new System gets here, by the host and by NTIO_HAL."""
    with new_system() as system:
        return system.hal.name


def hal_or_skip(name: str, *, seed: int = 0) -> Hal:
    """The HAL of that name; skips the test where it is not to be had, or where NTIO_HAL chose another than io_uring."""
    if name == "uring" and best_hal() != "uring":
        pytest.skip(f"no io_uring here: a System gets the HAL {best_hal()!r}")
    return make_hal(name, seed=seed)


@contextmanager
def clean_system(name: str = "simulated", *, seed: int = 0, verify: bool = True) -> Iterator[System]:
    """A System on the HAL of that name; fails if anything is left in it at the end.

    Left are packets not given back, open files, pinned buffers, and descriptors that drivers still hold. Its drivers
    are checked at every step, unless `verify` is false.
    """
    with System(hal_or_skip(name, seed=seed), processors=2, verify=verify) as system:
        yield system
    left = {
        "packets": system.io.irps.live(),
        "open files": system.io.open_files,
        "pinned buffers": len(system.pins),
        "host descriptors": len(system.io.host_descriptors),
    }
    assert not any(left.values()), f"left behind: {', '.join(f'{count} {what}' for what, count in left.items())}"


__all__ = ["NAMES", "best_hal", "clean_system", "hal_or_skip"]
