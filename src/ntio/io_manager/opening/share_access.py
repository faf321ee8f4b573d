"""Share access: whether one more open of the same file gets along with those there are.

A file system keeps one `ShareAccess` per file. An open wants some access and says what it lets others have; it is
refused when it wants what an earlier open does not share, or does not share what an earlier open has. An open that
asks for none of reading, writing and deleting takes no part.

Source: learn.microsoft.com wdm.h, IoCheckShareAccess and SHARE_ACCESS; spec iomgr.md 3.5. Rows: R20
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...status import STATUS_SHARING_VIOLATION, STATUS_SUCCESS
from ..codes.file_codes import (
    DELETE,
    FILE_APPEND_DATA,
    FILE_EXECUTE,
    FILE_READ_DATA,
    FILE_SHARE_DELETE,
    FILE_SHARE_READ,
    FILE_SHARE_WRITE,
    FILE_WRITE_DATA,
)

if TYPE_CHECKING:
    from ..file_object import FileObject


class ShareAccess:
    """How many opens of a file there are, what they may do, and what they let others do.

    NT: SHARE_ACCESS
    """

    __slots__ = ("deleters", "open_count", "readers", "shared_delete", "shared_read", "shared_write", "writers")

    def __init__(self) -> None:
        self.open_count = self.readers = self.writers = self.deleters = 0
        self.shared_read = self.shared_write = self.shared_delete = 0

    def _count(self, file_object: FileObject, change: int) -> None:
        if not (file_object.read_access or file_object.write_access or file_object.delete_access):
            return
        self.open_count += change
        self.readers += change * file_object.read_access
        self.writers += change * file_object.write_access
        self.deleters += change * file_object.delete_access
        self.shared_read += change * file_object.shared_read
        self.shared_write += change * file_object.shared_write
        self.shared_delete += change * file_object.shared_delete


def check_share_access(
    access: int, share: int, file_object: FileObject, shared: ShareAccess, *, update: bool = False
) -> int:
    """STATUS_SUCCESS, or STATUS_SHARING_VIOLATION; with `update` a success is counted as one more open.

    What the open wants and shares is kept in the file object either way.
    NT: IoCheckShareAccess
    """
    _note(access, share, file_object)
    wanting = file_object.read_access or file_object.write_access or file_object.delete_access
    if wanting and (
        (file_object.read_access and shared.shared_read < shared.open_count)
        or (file_object.write_access and shared.shared_write < shared.open_count)
        or (file_object.delete_access and shared.shared_delete < shared.open_count)
        or (shared.readers and not file_object.shared_read)
        or (shared.writers and not file_object.shared_write)
        or (shared.deleters and not file_object.shared_delete)
    ):
        return STATUS_SHARING_VIOLATION
    if update:
        shared._count(file_object, 1)
    return STATUS_SUCCESS


def set_share_access(access: int, share: int, file_object: FileObject, shared: ShareAccess) -> None:
    """Make the first open of a file what its share access consists of.

    NT: IoSetShareAccess
    """
    _note(access, share, file_object)
    shared.__init__()  # type: ignore[misc]
    shared._count(file_object, 1)


def update_share_access(file_object: FileObject, shared: ShareAccess) -> None:
    """Count an open that was checked without being counted.

    NT: IoUpdateShareAccess
    """
    shared._count(file_object, 1)


def remove_share_access(file_object: FileObject, shared: ShareAccess) -> None:
    """Take an open out again; to be done at its cleanup.

    NT: IoRemoveShareAccess
    """
    shared._count(file_object, -1)


def _note(access: int, share: int, file_object: FileObject) -> None:
    file_object.read_access = read = bool(access & (FILE_READ_DATA | FILE_EXECUTE))
    file_object.write_access = write = bool(access & (FILE_WRITE_DATA | FILE_APPEND_DATA))
    file_object.delete_access = delete = bool(access & DELETE)
    if read or write or delete:
        file_object.shared_read = bool(share & FILE_SHARE_READ)
        file_object.shared_write = bool(share & FILE_SHARE_WRITE)
        file_object.shared_delete = bool(share & FILE_SHARE_DELETE)
