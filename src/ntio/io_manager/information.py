"""What there is to know about files and volumes, as the bytes of each information class.

A driver states facts, and these lines make the structures of them:

    FileFacts(name, end_of_file, times ...).answer(irp)        IRP_MJ_QUERY_INFORMATION
    VolumeFacts(total units, free units ...).answer(irp)       IRP_MJ_QUERY_VOLUME_INFORMATION

Room is judged as file systems do: less than the fixed part of a structure is STATUS_INFO_LENGTH_MISMATCH, a name cut
short STATUS_BUFFER_OVERFLOW with as many bytes as there was room for. An unknown class is STATUS_INVALID_PARAMETER. Of
FileAllInformation the access, mode and alignment are the I/O manager's, which has written them before the driver is
asked, and stay as they are.

A file's full name is its device's, and behind it what its driver answers for FileNameInformation (`query_name`).

Source: spec iomgr.md 7 H88 and H89; learn.microsoft.com ntifs.h, FILE_INFORMATION_CLASS and FS_INFORMATION_CLASS;
[MS-FSCC] 2.4, 2.5. Rows: R21
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .. import abi
from ..object_manager.naming import NameAnswer, fit_name
from ..status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_IMPLEMENTED,
    STATUS_SUCCESS,
    nt_success,
)
from .codes import file_codes as f
from .codes.major import IRP_OB_QUERY_NAME
from .requests import query_information

if TYPE_CHECKING:
    from .file_object import FileObject
    from .packet.irp import Irp

#: 1970-01-01 in steps of 100 ns since 1601-01-01.
_EPOCH: Final = 116_444_736_000_000_000

#: What a driver answers that knows no names: the device's name is the whole name then.
_NAMELESS: Final = (STATUS_INVALID_PARAMETER, STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_IMPLEMENTED)
_LONGEST_NAME: Final = 2 * 32767


def nt_time(nanoseconds: int) -> int:
    """Nanoseconds since 1970 as NT counts time: steps of 100 ns since 1601.

    NT: RtlSecondsSince1970ToTime
    """
    return nanoseconds // 100 + _EPOCH


def unix_time(time: int) -> int:
    """NT's time as nanoseconds since 1970."""
    return (time - _EPOCH) * 100


def pack(structure: abi.Record, *values: Any) -> bytes:
    """The bytes of one structure from its fields in order; what lies between them is zero."""
    record = np.zeros(1, structure)
    record[0] = values
    return record.tobytes()


def complete_information(irp: Irp, data: bytes, least: int | None = None) -> int:
    """Complete a query with `data`, or with as much of it as there is room for; `least` bytes must fit (all of it)."""
    length = irp.location.length
    if length < (len(data) if least is None else least):
        return irp.complete(STATUS_INFO_LENGTH_MISMATCH)
    count = min(length, len(data))
    irp.buffer[:count] = data[:count]  # type: ignore[index]
    return irp.complete(STATUS_SUCCESS if count == len(data) else STATUS_BUFFER_OVERFLOW, count)


