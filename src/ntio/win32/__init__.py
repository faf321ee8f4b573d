"""The Windows names for applications, as pywin32 groups them (NT: Win32 API).

    ioringapi      I/O rings                 win32event    events and waiting        winerror   numbers of errors
    win32pipe      named pipes               mswsock      sockets
    win32file      files                     memoryapi     memory by address         win32con   other numbers
    pywintypes     handle, OVERLAPPED        win32api      threads, sleeping         ntdll      ports, native

Every name of these modules is here as well, loaded when it is first used: `from ntio.win32 import CreateFile`, or `*`.
A program that gives Python's sockets to win32file also has `from ntio.win32 import socket` in place of `import socket`.
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = (
    "ioringapi",
    "win32file",
    "win32event",
    "win32pipe",
    "mswsock",
    "win32api",
    "ntdll",
    "memoryapi",
    "pywintypes",
    "win32con",
    "winerror",
)


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return _names()
    if not name.startswith("_"):
        for place in _MODULES:
            module = importlib.import_module(f".{place}", __name__)
            if hasattr(module, name):
                value = globals()[name] = getattr(module, name)
                return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_names()})


def _names() -> list[str]:
    found: set[str] = set()
    for place in _MODULES:
        module = importlib.import_module(f".{place}", __name__)
        found.update(getattr(module, "__all__", None) or (name for name in vars(module) if not name.startswith("_")))
    found -= {"annotations", "Any", "Final", "Iterator"}
    return sorted(found)
