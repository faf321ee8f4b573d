"""`ntio read PATH ...`: read every file through rings and say how many bytes came, and how fast.

Nothing is done with the bytes: it warms the cache, finds files that cannot be read, and measures the way there.
"""

from __future__ import annotations

import argparse
import os
import time

from ..status import NtError
from ..system.many_files.stat_files import stat_files
from .bulk import Complaints, LongFile, contents, expand, total_bytes
from .output import print_json, table
from .progress import progress
from .systems import command_system


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the subcommand takes."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, and folders with everything below them")
    parser.add_argument(
        "--rings", type=_rings, default=min(2, os.cpu_count() or 1), metavar="N",
        help="rings, each on a thread of its own (%(default)s)",
    )  # fmt: skip


def _rings(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rings, 1 to 64")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Read everything."""
    complaints = Complaints("read")
    files = size = 0
    with command_system() as system:
        stats = stat_files(expand(arguments.paths, complaints, recursive=True), system=system)
        begun = time.perf_counter()
        with progress("reading", total_bytes(stats)) as shown:
            for part in contents(system, stats, arguments.rings):
                if isinstance(part, LongFile):
                    try:
                        for span in part.spans:
                            size += len(span)
                            shown.advance(len(span))
                        files += 1
                    except NtError as error:
                        complaints.error(part.path, error)
                    continue
                for row in part.status.nonzero()[0].tolist():
                    complaints.error(part.paths[row], part.error(row) or OSError())
                files += int((part.status == 0).sum())
                size += int(part.length.sum())
                shown.advance(int(part.length.sum()))
        seconds = max(time.perf_counter() - begun, 1e-9)
    _tell(arguments.json, files, size, seconds, complaints.count)
    return complaints.exit_code


def _tell(as_json: bool, files: int, size: int, seconds: float, failed: int) -> None:
    if as_json:
        print_json({"files": files, "bytes": size, "failed": failed, "seconds": seconds})
        return
    row = (files, size, failed, f"{seconds:.2f}", round(files / seconds), round(size / seconds / 1e6))
    print(table(("files", "bytes", "failed", "seconds", "files/s", "MB/s"), [row]))
