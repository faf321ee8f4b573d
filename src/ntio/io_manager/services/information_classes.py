"""The information classes the system services know, and what the I/O manager answers about a file by itself.

The access a file was opened with, its mode, the alignment its device wants and the position of a synchronous file are
the I/O manager's own; in FILE_ALL_INFORMATION it writes them before the driver is asked for the rest.

Source: spec iomgr.md 1.8; WDK FILE_INFORMATION_CLASS, FS_INFORMATION_CLASS. Rows: R21
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ...abi import (
    FILE_ACCESS_INFORMATION,
    FILE_ALIGNMENT_INFORMATION,
    FILE_ALL_INFORMATION,
    FILE_ALLOCATION_INFORMATION,
    FILE_ATTRIBUTE_TAG_INFORMATION,
    FILE_BASIC_INFORMATION,
    FILE_DISPOSITION_INFORMATION,
    FILE_EA_INFORMATION,
    FILE_END_OF_FILE_INFORMATION,
    FILE_FS_ATTRIBUTE_INFORMATION,
    FILE_FS_DEVICE_INFORMATION,
    FILE_FS_FULL_SIZE_INFORMATION,
    FILE_FS_SECTOR_SIZE_INFORMATION,
    FILE_FS_SIZE_INFORMATION,
    FILE_FS_VOLUME_INFORMATION,
    FILE_INTERNAL_INFORMATION,
    FILE_MODE_INFORMATION,
    FILE_NAME_INFORMATION,
    FILE_NETWORK_OPEN_INFORMATION,
    FILE_PIPE_INFORMATION,
    FILE_PIPE_LOCAL_INFORMATION,
    FILE_POSITION_INFORMATION,
    FILE_RENAME_INFORMATION,
    FILE_STANDARD_INFORMATION,
    Record,
)
from ..codes import major as m
from ..device import DeviceObject
from ..file_object import FileObject
from ..information import pack
from ..packet.irp import Irp


class InformationClass(NamedTuple):
    """An information class: its structure and what the file must have been opened for, every bit of it."""

    structure: Record
    access: int = 0


QUERIES: Final = {
    m.FILE_BASIC_INFORMATION_CLASS: InformationClass(FILE_BASIC_INFORMATION, m.FILE_READ_ATTRIBUTES),
    m.FILE_STANDARD_INFORMATION_CLASS: InformationClass(FILE_STANDARD_INFORMATION),
    m.FILE_INTERNAL_INFORMATION_CLASS: InformationClass(FILE_INTERNAL_INFORMATION),
    m.FILE_EA_INFORMATION_CLASS: InformationClass(FILE_EA_INFORMATION),
    m.FILE_ACCESS_INFORMATION_CLASS: InformationClass(FILE_ACCESS_INFORMATION),
    m.FILE_NAME_INFORMATION_CLASS: InformationClass(FILE_NAME_INFORMATION),
    m.FILE_POSITION_INFORMATION_CLASS: InformationClass(FILE_POSITION_INFORMATION),
    m.FILE_MODE_INFORMATION_CLASS: InformationClass(FILE_MODE_INFORMATION),
    m.FILE_ALIGNMENT_INFORMATION_CLASS: InformationClass(FILE_ALIGNMENT_INFORMATION),
    m.FILE_ALL_INFORMATION_CLASS: InformationClass(FILE_ALL_INFORMATION, m.FILE_READ_ATTRIBUTES),
    m.FILE_PIPE_INFORMATION_CLASS: InformationClass(FILE_PIPE_INFORMATION, m.FILE_READ_ATTRIBUTES),
    m.FILE_PIPE_LOCAL_INFORMATION_CLASS: InformationClass(FILE_PIPE_LOCAL_INFORMATION, m.FILE_READ_ATTRIBUTES),
    m.FILE_NETWORK_OPEN_INFORMATION_CLASS: InformationClass(FILE_NETWORK_OPEN_INFORMATION, m.FILE_READ_ATTRIBUTES),
    m.FILE_ATTRIBUTE_TAG_INFORMATION_CLASS: InformationClass(FILE_ATTRIBUTE_TAG_INFORMATION, m.FILE_READ_ATTRIBUTES),
}
SETTINGS: Final = {
    m.FILE_BASIC_INFORMATION_CLASS: InformationClass(FILE_BASIC_INFORMATION, m.FILE_WRITE_ATTRIBUTES),
    m.FILE_RENAME_INFORMATION_CLASS: InformationClass(FILE_RENAME_INFORMATION, m.DELETE),
    m.FILE_DISPOSITION_INFORMATION_CLASS: InformationClass(FILE_DISPOSITION_INFORMATION, m.DELETE),
    m.FILE_POSITION_INFORMATION_CLASS: InformationClass(FILE_POSITION_INFORMATION),
    m.FILE_MODE_INFORMATION_CLASS: InformationClass(FILE_MODE_INFORMATION),
    m.FILE_PIPE_INFORMATION_CLASS: InformationClass(FILE_PIPE_INFORMATION, m.FILE_WRITE_ATTRIBUTES),
    m.FILE_ALLOCATION_INFORMATION_CLASS: InformationClass(FILE_ALLOCATION_INFORMATION, m.FILE_WRITE_DATA),
    m.FILE_END_OF_FILE_INFORMATION_CLASS: InformationClass(FILE_END_OF_FILE_INFORMATION, m.FILE_WRITE_DATA),
}
VOLUME_QUERIES: Final = {
    m.FILE_FS_VOLUME_INFORMATION_CLASS: InformationClass(FILE_FS_VOLUME_INFORMATION),
    m.FILE_FS_SIZE_INFORMATION_CLASS: InformationClass(FILE_FS_SIZE_INFORMATION),
    m.FILE_FS_DEVICE_INFORMATION_CLASS: InformationClass(FILE_FS_DEVICE_INFORMATION),
    m.FILE_FS_ATTRIBUTE_INFORMATION_CLASS: InformationClass(FILE_FS_ATTRIBUTE_INFORMATION),
    m.FILE_FS_FULL_SIZE_INFORMATION_CLASS: InformationClass(FILE_FS_FULL_SIZE_INFORMATION),
    m.FILE_FS_SECTOR_SIZE_INFORMATION_CLASS: InformationClass(FILE_FS_SECTOR_SIZE_INFORMATION),
}
FAST_QUERIES: Final = {
    m.FILE_BASIC_INFORMATION_CLASS: "query_basic_info",
    m.FILE_STANDARD_INFORMATION_CLASS: "query_standard_info",
    m.FILE_NETWORK_OPEN_INFORMATION_CLASS: "query_network_open_info",
}
_PLACES: Final = dict(FILE_ALL_INFORMATION.fields or {})
#: Network file systems know better themselves what they are.
REMOTE: Final = (m.FILE_DEVICE_NETWORK_FILE_SYSTEM,)


def fill_in(irp: Irp, file_object: FileObject, device: DeviceObject) -> None:
    """Write what the I/O manager knows into FILE_ALL_INFORMATION; the driver leaves it as it is."""
    parts = (
        ("AccessInformation", m.FILE_ACCESS_INFORMATION_CLASS),
        ("ModeInformation", m.FILE_MODE_INFORMATION_CLASS),
        ("AlignmentInformation", m.FILE_ALIGNMENT_INFORMATION_CLASS),
    )
    for name, number in parts:
        offset, known = _PLACES[name][1], known_information(file_object, device, number)
        if known is not None and irp.buffer is not None:
            irp.buffer[offset : offset + len(known)] = known


def known_information(file_object: FileObject, device: DeviceObject, number: int) -> bytes | None:
    """What the I/O manager answers by itself, or None."""
    if number == m.FILE_ACCESS_INFORMATION_CLASS:
        return pack(FILE_ACCESS_INFORMATION, file_object.access)
    if number == m.FILE_MODE_INFORMATION_CLASS:
        return pack(FILE_MODE_INFORMATION, _mode_of(file_object.flags))
    if number == m.FILE_ALIGNMENT_INFORMATION_CLASS:
        return pack(FILE_ALIGNMENT_INFORMATION, device.alignment_requirement)
    if number == m.FILE_POSITION_INFORMATION_CLASS and file_object.flags & m.FO_SYNCHRONOUS_IO:
        return pack(FILE_POSITION_INFORMATION, file_object.current_byte_offset)
    return None


def _mode_of(flags: int) -> int:
    """A file object's flags as the options it was opened with.

    NT: IopGetModeInformation
    """
    mode = sum(
        option
        for flag, option in (
            (m.FO_WRITE_THROUGH, m.FILE_WRITE_THROUGH),
            (m.FO_SEQUENTIAL_ONLY, m.FILE_SEQUENTIAL_ONLY),
            (m.FO_NO_INTERMEDIATE_BUFFERING, m.FILE_NO_INTERMEDIATE_BUFFERING),
            (m.FO_DELETE_ON_CLOSE, m.FILE_DELETE_ON_CLOSE),
        )
        if flags & flag
    )
    if flags & m.FO_SYNCHRONOUS_IO:
        mode |= m.FILE_SYNCHRONOUS_IO_ALERT if flags & m.FO_ALERTABLE_IO else m.FILE_SYNCHRONOUS_IO_NONALERT
    return mode
