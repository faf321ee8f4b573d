"""Where an open goes on that a driver answered with STATUS_REPARSE.

    information               the new name
    IO_REPARSE (0)            what the driver put into the file object's name
    IO_REMOUNT (1)            the same once more, on whatever is mounted by now
    mount point tag           the path in the reparse data, then the end of the old name that was not yet looked at
    any other tag             nobody here knows what it means: STATUS_IO_REPARSE_TAG_NOT_HANDLED

The reparse data are bytes that the driver left in the packet's `auxiliary_buffer`; their `Reserved` field says how many
bytes of the old name were not looked at.

Source: spec iomgr.md 3.5; learn.microsoft.com ntifs.h, REPARSE_DATA_BUFFER. Rows: R20
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...abi import REPARSE_DATA_BUFFER
from ...status import STATUS_IO_REPARSE_DATA_INVALID, STATUS_IO_REPARSE_TAG_NOT_HANDLED, error_for
from ..codes.file_codes import IO_REPARSE, IO_REPARSE_TAG_MOUNT_POINT

_PATHS_AT = 16


def replaced_name(name: str, tag: int, data: Any, shown: str) -> str:
    """The full name to open instead of `name`; raises NtError for data or a tag that make no sense.

    NT: IopDoNameTransmogrify
    """
    if tag == IO_REPARSE:
        return name
    if tag != IO_REPARSE_TAG_MOUNT_POINT:
        raise error_for(STATUS_IO_REPARSE_TAG_NOT_HANDLED, f"a reparse point with tag {tag:#x}", shown)
    content = bytes(data or b"")
    if len(content) < _PATHS_AT:
        raise error_for(STATUS_IO_REPARSE_DATA_INVALID, "a mount point without data", shown)
    head = np.frombuffer(content.ljust(REPARSE_DATA_BUFFER.itemsize, b"\0"), REPARSE_DATA_BUFFER, 1)[0]
    start, length = _PATHS_AT + int(head["SubstituteNameOffset"]), int(head["SubstituteNameLength"])
    remaining = int(head["Reserved"])
    if int(head["ReparseTag"]) != tag or length % 2 or start + length > len(content) or remaining > 2 * len(name):
        raise error_for(STATUS_IO_REPARSE_DATA_INVALID, "a mount point whose data contradict themselves", shown)
    target = content[start : start + length].decode("utf-16-le", "surrogatepass")
    tail = name[len(name) - remaining // 2 :] if remaining else ""
    return target.rstrip("\\") + tail if tail.startswith("\\") else target + tail


def mount_point_data(target: str, remaining: str = "") -> bytes:
    """Reparse data for a mount point that leads to `target`; `remaining` is the end of the name still to be walked."""
    path = target.encode("utf-16-le", "surrogatepass")
    head = np.zeros(1, REPARSE_DATA_BUFFER)
    head["ReparseTag"] = IO_REPARSE_TAG_MOUNT_POINT
    head["ReparseDataLength"] = 8 + len(path) + 4
    head["Reserved"] = 2 * len(remaining)
    head["SubstituteNameLength"], head["PrintNameOffset"] = len(path), len(path) + 2
    return head.tobytes()[:_PATHS_AT] + path + bytes(4)
