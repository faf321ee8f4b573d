"""What a STAT operation writes: the host's `struct statx`, as a NumPy dtype.

io_uring has the kernel fill these 256 bytes; the other backends fill the same ones from `os.stat_result` or from their
own files, so whoever reads sizes of ten thousand files reads one column of one array on every HAL.

Source: `statx(2)`. Rows: R11, R30
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

_TIME = np.dtype({"names": ["sec", "nsec"], "formats": ["<i8", "<u4"], "offsets": [0, 8], "itemsize": 16})

#: One answer of a STAT row, 256 bytes.
STATX = np.dtype(
    {
        "names": [
            "mask", "blksize", "nlink", "uid", "gid", "mode", "ino", "size", "blocks",
            "atime", "ctime", "mtime", "dev_major", "dev_minor",
        ],
        "formats": [
            "<u4", "<u4", "<u4", "<u4", "<u4", "<u2", "<u8", "<u8", "<u8", _TIME, _TIME, _TIME, "<u4", "<u4",
        ],
        "offsets": [0, 4, 16, 20, 24, 28, 32, 40, 48, 64, 96, 112, 136, 140],
        "itemsize": 256,
    }
)  # fmt: skip

#: Everything `stat` knows; what to ask for in the `length` of a STAT row, and what its `mask` says came.
BASIC_STATS = 0x7FF

#: Flags of a STAT row: the file itself when the path is empty, and do not follow a symbolic link.
AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW = 0x1000, 0x100

#: In the `file` of an OPEN or STAT row: relative paths start at the working directory.
AT_FDCWD = -100


def write_statx(destination: npt.NDArray[np.uint8], status: os.stat_result) -> None:
    """Fill 256 bytes from what `os.stat` said."""
    record = np.zeros(1, STATX)
    entry: Any = record[0]
    entry["mask"] = BASIC_STATS
    for name in ("nlink", "uid", "gid", "mode", "ino", "size"):
        entry[name] = getattr(status, "st_" + name)
    entry["blksize"] = getattr(status, "st_blksize", None) or 4096
    entry["blocks"] = getattr(status, "st_blocks", None) or -(-status.st_size // 512)
    for name in ("atime", "ctime", "mtime"):
        entry[name] = divmod(getattr(status, f"st_{name}_ns", None) or 0, 1_000_000_000)
    if hasattr(os, "major"):
        entry["dev_major"], entry["dev_minor"] = os.major(status.st_dev), os.minor(status.st_dev)
    destination[: STATX.itemsize] = record.view(np.uint8)
