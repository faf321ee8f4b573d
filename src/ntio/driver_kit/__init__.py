"""What a driver imports: the base classes, the packet's vocabulary, and host files.

A bottom driver derives from `Driver`, a filter from `FilterDriver`; each says only what it does differently. Drivers
import this package or `ntio.wdm`, and never another driver.

NT: the WDK's headers
"""

from .. import status
from ..hal.operations import OperationCode
from ..io_manager import major
from ..io_manager.attach import attach_device
from ..io_manager.batch import Batch, complete_batch, split_batch
from ..io_manager.bypass import HostTarget
from ..io_manager.cancel import set_cancel_routine
from ..io_manager.cancel_queue import CancelSafeQueue
from ..io_manager.create_parameters import CreateParameters
from ..io_manager.device import DeviceObject
from ..io_manager.driver import DriverObject
from ..io_manager.fast_io import FastIoDispatch, pass_through
from ..io_manager.file_object import FileObject
from ..io_manager.host import HostFile, host_operation, open_host_file
from ..io_manager.information import FileFacts, VolumeFacts, complete_information, nt_time, unix_time
from ..io_manager.io_status import IoStatusBlock
from ..io_manager.irp import MORE_PROCESSING_REQUIRED, PENDING, Irp
from ..io_manager.major import DO_DIRECT_IO, FILE_DEVICE_DISK, FILE_DEVICE_NETWORK_FILE_SYSTEM
from ..io_manager.remove_lock import RemoveLock
from ..io_manager.transfer import input_of
from ..kernel.spin_lock import SpinLock
from ..memory.rows import gather, scatter
from .driver import Driver, FilterDriver
from .wdk_driver import WdkDriver, wdk_driver

__all__ = [
    "DO_DIRECT_IO",
    "FILE_DEVICE_DISK",
    "FILE_DEVICE_NETWORK_FILE_SYSTEM",
    "MORE_PROCESSING_REQUIRED",
    "PENDING",
    "Batch",
    "CancelSafeQueue",
    "CreateParameters",
    "DeviceObject",
    "Driver",
    "DriverObject",
    "FastIoDispatch",
    "FileFacts",
    "FileObject",
    "FilterDriver",
    "HostFile",
    "HostTarget",
    "IoStatusBlock",
    "Irp",
    "OperationCode",
    "WdkDriver",
    "RemoveLock",
    "SpinLock",
    "VolumeFacts",
    "attach_device",
    "complete_batch",
    "complete_information",
    "gather",
    "host_operation",
    "input_of",
    "major",
    "nt_time",
    "open_host_file",
    "pass_through",
    "scatter",
    "set_cancel_routine",
    "split_batch",
    "status",
    "unix_time",
    "wdk_driver",
]
