"""Whether this machine offers io_uring, asked of the kernel itself and not of the code under test."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache

SYS_IO_URING_SETUP = 425
SIZE_OF_PARAMS = 120
OLDEST_LINUX = (6, 1)


@cache
def why_no_uring() -> str:
    """Return why io_uring cannot be used here, or an empty string if it can."""
    if sys.platform != "linux":
        return f"io_uring is a part of Linux, this is {sys.platform}"
    if platform.machine() != "x86_64":
        return f"the io_uring HAL is for x86-64, this is {platform.machine()}"
    release = platform.release()
    if tuple(int(part) for part in release.split(".")[:2]) < OLDEST_LINUX:
        return f"the io_uring HAL needs Linux 6.1, this is {release}"
    libc = ctypes.CDLL(None, use_errno=True)
    ring = libc.syscall(SYS_IO_URING_SETUP, 1, ctypes.create_string_buffer(SIZE_OF_PARAMS))
    if ring < 0:
        return f"io_uring_setup: {os.strerror(ctypes.get_errno())}"
    os.close(ring)
    return ""


def why_not(hal: str, chosen: str | None) -> str:
    """Return why the HAL of this name is left out of the run, or an empty string.

    `chosen` is the environment's NTIO_HAL: whoever chose another one wants no ring made.
    """
    if hal != "uring":
        return ""
    if chosen and chosen != "uring":
        return f"NTIO_HAL={chosen}"
    return why_no_uring()
