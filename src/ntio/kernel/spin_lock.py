"""Spin locks: what protects the data that drivers share with routines running at DISPATCH_LEVEL.

    with lock: ...                              raised to DISPATCH_LEVEL inside
    former = lock.acquire() ... lock.release(former)        the same in the WDK's form

Nothing spins here; waiting gives the processor to whoever holds the lock. What would hang a machine for ever stops the
System: taking a lock twice in one thread, and giving back what that thread does not hold.

Source: spec iomgr.md 4.1; WDK "Introduction to Spin Locks". Rows: R24
"""

from __future__ import annotations

from types import TracebackType
from typing import Final

from ..bugcheck import BugCheckCode
from .irql import DISPATCH_LEVEL, Irql

# First parameters of DRIVER_VERIFIER_DETECTED_VIOLATION
_SELF_DEADLOCK: Final = 0x1000
_UNACQUIRED: Final = 0x1007


class SpinLock:
    """A lock held at DISPATCH_LEVEL, by one thread at a time.

    NT: KSPIN_LOCK
    """

    __slots__ = ("_former", "_here", "_irql", "_lock")

    def __init__(self, irql: Irql) -> None:
        self._irql = irql
        self._lock = irql.hal.new_lock()
        self._here = irql.hal.new_thread_state()
        self._former = 0

    @property
    def held(self) -> bool:
        """Whether the calling thread holds the lock."""
        return getattr(self._here, "held", False)

    def acquire(self) -> int:
        """Go to DISPATCH_LEVEL and take the lock; returns the former level.

        NT: KeAcquireSpinLock
        """
        former = self._irql.raise_to(DISPATCH_LEVEL)
        try:
            self.acquire_at_dispatch()
        except BaseException:
            self._irql.lower(former)
            raise
        return former

    def release(self, former: int) -> None:
        """Give the lock back and go to the level `acquire` returned.

        NT: KeReleaseSpinLock
        """
        self.release_from_dispatch()
        self._irql.lower(former)

    def acquire_at_dispatch(self) -> None:
        """Take the lock; the thread is at DISPATCH_LEVEL already.

        NT: KeAcquireSpinLockAtDpcLevel
        """
        if self.held:
            note = "a thread took a spin lock that it holds already: it would wait for itself"
            self._irql.stop(BugCheckCode.DRIVER_VERIFIER_DETECTED_VIOLATION, _SELF_DEADLOCK, self, note=note)
        self._lock.acquire()
        self._here.held = True

    def try_acquire_at_dispatch(self) -> bool:
        """Take the lock if it is free; says whether it was.

        NT: KeTryToAcquireSpinLockAtDpcLevel
        """
        taken = self._lock.acquire(blocking=False)
        if taken:
            self._here.held = True
        return taken

    def release_from_dispatch(self) -> None:
        """Give the lock back and stay at DISPATCH_LEVEL.

        NT: KeReleaseSpinLockFromDpcLevel
        """
        if not self.held:
            note = "a thread released a spin lock that it does not hold"
            self._irql.stop(BugCheckCode.DRIVER_VERIFIER_DETECTED_VIOLATION, _UNACQUIRED, self, note=note)
        self._here.held = False
        self._lock.release()

    def __enter__(self) -> SpinLock:
        former = self.acquire()
        self._former = former  # written by the holder only
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release(self._former)
