"""I/O rings by their Win32 names: the documented calls, parameters in the documented order, output parameters returned.

    ring = CreateIoRing(IORING_VERSION_3, IORING_CREATE_FLAGS(), 1, 1)
    BuildIoRingReadFile(ring, IoRingHandleRefFromHandle(file), IoRingBufferRefFromPointer(buffer), 512, 0, 1, 0)
    SubmitIoRing(ring, 1, 10000)
    PopIoRingCompletion(ring)

A failing HRESULT is raised as `IoRingError`, with the number in `hresult`; a wait that ran out of time says in
`submitted` how many entries are on their way all the same. What became of an operation stands in its completion, never
in an exception. Completions carry HRESULTs as Win32 programs see them (an end of file is 0x80070026).

A buffer is an address the System knows, from VirtualAlloc, or any Python buffer, which then is known as long as the
reference lives; with any other address the operation completes with 0x800703E6, and nothing reaches the kernel. A ring
that was closed answers E_HANDLE, where Windows is undefined.

Source: spec ioring.md 1 and 2; learn.microsoft.com/windows/win32/api/ioringapi. Rows: R1-R9, R11, R12
"""

from __future__ import annotations

from ..io_manager.io_ring.codes import (
    FILE_FLUSH_DATA,
    FILE_FLUSH_DEFAULT,
    FILE_FLUSH_MIN_METADATA,
    FILE_FLUSH_NO_SYNC,
    FILE_WRITE_FLAGS_NONE,
    FILE_WRITE_FLAGS_WRITE_THROUGH,
    IORING_CREATE_ADVISORY_FLAGS_NONE,
    IORING_CREATE_REQUIRED_FLAGS_NONE,
    IORING_CREATE_SKIP_BUILDER_PARAM_CHECKS,
    IORING_FEATURE_FLAGS_NONE,
    IORING_FEATURE_SET_COMPLETION_EVENT,
    IORING_FEATURE_UM_EMULATION,
    IORING_OP_CANCEL,
    IORING_OP_FLUSH,
    IORING_OP_NOP,
    IORING_OP_READ,
    IORING_OP_READ_SCATTER,
    IORING_OP_REGISTER_BUFFERS,
    IORING_OP_REGISTER_FILES,
    IORING_OP_WRITE,
    IORING_OP_WRITE_GATHER,
    IORING_REF_RAW,
    IORING_REF_REGISTERED,
    IORING_SUBMIT_WAIT_ALL,
    IORING_VERSION_1,
    IORING_VERSION_2,
    IORING_VERSION_3,
    IORING_VERSION_4,
    IORING_VERSION_INVALID,
    IOSQE_FLAGS_DRAIN_PRECEDING_OPS,
    IOSQE_FLAGS_NONE,
    MAXIMUM_COMPLETION_QUEUE,
    MAXIMUM_SUBMISSION_QUEUE,
)
from ..io_manager.io_ring.ring import IoRing
from ..kernel.event import Event
from ..status import InvalidHandle, InvalidParameter, hresult_from_status
from ..system.default import default_system
from ..system.system import System
from .handles import number_in
from .ioring_builders import (
    BuildIoRingCancelRequest,
    BuildIoRingFlushFile,
    BuildIoRingReadFile,
    BuildIoRingReadFileScatter,
    BuildIoRingRegisterBuffers,
    BuildIoRingRegisterFileHandles,
    BuildIoRingWriteFile,
    BuildIoRingWriteFileGather,
)
from .ioring_handle import HIORING, IoRingError, open_ring, raises_hresult
from .ioring_references import (
    IoRingBufferRefFromIndexAndOffset,
    IoRingBufferRefFromPointer,
    IoRingHandleRefFromHandle,
    IoRingHandleRefFromIndex,
)
from .ioring_structures import (
    FILE_SEGMENT_ELEMENT,
    IORING_BUFFER_INFO,
    IORING_BUFFER_REF,
    IORING_CAPABILITIES,
    IORING_CQE,
    IORING_CREATE_FLAGS,
    IORING_HANDLE_REF,
    IORING_INFO,
    IORING_REGISTERED_BUFFER,
)
from .pyhandle import Handle
from .waits import seconds
from .winerror import IORING_E_WAIT_TIMEOUT

__all__ = [
    "FILE_FLUSH_DATA", "FILE_FLUSH_DEFAULT", "FILE_FLUSH_MIN_METADATA", "FILE_FLUSH_NO_SYNC", "FILE_WRITE_FLAGS_NONE",
    "FILE_WRITE_FLAGS_WRITE_THROUGH", "IORING_CREATE_ADVISORY_FLAGS_NONE", "IORING_CREATE_REQUIRED_FLAGS_NONE",
    "IORING_CREATE_SKIP_BUILDER_PARAM_CHECKS", "IORING_FEATURE_FLAGS_NONE", "IORING_FEATURE_SET_COMPLETION_EVENT",
    "IORING_FEATURE_UM_EMULATION", "IORING_OP_CANCEL", "IORING_OP_FLUSH", "IORING_OP_NOP", "IORING_OP_READ",
    "IORING_OP_READ_SCATTER", "IORING_OP_REGISTER_BUFFERS", "IORING_OP_REGISTER_FILES", "IORING_OP_WRITE",
    "IORING_OP_WRITE_GATHER", "IORING_REF_RAW", "IORING_REF_REGISTERED", "IORING_SUBMIT_WAIT_ALL", "IORING_VERSION_1",
    "IORING_VERSION_2", "IORING_VERSION_3", "IORING_VERSION_4", "IORING_VERSION_INVALID",
    "IOSQE_FLAGS_DRAIN_PRECEDING_OPS", "IOSQE_FLAGS_NONE",
    "FILE_SEGMENT_ELEMENT", "IORING_BUFFER_INFO", "IORING_BUFFER_REF", "IORING_CAPABILITIES", "IORING_CQE",
    "IORING_CREATE_FLAGS", "IORING_HANDLE_REF", "IORING_INFO", "IORING_REGISTERED_BUFFER",
    "HIORING", "IoRingError",
    "BuildIoRingCancelRequest", "BuildIoRingFlushFile", "BuildIoRingReadFile", "BuildIoRingReadFileScatter",
    "BuildIoRingRegisterBuffers", "BuildIoRingRegisterFileHandles", "BuildIoRingWriteFile",
    "BuildIoRingWriteFileGather", "CloseIoRing", "CreateIoRing", "GetIoRingInfo",
    "IoRingBufferRefFromIndexAndOffset", "IoRingBufferRefFromPointer", "IoRingHandleRefFromHandle",
    "IoRingHandleRefFromIndex", "IsIoRingOpSupported", "PopIoRingCompletion", "QueryIoRingCapabilities",
    "SetIoRingCompletionEvent", "SubmitIoRing",
]  # fmt: skip


