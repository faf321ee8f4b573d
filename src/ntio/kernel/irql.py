"""Interrupt request levels: how urgent is what a thread does now, and what may therefore not interrupt it.

    PASSIVE   0     threads, most dispatch routines
    APC       1     asynchronous procedure calls, paging I/O
    DISPATCH  2     StartIo, deferred calls, cancel routines of the WDK's form, holders of a spin lock
    3 to 11         interrupt service routines of devices
    HIGH     15     nothing interrupts this

On NT the level belongs to a processor, and what runs there cannot be exchanged for another thread at DISPATCH or above.
Here each thread has its own, and it is a number to be looked at: nothing is masked by it. It is right all the same,
because whoever raises it also takes the lock that NT would have taken.

As in NT's free build nothing is checked: raising to a lower level works. The levels are those of x64.

Source: spec iomgr.md 4.1; WDK "Managing Hardware Priorities". Rows: R24
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from ..bugcheck import BugCheck
from ..hal.machine import Hal

PASSIVE_LEVEL: Final = 0
APC_LEVEL: Final = 1
DISPATCH_LEVEL: Final = 2
CMCI_LEVEL: Final = 5
DEVICE_LEVELS: Final = range(3, 12)
SYNCH_LEVEL: Final = 12
CLOCK_LEVEL: Final = 13
IPI_LEVEL: Final = 14
POWER_LEVEL: Final = 14
PROFILE_LEVEL: Final = 15
HIGH_LEVEL: Final = 15


def _raise(*arguments: Any, note: str = "") -> NoReturn:
    raise BugCheck(*arguments, note=note)


class Irql:
    """The levels of all threads of one System; `stop` latches and raises a bug check.

    NT: KIRQL
    """

    def __init__(self, hal: Hal, stop: Callable[..., NoReturn] = _raise) -> None:
        self.hal = hal
        self.stop = stop
        self._thread = hal.new_thread_state()

    def current(self) -> int:
        """The calling thread's level.

        NT: KeGetCurrentIrql
        """
        try:
            return self._thread.level  # type: ignore[no-any-return]
        except AttributeError:
            return PASSIVE_LEVEL

    def raise_to(self, level: int) -> int:
        """Set the calling thread's level, which should not be higher already; returns the former one.

        NT: KeRaiseIrql
        """
        former = self.current()
        self._thread.level = level
        return former

    def raise_to_dispatch(self) -> int:
        """Go to DISPATCH_LEVEL; returns the former level.

        NT: KeRaiseIrqlToDpcLevel
        """
        return self.raise_to(DISPATCH_LEVEL)

    def lower(self, level: int) -> None:
        """Go back to the level that raising returned.

        NT: KeLowerIrql
        """
        self._thread.level = level

    @contextmanager
    def raised(self, level: int) -> Iterator[int]:
        """A `with` block at a higher level; gives the former one, to which it returns at the end."""
        former = self.raise_to(level)
        try:
            yield former
        finally:
            self.lower(former)
