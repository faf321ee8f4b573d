"""`ntio doctor`: which HAL is in use and why, in the first line; then what is there, and what is missing for what.

Nothing but the HAL is needed to run; everything else is faster, larger or for measuring. The exit code is 1 only when
no System can be made.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from .._version import __version__
from ..hal.choose import uring_obstacle
from .output import print_json, table
from .systems import command_system, hal_line

_GOOD, _MISSING, _FACT = "ok", "missing", ""
#: What registered buffers of a ring want to lock at least, in bytes.
_COMFORTABLE_LOCK = 64 << 20
#: A ring takes three descriptors, `read_files` 768 slots that count against this limit.
_COMFORTABLE_FILES = 1024


@dataclass(frozen=True)
class Finding:
    """One thing looked at: "ok", "missing", or neither for a plain fact; what was found, and what it is for."""

    subject: str
    state: str
    found: str
    purpose: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes nothing of its own."""


def run(arguments: argparse.Namespace) -> int:
    """Say what was found."""
    with command_system() as system:
        findings = list(look_around())
        if arguments.json:
            hal = {"name": system.hal.name, "reason": system.hal.reason}
            print_json({"hal": hal, "findings": findings})
            return 0
        print(hal_line(system.hal))
    rows = [(each.subject, each.state, each.found, each.purpose) for each in findings]
    print(table(("what", "", "found", "for"), rows))
    return 0


def look_around() -> Iterator[Finding]:
    """Everything that is looked at, in the order in which it matters."""
    yield Finding("ntio", _FACT, __version__, "")
    yield Finding("Python", _FACT, f"{platform.python_version()} ({sys.executable})", "3.11 or later")
    yield Finding("NumPy", _GOOD, importlib.metadata.version("numpy"), "everything")
    yield Finding("system", _FACT, f"{platform.system()} {platform.release()} {platform.machine()}", "")
    obstacle = uring_obstacle()
    yield Finding("io_uring", _MISSING if obstacle else _GOOD, obstacle or "available", "the fast HAL, `uring`")
    yield from _limits()
    fuse = os.path.exists("/dev/fuse")
    yield Finding("FUSE", _GOOD if fuse else _MISSING, _presence(fuse, "/dev/fuse"), "a stack as a folder (later)")
    for program, purpose in (("fio", "comparison in the benchmarks"), ("strace", "tests that count kernel crossings")):
        path = shutil.which(program)
        yield Finding(program, _GOOD if path else _MISSING, path or "not installed", purpose)
    for package, purpose in (("pytest", "tests, those of `ntio new` too"), ("hypothesis", "the test suite")):
        version = _version(package)
        yield Finding(package, _GOOD if version else _MISSING, version or "not installed", purpose)


def _limits() -> Iterator[Finding]:
    try:
        import resource
    except ImportError:
        yield Finding("limits", _MISSING, "this system has no resource limits to look at", "")
        return
    lock = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    unlimited = resource.RLIM_INFINITY
    enough = lock == unlimited or lock >= _COMFORTABLE_LOCK
    found = "unlimited" if lock == unlimited else f"{lock >> 10:,} KiB"
    yield Finding("RLIMIT_MEMLOCK", _GOOD if enough else "small", found, "registered buffers; 64 MiB is plenty")
    enough = files == unlimited or files >= _COMFORTABLE_FILES
    found = "unlimited" if files == unlimited else f"{files:,}"
    yield Finding("RLIMIT_NOFILE", _GOOD if enough else "small", found, "open files; 1,024 is plenty")


def _presence(present: bool, name: str) -> str:
    return name if present else f"no {name}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
