r"""Events as objects: with names, handles and rights.

The event itself is the kernel's (`kernel.event`); here it gets a header. Two drivers that know a name share an event by
`create_notification_event` or `create_synchronization_event`: whoever comes first makes it, set, and of that kind;
whoever comes later gets what is there.

Source: spec iomgr.md 7 H93; learn.microsoft.com IoCreateNotificationEvent, ZwCreateEvent, ZwOpenEvent. Rows: R20
"""

from __future__ import annotations

from ..kernel.event import Event, EventType
from ..security.access_mask import KERNEL_MODE
from .manager import ObjectManager
from .objects import OBJ_KERNEL_HANDLE, OBJ_OPENIF
from .opening import ObjectAttributes, create_object, insert_object, open_by_name
from .types import EVENT_ALL_ACCESS


def create_event(
    objects: ObjectManager,
    access: int,
    wanted: ObjectAttributes | None = None,
    kind: EventType = EventType.NOTIFICATION,
    *,
    signaled: bool = False,
    mode: int = KERNEL_MODE,
) -> tuple[int, int]:
    """Make an event, or open the one of that name with OBJ_OPENIF: (status, handle). Raises as `insert_object`.

    NT: NtCreateEvent
    """
    event = Event(objects.hal, kind, signaled=signaled)
    return insert_object(objects, create_object(objects, "Event", event, wanted, mode), access)


def open_event(objects: ObjectManager, access: int, wanted: ObjectAttributes, mode: int = KERNEL_MODE) -> int:
    """A handle for an event of a name; raises as `open_by_name`.

    NT: NtOpenEvent
    """
    return open_by_name(objects, wanted, "Event", access, mode)


def create_notification_event(objects: ObjectManager, name: str = "") -> tuple[Event, int]:
    """The event of that name, made if there is none (then set, waking everybody), and a kernel handle for it.

    NT: IoCreateNotificationEvent
    """
    return _shared_event(objects, name, EventType.NOTIFICATION)


def create_synchronization_event(objects: ObjectManager, name: str = "") -> tuple[Event, int]:
    """The event of that name, made if there is none (then set, waking one), and a kernel handle for it.

    NT: IoCreateSynchronizationEvent
    """
    return _shared_event(objects, name, EventType.SYNCHRONIZATION)


def _shared_event(objects: ObjectManager, name: str, kind: EventType) -> tuple[Event, int]:
    wanted = ObjectAttributes(name, OBJ_OPENIF | OBJ_KERNEL_HANDLE)
    _, handle = create_event(objects, EVENT_ALL_ACCESS, wanted, kind, signaled=True)
    return objects.kernel_handles.reference(handle, Event), handle
