"""Reading many small files: opened, read and closed by the hundred.

    for file in ntio.read_files(paths):                 # one file at a time, its bytes
        use(file.path, file.data)

    for batch in ntio.read_file_batches(paths):         # 256 at a time, no copy: one array, positions, lengths
        use(batch.paths, batch.data, batch.position, batch.length)

A ring opens and reads a window of files in two crossings (`file_windows`). A path that cannot be read gives its error
in its place and stops nothing.

`rings=2` puts a second ring on a thread of its own. What costs is the kernel's work, during which Python's lock is
free, so two rings do nearly twice as much as long as a second processor is idle; when nothing is cached the disk
decides, and the second ring helps little.

The copy into `bytes` is a tenth of the work on cached files, which is why there are two forms.

Rows: R10
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import islice, repeat

from ...status import InvalidParameter, PlatformNotSupported
from ..default import default_system
from ..system import System
from .file_batch import FileBatch, FileData
from .file_windows import FIRST_BYTES, WindowReader
from .ring_threads import read_on_threads

_Paths = Iterable[str | os.PathLike[str]]


def read_files(
    paths: _Paths,
    *,
    ordered: bool = True,
    max_bytes: int = 256 << 20,
    rings: int = 1,
    system: System | None = None,
) -> Generator[FileData, None, None]:
    """Read many files whole; yields FileData in the order of `paths`.

    At most `max_bytes` of memory hold files that are not handed out yet, though a single file may be larger. An
    unreadable path gives a FileData with `error` set and does not stop the rest. With several `rings`, each on a
    thread of its own, `ordered=False` hands files out as they come.
    """
    batches = read_file_batches(paths, ordered=ordered, max_bytes=max_bytes, rings=rings, system=system)
    return _one_by_one(batches)


def read_file_batches(
    paths: _Paths,
    *,
    ordered: bool = True,
    max_bytes: int = 256 << 20,
    rings: int = 1,
    system: System | None = None,
) -> Generator[FileBatch, None, None]:
    """Read many files whole, some hundred at a time and without a copy; yields FileBatch.

    Parameters are those of `read_files`. A batch is one array with every file's position, length and status; views of
    it stay valid as long as they are held, but then memory is taken anew for what follows.
    """
    if rings < 1:
        raise InvalidParameter(f"rings: {rings} is no number of rings")
    if max_bytes < rings * FIRST_BYTES:
        raise InvalidParameter(f"max_bytes: {max_bytes} is less than the {rings * FIRST_BYTES} bytes one file needs")
    system = system or default_system()
    system.io.check_running()
    if system.hal.no_host_files:
        raise PlatformNotSupported(system.hal.no_host_files)
    if rings == 1:
        return _on_this_thread(system, iter(paths), max_bytes)
    return read_on_threads(system, iter(paths), rings, ordered=ordered, max_bytes=max_bytes)


def _on_this_thread(
    system: System, paths: Iterator[str | os.PathLike[str]], max_bytes: int
) -> Generator[FileBatch, None, None]:
    reader = WindowReader(system, max_bytes)
    try:
        for window in reader.windows(lambda idle: list(islice(paths, reader.window))):
            yield from window
    finally:
        reader.close()


def _one_by_one(batches: Generator[FileBatch, None, None]) -> Generator[FileData, None, None]:
    with closing(batches):
        for batch in batches:
            if batch.status.any():
                yield from map(_one, repeat(batch), range(len(batch)))
            else:
                yield from _all(batch)
            del batch  # free to be used again while the next one is asked for


def _one(batch: FileBatch, row: int) -> FileData:
    error = batch.error(row)
    return FileData(batch.paths[row], None if error else batch[row].tobytes(), error)


def _all(batch: FileBatch) -> Iterator[FileData]:
    """The files of a batch without errors; a loop in Python would take twice as long, half a microsecond more each."""
    places = map(slice, batch.position.tolist(), (batch.position + batch.length).tolist())
    contents = map(memoryview.tobytes, map(batch.data.data.__getitem__, places))
    return map(FileData._make, zip(batch.paths, contents, repeat(None), strict=False))
