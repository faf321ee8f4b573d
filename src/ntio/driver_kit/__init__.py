"""What a driver imports: the base classes, the packet's vocabulary, and host files.

A bottom driver derives from `Driver`, a filter from `FilterDriver`; each says only what it does differently. Drivers
import this package or `ntio.wdm`, and never another driver.

NT: the WDK's headers
"""

from .. import status
from ..hal.operations import OperationCode
from ..io_manager import major
from ..io_manager.batch import Batch, complete_batch, split_batch
from ..io_manager.bypass import HostTarget
from ..io_manager.device import DeviceObject
from ..io_manager.driver import DriverObject
from ..io_manager.file_object import FileObject
from ..io_manager.host import HostFile, host_operation, open_host_file
from ..io_manager.irp import MORE_PROCESSING_REQUIRED, PENDING, Irp
from ..io_manager.major import DO_DIRECT_IO, FILE_DEVICE_DISK, FILE_DEVICE_NETWORK_FILE_SYSTEM
from ..io_manager.open import CreateParameters
from ..memory.rows import gather, scatter
from .driver import Driver, FilterDriver

__all__ = [
    "DO_DIRECT_IO",
    "FILE_DEVICE_DISK",
    "FILE_DEVICE_NETWORK_FILE_SYSTEM",
    "MORE_PROCESSING_REQUIRED",
    "PENDING",
    "Batch",
    "CreateParameters",
    "DeviceObject",
    "Driver",
    "DriverObject",
    "FileObject",
    "FilterDriver",
    "HostFile",
    "HostTarget",
    "Irp",
    "OperationCode",
    "complete_batch",
    "gather",
    "host_operation",
    "major",
    "open_host_file",
    "scatter",
    "split_batch",
    "status",
]
