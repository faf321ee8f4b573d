"""Remove locks: a device is not torn down while somebody is still using it.

    status = lock.acquire(irp)        before work begins; STATUS_DELETE_PENDING once the device is going
    lock.release(irp)                 after it
    lock.release_and_wait(irp)        in the routine that removes the device: nobody gets in any more, the last one out
                                      lets it go on

Each holder says who it is with a *tag*, the packet for example, and gives the lock back with the same. A tag that does
not fit stops the System, because the count would never again be right; `holders` shows who is in.

Source: spec iomgr.md 1.10 (0xC4, D5 and D6), 5; WDK "Using Remove Locks". Rows: R23
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ..bugcheck import BugCheckCode
from ..kernel.event import Event
from ..status import STATUS_DELETE_PENDING, STATUS_SUCCESS, error_for

if TYPE_CHECKING:
    from .manager import IoManager

# First parameters of DRIVER_VERIFIER_DETECTED_VIOLATION
_RELEASE_MISMATCH: Final = 0xD5
_RELEASE_AND_WAIT_MISMATCH: Final = 0xD6


class RemoveLock:
    """Counts who uses a device, and lets its removal wait for them.

    NT: IO_REMOVE_LOCK
    """

    def __init__(self, io: IoManager) -> None:
        self._io = io
        self._lock = io.hal.new_lock()
        self._tags: Counter[Any] = Counter()
        self._all_out = Event(io.hal)
        #: Whether the device is going: nobody gets in any more.
        self.removed = False

    @property
    def holders(self) -> list[Any]:
        """The tags it is held with now."""
        with self._lock:
            return list(self._tags.elements())

    def acquire(self, tag: Any = None) -> int:
        """Keep the device from going; returns STATUS_SUCCESS, or STATUS_DELETE_PENDING when it is going already.

        NT: IoAcquireRemoveLock
        """
        with self._lock:
            if self.removed:
                return STATUS_DELETE_PENDING
            self._tags[tag] += 1
        return STATUS_SUCCESS

    def release(self, tag: Any = None) -> None:
        """Undo one `acquire` with this tag; raises BugCheck when there was none.

        NT: IoReleaseRemoveLock
        """
        with self._lock:
            known = self._drop(tag)
            all_out = self.removed and not self._tags
        if not known:
            self._stop(_RELEASE_MISMATCH, tag)
        if all_out:
            self._all_out.set()

    def release_and_wait(self, tag: Any = None, timeout: float | None = None) -> bool:
        """Let nobody in any more, undo one's own `acquire`, and wait until all others have done so.

        Says whether they have; false after `timeout` seconds. Call it again to wait on.
        NT: IoReleaseRemoveLockAndWait
        """
        with self._lock:
            first, self.removed = not self.removed, True
            known = not first or self._drop(tag)
            all_out = not self._tags
        if not known:
            self._stop(_RELEASE_AND_WAIT_MISMATCH, tag)
        if all_out:
            return True
        with self._io.wait_for(self._all_out):
            self._all_out.wait(timeout)
        self._io.check_running()
        return not self._tags

    @contextmanager
    def held(self, tag: Any = None) -> Iterator[None]:
        """A `with` block that holds the lock; raises NtError (STATUS_DELETE_PENDING) when the device is going."""
        status = self.acquire(tag)
        if status:
            raise error_for(status, "the device is being removed")
        try:
            yield
        finally:
            self.release(tag)

    def _drop(self, tag: Any) -> bool:
        known = self._tags[tag] > 0
        if known:
            self._tags[tag] -= 1
        if not self._tags[tag]:
            del self._tags[tag]
        return known

    def _stop(self, rule: int, tag: Any) -> None:
        note = "a remove lock was released with a tag it was not acquired with"
        self._io.stop(BugCheckCode.DRIVER_VERIFIER_DETECTED_VIOLATION, rule, self, tag, note=note)
