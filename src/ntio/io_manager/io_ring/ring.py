"""I/O rings: a submission and a completion queue in memory, as NT lays them out.

    build_...   write an entry into the submission queue; nothing else happens, no crossing
    submit      start all queued entries or none, and perhaps wait for completions
    pop         take one completion, or all as an array; no crossing

The queues are in `queues`. Completions are posted with NTSTATUS; whoever shows them to a Windows program
translates. From a successful build on, the buffer of a read or a write is pinned for the ring. An entry that a program
writes into the memory itself is as good as a built one; what it names is looked up when it is started.

What the entries become is in `submit`, the state of those on their way in `flight`. The rules of
waiting: a wait is over when as many completions can be popped as were asked for, or all there will ever be; a timeout
has submitted everything; any other failure has submitted nothing. Queue space is counted at submission, so that the
completion queue cannot overflow. The completion event is set when a completion enters an empty queue, and only then.

Closing does not cancel: what is in flight goes on and may still touch its buffers, while a thread of the System waits
for it and then gives the ring back. Closing the System does cancel. A ring that nobody closes lives until then.

One thread at a time submits; builders and pops may come from any thread.

Source: spec ioring.md 1.4, 2; learn.microsoft.com/windows/win32/api/ioringapi. Rows: R1, R2, R3, R4, R6, R8, R9
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...kernel.event import Event
from ...status import (
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_IORING_COMPLETION_QUEUE_TOO_BIG,
    STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED,
    STATUS_IORING_SUBMISSION_QUEUE_TOO_BIG,
    STATUS_IORING_VERSION_NOT_SUPPORTED,
    STATUS_NOT_SUPPORTED,
    error_for,
    status_from_errno,
)
from ..file_object import FileObject
from ..manager import IoManager
from . import queues as layout
from .codes import (
    FILE_FLUSH_NO_SYNC,
    FIRST_VERSION,
    IORING_CREATE_SKIP_BUILDER_PARAM_CHECKS,
    IORING_OP_CANCEL,
    IORING_OP_FLUSH,
    IORING_OP_REGISTER_BUFFERS,
    IORING_OP_REGISTER_FILES,
    IORING_VERSION_3,
    IOSQE_FLAGS_DRAIN_PRECEDING_OPS,
    MAXIMUM_COMPLETION_QUEUE,
    MAXIMUM_SUBMISSION_QUEUE,
    MINIMUM_SUBMISSION_QUEUE,
    VERSIONS,
)
from .submit import Submitter

#: A file or buffer as a builder takes it: kind (raw or registered), and handle, address or index.
Reference = tuple[int, int]


class IoRing:
    """A ring of some version with queues of at least the sizes asked for.

    Raises NtError with STATUS_IORING_VERSION_NOT_SUPPORTED, ..._REQUIRED_FLAG_NOT_SUPPORTED, ..._QUEUE_TOO_BIG,
    STATUS_INVALID_PARAMETER for a queue without entries, or what the host says when it has no more rings to give.
    NT: NtCreateIoRing
    """

    def __init__(
        self, io: IoManager, version: int, required: int, advisory: int, submission_size: int, completion_size: int
    ) -> None:
        _check_creation(version, required, submission_size, completion_size)
        self.io = io
        self.version, self.required, self.advisory = version, required, advisory
        self.submission_size = _power_of_two(max(submission_size, MINIMUM_SUBMISSION_QUEUE))
        self.completion_size = _power_of_two(max(completion_size, 2 * self.submission_size))
        self.queues = layout.RingQueues(io.hal, self.submission_size, self.completion_size)
        #: The entry flags that rings of this version have.
        self.known_flags = IOSQE_FLAGS_DRAIN_PRECEDING_OPS if version >= IORING_VERSION_3 else 0
        self.event: Event | None = None
        self.closed = False
        self._unchecked = bool(advisory & IORING_CREATE_SKIP_BUILDER_PARAM_CHECKS)
        try:
            self._submitter = Submitter(self)
        except OSError as error:
            message = f"the host gives no ring: {error.strerror}"
            raise error_for(status_from_errno(error.errno or 0), message) from error
        io.io_rings.add(self)

    # --- building ---------------------------------------------------------------------------------------------------

    def supports(self, code: int) -> bool:
        """Whether a ring of this version has an operation.

        NT: IsIoRingOpSupported
        """
        return not self.closed and 0 <= code < len(FIRST_VERSION) and self.version >= FIRST_VERSION[code]

    def build_transfer(
        self, code: int, file: Reference, buffer: Reference, buffer_offset: int, length: int, offset: int,
        user_data: int, flags: int, write_flags: int = 0,
    ) -> None:  # fmt: skip
        """Queue a read (IORING_OP_READ) or a write (IORING_OP_WRITE); raises NtError and queues nothing.

        NT: BuildIoRingReadFile, BuildIoRingWriteFile
        """
        self._check_build(code, flags)
        region = None if buffer[0] else self.io.memory.pin(buffer[1], length)
        address = buffer[1] if not buffer[0] else buffer[1] | buffer_offset << 32
        common = file[0] | buffer[0] << 1
        try:
            self.queues.put(
                layout.TRANSFER, region, None,
                code, flags, user_data, common, write_flags, file[1], address, offset, length, 0,
            )  # fmt: skip
        except BaseException:
            if region is not None:
                self.io.memory.unpin(region)
            raise

    def build_flush(self, file: Reference, mode: int, user_data: int, flags: int) -> None:
        """Queue a flush of one of the four modes.

        NT: BuildIoRingFlushFile
        """
        self._check_build(IORING_OP_FLUSH, flags)
        if not self._unchecked and not 0 <= mode <= FILE_FLUSH_NO_SYNC:
            raise error_for(STATUS_INVALID_PARAMETER, f"flush mode {mode} is none of 0 to 3")
        self.queues.put(layout.FLUSH, None, None, IORING_OP_FLUSH, flags, user_data, file[0], mode, file[1])

    def build_cancel(self, file: Reference, target: int, user_data: int) -> None:
        """Queue the cancellation of what has user data `target` on a file; 0: of everything on it.

        NT: BuildIoRingCancelRequest
        """
        self._check_build(IORING_OP_CANCEL, 0)
        self.queues.put(layout.CANCEL, None, None, IORING_OP_CANCEL, 0, user_data, file[0], file[1], target)

    def build_register_files(self, handles: Sequence[int], user_data: int) -> None:
        """Queue the replacement of the table of files; the handles are read now.

        NT: BuildIoRingRegisterFileHandles
        """
        self._build_register(IORING_OP_REGISTER_FILES, [operator.index(handle) for handle in handles], user_data)

    def build_register_buffers(self, buffers: Sequence[tuple[int, int]], user_data: int) -> None:
        """Queue the replacement of the table of buffers, pairs of address and length; they are read when it runs.

        NT: BuildIoRingRegisterBuffers
        """
        self._build_register(IORING_OP_REGISTER_BUFFERS, buffers, user_data)

    def build_segments(
        self, code: int, file: Reference, segments: Sequence[int], length: int, offset: int, user_data: int,
        flags: int, write_flags: int = 0,
    ) -> None:  # fmt: skip
        """Queue a scattered read or a gathered write of pages by address; `length` bytes in all.

        NT: BuildIoRingReadFileScatter, BuildIoRingWriteFileGather
        """
        self._check_build(code, flags)
        pages = [operator.index(address) for address in segments]
        self.queues.put(
            layout.SEGMENTS, None, pages,
            code, flags, user_data, file[0], write_flags, file[1], len(pages), 0, offset, length, 0,
        )  # fmt: skip

    def _build_register(self, code: int, array: Sequence[Any], user_data: int) -> None:
        self._check_build(code, 0)
        self.queues.put(layout.REGISTER, None, array, code, 0, user_data, 0, 0, 0, len(array), 0)

    def _check_build(self, code: int, flags: int) -> None:
        """Raise where the operation may not be built at all."""
        if self.closed:
            self.check_open()
        if self.version < FIRST_VERSION[code]:
            raise error_for(STATUS_NOT_SUPPORTED, f"operation {code} needs a ring of version {FIRST_VERSION[code]}")
        if flags & ~self.known_flags and not self._unchecked:
            raise error_for(STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED, f"entry flags {flags:#x} are not supported")

    # --- submitting -------------------------------------------------------------------------------------------------

    def submit(self, wait: int, timeout: float | None) -> tuple[int, bool]:
        """Start everything queued, then wait for `wait` completions (IORING_SUBMIT_WAIT_ALL: for all) or `timeout`
        seconds; returns how many entries were started, and whether the wait was over in time.

        Raises NtError, and then nothing was started.
        NT: NtSubmitIoRing
        """
        self.check_open()
        return self._submitter.submit(wait, timeout)

    def pop(self) -> tuple[int, int, int] | None:
        """The oldest completion: user data, NTSTATUS, information; None when there is none.

        NT: PopIoRingCompletion
        """
        self.check_open()
        taken = self.queues.pop()
        if taken is None:
            self._submitter.poll()
            taken = self.queues.pop()
        return taken

    def pop_all(self) -> npt.NDArray[np.void]:
        """Every completion that can be popped, IORING_CQE[k] with NTSTATUS result codes, oldest first."""
        self.check_open()
        self._submitter.poll()
        return self.queues.pop_all()

    def post(self, user_data: Any, status: Any, information: Any) -> None:
        """Put completions into the queue, arrays of equal length; the event is set if the queue was empty."""
        was_empty, event = self.queues.post(user_data, status, information), self.event
        if was_empty and event is not None:
            event.set()

    def set_event(self, event: Event | None) -> None:
        """Have an event set whenever a completion enters the empty queue; None: no more.

        NT: SetIoRingCompletionEvent
        """
        self.check_open()
        self.event = event
        if event is not None:
            self._submitter.ensure_reaper()

    # --- cancelling, closing ----------------------------------------------------------------------------------------

    def cancel_on(self, file: FileObject) -> int:
        """Cancel everything in flight on a file object; how many operations there were."""
        return self._submitter.cancel(file, None)

    def close(self) -> None:
        """Drop what is queued, let what is in flight go on, give the ring back when it has ended.

        NT: CloseIoRing
        """
        self.check_open()
        self._submitter.close()

    def abandon(self) -> None:
        """Close the ring, if nobody did, and cancel what is in flight: the System ends."""
        if not self.closed:
            self._submitter.close()
        self._submitter.cancel_everything()

    def shut(self) -> None:
        """Let nobody in any more: forget the entries that were not submitted, and whom to signal."""
        self.closed = True
        self.event = None
        for region in self.queues.shut():
            self.io.memory.unpin(region)

    def check_open(self) -> None:
        """Raise NtError (STATUS_INVALID_HANDLE) for a closed ring."""
        if self.closed:
            raise error_for(STATUS_INVALID_HANDLE, "the ring is closed")


def _check_creation(version: int, required: int, submission_size: int, completion_size: int) -> None:
    if version not in VERSIONS:
        raise error_for(STATUS_IORING_VERSION_NOT_SUPPORTED, f"version {version} is none of {VERSIONS}")
    if required:
        raise error_for(STATUS_IORING_REQUIRED_FLAG_NOT_SUPPORTED, f"required flags {required:#x} are not known")
    if submission_size > MAXIMUM_SUBMISSION_QUEUE:
        raise error_for(STATUS_IORING_SUBMISSION_QUEUE_TOO_BIG, f"at most {MAXIMUM_SUBMISSION_QUEUE} entries")
    if completion_size > MAXIMUM_COMPLETION_QUEUE:
        raise error_for(STATUS_IORING_COMPLETION_QUEUE_TOO_BIG, f"at most {MAXIMUM_COMPLETION_QUEUE} entries")
    if submission_size <= 0 or completion_size <= 0:
        raise error_for(STATUS_INVALID_PARAMETER, "a queue needs at least one entry")


def _power_of_two(size: int) -> int:
    return 1 << (size - 1).bit_length()
