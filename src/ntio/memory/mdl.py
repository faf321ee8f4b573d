"""Memory descriptor lists: some bytes of memory, fixed in place, that a driver below may read or write.

NT's list names the physical pages behind a buffer so that a device can reach them. Here a list holds a *view* of the
buffer, and the view does what locking pages does: as long as it exists, Python refuses to resize or close what is
behind it. The layout numbers stay NT's (a header of 48 bytes and 8 for each page the buffer touches, 4 KiB a page),
because they decide how large a list may be.

    allocate -> probe_and_lock -> system_view ... -> unlock -> free
                or nonpaged (memory that is fixed anyway), or build_partial (some of another list's bytes)

A list may lead to a `next` one; a request then has all their bytes, in this order.

Source: WDK "Using MDLs", IoAllocateMdl, MmProbeAndLockPages; spec iomgr.md 1.1, 7 A11 and A12. Rows: R13
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from ..hal.operations import address_of
from ..kernel.nt_names import MdlNames
from ..status import STATUS_ACCESS_VIOLATION, error_for

PAGE_SIZE: Final = 4096
#: Bytes of a list's header and of each page number behind it, on 64-bit Windows.
HEADER_SIZE: Final = 48
PAGE_NUMBER_SIZE: Final = 8
#: A list's size in bytes must be less than this: it is kept in 16 bits.
_SIZE_LIMIT: Final = 0x10000
#: Lists of up to so many pages come from a lookaside list.
_FIXED_PAGES: Final = 23


# Mdl.flags
MDL_MAPPED_TO_SYSTEM_VA: Final = 0x1
MDL_PAGES_LOCKED: Final = 0x2
MDL_SOURCE_IS_NONPAGED_POOL: Final = 0x4
MDL_ALLOCATED_FIXED_SIZE: Final = 0x8
MDL_PARTIAL: Final = 0x10
MDL_PARTIAL_HAS_BEEN_MAPPED: Final = 0x20
MDL_IO_PAGE_READ: Final = 0x40
MDL_WRITE_OPERATION: Final = 0x80

#: What makes memory fixed, in one way or another.
_FIXED: Final = MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL | MDL_PARTIAL
_INHERITED: Final = MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA | MDL_IO_PAGE_READ


class LockOperation(enum.IntEnum):
    """What the locked bytes will be used for: read from, written into, or both.

    NT: LOCK_OPERATION
    """

    READ = 0
    WRITE = 1
    MODIFY = 2


class Mdl(MdlNames):
    """Some bytes of memory as drivers hand them on; `buffer` is any contiguous bytes-like object.

    `virtual_address` and `byte_offset` (in its first page) and `byte_count` describe it; `next` is the list's
    successor; `flags` are MDL_ bits.
    NT: MDL
    """

    __slots__ = ("_address", "view", "byte_count", "flags", "next")

    def __init__(self, buffer: Any, length: int | None = None) -> None:
        view = memoryview(buffer).cast("B")
        count = view.nbytes if length is None else length
        if not 0 <= count <= view.nbytes:
            raise ValueError(f"an MDL of {count} bytes for a buffer of {view.nbytes}")
        self.view = view[:count]
        self.byte_count = count
        self._address = -1
        self.next: Mdl | None = None
        self.flags = MDL_ALLOCATED_FIXED_SIZE if count <= (_FIXED_PAGES - 1) * PAGE_SIZE else 0

    @property
    def virtual_address(self) -> int:
        """Where the memory starts; 0 when there is none.

        NT: MmGetMdlVirtualAddress
        """
        if self._address < 0:  # asked for only when somebody wants to know: it costs more than the rest of a list
            self._address = address_of(np.frombuffer(self.view, np.uint8)) if self.byte_count else 0
        return self._address

    @property
    def byte_offset(self) -> int:
        """Where in its first page the memory starts.

        NT: MmGetMdlByteOffset
        """
        return self.virtual_address % PAGE_SIZE

    @property
    def size(self) -> int:
        """Bytes of the list itself.

        NT: MDL.Size
        """
        return size_of_mdl(self.virtual_address, self.byte_count)

    @property
    def locked(self) -> bool:
        """Whether the memory is fixed in place for a driver."""
        return bool(self.flags & _FIXED)

    def probe_and_lock(self, operation: LockOperation = LockOperation.READ) -> None:
        """Make sure that the memory may be used so, and fix it; raises NtError (STATUS_ACCESS_VIOLATION).

        NT: MmProbeAndLockPages
        """
        if operation != LockOperation.READ:
            if self.view.readonly:
                raise error_for(STATUS_ACCESS_VIOLATION, "the buffer is read-only, and the request writes into it")
            self.flags |= MDL_WRITE_OPERATION
        self.flags |= MDL_PAGES_LOCKED

    def unlock(self) -> None:
        """Undo `probe_and_lock`.

        NT: MmUnlockPages
        """
        self.flags &= ~(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_MAPPED_TO_SYSTEM_VA)

    def build_for_nonpaged_pool(self) -> None:
        """Describe memory that is fixed anyway, a driver's own.

        NT: MmBuildMdlForNonPagedPool
        """
        self.flags |= MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA

    def build_partial(self, source: Mdl, virtual_address: int, length: int = 0) -> None:
        """Describe `length` bytes of another list's memory from an address in it on; 0 for all that follow.

        Raises ValueError for bytes that are not all in the other list.
        NT: IoBuildPartialMdl
        """
        start = virtual_address - source.virtual_address
        count = length or source.byte_count - start
        if start < 0 or count < 0 or start + count > source.byte_count:
            raise ValueError(f"{count} bytes from byte {start} on are not all in an MDL of {source.byte_count}")
        self.view = source.view[start : start + count]
        self.byte_count = count
        self._address = virtual_address
        self.flags = self.flags & MDL_ALLOCATED_FIXED_SIZE | source.flags & _INHERITED | MDL_PARTIAL

    def system_view(self) -> memoryview:
        """The bytes, as a memoryview of format 'B'; raises ValueError for memory that nobody has locked.

        NT: MmGetSystemAddressForMdlSafe
        """
        if not self.locked:
            raise ValueError("an MDL whose memory is not locked has no system address: probe_and_lock() comes first")
        mapped = MDL_MAPPED_TO_SYSTEM_VA
        self.flags |= mapped | MDL_PARTIAL_HAS_BEEN_MAPPED if self.flags & MDL_PARTIAL else mapped
        return self.view

    def free(self) -> None:
        """Let the memory go; a view that somebody else still has keeps it fixed. More than once does no harm.

        NT: IoFreeMdl
        """
        self.unlock()
        self.view = memoryview(b"")
        self.byte_count = 0

    def chain(self) -> Iterator[Mdl]:
        """This list and those that follow it."""
        mdl: Mdl | None = self
        while mdl is not None:
            yield mdl
            mdl = mdl.next

    def describe(self) -> str:
        """One line for a person."""
        return f"MDL, {self.byte_count} bytes at {self.virtual_address:#x}, flags {int(self.flags):#x}"


def locked_mdl(buffer: Any, operation: LockOperation) -> Mdl:
    """A list for the whole of a buffer, locked; raises NtError (STATUS_ACCESS_VIOLATION) and then holds nothing."""
    mdl = Mdl(buffer)
    mdl.probe_and_lock(operation)
    return mdl


def pages_spanned(address: int, length: int) -> int:
    """How many pages so many bytes from an address on touch.

    NT: ADDRESS_AND_SIZE_TO_SPAN_PAGES
    """
    return (address % PAGE_SIZE + length + PAGE_SIZE - 1) // PAGE_SIZE


def size_of_mdl(address: int, length: int) -> int:
    """Bytes of a list for so many bytes from an address on.

    NT: MmSizeOfMdl
    """
    return HEADER_SIZE + PAGE_NUMBER_SIZE * pages_spanned(address, length)


def allocate_mdl(buffer: Any, length: int | None = None) -> Mdl | None:
    """A list for the first `length` bytes of a buffer; None where a list could not hold that many pages.

    NT: IoAllocateMdl
    """
    wanted = memoryview(buffer).nbytes if length is None else length
    if size_of_mdl(0, wanted) >= _SIZE_LIMIT:
        return None
    mdl = Mdl(buffer, wanted)
    return mdl if mdl.size < _SIZE_LIMIT else None
