"""A write that ends only when everything is written, or cannot be.

A write may come back short: the disk is nearly full, a signal came. What is left is written again; if it was the disk,
that says so.

Rows: R10
"""

from __future__ import annotations

from ...hal.host import HostFiles
from ...status import error_for, status_from_errno


def write_all(files: HostFiles, file: int, data: memoryview, offset: int, path: str) -> None:
    """Write all of `data` at `offset`; raises NtError, which names `path`."""
    while len(data):
        result = files.write(file, data, offset)
        if result < 0:
            raise error_for(status_from_errno(-result), "cannot write", path)
        data, offset = data[result:], offset + result
