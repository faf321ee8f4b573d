"""The structures of the I/O-ring calls, with the documented fields.

Each is immutable, and `bytes` of it is what a C program has in memory. A union shows all its members; only the one that
`Kind` selects is laid down.

Source: spec ioring.md 1.4; learn.microsoft.com/windows/win32/api/ntioring_x. Rows: R2, R5, R6
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .. import abi
from ..io_manager.io_ring.codes import IORING_REF_RAW
from ..memory.address_space import AddressSpace, Region
from .pyhandle import Handle


def _laid_out(record: np.dtype[np.void], fields: dict[str, Any]) -> bytes:
    memory = np.zeros(1, record)
    for name, value in fields.items():
        memory[name] = value
    return memory.tobytes()


@dataclass(frozen=True, slots=True)
class IORING_CREATE_FLAGS:
    """Flags a ring must understand, and flags it may ignore.

    NT: IORING_CREATE_FLAGS
    """

    Required: int = 0
    Advisory: int = 0

    def __bytes__(self) -> bytes:
        return _laid_out(abi.IORING_CREATE_FLAGS, {"Required": self.Required, "Advisory": self.Advisory})


@dataclass(frozen=True, slots=True)
class IORING_INFO:
    """What a ring is like: version, flags, and the sizes its queues really have.

    NT: IORING_INFO
    """

    IoRingVersion: int
    Flags: IORING_CREATE_FLAGS
    SubmissionQueueSize: int
    CompletionQueueSize: int

    def __bytes__(self) -> bytes:
        fields = {name: getattr(self, name) for name in ("IoRingVersion", "SubmissionQueueSize", "CompletionQueueSize")}
        return _laid_out(abi.IORING_INFO, {**fields, "Flags": (self.Flags.Required, self.Flags.Advisory)})


@dataclass(frozen=True, slots=True)
class IORING_CAPABILITIES:
    """What rings can be here: the newest version, the largest queues, IORING_FEATURE_... flags.

    NT: IORING_CAPABILITIES
    """

    MaxVersion: int
    MaxSubmissionQueueSize: int
    MaxCompletionQueueSize: int
    FeatureFlags: int

    def __bytes__(self) -> bytes:
        names = ("MaxVersion", "MaxSubmissionQueueSize", "MaxCompletionQueueSize", "FeatureFlags")
        return _laid_out(abi.IORING_CAPABILITIES, {name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True)
class IORING_HANDLE_REF:
    """A file of an operation: a handle, or the index of a registered one.

    NT: IORING_HANDLE_REF
    """

    Kind: int
    Handle: Handle = 0
    Index: int = 0

    def __bytes__(self) -> bytes:
        raw = self.Kind == IORING_REF_RAW
        union = {"Handle": int(self.Handle)} if raw else {"Index": self.Index}
        return _laid_out(abi.IORING_HANDLE_REF, {"Kind": self.Kind, **union})


@dataclass(frozen=True, slots=True)
class IORING_REGISTERED_BUFFER:
    """A place in a registered buffer.

    NT: IORING_REGISTERED_BUFFER
    """

    BufferIndex: int = 0
    Offset: int = 0

    def __bytes__(self) -> bytes:
        return _laid_out(abi.IORING_REGISTERED_BUFFER, {"BufferIndex": self.BufferIndex, "Offset": self.Offset})


class KnownBuffer:
    """Keeps a caller's buffer known by its address, from now until this object goes."""

    __slots__ = ("memory", "region")

    def __init__(self, memory: AddressSpace, buffer: Any) -> None:
        self.memory = memory
        self.region: Region = memory.know(buffer)

    def __del__(self) -> None:
        if hasattr(self, "region"):
            self.memory.drop(self.region)


@dataclass(frozen=True, slots=True)
class IORING_BUFFER_REF:
    """Memory of an operation: an address, or a place in a registered buffer. One made from a Python buffer keeps it.

    NT: IORING_BUFFER_REF
    """

    Kind: int
    Address: int = 0
    IndexAndOffset: IORING_REGISTERED_BUFFER = IORING_REGISTERED_BUFFER()
    known: KnownBuffer | None = field(default=None, repr=False, compare=False)

    def __bytes__(self) -> bytes:
        place = self.IndexAndOffset
        raw = self.Kind == IORING_REF_RAW
        union = {"Address": self.Address} if raw else {"BufferIndex": place.BufferIndex, "Offset": place.Offset}
        return _laid_out(abi.IORING_BUFFER_REF, {"Kind": self.Kind, **union})


@dataclass(frozen=True, slots=True)
class IORING_BUFFER_INFO:
    """A buffer to register: address and bytes; both 0 leave the slot empty.

    NT: IORING_BUFFER_INFO
    """

    Address: int = 0
    Length: int = 0

    def __bytes__(self) -> bytes:
        return _laid_out(abi.IORING_BUFFER_INFO, {"Address": self.Address, "Length": self.Length})


@dataclass(frozen=True, slots=True)
class FILE_SEGMENT_ELEMENT:
    """The address of one page of a scattered read or gathered write.

    NT: FILE_SEGMENT_ELEMENT
    """

    Buffer: int = 0

    def __index__(self) -> int:
        return operator.index(self.Buffer)

    def __bytes__(self) -> bytes:
        return self.Buffer.to_bytes(8, "little")


class IORING_CQE(NamedTuple):
    """One completion: the user data of its entry, an unsigned HRESULT, and the bytes moved.

    NT: IORING_CQE
    """

    UserData: int
    ResultCode: int
    Information: int

    def __bytes__(self) -> bytes:
        return _laid_out(abi.IORING_CQE, self._asdict())
