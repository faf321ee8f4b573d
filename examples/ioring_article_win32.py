"""The I/O-ring sample program with its Windows names: read 0x200 bytes of a file through a ring and print them.

Usage: python ioring_article_win32.py [FILE]          without a file, this interpreter's own executable
"""

from __future__ import annotations

import sys

from ntio.win32.ioringapi import (
    IORING_CREATE_ADVISORY_FLAGS_NONE,
    IORING_CREATE_FLAGS,
    IORING_CREATE_REQUIRED_FLAGS_NONE,
    IORING_REF_RAW,
    IORING_VERSION_1,
    IOSQE_FLAGS_NONE,
    BuildIoRingReadFile,
    CloseIoRing,
    CreateIoRing,
    GetIoRingInfo,
    IoRingBufferRefFromPointer,
    IoRingHandleRefFromHandle,
    PopIoRingCompletion,
    SubmitIoRing,
)
from ntio.win32.memoryapi import MEM_COMMIT, MEM_RELEASE, PAGE_READWRITE, VirtualAlloc, VirtualFree, memory_at
from ntio.win32.win32file import FILE_SHARE_READ, GENERIC_READ, OPEN_EXISTING, CloseHandle, CreateFile
from ntio.win32.winerror import S_OK

SIZE = 0x200

flags = IORING_CREATE_FLAGS(IORING_CREATE_REQUIRED_FLAGS_NONE, IORING_CREATE_ADVISORY_FLAGS_NONE)
ring = CreateIoRing(IORING_VERSION_1, flags, 1, 1)
info = GetIoRingInfo(ring)
print(f"submission queue {info.SubmissionQueueSize}, completion queue {info.CompletionQueueSize}")

path = sys.argv[1] if len(sys.argv) > 1 else sys.executable
file = CreateFile(path, GENERIC_READ, FILE_SHARE_READ, None, OPEN_EXISTING, 0, None)
memory = VirtualAlloc(None, SIZE, MEM_COMMIT, PAGE_READWRITE)

file_ref, buffer_ref = IoRingHandleRefFromHandle(file), IoRingBufferRefFromPointer(memory)
assert file_ref.Kind == buffer_ref.Kind == IORING_REF_RAW
BuildIoRingReadFile(ring, file_ref, buffer_ref, SIZE, 0, 0, IOSQE_FLAGS_NONE)
print(f"submitted {SubmitIoRing(ring, 1, 10000)}")

completion = PopIoRingCompletion(ring)
assert completion is not None
assert completion.ResultCode == S_OK, hex(completion.ResultCode)
print(f"read {completion.Information:#x} bytes")
print(bytes(memory_at(memory, completion.Information))[:64].hex(" ", 4))

CloseIoRing(ring)
CloseHandle(file)
VirtualFree(memory, 0, MEM_RELEASE)
