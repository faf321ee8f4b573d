r"""The list of pipes, read as the directory `\Device\NamedPipe\`.

Each pipe is an entry: its name, how many instances there are now where a file's size would stand (EndOfFile), and how
many there may be where its room on the disk would (AllocationSize; 0xFFFFFFFF for any number). That is what tools that
list pipes have always shown. A pipe without a name is in no list.

A scan goes on where the last call of the same file object ended, by name, so that pipes may come and go meanwhile. The
pattern of its first call holds until the scan is restarted with another: `*` is any characters, `?` one.

Source: [MS-FSCC] 2.4.10, 2.4.14, 2.4.8, 2.4.28; WDK NtQueryDirectoryFile; Sysinternals PipeList. Rows: R34
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

from ...driver_kit import FileObject, Irp, major, status
from .pipes import Pipe

#: By information class: how long an entry is without its name, and where the name's length stands.
_ENTRIES = {1: (64, 60), 2: (68, 60), 3: (94, 60), 12: (12, 8)}
_SIZES_AT, _ATTRIBUTES_AT = 40, 56
_NORMAL = 0x80


class Scan:
    """How far a file object has read the list, and what it looks for."""

    __slots__ = ("after", "found", "pattern")

    def __init__(self, pattern: str) -> None:
        parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in pattern.casefold())
        self.pattern = re.compile("".join(parts), re.DOTALL)
        self.after = ""
        #: Whether there was anything at all.
        self.found = False


def query(pipes: Iterable[Pipe], irp: Irp) -> int:
    """Complete a request for the next entries of the list."""
    location, buffer = irp.location, irp.buffer
    file_object, shape = location.file_object, _ENTRIES.get(location.byte_offset)
    assert file_object is not None
    if location.minor != major.IRP_MN_QUERY_DIRECTORY or file_object.file_name != "\\":
        return irp.complete(status.STATUS_INVALID_PARAMETER)
    if shape is None:
        return irp.complete(status.STATUS_INVALID_INFO_CLASS)
    if buffer is None or len(buffer) < shape[0]:
        return irp.complete(status.STATUS_INFO_LENGTH_MISMATCH)
    scan = _scan_of(file_object, str(location.key or ""), bool(location.flags & major.SL_RESTART_SCAN))
    matching = [pipe for pipe in pipes if pipe.key > scan.after and scan.pattern.fullmatch(pipe.key)]
    matching.sort(key=lambda pipe: pipe.key)
    if location.flags & major.SL_RETURN_SINGLE_ENTRY:
        del matching[1:]
    return irp.complete(*_fill(buffer, scan, matching, shape))


def _scan_of(file_object: FileObject, pattern: str, restart: bool) -> Scan:
    scan: Scan | None = file_object.fs_context2
    if scan is None or (restart and pattern):
        file_object.fs_context2 = scan = Scan(pattern or "*")
    elif restart:
        scan.after, scan.found = "", False
    return scan


def _fill(buffer: memoryview, scan: Scan, pipes: list[Pipe], shape: tuple[int, int]) -> tuple[int, int]:
    """Write as many entries as there is room for: (status, bytes). An only one is cut where it has not room enough."""
    head, name_at = shape
    if not pipes:
        return (status.STATUS_NO_MORE_FILES if scan.found else status.STATUS_NO_SUCH_FILE), 0
    start = end = last = 0
    for pipe in pipes:
        name = pipe.name.encode("utf-16-le", "surrogatepass")
        if end and start + head + len(name) > len(buffer):
            break
        struct.pack_into("<I", buffer, last, start - last)
        entry = bytearray(head)
        struct.pack_into("<I", entry, name_at, len(name))
        if head > _ATTRIBUTES_AT:
            struct.pack_into("<qq", entry, _SIZES_AT, len(pipe.instances), pipe.parameters.maximum_instances)
            struct.pack_into("<I", entry, _ATTRIBUTES_AT, _NORMAL)
        whole = (bytes(entry) + name)[: len(buffer) - start]
        end = start + len(whole)
        buffer[start:end] = whole
        scan.after, scan.found = pipe.key, True
        if len(whole) < head + len(name):
            return status.STATUS_BUFFER_OVERFLOW, end
        last, start = start, -(-end // 8) * 8
    return status.STATUS_SUCCESS, end
