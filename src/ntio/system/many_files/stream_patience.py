"""Reads that must not wait for ever: what is no file on a disk gets a moment to bring something, and is then given up.

Somebody who reads a folder of files may meet a pipe in it, or a terminal. Opening it O_NONBLOCK does not help: io_uring
then waits for it as it would otherwise, by polling. So a read that has not ended after a while is looked at, and only
then: on the usual way this costs nothing.

Rows: R10
"""

from __future__ import annotations

import errno
import stat as stat_bits

import numpy as np

from ...hal.operation_queue import OperationQueue
from ...hal.operations import Operations
from .path_rows import PathRows

#: Seconds: longer than a disk takes for a window of files, as a rule; where it is not, looking does no harm.
_PATIENCE = 0.1
#: Stands where no result is yet; no count and no errno.
_NO_RESULT = -(1 << 31)


def expect_streams(reads: Operations) -> None:
    """Prepare reads that are to be waited for with `wait_patiently`; before they are started."""
    reads.results[:] = _NO_RESULT


def wait_patiently(queue: OperationQueue, reads: Operations, rows: PathRows) -> None:
    """Wait until the reads of these files are done; one that waits for somebody to write ends with EAGAIN."""
    if queue.wait(reads, _PATIENCE):
        return
    late = np.flatnonzero(reads.results == _NO_RESULT)
    stats, answers = rows.stats()
    queue.transfer(stats)
    kinds = answers["mode"][late] & 0o170000
    streams = late[(kinds != stat_bits.S_IFREG) & (kinds != stat_bits.S_IFBLK)]
    queue.cancel(reads, streams)
    queue.wait(reads)
    given_up = streams[reads.results[streams] == -errno.ECANCELED]
    reads.results[given_up] = -errno.EAGAIN
