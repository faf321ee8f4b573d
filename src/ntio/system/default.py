"""The default System: the one object that is global, made when somebody first needs it.

`system=None` everywhere means this one. It is made under a lock, closed when the interpreter exits, and forgotten in a
forked child, which makes its own. The environment variable NTIO_HAL chooses its HAL, NTIO_VERIFY=1 has its drivers
checked; nothing else reads them.
"""

from __future__ import annotations

import atexit
import os
import threading

from .system import System

_lock = threading.Lock()
_default: System | None = None


def default_system() -> System:
    """The System used where none is given."""
    global _default
    with _lock:
        if _default is None:
            _default = new_system()
        return _default


def new_system(*, verify: bool = False) -> System:
    """A System of its own, checked if asked or the environment says so, on the HAL that says; its maker closes it."""
    verify = verify or os.environ.get("NTIO_VERIFY", "0") not in ("", "0")
    return System(os.environ.get("NTIO_HAL") or None, verify=verify)


def close_default_system() -> None:
    """Close the default System; the next use makes a new one."""
    global _default
    with _lock:
        system, _default = _default, None
    if system is not None:
        system.close()


def _forget() -> None:
    global _default, _lock
    _default, _lock = None, threading.Lock()


atexit.register(close_default_system)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
