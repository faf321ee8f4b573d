"""Byte-exact structures: what Windows programs, drivers and rings lay out in memory, x64.

Records that come in columns are NumPy dtypes: `entries["UserData"] = ids` fills a whole array of NT_IORING_SQE with one
statement, and the same bytes are what a C program would see. Names and field names are those of the Windows headers. A
union is written as fields that share an offset, so `ref["Handle"]` and `ref["Index"]` read the same bytes:

    NT_IORING_SQE   0 ─ OpCode ─ 4 ─ Flags ─ 8 ─ UserData ─ 16 ─ Read | Write | Flush | Cancel | ... ─ 64
    IORING_CQE      0 ─ UserData ─ 8 ─ ResultCode ─ 12 ─ (pad) ─ 16 ─ Information ─ 24

Every record is little-endian with x64 alignment on every host; pointers and handles are 64-bit numbers, never Python
objects. Status columns are unsigned (`uint32`), although the C headers call them signed: the bits are the same, and an
unsigned column can be compared with the `STATUS_…` numbers. `OVERLAPPED` is a ctypes structure, because programs derive
their own from it and pass its address.

Sources: I/O ring specification 1.4 (22H2 layout), completion port specification 6, I/O manager specification 1.6;
Microsoft's reference pages of ntifs.h, wdm.h, winioctl.h and minwinbase.h.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

Record: TypeAlias = "np.dtype[np.void]"


def _record(size: int, **fields: tuple[str | Record, int]) -> Record:
    """Lay `name=(format, offset)` out in `size` bytes; fields may overlap, as the members of a union do."""
    formats = [format for format, _ in fields.values()]
    offsets = [offset for _, offset in fields.values()]
    return np.dtype({"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": size})


# --- I/O rings, Win32 layer -------------------------------------------------------------------------------------------

IORING_CREATE_FLAGS = _record(8, Required=("<u4", 0), Advisory=("<u4", 4))
IORING_INFO = _record(
    20,
    IoRingVersion=("<u4", 0),
    Flags=(IORING_CREATE_FLAGS, 4),
    SubmissionQueueSize=("<u4", 12),
    CompletionQueueSize=("<u4", 16),
)
IORING_CAPABILITIES = _record(
    16,
    MaxVersion=("<u4", 0),
    MaxSubmissionQueueSize=("<u4", 4),
    MaxCompletionQueueSize=("<u4", 8),
    FeatureFlags=("<u4", 12),
)
IORING_HANDLE_REF = _record(16, Kind=("<u4", 0), Handle=("<u8", 8), Index=("<u4", 8))
IORING_BUFFER_REF = _record(16, Kind=("<u4", 0), Address=("<u8", 8), BufferIndex=("<u4", 8), Offset=("<u4", 12))
IORING_BUFFER_INFO = _record(16, Address=("<u8", 0), Length=("<u4", 8))
IORING_REGISTERED_BUFFER = _record(8, BufferIndex=("<u4", 0), Offset=("<u4", 4))
IORING_CQE = _record(24, UserData=("<u8", 0), ResultCode=("<u4", 8), Information=("<u8", 16))

# --- I/O rings, NT layer ----------------------------------------------------------------------------------------------

NT_IORING_STRUCTV1 = _record(
    20,
    IoRingVersion=("<u4", 0),
    SubmissionQueueSize=("<u4", 4),
    CompletionQueueSize=("<u4", 8),
    RequiredFlags=("<u4", 12),
    AdvisoryFlags=("<u4", 16),
)
NT_IORING_INFO = _record(
    48,
    IoRingVersion=("<u4", 0),
    RequiredFlags=("<u4", 4),
    AdvisoryFlags=("<u4", 8),
    SubmissionQueueSize=("<u4", 12),
    SubmissionQueueRingMask=("<u4", 16),
    CompletionQueueSize=("<u4", 20),
    CompletionQueueRingMask=("<u4", 24),
    SubmissionQueue=("<u8", 32),
    CompletionQueue=("<u8", 40),
)
NT_IORING_CAPABILITIES = _record(
    20,
    MaxVersion=("<u4", 0),
    MaxOpcode=("<u4", 4),
    FeatureFlags=("<u4", 8),
    MaxSubmissionQueueSize=("<u4", 12),
    MaxCompletionQueueSize=("<u4", 16),
)

# The queues' heads: the entries follow directly, NT_IORING_SQE at 16 and IORING_CQE at 8.
NT_IORING_SUBMISSION_QUEUE = _record(16, Head=("<u4", 0), Tail=("<u4", 4), Flags=("<u4", 8))
NT_IORING_COMPLETION_QUEUE = _record(8, Head=("<u4", 0), Tail=("<u4", 4))

_FILE: dict[str, tuple[str | Record, int]] = {"CommonOpFlags": ("<u4", 0), "File": ("<u8", 8), "FileIndex": ("<u4", 8)}
_TRANSFER: dict[str, tuple[str | Record, int]] = {
    **_FILE,
    "Buffer": ("<u8", 0x10),
    "BufferIndex": ("<u4", 0x10),
    "BufferOffset": ("<u4", 0x14),
    "Offset": ("<u8", 0x18),
    "Length": ("<u4", 0x20),
    "Key": ("<u4", 0x24),
}
_SEGMENTS: dict[str, tuple[str | Record, int]] = {
    **_FILE,
    "SegmentCount": ("<u4", 0x10),
    "SegmentArray": ("<u8", 0x18),
    "Offset": ("<u8", 0x20),
    "Length": ("<u4", 0x28),
    "Key": ("<u4", 0x2C),
}

NT_IORING_OP_READ = _record(0x28, **_TRANSFER)
NT_IORING_OP_WRITE = _record(0x28, **_TRANSFER, Flags=("<u4", 4))
NT_IORING_OP_FLUSH = _record(0x10, **_FILE, FlushMode=("<u4", 4))
NT_IORING_OP_CANCEL = _record(0x18, **_FILE, CancelId=("<u8", 0x10))
NT_IORING_OP_REGISTER = _record(
    0x18,
    CommonOpFlags=("<u4", 0),
    RequiredFlags=("<u4", 4),
    AdvisoryFlags=("<u4", 8),
    Count=("<u4", 0xC),
    Array=("<u8", 0x10),
)
NT_IORING_OP_READ_SCATTER = _record(0x30, **_SEGMENTS)
NT_IORING_OP_WRITE_GATHER = _record(0x30, **_SEGMENTS, Flags=("<u4", 4))

NT_IORING_SQE = _record(
    64,
    OpCode=("<u4", 0),
    Flags=("<u4", 4),
    UserData=("<u8", 8),
    Read=(NT_IORING_OP_READ, 0x10),
    Write=(NT_IORING_OP_WRITE, 0x10),
    Flush=(NT_IORING_OP_FLUSH, 0x10),
    Cancel=(NT_IORING_OP_CANCEL, 0x10),
    RegisterFiles=(NT_IORING_OP_REGISTER, 0x10),
    RegisterBuffers=(NT_IORING_OP_REGISTER, 0x10),
    ReadScatter=(NT_IORING_OP_READ_SCATTER, 0x10),
    WriteGather=(NT_IORING_OP_WRITE_GATHER, 0x10),
)

# --- Requests and files -----------------------------------------------------------------------------------------------

IO_STATUS_BLOCK = _record(16, Status=("<u4", 0), Pointer=("<u8", 0), Information=("<u8", 8))
OVERLAPPED_ENTRY = _record(
    32,
    lpCompletionKey=("<u8", 0),
    lpOverlapped=("<u8", 8),
    Internal=("<u8", 16),
    dwNumberOfBytesTransferred=("<u4", 24),
)

# Times are 100 ns steps since 1601-01-01 UTC.
FILE_BASIC_INFORMATION = _record(
    40,
    CreationTime=("<i8", 0),
    LastAccessTime=("<i8", 8),
    LastWriteTime=("<i8", 16),
    ChangeTime=("<i8", 24),
    FileAttributes=("<u4", 32),
)
FILE_STANDARD_INFORMATION = _record(
    24,
    AllocationSize=("<i8", 0),
    EndOfFile=("<i8", 8),
    NumberOfLinks=("<u4", 16),
    DeletePending=("u1", 20),
    Directory=("u1", 21),
)
FILE_POSITION_INFORMATION = _record(8, CurrentByteOffset=("<i8", 0))
FILE_END_OF_FILE_INFORMATION = _record(8, EndOfFile=("<i8", 0))
FILE_ALLOCATION_INFORMATION = _record(8, AllocationSize=("<i8", 0))
FILE_INTERNAL_INFORMATION = _record(8, IndexNumber=("<i8", 0))
FILE_EA_INFORMATION = _record(4, EaSize=("<u4", 0))
FILE_ACCESS_INFORMATION = _record(4, AccessFlags=("<u4", 0))
FILE_MODE_INFORMATION = _record(4, Mode=("<u4", 0))
FILE_ALIGNMENT_INFORMATION = _record(4, AlignmentRequirement=("<u4", 0))
FILE_DISPOSITION_INFORMATION = _record(1, DeleteFile=("u1", 0))
FILE_PIPE_INFORMATION = _record(8, ReadMode=("<u4", 0), CompletionMode=("<u4", 4))
FILE_PIPE_LOCAL_INFORMATION = _record(
    40,
    NamedPipeType=("<u4", 0),
    NamedPipeConfiguration=("<u4", 4),
    MaximumInstances=("<u4", 8),
    CurrentInstances=("<u4", 12),
    InboundQuota=("<u4", 16),
    ReadDataAvailable=("<u4", 20),
    OutboundQuota=("<u4", 24),
    WriteQuotaAvailable=("<u4", 28),
    NamedPipeState=("<u4", 32),
    NamedPipeEnd=("<u4", 36),
)
# The heads of a peek's answer, which data follows, and of what a client waits for, with the name of a pipe behind it.
FILE_PIPE_PEEK_BUFFER = _record(
    16, NamedPipeState=("<u4", 0), ReadDataAvailable=("<u4", 4), NumberOfMessages=("<u4", 8), MessageLength=("<u4", 12)
)
FILE_PIPE_WAIT_FOR_BUFFER = _record(
    16, Timeout=("<i8", 0), NameLength=("<u4", 8), TimeoutSpecified=("u1", 12), Name=("<u2", 14)
)
FILE_ATTRIBUTE_TAG_INFORMATION = _record(8, FileAttributes=("<u4", 0), ReparseTag=("<u4", 4))
FILE_NETWORK_OPEN_INFORMATION = _record(
    56,
    CreationTime=("<i8", 0),
    LastAccessTime=("<i8", 8),
    LastWriteTime=("<i8", 16),
    ChangeTime=("<i8", 24),
    AllocationSize=("<i8", 32),
    EndOfFile=("<i8", 40),
    FileAttributes=("<u4", 48),
)
# The heads of structures that end in a name: UTF-16 text begins at the offset of the last field and may go on.
FILE_NAME_INFORMATION = _record(8, FileNameLength=("<u4", 0), FileName=("<u2", 4))
FILE_RENAME_INFORMATION = _record(
    24,
    ReplaceIfExists=("u1", 0),
    RootDirectory=("<u8", 8),
    FileNameLength=("<u4", 16),
    FileName=("<u2", 20),
)
FILE_ALL_INFORMATION = _record(
    104,
    BasicInformation=(FILE_BASIC_INFORMATION, 0),
    StandardInformation=(FILE_STANDARD_INFORMATION, 40),
    InternalInformation=(FILE_INTERNAL_INFORMATION, 64),
    EaInformation=(FILE_EA_INFORMATION, 72),
    AccessInformation=(FILE_ACCESS_INFORMATION, 76),
    PositionInformation=(FILE_POSITION_INFORMATION, 80),
    ModeInformation=(FILE_MODE_INFORMATION, 88),
    AlignmentInformation=(FILE_ALIGNMENT_INFORMATION, 92),
    NameInformation=(FILE_NAME_INFORMATION, 96),
)
FILE_FS_VOLUME_INFORMATION = _record(
    24,
    VolumeCreationTime=("<i8", 0),
    VolumeSerialNumber=("<u4", 8),
    VolumeLabelLength=("<u4", 12),
    SupportsObjects=("u1", 16),
    VolumeLabel=("<u2", 18),
)
FILE_FS_SIZE_INFORMATION = _record(
    24,
    TotalAllocationUnits=("<i8", 0),
    AvailableAllocationUnits=("<i8", 8),
    SectorsPerAllocationUnit=("<u4", 16),
    BytesPerSector=("<u4", 20),
)
FILE_FS_DEVICE_INFORMATION = _record(8, DeviceType=("<u4", 0), Characteristics=("<u4", 4))
FILE_FS_ATTRIBUTE_INFORMATION = _record(
    16,
    FileSystemAttributes=("<u4", 0),
    MaximumComponentNameLength=("<i4", 4),
    FileSystemNameLength=("<u4", 8),
    FileSystemName=("<u2", 12),
)
FILE_FS_FULL_SIZE_INFORMATION = _record(
    32,
    TotalAllocationUnits=("<i8", 0),
    CallerAvailableAllocationUnits=("<i8", 8),
    ActualAvailableAllocationUnits=("<i8", 16),
    SectorsPerAllocationUnit=("<u4", 24),
    BytesPerSector=("<u4", 28),
)
FILE_FS_SECTOR_SIZE_INFORMATION = _record(
    28,
    LogicalBytesPerSector=("<u4", 0),
    PhysicalBytesPerSectorForAtomicity=("<u4", 4),
    PhysicalBytesPerSectorForPerformance=("<u4", 8),
    FileSystemEffectivePhysicalBytesPerSectorForAtomicity=("<u4", 12),
    Flags=("<u4", 16),
    ByteOffsetForSectorAlignment=("<u4", 20),
    ByteOffsetForPartitionAlignment=("<u4", 24),
)
UNICODE_STRING = _record(16, Length=("<u2", 0), MaximumLength=("<u2", 2), Buffer=("<u8", 8))
OBJECT_NAME_INFORMATION = _record(16, Name=(UNICODE_STRING, 0))
# The head of a REPARSE_DATA_BUFFER that holds a mount point; the two names follow in PathBuffer.
REPARSE_DATA_BUFFER = _record(
    20,
    ReparseTag=("<u4", 0),
    ReparseDataLength=("<u2", 4),
    Reserved=("<u2", 6),
    SubstituteNameOffset=("<u2", 8),
    SubstituteNameLength=("<u2", 10),
    PrintNameOffset=("<u2", 12),
    PrintNameLength=("<u2", 14),
    PathBuffer=("<u2", 16),
)
GET_LENGTH_INFORMATION = _record(8, Length=("<i8", 0))


class _OverlappedOffset(ctypes.Structure):
    _fields_ = (("Offset", ctypes.c_uint32), ("OffsetHigh", ctypes.c_uint32))


class _OverlappedPlace(ctypes.Union):
    _anonymous_ = ("_offset",)
    _fields_ = (("_offset", _OverlappedOffset), ("Pointer", ctypes.c_uint64))


class OVERLAPPED(ctypes.Structure):
    """One overlapped request: where in the file, which event, and how it ended; 32 bytes, meant to be derived from.

    `Internal` is the NTSTATUS (0x103 while pending), `InternalHigh` the bytes moved, `Offset` and `OffsetHigh` the two
    halves of the 64-bit position (also `Pointer`), `hEvent` a handle or 0 (completion port specification 6).
    NT: OVERLAPPED
    """

    _anonymous_ = ("_place",)
    # Annotated, so that programs may name the fields they add in a class of their own.
    _fields_: ClassVar[Sequence[tuple[str, type[Any]] | tuple[str, type[Any], int]]] = (
        ("Internal", ctypes.c_uint64),
        ("InternalHigh", ctypes.c_uint64),
        ("_place", _OverlappedPlace),
        ("hEvent", ctypes.c_uint64),
    )

    Internal: int
    InternalHigh: int
    Offset: int
    OffsetHigh: int
    Pointer: int
    hEvent: int


# --- Control codes ----------------------------------------------------------------------------------------------------

METHOD_BUFFERED = 0
METHOD_IN_DIRECT = 1
METHOD_OUT_DIRECT = 2
METHOD_NEITHER = 3

FILE_ANY_ACCESS = 0
FILE_READ_ACCESS = 1
FILE_WRITE_ACCESS = 2

FILE_DEVICE_DISK = 0x07
FILE_DEVICE_NAMED_PIPE = 0x11


def CTL_CODE(device_type: int, function: int, method: int, access: int) -> int:
    """Make a control code from its four parts: 16, 12, 2 and 2 bits wide; ValueError when one does not fit.

    The method (bits 0-1) says how buffers travel, the access (bits 14-15) what the handle must be allowed to do
    (I/O manager specification 1.6).
    NT: CTL_CODE
    """
    parts = (("device_type", device_type, 16), ("function", function, 12), ("method", method, 2), ("access", access, 2))
    for name, value, bits in parts:
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{name} must be in 0..0x{(1 << bits) - 1:X}, not {value:#x}")
    return device_type << 16 | access << 14 | function << 2 | method


FSCTL_PIPE_DISCONNECT = CTL_CODE(FILE_DEVICE_NAMED_PIPE, 1, METHOD_BUFFERED, FILE_ANY_ACCESS)
FSCTL_PIPE_LISTEN = CTL_CODE(FILE_DEVICE_NAMED_PIPE, 2, METHOD_BUFFERED, FILE_ANY_ACCESS)
FSCTL_PIPE_PEEK = CTL_CODE(FILE_DEVICE_NAMED_PIPE, 3, METHOD_BUFFERED, FILE_READ_ACCESS)
FSCTL_PIPE_IMPERSONATE = CTL_CODE(FILE_DEVICE_NAMED_PIPE, 7, METHOD_BUFFERED, FILE_ANY_ACCESS)
FSCTL_PIPE_TRANSCEIVE = CTL_CODE(FILE_DEVICE_NAMED_PIPE, 5, METHOD_NEITHER, FILE_READ_ACCESS | FILE_WRITE_ACCESS)
FSCTL_PIPE_WAIT = CTL_CODE(FILE_DEVICE_NAMED_PIPE, 6, METHOD_BUFFERED, FILE_ANY_ACCESS)
IOCTL_DISK_GET_LENGTH_INFO = CTL_CODE(FILE_DEVICE_DISK, 0x17, METHOD_BUFFERED, FILE_READ_ACCESS)
