"""`ntio sum PATH ...`: the SHA-256 of every file, as `sha256sum` prints it.

Files are read through rings by the hundred and hashed on as many threads as there are processors. `sha256sum --check`
reads what this prints.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np

from ..status import NtError
from ..system.many_files.file_batch import FileBatch
from ..system.many_files.stat_files import stat_files
from .bulk import Complaints, LongFile, contents, expand, total_bytes
from .output import print_json
from .progress import Progress, progress
from .systems import command_system


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the subcommand takes."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, and folders with -r")
    parser.add_argument("-r", "--recursive", action="store_true", help="take every file below a folder")


def run(arguments: argparse.Namespace) -> int:
    """Print the hashes."""
    complaints = Complaints("sum")
    found = []
    with command_system() as system:
        stats = stat_files(expand(arguments.paths, complaints, recursive=arguments.recursive), system=system)
        bar = progress("hashing", total_bytes(stats), printing=not arguments.json)
        with bar as shown, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for part in contents(system, stats, rings=1):
                hashes = (
                    _long(part, shown, complaints) if isinstance(part, LongFile) else _batch(part, pool, complaints)
                )
                for path, digest, size in hashes:
                    found.append({"path": path, "sha256": digest, "bytes": size})
                    if not arguments.json:
                        print(_line(path, digest))
                if isinstance(part, FileBatch):
                    shown.advance(int(part.length.sum()))
    if arguments.json:
        print_json({"files": found, "failed": complaints.count})
    return complaints.exit_code


def _hashes(
    part: FileBatch | LongFile, pool: Executor, shown: Progress, complaints: Complaints
) -> Iterator[tuple[str, str, int]]:
    """Path, hash and length of every file that could be read."""
    if isinstance(part, LongFile):
        yield from _long(part, shown, complaints)
    else:
        yield from _batch(part, pool, complaints)
        shown.advance(int(part.length.sum()))


def _batch(batch: FileBatch, pool: Executor, complaints: Complaints) -> Iterator[tuple[str, str, int]]:
    """Hash a batch, cut into as many parts of about equal size as there may be workers."""
    cuts = np.searchsorted(np.cumsum(batch.length), batch.length.sum() * np.arange(1, 5) / 4).tolist()
    parts = zip([0, *cuts[:-1]], [*cuts[:-1], len(batch)], strict=True)
    digests = [digest for part in pool.map(lambda part: _hash_rows(batch, *part), parts) for digest in part]
    for row, (path, digest, size) in enumerate(zip(batch.paths, digests, batch.length.tolist(), strict=True)):
        error = batch.error(row)
        if error is not None:
            complaints.error(path, error)
        else:
            yield path, digest, size


def _hash_rows(batch: FileBatch, first: int, last: int) -> list[str]:
    return [hashlib.sha256(batch[row].data).hexdigest() for row in range(first, last)]


def _long(file: LongFile, shown: Progress, complaints: Complaints) -> Iterator[tuple[str, str, int]]:
    digest, size = hashlib.sha256(), 0
    try:
        for span in file.spans:
            digest.update(span.data)
            size += len(span)
            shown.advance(len(span))
    except NtError as error:
        complaints.error(file.path, error)
    else:
        yield file.path, digest.hexdigest(), size


def _line(path: str, digest: str) -> str:
    """A line of `sha256sum`, which begins with a backslash where the name had to be escaped."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{chr(92) if escaped != path else ''}{digest}  {escaped}"