def QueryIoRingCapabilities(*, system: System | None = None) -> IORING_CAPABILITIES:
    """What rings can be here; IORING_FEATURE_UM_EMULATION is set where the host has no io_uring for us.

    NT: QueryIoRingCapabilities
    """
    emulated = (system or default_system()).hal.name != "uring"
    features = IORING_FEATURE_SET_COMPLETION_EVENT | (IORING_FEATURE_UM_EMULATION if emulated else 0)
    return IORING_CAPABILITIES(IORING_VERSION_4, MAXIMUM_SUBMISSION_QUEUE, MAXIMUM_COMPLETION_QUEUE, features)


def IsIoRingOpSupported(ioRing: HIORING, op: int) -> bool:
    """Whether the ring's version has an operation; false, never an error, for a closed ring or an unknown operation.

    NT: IsIoRingOpSupported
    """
    ring: IoRing | None = getattr(ioRing, "ring", None)
    return ring is not None and ring.supports(op)


@raises_hresult
def CreateIoRing(
    ioringVersion: int,
    flags: IORING_CREATE_FLAGS,
    submissionQueueSize: int,
    completionQueueSize: int,
    *,
    system: System | None = None,
) -> HIORING:
    """Make a ring with queues of at least these sizes, rounded up to powers of two; at least 8 and 16 entries.

    Raises IoRingError with IORING_E_VERSION_NOT_SUPPORTED, IORING_E_REQUIRED_FLAG_NOT_SUPPORTED,
    IORING_E_SUBMISSION_QUEUE_TOO_BIG, IORING_E_COMPLETION_QUEUE_TOO_BIG or E_INVALIDARG.
    NT: CreateIoRing
    """
    system = system or default_system()
    sizes = submissionQueueSize, completionQueueSize
    return HIORING(IoRing(system.io, ioringVersion, flags.Required, flags.Advisory, *sizes), system)


@raises_hresult
def GetIoRingInfo(ioRing: HIORING) -> IORING_INFO:
    """The ring's version, flags, and real sizes.

    NT: GetIoRingInfo
    """
    ring = open_ring(ioRing)
    flags = IORING_CREATE_FLAGS(ring.required, ring.advisory)
    return IORING_INFO(ring.version, flags, ring.submission_size, ring.completion_size)


@raises_hresult
def SubmitIoRing(ioRing: HIORING, waitOperations: int, milliseconds: int) -> int:
    """Start everything queued, then wait until so many completions can be popped (IORING_SUBMIT_WAIT_ALL: all);
    returns how many entries were started.

    Raises IoRingError: IORING_E_WAIT_TIMEOUT, and everything was started; any other, and nothing was.
    NT: SubmitIoRing
    """
    submitted, in_time = open_ring(ioRing).submit(waitOperations, seconds(milliseconds))
    if not in_time:
        message = (
            f"{waitOperations & 0xFFFF_FFFF} completions did not come within {milliseconds} ms; the operations go on"
        )
        raise IoRingError(IORING_E_WAIT_TIMEOUT, message, submitted=submitted)
    return submitted


@raises_hresult
def PopIoRingCompletion(ioRing: HIORING) -> IORING_CQE | None:
    """The oldest completion, or None (S_FALSE) when there is none.

    NT: PopIoRingCompletion
    """
    taken = open_ring(ioRing).pop()
    if taken is None:
        return None
    user_data, status, information = taken
    return IORING_CQE(user_data, hresult_from_status(status) if status else 0, information)


@raises_hresult
def SetIoRingCompletionEvent(ioRing: HIORING, hEvent: Handle | None) -> None:
    """Have an event set whenever a completion enters the empty queue; None: no more. The handle may be closed after.

    Raises IoRingError E_INVALIDARG for what is no event.
    NT: SetIoRingCompletionEvent
    """
    ring = open_ring(ioRing)
    event = None
    if hEvent is not None and hEvent != 0:
        try:
            event = ioRing.system.io.handles.reference(number_in(hEvent, ioRing.system), Event)
        except InvalidHandle as problem:
            raise InvalidParameter(problem.strerror) from problem
    ring.set_event(event)


@raises_hresult
def CloseIoRing(ioRing: HIORING) -> None:
    """Close the ring: what is queued is dropped, what is in flight goes on and may still touch its buffers.

    NT: CloseIoRing
    """
    open_ring(ioRing).close()
