"""Byte-exact structures: every size and offset, written out again from the documents."""

from __future__ import annotations

import ctypes
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio import abi

FILE = {"CommonOpFlags": 0, "File": 8, "FileIndex": 8}
TRANSFER = {**FILE, "Buffer": 16, "BufferIndex": 16, "BufferOffset": 20, "Offset": 24, "Length": 32, "Key": 36}
SEGMENTS = {**FILE, "SegmentCount": 16, "SegmentArray": 24, "Offset": 32, "Length": 40, "Key": 44}

LAYOUTS = {
    "IORING_CREATE_FLAGS": (8, {"Required": 0, "Advisory": 4}),
    "IORING_INFO": (20, {"IoRingVersion": 0, "Flags": 4, "SubmissionQueueSize": 12, "CompletionQueueSize": 16}),
    "IORING_CAPABILITIES": (
        16,
        {"MaxVersion": 0, "MaxSubmissionQueueSize": 4, "MaxCompletionQueueSize": 8, "FeatureFlags": 12},
    ),
    "IORING_HANDLE_REF": (16, {"Kind": 0, "Handle": 8, "Index": 8}),
    "IORING_BUFFER_REF": (16, {"Kind": 0, "Address": 8, "BufferIndex": 8, "Offset": 12}),
    "IORING_BUFFER_INFO": (16, {"Address": 0, "Length": 8}),
    "IORING_REGISTERED_BUFFER": (8, {"BufferIndex": 0, "Offset": 4}),
    "IORING_CQE": (24, {"UserData": 0, "ResultCode": 8, "Information": 16}),
    "NT_IORING_STRUCTV1": (
        20,
        {
            "IoRingVersion": 0,
            "SubmissionQueueSize": 4,
            "CompletionQueueSize": 8,
            "RequiredFlags": 12,
            "AdvisoryFlags": 16,
        },
    ),
    "NT_IORING_INFO": (
        48,
        {
            "IoRingVersion": 0,
            "RequiredFlags": 4,
            "AdvisoryFlags": 8,
            "SubmissionQueueSize": 12,
            "SubmissionQueueRingMask": 16,
            "CompletionQueueSize": 20,
            "CompletionQueueRingMask": 24,
            "SubmissionQueue": 32,
            "CompletionQueue": 40,
        },
    ),
    "NT_IORING_CAPABILITIES": (
        20,
        {
            "MaxVersion": 0,
            "MaxOpcode": 4,
            "FeatureFlags": 8,
            "MaxSubmissionQueueSize": 12,
            "MaxCompletionQueueSize": 16,
        },
    ),
    "NT_IORING_SUBMISSION_QUEUE": (16, {"Head": 0, "Tail": 4, "Flags": 8}),
    "NT_IORING_COMPLETION_QUEUE": (8, {"Head": 0, "Tail": 4}),
    "NT_IORING_OP_READ": (0x28, TRANSFER),
    "NT_IORING_OP_WRITE": (0x28, {**TRANSFER, "Flags": 4}),
    "NT_IORING_OP_FLUSH": (0x10, {**FILE, "FlushMode": 4}),
    "NT_IORING_OP_CANCEL": (0x18, {**FILE, "CancelId": 16}),
    "NT_IORING_OP_REGISTER": (
        0x18,
        {"CommonOpFlags": 0, "RequiredFlags": 4, "AdvisoryFlags": 8, "Count": 12, "Array": 16},
    ),
    "NT_IORING_OP_READ_SCATTER": (0x30, SEGMENTS),
    "NT_IORING_OP_WRITE_GATHER": (0x30, {**SEGMENTS, "Flags": 4}),
    "NT_IORING_SQE": (
        64,
        {
            "OpCode": 0,
            "Flags": 4,
            "UserData": 8,
            **dict.fromkeys(
                ("Read", "Write", "Flush", "Cancel", "RegisterFiles", "RegisterBuffers", "ReadScatter", "WriteGather"),
                16,
            ),
        },
    ),
    "IO_STATUS_BLOCK": (16, {"Status": 0, "Pointer": 0, "Information": 8}),
    "OVERLAPPED_ENTRY": (
        32,
        {"lpCompletionKey": 0, "lpOverlapped": 8, "Internal": 16, "dwNumberOfBytesTransferred": 24},
    ),
    "FILE_BASIC_INFORMATION": (
        40,
        {"CreationTime": 0, "LastAccessTime": 8, "LastWriteTime": 16, "ChangeTime": 24, "FileAttributes": 32},
    ),
    "FILE_STANDARD_INFORMATION": (
        24,
        {"AllocationSize": 0, "EndOfFile": 8, "NumberOfLinks": 16, "DeletePending": 20, "Directory": 21},
    ),
    "FILE_POSITION_INFORMATION": (8, {"CurrentByteOffset": 0}),
    "FILE_END_OF_FILE_INFORMATION": (8, {"EndOfFile": 0}),
    "FILE_ALLOCATION_INFORMATION": (8, {"AllocationSize": 0}),
    "FILE_INTERNAL_INFORMATION": (8, {"IndexNumber": 0}),
    "FILE_EA_INFORMATION": (4, {"EaSize": 0}),
    "FILE_ACCESS_INFORMATION": (4, {"AccessFlags": 0}),
    "FILE_MODE_INFORMATION": (4, {"Mode": 0}),
    "FILE_ALIGNMENT_INFORMATION": (4, {"AlignmentRequirement": 0}),
    "FILE_DISPOSITION_INFORMATION": (1, {"DeleteFile": 0}),
    "FILE_PIPE_INFORMATION": (8, {"ReadMode": 0, "CompletionMode": 4}),
    "FILE_PIPE_LOCAL_INFORMATION": (
        40,
        {
            "NamedPipeType": 0,
            "NamedPipeConfiguration": 4,
            "MaximumInstances": 8,
            "CurrentInstances": 12,
            "InboundQuota": 16,
            "ReadDataAvailable": 20,
            "OutboundQuota": 24,
            "WriteQuotaAvailable": 28,
            "NamedPipeState": 32,
            "NamedPipeEnd": 36,
        },
    ),
    "FILE_PIPE_PEEK_BUFFER": (
        16,
        {"NamedPipeState": 0, "ReadDataAvailable": 4, "NumberOfMessages": 8, "MessageLength": 12},
    ),
    "FILE_PIPE_WAIT_FOR_BUFFER": (16, {"Timeout": 0, "NameLength": 8, "TimeoutSpecified": 12, "Name": 14}),
    "FILE_ATTRIBUTE_TAG_INFORMATION": (8, {"FileAttributes": 0, "ReparseTag": 4}),
    "FILE_NETWORK_OPEN_INFORMATION": (
        56,
        {
            "CreationTime": 0, "LastAccessTime": 8, "LastWriteTime": 16, "ChangeTime": 24, "AllocationSize": 32,
            "EndOfFile": 40, "FileAttributes": 48,
        },
    ),
    "FILE_NAME_INFORMATION": (8, {"FileNameLength": 0, "FileName": 4}),
    "FILE_RENAME_INFORMATION": (
        24,
        {"ReplaceIfExists": 0, "RootDirectory": 8, "FileNameLength": 16, "FileName": 20},
    ),
    "FILE_ALL_INFORMATION": (
        104,
        {
            "BasicInformation": 0, "StandardInformation": 40, "InternalInformation": 64, "EaInformation": 72,
            "AccessInformation": 76, "PositionInformation": 80, "ModeInformation": 88, "AlignmentInformation": 92,
            "NameInformation": 96,
        },
    ),
    "FILE_FS_VOLUME_INFORMATION": (
        24,
        {
            "VolumeCreationTime": 0, "VolumeSerialNumber": 8, "VolumeLabelLength": 12, "SupportsObjects": 16,
            "VolumeLabel": 18,
        },
    ),
    "FILE_FS_SIZE_INFORMATION": (
        24,
        {
            "TotalAllocationUnits": 0, "AvailableAllocationUnits": 8, "SectorsPerAllocationUnit": 16,
            "BytesPerSector": 20,
        },
    ),
    "FILE_FS_DEVICE_INFORMATION": (8, {"DeviceType": 0, "Characteristics": 4}),
    "FILE_FS_ATTRIBUTE_INFORMATION": (
        16,
        {"FileSystemAttributes": 0, "MaximumComponentNameLength": 4, "FileSystemNameLength": 8, "FileSystemName": 12},
    ),
    "FILE_FS_FULL_SIZE_INFORMATION": (
        32,
        {
            "TotalAllocationUnits": 0, "CallerAvailableAllocationUnits": 8, "ActualAvailableAllocationUnits": 16,
            "SectorsPerAllocationUnit": 24, "BytesPerSector": 28,
        },
    ),
    "FILE_FS_SECTOR_SIZE_INFORMATION": (
        28,
        {
            "LogicalBytesPerSector": 0, "PhysicalBytesPerSectorForAtomicity": 4,
            "PhysicalBytesPerSectorForPerformance": 8, "FileSystemEffectivePhysicalBytesPerSectorForAtomicity": 12,
            "Flags": 16, "ByteOffsetForSectorAlignment": 20, "ByteOffsetForPartitionAlignment": 24,
        },
    ),
    "UNICODE_STRING": (16, {"Length": 0, "MaximumLength": 2, "Buffer": 8}),
    "OBJECT_NAME_INFORMATION": (16, {"Name": 0}),
    "REPARSE_DATA_BUFFER": (
        20,
        {
            "ReparseTag": 0, "ReparseDataLength": 4, "Reserved": 6, "SubstituteNameOffset": 8,
            "SubstituteNameLength": 10, "PrintNameOffset": 12, "PrintNameLength": 14, "PathBuffer": 16,
        },
    ),
    "GET_LENGTH_INFORMATION": (8, {"Length": 0}),
}

