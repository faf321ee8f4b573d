"""Memory by its address: VirtualAlloc, VirtualFree, and a way to look at it from Python.

Addresses are what Windows programs pass around; a System knows which are memory, so none of them is ever followed
blindly. `memory_at` is ours: it gives the bytes at an address as a memoryview.

Source: learn.microsoft.com/windows/win32/api/memoryapi. Rows: R12
"""

from __future__ import annotations

from ..system.default import default_system
from ..system.system import System
from .pyhandle import refuse, win32_errors
from .win32con import MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_READWRITE
from .winerror import ERROR_INVALID_ADDRESS, ERROR_NOT_SUPPORTED

__all__ = ["MEM_COMMIT", "MEM_RELEASE", "MEM_RESERVE", "PAGE_READWRITE", "VirtualAlloc", "VirtualFree", "memory_at"]


def VirtualAlloc(
    lpAddress: int | None, dwSize: int, flAllocationType: int, flProtect: int, *, system: System | None = None
) -> int:
    """Allocate zeroed pages and return their address; `lpAddress` is None, the type contains MEM_COMMIT, the protection
    is PAGE_READWRITE.

    NT: VirtualAlloc
    """
    if lpAddress:
        raise refuse("VirtualAlloc", "the system chooses the address", ERROR_INVALID_ADDRESS)
    if flAllocationType & ~(MEM_COMMIT | MEM_RESERVE) or not flAllocationType & MEM_COMMIT:
        raise refuse("VirtualAlloc", "the allocation type is MEM_COMMIT, with or without MEM_RESERVE")
    if flProtect != PAGE_READWRITE:
        raise refuse("VirtualAlloc", "memory is PAGE_READWRITE here", ERROR_NOT_SUPPORTED)
    with win32_errors("VirtualAlloc"):
        return (system or default_system()).io.memory.allocate(dwSize)


def VirtualFree(lpAddress: int, dwSize: int, dwFreeType: int, *, system: System | None = None) -> bool:
    """Give an allocation back, whole: the size is 0, the type MEM_RELEASE. Fails while requests use the memory.

    NT: VirtualFree
    """
    if dwSize or dwFreeType != MEM_RELEASE:
        raise refuse("VirtualFree", "an allocation is given back whole: size 0, MEM_RELEASE")
    with win32_errors("VirtualFree"):
        (system or default_system()).io.memory.free(lpAddress)
    return True


def memory_at(address: int, size: int, *, system: System | None = None) -> memoryview:
    """The bytes at an address of known memory, to read and write; raises ERROR_INVALID_PARAMETER for any other."""
    with win32_errors("memory_at"):
        return (system or default_system()).io.memory.view(address, size)
