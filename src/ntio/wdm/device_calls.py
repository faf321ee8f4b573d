"""Calls on devices and drivers whose C form takes more than one line to say in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..io_manager.cancel import CancelRoutine
from ..io_manager.device import DeviceObject
from ..io_manager.driver import DriverObject
from ..io_manager.file_object import FileObject
from ..io_manager.opening.open import create_stream_file
from ..io_manager.packet.irp import Irp
from ..io_manager.remove_lock import RemoveLock
from ..io_manager.start_io import set_start_io_attributes, start_next_packet, start_packet
from ..status import STATUS_SUCCESS, NtError
from .forms import manager_of


def create_device(
    driver: DriverObject,
    extension_size: int,
    name: str | None,
    device_type: int,
    characteristics: int,
    exclusive: bool,
) -> DeviceObject:
    """Make a device, with `extension_size` bytes for its driver; raises NtError.

    NT: IoCreateDevice
    """
    return driver.create_device(
        name or "", device_type, characteristics=characteristics, exclusive=exclusive, extension_size=extension_size
    )


def delete_device(device: DeviceObject) -> None:
    """Delete a device; it goes when the last open is closed.

    NT: IoDeleteDevice
    """
    device.driver.delete_device(device)


def attach_device_to_stack(source: DeviceObject, target: DeviceObject) -> DeviceObject | None:
    """Put a device on top of a stack; returns the device it sits on now, to which it sends, or None.

    NT: IoAttachDeviceToDeviceStack
    """
    try:
        return source.attach_to(target)
    except NtError:
        return None


def detach_device(lower: DeviceObject) -> None:
    """Take off the device that is attached to this one.

    NT: IoDetachDevice
    """
    if lower.attached_device is not None:
        lower.attached_device.detach()


def attached_device_reference(device: DeviceObject) -> DeviceObject:
    """The topmost device of a stack, with a reference more that the caller gives back.

    NT: IoGetAttachedDeviceReference
    """
    return _referenced(device.top())


def device_attachment_base_reference(device: DeviceObject) -> DeviceObject:
    """The lowest device of a stack, with a reference more that the caller gives back.

    NT: IoGetDeviceAttachmentBaseRef
    """
    return _referenced(device.bottom())


def lower_device_reference(device: DeviceObject) -> DeviceObject | None:
    """The device below, with a reference more; None at the bottom, and of a device that is on its way out.

    NT: IoGetLowerDeviceObject
    """
    lower = device.lower_device()
    return None if lower is None else _referenced(lower)


def _referenced(device: DeviceObject) -> DeviceObject:
    device.driver.io.objects.reference(device)
    return device


def start_packet_of(
    device: DeviceObject, irp: Irp, key: int | None = None, cancel_routine: CancelRoutine | None = None
) -> None:
    """Start a packet that is marked pending, or queue it until the device is free.

    NT: IoStartPacket
    """
    start_packet(device, irp, key, cancel_routine)


def start_next_packet_of(device: DeviceObject, cancelable: bool) -> None:
    """The current packet is done: start the next one.

    NT: IoStartNextPacket
    """
    start_next_packet(device, cancelable=cancelable)


def start_next_packet_by_key(device: DeviceObject, cancelable: bool, key: int) -> None:
    """The current packet is done: start the first one whose key is not below `key`.

    NT: IoStartNextPacketByKey
    """
    start_next_packet(device, cancelable=cancelable, key=key)


def start_io_attributes(device: DeviceObject, deferred: bool, non_cancelable: bool) -> None:
    """Say whether StartIo may be called inside itself, and whether packets keep their cancel routine in it.

    NT: IoSetStartIoAttributes
    """
    set_start_io_attributes(device, deferred=deferred, non_cancelable=non_cancelable)


def register_driver_reinitialization(driver: DriverObject, routine: Callable[..., object], context: Any) -> None:
    """Have `routine(driver, context, count)` called when the driver is loaded.

    NT: IoRegisterDriverReinitialization
    """
    driver.register_reinitialization(routine, context)


def initialize_remove_lock(*, system: Any) -> RemoveLock:
    """A new remove lock.

    NT: IoInitializeRemoveLock
    """
    return RemoveLock(manager_of(system))


def create_stream_file_object(file_object: FileObject | None, device: DeviceObject | None) -> FileObject:
    """A file object of a file system's own, on the device of another one or on `device`; it has seen its cleanup.

    NT: IoCreateStreamFileObject
    """
    return create_stream_file(device or file_object.device, file_object)  # type: ignore[union-attr]


def create_stream_file_object_lite(file_object: FileObject | None, device: DeviceObject | None) -> FileObject:
    """The same without a cleanup.

    NT: IoCreateStreamFileObjectLite
    """
    return create_stream_file(device or file_object.device, file_object, cleanup=False)  # type: ignore[union-attr]


def register_last_chance_shutdown(device: DeviceObject) -> int:
    """Have a device asked to shut down when every file system has; returns STATUS_SUCCESS.

    NT: IoRegisterLastChanceShutdownNotification
    """
    device.driver.io.shutdown.register(device, last_chance=True)
    return STATUS_SUCCESS


def register_fs_registration_change(driver: DriverObject, routine: Callable[..., object]) -> int:
    """Have `routine(device, active)` told of every file system that comes or goes; returns STATUS_SUCCESS.

    NT: IoRegisterFsRegistrationChange
    """
    driver.io.file_systems.watch(routine)
    return STATUS_SUCCESS


def unregister_fs_registration_change(driver: DriverObject, routine: Callable[..., object]) -> None:
    """Do not tell it any more.

    NT: IoUnregisterFsRegistrationChange
    """
    driver.io.file_systems.unwatch(routine)
