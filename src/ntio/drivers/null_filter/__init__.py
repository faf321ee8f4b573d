"""The empty filter: everything passes through. It exists so that passing through is itself tested."""

from __future__ import annotations

from ...driver_kit import FilterDriver


class NullFilter(FilterDriver):
    """Change nothing and see nothing."""
