"""The kernel's io_uring interface: numbers, structures and the three system calls, and nothing that decides anything.

Everything here is a fact of the Linux user-space interface (`io_uring_setup(2)`, `io_uring_enter(2)`,
`io_uring_register(2)`). Structures that are arrays in shared memory are NumPy dtypes, so that a column of a thousand
entries is one assignment; structures handed over once are ctypes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

import numpy as np

SYS_SETUP, SYS_ENTER, SYS_REGISTER = 425, 426, 427

OFFSET_SQ_RING, OFFSET_SQES = 0, 0x1000_0000

SETUP_CQSIZE, SETUP_SUBMIT_ALL = 1 << 3, 1 << 7
SETUP_COOP_TASKRUN, SETUP_TASKRUN_FLAG, SETUP_NO_SQARRAY = 1 << 8, 1 << 9, 1 << 16

ENTER_GETEVENTS, ENTER_EXT_ARG = 1 << 0, 1 << 3

FEATURE_SINGLE_MMAP, FEATURE_NODROP, FEATURE_EXT_ARG = 1 << 0, 1 << 1, 1 << 8

SQ_CQ_OVERFLOW, SQ_TASKRUN = 1 << 1, 1 << 2

SQE_FIXED_FILE = 1 << 0

OP_NOP, OP_FSYNC, OP_READ_FIXED, OP_WRITE_FIXED = 0, 3, 4, 5
OP_ASYNC_CANCEL, OP_OPENAT, OP_CLOSE, OP_STATX, OP_READ, OP_WRITE = 14, 18, 19, 21, 22, 23

OP_POLL_ADD, OP_SENDMSG, OP_RECVMSG, OP_ACCEPT, OP_CONNECT = 6, 9, 10, 13, 16
OP_SEND, OP_RECV, OP_SHUTDOWN = 26, 27, 34

FSYNC_DATASYNC = 1 << 0
CANCEL_ANY, CANCEL_ALL = 1 << 2, 1 << 0

REGISTER_BUFFERS, UNREGISTER_BUFFERS = 0, 1
REGISTER_FILES, UNREGISTER_FILES = 2, 3
REGISTER_EVENTFD = 4

#: One submission entry. `row` and `slot` together are the kernel's 64-bit user_data.
SQE = np.dtype(
    {
        "names": ["opcode", "flags", "fd", "off", "addr", "len", "op_flags", "row", "slot", "buf_index", "file_index"],
        "formats": ["u1", "u1", "<i4", "<u8", "<u8", "<u4", "<u4", "<u4", "<u4", "<u2", "<u4"],
        "offsets": [0, 1, 4, 8, 16, 24, 28, 32, 36, 40, 44],
        "itemsize": 64,
    }
)

#: The same entry to be made at once: opcode, flags, fd, off, addr, len, op_flags, row, slot, buf_index, file_index.
SQE_VALUES = struct.Struct("<BBxxiQQIIIIHxxI16x")


class SqOffsets(ctypes.Structure):
    """`struct io_sqring_offsets`."""

    _fields_ = [
        (name, ctypes.c_uint32)
        for name in ("head", "tail", "ring_mask", "ring_entries", "flags", "dropped", "array", "reserved")
    ] + [("user_addr", ctypes.c_uint64)]


class CqOffsets(ctypes.Structure):
    """`struct io_cqring_offsets`."""

    _fields_ = [
        (name, ctypes.c_uint32)
        for name in ("head", "tail", "ring_mask", "ring_entries", "overflow", "cqes", "flags", "reserved")
    ] + [("user_addr", ctypes.c_uint64)]


class Params(ctypes.Structure):
    """`struct io_uring_params`."""

    _fields_ = [
        ("sq_entries", ctypes.c_uint32),
        ("cq_entries", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("sq_thread_cpu", ctypes.c_uint32),
        ("sq_thread_idle", ctypes.c_uint32),
        ("features", ctypes.c_uint32),
        ("wq_fd", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
        ("sq_off", SqOffsets),
        ("cq_off", CqOffsets),
    ]


class Timespec(ctypes.Structure):
    """`struct __kernel_timespec`."""

    _fields_ = [("seconds", ctypes.c_int64), ("nanoseconds", ctypes.c_int64)]


class GeteventsArgument(ctypes.Structure):
    """`struct io_uring_getevents_arg`: the extended argument that carries a timeout."""

    _fields_ = [
        ("sigmask", ctypes.c_uint64),
        ("sigmask_size", ctypes.c_uint32),
        ("min_wait_usec", ctypes.c_uint32),
        ("timespec", ctypes.c_uint64),
    ]


_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long

# The seventh argument travels on the stack, 64 bits wide. Without a declared type ctypes writes 32 of them and the
# kernel reads a size with rubbish in the upper half: EINVAL for every wait with a timeout.
_enter = _libc["syscall"]
_enter.restype = ctypes.c_long
_enter.argtypes = (
    ctypes.c_long, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_size_t,
)  # fmt: skip


def setup(entries: int, params: Params) -> int:
    """`io_uring_setup(2)`: a ring's descriptor; raises OSError."""
    return _checked(_syscall(SYS_SETUP, ctypes.c_uint32(entries), ctypes.byref(params)))


def enter(fd: int, to_submit: int, minimum: int, flags: int, argument: object = None, size: int = 0) -> int:
    """`io_uring_enter(2)`: how many entries were taken, or minus an errno; the interpreter lock is free meanwhile."""
    taken: int = _enter(SYS_ENTER, fd, to_submit, minimum, flags, argument, size)
    return taken if taken >= 0 else -ctypes.get_errno()


def register(fd: int, opcode: int, argument: object, count: int) -> int:
    """`io_uring_register(2)`; raises OSError."""
    return _checked(_syscall(SYS_REGISTER, fd, opcode, argument, count))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


#: Errors of `enter` after which the same call is simply made again.
TRY_AGAIN = frozenset({-errno.EINTR, -errno.EAGAIN, -errno.EBUSY})
