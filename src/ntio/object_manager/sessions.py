r"""Drive letters of one's own: `\??`, as each logon session sees it.

`\??` is no directory but a view. Every logon session may have a directory of its own, `\Sessions\0\DosDevices\<logon>`;
a name is looked for there first and then in `\GLOBAL??`. What a session makes in `\??` goes into its own directory. A
session without one, and the system itself, sees `\GLOBAL??` alone. `\??\Global\X:` always means the global one.

Source: spec iomgr.md 3.4; learn.microsoft.com "Local and Global MS-DOS Device Names". Rows: R20
"""

from __future__ import annotations

from collections.abc import Callable

from ..security.token import SYSTEM_LOGON
from ..status import InvalidParameter
from .namespace import Directory, Namespace, SymbolicLink

GLOBAL = "\\GLOBAL??"


class Sessions:
    """The logon sessions that have a directory of their own; `current_logon` numbers the caller's session.

    NT: DEVICE_MAP
    """

    def __init__(self, namespace: Namespace, current_logon: Callable[[], int]) -> None:
        self._namespace = namespace
        self._current_logon = current_logon
        self._directories: dict[int, Directory] = {}
        namespace.make_directory("\\Sessions")
        namespace.make_directory("\\Sessions\\0")
        namespace.make_directory("\\Sessions\\0\\DosDevices")
        namespace.insert("\\??", DosDevices(self))

    def open(self, logon: int) -> Directory:
        """The own directory of a logon session, made when first asked for; raises InvalidParameter for the system's.

        NT: SeGetLogonIdDeviceMap
        """
        if logon == SYSTEM_LOGON:
            raise InvalidParameter("the system's own logon session has no drive letters of its own")
        if logon not in self._directories:
            path = f"\\Sessions\\0\\DosDevices\\{logon >> 32:08x}-{logon & 0xFFFF_FFFF:08x}"
            self._directories[logon] = self._namespace.make_directory(path)
            self._namespace.link(f"{path}\\Global", GLOBAL)
        return self._directories[logon]

    def close(self, logon: int) -> None:
        """A logon session is over: its drive letters go with it. Idempotent."""
        directory = self._directories.pop(logon, None)
        if directory is not None:
            for entry in directory:
                self._namespace.remove(entry.path)
            self._namespace.remove(directory.path)

    def current(self) -> Directory | None:
        """The own directory of the caller's session, if it has one."""
        return self._directories.get(self._current_logon()) if self._directories else None


class DosDevices(SymbolicLink):
    r"""`\??`: the view of the caller's session.

    NT: DosDevicesDirectory
    """

    __slots__ = ("_sessions",)

    def __init__(self, sessions: Sessions) -> None:
        super().__init__(GLOBAL)
        self._sessions = sessions

    def route(self, rest: str, *, making: bool = False) -> str:
        """The path in the session's own directory, where the name is there or is being made; else the global one."""
        own = self._sessions.current()
        if own is None:
            return GLOBAL + rest
        first, separator, below = rest[1:].partition("\\")
        here = not rest or own.find(first) is not None or (making and not below and not separator)
        return own.path + rest if here else GLOBAL + rest
