"""The Windows NT I/O system as a library that does real I/O on Linux.

    ntio.open, File            files: bytes at offsets          ntio.Ring, Completions, Batch   many requests at once
    ntio.Stack                 drivers put on top of each other  ntio.read_files, FileData       many small files
    ntio.Driver, FilterDriver  drivers of your own               ntio.System, default_system     the machine they run on
    ntio.Verifier              the rules they have to keep      ntio.CompletionPort, PortExecutor   how many threads run

Importing ntio is quick and works on any platform; each name is loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .bugcheck import BugCheck
    from .driver_kit import MORE_PROCESSING_REQUIRED, PENDING, DeviceObject, Driver, FilterDriver, Irp
    from .io_manager.ports.packets import Packet, Packets
    from .status import NtError, PortClosed, QueueFull
    from .system.connections.pipes import NamedPipe, named_pipes, pipe_pair
    from .system.connections.socket_group import SocketGroup
    from .system.connections.sockets import Socket
    from .system.copying.copy_files import FileCopy, copy_files
    from .system.copying.copy_tree import copy_tree
    from .system.default import default_system
    from .system.file import File
    from .system.file import open_file as open
    from .system.many_files.file_batch import FileBatch, FileData
    from .system.many_files.read_files import read_file_batches, read_files
    from .system.many_files.stat_files import FileStats, stat_files
    from .system.operation import Operation
    from .system.ports.completion_port import CompletionPort, PortStatistics
    from .system.ports.port_executor import PortExecutor
    from .system.ports.port_workers import PortWorkers
    from .system.rings.arena import Arena
    from .system.rings.completions import Completions
    from .system.rings.ring import Ring
    from .system.rings.started import Batch
    from .system.stack import Stack
    from .system.system import System
    from .verifier.verifier import Verifier

_HOME = {
    "BugCheck": "bugcheck",
    "MORE_PROCESSING_REQUIRED": "driver_kit",
    "PENDING": "driver_kit",
    "DeviceObject": "driver_kit",
    "Driver": "driver_kit",
    "FilterDriver": "driver_kit",
    "Irp": "driver_kit",
    "NtError": "status",
    "CompletionPort": "system.ports.completion_port",
    "Operation": "system.operation",
    "Packet": "io_manager.ports.packets",
    "Packets": "io_manager.ports.packets",
    "PortClosed": "status",
    "QueueFull": "status",
    "PortExecutor": "system.ports.port_executor",
    "PortStatistics": "system.ports.completion_port",
    "PortWorkers": "system.ports.port_workers",
    "Arena": "system.rings.arena",
    "Completions": "system.rings.completions",
    "default_system": "system.default",
    "File": "system.file",
    "open": "system.file:open_file",
    "FileBatch": "system.many_files.file_batch",
    "FileCopy": "system.copying.copy_files",
    "FileData": "system.many_files.file_batch",
    "FileStats": "system.many_files.stat_files",
    "copy_files": "system.copying.copy_files",
    "copy_tree": "system.copying.copy_tree",
    "read_file_batches": "system.many_files.read_files",
    "stat_files": "system.many_files.stat_files",
    "read_files": "system.many_files.read_files",
    "NamedPipe": "system.connections.pipes",
    "named_pipes": "system.connections.pipes",
    "pipe_pair": "system.connections.pipes",
    "Ring": "system.rings.ring",
    "Socket": "system.connections.sockets",
    "SocketGroup": "system.connections.socket_group",
    "Stack": "system.stack",
    "Verifier": "verifier.verifier",
    "Batch": "system.rings.started",
    "System": "system.system",
}

__all__ = [
    "MORE_PROCESSING_REQUIRED",
    "PENDING",
    "Arena",
    "Batch",
    "BugCheck",
    "CompletionPort",
    "Completions",
    "DeviceObject",
    "Driver",
    "File",
    "FileBatch",
    "FileCopy",
    "FileData",
    "FileStats",
    "FilterDriver",
    "Irp",
    "NamedPipe",
    "NtError",
    "Operation",
    "Packet",
    "Packets",
    "PortClosed",
    "PortExecutor",
    "PortStatistics",
    "PortWorkers",
    "QueueFull",
    "Ring",
    "Socket",
    "SocketGroup",
    "Stack",
    "System",
    "Verifier",
    "__version__",
    "copy_files",
    "copy_tree",
    "default_system",
    "named_pipes",
    "open",
    "pipe_pair",
    "read_file_batches",
    "read_files",
    "stat_files",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    value = getattr(importlib.import_module(f".{module}", __name__), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
