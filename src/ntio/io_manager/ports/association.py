"""Which ends of a file's requests its completion port hears of, and whether it goes to another port.

    set_notification_modes    no packet for what succeeded at once; no signal on the file itself
    replace_association       to another port, or to none

A file gets its port by `CompletionPort.associate`. All this belongs to the file object, so that duplicates of a handle
share it. A file of synchronous requests has none of it, as its callers wait for themselves.

Source: spec iocp.md 1, 3, 4; WDK NtSetInformationFile, classes 41 and 61. Rows: R35
"""

from __future__ import annotations

from ...status import STATUS_FILE_CLOSED, STATUS_INVALID_PARAMETER, STATUS_SUCCESS
from ..codes.file_codes import (
    FILE_SKIP_COMPLETION_PORT_ON_SUCCESS,
    FILE_SKIP_SET_EVENT_ON_HANDLE,
    FO_SKIP_COMPLETION_PORT,
    FO_SKIP_SET_EVENT,
    FO_SYNCHRONOUS_IO,
)
from ..file_object import FileObject
from .completion_port import CompletionPort

_FLAGS = {
    FILE_SKIP_COMPLETION_PORT_ON_SUCCESS: FO_SKIP_COMPLETION_PORT,
    FILE_SKIP_SET_EVENT_ON_HANDLE: FO_SKIP_SET_EVENT,
}


def set_notification_modes(file_object: FileObject, modes: int) -> int:
    """Add to what a file leaves out (FILE_SKIP_...); nothing is ever taken back. Returns the NTSTATUS.

    STATUS_INVALID_PARAMETER for a synchronous file, and for a bit that means nothing.
    NT: NtSetInformationFile (FileIoCompletionNotificationInformation)
    """
    refused = _refused(file_object)
    if refused or modes & ~sum(_FLAGS):
        return refused or STATUS_INVALID_PARAMETER
    with file_object.device.driver.io.irps.lock:
        for mode, flag in _FLAGS.items():
            file_object.flags |= flag if modes & mode else 0
    return STATUS_SUCCESS


def replace_association(file_object: FileObject, port: CompletionPort | None, key: int) -> int:
    """Give a file another port, or none; requests in flight go to the new one. Returns the NTSTATUS.

    NT: NtSetInformationFile (FileReplaceCompletionInformation)
    """
    if refused := _refused(file_object):
        return refused
    former, file_object.completion_context = file_object.completion_context, None
    if former is not None and isinstance(former.port, CompletionPort):
        former.port.forget(file_object)
    if port is not None:
        port.associate(file_object, key)
    return STATUS_SUCCESS


def _refused(file_object: FileObject) -> int:
    if file_object.closed:
        return STATUS_FILE_CLOSED
    return STATUS_INVALID_PARAMETER if file_object.flags & FO_SYNCHRONOUS_IO else STATUS_SUCCESS
