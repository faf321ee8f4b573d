"""`ntio copy SOURCE ... TARGET`: copy files, and folders with -r, through rings.

Where the target is a folder, or there are several sources, they come into it under their own names, as with `cp`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator

from ..status import NtError
from ..system.copying.copy_files import FileCopy, copy_files
from ..system.copying.copy_tree import copy_tree
from ..system.many_files.stat_files import stat_files
from ..system.system import System
from .bulk import Complaints, expand, total_bytes
from .output import UsageError, print_json
from .progress import progress
from .systems import command_system


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the subcommand takes."""
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="what to copy")
    parser.add_argument("target", metavar="TARGET", help="the new file, or the folder to copy into")
    parser.add_argument("-r", "--recursive", action="store_true", help="copy folders with everything in them")


def run(arguments: argparse.Namespace) -> int:
    """Copy; prints nothing unless data is wanted."""
    complaints = Complaints("copy")
    files, folders = _sort(arguments.sources, arguments.target, complaints, recursive=arguments.recursive)
    copied = size = 0
    begun = time.perf_counter()
    with command_system() as system, progress("copying", _expected(system, files + folders)) as shown:
        for each in _copy(system, files, folders):
            if each.error is not None:
                complaints.error(each.source, each.error)
            else:
                copied += 1
                size += each.bytes
            shown.advance(each.bytes)
    if arguments.json:
        seconds = time.perf_counter() - begun
        print_json({"files": copied, "bytes": size, "failed": complaints.count, "seconds": seconds})
    return complaints.exit_code


_Pairs = list[tuple[str, str]]


def _sort(sources: list[str], target: str, complaints: Complaints, *, recursive: bool) -> tuple[_Pairs, _Pairs]:
    """Each source with its own target: files, folders."""
    into = os.path.isdir(target)
    if len(sources) > 1 and not into:
        raise UsageError(f"copy: {target!r} is no folder, so it cannot hold {len(sources)} files")
    files: _Pairs = []
    folders: _Pairs = []
    for source in sources:
        name = os.path.basename(os.path.abspath(source))
        pair = source, os.path.join(target, name) if into else target
        if not os.path.isdir(source):
            files.append(pair)
        elif recursive:
            folders.append(pair)
        else:
            complaints.say(source, "Is a directory (use -r)")
    return files, folders


def _expected(system: System, pairs: _Pairs) -> int:
    """How many bytes there are to copy; walks every folder, so only asked where somebody watches."""
    if not sys.stderr.isatty():
        return 0
    paths = expand((source for source, _ in pairs), Complaints("copy", silent=True), recursive=True)
    return total_bytes(stat_files(paths, system=system))


def _copy(system: System, files: _Pairs, folders: _Pairs) -> Iterator[FileCopy]:
    yield from copy_files(files, system=system)
    for source, target in folders:
        try:
            yield from copy_tree(source, target, system=system)
        except NtError as error:
            yield FileCopy(source, target, 0, error)
