"""The fields of a packet that few packets need, kept aside so that the others need not pay for them.

A packet's life costs a microsecond or two, and most of that is writing fields. What a plain read of a file never
touches (the caller's status block, its event routine, the thread, the four words a driver may use ...) is therefore in
one object that the packet makes when the first of these fields is set, and drops when it is freed. Reading a field that
nobody set gives its zero. Measured: writing these fields in every packet took 80 ns, 5 % of a read through one driver.

Source: spec iomgr.md 1.1; WDK IRP. Rows: R13
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...kernel.thread import Thread
from ...memory.mdl import Mdl
from ..io_status import IoStatusBlock
from .nt_fields import IrpNames

if TYPE_CHECKING:
    from ..file_object import FileObject

#: What runs in the requester's thread when the request is over: (context, status block) -> None.
UserApcRoutine = Callable[[Any, IoStatusBlock], object]


class IrpExtension:
    """The rarely used fields of one packet; `IrpFields` says what each is."""

    __slots__ = (
        "allocation_size", "apc_environment", "auxiliary_buffer", "cancel_irql", "device_queue_entry", "driver_context",
        "irp_count", "mdl", "original_file_object", "overlaid", "requestor_mode", "system_buffer", "thread",
        "user_apc_context", "user_apc_routine", "user_buffer", "user_iosb",
    )

    def __init__(self) -> None:
        self.requestor_mode = self.irp_count = self.allocation_size = self.cancel_irql = self.apc_environment = 0
        #: Whether `mdl`, `system_buffer` and `user_buffer` were set, and are not to be derived from `buffer`.
        self.overlaid = False
        self.mdl: Mdl | None = None
        self.system_buffer: memoryview | None = None
        self.user_buffer: memoryview | None = None
        self.user_iosb: IoStatusBlock | None = None
        self.user_apc_routine: UserApcRoutine | None = None
        self.user_apc_context: Any = None
        self.thread: Thread | None = None
        self.auxiliary_buffer: Any = None
        self.original_file_object: FileObject | None = None
        self.driver_context: list[Any] = [None, None, None, None]
        self.device_queue_entry: Any = None


class IrpFields(IrpNames):
    """A packet's rarely used fields under their own names; `extend` for whoever sets several."""

    __slots__ = ("extension",)

    def __init__(self) -> None:
        self.extension: IrpExtension | None = None

    def extend(self) -> IrpExtension:
        """The object behind these fields, made if need be: to set several of them at the cost of one."""
        extension = self.extension
        if extension is None:
            self.extension = extension = IrpExtension()
        return extension

    @property
    def requestor_mode(self) -> int:
        """KERNEL_MODE or USER_MODE: whether the buffers come from a program.

        NT: Irp.RequestorMode
        """
        return 0 if self.extension is None else self.extension.requestor_mode

    @requestor_mode.setter
    def requestor_mode(self, value: int) -> None:
        self.extend().requestor_mode = value

    @property
    def irp_count(self) -> int:
        """How many associated packets of this master are not done.

        NT: Irp.AssociatedIrp.IrpCount
        """
        return 0 if self.extension is None else self.extension.irp_count

    @irp_count.setter
    def irp_count(self, value: int) -> None:
        self.extend().irp_count = value

    @property
    def user_iosb(self) -> IoStatusBlock | None:
        """Where the requester wants status and information.

        NT: Irp.UserIosb
        """
        return None if self.extension is None else self.extension.user_iosb

    @user_iosb.setter
    def user_iosb(self, value: IoStatusBlock | None) -> None:
        self.extend().user_iosb = value

    @property
    def user_apc_routine(self) -> UserApcRoutine | None:
        """What the requester's thread is to run when the request is over.

        NT: Irp.Overlay.AsynchronousParameters.UserApcRoutine
        """
        return None if self.extension is None else self.extension.user_apc_routine

    @user_apc_routine.setter
    def user_apc_routine(self, value: UserApcRoutine | None) -> None:
        self.extend().user_apc_routine = value

    @property
    def user_apc_context(self) -> Any:
        """What that routine, or the completion packet, is given.

        NT: Irp.Overlay.AsynchronousParameters.UserApcContext
        """
        return None if self.extension is None else self.extension.user_apc_context

    @user_apc_context.setter
    def user_apc_context(self, value: Any) -> None:
        self.extend().user_apc_context = value

    @property
    def allocation_size(self) -> int:
        """How large a file that is being created is to be at first.

        NT: Irp.Overlay.AllocationSize
        """
        return 0 if self.extension is None else self.extension.allocation_size

    @allocation_size.setter
    def allocation_size(self, value: int) -> None:
        self.extend().allocation_size = value

    @property
    def thread(self) -> Thread | None:
        """The thread the request is made for; None once it has disowned it.

        NT: Irp.Tail.Overlay.Thread
        """
        return None if self.extension is None else self.extension.thread

    @thread.setter
    def thread(self, value: Thread | None) -> None:
        self.extend().thread = value

    @property
    def auxiliary_buffer(self) -> Any:
        """What a file system answers beside the data, the reparse data of an open for example.

        NT: Irp.Tail.Overlay.AuxiliaryBuffer
        """
        return None if self.extension is None else self.extension.auxiliary_buffer

    @auxiliary_buffer.setter
    def auxiliary_buffer(self, value: Any) -> None:
        self.extend().auxiliary_buffer = value

    @property
    def original_file_object(self) -> FileObject | None:
        """The file object the request was first made on.

        NT: Irp.Tail.Overlay.OriginalFileObject
        """
        return None if self.extension is None else self.extension.original_file_object

    @original_file_object.setter
    def original_file_object(self, value: FileObject | None) -> None:
        self.extend().original_file_object = value

    @property
    def driver_context(self) -> list[Any]:
        """Four places for the driver that has the packet now.

        NT: Irp.Tail.Overlay.DriverContext
        """
        return self.extend().driver_context

    @property
    def device_queue_entry(self) -> Any:
        """What a device queue or a cancel-safe queue keeps about the packet while it is in it.

        NT: Irp.Tail.Overlay.DeviceQueueEntry
        """
        return None if self.extension is None else self.extension.device_queue_entry

    @device_queue_entry.setter
    def device_queue_entry(self, value: Any) -> None:
        self.extend().device_queue_entry = value

    @property
    def cancel_irql(self) -> int:
        """The level to go back to when the cancel lock is released.

        NT: Irp.CancelIrql
        """
        return 0 if self.extension is None else self.extension.cancel_irql

    @cancel_irql.setter
    def cancel_irql(self, value: int) -> None:
        self.extend().cancel_irql = value

    @property
    def apc_environment(self) -> int:
        """The thread's APC state when the packet was made: always the original one here.

        NT: Irp.ApcEnvironment
        """
        return 0 if self.extension is None else self.extension.apc_environment