@dataclass(slots=True)
class FileFacts:
    """What a driver knows about a file; sizes in bytes, times as NT counts them.

    `name` is the file's from the root of its volume, with a backslash in front; without one, names are not answered.
    """

    name: str | None = None
    end_of_file: int = 0
    allocation_size: int = 0
    attributes: int = f.FILE_ATTRIBUTE_NORMAL
    created: int = 0
    accessed: int = 0
    written: int = 0
    changed: int = 0
    links: int = 1
    index: int = 0
    delete_pending: bool = False
    ea_size: int = 0
    reparse_tag: int = 0

    def answer(self, irp: Irp) -> int:
        """Complete a query for one of the classes below; returns the status."""
        number = irp.location.argument
        if number == f.FILE_NAME_INFORMATION_CLASS and self.name is not None:
            return complete_information(irp, self._name(), abi.FILE_NAME_INFORMATION.itemsize)
        if number == f.FILE_ALL_INFORMATION_CLASS:
            return self._answer_all(irp)
        encode = _ENCODINGS.get(number)
        return irp.complete(STATUS_INVALID_PARAMETER) if encode is None else complete_information(irp, encode(self))

    def basic(self) -> bytes:
        """FILE_BASIC_INFORMATION."""
        times = self.created, self.accessed, self.written, self.changed
        return pack(abi.FILE_BASIC_INFORMATION, *times, self.attributes)

    def standard(self) -> bytes:
        """FILE_STANDARD_INFORMATION."""
        directory = bool(self.attributes & f.FILE_ATTRIBUTE_DIRECTORY)
        sizes = self.allocation_size, self.end_of_file
        return pack(abi.FILE_STANDARD_INFORMATION, *sizes, self.links, self.delete_pending, directory)

    def internal(self) -> bytes:
        """FILE_INTERNAL_INFORMATION."""
        return pack(abi.FILE_INTERNAL_INFORMATION, self.index)

    def ea(self) -> bytes:
        """FILE_EA_INFORMATION."""
        return pack(abi.FILE_EA_INFORMATION, self.ea_size)

    def network_open(self) -> bytes:
        """FILE_NETWORK_OPEN_INFORMATION."""
        times = self.created, self.accessed, self.written, self.changed
        sizes = self.allocation_size, self.end_of_file
        return pack(abi.FILE_NETWORK_OPEN_INFORMATION, *times, *sizes, self.attributes)

    def attribute_tag(self) -> bytes:
        """FILE_ATTRIBUTE_TAG_INFORMATION."""
        return pack(abi.FILE_ATTRIBUTE_TAG_INFORMATION, self.attributes, self.reparse_tag)

    def _name(self) -> bytes:
        text = (self.name or "").encode("utf-16-le", "surrogatepass")
        return (len(text).to_bytes(4, "little") + text).ljust(abi.FILE_NAME_INFORMATION.itemsize, b"\0")

    def _answer_all(self, irp: Irp) -> int:
        least, file_object = abi.FILE_ALL_INFORMATION.itemsize, irp.location.file_object
        if irp.location.length < least:
            return irp.complete(STATUS_INFO_LENGTH_MISMATCH)
        known = bytes(irp.buffer[:least])  # type: ignore[index]
        position = 0 if file_object is None else file_object.current_byte_offset
        name = self._name() if self.name is not None else bytes(8)
        head = self.basic() + self.standard() + self.internal() + self.ea()
        data = head + known[76:80] + pack(abi.FILE_POSITION_INFORMATION, position) + known[88:96] + name
        return complete_information(irp, data, least)


_ENCODINGS: Final = {
    f.FILE_BASIC_INFORMATION_CLASS: FileFacts.basic,
    f.FILE_STANDARD_INFORMATION_CLASS: FileFacts.standard,
    f.FILE_INTERNAL_INFORMATION_CLASS: FileFacts.internal,
    f.FILE_EA_INFORMATION_CLASS: FileFacts.ea,
    f.FILE_NETWORK_OPEN_INFORMATION_CLASS: FileFacts.network_open,
    f.FILE_ATTRIBUTE_TAG_INFORMATION_CLASS: FileFacts.attribute_tag,
}


