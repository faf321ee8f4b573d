"""The bytes of a request by the names drivers of NT's form look for them: system buffer, MDL, the requester's buffer.

A friendly driver finds them as `irp.buffer`, whichever way its device does I/O. One of NT's form looks where its
device's flags, or the control code, say that they are. Both see the same memory: what was set is what `buffer` refers
to, and of a request that only has a `buffer`, the name that fits gives it.

Source: spec iomgr.md 1.1, 1.6; WDK "Methods for Accessing Data Buffers". Rows: R13
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...abi import METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_NEITHER, METHOD_OUT_DIRECT
from ...memory.mdl import LockOperation, Mdl, locked_mdl
from ..codes.major import ALWAYS_BUFFERED, CONTROL_FUNCTIONS, DO_BUFFERED_IO, DO_DIRECT_IO, IRP_MJ_WRITE
from .irp_fields import IrpFields

if TYPE_CHECKING:
    from .irp import StackLocation


class IrpBuffers(IrpFields):
    """A packet's buffers, and where it is, which decides what they are called."""

    __slots__ = ("buffer", "current_location", "locations", "stack_count")

    #: The bytes of the request, one memoryview of format 'B' whichever way the device does I/O.
    buffer: memoryview | None
    locations: list[StackLocation]
    current_location: int
    stack_count: int

    @property
    def mdl(self) -> Mdl | None:
        """The list of memory of direct I/O; made from `buffer` when somebody asks, unless it was set.

        NT: Irp.MdlAddress
        """
        extension = self.extension
        if extension is not None and (extension.overlaid or extension.mdl is not None):
            return extension.mdl
        method = self.transfer_method
        if method not in (METHOD_IN_DIRECT, METHOD_OUT_DIRECT) or self.buffer is None:
            return None
        read_only = method == METHOD_IN_DIRECT
        mdl = self.extend().mdl = locked_mdl(self.buffer, LockOperation.READ if read_only else LockOperation.WRITE)
        return mdl

    @mdl.setter
    def mdl(self, value: Mdl | None) -> None:
        extension = self.extend()
        extension.overlaid, extension.mdl = True, value
        if value is not None:
            self.buffer = value.view

    @property
    def system_buffer(self) -> memoryview | None:
        """The bytes of buffered I/O, in and out; `buffer` itself unless it was set.

        NT: Irp.AssociatedIrp.SystemBuffer
        """
        extension = self.extension
        if extension is not None and extension.overlaid:
            return extension.system_buffer
        return self.buffer if self.transfer_method == METHOD_BUFFERED else None

    @system_buffer.setter
    def system_buffer(self, value: memoryview | None) -> None:
        extension = self.extend()
        extension.overlaid, extension.system_buffer = True, value
        if extension.mdl is None:
            self.buffer = value

    @property
    def user_buffer(self) -> memoryview | None:
        """The requester's own bytes, where neither buffered nor direct I/O is done; `buffer` unless it was set.

        NT: Irp.UserBuffer
        """
        extension = self.extension
        if extension is not None and extension.overlaid:
            return extension.user_buffer
        return self.buffer if self.transfer_method == METHOD_NEITHER else None

    @user_buffer.setter
    def user_buffer(self, value: memoryview | None) -> None:
        extension = self.extend()
        extension.overlaid, extension.user_buffer = True, value
        if extension.mdl is None and extension.system_buffer is None:
            self.buffer = value

    @property
    def transfer_method(self) -> int:
        """METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_OUT_DIRECT or METHOD_NEITHER: how its bytes reach the driver.

        A control code carries it; the information functions are always buffered; otherwise the device's flags say it.
        """
        location = self.locations[min(self.current_location, self.stack_count) - 1]
        if location.major in CONTROL_FUNCTIONS:
            return location.byte_offset & 3
        if location.major in ALWAYS_BUFFERED or location.device is None:
            return METHOD_BUFFERED
        flags = location.device.flags
        if flags & DO_BUFFERED_IO:
            return METHOD_BUFFERED
        if flags & DO_DIRECT_IO:
            return METHOD_IN_DIRECT if location.major == IRP_MJ_WRITE else METHOD_OUT_DIRECT
        return METHOD_NEITHER
