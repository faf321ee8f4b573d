"""The exception and the handle of the Win32 face, which `pywintypes` shows.

A call that fails raises `error`, with the Win32 number, the name of the call and words. A handle is an object that is
an int wherever an int is wanted; it closes when it is told to, at the end of a `with` block, or when it is dropped. It
remembers the System it belongs to, so that a number never names something of another one.

Source: pywin32's documentation of PyHANDLE and pywintypes.error. Rows: R12
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from ..status import BufferInUse, NtError, errno_from_status, status_from_errno, win32_from_status
from ..system.system import System
from .winerror import ERROR_INVALID_PARAMETER, ERROR_OUTOFMEMORY


class error(OSError):
    """A Win32 call failed: `winerror`, `funcname` and `strerror`, which are also its three arguments.

    NT: GetLastError
    """

    def __init__(self, winerror: int, funcname: str, strerror: str, errno: int | None = None) -> None:
        super().__init__(errno, strerror)
        self.args = (winerror, funcname, strerror)
        self.winerror = winerror
        self.funcname = funcname

    def __str__(self) -> str:
        return repr(self.args)


class BufferInUseError(error, BufferError):
    """A buffer or an OVERLAPPED is part of a request in flight: ERROR_BUSY."""


class PyHANDLE:
    """A handle of some System; closed by `Close`, by a `with` block, or when nobody refers to it any more.

    NT: HANDLE
    """

    __slots__ = ("__weakref__", "_number", "system")

    def __init__(self, system: System, number: int) -> None:
        self.system = system
        self._number = number

    @property
    def handle(self) -> int:
        """The number; 0 once it is closed or detached."""
        return self._number

    def Close(self) -> None:
        """Close the handle; a second time does nothing.

        NT: CloseHandle
        """
        number = self.Detach()
        if number:
            with win32_errors("CloseHandle"):
                self.system.io.handles.close(number)

    close = Close

    def Detach(self) -> int:
        """Give the number away: this object does not close it any more."""
        number, self._number = self._number, 0
        return number

    def __int__(self) -> int:
        return self._number

    __index__ = __int__

    def __bool__(self) -> bool:
        return bool(self._number)

    def __eq__(self, other: object) -> bool:
        """The same number, whether of a handle or by itself."""
        return self._number == int(other) if isinstance(other, (PyHANDLE, int)) else NotImplemented

    __hash__ = object.__hash__

    def __enter__(self) -> PyHANDLE:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.Close()

    def __del__(self) -> None:
        if getattr(self, "_number", 0):  # one that could not be made has none
            handles = self.system.io.handles
            handles.drop(self._number)
            if not _inside():
                with suppress(OSError):
                    handles.close_dropped()

    def __repr__(self) -> str:
        return f"<PyHANDLE:{self._number}>"


def _inside() -> bool:
    """Whether this thread is in a call of ours, and so may hold a lock: then a dropped handle is closed later."""
    frame = sys._getframe().f_back
    while frame is not None and (frame := frame.f_back) is not None:
        if frame.f_globals.get("__name__", "").startswith("ntio."):
            return True
    return False


#: A handle as callers may give it.
Handle = PyHANDLE | int


@contextmanager
def win32_errors(function: str) -> Iterator[None]:
    """Raise what fails inside as `error` of that function, by its Win32 number."""
    try:
        yield
    except error:
        raise
    except NtError as problem:
        number, words = win32_from_status(problem.status), problem.strerror or ""
        words += "" if problem.filename is None else f": {problem.filename!r}"
        kind = BufferInUseError if isinstance(problem, BufferInUse) else error
        raise kind(number, function, words, errno_from_status(problem.status)) from problem
    except MemoryError as problem:
        raise error(ERROR_OUTOFMEMORY, function, "not enough memory") from problem
    except OSError as problem:
        number = win32_from_status(status_from_errno(problem.errno or 0))
        raise error(number, function, problem.strerror or "", problem.errno) from problem


def refuse(function: str, words: str, number: int = ERROR_INVALID_PARAMETER) -> error:
    """Make, without raising it, the exception of a call that was asked for what it does not do."""
    return error(number, function, words)
