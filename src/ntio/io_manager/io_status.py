"""The caller's status block: where the end of a request is written for whoever asked for it.

Source: spec iomgr.md 1.1, 1.8; WDK IO_STATUS_BLOCK. Rows: R13
"""

from __future__ import annotations

from .packet.nt_fields import IoStatusBlockNames


class IoStatusBlock(IoStatusBlockNames):
    """An NTSTATUS and what the request moved or found, written by the I/O manager when a request ends.

    NT: IO_STATUS_BLOCK
    """

    __slots__ = ("information", "status")

    def __init__(self, status: int = 0, information: int = 0) -> None:
        self.status = status
        self.information = information

    def finish(self, status: int, information: int, *, in_packet: bool = False) -> None:
        """The request has ended; `in_packet` says that a completion packet brings the result to whoever takes it."""
        self.status, self.information = status, information

    def __repr__(self) -> str:
        return f"<IoStatusBlock {self.status:#x}, {self.information}>"
