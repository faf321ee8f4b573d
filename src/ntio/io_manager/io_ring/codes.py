"""Numbers of I/O rings, by their Windows names.

Source: spec ioring.md 1.1 (ntioring_x.h, ioringapi.h). Rows: R1, R2, R7
"""

from __future__ import annotations

from typing import Final

IORING_VERSION_INVALID: Final = 0
IORING_VERSION_1: Final = 1
IORING_VERSION_2: Final = 2
IORING_VERSION_3: Final = 300
IORING_VERSION_4: Final = 400

#: The versions a ring can be made with, oldest first.
VERSIONS: Final = (IORING_VERSION_1, IORING_VERSION_2, IORING_VERSION_3, IORING_VERSION_4)

IORING_OP_NOP: Final = 0
IORING_OP_READ: Final = 1
IORING_OP_REGISTER_FILES: Final = 2
IORING_OP_REGISTER_BUFFERS: Final = 3
IORING_OP_CANCEL: Final = 4
IORING_OP_WRITE: Final = 5
IORING_OP_FLUSH: Final = 6
IORING_OP_READ_SCATTER: Final = 7
IORING_OP_WRITE_GATHER: Final = 8

#: The version that first has each operation, by operation code.
FIRST_VERSION: Final = (1, 1, 1, 1, 1, 300, 300, 400, 400)

IORING_FEATURE_FLAGS_NONE: Final = 0
IORING_FEATURE_UM_EMULATION: Final = 0x1
IORING_FEATURE_SET_COMPLETION_EVENT: Final = 0x2

IOSQE_FLAGS_NONE: Final = 0
IOSQE_FLAGS_DRAIN_PRECEDING_OPS: Final = 0x1

IORING_CREATE_REQUIRED_FLAGS_NONE: Final = 0
IORING_CREATE_ADVISORY_FLAGS_NONE: Final = 0
IORING_CREATE_SKIP_BUILDER_PARAM_CHECKS: Final = 0x1

IORING_REF_RAW: Final = 0
IORING_REF_REGISTERED: Final = 1

# CommonOpFlags of an entry: the file, or the buffer, is named by its index.
REGISTERED_FILE: Final = 0x1
REGISTERED_BUFFER: Final = 0x2

FILE_WRITE_FLAGS_NONE: Final = 0
FILE_WRITE_FLAGS_WRITE_THROUGH: Final = 1

FILE_FLUSH_DEFAULT: Final = 0
FILE_FLUSH_DATA: Final = 1
FILE_FLUSH_MIN_METADATA: Final = 2
FILE_FLUSH_NO_SYNC: Final = 3

#: In place of a number of completions: wait for everything.
IORING_SUBMIT_WAIT_ALL: Final = 0xFFFF_FFFF

#: The smallest submission queue a ring gets, whatever it asks for; its completion queue is twice as long (row R1).
MINIMUM_SUBMISSION_QUEUE: Final = 8
MAXIMUM_SUBMISSION_QUEUE: Final = 0x10000
MAXIMUM_COMPLETION_QUEUE: Final = 0x20000