RECORDS = {name: value for name, value in vars(abi).items() if isinstance(value, np.dtype)}
u64 = st.integers(0, 2**64 - 1)
u32 = st.integers(0, 2**32 - 1)


@pytest.mark.row("R5")
@pytest.mark.parametrize("name", sorted(RECORDS))
def test_size_and_offsets(name: str) -> None:
    record = RECORDS[name]
    fields = record.fields
    assert fields is not None
    assert (record.itemsize, {field: place[1] for field, place in fields.items()}) == LAYOUTS[name]


def test_no_layout_is_missing() -> None:
    assert set(RECORDS) == set(LAYOUTS)


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_fields_are_little_endian_and_inside(name: str) -> None:
    for dtype, offset, *_ in (RECORDS[name].fields or {}).values():
        assert offset + dtype.itemsize <= RECORDS[name].itemsize
        assert dtype.fields is not None or dtype.newbyteorder("<") == dtype


@given(u64, u32, u64)
def test_a_completion_entry_is_the_bytes_a_c_program_reads(user_data: int, result: int, information: int) -> None:
    entries = np.zeros(2, abi.IORING_CQE)
    entries[1] = (user_data, result, information)
    assert entries[1:].tobytes() == struct.pack("<QI4xQ", user_data, result, information)


@given(u64, u64, u64, u64, u32)
def test_a_read_entry_is_the_bytes_a_c_program_reads(
    user_data: int, file: int, buffer: int, offset: int, length: int
) -> None:
    entries = np.zeros(1, abi.NT_IORING_SQE)
    entries["OpCode"] = 1
    entries["UserData"] = user_data
    for field, value in (("File", file), ("Buffer", buffer), ("Offset", offset), ("Length", length)):
        entries["Read"][field] = value
    assert entries.tobytes() == struct.pack("<IIQIIQQQII8x", 1, 0, user_data, 0, 0, file, buffer, offset, length, 0)


