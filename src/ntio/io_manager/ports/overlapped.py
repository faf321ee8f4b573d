"""A request in flight on behalf of somebody who goes on meanwhile, and the memory it holds.

From its start until its end the request owns the caller's bytes: they are pinned, so that they can neither be freed nor
be part of a conflicting request, and the caller's own object for the request (`owner`) is kept. What came of it reaches
that object by `owner.landed(request)`:

    refused, or failed at once              when the issuing call returns
    no port, or an event of its own         when it ends
    by a packet                             when the packet is taken, as documented: until then it looks pending

The packet carries the owner itself; whoever takes it lets the request `land`.

A packet that never will be taken, because its port is closed, has landed as soon as somebody asks.

Source: spec iocp.md 4, 5, 6; learn.microsoft.com OVERLAPPED, "Synchronous and Asynchronous I/O". Rows: R31, R32, R33
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from ...kernel.apc import wait_alertable
from ...kernel.event import Event
from ...status import STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS, STATUS_TIMEOUT, nt_error
from ..cancel import cancel_irp
from ..codes.file_codes import FO_SYNCHRONOUS_IO
from ..file_object import FileObject
from ..io_status import IoStatusBlock
from ..packet.irp import Irp


class Owner(Protocol):
    """What a caller knows a request by: an OVERLAPPED, or an object of ours."""

    def landed(self, request: OverlappedRequest) -> None:
        """The request has ended, and this is the moment to show it."""


class OverlappedRequest(IoStatusBlock):
    """One request in flight: its status block, what it holds, and whom to tell.

    `release` gives the memory back. `done` says that it has ended, `shown` that its owner knows.
    """

    __slots__ = ("_ended", "_release", "done", "file_object", "owner", "shown")

    def __init__(self, file_object: FileObject, owner: Owner, release: Callable[[], None]) -> None:
        super().__init__(STATUS_PENDING)
        self.file_object = file_object
        self.owner = owner
        self.done = self.shown = False
        self._release = release
        self._ended: Event | None = None

    def finish(self, status: int, information: int, *, in_packet: bool = False) -> None:
        """The request has ended; its owner is told now, or by whoever takes the packet."""
        self.status, self.information = status, information
        self._release()
        with self.file_object.device.driver.io.irps.lock:
            self.done, ended = True, self._ended
        if not in_packet:
            self.land()
        if ended is not None:
            ended.set()

    def issued(self, status: int) -> int:
        """The issuing call came back with that status, which is returned; an error at once is told to nobody else."""
        if nt_error(status) and not self.done:
            self.finish(status, 0)
        return status

    def interrupted(self) -> None:
        """The issuing call was left by an exception: a packet that goes on is cancelled, and ends the request.

        Without one this is the end, and on a synchronous file, whose packet tells nobody.
        """
        file_object = self.file_object
        io = file_object.device.driver.io
        thread = io.threads.current()
        with io.irps.lock:
            mine = [irp for irp in thread.irps if self._is_ours(irp)]
        if not self.done and (file_object.flags & FO_SYNCHRONOUS_IO or not mine):
            self.finish(STATUS_CANCELLED, 0)
        for irp in mine:
            cancel_irp(irp, partial(self._is_ours, irp))

    def _is_ours(self, irp: Irp) -> bool:
        return irp.extension is not None and irp.extension.user_iosb is self

    def land(self) -> Owner:
        """Show the owner what came of it, once; returns the owner."""
        if not self.shown:
            self.shown = True
            self.owner.landed(self)
        return self.owner

    def look(self) -> bool:
        """Whether the owner knows what came of it; a packet that nobody can take any more does not keep it."""
        context = self.file_object.completion_context
        if self.done and not self.shown and (context is None or getattr(context.port, "closed", False)):
            self.land()
        return self.shown

    def wait(self, timeout: float | None = None, *, alertable: bool = False) -> int:
        """Wait for its end: STATUS_SUCCESS, STATUS_TIMEOUT, or STATUS_USER_APC; its owner knows then.

        NT: NtWaitForSingleObject
        """
        io = self.file_object.device.driver.io
        with io.irps.lock:
            if not self.done and self._ended is None:
                self._ended = Event(io.hal)
        status = STATUS_SUCCESS
        if not self.done and self._ended is not None:
            with io.wait_for(self._ended):
                if alertable:
                    status = wait_alertable(io.hal, io.threads.current(), self._ended, timeout)
                else:
                    status = STATUS_SUCCESS if self._ended.wait(timeout) else STATUS_TIMEOUT
            io.check_running()
        if self.done:
            self.land()
        return status

