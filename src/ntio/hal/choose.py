"""Which HAL this process uses, and why, in one line.

    io_uring there and allowed -> uring          otherwise, on Linux -> threads        elsewhere -> simulated

What can stand in the way: another system or processor, a kernel before 6.1 (no reliable extended waits), a kernel
built without io_uring (ENOSYS), a seccomp filter or `kernel.io_uring_disabled` (EPERM), too little locked memory
(ENOMEM). Every one of them ends in a sentence for `ntio doctor`.

Rows: R11
"""

from __future__ import annotations

import errno
import os
import platform
import sys

from .machine import Hal

_OLDEST_KERNEL = (6, 1)
_DISABLED_SETTING = "/proc/sys/kernel/io_uring_disabled"

#: Names accepted by `make_hal` and in the environment variable NTIO_HAL.
NAMES = ("uring", "threads", "simulated")


def make_hal(name: str | None = None, *, seed: int = 0) -> Hal:
    """The HAL of that name, or the best this host allows.

    `seed` matters to the simulated one only. Raises ValueError for a name that is none of `NAMES`, and OSError with the
    reason when "uring" was asked for by name and cannot be had.
    """
    if name is None:
        return _best()
    if name not in NAMES:
        raise ValueError(f"no HAL is called {name!r}: choose one of {', '.join(NAMES)}")
    if name == "simulated":
        return _simulated("asked for by name", seed)
    if name == "threads":
        return _threads("asked for by name")
    obstacle = uring_obstacle()
    if obstacle:
        raise OSError(errno.ENOSYS, obstacle)
    return _uring("asked for by name")


def _best() -> Hal:
    if sys.platform != "linux":
        stand_in = _simulated(f"real files need Linux, this is {sys.platform}", 0)
        stand_in.no_host_files = stand_in.reason
        return stand_in
    obstacle = uring_obstacle()
    return _threads(obstacle) if obstacle else _uring(f"Linux {platform.release()} offers io_uring")


def uring_obstacle() -> str:
    """Why io_uring cannot be used here, as a sentence; empty when it can."""
    if sys.platform != "linux":
        return f"io_uring is a Linux interface, this is {sys.platform}"
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"io_uring is used on x86-64 only so far, this is {platform.machine()}"
    release = platform.release()
    if _version(release) < _OLDEST_KERNEL:
        return f"io_uring needs Linux {_OLDEST_KERNEL[0]}.{_OLDEST_KERNEL[1]} or later, this is {release}"
    from .uring import UringEngine

    try:
        UringEngine(8).close()
    except OSError as error:
        return _why_refused(error)
    return ""


def _why_refused(error: OSError) -> str:
    if error.errno == errno.ENOSYS:
        return "this kernel was built without io_uring, or a sandbox hides it (ENOSYS)"
    if error.errno in (errno.EPERM, errno.EACCES):
        setting = _disabled_setting()
        if setting:
            return f"io_uring is switched off: kernel.io_uring_disabled={setting} (EPERM)"
        return "io_uring is forbidden here, by a container's or sandbox's filter (EPERM)"
    return f"io_uring refused to open a ring: {os.strerror(error.errno or 0)}"


def _disabled_setting() -> str:
    try:
        with open(_DISABLED_SETTING) as file:
            value = file.read().strip()
    except OSError:
        return ""
    return "" if value == "0" else value


def _version(release: str) -> tuple[int, int]:
    major, _, rest = release.partition(".")
    minor = "".join(character for character in rest.partition(".")[0] if character.isdigit())
    return int(major), int(minor or 0)


def _uring(reason: str) -> Hal:
    from .host import RealFiles
    from .operation_queue import OperationQueue
    from .uring import UringEngine

    return Hal("uring", RealFiles(), lambda entries: OperationQueue(UringEngine(entries)), reason=reason)


def _threads(reason: str) -> Hal:
    from .host import RealFiles
    from .operation_queue import OperationQueue
    from .threads import ThreadEngine

    return Hal("threads", RealFiles(), lambda entries: OperationQueue(ThreadEngine(entries)), reason=reason)


def _simulated(reason: str, seed: int) -> Hal:
    from .simulated import simulated_hal

    return simulated_hal(reason=reason, seed=seed)