@dataclass(slots=True)
class VolumeFacts:
    """What a driver knows about a volume; counts are of allocation units.

    A disk without files on it has no `file_system`, and answers no class that is about files.
    """

    total: int = 0
    free: int = 0
    available: int = 0
    sectors_per_unit: int = 1
    bytes_per_sector: int = 512
    physical_sector: int = 512
    file_system: str = ""
    attributes: int = 0
    name_length: int = 255
    label: str = ""
    serial_number: int = 0
    created: int = 0
    device_type: int = 0
    characteristics: int = 0

    def answer(self, irp: Irp) -> int:
        """Complete a query for one of the classes below; returns the status."""
        number = irp.location.argument
        if number == f.FILE_FS_VOLUME_INFORMATION_CLASS and self.file_system:
            return complete_information(irp, *self._volume())
        if number == f.FILE_FS_ATTRIBUTE_INFORMATION_CLASS and self.file_system:
            return complete_information(irp, *self._attribute())
        encode = _VOLUME_ENCODINGS.get(number)
        return irp.complete(STATUS_INVALID_PARAMETER) if encode is None else complete_information(irp, encode(self))

    def size(self) -> bytes:
        """FILE_FS_SIZE_INFORMATION."""
        units = self.total, self.available
        return pack(abi.FILE_FS_SIZE_INFORMATION, *units, self.sectors_per_unit, self.bytes_per_sector)

    def full_size(self) -> bytes:
        """FILE_FS_FULL_SIZE_INFORMATION."""
        units = self.total, self.available, self.free
        return pack(abi.FILE_FS_FULL_SIZE_INFORMATION, *units, self.sectors_per_unit, self.bytes_per_sector)

    def sector_size(self) -> bytes:
        """FILE_FS_SECTOR_SIZE_INFORMATION, of a device aligned to its sectors."""
        physical = self.physical_sector
        aligned = 3  # SSINFO_FLAGS_ALIGNED_DEVICE | SSINFO_FLAGS_PARTITION_ALIGNED_ON_DEVICE
        sizes = self.bytes_per_sector, physical, physical, physical
        return pack(abi.FILE_FS_SECTOR_SIZE_INFORMATION, *sizes, aligned, 0, 0)

    def device(self) -> bytes:
        """FILE_FS_DEVICE_INFORMATION."""
        return pack(abi.FILE_FS_DEVICE_INFORMATION, self.device_type, self.characteristics)

    def _volume(self) -> tuple[bytes, int]:
        label = self.label.encode("utf-16-le", "surrogatepass")
        head = pack(abi.FILE_FS_VOLUME_INFORMATION, self.created, self.serial_number, len(label), 0, 0)
        return (head[:18] + label).ljust(len(head), b"\0"), len(head)

    def _attribute(self) -> tuple[bytes, int]:
        name = self.file_system.encode("utf-16-le", "surrogatepass")
        head = pack(abi.FILE_FS_ATTRIBUTE_INFORMATION, self.attributes, self.name_length, len(name), 0)
        return (head[:12] + name).ljust(len(head), b"\0"), len(head)


_VOLUME_ENCODINGS: Final = {
    f.FILE_FS_SIZE_INFORMATION_CLASS: VolumeFacts.size,
    f.FILE_FS_FULL_SIZE_INFORMATION_CLASS: VolumeFacts.full_size,
    f.FILE_FS_SECTOR_SIZE_INFORMATION_CLASS: VolumeFacts.sector_size,
    f.FILE_FS_DEVICE_INFORMATION_CLASS: VolumeFacts.device,
}


def query_name(file_object: FileObject, length: int) -> NameAnswer:
    """A file's name as an object: its device's name and what its driver answers for FileNameInformation.

    A driver that answers INVALID_PARAMETER, INVALID_DEVICE_REQUEST or NOT_IMPLEMENTED knows no names, and the device's
    is all; any other failure is the answer. `length` is the caller's room in bytes for OBJECT_NAME_INFORMATION.
    NT: IopQueryName
    """
    buffer = memoryview(bytearray(abi.FILE_NAME_INFORMATION.itemsize + _LONGEST_NAME))
    status, _ = query_information(file_object, f.FILE_NAME_INFORMATION_CLASS, buffer, IRP_OB_QUERY_NAME)
    name = file_object.device.path
    if nt_success(status):
        count = min(int.from_bytes(buffer[:4], "little"), _LONGEST_NAME)
        name += bytes(buffer[4 : 4 + count]).decode("utf-16-le", "surrogatepass")
    elif status not in _NAMELESS:
        return NameAnswer(status, "", 0)
    return fit_name(name, length, of_file=True)
