"""What a driver imports: the base classes, the packet's vocabulary, and host files.

A bottom driver derives from `Driver`, a filter from `FilterDriver`; each says only what it does differently. Drivers
import this package or `ntio.wdm`, and never another driver.

NT: the WDK's headers
"""

from .. import abi, status
from ..hal import host_sockets as net
from ..hal.host_sockets import HostSocket, open_socket
from ..hal.operations import OperationCode
from ..hal.put_off import PutOff
from ..hal.readiness import READABLE, WRITABLE
from ..io_manager import requests
from ..io_manager.attach import attach_device
from ..io_manager.bypass import HostTarget, query_bypass
from ..io_manager.cancel import set_cancel_routine
from ..io_manager.cancel_queue import CancelSafeQueue
from ..io_manager.codes import major
from ..io_manager.codes.major import DO_DIRECT_IO, FILE_DEVICE_DISK, FILE_DEVICE_NETWORK_FILE_SYSTEM
from ..io_manager.device import DeviceObject
from ..io_manager.driver import DriverObject
from ..io_manager.fast_io import FastIoDispatch, pass_through
from ..io_manager.file_object import FileObject
from ..io_manager.host import host_operation, start_host_operation
from ..io_manager.host_file import HostFile, open_host_file
from ..io_manager.information import FileFacts, VolumeFacts, complete_information, nt_time, pack, unix_time
from ..io_manager.io_status import IoStatusBlock
from ..io_manager.opening.create_parameters import CreateParameters, NamedPipeParameters
from ..io_manager.packet.batch import Batch, complete_batch, split_batch
from ..io_manager.packet.irp import MORE_PROCESSING_REQUIRED, PENDING, Irp
from ..io_manager.remove_lock import RemoveLock
from ..io_manager.transfer import input_of
from ..kernel.spin_lock import SpinLock
from ..memory.rows import gather, scatter
from ..security.access_mask import FILE_GENERIC_MAPPING
from ..security.assign import assign_security
from ..security.descriptor import SecurityDescriptor
from ..security.sddl import parse_sddl
from ..security.token import Privilege, Token
from .driver import Driver, FilterDriver
from .wdk_driver import WdkDriver, wdk_driver

__all__ = [
    "DO_DIRECT_IO",
    "FILE_DEVICE_DISK",
    "FILE_DEVICE_NETWORK_FILE_SYSTEM",
    "FILE_GENERIC_MAPPING",
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
    "READABLE",
    "WRITABLE",
    "HostFile",
    "HostSocket",
    "HostTarget",
    "IoStatusBlock",
    "Irp",
    "NamedPipeParameters",
    "OperationCode",
    "PutOff",
    "WdkDriver",
    "abi",
    "Privilege",
    "RemoveLock",
    "SecurityDescriptor",
    "SpinLock",
    "Token",
    "VolumeFacts",
    "assign_security",
    "attach_device",
    "complete_batch",
    "complete_information",
    "gather",
    "host_operation",
    "input_of",
    "major",
    "net",
    "nt_time",
    "open_host_file",
    "open_socket",
    "pack",
    "parse_sddl",
    "pass_through",
    "query_bypass",
    "requests",
    "scatter",
    "set_cancel_routine",
    "split_batch",
    "start_host_operation",
    "status",
    "unix_time",
    "wdk_driver",
]
