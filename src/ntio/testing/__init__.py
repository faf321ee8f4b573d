"""The test kit: laws that every part of a kind keeps, as classes to inherit from.

Subclass one, name the part, and its tests are yours: `FilterTests` for a filter, `DiskTests` for the bottom of a stack,
`HalTests` for a hardware abstraction layer. `Watcher` and `Witness` are the drivers the kit puts above and below a
filter. Needs pytest and hypothesis.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .disk_tests import DiskTests
    from .filter_tests import FilterTests
    from .hal_tests import HalTests
    from .witness import Watcher, Witness

_HOME = {
    "DiskTests": "disk_tests",
    "FilterTests": "filter_tests",
    "HalTests": "hal_tests",
    "Watcher": "witness",
    "Witness": "witness",
}

__all__ = ["DiskTests", "FilterTests", "HalTests", "Watcher", "Witness"]


# So that a broken law shows its values, as in a test file: pytest rewrites only what it is told of before the import.
pytest.register_assert_rewrite(
    *(f"{__name__}.{module}" for module in ("machines", "hal_row_tests", *sorted(set(_HOME.values()))))
)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
