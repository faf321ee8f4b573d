"""What is closed at the end of a `with` statement: the two methods that this takes, once."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class ClosedAfterUse:
    """A base of whatever has a `close` that may be called twice."""

    __slots__ = ()

    def close(self) -> None:
        """Give back what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
