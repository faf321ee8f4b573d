"""One driver's turn with one packet, from the call of its routine to its return, and after.

What a routine returns is judged after it has returned, when its packet may long be somebody else's. So everything that
counts is noted here while it happens, and the packet itself is not looked at again.

Rows: R19
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..io_manager.codes.major import IRP_MJ_WRITE

if TYPE_CHECKING:
    from ..io_manager.device import DeviceObject
    from ..io_manager.packet.irp import Irp


class Visit:
    """What a driver did with a packet; `above` is the turn of the driver that sent it, `number` its location."""

    __slots__ = (
        "above", "answer_below", "completed", "device", "finished", "forwarded", "irp", "marked", "number", "raised",
        "routine_set", "written",
    )

    def __init__(self, device: DeviceObject, irp: Irp, above: Visit | None) -> None:
        self.device = device
        self.irp = irp
        self.number = irp.current_location
        self.above = above
        #: It said that it would return STATUS_PENDING.
        self.marked = False
        #: The status it completed the packet with.
        self.completed: int | None = None
        #: It passed the packet down, what came back from there, and whether a completion routine of its own is set.
        self.forwarded = False
        self.answer_below: int | None = None
        self.routine_set = False
        #: Its routine has returned, or let something out that is no mistake of the driver's (Ctrl-C).
        self.finished = self.raised = False
        location, buffer = irp.locations[self.number - 1], irp.buffer
        #: The bytes to be written, as they were when they came: nobody may change them.
        self.written = bytes(buffer) if location.major == IRP_MJ_WRITE and buffer is not None else None
