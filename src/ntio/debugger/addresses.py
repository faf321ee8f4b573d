"""Addresses for objects that have none: given out in the order in which they are asked for, the same in every run."""

from __future__ import annotations

_FIRST = 0xFFFF_A000_0000_0000
_STEP = 0x100


class Addresses:
    """What one debugger calls the objects it has met; it keeps them alive, so that no two share an address."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._objects: list[object] = []

    def of(self, thing: object) -> str:
        """The address of an object, 16 digits; zeros for None."""
        if thing is None:
            return f"{0:016x}"
        place = self._numbers.get(id(thing))
        if place is None:
            place = self._numbers[id(thing)] = len(self._objects)
            self._objects.append(thing)
        return f"{_FIRST + _STEP * place:016x}"

    def find(self, text: str) -> object | None:
        """The object that was printed with this address, or None."""
        try:
            place, rest = divmod(int(text.replace("`", ""), 16) - _FIRST, _STEP)
        except ValueError:
            return None
        return self._objects[place] if not rest and 0 <= place < len(self._objects) else None
