"""What the host says about a file, in the terms of the information classes.

The host keeps no time of creation that every file system tells, so the earlier of its two change times stands for it;
a file that nobody may write is read-only; what is neither file nor directory is a device. The index is the inode.
"""

from __future__ import annotations

import stat

from ...driver_kit import FileFacts, HostFile, Irp, VolumeFacts, major, nt_time, status, unix_time

#: FILE_CASE_SENSITIVE_SEARCH | FILE_CASE_PRESERVED_NAMES | FILE_UNICODE_ON_DISK | FILE_SUPPORTS_SPARSE_FILES.
_FEATURES = 0x1 | 0x2 | 0x4 | 0x40
_SECTOR = 512
_WRITABLE = 0o222
_UNCHANGED = (0, -1, -2)


def file_facts(file: HostFile, *, delete_pending: bool) -> FileFacts:
    """What is known about an open file of the host."""
    known = file.status()
    size = file.size if stat.S_ISBLK(known.st_mode) else known.st_size
    return FileFacts(
        name=nt_name(file.path),
        end_of_file=0 if file.directory else size,
        allocation_size=0 if file.directory else 512 * known.st_blocks or size,
        attributes=_attributes(known.st_mode),
        created=nt_time(min(known.st_ctime_ns, known.st_mtime_ns)),
        accessed=nt_time(known.st_atime_ns),
        written=nt_time(known.st_mtime_ns),
        changed=nt_time(known.st_ctime_ns),
        links=known.st_nlink,
        index=known.st_ino,
        delete_pending=delete_pending,
    )


def volume_facts(file: HostFile) -> VolumeFacts:
    """What is known about the file system an open file is on."""
    known = file.volume()
    unit = max(known.block_size // _SECTOR, 1)
    return VolumeFacts(
        total=known.blocks,
        free=known.free,
        available=known.available,
        sectors_per_unit=unit,
        bytes_per_sector=min(known.block_size, _SECTOR),
        physical_sector=min(known.block_size, 4096),
        file_system="HostFiles",
        attributes=_FEATURES,
        name_length=known.name_length,
        serial_number=known.identifier & 0xFFFF_FFFF,
        device_type=major.FILE_DEVICE_DISK,
        characteristics=major.FILE_REMOTE_DEVICE | major.FILE_DEVICE_IS_MOUNTED,
    )


def change_times(file: HostFile, irp: Irp) -> int:
    """Set the two times the host lets one set; 0, -1 and -2 leave one as it is. Attributes stay as they are."""
    fields = [int.from_bytes(irp.buffer[at : at + 8], "little", signed=True) for at in (8, 16)]  # type: ignore[index]
    known = file.status()
    accessed, modified = (
        before if wanted in _UNCHANGED else unix_time(wanted)
        for wanted, before in zip(fields, (known.st_atime_ns, known.st_mtime_ns), strict=True)
    )
    file.set_times(accessed, modified)
    return irp.complete()


def change_allocation(file: HostFile, irp: Irp) -> int:
    """A smaller allocation than the file has cuts it short; a larger one is the host's own affair."""
    wanted = number_in(irp)
    if wanted < 0:
        return irp.complete(status.STATUS_INVALID_PARAMETER)
    if wanted < file.size:
        file.resize(wanted)
    return irp.complete()


def change_name(file: HostFile, irp: Irp) -> int:
    """Rename: a name without a backslash stays in the file's directory, a full one is a path of the host."""
    data: bytes = bytes(irp.buffer or b"")
    length = int.from_bytes(data[16:20], "little")
    name = data[20 : 20 + length].decode("utf-16-le", "surrogatepass")
    if not name or length % 2 or 20 + length > len(data):
        return irp.complete(status.STATUS_INVALID_PARAMETER)
    folder, _, _ = file.path.rpartition("/")
    file.rename(host_path(name) if name[0] in "\\/" else f"{folder}/{name}", replace=bool(data[0]))
    return irp.complete()


def number_in(irp: Irp) -> int:
    """The 64-bit number that a structure with one field consists of."""
    return int.from_bytes(irp.buffer[:8], "little", signed=True)  # type: ignore[index]


def host_path(name: str) -> str:
    """What is left of an NT name as a path of the host."""
    return name if name.startswith("/") else name.replace("\\", "/")


def nt_name(path: str) -> str:
    """A path of the host as a name below the device."""
    return "\\" + path.replace("/", "\\").lstrip("\\")


def _attributes(mode: int) -> int:
    attributes = 0 if mode & _WRITABLE else major.FILE_ATTRIBUTE_READONLY
    if stat.S_ISDIR(mode):
        attributes |= major.FILE_ATTRIBUTE_DIRECTORY
    elif not stat.S_ISREG(mode):
        attributes |= major.FILE_ATTRIBUTE_DEVICE
    return attributes or major.FILE_ATTRIBUTE_NORMAL
