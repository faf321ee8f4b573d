"""Numbers of the Win32 calls, by their names in winnt.h, winbase.h and fileapi.h.

Source: learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew, memoryapi. Rows: R12
"""

from __future__ import annotations

from typing import Final

GENERIC_READ: Final = 0x80000000
GENERIC_WRITE: Final = 0x40000000
GENERIC_EXECUTE: Final = 0x20000000
GENERIC_ALL: Final = 0x10000000
FILE_READ_DATA: Final = 0x1
FILE_WRITE_DATA: Final = 0x2
FILE_APPEND_DATA: Final = 0x4

FILE_SHARE_READ: Final = 0x1
FILE_SHARE_WRITE: Final = 0x2
FILE_SHARE_DELETE: Final = 0x4

CREATE_NEW: Final = 1
CREATE_ALWAYS: Final = 2
OPEN_EXISTING: Final = 3
OPEN_ALWAYS: Final = 4
TRUNCATE_EXISTING: Final = 5

FILE_ATTRIBUTE_READONLY: Final = 0x1
FILE_ATTRIBUTE_HIDDEN: Final = 0x2
FILE_ATTRIBUTE_SYSTEM: Final = 0x4
FILE_ATTRIBUTE_DIRECTORY: Final = 0x10
FILE_ATTRIBUTE_ARCHIVE: Final = 0x20
FILE_ATTRIBUTE_NORMAL: Final = 0x80
FILE_ATTRIBUTE_TEMPORARY: Final = 0x100

FILE_FLAG_WRITE_THROUGH: Final = 0x80000000
FILE_FLAG_OVERLAPPED: Final = 0x40000000
FILE_FLAG_NO_BUFFERING: Final = 0x20000000
FILE_FLAG_RANDOM_ACCESS: Final = 0x10000000
FILE_FLAG_SEQUENTIAL_SCAN: Final = 0x08000000
FILE_FLAG_DELETE_ON_CLOSE: Final = 0x04000000
FILE_FLAG_BACKUP_SEMANTICS: Final = 0x02000000

INFINITE: Final = 0xFFFFFFFF
WAIT_OBJECT_0: Final = 0
WAIT_TIMEOUT: Final = 258

MEM_COMMIT: Final = 0x1000
MEM_RESERVE: Final = 0x2000
MEM_DECOMMIT: Final = 0x4000
MEM_RELEASE: Final = 0x8000
PAGE_NOACCESS: Final = 0x01
PAGE_READONLY: Final = 0x02
PAGE_READWRITE: Final = 0x04

#: What CreateFile returns in C when it fails; as a handle of a call that takes one, it names nothing.
INVALID_HANDLE_VALUE: Final = 0xFFFF_FFFF_FFFF_FFFF
