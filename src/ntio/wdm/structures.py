"""The structures: the same classes that the managers use, by their names in the headers."""

from __future__ import annotations

from ..executive import lookaside as _lookaside
from ..io_manager import cancel_queue as _cancel_queue
from ..io_manager import device as _device
from ..io_manager import driver as _driver
from ..io_manager import fast_io as _fast_io
from ..io_manager import file_object as _file_object
from ..io_manager import io_status as _io_status
from ..io_manager import remove_lock as _remove_lock
from ..io_manager.opening import share_access as _share_access
from ..io_manager.opening import vpb as _vpb
from ..io_manager.packet import irp as _irp
from ..kernel import device_queue as _device_queue
from ..kernel import event as _event
from ..kernel import nt_names as _nt_names
from ..kernel import spin_lock as _spin_lock
from ..kernel import thread as _thread
from ..memory import mdl as _mdl
from ..object_manager import opening as _opening
from ..object_manager import types as _types
from ..security import access_mask as _access_mask
from ..security import acl as _acl
from ..security import descriptor as _descriptor
from ..security import sid as _sid
from ..security import token as _token

IRP = _irp.Irp
IO_STACK_LOCATION = _irp.StackLocation
IO_STATUS_BLOCK = _io_status.IoStatusBlock
DEVICE_OBJECT = _device.DeviceObject
DEVOBJ_EXTENSION = _device.DeviceObjectExtension
DRIVER_OBJECT = _driver.DriverObject
DRIVER_EXTENSION = _driver.DriverExtension
FILE_OBJECT = _file_object.FileObject
IO_COMPLETION_CONTEXT = _file_object.CompletionContext
SECTION_OBJECT_POINTERS = _file_object.SectionObjectPointers
VPB = _vpb.Vpb
FAST_IO_DISPATCH = _fast_io.FastIoDispatch
SHARE_ACCESS = _share_access.ShareAccess
IO_CSQ = _cancel_queue.IoCsq
IO_CSQ_IRP_CONTEXT = _cancel_queue.IrpContext
IO_REMOVE_LOCK = _remove_lock.RemoveLock
KDEVICE_QUEUE = _device_queue.DeviceQueue
KDEVICE_QUEUE_ENTRY = _device_queue.DeviceQueueEntry
KEVENT = _event.Event
LOOKASIDE_LIST_EX = _lookaside.LookasideList
KSPIN_LOCK = _spin_lock.SpinLock
LARGE_INTEGER = _nt_names.LargeInteger
MDL = _mdl.Mdl
ETHREAD = _thread.Thread
OBJECT_ATTRIBUTES = _opening.ObjectAttributes
OBJECT_TYPE = _types.ObjectType
OBJECT_TYPE_INITIALIZER = _types.TypeInitializer
GENERIC_MAPPING = _access_mask.GenericMapping
SECURITY_DESCRIPTOR = _descriptor.SecurityDescriptor
ACL = _acl.Acl
SID = _sid.Sid
TOKEN = _token.Token