@given(u32, u32)
def test_members_of_a_union_share_their_bytes(index: int, offset: int) -> None:
    refs = np.zeros(3, abi.IORING_BUFFER_REF)
    refs["BufferIndex"], refs["Offset"] = index, offset
    assert refs["Address"].tolist() == [index | offset << 32] * 3


@pytest.mark.row("R32")
def test_overlapped_is_thirty_two_bytes() -> None:
    assert ctypes.sizeof(abi.OVERLAPPED) == 32
    places = {name: getattr(abi.OVERLAPPED, name).offset for name in ("Internal", "InternalHigh", "hEvent")}
    assert places == {"Internal": 0, "InternalHigh": 8, "hEvent": 24}
    request = abi.OVERLAPPED(Internal=0x103, InternalHigh=5, Offset=7, OffsetHigh=1, hEvent=9)
    assert bytes(request) == struct.pack("<QQIIQ", 0x103, 5, 7, 1, 9)
    assert request.Pointer == 1 << 32 | 7


@pytest.mark.row("R32")
def test_overlapped_can_be_derived_from_and_keeps_its_place() -> None:
    class Request(abi.OVERLAPPED):
        _fields_ = (("tag", ctypes.c_uint64),)

    request = Request(Offset=3, tag=11)
    assert ctypes.sizeof(Request) == 40
    assert abi.OVERLAPPED.from_address(ctypes.addressof(request)).Offset == 3
    assert bytes(request)[32:] == struct.pack("<Q", 11)


def test_control_codes_have_their_known_numbers() -> None:
    assert abi.IOCTL_DISK_GET_LENGTH_INFO == 0x0007405C
    assert abi.CTL_CODE(0x09, 24, abi.METHOD_BUFFERED, abi.FILE_ANY_ACCESS) == 0x00090060  # FSCTL_IS_VOLUME_MOUNTED
    assert (
        abi.CTL_CODE(0x2D, 0x500, abi.METHOD_BUFFERED, abi.FILE_ANY_ACCESS) == 0x002D1400
    )  # IOCTL_STORAGE_QUERY_PROPERTY


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFF), st.integers(0, 3), st.integers(0, 3))
def test_a_control_code_gives_its_parts_back(device_type: int, function: int, method: int, access: int) -> None:
    code = abi.CTL_CODE(device_type, function, method, access)
    assert (code >> 16, code >> 2 & 0xFFF, code & 3, code >> 14 & 3) == (device_type, function, method, access)


@pytest.mark.parametrize("parts", [(0x10000, 0, 0, 0), (0, 0x1000, 0, 0), (0, 0, 4, 0), (0, 0, 0, 4), (0, -1, 0, 0)])
def test_a_part_that_does_not_fit_is_refused(parts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"must be in 0\.\.0x"):
        abi.CTL_CODE(*parts)
