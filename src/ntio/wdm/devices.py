"""Drivers and devices: making, attaching, deleting; StartIo; remove locks; loading and unloading."""

from __future__ import annotations

from ..io_manager.device import DeviceObject as _Device
from ..io_manager.driver import DriverObject as _Driver
from ..io_manager.file_object import FileObject as _File
from ..io_manager.loading import Loader as _Loader
from ..io_manager.opening import mount as _mount
from ..io_manager.opening import share_access as _share
from ..io_manager.opening.mount import FileSystems as _FileSystems
from ..io_manager.remove_lock import RemoveLock as _RemoveLock
from ..io_manager.shutdown import ShutdownList as _Shutdown
from . import device_calls as _a
from . import forms as _f

IoCreateDevice = _f.status_and_value(_a.create_device)
IoDeleteDevice = _a.delete_device
IoAttachDeviceToDeviceStack = _a.attach_device_to_stack
IoDetachDevice = _a.detach_device
IoGetAttachedDevice = _f.method(_Device.top)
IoGetAttachedDeviceReference = _a.attached_device_reference
IoGetDeviceAttachmentBaseRef = _a.device_attachment_base_reference
IoGetLowerDeviceObject = _a.lower_device_reference
IoGetRelatedDeviceObject = _f.method(_File.related_device)
IoAllocateDriverObjectExtension = _f.status_and_value(_f.method(_Driver.allocate_extension))
IoGetDriverObjectExtension = _f.method(_Driver.find_extension)
IoRegisterDriverReinitialization = _a.register_driver_reinitialization
ZwLoadDriver = _f.status_of(_f.once_in_a_system(lambda io: io.loader, _Loader.load_service))
ZwUnloadDriver = _f.once_in_a_system(lambda io: io.loader, _Loader.unload_service)

IoRegisterShutdownNotification = _f.status_of(_f.once_in_a_system(lambda io: io.shutdown, _Shutdown.register))
IoUnregisterShutdownNotification = _f.once_in_a_system(lambda io: io.shutdown, _Shutdown.unregister)
IoRegisterFileSystem = _f.once_in_a_system(lambda io: io.file_systems, _FileSystems.register)
IoUnregisterFileSystem = _f.once_in_a_system(lambda io: io.file_systems, _FileSystems.unregister)
IoRegisterLastChanceShutdownNotification = _a.register_last_chance_shutdown
IoRegisterFsRegistrationChange = _a.register_fs_registration_change
IoUnregisterFsRegistrationChange = _a.unregister_fs_registration_change
IoEnumerateDeviceObjectList = _f.method(_Driver.list_devices)
IoCreateStreamFileObject = _a.create_stream_file_object
IoCreateStreamFileObjectLite = _a.create_stream_file_object_lite
IoVerifyVolume = _mount.verify_volume

IoStartPacket = _a.start_packet_of
IoStartNextPacket = _a.start_next_packet_of
IoStartNextPacketByKey = _a.start_next_packet_by_key
IoSetStartIoAttributes = _a.start_io_attributes

IoInitializeRemoveLock = _a.initialize_remove_lock
IoAcquireRemoveLock = _f.method(_RemoveLock.acquire)
IoReleaseRemoveLock = _f.method(_RemoveLock.release)
IoReleaseRemoveLockAndWait = _f.method(_RemoveLock.release_and_wait)

IoCheckShareAccess = _share.check_share_access
IoSetShareAccess = _share.set_share_access
IoUpdateShareAccess = _share.update_share_access
IoRemoveShareAccess = _share.remove_share_access
