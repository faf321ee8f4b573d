"""How a file is to be opened: what the caller of an open says, checked, and what becomes of it in the packet.

The parameters reach the driver as the `argument` of its stack location; `key` and `byte_offset` hold the two packed
words that Windows has there, disposition and options, attributes and sharing.

Source: spec iomgr.md 3.5 step 5; learn.microsoft.com NtCreateFile. Rows: R20
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ...security.descriptor import SecurityDescriptor
from ...status import STATUS_INVALID_PARAMETER, STATUS_SUCCESS
from ..codes.file_codes import (
    DELETE,
    FILE_APPEND_DATA,
    FILE_ATTRIBUTE_VALID_FLAGS,
    FILE_CREATE,
    FILE_DELETE_ON_CLOSE,
    FILE_DIRECTORY_FILE,
    FILE_NO_INTERMEDIATE_BUFFERING,
    FILE_NON_DIRECTORY_FILE,
    FILE_OPEN,
    FILE_OPEN_IF,
    FILE_OVERWRITE_IF,
    FILE_RANDOM_ACCESS,
    FILE_SEQUENTIAL_ONLY,
    FILE_SYNCHRONOUS_IO_ALERT,
    FILE_SYNCHRONOUS_IO_NONALERT,
    FILE_VALID_OPTION_FLAGS,
    FILE_WRITE_THROUGH,
    FO_ALERTABLE_IO,
    FO_NO_INTERMEDIATE_BUFFERING,
    FO_RANDOM_ACCESS,
    FO_SEQUENTIAL_ONLY,
    FO_SYNCHRONOUS_IO,
    FO_WRITE_THROUGH,
    SYNCHRONIZE,
)

_SYNCHRONOUS = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT
_DIRECTORY_OPTIONS = FILE_DIRECTORY_FILE | _SYNCHRONOUS | FILE_WRITE_THROUGH | FILE_DELETE_ON_CLOSE | 0xF0_4000
_DIRECTORY_DISPOSITIONS = (FILE_OPEN, FILE_CREATE, FILE_OPEN_IF)

#: Which flag of the file object each create option becomes.
_FLAGS = (
    (_SYNCHRONOUS, FO_SYNCHRONOUS_IO),
    (FILE_SYNCHRONOUS_IO_ALERT, FO_ALERTABLE_IO),
    (FILE_NO_INTERMEDIATE_BUFFERING, FO_NO_INTERMEDIATE_BUFFERING),
    (FILE_WRITE_THROUGH, FO_WRITE_THROUGH),
    (FILE_SEQUENTIAL_ONLY, FO_SEQUENTIAL_ONLY),
    (FILE_RANDOM_ACCESS, FO_RANDOM_ACCESS),
)


@dataclass(frozen=True, slots=True)
class NamedPipeParameters:
    """What the server end of a named pipe is to be like: types and modes, how many instances, quotas in bytes.

    `default_timeout` is relative, so negative, in steps of 100 ns; a pipe that is made needs it.
    NT: NAMED_PIPE_CREATE_PARAMETERS
    """

    messages: bool = False
    read_messages: bool = False
    nowait: bool = False
    maximum_instances: int = 0xFFFF_FFFF
    inbound_quota: int = 0
    outbound_quota: int = 0
    default_timeout: int | None = None


@dataclass(frozen=True, slots=True)
class CreateParameters:
    """How a file is to be opened: disposition (FILE_OPEN ...), wanted access, options, sharing, attributes.

    `attributes` and `allocation_size` are for a file that is created; `ea` is a list of extended attributes as bytes;
    `flags` are SL_ flags of the stack location. Left out, `options` ask for a synchronous file. With `pipe` the server
    end of a named pipe is made; `security` is the descriptor of what is made, where a driver keeps one.
    NT: the parameters of NtCreateFile
    """

    disposition: int = FILE_OPEN
    access: int = 0
    options: int = FILE_SYNCHRONOUS_IO_NONALERT
    share: int = 7
    attributes: int = 0
    ea: bytes = b""
    flags: int = 0
    allocation_size: int = 0
    pipe: NamedPipeParameters | None = None
    security: SecurityDescriptor | None = None


@lru_cache(maxsize=64)
def file_flags(options: int) -> int:
    """The FO_ flags of a file object opened with these create options."""
    flags = 0
    for option, flag in _FLAGS:
        flags |= flag if options & option else 0
    return flags


def check_parameters(parameters: CreateParameters) -> int:
    """STATUS_SUCCESS, or STATUS_INVALID_PARAMETER for what a caller in user mode may not combine."""
    options, access = parameters.options, parameters.access  # generic rights do not count: they are mapped later
    synchronous = options & _SYNCHRONOUS
    wrong = (
        parameters.attributes & ~FILE_ATTRIBUTE_VALID_FLAGS
        or parameters.share & ~7
        or not 0 <= parameters.disposition <= FILE_OVERWRITE_IF
        or options & ~FILE_VALID_OPTION_FLAGS
        or (synchronous and not access & SYNCHRONIZE)
        or synchronous == _SYNCHRONOUS
        or (options & FILE_DELETE_ON_CLOSE and not access & DELETE)
        or options & (FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE) == FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE
        or (options & FILE_NO_INTERMEDIATE_BUFFERING and access & FILE_APPEND_DATA)
    )
    if options & FILE_DIRECTORY_FILE and not options & FILE_NON_DIRECTORY_FILE:
        wrong = wrong or options & ~_DIRECTORY_OPTIONS or parameters.disposition not in _DIRECTORY_DISPOSITIONS
    return STATUS_INVALID_PARAMETER if wrong else STATUS_SUCCESS
